"""Several configurations of one experiment as one run: a sub-folder and a row each."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.errors import RunError
from jaxdl.train import provenance
from jaxdl.train.config import RunConfig, config_hash, deciding_fields, run_folder
from jaxdl.train.folder import open_folder, read_json, write_json
from jaxdl.train.run import (
    Experiment,
    Phases,
    Record,
    check_folder_names,
    check_step,
    disk_full_as_error,
    run,
)


class Case(NamedTuple):
    """One configuration of a sweep.

    Attributes:
      config: its configuration, `dataclasses.replace(config, ...)` of the sweep's; the
        folder and `overwrite` in it are not used.
      experiment: built from it, or phases.
    """

    config: RunConfig
    experiment: Experiment | Phases


class SweepRecord(NamedTuple):
    """What a sweep was.

    Attributes:
      config: its own configuration.
      folder: where it lives; each case in the sub-folder of its name.
      records: each case's record, in order; those up to the one that was interrupted.
      result: the contents of `result.json`; None if a case was interrupted.
      exit_code: 0, or 130 or 143 if interrupted by Ctrl-C or SIGTERM.
    """

    config: RunConfig
    folder: Path
    records: dict[str, Record]
    result: dict[str, Any] | None
    exit_code: int


def sweep(
    name: str,
    cases: Mapping[str, Case],
    data: Any,
    config: RunConfig,
    *,
    figures: Callable[[Mapping[str, Record]], Mapping[str, Any]] | None = None,
) -> SweepRecord:
    """Run named configurations one after the other, or go on where that was stopped.

    Each case is a `run` of its own, with all that this promises; finished ones are
    read, not repeated. The result is one ledger entry with a row per case.

    Args:
      name: of the experiment.
      cases: by name, in the order in which they run.
      data: as for `run`, of every case.
      config: of the whole sweep; its deciding fields name the folder.
      figures: `figures(records) -> {name: matplotlib figure}`, drawn from all cases.

    Returns:
      The record of the sweep.

    Raises:
      InputError: before anything is written, if a configuration does not fit the data
        or the folder, or a case's name is not fit for a folder.
      RunError: as `run` does; the cases before are kept.
    """
    check_folder_names("case", cases)
    for case in cases.values():
        check_step(case.experiment, data, case.config)
    folder = run_folder(name, data.name, config)
    print(f"run folder: {folder}", flush=True)
    folder = folder.absolute()
    identity = {
        "experiment": name,
        "config": _as_json(deciding_fields(config)),
        "cases": {k: _as_json(deciding_fields(c.config)) for k, c in cases.items()},
        "data": {"name": data.name, "checksum": data.checksum},
    }
    records: dict[str, Record] = {}
    with (
        disk_full_as_error(folder),
        open_folder(folder, identity, config.overwrite) as found,
    ):
        if not found:
            write_json(folder / "config.json", identity)
        for number, (case_name, case) in enumerate(cases.items(), start=1):
            print(f"\ncase {case_name}, {number} of {len(cases)}", flush=True)
            case_config = dataclasses.replace(
                case.config, out=folder / case_name, overwrite=False
            )
            records[case_name] = run(name, case.experiment, data, case_config)
            if code := records[case_name].exit_code:
                return SweepRecord(config, folder, records, None, code)
        if (folder / "result.json").exists():
            result = read_json(folder / "result.json")
        else:
            _require_states(records)
            (folder / "figures").mkdir(exist_ok=True)
            for figure_name, figure in (figures(records) if figures else {}).items():
                figure.savefig(folder / "figures" / f"{figure_name}.png")
            result = _result(identity, config, records)
            write_json(folder / "result.json", result)
    print(f"\n{len(cases)} cases; figures and result.json: {folder}", flush=True)
    return SweepRecord(config, folder, records, result, 0)


def _require_states(records: Mapping[str, Record]) -> None:
    """Refuse to draw figures from a case that has lost its checkpoint."""
    for record in records.values():
        for part in (record, *record.phases.values()):
            if part.states is None or part.history is None:
                raise RunError(
                    f"{part.folder} has lost its final checkpoint or its log, which "
                    "the figures need: remove that folder and give the same command "
                    "again, without --overwrite"
                )


def _as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(fields))


def _result(
    identity: Mapping[str, Any], config: RunConfig, records: Mapping[str, Record]
) -> dict[str, Any]:
    results = {name: record.result for name, record in records.items()}
    digests = "".join(result["state_sha256"] for result in results.values())
    return {
        "experiment": identity["experiment"],
        "config": identity["config"],
        "config_hash": config_hash(identity["experiment"], config),
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "data": identity["data"],
        "wall_seconds": sum(result["wall_seconds"] for result in results.values()),
        "device": provenance.device_name(),
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
        "state_sha256": hashlib.sha256(digests.encode()).hexdigest(),
        "cases": results,
    }
