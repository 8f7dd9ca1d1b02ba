"""LSTM that writes text character by character."""

from jaxdl.registry import System

SYSTEM = System(
    title="LSTM that writes text character by character",
    paper="Hochreiter & Schmidhuber 1997",
    toy="--steps 20 --hidden-size 8 --eval-every 10 --block-steps 10",
    figures=("cells", "curves"),
    picture="char_lm-tiny_shakespeare-cells.png",
    records={
        "char_lm-tiny_shakespeare.json": (
            "--data tiny_shakespeare --seeds 3 --executor sequential"
        ),
    },
)
