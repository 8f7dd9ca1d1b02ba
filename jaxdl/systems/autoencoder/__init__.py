"""Autoencoders, from PCA to variational."""

from jaxdl.registry import System

SYSTEM = System(
    title="Autoencoders, from PCA to variational",
    paper="Hinton & Salakhutdinov 2006",
    toy=(
        "--cases pca logistic-pca two denoising --steps 20 --logistic-steps 20 "
        "--hidden-sizes 6 --latent-size 3 --code-sizes 1 2 --feature-size 5 "
        "--batch-size 16 --eval-every 20 --save-every 10 --block-steps 10"
    ),
    figures=(
        "code_size",
        "filters",
        "latent_grid",
        "latent_map",
        "noise",
        "reconstructions",
        "training",
    ),
    picture="autoencoder-digits-latent_map.png",
    records={
        "autoencoder-mnist.json": (
            "--data mnist --cases pca logistic-pca deep --seeds 3"
        ),
        "autoencoder-digits.json": "",
        "autoencoder-mnist-variational.json": (
            "--data mnist --cases variational --steps 15000 --seeds 3"
        ),
    },
)
