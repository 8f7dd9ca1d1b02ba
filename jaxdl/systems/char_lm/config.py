"""The flags of the character model."""

import dataclasses
from pathlib import Path
from typing import Literal

from jaxdl.errors import InputError
from jaxdl.train import config


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
        config.require_at_most(100, "each is compiled", layers=self.layers)
        written = "samples are written character by character"
        config.require_at_most(1_000, written, num_samples=self.num_samples)
        config.require_at_most(100_000, written, sample_length=self.sample_length)
        rates = dict(learning_rate=self.learning_rate, max_norm=self.max_norm)
        config.require_positive(**rates)
        if self.temperature < 0:
            raise InputError(f"temperature is {self.temperature}: expected 0 or more")

    def idle(self):
        idle = {}
        if self.text is not None and self.data != "file":
            idle["data"] = "with --text, which is learned instead"
        if self.text is not None or self.data != "tiny_shakespeare":
            reason = "without --data tiny_shakespeare"
            idle |= dict.fromkeys(("source_dir", "data_dir"), reason)
        return idle
