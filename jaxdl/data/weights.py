"""Pretrained weights: from the files of other frameworks to parameters of our nets."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.weight_files import (
    Tensors,
    known_sha256,
    read_file,
    read_ncnn,
    read_safetensors,
    read_tfjs,
)
from jaxdl.data.weight_trees import Place, fill
from jaxdl.errors import InputError
from jaxdl.types import Model, Params

_FIRE_PLACES = dict(zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True))


class Pretrained(NamedTuple):
    """A net's weights as they were published.

    Attributes:
      params: of the net, float32.
      statistics: means and variances of its batch normalisation, constants, to be given
        to `apply`; empty for a net without.
      sha256: of each file that was read, in hex, by its name.
    """

    params: Params
    statistics: Any
    sha256: dict[str, str]

    @property
    def digest(self) -> str:
        """One sha256 for all files: of the lines that `sha256sum *` prints for them."""
        lines = (f"{self.sha256[name]}  {name}\n" for name in sorted(self.sha256))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def load_squeezenet(
    path: str | Path, model: Model, *, sha256: Mapping[str, str] | None = None
) -> Pretrained:
    """Weights of SqueezeNet 1.1, of ncnn or of torchvision.

    Args:
      path: ncnn's `.param` or `.bin` (the other one beside it, kernels as float16), a
        `.safetensors` file of torchvision's state dict (`features.0.weight` and so on),
        or a folder with one of these.
      model: `jaxdl.models.squeezenet(...)`; its shapes are what is expected.
      sha256: expected checksums by file name; those of the published files if None. A
        file that is not listed may be any.

    Raises:
      InputError: if files are missing, damaged, pickled or have another checksum; if
        tensors are missing, extra, of other shapes or not finite, which names them.
    """
    path = _squeezenet_file(Path(path))
    sha256 = known_sha256("squeezenet_v1.1") if sha256 is None else sha256
    if path.suffix == ".safetensors":
        tensors = read_safetensors(path, sha256)
    else:
        tensors = _ncnn_squeezenet(path.with_suffix(".param"), sha256)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = fill(shapes, tensors.arrays, _torchvision_place, path)
    return Pretrained(params, {}, tensors.sha256)


def load_mobilenet(
    folder: str | Path, model: Model, *, sha256: Mapping[str, str] | None = None
) -> Pretrained:
    """Weights of MobileNet v1, of Keras, saved for TensorFlow.js.

    Args:
      folder: with `model.json` and the files that it names.
      model: `jaxdl.models.mobilenet(...)`; its shapes are what is expected.
      sha256: as for `load_squeezenet`; those published are of width 0.25.

    Raises:
      InputError: as `load_squeezenet`.
    """
    sha256 = known_sha256("mobilenet_v1_0.25_224") if sha256 is None else sha256
    folder = _mobilenet_folder(Path(folder))
    tensors = read_tfjs(folder, sha256)
    params = jax.eval_shape(model.init, jax.random.key(0))
    picture = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    _, statistics = jax.eval_shape(
        lambda params, x: model.apply(params, x, with_statistics=True), params, picture
    )
    form = (params, statistics)
    params, statistics = fill(form, tensors.arrays, _keras_place, folder)
    for name, array in tensors.arrays.items():
        if name.endswith("moving_variance") and np.any(array < 0):
            raise InputError(
                f"{name} in {folder} has a negative variance: expected 0 or more; "
                "replace the files with the originals"
            )
    return Pretrained(params, statistics, tensors.sha256)


def _mobilenet_folder(path: Path) -> Path:
    if path.name == "model.json":
        return path.parent
    if os.path.isfile(path):
        read_file(path, {})  # says if it is a pickle
        raise InputError(
            f"{path} holds no weights of MobileNet: expected a folder with model.json "
            "and the files that it names (TensorFlow.js)"
        )
    return path


def _squeezenet_file(path: Path) -> Path:
    """The file to read: the path itself, or the only one that fits in a folder."""
    if os.path.isdir(path):
        kinds = (".param", ".safetensors")
        try:
            found = sorted(file for file in path.iterdir() if file.suffix in kinds)
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}): name a folder with weights"
            ) from error
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise InputError(
                f"{path} must hold one .param file of ncnn or one .safetensors file: "
                f"found {names}; name the file itself"
            )
        return found[0]
    if path.suffix not in (".param", ".bin", ".safetensors"):
        read_file(path, {})  # says if it is missing or a pickle
        raise InputError(
            f"{path} holds no weights of SqueezeNet: expected a .param or .bin file of "
            "ncnn, a .safetensors file of torchvision's state dict, or a folder with "
            "one of these"
        )
    return path


def _ncnn_squeezenet(param: Path, sha256: Mapping[str, str]) -> Tensors:
    """ncnn's convolutions under torchvision's names.

    They come in the order of the net; of a fire module the squeezing one is first, the
    two others are told apart by their kernels.
    """
    layers, digests = read_ncnn(param, sha256)
    expected = 2 + 3 * len(_FIRE_PLACES)
    if len(layers) != expected:
        raise InputError(
            f"{param} lists {len(layers)} convolutions: expected the {expected} of "
            "SqueezeNet 1.1; name its files"
        )
    named = {"features.0": layers[0], "classifier.1": layers[-1]}
    for first, place in zip(range(1, 25, 3), _FIRE_PLACES.values(), strict=True):
        squeeze, *expand = layers[first : first + 3]
        small, large = sorted(expand, key=lambda layer: layer.kernel.shape[-1])
        parts = dict(squeeze=squeeze, expand1x1=small, expand3x3=large)
        named |= {f"features.{place}.{name}": layer for name, layer in parts.items()}
    arrays = {}
    for name, layer in named.items():
        arrays |= {f"{name}.weight": layer.kernel, f"{name}.bias": layer.bias}
    return Tensors(arrays, digests)


def _torchvision_place(path: str, shape: tuple[int, ...]) -> Place:
    layer, *inner = path.split("/")
    stem = {"conv1": "features.0", "classifier": "classifier.1"}.get(layer)
    if stem is None:
        stem = f"features.{_FIRE_PLACES[int(layer.removeprefix('fire'))]}.{inner[0]}"
    if inner[-1] == "bias":
        return Place(f"{stem}.bias", shape, lambda x: x)
    height, width, inputs, out = shape
    in_file = (out, inputs, height, width)
    return Place(f"{stem}.weight", in_file, lambda x: x.transpose(2, 3, 1, 0))


def _keras_place(path: str, shape: tuple[int, ...]) -> Place:
    _, layer, *_, leaf = path.split("/")  # 0 parameters, 1 statistics
    own = {
        "scale": "gamma",
        "shift": "beta",
        "mean": "moving_mean",
        "variance": "moving_variance",
    }.get(leaf, leaf)
    if layer.startswith("conv_dw") and leaf == "kernel":
        in_file = (*shape[:2], shape[3], shape[2])
        own = "depthwise_kernel"
        return Place(f"{layer}/{own}", in_file, lambda x: x.transpose(0, 1, 3, 2))
    if layer == "conv_preds" and leaf == "kernel":  # a 1 x 1 convolution there
        return Place(f"{layer}/{own}", (1, 1, *shape), lambda x: x[0, 0])
    return Place(f"{layer}/{own}", shape, lambda x: x)
