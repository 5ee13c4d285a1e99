"""PyTorch's documented names that are not here, by room, and what is here instead.

Written by tests/absent_names.py, and read when an error is shown (absent.py).
"""

from __future__ import annotations

NAMES = {
    "": ""
    "FatalError GradScaler JITException OutOfMemoryError Size adaptive_avg_pool1d adjoint amp angle "
    "are_deterministic_algorithms_enabled as_strided as_strided_scatter asarray avg_pool1d bartlett_window bfloat16 "
    "bilinear blackman_window can_cast channel_shuffle cholesky_inverse cholesky_solve complex complex128 complex64 "
    "cond conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d corrcoef cosine_similarity cov "
    "cumulative_trapezoid diagonal_scatter diff dist distributions dtype e empty_permuted empty_strided fft frexp "
    "from_file frombuffer gradient hamming_window hann_window hardshrink histogram histogramdd i0 igamma igammac "
    "imag index_reduce inf isreal istft jit kaiser_window ldexp lobpcg lstsq lu_solve lu_unpack mvlgamma nan "
    "nextafter pairwise_distance pdist pi pixel_shuffle pixel_unshuffle poisson polar positive prelu promote_types "
    "random range real renorm result_type seed select_scatter set_default_tensor_type set_deterministic_debug_mode "
    "set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_printoptions set_rng_state "
    "set_warn_always slice_scatter special split_with_sizes sspaddmm stft trapezoid trapz triangular_solve "
    "unravel_index vander view_as_complex view_as_real",
    "nn": ""
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d "
    "AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss "
    "BatchNorm1d BatchNorm2d BatchNorm3d Bilinear Buffer CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d "
    "CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Conv1d Conv3d ConvTranspose1d ConvTranspose2d "
    "ConvTranspose3d CosineEmbeddingLoss CosineSimilarity DataParallel Dropout1d Dropout2d Dropout3d ELU Embedding "
    "EmbeddingBag FeatureAlphaDropout Fold FractionalMaxPool2d FractionalMaxPool3d GELU GLU GRU GRUCell "
    "GaussianNLLLoss GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh HingeEmbeddingLoss HuberLoss Identity "
    "InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell "
    "LayerNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d "
    "LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear "
    "LeakyReLU LinearCrossEntropyLoss LocalResponseNorm LogSigmoid MarginRankingLoss MaxPool1d MaxPool3d "
    "MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish ModuleDict MultiLabelMarginLoss MultiLabelSoftMarginLoss "
    "MultiMarginLoss MultiheadAttention PReLU PairwiseDistance ParameterDict ParameterList PixelShuffle "
    "PixelUnshuffle PoissonNLLLoss RMSNorm RNN RNNBase RNNCell RNNCellBase RReLU ReLU6 ReflectionPad1d "
    "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU SiLU SmoothL1Loss "
    "SoftMarginLoss Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanhshrink Threshold Transformer "
    "TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss "
    "TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d "
    "ZeroPad2d ZeroPad3d",
    "nn.functional": ""
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d affine_grid alpha_dropout avg_pool1d avg_pool2d avg_pool3d batch_norm bilinear "
    "binary_cross_entropy binary_cross_entropy_with_logits celu channel_shuffle conv1d conv3d conv_transpose1d "
    "conv_transpose2d conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout1d dropout2d "
    "dropout3d elu embedding embedding_bag feature_alpha_dropout fold fractional_max_pool2d fractional_max_pool3d "
    "gaussian_nll_loss gelu glu grid_sample group_norm gumbel_softmax hardshrink hardsigmoid hardswish hardtanh "
    "hinge_embedding_loss huber_loss instance_norm interpolate kl_div l1_loss layer_norm leaky_relu "
    "linear_cross_entropy local_response_norm logsigmoid lp_pool1d lp_pool2d lp_pool3d margin_ranking_loss "
    "max_pool1d max_pool3d max_unpool1d max_unpool2d max_unpool3d mish multi_head_attention_forward "
    "multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss normalize pairwise_distance pdist "
    "pixel_shuffle pixel_unshuffle poisson_nll_loss prelu relu6 rms_norm rrelu scaled_dot_product_attention selu "
    "silu smooth_l1_loss soft_margin_loss softmin softplus softshrink softsign tanhshrink threshold "
    "triplet_margin_loss triplet_margin_with_distance_loss unfold upsample upsample_bilinear upsample_nearest",
    "optim": ""
    "Adafactor SparseAdam",
    "optim.lr_scheduler": "",
    "data": ""
    "DistributedSampler",
    "autograd": ""
    "graph",
    "func": ""
    "debug_unwrap functionalize rearrange",
    "nn.utils": "",
    "datasets": ""
    "CIFAR10 CIFAR100 DatasetFolder EMNIST FakeData ImageFolder ImageNet Omniglot QMNIST STL10 SVHN USPS",
    "transforms": ""
    "AugMix AutoAugment ColorJitter ElasticTransform FiveCrop GaussianBlur Grayscale LinearTransformation "
    "PILToTensor RandAugment RandomAdjustSharpness RandomAutocontrast RandomChoice RandomEqualize RandomErasing "
    "RandomGrayscale RandomInvert RandomOrder RandomPerspective RandomPosterize RandomResizedCrop RandomSolarize "
    "TenCrop ToPILImage TrivialAugmentWide",
}  # fmt: skip
ALTERNATIVES: dict[str, str] = {
    "tg.asarray": "tg.tensor", "tg.bfloat16": "tg.float32", "tg.jit": "tg.compile", "tg.range": "tg.arange", "tg.seed":
    "tg.manual_seed", "nn.Conv1d": "nn.Conv2d", "nn.Identity": "nn.Sequential", "nn.LazyConv2d": "nn.Conv2d",
    "nn.LazyLinear": "nn.Linear", "nn.MaxPool1d": "nn.MaxPool2d", "nn.ModuleDict": "nn.ModuleList", "nn.Softmax2d":
    "nn.Softmax", "nn.functional.conv1d": "nn.functional.conv2d", "nn.functional.hardshrink": "tg.where",
    "nn.functional.pairwise_distance": "tg.norm", "nn.functional.threshold": "tg.where", "optim.Adafactor":
    "optim.Adam", "optim.SparseAdam": "optim.Adam",
}  # fmt: skip
