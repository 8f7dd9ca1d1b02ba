"""The GAN as a user starts it; it stands for the flags that all scripts share."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import builders
from jaxdl.ledger.published import all_published
from jaxdl.ledger.schema import read_result

ROOT = Path(__file__).resolve().parents[3]
TOY = "--steps 20 --parzen-samples 50 --eval-every 10 --block-steps 10".split()
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


@pytest.fixture(scope="module")
def gan(load_script):
    return load_script(ROOT / "experiments" / "gan.py").main


@pytest.fixture(scope="module")
def gan_run(gan, tmp_path_factory, undrawn):
    """The result of a GAN with these flags beside the toy ones, and its folder."""

    def run(*flags):
        folder = tmp_path_factory.mktemp("gan") / "run"
        with undrawn():
            assert gan([*TOY, *flags, "--out", str(folder)]) == 0
        return json.loads((folder / "result.json").read_text()), folder

    return run


@pytest.fixture(scope="module")
def finished(toy_run):
    """The toy run, of the flags above."""
    toy = toy_run("gan")
    assert toy.flags == TOY
    return toy


@pytest.fixture(scope="module")
def untrained(gan, tmp_path_factory, undrawn):
    """The folder of a run of 0 steps."""
    folder = tmp_path_factory.mktemp("gan") / "run"
    with undrawn():
        assert gan([*TOY, "--steps", "0", "--out", str(folder)]) == 0
    return folder


# Flags


def test_seeds_one_after_the_other(gan_run, finished):
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
    verdicts = {"healthy", "collapsed", "unclear", "discriminator_won", "oscillating"}
    health = result["remarks"]["health"]
    assert len(health) == 2 and {found["verdict"] for found in health} <= verdicts


def test_the_gans_health(finished):
    """Three lines were logged, which is too few, and says so."""
    (health,) = finished.result["remarks"]["health"]
    assert health["verdict"] == "unknown" and health["score"] is None
    printed = " ".join(finished.printed.split())  # long lines are wrapped
    assert f"health, seed 0: {health['text']}" in printed


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
    first = json.loads((finished.folder / "metrics.jsonl").open().readline())
    assert first["step"] == 1 and first["train"]["gen_loss"][0] > 0


@pytest.fixture
def gan_copy(finished, tmp_path):
    """A copy of the GAN's finished run."""
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
    ("--data cifar", "is cifar: expected one of"),
    ("--networks huge", "is huge: expected one of"),
    ("--generator-loss hinge", "is hinge: expected one of"),
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
    ("--save-seconds nan", "save_seconds is nan: expected a finite number"),
    ("--disc-steps 0", "disc_steps is 0: expected 1 or more"),
    ("--parzen-samples 0", "parzen_samples is 0: expected 1 or more"),
    ("--sample 0 --out run", "sample is 0: expected 1 or more"),
    ("--sample 5", "--sample needs --out"),
    ("--sample 5 --out run", "run holds no run"),
    ("--momentum 1.0", "momentum is 1.0: expected 0 to below 1"),
    ("--momentum nan", "momentum is nan: expected a finite number"),
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
    assert f"{name} is not in prepared" in said and "three ways out" in said
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
    argv = [*TOY, "--learning-rate", "0.5", "--out", str(gan_copy)]
    said = refused(gan, argv, gan_copy.parent, capsys)
    assert "config.learning_rate: 0.0005, now 0.5" in said and "--overwrite" in said
    assert "batch_size" not in said  # that one agrees


def test_a_locked_folder(gan, gan_copy, capsys):
    for name in ("result.json", ".lock"):
        (gan_copy / name).unlink()
    with filelock.FileLock(gan_copy / ".lock"):
        argv = [*TOY, "--out", str(gan_copy)]
        said = refused(gan, argv, gan_copy.parent, capsys)
        assert "is locked" in said
        assert "is locked" in refused(gan, [*argv, "--overwrite"], gan_copy, capsys)


@pytest.mark.parametrize("name", ["notes/run", "notes", "x" * 300], ids=lambda x: x[:9])
def test_a_folder_that_cannot_be_written(gan, name, empty, capsys):
    (empty / "notes").write_text("years of work")
    said = refused(gan, [*TOY, "--out", name], empty, capsys)
    assert name in said and "--out" in said


def test_a_read_only_folder(gan, empty, capsys):
    if os.geteuid() == 0:
        pytest.skip("no folder is closed to root")
    (empty / "home").mkdir(mode=0o500)
    said = refused(gan, [*TOY, "--out", "home/run"], empty, capsys)
    assert "cannot be written" in said


def test_a_folder_of_something_else(gan, empty, capsys):
    (empty / "notes.txt").write_text("years of work")
    said = refused(gan, [*TOY, "--out", str(empty)], empty, capsys)
    assert "not a run's folder" in said and "notes.txt" in said


def test_sample_of_an_unfinished_run(gan, gan_copy, capsys):
    (gan_copy / "result.json").unlink()
    said = refused(gan, ["--sample", "5", "--out", str(gan_copy)], gan_copy, capsys)
    assert "unfinished" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mnist", "--data is mnist, but the run in"),
        ("--steps 40000", "--steps is 40000, but the run in"),  # the flag's default
        ("--overwrite", "--overwrite is True, but has no effect with --sample"),
        ("--data-dir here", "--data-dir is here, but has no effect"),
    ],
)
def test_samples_against_flags_of_another_run(gan, gan_copy, words, said, capsys):
    argv = [*words.split(), "--sample", "5", "--out", str(gan_copy)]
    assert said in refused(gan, argv, gan_copy, capsys)


def test_sample_of_a_file(gan, empty, capsys):
    (empty / "notes").write_text("years of work")
    said = refused(gan, ["--sample", "5", "--out", "notes"], empty, capsys)
    assert "notes is a file: name a run's folder" in said


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


def test_samples_are_of_the_first_seed(load_script, monkeypatch):
    script = load_script(ROOT / "experiments" / "gan.py")
    trees = [{"gen_params": "first"}, {"gen_params": "second"}]
    monkeypatch.setattr(script, "load_trees", lambda folder: trees)
    monkeypatch.setattr(script, "read_config", lambda *args: script.Config())
    assert script.restore(Path("run"))[0] == "first"
