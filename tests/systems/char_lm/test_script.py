"""The character model as a user starts it: resumed, asked for samples, misused."""

import io
import json
import re
import shutil
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxdl.ledger.published import SYSTEMS
from jaxdl.ledger.schema import read_result
from jaxdl.systems.char_lm import writing
from jaxdl.systems.char_lm.data import load_text
from jaxdl.train.experiment import Record

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = SYSTEMS / "char_lm" / "published.json"
TOY = "--steps 20 --hidden-size 8 --batch-size 4 --window 8 --block-steps 5".split()
TOY += "--restart-every 3 --num-samples 2 --sample-length 30".split()
TOY += "--eval-every 10".split()


@pytest.fixture(scope="module")
def script(load_script):
    """The script without its figures, which other tests draw."""
    module = load_script(ROOT / "experiments" / "char_lm.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "text_figures", lambda *args: {})
        yield module


@pytest.fixture(scope="module")
def poem(tmp_path_factory):
    """A short file: the runs of this module learn it."""
    path = tmp_path_factory.mktemp("texts") / "poem.txt"
    path.write_text("Ring a ring o' roses,\nA pocket full of posies.\n" * 20)
    return path


@pytest.fixture(scope="module")
def argv(poem):
    return [*TOY, "--text", str(poem)]


@pytest.fixture(scope="module")
def finished(script, argv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("char_lm") / "run"
    assert script.main([*argv, "--out", str(folder)]) == 0
    return folder


def test_a_file_is_learned_and_written(finished, poem):
    result = read_result(finished / "result.json")
    assert result["data"]["name"] == "poem" and result["config"]["data"] == "file"
    assert str(poem.parent) not in json.dumps(result)
    nats, bits = (
        result["metrics"][f"validation_{x}"]["mean"] for x in ("nats", "bits")
    )
    assert 0 < nats < 4 and bits == pytest.approx(nats * 1.442695, rel=1e-6)
    samples = (finished / "samples.txt").read_text()
    assert samples.count("--- sample") == 2 and "temperature 1\n" in samples
    first = samples.split("--- sample")[1].partition("\n")[2]
    assert len(first) == 30 + 1 and set(first) <= set(poem.read_text())


def test_every_text_can_be_written_to_every_terminal(script, tmp_path, monkeypatch):
    path = tmp_path / "a$b$\x1b[31m.txt"
    path.write_text("né\x1b[31m 😀\u202e\x9b∂\r\n" * 60, "utf-8", newline="")
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    argv = [*TOY, "--text", str(path), "--out", str(tmp_path / "run")]
    assert script.main([*argv, "--prompt", "é\x1b😀"]) == 0
    printed = out.getvalue().decode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed)
    assert "\\x1b" in printed and "\\U0001f600" in printed
    samples = (tmp_path / "run" / "samples.txt").read_bytes().decode()
    written = samples.split("temperature 1\n")[1].partition("\n--- sample")[0]
    assert set(written) <= set("né\x1b[31m 😀\u202e\x9b∂\n") and len(written) == 33


def test_a_stopped_run_goes_on_in_the_same_bits(
    script, argv, finished, tmp_path, killed_after_a_save, capsys
):
    """The carry too: the checkpoint is in the middle of a pass."""
    flags = [*argv, "--out", str(tmp_path / "run"), "--save-every", "15"]
    with killed_after_a_save():
        script.main(flags)
    assert not (tmp_path / "run" / "result.json").exists()
    assert script.main(flags) == 0
    assert "going on from the checkpoint of step 15" in capsys.readouterr().out
    ours, untouched = (
        read_result(folder / "result.json") for folder in (tmp_path / "run", finished)
    )
    assert ours["state_sha256"] == untouched["state_sha256"]
    assert ours["metrics"] == untouched["metrics"]


def test_a_finished_run_writes_again_without_training(
    script, argv, finished, tmp_path, capsys
):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    flags = [*argv, "--out", str(folder), "--prompt", "A ring", "--temperature", "0"]
    assert script.main([*flags, "--num-samples", "1", "--sample-length", "9"]) == 0
    out = capsys.readouterr().out
    assert "after step" not in out and "compiling" not in out
    samples = (folder / "samples.txt").read_text()
    assert samples in out and samples.startswith(
        "--- sample 1 of 1, temperature 0\nA ring"
    )
    assert len(samples.partition("\n")[2]) == 6 + 9 + 1


def test_the_flags_of_writing_are_handed_on(script, poem, tmp_path, monkeypatch):
    """To a sampler that gives back the beginning of its prompt; of the first seed."""
    seen, keys = {}, []

    def sample(key, apply, params, prompt, **options):
        seen.update(options)
        keys.append(key)
        text = jnp.concatenate([prompt[:3], prompt[params][None]])
        return jnp.tile(text[None], (options["num_samples"], 1))

    states = [types.SimpleNamespace(params=jnp.int32(i)) for i in (4, 5)]

    def run(name, work, data, config):
        return Record(config, tmp_path, data, states, None, None, 0)

    monkeypatch.setattr(writing, "sample", sample)
    monkeypatch.setattr(script, "run", run)
    eager = types.SimpleNamespace(random=jax.random, device_get=jax.device_get)
    eager.jit = lambda fn: fn
    monkeypatch.setattr(writing, "jax", eager)
    flags = dict(prompt="A ring", temperature=0.5, num_samples=2, sample_length=7)
    flags["seed"] = 5
    assert script.train(script.Config(text=poem, batch_size=2, window=8, **flags)) == 0
    assert seen == dict(length=7, temperature=0.5, num_samples=2)
    assert keys == [jax.random.fold_in(jax.random.key(5), 4)]
    assert (tmp_path / "samples.txt").read_text() == (
        "--- sample 1 of 2, temperature 0.5\nA ringA rn\n"
        "--- sample 2 of 2, temperature 0.5\nA ringA rn\n"
    )


BAD = [
    ("--prompt Ωring", "the prompt has 'Ω'"),
    ("--temperature -1", "temperature is -1.0: expected 0"),
    ("--temperature nan", "temperature is nan: expected a finite number"),
    ("--num-samples 0", "num_samples is 0: expected 1 or more"),
    ("--sample-length 0", "sample_length is 0: expected 1 or more"),
    ("--window 0", "window is 0: expected 1 or more"),
    ("--window 400", "has 846 characters: expected at least 1601, for 4 streams"),
    ("--restart-every 0", "restart_every is 0: expected 1 or more"),
    ("--max-norm 0", "max_norm is 0.0: expected a finite number above 0"),
    ("--learning-rate inf", "learning_rate is inf: expected a finite number"),
    ("--text nowhere.txt", "nowhere.txt cannot be read"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD, ids=[flags for flags, _ in BAD])
def test_bad_flags(script, argv, flags, sentence, refused):
    assert sentence in refused(script.main, [*argv, *flags.split()])


def test_a_file_without_its_name(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert script.main(["--data", "file"]) == 2
    assert "--data file needs --text FILE" in capsys.readouterr().err


def test_protocol_has_the_fields_of_the_published_figure(script):
    from jaxdl.systems.char_lm.data import make_text

    cfg = script.PRESETS["tiny_shakespeare"]
    entries = json.loads(PUBLISHED.read_text())
    (published,) = (e for e in entries if e["id"] == "nanogpt-tiny-shakespeare")
    protocol = script.protocols(cfg, make_text("tiny_shakespeare", "abc" * 9999))
    protocol = protocol["validation_nats"]
    assert protocol.pop("published") == published["id"]
    assert protocol.keys() == published["protocol"].keys()
    other = script.protocols(cfg, load_text())["validation_nats"]
    assert "published" not in other
