"""The points at which a function is checked.

The first is the one given, or standard normal numbers. Further ones are drawn from a
normal distribution of mean 0 and standard deviation `WIDE`; times the leaf's root mean
square s, where that is below 0.01 or above 100. The values that an entry takes at them
are a Latin hypercube sample: one in each quarter of the distribution. So each entry
comes to lie beyond 0.67 `WIDE` = 3.4 (times s) on either side, and a gradient that is
wrong there only is seen at each entry.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.gradcheck.methods import QUICK_SIZE, own_size
from jaxdl.gradcheck.problem import Problem, draw_normal
from jaxdl.types import PRNGKey

WIDE = 5.0
"""Standard deviation of further points, for leaves of about size 1."""
NUM_WIDE = 4
"""Further points; none if the arguments have more than `QUICK_SIZE` entries: checking
is slow then, and the largest of so many entries lie far out as it is."""


def further_points(problem: Problem, key: PRNGKey) -> list[list[jax.Array]]:
    """Points beside the given one, each a list of leaves; within the case's domain.

    Args:
      problem: the function with its given point.
      key: draws them.
    """
    size = sum(leaf.size for leaf in problem.leaves)
    if size > QUICK_SIZE:
        return []
    columns = []
    for i, leaf in enumerate(problem.leaves):
        draws = latin_hypercube(jax.random.fold_in(key, i), NUM_WIDE, leaf.size)
        scale = WIDE * own_size(np.asarray(leaf))
        columns.append([scale * row.reshape(leaf.shape) for row in draws])
    points = [jax.device_put(list(rows)) for rows in zip(*columns, strict=True)]
    return [_within_domain(problem, leaves) for leaves in points]


def latin_hypercube(key: PRNGKey, number: int, size: int) -> np.ndarray:
    """Standard normal numbers, [number size], one in each part of equal probability.

    Each column is a random permutation of one draw from each of the `number` parts.
    """
    from scipy.special import ndtr, ndtri

    draws = draw_normal(key, (2 * number, size))
    order, within = np.split(np.asarray(draws), 2)
    part = np.argsort(order, axis=0)
    return ndtri((part + ndtr(within)) / number)


def _within_domain(problem: Problem, leaves: list[jax.Array]) -> list[jax.Array]:
    domain = problem.case.domain
    if domain is None:
        return leaves
    inside = jax.tree.leaves(domain(*problem.arguments(leaves)))
    return [jnp.asarray(leaf, jnp.float64) for leaf in inside]
