"""Work is built and compiled once; its steps lower for machines that are not there."""

import dataclasses

import jax
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.train import programs
from jaxdl.train.experiment import Case, Phase, Plan, Sweep
from jaxdl.train.run import run
from jaxdl.train.step import make_uniform_batch

DATA = examples()


def make_counting(counts):
    """A work as a function, which counts how often it is built and traced."""

    def make(cfg, data):
        counts["built"] = counts.get("built", 0) + 1
        assert cfg.seed == 0 and cfg.seeds == 1  # no program depends on them
        experiment = make_experiment(cfg)

        def step(state, batch):
            counts["traced"] = counts.get("traced", 0) + 1
            return experiment.step(state, batch)

        return experiment._replace(step=step)

    return make


def test_a_second_run_builds_and_compiles_nothing(tmp_path):
    counts = {}
    make = make_counting(counts)
    cfg = Config(steps=20, executor="sequential", out=tmp_path / "one")
    first = run("toy", make, DATA, cfg)
    before = dict(counts)
    assert before["built"] == 1
    # Another seed, more seeds, other intervals: the same programs.
    cfg = dataclasses.replace(cfg, seed=1, seeds=2, save_every=20, out=tmp_path / "two")
    second = run("toy", make, DATA, cfg)
    # `check_step` traces a step each time; nothing else does.
    assert counts == {"built": 1, "traced": before["traced"] + 1}
    assert first.result["state_sha256"] != second.result["state_sha256"]


@pytest.mark.parametrize("change", ["flag", "data", "function"])
def test_what_is_another_program_is_built_anew(change, tmp_path):
    counts = {}
    make, cfg, data = make_counting(counts), Config(steps=1, out=tmp_path / "a"), DATA
    run("toy", make, data, cfg)
    cfg = dataclasses.replace(cfg, out=tmp_path / "b")
    if change == "flag":
        cfg = dataclasses.replace(cfg, learning_rate=0.5)
    elif change == "data":
        data = dataclasses.replace(DATA, checksum="1" * 64)
    else:
        make = make_counting(counts)
    run("toy", make, data, cfg)
    assert counts["built"] == 2


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(programs, "CACHED", 2)
    monkeypatch.setattr(programs, "_works", programs.collections.OrderedDict())
    counts = {}
    make = make_counting(counts)
    for rate in (1.0, 2.0, 3.0, 1.0, 3.0):
        programs.built(make, Config(learning_rate=rate), DATA)
    assert counts["built"] == 4 and len(programs._works) == 2


def test_trainings_of_a_tree():
    cfg = Config(steps=3)
    phases = [
        Phase("one", 1, make_experiment(cfg)),
        Phase("two", 2, make_experiment(cfg)),
    ]
    cases = {
        "a": Case(cfg, make_experiment(cfg)),
        "b": Case(cfg, lambda cfg, data: phases),
    }
    found = dict(programs.trainings(Sweep(cases), DATA, cfg))
    assert [phase.steps for phase in found["a"]] == [3]
    assert found["b"] is phases


def test_steps_lower_for_every_platform():
    cfg = Config(steps=3)
    phases = [
        Phase("one", 1, make_experiment(cfg)),
        Phase("two", 2, make_experiment(cfg)),
    ]
    lowered = programs.lower_steps(Plan("toy", phases, DATA, cfg))
    assert list(lowered) == ["one", "two"]
    for exported in lowered.values():
        assert set(exported.platforms) == {"cpu", "cuda", "tpu"}


def test_a_step_that_cannot_be_lowered_is_seen():
    experiment = make_experiment(Config(steps=3))

    def step(state, batch):
        state, metrics = experiment.step(state, batch)
        form = jax.typeof(metrics["loss"])
        loss = jax.pure_callback(lambda x: x, form, metrics["loss"])
        return state, {"loss": float(loss)}

    plan = Plan("toy", experiment._replace(step=step), DATA, Config(steps=3))
    with pytest.raises(jax.errors.ConcretizationTypeError):
        programs.lower_steps(plan)


def test_equal_batches_are_one_function():
    one, two = make_uniform_batch(4), make_uniform_batch(4)
    assert one == two and hash(one) == hash(two) and one != make_uniform_batch(5)
