"""Normalizing flows: generators whose density is known (Dinh et al. 2017)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.models.mlps import mlp
from jaxdl.ops.gaussians import LOG_2_PI
from jaxdl.types import Params, PRNGKey


class Flow(NamedTuple):
    """An invertible map of a standard normal latent, as pure functions.

    Attributes:
      init: `init(key) -> params`.
      apply: `apply(params, z)` maps latents [batch latent] to points, as many numbers.
      log_density: `log_density(params, x)`: log q(x) of points [batch latent], in nats.
      latent_size: numbers in z, and in x.
    """

    init: Callable[[PRNGKey], Params]
    apply: Callable[
        [Params, Float[Array, "batch latent"]], Float[Array, "batch latent"]
    ]
    log_density: Callable[
        [Params, Float[Array, "batch latent"]], Float[Array, " batch"]
    ]
    latent_size: int


def coupling_flow(
    latent_size: int = 2,
    *,
    num_layers: int = 8,
    hidden_size: int = 64,
    log_scale_bound: float = 2.0,
) -> Flow:
    """Affine coupling layers (real NVP), with exact density.

    Each layer leaves one half a of its input as it is and maps the other,
    b' = b exp(s(a)) + t(a), (s, t) being a net with two hidden layers of rectifiers;
    the halves change roles from layer to layer. So
    log q(x) = log N(z; 0, I) - sum_layers sum s, z being what x came from.
    Scales are bounded, s = bound tanh(net / bound), and begin at 0: before training
    every layer is the identity.

    Args:
      latent_size: numbers in z, 2 or more.
      num_layers: coupling layers; 2 or more, so that both halves are mapped.
      hidden_size: width of the nets' hidden layers.
      log_scale_bound: largest |s| of a layer.

    Raises:
      InputError: for fewer than two numbers or layers.

    References:
      Dinh, Sohl-Dickstein & Bengio, "Density estimation using real NVP", 2017.
    """
    if latent_size < 2 or num_layers < 2:
        raise InputError(
            f"a flow has {latent_size} numbers and {num_layers} layers: expected 2 or "
            "more of both"
        )
    cut = latent_size // 2
    sizes = [(cut, latent_size - cut), (latent_size - cut, cut)]  # of a and b, by turns
    nets = [mlp([a, hidden_size, hidden_size, 2 * b], hidden="relu") for a, b in sizes]

    def init(key: PRNGKey) -> Params:
        keys = jax.random.split(key, num_layers)
        layers = [nets[i % 2].init(keys[i]) for i in range(num_layers)]
        for layer in layers:
            layer[-1] = jax.tree.map(jnp.zeros_like, layer[-1])
        return layers

    def scale_and_shift(i, layer, a):
        s, t = jnp.split(nets[i % 2].apply(layer, a), 2, axis=-1)
        return log_scale_bound * jnp.tanh(s / log_scale_bound), t

    def halves(i, x):
        first, second = x[:, :cut], x[:, cut:]
        return (second, first) if i % 2 else (first, second)

    def whole(i, a, b):
        return jnp.concatenate([b, a] if i % 2 else [a, b], axis=1)

    def apply(params: Params, z: Float[Array, "batch latent"]):
        for i, layer in enumerate(params):
            a, b = halves(i, z)
            s, t = scale_and_shift(i, layer, a)
            z = whole(i, a, b * jnp.exp(s) + t)
        return z

    def log_density(params: Params, x: Float[Array, "batch latent"]):
        stretched = jnp.zeros(len(x), x.dtype)
        for i, layer in reversed(list(enumerate(params))):
            a, b = halves(i, x)
            s, t = scale_and_shift(i, layer, a)
            x = whole(i, a, (b - t) * jnp.exp(-s))
            stretched += jnp.sum(s, axis=1)
        return -0.5 * (jnp.sum(x**2, axis=1) + latent_size * LOG_2_PI) - stretched

    return Flow(init, apply, log_density, latent_size)
