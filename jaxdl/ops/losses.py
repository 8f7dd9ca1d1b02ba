"""Losses: one value per example, for the caller to average."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from jaxdl.errors import InputError
from jaxdl.ops.activations import sigmoid, softplus
from jaxdl.ops.arguments import array_like
from jaxdl.ops.numerics import is_known


@array_like
def half_squared_error(
    outputs: Float[Array, "*batch out"], targets: Float[Array, "*batch out"]
) -> Float[Array, "*batch"]:
    """Half the squared distance from the targets.

    E = 1/2 sum_k (target_k - out_k)^2, so dE/dout_k = out_k - target_k.

    Raises:
      InputError: if the shapes differ, which would broadcast unnoticed.
    """
    _check_shapes(outputs, targets)
    return squared_error(outputs, targets) / 2


@array_like
def squared_error(
    outputs: Float[Array, "*batch out"], targets: Float[Array, "*batch out"]
) -> Float[Array, "*batch"]:
    """Squared distance from the targets, summed over the values of one example.

    E = sum_k (target_k - out_k)^2.

    Raises:
      InputError: if the shapes differ, which would broadcast unnoticed.
    """
    _check_shapes(outputs, targets)
    return jnp.sum((targets - outputs) ** 2, axis=-1)


@array_like
def bernoulli_cross_entropy(
    logits: Float[Array, "*batch out"], targets: Float[Array, "*batch out"]
) -> Float[Array, "*batch"]:
    """Cross-entropy of Bernoulli variables, summed over those of one example.

    E = -sum_k (t_k log p_k + (1 - t_k) log(1 - p_k)), p = sigmoid(logits), in nats. For
    targets of 0 and 1 it is -log p(t); for values between, at least the entropy
    -sum_k (t_k log t_k + (1 - t_k) log(1 - t_k)), which p = t reaches.

    Args:
      logits: one a variable.
      targets: from 0 to 1.

    Raises:
      InputError: if the shapes differ, or, where values are known, a target is not in
        [0, 1].
    """
    _check_shapes(logits, targets)
    if is_known(targets) and targets.size:
        values = np.asarray(targets)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            raise InputError(
                f"targets are from {low:.4g} to {high:.4g}: expected 0 to 1, as a "
                "Bernoulli likelihood needs; divide bytes by 255, or take squared error"
            )
    return jnp.sum(_bernoulli_terms(logits, targets), axis=-1)


@jax.custom_jvp
def _bernoulli_terms(z: jax.Array, t: jax.Array) -> jax.Array:
    """-t log p - (1 - t) log(1 - p) = softplus(z) - t z, without its cancellation.

    softplus(z) is max(z, 0) + softplus(-|z|), and what is left of max(z, 0) - t z is
    |z| times the share of the other outcome, where t = 0 and 1 leave nothing.
    """
    other = jnp.where(z > 0, 1 - t, t)
    straight = jnp.where(other == 0, 0, jnp.abs(z) * other)  # 0, for infinite z too
    return straight + softplus(-jnp.abs(z))


def _bernoulli_jvp(primals, tangents):
    (z, t), (of_z, of_t) = primals, tangents
    s = sigmoid(jnp.where(z > 0, -z, z))  # p - t = (1 - t) - (1 - p)
    parts = []
    if not isinstance(of_z, SymbolicZero):
        parts.append(of_z * jnp.where(z > 0, (1 - t) - s, s - t))
    if not isinstance(of_t, SymbolicZero):
        parts.append(of_t * -z)
    return _bernoulli_terms(z, t), sum(parts[1:], parts[0])


_bernoulli_terms.defjvp(_bernoulli_jvp, symbolic_zeros=True)


def _check_shapes(outputs: Array, targets: Array) -> None:
    if outputs.shape != targets.shape:
        raise InputError(
            f"targets have shape {targets.shape}: expected {outputs.shape}, that of "
            "the outputs"
        )


@array_like
def softmax_cross_entropy(
    logits: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Negative log-likelihood of the true classes.

    E = -log softmax(logits)[label], in nats, at least 0.

    Args:
      logits: one for each class.
      labels: classes from 0 on.

    Raises:
      InputError: if there is not one label for each row of logits, or, where values are
        known, a label is no class. Inside `jit` the loss of such an example is NaN.
    """
    check_labels_fit(logits, labels)
    check_labels(labels, logits.shape[-1])
    log_p = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_p, labels[..., None], axis=-1, mode="fill")[..., 0]
    return jnp.where(labels < 0, jnp.nan, -chosen)


def check_labels_fit(logits: Array, labels: Array) -> None:
    """Refuse labels that are not one for each row of logits.

    Raises:
      InputError: naming both shapes.
    """
    if logits.shape[:-1] != labels.shape:
        raise InputError(
            f"labels have shape {labels.shape}: expected {logits.shape[:-1]}, one for "
            "each row of logits"
        )


@array_like
def check_labels(labels: Int[Array, "*batch"], num_classes: int) -> None:
    """Refuse labels that are no classes, where their values are known.

    Raises:
      InputError: unless all are from 0 to `num_classes` - 1.
    """
    if not is_known(labels) or not labels.size:
        return
    values = np.asarray(labels)
    if values.min() < 0 or values.max() >= num_classes:
        raise InputError(
            f"labels are from {values.min()} to {values.max()}: expected 0 to "
            f"{num_classes - 1}, one number for each of {num_classes} classes"
        )
