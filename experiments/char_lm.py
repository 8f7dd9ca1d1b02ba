"""A text character by character: an LSTM that predicts, and then writes.

    python experiments/char_lm.py
    python experiments/char_lm.py --data tiny_shakespeare --source-dir FOLDER --seeds 3
    python experiments/char_lm.py --text FILE --prompt "Once " --temperature 0.7

The default text is the source of Python's standard library, and takes a minute on two
CPU cores; tiny Shakespeare takes five minutes a seed. Training is by truncated
backpropagation through time, with the state carried from window to window. The same
command with another prompt, temperature, number or length of samples trains nothing
again. What it reaches, and a PyTorch twin beside it: experiments/results.
"""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any, Literal

import jax
import optax

from jaxdl.cli import start
from jaxdl.errors import InputError
from jaxdl.systems.char_lm import data as text
from jaxdl.systems.char_lm import truncated_bptt as carried
from jaxdl.systems.char_lm.figures import text_figures
from jaxdl.systems.char_lm.measures import make_text_evaluate, sample
from jaxdl.systems.char_lm.networks import char_lm
from jaxdl.systems.char_lm.objective import make_next_character_loss
from jaxdl.train import config
from jaxdl.train.run import Experiment, run

SMALL = dict(steps=1_000, hidden_size=128, window=64, batch_size=32)
SMALL |= dict(learning_rate=5e-3)
SHAKESPEARE = SMALL | dict(steps=2_000, hidden_size=512)
RECIPES = {"python": SMALL, "file": SMALL, "tiny_shakespeare": SHAKESPEARE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(config.RunConfig):
    """A model of characters. What is None follows the data's recipe."""

    data: Literal["python", "tiny_shakespeare", "file"] = "python"
    """Text to learn: Python's standard library, plays, or the file of --text."""
    steps: int | None = None
    """Windows that each seed trains on (tiny Shakespeare 2,000, else 1,000)."""
    batch_size: int | None = None
    """Streams of the text that are read side by side (32)."""
    window: int | None = None
    """Characters of a window: how far gradients go back (64)."""
    restart_every: int = 32
    """Windows after which a stream forgets what it carries, one stream after the other;
    without that the model relies on it, and can begin no text."""
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    """Recurrent layer: Elman's, gated recurrent units, long short-term memory."""
    hidden_size: int | None = None
    """Units of each layer (tiny Shakespeare 512, else 128)."""
    layers: int = 1
    """Recurrent layers on top of each other."""
    learning_rate: float | None = None
    """Adam's first step size (5e-3), which falls to 0 along a cosine."""
    max_norm: float = 1.0
    """Gradients of a larger norm are scaled down to this one."""
    log_every: int = config.free(10)
    """Steps between lines of metrics.jsonl; the curves have a point for each."""
    text: Path | None = config.free(None)
    """Any file in UTF-8, to be learned instead of --data."""
    source_dir: Path | None = config.free(None)
    """Folder with the original input.txt; it is downloaded without it."""
    data_dir: Path | None = config.free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    prompt: str = config.free("")
    """What samples go on from, of characters of the text; by default a new line (the
    alphabet's first character, if the text has one line)."""
    temperature: float = config.free(1.0)
    """Samples are drawn from softmax(logits / temperature); 0 takes the likeliest."""
    num_samples: int = config.free(3)
    """Samples that the first seed's model writes after training."""
    sample_length: int = config.free(400)
    """Characters of each sample, after the prompt."""

    def __post_init__(self):
        super().__post_init__()
        config.require_at_least(1, window=self.window, hidden_size=self.hidden_size)
        config.require_at_least(1, restart_every=self.restart_every)
        config.require_at_least(1, layers=self.layers, num_samples=self.num_samples)
        config.require_at_least(1, sample_length=self.sample_length)
        config.require_positive(learning_rate=self.learning_rate)
        config.require_positive(max_norm=self.max_norm)
        if not 0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature is {self.temperature}: expected 0, which takes the "
                "likeliest character, or a finite number above"
            )


@functools.lru_cache(maxsize=8)  # the same command compiles once a process
def make_experiment(cfg: Config, alphabet: str) -> Experiment:
    """The experiment of a configuration without gaps, for texts of one alphabet."""
    model = build(cfg, alphabet)
    schedule = optax.cosine_decay_schedule(cfg.learning_rate, max(cfg.steps, 1))
    optimizer = optax.chain(
        optax.clip_by_global_norm(cfg.max_norm), optax.adam(schedule)
    )
    loss_fn = make_next_character_loss(model.apply)
    return Experiment(
        init=carried.make_carried_init(
            model.init, model.initial_carry, optimizer, cfg.batch_size
        ),
        step=carried.make_carried_step(loss_fn, optimizer),
        evaluate=make_text_evaluate(model.apply),
        figures=lambda record: text_figures(record, model),
        batch=text.make_stream_batch(cfg.batch_size, cfg.window, cfg.restart_every),
    )


def build(cfg: Config, alphabet: str):
    """The model of a configuration without gaps."""
    options = dict(num_layers=cfg.layers, cell=cfg.cell)
    return char_lm(len(alphabet), cfg.hidden_size, **options)


def protocols(cfg: Config, data: text.Text) -> dict[str, Any]:
    """How the validation loss was measured, and the figure to set it beside."""
    passes = text.windows_of_pass(len(data.train), cfg.batch_size, cfg.window)
    layers = f"{cfg.layers} layer{'s' * (cfg.layers > 1)} of {cfg.hidden_size}"
    protocol = {
        "data": data.name,
        "train_characters": len(data.train),
        "model": f"{cfg.cell}, {layers}",
        "context": f"carried state, zero again after {cfg.restart_every} windows of "
        f"{cfg.window} characters",
        "trained": f"{cfg.steps / passes:.3g} passes, batch {cfg.batch_size}",
        "optimizer": f"Adam, {cfg.learning_rate:g} falling to 0 along a cosine, "
        f"gradient norm at most {cfg.max_norm:g}",
        "dropout": 0,
        "step_chosen_on": "none, the last one",
        "validated_on": f"all {len(data.validation) - 1} characters, in one stream",
    }
    published = {"published": "nanogpt-tiny-shakespeare"}
    nats = published if data.name == "tiny_shakespeare" else {}
    return {"validation_nats": nats | protocol, "validation_bits": {}}


def train(cfg: Config) -> int:
    """Train, or find the finished run again; then write samples."""
    if cfg.text is not None:
        cfg = dataclasses.replace(cfg, data="file")
    elif cfg.data == "file":
        raise InputError("--data file needs --text FILE: a file in UTF-8")
    cfg = config.fill_defaults(cfg, RECIPES[cfg.data])
    folders = dict(data_dir=cfg.data_dir, source_dir=cfg.source_dir)
    data = text.load_text(cfg.data, path=cfg.text, **folders)
    text.require_windows(data, cfg.batch_size, cfg.window)
    prompt = cfg.prompt or ("\n" if "\n" in data.alphabet else data.alphabet[0])
    codes = text.encode(prompt, data.alphabet)
    experiment = make_experiment(_without_free(cfg), data.alphabet)
    experiment = experiment._replace(protocols=protocols(cfg, data))
    record = run("char_lm", experiment, data, cfg)
    if record.exit_code == 0 and record.states is not None:
        write(cfg, record, codes)
    return record.exit_code


def _without_free(cfg: Config) -> Config:
    return Config(**config.deciding_fields(cfg))


def write(cfg: Config, record, prompt) -> None:
    """Print samples of the first seed's model, and put them into `samples.txt`."""
    alphabet = record.data.alphabet
    key = jax.random.fold_in(jax.random.key(cfg.seed), 4)
    codes = jax.jit(
        lambda key, params, prompt: sample(
            key,
            build(cfg, alphabet).apply,
            params,
            prompt,
            length=cfg.sample_length,
            temperature=cfg.temperature,
            num_samples=cfg.num_samples,
        )
    )(key, record.states[0].params, prompt)
    lines = []
    for i, row in enumerate(jax.device_get(codes), start=1):
        title = f"sample {i} of {cfg.num_samples}, temperature {cfg.temperature:g}"
        lines += [f"--- {title}", cfg.prompt + text.decode(row, alphabet)]
    samples = "\n".join(lines)
    print(samples)
    (record.folder / "samples.txt").write_text(samples + "\n")


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, train, argv)


if __name__ == "__main__":
    sys.exit(main())
