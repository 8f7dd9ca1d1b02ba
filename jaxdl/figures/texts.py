"""Texts of figures: they fit the canvas, and say what lines and bands are."""

from typing import Any

TITLE_SIZE = 11  # points
POINTS = 72  # in an inch


def seeds_in_words(num: int) -> str:
    """A number of seeds in words: one seed, 5 seeds."""
    return "one seed" if num == 1 else f"{num} seeds"


def text_width(text: str, size: float | int) -> float:
    """Width in inches of the longest line of a text, in the font of figures.

    Args:
      text: without formulas.
      size: of the font, in points.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    sizes = [
        text_to_path.get_text_width_height_descent(line, font, False)
        for line in text.split("\n")
    ]
    return max(width for width, _, _ in sizes) / POINTS


def wrapped(text: str, inches: float | int, size: float | int = TITLE_SIZE) -> str:
    """The text with line breaks at spaces, so that it is at most so wide.

    A single word may be wider.
    """
    lines = []
    for given in text.split("\n"):
        words = given.split(" ")
        line = words[0]
        for word in words[1:]:
            if text_width(f"{line} {word}", size) > inches:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}"
        lines.append(line)
    return "\n".join(lines)


def set_title(figure: Any, title: str) -> None:
    """Put a title above all axes of a figure, on as many lines as it needs."""
    title = wrapped(title, 0.97 * figure.get_figwidth())
    figure.suptitle(title, fontsize=TITLE_SIZE, parse_math=False)


def label_steps(axes: Any) -> None:
    """Whole steps with thousands marked, few as they are long: 10,000."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    nice = dict(nbins=5, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
    axes.xaxis.set_major_locator(MaxNLocator(**nice))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def label_plainly(axes: Any) -> None:
    """Mark a logarithmic y axis of moderate range by 20, 50 rather than by powers."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Plain(LogFormatterSciNotation):
        def __call__(self, x, pos=None):
            return f"{x:g}" if super().__call__(x, pos) else ""

    low, high = axes.get_ylim()
    if 1e-3 <= low and high <= 1e5:
        axes.yaxis.set_major_formatter(Plain())
        # Of less than a decade other marks than its powers have labels, too.
        axes.yaxis.set_minor_formatter(Plain(minor_thresholds=(1, 0.4)))
