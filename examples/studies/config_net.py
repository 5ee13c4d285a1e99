"""Study d: a network made from a configuration file, whose momentum was none and whose best weights were an alias.

    python examples/studies/config_net.py            # all of it: 2 to 3 minutes on 2 cores
    python examples/studies/config_net.py --quick    # few epochs, few images and gradient entries: half a minute

The network is 784-100-100-10 with sigmoids; config_net.toml has its settings, config_model.py makes it, and
config_source.py is the study's own training in plain NumPy. The 50,000 images it was trained on were not published;
here they are the first of MNIST, and the other 10,000 validate. Expected test accuracy where .9126 was printed: as
written .945, so the number is not reproduced; corrected .977 (asserted: .972 or more over three seeds).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from timeit import repeat

import numpy as np
from config_gradients import gradient_check
from config_model import STOPPING, BatchLosses, build, changed, read_configs, train, weights_of
from config_source import SourceNetwork, outer_products
from study import COLOURS, CORRECTED, INK, PRINTED, figure, run

from tinygrad_mnist import nn
from tinygrad_mnist.training import evaluate, predict

PRINTED_LOSS, PRINTED_ACCURACY = {0: 0.655, 10: 0.271, 27: 0.157}, 0.9126  # of the last batch, by epoch from 0


def listed(names):
    """Write names as a sentence has them."""
    return ", ".join(f"'{name}'" for name in names) or "none"


# ---------------------------------------------------------------- as written and corrected, to early stopping


def whole_runs(study, as_written, corrected, data):
    """Train as written and corrected until early stopping ends it; give test accuracies and batch losses of both."""
    study.section("As written and corrected")
    bad_losses, good_losses = BatchLosses(), BatchLosses()
    stop = STOPPING[as_written.early_stop](as_written.patience)
    model, bad = train(as_written, data, [bad_losses, stop])
    test = evaluate(model, data["test"])["accuracy"]
    alias_or_copy(study, model, stop, bad, data, test)
    good_model, good = train(corrected, data, [good_losses, STOPPING[corrected.early_stop](corrected.patience)])
    good_test = evaluate(good_model, data["test"])["accuracy"]
    study.say(f"""As written: {bad.ended or "all epochs done"} after {len(bad)} epochs, test accuracy {test:.4f}.
        Corrected: {good.ended or "all epochs done"}, after {len(good)} epochs, with the weights of epoch
        {good.best_epoch}: test accuracy {good_test:.4f}.""")
    draw_whole_runs(study, bad, good, bad_losses)
    return (test, good_test), (bad_losses, good_losses)


def alias_or_copy(study, model, stop, history, data, test):
    """Give the model back what the study kept as its best weights, and then what a copy would have kept."""
    end, losses = weights_of(model), history["valid_loss"]
    shared = np.shares_memory(next(model.parameters()).array, next(iter(stop.best.values())).array)
    model.load_state_dict(stop.best)
    by_alias = abs(weights_of(model) - end).max()
    model.load_state_dict(stop.copy)
    by_copy, copied = abs(weights_of(model) - end).max(), evaluate(model, data["test"])["accuracy"]
    restored = evaluate(model, data["valid"])["loss"]
    study.say(f"""As written, validation loss was lowest at epoch {losses.index(min(losses)) + 1} of {len(history)}.
        The best weights are an alias that shares memory with the model ({shared}): giving them back moves the weights
        by {by_alias:g}. A copy made at the same time moves them by up to {by_copy:.3f}, to validation loss
        {restored:.4f} instead of {losses[-1]:.4f} and test accuracy {copied:.4f} instead of {test:.4f}.""")
    study.check("weights moved by the alias", by_alias, 0, 0)
    study.check("weights moved by the copy", by_copy, 0 if study.quick else 1e-4, 10)


def draw_whole_runs(study, bad, good, bad_losses):
    made, (left, right) = figure(columns=2)
    for history, colour, label in ((bad, PRINTED, "as written"), (good, CORRECTED, "corrected")):
        best = int(np.argmin(history["valid_loss"]))
        style = {"marker": "o", "markevery": [best], "color": colour, "label": f"validation, {label}"}
        left.plot(history["epoch"], 100 * np.array(history["valid_accuracy"]), **style)
        right.plot(history["epoch"], history["valid_loss"], **style)
    epochs = range(len(bad))
    mean, sd = np.array([bad_losses.spread(epoch) for epoch in epochs]).T
    right.fill_between(bad["epoch"], mean - sd, mean + sd, color=PRINTED, alpha=0.25, linewidth=0)
    right.plot(bad["epoch"], bad_losses.last(), "--", color=PRINTED, linewidth=1, label="last batch, as written")
    right.plot([e + 1 for e in PRINTED_LOSS], PRINTED_LOSS.values(), "x", color=INK, label="last batch, printed")
    left.axhline(100 * PRINTED_ACCURACY, color=INK, linestyle=":", label="test, printed")
    left.set(xlabel="epoch", ylabel="accuracy, %", ylim=(86, 99))
    right.set(xlabel="epoch", ylabel="loss, nats", ylim=(0, 0.8))
    left.legend(loc="lower right")
    right.legend(fontsize=8)
    study.picture(made, "curves", """As written and corrected, each until its early stopping; a dot marks the epoch with
        the lowest validation loss, whose weights only the corrected run returns. The band is one standard deviation of
        the losses of an epoch's last 50 batches, as written: the printed loss is of one batch.""")  # fmt: skip


# ---------------------------------------------------------------- the defects, one by one


def first_weights(study, as_written, corrected, data):
    study.section("One stream of numbers, full sigmoids")
    first, second, third = (p.array.T for p in build(as_written).parameters() if p.ndim > 1)
    same = np.array_equal(second, first[:100]) and np.array_equal(third.ravel(), first.ravel()[: third.size])
    study.check("with one seed W2 is rows 1-100 of W1, W3 its first 1,000 numbers", same, 1, 1)
    rows, full = [], []
    for config, label in ((as_written, "N(0, 1)"), (corrected, "Xavier")):
        for i in (1, 2):  # the hidden layers
            h = predict(nn.Sequential(*list(build(config).children())[: 2 * i]), data["train"][0][:1000])
            full.append(float((h * (1 - h) < 0.01).mean()))
            rows.append([label, i, f"{100 * full[-1]:.1f} %", float((h * (1 - h)).mean())])
    study.table("Sigmoids before training", ["weights", "layer", "slope < .01", "mean slope (.25 at most)"], rows)
    study.check("full sigmoids of layer 1, N(0, 1) less Xavier", full[0] - full[2], 0.5, 0.7)


def update_rule(study, as_written, data):
    """Compare the study's training, written separately, with ours: steps, momentum, penalty, and the cost of d_w."""
    study.section("Momentum that is none, a penalty that nobody reads")
    images, labels = data["train"][0][:10_000].astype(np.float64), data["train"][1][:10_000]
    few, epochs = {"train": (images, labels), "valid": (images[:200], labels[:200])}, 2

    def source(gamma=as_written.momentum, lr=as_written.lr, penalty=0.0):
        made = SourceNetwork(as_written.layers, as_written.seed, lr, gamma, penalty)
        return made.train(images, labels, as_written.batch, epochs).vector()

    def ours(**changes):
        return weights_of(train(changed(as_written, **changes), few, epochs=epochs, dtype=np.float64)[0])

    end, config = source(), as_written
    gaps = {
        "ours, gamma .9 as a factor": abs(end - ours()).max(),
        "the study's, gamma 1, lr .0063": abs(end - source(1.0, config.lr * config.momentum)).max(),
        "the study's, gamma 1, lr .007": abs(end - source(1.0)).max(),
        "ours, gamma .9 as velocity": abs(end - ours(momentum_as="velocity")).max(),
        "the study's, L2_penalty 1": abs(end - source(penalty=1.0)).max(),
        "ours, L2 of 1e-4, read": abs(end - ours(l2=1e-4, l2_read=True)).max(),
    }
    title = f"Largest difference of a weight from the study's training, after {epochs * 50} steps in float64"
    study.table(title, ["training", "difference"], list(gaps.items()))
    same, factor, lower, velocity, unread, read = gaps.values()
    study.say("""The study's update is weights -= lr * gamma * gradient: gamma is a factor of the learning rate,
        there is no velocity, and turning gamma off raises the rate. L2_penalty is kept and never read.""")
    study.check("ours against the study's update", same, 0, 1e-9)
    study.check("the study's gamma against a lower lr", factor, 0, 1e-9)
    study.check("difference that L2_penalty makes as the study wrote it", unread, 0, 0)
    study.check("least difference of the three that should differ", min(lower, velocity, read), 1e-3, 100)
    cost_of_outer_products(study, images[:200], np.random.default_rng(0))


def cost_of_outer_products(study, x, rng):
    """Time the gradient of the first layer for a batch of 200 as the study computed it, and as a product."""
    delta = rng.standard_normal((len(x), 100))
    product, size = outer_products(x, delta)
    ways = partial(outer_products, x, delta), lambda: x.T @ delta
    slow, fast = (1e3 * min(repeat(way, number=1, repeat=5)) for way in ways)
    study.compare("gradient of the first layer, a batch of 200", "125 MB",
                  f"{size / 1e6:.1f} MB, {slow:.0f} ms (784 x 100 x 200 products)",
                  f"{(x.T @ delta).nbytes / 1e6:.1f} MB, {fast:.1f} ms (x.T @ delta)")  # fmt: skip
    study.check("the two, largest difference", abs(product - x.T @ delta).max(), 0, 1e-11)
    study.check("outer products: times the memory of the result", size / product.nbytes, 200, 200)
    study.check("outer products: times slower", slow / fast, 3, 1e4, timed=True)


def race(study, title, name, base, runs, data, epochs):
    """Train several configurations and show how; give lowest validation loss and best accuracy of each."""
    (made, ax), found = figure(width=7.5), {}
    for i, (label, changes) in enumerate(runs.items()):
        _, history = train(changed(base, **changes), data, epochs=epochs)
        style = "-" if i % 2 == 0 else "--"
        ax.plot(history["epoch"], history["valid_loss"], style, color=[*COLOURS, INK][i], label=label)
        found[label] = min(history["valid_loss"]), max(history["valid_accuracy"])
    ax.set(xlabel="epoch", ylabel="validation loss, nats", yscale="log")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    study.picture(made, name, f"{title}: validation loss.")
    rows = [[label, loss, f"{accuracy:.4f}"] for label, (loss, accuracy) in found.items()]
    study.table(f"{title}, {epochs} epochs", ["", "lowest validation loss, nats", "best accuracy"], rows)
    return {label: loss for label, (loss, _) in found.items()}


def momentum(study, corrected, data):
    """Give the word momentum its meanings, with controls that take the same step without any velocity."""
    study.section("What velocity brings")
    base = changed(corrected, l2=0.0)
    none = {"momentum_as": "factor", "momentum": 1.0}
    losses = race(study, "Meanings of momentum .9 (corrected, no L2, lr .1)", "momentum", base, {
        "no momentum": none, "a factor, as written": {"momentum_as": "factor"},
        "velocity, dampening .9": {"momentum_as": "dampened"}, "velocity": {},
        "velocity, Nesterov": {"momentum_as": "nesterov"}, "no momentum, lr x 10": {**none, "lr": 10 * base.lr},
        "velocity, dampening .9, lr x 10": {"momentum_as": "dampened", "lr": 10 * base.lr},
        "velocity, lr x 3": {"lr": 3 * base.lr}, "no momentum, lr x 30": {**none, "lr": 30 * base.lr},
    }, data, 2 if study.quick else 10)  # fmt: skip
    share = (losses["no momentum"] - losses["no momentum, lr x 10"]) / (losses["no momentum"] - losses["velocity"])
    study.say(f"""Velocity sums gradients, so its steps are up to 1 / (1 - .9) = 10 times as long. With steps of equal
        length, .1: no momentum {losses["no momentum"]:.3f} nats, dampened velocity
        {losses["velocity, dampening .9"]:.3f}. 1: no momentum {losses["no momentum, lr x 10"]:.3f}, velocity
        {losses["velocity"]:.3f}, dampened {losses["velocity, dampening .9, lr x 10"]:.3f}. 3: no momentum
        {losses["no momentum, lr x 30"]:.3f}, velocity {losses["velocity, lr x 3"]:.3f}. Of what turning velocity on
        brings, {losses["no momentum"]:.3f} to {losses["velocity"]:.3f}, the longer step alone brings
        {100 * share:.0f} %.""")
    low, high = (0.75, 1.5) if study.quick else (0.93, 1.15)
    study.check("loss without momentum, lr x 10, over loss with velocity",
                losses["no momentum, lr x 10"] / losses["velocity"], low, high)  # fmt: skip
    study.check("the same at a tenth of the step, velocity dampened",
                losses["no momentum"] / losses["velocity, dampening .9"], 0.95, 1.05)  # fmt: skip
    longer = losses["no momentum, lr x 10"] / losses["no momentum"]
    study.check("what ten times the step is worth without velocity: ratio of losses", longer, 0, 0.6)


def corrections(study, as_written, corrected, data, accuracy):
    study.section("What each correction is worth")
    losses = race(study, "One correction at a time", "corrections", as_written, {
        "as written": {}, "own numbers in each layer": {"same_stream": False}, "shuffled": {"shuffle": True},
        "L2 of 1e-4, read": {"l2": 1e-4, "l2_read": True}, "Xavier's weights": {"init": "xavier"},
        "velocity, same lr": {"momentum_as": "velocity"}, "velocity, lr / 10": {"momentum_as": "velocity", "lr": 7e-4},
        "all: corrected": vars(corrected),
    }, data, 2 if study.quick else 15)  # fmt: skip
    most, together = min(list(losses)[1:-1], key=losses.get), "all: corrected"
    ahead = "less than" if losses[together] < losses[most] else "not less than"
    study.say(f"""Alone, '{most}' is worth most: {losses["as written"]:.3f} to {losses[most]:.3f} nats. All together
        give {losses[together]:.3f} in as many epochs, {ahead} that one alone.""")
    study.check("loss with L2 that is read, against none", losses["L2 of 1e-4, read"] / losses["as written"], 0,
                0.99 if study.quick else 0.9)  # fmt: skip
    if study.quick:
        return
    rows = []
    for seed in (42, 0):
        config = changed(as_written, init="xavier", early_stop=corrected.early_stop, seed=seed)
        model, history = train(config, data, [STOPPING[config.early_stop](config.patience)])
        reached = evaluate(model, data["test"])["accuracy"]
        rows.append([f"Xavier's weights alone, seed {seed}", len(history), min(history["valid_loss"]), reached])
    alone = max(row[-1] for row in rows)
    study.table("To early stopping, with copies", ["", "epochs", "lowest validation loss", "test accuracy"], rows)
    study.say(f"""The comparison to make is to the end: until early stopping all corrections give test accuracy
        {accuracy:.4f} (seed 42), Xavier's weights alone {alone:.4f} at best.""")
    study.check("test accuracy to early stopping: all corrections less Xavier alone", accuracy - alone, -0.001, 0.01)


# ---------------------------------------------------------------- what the printed numbers hang on


def variants(study, as_written, data):
    """Name what the study does not tell, and what it might have been: configuration and data."""
    x, y = (np.concatenate([data[part][i] for part in ("train", "valid")]) for i in (0, 1))
    mixed = np.random.default_rng(0).permutation(len(y))
    train_rows, valid_rows = mixed[: len(data["train"][1])], mixed[len(data["train"][1]) :]
    deviations = np.where(x.std(0) > 0, x.std(0), 1)
    scales = {
        "raw pixels, 0 to 255": lambda images: 255 * images, "pixels from -1 to 1": lambda images: 2 * images - 1,
        "standardised by one mean and deviation": lambda images: (images - x.mean()) / x.std(),
        "standardised pixel by pixel": lambda images: (images - x.mean(0)) / deviations,
    }  # fmt: skip
    for seed in (42, 0) if study.quick else (42, 0, 1):
        yield f"pixels from 0 to 1, seed {seed}", changed(as_written, seed=seed), data
    split = {"train": (x[train_rows], y[train_rows]), "valid": (x[valid_rows], y[valid_rows]), "test": data["test"]}
    yield "another 50,000 of the 60,000", as_written, split
    for name, scale in scales.items():
        yield name, as_written, {p: (scale(images).astype(np.float32), ys) for p, (images, ys) in data.items()}


def causes(study, as_written, corrected, data, accuracies, losses):
    """Look for what the printed losses and the printed accuracy hang on; say which variant fits what."""
    study.section("Not reproduced: the printed losses and accuracy")
    epochs, rows, off, reached = 2 if study.quick else 28, [], {}, {}
    for name, config, given in variants(study, as_written, data):
        seen = BatchLosses()
        model, _ = train(config, given, [seen], epochs)
        reached[name] = evaluate(model, given["test"])["accuracy"]
        off[name] = [deviations_from(seen, e) for e in PRINTED_LOSS if e < epochs]
        zeros = int((given["train"][0][:1000, :100] == 0).all(0).sum())
        rows.append([name, *(batch_loss(seen, e) for e in PRINTED_LOSS), f"{reached[name]:.4f}", zeros])
    columns = ["", *(f"loss, epoch {e}: printed {loss}" for e, loss in PRINTED_LOSS.items()), "test accuracy",
               "pixels of the first 100 that are 0 in 1,000 images"]  # fmt: skip
    study.table(f"As written, {epochs} epochs; loss of the last batch, and mean ± sd of the last 50", columns, rows)
    by_loss = [name for name in off if max(map(abs, off[name])) <= 2]
    by_accuracy = [name for name, got in reached.items() if abs(got - PRINTED_ACCURACY) <= 0.01]
    both = [name for name in by_loss if name in by_accuracy]
    which = "The printed losses of these epochs" if study.quick else "All printed losses"
    study.say(f"""{which} within two standard deviations between batches: {listed(by_loss)}. Test accuracy
        within a point of the printed: {listed(by_accuracy)}. Both: {listed(both)}. The printed share of passing weights
        (see the gradient check) asks for 68 pixels of the first 100 that are exactly 0 in all images checked, which
        shifted or standardised pixels are not. Without shuffling, the last batch is the same 200 images in every epoch;
        which they were is not known. What made the printed numbers is not known: the images were not
        published.""")
    for epoch, printed in PRINTED_LOSS.items():
        study.compare(f"loss of the last batch, epoch {epoch}", str(printed),
                      *(batch_loss(seen, epoch) for seen in losses), loss_why(losses[0], epoch))  # fmt: skip
    good = [accuracies[1]]
    for seed in () if study.quick else (0, 1):
        model, _ = train(changed(corrected, seed=seed), data, [STOPPING[corrected.early_stop](corrected.patience)])
        good.append(evaluate(model, data["test"])["accuracy"])
    seeds = [got for name, got in reached.items() if "seed" in name]
    others = [got for name, got in reached.items() if "seed" not in name]
    study.compare("test accuracy", ".9126", f"{accuracies[0]:.4f}", ", ".join(f"{a:.4f}" for a in good), f"""not
        reproduced, cause unknown. After {epochs} epochs {len(seeds)} seeds give {min(seeds):.4f} to {max(seeds):.4f},
        another split and other scales of the pixels {min(others):.4f} to {max(others):.4f}""")  # fmt: skip
    study.check("test accuracy, as written", accuracies[0], *((0.9, 0.93) if study.quick else (0.938, 0.952)))
    study.check("test accuracy, corrected, lowest of the seeds", min(good), 0.94 if study.quick else 0.974, 0.981)


def deviations_from(seen, epoch):
    """Tell how many standard deviations between batches the printed loss lies above ours."""
    mean, sd = seen.spread(epoch)
    return (PRINTED_LOSS[epoch] - mean) / sd


def batch_loss(seen, epoch):
    """Write the loss of an epoch's last batch, and the spread between batches."""
    if epoch >= len(seen.last()):
        return "(not reached)"
    mean, sd = seen.spread(epoch)
    return f"{seen.last()[epoch]:.3f}; {mean:.3f} ± {sd:.3f}"


def loss_why(seen, epoch):
    """Say how far the printed loss is from ours, in the spread between batches."""
    if epoch >= len(seen.last()):
        return ""
    off = deviations_from(seen, epoch)
    verdict = "within the spread between batches" if abs(off) <= 2 else "not reproduced, cause unknown"
    return f"ours: last batch; mean ± sd of the last 50. The printed one is {off:+.1f} sd off: {verdict}"


def whole_study(study):
    """Do all of it."""
    as_written, corrected = read_configs(Path(__file__).with_suffix(".toml"))
    if study.quick:
        as_written, corrected = changed(as_written, epochs=4), changed(corrected, epochs=4)
    (images, labels), test = (part.arrays(flatten=True) for part in study.data())
    data = {"train": (images[:50_000], labels[:50_000]), "valid": (images[50_000:], labels[50_000:]), "test": test}
    accuracies, losses = whole_runs(study, as_written, corrected, data)
    first_weights(study, as_written, corrected, data)
    update_rule(study, as_written, data)
    momentum(study, corrected, data)
    corrections(study, as_written, corrected, data, accuracies[1])
    causes(study, as_written, corrected, data, accuracies, losses)
    gradient_check(study, as_written, data)


if __name__ == "__main__":
    run("config_net", "Study d: a network from a configuration file", whole_study, __doc__)
