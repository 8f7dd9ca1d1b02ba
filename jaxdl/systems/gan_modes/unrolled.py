"""A generator's loss against the discriminator that its samples would bring about."""

import jax
import optax

from jaxdl.adversarial.step import PlayerLossFn


def make_unrolled_generator_loss(
    gen_loss_fn: PlayerLossFn,
    disc_loss_fn: PlayerLossFn,
    disc_optimizer: optax.GradientTransformation,
    num_steps: int,
) -> PlayerLossFn:
    """The generator's loss after k more steps of the discriminator.

    loss(G) = gen_loss(G, D_k), with D_0 the discriminator as it is and D_{i+1} =
    D_i - step(grad disc_loss(D_i, G)). The gradient by G goes through the steps, which
    are a `scan`: G is told how D would answer. The steps look at the minibatch and the
    latents of the loss itself, and are forgotten afterwards.

    Args:
      gen_loss_fn, disc_loss_fn: of `make_gan_losses`.
      disc_optimizer: makes the steps. It is differentiated: Adam needs `eps_root` above
        0, for the square root has no slope at a parameter that never had a gradient.
      num_steps: k, 0 or more; 0 gives the loss as it was.

    Returns:
      `loss_fn(gen_params, (disc_params, disc_opt_state), batch, key) -> (scalar,
      metrics)`, to be differentiated by its first argument.

    References:
      Metz et al., "Unrolled generative adversarial networks", 2017, equations 4 to 7.
    """

    def loss_fn(gen_params, disc, batch, key):
        def body(disc, _):
            disc_params, opt_state = disc
            grads, _ = jax.grad(disc_loss_fn, has_aux=True)(
                disc_params, gen_params, batch, key
            )
            updates, opt_state = disc_optimizer.update(grads, opt_state, disc_params)
            return (optax.apply_updates(disc_params, updates), opt_state), None

        (disc_params, _), _ = jax.lax.scan(body, tuple(disc), length=num_steps)
        return gen_loss_fn(gen_params, disc_params, batch, key)

    return loss_fn
