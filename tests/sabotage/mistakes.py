"""The planted mistakes: read, matched with the sources, planted one at a time."""

import ast
import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent


class Mistake(NamedTuple):
    """A single mistake.

    Attributes:
      file: where it is planted, from the repository's root.
      before: text that stands there exactly once.
      after: text that takes its place.
      test: pytest's name of the test that must fail: `FILE::FUNCTION`, and an id in
        brackets for one set of parameters.
      kind: a few words on what is wrong.
    """

    file: str
    before: str
    after: str
    test: str
    kind: str


def read_mistakes(folder: Path = FOLDER) -> list[Mistake]:
    """All mistakes, file by file.

    Raises:
      ValueError: if an entry has other fields than a `Mistake`, or one stands twice.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        for entry in json.loads(path.read_text()):
            if {*entry} != {*Mistake._fields}:
                raise ValueError(
                    f"{path.name} has an entry of {', '.join(entry)}: expected "
                    f"{', '.join(Mistake._fields)}"
                )
            found.append(Mistake(**entry))
    planted = [(mistake.file, mistake.before, mistake.after) for mistake in found]
    for mistake, place in zip(found, planted, strict=True):
        if planted.count(place) > 1:
            raise ValueError(f"{mistake.file} has one mistake twice: {mistake.after}")
    return found


def faults(mistakes: Iterable[Mistake], root: Path) -> list[str]:
    """A line for each mistake that no longer fits the sources below `root`."""
    return [
        f"{mistake.file} ({mistake.kind}): {fault}"
        for mistake in mistakes
        if (fault := _fault(mistake, root))
    ]


def _fault(mistake: Mistake, root: Path) -> str:
    path = root / mistake.file
    if not path.is_file():
        return "there is no such file"
    count = path.read_text().count(mistake.before)
    if count != 1:
        return f"expected once, found {count} times: {mistake.before!r}"
    if mistake.before == mistake.after:
        return "nothing is changed"
    if not has_test(root, mistake.test):
        return f"there is no test {mistake.test}"
    return ""


_parsed = functools.lru_cache(maxsize=512)(ast.parse)


def has_test(root: Path, test: str) -> bool:
    """True if the file of a test has its function, as far as the source tells."""
    name, _, function = test.partition("::")
    path, function = root / name, function.partition("[")[0]
    if not path.is_file():
        return False
    body: Sequence[ast.stmt] = _parsed(path.read_text()).body
    for part in function.split("::"):
        kinds = (ast.FunctionDef, ast.ClassDef)
        node = next((x for x in body if isinstance(x, kinds) and x.name == part), None)
        if node is None:
            return False
        body = node.body
    return True
