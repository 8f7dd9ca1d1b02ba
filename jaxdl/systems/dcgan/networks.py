"""Deep convolutional GANs (Radford, Metz & Chintala 2016)."""

import functools

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.adversarial.networks import GAN
from jaxdl.errors import InputError
from jaxdl.nn.batch_norm import BatchNorm
from jaxdl.nn.conv import Conv, ConvTranspose
from jaxdl.nn.linen import from_linen
from jaxdl.nn.pooling import max_pool
from jaxdl.types import Model

UPSAMPLINGS = ("transposed", "resize")
_WEIGHTS = nn.initializers.normal(0.02)
_KERNEL = (4, 4)
_GRID = 4  # cells on a side of a layer's features


class Generator(nn.Module):
    """The generator of `dcgan`.

    Attributes:
      sides: of the maps, from the image down.
      channels: of the image.
      base_channels, upsampling: as for `dcgan`.
    """

    sides: tuple[int, ...]
    channels: int
    base_channels: int
    upsampling: str

    @nn.compact
    def __call__(self, z: Float[Array, "batch latent"]) -> Float[Array, "batch pixels"]:
        enlarged = functools.partial(_enlarged, self.upsampling)
        *larger, low = self.sides
        width = self.base_channels * 2 ** (len(larger) - 1)
        x = nn.Dense(low * low * width, use_bias=False, kernel_init=_WEIGHTS)(z)
        x = x.reshape(-1, low, low, width)
        for side in reversed(larger[1:]):
            width //= 2
            x = nn.relu(BatchNorm()(x))
            x = enlarged(x, side, features=width, use_bias=False)
        x = nn.relu(BatchNorm()(x))
        x = enlarged(x, larger[0], features=self.channels, name="out")
        return (1 + jnp.tanh(x.reshape(len(x), -1))) / 2


class Discriminator(nn.Module):
    """The discriminator of `dcgan`.

    Attributes:
      sides, channels, base_channels: as for `Generator`.
      pooled: whether it gives its layers' features (`dcgan_features`), not a logit.
    """

    sides: tuple[int, ...]
    channels: int
    base_channels: int
    pooled: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch pixels"]
    ) -> Float[Array, " batch"] | Float[Array, "batch features"]:
        x = 2 * x.reshape(-1, *self.sides[:1] * 2, self.channels) - 1
        conv = functools.partial(
            Conv, kernel_size=_KERNEL, strides=(2, 2), kernel_init=_WEIGHTS
        )
        width, found = self.base_channels, []
        for i in range(len(self.sides) - 1):
            x = conv(features=width * 2**i, use_bias=i == 0)(x)
            x = nn.leaky_relu(x if i == 0 else BatchNorm()(x), 0.2)
            found.append(x)
        if self.pooled:
            return jnp.concatenate([_grid(x) for x in found], axis=1)
        x = x.reshape(len(x), -1)
        return nn.Dense(1, kernel_init=_WEIGHTS, name="out")(x)[:, 0]


def dcgan(
    image_shape: tuple[int, int, int],
    *,
    latent_size: int = 100,
    base_channels: int = 64,
    upsampling: str = "transposed",
) -> GAN:
    """The networks of DCGAN, for square images of any side from 16 to 128.

    The side is halved (and rounded up) until it is 7 or less: 28, 14, 7; 32, 16, 8, 4;
    64, 32, 16, 8, 4. Generator: z is projected to maps of the last side, with
    base_channels * 2^(halvings - 1) channels; each layer doubles the side and halves
    the channels; tanh gives pixels in [-1, 1]. Discriminator: convolutions of stride 2
    from base_channels upwards, leaky rectifiers of slope 0.2, one logit of the last
    maps. Batch normalisation and rectifiers after all layers of the generator but its
    output, and normalisation in the discriminator but for its first layer and its
    logit; normalised layers have no other bias. Weights N(0, 0.02^2).

    Both networks take and give what those of `GAN` do, flat rows of pixels in [0, 1].
    The paper's range is inside: the generator gives (1 + tanh)/2, the discriminator
    sees 2x - 1.

    Where we differ from the paper: kernels of 4x4 (its authors' later code; 5x5 in the
    paper's figure), which a stride of 2 divides, z standard normal, and scales of the
    normalisation that begin at 1. Batches of data and of samples must go through the
    discriminator apart (`make_gan_losses(..., apart=True)`), as the normalisation takes
    the statistics of what it is given.

    Args:
      image_shape: height, width and channels of an image.
      latent_size: length of z.
      base_channels: of the largest hidden maps; 64 in the authors' code.
      upsampling: "transposed" convolution of stride 2, or "resize": each pixel becomes
        2x2 equal ones, then a 3x3 convolution (Odena et al. 2016).

    Raises:
      InputError: if the images are not squares of 16 to 128 pixels, a size is below 1,
        or there is no such upsampling.

    References:
      Radford, Metz & Chintala, "Unsupervised representation learning with deep
      convolutional generative adversarial networks", 2016; Odena, Dumoulin & Olah,
      "Deconvolution and checkerboard artifacts", 2016.
    """
    sides = _sides(image_shape)
    for name, size in (("latent_size", latent_size), ("base_channels", base_channels)):
        if size < 1:
            raise InputError(f"{name} is {size}: expected 1 or more")
    if upsampling not in UPSAMPLINGS:
        raise InputError(
            f"upsampling is {upsampling!r}: expected {' or '.join(UPSAMPLINGS)}"
        )
    channels = image_shape[2]
    return GAN(
        from_linen(
            Generator(sides, channels, base_channels, upsampling),
            example=jnp.zeros((1, latent_size)),
        ),
        from_linen(
            Discriminator(sides, channels, base_channels), example=_row(image_shape)
        ),
        latent_size,
    )


def dcgan_features(
    image_shape: tuple[int, int, int], *, base_channels: int = 64
) -> Model:
    """Features of the discriminator of `dcgan`, for a linear classifier.

    Every layer's maps, after their rectifiers, are max-pooled to a grid of 4x4 cells,
    flattened and put side by side: 16 numbers for each channel of each layer.

    Args:
      image_shape, base_channels: those of the networks.

    Returns:
      A model with `apply(params, x, statistics=...)` from rows of pixels in [0, 1] and
      the discriminator's parameters to [batch features].

    Raises:
      InputError: as for `dcgan`.

    References:
      Radford, Metz & Chintala, 2016, section 5.1.
    """
    sides = _sides(image_shape)
    module = Discriminator(sides, image_shape[2], base_channels, pooled=True)
    return from_linen(module, example=_row(image_shape))


def _enlarged(upsampling: str, x, side: int, **options):
    """A layer that doubles the side, cut to `side` where that is odd."""
    options["kernel_init"] = _WEIGHTS
    if upsampling == "transposed":
        layer = ConvTranspose(kernel_size=_KERNEL, strides=(2, 2), **options)
        return layer(x)[:, :side, :side]
    x = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)[:, :side, :side]
    return Conv(kernel_size=(3, 3), **options)(x)


def _row(image_shape: tuple[int, int, int]) -> Float[Array, "1 pixels"]:
    height, width, channels = image_shape
    return jnp.zeros((1, height * width * channels))


def _sides(image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Sides of the maps from the image down, halved until at most 7."""
    height, width, _ = image_shape
    if height != width or not 16 <= height <= 128:
        raise InputError(
            f"images of {height}x{width} pixels do not fit a DCGAN: expected squares "
            "with a side from 16 to 128, such as 28, 32 or 64"
        )
    sides = [height]
    while sides[-1] > 7:
        sides.append(-(-sides[-1] // 2))
    return tuple(sides)


def _grid(
    x: Float[Array, "batch side side channels"],
) -> Float[Array, "batch features"]:
    """The largest value of each cell of a 4x4 grid; cells overlap if they must."""
    stride = x.shape[1] // _GRID
    window = x.shape[1] - (_GRID - 1) * stride
    pooled = max_pool(x, (window, window), (stride, stride))
    return pooled.reshape(len(x), -1)
