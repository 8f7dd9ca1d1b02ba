"""Figures: grids of images, curves over a run. matplotlib is imported when drawing."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.boolean import GATES, shuffled_tables
from jaxdl.errors import InputError
from jaxdl.evaluate.gan import nearest_images
from jaxdl.evaluate.statistics import wilson_ci95
from jaxdl.evaluate.truth_tables import solves
from jaxdl.models.perceptron import ensemble_epoch, init_ensemble
from jaxdl.train.log import History, Series
from jaxdl.train.seeds import seed_keys

DPI = 125  # 8 inches are 1000 pixels


class Panel(NamedTuple):
    """One pair of axes with curves over training steps.

    Attributes:
      title, ylabel: texts; the label says the unit.
      curves: legend -> (series, name of the value in it).
      references: legend -> height of a dashed line.
    """

    title: str
    ylabel: str
    curves: Mapping[str, tuple[Series, str]]
    references: Mapping[str, float] = {}


def _new_figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def image_grid(rows: Sequence[np.ndarray] | np.ndarray, gap: int = 1) -> np.ndarray:
    """Images in rows, on white: [height width] or [height width 3] bytes.

    Args:
      rows: each [columns height width channels] uint8.
      gap: white pixels between images.
    """
    padded = [
        np.pad(r, ((0, 0), *((gap, gap),) * 2, (0, 0)), constant_values=255)
        for r in rows
    ]
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in padded])
    return grid[..., 0] if grid.shape[-1] == 1 else grid


def figure_of_images(
    rows: Sequence[np.ndarray] | np.ndarray,
    *,
    title: str,
    row_labels: Sequence[str] = (),
) -> Any:
    """A figure of image rows, with a label before each row if given.

    Args:
      rows: each [columns height width channels] uint8; equal shapes.
      title: stands above.
      row_labels: one a row.
    """
    columns, height, width, _ = rows[0].shape
    aspect = len(rows) * (height + 2) / (columns * (width + 2))
    grid_width = 7.2 if len(row_labels) else 7.8
    figure = _new_figure(8.0, min(grid_width * aspect + 0.4, 16.0))
    axes = figure.subplots()
    axes.imshow(
        image_grid(rows), cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([(i + 0.5) * (height + 2) - 0.5 for i in range(len(row_labels))])
    axes.set_yticklabels(row_labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def save_images(images: np.ndarray, folder: Path, name: str) -> Path:
    """Save images [n height width channels] as `name.npy` and a square `name.png`.

    Raises:
      InputError: if the folder cannot be written.
    """
    from PIL import Image

    columns = math.ceil(math.sqrt(len(images)))
    blank = np.full_like(images[:1], 255)
    padded = np.concatenate([images, *[blank] * (-len(images) % columns)])
    grid = image_grid(padded.reshape(-1, columns, *images.shape[1:]))
    scale = max(1, 800 // grid.shape[1])
    path = folder / f"{name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", images)
        Image.fromarray(grid.repeat(scale, axis=0).repeat(scale, axis=1)).save(path)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    return path


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over `window` neighbours along axis 0, fewer at the ends."""
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    index = np.arange(len(values))
    low = np.maximum(index - (window - 1) // 2, 0)
    high = np.minimum(index + window // 2 + 1, len(values))
    counts = (high - low).reshape(-1, *[1] * (values.ndim - 1))
    return (sums[high] - sums[low]) / counts


def figure_of_curves(panels: Sequence[Panel], *, columns: int = 2) -> Any:
    """Curves over training steps: the mean over seeds, a band from lowest to highest.

    Curves of more than 200 points are smoothed by a running mean over a fiftieth of
    them; the axis says so.
    """
    rows = -(-len(panels) // columns)
    figure = _new_figure(4.0 * columns, 3.0 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes, panel in zip(grid, panels, strict=False):
        xlabel = "step"
        for i, (label, (series, name)) in enumerate(panel.curves.items()):
            if name not in series.values:  # a run of 0 steps trained nothing
                continue
            values = series.values[name]
            if len(values) > 200:
                window = len(values) // 50
                values = smoothed(values, window)
                xlabel = f"step (running mean of {window} logged steps)"
            mean, color = values.mean(axis=1), f"C{i}"
            marker = "o" if len(values) <= 20 else None
            axes.plot(series.steps, mean, color=color, label=label, marker=marker, ms=3)
            if values.shape[1] > 1:
                low, high = values.min(axis=1), values.max(axis=1)
                axes.fill_between(series.steps, low, high, color=color, alpha=0.2, lw=0)
        for i, (label, height) in enumerate(panel.references.items()):
            style = ("--", ":", "-.")[i % 3]
            axes.axhline(height, color="0.35", ls=style, lw=1, label=label)
        axes.set(xlabel=xlabel, ylabel=panel.ylabel)
        axes.grid(alpha=0.3)
        # Above the curves, which it would hide, and below the title.
        entries = len(axes.get_legend_handles_labels()[1])
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=2,
            fontsize=7,
            frameon=False,
        )
        axes.set_title(panel.title, fontsize=11, pad=8 + 11 * math.ceil(entries / 2))
    return figure


def gan_figures(record: Any, sampler: Any) -> dict[str, Any]:
    """What a GAN on images looks like: samples, copies, a path between two, its curves.

    Args:
      record: of the run (`jaxdl.train.run.Record`); images are the first seed's.
      sampler: `jaxdl.evaluate.gan.Sampler` of its generator.
    """
    params = record.states[0].gen_params
    key = seed_keys(record.config.seed).figures
    grid_key, path_key = jax.random.split(key)
    samples = sampler.images(params, grid_key, 100)
    near = nearest_images(samples[:24], record.data.train.image)
    pairs = [row for i in (0, 12) for row in (samples[i : i + 12], near[i : i + 12])]
    paths = sampler.interpolate(params, path_key, 8, 12)
    steps, values = record.history.evaluations
    shown = np.unique(np.linspace(0, len(steps) - 1, 12).astype(int))
    strips = values["samples"][shown, 0]
    seed = f"seed {record.config.seed}"
    done = f"after {record.config.steps:,} steps"
    return {
        "samples": figure_of_images(
            samples.reshape(10, 10, *samples.shape[1:]),
            title=f"Samples of the generator {done} ({seed})",
        ),
        "progress": figure_of_images(
            strips,
            title=f"The same 20 latents as training goes on ({seed}); left: step",
            row_labels=[f"{step:,}" for step in steps[shown]],
        ),
        "nearest": figure_of_images(
            pairs,
            title=f"Samples, and below each its nearest training image ({seed})",
            row_labels=["sample", "nearest"] * 2,
        ),
        "interpolation": figure_of_images(
            paths, title=f"Each row goes from one latent z to another ({seed})"
        ),
        "curves": figure_of_curves(_gan_panels(record.history)),
    }


def _gan_panels(history: History) -> list[Panel]:
    train, held_out = history
    return [
        Panel(
            "Losses on minibatches",
            "loss (nats)",
            {"discriminator": (train, "disc_loss"), "generator": (train, "gen_loss")},
            {"discriminator at D = 1/2 (log 4)": np.log(4)},
        ),
        Panel(
            "Value of the game",
            "V(D, G) (nats)",
            {"minibatches": (train, "value"), "held-out images": (held_out, "value")},
            {"-log 4": -np.log(4)},
        ),
        Panel(
            "What the discriminator believes",
            "mean probability of being real",
            {
                "D(x), minibatches": (train, "d_real"),
                "D(G(z)), minibatches": (train, "d_fake"),
                "D(x), held out": (held_out, "d_real"),
                "D(G(z)), held out": (held_out, "d_fake"),
            },
            {"1/2": 0.5},
        ),
        Panel(
            "Parzen-window log-likelihood",
            "nats per image",
            {"validation images": (held_out, "parzen_validation")},
        ),
    ]


def xor_figures(record: Any, apply: Any) -> dict[str, Any]:
    """What nets on a truth table of two inputs do: where they decide, how they learn.

    Args:
      record: of the run (`jaxdl.train.run.Record`) of an ensemble; decision regions are
        of the first seed's.
      apply: of one net.
    """
    cfg, found = record.config, record.history.evaluations
    params, examples = record.states[0].params, record.data.train
    what = f"{cfg.hidden_sizes[0]} hidden {cfg.activations[0]} unit"
    what += "s" if cfg.hidden_sizes[0] > 1 else ""
    return {
        "regions": _figure_of_regions(params, apply, examples, what, cfg),
        "loss": _figure_of_ensemble(found, what, cfg),
    }


def _figure_of_regions(params, apply, examples, what: str, cfg) -> Any:
    """Outputs over the plane of inputs, of nets that solved the table and others."""
    outputs = jax.vmap(apply, in_axes=(0, None))(params, examples.input)
    solved = np.asarray(solves(outputs, examples.target))
    kinds = [np.flatnonzero(solved)[:4], np.flatnonzero(~solved)[:4]]
    shown = [(i, "solved" if solved[i] else "not solved") for k in kinds for i in k]
    side = np.linspace(-0.5, 1.5, 121)
    plane = np.stack(np.meshgrid(side, side), axis=-1).astype(np.float32)
    chosen = jax.tree.map(lambda leaf: leaf[np.array([i for i, _ in shown])], params)
    heights = jax.vmap(apply, in_axes=(0, None))(chosen, jnp.asarray(plane))[..., 0]
    rows = -(-len(shown) // 4)
    figure = _new_figure(8.0, 2.0 * rows + 0.7)
    grid = figure.subplots(rows, 4, squeeze=False, sharex=True, sharey=True).ravel()
    points, targets = np.asarray(examples.input), np.asarray(examples.target[:, 0])
    levels = np.linspace(0, 1, 21)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    for axes, (number, state), height in zip(grid, shown, heights, strict=False):
        # Paler than the map's ends, so that the points stand out.
        style = dict(cmap="RdBu_r", vmin=-0.3, vmax=1.3)
        filled = axes.contourf(side, side, height, levels, **style)
        axes.contour(side, side, height, [0.5], colors="black", linewidths=1)
        for value, marker, color in ((0, "o", "white"), (1, "s", "black")):
            x, y = points[targets == value].T
            label = f"target {value}"
            style = dict(c=color, marker=marker, edgecolors="black", s=36, zorder=3)
            axes.scatter(x, y, label=label, **style)
        axes.set(aspect="equal", xticks=[0, 1], yticks=[0, 1])
        axes.set_title(f"net {number}: {state}", fontsize=9)
    figure.colorbar(filled, ax=list(grid), label="output", ticks=[0, 0.5, 1])
    handles = grid[0].get_legend_handles_labels()
    style = dict(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.legend(*handles, **style)
    steps = f"after {cfg.steps:,} steps; black line: output 1/2"
    figure.suptitle(f"Decisions of nets with {what}, {steps}", fontsize=11)
    return figure


def _figure_of_ensemble(found: Series, what: str, cfg) -> Any:
    """Loss and share of solved nets over a run: evaluations of the first seed."""
    figure = _new_figure(8.0, 3.4)
    left, right = figure.subplots(1, 2)
    marker = "o" if len(found.steps) <= 20 else None
    quantiles = found.values["loss_quantiles"][:, 0].T
    for i, share, alpha in ((0, "90 %", 0.2), (1, "50 %", 0.4)):
        style = dict(color="C0", alpha=alpha, lw=0, label=f"{share} of nets")
        left.fill_between(found.steps, quantiles[i], quantiles[-1 - i], **style)
    left.plot(found.steps, quantiles[2], color="C0", label="median", marker=marker)
    mean = found.values["loss"][:, 0]
    left.plot(found.steps, mean, color="C1", ls="--", label="mean", marker=marker)
    left.set_ylabel("E, mean over the four examples")
    left.set_title("Loss", fontsize=11, pad=32)
    share, low, high = (
        found.values[name][:, 0] for name in ("solved", "solved_low", "solved_high")
    )
    right.plot(found.steps, share, color="C0", label="share", marker=marker)
    style = dict(color="C0", alpha=0.3, lw=0)
    right.fill_between(found.steps, low, high, label="95 % (Wilson)", **style)
    right.set_ylim(-0.03, 1.03)
    right.set_ylabel("share of nets that solve it")
    right.set_title("Solved", fontsize=11, pad=32)
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        style = dict(loc="lower center", ncols=2, fontsize=7, frameon=False)
        axes.legend(bbox_to_anchor=(0.5, 1.0), **style)
    title = f"{cfg.nets:,} nets with {what}, {cfg.update} updates (seed {cfg.seed})"
    figure.suptitle(title, fontsize=11)
    return figure


def xor_sweep_figures(records: Mapping[str, Any]) -> dict[str, Any]:
    """The share of solved nets by hidden size, a panel for each activation.

    Args:
      records: of ensembles on a truth table, each with one activation and hidden size;
        seeds are counted together.
    """
    panels: dict[str, dict[int, tuple[float, float, float]]] = {}
    for record in records.values():
        cfg, shares = record.config, record.result["metrics"]["solved"]["per_seed"]
        num_solved = round(sum(shares) * cfg.nets)
        interval = wilson_ci95(num_solved, len(shares) * cfg.nets)
        panels.setdefault(cfg.activations[0], {})[cfg.hidden_sizes[0]] = interval
    columns = min(5, len(panels))
    rows = -(-len(panels) // columns)
    figure = _new_figure(8.0, 1.8 * rows + 1.0)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    sizes = sorted({size for shares in panels.values() for size in shares})
    for axes, (name, shares) in zip(grid.ravel(), panels.items(), strict=False):
        at = [sizes.index(size) for size in sorted(shares)]
        share, low, high = np.array([shares[size] for size in sorted(shares)]).T
        bars = [share - low, high - share]
        axes.errorbar(at, share, bars, fmt="o-", ms=4, lw=1, capsize=3)
        axes.set_title(name, fontsize=9)
        axes.set(ylim=(-0.05, 1.05), xticks=range(len(sizes)), xticklabels=sizes)
        axes.grid(alpha=0.3)
    figure.supxlabel("hidden units", fontsize=10)
    figure.supylabel("share of nets that solve it", fontsize=10)
    title = f"Exclusive or: {cfg.nets:,} nets each, {cfg.steps:,} steps, {cfg.update}"
    title += " updates; bars: 95 % (Wilson)"
    figure.suptitle(title, fontsize=11)
    return {"solved": figure}


def perceptron_figures(record: Any, proofs: Any) -> dict[str, Any]:
    """How perceptrons learn Boolean functions: gates' decision lines, counts, mistakes.

    Args:
      record: of the run (`jaxdl.train.run.Record`); lines are of the first seed's.
      proofs: `proofs(n) -> (Separability, bounds on mistakes)` of n inputs, a string.
    """
    epochs, states = record.config.steps, record.states
    paths = _gate_paths(record)
    learned = {}
    for n in record.data.tables:
        found, bounds = proofs(n)
        each = [state.ensembles[n] for state in states]
        last = np.stack([np.asarray(x.last_mistake) for x in each])
        made = np.stack([np.asarray(x.mistakes) for x in each])
        learned[n] = [x[..., found.separable] for x in (last, made, bounds)]
    return {
        "lines": _figure_of_lines(record.data.tables["2"], paths, record.config.seed),
        "counts": _figure_of_learned(learned, epochs, len(states)),
    }


def _gate_paths(record: Any) -> dict[str, np.ndarray]:
    """Weights of each gate's perceptron after each correction of the first epochs."""

    @jax.jit
    def train(data, key):  # once more
        def body(ensemble, i):
            batch = shuffled_tables(data, key, i)["2"]
            return ensemble_epoch(ensemble, *batch, i + 1)

        return jax.lax.scan(body, init_ensemble(3, 16), jnp.arange(epochs))[1]

    epochs = min(record.config.steps, 12)
    paths = train(record.data, seed_keys(record.config.seed).batch)
    weights = np.pad(np.reshape(paths, (-1, 3, 16)), ((1, 0), (0, 0), (0, 0)))
    corrected = np.any(np.diff(weights, axis=0), axis=1)
    return {name: weights[1:, :, f][corrected[:, f]] for name, f in GATES.items()}


def _figure_of_lines(table: Any, paths: Mapping[str, np.ndarray], seed: int) -> Any:
    """Lines w . x = 0 after each correction: early ones light, the last one black."""
    inputs, labels = (np.asarray(array) for array in table)
    ends = np.array([-2.2, 2.2])
    figure = _new_figure(8.0, 3.7)
    grid = figure.subplots(1, len(paths), sharey=True)
    for axes, (name, path) in zip(grid, paths.items(), strict=True):
        wanted = labels[:, GATES[name]]
        right = np.sum(wanted * (path @ inputs.T) > 0, axis=1)
        solved = bool(len(path)) and right[-1] == 4
        shown = path if solved else path[:12]
        for i, (w1, w2, b) in enumerate(shown):
            last = solved and i + 1 == len(shown)
            color = "black" if last else str(0.8 - 0.5 * i / len(shown))
            style = dict(color=color, lw=2 if last else 1, zorder=2 + last)
            if w2:
                axes.plot(ends, -(b + w1 * ends) / w2, **style)
            elif w1:
                axes.axvline(-b / w1, **style)
            if last:
                x, y = np.meshgrid(np.linspace(*ends, 200), np.linspace(*ends, 200))
                side = w1 * x + w2 * y + b
                axes.contourf(x, y, side, [0, 99], colors=["C1"], alpha=0.15, zorder=1)
        for value, marker, color in ((-1, "o", "white"), (1, "s", "C1")):
            x, y = inputs[wanted == value, :2].T
            style = dict(c=color, marker=marker, edgecolors="black", s=60, zorder=4)
            axes.scatter(x, y, label=f"label {value}", **style)
        axes.set(aspect="equal", xlim=ends, ylim=ends, xlabel="input 1")
        axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        count = f"{len(shown)} correction" + ("" if len(shown) == 1 else "s")
        said = f"solved after {count}"
        if not solved:
            said = f"{count}: at best {max(right, default=0)} of 4 right"
        axes.set_title(f"{name}\n{said}", fontsize=10)
    grid[0].set_ylabel("input 2")
    handles, names = grid[0].get_legend_handles_labels()
    for color, lw, name in (("0.8", 1, "early line"), ("0.35", 1, "late line")):
        handles += grid[0].plot([], [], color=color, lw=lw)
        names.append(name)
    handles += grid[0].plot([], [], color="black", lw=2)
    names.append("line that stays")
    style = dict(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.legend(handles, names, **style)
    title = f"Decision lines of the perceptron after each correction (seed {seed})"
    figure.suptitle(title, fontsize=11)
    return figure


def _figure_of_learned(
    learned: Mapping[str, Sequence[np.ndarray]], epochs: int, num_seeds: int
) -> Any:
    """Functions learned after each epoch, and mistakes beside Novikoff's bound."""
    figure = _new_figure(8.0, 3.8)
    left, right = figure.subplots(1, 2)
    end = min(epochs, 2 + max(int(last.max()) for last, _, _ in learned.values()))
    for i, (n, (last, made, bounds)) in enumerate(learned.items()):
        number, color = np.arange(1, end + 1), f"C{i}"
        counts = np.sum(last[:, None, :] < number[None, :, None], axis=-1)
        label = f"{n} inputs: {last.shape[1]:,}"
        style = dict(color=color, marker=".", drawstyle="steps-post", label=label)
        left.plot(number, counts.mean(axis=0), **style)
        low, high = counts.min(axis=0), counts.max(axis=0)
        style = dict(color=color, alpha=0.25, lw=0, step="post")
        left.fill_between(number, low, high, **style)
        left.axhline(last.shape[1], color=color, ls="--", lw=1)
        spots, sizes = np.unique(
            np.stack([np.broadcast_to(bounds, made.shape), made]).reshape(2, -1),
            axis=1,
            return_counts=True,
        )
        style = dict(s=6 + 4 * np.log2(sizes), color=color, alpha=0.6, lw=0)
        right.scatter(*spots, label=f"{n} inputs", **style)
    left.set(xlabel="epoch", ylabel="functions", ylim=(0, 4000))
    left.set_yscale("symlog", linthresh=1)
    left.locator_params(axis="x", integer=True)
    left.set_title("Learned: an epoch without a mistake", fontsize=10, pad=34)
    ends = [1, max(float(bounds.max()) for _, _, bounds in learned.values())]
    right.plot(ends, ends, color="0.35", ls="--", lw=1, label="bound")
    right.set(xlabel=r"Novikoff's bound $(R / \gamma)^2$", ylabel="mistakes")
    right.set(xscale="log", yscale="log")
    right.set_title("Their mistakes (size: how many)", fontsize=10, pad=34)
    left.plot([], [], color="0.35", ls="--", lw=1, label="separable (linear program)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        style = dict(loc="lower center", ncols=2, fontsize=8, frameon=False)
        axes.legend(bbox_to_anchor=(0.5, 1.0), **style)
    seeds = "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"
    figure.suptitle(f"Perceptrons on Boolean functions ({seeds})", fontsize=11)
    return figure
