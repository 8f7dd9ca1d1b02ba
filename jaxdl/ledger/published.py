"""Published figures: what each paper reports, and how it was measured.

A figure's protocol is a dict of named fields. `null` means that the source leaves the
field open: a result states what it did there, and no value counts as a difference.
Fields that a figure lists as `free` belong to the method, not to what is measured: the
ledger lists how ours differ there, and judges the row all the same.
"""

from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import InputError
from jaxdl.ledger.schema import NUMBER, check_fields, read_json

_PUBLISHED_FIELDS = {
    "id": str,
    "system": str,
    "metric": str,
    "value": NUMBER,
    "error": (*NUMBER, type(None)),
    "error_kind": (str, type(None)),
    "direction": str,
    "protocol": dict,
    "source": dict,
    "trust": str,
}


class Published(NamedTuple):
    """One published figure.

    Attributes:
      id: the name by which results refer to it.
      system, metric: what was measured on what, in words.
      value, error: the figure and its error, None if the source gives none.
      error_kind: what the error is, such as "standard error over test images".
      direction: which side is better: "higher", "lower" or "equal".
      protocol: named fields; None where the source leaves the field open.
      source: "paper" and "table"; more keys are welcome.
      trust: P, read in the paper; A, in the authors' code; S, in a transcription; M,
        recalled without a source, and so never given a verdict.
      free: names of protocol fields in which another choice is fair.
    """

    id: str
    system: str
    metric: str
    value: float
    error: float | None
    error_kind: str | None
    direction: str
    protocol: dict[str, Any]
    source: dict[str, str]
    trust: str
    free: tuple[str, ...] = ()


def read_published(path: Path) -> dict[str, Published]:
    """Published figures by id, in the order of the file.

    Raises:
      InputError: naming the file, the entry and the field that can't be used.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path}: not a list of published figures")
    figures: dict[str, Published] = {}
    for index, entry in enumerate(entries):
        check_fields(entry, _PUBLISHED_FIELDS, f"{path}, entry {index}")
        where = f"{path}, '{entry['id']}'"
        check_fields(entry["source"], {"paper": str, "table": str}, where)
        if entry["id"] in figures:
            raise InputError(f"{where}: field 'id' occurs twice")
        if entry["direction"] not in ("higher", "lower", "equal"):
            raise InputError(f"{where}: field 'direction' can't be that")
        if entry["trust"] not in ("P", "A", "S", "M"):
            raise InputError(f"{where}: field 'trust' must be P, A, S or M")
        free = entry.get("free", [])
        if not isinstance(free, list) or not set(free) <= entry["protocol"].keys():
            raise InputError(f"{where}: field 'free' must list fields of its protocol")
        named = {name: entry[name] for name in _PUBLISHED_FIELDS}
        figures[entry["id"]] = Published(**named, free=tuple(free))
    return figures
