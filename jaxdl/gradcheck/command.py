"""The command `jaxdl gradcheck`."""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from jaxdl.errors import InputError
from jaxdl.gradcheck.backprop import worked_example
from jaxdl.gradcheck.coverage import find_reasons
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.judge import LeafReport
from jaxdl.gradcheck.report import as_json, format_report, format_worked_example
from jaxdl.gradcheck.selection import select
from jaxdl.gradcheck.subjects import Subject, check_subject, find_subjects
from jaxdl.gradcheck.user_function import check_user_function
from jaxdl.printing import say

MANY = 32
"""More subjects than this are worth starting processes for."""


def check_subjects(
    subjects: Sequence[Subject], *, seed: int = 0, step: float = STEP
) -> list[LeafReport]:
    """Check subjects, several at a time.

    A few are checked in two threads: compiling leaves Python free. Tracing does not, so
    more than `MANY`, all of which `find_subjects` must find, are checked in a process
    for each core, four at most.

    Where standard error is a terminal, a line there says how far it is.
    """
    if len(subjects) > MANY:
        with ProcessPoolExecutor(
            min(num_cores(), 4),
            multiprocessing.get_context("spawn"),  # JAX's threads do not survive a fork
            _begin_worker,
        ) as pool:
            names = [subject.name for subject in subjects]
            try:
                return _gather(pool, names, _check_named, names, seed, step)
            except KeyboardInterrupt:  # what they are at would take seconds more
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise
    with ThreadPoolExecutor(2) as pool:
        names = [subject.name for subject in subjects]
        return _gather(pool, names, _check, subjects, seed, step)


def num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _interrupts_ignored() -> Generator[None, None, None]:
    try:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # only the main thread may set one
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _begin_worker() -> None:
    """Leave interrupts to the process that started this one, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starter = multiprocessing.parent_process()

    def end_too():
        if starter is not None:
            starter.join()
            os._exit(1)

    threading.Thread(target=end_too, daemon=True).start()


def _check(subject: Subject, seed: int, step: float) -> list[LeafReport]:
    return check_subject(subject, seed=seed, step=step)


def _check_named(name: str, seed: int, step: float) -> list[LeafReport]:
    return check_subject(find_subjects()[name], seed=seed, step=step)


def _gather(
    pool: Executor,
    names: Sequence[str],
    check: Callable[..., list[LeafReport]],
    subjects: Sequence[Any],
    seed: int,
    step: float,
) -> list[LeafReport]:
    """The reports of all subjects, in order; drops what is left at the first error."""
    leaves: list[LeafReport] = []
    show = sys.stderr.isatty()
    with _interrupts_ignored():  # by the processes that this starts, too
        futures = [pool.submit(check, subject, seed, step) for subject in subjects]
    try:
        for number, (name, future) in enumerate(zip(names, futures, strict=True)):
            if show:
                line = f"{number}/{len(names)} {name}"
                print(f"\r{line:60}", end="", file=sys.stderr, flush=True)
            leaves += future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if show:
            print(f"\r{'':60}\r", end="", file=sys.stderr, flush=True)
    return leaves


def run_gradcheck(
    names: Sequence[str],
    shapes: Sequence[str],
    *,
    seed: int,
    step: float | None,
    json_wanted: bool,
    example_wanted: bool,
) -> int:
    """Runs `jaxdl gradcheck`: the report to standard output.

    Args:
      names: of functions of jaxdl, none for all of them; or one "module:function".
      shapes: of the arguments of a function of the user's own.
      seed: decides points, entries and directions.
      step: of the differences; None for the usual one.
      json_wanted: the report as JSON.
      example_wanted: the course's example of backpropagation instead of a check.

    Returns:
      The exit code: 0, or 1 if a leaf failed. A leaf whose gradient is zero, as it
      should be, is listed and does not fail.

    Raises:
      InputError: for names, shapes or functions that cannot be used.
    """
    if example_wanted:
        lines = worked_example()
        if json_wanted:
            say(json.dumps([line._asdict() for line in lines], indent=2))
        else:
            say(format_worked_example(lines))
        return 0
    step = STEP if step is None else step
    own = [name for name in names if ":" in name]
    begin = time.perf_counter()
    settings = {"step": step, "seed": seed}
    if own:
        if len(names) > 1:
            raise InputError(
                f"{' '.join(names)} was given: expected one module:function alone"
            )
        leaves = check_user_function(own[0], shapes, seed=seed, step=step)
    elif shapes:
        raise InputError(
            "--shapes was given without a function of your own: expected "
            "module:function, such as mymodule:myloss"
        )
    else:
        leaves = check_subjects(select(names), seed=seed, step=step)
        settings |= {} if names else {"not_differentiable": find_reasons()}
    seconds = round(time.perf_counter() - begin, 1)
    if json_wanted:
        say(json.dumps(as_json(leaves, **settings, seconds=seconds), indent=2))
    else:
        say(f"{format_report(leaves)}; {seconds} s")
    return int(any(leaf.failed for leaf in leaves))
