"""The systems, a folder each; JAXDL_SYSTEMS names folders with further ones."""

import os
from pathlib import Path

OUTSIDE = tuple(
    Path(entry)
    for entry in os.environ.get("JAXDL_SYSTEMS", "").split(os.pathsep)
    if entry
)
"""Folders outside the project that hold `systems/` and `experiments/`."""

__path__ += [str(folder / "systems") for folder in OUTSIDE]
