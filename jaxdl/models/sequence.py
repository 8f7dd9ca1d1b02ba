"""Recurrent nets that read a sequence and answer once, at its end."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdl.errors import InputError
from jaxdl.nn.initializers import INITIALIZERS
from jaxdl.nn.recurrence import Recurrence, lstm_1997, recurrent
from jaxdl.types import Model, Params, PRNGKey


def sequence_readout(
    layers: Sequence[Recurrence], in_size: int, out_size: int
) -> Model:
    """Recurrent layers, and a dense readout of what the last puts out at the end.

    logits = y_T W + b, y_T being the last layer's output at the last valid step.

    Args:
      layers: from the input's side.
      in_size: features of an input.
      out_size: logits.

    Returns:
      `Model(init, apply)` with `apply(params, inputs, *, mask=None) -> logits`, for
      inputs [batch time in], mask [batch time] (all steps by default) and logits
      [batch out]; params are {"recurrent", "readout": {"kernel", "bias"}}.

    Raises:
      InputError: if `out_size` is below 1, or as `recurrent` does.
    """
    if out_size < 1:
        raise InputError(f"out_size is {out_size}: expected 1 or more")
    net = recurrent(layers, in_size)

    def init(key: PRNGKey) -> Params:
        net_key, kernel_key = jax.random.split(key)
        kernel = INITIALIZERS["glorot"](
            kernel_key, (net.out_size, out_size), jnp.float32
        )
        readout = {"kernel": kernel, "bias": jnp.zeros(out_size, jnp.float32)}
        return {"recurrent": net.init(net_key), "readout": readout}

    def apply(
        params: Params,
        inputs: Float[Array, "batch time in"],
        *,
        mask: Bool[Array, "batch time"] | None = None,
    ) -> Float[Array, "batch out"]:
        outputs, _ = net.apply(params["recurrent"], inputs, mask=mask)
        if mask is None:
            last = outputs[:, -1]
        else:
            ends = mask.sum(axis=1) - 1
            last = jnp.take_along_axis(outputs, ends[:, None, None], axis=1)[:, 0]
        readout = params["readout"]
        return last @ readout["kernel"] + readout["bias"][None]

    return Model(init, apply)


def lstm_1997_readout(
    in_size: int,
    out_size: int,
    input_gate_biases: Sequence[float],
    *,
    truncated: bool = True,
) -> Model:
    """The nets of the 1997 paper's long-lag experiments: blocks of two cells.

    The outputs see the cells only. All weights, biases too, start uniform in +-0.1, but
    for the biases of the input gates, which keep drift out of the cells. The paper's
    are -3 and -6 for the adding problem (93 weights); recalled: -2 and -4 for task 6a
    (156 weights), -2, -4 and -6 for task 6b (308 weights).

    Args:
      in_size: features of an input.
      out_size: logits; the paper's output units are logistic.
      input_gate_biases: initial bias of each block's input gate, one a block.
      truncated: the paper's gradient (`lstm_1997`).

    Returns:
      As `sequence_readout`.

    Raises:
      InputError: without a block.

    References:
      Hochreiter & Schmidhuber, "Long short-term memory", 1997, sections 5.4 and 5.6.
    """
    num_blocks = len(input_gate_biases)
    if not num_blocks:
        raise InputError("input_gate_biases is empty: expected one for each block")
    layer = lstm_1997(num_blocks, 2, truncated=truncated)
    model = sequence_readout([layer], in_size, out_size)

    def init(key: PRNGKey) -> Params:
        leaves, treedef = jax.tree.flatten(jax.eval_shape(model.init, key))
        draws = [
            jax.random.uniform(key, leaf.shape, leaf.dtype, -0.1, 0.1)
            for key, leaf in zip(
                jax.random.split(key, len(leaves)), leaves, strict=True
            )
        ]
        params = jax.tree.unflatten(treedef, draws)
        ((of_layer,),) = params["recurrent"]
        biases = jnp.asarray(input_gate_biases, of_layer["bias"].dtype)
        of_layer["bias"] = of_layer["bias"].at[:num_blocks].set(biases)
        return params

    return Model(init, model.apply)
