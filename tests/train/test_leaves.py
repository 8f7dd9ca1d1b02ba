"""States as flat mappings from paths to arrays: exact, and refused in another form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nested_state import abstract, assert_same_bits, make_state

from jaxdl.train.leaves import (
    as_tree,
    from_host,
    key_impls,
    leaf_digests,
    state_sha256,
    to_host,
)


@pytest.mark.parametrize(
    "other",
    [
        lambda s: s._replace(steps=(jnp.float32(0), s.steps[1])),
        lambda s: s._replace(params=s.params | {"kernel": jnp.zeros((5, 7))}),
        lambda s: s._replace(params=s.params | {"more": jnp.zeros(2)}),
        lambda s: s._replace(params={"kernel": s.params["kernel"]}),
        lambda s: s._replace(key=jax.random.key_data(s.key).astype(jnp.int32)),
    ],
    ids=["dtype", "shape", "missing", "extra", "no key"],
)
def test_a_state_of_another_form_is_refused(other):
    state = make_state()
    with pytest.raises(ValueError):
        from_host(to_host(state), abstract(other(state)))


def test_keys_of_another_kind_survive():
    state = {"key": jax.random.key(3, impl="rbg")}
    back = from_host(to_host(state), abstract(state))
    assert back["key"].dtype == state["key"].dtype
    assert_same_bits(back, state)


def test_sha256_sees_every_bit():
    state = make_state()
    seen = {state_sha256(state)}
    changes = [
        state._replace(key=jax.random.key(99)),
        state._replace(steps=(jnp.int32(1), state.steps[1])),
        state._replace(steps=(jnp.uint32(0), state.steps[1])),
        state._replace(params=state.params | {"flag": jnp.array(False)}),
        state._replace(params=state.params | {"tricky": jnp.array([1e-40, 0.0])}),
        state._replace(
            params=state.params | {"kernel": state.params["kernel"].reshape(5, 7)}
        ),
    ]
    for changed in changes:
        seen.add(state_sha256(changed))
    assert len(seen) == 1 + len(changes)
    assert state_sha256(make_state()) in seen


def test_host_copies_do_not_alias():
    array = jnp.arange(4.0)
    copy = to_host({"a": array})["a"]
    back = from_host({"a": copy}, {"a": array})
    copy[:] = 7
    np.testing.assert_array_equal(back["a"], [0, 1, 2, 3])


def test_nested_dicts_from_leaves_by_path():
    state = make_state(2)
    leaves = to_host(state)
    tree = as_tree(leaves, key_impls(state))
    assert set(tree) == {"key", "params", "steps"}
    assert set(tree["steps"]) == {"0", "1"} and set(tree["steps"]["1"]) == {"0"}
    assert tree["key"].dtype == state.key.dtype
    assert tree["params"]["half"].dtype == jnp.bfloat16
    assert state_sha256(tree) == state_sha256(state)
    assert leaf_digests(to_host(tree)) == leaf_digests(leaves)
    leaves["params/kernel"][:] = 7  # the tree has a copy
    assert state_sha256(tree) == state_sha256(state)


def test_keys_of_another_kind_are_wrapped_again():
    state = {"keys": jax.random.split(jax.random.key(3, impl="rbg"), 2)}
    assert key_impls(state) == {"keys": "rbg"}
    tree = as_tree(to_host(state), key_impls(state))
    assert tree["keys"].dtype == state["keys"].dtype
    assert_same_bits(tree, state)
    words = as_tree(to_host(state), {})["keys"]  # of a checkpoint that names none
    np.testing.assert_array_equal(words, jax.random.key_data(state["keys"]))
