"""PyTorch's documented names that are not here, by room, and what is here instead.

Written by tests/absent_names.py, and read when an error is shown (absent.py).
"""

from __future__ import annotations

NAMES = {
    "": ""
    "FatalError GradScaler JITException OutOfMemoryError adaptive_avg_pool1d addbmm addr adjoint aminmax amp angle "
    "are_deterministic_algorithms_enabled as_strided as_strided_scatter asarray atleast_3d autocast avg_pool1d "
    "bartlett_window bfloat16 bilinear blackman_window block_diag can_cast cartesian_prod chain_matmul "
    "channel_shuffle cholesky cholesky_inverse cholesky_solve column_stack combinations complex complex128 "
    "complex64 cond conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d copysign corrcoef "
    "cosine_similarity cov cummax cummin cumulative_trapezoid deg2rad diagflat diagonal_scatter diff digamma dist "
    "distributed distributions dsplit dstack empty_permuted empty_strided erfinv fft fliplr flipud float_power fmax "
    "fmin frexp from_file frombuffer fx gcd get_rng_state gradient hamming_window hann_window hardshrink heaviside "
    "histc histogram histogramdd hsplit hub hypot i0 igamma igammac imag index_reduce initial_seed "
    "is_autocast_enabled is_complex isin isneginf isposinf isreal istft jit kaiser_window kron lcm ldexp lgamma "
    "library lobpcg logaddexp2 lstsq lu_solve lu_unpack masked matrix_exp matrix_power mode monitor mps msort mtia "
    "multiprocessing mvlgamma nanmean nanmedian nanquantile nansum nested nextafter onnx overrides package "
    "pairwise_distance pdist pinverse pixel_shuffle pixel_unshuffle poisson polar polygamma positive prelu profiler "
    "promote_types qr quantization rad2deg random range real renorm result_type rot90 seed select_scatter "
    "set_autocast_enabled set_default_tensor_type set_deterministic_debug_mode set_flush_denormal "
    "set_num_interop_threads set_printoptions set_rng_state set_warn_always signal signbit sinc slice_scatter "
    "slogdet sparse special split_with_sizes sspaddmm stft svd swapdims tensor_split testing trapezoid trapz "
    "triangular_solve typename unique_consecutive unravel_index vander vdot version view_as_complex view_as_real "
    "vsplit xpu",
    "Tensor": ""
    "H addbmm addr adjoint aminmax angle as_strided as_strided_scatter as_subclass bfloat16 cdouble cfloat chalf "
    "cholesky cholesky_inverse cholesky_solve coalesce col_indices const_data_ptr copysign corrcoef cov "
    "crow_indices cummax cummin data_ptr deg2rad dense_dim diagflat diagonal_scatter diff digamma dim_order dist "
    "dsplit erfinv fliplr flipud float_power fmax fmin frexp gcd grad_dtype hardshrink heaviside histc histogram "
    "hsplit hypot i0 i0_ igamma igammac imag index index_put indices int_repr ipu isneginf isposinf isreal istft "
    "kron lcm ldexp lgamma logaddexp2 lu lu_solve mH matrix_exp matrix_power mode module_load msort mtia mvlgamma "
    "nanmean nanmedian nanquantile nansum new_empty_strided nextafter pin_memory pinverse polygamma positive put qr "
    "qscheme rad2deg real record_stream renorm retains_grad rot90 select_scatter signbit sinc slice_scatter slogdet "
    "sspaddmm stft storage storage_offset storage_type sum_to_size svd swapdims tensor_split to_dense "
    "to_padded_tensor triangular_solve unique_consecutive untyped_storage values vdot vsplit xpu",
    "nn": ""
    "AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool3d AvgPool3d Buffer CTCLoss Conv3d ConvTranspose3d "
    "DataParallel EmbeddingBag FractionalMaxPool2d FractionalMaxPool3d LPPool3d LazyBatchNorm1d LazyBatchNorm2d "
    "LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d "
    "LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear LinearCrossEntropyLoss MaxPool3d "
    "MaxUnpool3d RNNBase RNNCellBase SyncBatchNorm parallel quantized",
    "nn.functional": ""
    "adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d celu_ conv3d conv_transpose3d ctc_loss elu_ embedding_bag "
    "fractional_max_pool2d fractional_max_pool3d gumbel_softmax hardtanh_ leaky_relu_ linear_cross_entropy "
    "lp_pool3d max_pool3d max_unpool3d multi_head_attention_forward pdist relu_ rrelu_ selu_ threshold_ "
    "upsample_bilinear upsample_nearest",
    "optim": ""
    "Adafactor SparseAdam",
    "optim.lr_scheduler": "",
    "data": ""
    "ChainDataset DistributedSampler StackDataset",
    "autograd": ""
    "graph profiler",
    "func": ""
    "debug_unwrap functionalize rearrange",
    "nn.utils": ""
    "fusion prune stateless",
    "nn.utils.rnn": "",
    "nn.init": "",
    "linalg": ""
    "cholesky_ex cond cross diagonal eig eigvals eigvalsh householder_product inv_ex ldl_factor ldl_factor_ex "
    "ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matrix_exp matrix_power matrix_rank multi_dot pinv solve_ex "
    "tensorinv tensorsolve vander vecdot",
    "utils": ""
    "benchmark checkpoint collect_env cpp_extension deterministic dlpack flop_counter hooks mobile_optimizer "
    "model_zoo module_tracker tensorboard",
    "optim.swa_utils": "",
    "autograd.functional": "",
    "autograd.forward_ad": ""
    "enter_dual_level exit_dual_level",
    "datasets": ""
    "CIFAR10 CIFAR100 DatasetFolder FakeData ImageFolder ImageNet Omniglot QMNIST STL10 SVHN USPS",
    "transforms": ""
    "AugMix AutoAugment ColorJitter ElasticTransform FiveCrop GaussianBlur Grayscale LinearTransformation "
    "PILToTensor RandAugment RandomAdjustSharpness RandomApply RandomAutocontrast RandomChoice RandomEqualize "
    "RandomErasing RandomGrayscale RandomInvert RandomOrder RandomPerspective RandomPosterize RandomResizedCrop "
    "RandomSolarize TenCrop ToPILImage TrivialAugmentWide",
}  # fmt: skip
ALTERNATIVES: dict[str, str] = {
    "tg.asarray": "tg.tensor", "tg.bfloat16": "tg.float32", "tg.chain_matmul": "tg.matmul", "tg.fliplr": "tg.flip",
    "tg.flipud": "tg.flip", "tg.float_power": "tg.pow", "tg.get_rng_state": "tg.Generator", "tg.histc": "tg.bincount",
    "tg.initial_seed": "tg.manual_seed", "tg.jit": "tg.compile", "tg.onnx": "tg.export_onnx", "tg.range": "tg.arange",
    "tg.seed": "tg.manual_seed", "tg.set_rng_state": "tg.Generator", "tg.swapdims": "tg.transpose", "tg.tensor_split":
    "tg.split", "tg.typename": "Tensor.type", "tg.version": "tg.__version__", "nn.LazyConv2d": "nn.Conv2d",
    "nn.LazyLinear": "nn.Linear", "nn.SyncBatchNorm": "nn.BatchNorm2d", "nn.functional.celu_": "nn.functional.celu",
    "nn.functional.elu_": "nn.functional.elu", "nn.functional.hardtanh_": "nn.functional.hardtanh",
    "nn.functional.leaky_relu_": "nn.functional.leaky_relu", "nn.functional.relu_": "nn.functional.relu",
    "nn.functional.rrelu_": "nn.functional.rrelu", "nn.functional.selu_": "nn.functional.selu",
    "nn.functional.threshold_": "nn.functional.threshold", "nn.functional.upsample_nearest":
    "nn.functional.interpolate", "optim.Adafactor": "optim.Adam", "optim.SparseAdam": "optim.Adam", "data.StackDataset":
    "data.TensorDataset", "linalg.eig": "linalg.eigh", "linalg.multi_dot": "tg.matmul", "utils.dlpack":
    "tg.from_dlpack", "utils.tensorboard": "training.TensorBoard",
}  # fmt: skip
