"""MNIST, Fashion-MNIST, part of CIFAR-10, tiny Shakespeare: builders.

The packaged builders of the same sets prepare with TensorFlow only. These read the
original files without it, and write one array_record file per split, the
examples in the order of the original files. Importing this module imports
tensorflow-datasets, so `jaxdl.data.load` does it inside its functions.
"""

import gzip
import math
import os
import zlib

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8
from PIL import Image

from jaxdl.errors import InputError

_MOST_AXES = 4  # of images with channels
_MAGIC_UINT8 = b"\x00\x00\x08"  # two zeros, then the code of unsigned bytes


def read_idx(path: str | os.PathLike[str]) -> UInt8[np.ndarray, "..."]:
    """The array of unsigned bytes in a gzip-compressed IDX file.

    An IDX file holds two zero bytes, a type code, the number of axes as one byte, each
    axis length as a big-endian 32-bit integer, then the values in C order.

    Raises:
      InputError: if the file is no IDX file of unsigned bytes, or holds more or fewer
        values than its header says.
    """
    try:
        with gzip.open(path) as file:
            raw = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is not a whole gzip file ({error}): replace it"
        ) from error
    header_size = 4 + 4 * raw[3] if len(raw) > 3 else 0
    if raw[:3] != _MAGIC_UINT8 or len(raw) < header_size:
        raise InputError(
            f"{path} starts with {raw[:4].hex() or 'nothing'}: expected 000008 and the "
            "number of axes, as in an IDX file of unsigned bytes; replace it"
        )
    shape = tuple(int(n) for n in np.frombuffer(raw[4:header_size], ">u4"))
    values = np.frombuffer(raw, np.uint8, offset=header_size)
    if values.size != math.prod(shape) or len(shape) > _MOST_AXES:
        raise InputError(
            f"{path} holds {values.size} values: expected {shape}, as its header says; "
            "replace it"
        )
    return values.reshape(shape)


def _image_info(builder, image_shape: tuple[int, int, int]) -> tfds.core.DatasetInfo:
    """Of images of one size in ten classes."""
    # Raw bytes are read about three times as fast as PNG.
    image = tfds.features.Tensor(shape=image_shape, dtype=np.uint8, encoding="bytes")
    label = tfds.features.ClassLabel(num_classes=10)
    return tfds.core.DatasetInfo(
        builder=builder,
        description=builder.__doc__,
        homepage=builder.HOMEPAGE,
        features=tfds.features.FeaturesDict({"image": image, "label": label}),
        supervised_keys=("image", "label"),
        disable_shuffling=True,  # keep the order of the files
    )


class _IdxImages(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Images and labels from four IDX files, read from tfds' `manual_dir`.

    Attributes:
      HOMEPAGE: where the data set is described.
      URL: the address that, followed by a file's name, gives the file.
      ITEMS, BYTES, LICENCE: as for `jaxdl.data.catalogue.DataSet`.
      SHA256: the sha256 of each compressed file, by name. The builder trusts the files
        in the folder: `source_files` checks or downloads them first.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE: str
    URL: str
    ITEMS = "70,000 images"
    BYTES: int
    LICENCE: str
    SHA256: dict[str, str]
    MANUAL_DOWNLOAD_INSTRUCTIONS = "The four original files named *-ubyte.gz."

    def _info(self) -> tfds.core.DatasetInfo:
        return _image_info(self, (28, 28, 1))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = dl_manager.manual_dir
        return {
            "train": self._generate_examples(folder, "train"),
            "test": self._generate_examples(folder, "t10k"),
        }

    def _generate_examples(self, folder, prefix: str):
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image[..., None], "label": int(label)}


class JaxdlMnist(_IdxImages):
    """MNIST: 70,000 handwritten digits, 28 x 28 (LeCun, Cortes and Burges 1998)."""

    HOMEPAGE = "http://yann.lecun.com/exdb/mnist/"
    URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    BYTES = 11_594_722
    LICENCE = "CC BY-SA 3.0, as the documentation of Keras states it"
    SHA256 = {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    }


class JaxdlFashionMnist(_IdxImages):
    """Fashion-MNIST: 70,000 pieces of clothing, 28 x 28 (Xiao et al. 2017)."""

    HOMEPAGE = "https://github.com/zalandoresearch/fashion-mnist"
    URL = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/"
        "data/fashion/"
    )
    BYTES = 30_878_645
    LICENCE = "MIT (Zalando SE)"
    SHA256 = {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    }


class JaxdlCifar10Subset(tfds.core.GeneratorBasedBuilder):
    """The first 4,000 training and 1,000 test images of CIFAR-10 (Krizhevsky 2009).

    Row i of a file `cifar10_batch_K.png`, 1024 pixels long, is the colour image i of
    its thousand; `cifar10_labels.txt` has the class of image i of batch K in line
    1000 K + i, counted from 0. There is no `URL`: no one address has all the files.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
    URL = None
    ITEMS = "5,000 images"
    BYTES = 11_704_221
    LICENCE = "not stated"
    SHA256 = {
        "cifar10_batch_0.png": (
            "0614720d69293a033786d5fe2924c4e9a9b48874f19ca4627c4662a864ee9f2d"
        ),
        "cifar10_batch_1.png": (
            "2927e26ea68602e34a7424826b76b7336ce36b8f6bcc2e9fce0c05568ff6b4c1"
        ),
        "cifar10_batch_2.png": (
            "0b2759e307bb405bb1a6531f8a0f557eaec46d7546050612fdb836f0fa60eae0"
        ),
        "cifar10_batch_3.png": (
            "a4530ff15c83886058a97c352f53f38be07d191de8f410e998e91786b5900a26"
        ),
        "cifar10_batch_50.png": (
            "5cea9e8fb7933540a2236a4bb25c1ed3a8447f345c55ae659143a95a5d8dac5e"
        ),
        "cifar10_labels.txt": (
            "d4280d19d58ed014c6b7e62f77f7e473ab1cb2eb760c25558d2f7aa3e4f25981"
        ),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Five files cifar10_batch_*.png, cifar10_labels.txt."

    def _info(self) -> tfds.core.DatasetInfo:
        return _image_info(self, (32, 32, 3))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = dl_manager.manual_dir
        return {
            "train": self._generate_examples(folder, range(4)),
            "test": self._generate_examples(folder, [50]),
        }

    def _generate_examples(self, folder, batches):
        labels = np.array((folder / "cifar10_labels.txt").read_text().split(), int)
        for batch in batches:
            with Image.open(folder / f"cifar10_batch_{batch}.png") as picture:
                images = np.asarray(picture).reshape(1000, 32, 32, 3)
            for i, image in enumerate(images, start=1000 * batch):
                yield i, {"image": image, "label": int(labels[i])}


class JaxdlTinyShakespeare(tfds.core.GeneratorBasedBuilder):
    """Tiny Shakespeare: 40,000 lines of plays, 1,115,394 characters (Karpathy 2015).

    One record a split: the first 90 % of the bytes, which are all ASCII, and the rest.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = "https://github.com/karpathy/char-rnn"
    URL = (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
        "tinyshakespeare/"
    )
    ITEMS = "1,115,394 characters"
    BYTES = 1_115_394
    LICENCE = "MIT for the repository; the plays are in the public domain"
    SHA256 = {
        "input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = "The original file input.txt."

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Tensor(shape=(None,), dtype=np.uint8, encoding="bytes")
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage=self.HOMEPAGE,
            features=tfds.features.FeaturesDict({"text": text}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        content = (dl_manager.manual_dir / "input.txt").read_bytes()
        text = np.frombuffer(content, np.uint8)
        cut = len(text) * 9 // 10
        return {
            "train": self._generate_examples(text[:cut]),
            "validation": self._generate_examples(text[cut:]),
        }

    def _generate_examples(self, text: UInt8[np.ndarray, " time"]):
        yield 0, {"text": text}


BUILDERS = {
    "mnist": JaxdlMnist,
    "fashion_mnist": JaxdlFashionMnist,
    "cifar10_subset": JaxdlCifar10Subset,
    "tiny_shakespeare": JaxdlTinyShakespeare,
}
