"""Many seeds at once: one after the other, or along a vectorised axis.

Each seed owns one key. What a run draws comes from separate folds of it, so that no
interval of evaluation or saving can change what training draws.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import BatchFn, InitFn, PRNGKey, State, StepFn

ExecutorName = Literal["sequential", "vmap"]

# FLOP of one step of all seeds together up to which `vmap` was measured to win on CPU
# (benchmarks/executors.py).
VMAP_FLOP = 7e8


class SeedKeys(NamedTuple):
    """The separate folds of a seed's key.

    Attributes:
      init: for the initial state, which carries on with it in training.
      batch: for choosing minibatches.
      evaluate: for evaluations.
      figures: for what is drawn after the run.
    """

    init: PRNGKey
    batch: PRNGKey
    evaluate: PRNGKey
    figures: PRNGKey


def seed_keys(seed: int, phase: int = 0) -> SeedKeys:
    """The keys of one seed; each phase of a run has its own."""
    key = jax.random.key(seed)
    if phase:
        key = jax.random.fold_in(key, 4 + phase)  # 0 to 4 are folds of the seed's own
    return SeedKeys(*(jax.random.fold_in(key, i) for i in range(4)))


class Executor(NamedTuple):
    """Functions that hold the states of several seeds and advance them.

    Attributes:
      init: `init(keys, data, previous) -> states`, with one key a seed.
      advance: `advance(states, data, keys, step, length) -> (states, metrics)`,
        `length` compiled steps from number `step` on. The buffers of `states` are
        donated.
      fetch: `fetch(metrics) -> {name: array [seed, step of the block]}`, on the host.
      split: `split(states) -> [state of each seed]`.
    """

    init: Callable[..., Any]
    advance: Callable[..., tuple[Any, Any]]
    fetch: Callable[[Any], dict[str, np.ndarray]]
    split: Callable[[Any], list[Any]]


def scan_block(batch_fn: BatchFn, step_fn: StepFn) -> Callable[..., tuple[State, Any]]:
    """`length` training steps as one pure function, to be compiled by its caller."""

    def block(state, data, key, first, *, length):
        def body(state, step):
            return step_fn(state, batch_fn(data, key, step))

        return jax.lax.scan(body, state, first + jnp.arange(length, dtype=jnp.int32))

    return block


def make_executor(
    name: ExecutorName, init_fn: InitFn, batch_fn: BatchFn, step_fn: StepFn
) -> Executor:
    """The executor of that name (`jaxdl.train.programs.executor_of` remembers it)."""
    block = scan_block(batch_fn, step_fn)
    if name == "sequential":
        init_one = jax.jit(init_fn)
        advance_one = jax.jit(block, static_argnames="length", donate_argnums=0)

        def init(keys, data, previous):
            previous = previous or [None] * len(keys)
            pairs = zip(keys, previous, strict=True)
            return [_owned(init_one(key, data, earlier)) for key, earlier in pairs]

        def advance(states, data, keys, step, length):
            results = [
                advance_one(state, data, key, step, length=length)
                for state, key in zip(states, keys, strict=True)
            ]
            return [state for state, _ in results], [metrics for _, metrics in results]

        def fetch(metrics):
            return {name: np.stack([m[name] for m in metrics]) for name in metrics[0]}

        return Executor(init, advance, fetch, list)

    def batched_block(states, data, keys, first, *, length):
        one = functools.partial(block, length=length)
        return jax.vmap(one, in_axes=(0, None, 0, None))(states, data, keys, first)

    init_all = jax.jit(jax.vmap(init_fn, in_axes=(0, None, 0)))
    advance_all = jax.jit(batched_block, static_argnames="length", donate_argnums=0)

    def init(keys, data, previous):
        return _owned(init_all(jnp.stack(keys), data, previous and stack(previous)))

    def advance(states, data, keys, step, length):
        return advance_all(states, data, jnp.stack(keys), step, length=length)

    return Executor(init, advance, jax.device_get, unstack)


def make_all_done(
    executor: Executor, done: Callable[[State], jax.Array]
) -> Callable[[Any], jax.Array]:
    """A compiled `all_done(states)`: `done` of each seed, and of all together."""

    def all_done(states):
        return jnp.stack([done(state) for state in executor.split(states)]).all()

    return jax.jit(all_done)


@jax.jit
def _owned(state):
    # Two leaves of a fresh state may share one buffer, which cannot be donated twice.
    return jax.tree.map(lambda leaf: leaf.copy(), state)


def stack(trees: Sequence[Any]) -> Any:
    """One tree whose leaves have a leading axis over `trees`."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def unstack(tree: Any) -> list[Any]:
    """The inverse of `stack`."""
    count = jax.tree.leaves(tree)[0].shape[0]
    return [jax.tree.map(operator.itemgetter(i), tree) for i in range(count)]


def step_flop(
    init_fn, batch_fn, step_fn, data, key: PRNGKey, previous: Any = None
) -> float:
    """Floating-point operations of one training step, as XLA counts them uncompiled."""

    def one_step(state, data, key):
        return step_fn(state, batch_fn(data, key, 0))

    state = jax.eval_shape(init_fn, key, data, previous)
    cost = jax.jit(one_step).lower(state, data, key).cost_analysis()
    return float((cost or {}).get("flops", np.inf))


def choose_executor(num_seeds: int, flop: float, platform: str) -> ExecutorName:
    """The faster executor, from the size of the work alone.

    A pure function of the configuration, so that the same command chooses the same way,
    and ends in the same bits, whatever else the machine is doing. On CPU vectorising
    pays while the step of all seeds is small, and larger nets run faster one by one,
    from the caches. An accelerator is filled by more seeds.

    Args:
      num_seeds: how many seeds advance together.
      flop: of one step of one seed (`step_flop`).
      platform: `jax.default_backend()`.
    """
    if num_seeds == 1:
        return "sequential"
    if platform == "cpu":
        return "vmap" if num_seeds * flop <= VMAP_FLOP else "sequential"
    return "vmap"
