"""Which of many candidates have which digit and colour, and draws among them."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.systems.dcgan.coloured import COLOURS, DIGITS
from jaxdl.types import PRNGKey


class Pool(NamedTuple):
    """Candidates by concept, that is by digit and colour.

    Attributes:
      order: the candidates' numbers, concept by concept, the undecided ones last.
      counts: how many candidates each concept has.
      starts: where in `order` each concept begins.
    """

    order: Int[np.ndarray, " candidates"]
    counts: Int[np.ndarray, "digits colours"]
    starts: Int[np.ndarray, "digits colours"]

    def counts_of(self, concepts: Int[np.ndarray, "*n 2"]) -> Int[np.ndarray, "*n"]:
        """How many candidates there are of concepts, digit and colour each."""
        return self.counts[concepts[..., 0], concepts[..., 1]]


def make_pool(attributes: Int[np.ndarray, "candidates 2"]) -> Pool:
    """Candidates by concept; what is no digit or no colour of ours is undecided."""
    shape = (DIGITS, len(COLOURS))
    decided = ((attributes >= 0) & (attributes < np.array([shape]))).all(axis=1)
    digit, colour = attributes.T
    concept = np.where(decided, digit * shape[1] + colour, shape[0] * shape[1])
    counts = np.bincount(concept, minlength=shape[0] * shape[1] + 1)[:-1]
    starts = np.cumsum(counts) - counts
    order = np.argsort(concept, kind="stable")
    return Pool(order, counts.reshape(shape), starts.reshape(shape))


def random_concepts(key: PRNGKey, num: int) -> Int[np.ndarray, "num 3 2"]:
    """(a, p), (b, p), (b, q) with digits a != b and colours p != q, drawn evenly."""
    keys = jax.random.split(key, 4)
    a = jax.random.randint(keys[0], (num,), 0, DIGITS)
    b = (a + jax.random.randint(keys[1], (num,), 1, DIGITS)) % DIGITS
    p = jax.random.randint(keys[2], (num,), 0, len(COLOURS))
    q = (p + jax.random.randint(keys[3], (num,), 1, len(COLOURS))) % len(COLOURS)
    return np.stack([np.stack(pair, -1) for pair in ((a, p), (b, p), (b, q))], axis=1)


def exemplars(
    key: PRNGKey, pool: Pool, concepts: Int[np.ndarray, "trials 3 2"], num: int
) -> Int[np.ndarray, "trials 3 num"]:
    """Different candidates of each concept, all sets of them equally likely.

    Where a concept has fewer than `num`, what comes is of no use.
    """
    sizes = np.maximum(pool.counts_of(concepts), num)
    uniform = np.asarray(jax.random.uniform(key, (num, *sizes.shape)))
    places = np.zeros((*sizes.shape, num), int)
    for i in range(num):
        left = sizes - i  # the place among those that are left, then among all
        place = np.minimum((uniform[i] * left).astype(int), left - 1)
        for earlier in np.moveaxis(np.sort(places[..., :i]), -1, 0):
            place += place >= earlier
        places[..., i] = place
    starts = pool.starts[concepts[..., 0], concepts[..., 1]]
    places = np.minimum(starts[..., None] + places, len(pool.order) - 1)
    return pool.order[places]
