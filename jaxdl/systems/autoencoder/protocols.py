"""Protocols of what is measured in autoencoders."""

from typing import Any

from jaxdl.data import Images
from jaxdl.systems.autoencoder.config import Config
from jaxdl.systems.autoencoder.nets import FEATURES, case_of, code_size
from jaxdl.train.protocol import epochs

PUBLISHED = {
    "pca": "hinton-mnist-pca",
    "logistic-pca": "hinton-mnist-logistic-pca",
    "deep": "hinton-mnist-autoencoder",
}
"""Ids of published squared errors, each with 30 numbers in a code."""


def make_protocols(cfg: Config, data: Images) -> dict[str, Any]:
    """Protocols of a case, with the published figure beside the squared error.

    Args:
      cfg: a configuration with one case.
      data: the images.
    """
    case, size = case_of(cfg), code_size(cfg)
    shared = {
        "data": data.name,
        "train_images": len(data.train.image),
        "test_images": len(data.test.image),
        "pixels": "[0, 1]",
        "code_size": size,
        "pretraining": "none",
        "step_chosen_on": "none, the last one",
    } | describe_training(cfg, data)
    comparable = case in PUBLISHED and data.name == "mnist" and size == 30
    row = {"published": PUBLISHED[case]} if comparable else {}
    return {
        "test_squared_error": row | shared,
        "test_loss": shared,
        "knn_accuracy_percent": shared | {"neighbours": 10},
    }


def describe_training(cfg: Config, data: Images) -> dict[str, Any]:
    """Fields on a case's model and its training."""
    case, num_images = case_of(cfg), len(data.train.image)
    if case == "pca":
        how = dict(model="PCA, centred", optimizer="exact, by SVD")
        return how | {"trained": "to the end"}
    if case == "logistic-pca":
        return {
            "model": "logistic PCA, codes fitted to each image (ridge 0.01)",
            "optimizer": f"Adam, batch {cfg.batch_size}; Newton for the codes",
            "trained": epochs(cfg.logistic_steps, cfg.batch_size, num_images),
        }
    variational = case.startswith("variational")
    minimised = "bound, Bernoulli" if variational else cfg.likelihood
    return {
        "optimizer": f"Adam, {minimised}, batch {cfg.batch_size}, learning rate "
        f"{cfg.learning_rate:g} after warm-up, then along a cosine to 0",
        "trained": epochs(cfg.steps, cfg.batch_size, num_images),
        "model": describe_net(cfg, data.train.image[0].size),
    }


def describe_net(cfg: Config, image_size: int) -> str:
    """Sizes and kind of a case's net."""
    case, size = case_of(cfg), code_size(cfg)
    if case in FEATURES:
        return f"{image_size}-{size} and back, sigmoid, tied, {case}"
    if case.startswith("variational"):
        hidden_sizes, kind = cfg.variational_sizes[:-1], ", variational"
    else:
        hidden_sizes, kind = cfg.hidden_sizes, ", tied" * cfg.tied
    layers = [image_size, *hidden_sizes, size]
    return "-".join(map(str, layers)) + " and back, GELU" + kind
