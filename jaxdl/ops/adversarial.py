"""The minimax game of generative adversarial networks, from logits.

The discriminator's logit s stands for D = sigmoid(s), so log D = log_sigmoid(s) and
log(1 - D) = log_sigmoid(-s). Neither forms D itself, which keeps values and gradients
finite where D rounds to 0 or 1.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def gan_value(
    real_logits: Float[Array, "*real_batch"], fake_logits: Float[Array, "*fake_batch"]
) -> Float[Array, ""]:
    """Value of the game, estimated from a batch of each kind.

    V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))].

    Unlike the losses below this is one number: V is a sum of two expectations, and each
    is taken over all of its logits.

    Args:
      real_logits: logits of D on data, any shape that is not empty.
      fake_logits: logits of D on samples, in any number.

    Returns:
      A scalar in nats, at most 0; -log 4 where D = 1/2 everywhere.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, equation 1.
    """
    log_real = jax.nn.log_sigmoid(real_logits)
    log_not_fake = jax.nn.log_sigmoid(-fake_logits)
    return jnp.mean(log_real) + jnp.mean(log_not_fake)


def discriminator_loss(
    real_logits: Float[Array, "*batch"], fake_logits: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Loss that the discriminator minimises, per pair of an image and a sample.

    loss = -log D(x) - log(1 - D(G(z))); its mean is -V(D, G).

    Args:
      real_logits: logits of D on data.
      fake_logits: logits of D on samples, as many: image i is paired with sample i. The
        pairing is arbitrary and leaves the mean alone.

    Returns:
      One value per pair, in nats, at least 0; 2 log 2 where D = 1/2.

    Raises:
      ValueError: if the shapes differ, which would broadcast unnoticed.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, algorithm 1.
    """
    if real_logits.shape != fake_logits.shape:
        raise ValueError(
            f"real logits {real_logits.shape} and fake logits {fake_logits.shape} "
            "must have the same shape"
        )
    return -jax.nn.log_sigmoid(real_logits) - jax.nn.log_sigmoid(-fake_logits)


def minimax_generator_loss(
    fake_logits: Float[Array, "*batch"],
) -> Float[Array, "*batch"]:
    """Loss of the generator in the minimax game.

    loss = log(1 - D(G(z))).

    It saturates: the gradient with respect to the logit is -D, which vanishes where the
    discriminator is sure that the sample is fake.

    Args:
      fake_logits: logits of D on samples.

    Returns:
      One value per sample, in nats, at most 0 and unbounded below; -log 2 at D = 1/2.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, equation 1.
    """
    return jax.nn.log_sigmoid(-fake_logits)


def non_saturating_generator_loss(
    fake_logits: Float[Array, "*batch"],
) -> Float[Array, "*batch"]:
    """Loss of the generator with a gradient where it is needed most.

    loss = -log D(G(z)).

    It has the fixed point of the minimax loss; its gradient with respect to the logit
    is D - 1, close to -1 where the discriminator is sure that the sample is fake.

    Args:
      fake_logits: logits of D on samples.

    Returns:
      One value per sample, in nats, at least 0; log 2 at D = 1/2.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, section 3.
    """
    return -jax.nn.log_sigmoid(fake_logits)
