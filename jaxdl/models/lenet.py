"""LeNet-5, which read handwritten digits in 1998, and the same net of today's parts."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.models.lenet_layers import (
    C3_INPUTS,
    PartialConv,
    TrainablePool,
    lecun_uniform,
    scaled_tanh,
)
from jaxdl.nn.conv import Conv, Implementation
from jaxdl.nn.dropout import Dropout
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.nn.linen import from_linen
from jaxdl.nn.pooling import max_pool
from jaxdl.types import Params, PRNGKey

IMAGE_SIZES = (28, 32)
"""Height and width of the images that both nets take."""

NUM_CLASSES = 10
"""Of every data set that `experiments/lenet.py` knows."""


class Activity(NamedTuple):
    """Outputs of a net's layers for some images, by their names of 1998."""

    c1: Float[Array, "batch 28 28 maps"]
    s2: Float[Array, "batch 14 14 maps"]
    c3: Float[Array, "batch 10 10 maps2"]
    s4: Float[Array, "batch 5 5 maps2"]
    c5: Float[Array, "batch units"]
    f6: Float[Array, "batch features"]
    logits: Float[Array, "batch classes"]


class LeNet(NamedTuple):
    """A net as pure functions of images [batch height width channels] in [0, 1].

    Attributes:
      init: `init(key) -> params`.
      apply: `apply(params, x, *, key=None)`: logits [batch classes]; with a key,
        dropout is on where the net has it.
      features: `features(params, x)`: the layer below the logits, [batch 84].
      activity: `activity(params, x)`: of all layers.
    """

    init: Callable[[PRNGKey], Params]
    apply: Callable[..., Float[Array, "batch classes"]]
    features: Callable[[Params, jax.Array], Float[Array, "batch features"]]
    activity: Callable[[Params, jax.Array], Activity]


def lenet5(
    num_classes: int = 10,
    *,
    channels: int = 1,
    implementation: Implementation = "fast",
) -> LeNet:
    """LeNet-5 as it was in 1998, but for its output layer.

    | layer | what | gives | parameters |
    |---|---|---|---|
    | C1 | convolution 5x5 | 6 maps of 28x28 | 156 |
    | S2 | trainable pooling 2x2 | 6 maps of 14x14 | 12 |
    | C3 | convolution 5x5, each map sees some maps of S2 | 16 of 10x10 | 1,516 |
    | S4 | trainable pooling 2x2 | 16 maps of 5x5 | 32 |
    | C5 | convolution 5x5: all of S4 | 120 units | 48,120 |
    | F6 | fully connected | 84 units | 10,164 |
    | output | softmax in place of distances to drawn characters | 10 | 850 |

    60,000 parameters below the output layer for one channel. Every layer but the output
    ends in `scaled_tanh`. Weights are uniform in +-2.4 / n_in, n_in the inputs of a
    unit; biases begin at 0. A pixel p enters as 1.275 p - 0.1: white is -0.1, black
    1.175. Images of 28x28 get a border of 2 white pixels; those of 32x32 have it.

    Args:
      num_classes: of the output layer, 2 or more.
      channels: of the images.
      implementation: of the convolutions, as for `jaxdl.nn.conv_general_dilated`.

    Raises:
      InputError: if there are fewer than 2 classes or 1 channel; from the functions, if
        an image is neither 28x28 nor 32x32 or has other channels.

    References:
      LeCun et al., "Gradient-based learning applied to document recognition", 1998,
      section II-B and appendix A.
    """
    _check_counts(num_classes, channels)

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Float[Array, "batch height width channels"]) -> Activity:
            x = _as_input(x, channels)
            conv = Conv(
                6,
                (5, 5),
                padding="VALID",
                kernel_init=lecun_uniform,
                name="c1",
                implementation=implementation,
            )
            partial_conv = PartialConv(C3_INPUTS, implementation, name="c3")
            c1 = scaled_tanh(conv(x))
            s2 = scaled_tanh(TrainablePool(name="s2")(c1))
            c3 = scaled_tanh(partial_conv(s2))
            s4 = scaled_tanh(TrainablePool(name="s4")(c3))
            # Maps of 5x5 under kernels of 5x5: the convolution is a product.
            c5 = nn.Dense(120, kernel_init=lecun_uniform, name="c5")(
                s4.reshape(len(x), -1)
            )
            c5 = scaled_tanh(c5)
            f6 = scaled_tanh(nn.Dense(84, kernel_init=lecun_uniform, name="f6")(c5))
            logits = nn.Dense(num_classes, kernel_init=lecun_uniform, name="out")(f6)
            return Activity(c1, s2, c3, s4, c5, f6, logits)

    return _as_lenet(Net(), channels)


def modern_lenet(
    num_classes: int = 10,
    *,
    channels: int = 1,
    maps: tuple[int, int] = (16, 32),
    dropout: float = 0.5,
    implementation: Implementation = "fast",
) -> LeNet:
    """LeNet of today's parts: rectifiers, largest values, full connections, dropout.

    The layers of `lenet5` with its names: two 5x5 convolutions with max pooling 2x2
    after each, 120 and 84 units, the classes. Weights as He et al. have them, those of
    the output uniform in +-1 / sqrt(84); biases begin at 0.

    Args:
      num_classes: of the output layer, 2 or more.
      channels: of the images.
      maps: of the two convolutions.
      dropout: share of C5 and F6 that is dropped in training, 0 to below 1.
      implementation: of the convolutions, as for `jaxdl.nn.conv_general_dilated`.

    Raises:
      InputError: as for `lenet5`; or if the share is not in [0, 1).
    """
    _check_counts(num_classes, channels)
    if not 0 <= dropout < 1:
        raise InputError(f"dropout is {dropout}: expected 0 or more, below 1")
    he, standard = INITIALIZERS["he"], INITIALIZERS["standard"]

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Float[Array, "batch height width channels"]) -> Activity:
            def conv(x, features, name):
                layer = Conv(
                    features,
                    (5, 5),
                    padding="VALID",
                    kernel_init=he,
                    name=name,
                    implementation=implementation,
                )
                return nn.relu(layer(x))

            def dense(x, features, name):
                y = nn.relu(nn.Dense(features, kernel_init=he, name=name)(x))
                return Dropout(dropout)(y)

            x = _as_input(x, channels)
            c1 = conv(x, maps[0], "c1")
            s2 = max_pool(c1)
            c3 = conv(s2, maps[1], "c3")
            s4 = max_pool(c3)
            c5 = dense(s4.reshape(len(x), -1), 120, "c5")
            f6 = dense(c5, 84, "f6")
            logits = nn.Dense(num_classes, kernel_init=standard, name="out")(f6)
            return Activity(c1, s2, c3, s4, c5, f6, logits)

    return _as_lenet(Net(), channels)


def enlarge_inputs(net: LeNet) -> LeNet:
    """A net that takes images of any size, brought to 28x28 by linear interpolation.

    For the 8x8 digits. In larger images pixels are averaged.
    """

    def of(fn):
        def of_any(params, x, **kwargs):
            shape = len(x), IMAGE_SIZES[0], IMAGE_SIZES[0], x.shape[-1]
            return fn(params, jax.image.resize(x, shape, "linear"), **kwargs)

        return of_any

    return LeNet(net.init, of(net.apply), of(net.features), of(net.activity))


def _check_counts(num_classes: int, channels: int) -> None:
    if num_classes < 2:
        raise InputError(f"num_classes is {num_classes}: expected 2 or more")
    if channels < 1:
        raise InputError(f"channels is {channels}: expected 1 or more")


def _as_input(x: jax.Array, channels: int) -> jax.Array:
    """Images of 32x32, white at -0.1 and black at 1.175."""
    height, width, found = x.shape[1:]
    if height != width or height not in IMAGE_SIZES:
        raise InputError(
            f"LeNet got images of {height}x{width} pixels: expected 28x28 or 32x32"
        )
    if found != channels:
        raise InputError(
            f"LeNet got images of {found} channels: expected {channels}, as it was "
            "made for"
        )
    border = (32 - height) // 2
    x = jnp.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    return 1.275 * x - 0.1


def _as_lenet(net: nn.Module, channels: int) -> LeNet:
    model = from_linen(net, example=jnp.zeros((1, 32, 32, channels)))

    def features(params, x):
        return model.apply(params, x).f6

    def logits(params, x, *, key=None):
        return model.apply(params, x, key=key).logits

    return LeNet(model.init, logits, features, model.apply)


@functools.lru_cache(maxsize=8)  # equal nets are one, compiled once
def build_lenet(model: str, image_shape: tuple[int, int, int]) -> LeNet:
    """The net of `experiments/lenet.py`; small images are enlarged first.

    Args:
      model: "lenet5" or "modern".
      image_shape: height, width and channels of the images.
    """
    height, width, channels = image_shape
    make = {"lenet5": lenet5, "modern": modern_lenet}[model]
    net = make(NUM_CLASSES, channels=channels)
    return enlarge_inputs(net) if max(height, width) < min(IMAGE_SIZES) else net
