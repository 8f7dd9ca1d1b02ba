"""The sweep over targets and generators, at toy size, as a user starts it."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl.adversarial.losses import minimax_generator_loss
from jaxdl.systems.gan_theory import measures as gan_theory
from jaxdl.systems.gan_theory import training
from jaxdl.systems.gan_theory.data import annulus
from jaxdl.train.runner import check_step

ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--targets annulus --generators flow mlp likelihood --steps 4 --seeds 2 "
    "--batch-size 8 --disc-steps 2 --hidden-size 4 --num-layers 2 --block-steps 2 "
    "--eval-every 2 --log-every 1"
).split()


@pytest.fixture(scope="module")
def script(load_script):
    """With one grid, a small one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan_theory, "GRIDS", ((2, 80),))
        yield load_script(ROOT / "experiments" / "gan_theory.py")


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("theory") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


def test_the_bound_holds_for_every_seed(folder):
    cases = json.loads((folder / "result.json").read_text())["cases"]
    assert list(cases) == ["annulus-flow", "annulus-mlp", "annulus-likelihood"]
    found = {k: v["per_seed"] for k, v in cases["annulus-flow"]["metrics"].items()}
    assert all(gap >= 0 for gap in found["gap"])
    assert all(attained < 1e-6 for attained in found["attained"])
    assert found["covered"] == [1, 1]
    np.testing.assert_allclose(found["bound"], 2 * np.array(found["jsd"]) - np.log(4))
    assert "jsd" not in cases["annulus-mlp"]["metrics"]  # estimates are named so
    assert "jsd_estimate" in cases["annulus-mlp"]["metrics"]
    assert "jsd" in cases["annulus-likelihood"]["metrics"]
    assert "remarks" in cases["annulus-flow"]


def test_the_figures(folder):
    paths = {path.name: path for path in (folder / "figures").iterdir()}
    names = {f"annulus-{name}.png" for name in ("training", "maps", "others")}
    assert paths.keys() == names | {"annulus-animation.gif"}
    for path in paths.values():
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    with Image.open(paths["annulus-animation.gif"]) as animation:
        assert animation.n_frames == 2 and animation.width == 450


def test_a_step_at_full_size(script):
    """Traced only; no figure is published for the value of a trained net."""
    for kind in ("flow", "mlp", "likelihood"):
        cfg = script.Config(targets=("annulus",), generators=(kind,))
        experiment = script.make_experiment(cfg, annulus())
        check_step(experiment, annulus(), cfg)
        measured = "jsd_estimate" if kind == "mlp" else "jsd"
        assert experiment.protocols.keys() == {measured}
        assert "published" not in experiment.protocols[measured]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--targets", "targets is (): expected at least one"),
        ("--generators flow flow", "expected at least one, each once"),
        ("--num-layers 1", "num_layers is 1: expected 2 or more"),
        ("--disc-steps 0", "disc_steps is 0: expected 1 or more"),
        ("--gen-learning-rate nan", "gen_learning_rate is nan"),
        ("--targets square", "square"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())


def test_a_game_has_the_losses_of_its_theory(script, monkeypatch):
    """log(1 - D(G(z))) for the generator, and points of the plane as they are."""
    seen = []

    def make_gan_losses(*args, **options):
        seen.append(options)
        return abs, abs

    monkeypatch.setattr(training, "make_gan_losses", make_gan_losses)
    for generator in ("flow", "mlp"):
        flags = dict(targets=("annulus",), num_layers=2, hidden_size=4)
        cfg = script.Config(generators=(generator,), **flags)
        training.make_game(cfg, annulus())
    for options in seen:
        assert options["generator_loss"] is minimax_generator_loss
        assert options["real"]("points") == "points"
    assert len(seen) == 2


def test_the_data_stands_for_all_targets(script):
    names = [
        script.plan(script.Config(targets=targets)).data.name
        for targets in (("annulus",), ("annulus", "two_moons"))
    ]
    assert names == ["annulus", "annulus-two_moons"]


def test_each_step_has_points_of_its_own():
    def draw(key, num):
        words = jax.random.key_data(key).astype(float)
        return jnp.tile(words[None], (num, 1))

    batch = training.make_batch(dataclasses.replace(annulus(), draw=draw), 3, 4)
    key = jax.random.key(0)
    for step in (0, 7):
        found = batch(None, key, step)
        words = jax.random.key_data(jax.random.fold_in(key, step)).astype(float)
        assert found.shape == (3, 4, 2) and (found == words[None, None]).all()
