"""Results of several trainings together: of the phases of a run, of a sweep's cases."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from jaxdl.ledger.schema import RunResult, SweepResult
from jaxdl.train import provenance
from jaxdl.train.config import RunConfig, config_hash


def phases_result(
    identity: Mapping[str, Any], config: RunConfig, results: Mapping[str, RunResult]
) -> RunResult:
    """The last phase's result, with the costs of all and each phase's own."""
    every = list(results.values())
    last = {name: x for name, x in every[-1].items() if name != "stopped_step"}
    together: RunResult = {
        **cast(RunResult, last),
        "config": identity["config"],
        "config_hash": config_hash(identity["experiment"], config),
        "steps": sum(result["steps"] for result in every),
        "wall_seconds": sum(result["wall_seconds"] or 0 for result in every),
        "seconds": {
            kind: sum(result["seconds"][kind] for result in every)
            for kind in every[-1]["seconds"]
        },
        "peak_memory_bytes": max(result["peak_memory_bytes"] or 0 for result in every),
        "phases": dict(results),
    }
    return together


def sweep_result(
    identity: Mapping[str, Any], config: RunConfig, results: Mapping[str, RunResult]
) -> SweepResult:
    """The results of all cases as one entry of the ledger."""
    digests = "".join(result["state_sha256"] for result in results.values())
    return {
        "experiment": identity["experiment"],
        "config": identity["config"],
        "config_hash": config_hash(identity["experiment"], config),
        "seeds": list(range(config.seed, config.seed + config.seeds)),
        "data": identity["data"],
        "wall_seconds": sum(result["wall_seconds"] or 0 for result in results.values()),
        "device": provenance.device_name(),
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
        "state_sha256": hashlib.sha256(digests.encode()).hexdigest(),
        "cases": dict(results),
    }
