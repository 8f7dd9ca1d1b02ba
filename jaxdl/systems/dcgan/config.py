"""The flags of DCGANs."""

import dataclasses
from pathlib import Path
from typing import Literal

from jaxdl.errors import InputError
from jaxdl.systems.dcgan.data import DataName
from jaxdl.train import config, read_config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.ImagesConfig):
    """Convolutional GANs."""

    data: DataName = "digits"
    """Images to learn; coloured digits are tinted red, green or blue."""
    networks: Literal["dcgan", "mlp"] = "dcgan"
    """Convolutional, or a fully connected pair of 256 units for comparison."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How the generator doubles a side: transposed convolution, or equal pixels and
    convolution."""
    image_size: int = 16
    """Side that images are resized to, 16 to 128 pixels."""
    base_channels: int = 16
    """Channels of the largest hidden maps; 64 in the paper."""
    latent_size: int = 100
    """Numbers that make one image."""
    steps: int = 2000
    """Training steps of each seed; 0 only evaluates."""
    batch_size: int = 64
    """Images in one minibatch; 128 in the paper."""
    learning_rate: float = 2e-4
    """Step size of Adam, of both players."""
    momentum: float = 0.5
    """Adam's beta 1, of both players."""
    measured_samples: int = 10_000
    """Samples that are measured at the end."""
    arithmetic_trials: int = 1000
    """Sums of latents to try at the end (of coloured digits, with a classifier)."""
    log_every: int = config.free(20)
    """Steps between logged metrics; the health verdict needs 80 lines."""
    classifier: Path | None = config.free(None)
    """Folder of a finished run of experiments/lenet.py on the same images: distances
    are taken in its features; without it they are left out."""
    classifier_digest: str | None = None
    """sha256 of the classifier's parameters; found from the folder if not given."""
    sample: int | None = config.free(None)
    """Draw so many images from the finished run in --out instead of training."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("sample", "latent_size", "base_channels", "arithmetic_trials"):
            config.require_at_least(1, **{name: getattr(self, name)})
        config.require_at_least(8, image_size=self.image_size)
        config.require_at_least(16, measured_samples=self.measured_samples)
        config.require_positive(learning_rate=self.learning_rate)
        pixels = "the largest image has fewer than so many numbers"
        config.require_at_most(100_000, pixels, latent_size=self.latent_size)
        compared = "each is compared with test images"
        for name in ("measured_samples", "arithmetic_trials"):
            config.require_at_most(1_000_000, compared, **{name: getattr(self, name)})
        config.require_at_most(1_000_000, "one picture shows all", sample=self.sample)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum is {self.momentum}: expected 0 to below 1")

    def idle(self):
        measured = self.data.startswith("coloured") and self.classifier is not None
        return (
            super().idle()
            | config.idle_unless(
                self.networks == "dcgan",
                "with --networks mlp",
                *("upsampling", "base_channels"),
            )
            | config.idle_unless(
                measured,
                "without coloured images and --classifier",
                "arithmetic_trials",
            )
        )

    def finished(self):
        if self.sample is None or self.out is None:
            return None
        return read_config(self.out, "dcgan", Config)
