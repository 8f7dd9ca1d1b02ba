"""Protocol of the test error: how a configuration of LeNet was trained and measured."""

from typing import Any

from jaxdl.data import Images
from jaxdl.systems.lenet.distortions import Distortion
from jaxdl.train.protocol import epochs

PUBLISHED = {False: "lenet5-mnist", True: "lenet5-mnist-distorted"}
"""Figures of the paper, without and with distorted images."""


def distortion_of(cfg: Any) -> Distortion:
    """The bounds of a configuration."""
    return Distortion(
        cfg.translation, cfg.rotation, cfg.scaling, cfg.squeezing, cfg.shearing
    )


def protocol(cfg: Any, data: Images) -> dict[str, Any]:
    """Protocol of the test error, and the published figure to set beside it."""
    drawn = ", ".join(
        f"{name} {bound:g}" for name, bound in distortion_of(cfg)._asdict().items()
    )
    shared = {
        "data": data.name,
        "train_images": len(data.train.image),
        "model": cfg.model,
        "output": "softmax",
        "distortions": drawn if cfg.distort else "none",
        "optimizer": f"AdamW, batch {cfg.batch_size}, {cfg.learning_rate:g} falling to "
        f"0 along a cosine, decay {cfg.weight_decay:g}",
        "trained": epochs(cfg.steps, cfg.batch_size, len(data.train.image)),
        "step_chosen_on": "none, the last one",
        "test_images": len(data.test.image),
    }
    there = (data.name, cfg.train_on, cfg.model) == ("mnist", "all", "lenet5")
    return ({"published": PUBLISHED[cfg.distort]} if there else {}) | shared
