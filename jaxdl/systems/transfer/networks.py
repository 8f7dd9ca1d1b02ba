"""Transfer learning: a new linear layer on a net that was trained before."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, UInt8

from jaxdl.models.mlps import mlp
from jaxdl.nn.batch_norm import population_statistics
from jaxdl.systems.transfer.augmentation import randomly_mirrored
from jaxdl.types import Model, Params


class Body(NamedTuple):
    """A net without its last layer, and what it wants to see.

    Attributes:
      features: from pictures to features [batch size].
      size: features of a picture.
      prepare: from images of bytes to the numbers that the net was trained on.
      side: height and width to which images are enlarged.
    """

    features: Model
    size: int
    prepare: Callable[[jax.Array], jax.Array]
    side: int


class Pretrained(NamedTuple):
    """Arrays of a net that was trained before.

    Attributes:
      params: of its body; of other layers too, which are not used.
      statistics: constants of its batch normalisation.
    """

    params: Params
    statistics: Any


class Learner(NamedTuple):
    """A classifier in training and afterwards, as pure functions.

    Examples have `image` (bytes), `label` and `features`; `pretrained` is None where
    there are no such weights.

    Attributes:
      init: `init(key, pretrained) -> params`.
      logits: `logits(params, pretrained, examples, key)` in training; images are varied
        by the key.
      finish: `finish(params, pretrained, examples) -> finished`, from some examples
        that it was trained on.
      predict: `predict(finished, examples)`, logits of any examples.
    """

    init: Callable[..., Params]
    logits: Callable[..., jax.Array]
    finish: Callable[..., Any]
    predict: Callable[..., jax.Array]


def read_features(
    body: Body, given: Pretrained, image: UInt8[Array, "batch height width channels"]
) -> jax.Array:
    """Features of images, brought to mean 0 and variance 1 within each image.

    Args:
      body: the net.
      given: its arrays; batches are normalised by their own statistics if these are
        None.
      image: is enlarged by linear interpolation.

    Raises:
      InputError: if the net cannot take pictures of that side.
    """
    x = _enlarged(body, image)
    features = body.features.apply(given.params, x, statistics=given.statistics)
    return jax.nn.standardize(features)


def frozen(body: Body, num_classes: int) -> Learner:
    """A linear layer on features of examples that `read_features` gave before.

    It begins with zeros: all classes are equally likely.
    """
    head = _head(body, num_classes)
    return Learner(
        init=lambda key, pretrained: head.init(key),
        logits=lambda params, _, examples, key: head.apply(params, examples.features),
        finish=lambda params, pretrained, examples: params,
        predict=lambda params, examples: head.apply(params, examples.features),
    )


def whole(body: Body, num_classes: int, *, pretrained: bool) -> Learner:
    """The whole net with a new linear layer, on images that are mirrored at random.

    From pretrained weights its batch normalisation has the pretrained statistics, which
    stay as they are. From new ones it has those of the minibatch, and when finished
    those of the examples given.
    """
    head = _head(body, num_classes)

    def init(key, given):
        body_key, head_key = jax.random.split(key)
        params = body.features.init(body_key)
        if pretrained:
            params = {name: given.params[name] for name in params}
        return {"body": params, "head": head.init(head_key)}

    def classify(params, statistics, image):
        features = read_features(body, Pretrained(params["body"], statistics), image)
        return head.apply(params["head"], features)

    def logits(params, given, examples, key):
        image = randomly_mirrored(key, examples.image)
        return classify(params, given.statistics if pretrained else None, image)

    def finish(params, given, examples):
        if pretrained:
            return params, given.statistics
        x = _enlarged(body, examples.image)
        found = population_statistics(body.features.apply, params["body"], x)
        return params, found

    def predict(finished, examples):
        params, statistics = finished
        return classify(params, statistics, examples.image)

    return Learner(init, logits, finish, predict)


def _head(body: Body, num_classes: int) -> Model:
    return mlp([body.size, num_classes], kernel_init=jax.nn.initializers.zeros)


def _enlarged(body: Body, image: jax.Array) -> jax.Array:
    x = body.prepare(image)
    shape = len(x), body.side, body.side, x.shape[-1]
    return jax.image.resize(x, shape, "linear")
