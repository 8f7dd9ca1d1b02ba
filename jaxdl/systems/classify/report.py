"""Reports on recognised pictures: for people, for programs, for the ledger."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.errors import InputError
from jaxdl.printing import visible
from jaxdl.systems.classify.recognition import Found


def as_result(
    cfg: Any, counts, pretrained, data_sha256: str, seconds: float
) -> dict[str, Any]:
    """The counts for the ledger: one seed; their interval is over pictures."""
    from jaxdl.train import provenance
    from jaxdl.train.leaves import state_sha256

    deciding = {"model": cfg.model, "weights_sha256": pretrained.digest}
    protocol = deciding | {
        "pictures": len(cfg.pictures),
        "input": "shorter side 256, central 224",
        "interval": "Wilson's, over pictures",
    }
    published = {
        f"top{k}_accuracy_percent": {"published": f"squeezenet-top{k}"}
        for k in (1, 5)
        if cfg.model == "squeezenet" and not cfg.own_weights
    }
    identity = json.dumps(["classify", deciding, data_sha256], sort_keys=True)
    return {
        "experiment": "classify",
        "config": deciding,
        "config_hash": hashlib.sha256(identity.encode()).hexdigest()[:8],
        "seeds": [0],
        "steps": 0,
        "metrics": {
            name: dict(mean=x, ci95=[low, high], per_seed=[x], protocol=protocol)
            | published.get(name, {})
            for name, (x, low, high) in counts.items()
        },
        "data": {"name": "labelled pictures", "checksum": data_sha256},
        "wall_seconds": seconds,
        "steps_per_second": None,
        "peak_memory_bytes": provenance.peak_memory_bytes(),
        "device": provenance.device_name(),
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
        "state_sha256": state_sha256((pretrained.params, pretrained.statistics)),
    }


def as_text(cfg: Any, classes, found: Found, labels, counts) -> str:
    """Text for people: five lines a picture, or one if it is labelled."""
    lines = []
    for i, path in enumerate(cfg.pictures):
        rows = [
            f"{100 * share:5.1f} %  {visible(classes[number].name)}"
            for number, share in zip(
                found.classes[i], found.probabilities[i], strict=True
            )
        ]
        if labels is None:
            lines += [visible(path), *(f"  {row}" for row in rows)]
        else:
            (place,) = np.nonzero(found.classes[i] == labels[i])
            lines.append(f"{[*(place + 1), '-'][0]} {rows[0]}  {visible(path.name)}")
    for name, (mean, low, high) in counts.items():
        lines.append(
            f"{name.split('_')[0]} right: {mean:.1f} % of {len(labels)} pictures "
            f"(95 % interval {low:.1f} to {high:.1f})"
        )
    return "\n".join(lines)


def as_json(cfg: Any, classes, found: Found, notes, counts, pretrained) -> str:
    """The same for programs."""
    pictures = [
        {
            "picture": str(path),
            "notes": list(said),
            "classes": [
                {"index": int(i), "probability": float(share)} | classes[i]._asdict()
                for i, share in zip(numbers, shares, strict=True)
            ],
        }
        for path, said, numbers, shares in zip(
            cfg.pictures, notes, found.classes, found.probabilities, strict=True
        )
    ]
    content = {"model": cfg.model, "sha256": pretrained.sha256, "pictures": pictures}
    return json.dumps(content | {"labelled": counts}, indent=2)


def record(path: Path, result: dict[str, Any]) -> None:
    """Writes a result; what was printed stays valid if that fails."""
    from jaxdl.train.disk import write_json

    try:
        write_json(path, result)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): name another file with --out"
        ) from error
