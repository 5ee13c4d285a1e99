"""The training step in JAX: loss, gradients and update in one jitted function whose weights and state are donated.

Arrays are as JAX's own examples have them: images with the channels last, weights (in, out), labels int32. `jax` pools
with lax.reduce_window, as Flax's max_pool and its kin do; its gradient is slow on CPUs, and those who know that pool by
reshaping: `jax.reshape`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def parameters_of(step, weights):
    """Bring weights in PyTorch's layout into JAX's, as pairs (weight, bias)."""
    pairs = []
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        if weight.ndim == 4:
            weight = weight.transpose(2, 3, 1, 0)
        elif step.channels and len(pairs) == len(step.channels):
            # flattening (height, width, channel) meets the inputs of this layer in another order
            side = step.pooled_side
            weight = weight.reshape(-1, step.channels[-1], side, side).transpose(2, 3, 1, 0).reshape(-1, len(bias))
        else:
            weight = weight.T
        pairs.append((jnp.array(weight), jnp.array(bias)))
    return pairs


def max_pool(x, variant):
    if variant == "jax.reshape":
        count, height, width, channels = x.shape
        return x.reshape(count, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def logits_of(step, parameters, x, variant):
    convolutions, linear = parameters[: len(step.channels)], parameters[len(step.channels) :]
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[step.activation]
    for weight, bias in convolutions:
        x = lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + bias)
    if convolutions:
        x = max_pool(x, variant).reshape(len(x), -1)
    for weight, bias in linear[:-1]:
        x = activation(x @ weight + bias)
    weight, bias = linear[-1]
    return x @ weight + bias


def start_of_state(step, parameters):
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    if step.optimizer == "adam":
        return zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.int32)
    return zeros if step.optimizer == "momentum" else ()


def update(step, parameters, gradients, state):
    if step.optimizer == "adam":
        first, second, count = state
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = step.lr / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-8), parameters, first, second)
        return parameters, (first, second, count)
    if step.optimizer == "momentum":
        gradients = state = jax.tree.map(lambda v, g: 0.9 * v + g, state, gradients)
    return jax.tree.map(lambda p, g: p - step.lr * g, parameters, gradients), state


def convert(step, images, labels):
    if step.channels:
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return jax.device_put(images), jax.device_put(labels.astype(np.int32))


def build(step, weights, variant):
    parameters = parameters_of(step, weights)
    state = start_of_state(step, parameters)

    def loss_function(parameters, images, labels):
        scores = jax.nn.log_softmax(logits_of(step, parameters, images, variant))
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def jitted(parameters, state, images, labels):
        loss, gradients = jax.value_and_grad(loss_function)(parameters, images, labels)
        return *update(step, parameters, gradients, state), loss

    def train_step(images, labels):
        nonlocal parameters, state
        parameters, state, loss = jitted(parameters, state, images, labels)
        # JAX hands out its results before they are computed; the other frameworks have computed theirs
        jax.block_until_ready((parameters, state, loss))
        return loss

    return train_step
