"""Memory that a run needs, told before any is allocated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_experiment import Config, Examples, examples, make_experiment

from jaxdl import memory
from jaxdl.adversarial.networks import mlp_gan
from jaxdl.adversarial.sampler import make_sampler
from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks
from jaxdl.memory import array_bytes, largest_bytes, memory_bytes
from jaxdl.train import runner
from jaxdl.train.runner import check_step, run

DATA = examples()


def test_bytes_of_trees():
    tree = {"a": jnp.zeros((3, 5)), "b": [jnp.zeros(7, jnp.bfloat16), None, 3.0]}
    assert array_bytes(tree) == 60 + 14
    assert array_bytes(jax.eval_shape(lambda: tree["a"])) == 60


def in_a_loop(x):
    def body(carry, row):
        return carry, jnp.outer(row, row) @ row

    return jax.lax.scan(body, 0.0, x)[1].sum()


def in_a_while(x):
    """Its carry alone is large: nothing is multiplied as a matrix."""
    square = x[0][:, None] * x[0][None]
    return jax.lax.while_loop(lambda s: s[0, 0] < 5, lambda s: s + 1, square).sum()


def in_a_branch(x):
    return jax.lax.cond(x[0, 0] > 0, lambda: x.T @ x, lambda: jnp.zeros((20, 20)))


@pytest.mark.parametrize(
    "fn, largest",
    [
        (lambda x: jnp.broadcast_to(x, (99, 4, 20)).sum(), 0),
        (lambda x: (x.T @ x).sum(), 4 * 400),
        (lambda x: (x @ x.T).sum(), 4 * 80),  # an argument of the product
        (jax.jit(lambda x: (x.T @ x).sum()), 4 * 400),
        (in_a_loop, 4 * 400),
        (in_a_while, 4 * 400),
        (in_a_branch, 4 * 400),
        (lambda x: jax.lax.scan(lambda c, _: (c, x), 0.0, length=9)[1], 4 * 720),
    ],
    ids=["broadcast", "product", "argument", "jit", "loop", "while", "branch"]
    + ["stacked"],
)
def test_the_largest_array_of_a_function(fn, largest):
    traced = jax.make_jaxpr(fn)(jnp.zeros((4, 20)))
    assert largest_bytes(traced.jaxpr) == largest


def test_this_machine_has_some():
    assert 1e8 < memory_bytes() < 1e14


@pytest.mark.parametrize("text, limit", [("5000\n", 5000), ("max\n", None)])
def test_a_container_has_less(monkeypatch, tmp_path, text, limit):
    (tmp_path / "memory.max").write_text(text)
    whole = memory_bytes()
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory_bytes() == (limit or whole)


def test_a_container_of_an_older_kernel_has_less(monkeypatch, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("7000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory_bytes() == 7000


WEIGHTS = 4 * 16 * 16 * 3  # and Adam's two moments
LARGE = 200_000


def large_batch(data, key, step):
    return {name: jnp.zeros((LARGE, 16)) for name in ("x", "y")}


def small_batch(data, key, step):
    return {name: jnp.zeros((4, 16)) for name in ("x", "y")}


@pytest.mark.parametrize(
    "flags, batch, needed",
    [
        ({}, large_batch, 4 * LARGE * 16),
        ({"seeds": 1000}, small_batch, 1000 * WEIGHTS),
        ({"seeds": 8, "executor": "vmap"}, large_batch, 8 * 4 * LARGE * 16),
        (
            {"steps": 10**9, "block_steps": 10**5, "seeds": 8},
            small_batch,
            4 * 10**5 * 8,
        ),
    ],
    ids=["batch", "seeds", "together", "block"],
)
def test_what_does_not_fit_is_refused(tmp_path, monkeypatch, flags, batch, needed):
    cfg = Config(**flags, out=tmp_path / "run")
    experiment = make_experiment(cfg, batch=batch)
    other = 10**6 + 4 * LARGE * 16 * (batch is large_batch)
    monkeypatch.setattr(memory, "memory_bytes", lambda: int(1.1 * needed) + other)
    check_step(experiment, DATA, cfg)
    monkeypatch.setattr(memory, "memory_bytes", lambda: int(0.9 * needed))
    # A check that does not refuse must end here, not with all those seeds in memory.
    monkeypatch.setattr(runner, "open_folder", lambda *args: pytest.fail("begun"))
    with pytest.raises(InputError, match=r"needs at least .* GB of memory and has"):
        run("toy", experiment, DATA, cfg)
    assert not cfg.out.exists()


def test_data_count_too(monkeypatch):
    """Together with the batch, which is as large as 10 MB."""
    form = jax.ShapeDtypeStruct((10**7, 16), "float32")
    data = Examples({"x": form, "y": form})
    cfg = Config()
    experiment = make_experiment(cfg, batch=large_batch)
    needed = 2 * 4 * 16 * 10**7
    monkeypatch.setattr(memory, "memory_bytes", lambda: needed + 4 * 10**7)
    check_step(experiment, data, cfg)
    monkeypatch.setattr(memory, "memory_bytes", lambda: needed)
    with pytest.raises(InputError, match=r"needs at least 1\.3 GB of memory and has"):
        check_step(experiment, data, cfg)


def test_chunks_that_do_not_fit_together_are_refused_at_the_first(monkeypatch):
    calls = []

    def fn(rows):
        calls.append(rows)
        return rows

    rows = np.zeros((1000, 25), np.float32)
    monkeypatch.setattr(memory, "memory_bytes", lambda: 100_000)
    assert in_chunks(fn, rows, size=10).shape == (1000, 25) and len(calls) == 100
    monkeypatch.setattr(memory, "memory_bytes", lambda: 99_999)
    with pytest.raises(InputError, match="needs at least"):
        in_chunks(fn, rows, size=10)
    assert len(calls) == 101


@pytest.mark.parametrize("draw", ["pixels", "images"])
def test_images_that_do_not_fit_are_not_drawn(monkeypatch, draw):
    """Their latents alone would take what there is."""
    generator = mlp_gan(16).generator
    sampler = make_sampler(generator, 100, (4, 4, 1))
    params = jax.eval_shape(generator.init, jax.random.key(0))
    with pytest.raises(InputError, match="needs at least 928 GB"):
        getattr(sampler, draw)(params, jax.random.key(0), 2 * 10**9)


def test_an_unknown_amount_refuses_nothing(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: None)
    memory.require_memory(10**30)
