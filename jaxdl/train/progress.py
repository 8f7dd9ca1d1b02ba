"""Progress of a run on the terminal: a line at the bottom, or lines now and then."""

import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxdl import printing
from jaxdl.printing import say, visible
from jaxdl.train.ending import Command

SILENCE = 10.0
"""Seconds without a line after which one is printed where there is no terminal."""
WIDEST = 100
"""Columns of the terminal that evaluations use at most."""


class Progress:
    """Tells where a run is, in a context.

    In a terminal the last line says it, four times a second: a bar, steps, speed and
    time left, then as many metrics as fit; or the work that goes on between steps, such
    as compiling, and for how long. Elsewhere a line is printed whenever nothing has
    been for ten seconds. Contexts inside another one share its line.

    Args:
      command: how the script was started, if it is one.
    """

    _active: "Progress | None" = None

    def __init__(self, command: Command | None = None):
        self.command = command
        self._work: tuple[str, float] | None = None
        self._steps: tuple[int, int, float, str] | None = None
        self._live: Any = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def current(cls) -> "Progress":
        """The one whose context is entered; outside of all, one that says nothing."""
        return cls._active or cls()

    def __enter__(self) -> "Progress":
        if Progress._active is not None:
            return Progress._active
        Progress._active = self
        if is_terminal(sys.stderr):
            self._live = _live(self._line)
            self._live.start()
            printing.print_above = self._print_above
        else:
            printing.touch()
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if Progress._active is not self:
            return
        Progress._active = None
        self._ended.set()
        if self._live is not None:
            printing.print_above = None
            self._live.stop()
        if self._thread is not None:
            self._thread.join()

    @contextlib.contextmanager
    def doing(self, work: str) -> Generator[None, None, None]:
        """Name the work that goes on inside, such as "compiling"."""
        before, self._work = self._work, (work, time.monotonic())
        try:
            yield
        finally:
            self._work = before

    def update(
        self,
        step: int,
        total: int,
        values: Mapping[str, Sequence[Any] | np.ndarray] = {},
        steps_per_second: float = 0.0,
    ) -> None:
        """Say which step training has reached.

        Args:
          step, total: done, and of the whole run.
          values: metrics, one number a seed; the line shows their means.
          steps_per_second: 0 while it is not known.
        """
        means = "  ".join(f"{name} {np.mean(v):.4g}" for name, v in values.items())
        self._steps = step, total, steps_per_second, means
        self._work = None

    def rest(self) -> None:
        """Training is over, or has not begun."""
        self._steps = None

    def _print_above(self, text: str, stream: Any) -> bool:
        """Print above the line, without breaking lines; False for another stream."""
        if not is_terminal(stream):
            return False
        console = self._live.console
        console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
        return True

    def _beat(self) -> None:
        while not self._ended.wait(0.25):
            text = self._text()
            if text and printing.silent_seconds() >= SILENCE:
                say(text)

    def _text(self) -> str:
        """The line where no terminal limits it; empty if nothing goes on."""
        parts = [_work_text(self._work, time.monotonic())]
        if self._steps is not None:
            step, total, speed, means = self._steps
            parts.insert(0, f"step {step:,}/{total:,}")
            if not parts[1]:
                parts += [*_speed(step, total, speed), means]
        return "  ".join(filter(None, parts))

    def _line(self, width: int) -> tuple[str, str, str]:
        """The last line of a terminal: done and open part of the bar, and the text."""
        work = _work_text(self._work, time.monotonic())
        if self._steps is None:
            return "", "", _cut(visible(work), width)
        step, total, speed, means = self._steps
        length = 24 if width >= WIDEST else 12
        done = length * step // max(total, 1)
        parts = [
            f"{step:,}/{total:,}",
            *([work] if work else _speed(step, total, speed)),
        ]
        text = "  ".join([*parts, *([means] if means and not work else [])])
        bar = "━" * done, "─" * (length - done)
        return *bar, " " + _cut(visible(text), width - length - 1)


def is_terminal(stream: Any) -> bool:
    """True for a terminal that can redraw a line."""
    from rich.console import Console

    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal


class EvaluationTable:
    """Evaluations in the order of training: a line each, below a line of names.

    Values that no longer fit the terminal are left out, and counted beside the names;
    the log has all. Values that are those of the line before are said to be so once,
    and then left out too.
    """

    def __init__(self):
        self._before: dict[str, str] = {}
        self._repeated = False

    def last_line(self, step: int, values: Mapping[str, float]) -> list[str]:
        """The line of the final evaluation: what the others have, if there are any."""
        kept = {name: values[name] for name in self._before if name in values}
        return self.lines(step, kept) if kept else []

    def lines(self, step: int, values: Mapping[str, float]) -> list[str]:
        """Lines to print for an evaluation; none if it only repeats.

        Args:
          step: after which it was made.
          values: means over the seeds by name.
        """
        shown = {name: f"{value:.4g}" for name, value in values.items()}
        before, self._before = self._before, shown
        repeated, self._repeated = self._repeated, shown == before
        if shown == before:
            return [] if repeated else [f"{step:>10,}  as before"]
        width = printing.terminal_columns(WIDEST)
        widths = [max(len(name), 9) for name in shown]
        ends = list(itertools.accumulate((n + 2 for n in widths), initial=10))
        fit = sum(end + len("  (99 more)") <= width for end in ends[1:])
        fit = len(shown) if ends[-1] <= width else max(1, fit)
        columns = list(zip(shown.items(), widths, strict=True))[:fit]
        line = "  ".join([f"{step:>10,}", *(f"{x:>{n}}" for (_, x), n in columns)])
        if shown.keys() == before.keys():
            return [line]
        names = [f"{name:>{n}}" for (name, _), n in columns]
        names += [f"({len(shown) - fit} more)"] if fit < len(shown) else []
        return ["  ".join(["after step", *names]), line]


def duration(seconds: float) -> str:
    """A time in words, such as "36 s", "4 min" or "1 h 12 min"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _speed(step: int, total: int, steps_per_second: float) -> list[str]:
    if not steps_per_second:
        return []
    left = duration((total - step) / steps_per_second)
    digits = 0 if steps_per_second >= 10 else 2
    return [f"{steps_per_second:,.{digits}f} steps/s", f"{left} left"]


def _work_text(work: tuple[str, float] | None, now: float) -> str:
    if work is None:
        return ""
    seconds = now - work[1]
    return work[0] if seconds < 2 else f"{work[0]}, {duration(seconds)}"


def _cut(text: str, width: int) -> str:
    """A text of at most so many characters, with an ellipsis if some are missing."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _live(line: Any) -> Any:
    """Rich's live display of a line, drawn again and again."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)

    def render() -> Text:
        done, rest, text = line(console.width)
        return Text.assemble(
            (done, "cyan"), (rest, "bright_black"), text, no_wrap=True, overflow="crop"
        )

    return Live(
        console=console,
        get_renderable=render,
        transient=True,
        redirect_stdout=is_terminal(sys.stdout),
    )
