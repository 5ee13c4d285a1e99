"""The benchmark: its statistics against numbers by hand, its models against each other, one quick run. No timings."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.append(str(EXAMPLES))
for package in ("matplotlib", "tqdm"):  # without which the program ends at its first line
    pytest.importorskip(package)

import benchmark  # noqa: E402
from benchmarks import accuracy, charts, in_products, in_tinygrad_mnist, operations, tables  # noqa: E402
from benchmarks.material import batches, characters, first_weights, save_material  # noqa: E402
from benchmarks.models import CHARACTERS, MODELS  # noqa: E402
from benchmarks.race import Outcome, Settings, Worker, WorkerLost, environment, hint, race  # noqa: E402
from benchmarks.ratios import (  # noqa: E402
    NEWER,
    best_of_ours,
    disagreements,
    geometric_mean,
    median,
    quantile,
    ratio,
    spread,
    targets,
)
from benchmarks.steps import STEPS, Data, Step, load_material  # noqa: E402

MLPS = [name for name, step in STEPS.items() if step.is_mlp]
FIRST = [name for name, step in STEPS.items() if not step.model]
SHORT = Settings(rounds=2, seconds=0.01, threads=1, warm_up=0.0, pause=0.0, check_steps=5)


class Bar:
    """Stands in for tqdm."""

    moved = 0

    def update(self):
        self.moved += 1

    def set_postfix_str(self, text):
        pass


@pytest.fixture(scope="module")
def data():
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (300, 28, 28), dtype=np.uint8), generator.integers(0, 10, 300)
    return Data(images, labels, "noise", None)


# ------------------------------------------------------------ statistics


def test_quantiles_are_numpys():
    assert quantile([4, 1, 3, 2], 0.5) == 2.5 and median([5, 1, 3]) == 3 and quantile([7], 0.9) == 7
    values = np.random.default_rng(0).normal(size=9).tolist()
    for share in (0, 0.1, 0.25, 0.5, 0.75, 1):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_the_spread_of_five_numbers():
    assert spread([10, 30, 20, 50, 40]) == (30, 20, 40, 10, 50)


def test_ratios_are_taken_round_by_round():
    # the second round met a machine at half speed: the ratio of its times is not touched by that
    s = ratio([200, 400, 300], [100, 200, 100])
    assert (s.median, s.least, s.most) == (2, 2, 3)
    with pytest.raises(ValueError):
        ratio([1, 2], [1])


def test_the_geometric_mean_of_twice_and_half_is_one():
    assert geometric_mean([2, 0.5]) == pytest.approx(1) and geometric_mean([1, 8]) == pytest.approx(math.sqrt(8))


def test_losses_agree_to_one_percent_over_five_steps():
    right = [2.0, 1.9, 1.8, 1.7, 1.6, 1.0]
    losses = {
        "eager": right, "close": [2.019, *right[1:]], "late": [*right[:5], 9.0], "none": [None] * 6, "failed": [],
        "off": [2.0, 1.95, 7, 7, 7], "nan": [2.0, math.nan, 1.8, 1.7, 1.6],
    }  # fmt: skip
    found = disagreements(losses, "eager")
    assert set(found) == {"off", "nan"}
    assert found["off"] == "loss 1.95 instead of 1.9 at step 2"
    assert disagreements({"torch": right}, "eager") == {}


def test_targets_take_the_best_of_ours_and_the_mean_of_the_mlps():
    mlp = {"eager": [100.0], "replay": [80.0], "torch": [160.0], "jax": [40.0], "products": [50.0]}
    other = {**mlp, "torch": [40.0]}
    assert best_of_ours(mlp) == "replay" and best_of_ours({"torch": [1.0]}) is None
    rows = {(r.variant, r.peer, r.what): r for r in targets({"mlp-a": mlp, "mlp-b": other, "cnn-small": {}})}
    row = rows["eager", "torch", "mlp-a"]
    assert (row.wanted, row.got, row.reached) == (1.0, 1.6, True)
    assert rows["eager", "torch", "mlp-b"].reached is False
    assert rows["eager", "torch", "mean of the MLPs"].got == pytest.approx(math.sqrt(1.6 * 0.4))
    assert rows["best", "jax", "mlp-a"].got == 0.5
    assert rows["best", "products", "mlp-a"].got == 1.6 and rows["best", "products", "mlp-a"].reached
    missing = rows["fast", "torch", "mlp-a"]
    assert missing.got is None and missing.reached is None and rows["eager", "torch", "cnn-small"].got is None
    table = tables.target_table(list(rows.values()), {"mlp-a": mlp, "mlp-b": other})
    assert "not measured: mlp-a" in table and "fast : torch" in table and "MISSED" in table


def test_the_first_six_and_the_newer_steps_have_means_of_their_own():
    times = {"mlp-a": 4.0, "mlp-b": 4.0, "cnn-small": 0.5, "resnet": 2.0, "gru": 0.5}
    times = {step: {"eager": [1.0], "replay": [0.5], "torch": [ratio]} for step, ratio in times.items()}
    rows = {(r.variant, r.what): r for r in targets(times) if r.peer == "torch"}
    assert rows["eager", "mean of the first 3"].got == pytest.approx(2) and rows["eager", "gru"].reached is False
    assert rows["eager", "mean of the newer 2"][3:] == (1.0, pytest.approx(1))
    assert rows["replay", "mean of the newer 2"].reached and rows["fast", "mean of the newer 2"].got is None
    table = tables.target_table([*rows.values()], times)
    assert "mean of the first 3         2.00\n" in table and "mean of the newer 2         2.00  >= 1.1" in table


def test_a_median_over_seeds_needs_every_seed():
    assert accuracy.typical([3.0, 1.0, 2.0]) == 2.0
    assert accuracy.typical([1.0, None]) is None and accuracy.typical([]) is None


# ------------------------------------------------------------ models and workers


def test_the_steps_are_what_they_are_called():
    assert STEPS["mlp-300-100-adam"].widths == (784, 300, 100, 10)
    assert STEPS["cnn-small"].widths == (32 * 13 * 13, 128, 10) and STEPS["cnn-two"].widths == (64 * 12 * 12, 128, 10)
    assert [step.batch for step in STEPS.values()] == [64, 200, 200, 64, 64, 64, 64, 64, 32, 64, 64]
    assert [name for name, step in STEPS.items() if step.model] == [*MODELS] == [*NEWER]
    sizes = [sum(w.size for w in first_weights(STEPS[name])) for name in NEWER]
    assert sizes == [77_754, 204_938, 116_576, 61_962, 9_569]


def test_the_text_is_pythons_documentation(data):
    text = "".join(CHARACTERS[i] for i in characters())
    assert len(text) > 100_000 and "statement" in text
    contexts, targets = batches(STEPS["gpt"], data)
    assert contexts.shape == targets.shape == (200, 32, 64) and np.array_equal(contexts[..., 1:], targets[..., :-1])
    assert batches(STEPS["gru"], data)[0].shape == (100, 64, 28, 28)



def test_material_comes_back_as_it_was_saved(data, tmp_path):
    step = STEPS["cnn-two"]
    save_material(tmp_path / "material.npz", step, data)
    material = load_material(tmp_path / "material.npz")
    assert all(np.array_equal(a, b) for a, b in zip(material.weights, first_weights(step), strict=True))
    assert material.images.shape == (100, 64, 1, 28, 28) and material.images.dtype == np.float32
    assert material.labels.shape == (100, 64) and 0 <= material.images.min() and material.images.max() <= 1
    assert np.array_equal(material.images[0, 0, 0] * 255, data.images[0].astype(np.float32))


@pytest.mark.parametrize("name", FIRST)
def test_weights_fit_our_model(name):
    step = STEPS[name]
    model = in_tinygrad_mnist.model_of(step)
    assert [p.shape for p in model.parameters()] == [w.shape for w in first_weights(step)]
    assert isinstance(list(model.children())[-1], nn.Linear)


@pytest.mark.parametrize("name", MLPS)
def test_the_products_are_those_of_our_step(name, data):
    step = STEPS[name]
    weights, (images, labels) = first_weights(step), batches(step, data)
    products = in_products.build(step, weights, "products")
    products(images[0], labels[0])
    model = in_tinygrad_mnist.model_of(step)
    assert [w.shape for w in products.of_weights] == [p.shape for p in model.parameters() if p.ndim == 2]
    assert [x.shape[1] for x in products.of_inputs] == list(step.hidden)
    x = images[0]
    for weight, out in zip(weights[::2], products.outputs, strict=True):
        x = x @ weight.T
        np.testing.assert_allclose(out, x, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MLPS)
def test_our_first_loss_is_that_of_plain_numpy(name, data):
    step = STEPS[name]
    weights, (images, labels) = first_weights(step), batches(step, data)
    x = images[0].astype(np.float64)
    for i in range(0, len(weights), 2):
        x = x @ weights[i].T + weights[i + 1]
        if i + 2 < len(weights):
            x = np.maximum(x, 0) if step.activation == "relu" else 1 / (1 + np.exp(-x))
    expected = np.mean(np.log(np.exp(x).sum(1)) - x[np.arange(step.batch), labels[0]])
    train_step = in_tinygrad_mnist.build(step, weights, "eager")
    first = float(train_step(*in_tinygrad_mnist.convert(step, images[0], labels[0])))
    assert first == pytest.approx(expected, rel=1e-5)
    assert float(train_step(*in_tinygrad_mnist.convert(step, images[0], labels[0]))) != first, "it must learn"


def test_peers_take_the_same_steps(data):
    racing = race(STEPS["mlp-100-100-momentum"], ["eager", "sklearn", "products"], data, SHORT, bar := Bar())
    assert [o.failed for o in racing.values()] == [None] * 3 and bar.moved == 3 * 3
    assert racing["eager"].losses == pytest.approx(racing["sklearn"].losses, rel=1e-4)
    for outcome in racing.values():
        assert len(outcome.micros) == len(outcome.means) == len(outcome.steps) == 2 and min(outcome.steps) > 0
        assert outcome.first_call_seconds > 0
    assert racing["products"].losses == [None] * 5


@pytest.mark.parametrize("name", ["mlp-300-100-adam", "mlp-80-70-sgd", "cnn-small", *NEWER])
def test_torch_takes_the_same_steps(name, data):
    pytest.importorskip("torch")
    racing = race(STEPS[name], ["eager", "torch"], data, SHORT, Bar())
    assert [o.failed for o in racing.values()] == [None] * 2
    assert racing["eager"].losses == pytest.approx(racing["torch"].losses, rel=1e-3)


def test_a_variant_that_cannot_start_is_left_out_with_its_reason(data):
    racing = race(Step("small", (4,), channels=(2,), batch=8), ["eager", "sklearn"], data, SHORT, bar := Bar())
    assert racing["sklearn"].failed == "NotImplementedError: scikit-learn has no convolutions"
    assert racing["eager"].failed is None and bar.moved == 2 * 3
    assert "left out: NotImplementedError" in tables.step_table(STEPS["cnn-small"], racing)
    assert hint("ModuleNotFoundError: No module named 'sklearn'").endswith("(pip install scikit-learn)")


def test_a_worker_that_dies_is_told():
    worker = Worker(threads=1)
    try:
        with pytest.raises(WorkerLost, match="KeyError"):
            worker.ask(nonsense=1)
    finally:
        worker.close()


# ------------------------------------------------------------ the program


def test_pictures_and_tables_of_numbers_by_hand(tmp_path):
    def outcome(*micros):
        return Outcome(micros=list(micros), first_call_seconds=0.5)

    step = {"eager": outcome(100, 110), "fast": Outcome(failed="ImportError: numba"), "torch": outcome(200, 110)}
    table = tables.step_table(STEPS["mlp-128-sgd"], step)
    assert "1.50 (1.25-1.75; 1.00-2.00)" in table and "left out: ImportError: numba" in table
    assert charts.draw_ratios({"mlp-128-sgd": step}, tmp_path / "a.png", "here")
    assert not charts.draw_ratios({"mlp-128-sgd": {"eager": outcome(1, 2)}}, tmp_path / "none.png", "here")
    depth = {"10": {"eager": outcome(50)}, "100": {"eager": outcome(1000)}}
    assert tables.depth_growth("eager", depth) == "a layer of 100 costs 2.00 times a layer of 10"
    assert charts.draw_costs({"depth": depth}, tmp_path / "b.png", "here")
    assert not charts.draw_costs({}, tmp_path / "none.png", "here")
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_a_variant_that_computes_something_else_ends_with_status_1(tmp_path, monkeypatch, capsys):
    def wrong(step, variants, *_):
        return {"eager": Outcome(micros=[1.0]), "torch": Outcome(failed="DISAGREES with eager: loss 9 at step 1")}

    monkeypatch.setattr(benchmark, "race", wrong)
    monkeypatch.setattr(benchmark, "busy_share", lambda seconds=0: None)
    monkeypatch.setattr(tables, "step_table", lambda step, outcomes: "")
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    assert benchmark.main(["--quick", "--work", "cnn-two", "--against", "torch", "--out", str(tmp_path)]) == 1
    assert "!! cnn-two: torch DISAGREES with eager: loss 9 at step 1" in capsys.readouterr().out


def test_kernels_chosen_by_hand_for_one_framework_are_left_out_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "OPENBLAS_CORETYPE" not in environment(2) and environment(2)["OPENBLAS_NUM_THREADS"] == "2"
    monkeypatch.setattr(benchmark, "race", lambda step, variants, *_: {"eager": Outcome(micros=[1.0])})
    monkeypatch.setattr(benchmark, "busy_share", lambda seconds=0: None)
    monkeypatch.setattr(tables, "step_table", lambda step, outcomes: "")
    monkeypatch.setenv("TINYGRAD_MNIST_OFFLINE", "1")
    assert benchmark.main(["--quick", "--work", "cnn-two", "--against", "--out", str(tmp_path)]) == 0
    assert "OPENBLAS_CORETYPE=Haswell" in capsys.readouterr().out
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["left out of the environment"]["OPENBLAS_CORETYPE"] == "Haswell"


def test_a_quick_run_on_the_embedded_digits(tmp_path):
    pytest.importorskip("sklearn")
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "KERAS_HOME": str(tmp_path / "keras")}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TINYGRAD_MNIST")}
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "benchmark.py"), "--quick", "--work", "mlp-80-70-sgd", "--out", str(out),
         "--against"],
        capture_output=True, text=True, timeout=300, env={**environment, **home, "TINYGRAD_MNIST_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("THIS IS NOT MNIST") == 2 and "eager" in done.stdout and "products" in done.stdout
    record = json.loads((out / "results.json").read_text())
    measured = record["steps"]["mlp-80-70-sgd"]
    assert measured["eager"]["failed"] is None and len(measured["eager"]["micros"]) == 2
    assert set(measured) == {"eager", "replay", "fast", "products"}
    for variant in ("replay", "fast"):  # fast needs numba, which is optional
        assert measured[variant]["failed"] is None or variant in done.stdout
    assert {"date", "command", "machine", "versions", "settings", "targets"} <= set(record)
    assert os.listdir(out) == ["results.json"], "without PyTorch there is nothing to draw"


@pytest.mark.parametrize("wrong", [("--rounds", "0"), ("--seconds", "nan"), ("--threads", "0"), ("--work", "mlp")])
def test_arguments_that_make_no_sense_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(["--quick", *wrong])
    assert caught.value.code == 2 and "error:" in capsys.readouterr().err


# ------------------------------------------------------------ operations


def test_every_operation_is_measured(capfd):
    pytest.importorskip("torch")
    names = [*operations.names_of(tg)]
    assert ("", "exp") in names and ("nn.functional.", "gelu") in names and ("", "absolute") not in names
    assert benchmark.main(["--quick", "--operations"]) == 0
    out = capfd.readouterr().out
    assert f"{len(names)} measured; above 3 times" in out, [x for x in out.splitlines() if len(x.split()) < 4]


def test_an_operation_for_which_there_are_no_arguments_is_named():
    def odd(input, strangeness): ...

    new = SimpleNamespace(functions=SimpleNamespace(__all__=["odd", "alias"], odd=odd, alias=odd))
    assert [*operations.names_of(new)] == [("", "odd")]
    row = operations.measure(new, new, "", "odd", {}, 0.0)
    assert row.trouble == "PARAMETERS has no 'strangeness', nor ARGUMENTS a line" and row.ratios == []
    slow = operations.Row("odd", "x", (4.0, 1.0), (3.0, 2.0))
    assert slow.ratios == [4, 1.5] and operations.line(slow).endswith("1.50  > 3")


# ------------------------------------------------------------ another checkout


def test_another_checkout_takes_its_turns(data, tmp_path):
    older = tmp_path / "older"
    shutil.copytree(Path(nn.__file__).parent.parent, older / "tinygrad_mnist")
    late = older / "tinygrad_mnist" / "optim" / "formula.py"
    late.write_text(late.read_text(encoding="utf-8") + "\nimport time\ntime.sleep(0.5)\n", encoding="utf-8")
    settings = replace(SHORT, before=str(older))
    outcomes = race(STEPS["mlp-128-sgd"], ["eager", "eager before"], data, settings, Bar())
    assert [o.failed for o in outcomes.values()] == [None, None]
    assert outcomes["eager before"].import_seconds > 0.5  # it was the other one that was imported
    nothing = replace(SHORT, before=str(tmp_path))
    failed = race(STEPS["mlp-128-sgd"], ["eager", "eager before"], data, nothing, Bar())["eager before"].failed
    assert failed == f"ImportError: {tmp_path} holds no tinygrad_mnist"


def test_the_table_of_another_checkout():
    times = {"a": {"eager": [100, 200], "eager before": [110, 220]}, "b": {"eager": [100], "eager before": [90]}}
    lines = tables.before_table(times).splitlines()
    assert "1.100 (1.100-1.100)" in lines[1] and "0.900 (0.900-0.900)" in lines[2] and "-" in lines[1]
    assert lines[3].split()[:3] == ["geometric", "mean", "0.995"]


def test_a_folder_without_the_package_is_no_checkout(tmp_path, capsys):
    with pytest.raises(SystemExit):
        benchmark.arguments(["--before", str(tmp_path)])
    assert "no tinygrad_mnist in it" in capsys.readouterr().err
