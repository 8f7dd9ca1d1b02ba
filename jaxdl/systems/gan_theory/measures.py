"""The theory of the game, measured: divergence, bound and optimal discriminator.

For a fixed generator with density q, Goodfellow et al. 2014 show that
V(D, G) <= -log 4 + 2 JSD(p, q), with equality for D* = p / (p + q). In the plane all of
it can be integrated while a GAN trains, if both densities are known.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl.measures.chunks import in_chunks
from jaxdl.measures.statistics import standard_error
from jaxdl.ops.divergences import js_divergence, kl_divergence, total_variation
from jaxdl.systems.gan_theory.quadrature import Grid, grid_mass, make_grid
from jaxdl.types import ApplyFn, EvaluateFn

LOG_4 = float(np.log(4))
GRIDS = ((1, 160), (2, 320), (2, 640), (2, 1280), (4, 1280))
"""Half widths, in those of the data, and cells a side, tried one after the other."""
MASS_TOLERANCE = 1e-3
MAP_CELLS = 96
HISTOGRAM_CELLS = 48
HISTOGRAM_SAMPLES = 100_000
CHUNK = 12_800  # points at a time: a divisor of the cells of every grid


class Game(NamedTuple):
    """The state of a game, in nats; all are integrals over the same cells.

    Attributes:
      value: V(D, G) = sum_i p_i log D_i + q_i log(1 - D_i).
      optimal_value: V(D*, G), with D* = p / (p + q).
      bound: -log 4 + 2 JSD(p, q), which V(D*, G) attains.
      jsd: Jensen-Shannon divergence of p and q, 0 to log 2.
      kl_data: KL(p || q); infinite where the generator misses a cell.
      kl_generator: KL(q || p).
      total_variation: of p and q, 0 to 1.
    """

    value: Float[Array, ""]
    optimal_value: Float[Array, ""]
    bound: Float[Array, ""]
    jsd: Float[Array, ""]
    kl_data: Float[Array, ""]
    kl_generator: Float[Array, ""]
    total_variation: Float[Array, ""]


def play(
    log_p: Float[Array, " cells"],
    log_q: Float[Array, " cells"],
    logits: Float[Array, " cells"],
) -> Game:
    """The game between a discriminator and a generator that are both known.

    Args:
      log_p, log_q: log-probabilities of the cells under data and generator, sum 1.
      logits: of the discriminator in the cells.

    References:
      Goodfellow et al., "Generative adversarial nets", 2014, proposition 1, theorem 1.
    """

    def value(logits):
        of_data = jnp.exp(log_p) @ jax.nn.log_sigmoid(logits)
        return of_data + jnp.exp(log_q) @ jax.nn.log_sigmoid(-logits)

    jsd = js_divergence(log_p, log_q)
    return Game(
        value=value(logits),
        optimal_value=value(optimal_logits(log_p, log_q)),
        bound=2 * jsd - LOG_4,
        jsd=jsd,
        kl_data=kl_divergence(log_p, log_q),
        kl_generator=kl_divergence(log_q, log_p),
        total_variation=total_variation(log_p, log_q),
    )


def optimal_logits(
    log_p: Float[Array, "*batch"], log_q: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """Logits of D*(x) = p(x) / (p(x) + q(x)), from log-densities: log p - log q.

    Both may be -inf, one at a time; where both are, D* is anything, and 1/2 here.
    """
    neither = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    return jnp.where(neither, 0, jnp.where(neither, 0, log_p) - log_q)


class Covering(NamedTuple):
    """A grid for some densities.

    Attributes:
      grid: the cells.
      log_densities: of each density at their centres.
      masses: of each density on the grid, before they are renormalised.
    """

    grid: Grid
    log_densities: list[Float[Array, " cells"]]
    masses: list[float]

    @property
    def holds_all(self) -> bool:
        """Whether all masses are 1 within `MASS_TOLERANCE`."""
        return max(abs(mass - 1) for mass in self.masses) <= MASS_TOLERANCE


def cover(
    log_densities: list[Callable[[Float[Array, "cells 2"]], Float[Array, " cells"]]],
    half_width: float,
) -> Covering:
    """The first grid of `GRIDS` that holds all densities, or the last.

    Args:
      log_densities: functions from points to log-densities.
      half_width: of the smallest grid.
    """
    for widths, num in GRIDS:
        grid = make_grid(half_width * widths, num)
        found = [log_density(grid.points) for log_density in log_densities]
        masses = [float(grid_mass(x, grid.area)) for x in found]
        covering = Covering(grid, found, masses)
        if covering.holds_all:
            break
    return covering


def make_theory_evaluate(
    gen_log_density: ApplyFn,
    disc_apply: ApplyFn,
    log_density: Callable[[Array], Array],
    half_width: float,
) -> EvaluateFn:
    """`evaluate(state, data, key, final)` of a GAN whose generator has a density.

    Everything is computed in float64. Scalars: those of `Game`, `gap` (bound - value,
    never below 0), `attained` (|V(D*, G) - bound|), `above_minimum` (|V + log 4|),
    `mass_data`, `mass_generator` (on the grid, before it is made 1), `covered` (1 if
    both are 1 within 0.001, 0 if the last grid was too coarse or small; the rest is
    about the densities on the grid then) and `cells` (a side). Arrays, on a grid
    of 96 x 96 cells: `log_q_map` and `logit_map`.

    Args:
      gen_log_density: `(gen_params, x) -> log q(x)`.
      disc_apply: `(disc_params, x) -> logits`.
      log_density: `(x) -> log p(x)` of the data.
      half_width: of the smallest grid.
    """
    measure, compiled_p = jax.jit(play), jax.jit(log_density)
    compiled_q, compiled_logits = jax.jit(gen_log_density), jax.jit(disc_apply)

    def log_p(x):
        return in_chunks(compiled_p, x, size=CHUNK)

    def log_q(params, x):
        return in_chunks(functools.partial(compiled_q, params), x, size=CHUNK)

    def logits_of(params, x):
        return in_chunks(functools.partial(compiled_logits, params), x, size=CHUNK)

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del data, key, final  # nothing is drawn, and there is no test split
        with jax.enable_x64(True):
            gen_params, disc_params = (
                jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), params)
                for params in (state.gen_params, state.disc_params)
            )
            q = functools.partial(log_q, gen_params)
            covering = cover([log_p, q], half_width)
            logits = logits_of(disc_params, covering.grid.points)
            cells = map(jax.nn.log_softmax, covering.log_densities)  # masses become 1
            game = measure(*cells, logits)
            points = make_grid(half_width, MAP_CELLS).points
            maps = q(points), logits_of(disc_params, points)
        values: dict[str, float]
        values = {name: float(x) for name, x in game._asdict().items()}
        return values | {
            "gap": values["bound"] - values["value"],
            "attained": abs(values["optimal_value"] - values["bound"]),
            "above_minimum": abs(values["value"] + LOG_4),
            "mass_data": covering.masses[0],
            "mass_generator": covering.masses[1],
            "covered": float(covering.holds_all),
            "cells": float(np.sqrt(len(covering.grid.points))),
            "log_q_map": _as_map(maps[0]),
            "logit_map": _as_map(maps[1]),
        }

    return evaluate


def make_likelihood_evaluate(
    flow_log_density: ApplyFn,
    log_density: Callable[[Array], Array],
    half_width: float,
) -> EvaluateFn:
    """`evaluate` of a flow fitted by maximum likelihood: what its density can reach.

    The same grids and divergences as `make_theory_evaluate`, without discriminator.
    """

    def no_discriminator(params, x):
        del params
        return jnp.zeros(len(x), x.dtype)

    inner = make_theory_evaluate(
        flow_log_density, no_discriminator, log_density, half_width
    )
    kept = ("jsd", "kl_data", "kl_generator", "total_variation", "mass_data")
    kept += ("mass_generator", "covered", "cells", "log_q_map")

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        values = inner(_Players(state.params, {}), data, key, final)
        return {name: values[name] for name in kept}

    return evaluate


class _Players(NamedTuple):
    gen_params: Any
    disc_params: Any


def make_sampled_evaluate(
    gen_apply: ApplyFn, disc_apply: ApplyFn, latent_size: int, density
) -> EvaluateFn:
    """`evaluate` of a GAN whose generator can be drawn from and no more: estimates.

    `jsd_estimate` is the divergence between histograms of 100,000 points each, of data
    and of generator, on 48 x 48 cells and the rest of the plane. Cells hide differences
    within them, and chance adds some: `jsd_estimate_floor` is what two such histograms
    of data have between them. `value_estimate` is V(D, G) over the same points, with
    `value_standard_error`. Array: `counts_map`, the generator's histogram.
    """

    @jax.jit
    def measure(gen_params, disc_params, key):
        keys = jax.random.split(key, 3)
        data = [density.draw(k, HISTOGRAM_SAMPLES) for k in keys[:2]]
        z = jax.random.normal(keys[2], (HISTOGRAM_SAMPLES, latent_size))
        fake = gen_apply(gen_params, z)
        counts = [_histogram(x, density.half_width) for x in (*data, fake)]
        logs = [jnp.log(c / HISTOGRAM_SAMPLES) for c in counts]
        real_terms = jax.nn.log_sigmoid(disc_apply(disc_params, data[0]))
        fake_terms = jax.nn.log_sigmoid(-disc_apply(disc_params, fake))
        return {
            "jsd_estimate": js_divergence(logs[0], logs[2]),
            "jsd_estimate_floor": js_divergence(logs[0], logs[1]),
            "terms": (real_terms, fake_terms),
            "counts_map": counts[2][:-1].reshape(HISTOGRAM_CELLS, HISTOGRAM_CELLS),
        }

    def evaluate(state, data, key, final: bool) -> dict[str, Any]:
        del data, final
        values = dict(measure(state.gen_params, state.disc_params, key))
        terms = [np.asarray(x, np.float64) for x in values.pop("terms")]
        values["value_estimate"] = sum(x.mean() for x in terms)
        real_error, fake_error = map(standard_error, terms)
        assert real_error is not None and fake_error is not None  # of many points
        values["value_standard_error"] = float(np.hypot(real_error, fake_error))
        return values

    return evaluate


def _as_map(values: jax.Array) -> np.ndarray:
    return np.asarray(values, np.float32).reshape(MAP_CELLS, MAP_CELLS)


def _histogram(points: jax.Array, half_width: float) -> Float[Array, " cells"]:
    """Points in each of 48 x 48 cells, row by row, and outside of all of them."""
    cells = jnp.floor((points / half_width + 1) * (HISTOGRAM_CELLS / 2)).astype(int)
    inside = jnp.all((cells >= 0) & (cells < HISTOGRAM_CELLS), axis=1)
    index = cells[:, 1] * HISTOGRAM_CELLS + cells[:, 0]
    index = jnp.where(inside, index, HISTOGRAM_CELLS**2)
    return jnp.zeros(HISTOGRAM_CELLS**2 + 1).at[index].add(1.0)
