"""A stopping rule of the experiment's own: steps are skipped, and not a bit differs."""

import json
import os
import signal

import jax
import jax.numpy as jnp
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.train.run import run
from jaxdl.train.seeds import seed_keys

DATA = examples()
FIELDS = dict(steps=60, seeds=2, eval_every=20, log_every=5, block_steps=10)
LAST = 23  # the step with which the toy is done


def make(cfg, **changes):
    """The toy, which stands still after `LAST` steps."""
    plain = make_experiment(cfg)

    def step(state, batch):
        new, metrics = plain.step(state, batch)
        return jax.tree.map(
            lambda old, new: jax.lax.select(state.count < LAST, new, old), state, new
        ), metrics

    return plain._replace(step=step, **changes)


@pytest.fixture(scope="module", params=["sequential", "vmap"])
def untouched(request, tmp_path_factory):
    """A run that takes all its steps, although nothing changes any more."""
    folder = tmp_path_factory.mktemp("untouched") / "run"
    cfg = Config(**FIELDS, executor=request.param, out=folder)
    experiment = make(cfg)
    return run("toy", experiment, DATA, cfg), request.param


def is_done(state):
    return state.count == LAST


def stop_at(count, experiment):
    """The experiment, interrupted once in the evaluation of states that old."""
    sent = []

    def evaluate(state, data, key, final):
        if state.count == count and not sent:
            sent.append(count)
            os.kill(os.getpid(), signal.SIGTERM)
        return experiment.evaluate(state, data, key, final)

    return experiment._replace(evaluate=evaluate)


def test_it_ends_in_the_bits_of_all_steps(untouched, tmp_path):
    record, executor = untouched
    cfg = Config(**FIELDS, executor=executor, out=tmp_path / "run")
    experiment = make(cfg, done=is_done)
    if executor == "sequential":  # interrupted on the way
        assert run("toy", stop_at(20, experiment), DATA, cfg).exit_code == 143
    found = run("toy", experiment, DATA, cfg)
    assert found.exit_code == 0
    assert found.result["state_sha256"] == record.result["state_sha256"]
    assert found.result["metrics"] == record.result["metrics"]
    assert found.result["steps"] == 60
    lines = [json.loads(x) for x in (cfg.out / "metrics.jsonl").open()]
    # The block that ends with step 30 was the last one.
    assert [x["step"] for x in lines if "train" in x] == [1, 5, 10, 15, 20, 25, 30]
    assert [x["step"] for x in lines if "eval" in x] == [20, 60]


def test_all_seeds_must_be_done(tmp_path):
    """One that never is keeps the run going."""
    cfg = Config(**FIELDS, executor="sequential", out=tmp_path / "run")
    experiment = make(cfg)
    first = experiment.init(seed_keys(0).init, None, None)

    def init(key, data, previous):  # the second seed begins late
        state = experiment.init(key, data, previous)
        same = jnp.array_equal(state.weights, first.weights)
        return state._replace(count=jnp.where(same, 0, -100))

    changed = experiment._replace(init=init, done=is_done)
    record = run("toy", changed, DATA, cfg)
    assert record.history.train.steps[-1] == 60
    assert [int(state.count) for state in record.states] == [LAST, -40]


def test_a_field_of_a_protocol_that_the_end_decides(tmp_path):
    cfg = Config(steps=0, seeds=2, out=tmp_path / "run")
    protocols = {"error": {"rule": "fixed", "low": lambda v: f"{len(v['error'])} of 2"}}
    experiment = make_experiment(cfg, protocols=protocols)
    record = run("toy", experiment, DATA, cfg)
    assert record.result["metrics"]["error"]["protocol"] == {
        "rule": "fixed",
        "low": "2 of 2",
    }
