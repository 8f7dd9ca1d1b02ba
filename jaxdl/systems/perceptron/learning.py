"""Perceptrons of all Boolean functions: their epochs, and what they have learned."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.systems.perceptron.data import (
    GATES,
    BooleanFunctions,
    Tables,
    boolean_functions,
    shuffled_tables,
)
from jaxdl.systems.perceptron.networks import (
    Ensemble,
    ensemble_epoch,
    init_ensemble,
    novikoff_bound,
    num_right,
)
from jaxdl.systems.perceptron.separability import separability
from jaxdl.types import Metrics, PRNGKey

AND, OR, XOR = (GATES[name] for name in ("AND", "OR", "XOR"))


class State(NamedTuple):
    """Epochs done, perceptrons by number of inputs, and the best of those of two."""

    epoch: jax.Array
    ensembles: dict[str, Ensemble]
    best: jax.Array  # how many examples each function of two had right at once


def step(state: State, batch) -> tuple[State, Metrics]:
    """One epoch of all perceptrons."""
    number, best = state.epoch + 1, state.best
    ensembles, metrics = {}, {}
    for n, (inputs, labels) in batch.items():
        before = state.ensembles[n]
        after, path = ensemble_epoch(before, inputs, labels, number)
        ensembles[n] = after
        metrics[f"converged_{n}"] = jnp.sum(after.last_mistake < number, dtype=float)
        if n == "2":
            right = jax.vmap(num_right, (0, None, None))(path, inputs, labels)
            best = jnp.maximum(best, right.max(axis=0))
    return State(number, ensembles, best), metrics


@functools.cache  # pure, and seconds of linear programs for four inputs
def proofs(n: str):
    """Separable functions of n inputs, and the bounds on their mistakes."""
    inputs, labels = boolean_functions(int(n))
    found = separability(inputs, labels)
    bounds = jax.jit(jax.vmap(novikoff_bound, (1, None, 1)))
    return found, np.asarray(bounds(found.vectors.astype(np.int32), inputs, labels))


def evaluate(state: State, data, key, final: bool) -> dict[str, Any]:
    """Converged functions and the gates' scores; at the end, what is proved."""
    del key
    values, certified, within_bound = {}, [], []
    for n, (_, mistakes, last_mistake) in state.ensembles.items():
        converged = np.asarray(last_mistake < state.epoch)
        values[f"converged_{n}"] = converged.sum(dtype=float)
        if final:
            found, bounds = proofs(n)
            certified.extend(found.unseparable[~converged])
            within = found.separable & (np.asarray(mistakes) <= bounds)
            within_bound.extend(within[converged])
    inputs, labels = data.tables["2"]
    right = num_right(state.ensembles["2"].weights, inputs, labels)
    values |= {"and_accuracy": right[AND] / 4, "or_accuracy": right[OR] / 4}
    values["xor_best"] = state.best[XOR] / 4
    if final:
        learnable = labels[:, proofs("2")[0].separable]
        agree = learnable == labels[:, XOR : XOR + 1]
        values["xor_ceiling"] = agree.mean(axis=0).max()
        values["certified"] = np.mean(certified or 1.0)
        values["within_bound"] = np.mean(within_bound or 1.0)
    return values


class Learned(NamedTuple):
    """The fate of the separable functions of so many inputs.

    Attributes:
      last_mistake: epoch of the last mistake, [seeds functions].
      mistakes: how many were made, [seeds functions].
      bounds: Novikoff's bound on them, [functions].
    """

    last_mistake: np.ndarray
    mistakes: np.ndarray
    bounds: np.ndarray


def learned_functions(states: Sequence[State], tables: Tables) -> dict[str, Learned]:
    """Each seed's mistakes on the separable functions, by inputs."""
    found = {}
    for n in tables:
        proved, bounds = proofs(n)
        each = [state.ensembles[n] for state in states]
        last = np.stack([np.asarray(x.last_mistake) for x in each])
        made = np.stack([np.asarray(x.mistakes) for x in each])
        parts = (last, made, bounds)
        found[n] = Learned(*(x[..., proved.separable] for x in parts))
    return found


def gate_paths(
    data: BooleanFunctions, key: PRNGKey, num_epochs: int
) -> dict[str, np.ndarray]:
    """Weights of each gate's perceptron after each correction, [corrections 3].

    Args:
      data: with the functions of two inputs.
      key: of the run's batches, for the same order of examples.
      num_epochs: how many of its epochs to follow.
    """

    @jax.jit
    def train(data, key):
        def body(ensemble, i):
            batch = shuffled_tables(data, key, i)["2"]
            return ensemble_epoch(ensemble, *batch, i + 1)

        return jax.lax.scan(body, init_ensemble(3, 16), jnp.arange(num_epochs))[1]

    weights = np.reshape(train(data, key), (-1, 3, 16))
    weights = np.pad(weights, ((1, 0), (0, 0), (0, 0)))
    corrected = np.any(np.diff(weights, axis=0), axis=1)
    return {name: weights[1:, :, f][corrected[:, f]] for name, f in GATES.items()}
