"""What every system promises, shown on its toy run, as a user starts it."""

import contextlib
import io
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from jaxdl import load
from jaxdl.ledger.metrics import lookup, metrics_of
from jaxdl.ledger.published import all_published
from jaxdl.ledger.schema import read_results
from jaxdl.registry import PROJECT, find_systems
from jaxdl.train.leaves import state_sha256
from jaxdl.train.programs import lower_steps

SYSTEMS = [system for system in find_systems() if system.toy is not None]
PUBLISHED = all_published()


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module", params=SYSTEMS, ids=lambda system: system.name)
def finished(request, toy_run):
    """The toy run of each system."""
    return toy_run(request.param.name)


def parts(result: dict) -> Iterator[dict]:
    """The results of single trainings: a sweep's cases, else the result itself."""
    yield from result["cases"].values() if "cases" in result else [result]


def states(result: dict) -> list[Any]:
    """The digests of all final states, phases' too."""
    found = [result["state_sha256"]]
    for kind in ("cases", "phases"):
        for part in result.get(kind, {}).values():
            found += states(part)
    return found


def found_metrics(result: dict) -> list[dict]:
    return [part["metrics"] for part in parts(result)]


def test_default_folder_is_named_by_data_and_configuration(finished):
    path = finished.folder.relative_to(finished.home)
    assert path.parts[:2] == ("runs", finished.result["experiment"])
    data, _, digest = path.name.rpartition("-")
    assert data == finished.result["data"]["name"]
    assert digest == finished.result["config_hash"] and len(digest) == 8
    assert finished.printed.splitlines()[0] == f"run folder: {path}"


def test_what_a_run_leaves_behind(finished):
    assert not any(".tmp" in name for name in contents(finished.folder))
    folders = [path.parent for path in finished.folder.rglob("metrics.jsonl")]
    assert folders
    for folder in folders:
        found = {path.name for path in folder.iterdir()}
        assert {"config.json", "checkpoints", "figures", "result.json"} < found
        assert any(name.startswith("events.out.tfevents.") for name in found)
        steps = [json.loads(x)["step"] for x in (folder / "metrics.jsonl").open()]
        result = json.loads((folder / "result.json").read_text())
        assert steps == sorted(set(steps)) and steps[-1] == result["steps"]


def test_result_fields(finished):
    assert read_results(finished.folder / "result.json")  # as the ledger does
    wanted = {"name", "checksum"}
    assert wanted == finished.result["data"].keys()
    for result in parts(finished.result):
        assert result["experiment"] == finished.result["experiment"]
        assert result["seeds"] == [0]
        assert wanted == result["data"].keys()
        assert len(result["data"]["checksum"]) == len(result["state_sha256"]) == 64
        assert result["wall_seconds"] > 0 and result["steps_per_second"] >= 0
        assert 50e6 < result["peak_memory_bytes"] < 20e9
        assert result["versions"]["jax"] == jax.__version__
        assert {"jaxdl", "python"} < result["versions"].keys()
        assert result["device"] and "git_commit" in result
        assert result["metrics"]
        for metric in result["metrics"].values():
            (value,) = metric["per_seed"]
            assert math.isfinite(value) and metric["mean"] == value
            assert metric["ci95"] is None  # one seed has no interval
            assert isinstance(metric["protocol"], dict)
    text = (finished.folder / "result.json").read_text()
    for path in (finished.home, PROJECT, Path.home()):
        assert str(path) not in text or path == Path("/")


def test_results_refer_to_published_figures(finished):
    for metrics in found_metrics(finished.result):
        for metric in metrics.values():
            if figure := metric.get("published"):
                known = PUBLISHED[figure]
                assert known.owner == finished.system.name
                assert metric["protocol"].keys() == known.protocol.keys()


def test_metrics_are_described_in_words(finished):
    known = metrics_of(finished.system.folder)
    for metrics in found_metrics(finished.result):
        for name in metrics:
            assert lookup(known, name, None), f"describe {name} in metrics.json"


def test_figures(finished):
    paths = sorted((finished.folder / "figures").iterdir())
    assert {path.name for path in paths} == {
        f"{x}.png" for x in finished.system.figures
    }
    for path in paths:
        picture = Image.open(path)
        assert picture.format == "PNG"
        assert picture.width >= (600 if "cases" in finished.result else 900)
        assert 100 <= picture.height <= 2.5 * picture.width
        assert np.asarray(picture.convert("L")).std() > 5  # it is not blank


def test_texts_of_figures_are_whole_and_apart(finished):
    assert {path.name for path in (finished.folder / "figures").iterdir()} <= {
        *finished.faults
    }
    assert not any(finished.faults.values()), finished.faults


def test_second_call_prints_the_result_again(finished, capsys, monkeypatch):
    monkeypatch.chdir(finished.home)
    before = contents(finished.home)
    assert finished.script.main(finished.flags) == 0
    out, err = capsys.readouterr()
    assert contents(finished.home) == before
    assert err == ""
    first, second = finished.printed.splitlines(), out.splitlines()
    assert first[0] == second[0]
    if "cases" not in finished.result and "phases" not in finished.result:
        assert second == first[:1] + first[-(len(second) - 1) :]
    for result in parts(finished.result):
        assert all(name in out for name in result["metrics"])
        assert result["state_sha256"][:16] in out


def test_a_killed_run_goes_on_in_the_same_bits(
    finished, tmp_path, killed_after_a_save, undrawn, capsys
):
    flags = [*finished.flags, "--out", str(tmp_path / "run"), "--save-every", "10"]
    with undrawn(), killed_after_a_save():
        finished.script.main(flags)
    assert not (tmp_path / "run" / "result.json").exists()
    with undrawn():
        assert finished.script.main(flags) == 0
    assert "going on from the checkpoint of step" in capsys.readouterr().out
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert states(result) == states(finished.result)
    assert found_metrics(result) == found_metrics(finished.result)


@pytest.fixture(scope="module")
def untrained(finished, tmp_path_factory):
    """The folder of a run of 0 steps that set a copy of the finished run aside."""
    folder = tmp_path_factory.mktemp("copies") / "run"
    shutil.copytree(finished.folder, folder)
    argv = [*finished.flags, "--steps", "0", "--out", str(folder), "--overwrite"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert finished.script.main(argv) == 0
    return folder


def test_no_steps_evaluates_the_initial_state(finished, untrained):
    result = json.loads((untrained / "result.json").read_text())
    untrained_parts, trained_parts = parts(result), list(parts(finished.result))
    for ours, trained in zip(untrained_parts, trained_parts, strict=True):
        assert ours["metrics"].keys() == trained["metrics"].keys()
    total = sum(part["steps"] for part in trained_parts)
    assert sum(part["steps"] for part in parts(result)) < max(total, 1)
    if total:
        assert states(result) != states(finished.result)
    before = contents(untrained)
    argv = [*finished.flags, "--steps", "0", "--out", str(untrained)]
    assert finished.script.main(argv) == 0
    assert contents(untrained) == before


def test_overwrite_sets_the_old_run_aside(finished, untrained):
    (aside,) = (path for path in untrained.parent.iterdir() if path != untrained)
    assert contents(aside) == contents(finished.folder)


def test_steps_lower_for_every_platform(finished, monkeypatch):
    """Each training's step, as XLA gets it for CPU, CUDA and TPU: none is needed."""
    seen = []
    monkeypatch.setattr(finished.script, "train", lambda cfg: seen.append(cfg) or 0)
    assert finished.script.main(finished.flags) == 0
    plan = finished.script.plan(*seen)
    lowered = lower_steps(plan)
    assert lowered and plan.name == finished.result["experiment"]
    for exported in lowered.values():
        assert {*exported.platforms} == {"cpu", "cuda", "tpu"}


def trained_folders(result: dict, folder: Path) -> Iterator[Path]:
    """The folder of a run, or of each case of a sweep."""
    for name in result.get("cases", [""]):
        yield folder / name


def form(tree: Any) -> Any:
    """Shapes and types of the leaves of a tree."""
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def test_load_gives_states_and_networks(finished):
    """Without the script's name: the recorded states, and networks that fit them."""
    for folder, result in zip(
        trained_folders(finished.result, finished.folder),
        parts(finished.result),
        strict=True,
    ):
        trained = load(folder)
        assert trained.system == finished.system.name
        digests = [state_sha256(state) for state in trained.states]
        assert digests == result["state_sha256_per_seed"]
        assert type(trained.config).__module__ != "jaxdl.train.config"
        for network in trained.networks.values():
            expected = form(jax.eval_shape(network.model.init, jax.random.key(0)))
            assert network.about and len(network.params) == 1
            assert form(network.params[0]) == expected
