"""Protocols say what the configuration says."""

from jaxdl.train.config import RunConfig
from jaxdl.train.protocol import epochs, falling, fields


def test_wordings():
    cfg = RunConfig(steps=30, batch_size=20)
    assert fields(cfg, "steps", "batch_size") == {"steps": 30, "batch_size": 20}
    assert falling(0.05) == "0.05, falling linearly to 0"
    assert epochs(30, 20, 100) == "6 epochs" and epochs(1, 20, 60) == "0.333 epochs"
