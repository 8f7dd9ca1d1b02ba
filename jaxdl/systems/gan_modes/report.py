"""What a finished comparison prints."""

from collections.abc import Mapping
from typing import Any

from jaxdl.measures.statistics import welch_ci95


def differences(results: Mapping[str, Any]) -> list[str]:
    """Differences of each case's measures from the GAN's, a line for each.

    Args:
      results: of the cases, by name.
    """
    if "gan" not in results:
        return []
    lines = []
    for name, result in results.items():
        for measure, found in result["metrics"].items():
            base = results["gan"]["metrics"][measure]["per_seed"]
            mean, low, high = welch_ci95(found["per_seed"], base)
            if name != "gan":
                line = f"{name} - gan, {measure}: {mean:+.3g}"
                if low is not None:  # one seed has no interval
                    line += f", 95 % [{low:+.3g}, {high:+.3g}] (Welch)"
                lines.append(line)
    return lines
