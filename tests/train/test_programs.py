"""Work is built and compiled once; its steps lower for machines that are not there."""

import dataclasses

import jax
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.train import programs
from jaxdl.train.experiment import Case, Phase, Plan, Sweep
from jaxdl.train.runner import run
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


@pytest.fixture
def compilations():
    """Durations of XLA's compilations, from here on."""
    found = []

    def listen(event, seconds, **_):
        if event.endswith("backend_compile_duration"):
            found.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("executor", ["sequential", "vmap"])
def test_xla_compiles_nothing_for_a_second_run(tmp_path, compilations, executor):
    """Not even for several trainings with a stopping rule each."""

    def make(cfg, data):
        experiment = make_experiment(cfg)
        step, evaluate = experiment.step, jax.jit(experiment.evaluate, static_argnums=3)
        return experiment._replace(
            step=lambda state, batch: step(state, batch),  # its own program
            evaluate=evaluate,
            done=lambda state: state.count >= cfg.steps,
        )

    cfg = Config(steps=2, seeds=2, executor=executor)
    cases = {}
    for i in range(3):
        case = dataclasses.replace(cfg, batch_size=i + 1)
        cases[f"case-{i}"] = Case(case, make)
    for name in ("one", "two"):
        count = len(compilations)
        config = dataclasses.replace(cfg, out=tmp_path / name)
        run("toy", Sweep(cases), DATA, config)
        compiled = len(compilations) - count
        assert compiled >= 3 if name == "one" else compiled == 0


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
    monkeypatch.setattr(programs, "_cache", programs.collections.OrderedDict())
    counts = {}
    make = make_counting(counts)
    for rate in (1.0, 2.0, 3.0, 1.0, 3.0):
        programs.built(make, Config(learning_rate=rate), DATA)
    assert counts["built"] == 4 and len(programs._cache) == 2


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
    found = {t.path: t for t in programs.trainings(Sweep(cases), DATA, cfg)}
    assert [phase.steps for phase in found["a"].phases] == [3]
    assert found["b"].phases is phases
    nested = {"s": Case(cfg, Sweep(cases))}
    paths = [t.path for t in programs.trainings(Sweep(nested), DATA, cfg)]
    assert paths == ["s/a", "s/b"]


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


def test_cases_lower_with_batches_of_their_own_size():
    cfg = Config(steps=3)
    experiment = make_experiment(cfg)._replace(batch=None)
    small = dataclasses.replace(cfg, batch_size=2)
    sweep = Sweep({"all": Case(cfg, experiment), "two": Case(small, experiment)})
    lowered = programs.lower_steps(Plan("toy", sweep, DATA, cfg), platforms=["tpu"])
    assert "tensor<8x16xf32>" in lowered["all"].mlir_module()
    assert "tensor<8x16xf32>" not in lowered["two"].mlir_module()
    assert "tensor<2x16xf32>" in lowered["two"].mlir_module()


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


def test_configurations_of_two_types_are_two_works():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Other(Config):
        """The same fields of another task."""

    seen = []

    def make(cfg, data):
        seen.append(type(cfg))
        return make_experiment(Config())

    for cfg in (Config(), Other()):
        programs.built(make, cfg, DATA)
    assert seen == [Config, Other]
