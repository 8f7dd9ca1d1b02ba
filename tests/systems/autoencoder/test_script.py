"""The sweep over autoencoders, at toy size, as a user starts it."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import Images, Split
from jaxdl.ledger.published import SYSTEMS, all_published
from jaxdl.ledger.rows import ledger_rows
from jaxdl.systems.autoencoder.config import CaseName
from jaxdl.systems.autoencoder.nets import make_corruption

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = SYSTEMS / "autoencoder" / "published.json"
CASES = ["pca", "logistic-pca", "two", "denoising"]


@pytest.fixture(scope="module")
def toy(toy_run):
    return toy_run("autoencoder")


@pytest.fixture(scope="module")
def script(toy):
    return toy.script


@pytest.fixture(scope="module")
def folder(toy):
    return toy.folder


@pytest.fixture(scope="module")
def result(toy):
    return toy.result


def test_a_result_for_each_case(result):
    assert list(result["cases"]) == [*CASES, "deep-1"]  # "two" has two already
    for name, case in result["cases"].items():
        assert case["steps"] == (0 if name == "pca" else 20)
        metrics = case["metrics"]
        assert {"validation_loss", "test_loss", "knn_accuracy_percent"} < metrics.keys()
        assert 0 < metrics["test_squared_error"]["mean"] < 64
        size = {"two": 2, "deep-1": 1}.get(name, 3 if "pca" in name else 5)
        protocol = metrics["test_squared_error"]["protocol"]
        assert protocol["code_size"] == size
        assert "published" not in metrics["test_squared_error"]  # digits have none
    assert result["cases"]["pca"]["metrics"]["test_squared_error"][
        "mean"
    ] == pytest.approx(pca_error(3), rel=1e-4)


def pca_error(size):
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    x = np.round(load_digits().data * 255 / 16) / 255
    pca, test = PCA(size, svd_solver="full").fit(x[:1197]), x[1497:]
    return ((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(1).mean()


def test_goes_on_in_the_same_bits(toy, tmp_path, undrawn, capsys):
    """One case is done, one stopped in the middle, the others not begun."""
    again = tmp_path / "run"
    shutil.copytree(toy.folder, again)
    (again / "result.json").unlink()
    (again / "two" / "result.json").unlink()
    shutil.rmtree(again / "two" / "checkpoints" / "20")
    shutil.rmtree(again / "deep-1")
    capsys.readouterr()
    with undrawn():
        assert toy.script.main([*toy.flags, "--out", str(again)]) == 0
    out = capsys.readouterr().out
    assert out.count("going on from the checkpoint of step 10") == 1
    there = json.loads((again / "result.json").read_text())
    assert there["state_sha256"] == toy.result["state_sha256"]
    for name, case in toy.result["cases"].items():
        assert there["cases"][name]["metrics"] == case["metrics"]


def test_figures_have_one_width(folder):
    for path in (folder / "figures").iterdir():
        with Image.open(path) as picture:
            assert picture.width == 1000


def test_ledger_rows_of_the_toy(folder, tmp_path):
    (tmp_path / "toy.json").write_text((folder / "result.json").read_text())
    rows = ledger_rows(tmp_path, all_published())
    ours = [row for row in rows if row.files and row.metric == "test_squared_error"]
    assert len({row.protocol["model"] for row in ours}) == len(CASES) + 1


def images_named(name, *counts, side=28):
    splits = [
        Split(jnp.zeros((n, side, side, 1), jnp.uint8), jnp.zeros(n, jnp.int32))
        for n in counts
    ]
    return Images(*splits, name=name, checksum="0" * 64)


def test_published_protocols_have_the_same_fields(script):
    published = {entry["id"]: entry for entry in json.loads(PUBLISHED.read_text())}
    data = images_named("mnist", 60_000, 10_000, 10_000)
    ids = {}
    for name in get_args(CaseName):
        cfg = dataclasses.replace(script.PRESETS["mnist"], cases=(name,))
        (case,) = script.make_cases(cfg).values()
        experiment = case.work(case.config, data)
        ours = experiment.protocols["test_squared_error"]
        if name in ("pca", "logistic-pca", "deep"):
            ids[name] = ours.pop("published")
            there = published[ids[name]]["protocol"]
            assert ours.keys() == there.keys()
            assert ours["code_size"] == there["code_size"] == 30
        assert "published" not in ours
    assert len(set(ids.values())) == 3


@pytest.mark.parametrize("kind", ["shallow", "sparse", "contractive", "logistic-pca"])
def test_only_what_is_penalised_has_a_penalty(script, kind):
    recipe = dict(steps=20, logistic_steps=20, latent_size=3, feature_size=5)
    cfg = script.Config(cases=(kind,), code_sizes=(), train_on="train", **recipe)
    (case,) = script.make_cases(cfg).values()
    data = images_named("digits", 1197, 300, 300, side=8)
    experiment = case.work(case.config, data)
    images = jax.ShapeDtypeStruct((4, 8, 8, 1), "uint8")
    batch = Split(images, jax.ShapeDtypeStruct((4,), "int32"))
    state = jax.eval_shape(experiment.init, jax.random.key(0), data, None)
    _, metrics = jax.eval_shape(experiment.step, state, batch)
    assert ("penalty" in metrics) == (kind in ("sparse", "contractive"))


@pytest.mark.parametrize("corruption", ["masking", "gaussian", "salt-and-pepper"])
def test_corruption_by_name(script, corruption):
    cfg = script.Config(corruption=corruption, noise=0.5)
    x = jax.random.uniform(jax.random.key(0), (3, 40), minval=0.1, maxval=0.9)
    y = np.asarray(make_corruption(cfg)(jax.random.key(1), x))
    kept = (y == np.asarray(x)).mean()
    assert kept == 0 if corruption == "gaussian" else 0.3 < kept < 0.7
    assert (y == 1).any() == (corruption == "salt-and-pepper")


BAD = [
    ("--cases cubic", "cubic"),
    ("--cases", "cases is (): expected at least one"),
    ("--cases pca pca", "expected at least one, each once"),
    ("--code-sizes 2 2", "code_sizes is (2, 2): expected each once"),
    ("--cases deep --latent-size 0", "the code has 0 numbers: expected 1 to 64"),
    ("--cases deep --latent-size 65", "the code has 65 numbers: expected 1 to 64"),
    ("--cases pca --latent-size 65", "the code has 65 numbers: expected 1 to 64"),
    ("--cases logistic-pca --latent-size 0", "the code has 0 numbers"),
    ("--cases sparse --feature-size 65", "the code has 65 numbers"),
    ("--cases deep --code-sizes 65", "the code has 65 numbers"),
    ("--code-sizes 0", "code_sizes is 0: expected 1 or more"),
    ("--hidden-sizes 5 0", "hidden_sizes is 0: expected 1 or more"),
    ("--variational-sizes", "variational_sizes is (): expected"),
    ("--variational-sizes 5 0", "variational_sizes is 0"),
    ("--likelihood-samples 0", "likelihood_samples is 0: expected 1 or more"),
    ("--noise 1", "noise is 1.0: expected a share"),
    ("--noise -0.1", "noise is -0.1: expected a share"),
    ("--noise nan", "noise is nan: expected a finite number"),
    ("--sparsity 0", "sparsity is 0.0: expected a share"),
    ("--sparse-weight -1", "sparse_weight is -1.0"),
    ("--contractive-weight inf", "contractive_weight is inf"),
    ("--learning-rate 0", "learning_rate is 0.0"),
    ("--logistic-steps -1", "logistic_steps is -1"),
    ("--likelihood poisson", "poisson"),
    ("--cases deep --batch-size 5000", "batch_size is 5000: expected at most"),
]


@pytest.mark.parametrize(("flags", "said"), BAD)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())
