"""A state of many kinds of leaves, for tests of what is saved."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.train.leaves import to_host


class Nested(NamedTuple):
    key: jax.Array
    params: dict
    steps: tuple


def make_state(seed: int = 0) -> Nested:
    key = jax.random.key(seed)
    return Nested(
        key=jax.random.fold_in(key, 1),
        params={
            "kernel": jax.random.normal(key, (7, 5)),
            "half": jax.random.normal(key, (3,)).astype(jnp.bfloat16),
            "flag": jnp.array(True),
            "tricky": jnp.array([1e-40, -0.0]),
        },
        steps=(jnp.int32(seed), [jnp.arange(4, dtype=jnp.uint8)]),
    )


def abstract(state):
    return jax.eval_shape(lambda: state)


def assert_same_bits(left, right):
    left, right = to_host(left), to_host(right)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].tobytes() == right[name].tobytes(), name
