import jax
import numpy as np

from jaxdl.systems.xor.data import xor_table


def test_xor_table():
    table = xor_table()
    inputs, targets = map(np.asarray, table.train)
    rows = {
        (int(a), int(b)): int(t) for (a, b), (t,) in zip(inputs, targets, strict=True)
    }
    assert rows == {(a, b): a ^ b for a in (0, 1) for b in (0, 1)}
    assert inputs.shape == (4, 2) and targets.shape == (4, 1)
    assert inputs.dtype == targets.dtype == np.float32
    assert len(jax.tree.leaves(table)) == 2


def test_checksum_does_not_depend_on_precision():
    with jax.enable_x64(True):
        double = xor_table()
    assert double.train.input.dtype == np.float64
    assert double.checksum == xor_table().checksum and len(double.checksum) == 64
