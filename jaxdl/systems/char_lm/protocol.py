"""Protocol of the validation loss of a character model."""

from typing import Any

from jaxdl.systems.char_lm.data import Text, windows_of_pass


def protocols(cfg: Any, data: Text) -> dict[str, Any]:
    """Protocol of the validation loss, and the figure to set beside it."""
    passes = windows_of_pass(len(data.train), cfg.batch_size, cfg.window)
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
