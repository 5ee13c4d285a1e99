"""Random programs with changes in place, against the same program written without: equal gradients, or an error."""

import functools
import os
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import InPlaceError
from tinygrad_mnist.ops.index import ARRAY
from tinygrad_mnist.ops.index import setitem as write


class Memory:
    """A piece of memory as a value: a change makes another value, never touching the one before."""

    def __init__(self, value):
        self.value = value  # a flat tensor

    def read(self, at, detached):
        value = self.value[tg.tensor(at)]
        return value.detach() if detached else value

    def write(self, at, new, tracked):
        if tracked:
            self.value = write(self.value, new, at, index=(ARRAY,))
        else:  # the value changes and the derivative stays: what a change outside the graph means
            old = self.value.detach()
            with tg.enable_grad():  # exactly the new value: the difference in brackets is 0
                self.value = write(old, new.detach(), at, index=(ARRAY,)) + (self.value - old)


class Name:
    """A variable of the program: the tensor under test, and where its elements lie in which Memory."""

    def __init__(self, tensor, memory, at, detached=False, is_leaf=False):
        self.tensor, self.memory, self.at, self.detached, self.is_leaf = tensor, memory, at, detached, is_leaf

    def model(self):
        return self.memory.read(self.at, self.detached)


UNARY = [
    lambda x: x.sin(), lambda x: x.tanh(), lambda x: x.sigmoid(), lambda x: x.relu(), lambda x: -x, lambda x: x.clone(),
    lambda x: x * 0.5, lambda x: x.exp() * 0.1, lambda x: x.softmax(0), lambda x: x * x, lambda x: 1 / (2 + x * x),
    lambda x: x.clamp(-0.5, 0.5), lambda x: (x * x + 1).sqrt(), lambda x: x + 1, lambda x: (x * x + 1).log(), abs,
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / (1.5 + b * b), tg.maximum,
    lambda a, b: tg.where(a > b, a, b * 2), lambda a, b: a + b.sum(), lambda a, b: a * b.mean(),
]  # fmt: skip
VIEWS = [
    lambda t: t.reshape(-1), lambda t: t.T, lambda t: t[1:], lambda t: t.flip(0), lambda t: t[:1],
    lambda t: t.unsqueeze(0), lambda t: t[..., ::2], lambda t: t[0] if t.ndim > 1 else t[-1:],
    lambda t: t.squeeze() if t.numel() > 1 else t.split(1)[0], lambda t: list(t)[-1] if t.ndim > 1 else t.to(t.dtype),
]  # fmt: skip
IN_PLACE = [
    (lambda t, o: t.add_(o), lambda t, o: t + o), (lambda t, o: t.mul_(o), lambda t, o: t * o),
    (lambda t, o: t.sub_(o), lambda t, o: t - o), (lambda t, o: t.copy_(o), lambda t, o: o + t * 0),
    (lambda t, o: t.__itruediv__(2 + o * o), lambda t, o: t / (2 + o * o)),
    (lambda t, o: t.__setitem__(slice(0, 1), o[:1] * 1), lambda t, o: tg.cat([o[:1], t[1:]])),
    (lambda t, o: t.zero_(), lambda t, o: t * 0 + o * 0), (lambda t, o: t.fill_(3.0), lambda t, o: t * 0 + 3 + o * 0),
    (lambda t, o: t.pow_(2), lambda t, o: t**2 + 0 * o.detach()),
    (lambda t, o: t.__iadd__(1.0), lambda t, o: t + 1.0 + 0 * o.detach()),
    (lambda t, o: np.add(t.detach(), 0.5, out=t.detach()), None),  # a writer outside the graph
]


class Program:
    """Runs statements on tensors, changing them in place, and beside it the same statements on values."""

    def __init__(self):
        self.names = []
        self.refused = 0
        self.leaves = []
        self.changes = 0
        for k, start in enumerate(([0.3, -0.7, 0.9, 0.2], [-0.4, 0.8, 0.5, -0.6])):
            tensor = tg.tensor(np.array(start).reshape(2, 2), requires_grad=True)
            origin = tg.tensor(np.array(start), requires_grad=True)
            self.leaves.append((tensor, origin))
            self.names.append(Name(tensor, Memory(origin), np.arange(4).reshape(2, 2), is_leaf=True))
            constant = np.array(start[::-1]) + k
            at = np.arange(4).reshape(2, 2)
            self.names.append(Name(tg.tensor(constant.reshape(2, 2)), Memory(tg.tensor(constant)), at))

    def pick(self, i):
        return self.names[i % len(self.names)]

    def add(self, tensor, model, quiet):
        at = np.arange(max(model.numel(), 1)).reshape(model.shape)
        self.names.append(Name(tensor, Memory(model.reshape(-1)), at, detached=quiet))

    def statement(self, kind, i, j, k, quiet):
        a, b = self.pick(i), self.pick(j)
        if quiet:
            with tg.no_grad():
                self.run(kind, a, b, k, True)
        else:
            self.run(kind, a, b, k, False)

    def run(self, kind, a, b, k, quiet):
        if kind == 0:
            f = UNARY[k % len(UNARY)]
            self.add(f(a.tensor), f(a.model()), quiet)
        elif kind == 1 and a.at.shape == b.at.shape:
            f = BINARY[k % len(BINARY)]
            self.add(f(a.tensor, b.tensor), f(a.model(), b.model()), quiet)
        elif kind == 2:
            view = VIEWS[k % len(VIEWS)]
            tensor = view(a.tensor)
            if tensor.numel() and np.may_share_memory(tensor.array, a.tensor.array):
                at = np.asarray(view(tg.tensor(a.at)))
                self.names.append(Name(tensor, a.memory, at, detached=a.detached or quiet))
            elif tensor.numel():  # a reshape that had to copy
                self.add(tensor, view(a.model()), quiet or a.detached)
        elif kind == 3:
            self.names.append(Name(a.tensor.detach(), a.memory, a.at, detached=True))
        elif kind in (4, 5, 6) and a.at.shape == b.at.shape:
            self.change(a, b, IN_PLACE[k % len(IN_PLACE)], quiet)
        elif kind == 7 and len(self.names) > 3 and not a.is_leaf:
            self.names.remove(a)

    def change(self, a, b, pair, quiet):
        in_place, rewritten = pair
        outside = rewritten is None
        new = (a.model().detach() + 0.5) if outside else rewritten(a.model(), b.model())
        try:
            in_place(a.tensor, b.tensor)
        except InPlaceError:
            self.refused += 1
            return
        self.changes += 1
        # recorded if anything involved is tracked; a detached name that nobody shares then becomes tracked
        reads_b = pair not in IN_PLACE[6:]
        tracked = not quiet and not outside and (self.tracked(a) or (reads_b and self.tracked(b)))
        a.memory.write(a.at, new, tracked)
        if tracked:
            a.detached = False

    @staticmethod
    def tracked(name):
        return name.memory.value.requires_grad and not name.detached

    def loss(self, chosen, curved=False):
        """Weigh every chosen name (or its cube), once for the tensors and once for the values."""
        ours = model = None
        for n, name in enumerate(self.names):
            if chosen >> n & 1:
                weights = np.cos(np.arange(name.at.size) + n).reshape(name.at.shape)
                x, y = name.tensor, name.model()
                x, y = (x * x * x, y * y * y) if curved else (x, y)
                x, y = (x * weights).sum(), (y * weights).sum()
                ours, model = (x, y) if ours is None else (ours + x, model + y)
        return ours, model

    def check_values(self):
        for name in self.names:
            np.testing.assert_allclose(name.tensor.array, name.model().array, rtol=1e-9, atol=1e-12)
            assert name.tensor.requires_grad == self.tracked(name)


NUMBER = st.integers(0, 15)
KIND, QUIET = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6, 7]), st.sampled_from([False, False, True])
STATEMENT = st.tuples(KIND, NUMBER, NUMBER, NUMBER, QUIET)
STATEMENTS = functools.partial(st.lists, STATEMENT)
PROGRAMS = settings(max_examples=int(os.environ.get("PROGRAMS", "400")), derandomize=True, deadline=None)


def test_random_programs_give_the_right_gradient_or_an_error():
    outcomes = Counter()

    @PROGRAMS
    @given(STATEMENTS(min_size=6, max_size=14), st.integers(1, 2**12))
    def body(statements, chosen):
        program = Program()
        for statement in statements:
            program.statement(*statement)
        program.check_values()
        ours, model = program.loss(chosen | 1)
        try:
            ours.backward()
        except InPlaceError:
            outcomes["error"] += 1
            return
        outcomes["gradient after changes" if program.changes else "gradient"] += 1
        outcomes["refused"] += program.refused
        model.backward()
        for tensor, origin in program.leaves:
            mine = np.zeros(4) if tensor.grad is None else tensor.grad.array.reshape(-1)
            want = np.zeros(4) if origin.grad is None else origin.grad.array
            np.testing.assert_allclose(mine, want, rtol=1e-7, atol=1e-9)

    body()
    assert min(outcomes[k] for k in ("error", "gradient after changes", "refused")) >= 10, outcomes


def second_derivatives(first, inputs):
    """Differentiate a weighed sum of gradients, absent and constant ones counting as 0."""
    weighed = [(g.reshape(-1) * np.cos(np.arange(4.0))).sum() for g in first if g is not None and g.requires_grad]
    second = grad(weighed, inputs, allow_unused=True) if weighed else [None] * len(inputs)
    return [np.zeros(4) if g is None else g.array.reshape(-1) for g in second]


def test_random_programs_at_second_order_with_a_change_between_the_derivatives():
    outcomes = Counter()

    @PROGRAMS
    @given(STATEMENTS(min_size=4, max_size=10), STATEMENTS(min_size=1, max_size=4), st.integers(1, 2**12))
    def body(statements, later, chosen):
        program = Program()
        for statement in statements:
            program.statement(*statement)
        ours, model = program.loss(chosen | 1, curved=True)
        xs, origins = zip(*program.leaves, strict=True)
        try:
            first = grad(ours, xs, create_graph=True, allow_unused=True)
        except InPlaceError:
            outcomes["first error"] += 1
            return
        wanted = grad(model, origins, create_graph=True, allow_unused=True)
        for statement in later:
            program.statement(*statement)
        try:
            mine = second_derivatives(first, xs)
        except InPlaceError:
            outcomes["second error"] += 1
            return
        outcomes["second derivative"] += 1
        for g, h in zip(mine, second_derivatives(wanted, origins), strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-6, atol=1e-8)

    body()
    assert min(outcomes[k] for k in ("second error", "second derivative")) >= 10, outcomes
