"""The sweep over methods, at toy size, as a user starts it."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxdl.ledger.published import SYSTEMS, read_published
from jaxdl.ledger.rows import protocol_differences
from jaxdl.ledger.schema import read_results
from jaxdl.measures.statistics import welch_ci95
from jaxdl.systems.gan_modes import methods
from jaxdl.systems.gan_modes.data import ring
from jaxdl.systems.gan_modes.networks import pacgan
from jaxdl.systems.gan_modes.protocols import modes_protocols
from jaxdl.systems.gan_modes.report import differences
from jaxdl.train.runner import check_step

ROOT = Path(__file__).resolve().parents[3]
TOY = (
    "--methods pacgan --steps 2 --seeds 2 --batch-size 8 --block-steps 1 "
    "--eval-every 2 --executor vmap"
).split()


@pytest.fixture(scope="module")
def script(load_script):
    """With networks of a few units."""
    module = load_script(ROOT / "experiments" / "gan_modes.py")

    def small(pack, **options):
        return pacgan(pack, gen_size=8, disc_size=4, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "pacgan", small)
        yield module


@pytest.fixture(scope="module")
def folder(script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes") / "run"
    assert script.main([*TOY, "--out", str(folder)]) == 0
    return folder


def test_a_result_beside_its_published_figure(folder):
    figures = read_published(SYSTEMS / "gan_modes" / "published.json")
    cases = read_results(folder / "result.json")
    assert list(cases) == ["result.json: pacgan2"]
    (case,) = cases.values()
    metrics = case["metrics"]
    assert metrics.keys() == {"modes", "high_quality", "reverse_kl"}
    for name, kind in (("modes", "modes"), ("high_quality", "quality")):
        figure = figures[metrics[name]["published"]]
        assert figure.id == f"pacgan-ring-2-{kind}"
        ours, values = metrics[name]["protocol"], metrics[name]["per_seed"]
        assert ours.keys() == figure.protocol.keys()
        error = np.std(values, ddof=1) / np.sqrt(2)
        np.testing.assert_allclose(ours["standard_error"], error, rtol=0.05)
        differing = protocol_differences(figure.protocol, ours)
        fields = {text.partition(":")[0] for text in differing}
        assert fields == {"batch size", "steps", "trained on", "statistics"}
    assert "published" not in metrics["reverse_kl"]
    assert len(case["remarks"]["health"]) == 2  # a verdict a seed


def test_each_method_and_each_size_of_pack_is_a_case(script):
    cfg = script.Config(methods=("wgan_gp", "pacgan"), packs=(2, 3))
    cases = script.plan(cfg).work.cases
    found = {
        name: (case.config.methods, case.config.packs) for name, case in cases.items()
    }
    assert found == {
        "wgan_gp": (("wgan_gp",), (1,)),
        "pacgan2": (("pacgan",), (2,)),
        "pacgan3": (("pacgan",), (3,)),
    }


@pytest.mark.parametrize("target", ["ring", "grid"])
def test_at_full_size_the_steps_and_what_the_script_says_differ(script, target):
    figures = read_published(SYSTEMS / "gan_modes" / "published.json")
    for method, pack in (("gan", 1), ("pacgan", 2), ("pacgan", 3), ("pacgan", 4)):
        cfg = script.Config(target=target, methods=(method,), packs=(pack,))
        for protocol in list(modes_protocols(cfg).values())[:2]:
            figure = figures[protocol.pop("published")]
            assert figure.system.endswith("GAN" if pack == 1 else f"PacGAN{pack}")
            protocol["standard_error"] = 0.1
            differing = protocol_differences(figure.protocol, protocol)
            fields = {text.partition(":")[0] for text in differing}
            assert fields == {"steps", "trained on", "statistics"}


def test_the_differences_from_the_gan():
    def result(values):
        return {"metrics": {"modes": {"per_seed": values}}}

    gan, packed = [17.0, 18.0, 16.0], [23.0, 25.0, 24.0]
    found = differences({"gan": result(gan), "pacgan2": result(packed)})
    _, low, high = welch_ci95(packed, gan)
    end = f"95 % [{low:+.3g}, {high:+.3g}] (Welch)"
    assert found == [f"pacgan2 - gan, modes: +7, {end}"]
    one = {"gan": result([17.0]), "pacgan2": result([16.0])}
    assert differences(one) == ["pacgan2 - gan, modes: -1"]
    assert differences({"pacgan2": result(packed)}) == []


def test_the_figures(folder):
    paths = {path.stem: path for path in (folder / "figures").iterdir()}
    assert paths.keys() == {"training", "seeds", "coverage"}
    for path in paths.values():
        with Image.open(path) as picture:
            assert picture.width == 1000 and picture.height < 1500
            assert np.asarray(picture.convert("L")).std() > 5


@pytest.mark.parametrize("method", ["unrolled", "wgan_gp", "minibatch"])
def test_the_other_methods(script, method):
    """A step of each is traced only."""
    cfg = script.Config(methods=(method,), packs=(1,), batch_size=5)
    experiment = script.make_experiment(cfg, ring())
    check_step(experiment, ring(), cfg)
    assert "published" not in experiment.protocols["modes"]
    batch = experiment.batch(ring(), jax.random.key(0), 0)
    assert batch.shape == ((5 if method == "wgan_gp" else 1), 5, 2)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--packs 0", "packs has 0: expected 1 or more points"),
        ("--methods pacgan --packs 2 -1", "packs has -1: expected 1 or more"),
        ("--packs", "packs is (): expected at least one"),
        ("--methods gan gan", "expected at least one, each once"),
        ("--methods vae", "vae"),
        ("--target line", "line"),
        ("--learning-rate 0", "learning_rate is 0.0"),
    ],
)
def test_bad_input(script, flags, said, refused):
    assert said in refused(script.main, flags.split())
