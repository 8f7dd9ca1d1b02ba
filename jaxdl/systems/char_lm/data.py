"""Texts as sequences of character codes, and the windows that training reads."""

import codecs
import contextlib
import dataclasses
import functools
import hashlib
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer

from jaxdl.data.load import prepare, read_record
from jaxdl.errors import InputError
from jaxdl.files import require_regular
from jaxdl.printing import visible
from jaxdl.types import PRNGKey

TextName = Literal["python", "tiny_shakespeare"]
_BLOCK = 1 << 18  # characters or bytes that are worked on at a time

PYTHON_MODULES = (
    *("argparse", "ast", "configparser", "contextlib", "dataclasses", "difflib"),
    *("enum", "functools", "optparse", "pickle", "random", "shutil", "socket"),
    *("statistics", "subprocess", "tarfile", "textwrap", "threading"),
)
"""Modules of the standard library whose source, in this order, is the text `python`."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["train", "validation"],
    meta_fields=["name", "checksum", "alphabet"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Text:
    """A text cut in two: a pytree whose leaves are the codes of its characters.

    Attributes:
      train: the first 90 % of the characters, rounded down.
      validation: the others.
      name: of the text.
      checksum: sha256, in hex, of the text in UTF-8.
      alphabet: its distinct characters, sorted; a code is a place in it.
    """

    train: Integer[Array, " train"]
    validation: Integer[Array, " validation"]
    name: str
    checksum: str
    alphabet: str


class Windows(NamedTuple):
    """The same stretch of time of several streams, and what follows each character.

    Attributes:
      inputs: codes.
      targets: the codes one place further on.
      fresh: whether a stream begins anew here, so that nothing may be carried over.
    """

    inputs: Int32[Array, "batch time"]
    targets: Int32[Array, "batch time"]
    fresh: Bool[Array, " batch"]


def load_text(
    name: str = "python",
    *,
    path: str | Path | None = None,
    data_dir: str | Path | None = None,
    source_dir: str | Path | None = None,
) -> Text:
    """A text on the default device.

    Args:
      name: `python`, the source of `PYTHON_MODULES` in the Python that runs, which the
        text is named after; or `tiny_shakespeare`, prepared first where needed.
      path: a file in UTF-8, which is read instead and named after. A byte-order mark is
        no character, and Windows' ends of lines (CR LF) are one, LF. It takes about 1
        byte of memory a character, 2 if more than 256 are distinct.
      data_dir, source_dir: as for `prepare`, of `tiny_shakespeare`.

    Raises:
      InputError: for an unknown name; if a file is missing, empty, not UTF-8 or has
        fewer than two distinct characters; as for `prepare`.
    """
    if path is not None:
        path = Path(path)
        return _coded(visible(path.stem), _characters([path]), _size([path]))
    if name == "python":
        folder = Path(sysconfig.get_path("stdlib"))
        paths = [folder / f"{module}.py" for module in PYTHON_MODULES]
        name = f"python_{platform.python_version()}"
        return _coded(name, _characters(paths), _size(paths))
    if name != "tiny_shakespeare":
        raise InputError(
            f"there is no text {name!r}: expected python, tiny_shakespeare, or a file "
            "with --text"
        )
    folder = prepare(name, data_dir=data_dir, source_dir=source_dir)
    assert folder is not None  # digits alone have none
    splits = "train", "validation"
    parts = [read_record(name, folder, split)["text"] for split in splits]
    return make_text(name, b"".join(part.tobytes() for part in parts).decode("ascii"))


def make_text(name: str, characters: str) -> Text:
    """A text from its characters.

    Raises:
      InputError: if fewer than two of them are distinct.
    """
    starts = range(0, len(characters), _BLOCK)
    blocks = (characters[start : start + _BLOCK] for start in starts)
    return _coded(name, blocks, len(characters))


def _coded(name: str, blocks: Iterable[str], most: int) -> Text:
    """A text from its parts, of which one at a time is in memory, and its codes.

    Args:
      name: of the text.
      blocks: its characters.
      most: how many they are at most.
    """
    code_of = np.full(sys.maxunicode + 1, -1, np.int32)  # in order of appearance
    points: list[int] = []
    codes, num = _empty(most, np.uint8), 0
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block.encode())
        found = np.frombuffer(block.encode("utf-32-le"), np.uint32)
        new = np.unique(found[code_of[found] < 0])
        if num + len(found) > most:
            raise InputError(
                f"{name} has grown while it was read: give a finished file"
            )
        code_of[new] = len(points) + np.arange(len(new))
        points += new.tolist()
        if (dtype := _code_dtype(len(points))) != codes.dtype:
            wider = _empty(most, dtype)
            wider[:num] = codes[:num]
            codes = wider
        codes[num : num + len(found)] = code_of[found]
        num += len(found)
    if len(points) < 2:
        raise InputError(
            f"{name} has {len(points)} distinct characters: expected at least 2, "
            "since there is nothing to predict in it"
        )
    rank = np.argsort(np.argsort(points)).astype(codes.dtype)  # the alphabet is sorted
    for start in range(0, num, _BLOCK):
        part = codes[start : min(start + _BLOCK, num)]
        part[:] = rank[part]
    cut = num * 9 // 10
    return Text(
        train=jax.device_put(codes[:cut]),
        validation=jax.device_put(codes[cut:num].copy()),
        name=name,
        checksum=digest.hexdigest(),
        alphabet="".join(map(chr, sorted(points))),
    )


def _empty(size: int, dtype: Any) -> np.ndarray:
    """An array that JAX shares on CPU instead of copying it, since it is aligned."""
    num_bytes = size * np.dtype(dtype).itemsize
    memory = np.empty(num_bytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + num_bytes].view(dtype)


def encode(characters: str, alphabet: str) -> Int32[np.ndarray, " time"]:
    """The codes of some characters.

    Raises:
      InputError: if a character is not in the alphabet.
    """
    code_of = {character: code for code, character in enumerate(alphabet)}
    unknown = sorted(set(characters) - code_of.keys())
    if unknown:
        raise InputError(
            f"the prompt has {', '.join(map(repr, unknown))}, which the text does not "
            f"have: expected characters among {alphabet[:100]!r}"
            + (f" and {len(alphabet) - 100} others" if len(alphabet) > 100 else "")
        )
    return np.array([code_of[character] for character in characters], np.int32)


def decode(codes: Integer[np.ndarray, " time"], alphabet: str) -> str:
    """The characters of some codes."""
    return "".join(alphabet[code] for code in codes)


def require_windows(text: Text, batch_size: int, window: int) -> None:
    """Refuse a text too short for one window of each training stream, or of validation.

    Raises:
      InputError: naming the part that is too short.
    """
    for split, needed in (("train", batch_size * window + 1), ("validation", 2)):
        found = len(getattr(text, split))
        if found < needed:
            streams = f"{batch_size} streams of one window of {window} characters"
            reason = streams if split == "train" else "one prediction"
            raise InputError(
                f"the {split} part of {text.name} has {found} characters: expected at "
                f"least {needed}, for {reason}; give a longer text, or smaller "
                "--batch-size or --window"
            )


def make_stream_batch(batch_size: int, window: int, restart_every: int):
    """Windows of contiguous streams, in their order.

    The training characters are cut into `batch_size` streams of one length; step k of a
    pass reads window k of each. After the last whole window the streams begin again. In
    between stream b is `fresh` at each step s with s + b divisible by `restart_every`:
    a net that never begins anew learns to rely on what it carries, and then predicts
    nothing of a text that begins from zero.

    Args:
      batch_size: streams.
      window: characters of a window.
      restart_every: windows after which a stream begins anew.

    Returns:
      `batch_fn(data, key, step) -> Windows`, a pure function of `data.train`, which
      `require_windows` has let pass, and the step; it draws nothing.
    """

    def batch_fn(data: Text, key: PRNGKey, step) -> Windows:
        del key
        num_windows = windows_of_pass(len(data.train), batch_size, window)
        first = step % num_windows * window
        length = (len(data.train) - 1) // batch_size
        starts = first + length * jnp.arange(batch_size)
        places = starts[:, None] + jnp.arange(window + 1)[None, :]
        codes = data.train[places].astype(jnp.int32)
        turn = (step + jnp.arange(batch_size)) % restart_every
        return Windows(codes[:, :-1], codes[:, 1:], (first == 0) | (turn == 0))

    return batch_fn


def windows_of_pass(num_characters: int, batch_size: int, window: int) -> int:
    """Whole windows of each stream: the steps of one pass over the text."""
    return (num_characters - 1) // batch_size // window


def _size(paths: Sequence[Path]) -> int:
    """Bytes of files together; characters are no more."""
    sizes = []
    for path in paths:
        with _readable(path):
            require_regular(path)
            sizes.append(path.stat().st_size)
        if not sizes[-1]:
            raise InputError(f"the text {path} is empty: name a file with characters")
    return sum(sizes)


@contextlib.contextmanager
def _readable(path: Path):
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the text {path} cannot be read ({error.strerror}): name a file in UTF-8"
        ) from error


def _characters(paths: Iterable[Path]) -> Iterator[str]:
    r"""The characters of files, block by block.

    A byte-order mark is left out, and \r\n becomes \n.
    """
    for path in paths:
        decoder = codecs.getincrementaldecoder("utf-8")()
        held = ""
        with _readable(path), path.open("rb") as file:
            done = 3 if file.read(3) == codecs.BOM_UTF8 else 0
            file.seek(done)
            while True:
                content = file.read(_BLOCK)
                try:
                    text = held + decoder.decode(content, final=not content)
                except UnicodeDecodeError as error:
                    place = done - len(error.object) + len(content) + error.start
                    raise InputError(
                        f"the text {path} is not UTF-8: byte {place} is "
                        f"0x{error.object[error.start]:02x} ({error.reason}); convert "
                        "the file to UTF-8"
                    ) from error
                done += len(content)
                held = "\r" if content and text.endswith("\r") else ""
                if block := text[: len(text) - len(held)].replace("\r\n", "\n"):
                    yield block
                if not content:
                    break


def _code_dtype(num_characters: int) -> type:
    if num_characters <= 256:
        return np.uint8
    return np.uint16 if num_characters <= 65_536 else np.int32
