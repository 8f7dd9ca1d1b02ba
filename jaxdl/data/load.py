"""Image data sets with fixed, named splits, as uint8 arrays on the device."""

import contextlib
import dataclasses
import difflib
import functools
import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import numpy as np
from jaxtyping import Array, Int32, UInt8

from jaxdl.errors import InputError

DataName = Literal["digits", "mnist", "fashion_mnist"]  # grey images
PreparedName = Literal[
    "digits", "mnist", "fashion_mnist", "cifar10_subset", "tiny_shakespeare"
]

IMAGE_SHAPES: dict[str, tuple[int, int, int]] = {
    "digits": (8, 8, 1),
    "mnist": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10_subset": (32, 32, 3),
}
"""Height, width and channels of each data set: enough to build a model without data."""

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
"""What the classes 0 to 9 of CIFAR-10 are."""

_NUM_TRAIN = {"mnist": 50_000, "fashion_mnist": 50_000, "cifar10_subset": 3_500}


class Split(NamedTuple):
    """Some images and their classes, in a fixed order.

    Attributes:
      image: intensities from 0 (background) to 255.
      label: classes from 0.
    """

    image: UInt8[Array, "n height width channels"]
    label: Int32[Array, " n"]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["train", "validation", "test"],
    meta_fields=["name", "checksum"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A data set in three splits: a pytree whose leaves are the arrays.

    Attributes:
      train, validation, test: the splits; no image is in two of them.
      name: name of the data set.
      checksum: sha256, in hex, over shape, dtype and bytes of each array, split by
        split, image before label.
    """

    train: Split
    validation: Split
    test: Split
    name: str
    checksum: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        height, width, channels = self.train.image.shape[1:]
        return height, width, channels


def load_images(
    name: str,
    *,
    data_dir: str | Path | None = None,
    source_dir: str | Path | None = None,
) -> Images:
    """A data set on the default device, prepared first where that is needed.

    Splits, always in the order of the original files: `digits` (scikit-learn's; values
    x from 0 to 16 become round(255 x / 16)) has the first 1,197 images for training,
    the next 300 for validation, the last 300 for test; `mnist` and `fashion_mnist` have
    the first 50,000 of the original training images for training, the other 10,000 for
    validation, and the 10,000 original test images for test; `cifar10_subset` likewise
    the first 3,500 of 4,000, the other 500, and 1,000. `train_on_all` joins the first
    two.

    Args:
      name: `digits`, `mnist`, `fashion_mnist` or `cifar10_subset`.
      data_dir, source_dir: as for `prepare`.

    Raises:
      InputError: as for `prepare`, and if the prepared data is damaged.
    """
    _require_known(name, tuple(IMAGE_SHAPES))
    folder = prepare(name, data_dir=data_dir, source_dir=source_dir)
    if folder is None:
        image, label = _read_digits()
        parts = (slice(1197), slice(1197, 1497), slice(1497, None))
        splits = [(image[part], label[part]) for part in parts]
    else:
        train, test = _read_prepared(name, folder)
        image, label = train
        num = _NUM_TRAIN[name]
        splits = [(image[:num], label[:num]), (image[num:], label[num:]), test]
    checksum = images_checksum(splits)
    train, validation, test = (
        Split(*jax.device_put((image, label))) for image, label in splits
    )
    return Images(train, validation, test, name, checksum)


def prepare(
    name: str,
    *,
    data_dir: str | Path | None = None,
    source_dir: str | Path | None = None,
) -> Path | None:
    """Makes a data set ready for its loader; quick where it is ready already.

    The original files come from `source_dir`, or are downloaded when none is given;
    their sha256 is checked either way. Nothing is written to `data_dir` until all of
    them are there and right, and processes that prepare at once wait for each other.

    Args:
      name: `digits`, `mnist`, `fashion_mnist`, `cifar10_subset` or `tiny_shakespeare`.
      data_dir: folder of prepared data; the environment variable TFDS_DATA_DIR or
        ~/tensorflow_datasets where not given.
      source_dir: folder that holds the original files: `*-ubyte.gz`, `cifar10_*` or
        `input.txt`. It is not looked at when the data is ready.

    Returns:
      The folder of the prepared data; None for `digits`, which comes with scikit-learn
      and needs no preparation.

    Raises:
      InputError: if the name is unknown; a source file is missing or has another
        sha256; there is neither `source_dir` nor a network (within 30 seconds), or no
        address for `cifar10_subset`; `data_dir` cannot be written.
    """
    _require_known(name, get_args(PreparedName))
    if name == "digits":
        return None

    from jaxdl.data import builders, source_files

    builder_cls = builders.BUILDERS[name]
    folder = prepared_folder(builder_cls, data_dir)
    data_dir = folder.parents[1]
    if os.path.exists(folder):  # tensorflow-datasets moves it in place when whole
        return folder
    if source_dir is not None:
        source_dir = _home(source_dir).absolute()
        source_files.check_files(source_dir, builder_cls.SHA256)
        _write(builder_cls, data_dir, source_dir)
        return folder
    if builder_cls.URL is None:
        raise InputError(
            f"{name} is not in {data_dir} and cannot be downloaded; two ways out: give "
            f"--source-dir FOLDER with the files {', '.join(builder_cls.SHA256)}; or "
            "give --data-dir FOLDER, a data folder that was prepared elsewhere"
        )
    with tempfile.TemporaryDirectory() as downloads:
        try:
            source_files.download_files(
                builder_cls.URL, builder_cls.SHA256, Path(downloads)
            )
        except OSError as error:
            ready = "digits" if name in IMAGE_SHAPES else "python"
            raise InputError(
                f"{name} is not in {data_dir} and could not be downloaded from "
                f"{builder_cls.URL} ({error}); three ways out: give --source-dir "
                f"FOLDER with the files {', '.join(builder_cls.SHA256)}; or run `jaxdl "
                f"data prepare {name}` on a machine with a network, copy its data "
                f"folder here and give --data-dir FOLDER; or use --data {ready}, which "
                "needs no files"
            ) from error
        _write(builder_cls, data_dir, Path(downloads))
    return folder


def prepared_folder(builder_cls: Any, data_dir: str | Path | None = None) -> Path:
    """The folder of a builder's prepared data; it is there once they are complete."""
    home = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return _home(home) / builder_cls.name / str(builder_cls.VERSION)


def _home(path: str | Path) -> Path:
    """A path with ~ replaced, unless nobody has that home."""
    return Path(os.path.expanduser(path))


def _require_known(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        raise InputError(
            f"there is no data set {name!r}: expected one of {', '.join(known)}"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )


def _write(builder_cls: type, data_dir: Path, source_dir: Path) -> None:
    """Prepares `data_dir` from checked files, one process at a time."""
    import tensorflow_datasets as tfds
    from filelock import FileLock

    lock = FileLock(data_dir / f".{builder_cls.name}.lock", timeout=120)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        # tensorflow-datasets wants a folder for downloads; there are none.
        with lock, tempfile.TemporaryDirectory() as download_dir, _quiet():
            for leftover in (data_dir / builder_cls.name).glob("incomplete.*"):
                shutil.rmtree(leftover)  # a process was killed here
            builder = builder_cls(data_dir=data_dir, file_format="array_record")
            builder.download_and_prepare(
                download_dir=download_dir,
                download_config=tfds.download.DownloadConfig(
                    manual_dir=source_dir, try_download_gcs=False
                ),
            )
    except (OSError, RuntimeError) as error:  # array_record raises RuntimeError
        raise InputError(
            f"the prepared data cannot be written to {data_dir} ({error}): give a "
            "folder that can be written with --data-dir"
        ) from error


@contextlib.contextmanager
def _quiet():
    """Keeps tensorflow-datasets from printing, drawing bars and warning."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    image = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return image, digits.target.astype(np.int32)


def _read_prepared(name: str, folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of the splits `train` and `test`, in the order of the files."""
    with _damage_as_error(folder):
        builder = _open(name, folder)
        return [
            _read_split(builder.as_data_source(split=split), IMAGE_SHAPES[name])
            for split in ("train", "test")
        ]


def read_record(name: str, folder: Path, split: str) -> dict[str, Any]:
    """The first record of a split of prepared data.

    Args:
      name: of the data set.
      folder: where `prepare` has put it.
      split: of the data set.

    Raises:
      InputError: if the prepared data is damaged.
    """
    with _damage_as_error(folder):
        source: Any = _open(name, folder).as_data_source(split=split)
        return source[0]


def _open(name: str, folder: Path):
    """The builder of prepared data.

    Its features are ours: `tfds.builder_from_directory` would take those that the
    folder's features.json names, and import whatever module that says.
    """
    from jaxdl.data import builders

    builder_cls = builders.BUILDERS[name]
    return builder_cls(data_dir=folder.parents[1], file_format="array_record")


@contextlib.contextmanager
def _damage_as_error(folder: Path):
    try:
        with _quiet():
            yield
    except Exception as error:  # tensorflow-datasets and array_record raise anything
        raise InputError(
            f"the prepared data in {folder} is damaged ({error}): delete that folder "
            "and prepare it again"
        ) from error


def _read_split(
    source, image_shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    image = np.empty((len(source), *image_shape), np.uint8)
    label = np.empty(len(source), np.int32)
    for start in range(0, len(source), 1000):  # a thousand records at a time in memory
        stop = min(start + 1000, len(source))
        for i, record in enumerate(source.__getitems__(range(start, stop)), start):
            image[i], label[i] = record["image"], record["label"]
    return image, label


def images_checksum(splits: Any) -> str:
    """sha256, in hex, over shape, dtype and bytes of each array, split by split."""
    digest = hashlib.sha256()
    for array in jax.tree.leaves(splits):
        digest.update(f"{array.shape} {array.dtype} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
