"""The table of thresholds, written by `python examples/training_doctor.py --measure`: change it there.

Columns: limit, above (or below), warm-up and period in steps, window and its unit, patience in figures; then the
worst figure of any healthy training and the mildest of those that are broken this way (None: not measured).
"""

# fmt: off
TABLE: dict[str, tuple[float, bool, int, int, int, str, int, float | None, float | None]] = {
    "double_softmax": (0, True, 0, 1, 1, "look", 1, None, None),
    "evaluation_mode": (0, True, 0, 1, 1, "look", 2, None, None),
    "zero_grad": (0, True, 0, 1, 1, "look", 3, None, None),
    "unreached": (0, True, 0, 1, 1, "look", 4, None, None),
    "unscaled_input": (10, True, 0, 1, 1, "look", 1, None, None),
    "exploding": (3, True, 0, 1, 5, "looks", 2, None, None),
    "rate_too_high": (0.3, True, 0, 1, 3, "looks", 1, None, None),
    "unshuffled": (0.9, True, 0, 1, 5, "looks", 1, None, None),
    "saturated": (0.5, True, 4, 1, 3, "looks", 2, None, None),
    "wrong_start": (2, True, 20, 1, 5, "looks", 1, None, None),
    "dead_relu": (0.5, True, 8, 1, 2000, "samples", 1, None, None),
    "vanishing": (1e-4, False, 60, 1, 10, "looks", 2, None, None),
    "rate_too_low": (1e-4, False, 60, 1, 10, "looks", 2, None, None),
    "constant_predictor": (0.9, True, 40, 1, 500, "samples", 2, None, None),
    "shuffled_labels": (0.01, False, 0, 1, 1, "epoch", 1, None, None),
    "overfitting": (0.02, True, 0, 1, 3, "epochs", 1, None, None),
    "stuck": (0.05, True, 0, 1, 1000, "steps", 1, None, None),
}
