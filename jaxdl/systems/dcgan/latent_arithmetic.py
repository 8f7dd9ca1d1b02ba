"""Arithmetic on latents: (red 3) - (red 7) + (blue 7) should give a blue 3."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdl.errors import InputError
from jaxdl.measures.chunks import in_chunks
from jaxdl.systems.dcgan.attribute_pools import exemplars, make_pool, random_concepts
from jaxdl.types import PRNGKey

NAMED = ((3, 0), (7, 0), (7, 2))
"""Digits and colours of red 3, red 7 and blue 7."""

BATCH = 500  # latents that are generated at once
SHOWN = 8  # trials whose images are kept

GenerateFn = Callable[[jax.Array], jax.Array]
ClassifyFn = Callable[[jax.Array], tuple[jax.Array, jax.Array | np.ndarray]]


class Outcome(NamedTuple):
    """Outcomes of some trials, as counts; Wilson's interval fits.

    Attributes:
      trials: how many there were.
      success: the result has the wanted digit and the wanted colour.
      digit, colour: the result has this one of them.
      third_alone: the averaged third latent, by itself, has both already.
      missing: a concept had too few exemplars; these trials count as failures.
      chance: share of all drawn latents, picked by nobody, that have both; the mean
        over the trials.
    """

    trials: int
    success: int
    digit: int
    colour: int
    third_alone: int
    missing: int
    chance: float


class ArithmeticImages(NamedTuple):
    """The first eight named trials, whatever came of them; none if exemplars lack.

    Attributes:
      exemplars: of the three concepts of each trial, in the order of the sum.
      means: from each concept's averaged latent.
      results: from the sum.
    """

    exemplars: Float[np.ndarray, "rows 3 exemplars height width channels"]
    means: Float[np.ndarray, "rows 3 height width channels"]
    results: Float[np.ndarray, "rows height width channels"]


class LatentArithmetic(NamedTuple):
    """Outcomes of the named example and of random ones.

    Attributes:
      named: of (red 3) - (red 7) + (blue 7) = blue 3.
      random: of (a p) - (b p) + (b q) = (a q), with digits a != b and colours p != q
        drawn anew in each trial.
      counts: drawn latents with each digit and colour; the undecided are in none.
      figure: images of the named example.
    """

    named: Outcome
    random: Outcome
    counts: Int[np.ndarray, "digits colours"]
    figure: ArithmeticImages


def make_attributes(
    logits_fn: Callable[[jax.Array], jax.Array],
    colour_fn: Callable[[jax.Array], jax.Array | np.ndarray],
) -> ClassifyFn:
    """`classify(images)`, digits and colours of coloured images, for the arithmetic.

    Args:
      logits_fn: gives logits [n digits] of grey images [n height width 1] in [0, 1]:
        the largest channel of each pixel, as the digit was before it was coloured.
      colour_fn: gives colours [n] of coloured images, -1 where it sees none.
    """

    def classify(images):
        grey = jnp.max(images, axis=-1, keepdims=True)
        return jnp.argmax(logits_fn(grey), axis=-1), colour_fn(images)

    return classify


def latent_arithmetic(
    key: PRNGKey,
    generate: GenerateFn,
    classify: ClassifyFn,
    latent_size: int,
    *,
    num_trials: int = 1000,
    num_candidates: int = 10_000,
    num_exemplars: int = 3,
    rescale: bool = True,
) -> LatentArithmetic:
    """Success rate of sums of averaged latents: how many have the right attributes.

    Standard normal latents are drawn, and what is generated from them is classified.
    Each trial draws different exemplars of three concepts among them, averages the
    latents z of each, and classifies what z_1 - z_2 + z_3 generates. Trials share
    exemplars, so their outcomes are not quite independent.

    A mean of three latents is shorter than a latent; with `rescale` each mean and each
    sum is brought to the length sqrt(latent_size) before it is shown or classified.

    Args:
      key: everything drawn comes from it.
      generate: gives images [500 height width channels] of latents [500 latent_size].
      classify: gives the digits and the colours [500] of such images, from 0; below 0
        an attribute is undecided.
      latent_size: length of z.
      num_trials: of the named example, and of random ones.
      num_candidates: latents drawn, among which exemplars are looked for.
      num_exemplars: latents averaged for a concept.
      rescale: whether means and sums get the length of a latent.

    Raises:
      InputError: if there are no trials, no exemplars, or fewer candidates than those.

    References:
      Radford et al., "Unsupervised representation learning with deep convolutional
      generative adversarial networks", 2016, section 6.3.2.
    """
    if num_trials < 1 or not 1 <= num_exemplars <= num_candidates:
        raise InputError(
            f"{num_trials} trials with {num_exemplars} of {num_candidates} candidates: "
            "expected at least one trial and one exemplar, and as many candidates"
        )
    z_key, concept_key, named_key, random_key = jax.random.split(key, 4)
    z = np.asarray(jax.random.normal(z_key, (num_candidates, latent_size)))
    attributes_of = functools.partial(_attributes, generate, classify)
    pool = make_pool(attributes_of(z))
    measure = functools.partial(_outcome, attributes_of, pool)

    def sums(key: PRNGKey, concepts: Int[np.ndarray, "trials 3 2"]):
        chosen = exemplars(key, pool, concepts, num_exemplars)
        means = z[chosen].mean(axis=2)
        total = means[:, 0] - means[:, 1] + means[:, 2]
        if rescale:
            means, total = _rescaled(means), _rescaled(total)
        found = (pool.counts_of(concepts) >= num_exemplars).all(axis=1)
        return chosen, means, total, found

    concepts = np.tile(NAMED, (num_trials, 1, 1))
    chosen, means, total, found = sums(named_key, concepts)
    named = measure(concepts, means, total, found)
    shown = (latents[found][:SHOWN] for latents in (z[chosen], means, total))
    figure = ArithmeticImages(*(_images(generate, latents) for latents in shown))
    concepts = random_concepts(concept_key, num_trials)
    random = measure(concepts, *sums(random_key, concepts)[1:])
    return LatentArithmetic(named, random, pool.counts, figure)


def _outcome(attributes_of, pool, concepts, means, total, found) -> Outcome:
    """What trials came to; without exemplars `found` is False, and they fail."""
    wanted = np.stack([concepts[:, 0, 0], concepts[:, 2, 1]], axis=1)
    right = found[:, None] & (attributes_of(total) == wanted)
    third = found[:, None] & (attributes_of(means[:, 2]) == wanted)
    return Outcome(
        trials=len(concepts),
        success=int(right.all(axis=1).sum()),
        digit=int(right[:, 0].sum()),
        colour=int(right[:, 1].sum()),
        third_alone=int(third.all(axis=1).sum()),
        missing=int((~found).sum()),
        chance=float(pool.counts_of(wanted).mean() / len(pool.order)),
    )


def _rescaled(z: np.ndarray) -> np.ndarray:
    """z sqrt(size) / |z|."""
    length = np.linalg.norm(z, axis=-1, keepdims=True)
    return z * np.float32(np.sqrt(z.shape[-1])) / np.maximum(length, 1e-12)


def _attributes(
    generate: GenerateFn, classify: ClassifyFn, z: np.ndarray
) -> np.ndarray:
    """Digit and colour of what each latent generates, [n 2]."""

    def attributes(part):
        return jnp.stack(classify(generate(part)), axis=1)

    return np.asarray(in_chunks(attributes, z, size=BATCH, pad=True))


def _images(generate: GenerateFn, z: np.ndarray) -> np.ndarray:
    """Images of latents with any leading axes."""
    flat = z.reshape(-1, z.shape[-1])
    images = np.asarray(in_chunks(generate, flat, size=BATCH, pad=True))
    return images.reshape(*z.shape[:-1], *images.shape[1:])
