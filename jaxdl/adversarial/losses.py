"""The losses of generative adversarial networks, from logits or a critic's scores.

In the minimax game the discriminator's logit s stands for D = sigmoid(s), so log D =
log_sigmoid(s) and log(1 - D) = log_sigmoid(-s). Neither forms D itself, which keeps
values and gradients finite where D rounds to 0 or 1. The later losses (least squares,
hinge, Wasserstein) take the number itself, a score.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.ops.arguments import array_like


@array_like
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


@array_like
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
    _check_same_shape(real_logits, fake_logits)
    return -jax.nn.log_sigmoid(real_logits) - jax.nn.log_sigmoid(-fake_logits)


@array_like
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


@array_like
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


@array_like
def least_squares_discriminator_loss(
    real_scores: Float[Array, "*batch"], fake_scores: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Squared distance of the scores of data from 1, and of samples from 0.

    loss = ((D(x) - 1)^2 + D(G(z))^2) / 2, the paper's with a = 0 and b = 1.

    Args:
      real_scores: of data.
      fake_scores: of samples, as many; the pairing leaves the mean alone.

    Returns:
      One value per pair, at least 0; 1/4 where D = 1/2.

    Raises:
      ValueError: if the shapes differ.

    References:
      Mao et al., "Least squares generative adversarial networks", 2017, equation 2.
    """
    _check_same_shape(real_scores, fake_scores)
    return ((real_scores - 1) ** 2 + fake_scores**2) / 2


@array_like
def least_squares_generator_loss(
    fake_scores: Float[Array, "*batch"],
) -> Float[Array, "*batch"]:
    """Squared distance of the scores of samples from 1.

    loss = (D(G(z)) - 1)^2 / 2, the paper's with c = 1.

    Args:
      fake_scores: of samples.

    Returns:
      One value per sample, at least 0; 1/8 at D = 1/2.

    References:
      Mao et al., "Least squares generative adversarial networks", 2017, equation 2.
    """
    return (fake_scores - 1) ** 2 / 2


@array_like
def hinge_discriminator_loss(
    real_scores: Float[Array, "*batch"], fake_scores: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Hinge loss: the gap of data below 1, and of samples above -1.

    loss = max(0, 1 - D(x)) + max(0, 1 + D(G(z))). Scores beyond the margin have no
    gradient. The generator that goes with it has `wasserstein_generator_loss`.

    Args:
      real_scores: of data.
      fake_scores: of samples, as many; the pairing leaves the mean alone.

    Returns:
      One value per pair, at least 0; 2 at D = 0.

    Raises:
      ValueError: if the shapes differ.

    References:
      Lim & Ye, "Geometric GAN", 2017, equation 11.
    """
    _check_same_shape(real_scores, fake_scores)
    return jax.nn.relu(1 - real_scores) + jax.nn.relu(1 + fake_scores)


@array_like
def wasserstein_critic_loss(
    real_scores: Float[Array, "*batch"], fake_scores: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Critic loss: the scores of samples minus those of data.

    loss = D(G(z)) - D(x). Minus its mean, at its greatest over critics of slope 1 at
    most, is the Wasserstein-1 distance; the slope is bounded elsewhere
    (`jaxdl.systems.gan_modes.gradient_penalty`).

    Args:
      real_scores: of data.
      fake_scores: of samples, as many; the pairing leaves the mean alone.

    Returns:
      One value per pair, of any sign.

    Raises:
      ValueError: if the shapes differ.

    References:
      Arjovsky et al., "Wasserstein generative adversarial networks", 2017, equation 2.
    """
    _check_same_shape(real_scores, fake_scores)
    return fake_scores - real_scores


@array_like
def wasserstein_generator_loss(
    fake_scores: Float[Array, "*batch"],
) -> Float[Array, "*batch"]:
    """Minus the scores of samples.

    loss = -D(G(z)); also the generator's loss of Lim & Ye's hinge.

    Args:
      fake_scores: of samples.

    Returns:
      One value per sample, of any sign.

    References:
      Arjovsky et al., "Wasserstein generative adversarial networks", 2017.
    """
    return -fake_scores


def _check_same_shape(real: jax.Array, fake: jax.Array) -> None:
    if real.shape != fake.shape:
        raise ValueError(
            f"real logits {real.shape} and fake logits {fake.shape} must have the same "
            "shape"
        )
