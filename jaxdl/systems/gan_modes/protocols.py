"""How a case was trained and measured, and the figures beside it."""

from collections.abc import Mapping
from typing import Any

from jaxdl.measures.statistics import standard_error
from jaxdl.systems.gan_modes.measures import NUM_SAMPLES, NUM_STATISTICS
from jaxdl.train.protocol import fields


def modes_protocols(cfg: Any) -> dict[str, dict[str, Any]]:
    """The protocol of each measure.

    Args:
      cfg: with `methods` and `packs`, one of each, `target`, `learning_rate`,
        `batch_size` and `steps`.
    """
    (method,), (pack,) = cfg.methods, cfg.packs

    def error_of(name: str):
        def rounded(values: Mapping[str, Any]) -> float | None:
            error = standard_error(values[name])
            return None if error is None else float(f"{error:.2g}")

        return rounded

    shared = {
        "target": cfg.target,
        "method": method,
        "pack": pack,
        "networks": "4 x 400 batch norm, 3 x 200 maxout(5)",
        "optimizer": "Adam, beta1 0.8, both players at once",
        **fields(cfg, "learning_rate", "batch_size", "steps"),
        "trained_on": "new points in every step",
        "statistics": f"those of {NUM_STATISTICS:,} latents",
        "samples": NUM_SAMPLES,
    }
    ids = {"modes": "modes", "high_quality": "quality", "reverse_kl": None}
    found = {}
    for name, published in ids.items():
        found[name] = shared | {"standard_error": error_of(name)}
        if published and method in ("gan", "pacgan") and pack <= 4:
            found[name]["published"] = f"pacgan-{cfg.target}-{pack}-{published}"
    return found
