"""The systems, a folder each; JAXDL_SYSTEMS names folders with further ones."""

from jaxdl.registry import OUTSIDE

__path__ += [str(folder / "systems") for folder in OUTSIDE]
