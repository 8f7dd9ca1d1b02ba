"""Pictures from files: read with care, cut to a net's size, scaled as it expects."""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, UInt8

from jaxdl.errors import InputError
from jaxdl.files import require_regular

SMALLEST_SIDE = 8
"""Pixels below which a side of a picture is refused: there is nothing to recognise."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_ORIENTATION = 0x0112  # the EXIF tag
_KINDS = {"1": "black and white", "L": "grey", "LA": "grey", "P": "a palette's"}
_PROGRAMS = ("EPS",)  # a program, which Pillow lets Ghostscript run
_KINDS |= {"PA": "a palette's", "I;16": "16-bit grey"}


class Picture(NamedTuple):
    """A picture as RGB.

    Attributes:
      pixels: RGB, row by row.
      notes: what was changed to get there, each as half a sentence.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    notes: tuple[str, ...]


def read_picture(path: str | Path) -> Picture:
    """A picture as RGB bytes, upright, and what was done to it.

    Grey pictures, palettes, CMYK and other colour spaces are converted; 16 bits become
    8 (value / 257, rounded; of 16-bit colour the high byte); transparency is laid on
    white; EXIF orientation is applied; of several frames the first is taken. Embedded
    colour profiles are not looked at.

    Raises:
      InputError: if the file is missing, no picture (PostScript, a program, is none),
        truncated, of floats or wide integers, has a side of less than 8 pixels or more
        than Pillow's limit of pixels (89 million).
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(
            f"{path} is a folder: expected a picture; name its files, as {path}/*.jpg"
        )
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what can be read all the same
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _read(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            f"the picture {path} is missing: name a file that exists"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"the picture {path} has too many pixels: expected at most "
            f"{Image.MAX_IMAGE_PIXELS:,}; scale it down"
        ) from error
    except Image.UnidentifiedImageError:
        raise InputError(
            f"{path} is not a picture of a known kind: expected JPEG, PNG or the like"
        ) from None
    except Exception as error:  # Pillow's decoders of damaged files raise anything
        raise InputError(
            f"the picture {path} is truncated, damaged or can't be read "
            f"({error or type(error).__name__}): replace the file"
        ) from error


def crop_centre(
    picture: UInt8[np.ndarray, "height width 3"], *, shorter: int = 256, size: int = 224
) -> UInt8[np.ndarray, "size size 3"]:
    """The square centre of a picture whose shorter side is scaled first.

    Bilinear with antialiasing, on bytes, with sizes rounded as torchvision's Resize and
    CenterCrop round them. Of a picture over eight times longer than wide the ends are
    cut off first.

    Args:
      picture: RGB.
      shorter: pixels of the shorter side once scaled.
      size: pixels of the square's sides, at most `shorter`.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    limit = 8 * min(height, width)
    top, left = max(0, height - limit) // 2, max(0, width - limit) // 2
    picture = picture[top : top + limit, left : left + limit]
    height, width = picture.shape[:2]
    new = [int(shorter * side / min(height, width)) for side in (width, height)]
    resized = Image.fromarray(picture).resize(new, Image.Resampling.BILINEAR)
    left, top = (round((side - size) / 2) for side in new)
    return np.array(resized.crop((left, top, left + size, top + size)))


def squeezenet_input(
    picture: Num[Array, "*batch height width 3"],
) -> Float[Array, "*batch height width 3"]:
    """Pictures as torchvision's nets expect them.

    (x / 255 - mean) / deviation, channel by channel, with ImageNet's mean and standard
    deviation: (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225). Intensities are 0 to
    255, bytes or not.
    """
    shape = (1,) * (picture.ndim - 1) + (3,)
    mean = jnp.array(IMAGENET_MEAN).reshape(shape)
    return (picture / 255 - mean) / jnp.array(IMAGENET_DEVIATION).reshape(shape)


def mobilenet_input(
    picture: Num[Array, "*batch height width 3"],
) -> Float[Array, "*batch height width 3"]:
    """Intensities 0 to 255 as Keras' MobileNet expects them: x / 127.5 - 1."""
    return picture / 127.5 - 1


def _read(path: Path) -> Picture:
    """The picture upright, decoded and converted, and notes on that."""
    from PIL import Image, ImageOps

    require_regular(path)
    Image.init()
    formats = [name for name in Image.ID if name not in _PROGRAMS]
    with Image.open(path, formats=formats) as opened:
        notes = _notes(opened)
        image = ImageOps.exif_transpose(opened)
    if min(image.size) < SMALLEST_SIDE:
        raise InputError(
            f"the picture {path} has {image.width} x {image.height} pixels: "
            f"expected {SMALLEST_SIDE} or more each way"
        )
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(path, image)
    if image.has_transparency_data:
        image = _on_white(image)
        notes.append("transparency was laid on white")
    image = image if image.mode == "RGB" else image.convert("RGB")
    return Picture(np.array(image), tuple(notes))


def _notes(image) -> list[str]:
    coding = str(image.tile)  # reading EXIF may decode the picture, which empties it
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"the first of {frames} frames was taken")
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        notes.append("it was turned upright as its EXIF says")
    if image.mode != "RGB" and image.mode != "RGBA":
        notes.append(f"{_KINDS.get(image.mode, image.mode)} colours became RGB")
    elif ";16" in coding:
        notes.append("16-bit colours became 8-bit")
    return notes


def _on_white(image):
    from PIL import Image

    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer)


def _eight_bits(path: Path, image):
    """A grey picture of 16 bits with 8; Pillow's own conversion cuts at 255."""
    from PIL import Image

    values = np.asarray(image)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 65535:
        raise InputError(
            f"the picture {path} holds {values.dtype} from {values.min()} to "
            f"{values.max()}: expected 8 or 16 bits; save it as such"
        )
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
