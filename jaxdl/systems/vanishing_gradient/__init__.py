"""Vanishing gradients in deep sigmoid nets."""

from jaxdl.registry import System

SYSTEM = System(
    title="Vanishing gradients in deep sigmoid nets",
    paper="Glorot & Bengio 2010",
    toy=(
        "--cases tanh relu-he --steps 20 --hidden-size 8 --block-steps 10 "
        "--eval-every 10"
    ),
    figures=("activations", "signals_training", "test_error", "training"),
    picture="vanishing_gradient-gradients_by_depth.png",
    records={
        "vanishing_gradient-mnist.json": (
            "--data mnist --cases initialisation tanh tanh-normalized softsign "
            "softsign-normalized sigmoid --seeds 5"
        ),
    },
)
