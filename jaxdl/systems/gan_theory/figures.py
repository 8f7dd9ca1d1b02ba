"""Figures of games whose two densities are known."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl.figures.grids import Panel, figure_of_curves, new_figure
from jaxdl.figures.texts import set_title
from jaxdl.systems.gan_theory.data import DENSITIES
from jaxdl.systems.gan_theory.measures import LOG_4, MAP_CELLS
from jaxdl.systems.gan_theory.quadrature import make_grid

FRAMES = 16
COLORS = 48
SEEN = 1e-4  # of the largest density; where both are below it D* says nothing


class Animation:
    """Pictures that follow each other; saved as a GIF where a figure would be a PNG."""

    def __init__(self, frames: Sequence[Any], seconds: float):
        """Of matplotlib figures, all of one size, shown within so many seconds."""
        self.frames, self.seconds = frames, seconds

    def savefig(self, path: Path) -> None:
        """Write it as `path` with the suffix .gif; the last picture stays longer."""
        from PIL import Image

        images = []
        for figure in self.frames:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png")
            image = Image.open(buffer).convert("RGB")
            method = Image.Quantize.MAXCOVERAGE  # the default drops rare colours
            images.append(image.quantize(COLORS, method, dither=Image.Dither.NONE))
        each = int(1000 * self.seconds / len(images))
        images[0].save(
            Path(path).with_suffix(".gif"),
            save_all=True,
            append_images=images[1:],
            duration=[each] * (len(images) - 1) + [2000],
            loop=0,
            optimize=True,
        )


def theory_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """Curves, maps and an animation of each target that a flow has learned in a game.

    Args:
      records: of runs (`jaxdl.train.Record`), each with one target and generator.
    """
    by_target: dict[str, dict[str, Any]] = {}
    for record in records.values():
        (target,), (kind,) = record.config.targets, record.config.generators
        by_target.setdefault(target, {})[kind] = record
    figures = {}
    for target, kinds in by_target.items():
        if "flow" in kinds:
            history = kinds["flow"].history.evaluations
            figures[f"{target}-training"] = figure_of_curves(_panels(kinds))
            figures[f"{target}-maps"] = _maps(target, history)
            figures[f"{target}-animation"] = _animation(target, history)
        if {"mlp", "likelihood"} & kinds.keys():
            figures[f"{target}-others"] = _others(target, kinds)
    return figures


def _panels(kinds: Mapping[str, Any]) -> list[Panel]:
    found = kinds["flow"].history.evaluations
    divergences, references = {"JSD(p, q)": (found, "jsd")}, {}
    if "mlp" in kinds:
        estimates = kinds["mlp"].history.evaluations
        divergences["plain net, estimate"] = estimates, "jsd_estimate"
        floor = estimates.values["jsd_estimate_floor"].mean()
        references["the estimate's floor"] = float(floor)
    if "likelihood" in kinds:
        reached = kinds["likelihood"].result["metrics"]["jsd"]["mean"]
        references["flow by likelihood"] = reached
    value = {"V(D, G)": (found, "value"), "bound": (found, "bound")}
    return [
        Panel("Value and bound", "nats", value, {"-log 4": -LOG_4}),
        Panel("Divergence", "nats", divergences, references, yscale="log"),
        Panel("Bound - V", "nats", {"never below 0": (found, "gap")}, yscale="log"),
    ]


def _densities(target: str) -> np.ndarray:
    """p on the grid of the maps, [cells cells]."""
    density = DENSITIES[target]()
    points = make_grid(density.half_width, MAP_CELLS).points
    return np.exp(np.asarray(density.log_density(points))).reshape(MAP_CELLS, -1)


def _draw(axes, target: str, values: np.ndarray, title: str = "", **kwargs) -> None:
    width = DENSITIES[target]().half_width
    extent = (-width, width) * 2
    axes.imshow(values, origin="lower", extent=extent, **kwargs)
    axes.set_facecolor("0.8")  # where a value is NaN
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=11)


def _players(target, p, log_q, logits) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Title, picture and colours of p, q, D and D*."""
    q = np.exp(log_q)
    seen = p + q > SEEN * p.max()
    best = np.where(seen, p / np.where(seen, p + q, 1), np.nan)
    density = dict(cmap="viridis", vmin=0, vmax=1.3 * p.max())
    share = dict(cmap="RdBu_r", vmin=0, vmax=1)
    with np.errstate(over="ignore"):
        trained = 1 / (1 + np.exp(-logits.astype(float)))
    return [
        ("data p", p, density),
        ("generator q", q, density),
        ("D, trained", trained, share),
        ("D* = p / (p + q)", best, share),
    ]


def _maps(target: str, history) -> Any:
    """p, q, D and D* of the first seed at the start, early, and at the end."""
    p, last = _densities(target), len(history.steps) - 1
    shown = sorted({0, min(last, max(1, last // 10)), last})
    figure = new_figure(8.0, 2.05 * len(shown) + 0.4)
    grid = figure.subplots(len(shown), 4, squeeze=False)
    for row, at in zip(grid, shown, strict=True):
        maps = (history.values[name][at, 0] for name in ("log_q_map", "logit_map"))
        players = _players(target, p, *maps)
        for axes, (title, picture, colors) in zip(row, players, strict=True):
            _draw(axes, target, picture, title if at == shown[0] else "", **colors)
        row[0].set_ylabel(f"step {history.steps[at]:,}")
    set_title(figure, "White: D = 1/2; red: more likely data; grey: neither")
    return figure


def _animation(target: str, history) -> Animation:
    """p, the generator's density and D of the first seed, over training."""
    p, num = _densities(target), len(history.steps)
    frames = []
    for at in np.unique(np.linspace(0, num - 1, min(FRAMES, num)).astype(int)):
        maps = (history.values[name][at, 0] for name in ("log_q_map", "logit_map"))
        figure = new_figure(3.6, 1.7)
        players = _players(target, p, *maps)
        for axes, (title, picture, colors) in zip(
            figure.subplots(1, 3), players[:3], strict=True
        ):
            _draw(axes, target, picture, title, **colors)
            axes.title.set_fontsize(8)
        jsd = history.values["jsd"][at, 0]
        text = f"step {history.steps[at]:,}: JSD {jsd:.3f} nats"
        figure.suptitle(text, fontsize=9)
        frames.append(figure)
    return Animation(frames, 6.0)


def _others(target: str, kinds: Mapping[str, Any]) -> Any:
    """What the flow reaches by likelihood, and samples of the plain generator."""
    p = _densities(target)
    panels = [("data p", p)]
    if "likelihood" in kinds:
        last = kinds["likelihood"].history.evaluations.values["log_q_map"][-1, 0]
        panels.append(("flow, maximum likelihood", np.exp(last)))
    if "mlp" in kinds:
        counts = kinds["mlp"].history.evaluations.values["counts_map"][-1, 0]
        cell = (2 * DENSITIES[target]().half_width / len(counts)) ** 2
        panels.append(("plain net, histogram", counts / counts.sum() / cell))
    figure = new_figure(2.7 * len(panels), 3.3)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, picture) in zip(grid, panels, strict=True):
        _draw(axes, target, picture, title, cmap="viridis", vmin=0, vmax=1.3 * p.max())
    set_title(figure, f"The target {target} and what other generators make of it")
    return figure
