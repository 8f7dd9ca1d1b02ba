"""Exclusive or, by nets with one hidden layer."""

from jaxdl.registry import System

SYSTEM = System(
    title="Exclusive or, by nets with one hidden layer",
    paper="Rumelhart et al. 1986",
    toy="--steps 20 --nets 50 --eval-every 10 --block-steps 10",
    figures=("loss", "regions"),
    picture="xor-regions.png",
    records={
        "xor-tanh-2.json": "--seeds 5",
        "xor-sweep.json": "--activations all --hidden-sizes 1 2 3 4 8",
    },
)
