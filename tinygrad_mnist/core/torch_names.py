"""PyTorch's documented names that are not here, by room, and what is here instead.

Written by tests/absent_names.py, and read when an error is shown (absent.py).
"""

from __future__ import annotations

NAMES = {
    "": ""
    "FatalError GradScaler JITException OutOfMemoryError Size absolute acos acosh adaptive_avg_pool1d addbmm "
    "addcdiv addcmul addmm addmv addr adjoint allclose aminmax amp angle arccos arccosh arcsin arcsinh arctan "
    "arctan2 arctanh are_deterministic_algorithms_enabled argsort argwhere as_strided as_strided_scatter as_tensor "
    "asarray asin asinh atan atan2 atanh atleast_1d atleast_2d atleast_3d avg_pool1d backends baddbmm "
    "bartlett_window bernoulli bfloat16 bilinear bincount bitwise_and bitwise_left_shift bitwise_not bitwise_or "
    "bitwise_right_shift bitwise_xor blackman_window block_diag bmm broadcast_tensors broadcast_to bucketize "
    "can_cast cartesian_prod cdist ceil chain_matmul channel_shuffle cholesky cholesky_inverse cholesky_solve chunk "
    "column_stack combinations complex complex128 complex64 concat concatenate cond conv1d conv2d conv3d "
    "conv_transpose1d conv_transpose2d conv_transpose3d copysign corrcoef cosh cosine_similarity count_nonzero cov "
    "cross cuda cummax cummin cumprod cumsum cumulative_trapezoid deg2rad det device diag diag_embed diagflat "
    "diagonal diagonal_scatter diff digamma dist distributions dot dsplit dstack dtype e einsum empty empty_like "
    "empty_permuted empty_strided equal erfc erfinv exp2 fft finfo fix fliplr flipud float_power floor floor_divide "
    "fmax fmin fmod frac frexp from_file frombuffer func gcd ger get_default_dtype gradient greater greater_equal "
    "hamming_window hann_window hardshrink heaviside histc histogram histogramdd hsplit hstack hypot i0 igamma "
    "igammac iinfo imag index_add index_reduce index_select inf inference_mode inner inverse is_floating_point "
    "is_tensor isclose isin isinf isneginf isposinf isreal istft jit kaiser_window kron kthvalue lcm ldexp lerp "
    "less less_equal lgamma linalg lobpcg log10 log2 logaddexp logaddexp2 logcumsumexp logdet logical_and "
    "logical_not logical_or logical_xor logit logspace lstsq lu_solve lu_unpack masked_select matrix_exp "
    "matrix_power median meshgrid mm mode moveaxis movedim msort multinomial mv mvlgamma nan nan_to_num nanmean "
    "nanmedian nanquantile nansum narrow nextafter nonzero norm normal not_equal numel outer pairwise_distance "
    "pdist pi pinverse pixel_shuffle pixel_unshuffle poisson polar polygamma positive prelu promote_types qr "
    "quantile rad2deg random range ravel real remainder renorm repeat_interleave result_type roll rot90 round "
    "row_stack rsqrt scatter scatter_add scatter_reduce searchsorted seed select select_scatter set_default_device "
    "set_default_dtype set_default_tensor_type set_deterministic_debug_mode set_float32_matmul_precision "
    "set_flush_denormal set_grad_enabled set_num_interop_threads set_printoptions set_rng_state set_warn_always sgn "
    "signbit sinc sinh slice_scatter slogdet sort special split_with_sizes sspaddmm std_mean stft svd swapaxes "
    "swapdims t take take_along_dim tan tensor_split tensordot tile topk trace trapezoid trapz triangular_solve "
    "tril tril_indices triu triu_indices true_divide trunc unbind unflatten unique unique_consecutive unravel_index "
    "utils vander var_mean vdot view_as_complex view_as_real vmap vsplit vstack xlogy",
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
    "multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss normalize one_hot pairwise_distance pdist "
    "pixel_shuffle pixel_unshuffle poisson_nll_loss prelu relu6 rms_norm rrelu scaled_dot_product_attention selu "
    "silu smooth_l1_loss soft_margin_loss softmin softplus softshrink softsign tanhshrink threshold "
    "triplet_margin_loss triplet_margin_with_distance_loss unfold upsample upsample_bilinear upsample_nearest",
    "optim": ""
    "ASGD Adadelta Adafactor Adagrad Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SparseAdam swa_utils",
    "optim.lr_scheduler": ""
    "ChainedScheduler ConstantLR CosineAnnealingWarmRestarts CyclicLR LRScheduler LinearLR MultiStepLR "
    "MultiplicativeLR PolynomialLR SequentialLR",
    "data": ""
    "BatchSampler ChainDataset ConcatDataset Dataset DistributedSampler IterableDataset RandomSampler Sampler "
    "SequentialSampler StackDataset SubsetRandomSampler WeightedRandomSampler default_collate default_convert",
    "autograd": ""
    "Function backward detect_anomaly forward_ad functional graph inference_mode set_detect_anomaly "
    "set_grad_enabled",
}  # fmt: skip
ALTERNATIVES: dict[str, str] = {
    "tg.absolute": "tg.abs", "tg.as_tensor": "tg.tensor", "tg.asarray": "tg.tensor", "tg.bfloat16": "tg.float32",
    "tg.bmm": "tg.matmul", "tg.chain_matmul": "tg.matmul", "tg.chunk": "tg.split", "tg.concat": "tg.cat",
    "tg.concatenate": "tg.cat", "tg.dot": "tg.matmul", "tg.einsum": "tg.matmul", "tg.empty": "tg.zeros",
    "tg.empty_like": "tg.zeros_like", "tg.fliplr": "tg.flip", "tg.flipud": "tg.flip", "tg.float_power": "tg.pow",
    "tg.greater": "tg.gt", "tg.greater_equal": "tg.ge", "tg.inference_mode": "tg.no_grad", "tg.jit": "tg.compile",
    "tg.less": "tg.lt", "tg.less_equal": "tg.le", "tg.masked_select": "tg.where", "tg.mm": "tg.matmul", "tg.moveaxis":
    "tg.permute", "tg.movedim": "tg.permute", "tg.mv": "tg.matmul", "tg.not_equal": "tg.ne", "tg.range": "tg.arange",
    "tg.ravel": "tg.flatten", "tg.seed": "tg.manual_seed", "tg.set_grad_enabled": "tg.enable_grad", "tg.swapaxes":
    "tg.transpose", "tg.swapdims": "tg.transpose", "tg.tensor_split": "tg.split", "tg.true_divide": "tg.divide",
    "nn.Conv1d": "nn.Conv2d", "nn.Identity": "nn.Sequential", "nn.LazyConv2d": "nn.Conv2d", "nn.LazyLinear":
    "nn.Linear", "nn.MaxPool1d": "nn.MaxPool2d", "nn.ModuleDict": "nn.ModuleList", "nn.Softmax2d": "nn.Softmax",
    "nn.functional.conv1d": "nn.functional.conv2d", "nn.functional.hardshrink": "tg.where", "nn.functional.threshold":
    "tg.where", "optim.Adafactor": "optim.Adam", "optim.Adamax": "optim.Adam", "optim.NAdam": "optim.Adam",
    "optim.RAdam": "optim.Adam", "optim.SparseAdam": "optim.Adam", "optim.lr_scheduler.LRScheduler":
    "optim.lr_scheduler.Scheduler", "optim.lr_scheduler.MultiStepLR": "optim.lr_scheduler.StepLR", "data.StackDataset":
    "data.TensorDataset", "autograd.inference_mode": "autograd.no_grad", "autograd.set_grad_enabled":
    "autograd.enable_grad",
}  # fmt: skip
