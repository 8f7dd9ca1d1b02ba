"""Checkpoints: exact, and never silently damaged."""

import json
import random
from collections import namedtuple
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import RunError
from jaxdl.train import checkpoint
from jaxdl.train.checkpoint import Checkpoints, from_host, state_sha256, to_host


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


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of steps 10, 20 and 30, the states that they hold, and warnings."""
    warnings = []
    checkpoints = Checkpoints(tmp_path / "checkpoints", warnings.append)
    states = {step: make_state(step) for step in (10, 20, 30)}
    for step, state in states.items():
        checkpoints.save(step, state, {"seconds": step / 7})
    checkpoints.wait()
    yield checkpoints, states, warnings
    checkpoints.close()


def assert_same_bits(left, right):
    left, right = to_host(left), to_host(right)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].tobytes() == right[name].tobytes(), name


def test_restores_the_newest_exactly(saved):
    checkpoints, states, warnings = saved
    found = checkpoints.restore(abstract(states[30]))
    assert found.step == 30 and found.notes == {"seconds": 30 / 7}
    assert jax.tree.structure(found.state) == jax.tree.structure(states[30])
    assert_same_bits(found.state, states[30])
    assert warnings == []


def test_nothing_saved_is_no_error(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none", print)
    assert checkpoints.restore(abstract(make_state())) is None
    assert checkpoints.newest() is None
    assert not (tmp_path / "none").exists()


def test_keeps_the_newest_few(saved):
    checkpoints, states, _ = saved
    checkpoints.save(40, states[10], {})
    checkpoints.wait()
    assert checkpoints.steps() == [20, 30, 40]
    assert len(list(checkpoints.folder.iterdir())) == 2 * checkpoint.KEEP


def test_saved_buffers_may_be_donated(saved):
    checkpoints, states, _ = saved
    state = make_state(5)
    expected = state_sha256(state)
    doubled = jax.jit(lambda w: w * 2 + 1, donate_argnums=0)
    checkpoints.save(40, state, {})
    doubled(state.params["kernel"]).block_until_ready()
    found = checkpoints.restore(abstract(states[10]))
    checkpoints.wait()
    found = checkpoints.restore(abstract(states[10]))
    assert found.step == 40 and state_sha256(found.state) == expected


def files_of(checkpoints, step: int) -> dict:
    """What can be damaged in a checkpoint: its array data, metadata and digests."""
    folder = checkpoints.folder / str(step)
    data = sorted((folder / "state").rglob("d/*"), key=lambda p: p.stat().st_size)
    return {
        "array data": data[-1],
        "tree metadata": folder / "state" / "_METADATA",
        "checkpoint metadata": folder / "_CHECKPOINT_METADATA",
        "digest": checkpoints.folder / f"{step}.sha256.json",
    }


KINDS = ["array data", "tree metadata", "checkpoint metadata", "digest"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["flipped bit", "truncated", "emptied"])
def test_damage_is_named_and_passed_over(saved, kind, damage):
    checkpoints, states, warnings = saved
    path = files_of(checkpoints, 30)[kind]
    contents = bytearray(path.read_bytes())
    rng = random.Random(kind + damage)
    for _ in range(4 if damage == "flipped bit" else 1):
        damaged = bytearray(contents)
        if damage == "flipped bit":
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            damaged = damaged[: len(damaged) // 2 if damage == "truncated" else 0]
        path.write_bytes(damaged)
        warnings.clear()
        found = checkpoints.restore(abstract(states[30]))
        assert found.step == 20
        assert_same_bits(found.state, states[20])
        assert len(warnings) == 1 and str(checkpoints.folder / "30") in warnings[0]


def test_a_digest_of_a_leaf_is_checked_without_the_manifest(saved):
    """The manifest is written last: a kill may leave a whole checkpoint without it."""
    checkpoints, states, warnings = saved
    files = files_of(checkpoints, 30)
    files["digest"].unlink()
    assert checkpoints.restore(abstract(states[30])).step == 30
    text = files["checkpoint metadata"].read_text()
    digest = json.loads(text)["custom_metadata"]["sha256"]["params/kernel"]
    flipped = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    files["checkpoint metadata"].write_text(text.replace(digest, flipped))
    assert checkpoints.restore(abstract(states[30])).step == 20
    assert "params/kernel" in warnings[0]


def test_no_good_one_left_is_an_error(saved):
    checkpoints, states, warnings = saved
    for step in (10, 20, 30):
        files_of(checkpoints, step)["array data"].write_bytes(b"")
    with pytest.raises(RunError, match="no good checkpoint.*10, 20, 30"):
        checkpoints.restore(abstract(states[30]))
    assert len(warnings) == 3


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


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_non_make_state_is_not_saved(saved, value):
    checkpoints, states, _ = saved
    kernel = states[30].params["kernel"].at[1, 2].set(value)
    state = states[30]._replace(params=states[30].params | {"kernel": kernel})
    with pytest.raises(RunError, match=r"params/kernel after step 40.*step 30 is kept"):
        checkpoints.save(40, state, {})
    assert checkpoints.steps() == [10, 20, 30]


def test_what_a_kill_left_is_cleaned(saved):
    checkpoints, states, _ = saved
    half = checkpoints.folder / "40.orbax-checkpoint-tmp-17"
    (half / "state").mkdir(parents=True)
    (half / "state" / "part").write_bytes(b"x")
    (checkpoints.folder / "40.sha256.json.tmp").write_text("{")
    (checkpoints.folder / "5.deleting").mkdir()
    checkpoints.clean(after=20)
    names = {path.name for path in checkpoints.folder.iterdir()}
    assert names == {"10", "20", "10.sha256.json", "20.sha256.json"}


def test_a_failed_save_says_what_is_kept(saved, monkeypatch):
    checkpoints, states, _ = saved

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "leaf_digests", full)
    checkpoints.save(40, states[30], {})
    with pytest.raises(RunError, match="disk is full.*step 30 is kept"):
        checkpoints.wait()
    checkpoints.wait()  # said once


def test_a_disk_known_to_be_full_is_not_written_to(saved, monkeypatch):
    checkpoints, states, _ = saved
    nothing = namedtuple("Usage", "free")(1000)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda folder: nothing)
    before = sorted(checkpoints.folder.rglob("*"))
    checkpoints.save(40, states[30], {})
    with pytest.raises(RunError, match="disk is full.*step 30 is kept"):
        checkpoints.wait()
    assert sorted(checkpoints.folder.rglob("*")) == before


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
