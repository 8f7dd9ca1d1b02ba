"""Recognition of pictures: their centres through a net, its likeliest classes."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.data.pictures import crop_centre, read_picture
from jaxdl.errors import InputError

BATCH = 16
"""Pictures at a time: all batches are of one size, so the net is compiled once."""


class Found(NamedTuple):
    """Answers of the net: classes [picture 5], likeliest first, and probabilities."""

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
