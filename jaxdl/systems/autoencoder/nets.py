"""The models of the sweep's cases, their corruptions and their penalties."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import ops
from jaxdl.models import autoencoder, forward, squared_jacobian
from jaxdl.models.autoencoders import Autoencoder
from jaxdl.objectives import sparsity_divergence
from jaxdl.systems.autoencoder.config import CaseName, Config
from jaxdl.systems.autoencoder.measures import Coder
from jaxdl.systems.autoencoder.networks import (
    VariationalAutoencoder,
    variational_autoencoder,
)
from jaxdl.systems.autoencoder.pca import logistic_pca, pca_decode, pca_encode
from jaxdl.types import Params, PRNGKey

CORRUPTIONS = {
    "masking": ops.masking_noise,
    "gaussian": ops.gaussian_noise,
    "salt-and-pepper": ops.salt_and_pepper,
}
SIGMOID: dict[str, Any] = dict(hidden="sigmoid", latent="sigmoid")
FEATURES = ("shallow", "denoising", "sparse", "contractive")
"""Cases of one layer, whose code is as many sigmoid units as features."""


def case_of(cfg: Config) -> CaseName:
    """The one case of a configuration."""
    (case,) = cfg.cases
    return case


def code_size(cfg: Config) -> int:
    """Numbers in the code of a case."""
    case = case_of(cfg)
    if case in ("two", "variational-two"):
        return 2
    if case == "variational":
        return cfg.variational_sizes[-1]
    return cfg.feature_size if case in FEATURES else cfg.latent_size


def make_model(cfg: Config, image_size: int) -> Autoencoder:
    """The deterministic model of a case; PCA has none."""
    case, size = case_of(cfg), code_size(cfg)
    if case == "logistic-pca":
        return logistic_pca(image_size, size)
    if case in FEATURES:
        return autoencoder(image_size, (), size, tied=True, **SIGMOID)
    return autoencoder(image_size, cfg.hidden_sizes, size, tied=cfg.tied)


def make_variational_model(cfg: Config, image_size: int) -> VariationalAutoencoder:
    """The variational autoencoder of a case."""
    hidden_sizes = cfg.variational_sizes[:-1]
    return variational_autoencoder(image_size, hidden_sizes, code_size(cfg))


def make_coder(cfg: Config, image_size: int) -> Coder:
    """The map to codes and back of a case."""
    case = case_of(cfg)
    if case == "pca":
        return _pca_coder(code_size(cfg))
    if case.startswith("variational"):
        model = make_variational_model(cfg, image_size)
        return Coder(lambda params, x: model.encode(params, x)[0], model.decode)
    model = make_model(cfg, image_size)
    return Coder(model.encode, model.decode)


def _pca_coder(size: int) -> Coder:
    """Codes of the first components, of all that the state holds."""

    def encode(pca, x):
        return pca_encode(pca, x)[:, :size]

    def decode(pca, codes):
        first = pca._replace(components=pca.components[: codes.shape[1]])
        return pca_decode(first, codes)

    return Coder(encode, decode, pixels=lambda outputs: outputs)


def make_corruption(cfg: Config) -> Callable[[PRNGKey, jax.Array], jax.Array]:
    """`corrupt(key, x)` of the case denoising."""
    corruption = CORRUPTIONS[cfg.corruption]
    return lambda key, x: corruption(key, x, cfg.noise)


def make_penalty(cfg: Config) -> Callable[[Params, jax.Array], jax.Array] | None:
    """`penalty(params, x)` of the cases sparse and contractive; None of the others."""

    def sparse(params, x):
        (logits,) = forward(params["encoder"], x).preactivations
        return cfg.sparse_weight * sparsity_divergence(logits, cfg.sparsity)

    def contractive(params, x):
        squares = squared_jacobian(params["encoder"], x, **SIGMOID)
        return cfg.contractive_weight * jnp.mean(squares)

    return {"sparse": sparse, "contractive": contractive}.get(case_of(cfg))
