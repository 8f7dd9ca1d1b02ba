"""What is on a picture: the five likeliest of ImageNet's 1,000 classes.

    python experiments/classify.py cat.jpg --weights squeezenet_v1.1 \\
        --classes synset_words.txt
    python experiments/classify.py images/*.JPEG --weights squeezenet_v1.1 \\
        --classes synset_words.txt --labelled

SqueezeNet 1.1 and MobileNet v1 (width 0.25) with their published weights, which are
given as files. The shorter side of a picture is scaled to 256 pixels and the central
224 x 224 are looked at. Pictures whose names begin with the id of their class,
n01440764_tench.JPEG, can be counted. Nothing is trained.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxdl.cli import start
from jaxdl.data.weights import load_mobilenet, load_squeezenet
from jaxdl.errors import InputError
from jaxdl.printing import say, visible
from jaxdl.systems.classify import report
from jaxdl.systems.classify.data import ClassName, labels_of_files, read_class_names
from jaxdl.systems.classify.recognition import classify, count, make_net, read_pictures


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
        f"{visible(p)}: {visible('; '.join(x))}"
        for p, x in zip(cfg.pictures, notes, strict=True)
        if x
    ]
    digests = pretrained.sha256
    if len(digests) > 3:
        digests = {f"{len(digests)} files": pretrained.digest}
    remarks += [f"weights {visible(n)}: sha256 {x}" for n, x in digests.items()]
    say("\n".join(remarks), sys.stderr)
    found = classify(likeliest, pretrained, pictures)
    counts = {} if labels is None else count(found, labels)
    if cfg.json:
        say(report.as_json(cfg, classes, found, notes, counts, pretrained))
    else:
        say(report.as_text(cfg, classes, found, labels, counts))
    if cfg.out is not None and labels is not None:
        data = hashlib.sha256(pictures.tobytes() + labels.tobytes()).hexdigest()
        seconds = time.perf_counter() - begin
        report.record(cfg.out, report.as_result(cfg, counts, pretrained, data, seconds))
    return 0


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, run, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
