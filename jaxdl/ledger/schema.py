"""The form of `result.json`: what the runner writes and the ledger reads."""

import json
import math
import types
from collections.abc import Iterable
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

NUMBER = (int, float)


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


def _kinds(hint: Any) -> tuple[type, ...]:
    """Classes that a value with this annotation may have."""
    if isinstance(hint, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    if hint is float:
        return NUMBER  # JSON writes 3.0 as 3
    return (dict,) if is_typeddict(hint) else (get_origin(hint) or hint,)


def required_fields(form: Any) -> dict[str, tuple[type, ...]]:
    """Names of a `TypedDict`'s required fields, each with the classes it may have."""
    hints = get_type_hints(form)
    return {
        name: _kinds(hint)
        for name, hint in hints.items()
        if name in form.__required_keys__
    }


def check_fields(table: Any, fields: dict[str, Any], where: str) -> None:
    """Require named fields of the given classes.

    Raises:
      InputError: naming the field that is missing or has another class.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a JSON object with named fields")
    for name, kind in fields.items():
        if name not in table:
            raise InputError(f"{where}: field '{name}' is missing")
        value = table[name]
        if not isinstance(value, kind) or value is True or value is False:
            raise InputError(
                f"{where}: field '{name}' can't be of type {type(value).__name__}"
            )


def _check_finite(value: Any, where: str, field: str = "") -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: field '{field}' is not finite ({value})")
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, inner in items:
        _check_finite(inner, where, f"{field}.{name}" if field else str(name))


def read_json(path: Path) -> Any:
    """Content of a JSON file, in which all numbers are finite.

    Raises:
      InputError: if the file cannot be read, is not JSON, or holds NaN or infinity.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); mend it") from error
    _check_finite(content, str(path))
    return content


def _check_metric(metric: Any, num_seeds: int, where: str) -> None:
    check_fields(metric, required_fields(MetricResult), where)
    optional = {"published": None} | metric
    check_fields(optional, {"published": (str, type(None))}, where)
    values = metric["per_seed"]
    if len(values) != num_seeds or not all(type(x) in NUMBER for x in values):
        raise InputError(f"{where}: field 'per_seed' needs one number for each seed")
    tolerance = 1e-4 * max(map(abs, values))  # a mean taken in float32 passes
    if abs(metric["mean"] - sum(values) / num_seeds) > tolerance:
        raise InputError(f"{where}: field 'mean' is not the mean of 'per_seed'")
    ends = metric["ci95"]
    if ends is not None:
        numbers = len(ends) == 2 and all(type(x) in NUMBER for x in ends)
        if not numbers or ends[0] > ends[1]:
            raise InputError(f"{where}: field 'ci95' must be two numbers, low and high")


def read_result(path: Path) -> RunResult:
    """One result file, checked against the form that the runner writes.

    Raises:
      InputError: naming the file and the field that is missing, not finite or wrong.
    """
    return _checked_result(read_json(path), str(path))


def _checked_result(result: Any, where: str) -> RunResult:
    check_fields(result, required_fields(RunResult), where)
    check_fields(result["data"], required_fields(DataIdentity), f"{where}, data")
    seeds = result["seeds"]
    if not seeds or not all(type(s) is int for s in seeds):
        raise InputError(f"{where}: field 'seeds' must list whole numbers")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"{where}: field 'seeds' holds a seed twice")
    for name, metric in result["metrics"].items():
        _check_metric(metric, len(seeds), f"{where}, metrics.{name}")
    return cast(RunResult, result)


def read_results(path: Path) -> dict[str, RunResult]:
    """The results in a file: its own, or one for each case of a sweep.

    Returns:
      Results by "file", or by "file: case".

    Raises:
      InputError: as `read_result`.
    """
    content = read_json(path)
    if not isinstance(content, dict) or "cases" not in content:
        return {path.name: _checked_result(content, str(path))}
    cases = content["cases"]
    if not isinstance(cases, dict) or not cases:
        raise InputError(f"{path}: field 'cases' must hold at least one result by name")
    return {
        f"{path.name}: {name}": _checked_result(case, f"{path}, cases.{name}")
        for name, case in cases.items()
    }
