"""A text character by character: an LSTM that predicts, and then writes.

    python experiments/char_lm.py
    python experiments/char_lm.py --data tiny_shakespeare --source-dir FOLDER --seeds 3
    python experiments/char_lm.py --text FILE --prompt "Once " --temperature 0.7

The default text, the source of Python's standard library, takes a minute on two CPU
cores, tiny Shakespeare five a seed. Training is by truncated backpropagation through
time, the state carried from window to window. Another prompt trains nothing again.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from pathlib import Path
from typing import Literal

import optax

from jaxdl.cli import start
from jaxdl.errors import InputError
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
from jaxdl.train import config
from jaxdl.train.experiment import Experiment, Plan
from jaxdl.train.run import run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """A model of characters."""

    data: Literal["python", "tiny_shakespeare", "file"] = "python"
    """Text to learn: Python's standard library, plays, or the file of --text."""
    steps: int = 1_000
    """Windows that each seed trains on."""
    batch_size: int = 32
    """Streams of the text that are read side by side."""
    window: int = 64
    """Characters of a window: how far gradients go back."""
    restart_every: int = 32
    """Windows after which a stream forgets what it carries, one stream after the other;
    without that the model relies on it, and can begin no text."""
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    """Recurrent layer: Elman's, gated recurrent units, long short-term memory."""
    hidden_size: int = 128
    """Units of each recurrent layer."""
    layers: int = 1
    """Recurrent layers on top of each other."""
    learning_rate: float = 5e-3
    """Adam's first step size, which falls to 0 along a cosine."""
    max_norm: float = 1.0
    """Gradients of a larger norm are scaled down to this one."""
    log_every: int = config.free(10)
    """Steps between lines of metrics.jsonl; the curves have a point for each."""
    text: Path | None = config.free(None)
    """Any file in UTF-8, to be learned instead of --data; CR LF is read as LF."""
    source_dir: Path | None = config.free(None)
    """Folder with the original input.txt; it is downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    prompt: str = config.free("")
    """Text that samples continue; by default a new line, or the first character."""
    temperature: float = config.free(1.0)
    """Samples are drawn from softmax(logits / temperature); 0 takes the likeliest."""
    num_samples: int = config.free(3)
    """Samples that the first seed's model writes after training."""
    sample_length: int = config.free(400)
    """Characters of each sample, after the prompt."""

    def __post_init__(self):
        super().__post_init__()
        counts = "window hidden_size restart_every layers num_samples sample_length"
        for name in counts.split():
            config.require_at_least(1, **{name: getattr(self, name)})
        rates = dict(learning_rate=self.learning_rate, max_norm=self.max_norm)
        config.require_positive(**rates)
        if self.temperature < 0:
            raise InputError(f"temperature is {self.temperature}: expected 0 or more")


PRESETS = {
    "python": Config(),
    "tiny_shakespeare": Config(data="tiny_shakespeare", steps=2_000, hidden_size=512),
    "file": Config(data="file"),
}


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
    return start(PRESETS, train, argv, select=("data",))


if __name__ == "__main__":
    sys.exit(main())
