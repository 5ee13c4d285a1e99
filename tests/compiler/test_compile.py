"""A compiled step does what the step does: values, gradients, parameters, optimizer and generator, bit for bit."""

import copy
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from agreement import CLASSES, Mlp, agree, batches, plain, small, snapshot
from training_data import trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.optim import SGD, Adam, AdamW, lr_scheduler


class Cnn(nn.Module):
    """The example's CNN at a small size."""

    def __init__(self):
        self.features = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(4 * 2 * 2, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, CLASSES)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.1), "sgd decay": lambda p: SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9, dampening=0.1),
    "nesterov": lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: Adam(p, lr=0.01), "adam decay": lambda p: Adam(p, lr=0.01, weight_decay=0.01),
    "adamw": lambda p: AdamW(p, lr=0.01),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_200_steps_of_an_mlp_with_dropout_and_changing_batches(name):
    def make():
        model = Mlp()
        optimizer = OPTIMIZERS[name](model.parameters())
        return trained(model, optimizer), model, optimizer

    step = agree(make, list(batches(count=200)))
    assert len(step.order) == 2  # one plan per batch size


@pytest.mark.parametrize("inside", [True, False])
def test_200_steps_with_a_schedule_and_label_smoothing(inside):
    def make():
        model = Mlp()
        optimizer = AdamW(model.parameters(), lr=0.01)
        schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=200)
        loss_function = nn.CrossEntropyLoss(label_smoothing=0.1)
        step = trained(model, optimizer, loss_function, schedule.step if inside else lambda: None)
        return step, model, optimizer, schedule

    def between(i, model, optimizer, schedule):
        if i and not inside:
            schedule.step()

    step = agree(make, list(batches(count=200)), between)
    assert len(step.order) == 2


def test_200_steps_of_a_cnn():
    def make():
        model = Cnn()
        optimizer = Adam(model.parameters(), lr=0.01)
        return trained(model, optimizer), model, optimizer

    agree(make, list(batches((1, 14, 14), count=200)))


EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name, kind, shape", [("mnist_mlp", "MLP", (1, 28, 28)), ("mnist_cnn", "CNN", (1, 28, 28))])
def test_200_steps_of_the_examples(name, kind, shape, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    spec = importlib.util.spec_from_file_location(f"compiled_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def make():
        model = getattr(module, kind)()
        optimizer = Adam(model.parameters(), lr=3e-3)
        schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=200)
        loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)

        def step(images, labels):
            logits = model(images)
            loss = loss_function(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            return loss, (logits.argmax(1) == labels).sum()

        return step, model, optimizer, schedule

    agree(make, list(batches(shape, sizes=(8, 8, 4), count=200)))


def test_train_eval_train_with_a_compiled_evaluation():
    logs = []
    for compiled in (False, True):
        tg.manual_seed(3)
        model = Mlp()
        optimizer = SGD(model.parameters(), lr=0.1)
        train = trained(model, optimizer)

        @tg.no_grad()
        def evaluate(x, y, model=model):
            logits = model(x)
            return nn.CrossEntropyLoss()(logits, y), (logits.argmax(1) == y).float().mean()

        if compiled:
            train, evaluate = tg.compile(train), tg.compile(evaluate)
        log = []
        for x, y in batches(count=100):
            model.train()
            log.append(plain(train(x, y)))
            model.eval()
            log += [plain(evaluate(x, y)), plain(train(x, y))]  # dropout off: another plan of the same step
            log.append(snapshot(model))
        logs.append(log)
    np.testing.assert_equal(*logs)
    assert len(train.order) == 4 and len(evaluate.order) == 2


def test_parameters_and_optimizer_may_be_loaded_between_calls():
    def make():
        tg.manual_seed(4)
        model = Mlp()
        optimizer = Adam(model.parameters(), lr=0.01)
        return trained(model, optimizer), model, optimizer, {}

    def between(i, model, optimizer, saved):
        if i == 2:
            saved["model"] = {k: v.array.copy() for k, v in model.state_dict().items()}
            saved["optimizer"] = copy.deepcopy(optimizer.state_dict())
        if i in (5, 9):
            model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
        if i == 7:
            for p in model.parameters():
                p.data = p.array * 0.5
        if i == 11:  # another memory order: another plan
            weight = model.net._list()[1].weight
            weight.data = np.asfortranarray(weight.array)

    agree(make, list(batches(count=14)), between)


def test_optimizer_settings_and_groups_may_change_between_calls():
    def make():
        model, optimizer = small()
        extra = tg.ones(CLASSES, requires_grad=True)

        def step(x, y):
            optimizer.zero_grad()
            extra.grad = None
            loss = nn.CrossEntropyLoss()(model(x) * extra, y)
            loss.backward()
            optimizer.step()
            return loss

        return step, model, optimizer, extra

    def between(i, model, optimizer, extra):
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + i)
        optimizer.param_groups[0]["momentum"] = 0.5 if i < 8 else 0.8
        if i == 6:
            optimizer.add_param_group({"params": [extra], "lr": 0.3})

    step = agree(make, list(batches(sizes=(6,), count=12)), between)
    assert len(step.order) == 2  # one more for the new group, none for new settings
