"""What stands on which page of the reference: pages, and on each the families that it is made of.

A family lists names (`matmul`, without tg.) and modules of the package (`functions.shapes`): a name goes where it
stands itself, else to its module, the longest that fits. What fits nowhere fails the build.
Must not know: Sphinx. Look next at reference.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """A page: its file, title, what it says first, and its families by heading."""

    file: str
    title: str
    intro: str
    families: dict[str, str]
    split: bool = False  # each family stands on a page of its own


PAGES = [
    Page("tensor", "Tensor", "The array that remembers how it was computed. Most of its methods are functions of "
         "``tg``, too, and stand with those: ``x.sum()`` is ``tg.sum(x)``.", {
        "The class": "Tensor",
        "Gradients": "tensors.hooks Tensor.backward Tensor.detach Tensor.grad Tensor.grad_fn Tensor.is_leaf "
        "Tensor.requires_grad Tensor.requires_grad_ Tensor.retain_grad Tensor.gradient Tensor.differentiable "
        "Tensor.node Tensor.version Tensor.wrap",
        "Shape, dtype, values": "tensors.tensor tensors.forms property member_descriptor bool "
        "functions.moving is_tensor is_floating_point numel",
        "Other dtypes and devices": "functions.dtypes",
        "Changes in place": "tensors.in_place Tensor.bernoulli_ Tensor.exponential_ Tensor.normal_ Tensor.random_ "
        "Tensor.uniform_ Tensor.index_put_",
        "New tensors of the same dtype": "tensors.fresh",
    }),
    Page("creation", "Make tensors", "From numbers, arrays and chance; and what holds for all of them: dtypes, device, "
         "seed.", {
        "From data, and filled": "tensors.creation from_dlpack",
        "Random": "rand rand_like randint randint_like randn randn_like randperm normal manual_seed Generator",
        "Dtypes": "dtype core.backend finfo iinfo", "Devices and threads": "core.device kernels.parallel backends "
        "SimpleNamespace",
    }),
    Page("elementwise", "Element by element", "Each element of the result comes from the elements at the same place; "
         "shapes broadcast.", {
        "Arithmetic": "functions.arithmetic multiply negative abs reciprocal square sqrt rsqrt remainder fmod "
        "floor_divide maximum minimum addcdiv addcmul lerp xlogy nan_to_num clone sign",
        "Powers, exponentials, logarithms": "exp exp2 expm1 log log2 log10 log1p logaddexp logit erf erfc sigmoid relu",
        "Angles": "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh",
        "Rounding": "round floor ceil trunc frac",
        "Comparing": "eq ne lt le gt ge equal isclose allclose isnan isinf isfinite where logical_and logical_or "
        "logical_xor logical_not",
        "Bits": "bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift",
    }, split=True),
    Page("reductions", "Sums, means, sorting", "Many elements to one, or in another order. ``dim`` names the dimension "
         "that goes, ``keepdim`` keeps it as 1.", {
        "Sums, means, extremes": "functions.reductions functions.norms", "Order, counts, draws": "functions.order",
    }),
    Page("shapes", "Shapes, pieces, indices", "The same elements elsewhere. Most results share the memory of their "
         "input, as in NumPy.", {
        "Another shape": "functions.shapes functions.moving repeat_interleave tile roll swapaxes t unflatten diag "
        "diag_embed diagonal trace tril triu",
        "Cut and join": "functions.pieces cat stack split functions.padding", "By index": "functions.indexing gather",
    }, split=True),
    Page("algebra", "Products and linear algebra", "Products of vectors and matrices, and what solves equations.", {
        "Products": "functions.contractions matmul", "Along a dimension": "softmax log_softmax",
        "Linear algebra": "functions.linalg det inverse linalg.matrix_norm linalg.vector_norm logdet cdist",
    }),
    Page("autograd", "Gradients", "Switch recording on and off, ask for gradients, check them, and transform functions "
         "into gradients of gradients, in forward mode, for whole batches.", {
        "Ask for gradients": "autograd.grad autograd.gradcheck autograd.anomaly",
        "Whether to record": "core.graph autograd.modes",
        "Transform functions (tg.func)": "autograd.transforms autograd.vmap autograd.modules",
        "As in torch.autograd": "autograd.functional autograd.forward_ad",
        "An operation with a backward of its own": "autograd.function",
    }),
    Page("nn", "Layers", "Modules hold parameters and are called on a batch. Functions without parameters are on the "
         "next page.", {
        "Module, parameters, containers": "nn.module nn.parameter nn.containers",
        "Linear": "nn.linear nn.embedding", "Convolution": "nn.conv", "Pooling": "nn.pool",
        "Normalization (BatchNorm, LayerNorm, ...)": "nn.norm", "Dropout": "nn.dropout",
        "Activations": "nn.activation", "Recurrent": "nn.recurrent", "Attention": "nn.attention nn.transformer",
        "Losses": "nn.loss", "Padding": "nn.padding", "Resizing": "nn.resampling",
    }, split=True),
    Page("functional", "Functions of layers", "``import tinygrad_mnist.nn.functional as F``: what layers compute, for "
         "code that keeps its own parameters; with initial values and utilities.", {
        "Linear and convolution": "nn.functional.linear nn.functional.conv nn.functional.embedding",
        "Pooling": "nn.functional.pool", "Normalization": "nn.functional.norm", "Dropout": "nn.functional.dropout",
        "Activations": "nn.functional.activation", "Attention": "nn.functional.attention",
        "Losses": "nn.functional.loss nn.functional.distance", "Resizing": "nn.functional.resampling",
        "Initial values (tg.nn.init)": "nn.init",
        "Utilities (tg.nn.utils)": "nn.utils",
    }, split=True),
    Page("optim", "Optimizers and schedules", "What changes the parameters after ``loss.backward()``, and how the "
         "learning rate changes meanwhile.", {
        "Optimizers": "optim", "Schedules of the learning rate (tg.optim.lr_scheduler)": "optim.lr_scheduler "
        "optim.schedule optim.cyclic optim.plateau optim.sequence", "Averages of models": "optim.swa_utils",
    }),
    Page("data", "Data", "Where images come from, and how they become batches.", {
        "Data sets": "datasets data.mnist data.digits data.choose data.image_set",
        "Batches (also in tg.utils.data)": "data.loader data.dataset data.collate data.workers",
        "Samplers": "data.sampler", "Transforms": "transforms.classes",
        "Functions of transforms": "transforms.functional",
    }),
    Page("training", "Train", "The loop, written once; what watches it, and what tells why it fails.", {
        "Train and evaluate": "training.fit training.rates training.metrics training.history",
        "Callbacks": "training.callbacks training.run training.statistics training.tensorboard",
        "Checkpoints": "training.checkpoint", "The doctor": "training.doctor dict",
    }),
    Page("viz", "See it", "Pictures of graphs, gradients, models and mistakes.", {
        "Graphs and steps": "viz.graphs viz.backprop viz.steps core.lines", "Gradients explained": "viz.paths",
        "Models": "viz.summary viz.predictions", "Curves and matrices": "viz.curves",
    }),
    Page("compile", "Compile", "Record a training step once, replay it without Python.", {
        "Compile": "compiler compile",
    }),
    Page("saving", "Save, load, export", "Files that can be read anywhere, and that execute nothing.", {
        "Save and load": "tensors.saving", "Share and export": "tensors.dlpack export from_dlpack",
    }),
    Page("primitive", "Write an operation", "``from tinygrad_mnist.primitive import primitive``: an operation with "
         "rules of its own serves every way to run it. For one that only has a backward there is "
         "``tg.autograd.Function``.", {"Primitives": "core.primitive ops.broadcast"}),
    Page("sklearn", "scikit-learn", "Networks as scikit-learn's estimators, for its pipelines and searches.", {
        "Estimators": "sklearn",
    }),
    Page("error_classes", "Error classes", "Each is also one of Python's own errors. The :doc:`index of errors "
         "<errors>` has every message, what it means and the cure.", {"Classes": "core.errors"}),
]  # fmt: skip

# where names live that have no module of their own, and what is said of what has no docstring
ROOMS = """
    tg Tensor linalg autograd autograd.functional autograd.forward_ad func nn nn.functional nn.init nn.utils
    nn.utils.rnn nn.utils.parametrize nn.utils.parametrizations optim optim.lr_scheduler optim.swa_utils data utils
    utils.data datasets transforms transforms.functional training viz sklearn errors backends primitive compiler
""".split()
# methods without an underscore that classes call themselves, some of them in one class only: not in the reference
INNER = {*"""
    plain check factor feed around adopted state_like state_of closed_form order batches gone_through fetch draw
    takes_index_arrays looks better column seen after_batch plan plan_for prepared capture store verify keep forget
    on_arrays on_variables rule_at route completed element
    Optimizer.apply Module.name_of Muon.init_state Muon.update Rprop.update Compiled.program Checkpoint.open
    Checkpoint.write Checkpoint.restore Statistics.append Statistics.begin Statistics.finish Statistics.step
    Doctor.epoch Doctor.step Doctor.watch Verdict.state
""".split()}  # fmt: skip
SAID = {
    "accelerator": "The answers of ``torch.accelerator``: there is none.",
    "backends.cuda": "The switches of ``torch.backends.cuda``: setting them changes nothing.",
    "backends.cudnn": "The switches of ``torch.backends.cudnn``: setting them changes nothing.",
    "backends.mps": "The answers of ``torch.backends.mps``: it is not available.",
    "cuda": "The answers of ``torch.cuda``: there is no GPU.",
    "training.RULES": "The symptoms that the doctor knows, by name, each with its limits: see ``tg.training.Rule``.",
    "Tensor.array": "The values, as a NumPy array that shares their memory.",
    "Tensor.gradient": "What `grad` gives, as it is stored.",
    "Tensor.node": "The call that computed the tensor; None of a leaf.",
    "Tensor.version": "How often the memory was changed in place.",
    "Tensor.differentiable": "Whether gradients reach the tensor: it requires them, or what it comes from does.",
    "Tensor.is_cuda": "False: there is only the CPU.",
    "Tensor.result_type": "Tensor: what operations on it give.",
}
