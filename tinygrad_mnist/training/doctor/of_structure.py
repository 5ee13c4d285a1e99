"""Symptoms that are exact: what the graph of one step shows, without any threshold that was measured.

Look next at of_steps.py.
"""

from __future__ import annotations

from .look import Look
from .symptom import Course, Symptom


class DoubleSoftmax(Symptom):
    """A softmax or sigmoid whose result goes into a loss that normalizes itself."""

    name = "double_softmax"

    def take(self, look: Look, course: Course) -> float | None:
        """Count it."""
        self.twice = look.twice
        return float(bool(look.twice))

    def told(self, course: Course) -> tuple[str, str]:
        """Name both."""
        advice = "give the loss the raw outputs of the last layer; apply softmax or sigmoid only where you read them"
        return self.twice, advice


class EvaluationMode(Symptom):
    """A model that is trained in evaluation mode, and has layers to which that matters."""

    name = "evaluation_mode"

    def take(self, look: Look, course: Course) -> float | None:
        """Count them."""
        self.layers = look.evaluating
        return float(len(look.evaluating))

    def told(self, course: Course) -> tuple[str, str]:
        """Name them."""
        layers = ", ".join(self.layers[:3]) + (f" and {len(self.layers) - 3} more" if len(self.layers) > 3 else "")
        seen = f"the model is in evaluation mode while it is trained, which matters to {layers}"
        return seen, "model.train() before each epoch, model.eval() only around validation"


class ZeroGrad(Symptom):
    """Gradients that an update has used, and that the next backward pass adds to."""

    name = "zero_grad"

    def take(self, look: Look, course: Course) -> float | None:
        """Count a step with such gradients."""
        return None if look.again is None else float(look.again)

    def told(self, course: Course) -> tuple[str, str]:
        """Say so."""
        seen = "the gradient that the last update used was still there, and backward added the new one to it"
        return seen, "optimizer.zero_grad() before loss.backward(), in every step"


class Unreached(Symptom):
    """Parameters that ask for a gradient, and that the loss does not depend on."""

    name = "unreached"

    def take(self, look: Look, course: Course) -> float | None:
        """Count them."""
        self.parameters = look.unreached
        return float(len(look.unreached))

    def told(self, course: Course) -> tuple[str, str]:
        """Name them."""
        more = f" and {len(self.parameters) - 3} more" if len(self.parameters) > 3 else ""
        seen = f"the loss does not depend on {', '.join(self.parameters[:3])}{more}: no gradient reaches them"
        return seen, "use it in forward, without detach(), numpy() or no_grad() behind it; or requires_grad_(False)"


class UnscaledInput(Symptom):
    """Inputs far from the range that layers are initialized for."""

    name = "unscaled_input"

    def take(self, look: Look, course: Course) -> float | None:
        """Give the largest absolute value of the first batch, as the first layer with weights got it."""
        self.reach, look_reach = look.reach or 0.0, look.reach
        return look_reach

    def told(self, course: Course) -> tuple[str, str]:
        """Name the range."""
        advice = "pixels / 255; of other features subtract the mean and divide by the standard deviation of each"
        return f"the first layer is given numbers of up to {self.reach:g}", advice
