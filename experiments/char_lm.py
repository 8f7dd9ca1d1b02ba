"""A text character by character: an LSTM that predicts, and then writes.

    python experiments/char_lm.py
    python experiments/char_lm.py --data tiny_shakespeare --source-dir FOLDER --seeds 3
    python experiments/char_lm.py --text FILE --prompt "Once " --temperature 0.7

The default text is the source of Python's standard library. Training is by truncated
backpropagation through time, the state carried from window to window. Another prompt
trains nothing again.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys

import optax

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.char_lm.config import Config
from jaxdl.systems.char_lm.data import (
    Text,
    load_text,
    make_stream_batch,
    require_windows,
)
from jaxdl.systems.char_lm.figures import text_figures
from jaxdl.systems.char_lm.measures import make_text_evaluate
from jaxdl.systems.char_lm.networks import model_of
from jaxdl.systems.char_lm.objective import make_next_character_loss
from jaxdl.systems.char_lm.protocol import protocols
from jaxdl.systems.char_lm.truncated_bptt import make_carried_init, make_carried_step
from jaxdl.systems.char_lm.writing import prompt_of, write
from jaxdl.train.experiment import Experiment, Plan
from jaxdl.train.runner import run
from jaxdl.types import Network

PRESETS = {
    "python": Config(),
    "tiny_shakespeare": Config(data="tiny_shakespeare", steps=2_000, hidden_size=512),
    "file": Config(data="file"),
}
ABOUT = "characters [n time] to (logits [n time characters] of the next, carry)"


def make_experiment(cfg: Config, data: Text) -> Experiment:
    """The experiment of a configuration on a text."""
    model = model_of(cfg, data.alphabet)
    schedule = optax.cosine_decay_schedule(cfg.learning_rate, max(cfg.steps, 1))
    optimizer = optax.chain(
        optax.clip_by_global_norm(cfg.max_norm), optax.adam(schedule)
    )
    loss_fn = make_next_character_loss(model.apply)
    return Experiment(
        init=make_carried_init(
            model.init, model.initial_carry, optimizer, cfg.batch_size
        ),
        step=make_carried_step(loss_fn, optimizer),
        evaluate=make_text_evaluate(model.apply),
        figures=lambda record: text_figures(record, model),
        batch=make_stream_batch(cfg.batch_size, cfg.window, cfg.restart_every),
        protocols=protocols(cfg, data),
        networks={"model": Network(model, ABOUT)},
    )


def plan(cfg: Config) -> Plan:
    """One model of a text a seed."""
    if cfg.text is not None:
        cfg = dataclasses.replace(cfg, data="file")
    elif cfg.data == "file":
        raise InputError("--data file needs --text FILE: a file in UTF-8")
    folders = dict(data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = load_text(cfg.data, path=cfg.text, **folders)
    require_windows(data, cfg.batch_size, cfg.window)
    prompt_of(cfg, data)  # refused before training if a character is unknown
    return Plan("char_lm", make_experiment, data, cfg)


def train(cfg: Config) -> int:
    """Train, or find the finished run again; then write samples."""
    record = run(*plan(cfg))
    if record.exit_code == 0 and record.states is not None:
        write(cfg, record, prompt_of(cfg, record.data))
    return record.exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, select=("data",), script=__file__)


if __name__ == "__main__":
    sys.exit(main())
