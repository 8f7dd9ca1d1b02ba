"""MobileNet v1: an ImageNet classifier of depthwise separable convolutions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.errors import InputError
from jaxdl.nn.batch_norm import BatchNorm
from jaxdl.nn.conv import Conv
from jaxdl.nn.linen import from_linen
from jaxdl.types import Model

BLOCKS = (
    *((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)),
    *((1, 512),) * 5,
    *((2, 1024), (1, 1024)),
)
"""Stride and channels, at width 1, of the thirteen separable convolutions."""
_KERNELS = nn.initializers.he_uniform()


def mobilenet(num_classes: int = 1000, *, width: float = 0.25) -> Model:
    """MobileNet v1, from pictures to logits.

    A 3 x 3 convolution of stride 2, then thirteen pairs of a depthwise 3 x 3 and a
    1 x 1 convolution, each followed by batch normalisation (epsilon 0.001) and
    min(max(x, 0), 6); the mean over places; a linear layer. Padding is SAME, and the
    last stage sees a picture at 1/32 of its size, rounded up.

    Statistics are arguments, as everywhere (`jaxdl.nn.BatchNorm`): `apply(params, x)`
    normalises by the batch, and `apply(params, x, statistics=pretrained.statistics)` by
    those that `jaxdl.data.weights.load_mobilenet` reads beside the parameters. Those
    are constants: fine-tuning never changes them.

    Args:
      num_classes: 1 or more.
      width: multiplies all numbers of channels; they are rounded down.

    Returns:
      A `Model` from RGB in -1..1 [batch height width 3], of any size (224 for the
      pretrained weights), to logits [batch classes].

    Raises:
      InputError: if there is no class, or a width without channels; by `apply`, if
        pictures do not have three channels.

    References:
      Howard et al., "MobileNets", 2017.
    """
    if num_classes < 1:
        raise InputError(f"num_classes is {num_classes}: expected 1 or more")
    return from_linen(_MobileNet(num_classes, _check_width(width)), example=_example())


def mobilenet_features(*, width: float = 0.25) -> Model:
    """Features of MobileNet v1: 1024 width numbers, means over all places.

    The last linear layer reads them: 256 at width 0.25. The parameters are those of
    `mobilenet` without that layer, and `apply` takes those of a whole net too.

    Returns:
      A `Model` from pictures, as `mobilenet` takes them, to features [batch features].

    Raises:
      InputError: as `mobilenet`.
    """
    return from_linen(_MobileNet(None, _check_width(width)), example=_example())


class _MobileNet(nn.Module):
    num_classes: int | None  # None gives features
    width: float

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch out"]:
        if x.shape[-1] != 3:
            raise InputError(
                f"MobileNet was given pictures with {x.shape[-1]} channels: expected 3 "
                "(RGB)"
            )
        x = _normalised(x, int(32 * self.width), "conv1", side=3, strides=2)
        for number, (stride, channels) in enumerate(BLOCKS, start=1):
            depth = dict(side=3, strides=stride, feature_group_count=x.shape[-1])
            x = _normalised(x, x.shape[-1], f"conv_dw_{number}", **depth)
            x = _normalised(x, int(channels * self.width), f"conv_pw_{number}")
        x = jnp.mean(x, axis=(1, 2))
        if self.num_classes is None:
            return x
        return nn.Dense(self.num_classes, name="conv_preds")(x)


def _normalised(x, features, name, *, side=1, **options) -> jax.Array:
    """A convolution without bias, batch normalisation, and a rectifier cut off at 6."""
    conv = Conv(
        features,
        (side, side),
        use_bias=False,
        kernel_init=_KERNELS,
        name=name,
        **options,
    )
    return nn.relu6(BatchNorm(epsilon=1e-3, name=f"{name}_bn")(conv(x)))


def _check_width(width: float) -> float:
    if not 1 / 32 <= width <= 8:  # NaN too
        raise InputError(f"width is {width}: expected 1/32 to 8, such as 0.25 or 1")
    return width


def _example() -> jax.Array:
    return jnp.zeros((1, 32, 32, 3))
