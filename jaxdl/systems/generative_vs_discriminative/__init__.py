"""Generative against discriminative classifiers."""

from jaxdl.registry import System

SYSTEM = System(
    title="Generative against discriminative classifiers",
    paper="Ng & Jordan 2001",
    toy="--cases clusters --sizes 4 16 --draws 3 --inputs 3 --seeds 1",
    figures=("boundaries", "learning_curves"),
    picture="generative_vs_discriminative-learning_curves.png",
    records={
        "generative_vs_discriminative.json": "",
    },
)
