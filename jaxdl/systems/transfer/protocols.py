"""Protocol of an error in transfer learning."""

from typing import Any

from jaxdl.systems.transfer.config import Config, head_config, training_of
from jaxdl.systems.transfer.data import FeaturedImages
from jaxdl.systems.transfer.learners import SHIFT


def make_protocol(cfg: Config, data: FeaturedImages) -> dict[str, Any]:
    """Protocol of the error of a case.

    Args:
      cfg: a configuration with one method and one size.
      data: the images.
    """
    (method,), (size,) = cfg.methods, cfg.sizes
    training = training_of(cfg)
    batch_size = min(training.batch_size, size)
    net = "modern LeNet, 16 and 32 maps" if method == "small" else cfg.net
    side = data.train.image.shape[1] if method == "small" else cfg.image_size
    varied = {"frozen": "none", "small": f"mirrored, shifted by up to {SHIFT} pixels"}
    begun = {"frozen": "pretrained, kept", "tuned": "pretrained, after the last layer"}
    shared: dict[str, Any] = {
        "method": method,
        "net": net,
        "weights": begun.get(method, "new"),
        "image_size": side,
        "train_images": size,
        "held_out_images": len(data.held_out.label),
        "optimizer": f"AdamW, {training.learning_rate:g} falling linearly to 0",
        "weight_decay": training.decay,
        "batch_size": batch_size,
        "steps": training.steps,
        "epochs": round(training.steps * batch_size / size, 1),
        "augmentation": varied.get(method, "mirrored"),
        "step_chosen_on": "none, the last one",
    }
    if method in ("frozen", "tuned"):
        shared["weights_sha256"] = data.weights_sha256
    if method == "tuned":
        shared["steps_of_last_layer"] = head_config(cfg).steps
    return shared
