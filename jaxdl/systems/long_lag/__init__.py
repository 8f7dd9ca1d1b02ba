"""LSTM on long time lags: adding, temporal order."""

from jaxdl.registry import System

SYSTEM = System(
    title="LSTM on long time lags: adding, temporal order",
    paper="Hochreiter & Schmidhuber 1997",
    toy="--steps 20 --eval-every 10 --block-steps 10",
    figures=("predictions", "states", "training"),
    picture="lstm_adding-100-states.png",
    experiments=("lstm_adding", "lstm_temporal_order"),
    records={
        "lstm_adding-100.json": "--seeds 10",
        "lstm_adding-500.json": "--lag 500 --steps 300000 --seeds 10",
        "lstm_temporal_order-2.json": "temporal-order --steps 150000 --seeds 10",
    },
)
