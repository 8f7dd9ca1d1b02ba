"""Protocols of what is measured in nets, trained and untrained."""

from typing import Any

from jaxdl.data import Images
from jaxdl.systems.vanishing_gradient.nets import Setting
from jaxdl.train.protocol import epochs, falling, fields

REPORTED = ("sigmoid_standard", "tanh_standard", "tanh_glorot", "relu_he")


def training_protocols(cfg: Any, data: Images, setting: Setting) -> dict[str, Any]:
    """Protocol of a trained net's test error, with the published one on MNIST.

    Args:
      cfg: the script's configuration, with a learning rate.
      data: the images.
      setting: of the net.
    """
    num_images = len(data.train.image)
    published = {"published": setting.published} if data.name == "mnist" else {}
    stated = {
        "data": data.name,
        "train_images": num_images,
        **fields(cfg, "hidden_layers", "hidden_size"),
        "activation": setting.hidden,
        "initialisation": setting.initializer,
        "optimizer": f"gradient descent, batch {cfg.batch_size}",
        "learning_rate": falling(cfg.learning_rate),
        "trained": epochs(cfg.steps, cfg.batch_size, num_images),
        "step_chosen_on": "none, the last one",
        "test_images": len(data.test.image),
    }
    return {"test_error": published | stated}


def study_protocols(cfg: Any) -> dict[str, Any]:
    """Protocols of what is measured in untrained nets."""
    shared = {"precision": "float64", "data": cfg.data, "units": cfg.study_size}
    deepest = {"hidden_layers": max(cfg.depths)} | shared
    found = {f"log10_gradient_{name}": deepest for name in REPORTED}
    return found | {
        "orthogonal_deviation": deepest,
        "collapse_deviation": {"hidden_layers": 2} | shared,
    }
