"""Generative against discriminative models at toy size, as a user starts it."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.data import load_images
from jaxdl.ledger.published import all_published
from jaxdl.ledger.rows import ledger_rows
from jaxdl.systems.generative_vs_discriminative import cases

ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--cases distributions clusters images --seeds 2 --sizes 4 16 64 --draws 3 "
    "--inputs 3 --samples 40"
).split()
CURVES = ("clusters", "images")
FIGURES = {"die", "people", "images", "boundaries", "learning_curves"}


@pytest.fixture(scope="module")
def script(load_script):
    return load_script(ROOT / "experiments" / "generative_vs_discriminative.py")


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generative") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def result(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_result_for_each_case(result, script):
    assert tuple(result["cases"]) == ("distributions", *CURVES)
    assert result["seeds"] == [0, 1]
    known = result["cases"]["distributions"]["metrics"]
    assert known["image_nats"]["mean"] < known["image_sample_nats"]["mean"]
    assert known["image_nats"]["protocol"]["fitted_to"] > 100
    for name in CURVES:
        metrics = result["cases"][name]["metrics"]
        for model in cases.MODELS:
            first, last = (metrics[f"{model}_{end}"] for end in ("first", "last"))
            assert 0 <= last["mean"] <= first["mean"] <= 60
            assert len(set(last["per_seed"])) == 2  # seeds draw sets of their own
            assert last["protocol"]["training_points"] == 64
        found = metrics["naive_bayes_crossing"]
        missing = metrics["naive_bayes_crossed"]["per_seed"].count(0)
        assert found["protocol"]["without"] == f"{missing} of 2 seeds"
        assert all(4 <= size <= 64 for size in found["per_seed"])
    assert result["cases"]["images"]["metrics"]["logistic_last"]["mean"] < 15


def test_figures(folder):
    paths = list((folder / "figures").iterdir())
    assert {path.stem for path in paths} == FIGURES
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width == 1000
            assert np.asarray(picture.convert("L")).std() > 5


def test_second_call_repeats_nothing(script, folder):
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("result.json")}
    assert script.main([*TOY, "--out", str(folder)]) == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_ledger_rows_of_the_toy(folder, tmp_path):
    (tmp_path / "toy.json").write_text((folder / "result.json").read_text())
    rows = ledger_rows(tmp_path, all_published())
    metrics = {row.metric for row in rows if row.files}
    assert metrics > {"die_kl", "logistic_last", "naive_bayes_crossing"}


def test_many_points_reach_what_a_model_can(script):
    """Where the form is right that is the lowest error of all."""
    problem = cases.two_classes.computed_problem("correlated", 2)
    x, labels = problem.draw(jax.random.key(0), 20_000)
    options = dict(ridge=1e-6, penalty=1e-3)
    lines = cases.fit_lines(x, labels, jnp.ones(20_000), **options)
    errors = {name: float(problem.error(*line)) for name, line in lines.items()}
    for name in ("logistic", "discriminant"):
        assert errors[name] == pytest.approx(problem.lowest, abs=0.001)
    # Means 0.7 from the line and deviation 1: Phi(-0.7).
    assert errors["naive_bayes"] == pytest.approx(0.242, abs=0.01)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--cases moons", "moons"),
        ("--cases", "cases is (): expected at least one"),
        ("--cases images images", "expected at least one, each once"),
        ("--digit 10", "a class of images is 10: expected 0 to 9"),
        ("--pair 2 -1", "a class of images is -1: expected 0 to 9"),
        ("--pair 3 3", "pair is (3, 3): expected two different classes"),
        ("--sizes 2 8", "a training size is 2: expected even numbers from 4 on"),
        ("--sizes 8 9", "a training size is 9: expected even numbers from 4 on"),
        ("--sizes 8", "sizes is (8,): expected two or more, rising"),
        ("--sizes 8 8", "sizes is (8, 8): expected two or more, rising"),
        ("--sizes 8 512 1024", "expected at least two of 2"),
        ("--inputs 1", "inputs is 1: expected 2 or more"),
        ("--draws 0", "draws is 0: expected 1 or more"),
        ("--samples 2", "samples is 2: expected 3 or more"),
        ("--ridge 0", "ridge is 0.0: expected a finite number above 0"),
        ("--penalty nan", "penalty is nan: expected a finite number"),
        ("--image-ridge -1", "image_ridge is -1.0: expected a finite number above 0"),
        ("--steps 5", "5"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_the_gaussian_is_measured_on_images_that_it_has_not_seen(script, monkeypatch):
    seen = {}

    def make_distributions_evaluate(*args, **options):
        seen.update(options)
        return lambda state, data, key, final: {}

    monkeypatch.setattr(
        cases.distributions, "make_distributions_evaluate", make_distributions_evaluate
    )
    data = load_images("digits")
    cases.make_distributions(script.Config(digit=7), data)
    splits = [
        np.asarray(split.image)[np.asarray(split.label) == 7].reshape(-1, 64) / 255
        for split in (data.train, data.validation, data.test)
    ]
    np.testing.assert_allclose(seen["images"], splits[0], rtol=1e-6)
    held_out = np.concatenate(splits[1:])
    np.testing.assert_allclose(seen["held_out"], held_out, rtol=1e-6)


def test_images_are_drawn_in_the_form_of_the_data(script, monkeypatch):
    monkeypatch.setattr(script, "generative_figures", lambda records, image: image)
    plan = script.plan(script.Config())
    assert plan.work.figures({}) == (8, 8, 1) == plan.data.train.image.shape[1:]
