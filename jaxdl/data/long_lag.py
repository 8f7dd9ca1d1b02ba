"""Tasks that need memory, drawn anew for every batch: nothing is stored.

What matters for the answer stands early in a sequence, noise follows, and the answer is
asked for at the end. The first two are those of Hochreiter & Schmidhuber, "Long
short-term memory", 1997, sections 5.4 and 5.6.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxdl.errors import InputError
from jaxdl.memory import array_bytes, program_bytes, require_memory
from jaxdl.types import PRNGKey

SYMBOLS = "EBabcdXY"
"""Symbols of the temporal order task, in the order of their inputs."""
LONGEST = 1_000_000_000  # a sequence is a tenth longer, which int32 must hold


class Sequences(NamedTuple):
    """Sequences with the answers wanted at their ends.

    Attributes:
      inputs: zero on padding, which follows the sequence.
      mask: true on the sequence.
      targets: one row a sequence.
    """

    inputs: Float[Array, "batch time in"]
    mask: Bool[Array, "batch time"]
    targets: Float[Array, "batch out"]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=[],
    meta_fields=["name", "checksum", "in_size", "out_size", "tolerance", "draw"],
)
@dataclasses.dataclass(frozen=True)
class Task:
    """A law of sequences; a pytree without leaves, fit as data of the runner.

    Attributes:
      name: of the task.
      checksum: sha256, in hex, over the first eight sequences that key 0 draws.
      in_size: features of an input.
      out_size: outputs.
      tolerance: an answer is right if all its outputs are closer than this.
      draw: `draw(key, num) -> Sequences`, as long as the longest possible one.
    """

    name: str
    checksum: str
    in_size: int
    out_size: int
    tolerance: float
    draw: Callable[[PRNGKey, int], Sequences]


@functools.lru_cache(maxsize=16)  # equal batches are one function, compiled once
def make_draws(num: int) -> Callable[..., Sequences]:
    """`batch(data, key, step)` of the runner: `num` new sequences for every step."""

    def batch(data: Task, key: PRNGKey, step) -> Sequences:
        return data.draw(jax.random.fold_in(key, step), num)

    return batch


@functools.lru_cache(maxsize=16)
def adding(lag: int, first_pair: Literal["hidden", "zero"] = "hidden") -> Task:
    """Adding problem: remember two marked numbers and put out their sum.

    An input is a pair (value, marker), the value uniform in [-1, 1]. The length is
    uniform in T, ..., T + T/10. One of the first ten pairs is marked, then one of the
    first T/2 - 1 that are not. The marker is 1 at those two, -1 at the first and at the
    last pair, else 0. The target is 0.5 + (X1 + X2) / 4, X1 and X2 being the marked
    values. The paper: "exactly two pairs are marked", and "in the rare case where the
    first pair of the sequence gets marked, we set X1 to zero", which can be read in two
    ways.

    Args:
      lag: T, the shortest length; between the second mark and the end lie at least T/2
        pairs.
      first_pair: if the first pair is drawn, by whichever mark: "hidden" leaves its
        marker -1 and counts it as 0, so that one mark is seen; "zero" makes the pair
        (0, 1), so that two are.

    Raises:
      InputError: if T is not an even number from 20 to 1e9, or too large for the
        memory.
    """
    if not 20 <= lag <= LONGEST or lag % 2:
        raise InputError(
            f"lag is {lag}: expected an even number from 20 to {LONGEST:,}, such as 100"
        )
    longest = lag + lag // 10

    def draw(key, num):
        keys = jax.random.split(key, 4)
        lengths = jax.random.randint(keys[0], (num, 1), lag, longest + 1)
        values = jax.random.uniform(keys[1], (num, longest), minval=-1.0)
        first = jax.random.randint(keys[2], (num, 1), 0, 10)
        second = jax.random.randint(keys[3], (num, 1), 0, lag // 2 - 1)
        second += second >= first  # of those that are not marked yet
        times = jnp.arange(longest)[None]
        begins, marked = times == 0, (times == first) | (times == second)
        if first_pair == "hidden":
            marked &= ~begins
        values = jnp.where(begins & marked, 0.0, values)
        ends = (begins | (times == lengths - 1)) & ~marked
        markers = jnp.where(ends, -1.0, marked)
        mask = times < lengths
        inputs = jnp.stack([values, markers], axis=-1) * mask[..., None]
        total = jnp.sum(values, axis=1, where=marked)
        return Sequences(inputs, mask, 0.5 + total[:, None] / 4)

    name = f"adding_{lag}" + ("_zero" if first_pair == "zero" else "")
    return _task(name, draw, tolerance=0.04)


@functools.lru_cache(maxsize=16)
def temporal_order(num_symbols: int) -> Task:
    """Temporal order: say in which order the rare symbols X and Y came.

    Inputs are one-hot (`SYMBOLS`). A sequence of 100 to 110 symbols begins with E, ends
    with B, and is uniform in a, b, c, d between, but for X or Y at times uniform in
    10..20 and 50..60 (task 6a), or in 10..20, 33..43 and 66..76 (6b), E being at time
    0. Targets are one-hot: the class has the symbols as binary digits, X being 0, the
    first symbol the highest.

    Args:
      num_symbols: 2 or 3 rare symbols, with 4 or 8 classes.

    Raises:
      InputError: for another number.
    """
    begins = {2: (10, 50), 3: (10, 33, 66)}.get(num_symbols)
    if begins is None:
        raise InputError(f"symbols is {num_symbols}: expected 2 or 3")
    num_classes, longest = 2**num_symbols, 110

    def draw(key, num):
        keys = jax.random.split(key, 4)
        lengths = jax.random.randint(keys[0], (num, 1), 100, longest + 1)
        noise = jax.random.randint(keys[1], (num, longest), 0, 4) + SYMBOLS.index("a")
        shape = (num, num_symbols)
        at = jax.random.randint(keys[2], shape, 0, 11) + jnp.array([begins])
        rare = jax.random.bernoulli(keys[3], shape=shape)  # whether it is a Y
        times = jnp.arange(longest)[None]
        here = times[..., None] == at[:, None]
        codes = jnp.sum(rare[:, None] * here, axis=-1) + SYMBOLS.index("X")
        codes = jnp.where(here.any(axis=-1), codes, noise)
        codes = jnp.where(times == 0, SYMBOLS.index("E"), codes)
        codes = jnp.where(times == lengths - 1, SYMBOLS.index("B"), codes)
        mask = times < lengths
        inputs = jax.nn.one_hot(codes, len(SYMBOLS)) * mask[..., None]
        classes = rare @ 2 ** jnp.arange(num_symbols)[::-1]
        return Sequences(inputs, mask, jax.nn.one_hot(classes, num_classes))

    return _task(f"temporal_order_{num_symbols}", draw, tolerance=0.3)


@functools.lru_cache(maxsize=16)
def latch(lag: int) -> Task:
    """Latch: remember one bit through noise.

    Inputs are one-hot. The first is one of two symbols, the bit; `lag` inputs follow,
    each uniform in four other symbols, and the answer is asked for after the last. All
    sequences have lag + 1 inputs.

    Args:
      lag: inputs of noise.

    Raises:
      InputError: if it is not from 1 to 1e9, or too large for the memory.

    References:
      after Bengio, Simard & Frasconi, "Learning long-term dependencies with gradient
        descent is difficult", 1994, section 3.
    """
    if not 1 <= lag <= LONGEST:
        raise InputError(f"lag is {lag}: expected 1 to {LONGEST:,}, such as 100")

    def draw(key, num):
        bit_key, noise_key = jax.random.split(key)
        bits = jax.random.randint(bit_key, (num, 1), 0, 2)
        noise = jax.random.randint(noise_key, (num, lag), 2, 6)
        inputs = jax.nn.one_hot(jnp.concatenate([bits, noise], axis=1), 6)
        return Sequences(inputs, jnp.ones((num, lag + 1), bool), bits.astype(float))

    return _task(f"latch_{lag}", draw, tolerance=0.5)


def _task(
    name: str, draw: Callable[[PRNGKey, int], Sequences], tolerance: float
) -> Task:
    lowered = jax.jit(draw, static_argnums=1).lower(jax.random.key(0), 8)
    require_memory(array_bytes(lowered.out_info), "the lag")
    program = lowered.compile()
    require_memory(program_bytes(program), "the lag")
    sequences = jax.device_get(program(jax.random.key(0)))
    digest = hashlib.sha256()
    for array in sequences:
        digest.update(f"{array.shape} {array.dtype} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    sizes = sequences.inputs.shape[-1], sequences.targets.shape[-1]
    return Task(name, digest.hexdigest(), *sizes, tolerance, draw)
