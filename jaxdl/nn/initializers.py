"""Initial weights: the four schemes whose signals experiments compare.

Each is `init(key, shape, dtype) -> kernel` for a kernel [in out], as in `jax.nn`.
"""

import jax
from jax.nn.initializers import Initializer


def _compiled(initializer: Initializer) -> Initializer:
    # Called layer by layer, it would run an operation at a time.
    return jax.jit(initializer, static_argnums=(1, 2))


INITIALIZERS: dict[str, Initializer] = {
    name: _compiled(initializer)
    for name, initializer in (
        ("standard", jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")),
        ("glorot", jax.nn.initializers.glorot_uniform()),
        ("he", jax.nn.initializers.he_normal()),
        ("orthogonal", jax.nn.initializers.orthogonal()),
    )
}
"""By name, with n_in and n_out the kernel's sizes:

- standard: uniform in +-1 / sqrt(n_in), variance 1 / (3 n_in), the habit of the time
  (Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
  networks", 2010, equation 1).
- glorot: uniform in +-sqrt(6 / (n_in + n_out)), "normalized" there (equation 16).
- he: normal, truncated at two deviations, of variance 2 / n_in (He et al., "Delving
  deep into rectifiers", 2015).
- orthogonal: orthonormal rows or columns (Saxe et al., "Exact solutions to the
  nonlinear dynamics of learning in deep linear neural networks", 2014).
"""
