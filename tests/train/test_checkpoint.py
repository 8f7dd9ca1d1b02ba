"""Checkpoints: exact, and never silently damaged."""

import errno
import gc
import json
import logging
import os
import random
import shutil
import threading
from collections import namedtuple

import absl.logging
import jax
import jax.numpy as jnp
import pytest
from nested_state import abstract, assert_same_bits, make_state

from jaxdl.errors import InputError, RunError
from jaxdl.train import checkpoint, disk
from jaxdl.train.checkpoint import Checkpoints
from jaxdl.train.leaves import state_sha256

RUN = {"experiment": "toy", "config": {"rate": 0.1, "seed": 0}, "executor": "vmap"}


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of steps 10, 20 and 30, the states that they hold, and warnings."""
    warnings = []
    checkpoints = Checkpoints(tmp_path / "checkpoints", warnings.append, RUN)
    states = {step: make_state(step) for step in (10, 20, 30)}
    for step, state in states.items():
        checkpoints.save(step, state, {"seconds": step / 7})
    checkpoints.wait()
    yield checkpoints, states, warnings
    checkpoints.close()


def test_restores_the_newest_exactly(saved):
    checkpoints, states, warnings = saved
    found = checkpoints.restore(abstract(states[30]))
    assert found.step == 30 and found.notes == {"seconds": 30 / 7}
    assert jax.tree.structure(found.state) == jax.tree.structure(states[30])
    assert_same_bits(found.state, states[30])
    assert warnings == []


def test_nothing_saved_is_no_error(tmp_path):
    checkpoints = Checkpoints(tmp_path / "none", print, RUN)
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
    assert "metadata do not match" in warnings[0]


def rewrite_metadata(checkpoints, step, change):
    """Change the metadata, and what is derived from them, as an old version would."""
    files = files_of(checkpoints, step)
    files["digest"].unlink()
    content = json.loads(files["checkpoint metadata"].read_text())
    about = content["custom_metadata"]
    change(about)
    del about["about_sha256"]
    about["about_sha256"] = disk.digest_of(about)
    files["checkpoint metadata"].write_text(json.dumps(content))


def test_each_leaf_is_held_against_its_digest(saved):
    checkpoints, states, warnings = saved

    def change(about):
        about["sha256"]["params/kernel"] = about["sha256"]["params/half"]

    rewrite_metadata(checkpoints, 30, change)
    assert checkpoints.restore(abstract(states[30])).step == 20
    assert "leaf params/kernel" in warnings[0]


def test_a_checkpoint_moved_to_another_step_is_damaged(saved):
    checkpoints, states, warnings = saved
    shutil.move(checkpoints.folder / "30", checkpoints.folder / "35")
    assert checkpoints.restore(abstract(states[30])).step == 20
    assert "saved as step 30" in warnings[0]


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("config", {"rate": 0.2, "seed": 0}, "config.rate: 0.1, now 0.2"),
        ("config", {"rate": 0.1, "seed": 7}, "config.seed: 0, now 7"),
        ("executor", "sequential", "executor: vmap, now sequential"),
        ("phase", 1, "phase: absent, now 1"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(saved, field, value, said):
    checkpoints, states, warnings = saved
    other = Checkpoints(checkpoints.folder, print, RUN | {field: value})
    before = sorted(checkpoints.folder.rglob("*"))
    for like in (abstract(states[30]), None):
        with pytest.raises(InputError, match=f"another run .{said}.: move it out"):
            other.restore(like)
    assert sorted(checkpoints.folder.rglob("*")) == before


def test_a_checkpoint_that_names_no_run_is_refused(saved):
    checkpoints, states, _ = saved
    rewrite_metadata(checkpoints, 30, lambda about: about.pop("run"))
    with pytest.raises(InputError, match="30 is of another run"):
        checkpoints.restore(abstract(states[30]))


@pytest.mark.parametrize("change", ["dtype", "shape", "leaves"])
def test_a_state_of_another_form_is_no_damage(saved, change):
    checkpoints, states, warnings = saved
    like = abstract(states[30])
    kernel = like.params["kernel"]
    params = {
        "dtype": {"kernel": jax.ShapeDtypeStruct(kernel.shape, jnp.int32)},
        "shape": {"kernel": jax.ShapeDtypeStruct((1, *kernel.shape), kernel.dtype)},
        "leaves": {"another": kernel},
    }[change]
    with pytest.raises(RunError, match=r"another form.*saved by other code"):
        checkpoints.restore(like._replace(params=like.params | params))
    assert warnings == [] and checkpoints.steps() == [10, 20, 30]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
@pytest.mark.parametrize("where", ["files", "arrays"])
def test_what_cannot_be_read_is_no_damage(saved, monkeypatch, number, where):
    checkpoints, states, warnings = saved

    def refuse(*args):
        raise OSError(number, os.strerror(number))

    if where == "files":
        monkeypatch.setattr(checkpoint, "_file_digests", refuse)
    else:  # a library's own words for it, after the files were found as saved
        monkeypatch.setattr(checkpoint, "_load", lambda folder: 1 / 0)
    with pytest.raises(RunError, match="checkpoints/30 cannot be read.*mend that"):
        checkpoints.restore(abstract(states[30]))
    monkeypatch.undo()
    assert checkpoints.restore(abstract(states[30])).step == 30 and warnings == []


def test_what_cannot_be_read_without_a_manifest(saved, monkeypatch):
    checkpoints, states, warnings = saved
    files_of(checkpoints, 30)["digest"].unlink()
    load = checkpoint._load

    def refuse(folder):
        if folder.name == "30":
            raise ValueError("NOT_FOUND: Error opening a file: Too many open files")
        return load(folder)

    monkeypatch.setattr(checkpoint, "_load", refuse)
    with pytest.raises(RunError, match="Too many open files"):
        checkpoints.restore(abstract(states[30]))
    assert warnings == []


def test_one_that_does_not_fit_is_passed_over(saved):
    checkpoints, states, warnings = saved

    def fits(notes):
        return None if notes["seconds"] < 3 else "its log is lost"

    assert checkpoints.restore(abstract(states[30]), fits).step == 20
    assert "30 cannot be used: its log is lost" in warnings[0]
    assert len(warnings) == 1
    with pytest.raises(RunError, match="those of steps 10, 20, 30 cannot be used: no"):
        checkpoints.restore(abstract(states[30]), lambda notes: "no")
    assert len(warnings) == 1
    few = lambda notes: None if notes["seconds"] < 2 else "no"  # noqa: E731
    assert checkpoints.restore(abstract(states[30]), few).step == 10
    assert "30 and 1 before it cannot be used: no" in warnings[1]


def test_later_ones_are_set_aside_whole(saved):
    checkpoints, states, warnings = saved
    checkpoints.set_aside_after(10)
    assert checkpoints.steps() == [10]
    (said,) = warnings
    assert "what came after step 10 was moved" in said and "checkpoints 20, 30" in said
    aside = checkpoints.folder.parent / "set-aside"
    names = {path.name for path in aside.iterdir()}
    assert names == {"20", "30", "20.sha256.json", "30.sha256.json"}
    again = Checkpoints(aside, print, RUN)
    assert_same_bits(again.restore(abstract(states[30])).state, states[30])


def test_no_good_one_left_is_an_error(saved):
    checkpoints, states, warnings = saved
    for step in (10, 20, 30):
        files_of(checkpoints, step)["array data"].write_bytes(b"")
    with pytest.raises(RunError, match="no good checkpoint.*10 is.*20 is.*30 is"):
        checkpoints.restore(abstract(states[30]))
    assert warnings == []  # one sentence says it all


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
    (checkpoints.folder / "7.sha256.json").write_text("{}")
    before = {path.name for path in checkpoints.folder.iterdir()}
    checkpoints.clean()
    names = {path.name for path in checkpoints.folder.iterdir()}
    ours = {f"{step}{end}" for step in (10, 20, 30) for end in ("", ".sha256.json")}
    assert names == ours and len(before - names) == 4


def test_files_of_others_stay(saved):
    checkpoints, states, _ = saved
    others = {"40.bak", "notes.txt", "²", "007", "30 (copy)", ".hidden", "30.sha256"}
    for name in others:
        (checkpoints.folder / name).mkdir()
        (checkpoints.folder / name / "work").write_text("years of it")
    (checkpoints.folder / "50").write_text("a file with a number for a name")
    assert checkpoints.steps() == [10, 20, 30]
    checkpoints.clean()
    checkpoints.set_aside_after(10)
    checkpoints.save(60, states[10], {})
    checkpoints.wait()
    left = {path.name for path in checkpoints.folder.iterdir()}
    assert left >= others | {"50"}
    assert all((checkpoints.folder / name / "work").exists() for name in others)


def test_files_of_others_inside_a_checkpoint_are_no_damage(saved):
    """And they outlive it."""
    checkpoints, states, warnings = saved
    texts = {"notes.txt": "a", "state/notes.txt": "b", "mine/c/x": "c", ".hidden": "d"}
    for step in (10, 30):
        for name, text in texts.items():
            path = checkpoints.folder / str(step) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (checkpoints.folder / str(step) / "link").symlink_to("nowhere")
    found = checkpoints.restore(abstract(states[30]))
    assert found.step == 30 and warnings == []
    assert_same_bits(found.state, states[30])
    checkpoints.save(40, states[10], {})
    checkpoints.wait()
    assert checkpoints.steps() == [20, 30, 40]
    aside = checkpoints.folder.parent / "set-aside"
    kept = {path.name: path for path in aside.iterdir()}
    assert kept.keys() == {"notes.txt", "notes.txt.1", "x", ".hidden", "link"}
    assert {kept[name].read_text() for name in kept if name != "link"} == set("abcd")
    assert len(warnings) == 5 and all(
        "is no file of a checkpoint" in w for w in warnings
    )


def test_a_run_folder_that_is_gone_is_not_made_again(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", print, RUN)
    checkpoints.save(10, make_state(), {})
    with pytest.raises(RunError, match="run cannot be used any more: .*were removed"):
        checkpoints.wait()
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_is_on_the_disk_before_its_manifest(saved, monkeypatch):
    """A power cut may keep a later write and lose an earlier one."""
    checkpoints, states, _ = saved
    synced, replace = [], os.replace

    def recording_sync(path):
        synced.append(path)

    def recording_replace(source, target):
        if str(target).endswith("40.sha256.json"):
            folder = checkpoints.folder / "40"
            assert {*folder.rglob("*"), folder, checkpoints.folder} <= set(synced)
            synced.append("manifest")
        replace(source, target)

    monkeypatch.setattr(checkpoint, "sync", recording_sync)
    monkeypatch.setattr(os, "replace", recording_replace)
    checkpoints.save(40, states[10], {})
    checkpoints.wait()
    assert "manifest" in synced


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


def test_a_checkpoint_describes_its_own_form(saved):
    checkpoints, states, warnings = saved
    found = checkpoints.restore(None)
    assert found.step == 30 and set(found.state) == {"key", "params", "steps"}
    assert state_sha256(found.state) == state_sha256(states[30])
    assert jnp.issubdtype(found.state["key"].dtype, jax.dtypes.prng_key)
    files_of(checkpoints, 30)["array data"].write_bytes(b"")
    found = checkpoints.restore(None)
    assert found.step == 20 and len(warnings) == 1
    assert state_sha256(found.state) == state_sha256(states[20])


@pytest.mark.parametrize("kind", ["array data", "tree metadata", "checkpoint metadata"])
def test_orbax_says_nothing_of_a_damaged_checkpoint(saved, kind, caplog, capfd):
    """Ours is the only sentence, even where Orbax is the first to see the damage."""
    checkpoints, states, warnings = saved
    files = files_of(checkpoints, 30)
    files["digest"].unlink()
    every = list((checkpoints.folder / "30" / "state").rglob("d/*"))
    for path in every if kind == "array data" else [files[kind]]:
        path.write_bytes(b"")
    with caplog.at_level(logging.INFO):
        assert checkpoints.restore(abstract(states[30])).step == 20
        checkpoints.close()
        gc.collect()  # asyncio reports lost tasks when they are collected
    names = {record.name for record in caplog.records}
    assert len(warnings) == 1 and not names & {"absl", "asyncio"}
    assert "orbax" not in capfd.readouterr().err


def test_loggers_of_others_stay_as_they_are(tmp_path, caplog):
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    before = [(logger.level, logger.disabled) for logger in loggers]

    def open_one(name):
        checkpoints = Checkpoints(tmp_path / name, print, RUN)
        checkpoints.save(1, make_state(), {})
        checkpoints.wait()  # and never closed

    for name in ("one", "two"):
        thread = threading.Thread(target=open_one, args=[name])
        thread.start()
        thread.join()
    assert [(logger.level, logger.disabled) for logger in loggers] == before
    for logger in loggers:
        filters = [type(each).__name__ for each in logger.filters]
        assert filters.count("_NotFromOrbax") == 1
    absl.logging.warning("a warning of the user's")
    logging.getLogger("asyncio").error("a task of the user's")
    assert [record.getMessage()[-6:] for record in caplog.records] == ["user's"] * 2
