"""Errors of reconstructions, and how far codes keep classes apart."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdl.measures.chunks import in_chunks
from jaxdl.ops.images import unit_pixels
from jaxdl.ops.losses import squared_error
from jaxdl.types import EvaluateFn, Params


class Coder(NamedTuple):
    """A trained model as a map to codes and a map back, for flat images in [0, 1].

    Attributes:
      encode: `encode(params, x)`: codes [batch latent].
      decode: `decode(params, codes)`: outputs [batch pixels].
      pixels: of outputs; by default they are logits, and pixels their sigmoid.
    """

    encode: Callable[[Params, Float[Array, "batch pixels"]], Float[Array, "batch _"]]
    decode: Callable[[Params, Float[Array, "batch _"]], Float[Array, "batch pixels"]]
    pixels: Callable[[jax.Array], jax.Array] = jax.nn.sigmoid


def make_encode(coder: Coder, params: Params) -> Callable[[jax.Array], jax.Array]:
    """`encode(image)`, compiled: codes of images [batch height width channels]."""
    return functools.partial(_image_by_image(coder.encode), params)


def _image_by_image(fn: Callable[[Params, jax.Array], Any]) -> Callable[..., Any]:
    """`fn(params, x)` of images of bytes, compiled; each goes through by itself."""

    def one(params, image):
        return jax.tree.map(lambda y: y[0], fn(params, unit_pixels(image[None])))

    # Mapped, not handed over as a batch: the small linear solves in the code of a
    # logistic PCA would round in another way.
    return jax.jit(jax.vmap(one, in_axes=(None, 0)))


def neighbour_accuracy(
    codes: Float[np.ndarray, "n latent"],
    labels: Int[np.ndarray, " n"],
    test_codes: Float[np.ndarray, "m latent"],
    test_labels: Int[np.ndarray, " m"],
    *,
    neighbours: int = 10,
) -> float:
    """Percent of codes whose nearest neighbours have, by majority, their class.

    A measure of how well classes are apart in the codes, learned without labels.
    Distances are Euclidean.

    Args:
      codes, labels: among which neighbours are sought.
      test_codes, test_labels: whose classes are guessed.
      neighbours: how many vote.
    """
    from sklearn.neighbors import KNeighborsClassifier

    classifier = KNeighborsClassifier(neighbours).fit(codes, labels)
    return 100 * float(np.mean(classifier.predict(test_codes) == test_labels))


def make_reconstruction_evaluate(
    coder: Coder,
    error_fn: Callable[[Array, Array], Array],
    *,
    watched: str = "validation",
    neighbours: int | None = None,
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of an autoencoder.

    Means over the images of a split: `<split>_loss`, what `error_fn` gives, and
    `<split>_squared_error`, the squared error of the pixels, in [0, 1], summed over an
    image. Of the validation split each time; when `final`, of the test split as well,
    and `knn_accuracy_percent` of its codes among those of the training images.

    Args:
      coder: the model; its parameters are `state.params`.
      error_fn: of outputs and images, one value an image.
      watched: the validation split's name in the metrics, for where it is one that is
        trained on.
      neighbours: how many vote; without it there is no vote.
    """

    def errors(params, x):
        outputs = coder.decode(params, coder.encode(params, x))
        return error_fn(outputs, x), squared_error(coder.pixels(outputs), x)

    compiled = _image_by_image(errors)

    def measure(name, params, image):
        found = in_chunks(functools.partial(compiled, params), image)
        names = f"{name}_loss", f"{name}_squared_error"
        return dict(zip(names, map(jnp.mean, found), strict=True))

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del key  # nothing is drawn
        values: dict[str, Any] = measure(watched, state.params, data.validation.image)
        if not final:
            return values
        values |= measure("test", state.params, data.test.image)
        if neighbours is not None:
            encode, points = make_encode(coder, state.params), []
            for split in (data.train, data.test):
                codes = in_chunks(encode, split.image)
                points += [np.asarray(codes), np.asarray(split.label)]
            accuracy = neighbour_accuracy(*points, neighbours=neighbours)
            values["knn_accuracy_percent"] = np.float32(accuracy)
        return values

    return evaluate


def squared_error_by_size(
    mean: Float[Array, " pixels"],
    components: Float[Array, "latent pixels"],
    x: Float[Array, "n pixels"],
) -> Float[Array, " latent"]:
    """Mean squared error of images given back by the first 1, 2, ... of components.

    For orthonormal components c_k: |x - mean|^2 - sum_(j <= k) ((x - mean) . c_j)^2.
    """
    centred = x - mean[None]
    explained = jnp.cumsum(jnp.mean((centred @ components.T) ** 2, axis=0))
    return jnp.maximum(jnp.mean(jnp.sum(centred**2, axis=1)) - explained, 0)
