"""Perceptrons on every Boolean function."""

from jaxdl.registry import System

SYSTEM = System(
    title="Perceptrons on every Boolean function",
    paper="Rosenblatt 1958",
    toy="--steps 20 --inputs 3 --block-steps 10",
    figures=("counts", "lines"),
    picture="perceptron-lines.png",
    records={
        "perceptron-4-inputs.json": "--seeds 5",
    },
)
