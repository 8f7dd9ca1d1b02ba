"""The methods: what each trains, on the pretrained nets that there are."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.data.pictures import mobilenet_input, squeezenet_input
from jaxdl.data.weights import load_mobilenet, load_squeezenet
from jaxdl.models.lenet import modern_lenet
from jaxdl.models.mobilenets import mobilenet, mobilenet_features
from jaxdl.models.squeezenets import squeezenet, squeezenet_features
from jaxdl.ops.images import unit_images
from jaxdl.systems.transfer.augmentation import randomly_mirrored, randomly_shifted
from jaxdl.systems.transfer.networks import Body, Learner, frozen, whole
from jaxdl.types import Params

CLASSES = 10
SHIFT = 4  # pixels, at most, by which images move in training of the small net


class Net(NamedTuple):
    """A net with weights from ImageNet.

    Attributes:
      load: from a folder or file to its weights (`jaxdl.data.weights.Pretrained`).
      body: `body(side)`, the net without its last layer for pictures of that side.
    """

    load: Callable[[Path], Any]
    body: Callable[[int], Body]


def squeezenet_net() -> Net:
    """SqueezeNet 1.1."""
    load = functools.partial(load_squeezenet, model=squeezenet())
    features = squeezenet_features()
    return Net(load, lambda side: Body(features, 512, squeezenet_input, side))


def mobilenet_net() -> Net:
    """MobileNet v1 of a quarter's width."""
    load = functools.partial(load_mobilenet, model=mobilenet())
    features = mobilenet_features()
    return Net(load, lambda side: Body(features, 256, mobilenet_input, side))


NETS = {"squeezenet": squeezenet_net, "mobilenet": mobilenet_net}


def small() -> Learner:
    """The modern LeNet for colour images, mirrored and shifted in training."""
    net = modern_lenet(CLASSES, channels=3, maps=(16, 32))

    def logits(params, pretrained, examples, key):
        mirror_key, shift_key, dropout_key = jax.random.split(key, 3)
        images = randomly_mirrored(mirror_key, examples.image)
        images = randomly_shifted(shift_key, images, most=SHIFT)
        return net.apply(params, unit_images(images), key=dropout_key)

    return Learner(
        init=lambda key, pretrained: net.init(key),
        logits=logits,
        finish=lambda params, pretrained, examples: params,
        predict=lambda params, examples: net.apply(params, unit_images(examples.image)),
    )


class Spec(NamedTuple):
    """A method as far as its functions depend on it: equal ones compile once.

    Attributes:
      method: its name.
      net: name of the net with weights.
      side: height and width to which images are enlarged.
    """

    method: str
    net: str
    side: int


def make_learner(spec: Spec) -> Learner:
    """The functions of a method."""
    if spec.method == "small":
        return small()
    body = NETS[spec.net]().body(spec.side)
    if spec.method == "frozen":
        return frozen(body, CLASSES)
    return whole(body, CLASSES, pretrained=spec.method == "tuned")


@functools.partial(jax.jit, static_argnums=0)
def finish(spec: Spec, params: Params, pretrained: Any, examples: Any) -> Any:
    """`Learner.finish` of a method, compiled once for all training sizes."""
    return make_learner(spec).finish(params, pretrained, examples)


@functools.partial(jax.jit, static_argnums=0)
def predict(spec: Spec, finished: Any, examples: Any) -> jax.Array:
    """`Learner.predict` of a method, compiled once for all training sizes."""
    return make_learner(spec).predict(finished, examples)
