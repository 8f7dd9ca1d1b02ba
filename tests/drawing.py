"""Pictures and series for the tests of figures."""

import io
import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from jaxdl.train.log import Series


def images(num, height=4, width=5, channels=1, seed=0):
    """Random bytes [num height width channels]."""
    shape = num, height, width, channels
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def drawn(figure) -> np.ndarray:
    """The figure as its PNG file shows it, [height width 3]."""
    file = io.BytesIO()
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("RGB"))


def series(num_steps, num_seeds=2, names=("loss",)):
    """Random values of each name, [steps seeds]."""
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=(num_steps, num_seeds)) for name in names}
    return Series(np.arange(1, num_steps + 1) * 10, values)


def faults_of_texts(figure, *, one_seed: bool = False) -> list[str]:
    """What is wrong with the texts of a figure, after it has been saved.

    A text must lie on the canvas whole, two must not overlap, and a count must not be
    left in brackets: "seed(s)". One seed has no interval to name.
    """
    width, height = figure.bbox.size
    # Of an annotation without its arrow, which may cross others.
    boxes = [(text, Text.get_window_extent(text)) for text in _texts(figure)]
    found = [(text.get_text(), box) for text, box in boxes]
    faults = [f"{text!r}: one or several?" for text, _ in found if "(s)" in text]
    if one_seed:
        wrong = [text for text, _ in found if "95 % interval" in text]
        faults += [f"{text!r}: of one seed?" for text in wrong]
    for text, box in found:
        ends = np.array([-box.x0, -box.y0, box.x1 - width, box.y1 - height])
        if ends.max() > 1:  # pixel
            faults.append(f"{text!r} leaves the canvas by {ends.max():.0f} pixels")
    for (text, box), (other, its_box) in itertools.combinations(found, 2):
        width = min(box.x1, its_box.x1) - max(box.x0, its_box.x0)
        height = min(box.y1, its_box.y1) - max(box.y0, its_box.y0)
        if min(width, height) > 2:
            faults.append(f"{text!r} overlaps {other!r}")
    return faults


def _texts(figure) -> Iterator[Text]:
    """The texts that are drawn, but for those that the layout does not count."""
    FigureCanvasAgg(figure)  # a renderer with the figure's own resolution
    for part in (figure, *figure.subfigs):
        pieces = [*part.texts, *part.legends]
        for axes in part.axes if part is figure else ():
            if not axes.get_visible():
                continue
            pieces += [c for c in axes.get_children() if not isinstance(c, Axis)]
            if axes.axison:
                pieces += itertools.chain(*map(_labels, (axes.xaxis, axes.yaxis)))
        for piece in pieces:
            for text in piece.findobj(Text):
                shown = text.get_visible() and text.get_in_layout()
                if shown and text.get_text().strip():
                    yield text


def _labels(axis) -> Iterator[Text]:
    """An axis' name and the labels of ticks within its limits."""
    yield from (axis.label, axis.get_offset_text())
    as_drawn = axis.get_transform().transform  # a logarithm, say
    low, high = sorted(as_drawn(np.array(axis.get_view_interval(), float)))
    tolerance = 1e-9 * (high - low)
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        if low - tolerance <= as_drawn(tick.get_loc()) <= high + tolerance:
            yield from (tick.label1, tick.label2)
