"""Samples that a trained character model writes."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Int32

from jaxdl.printing import say
from jaxdl.systems.char_lm.data import Text, decode, encode
from jaxdl.systems.char_lm.measures import sample
from jaxdl.systems.char_lm.networks import model_of
from jaxdl.train.experiment import Record


def prompt_of(cfg: Any, data: Text) -> Int32[np.ndarray, " characters"]:
    """The start of all samples, as codes of the text's alphabet."""
    prompt = cfg.prompt or ("\n" if "\n" in data.alphabet else data.alphabet[0])
    return encode(prompt, data.alphabet)


def write(cfg: Any, record: Record, prompt: Int32[np.ndarray, " characters"]) -> None:
    """Print samples of the first seed's model, and put them into `samples.txt`.

    What is printed has escapes for control characters; the file, in UTF-8, has them.
    """
    alphabet, states = record.data.alphabet, record.states
    assert states is not None
    key = jax.random.fold_in(jax.random.key(cfg.seed), 4)
    codes = jax.jit(
        lambda key, params, prompt: sample(
            key,
            model_of(cfg, alphabet).apply,
            params,
            prompt,
            length=cfg.sample_length,
            temperature=cfg.temperature,
            num_samples=cfg.num_samples,
        )
    )(key, states[0].params, prompt)
    lines = []
    for i, row in enumerate(jax.device_get(codes), start=1):
        title = f"sample {i} of {cfg.num_samples}, temperature {cfg.temperature:g}"
        lines += [f"--- {title}", cfg.prompt + decode(row, alphabet)]
    samples = "\n".join(lines)
    say(samples)
    path = record.folder / "samples.txt"
    path.write_text(samples + "\n", encoding="utf-8", newline="")
