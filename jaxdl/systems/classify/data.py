"""Names of ImageNet's classes, and classes from the names of files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from jaxdl.errors import InputError
from jaxdl.files import require_regular

SYNSET = re.compile(r"n\d{8}")


class ClassName(NamedTuple):
    """A class: its synset id, such as n02123045, if there is one, and its name."""

    synset: str | None
    name: str


def read_class_names(path: Path) -> list[ClassName]:
    """Class k from line k, from 0, of a text: "n02123045 tabby, tabby cat" or a name.

    Raises:
      InputError: if the file cannot be read, is no text in UTF-8, has an empty line, or
        names a synset twice.
    """
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8-sig")  # also ends lines as here
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the class names {path} can't be read ({error}): name a text file"
        ) from error
    if "\0" in text:
        raise InputError(f"the class names {path} hold a zero byte: name a text file")
    lines = text.removesuffix("\n").split("\n")
    if not all(line.strip() for line in lines):
        raise InputError(
            f"the class names {path} are empty or have an empty line: expected a name "
            "on each line"
        )
    names = []
    for line in lines:
        first, _, rest = line.partition(" ")
        known = SYNSET.fullmatch(first) is not None
        names.append(
            ClassName(first, rest or first) if known else ClassName(None, line)
        )
    synsets = [name.synset for name in names if name.synset]
    if len(set(synsets)) < len(synsets):
        twice = next(x for x in synsets if synsets.count(x) > 1)
        raise InputError(f"the class names {path} have {twice} twice: keep one line")
    return names


def labels_of_files(
    paths: Sequence[Path], names: Sequence[ClassName]
) -> Integer[np.ndarray, " pictures"]:
    """The class of each file whose name begins with a synset id.

    Raises:
      InputError: if a name does not begin with the id of one of the classes.
    """
    number_of = {synset: number for number, (synset, _) in enumerate(names)}
    found = [SYNSET.match(path.name) for path in paths]
    labels = [number_of.get(match[0]) if match else None for match in found]
    unknown = [str(p) for p, label in zip(paths, labels, strict=True) if label is None]
    if unknown:
        raise InputError(
            f"the name of {unknown[0]} does not begin with the id of a class "
            f"({len(unknown)} such of {len(paths)}): expected names like "
            "n01440764_tench.JPEG, and their ids among the class names"
        )
    return np.array(labels)
