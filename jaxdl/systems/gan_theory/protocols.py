"""How what a case finds was measured."""

from typing import Any

from jaxdl.systems.gan_theory.measures import HISTOGRAM_CELLS, HISTOGRAM_SAMPLES


def theory_protocols(cfg: Any) -> dict[str, dict[str, Any]]:
    """The protocol of the divergence, or of its estimate for a generator of samples.

    Args:
      cfg: with `targets` and `generators`, one of each, and `steps`.
    """
    (target,), (kind,) = cfg.targets, cfg.generators
    shared = {"data": target, "networks": f"{kind}, {cfg.steps:,} steps"}
    if kind == "mlp":
        cells = f"{HISTOGRAM_CELLS} x {HISTOGRAM_CELLS} cells"
        how = f"histograms of {HISTOGRAM_SAMPLES:,} points each on {cells}"
        return {"jsd_estimate": shared | {"estimated_from": how}}
    return {"jsd": shared | {"integrated": "on a grid, float64"}}
