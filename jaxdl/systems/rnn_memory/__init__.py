"""One bit held through noise, by RNN, GRU and LSTM."""

from jaxdl.registry import System

SYSTEM = System(
    title="One bit held through noise, by RNN, GRU and LSTM",
    paper="Hochreiter & Schmidhuber 1997",
    toy=("--cells rnn --lags 3 --steps 20 --hidden-size 4 --seeds 1 --block-steps 10"),
    figures=("memory",),
    picture="rnn_memory-memory.png",
    records={
        "rnn_memory.json": "--lags 10 20 50 100 200 500 --seeds 10",
    },
)
