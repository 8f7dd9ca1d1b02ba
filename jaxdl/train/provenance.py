"""Where a number comes from: device, versions, commit, memory."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

import jaxdl

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
SETTINGS = (
    "enable_x64",
    "threefry_partitionable",
    "default_prng_impl",
    "default_matmul_precision",
    "disable_jit",
)
"""Names of JAX's settings, of the environment or of `jax.config`, that decide bits."""


def device_name() -> str:
    """The first device, in words: "NVIDIA H200", or "CPU AMD EPYC, 2 cores"."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return device.device_kind
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"CPU {_cpu_model()}, {cores} cores"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of jaxdl, Python and the packages that decide the bits of a run."""
    found = {"jaxdl": jaxdl.__version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def settings() -> dict[str, Any]:
    """JAX's settings that change what a program draws or computes.

    Scripts and the `jaxdl` command fix them (`jaxdl.cli.pinned`).
    """
    return {name: getattr(jax.config, f"jax_{name}") for name in SETTINGS}


def git_commit() -> str | None:
    """The commit of this checkout, "-dirty" if it was changed; None outside one."""
    root = Path(jaxdl.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def peak_memory_bytes() -> int:
    """Largest resident set of this process so far; 0 where no one counts it.

    On Linux from the kernel's own record: `getrusage` begins with the size of the
    process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(ImportError):  # Windows
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return 0
