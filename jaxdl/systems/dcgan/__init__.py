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
    records={
        "dcgan-mnist.json": "--data mnist --classifier FOLDER --seeds 3",
        "dcgan-digits.json": "--seeds 3",
        "dcgan-digits-resize.json": "--upsampling resize --seeds 3",
        "dcgan-mnist-mlp.json": (
            "--data mnist --networks mlp --classifier FOLDER --steps 10000 --seeds 3"
        ),
        "dcgan-fashion_mnist.json": (
            "--data fashion_mnist --classifier FOLDER --steps 5000 --seeds 3"
        ),
        "dcgan-fashion_mnist-mlp.json": (
            "--data fashion_mnist --networks mlp --classifier FOLDER --steps "
            "10000 --seeds 3"
        ),
        "dcgan-coloured_mnist.json": (
            "--data coloured_mnist --classifier FOLDER --steps 1200 --seeds 3"
        ),
        "dcgan-cifar10_subset.json": (
            "--data cifar10_subset --classifier FOLDER --steps 1000 --seeds 3"
        ),
    },
)
