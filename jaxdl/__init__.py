"""The classics of deep learning as pure JAX functions."""

from jaxdl import startup

__version__ = "0.1.0"

startup.begin()
