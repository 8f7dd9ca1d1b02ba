"""LSTM on long time lags: adding, temporal order."""

from jaxdl.registry import System

SYSTEM = System(
    title="LSTM on long time lags: adding, temporal order",
    paper="Hochreiter & Schmidhuber 1997",
    toy="--steps 20 --eval-every 10 --block-steps 10",
    figures=("predictions", "states", "training"),
    picture="lstm_adding-100-states.png",
)
