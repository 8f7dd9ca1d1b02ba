"""Truth tables of all Boolean functions of a few inputs, false -1 and true 1."""

import dataclasses
import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int8

from jaxdl.errors import InputError
from jaxdl.types import PRNGKey

GATES = {"AND": 8, "OR": 14, "XOR": 6}
"""Numbers of gates among the functions of two inputs (`boolean_functions`)."""

Tables = dict[
    str, tuple[Int8[Array, "examples weights"], Int8[Array, "examples functions"]]
]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["tables"],
    meta_fields=["name", "checksum"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class BooleanFunctions:
    """All Boolean functions, by number of inputs: a pytree whose leaves are the arrays.

    Attributes:
      tables: `boolean_functions(n)` under str(n).
      name: name of the data.
      checksum: sha256, in hex, over the bytes of the tables.
    """

    tables: Tables
    name: str
    checksum: str


def boolean_functions(
    num_inputs: int,
) -> tuple[
    Int8[np.ndarray, "examples weights"], Int8[np.ndarray, "examples functions"]
]:
    """Truth tables of all 2^(2^n) Boolean functions of n inputs, false -1 and true 1.

    Example i has the binary digits of i as inputs, the first input being the highest
    digit; function f gives it the digit of weight 2^i in f. So of two inputs AND is
    function 8, XOR 6 and OR 14; f and 2^(2^n) - 1 - f are complements.

    Args:
      num_inputs: n, from 1 to 4; of five inputs there are 4,294,967,296 functions.

    Returns:
      The inputs with a last column of ones for the bias, and one column of labels for
      each function.

    Raises:
      InputError: for another number of inputs.
    """
    if not 1 <= num_inputs <= 4:
        raise InputError(f"num_inputs is {num_inputs}: expected 1, 2, 3 or 4")
    examples = np.arange(2**num_inputs)
    digits = examples[:, None] >> np.arange(num_inputs)[::-1] & 1
    inputs = np.column_stack([2 * digits - 1, np.ones_like(examples)])
    functions = np.arange(2 ** len(examples))
    labels = 2 * (functions[None, :] >> examples[:, None] & 1) - 1
    return inputs.astype(np.int8), labels.astype(np.int8)


def load_boolean_functions(max_inputs: int) -> BooleanFunctions:
    """All Boolean functions of 2 to `max_inputs` inputs, on the default device.

    Raises:
      InputError: if `max_inputs` is not 2, 3 or 4.
    """
    if not 2 <= max_inputs <= 4:
        raise InputError(f"max_inputs is {max_inputs}: expected 2, 3 or 4")
    tables = {str(n): boolean_functions(n) for n in range(2, max_inputs + 1)}
    digest = hashlib.sha256()
    for array in jax.tree.leaves(tables):
        digest.update(f"{array.shape} {array.dtype} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return BooleanFunctions(
        jax.tree.map(jnp.asarray, tables), f"boolean_{max_inputs}", digest.hexdigest()
    )


def shuffled_tables(data: BooleanFunctions, key: PRNGKey, step) -> Tables:
    """The tables with their examples in a new order for each step.

    A `batch` of the runner: a pure function of its arguments. All functions of so many
    inputs share one order.
    """
    key, shuffled = jax.random.fold_in(key, step), {}
    for n, (inputs, labels) in data.tables.items():
        order = jax.random.permutation(jax.random.fold_in(key, int(n)), len(inputs))
        shuffled[n] = inputs[order], labels[order]
    return shuffled
