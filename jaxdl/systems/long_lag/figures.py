"""Figures of nets that read long sequences and answer at their end."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl.data.long_lag import SYMBOLS
from jaxdl.figures.grids import new_figure
from jaxdl.figures.texts import label_plainly, label_steps, seeds_in_words, set_title
from jaxdl.measures.long_lag import carries_over_time
from jaxdl.systems.long_lag.tasks import published_sequences
from jaxdl.train.seeds import seed_keys

SHOWN_CELLS = 8


def long_lag_figures(record: Any, *, layer: Any) -> dict[str, Any]:
    """Training of a net on a long-lag task, the states of its cells, its answers.

    Args:
      record: of the run (`jaxdl.train.Record`).
      layer: the net's recurrent layer (`jaxdl.nn.recurrence.Recurrence`).
    """
    training = _training(record, published_sequences(record.config))
    if record.config.task == "adding":
        states = _states(record, layer, "marked", lambda x: x[:, 1] == 1)
        answers = {"predictions": _predictions(record)}
    else:
        states = _states(record, layer, "X or Y", _is_rare)
        answers = {"outputs": _outputs(record)}
    return {"training": training, "states": states, **answers}


def _is_rare(inputs: np.ndarray) -> np.ndarray:
    rare = [SYMBOLS.index(symbol) for symbol in "XY"]
    return np.any(inputs[:, rare], axis=-1)


def _training(record, published: float | None) -> Any:
    """Mean error and share of right answers in the window, a line for each seed."""
    found, cfg = record.history.train, record.config
    figure = new_figure(8.0, 3.6)
    panels = zip(
        figure.subplots(1, 2),
        ("error", "correct"),
        ("E, mean of the last 2,000", "share correct of the last 2,000"),
        strict=True,
    )
    for axes, name, label in panels:
        for i, state in enumerate(record.states):
            end, solved = int(state.examples), bool(state.done)
            kept = found.steps * cfg.batch_size <= max(end, cfg.batch_size)
            if name in found.values:  # a run of 0 steps trained nothing
                curve = found.values[name][kept, i]
                x = found.steps[kept] * cfg.batch_size
                style = dict(color=f"C{i % 10}", lw=1)
                axes.plot(x, curve, label=f"seed {cfg.seed + i}", **style)
                if solved:
                    axes.plot(x[-1:], curve[-1:], "o", ms=4, color=style["color"])
        if published is not None:
            axes.axvline(published, color="0.35", ls="--", lw=1, label="paper's mean")
        axes.set(xlabel="sequences", ylabel=label)
        label_steps(axes)
        axes.grid(alpha=0.3)
    if "error" in found.values:
        figure.axes[0].set_yscale("log")
        label_plainly(figure.axes[0])
    figure.axes[1].set_ylim(-0.03, 1.03)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        style = dict(ncols=6, fontsize=8, frameon=False)
        figure.legend(handles, labels, loc="outside lower center", **style)
    num_solved = sum(bool(state.done) for state in record.states)
    seeds = seeds_in_words(len(record.states))
    title = f"{record.data.name}, {cfg.net} net: rule held for {num_solved} of {seeds}"
    set_title(figure, f"{title} (dots)" if num_solved else title)
    return figure


def _states(
    record, layer, what: str, is_event: Callable[[np.ndarray], np.ndarray]
) -> Any:
    """The states of the cells while the first seed's net reads a new sequence."""
    key = seed_keys(record.config.seed).figures

    @jax.jit
    def read(params):
        ((of_layer,),) = params["recurrent"]
        inputs, mask, _ = record.data.draw(key, 1)
        return inputs, mask, carries_over_time(layer, of_layer, inputs)[1]

    inputs, mask, states = map(np.asarray, read(record.states[0].params))
    states = states[:, 0]
    length = int(mask[0].sum())
    states, x = states[:length], inputs[0, :length]
    # Of many cells those that move most.
    order = np.argsort(-np.ptp(states, axis=0), kind="stable")[:SHOWN_CELLS]
    figure = new_figure(8.0, 3.8)
    axes = figure.subplots()
    for cell in sorted(order):
        axes.plot(states[:, cell], label=f"cell {cell + 1}", lw=1.2)
    for i, time in enumerate(np.flatnonzero(is_event(x))):
        label = what if i == 0 else None
        axes.axvline(time, color="0.35", ls="--", lw=1, label=label)
    axes.set(xlabel="time (inputs read)", ylabel="state of the cell")
    label_steps(axes)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    shown = f"{len(order)} of {states.shape[1]} cells"
    title = f"{record.data.name}: {shown} over one new sequence (seed "
    set_title(figure, f"{title}{record.config.seed})")
    return figure


def _predictions(record) -> Any:
    """Outputs against targets of the test sequences, all seeds; the wrong ones red."""
    targets, outputs, wrong = _test(record)
    tolerance = record.data.tolerance
    figure = new_figure(8.0, 5.2)
    axes = figure.subplots()
    for chosen, color, label in ((~wrong, "C0", "right"), (wrong, "C3", "wrong")):
        x, y = targets[chosen], outputs[chosen]
        axes.plot(x, y, ".", ms=2.5, color=color, alpha=0.5, label=label)
    edges = np.array([0.0, 1.0])
    style = dict(color="0.35", ls="--", lw=1)
    axes.plot(edges, edges + tolerance, label=f"target ± {tolerance:g}", **style)
    axes.plot(edges, edges - tolerance, **style)
    axes.set(xlabel="target 0.5 + (X1 + X2) / 4", ylabel="output")
    axes.grid(alpha=0.3)
    style = dict(ncols=3, fontsize=8, frameon=False, markerscale=4)
    figure.legend(loc="outside lower center", **style)
    set_title(figure, _counted(record, wrong))
    return figure


def _outputs(record) -> Any:
    """Every output of the test sequences, by the class of the sequence."""
    targets, outputs, wrong = _test(record)
    tolerance, num_classes = record.data.tolerance, targets.shape[-1]
    digits = num_classes.bit_length() - 1
    names = [f"{i:0{digits}b}".translate({48: "X", 49: "Y"}) for i in range(8)]
    figure = new_figure(8.0, 3.8)
    axes = figure.subplots()
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(outputs))
    classes = targets.argmax(axis=-1)
    for k in range(num_classes):
        label = "output of the class" if k == 0 else None
        other = "other outputs" if k == 0 else None
        x, y = k + jitter[classes == k], outputs[classes == k]
        rest = np.delete(y, k, axis=1)
        axes.plot(np.repeat(x, num_classes - 1), rest.ravel(), "C1.", ms=2, label=other)
        axes.plot(x, y[:, k], "C0.", ms=2, label=label)
    for height in (tolerance, 1 - tolerance):
        axes.axhline(height, color="0.35", ls="--", lw=1)
    axes.set_xticks(range(num_classes), names[:num_classes])
    axes.set(xlabel="order of the symbols", ylabel="output", ylim=(-0.05, 1.05))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, markerscale=4)
    set_title(figure, _counted(record, wrong))
    return figure


def _test(record) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, outputs [sequences out] and which were wrong, of all seeds."""
    values = record.history.evaluations.values
    targets, outputs = (
        np.concatenate(list(values[name][-1])) for name in ("targets", "outputs")
    )
    far = np.abs(outputs - targets) >= record.data.tolerance
    return targets, outputs, far.any(axis=-1)


def _counted(record, wrong: np.ndarray) -> str:
    seeds = seeds_in_words(len(record.states))
    counts = f"{wrong.sum():,} wrong of {len(wrong):,} new sequences"
    return f"{record.data.name}: {counts}, {seeds}"
