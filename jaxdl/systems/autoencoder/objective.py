"""Objective of a variational autoencoder: the evidence lower bound."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.ops.gaussians import standard_normal_kl
from jaxdl.ops.images import sample_pixels, unit_pixels
from jaxdl.ops.losses import bernoulli_cross_entropy
from jaxdl.types import LossFn


def make_variational_loss(model: Any, *, binarise: bool = True) -> LossFn:
    """Negative evidence lower bound of images, in nats.

    log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z)), p(z) = N(0, I). One code is
    drawn for each image, z = mean + exp(log_variance / 2) eps with eps ~ N(0, I), so
    that the gradient goes through mean and variance; the divergence is exact.

    Args:
      model: has `encode(params, x) -> (mean, log_variance)` of q(z | x) and
        `decode(params, z)`, logits of each pixel.
      binarise: draw the pixels, 0 or 1, with their intensity as probability, anew at
        every step. Without it the targets are the intensities themselves: what is
        bounded is no likelihood then.

    Returns:
      `loss_fn(params, batch, key) -> (scalar, metrics)` for uint8 images `batch.image`.
      Metrics are means over the batch in nats an image: `loss`, which is the sum of
      `reconstruction`, -log p(x | z), and `kl`.

    References:
      Kingma & Welling, "Auto-encoding variational Bayes", 2014; Burda et al.,
      "Importance weighted autoencoders", 2016, for pixels drawn anew.
    """

    def loss_fn(params, batch, key):
        pixel_key, noise_key = jax.random.split(key)
        image = batch.image
        x = sample_pixels(pixel_key, image) if binarise else unit_pixels(image)
        mean, log_variance = model.encode(params, x)
        noise = jax.random.normal(noise_key, mean.shape, mean.dtype)
        logits = model.decode(params, mean + jnp.exp(log_variance / 2) * noise)
        reconstruction = jnp.mean(bernoulli_cross_entropy(logits, x))
        kl = jnp.mean(standard_normal_kl(mean, log_variance))
        loss = reconstruction + kl
        return loss, {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    return loss_fn
