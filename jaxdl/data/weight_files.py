"""Tensors in the files of other frameworks: ncnn, TensorFlow.js, safetensors.

A pickle is never read: unpickling runs whatever the file says.
"""

import hashlib
import importlib.resources
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.errors import InputError
from jaxdl.files import read_regular

_PICKLES = (b"PK\x03\x04", *(b"\x80" + bytes([version]) for version in range(2, 6)))
_FLOAT16_TAG = np.uint32(0x01306B47).tobytes()  # little-endian, as the files are


class Tensors(NamedTuple):
    """The contents of weight files.

    Attributes:
      arrays: by their names in the file.
      sha256: of each file, in hex, by its name.
    """

    arrays: dict[str, np.ndarray]
    sha256: dict[str, str]


def known_sha256(folder: str) -> dict[str, str]:
    """The sha256 of published weight files, by name; `weights.sha256` lists them.

    Args:
      folder: `squeezenet_v1.1` or `mobilenet_v1_0.25_224`.
    """
    listing = importlib.resources.files("jaxdl.data") / "weights.sha256"
    lines = (line.split() for line in listing.read_text().splitlines())
    return {
        name.removeprefix(f"{folder}/"): digest
        for digest, name in lines
        if name.startswith(f"{folder}/")
    }


def read_file(path: Path, sha256: Mapping[str, str]) -> tuple[bytes, str]:
    """A weight file's bytes and their sha256, checked if its name is in the table.

    Raises:
      InputError: if it cannot be read, is a pickle, or has another checksum.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:
        raise InputError(
            f"the weight file {path} is missing: expected it there; name the folder "
            "with all files of the net"
        ) from None
    except OSError as error:
        raise InputError(
            f"the weight file {path} cannot be read ({error.strerror}): name a file or "
            "a folder with weights"
        ) from error
    refuse_pickle(path, content)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.get(path.name, found):
        raise InputError(
            f"the weight file {path} has a wrong checksum: expected sha256 "
            f"{sha256[path.name]}, found {found}; replace it with the original, or, if "
            "these are weights of your own, ask for no known checksums "
            "(--own-weights, or sha256={})"
        )
    return content, found


def refuse_pickle(path: Path, content: bytes) -> None:
    """Refuses what `torch.save` or pickle wrote.

    Raises:
      InputError: says how to convert it.
    """
    if content.startswith(_PICKLES) and content[8:9] != b"{":
        raise InputError(
            f"{path} is a pickle (of torch.save, it seems), which can run code when it "
            "is read and is not: expected safetensors; where you trust the file, save "
            'its state dict with safetensors.torch.save_file(state_dict, "'
            f'{path.stem}.safetensors") and name that'
        )


def read_safetensors(path: Path, sha256: Mapping[str, str]) -> Tensors:
    """All tensors of a `.safetensors` file.

    Raises:
      InputError: if it is damaged, or as `read_file`.
    """
    import safetensors
    import safetensors.numpy

    content, digest = read_file(path, sha256)
    try:
        arrays = safetensors.numpy.load(content)
    except KeyError as error:
        raise InputError(
            f"{path} holds numbers of the kind {error}: save it again as float32, each "
            "tensor as tensor.float()"
        ) from error
    except (safetensors.SafetensorError, ValueError) as error:
        raise InputError(
            f"{path} is no whole safetensors file ({error}): save it again with "
            "safetensors.torch.save_file"
        ) from error
    return Tensors(arrays, {path.name: digest})


class Convolution(NamedTuple):
    """A layer of ncnn's: kernel [out in height width], and bias [out]."""

    kernel: np.ndarray
    bias: np.ndarray


def read_ncnn(
    param: Path, sha256: Mapping[str, str]
) -> tuple[list[Convolution], dict[str, str]]:
    """The convolutions of an ncnn net, in their order, and the sha256 of both files.

    The text `.param` has a line for each layer; the `.bin` beside it holds, for each
    line `Convolution`, the tag 0x01306B47, the kernel as float16, zeros up to a
    multiple of four bytes, and the bias as float32.

    Raises:
      InputError: if a file is no such thing or damaged, or as `read_file`.
    """
    path = param.with_suffix(".bin")
    content, bin_digest = read_file(path, sha256)
    text, param_digest = read_file(param, sha256)
    layers, place = [], 0
    for out, inputs, height, width in _ncnn_layers(param, text):
        size = out * inputs * height * width
        kernel_end = place + 4 + 2 * size
        end = kernel_end + 2 * (size % 2) + 4 * out
        if end > len(content) or content[place : place + 4] != _FLOAT16_TAG:
            raise InputError(
                f"{path} does not hold what {param.name} lists: expected a float16 "
                f"kernel of {size} numbers at byte {place} of {len(content)}; the "
                "files do not belong together or are damaged, replace them"
            )
        kernel = np.frombuffer(content, "<f2", size, place + 4)
        bias = np.frombuffer(content, "<f4", out, end - 4 * out)
        layers.append(Convolution(kernel.reshape(out, inputs, height, width), bias))
        place = end
    if place != len(content):
        raise InputError(
            f"{path} has {len(content)} bytes: expected {place}, which {param.name} "
            "lists; the files do not belong together, replace them"
        )
    return layers, {param.name: param_digest, path.name: bin_digest}


def _ncnn_layers(param: Path, text: bytes) -> list[tuple[int, int, int, int]]:
    """Output channels, input channels, height and width of each convolution."""
    layers = []
    lines = text.decode(errors="replace").splitlines()
    try:
        if lines[0] != "7767517":
            raise ValueError("its first line is not 7767517")
        for words in map(str.split, lines[2:]):
            if words and words[0] == "Convolution":
                fields = dict(word.split("=") for word in words if "=" in word)
                out, width, size = (int(fields[name]) for name in "016")
                height = int(fields.get("11", width))
                inputs, rest = divmod(size, out * height * width)
                if rest or min(out, inputs, height, width) < 1:
                    raise ValueError(f"{words[1]} has impossible sizes")
                layers.append((out, inputs, height, width))
    except (ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        raise InputError(
            f"{param} is no layer list of ncnn ({error}): name the original .param file"
        ) from error
    return layers


def read_tfjs(folder: Path, sha256: Mapping[str, str]) -> Tensors:
    """All tensors of a TensorFlow.js layers model.

    `weightsManifest` in model.json lists, for each group of files, the names and shapes
    of the float32 tensors that follow one another in it.

    Raises:
      InputError: if model.json is no such model, if files are missing, too short or too
        long, or as `read_file`.
    """
    path = folder / "model.json"
    text, digest = read_file(path, sha256)
    arrays: dict[str, np.ndarray] = {}
    digests = {path.name: digest}
    try:
        for group in json.loads(text)["weightsManifest"]:
            parts = []
            for name in group["paths"]:
                if Path(name).name != name:
                    raise ValueError(f"it names {name!r}, which is not beside it")
                content, digests[name] = read_file(folder / name, sha256)
                parts.append(content)
            _read_group(folder, group, b"".join(parts), arrays)
    except InputError:
        raise
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InputError(
            f"{path} is no TensorFlow.js layers model ({error!r}): name the folder of "
            "the original one"
        ) from error
    return Tensors(arrays, digests)


def _read_group(
    folder: Path, group: dict[str, Any], content: bytes, arrays: dict[str, np.ndarray]
) -> None:
    listed = [(entry["name"], tuple(entry["shape"])) for entry in group["weights"]]
    if any(e["dtype"] != "float32" or "quantization" in e for e in group["weights"]):
        raise ValueError("its weights are not plain float32")
    expected = 4 * sum(math.prod(shape) for _, shape in listed)
    if len(content) != expected:
        raise InputError(
            f"{', '.join(group['paths'])} in {folder} has {len(content)} bytes: "
            f"expected {expected} for {', '.join(name for name, _ in listed)}; replace "
            "it with the original file"
        )
    values, place = np.frombuffer(content, "<f4"), 0
    for name, shape in listed:
        if name in arrays:
            raise ValueError(f"it names {name!r} twice")
        size = math.prod(shape)
        arrays[name] = values[place : place + size].reshape(shape)
        place += size
