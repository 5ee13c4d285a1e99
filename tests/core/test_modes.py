"""Recording on and off: nested, as decorators, after errors, and in several threads."""

from __future__ import annotations

import threading

import pytest
from graphs import leaf, values

import tinygrad_mnist as tg

# ---------------------------------------------------------------- recording on and off


def test_no_grad_and_enable_grad_nest():
    x = leaf(1.0)
    seen = [tg.is_grad_enabled()]
    with tg.no_grad():
        seen.append((x * 1).requires_grad)
        with tg.enable_grad():
            seen.append((x * 1).requires_grad)
            with tg.no_grad():
                seen.append((x * 1).requires_grad)
            seen.append((x * 1).requires_grad)
        seen.append((x * 1).requires_grad)
    seen.append(tg.is_grad_enabled())
    assert seen == [True, False, True, False, True, False, True]


def test_recording_is_put_back_after_an_error():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()


def test_no_grad_and_enable_grad_as_decorators():
    @tg.no_grad()
    def frozen(depth):
        assert not tg.is_grad_enabled()
        if depth:
            thawed(depth - 1)
            assert not tg.is_grad_enabled()

    @tg.enable_grad()
    def thawed(depth):
        assert tg.is_grad_enabled()
        frozen(depth)
        assert tg.is_grad_enabled()

    frozen(3)
    assert tg.is_grad_enabled()


def run(*functions):
    """Run functions in threads of their own and raise what any of them raised."""
    errors = []

    def guarded(f):
        try:
            f()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_no_grad_belongs_to_its_thread():
    inside, done = threading.Event(), threading.Event()

    def one():
        with tg.no_grad():
            inside.set()
            assert done.wait(10)
            assert not tg.is_grad_enabled()

    def two():
        assert inside.wait(10)
        assert tg.is_grad_enabled() and (leaf(1.0) * 2).requires_grad
        done.set()

    run(one, two)


def test_one_no_grad_object_shared_by_two_threads():
    """Entered by A, then by B (which was not recording), left by A, then by B: each gets its own state back."""
    shared = tg.no_grad()
    steps = [threading.Event() for _ in range(3)]

    def a():
        with shared:
            steps[0].set()
            assert steps[1].wait(10)
        assert tg.is_grad_enabled()
        steps[2].set()

    def b():
        with tg.no_grad():
            assert steps[0].wait(10)
            with shared:
                steps[1].set()
                assert steps[2].wait(10)
            assert not tg.is_grad_enabled()
        assert tg.is_grad_enabled()

    run(a, b)


def test_backward_in_several_threads_on_graphs_of_their_own():
    barrier = threading.Barrier(4, timeout=10)
    found = {}

    def work(k):
        def body():
            x = leaf(float(k))
            barrier.wait()
            for _ in range(20):
                y = x
                for _ in range(20):
                    y = y * 1 + x
                y.backward()
            found[k] = values(x.grad)

        return body

    run(*(work(k) for k in range(4)))
    assert found == {k: [420.0] for k in range(4)}


def test_backward_in_another_thread_than_forward():
    x = leaf(2.0)
    y = x * x
    run(y.backward)
    assert values(x.grad) == [4.0]


def test_backward_inside_no_grad():
    x = leaf(2.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert values(x.grad) == [4.0] and not x.grad.requires_grad
