"""Arguments of the reference's examples, by public name: a list is a tensor, (list, list) a tuple of two.

For what has no numbers by hand in tests/cases under its own name. Only arguments: what comes out is computed.
Look next at examples.py.
"""

from __future__ import annotations

DRAWN = {  # what draws, so that the example sets the seed
    "bernoulli", "multinomial", "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
    "feature_alpha_dropout", "rrelu", "kaiming_normal_", "kaiming_uniform_", "normal_", "orthogonal_", "sparse_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_",
}  # fmt: skip
MATRIX, OTHER, SYMMETRIC = "[[1., 2.], [3., 4.]]", "[[0., 1.], [1., 1.]]", "[[2., 1.], [1., 3.]]"
LOGITS, SIGNED = "[[2., 1., 0.], [0., 1., 2.]]", "[-2., -0.5, 0., 1., 3.]"
IMAGE = "[[[[1., 2., 3., 4.], [5., 6., 7., 8.]]]]"
ROW = "[[[1., 2., 3., 4.]]]"
MOVED = {  # what only moves numbers, or picks some: its gradients are not shown
    "diag": "[1., 2.]", "diag_embed": "[[1., 2.], [3., 4.]]", "expand": "[[1.], [2.]], 2, 3",
    "movedim": "[[1, 2, 3], [4, 5, 6]], 0, 1", "permute": "[[1, 2, 3], [4, 5, 6]], 1, 0",
    "reshape": "[1, 2, 3, 4, 5, 6], (2, 3)", "flatten": "[[1, 2], [3, 4]]", "ravel": "[[1, 2], [3, 4]]",
    "repeat_interleave": "[1, 2], 3", "roll": "[1, 2, 3, 4], 1",
    "squeeze": "[[[1, 2, 3]]]", "swapaxes": "[[1, 2, 3], [4, 5, 6]], 0, 1", "t": "[[1, 2, 3], [4, 5, 6]]",
    "tile": "[1, 2], (2, 2)", "trace": MATRIX, "tril": MATRIX, "triu": MATRIX,
    "unflatten": "[1, 2, 3, 4, 5, 6], 0, (2, 3)", "unsqueeze": "[1, 2, 3], 1",
    "Tensor.size": "[[1, 2, 3], [4, 5, 6]]",
    "atleast_1d": "tg.tensor(3.)", "atleast_2d": "[1., 2.]", "broadcast_shapes": "(3, 1), (1, 4)",
    "broadcast_tensors": "[[1], [2]], [3, 4]", "chunk": "[1, 2, 3, 4, 5], 2", "concatenate": "([1, 2], [3])",
    "hstack": "([1, 2], [3])", "meshgrid": "[1, 2], [3, 4, 5], indexing=\"ij\"", "narrow": "[1, 2, 3, 4], 0, 1, 2",
    "vstack": "([1, 2], [3, 4])", "select": "[[1, 2], [3, 4]], 1, 0", "split": "[1, 2, 3, 4, 5], 2",
    "stack": "([1, 2], [3, 4]), dim=1", "unbind": "[[1, 2], [3, 4]]", "argwhere": "[[0, 1], [2, 0]]",
    "cat": "([1, 2], [3])", "transpose": "[[1, 2, 3], [4, 5, 6]], 0, 1", "view": "[1, 2, 3, 4], 2, 2",
    "gather": "[[1, 2], [3, 4]], 1, [[0, 0], [1, 0]]", "scatter": "[[0, 0, 0]], 1, [[0, 2]], [[5, 6]]",
    "pad": "[[1, 2], [3, 4]], (1, 0)", "flip": "[1, 2, 3], (0,)", "nonzero": "[0, 3, 0, 4]",
    "broadcast_to": "[1, 2], (3, 2)", "diagonal": "[[1, 2], [3, 4]]",
    "index_add": "[0., 0., 0.], 0, [0, 2, 2], [1., 2., 3.]", "index_copy": "[0., 0., 0.], 0, [2, 0], [1., 2.]",
    "index_fill": "[1., 2., 3.], 0, [0, 2], 9.", "index_select": "[[1, 2, 3], [4, 5, 6]], 1, [2, 0]",
    "masked_fill": "[1., 2., 3.], [True, False, True], 0.",
    "masked_scatter": "[1., 2., 3.], [True, False, True], [8., 9.]",
    "masked_select": "[1., 2., 3.], [True, False, True]", "scatter_add": "[0., 0., 0.], 0, [0, 2, 2], [1., 2., 3.]",
    "scatter_reduce": "[1., 1., 1.], 0, [0, 2, 2], [5., 2., 3.], reduce=\"amax\"", "take": "[[1, 2], [3, 4]], [0, 3]",
    "take_along_dim": "[[3, 1], [2, 4]], [[1, 0], [0, 1]], dim=1",
    "nn.functional.channel_shuffle": "[[[[1.]], [[2.]], [[3.]], [[4.]]]], 2",
    "nn.functional.pixel_shuffle": "[[[[1.]], [[2.]], [[3.]], [[4.]]]], 2",
    "nn.functional.pixel_unshuffle": "[[[[1., 2.], [3., 4.]]]], 2",
}  # fmt: skip
CALLS = {
    # element by element
    "addcdiv": "[1., 2.], [6., 8.], [2., 4.], value=0.5", "addcmul": "[1., 2.], [3., 4.], [5., 6.], value=0.5",
    "clamp_max": "[-1., 0.5, 2.], 1.", "clamp_min": "[-1., 0.5, 2.], 0.", "pow": "[1., 2., 3.], 2",
    "true_divide": "[1, 2], [2, 2]", "logit": "[0.5, 0.9]", "round": "[0.5, 1.5, 2.6]",
    "allclose": "[1., 2.], [1., 2.1]",
    **dict.fromkeys("eq ne lt le gt ge equal maximum minimum".split(), "[1, 2, 3], [2, 2, 2]"),
    "isclose": "[1., 2.], [1., 2.1]",
    **dict.fromkeys("isfinite isinf isnan nan_to_num".split(), "[1., float('inf'), float('nan')]"),
    **dict.fromkeys("floor ceil trunc".split(), "[-1.5, 0.4, 2.7]"), "abs": "[-2., 0., 3.]",
    "floor_divide": "[7., -7.], [2., 2.]", "atan": "[0., 1.]", "xlogy": "[0., 2.], [0.5, 1.]",
    **dict.fromkeys("exp expm1 sigmoid tanh sinh cosh sin cos log1p".split(), "[0., 1.]"), "log": "[1., 2.]",
    "logaddexp": "[0., 1.], [0., 2.]", "erf": "[0., 0.5, 1.]", "erfc": "[0., 0.5, 1.]",
    # reductions
    "std_mean": "[1., 2., 3.]", "var_mean": "[1., 2., 3.]", "bernoulli": "[0.5, 0.5, 0.5, 1.]",
    "bincount": "[0, 2, 2, 3]", "bucketize": "[0.5, 2., 9.], [1., 2., 3.]",
    "count_nonzero": "[[0, 1], [2, 3]], dim=0",
    "kthvalue": "[3., 1., 2.], 2", "multinomial": "[0.1, 0.9], 5, replacement=True",
    "quantile": "[1., 2., 3., 4.], 0.5",
    "topk": "[1., 5., 3., 4.], 2", "unique": "[3, 1, 3, 2], return_counts=True",
    "cumsum": "[1., 2., 3.], 0", "logcumsumexp": "[0., 0., 0.], 0", "argsort": "[3., 1., 2.]",
    # algebra
    "addmm": f"[1., 1.], {MATRIX}, {OTHER}", "addmv": f"[1., 1.], {MATRIX}, [1., 0.]",
    "baddbmm": "[[[1.]]], [[[1., 2.]]], [[[3.], [4.]]]", "bmm": "[[[1., 2.]]], [[[3.], [4.]]]",
    "cross": "[1., 0., 0.], [0., 1., 0.]", "dot": "[1., 2.], [3., 4.]", "outer": "[1., 2.], [3., 4.]",
    "inner": f"{MATRIX}, [1., 1.]", "mm": f"{MATRIX}, {OTHER}", "mv": f"{MATRIX}, [1., 1.]",
    "tensordot": f"{MATRIX}, {OTHER}, dims=1", "cdist": "[[0., 0.]], [[3., 4.], [6., 8.]]", "inverse": SYMMETRIC,
    "logdet": SYMMETRIC, "linalg.det": MATRIX, "linalg.matrix_norm": MATRIX, "linalg.norm": "[3., 4.]",
    "linalg.slogdet": MATRIX, "linalg.solve_triangular": "[[2., 0.], [1., 1.]], [[4.], [5.]], upper=False",
    "linalg.vector_norm": "[3., -4.], 1", "linalg.solve": f"{SYMMETRIC}, [3., 4.]", "linalg.inv": SYMMETRIC,
    "linalg.cholesky": SYMMETRIC, "linalg.eigh": "[[2., 0.], [0., 1.]]", "linalg.eigvalsh": SYMMETRIC,
    "linalg.svdvals": "[[3., 0.], [0., 4.]]", "linalg.pinv": "[[1., 0.], [0., 2.], [0., 0.]]",
    "linalg.matrix_rank": "[[1., 2.], [2., 4.]]", "linalg.qr": "[[3., 1.], [4., 2.]]",
    "linalg.svd": "[[3., 0.], [0., 4.]]", "linalg.lstsq": "[[1., 0.], [1., 1.], [1., 2.]], [[1.], [3.], [5.]]",
    "linalg.matrix_power": "[[1., 1.], [0., 1.]], 3", "linalg.cond": "[[2., 0.], [0., 1.]]",
    "log_softmax": "[0., 1., 2.], dim=0",
    # functions of layers
    "nn.functional.linear": f"[[1., 2.]], {MATRIX}, [0.5, 0.]",
    "nn.functional.bilinear": f"[[1., 2.]], [[3., 4.]], [{OTHER}]", "nn.functional.conv1d": f"{ROW}, [[[1., -1.]]]",
    "nn.functional.conv2d": f"{IMAGE}, [[[[1., 1.], [1., 1.]]]]", "nn.functional.embedding": f"[1, 0, 1], {MATRIX}",
    "nn.functional.conv_transpose1d": "[[[1., 2.]]], [[[1., 10.]]]",
    "nn.functional.conv_transpose2d": "[[[[1., 2.]]]], [[[[1., 10.]]]], stride=2",
    "nn.functional.one_hot": "[0, 2], num_classes=3",
    **{f"nn.functional.adaptive_{kind}_pool{d}d": f"{image}, {size}"
       for kind in ("avg", "max") for d, image, size in ((1, ROW, 2), (2, IMAGE, 1))},
    **{f"nn.functional.{kind}_pool{d}d": f"{image}, {more}2"
       for kind, more in (("avg", ""), ("max", ""), ("lp", "2, ")) for d, image in ((1, ROW), (2, IMAGE))},
    "nn.functional.max_unpool1d": "[[[2., 4.]]], [[[1, 3]]], 2",
    "nn.functional.max_unpool2d": "[[[[6., 8.]]]], [[[[5, 7]]]], 2",
    "nn.functional.batch_norm": "[[1., 5.], [3., 9.]], None, None, training=True",
    "nn.functional.group_norm": "[[1., 3., 2., 6.]], 2", "nn.functional.instance_norm": ROW,
    "nn.functional.layer_norm": "[[1., 2., 3.]], (3,)",
    "nn.functional.local_response_norm": "[[[1.], [2.], [3.]]], 2",
    "nn.functional.normalize": "[[3., 4.], [0., 2.]]", "nn.functional.rms_norm": "[[3., 4.]], (2,)",
    "nn.functional.dropout": "[1., 1., 1., 1.]", "nn.functional.alpha_dropout": "[1., 1., 1., 1.], training=True",
    **{f"nn.functional.dropout{d}d": "[[" + "[" * d + "1., 1." + "]" * d + ", " + "[" * d + "1., 1." + "]" * d + "]]"
       for d in (1, 2, 3)},
    "nn.functional.feature_alpha_dropout": "[[[1., 1.], [1., 1.]]], training=True",
    **{f"nn.functional.{name}": SIGNED for name in (
        "celu elu gelu hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu sigmoid silu softplus "
        "softsign tanh tanhshrink softshrink hardshrink rrelu").split()},
    "nn.functional.glu": "[[1., 2., 0., 100.]]", "nn.functional.prelu": "[-2., 3.], [0.25]",
    "nn.functional.softmin": "[0., 1., 2.], dim=0", "nn.functional.softmax": "[0., 1., 2.], dim=0",
    "nn.functional.log_softmax": "[0., 1., 2.], dim=0", "nn.functional.threshold": "[-1., 0.5, 2.], 1., 0.",
    "nn.functional.scaled_dot_product_attention": f"[[1., 0.]], {MATRIX}, [[1., 0.], [0., 1.]]",
    "nn.functional.binary_cross_entropy": "[0.9, 0.2], [1., 0.]",
    "nn.functional.binary_cross_entropy_with_logits": "[0., 3.], [1., 0.]",
    "nn.functional.cosine_embedding_loss": "[[1., 0.]], [[1., 1.]], [1.]",
    "nn.functional.cosine_similarity": "[[1., 0.]], [[1., 1.]]",
    "nn.functional.gaussian_nll_loss": "[1., 2.], [1., 4.], [1., 1.]",
    "nn.functional.hinge_embedding_loss": "[0.5, 0.2], [1., -1.]", "nn.functional.huber_loss": "[0., 3.], [0.5, 0.]",
    "nn.functional.kl_div": "[-0.6931, -0.6931], [0.25, 0.75], reduction=\"sum\"",
    "nn.functional.l1_loss": "[1., 2.], [1., 4.]",
    "nn.functional.margin_ranking_loss": "[1., 2.], [2., 1.], [1., 1.]",
    "nn.functional.mse_loss": "[1., 2.], [1., 4.]", "nn.functional.multi_margin_loss": f"{LOGITS}, [0, 2]",
    "nn.functional.multilabel_margin_loss": "[[0.1, 0.2, 0.4]], [[2, -1, 0]]",
    "nn.functional.multilabel_soft_margin_loss": "[[0., 2.]], [[1., 1.]]",
    "nn.functional.nll_loss": "[[-0.5, -1.], [-2., -0.1]], [0, 1]",
    "nn.functional.pairwise_distance": "[[0., 0.]], [[3., 4.]]",
    "nn.functional.poisson_nll_loss": "[0., 1.], [1., 2.]", "nn.functional.smooth_l1_loss": "[0., 3.], [0.5, 0.]",
    "nn.functional.soft_margin_loss": "[0., 2.], [1., 1.]",
    "nn.functional.triplet_margin_loss": "[[0., 0.]], [[0., 1.]], [[3., 4.]], margin=5.",
    "nn.functional.triplet_margin_with_distance_loss": "[[0., 0.]], [[0., 1.]], [[3., 4.]], margin=5.",
    "nn.functional.affine_grid": "[[[1., 0., 0.], [0., 1., 0.]]], (1, 1, 2, 2)",
    "nn.functional.fold": "[[[1., 2.], [3., 4.]]], (1, 3), (1, 2)",
    "nn.functional.unfold": f"{IMAGE}, (1, 2)",
    "nn.functional.interpolate": "[[[1., 2.]]], scale_factor=2",
    "nn.functional.upsample": "[[[1., 2.]]], scale_factor=2",
    "nn.init.calculate_gain": '"relu"', "nn.init.constant_": "[0., 0.], 0.5", "nn.init.dirac_": "[[[0., 0., 0.]]]",
    "nn.init.eye_": "[[0., 0.], [0., 0.]]", "nn.init.ones_": "[0., 0.]", "nn.init.zeros_": "[1., 2.]",
    **{f"nn.init.{name}_": "[[0., 0., 0.], [0., 0., 0.]]" for name in (
        "kaiming_normal kaiming_uniform normal orthogonal trunc_normal uniform xavier_normal xavier_uniform").split()},
    "nn.init.sparse_": "[[0., 0.], [0., 0.]], 0.5",
    "nn.utils.parameters_to_vector": "([[1., 2.], [3., 4.]], [5.])", "nn.utils.get_total_norm": "([3.], [4.])",
    "nn.utils.rnn.pad_sequence": "([1, 2, 3], [4]), batch_first=True",
}  # fmt: skip
