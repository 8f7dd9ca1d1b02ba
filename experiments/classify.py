"""What is on a picture: the five likeliest of ImageNet's 1,000 classes.

    python experiments/classify.py cat.jpg --weights squeezenet_v1.1 \\
        --classes synset_words.txt
    python experiments/classify.py images/*.JPEG --weights squeezenet_v1.1 \\
        --classes synset_words.txt --labelled

SqueezeNet 1.1 and MobileNet v1 (width 0.25) with their published weights, which are
given as files. The shorter side of a picture is scaled to 256 pixels and the central
224 x 224 are looked at. Pictures whose names begin with the id of their class,
n01440764_tench.JPEG, can be counted. Nothing is trained; ten seconds on two CPU cores
for 120 pictures.
"""

import dataclasses
import functools
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import tyro

from jaxdl.cli import start
from jaxdl.data.pictures import crop_centre, read_picture
from jaxdl.data.weights import load_mobilenet, load_squeezenet
from jaxdl.errors import InputError
from jaxdl.systems.classify.data import ClassName, labels_of_files, read_class_names

BATCH = 16
"""Pictures at a time: all batches are of one size, so the net is compiled once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Name the five likeliest classes of each picture, with their probabilities."""

    pictures: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Pictures to look at: JPEG, PNG or whatever else Pillow reads."""
    weights: Path
    """Folder or file with the published weights (ncnn, TensorFlow.js, safetensors)."""
    classes: Path | None = None
    """File with the name of each class on a line, such as synset_words.txt; without it
    classes are numbers."""
    model: Literal["squeezenet", "mobilenet"] = "squeezenet"
    """Net that the weights belong to."""
    labelled: bool = False
    """Compare with the class id (n01440764) that each file's name begins with, and
    count how often the net is right."""
    own_weights: bool = False
    """Take weights that are not the published ones; no checksum is asked of them."""
    json: bool = False
    """Print everything as JSON instead, probabilities unrounded."""
    out: Path | None = None
    """File for the counts of --labelled, in the form that jaxdl results reads."""

    def __post_init__(self):
        if not self.pictures:
            raise InputError("no picture was given: expected one or more files")
        if self.labelled and self.classes is None:
            raise InputError("--labelled needs --classes: expected synset_words.txt")
        if self.out is not None and not self.labelled:
            raise InputError("--out was given without --labelled: there is no count")
        if self.out is not None and os.path.exists(self.out):
            raise InputError(f"{self.out} exists: name a new file with --out")
        if self.out is not None and not os.path.isdir(self.out.absolute().parent):
            raise InputError(f"the folder of {self.out} is missing: make it first")


class Found(NamedTuple):
    """What the net says: classes [picture 5], likeliest first, and probabilities."""

    classes: np.ndarray
    probabilities: np.ndarray


def read_pictures(paths: tuple[Path, ...]) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Centres of all pictures, and notes on each; refuses if one can't be used."""
    centres, notes, errors = [], [], []
    for path in paths:
        try:
            picture = read_picture(path)
        except InputError as error:
            errors.append((path, error))
            continue
        centres.append(crop_centre(picture.pixels))
        notes.append(picture.notes)
    if errors:
        others = ", ".join(str(path) for path, _ in errors[1:])
        raise InputError(
            str(errors[0][1]) + (f"; refused too: {others}" if others else "")
        )
    return np.stack(centres), notes


@functools.cache  # the same net compiles once a process
def make_net(name: str, num_classes: int):
    """A net, and its five likeliest classes of bytes [batch height width 3]."""
    import jax

    from jaxdl import models
    from jaxdl.data import pictures

    if name == "squeezenet":
        net, prepare = models.squeezenet(num_classes), pictures.squeezenet_input
    else:
        net, prepare = models.mobilenet(num_classes), pictures.mobilenet_input

    @jax.jit
    def likeliest(params, statistics, pictures):
        logits = net.apply(params, prepare(pictures), statistics=statistics)
        return jax.lax.top_k(jax.nn.softmax(logits), min(5, num_classes))

    return net, likeliest


def classify(likeliest, pretrained, pictures: np.ndarray) -> Found:
    """The five likeliest classes of each picture, a batch at a time."""
    import jax

    size = min(BATCH, len(pictures))
    found = []
    for begin in range(0, len(pictures), size):
        batch = pictures[begin : begin + size]
        rows = np.arange(size) % len(batch)  # the last batch repeats its own
        top = likeliest(pretrained.params, pretrained.statistics, batch[rows])
        found.append([part[: len(batch)] for part in jax.device_get(top)])
    probabilities, classes = map(np.concatenate, zip(*found, strict=True))
    return Found(classes, probabilities)


def count(found: Found, labels: np.ndarray) -> dict[str, list[float]]:
    """Percent right with the first class and with all five, and the 95 % interval."""
    from jaxdl.measures.statistics import wilson_ci95

    right = found.classes == labels[:, None]
    hits = {"top1": int(right[:, 0].sum()), "top5": int(right.sum())}
    return {
        f"{name}_accuracy_percent": [100 * x for x in wilson_ci95(num, len(labels))]
        for name, num in hits.items()
    }


def as_result(
    cfg: Config, counts, pretrained, data_sha256: str, seconds: float
) -> dict[str, Any]:
    """The counts for the ledger: one seed; their interval is over pictures."""
    from jaxdl.train import provenance
    from jaxdl.train.checkpoint import state_sha256

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


def report(cfg: Config, classes, found: Found, labels, counts) -> str:
    """Text for people: five lines a picture, or one if it is labelled."""
    lines = []
    for i, path in enumerate(cfg.pictures):
        rows = [
            f"{100 * share:5.1f} %  {classes[number].name}"
            for number, share in zip(
                found.classes[i], found.probabilities[i], strict=True
            )
        ]
        if labels is None:
            lines += [str(path), *(f"  {row}" for row in rows)]
        else:
            (place,) = np.nonzero(found.classes[i] == labels[i])
            lines.append(f"{[*(place + 1), '-'][0]} {rows[0]}  {path.name}")
    for name, (mean, low, high) in counts.items():
        lines.append(
            f"{name.split('_')[0]} right: {mean:.1f} % of {len(labels)} pictures "
            f"(95 % interval {low:.1f} to {high:.1f})"
        )
    return "\n".join(lines)


def as_json(cfg: Config, classes, found: Found, notes, counts, pretrained) -> str:
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


def say(text: str) -> None:
    """Prints for a reader that may go away, such as `head`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def record(path: Path, result: dict[str, Any]) -> None:
    """Writes a result; what was printed stays valid if that fails."""
    from jaxdl.train.folder import write_json

    try:
        write_json(path, result)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): name another file with --out"
        ) from error


def run(cfg: Config) -> int:
    """Look at all pictures; what was converted, and checksums, go to standard error."""
    begin = time.perf_counter()
    if cfg.classes is None:
        classes = [ClassName(None, f"class {number}") for number in range(1000)]
    else:
        classes = read_class_names(cfg.classes)
    labels = labels_of_files(cfg.pictures, classes) if cfg.labelled else None
    pictures, notes = read_pictures(cfg.pictures)
    net, likeliest = make_net(cfg.model, len(classes))
    load = {"squeezenet": load_squeezenet, "mobilenet": load_mobilenet}[cfg.model]
    pretrained = load(cfg.weights, net, sha256={} if cfg.own_weights else None)
    remarks = [
        f"{p}: {'; '.join(x)}" for p, x in zip(cfg.pictures, notes, strict=True) if x
    ]
    digests = pretrained.sha256
    if len(digests) > 3:
        digests = {f"{len(digests)} files": pretrained.digest}
    remarks += [f"weights {name}: sha256 {x}" for name, x in digests.items()]
    print("\n".join(remarks), file=sys.stderr)
    found = classify(likeliest, pretrained, pictures)
    counts = {} if labels is None else count(found, labels)
    if cfg.json:
        say(as_json(cfg, classes, found, notes, counts, pretrained))
    else:
        say(report(cfg, classes, found, labels, counts))
    if cfg.out is not None and labels is not None:
        data = hashlib.sha256(pictures.tobytes() + labels.tobytes()).hexdigest()
        seconds = time.perf_counter() - begin
        record(cfg.out, as_result(cfg, counts, pretrained, data, seconds))
    return 0


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, run, argv)


if __name__ == "__main__":
    sys.exit(main())
