"""Arrays that the figures of the sweep draw: reconstructions, codes, decoded grids."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from jaxdl.measures.chunks import in_chunks
from jaxdl.ops.images import to_bytes, unit_pixels
from jaxdl.systems.autoencoder.measures import Coder, make_encode, neighbour_accuracy
from jaxdl.types import Params, PRNGKey

SHOWN = 12  # images in a row
GRID = 16  # codes along each side
MAPS = ("pca", "two", "variational-two")  # cases whose first two numbers are drawn
Corruption = Callable[[PRNGKey, jax.Array], jax.Array]


class CodeMap(NamedTuple):
    """Two numbers an image.

    Attributes:
      codes: the first two numbers of the codes of test images.
      accuracy: percent of them whose ten nearest training codes have, by majority,
        their class.
    """

    codes: Float[np.ndarray, "n 2"]
    accuracy: float


class Pictures(NamedTuple):
    """Pictures of one case, of the first test images unless said otherwise.

    Attributes:
      reconstructions: images given back.
      code_map: of the cases in `MAPS`.
      grid: pictures decoded on a grid over the codes, of the case "two".
      corrupted, restored: inputs of the case "denoising", and what it makes of them.
    """

    reconstructions: UInt8[np.ndarray, "n height width channels"]
    code_map: CodeMap | None = None
    grid: UInt8[np.ndarray, "down across height width channels"] | None = None
    corrupted: UInt8[np.ndarray, "n height width channels"] | None = None
    restored: UInt8[np.ndarray, "n height width channels"] | None = None


def make_pictures(
    name: str,
    coder: Coder,
    params: Params,
    data: Any,
    key: PRNGKey,
    corrupt: Corruption,
) -> Pictures:
    """Pictures of a trained case.

    Args:
      name: of the case.
      coder: its model.
      params: of the model.
      data: the images.
      key: draws the corruption.
      corrupt: `corrupt(key, x)` of the case "denoising".
    """
    shape = data.image_shape

    @jax.jit  # an operation at a time would compile each
    def back(params, x):
        return coder.pixels(coder.decode(params, coder.encode(params, x)))

    clean = unit_pixels(data.test.image[:SHOWN])
    found = Pictures(to_bytes(back(params, clean), shape))
    if name in MAPS:
        found = found._replace(code_map=_code_map(coder, params, data))
    if name == "two":
        assert found.code_map is not None
        grid = _decoded_grid(coder, params, found.code_map.codes, shape)
        found = found._replace(grid=grid)
    if name == "denoising":
        noisy = corrupt(key, clean)
        restored = to_bytes(back(params, noisy), shape)
        found = found._replace(corrupted=to_bytes(noisy, shape), restored=restored)
    return found


def _code_map(coder: Coder, params: Params, data: Any) -> CodeMap:
    encode = make_encode(coder, params)
    train, test = (
        np.asarray(in_chunks(encode, split.image))[:, :2]
        for split in (data.train, data.test)
    )
    labels = np.asarray(data.train.label), np.asarray(data.test.label)
    return CodeMap(test, neighbour_accuracy(train, labels[0], test, labels[1]))


def _decoded_grid(coder: Coder, params: Params, codes: np.ndarray, shape) -> np.ndarray:
    """Pictures at equal steps between the 2nd and the 98th percentile of codes."""
    low, high = np.percentile(codes, [2, 98], axis=0)
    across, down = (np.linspace(low[i], high[i], GRID) for i in (0, 1))
    points = np.stack(np.meshgrid(across, down[::-1]), axis=-1).reshape(-1, 2)
    outputs = coder.decode(params, jnp.asarray(points, jnp.float32))
    return to_bytes(coder.pixels(outputs), shape).reshape(GRID, GRID, *shape)
