"""Every experiment script, at toy size, as a user starts it."""

import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import filelock
import jax
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import builders
from jaxdl.ledger.published import all_published
from jaxdl.ledger.schema import read_result

ROOT = Path(__file__).resolve().parents[1]
SWEEPS = {
    "autoencoder",
    "classify",  # it runs nothing
    "gan_modes",
    "gan_theory",
    "generative_vs_discriminative",
    "greedy_pretraining",
    "long_lag",
    "rnn_memory",
    "transfer",
    "vanishing_gradient",
}  # each has a file of its own in tests/experiments
SCRIPTS = sorted(
    path for path in ROOT.glob("experiments/*.py") if path.stem not in SWEEPS
)
TOY = {
    "char_lm": "--steps 20 --hidden-size 8 --eval-every 10 --block-steps 10".split(),
    "dcgan": [
        *"--steps 20 --base-channels 2 --batch-size 8 --latent-size 5".split(),
        *"--measured-samples 50 --eval-every 10 --block-steps 10".split(),
    ],
    "gan": "--steps 20 --parzen-samples 50 --eval-every 10 --block-steps 10".split(),
    "lenet": "--steps 20 --batch-size 8 --eval-every 10 --block-steps 10".split(),
    "rbm": [
        *"--steps 20 --hidden-size 5 --ais-steps 20".split(),
        *"--ais-chains 10 --eval-every 10 --block-steps 10".split(),
    ],
    "xor": "--steps 20 --nets 50 --eval-every 10 --block-steps 10".split(),
    "perceptron": "--steps 20 --inputs 3 --block-steps 10".split(),
}
FIGURES = {
    "char_lm": {"curves", "cells"},
    "dcgan": {
        *("samples", "progress", "nearest", "interpolation"),
        *("curves", "spectrum"),
    },
    "gan": {"samples", "progress", "nearest", "interpolation", "curves"},
    "lenet": {"maps", "filters", "worst", "confusion", "curves"},
    "rbm": {"filters", "fantasies", "reconstructions", "curves"},
    "xor": {"regions", "loss"},
    "perceptron": {"lines", "counts"},
}
UNPUBLISHED = {"char_lm", "dcgan", "gan", "lenet", "rbm", "xor"}  # on toy data
SEED_STATES = "state_sha256_per_seed"


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def words(text: str) -> str:
    """Text without the frames and line breaks of a box in the terminal."""
    return " ".join(word for word in text.split() if word.strip("╭╮╰╯│─"))


class Finished(NamedTuple):
    """A finished run: its script, its folder, what it printed and found."""

    name: str
    main: object
    home: Path
    folder: Path
    printed: str
    result: dict


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda path: path.stem)
def finished(request, tmp_path_factory, load_script):
    """A run of each script in its default folder, below an empty one."""
    name = request.param.stem
    assert name in TOY, f"give {name} its toy size at the top of this file"
    home = tmp_path_factory.mktemp(name)
    main = load_script(request.param).main
    printed = io.StringIO()
    with contextlib.chdir(home), contextlib.redirect_stdout(printed):
        assert main(TOY[name]) == 0
    (result,) = home.rglob("result.json")
    return Finished(
        name,
        main,
        home,
        result.parent,
        printed.getvalue(),
        json.loads(result.read_text()),
    )


@pytest.fixture(scope="module")
def gan(load_script):
    return load_script(ROOT / "experiments" / "gan.py").main


@pytest.fixture(scope="module")
def gan_run(gan, tmp_path_factory):
    """The result of a GAN with these flags beside the toy ones, and its folder."""

    def run(*flags):
        folder = tmp_path_factory.mktemp("gan") / "run"
        assert gan([*TOY["gan"], *flags, "--out", str(folder)]) == 0
        return json.loads((folder / "result.json").read_text()), folder

    return run


# A run


def test_default_folder_is_named_by_script_and_data(finished):
    path = finished.folder.relative_to(finished.home)
    assert path.parts[:2] == ("runs", finished.name)
    data, _, digest = path.name.rpartition("-")
    assert data == finished.result["data"]["name"]
    assert digest == finished.result["config_hash"] and len(digest) == 8
    assert finished.printed.splitlines()[0] == f"run folder: {path}"


def test_what_a_run_leaves_behind(finished):
    found = {path.name for path in finished.folder.iterdir()}
    assert {"config.json", "metrics.jsonl", "checkpoints", "figures"} < found
    assert any(name.startswith("events.out.tfevents.") for name in found)
    assert not any("tmp" in name for name in contents(finished.folder))
    steps = [json.loads(x)["step"] for x in (finished.folder / "metrics.jsonl").open()]
    assert steps == sorted(set(steps)) and steps[-1] == finished.result["steps"]


def test_result_fields(finished):
    result = read_result(finished.folder / "result.json")  # as the ledger reads it
    assert result["experiment"] == finished.name
    assert result["seeds"] == [0]
    assert result["config"]["steps"] == result["steps"] == 20
    assert {"name", "checksum"} == result["data"].keys()
    assert len(result["data"]["checksum"]) == len(result["state_sha256"]) == 64
    assert result["wall_seconds"] > 0 and result["steps_per_second"] > 0
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
    for path in (finished.home, ROOT, Path.home()):
        assert str(path) not in text or path == Path("/")


def test_results_refer_to_published_figures(finished):
    known = all_published()
    metrics = finished.result["metrics"].values()
    referring = [metric for metric in metrics if metric.get("published")]
    assert bool(referring) is (finished.name not in UNPUBLISHED)
    for metric in referring:
        published = known[metric["published"]].protocol
        assert metric["protocol"].keys() == published.keys()


def test_figures(finished):
    paths = sorted((finished.folder / "figures").iterdir())
    assert {path.name for path in paths} == {f"{x}.png" for x in FIGURES[finished.name]}
    for path in paths:
        picture = Image.open(path)
        assert picture.format == "PNG" and picture.width >= 900
        assert 100 <= picture.height <= 2.5 * picture.width
        assert np.asarray(picture.convert("L")).std() > 5  # it is not blank


def test_second_call_prints_the_result_again(finished, capsys, monkeypatch):
    monkeypatch.chdir(finished.home)
    before = contents(finished.home)
    assert finished.main(TOY[finished.name]) == 0
    out, err = capsys.readouterr()
    assert contents(finished.home) == before
    assert err == ""
    lines = finished.printed.splitlines()
    assert out.splitlines() == lines[:1] + lines[-(len(out.splitlines()) - 1) :]
    for name in finished.result["metrics"]:
        assert name in out
    assert finished.result["state_sha256"][:16] in out


@pytest.fixture(scope="module")
def untrained(finished):
    """The folder of a run of 0 steps that set a copy of the finished run aside."""
    folder = finished.home / "copies" / "run"
    shutil.copytree(finished.folder, folder)
    argv = [*TOY[finished.name], "--steps", "0", "--out", str(folder), "--overwrite"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert finished.main(argv) == 0
    yield folder
    shutil.rmtree(folder.parent)


def test_no_steps_evaluates_the_initial_state(finished, untrained):
    result = read_result(untrained / "result.json")
    assert result["steps"] == 0
    assert result["metrics"].keys() == finished.result["metrics"].keys()
    assert result["state_sha256"] != finished.result["state_sha256"]
    assert any((untrained / "figures").glob("*.png"))
    before = contents(untrained)
    argv = [*TOY[finished.name], "--steps", "0", "--out", str(untrained)]
    assert finished.main(argv) == 0
    assert contents(untrained) == before


def test_overwrite_sets_the_old_run_aside(finished, untrained):
    (aside,) = (path for path in untrained.parent.iterdir() if path != untrained)
    assert contents(aside) == contents(finished.folder)


# The GAN's flags


def test_seeds_one_after_the_other(gan_run, finished):
    if finished.name != "gan":
        pytest.skip("compared with the GAN's run")
    # What cannot change the bits is changed too: when it evaluates, saves, logs.
    flags = "--seeds 2 --executor sequential --eval-every 15 --save-every 5"
    flags += " --block-steps 5 --log-every 1"
    result, folder = gan_run(*flags.split())
    assert result["executor"] == "sequential" and result["seeds"] == [0, 1]
    # The first is bit-equal to that seed alone; the second is another run.
    assert result[SEED_STATES][0] == finished.result[SEED_STATES][0]
    assert result[SEED_STATES][1] != result[SEED_STATES][0]
    for name, metric in result["metrics"].items():
        alone = finished.result["metrics"][name]["per_seed"][0]
        assert metric["per_seed"][0] == alone
        low, high = metric["ci95"]
        assert low <= metric["mean"] <= high
        np.testing.assert_allclose(metric["mean"], np.mean(metric["per_seed"]))
    read_result(folder / "result.json")
    # A line for every step is enough for a verdict on the GAN's health.
    verdicts = {"healthy", "collapsed", "discriminator_won", "oscillating"}
    health = result["remarks"]["health"]
    assert len(health) == 2 and {found["verdict"] for found in health} <= verdicts


def test_the_gans_health(finished):
    """Three lines were logged, which is too few, and says so."""
    if finished.name != "gan":
        pytest.skip("it is the GAN's")
    (health,) = finished.result["remarks"]["health"]
    assert health["verdict"] == "unknown" and health["score"] is None
    assert f"health  seed 0: {health['text']}\n" in finished.printed


def test_seeds_in_one_program_with_the_other_loss(gan_run):
    flags = "--seeds 2 --executor vmap --generator-loss minimax --disc-steps 2"
    result, folder = gan_run(*flags.split())
    assert result["executor"] == "vmap" and len(set(result[SEED_STATES])) == 2
    assert result["config"]["disc_steps"] == 2
    first = json.loads((folder / "metrics.jsonl").open().readline())["train"]
    # log(1 - D) is below 0, and -log D above.
    assert all(loss < 0 for loss in first["gen_loss"])
    assert all(len(metric["per_seed"]) == 2 for metric in result["metrics"].values())


def test_the_default_loss_does_not_saturate(finished):
    if finished.name != "gan":
        pytest.skip("it is the GAN's")
    first = json.loads((finished.folder / "metrics.jsonl").open().readline())
    assert first["step"] == 1 and first["train"]["gen_loss"][0] > 0


@pytest.fixture
def gan_copy(finished, tmp_path):
    """A copy of the GAN's finished run."""
    if finished.name != "gan":
        pytest.skip("it is the GAN's")
    shutil.copytree(finished.folder, tmp_path / "run")
    return tmp_path / "run"


def test_sample(gan, gan_copy, capsys):
    before = contents(gan_copy)
    assert gan(["--sample", "5", "--out", str(gan_copy)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent.parent == gan_copy and path.suffix == ".png"
    after = contents(gan_copy)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 3  # a folder, a picture, an array
    images = np.load(path.with_suffix(".npy"))
    assert images.shape == (5, 8, 8, 1) and images.dtype == np.uint8
    picture = np.asarray(Image.open(path))
    assert picture.shape[1] > 400 and picture.std() > 5
    # Again: the same bytes. Another seed: other images.
    assert gan(["--sample", "5", "--out", str(gan_copy)]) == 0
    assert contents(gan_copy) == after
    assert gan(["--sample", "5", "--seed", "3", "--out", str(gan_copy)]) == 0
    other = np.load(capsys.readouterr().out.split()[-1].replace(".png", ".npy"))
    assert not np.array_equal(images, other)


def test_samples_are_the_trained_generators(gan, gan_copy, untrained, capsys):
    """Those of a run without steps are others, by the same key."""
    found = []
    for folder in (gan_copy, untrained):
        assert gan(["--sample", "3", "--out", str(folder)]) == 0
        path = Path(capsys.readouterr().out.strip())
        found.append(np.load(path.with_suffix(".npy")).astype(int))
    assert np.abs(found[0] - found[1]).max() > 0


# Bad input


def refused(main, argv, home, capsys) -> str:
    """What standard error says; nothing in `home` may have changed."""
    before = contents(home)
    begin = time.monotonic()
    assert main(argv) == 2
    assert time.monotonic() - begin < 30
    assert contents(home) == before
    err = capsys.readouterr().err
    assert "Traceback" not in err
    if err.startswith("error: "):
        assert err.count("\n") == 1 and len(err) > 30
    return words(err)


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


BAD = [
    ("--data cifar", "invalid choice 'cifar'"),
    ("--networks huge", "invalid choice 'huge'"),
    ("--generator-loss hinge", "invalid choice 'hinge'"),
    ("--steps many", "many"),
    ("--stesp 5", "--stesp"),
    ("--steps -1", "steps is -1: expected 0 or more"),
    ("--batch-size 0", "batch_size is 0: expected 1 or more"),
    ("--seeds 0", "seeds is 0: expected 1 or more"),
    ("--seed -1", "seed is -1: expected 0 or more"),
    ("--save-every 0", "save_every is 0: expected 1 or more"),
    ("--eval-every 0", "eval_every is 0: expected 1 or more"),
    ("--log-every 0", "log_every is 0: expected 1 or more"),
    ("--block-steps 0", "block_steps is 0: expected 1 or more"),
    ("--save-seconds nan", "save_seconds is nan: expected a finite number above 0"),
    ("--disc-steps 0", "disc_steps is 0: expected 1 or more"),
    ("--parzen-samples 0", "parzen_samples is 0: expected 1 or more"),
    ("--sample 0 --out run", "sample is 0: expected 1 or more"),
    ("--sample 5", "--sample needs --out"),
    ("--sample 5 --out run", "run holds no run"),
    ("--momentum 1.0", "momentum is 1.0: expected 0 to below 1"),
    ("--momentum nan", "momentum is nan: expected 0 to below 1"),
    ("--batch-size 1198", "batch_size is 1198: expected at most 1197"),
] + [
    (f"--learning-rate {rate}", f"learning_rate is {float(rate)}: expected a finite")
    for rate in ("-1", "0", "nan", "inf", "-inf")
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(gan, flags, sentence, empty, capsys):
    assert sentence in refused(gan, flags.split(), empty, capsys)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_no_files_and_no_network(gan, name, no_network, empty, capsys):
    argv = ["--data", name, "--data-dir", "prepared"]
    said = refused(gan, argv, empty, capsys)
    assert f"{name} is not in prepared" in said and "Three ways out" in said
    for way in ("--source-dir", f"jaxdl data prepare {name}", "--data digits"):
        assert way in said


def test_a_source_file_with_a_wrong_checksum(gan, empty, capsys):
    (empty / "files").mkdir()
    names = list(builders.BUILDERS["mnist"].SHA256)
    for name in names:
        (empty / "files" / name).write_bytes(b"not digits")
    argv = "--data mnist --source-dir files --data-dir prepared".split()
    said = refused(gan, argv, empty, capsys)
    assert names[0] in said and "checksum" in said


def test_a_source_folder_that_is_not_there(gan, empty, capsys):
    argv = "--data mnist --source-dir files --data-dir prepared".split()
    assert "no source folder" in refused(gan, argv, empty, capsys)


def test_a_run_of_another_configuration(gan, gan_copy, capsys):
    argv = [*TOY["gan"], "--learning-rate", "0.5", "--out", str(gan_copy)]
    said = refused(gan, argv, gan_copy.parent, capsys)
    assert "config.learning_rate: 0.0005, now 0.5" in said and "--overwrite" in said
    assert "batch_size" not in said  # that one agrees


def test_a_locked_folder(gan, gan_copy, capsys):
    for name in ("result.json", ".lock"):
        (gan_copy / name).unlink()
    with filelock.FileLock(gan_copy / ".lock"):
        argv = [*TOY["gan"], "--out", str(gan_copy)]
        said = refused(gan, argv, gan_copy.parent, capsys)
        assert "is locked" in said
        assert "is locked" in refused(gan, [*argv, "--overwrite"], gan_copy, capsys)


@pytest.mark.parametrize("name", ["notes/run", "notes", "x" * 300], ids=lambda x: x[:9])
def test_a_folder_that_cannot_be_written(gan, name, empty, capsys):
    (empty / "notes").write_text("years of work")
    said = refused(gan, [*TOY["gan"], "--out", name], empty, capsys)
    assert name in said and "--out" in said


def test_a_read_only_folder(gan, empty, capsys):
    if os.geteuid() == 0:
        pytest.skip("no folder is closed to root")
    (empty / "home").mkdir(mode=0o500)
    said = refused(gan, [*TOY["gan"], "--out", "home/run"], empty, capsys)
    assert "cannot be written" in said


def test_a_folder_of_something_else(gan, empty, capsys):
    (empty / "notes.txt").write_text("years of work")
    said = refused(gan, [*TOY["gan"], "--out", str(empty)], empty, capsys)
    assert "not a run's folder" in said and "notes.txt" in said


def test_sample_of_an_unfinished_run(gan, gan_copy, capsys):
    (gan_copy / "result.json").unlink()
    said = refused(gan, ["--sample", "5", "--out", str(gan_copy)], gan_copy, capsys)
    assert "unfinished" in said


def test_sample_that_cannot_be_written(gan, gan_copy, capsys):
    (gan_copy / "samples").write_text("in the way")
    argv = ["--sample", "5", "--out", str(gan_copy)]
    assert "samples" in refused(gan, argv, gan_copy, capsys)


# As a process of its own


def test_as_a_process_with_a_mistake(tmp_path):
    command = [sys.executable, str(ROOT / "experiments" / "gan.py"), "--steps", "-1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert "steps is -1" in words(done.stderr) and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_mnist(gan, tmp_path):
    """From the original files to a result, with the paper's networks."""
    if "JAXDL_TEST_DATA" not in os.environ:
        pytest.skip("JAXDL_TEST_DATA, a folder with mnist/, is not set")
    source = Path(os.environ["JAXDL_TEST_DATA"]) / "mnist"
    argv = ["--data", "mnist", "--source-dir", str(source), "--steps", "2"]
    argv += ["--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    assert gan([*argv, "--parzen-samples", "100"]) == 0
    result = read_result(tmp_path / "run" / "result.json")
    protocol = result["metrics"]["parzen_log_likelihood"]["protocol"]
    published = all_published()["gan-mnist-parzen"].protocol
    differing = {name for name, value in published.items() if protocol[name] != value}
    assert differing == {"samples", "step_chosen_on"}
    assert str(source) not in (tmp_path / "run" / "result.json").read_text()
