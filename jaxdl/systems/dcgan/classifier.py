"""A trained LeNet, through whose features images are compared."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from jaxdl.data import IMAGE_SHAPES
from jaxdl.errors import InputError
from jaxdl.models.lenet import NUM_CLASSES, build_lenet
from jaxdl.systems.dcgan.coloured import PREFIX
from jaxdl.systems.dcgan.measures import fitted_to
from jaxdl.train.disk import read_sealed
from jaxdl.train.leaves import state_sha256
from jaxdl.train.load import load_trees


class Classifier(NamedTuple):
    """A trained classifier of images [batch height width channels] in [0, 1].

    Attributes:
      logits: `logits(x)`, [batch classes].
      features: `features(x)`, the layer below, [batch 84].
      test_error: of the run's test images, in percent.
      digest: sha256, in hex, of the state that the weights come from.
      data: name of the data set that it was trained on.
      image_shape: height, width and channels of that set's images.
      num_classes: of logits.
    """

    logits: Callable[[Float[Array, "n h w c"]], Float[Array, "n classes"]]
    features: Callable[[Float[Array, "n h w c"]], Float[Array, "n features"]]
    test_error: float
    digest: str
    data: str
    image_shape: tuple[int, int, int]
    num_classes: int


def load_lenet(folder: str | Path) -> Classifier:
    """The first seed's net of a finished run of `experiments/lenet.py`.

    Raises:
      InputError: if the folder holds no run, an unfinished one, or one of another
        experiment or another version.
      RunError: if its final checkpoint is missing or damaged.
    """
    folder = Path(folder)
    written = read_sealed(folder / "config.json")
    if (name := written.get("experiment")) != "lenet":
        raise InputError(
            f"{folder} holds a run of {name}, not of lenet: name a finished run of "
            "experiments/lenet.py"
        )
    fields = written.get("config")
    if fields and fields.get("steps") == 0:
        raise InputError(
            f"the net in {folder} was never trained (--steps 0): name a finished run "
            "of experiments/lenet.py with steps"
        )
    try:
        model, data = fields["model"], fields["data"]
        net, shape = build_lenet(model, IMAGE_SHAPES[data]), IMAGE_SHAPES[data]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder} holds a run of another version ({error} is not known in its "
            "config.json): run experiments/lenet.py again"
        ) from None
    state = load_trees(folder)[0]
    result, digest = read_sealed(folder / "result.json"), state_sha256(state)
    if result.get("state_sha256_per_seed", [None])[0] != digest:
        raise InputError(
            f"the result.json in {folder} is not of the weights in its checkpoint: run "
            "experiments/lenet.py again"
        )
    params = jax.device_put(state["params"])
    return Classifier(
        functools.partial(net.apply, params),
        functools.partial(net.features, params),
        result["metrics"]["test_error"]["per_seed"][0],
        digest,
        data,
        shape,
        NUM_CLASSES,
    )


def load_classifier(cfg: Any) -> Classifier | None:
    """The classifier of a configuration, made to take its images; None without one.

    Args:
      cfg: with `classifier`, the folder of its run or None, `data`, and
        `classifier_digest`, which is compared unless it is None.

    Raises:
      InputError: for a digest without a folder, if the net was trained on other data
        or has another digest, and as `load_lenet` does.
    """
    if cfg.classifier is None:
        if cfg.classifier_digest is not None:
            raise InputError("--classifier-digest needs --classifier FOLDER")
        return None
    found = load_lenet(cfg.classifier)
    wanted = cfg.data.removeprefix(PREFIX)
    if found.data != wanted:
        raise InputError(
            f"the classifier in {cfg.classifier} was trained on {found.data}: give a "
            f"run of experiments/lenet.py on {wanted}"
        )
    if cfg.classifier_digest not in (None, found.digest):
        raise InputError(
            f"the classifier in {cfg.classifier} has the digest {found.digest}: "
            f"expected {cfg.classifier_digest}, as --classifier-digest says"
        )
    logits, features = (
        jax.jit(lambda x, fn=fn: fn(fitted_to(found.image_shape, x)))
        for fn in (found.logits, found.features)
    )
    return found._replace(logits=logits, features=features)
