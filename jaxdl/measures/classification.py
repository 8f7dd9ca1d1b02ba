"""How well a classifier does on images that it was not trained on."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxdl.measures.chunks import in_chunks
from jaxdl.ops.arguments import array_like
from jaxdl.ops.images import unit_pixels
from jaxdl.ops.losses import check_labels, check_labels_fit, softmax_cross_entropy
from jaxdl.types import ApplyFn, EvaluateFn, Params


@array_like
def error_percent(
    logits: Float[Array, "*batch classes"], labels: Int[Array, "*batch"]
) -> Float[Array, ""]:
    """Share of examples whose largest logit is not that of their class, in percent.

    Raises:
      InputError: if there is not one label for each row of logits; see `check_labels`.
    """
    check_labels_fit(logits, labels)
    check_labels(labels, logits.shape[-1])
    return 100 * jnp.mean(jnp.argmax(logits, axis=-1) != labels)


def make_classification_evaluate(
    apply_fn: ApplyFn,
    *,
    watched: str = "validation",
    inputs_of: Callable[[Array], Array] = unit_pixels,
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a classifier on images.

    On the validation split `<watched>_loss` (mean cross-entropy, nats) and
    `<watched>_error` (percent); when `final`, `test_error` (percent) on the test split.

    Args:
      apply_fn: `apply_fn(params, x)` maps inputs, by default flat images [batch pixels]
        in [0, 1], to logits [batch classes]; the parameters are `state.params`.
      watched: the validation split's name in the metrics, for where it is one that is
        trained on.
      inputs_of: makes the inputs of bytes (`jaxdl.ops.unit_images` keeps the shape).
    """

    @jax.jit
    def compiled(params: Params, image):
        return apply_fn(params, inputs_of(image))

    def logits_of(params: Params, image):
        return in_chunks(functools.partial(compiled, params), image)

    def evaluate(state, data, key, final: bool) -> dict[str, Array]:
        del key  # nothing is drawn
        labels = data.validation.label
        logits = logits_of(state.params, data.validation.image)
        values = {
            f"{watched}_loss": jnp.mean(softmax_cross_entropy(logits, labels)),
            f"{watched}_error": error_percent(logits, labels),
        }
        if final:
            logits = logits_of(state.params, data.test.image)
            values["test_error"] = error_percent(logits, data.test.label)
        return values

    return evaluate
