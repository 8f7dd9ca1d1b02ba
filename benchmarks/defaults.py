"""How long does each script take without flags, and what does it leave?

    python benchmarks/defaults.py --json experiments/defaults.json

Claim: on two CPU cores each ends within two minutes, and all together within thirty,
with a result and pictures. Every script runs as a process of its own in an empty
folder, imports and compilation included. README, `jaxdl list` and `--help` take their
minutes from the file. Half an hour. `transfer` wants CIFAR-10's images prepared before
(`jaxdl data prepare cifar10_subset`); `classify`, which has nothing to do without
pictures, is left out.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jaxdl.cli import start
from jaxdl.errors import RunError
from jaxdl.files import require_writable
from jaxdl.ledger.schema import read_json
from jaxdl.registry import System, find_system, find_systems, flags_by_name
from jaxdl.train import provenance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Time of each script without flags."""

    json: Path | None = None
    """Write device, versions and seconds to this file; systems that it holds and that
    are not measured now stay."""
    system: tuple[str, ...] = ()
    """Only these systems, by name."""

    def __post_init__(self):
        require_writable(json=self.json)


def measure(system: System, home: Path) -> dict[str, Any]:
    """Run a script without flags in an empty folder.

    Returns:
      Its seconds, how many pictures it left, and its configuration.

    Raises:
      RunError: if the script fails, with its last line.
    """
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(system.script)], cwd=home, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        last = [*(done.stdout + done.stderr).splitlines(), ""][-2]
        raise RunError(f"{system.script} ended with {done.returncode}: {last}")
    (folder,) = (home / "runs").glob("*/*")
    print(f"\n{system.name}, {seconds:.0f} s\n{done.stdout.strip()}", flush=True)
    pictures = len(list((folder / "figures").iterdir()))
    config = read_json(folder / "result.json")["config"]
    return {"seconds": round(seconds, 1), "pictures": pictures, "config": config}


def benchmark(cfg: Config) -> int:
    """Measure the scripts that train something, and print a table."""
    chosen = [find_system(name) for name in cfg.system] or find_systems()
    found: dict[str, Any] = {}
    for system in chosen:
        if not flags_by_name(system):
            continue
        with tempfile.TemporaryDirectory() as home:
            try:
                found[system.name] = measure(system, Path(home))
            except RunError as error:
                print(f"\n{system.name}: {error}", flush=True)
    content = {
        "device": provenance.device_name(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": provenance.versions(),
        "systems": found,
    }
    print(f"\n{'system':<30}{'seconds':>8}{'pictures':>10}")
    for name, row in found.items():
        print(f"{name:<30}{row['seconds']:>8.0f}{row['pictures']:>10}")
    total = sum(row["seconds"] for row in found.values())
    print(f"{'together':<30}{total:>8.0f}")
    if cfg.json is not None:
        before = read_json(cfg.json)["systems"] if cfg.json.exists() else {}
        content["systems"] = dict(sorted((before | found).items()))
        cfg.json.write_text(json.dumps(content, indent=1) + "\n")
    slow = [name for name, row in found.items() if row["seconds"] > 120]
    return 1 if slow else 0


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
