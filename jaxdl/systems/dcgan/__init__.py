"""Convolutional GAN, and arithmetic on its latents."""

from jaxdl.registry import System

SYSTEM = System(
    title="Convolutional GAN, and arithmetic on its latents",
    paper="Radford et al. 2016",
    toy=(
        "--steps 20 --base-channels 2 --batch-size 8 --latent-size 5 "
        "--measured-samples 50 --eval-every 10 --block-steps 10"
    ),
    figures=("curves", "interpolation", "nearest", "progress", "samples", "spectrum"),
    picture="dcgan-mnist-samples.png",
)
