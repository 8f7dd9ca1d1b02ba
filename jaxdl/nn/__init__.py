"""Layers."""

from jaxdl.nn.linen import from_linen as from_linen
