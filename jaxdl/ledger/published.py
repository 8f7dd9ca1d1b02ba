"""Published figures: what each paper reports, and how it was measured.

A figure's protocol is a dict of named fields. `null` means that the source leaves the
field open: a result states what it did there, and no value counts as a difference.
Fields that a figure lists as `free` belong to the method, not to what is measured: the
ledger lists how ours differ there, and judges the row all the same.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

from jaxdl.errors import InputError
from jaxdl.ledger.metrics import Bounds, parse_bounds
from jaxdl.ledger.schema import check_form, read_json

SYSTEMS = Path(__file__).resolve().parents[1] / "systems"


class _Source(TypedDict):
    paper: str
    table: str


class _Entry(TypedDict):
    """A figure in a file; its fields are those of `Published`."""

    id: str
    system: str
    metric: str
    value: float
    error: float | None
    error_kind: str | None
    direction: str
    protocol: dict[str, Any]
    source: dict[str, Any]
    trust: str
    free: NotRequired[list[str]]
    bounds: NotRequired[list[float | None] | None]
    withdrawn: NotRequired[str | None]


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
      owner: name of the system that reproduces it.
      bounds: of the values that this figure is compared with; None if they are those
        of the metric in the system's `metrics.json`.
      free: names of protocol fields in which another choice is fair.
      withdrawn: reason why the figure gives no row, nor do results that refer to it;
        None for a figure of the ledger.
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
    owner: str = ""
    bounds: Bounds | None = None
    free: tuple[str, ...] = ()
    withdrawn: str | None = None


def read_published(*paths: Path) -> dict[str, Published]:
    """Published figures by id, in the order of the files.

    Args:
      *paths: each a JSON list of figures, in the folder of the system that owns them.

    Raises:
      InputError: naming the file, the entry and the field that cannot be used, or the
        two places of an id that occurs twice.
    """
    figures: dict[str, Published] = {}
    places: dict[str, str] = {}
    for path in paths:
        entries = read_json(path)
        if not isinstance(entries, list):
            raise InputError(f"{path}: expected a JSON list of published figures")
        for index, entry in enumerate(entries):
            place = f"{path}, entry {index}"
            figure = _read_figure(entry, path, place)
            if figure.id in places:
                raise InputError(
                    f"{place}, '{figure.id}': field 'id' occurs twice, first in "
                    f"{places[figure.id]}; rename one of them"
                )
            figures[figure.id], places[figure.id] = figure, place
    return figures


def _read_figure(entry: Any, path: Path, place: str) -> Published:
    check_form(entry, _Entry, place)
    where = f"{path}, '{entry['id']}'"
    check_form(entry["source"], _Source, where, others=True)
    if entry["direction"] not in ("higher", "lower", "equal"):
        raise InputError(f"{where}: field 'direction' must be higher, lower or equal")
    if entry["trust"] not in ("P", "A", "S", "M"):
        raise InputError(f"{where}: field 'trust' must be P, A, S or M")
    free = entry.get("free", [])
    if not set(free) <= entry["protocol"].keys():
        raise InputError(f"{where}: field 'free' must list fields of its protocol")
    bounds = entry.get("bounds")
    return Published(
        **{name: entry[name] for name in _Entry.__required_keys__},
        owner=path.parent.name,
        bounds=None if bounds is None else parse_bounds(bounds, where),
        free=tuple(free),
        withdrawn=entry.get("withdrawn"),
    )


def published_files(folders: Iterable[Path]) -> list[Path]:
    """Files of published figures in systems' folders; not every system has one."""
    paths = [folder / "published.json" for folder in folders]
    return [path for path in paths if path.exists()]


def system_folders() -> list[Path]:
    """Folders of all systems, by name.

    Raises:
      InputError: as `jaxdl.registry.find_systems`.
    """
    from jaxdl.registry import find_systems  # not for those who read one file

    return [system.folder for system in find_systems()]


def all_published() -> dict[str, Published]:
    """Published figures of every system, by id.

    Raises:
      InputError: as `read_published` and `system_folders`.
    """
    return read_published(*published_files(system_folders()))
