"""Pictures of every kind that a researcher's folder holds, whole and broken."""

import contextlib
import io
import struct
import warnings
import zlib

import jax
import numpy as np
import pytest
from PIL import Image

from jaxdl.data.pictures import (
    crop_centre,
    mobilenet_input,
    read_picture,
    squeezenet_input,
)
from jaxdl.errors import InputError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 16, 3), np.uint8)
GREY = RNG.integers(0, 256, (12, 16), np.uint8)


def saved(tmp_path, image, name="x.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_colours_are_read_as_they_are(tmp_path):
    picture = read_picture(str(saved(tmp_path, Image.fromarray(COLOURS))))
    np.testing.assert_array_equal(picture.pixels, COLOURS)
    assert picture.pixels.dtype == np.uint8 and picture.notes == ()


def test_grey(tmp_path):
    pixels, notes = read_picture(saved(tmp_path, Image.fromarray(GREY)))
    np.testing.assert_array_equal(pixels, np.repeat(GREY[..., None], 3, axis=2))
    assert notes == ("grey colours became RGB",)


@pytest.mark.parametrize("values", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_and_not_cut(values, tmp_path):
    wide = (GREY.astype(np.uint16) * 257).astype(values)
    wide[0, :2] = 128, 129  # 0.498 and 0.502 of a byte's step
    path = saved(tmp_path, Image.fromarray(wide.astype(np.uint16)), "x.tif")
    if values == "<u2":
        path = saved(tmp_path, Image.fromarray(wide.astype(np.uint16)))
    pixels, notes = read_picture(path)
    assert pixels[0, :2, 0].tolist() == [0, 1]
    np.testing.assert_array_equal(pixels[1:], np.repeat(GREY[1:, :, None], 3, axis=2))
    assert notes == ("16-bit grey colours became RGB",)


def test_sixteen_bits_of_colour(tmp_path):
    """Pillow cannot write such a file, so its chunks are put together here."""

    def chunk(kind, content):
        body = kind + content
        return (
            struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
        )

    rows = (COLOURS.astype(np.uint16) * 257).astype(">u2").reshape(12, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 16, 12, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks)
    (tmp_path / "x.png").write_bytes(content)
    pixels, notes = read_picture(tmp_path / "x.png")
    np.testing.assert_array_equal(pixels, COLOURS)
    assert notes == ("16-bit colours became 8-bit",)


def test_transparency_is_laid_on_white(tmp_path):
    alpha = np.zeros((12, 16, 1), np.uint8)
    alpha[6:] = 255
    rgba = np.concatenate([COLOURS, alpha], axis=2)
    pixels, notes = read_picture(saved(tmp_path, Image.fromarray(rgba)))
    assert (pixels[:6] == 255).all()
    np.testing.assert_array_equal(pixels[6:], COLOURS[6:])
    assert notes == ("transparency was laid on white",)


@pytest.mark.parametrize("transparent", [False, True])
def test_palette(transparent, tmp_path):
    image = Image.fromarray((GREY % 2).astype(np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    options = {"transparency": 1} if transparent else {}
    pixels, notes = read_picture(saved(tmp_path, image, **options))
    second = [255, 255, 255] if transparent else [40, 50, 60]
    expected = np.where(GREY[..., None] % 2 == 0, [10, 20, 30], second)
    np.testing.assert_array_equal(pixels, expected)
    assert notes[0] == "a palette's colours became RGB"
    assert ("transparency was laid on white" in notes) == transparent


def test_grey_with_alpha_and_black_and_white(tmp_path):
    both = np.stack([GREY, np.full_like(GREY, 255)], axis=2)
    pixels, notes = read_picture(saved(tmp_path, Image.fromarray(both)))
    np.testing.assert_array_equal(pixels[..., 1], GREY)
    assert notes == ("grey colours became RGB", "transparency was laid on white")
    pixels, notes = read_picture(saved(tmp_path, Image.fromarray(GREY > 99)))
    np.testing.assert_array_equal(pixels[..., 2], np.where(GREY > 99, 255, 0))
    assert notes == ("black and white colours became RGB",)


def test_cmyk(tmp_path):
    flat = Image.new("CMYK", (16, 12), (255, 0, 0, 0))  # cyan
    pixels, notes = read_picture(saved(tmp_path, flat, "x.jpg", quality=95))
    assert (np.abs(pixels.astype(int) - [0, 255, 255]) < 5).all()
    assert notes == ("CMYK colours became RGB",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, tmp_path):
    upright = COLOURS
    stored = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, 1),  # to be turned by 90 degrees clockwise
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: np.rot90(x, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    pixels, notes = read_picture(saved(tmp_path, image, exif=exif))
    np.testing.assert_array_equal(pixels, upright)
    said = ("it was turned upright as its EXIF says",)
    assert notes == (said if orientation > 1 else ())


def test_the_first_of_several_frames(tmp_path):
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "blue")]
    options = dict(save_all=True, append_images=frames[1:])
    pixels, notes = read_picture(saved(tmp_path, frames[0], "x.gif", **options))
    assert (pixels == [255, 0, 0]).all()
    assert notes[0] == "the first of 2 frames was taken"


def write_half(path):
    Image.fromarray(np.repeat(COLOURS, 9, axis=0)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("x.png", lambda path: None, "the picture .*x.png is missing"),
        ("x.png", lambda path: path.write_bytes(b""), "not a picture of a known kind"),
        ("x.png", lambda path: path.write_text("hello" * 99), "not a picture"),
        ("x.png", lambda path: path.mkdir(), "is a folder: .*x.png/\\*.jpg"),
        ("x.png", write_half, "is truncated, damaged"),
        ("x.jpg", write_half, "is truncated, damaged"),
        ("x.gif", write_half, "is truncated, damaged"),
        ("x.bmp", write_half, "is truncated, damaged"),
        ("x.tif", write_half, "is truncated, damaged|not a picture"),
        (
            "x.png",
            lambda path: Image.new("RGB", (1, 40)).save(path),
            "has 1 x 40 pixels: expected 8 or more each way",
        ),
        (
            "x.tif",
            lambda path: Image.fromarray(GREY.astype(np.float32) / 256).save(path),
            "holds float32",
        ),
        (
            "x.tif",
            lambda path: Image.fromarray(GREY.astype(np.int32) * 70_000).save(path),
            "holds int32 .* expected 8 or 16 bits",
        ),
    ],
)
def test_what_is_refused(name, write, words, tmp_path):
    write(tmp_path / name)
    with pytest.raises(InputError, match=words):
        read_picture(tmp_path / name)


@pytest.mark.parametrize("limit", [95, 100])
def test_too_many_pixels(limit, tmp_path, monkeypatch):
    """Pillow raises from twice its limit on, and only warns below; both are refused."""
    path = saved(tmp_path, Image.fromarray(COLOURS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InputError, match=f"too many pixels: expected at most {limit}"):
        read_picture(path)


@pytest.mark.parametrize("fraction", np.linspace(0.02, 0.98, 25))
def test_no_truncation_escapes_as_another_error(fraction, tmp_path):
    path = saved(tmp_path, Image.fromarray(COLOURS), "x.jpg")
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(InputError):
        read_picture(path)


# Every format that Pillow writes here, damaged

FORMATS = [
    *("AVIF", "BLP", "BMP", "DDS", "DIB", "GIF", "ICO", "IM", "JPEG"),
    *("JPEG2000", "MPO", "MSP", "PALM", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA"),
    *("TIFF", "WEBP", "XBM"),
]
MODES = "1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"


def encoded(name):
    """Contents in a format, of each mode that it takes, and of several frames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for mode in MODES:
            grey, colour = Image.fromarray(GREY), Image.fromarray(COLOURS)
            wide = Image.fromarray(GREY.astype(np.uint16))
            image = wide if mode == "I;16" else colour.convert("RGBA").convert(mode)
            for options in ({}, {"save_all": True, "append_images": [grey, grey]}):
                file = io.BytesIO()
                with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError):
                    image.save(file, name, **options)
                    yield file.getvalue()


def damaged(content, rng):
    """The same with a few bits flipped, bytes set, a piece zeroed or the end cut."""
    content = bytearray(content)
    place = int(rng.integers(len(content)))
    match rng.integers(4):
        case 0:
            return bytes(content[:place])
        case 1:
            for place in rng.integers(len(content), size=3):
                content[place] ^= 1 << rng.integers(8)
        case 2:
            for place in rng.integers(min(len(content), 160), size=2):
                content[place] = rng.choice([0, 1, 127, 128, 255])
        case 3:
            length = len(content[place : place + 16])
            content[place : place + 16] = bytes(length)
    return bytes(content)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_pictures_are_read_or_refused_in_one_line(name, tmp_path, recwarn):
    rng = np.random.default_rng(0)
    path, read, refused = tmp_path / "x", 0, 0
    if not (contents := list(encoded(name))):
        pytest.skip(f"this Pillow writes no {name}")
    for content in contents:
        for changed in (content, *(damaged(content, rng) for _ in range(8))):
            path.write_bytes(changed)
            try:
                pixels, _ = read_picture(path)
                assert pixels.dtype == np.uint8 and min(pixels.shape[:2]) >= 8
                read += 1
            except InputError as error:
                assert str(path) in str(error) and "\n" not in str(error)
                refused += 1
    assert refused and (read or name in ("BLP", "PALM"))
    assert not [w for w in recwarn if "pictures" in w.filename]


@pytest.mark.parametrize(
    "error", [RuntimeError(), NotImplementedError("no"), TypeError(), MemoryError()]
)
def test_whatever_a_decoder_raises(error, tmp_path, monkeypatch):
    def load(self):
        raise error

    path = saved(tmp_path, Image.fromarray(COLOURS))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(InputError, match=rf"can't be read \({error or '[A-Z]'}"):
        read_picture(path)


def test_no_program_is_run_for_a_picture(tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript."""

    def run(*args, **options):
        raise AssertionError

    monkeypatch.setattr("subprocess.Popen", run)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    path = saved(tmp_path, Image.fromarray(COLOURS), "x.png").with_suffix(".eps")
    Image.fromarray(COLOURS).save(path)
    with pytest.raises(InputError, match=r"x\.eps is not a picture of a known kind"):
        read_picture(path)


# Towards the net


def test_the_centre_of_a_picture_that_needs_no_scaling():
    wide = RNG.integers(0, 256, (256, 300, 3), np.uint8)
    np.testing.assert_array_equal(crop_centre(wide), wide[16:240, 38:262])
    tall = wide.swapaxes(0, 1)
    np.testing.assert_array_equal(crop_centre(tall), tall[38:262, 16:240])


@pytest.mark.parametrize("tall", [False, True])
def test_the_longer_side_is_cut_to_whole_pixels_and_not_rounded(tall):
    """256 * 302 / 201 = 384.6, of which torchvision's Resize makes 384."""
    wide = RNG.integers(0, 256, (201, 302, 3), np.uint8)
    scaled = Image.fromarray(wide).resize((384, 256), Image.Resampling.BILINEAR)
    expected = np.asarray(scaled)[16:240, 80:304]
    if tall:
        wide, expected = wide.swapaxes(0, 1), expected.swapaxes(0, 1)
    np.testing.assert_allclose(crop_centre(wide), expected, atol=1)


def test_scaling_halves_by_triangles():
    """Bilinear with antialiasing at 1/2: weights 1, 3, 3, 1 in each direction."""
    picture = RNG.integers(0, 256, (16, 20, 3), np.uint8)
    weights = np.array([1, 3, 3, 1]) / 8
    rows = sum(w * picture[1 + i : 12 + i : 2] for i, w in enumerate(weights))
    expected = sum(w * rows[:, 3 + i : 14 + i : 2] for i, w in enumerate(weights))
    inner = crop_centre(picture, shorter=8, size=6)  # the rim has other weights
    np.testing.assert_allclose(inner, expected, atol=1)


def test_a_thin_picture_costs_no_memory():
    thin = np.zeros((8, 100_000, 3), np.uint8)
    thin[:, 50_000 - 16 : 50_000 + 16] = 200
    assert (crop_centre(thin) == 200).all()


def test_inputs_of_the_nets():
    pixels = np.stack([COLOURS, COLOURS[::-1]])
    mean = np.array([0.485, 0.456, 0.406])
    deviation = np.array([0.229, 0.224, 0.225])
    expected = (pixels / 255.0 - mean) / deviation
    for fn in (squeezenet_input, jax.jit(squeezenet_input)):
        np.testing.assert_allclose(fn(jax.numpy.asarray(pixels)), expected, atol=1e-5)
    out = mobilenet_input(jax.numpy.array([[[[0, 51, 255]]]], np.uint8))
    np.testing.assert_allclose(out, [[[[-1, -0.6, 1]]]], atol=1e-6)
