"""How far gradients reach, and carries over time, against loops in NumPy."""

import jax
import numpy as np

from jaxdl.measures.long_lag import carries_over_time
from jaxdl.models import sequence_readout
from jaxdl.nn.recurrent import elman
from jaxdl.systems.rnn_memory.gradient_reach import gradient_reach


def test_an_elman_net_by_products_of_jacobians():
    layer = elman(3)
    params = jax.jit(sequence_readout([layer], 2, 1).init)(jax.random.key(0))
    ((of_layer,),) = params["recurrent"]
    x = jax.random.normal(jax.random.key(1), (2, 5, 2))
    w, u = (np.asarray(of_layer[k]) for k in ("input_kernel", "recurrent_kernel"))
    readout = np.asarray(params["readout"]["kernel"])[:, 0]
    states, expected = np.zeros((5, 2, 3)), []
    for i, row in enumerate(np.asarray(x)):
        hidden, product = np.zeros(3), np.eye(3)
        for t, inputs in enumerate(row):
            hidden = np.tanh(inputs @ w + hidden @ u)
            states[t, i] = hidden
            if t:
                product = product @ u * (1 - hidden**2)
        expected.append(np.linalg.norm(product @ readout) / np.linalg.norm(readout))
    found = jax.jit(lambda p, x: gradient_reach(layer, p, x))(params, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    carries = jax.jit(lambda p, x: carries_over_time(layer, p, x))(of_layer, x)
    np.testing.assert_allclose(carries, states, rtol=1e-5, atol=1e-6)
