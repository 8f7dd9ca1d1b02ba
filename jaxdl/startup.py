"""What a program needs before its imports, which take seconds: a clean end at Ctrl-C.

`KeyboardInterrupt` raised while JAX is being imported, or inside a compilation, is lost
in a callback, ends in a traceback, or crashes the process. Whatever a run has written
survives a kill, so that its scripts may simply end. In a process that only imports
jaxdl nothing is changed.
"""

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType, ModuleType

from jaxdl.errors import InputError
from jaxdl.printing import say, visible
from jaxdl.registry import OUTSIDE, PROJECT

try:
    import resource
except ImportError:  # Windows
    resource = None

PINNED = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_default_matmul_precision": None,
    "jax_disable_jit": False,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    "jax_disable_most_optimizations": False,
    "jax_transfer_guard": "allow",
    "jax_transfer_guard_host_to_device": "allow",
    "jax_transfer_guard_device_to_host": "allow",
    "jax_transfer_guard_device_to_device": "allow",
    "jax_debug_key_reuse": False,
}
"""Settings of JAX that its variables of the environment do not change in a script."""
SHOW_CURSOR = b"\r\x1b[K\x1b[?25h"
"""For a terminal whose last line was being redrawn: it is empty, the cursor is seen."""
FILES = 64
"""Files that a process must be able to open; half of them are enough for most runs."""


def begin() -> None:
    """Prepare a process that runs a script or benchmark, or the command `jaxdl`.

    Standard streams that its starter closed lead nowhere: the next file that is opened
    would be taken for one of them. What the environment forbids ends here, with one
    sentence and code 2: too few files, flags that XLA or JAX would crash on.
    """
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    if program is None:
        return
    program = Path(program)
    folder = program.resolve().parent
    is_script = folder in _script_folders()
    if not is_script and folder != PROJECT / "benchmarks" and program.stem != "jaxdl":
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed
            setattr(sys, name, open(os.devnull, "w"))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_run if is_script else end)
    os.environ.pop("MPLBACKEND", None)  # figures are files, whatever shows windows
    for problem in (_too_few_files(), _xla_refuses(), _jax_refuses()):
        if problem:
            say(f"error: {visible(problem)}", sys.stderr)
            sys.exit(InputError.exit_code)


def _too_few_files() -> str | None:
    """Allow as many open files as a run needs; or why it cannot be."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not 0 <= soft < FILES:  # -1 stands for no limit
        return None
    if 0 <= hard < FILES:
        return (
            f"this process may open {hard} files: expected {FILES} or more, such as by "
            f"ulimit -n {FILES}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    return None


def _xla_refuses() -> str | None:
    """Why XLA would abort at what XLA_FLAGS says, tried in another process."""
    if not os.environ.get("XLA_FLAGS"):
        return None
    code = "from jaxlib import xla_client; xla_client.CompileOptions()"
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError:  # so it will be told later
        return None
    found = re.search(r"^[EF]\d+ [^]]*\] (.*)", done.stderr, re.MULTILINE)
    if done.returncode == 0 or found is None:
        return None
    return (
        f"XLA refuses XLA_FLAGS ({found[1][:200]}): correct the variable, or unset it"
    )


def _jax_refuses() -> str | None:
    """Why JAX cannot be imported with its variables, such as JAX_ENABLE_X64=maybe."""
    if not any(name.startswith("JAX_") for name in os.environ):
        return None
    try:
        module = importlib.import_module("jax")
    except (ValueError, TypeError, OverflowError) as error:
        return (
            f"JAX refuses the environment ({error}): correct that variable, whose name "
            "begins with JAX_, or unset it"
        )
    _pin(module)
    return None


def _pin(jax: ModuleType) -> None:
    """Have all threads, and processes begun later, compute as `jaxdl.cli.pinned`."""
    for name, value in PINNED.items():
        if os.environ.pop(name.upper(), None) is not None:
            jax.config.update(name, value)


def _script_folders() -> list[Path]:
    return [(folder / "experiments").resolve() for folder in (PROJECT, *OUTSIDE)]


def raise_interrupts() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, for commands that clean up after."""
    if signal.getsignal(signal.SIGINT) is end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def save_at_interrupts() -> None:
    """End at Ctrl-C as a script does, for a command that goes on as one."""
    if signal.getsignal(signal.SIGINT) in (end, signal.default_int_handler):
        signal.signal(signal.SIGINT, end_run)


def end(number: int, frame: FrameType | None) -> None:
    """A signal handler: say so, and leave at once with code 128 + number."""
    del frame
    _leave(number, b"\ninterrupted\n")


def end_run(number: int, frame: FrameType | None) -> None:
    """As `end`, in a script that may have saved something."""
    del frame
    _leave(number, b"\ninterrupted; what was saved is kept\n")


def _leave(number: int, words: bytes) -> None:
    with contextlib.suppress(OSError):  # `print` may be what was interrupted
        os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + words)
    os._exit(128 + number)
