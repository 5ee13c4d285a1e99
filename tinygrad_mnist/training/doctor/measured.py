"""The table of thresholds, written by `python examples/training_doctor.py --measure`: change it there.

Columns: limit, above (or below), warm-up and period in steps, window and its unit, patience in figures; then the
worst figure of any healthy training and the mildest of those that are broken this way (None: not measured).
"""

# fmt: off
TABLE: dict[str, tuple[float, bool, int, int, int, str, int, float | None, float | None]] = {
    "double_softmax": (0, True, 0, 1, 1, "look", 1, 0.0, 1.0),
    "evaluation_mode": (0, True, 0, 1, 1, "look", 2, 0.0, 2.0),
    "zero_grad": (0, True, 0, 1, 1, "look", 3, 0.0, 1.0),
    "unreached": (0, True, 0, 1, 1, "look", 4, 0.0, 2.0),
    "unscaled_input": (10, True, 0, 1, 1, "look", 1, 2.79, 255.0),
    "exploding": (3, True, 0, 1, 5, "looks", 2, 1.23, 8.92),
    "rate_too_high": (0.3, True, 0, 1, 3, "looks", 1, 0.119, 0.609),
    "unshuffled": (0.9, True, 0, 1, 5, "looks", 1, 0.225, 1.0),
    "saturated": (0.5, True, 4, 1, 3, "looks", 2, 0.00663, 0.761),
    "wrong_start": (2, True, 20, 1, 5, "looks", 1, 1.02, 4.85),
    "dead_relu": (0.5, True, 8, 1, 2000, "samples", 1, 0.195, 1.0),
    "vanishing": (5e-05, False, 60, 10, 5, "looks", 2, 0.000922, 4.1e-08),
    "rate_too_low": (0.0001, False, 60, 10, 5, "looks", 2, 0.00503, 2.14e-06),
    "constant_predictor": (0.9, True, 60, 1, 500, "samples", 1, 0.145, 0.998),
    "shuffled_labels": (0.023, False, 0, 1, 1, "epoch", 1, 0.0686, 0.00773),
    "overfitting": (0.02, True, 0, 1, 3, "epochs", 1, 0.0, 0.0345),
    "stuck": (0.05, True, 0, 1, 1000, "steps", 1, None, None),
}
