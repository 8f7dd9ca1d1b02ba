"""The data sets that there are: size, licence, and where each is prepared.

A data set that is prepared describes itself by its builder (`jaxdl.data.builders`).
"""

import os
import shlex
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from jaxdl.data.load import prepared_folder


class DataSet(NamedTuple):
    """A data set in words.

    Attributes:
      name: the value of `--data`, and of `jaxdl data prepare`.
      about: a sentence with the number of examples and the source.
      items: number of images or characters, with the word.
      num_bytes: size of the original files.
      licence: of the data, with the source of that statement if it is not the data
        set's own; "not stated" if none was found.
      homepage: where the data set is described.
      folder: the prepared data; None if they are not prepared, or need no folder.
      command: prepares it; None if nothing is to be done.
    """

    name: str
    about: str
    items: str
    num_bytes: int
    licence: str
    homepage: str
    folder: str | None
    command: str | None


DIGITS = DataSet(
    name="digits",
    about="Digits: 1,797 handwritten digits, 8 x 8 (Alpaydin and Kaynak 1998).",
    items="1,797 images",
    num_bytes=57_523,
    licence="BSD-3-Clause for scikit-learn, which has them; not stated for the data",
    homepage="https://scikit-learn.org/stable/datasets/toy_dataset.html",
    folder=None,
    command=None,
)


def list_data_sets(data_dir: str | Path | None = None) -> list[DataSet]:
    """All data sets, and where they are prepared.

    Args:
      data_dir: as for `jaxdl.data.prepare`.
    """
    from jaxdl.data.builders import BUILDERS  # imports tensorflow-datasets

    found = [DIGITS]
    for name, builder_cls in BUILDERS.items():
        folder = prepared_folder(builder_cls, data_dir)
        ready = os.path.exists(folder)
        command = f"jaxdl data prepare {name}"
        if builder_cls.URL is None:
            command += " --source-dir FOLDER"
        if data_dir is not None:
            command += f" --data-dir {shlex.quote(str(data_dir))}"
        found.append(
            DataSet(
                name=name,
                about=str(builder_cls.__doc__).splitlines()[0],
                items=builder_cls.ITEMS,
                num_bytes=builder_cls.BYTES,
                licence=builder_cls.LICENCE,
                homepage=builder_cls.HOMEPAGE,
                folder=str(folder) if ready else None,
                command=None if ready else command,
            )
        )
    return found


def format_data_sets(data_sets: Iterable[DataSet], width: int | None = None) -> str:
    """A paragraph for each data set.

    Args:
      data_sets: as `list_data_sets` returns them.
      width: of a line, which paths and commands may exceed; None for any.
    """
    return "\n\n".join(_paragraph(each, width) for each in data_sets)


def _paragraph(data_set: DataSet, width: int | None) -> str:
    if data_set.folder:
        state = f"prepared in {data_set.folder}"
    elif data_set.command:
        state = f"not prepared: {data_set.command}"
    else:
        state = "ready: needs no files"
    lines = [
        data_set.about,
        f"{data_set.items}, {data_set.num_bytes / 1e6:.1f} MB",
        f"licence: {data_set.licence}",
    ]
    indent = "  "
    if width is not None:
        wrapped = (textwrap.wrap(line, max(width - len(indent), 20)) for line in lines)
        lines = [line for block in wrapped for line in block]
    lines = [data_set.name, *(indent + line for line in [*lines, state])]
    return "\n".join(lines)
