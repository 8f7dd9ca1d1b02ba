"""How long the systems take on two cores, read from committed results.

`defaults.json` beside the scripts holds the seconds of each script without flags:
`{"device": "CPU ..., 2 cores", "cores": 2, "systems": {"gan": {"seconds": 41.2}}}`. The
seconds of recorded runs are in the result files.
"""

from typing import Any, NamedTuple, TypedDict

from jaxdl.errors import InputError
from jaxdl.ledger.schema import NUMBER, check_form, read_json
from jaxdl.registry import System

DEFAULTS = "defaults.json"


class _Defaults(TypedDict):
    device: str
    cores: int
    systems: dict[str, Any]


class RunSeconds(NamedTuple):
    """Seconds of two runs of a system; None for a run that was not timed.

    Attributes:
      default: the script without flags.
      full: the recorded run that READMEs show, all seeds together.
    """

    default: float | None
    full: float | None


def recorded_minutes(system: System) -> RunSeconds:
    """Seconds of a system's default run and of its recorded one.

    Args:
      system: as `find_systems` returns it; files are looked for beside its script.

    Raises:
      InputError: if a file is there but cannot be used.
    """
    return RunSeconds(_default_seconds(system), _full_seconds(system))


def _default_seconds(system: System) -> float | None:
    path = system.script.with_name(DEFAULTS)
    if not path.exists():
        return None
    content = read_json(path)
    check_form(content, _Defaults, str(path), others=True)
    entry = content["systems"].get(system.name)
    if entry is None:
        return None
    if not isinstance(entry, dict) or not _is_time(entry.get("seconds")):
        raise InputError(
            f"{path}: the entry {system.name} has no time: expected "
            '{"seconds": number above 0}'
        )
    return float(entry["seconds"])


def _full_seconds(system: System) -> float | None:
    record = next(iter(system.records), None)
    if record is None:
        return None
    path = system.script.parent / "results" / record
    if not path.exists():
        return None
    content = read_json(path)
    seconds: Any = content.get("wall_seconds") if isinstance(content, dict) else None
    return float(seconds) if _is_time(seconds) else None


def _is_time(seconds: Any) -> bool:
    return type(seconds) in NUMBER and seconds > 0


def format_minutes(seconds: float | int | None) -> str:
    """Minutes for a table, such as 0.7 or 16; "-" for None."""
    if not seconds:
        return "-"
    minutes = seconds / 60
    return f"{minutes:.0f}" if minutes >= 1.5 else f"{max(minutes, 0.1):.1f}"
