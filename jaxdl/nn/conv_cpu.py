"""Convolution on CPU, in forms that XLA runs equally fast inside and outside of loops.

XLA:CPU calls its fast convolution only for operands in the order NHWC, HWIO, NHWC.
Outside of loops it transposes other orders itself; inside it does not, and then falls
back to a scalar loop: that is what makes the derivatives of a convolution 20 to 100
times slower in a `scan` (jax-ml/jax issue 12868). Here each derivative is written as a
convolution in that order, or as one product of matrices:

- *direct*: a convolution with explicit transposes before and after;
- *bands*: few channels. One product gives some neighbouring pixels at once, from
  stretches of the rows that overlap less than the patches of single pixels would;
- *columns*: the derivative by the input of a strided convolution, which is also the
  transposed convolution. One product gives what each output pixel adds to each input
  pixel in its window, and the windows are then laid over each other;
- *rows*: the derivative by a kernel of many channels. One product for each row of the
  output, of the patches of that row alone, which stay in the cache;
- *blocks*: the other two functions of a strided convolution. Blocks of as many pixels
  as the strides become the channels of one, and the stride 1;
- *taps*: a kernel for each channel, as in MobileNet. Shifted images times one entry of
  the kernel each, added up; other groups are convolved one after the other.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple, cast

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

_ORDER = ("NHWC", "HWIO", "NHWC")
_FEW = 16  # channels up to which bands beat the direct form
_MANY = 64  # channels from which a kernel's gradient is faster by rows

Images = Float[Array, "_batch _height _width _channels"]
Kernel = Float[Array, "_rows _columns _in _out"]


class Geometry(NamedTuple):
    """The fixed sizes of a convolution besides its channels.

    Attributes:
      input_size: height and width of the input.
      kernel_size: rows and columns of the kernel.
      strides: of the window, down and across.
      padding: zeros before and after the rows, and the columns; below 0 it crops.
      dilation: distance of the kernel's neighbouring entries.
      groups: of channels, each with a kernel of its own.
    """

    input_size: tuple[int, int]
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def reach(self) -> tuple[int, ...]:
        """Rows and columns that the dilated kernel spans."""
        return tuple(
            (k - 1) * d + 1
            for k, d in zip(self.kernel_size, self.dilation, strict=True)
        )

    @property
    def padded_size(self) -> tuple[int, ...]:
        """Height and width of the padded input."""
        return tuple(
            size + sum(pads)
            for size, pads in zip(self.input_size, self.padding, strict=True)
        )

    @property
    def output_size(self) -> tuple[int, ...]:
        """Height and width of the output."""
        sizes = zip(self.padded_size, self.reach, self.strides, strict=True)
        return tuple((size - reach) // stride + 1 for size, reach, stride in sizes)


def forward(geometry: Geometry, x: Images, kernel: Kernel) -> Images:
    """y[n, p, q, o] = sum over i, j, c of x[n, s p + d i, s q + d j, c] w[i, j, c, o],

    x padded, s the stride and d the dilation.
    """
    if geometry.groups > 1:
        if geometry.groups == x.shape[3]:
            return _taps_forward(geometry, x, kernel)
        return _by_group(forward, geometry, x, kernel, axes=(3, 3), out_axis=3)
    channels, out_channels = kernel.shape[2:]
    if _is_plain(geometry) and max(channels, out_channels) <= _FEW:
        return _bands_forward(_pad(x, geometry.padding), kernel, _band(channels))
    if _is_strided(geometry) and channels * math.prod(geometry.strides) <= _FEW:
        return _bands_forward(_blocks(geometry, x), _kernel_blocks(geometry, kernel), 1)
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=_ORDER,
    )


def input_gradient(geometry: Geometry, grads: Images, kernel: Kernel) -> Images:
    """The derivative of sum(grads * forward(x, kernel)) by x."""
    if geometry.groups > 1:
        if kernel.shape[2] == 1:
            return _taps_input_gradient(geometry, grads, kernel)
        return _by_group(
            input_gradient, geometry, grads, kernel, axes=(3, 3), out_axis=3
        )
    if _is_plain(geometry) and kernel.shape[2] <= _FEW:
        band = _band(kernel.shape[2])
        grads_by_padded = _bands_input_gradient(grads, kernel, band)
    elif _is_strided(geometry):
        grads_by_padded = _columns(geometry, grads, kernel)
    else:
        flipped = jnp.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
        padding = [(reach - 1, reach - 1) for reach in geometry.reach]
        grads_by_padded = lax.conv_general_dilated(
            grads,
            flipped,
            (1, 1),
            padding,
            lhs_dilation=geometry.strides,
            rhs_dilation=geometry.dilation,
            dimension_numbers=_ORDER,
        )
    return _unpad(geometry, grads_by_padded)


def kernel_gradient(geometry: Geometry, x: Images, grads: Images) -> Kernel:
    """The derivative of sum(grads * forward(x, kernel)) by the kernel."""
    if geometry.groups > 1:
        if geometry.groups == x.shape[3]:
            return _taps_kernel_gradient(geometry, x, grads)
        return _by_group(kernel_gradient, geometry, x, grads, axes=(3, 3), out_axis=3)
    if _is_plain(geometry) and x.shape[3] <= _FEW:
        padded, band = _pad(x, geometry.padding), _band(x.shape[3])
        return _bands_kernel_gradient(padded, grads, geometry.kernel_size, band)
    if _is_strided(geometry):
        return _blocks_kernel_gradient(geometry, x, grads)
    if _is_plain(geometry) and x.shape[3] >= _MANY:
        return _rows_kernel_gradient(geometry, x, grads)
    # The output's pixels that no window reaches are cropped: one value each kernel
    # entry is left.
    sizes = zip(
        geometry.padded_size,
        geometry.reach,
        geometry.output_size,
        geometry.strides,
        geometry.padding,
        strict=True,
    )
    padding = [
        (low, high - (size - reach - (out - 1) * stride))
        for size, reach, out, stride, (low, high) in sizes
    ]
    found = lax.conv_general_dilated(
        jnp.transpose(x, (3, 1, 2, 0)),
        jnp.transpose(grads, (1, 2, 0, 3)),
        geometry.dilation,
        padding,
        rhs_dilation=geometry.strides,
        dimension_numbers=_ORDER,
    )
    return jnp.transpose(found, (1, 2, 0, 3))


def _pad(x: Images, padding) -> Images:
    return lax.pad(
        x,
        jnp.zeros((), x.dtype),
        [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)],
    )


def _unpad(geometry: Geometry, padded: Images) -> Images:
    """Cuts off what was padded; what no window reached has no gradient."""
    found = padded.shape[1:3]
    rest = [size - have for size, have in zip(geometry.padded_size, found, strict=True)]
    cuts = [
        (-low, more - high)
        for (low, high), more in zip(geometry.padding, rest, strict=True)
    ]
    return _pad(padded, cuts)


def _by_group(function, geometry: Geometry, a, b, *, axes, out_axis):
    """A function of two arrays, of each group's channels by themselves."""
    parts = zip(
        jnp.split(a, geometry.groups, axes[0]),
        jnp.split(b, geometry.groups, axes[1]),
        strict=True,
    )
    alone = geometry._replace(groups=1)
    return jnp.concatenate([function(alone, *part) for part in parts], out_axis)


def _is_plain(geometry: Geometry) -> bool:
    return geometry.strides == geometry.dilation == (1, 1)


def _is_strided(geometry: Geometry) -> bool:
    return max(geometry.strides) > 1 and geometry.dilation == (1, 1)


def _band(channels: int) -> int:
    """Pixels of a row that one product gives."""
    return 4 if channels <= 2 else 2


def _num_blocks(geometry: Geometry) -> tuple[int, ...]:
    """Rows and columns of blocks in which the kernel lies."""
    sizes = zip(geometry.kernel_size, geometry.strides, strict=True)
    return tuple(-(-size // stride) for size, stride in sizes)


def _kernel_blocks(geometry: Geometry, kernel: Kernel) -> Kernel:
    """The kernel over images of blocks, with zeros where it ends inside of one."""
    (down, across), (rows, columns) = geometry.strides, _num_blocks(geometry)
    more = rows * down - kernel.shape[0], columns * across - kernel.shape[1]
    kernel = jnp.pad(kernel, ((0, more[0]), (0, more[1]), (0, 0), (0, 0)))
    channels, out_channels = kernel.shape[2:]
    kernel = kernel.reshape(rows, down, columns, across, channels, out_channels)
    return kernel.transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, -1, out_channels)


def _block_padding(
    geometry: Geometry,
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """How many blocks the windows meet, down and across, and the padding to them."""
    sizes = zip(geometry.output_size, _num_blocks(geometry), strict=True)
    rows, columns = (size + count - 1 for size, count in sizes)
    wanted = rows * geometry.strides[0], columns * geometry.strides[1]
    padding = [
        (low, size - have - low)
        for (low, _), size, have in zip(
            geometry.padding, wanted, geometry.input_size, strict=True
        )
    ]
    return (rows, columns), padding


def _blocks(geometry: Geometry, x: Images) -> Images:
    """Padded images as blocks of pixels, as many as the windows meet."""
    batch, _, _, channels = x.shape
    (rows, columns), padding = _block_padding(geometry)
    x = _pad(x, padding).reshape(
        batch, rows, geometry.strides[0], columns, geometry.strides[1], channels
    )
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, -1)


def _blocks_of_rows(
    geometry: Geometry, x: Images
) -> Float[Array, "entries rows columns batch"]:
    """The same, the images last."""
    batch, _, _, channels = x.shape
    (rows, columns), padding = _block_padding(geometry)
    x = _pad(jnp.transpose(x, (3, 1, 2, 0)), padding).reshape(
        channels, rows, geometry.strides[0], columns, geometry.strides[1], batch
    )
    return x.transpose(2, 4, 0, 1, 3, 5).reshape(-1, rows, columns, batch)


def _shifted(x: Array, kernel_size: tuple[int, ...], size: tuple[int, ...]) -> Array:
    """What each entry of a kernel meets, stacked; rows and columns are axes 1 and 2."""
    return jnp.stack(
        [
            x[:, i : i + size[0], j : j + size[1]]
            for i in range(kernel_size[0])
            for j in range(kernel_size[1])
        ]
    )


def _blocks_kernel_gradient(geometry: Geometry, x: Images, grads: Images) -> Kernel:
    """One product of all the blocks in the windows with the gradients.

    The images come last in both: the blocks are then long rows, quick to shift, and
    neither matrix has to be transposed, which would halve the product's speed. Half of
    the images at a time in a loop: what enters a loop is computed in the order it has,
    and not, more slowly, in this one.
    """
    (height, width), (rows, columns) = geometry.output_size, _num_blocks(geometry)
    (down, across), channels = geometry.strides, x.shape[3]

    def product(part):
        x, grads = part
        blocks = _blocks_of_rows(geometry, x)
        shifted = _shifted(blocks, (rows, columns), (height, width))
        flat = jnp.transpose(grads, (1, 2, 0, 3)).reshape(-1, grads.shape[3])
        return shifted.reshape(-1, len(flat)) @ flat

    parts = 2 if len(x) % 2 == 0 else 1
    halves = [a.reshape(parts, -1, *a.shape[1:]) for a in (x, grads)]
    kernel = lax.map(product, halves).sum(0)
    kernel = kernel.reshape(rows, columns, down, across, channels, -1)
    kernel = kernel.transpose(0, 2, 1, 3, 4, 5)
    kernel = kernel.reshape(rows * down, columns * across, channels, -1)
    return kernel[: geometry.kernel_size[0], : geometry.kernel_size[1]]


def _rows_kernel_gradient(geometry: Geometry, x: Images, grads: Images) -> Kernel:
    """The images come last, as in `_blocks_kernel_gradient`."""
    (rows, columns), (_, width) = geometry.kernel_size, geometry.output_size
    channels, out_channels = x.shape[3], grads.shape[3]
    x = _pad(jnp.transpose(x, (3, 1, 2, 0)), geometry.padding)
    grads = jnp.transpose(grads, (1, 2, 0, 3))
    grads = grads.reshape(len(grads), -1, out_channels)

    def add_row(kernel, row):
        top, flat = row
        stretch = lax.dynamic_slice_in_dim(x, top, rows, axis=1)
        patches = _shifted(stretch, (rows, columns), (1, width)).reshape(-1, len(flat))
        part = jnp.matmul(patches, flat, preferred_element_type=kernel.dtype)
        return kernel + part, None

    dtype = jnp.promote_types(x.dtype, jnp.float32)  # of the sum
    kernel = jnp.zeros((rows * columns * channels, out_channels), dtype)
    places = jnp.arange(geometry.output_size[0])
    kernel, _ = lax.scan(add_row, kernel, (places, grads))
    kernel = kernel.reshape(rows, columns, channels, out_channels)
    return kernel.astype(x.dtype)


def _columns(geometry: Geometry, grads: Images, kernel: Kernel) -> Images:
    """What each output pixel adds to its window, the windows laid over each other.

    Windows are cut in blocks as high and wide as the strides: blocks of neighbouring
    windows then coincide, and adding them needs no strides.
    """
    batch, height, width, out_channels = grads.shape
    (down, across), channels = geometry.strides, kernel.shape[2]
    rows, columns = _num_blocks(geometry)
    blocks = _kernel_blocks(geometry, kernel).reshape(-1, out_channels).T
    parts = grads.reshape(-1, out_channels) @ blocks
    parts = parts.reshape(batch, height, width, rows, columns, -1)
    total = _sum(
        _pad(parts[:, :, :, i, j], [(i, rows - 1 - i), (j, columns - 1 - j)])
        for i in range(rows)
        for j in range(columns)
    )
    height, width = height + rows - 1, width + columns - 1
    total = total.reshape(batch, height, width, down, across, channels)
    total = total.transpose(0, 1, 3, 2, 4, 5)
    return total.reshape(batch, height * down, width * across, channels)


def _sum(terms: Iterable[Array]) -> Array:
    """The sum of one array or more, in order."""
    return cast(Array, sum(terms))


def _tap_slices(geometry: Geometry):
    """For each entry of the kernel, where its products begin, end and how they step."""
    for i in range(geometry.kernel_size[0]):
        for j in range(geometry.kernel_size[1]):
            starts = i * geometry.dilation[0], j * geometry.dilation[1]
            steps = zip(starts, geometry.output_size, geometry.strides, strict=True)
            yield (
                (i, j),
                [
                    slice(start, start + (size - 1) * stride + 1, stride)
                    for start, size, stride in steps
                ],
            )


def _taps_forward(geometry: Geometry, x: Images, kernel: Kernel) -> Images:
    x = _pad(x, geometry.padding)
    if (copies := kernel.shape[3] // x.shape[3]) > 1:
        x = jnp.repeat(x, copies, axis=3)
    return _sum(
        x[:, rows, columns] * kernel[None, i : i + 1, j : j + 1, 0]
        for (i, j), (rows, columns) in _tap_slices(geometry)
    )


def _taps_input_gradient(geometry: Geometry, grads: Images, kernel: Kernel) -> Images:
    height, width = geometry.padded_size
    zero = jnp.zeros((), grads.dtype)

    def spread():
        for (i, j), (rows, columns) in _tap_slices(geometry):
            places = [
                (part.start, size - part.stop, part.step - 1)
                for part, size in ((rows, height), (columns, width))
            ]
            part = grads * kernel[None, i : i + 1, j : j + 1, 0]
            yield lax.pad(part, zero, [(0, 0, 0), *places, (0, 0, 0)])

    total = _sum(spread())
    if (copies := grads.shape[3] // geometry.groups) > 1:
        total = total.reshape(*total.shape[:3], -1, copies).sum(-1)
    return _unpad(geometry, total)


def _taps_kernel_gradient(geometry: Geometry, x: Images, grads: Images) -> Kernel:
    x = _pad(x, geometry.padding)
    if (copies := grads.shape[3] // x.shape[3]) > 1:
        x = jnp.repeat(x, copies, axis=3)
    taps = [
        jnp.sum(x[:, rows, columns] * grads, axis=(0, 1, 2))
        for _, (rows, columns) in _tap_slices(geometry)
    ]
    return jnp.stack(taps).reshape(*geometry.kernel_size, 1, -1)


def _bands(
    x: Images, kernel_size: tuple[int, int], band: int
) -> Float[Array, "bands entries"]:
    """Stretches of band + columns - 1 pixels from as many rows as the kernel has."""
    batch, height, width, channels = x.shape
    rows, columns = kernel_size
    num_bands = -(-(width - columns + 1) // band)
    reach = band + columns - 1
    x = _pad(x, [(0, 0), (0, (num_bands - 1) * band + reach - width)])
    x = x.reshape(batch, height, -1)
    starts = [b * band * channels for b in range(num_bands)]
    bands = jnp.stack([x[:, :, i : i + reach * channels] for i in starts], axis=2)
    out = height - rows + 1
    bands = jnp.stack([bands[:, i : i + out] for i in range(rows)], axis=3)
    return bands.reshape(batch * out * num_bands, rows * reach * channels)


def _band_places(
    columns: int, band: int, dtype
) -> Float[np.ndarray, "columns reach band"]:
    """1 where a kernel's column k, for pixel b of a band, meets its pixel k + b."""
    k, i, b = np.indices((columns, band + columns - 1, band))
    return (i == k + b).astype(dtype)


def _band_kernel(kernel: Kernel, band: int) -> Float[Array, "entries values"]:
    """The kernel at each pixel of a band, zeros around it."""
    places = _band_places(kernel.shape[1], band, kernel.dtype)
    banded = jnp.einsum("rkco,kib->ricbo", kernel, places)
    return banded.reshape(math.prod(banded.shape[:3]), -1)


def _bands_forward(x: Images, kernel: Kernel, band: int) -> Images:
    batch, height, width, _ = x.shape
    rows, columns, _, out_channels = kernel.shape
    y = _bands(x, (rows, columns), band) @ _band_kernel(kernel, band)
    y = y.reshape(batch, height - rows + 1, -1, out_channels)
    return y[:, :, : width - columns + 1]


def _banded(grads: Images, band: int) -> Float[Array, "bands values"]:
    width = grads.shape[2]
    padded = _pad(grads, [(0, 0), (0, -width % band)])
    return padded.reshape(-1, band * grads.shape[3])


def _bands_kernel_gradient(
    x: Images, grads: Images, kernel_size: tuple[int, int], band: int
) -> Kernel:
    rows, columns = kernel_size
    found = _banded(grads, band).T @ _bands(x, kernel_size, band)
    found = found.reshape(band, -1, rows, band + columns - 1, x.shape[3])
    return jnp.einsum("boric,kib->rkco", found, _band_places(columns, band, x.dtype))


def _bands_input_gradient(grads: Images, kernel: Kernel, band: int) -> Images:
    batch, height, width, _ = grads.shape
    rows, columns, channels, _ = kernel.shape
    num_bands, reach = -(-width // band), band + columns - 1
    parts = _banded(grads, band) @ _band_kernel(kernel, band).T
    parts = parts.reshape(batch, height, num_bands, rows, reach * channels)
    bands = _sum(
        jnp.pad(parts[:, :, :, i], ((0, 0), (i, rows - 1 - i), (0, 0), (0, 0)))
        for i in range(rows)
    )
    whole = ((num_bands - 1) * band + reach) * channels
    starts = [b * band * channels for b in range(num_bands)]
    total = _sum(
        jnp.pad(
            bands[:, :, b],
            ((0, 0), (0, 0), (start, whole - start - reach * channels)),
        )
        for b, start in enumerate(starts)
    )
    total = total.reshape(batch, height + rows - 1, -1, channels)
    return total[:, :, : width + columns - 1]
