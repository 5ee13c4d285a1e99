"""The gradient check of study d: what its 32 % and 83 % counted, and a check that can tell right from wrong.

The study checked 21,000 weights with eps = 1e-6 and 210 biases with eps = 1e-4 by the rule |difference| <= 9 eps^2. It
does not tell for how many images, nor which weights. Here the loss is summed over the first n images, and the weights
are those of the first 100 inputs of each layer, which are 21,000: both are assumptions.
"""

from __future__ import annotations

import numpy as np
from config_model import build, train
from study import CORRECTED, INK, PRINTED, figure

import tinygrad_mnist as tg
from tinygrad_mnist import nn

WEIGHT_EPS, BIAS_EPS, BLOCKS = 1e-6, 1e-4, 5
PASSED_WEIGHTS, PASSED_BIASES = 6810, 174  # of 21,000 and of 210, as printed
OFF = abs(float(np.float32(BIAS_EPS)) / BIAS_EPS - 1)  # 1e-4 in float32 is off by 2.526e-8 of itself
STEEPEST = 9 * BIAS_EPS**2 / OFF  # so a bias passes only if its derivative is no larger than this, 3.56


def allowed(eps):
    """Give the study's bound."""
    return 9 * eps**2


def summed_loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="sum")


def set_gradients(model, batch):
    """Compute all derivatives of the summed loss."""
    model.zero_grad()
    summed_loss(model, batch).backward()


def derivatives(model, entries, eps, batch, kept_as=np.float64):
    """Give numeric (central difference) and computed derivatives of the summed loss by entries (parameter, index)."""
    set_gradients(model, batch)
    numeric = []
    with tg.no_grad():
        for p, at in entries:
            value, losses = p.array[at], []
            for step in (eps, -eps):
                p.array[at] = kept_as(value + step)
                losses.append(summed_loss(model, batch).item())
            p.array[at] = value
            numeric.append((losses[0] - losses[1]) / (2 * eps))
    return np.array(numeric), np.array([p.grad.array[at] for p, at in entries])


def errors(*arguments):
    """Give the absolute differences of the two."""
    return np.abs(np.subtract(*derivatives(*arguments)))


def entries_of(model):
    """List the 21,000 weights and the 210 biases, as (parameter, index)."""
    parameters = list(model.parameters())
    weights = [(p, at) for p in parameters if p.ndim == 2 for at in np.ndindex(p.shape[0], 100)]
    return weights, [(p, (i,)) for p in parameters if p.ndim == 1 for i in range(len(p))]


def counts(model, batch):
    """Count weights whose derivative is exactly 0, and biases whose derivative is small enough to pass."""
    set_gradients(model, batch)
    weights, biases = ([p.grad.array for p in model.parameters() if p.ndim == n] for n in (2, 1))
    zeros = sum(int((g[:, :100] == 0).sum()) for g in weights)
    return zeros, int((np.abs(np.concatenate(biases)) <= STEEPEST).sum())


def float64_batch(x, y, rows):
    return x[rows].astype(np.float64), y[rows]


def how_many_images(study, model, x, y):
    """Look for the number of images that gives what was printed, over several blocks of images."""
    rows, fit_weights, fit_biases = [], [], []
    for n in (1, 50, 100, 125, 150, 200, 500, 1000, 1500, 2000):
        blocks = [float64_batch(x, y, slice(i * n, i * n + n)) for i in range(BLOCKS)]
        zeros, flat = np.sort([counts(model, batch) for batch in blocks], axis=0).T
        rows.append([n, f"{zeros[0]:,} to {zeros[-1]:,}", f"{flat[0]} to {flat[-1]}"])
        if zeros[0] - 100 < PASSED_WEIGHTS < zeros[-1] + 100:  # a pixel more or less is 100 weights
            fit_weights.append(n)
        if flat[0] <= PASSED_BIASES <= flat[-1]:
            fit_biases.append(n)
    title = f"{BLOCKS} blocks of n images, lowest to highest"
    columns = ["n", "of 21,000 weights: derivative exactly 0", f"of 210 biases: |derivative| <= {STEEPEST:.2f}"]
    study.table(title, columns, rows)
    both = [n for n in fit_weights if n in fit_biases]
    study.say(f"""6,810 passing weights are the 100 weights of each of 68 black pixels, and 10 others. n with as
        many: {said(fit_weights)}. n with 174 passing biases: {said(fit_biases)}. Both: {said(both)}.
        {"So no single n of these gives both printed numbers." if not both else ""} That the numbers are counts of black
        pixels and of steep biases is our explanation; which images and weights were used is not known.""")
    study.check("fewest and most zeros for 1,000 images enclose the printed count", 1000 in fit_weights, 1, 1)
    study.check("the same for the biases and 125 images", 125 in fit_biases, 1, 1)


def said(numbers):
    return ", ".join(f"{n:,}" for n in numbers) or "none of these"


def the_rule(study, model, x, y):
    """Apply the study's rule for some n: what passes, and how far off the derivatives really are."""
    (weights, biases), rows, found = entries_of(model), [], {}
    rng, size = np.random.default_rng(0), 100 if study.quick else 300
    for n in (1, 150) if study.quick else (1, 150, 1000):
        batch = float64_batch(x, y, slice(n))
        rounded, exact = (errors(model, biases, BIAS_EPS, batch, kind) for kind in (np.float32, np.float64))
        alive = [(p, at) for p, at in weights if p.grad.array[at] != 0]
        sample = [alive[i] for i in rng.choice(len(alive), size, replace=False)]
        off = errors(model, sample, WEIGHT_EPS, batch)
        numeric, computed = derivatives(model, sample, 1e-4, batch)
        relative = np.linalg.norm(numeric - computed) / np.linalg.norm(computed)
        kept = [int((each <= allowed(BIAS_EPS)).sum()) for each in (rounded, exact)]
        rows.append([n, f"{100 * (off <= allowed(WEIGHT_EPS)).mean():.1f} %", *kept, f"{relative:.0e}"])
        found[n] = {"float32": kept[0], "float64": kept[1], "relative": relative, "bias": float(rounded.max())}
    columns = ["n", f"of {size} weights, derivative not 0", "of 210 biases in float32", "in float64", "relative error"]
    study.table("What passes the study's rule; relative error: all of the sample, eps 1e-4", columns, rows)
    study.check("biases that pass in float64, fewest", min(each["float64"] for each in found.values()), 210, 210)
    study.check("relative error of the derivatives, largest", max(each["relative"] for each in found.values()), 0, 1e-6)
    return found


def one_image(study, model, x, y):
    """Apply the rule to one image's weights, right and wrong by 1 %; give what is needed to say more."""
    weights, _ = entries_of(model)
    some, batch = weights[:: 20 if study.quick else 1], float64_batch(x, y, slice(1))
    guess, exact = derivatives(model, some, WEIGHT_EPS, batch)
    alive, passed = exact != 0, abs(guess - exact) <= allowed(WEIGHT_EPS)
    wrong = abs(guess - 1.01 * exact) <= allowed(WEIGHT_EPS)
    close = np.isclose(guess, exact, rtol=1e-4, atol=1e-8)
    loss = summed_loss(model, batch).item()
    floor = 2.0**-53 * loss
    study.say(f"""The loss of the first image is {loss:.1f}, so a difference at eps = 1e-6 is rounded by about
        {floor / WEIGHT_EPS:.0e}; the rule allows 9e-12, and can be met only above eps = {(floor / 9) ** (1 / 3):.0e}.
        {100 * (1 - alive.mean()):.1f} % of the derivatives are exactly 0, at black pixels, and pass; of the others
        {100 * passed[alive].mean():.1f} % do. Derivatives wrong by 1 % would score {100 * wrong.mean():.1f} % instead
        of {100 * passed.mean():.1f} %: the rule hardly tells.""")
    shares = []
    for i in range(1, 10):  # other images, a tenth of their entries
        single = float64_batch(x, y, slice(i, i + 1))
        set_gradients(model, single)
        tenth = [(p, at) for p, at in weights[:: 100 if study.quick else 20] if p.grad.array[at] != 0]
        shares.append(100 * (errors(model, tenth, WEIGHT_EPS, single) <= allowed(WEIGHT_EPS)).mean())
    study.check("share of weights within 1e-4 relative + 1e-8", close.mean(), 1, 1)
    study.check("derivatives wrong by 1 % lose that many of the passes", passed.mean() - wrong.mean(), 0, 0.03)
    entries = [some[i] for i in np.flatnonzero(alive)[:: max(1, alive.sum() // 100)]]
    draw_steps(study, model, entries, batch, floor)
    return {"passed": passed, "alive": alive, "close": close, "largest": float(abs(guess - exact).max()),
            "shares": shares}  # fmt: skip


def draw_steps(study, model, entries, batch, floor):
    steps = 10.0 ** np.arange(-1, -11, -0.5)
    found = np.array([errors(model, entries, eps, batch) for eps in steps])
    made, ax = figure(width=7.5)
    ax.loglog(steps, found.max(1), color=CORRECTED, label="largest difference")
    ax.loglog(steps, np.median(found, 1), "--", color=CORRECTED, label="median difference")
    ax.loglog(steps, floor / steps, ":", color=INK, label="round-off, loss x 1.1e-16 / eps")
    ax.loglog(steps, allowed(steps), color=PRINTED, label="the study's rule, 9 eps²")
    used = [WEIGHT_EPS, BIAS_EPS]
    ax.plot(used, list(map(allowed, used)), "o", color=PRINTED, label="as used: weights 1e-6, biases 1e-4")
    ax.set(xlabel="step eps", ylabel="|numeric - computed derivative|", ylim=(1e-15, 1))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    study.picture(made, "gradient_check", """Central differences against derivatives that are not 0, one image: below
        eps of about 5e-6 the rule asks for more than float64 has.""")  # fmt: skip


def compare_counts(study, one, found):
    """Put the printed shares, and those measured when the study was reviewed, beside ours."""
    passed, alive, close = one["passed"], one["alive"], one["close"]
    study.compare("weights that pass, eps 1e-6", "32.43 %, 6,810 of 21,000",
                  f"{100 * passed.mean():.2f} %, {passed.sum():,} of {len(passed):,} (one image)",
                  f"{100 * close.mean():.2f} % within 1e-4 relative + 1e-8",
                  "the count is that of black pixels, fewer with more images: see the blocks")  # fmt: skip
    study.compare(
        "of the weights with a derivative that is not 0 (measured later)",
        "4-5 %",
        f"{100 * passed[alive].mean():.1f} %; nine other images {min(one['shares']):.1f} to {max(one['shares']):.1f} %",
        "",
        "passes by luck: the rule is below round-off, which differs with the image and the order of sums",
    )
    study.compare("largest difference of a weight (measured later)", "2.4e-9", f"{one['largest']:.1e}", "",
                  "round-off of the loss over eps")  # fmt: skip
    study.compare("biases that pass, eps 1e-4", "82.86 %, 174 of 210",
                  ", ".join(f"{each['float32']} (n = {n:,})" for n, each in found.items()), "210 each, in float64",
                  f"""biases were float32, where 1e-4 is off by {OFF:.3e} of itself, and so is every numeric derivative:
                  beyond {STEEPEST:.2f}, which sums over many images reach, none can pass""")  # fmt: skip
    study.compare("biases that pass on MNIST / 255 (measured later)", "100 %",
                  ", ".join(f"{100 * each['float32'] / 210:.0f} % (n = {n:,})" for n, each in found.items()), "100 %",
                  "holds for one image, not for sums over many: see the row above")  # fmt: skip
    study.compare("largest difference of a bias (measured later)", "2.5e-8", f"{found[1]['bias']:.1e} (n = 1)", "",
                  f"one image's derivatives reach 1; 1 x {OFF:.3e}")  # fmt: skip
    low, high = (0.005, 0.1) if study.quick else (0.03, 0.05)
    study.check("share of weights not 0 that pass, one image", passed[alive].mean(), low, high)
    study.check("largest difference of a weight, one image", one["largest"], 1e-9, 6e-9)
    study.check("largest difference of a bias, one image", found[1]["bias"], 2.3e-8, 2.7e-8)
    study.check("biases that pass in float32, n = 1", found[1]["float32"], 210, 210)
    study.check("and n = 150", found[150]["float32"], 160, 180)


def after_training(study, config, data, x, y):
    """Try another explanation of a single n: that the check came after some training."""
    model, rows = build(config, np.float64), []
    trained, _ = train(config, data, epochs=1)
    model.load_state_dict({name: p.array.astype(np.float64) for name, p in trained.state_dict().items()})
    _, biases = entries_of(model)
    for n in (150,) if study.quick else (150, 1000):
        batch = float64_batch(x, y, slice(n))
        zeros, flat = counts(model, batch)
        rows.append([n, zeros, flat, int((errors(model, biases, BIAS_EPS, batch, np.float32) <= 9e-8).sum())])
    columns = ["n", "weights with derivative 0", f"biases with |derivative| <= {STEEPEST:.2f}", "biases that pass"]
    study.table("After one epoch of training, biases in float32", columns, rows)
    n, zeros, flat, passed = rows[-1]
    study.say(f"""So a check that came after an epoch does not explain the printed numbers either: for n = {n:,},
        {zeros:,} weights have derivative 0, and {flat} biases a derivative that would let them pass if 1e-4 alone were
        rounded. But biases that are no longer 0 are rounded by float32 far more, and {passed} pass.""")
    study.check("biases that pass after an epoch, most", max(row[-1] for row in rows), 0, 60)


def gradcheck_properly(study, model, x, y):
    """Check all parameters with gradcheck, and that it refuses a first layer whose derivatives are 1 % too small."""
    inputs, labels = float64_batch(x, y, slice(200))

    def network(*values, lost=0.0):
        """Compute the loss from given parameters; a share of the first layer's gradient may be lost."""
        h = inputs
        for i in range(0, len(values), 2):
            h = nn.functional.linear(tg.sigmoid(h) if i else h, values[i], values[i + 1])
            h = h * (1 - lost) + h.detach() * lost if i == 0 else h
        return nn.functional.cross_entropy(h, labels)

    parameters = list(model.parameters())
    planted = tg.autograd.gradcheck(lambda *v: network(*v, lost=0.01), parameters, raise_exception=False)
    study.check("gradcheck accepts all parameters, 200 images", tg.autograd.gradcheck(network, parameters), 1, 1)
    study.check("gradcheck accepts a first layer whose derivatives are 1 % too small", planted, 0, 0)


def gradient_check(study, as_written, data):
    """Repeat the study's check, find out what it measured, and check properly."""
    study.section("The gradient check")
    model, (x, y) = build(as_written, np.float64), data["train"]
    how_many_images(study, model, x, y)
    found = the_rule(study, model, x, y)
    compare_counts(study, one_image(study, model, x, y), found)
    after_training(study, as_written, data, x, y)
    gradcheck_properly(study, model, x, y)
