"""Early stopping, the best weights, Ctrl-C: what comes back on every exit from `fit`."""

import math
import os
import signal

import numpy as np
import pytest
from graphs import in_threads
from training_data import calling, module, network, samples

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, TrainingError
from tinygrad_mnist.data import DataLoader
from tinygrad_mnist.optim import SGD
from tinygrad_mnist.training import Callback, EarlyStopping, KeepBest, accuracy, fit, predict

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


class Script(Callback):
    """Set the weights to the number of the epoch and the watched figure to a script."""

    def __init__(self, figures, then=None):
        self.figures, self.then = figures, then

    def on_epoch_end(self, run):
        epoch = len(run.history)
        run.history[-1]["train_loss"] = self.figures[min(epoch, len(self.figures)) - 1]
        with tg.no_grad():
            for p in run.model.parameters():
                p.fill_(float(epoch))

    def on_batch_end(self, run):
        if self.then is not None and run.epoch == len(self.figures):
            self.then()


def scripted(figures, stopper, then=None, **kwargs):
    """Fit with scripted figures; the model, and the history or what was raised."""
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.0)
    callbacks = [Script(figures, then), stopper]
    try:
        epochs = len(figures) + (then is not None)
        history = fit(model, samples(10), epochs=epochs, callbacks=callbacks, optimizer=optimizer, **kwargs)
    except BaseException as error:
        return model, error
    return model, history


def values(model):
    return {float(x) for p in model.parameters() for x in np.unique(p.detach().numpy())}


def test_early_stopping_waits_and_restores():
    stopper = EarlyStopping(patience=2)
    model, history = scripted([5, 3, 4, 2, 2.5, math.nan, 1, 0], stopper)
    assert len(history) == 6 and history.best_epoch == 4 and values(model) == {4.0}
    assert "train_loss has not got better for 2 epochs" in history.ended


def test_small_gains_are_kept_but_do_not_count_as_progress():
    model, history = scripted([5, 4.9, 4.8, 4.7], EarlyStopping(patience=2, min_delta=0.5))
    assert len(history) == 3 and values(model) == {3.0}
    model, history = scripted([5, 4.7, 4.4, 4.1, 3.8], EarlyStopping(patience=2, min_delta=0.5))
    assert len(history) == 5  # 4.4 is half a unit below 5


def test_the_best_weights_come_back_when_all_epochs_are_done():
    model, history = scripted([3, 1, 2], EarlyStopping(patience=5))
    assert len(history) == 3 and values(model) == {2.0} and history.best_epoch == 2
    model, history = scripted([3, 1, 2], KeepBest("train_loss", mode="max"))
    assert values(model) == {1.0}


def fail():
    raise ZeroDivisionError("planted")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_twice():
    interrupt()
    interrupt()


@pytest.mark.parametrize(
    ("then", "error"),
    [(fail, ZeroDivisionError), pytest.param(interrupt, KeyboardInterrupt, marks=POSIX),
     pytest.param(interrupt_twice, KeyboardInterrupt, marks=POSIX)],
)  # fmt: skip
def test_the_best_weights_come_back_on_every_exit(then, error):
    stopper = EarlyStopping(patience=9)
    model, raised = scripted([3, 1, 2], stopper, then)
    assert isinstance(raised, error) and values(model) == {2.0} and stopper.best_epoch == 2


@POSIX
def test_ctrl_c_may_return_the_history():
    model, history = scripted([3, 1, 2], EarlyStopping(patience=9), interrupt, on_interrupt="return")
    assert history.ended == "interrupted" and len(history) == 3 and values(model) == {2.0}


@POSIX
def test_ctrl_c_while_the_best_weights_come_back_does_not_keep_them_from_it():
    class Slow(KeepBest):
        def on_end(self, run):
            interrupt()
            interrupt()
            super().on_end(run)

    model, raised = scripted([3, 1, 2], Slow())
    assert isinstance(raised, KeyboardInterrupt) and values(model) == {2.0}


@POSIX
def test_a_first_ctrl_c_lets_the_batch_be_finished():
    seen = []
    watch = calling(on_batch_end=lambda run: seen.append(run.batch))

    def loss(outputs, targets):
        if len(seen) == 2:
            interrupt()
        return nn.functional.cross_entropy(outputs, targets)

    model = network()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, samples(60), batch_size=10, loss_function=loss, callbacks=[watch])
    assert seen == [1, 2, 3]
    assert signal.getsignal(signal.SIGINT) is before


@POSIX
def test_a_handler_of_the_program_is_left_alone():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        model, history = scripted([3, 2], KeepBest(), interrupt)
        assert calls and len(history) == 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_fit_in_another_thread():
    found = []
    in_threads(lambda: found.append(fit(network(), samples(20), epochs=2)))
    assert len(found[0]) == 2


def test_the_best_weights_come_back_though_another_callback_fails_at_the_end():
    class Bad(KeepBest):
        def on_end(self, run):
            raise ZeroDivisionError("planted")

    best = KeepBest()
    model = nn.Linear(5, 3)
    with pytest.raises(ZeroDivisionError):
        optimizer = SGD(model.parameters(), lr=0.0)
        fit(model, samples(10), epochs=3, callbacks=[Script([3, 1, 2]), Bad(), best], optimizer=optimizer)
    assert values(model) == {2.0}


def test_errors_at_the_end_do_not_hide_the_first():
    class Early(Callback):
        def on_start(self, run):
            self.ready = True

        def on_end(self, run):
            raise AttributeError("planted at the end") if not hasattr(self, "ready") else ValueError("second")

    model, raised = scripted([3, 2], Early(), fail)
    assert isinstance(raised, ZeroDivisionError) and "ValueError: second" in raised.__notes__[0]
    with pytest.raises(ArgumentError, match="no column"):  # on_end is for those who have started
        fit(network(), samples(10), callbacks=[KeepBest("nothing"), Early()])


@POSIX
def test_ctrl_c_is_not_lost_to_an_error():
    def both():
        interrupt()
        raise ZeroDivisionError("planted")

    model, raised = scripted([3, 1, 2], KeepBest(), both)
    assert isinstance(raised, KeyboardInterrupt) and isinstance(raised.__cause__, ZeroDivisionError)
    assert values(model) == {2.0}


def test_whether_less_is_better_must_be_clear():
    with pytest.raises(ArgumentError, match="is less better"):
        fit(network(), samples(10), metrics={"err": lambda *_: 1.0}, callbacks=[KeepBest("train_err")])
    fit(network(), samples(10), epochs=1, metrics={"err": lambda *_: 1.0}, callbacks=[KeepBest("train_err", "min")])


def test_weights_that_are_not_finite_end_the_training():
    x, y = samples(20)
    model = network()

    def loss(outputs, targets):  # finite, with a gradient that is not
        return nn.functional.cross_entropy(outputs, targets) + (outputs * 0).abs().sum() ** 0.5

    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="weights are no longer finite after epoch 1"):
        fit(model, (x, y), batch_size=20, loss_function=loss, epochs=3)


def test_models_of_several_outputs():
    x, y = samples(40)
    parts = {"first": nn.Linear(5, 3), "second": nn.Linear(5, 2)}
    model = module(lambda self, x: (self.first(x), {"second": self.second(x)}), **parts)
    history = fit(
        model, DataLoader([(x[i], (y[i], y[i] % 2)) for i in range(40)], batch_size=38), epochs=1,
        loss_function=lambda out, targets: (
            nn.functional.cross_entropy(out[0], targets[0]) + nn.functional.cross_entropy(out[1]["second"], targets[1])
        ), optimizer=SGD(model.parameters(), lr=0.0),
    )  # fmt: skip
    first, second = model(x)
    outputs = (first, y), (second["second"], y % 2)
    total = sum(nn.functional.cross_entropy(x, tg.from_numpy(y)).item() for x, y in outputs)
    assert history[0]["train_loss"] == pytest.approx(total, rel=1e-5)  # 38 and 2 samples
    plain = nn.Sequential(nn.Linear(5, 3))
    assert predict(plain, x, batch_size=7).shape == (40, 3)
    added, left = predict(module(lambda self, left, right: (left + right, left)), (x, x), batch_size=7)
    np.testing.assert_array_equal(added, x + x)
    np.testing.assert_array_equal(left, x)


def test_images_of_classes():
    outputs, targets = np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 4), int)
    outputs[:, 1, 0] = 1
    assert accuracy(outputs, targets) == 0.75


def test_float64_data_for_a_compiled_float32_model():
    x, y = samples(20)
    with pytest.warns(UserWarning, match="inputs are float64 and weights float32") as caught:
        compiled = fit(network(), (x.astype(np.float64), y), epochs=2, batch_size=7, compile=True)
    assert len(caught) == 1 and len(compiled) == 2


def test_a_callback_used_again_begins_anew():
    stopper = EarlyStopping(patience=2)
    scripted([3, 0.5, 2, 2], stopper)
    model, history = scripted([3, 2, 1], stopper)
    assert len(history) == 3 and values(model) == {3.0} and stopper.best == 1


def test_weights_that_were_kept_are_copies():
    stopper = KeepBest()
    model, _ = scripted([3, 1, 2], stopper)
    with tg.no_grad():
        for p in model.parameters():
            p.fill_(77.0)
    kept = stopper.kept.values()
    assert {float(x) for w in kept for x in np.unique(w.numpy())} == {2.0}


def test_what_cannot_be_watched_is_refused_before_the_training():
    x, y = samples(10)
    for monitor, valid, said in (
        ("valid_accuracy", None, "no column 'valid_accuracy'"), ("accuracy", (x, y), "monitor='valid_accuracy'"),
        ("val_loss", (x, y), "monitor='valid_loss'"), ("accuracy", None, "monitor='train_accuracy'"),
        ("val_loss", None, r"valid=\.\.\. \(in an estimator early_stopping=True\)"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            fit(network(), (x, y), valid=valid, callbacks=[KeepBest(monitor)])
    with pytest.raises(ArgumentError, match="mode"):
        KeepBest(mode="low")
    with pytest.raises(ArgumentError, match="patience"):
        EarlyStopping(patience=0)
    assert KeepBest("valid_accuracy").better(0.5, 0.4, column="valid_accuracy")


def test_a_callback_may_stop_within_an_epoch():
    stop = calling(on_batch_end=lambda run: run.batch == 2 and run.stop("enough"))
    history = fit(network(), samples(60), batch_size=10, callbacks=[stop])
    assert history.ended == "enough" and len(history) == 0
