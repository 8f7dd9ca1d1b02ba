"""The form of `result.json`: what the runner writes and the ledger reads."""

import functools
import hashlib
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import (
    Any,
    NotRequired,
    TypedDict,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from jaxdl.errors import InputError
from jaxdl.files import require_regular

SEAL = "sha256"
"""The field of a JSON object that holds the checksum of the others."""
NUMBER = (int, float)
LARGEST = 1e150  # of a number in a file: its square is a number too
DEEPEST = 50  # levels of lists and objects in a file


class MetricResult(TypedDict):
    """A metric of the final evaluation.

    Attributes:
      mean: over the seeds.
      ci95: low and high end of the 95 % interval; None for one seed.
      per_seed: one value for each of the result's `seeds`.
      protocol: named fields; empty for a run's own note, which gets no row.
      published: id of the published figure to compare with.
    """

    mean: float
    ci95: list[float] | None
    per_seed: list[float]
    protocol: dict[str, Any]
    published: NotRequired[str | None]


class DataIdentity(TypedDict):
    """The data of a run: their name and the checksum of their arrays."""

    name: str
    checksum: str


class RunResult(TypedDict):
    """The result of one run, or of one case of a sweep.

    Attributes:
      experiment: name of the script.
      config: the fields of the configuration that decide the final state.
      config_hash: hash of experiment and configuration.
      seeds: ascending whole numbers.
      steps: training steps of each seed, summed over phases.
      metrics: by name.
      data: name and checksum.
      wall_seconds, steps_per_second, peak_memory_bytes: costs; None where the machine
        cannot tell.
      device, git_commit: None where unknown.
      versions: of Python and of the libraries.
      state_sha256: hash of the final states of all seeds.
      state_sha256_per_seed: hash of each seed's final state.
      executor: "sequential" or "vmap".
      stopped_step: step by which the stopping rule of all seeds held; missing if it did
        not, or there is none.
      seconds: wall seconds by kind of work.
      remarks: for each remark's name, what it says about each seed.
      phases: the result of each phase by name, if there were several.
    """

    experiment: str
    config: dict[str, Any]
    config_hash: str
    seeds: list[int]
    steps: int
    metrics: dict[str, MetricResult]
    data: DataIdentity
    wall_seconds: float | None
    steps_per_second: float | None
    peak_memory_bytes: int | None
    device: str | None
    git_commit: str | None
    versions: dict[str, str]
    state_sha256: str
    state_sha256_per_seed: NotRequired[list[str]]
    executor: NotRequired[str]
    stopped_step: NotRequired[int | None]
    seconds: NotRequired[dict[str, float]]
    remarks: NotRequired[dict[str, list[dict[str, Any]]]]
    phases: NotRequired[dict[str, "RunResult"]]


class SweepResult(TypedDict):
    """The result of a sweep: fields as in `RunResult`, and a result for each case."""

    experiment: str
    config: dict[str, Any]
    config_hash: str
    seeds: list[int]
    data: DataIdentity
    wall_seconds: float | None
    device: str | None
    git_commit: str | None
    versions: dict[str, str]
    state_sha256: str
    cases: dict[str, RunResult]


@functools.cache
def _fields(form: Any) -> dict[str, Any]:
    """Annotations of a `TypedDict` by name."""
    return get_type_hints(form)


def check_form(table: Any, form: Any, where: str, *, others: bool = False) -> None:
    """Require what a `TypedDict` says: its fields and no others, each of its type.

    Args:
      table: from a JSON file.
      form: the `TypedDict`; may hold others, lists and dicts.
      where: the file and the place in it, for messages.
      others: allow fields that the form does not name.

    Raises:
      InputError: naming the field that is missing, unknown or of another type.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a JSON object with named fields")
    fields = _fields(form)
    for name in fields:
        if name in form.__required_keys__ and name not in table:
            raise InputError(f"{where}: field '{name}' is missing")
    unknown = [name for name in table if name not in fields]
    if unknown and not others:
        raise InputError(
            f"{where}: field '{unknown[0]}' is unknown; expected {', '.join(fields)}"
        )
    for name, hint in fields.items():
        if name in table:
            _check_value(table[name], hint, where, name)


def _check_value(value: Any, hint: Any, where: str, field: str) -> None:
    if is_typeddict(hint):
        return check_form(value, hint, f"{where}, {field}")
    for option in get_args(hint) if isinstance(hint, types.UnionType) else (hint,):
        kind = get_origin(option) or option
        if kind is Any or type(value) is kind or (kind is float and type(value) is int):
            if kind is dict:
                for name, inner in value.items():
                    _check_value(inner, get_args(option)[1], where, f"{field}.{name}")
            if kind is list:
                for index, inner in enumerate(value):
                    _check_value(inner, get_args(option)[0], where, f"{field}.{index}")
            return None
    raise InputError(
        f"{where}: field '{field}' can't be of type {type(value).__name__}"
    )


def _leaves(content: Any) -> Iterator[tuple[str, Any]]:
    """Values below lists and objects, with their places; too deep ones are refused."""
    waiting = [("", content, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        items: Any = {list: enumerate, dict: dict.items}.get(type(value))
        if items is None:
            yield place.removeprefix("."), value
        else:
            inner = [(f"{place}.{name}", x, depth + 1) for name, x in items(value)]
            waiting += inner[::-1]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {twice!r} is there twice")
    return table


def read_json(path: Path) -> Any:
    """Content of a JSON file, in which all numbers are finite and none is above 1e150.

    Raises:
      InputError: if the file cannot be read, is not JSON, has a field twice or is
        nested too deep, or holds NaN, infinity or larger numbers.
    """
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8-sig")  # some editors write the mark
        content = json.loads(text, object_pairs_hook=_once)
        leaves = list(_leaves(content))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); mend it") from error
    for field, value in leaves:
        if isinstance(value, NUMBER) and not abs(value) <= LARGEST:
            raise InputError(
                f"{path}: field '{field}' is not finite"
                + (f" ({value})" if isinstance(value, float) else "")
                + f": expected numbers up to {LARGEST}"
            )
    return content


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value, in hex; the order of names does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read_unsealed(path: Path) -> Any:
    """Content of a JSON file without its checksum, which is compared if it has one."""
    content = read_json(path)
    if isinstance(content, dict) and SEAL in content:
        seal = content.pop(SEAL)
        if seal != digest_of(content):
            raise InputError(
                f"{path}: does not match its checksum (field '{SEAL}'), so it was "
                "changed; put a good copy back"
            )
    return content


def _check_metric(metric: MetricResult, num_seeds: int, where: str) -> None:
    values = metric["per_seed"]
    if len(values) != num_seeds:
        raise InputError(f"{where}: field 'per_seed' needs one number for each seed")
    tolerance = 1e-4 * max(map(abs, values))  # a mean taken in float32 passes
    if abs(metric["mean"] - sum(values) / num_seeds) > tolerance:
        raise InputError(f"{where}: field 'mean' is not the mean of 'per_seed'")
    ends = metric["ci95"]
    if ends is not None and (len(ends) != 2 or ends[0] > ends[1]):
        raise InputError(f"{where}: field 'ci95' must be two numbers, low and high")
    if ends and not ends[0] - tolerance <= metric["mean"] <= ends[1] + tolerance:
        raise InputError(f"{where}: field 'ci95' does not hold the mean")


def read_result(path: Path) -> RunResult:
    """One result file, checked against the form that the runner writes.

    Raises:
      InputError: naming the file and the field that is missing, not finite or wrong.
    """
    return _checked_result(_read_unsealed(path), str(path))


def _checked_result(result: Any, where: str) -> RunResult:
    check_form(result, RunResult, where)
    seeds = result["seeds"]
    if not seeds or not all(0 <= seed < 2**32 for seed in seeds):
        raise InputError(
            f"{where}: field 'seeds' must list numbers from 0 to 2**32 - 1"
        )
    if len(set(seeds)) < len(seeds):
        raise InputError(f"{where}: field 'seeds' holds a seed twice")
    for name in ("steps", "wall_seconds", "steps_per_second", "peak_memory_bytes"):
        if (result[name] or 0) < 0:
            raise InputError(f"{where}: field '{name}' is {result[name]}, below 0")
    for name, metric in result["metrics"].items():
        _check_metric(metric, len(seeds), f"{where}, metrics.{name}")
    config = {"seed": seeds[0], "seeds": len(seeds)} | result["config"]
    if [config["seed"], config["seeds"]] != [seeds[0], len(seeds)]:
        raise InputError(f"{where}: field 'seeds' does not agree with its config")
    remarks = {f"remarks.{k}": x for k, x in result.get("remarks", {}).items()}
    digests = {"state_sha256_per_seed": result.get("state_sha256_per_seed", seeds)}
    for name, entries in (remarks | digests).items():
        if len(entries) != len(seeds):
            raise InputError(f"{where}: field '{name}' needs one entry for each seed")
    for name, phase in result.get("phases", {}).items():
        _checked_result(phase, f"{where}, phases.{name}")
    return cast(RunResult, result)


def read_results(path: Path) -> dict[str, RunResult]:
    """The results in a file: its own, or one for each case of a sweep.

    Returns:
      Results by "file", or by "file: case".

    Raises:
      InputError: as `read_result`.
    """
    content = _read_unsealed(path)
    if not isinstance(content, dict) or "cases" not in content:
        return {path.name: _checked_result(content, str(path))}
    cases = content["cases"]
    if not isinstance(cases, dict) or not cases:
        raise InputError(f"{path}: field 'cases' must hold at least one result by name")
    results = {
        f"{path.name}: {name}": _checked_result(case, f"{path}, cases.{name}")
        for name, case in cases.items()
    }
    check_form(content, SweepResult, str(path))
    return results
