"""What Cases do not reach: views, draws, errors, dtypes of whole numbers, matrices that are singular."""

import itertools

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import TinygradError

X = tg.tensor(np.arange(12.0).reshape(3, 4))
BOOL, WHOLE, SINGULAR = X > 5, X.long(), tg.tensor([[1.0, 2.0], [2.0, 4.0]])

VIEWS = {
    "chunk": lambda x: x.chunk(2)[1], "unbind": lambda x: x.unbind(1)[2], "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 1), "T": lambda x: x.T,
    "mT": lambda x: x.mT, "t": lambda x: x.t(), "movedim": lambda x: x.movedim(0, 1),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "diagonal": lambda x: x.diagonal(), "swapaxes": lambda x: x.swapaxes(0, 1),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "view_as": lambda x: x.view_as(x), "contiguous": lambda x: x.contiguous(), "ravel": lambda x: x.ravel(),
    "meshgrid": lambda x: tg.meshgrid(x[0], x[1])[0], }  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_a_view_in_pytorch_is_one(name):
    x = X.clone()
    assert np.may_share_memory(VIEWS[name](x).array, x.array)
    if name not in ("meshgrid", "unfold"):
        VIEWS[name](x).zero_()
        assert (x == 0).any() and x.array.sum() < X.array.sum()


DRAWS = {
    "uniform_": (lambda t, g: t.uniform_(1, 3, generator=g), 2.0, 1 / np.sqrt(3)),
    "normal_": (lambda t, g: t.normal_(1, 2, generator=g), 1.0, 2.0),
    "bernoulli_": (lambda t, g: t.bernoulli_(0.25, generator=g), 0.25, np.sqrt(3) / 4),
    "bernoulli_ tensor": (lambda t, g: t.bernoulli_(tg.tensor(0.25), generator=g), 0.25, np.sqrt(3) / 4),
    "exponential_": (lambda t, g: t.exponential_(2, generator=g), 0.5, 0.5),
    "random_": (lambda t, g: t.random_(2, 6, generator=g), 3.5, np.sqrt(1.25)),
    "random_ alone": (lambda t, g: t.random_(4, generator=g), 1.5, np.sqrt(1.25)),
    "normal": (lambda t, g: tg.normal(t * 0 + 1, 2.0, generator=g), 1.0, 2.0),
    "normal size": (lambda t, g: tg.normal(1.0, 2.0, (200, 200), generator=g), 1.0, 2.0),
    "multinomial": (lambda t, g: tg.multinomial(tg.tensor([1.0, 0.0, 3.0]), 40000, True, generator=g).float(), 1.5,
        np.sqrt(0.75)),
    "multinomial rows": (lambda t, g: tg.multinomial(tg.tensor([[1.0, 3.0]] * 9999), 1, generator=g).float(), 0.75,
        np.sqrt(3) / 4),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_draws_have_the_mean_and_the_deviation_and_repeat(name):
    draw, mean, deviation = DRAWS[name]
    one, other = (draw(tg.zeros(200, 200), tg.Generator().manual_seed(3)) for _ in range(2))
    assert abs(one.mean().item() - mean) < 0.03 * deviation and abs(one.std().item() - deviation) < 0.03 * deviation
    np.testing.assert_array_equal(one.array, other.array)


ERRORS = {
    "inv": lambda: tg.linalg.inv(SINGULAR), "solve": lambda: tg.linalg.solve(SINGULAR, SINGULAR),
    "cholesky": lambda: tg.linalg.cholesky(-SINGULAR),
    "not square": lambda: tg.det(X.float()), "whole": lambda: tg.inverse(WHOLE[:3, :3]),
    "half": lambda: tg.det(SINGULAR.half()),
    "norm of whole": lambda: tg.linalg.norm(WHOLE), "ord": lambda: tg.linalg.norm(X, "big"),
    "svd": lambda: tg.linalg.svd(SINGULAR * np.nan),
    "mm": lambda: X.mm(X), "dot": lambda: X.dot(X), "dtype": lambda: SINGULAR.mm(SINGULAR.double()),
    "bmm": lambda: X.bmm(X),
    "addmm": lambda: WHOLE[:, :3].addmm(WHOLE[:, :3], WHOLE[:, :3], alpha=0.5),
    "einsum": lambda: tg.einsum("ij,jk", X, X),
    "operands": lambda: tg.einsum("ij,jk", X), "equation": lambda: tg.einsum("i1", X),
    "result": lambda: tg.einsum("ij->k", X),
    "index": lambda: X.index_select(0, tg.tensor([3])), "negative": lambda: X.index_select(0, tg.tensor([-1])),
    "float index": lambda: X.index_select(0, X[0]),
    "scatter": lambda: X.scatter(1, tg.tensor([[4]]), 1.0), "kind": lambda: X.scatter_add(1, tg.tensor([[1]]),
        tg.tensor([[1]])),
    "mask": lambda: X.masked_fill(WHOLE, 1.0), "reduce": lambda: X.scatter_reduce(0, tg.tensor([[0]]), X, "max"),
    "topk": lambda: X.topk(5),
    "kthvalue": lambda: X.kthvalue(0), "chunk": lambda: X.chunk(0), "narrow": lambda: X.narrow(0, 2, 2),
    "meshgrid": lambda: tg.meshgrid(X),
    "unflatten": lambda: X.unflatten(1, (3, -1)), "diagonal": lambda: X.diagonal(0, 1, 1),
    "unfold": lambda: X.unfold(0, 4, 1),
    "multinomial": lambda: tg.multinomial(X[0], 4), "weights": lambda: tg.multinomial(-X[0], 1),
    "uniform_": lambda: X.uniform_(2, 1),
    "bernoulli_": lambda: X.bernoulli_(2), "of whole": lambda: WHOLE.normal_(),
    "broadcast_shapes": lambda: tg.broadcast_shapes((2,), (3,)),
    "one_hot": lambda: tg.nn.functional.one_hot(WHOLE, 3), "repeat": lambda: X.repeat(2),
    "tensordot": lambda: tg.tensordot(X, X, 1), "searchsorted": lambda: tg.searchsorted(X, X[0]),
    "leaf": lambda: X.clone().requires_grad_().masked_fill_(BOOL, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_done_is_told(name):
    with pytest.raises(TinygradError) as caught:
        ERRORS[name]()
    assert "got" in str(caught.value) or "try" in str(caught.value)


def test_a_singular_matrix_has_a_determinant_with_a_gradient():
    x = SINGULAR.double().requires_grad_()
    tg.det(x).backward()
    np.testing.assert_allclose(x.grad.array, [[4, -2], [-2, 1]], atol=1e-12)
    assert issubclass(tg.linalg.LinAlgError, RuntimeError) and tg.linalg.LinAlgError is tg.errors.LinAlgError


@pytest.mark.parametrize("stack", [(), (9,)])
@pytest.mark.parametrize("n", [0, 3, 70])
def test_triangles_are_solved_by_halves_and_zeros_on_the_diagonal_divide_as_in_pytorch(n, stack):
    torch, rng = pytest.importorskip("torch"), np.random.default_rng(0)
    a, b = (rng.integers(-2, 3, (*stack, n, k)) * 0.25 + 4 * np.eye(n, k) for k in (n, 2))
    middle = slice(n // 2, n // 2 + 1)
    for diagonal in (4.0, 0.0):
        a[..., middle, middle] = diagonal
        for upper, left in itertools.product((True, False), repeat=2):
            ours, theirs = (
                m.linalg.solve_triangular(m.tensor(a), m.tensor(b if left else b.swapaxes(-1, -2).copy()), upper=upper,
                                          left=left)
                for m in (tg, torch)
            )  # fmt: skip
            np.testing.assert_allclose(ours.array, theirs.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [3, 200])
def test_triangles_of_a_stack_lie_in_memory_as_stacks_do(n):
    assert tg.triu(tg.ones(4, n, n)).array.flags.c_contiguous


SAME = [
    lambda m, x: m.tril(x), lambda m, x: m.sort(x, 1, True)[0], lambda m, x: m.sort(x)[1], lambda m,
        x: m.topk(x, 2)[0], lambda m, x: m.roll(x, 1),
    lambda m, x: m.scatter_add(x, 1, (x > 2).long(), x), lambda m, x: m.scatter(x, 1, (x > 2).long(), 1), lambda m,
        x: x.repeat(2, 2), lambda m, x: m.nonzero(x),
    lambda m, x: m.masked_fill(x, x > 2, 1), lambda m, x: m.index_select(x, 0, m.tensor([1, 0])), lambda m,
        x: m.diag_embed(x), lambda m, x: m.flip(x, (0,)),
    lambda m, x: m.index_add(x, 0, m.tensor([1, 1, 0]), x), lambda m,
        x: m.take(x, m.tensor([5])), lambda m, x: m.trace(x),
    lambda m, x: m.masked_select(x, x > 2), lambda m,
        x: m.searchsorted(x[0], x),
    lambda m, x: m.mm(x, x.T), lambda m, x: m.einsum("ij,kj", x, x), lambda m,
        x: m.outer(x[0], x[1]), lambda m, x: m.hstack((x, x)),
    lambda m, x: m.scatter_reduce(x, 1, (x > 2).long(), x, "amax", include_self=False), lambda m,
        x: m.index_fill(x, 0, m.tensor([1]), 1),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "float16", "float32", "float64", "bool"])
@pytest.mark.parametrize("at", range(len(SAME)))
def test_values_and_dtypes_are_pytorchs(at, dtype):
    torch = pytest.importorskip("torch")
    values = np.arange(12).reshape(3, 4) % 5
    try:
        theirs = SAME[at](torch, torch.tensor(values).to(getattr(torch, dtype)))
    except (RuntimeError, NotImplementedError):
        return  # PyTorch has it for other dtypes only
    ours = SAME[at](tg, tg.tensor(values).to(dtype))
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_array_equal(ours.array, theirs.numpy())
