"""A bound on the weights of each unit, as a part of an optimizer."""

import jax
import jax.numpy as jnp
import optax


def max_column_norm(bound: float) -> optax.GradientTransformation:
    """Keeps each unit's incoming weights within a ball; last in an `optax.chain`.

    After the update a column w of a kernel [in, out] becomes w min(1, bound / |w|),
    with the Euclidean norm over its inputs. Biases, and all that is no matrix, go free.

    Args:
      bound: largest norm of a column, above 0.

    References:
      Srivastava et al., "Dropout: a simple way to prevent neural networks from
      overfitting", 2014, section 5.1.
    """

    def update(updates, state, params=None):
        if params is None:
            raise ValueError(
                "max_column_norm got no params: expected update(updates, state, params)"
            )

        def project(update, param):
            if param.ndim != 2:
                return update
            moved = param + update
            norms = jnp.linalg.norm(moved, axis=0, keepdims=True)
            # The floor keeps a column of zeros from dividing by zero.
            return moved * jnp.minimum(1, bound / jnp.maximum(norms, 1e-30)) - param

        return jax.tree.map(project, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
