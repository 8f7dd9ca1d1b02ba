"""How what a convolutional GAN finds was trained and measured."""

from typing import Any

from jaxdl.adversarial.population_statistics import NUM_STATISTICS
from jaxdl.data.load import Images
from jaxdl.systems.dcgan.classifier import Classifier
from jaxdl.systems.dcgan.coloured import PREFIX


def dcgan_protocols(
    cfg: Any, data: Images, classifier: Classifier | None
) -> dict[str, dict[str, Any]]:
    """The protocol of each measure that the ledger prints.

    Args:
      cfg: of the run.
      data: that it learned.
      classifier: in whose features images were compared, if any.
    """
    shared = {
        "data": data.name,
        "networks": cfg.networks,
        "image_size": cfg.image_size,
        "train_images": len(data.train.image),
        "latent_size": cfg.latent_size,
        "steps": cfg.steps,
        "batch_size": cfg.batch_size,
        "optimizer": f"Adam, {cfg.learning_rate:g}, beta 1 {cfg.momentum:g}",
        "samples": cfg.measured_samples,
        "test_images": len(data.test.image),
    }
    if cfg.networks == "dcgan":
        sizes = {"upsampling": cfg.upsampling, "base_channels": cfg.base_channels}
        shared |= sizes | {"statistics": f"those of {NUM_STATISTICS:,} latents"}
    found = {f"checkerboard_{period}": shared for period in (2, 4)}
    real = {name: shared[name] for name in ("data", "image_size", "test_images")}
    found |= {f"real_checkerboard_{period}": real for period in (2, 4)}
    found["svm_accuracy"] = shared | {"penalty_chosen_on": "validation images"}
    seen = shared | {"classifier": cfg.classifier_digest}
    if classifier is not None:
        seen["classifier_test_error"] = f"{classifier.test_error:.2f} %"
    if cfg.data.startswith(PREFIX):
        seen["colours"] = "not seen: largest channel"
    names = "frechet", "kernel", "precision", "recall", "classes_covered"
    found |= dict.fromkeys((*names, "class_distance"), seen)
    named = seen | {"trials": cfg.arithmetic_trials, "exemplars": 3}
    named |= {"colours": "by their intensities", "candidates": 10_000}
    named["latents"] = "means and sums scaled to sqrt(latent_size)"
    found["arithmetic"] = named | {"sum": "red 3 - red 7 + blue 7"}
    found["arithmetic_random"] = named | {"sum": "random digits and colours"}
    return found
