"""A stopping rule of the experiment's own: steps are skipped, and not a bit differs."""

import json
import os
import signal

import jax
import pytest
from toy_experiment import Config, examples, make_experiment

from jaxdl.train.runner import run

DATA = examples()
FIELDS = dict(steps=60, seeds=2, eval_every=20, log_every=5, block_steps=10)
LAST = 23  # the step with which the toy is done


def make():
    """The toy, which stands still after `LAST` steps."""
    plain = make_experiment(Config(**FIELDS))

    def step(state, batch):
        new, metrics = plain.step(state, batch)
        return jax.tree.map(
            lambda old, new: jax.lax.select(state.count < LAST, new, old), state, new
        ), metrics

    return plain._replace(step=step)


EXPERIMENT = make()


@pytest.fixture(scope="module", params=["sequential", "vmap"])
def untouched(request, tmp_path_factory):
    """A run that takes all its steps, although nothing changes any more."""
    folder = tmp_path_factory.mktemp("untouched") / "run"
    cfg = Config(**FIELDS, executor=request.param, out=folder)
    return run("toy", EXPERIMENT, DATA, cfg), request.param


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
    experiment = EXPERIMENT._replace(done=is_done)
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


def test_all_seeds_must_be_done(untouched, tmp_path):
    """One that never is keeps the run going."""
    record, executor = untouched
    cfg = Config(**FIELDS, executor=executor, out=tmp_path / "run")
    last = record.states[1].weights[0, 0]

    def done(state):
        return is_done(state) & (state.weights[0, 0] != last)

    found = run("toy", EXPERIMENT._replace(done=done), DATA, cfg)
    assert found.history.train.steps[-1] == 60
    assert found.result["state_sha256"] == record.result["state_sha256"]


def test_a_field_of_a_protocol_that_the_end_decides(tmp_path):
    cfg = Config(steps=0, seeds=2, out=tmp_path / "run")
    protocols = {"error": {"rule": "fixed", "low": lambda v: f"{len(v['error'])} of 2"}}
    experiment = make_experiment(cfg, protocols=protocols)
    record = run("toy", experiment, DATA, cfg)
    assert record.result["metrics"]["error"]["protocol"] == {
        "rule": "fixed",
        "low": "2 of 2",
    }
