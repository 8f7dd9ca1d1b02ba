"""SqueezeNet 1.1: an ImageNet classifier of 1.2 million parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.nn.conv import Conv
from jaxdl.nn.linen import from_linen
from jaxdl.nn.pooling import max_pool
from jaxdl.types import Model

FIRES = (
    *((16, 64), (16, 64), (32, 128), (32, 128)),
    *((48, 192), (48, 192), (64, 256), (64, 256)),
)
"""Squeezed channels, and channels of each expanded half, of fire2 to fire9."""
SMALLEST = 17
"""Pixels of the shortest side that leaves something after the third pooling."""
_KERNELS = nn.initializers.he_uniform()


def squeezenet(num_classes: int = 1000) -> Model:
    """SqueezeNet 1.1, from pictures to logits.

    A 3 x 3 convolution of stride 2 without padding, eight fire modules with 3 x 3 max
    pooling of stride 2 after the convolution, fire3 and fire5, a 1 x 1 convolution to
    one channel a class, a rectifier, and the mean over places. A fire module squeezes
    its channels by a 1 x 1 convolution and expands them by 1 x 1 and 3 x 3 convolutions
    side by side; rectifiers everywhere. Pooling windows may overhang at the far end.

    The rectifier before the mean keeps logits at or above 0, as the paper has it.
    Dropout, which the paper has before the last convolution, is left out: give training
    its own on the features if it is wanted. Parameters have torchvision's sizes, so
    `jaxdl.data.weights.load_squeezenet` can fill them; new kernels are He's uniform.

    Args:
      num_classes: 1 or more.

    Returns:
      A `Model` from normalised RGB [batch height width 3], sides of 17 pixels or more
      (227 in the paper, 224 in torchvision), to logits [batch classes].

    Raises:
      InputError: if there is no class; by `apply`, if pictures are not such.

    References:
      Iandola et al., "SqueezeNet", 2016; version 1.1 is from the authors' repository.
    """
    if num_classes < 1:
        raise InputError(f"num_classes is {num_classes}: expected 1 or more")
    return from_linen(_SqueezeNet(num_classes), example=jnp.zeros((1, 32, 32, 3)))


def squeezenet_features() -> Model:
    """Features of SqueezeNet 1.1: 512 numbers, means over all places.

    They are the channels of fire9, which the classifier reads. The parameters are those
    of `squeezenet` without the classifier, and `apply` takes those of a whole net too.

    Returns:
      A `Model` from pictures, as `squeezenet` takes them, to features [batch 512].
    """
    return from_linen(_SqueezeNet(None), example=jnp.zeros((1, 32, 32, 3)))


class _Fire(nn.Module):
    squeeze: int
    expand: int

    @nn.compact
    def __call__(self, x):
        def conv(x, features, side, name):
            return nn.relu(_conv(features, side, name=name)(x))

        x = conv(x, self.squeeze, 1, "squeeze")
        halves = [conv(x, self.expand, n, f"expand{n}x{n}") for n in (1, 3)]
        return jnp.concatenate(halves, axis=-1)


class _SqueezeNet(nn.Module):
    num_classes: int | None  # None gives features

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch out"]:
        _check(x)
        x = nn.relu(_conv(64, 3, strides=2, padding="VALID", name="conv1")(x))
        for number, (squeeze, expand) in enumerate(FIRES, start=2):
            if number in (2, 4, 6):
                x = _pool(x)
            x = _Fire(squeeze, expand, name=f"fire{number}")(x)
        if self.num_classes is not None:
            classify = _conv(self.num_classes, 1, name="classifier")
            x = nn.relu(classify(x))
        return jnp.mean(x, axis=(1, 2))


def _conv(features, side, **options):
    return Conv(features, (side, side), kernel_init=_KERNELS, **options)


def _pool(x: jax.Array) -> jax.Array:
    """3 x 3, stride 2; a last window that overhangs sees what is there (ceil mode)."""
    padding = [(0, (size - 3) % 2) for size in x.shape[1:3]]
    return max_pool(x, (3, 3), (2, 2), padding)


def _check(x: jax.Array) -> None:
    height, width, channels = x.shape[1:]
    if channels != 3:
        raise InputError(
            f"SqueezeNet was given pictures with {channels} channels: expected 3 (RGB)"
        )
    if min(height, width) < SMALLEST:
        raise InputError(
            f"SqueezeNet was given pictures of {height} x {width} pixels: expected "
            f"{SMALLEST} or more on each side, 224 for ImageNet's classes"
        )
