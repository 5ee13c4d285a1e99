"""PyTorch's documented names that are not here, by room, and what is here instead.

Written by tests/absent_names.py, and read when an error is shown (absent.py).
"""

from __future__ import annotations

NAMES = {
    "": ""
    "FatalError GradScaler JITException OutOfMemoryError adaptive_avg_pool1d adjoint amp angle "
    "are_deterministic_algorithms_enabled as_strided as_strided_scatter asarray avg_pool1d bartlett_window bfloat16 "
    "bilinear blackman_window can_cast channel_shuffle cholesky_inverse cholesky_solve complex complex128 complex64 "
    "cond conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d corrcoef cosine_similarity cov "
    "cumulative_trapezoid diagonal_scatter diff dist distributions dtype empty_permuted empty_strided fft frexp "
    "from_file frombuffer gradient hamming_window hann_window hardshrink histogram histogramdd i0 igamma igammac "
    "imag index_reduce isreal istft jit kaiser_window ldexp lobpcg lstsq lu_solve lu_unpack mvlgamma nextafter "
    "pairwise_distance pdist pixel_shuffle pixel_unshuffle poisson polar positive prelu promote_types random range "
    "real renorm result_type seed select_scatter set_default_tensor_type set_deterministic_debug_mode "
    "set_flush_denormal set_num_interop_threads set_printoptions set_rng_state set_warn_always slice_scatter "
    "special split_with_sizes sspaddmm stft trapezoid trapz triangular_solve unravel_index vander view_as_complex "
    "view_as_real",
    "Tensor": ""
    "adjoint angle as_strided as_strided_scatter as_subclass bfloat16 cdouble cfloat chalf cholesky_inverse "
    "cholesky_solve coalesce col_indices const_data_ptr corrcoef cov crow_indices data_ptr dense_dim "
    "diagonal_scatter diff dim_order dist frexp grad_dtype hardshrink histogram i0 i0_ igamma igammac imag index "
    "index_put indices int_repr ipu isreal istft ldexp lu lu_solve module_load mtia mvlgamma ndimension "
    "new_empty_strided nextafter pin_memory polygamma positive qscheme real record_stream renorm retains_grad "
    "select_scatter slice_scatter sspaddmm stft storage storage_offset storage_type sum_to_size to_dense "
    "to_padded_tensor triangular_solve untyped_storage values where xpu",
    "nn": ""
    "AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool3d AvgPool3d Buffer CTCLoss Conv3d ConvTranspose3d "
    "DataParallel EmbeddingBag FractionalMaxPool2d FractionalMaxPool3d LPPool3d LazyBatchNorm1d LazyBatchNorm2d "
    "LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d "
    "LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear LinearCrossEntropyLoss MaxPool3d "
    "MaxUnpool3d RNNBase RNNCellBase SyncBatchNorm",
    "nn.functional": ""
    "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d conv3d conv_transpose3d ctc_loss embedding_bag "
    "fractional_max_pool2d fractional_max_pool3d gumbel_softmax linear_cross_entropy lp_pool3d max_pool3d "
    "max_unpool3d multi_head_attention_forward pdist upsample_bilinear upsample_nearest",
    "optim": ""
    "Adafactor SparseAdam",
    "optim.lr_scheduler": "",
    "data": ""
    "ChainDataset DistributedSampler StackDataset",
    "autograd": ""
    "graph",
    "func": ""
    "debug_unwrap functionalize rearrange",
    "nn.utils": "",
    "nn.utils.rnn": "",
    "datasets": ""
    "CIFAR10 CIFAR100 DatasetFolder EMNIST FakeData ImageFolder ImageNet Omniglot QMNIST STL10 SVHN USPS",
    "transforms": ""
    "AugMix AutoAugment ColorJitter ElasticTransform FiveCrop GaussianBlur Grayscale LinearTransformation "
    "PILToTensor RandAugment RandomAdjustSharpness RandomApply RandomAutocontrast RandomChoice RandomEqualize "
    "RandomErasing RandomGrayscale RandomInvert RandomOrder RandomPerspective RandomPosterize RandomResizedCrop "
    "RandomSolarize TenCrop ToPILImage TrivialAugmentWide",
}  # fmt: skip
ALTERNATIVES: dict[str, str] = {
    "tg.asarray": "tg.tensor", "tg.bfloat16": "tg.float32", "tg.jit": "tg.compile", "tg.range": "tg.arange", "tg.seed":
    "tg.manual_seed", "nn.LazyConv2d": "nn.Conv2d", "nn.LazyLinear": "nn.Linear", "nn.SyncBatchNorm": "nn.BatchNorm2d",
    "nn.functional.upsample_nearest": "nn.functional.interpolate", "optim.Adafactor": "optim.Adam", "optim.SparseAdam":
    "optim.Adam", "data.StackDataset": "data.TensorDataset",
}  # fmt: skip
