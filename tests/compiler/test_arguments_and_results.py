"""Arguments and results of every form go into a compiled step and come out of it, owned by the caller."""

import numpy as np
import pytest
from agreement import Mlp, agree, batches, plain, small, snapshot
from training_data import trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import CaptureError, InPlaceError


def test_results_of_every_form():
    def make():
        w = tg.tensor([1.0, 2.0], requires_grad=True)

        def step(x, y, *, scale=2.0, names=("a", "b")):
            s = (x.sum() * w).detach()
            pair = x.max(dim=0)
            return {names[0]: s * scale, names[1]: [s, (pair, None, 3, "text", True)], "same": s}

        return step, w

    compiled = agree(make, list(batches(count=8)))
    (x, y), *_ = batches()
    for result in (compiled(x, y), compiled(x, y), compiled(x, y)):
        assert result["b"][0] is result["same"] and result["b"][1][0].values.shape == (3, 4)
    assert compiled(x, y, scale=0.5)["a"].array[0] == compiled(x, y)["a"].array[0] / 4
    assert set(compiled(x, y, names=("c", "d"))) == {"c", "d", "same"}


def test_numpy_arrays_as_arguments_and_nested_ones():
    def make():
        model, optimizer = small()
        inner = trained(model, optimizer)

        def step(batch, options):
            return inner(batch["images"] * options[0], batch["labels"])

        return step, model, optimizer

    data = [({"images": x.array, "labels": y.array}, (2.0, "ignored")) for x, y in batches(count=8)]
    agree(make, data)


def test_an_argument_s_own_gradient():
    def make():
        model = Mlp(0.0)

        def step(x, y):
            loss = nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
            with tg.no_grad():
                return x + 0.1 * x.grad.sign()

        return step, model

    logs = []
    for wrap in (lambda f: f, tg.compile):
        tg.manual_seed(1)
        step, model = make()
        step = wrap(step)
        log, kept = [], []
        for x, y in batches(count=8):
            x = tg.tensor(x.array, requires_grad=True)
            log.append((plain(step(x, y)), plain(x.grad), snapshot(model)))
            kept.append((x.grad, x.grad.array.copy()))
        assert all(np.array_equal(g.array, copied) for g, copied in kept)
        logs.append(log)
    np.testing.assert_equal(*logs)


def test_an_argument_that_is_also_a_tensor_outside():
    w = tg.tensor([1.0, 2.0])
    step = tg.compile(lambda x: x * 10 + w)
    for x in (w, tg.tensor([5.0, 6.0]), w):
        assert step(x).tolist() == (x * 10 + w).tolist()
    with tg.no_grad():
        w *= 2
    assert step(tg.zeros(2)).tolist() == [2.0, 4.0]
    p = tg.tensor([1.0], requires_grad=True)
    twice = tg.compile(lambda x: (x * p).detach())
    with pytest.raises(CaptureError, match="pass it or find it, not both"):
        twice(p)


def test_memory_order_of_arguments_may_change():
    step = tg.compile(lambda x: (x.reshape(-1) * 2, x.sum(0), x @ x.T))
    a = np.random.default_rng(0).random((4, 4), dtype=np.float32)
    for x in (a, a.T, a[::-1], np.broadcast_to(a[:1], (4, 4)), a, a.T):
        for got, want in zip(step(tg.from_numpy(x)), (x.reshape(-1) * 2, x.sum(0), x @ x.T), strict=True):
            np.testing.assert_array_equal(got.array, want)


def test_gradients_are_owned():
    a, b = tg.ones(3, requires_grad=True), tg.ones(3, requires_grad=True)

    @tg.compile
    def step():
        a.grad = b.grad = None
        loss = (a + b).sum()  # the same cotangent for both
        loss.backward()
        return loss, (a + b).detach()

    for _ in range(3):
        _, total = step()
        a.grad *= 0.0
        assert b.grad.tolist() == [1.0] * 3 and total.tolist() == [2.0] * 3


def test_gradients_that_someone_holds_are_not_written_again():
    """As without compile: what a caller keeps of one call stays as it is in the next."""
    w = tg.ones(3, requires_grad=True)

    @tg.compile
    def step(x):
        w.grad = None
        (x * w).sum().backward()

    kept, arrays, views, versions = [], [], [], []
    for i in range(12):
        step(tg.full((3,), float(i)))
        if i % 4 == 1:
            kept.append((i, w.grad))
        if i % 4 == 2:
            arrays.append((i, w.grad.array))
        if i % 4 == 3:
            views.append((i, w.grad.array[1:]))
        versions.append(id(w.grad))
    assert all(g.tolist() == [float(i)] * 3 for i, g in kept)
    assert all(a.tolist() == [float(i)] * 3 for i, a in arrays)
    assert all(a.tolist() == [float(i)] * 2 for i, a in views)
    for _ in range(3):
        step(tg.ones(3))
    assert versions[-1] != versions[-4] and w.grad.tolist() == [1.0] * 3


def test_a_graph_outside_notices_what_a_replay_changes():
    w = tg.ones(3, requires_grad=True)

    @tg.compile
    def step(x):
        w.grad = None
        (x * w).sum().backward()
        with tg.no_grad():
            w.sub_(w.grad)

    for _ in range(3):
        step(tg.ones(3))
    loss = (w * w).sum()
    step(tg.ones(3))
    with pytest.raises(InPlaceError):
        loss.backward()
    v = tg.ones(3, requires_grad=True)
    loss = (v * w.grad).sum()
    step(tg.full((3,), 9.0))
    loss.backward()
    assert v.grad.tolist() == [1.0] * 3
