"""Principal components, exact; and their counterpart for Bernoulli variables."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxdl.models.autoencoders import Autoencoder, check_code_size
from jaxdl.ops.losses import bernoulli_cross_entropy
from jaxdl.types import Params, PRNGKey


class Pca(NamedTuple):
    """Principal components of data.

    Attributes:
      mean: of the data.
      components: orthonormal rows, that of the largest variance first; the entry of
        largest size in each is positive.
      singular_values: of the centred data, falling; their squares over N - 1 are the
        variances along the components.
    """

    mean: Float[Array, " in"]
    components: Float[Array, "latent in"]
    singular_values: Float[Array, " latent"]


def fit_pca(x: Float[Array, "n in"], num: int) -> Pca:
    """The best linear autoencoder with `num` numbers, exactly.

    x - mean = U S V'; the components are the first rows of V'. The triangular factor of
    a QR decomposition has the same S and V as the data, and is small.

    Args:
      x: one example a row.
      num: how many components.

    Raises:
      InputError: if `num` is below 1, or above the numbers in an example or the number
        of examples.
    """
    check_code_size(num, min(x.shape))
    mean = jnp.mean(x, axis=0)
    triangle = jnp.linalg.qr(x - mean[None], mode="r")
    _, singular_values, rows = jnp.linalg.svd(triangle, full_matrices=False)
    rows = rows[:num]
    largest = jnp.argmax(jnp.abs(rows), axis=1)[:, None]
    signs = jnp.sign(jnp.take_along_axis(rows, largest, axis=1))
    return Pca(mean, rows * signs, singular_values[:num])


def pca_encode(pca: Pca, x: Float[Array, "*batch in"]) -> Float[Array, "*batch latent"]:
    """Codes of examples: (x - mean) V."""
    return jnp.einsum("...i,ki->...k", x - _like(pca.mean, x), pca.components)


def pca_decode(
    pca: Pca, codes: Float[Array, "*batch latent"]
) -> Float[Array, "*batch in"]:
    """The example on the components' plane that has these codes: codes V' + mean."""
    x = jnp.einsum("...k,ki->...i", codes, pca.components)
    return x + _like(pca.mean, x)


def logistic_pca(
    image_size: int, latent_size: int, *, ridge: float = 0.01, iterations: int = 6
) -> Autoencoder:
    """Principal components of Bernoulli variables: logits are linear in the codes.

    logits(u) = u W + b, and the code of an image is not read off it but fitted:
    u(x) = argmin_u sum_i cross_entropy(logits_i(u), x_i) + ridge/2 |u|^2, which is
    convex. `encode` goes there from 0 by the better, image for image, of Newton's step
    and the one with the curvature's bound, W W'/4 + ridge, for the curvature: the
    second never goes up, the first is quick near the end. The ridge keeps codes finite
    where an image's pixels are 0 and 1 exactly.

    At u(x) the loss does not change with u (but for the ridge), so its gradient in W
    and b may take codes as constants: minimise it with `jax.lax.stop_gradient` on them.

    Args:
      image_size: numbers in one image.
      latent_size: numbers in one code.
      ridge: above 0.
      iterations: steps of the fit of codes.

    Returns:
      The model, with params {"kernel" [latent image], "bias" [image]}.

    Raises:
      InputError: for a code size below 1 or above the image's.

    References:
      Collins, Dasgupta & Schapire, "A generalization of principal component analysis to
        the exponential family", 2002.
      Schein, Saul & Ungar, "A generalized linear model for principal component analysis
        of binary data", 2003.
    """
    check_code_size(latent_size, image_size)

    def init(key: PRNGKey) -> Params:
        kernel = jax.random.normal(key, (latent_size, image_size))
        return {"kernel": kernel / latent_size**0.5, "bias": jnp.zeros(image_size)}

    def decode(params: Params, codes: Float[Array, "*batch latent"]):
        logits = jnp.einsum("...k,ki->...i", codes, params["kernel"])
        return logits + _like(params["bias"], logits)

    def encode(params: Params, x: Float[Array, "*batch image"]):
        flat = x.reshape(-1, image_size)
        codes = _fit_codes(params["kernel"], params["bias"], flat, ridge, iterations)
        return codes.reshape(*x.shape[:-1], latent_size)

    def apply(params: Params, x: Float[Array, "*batch image"]):
        return decode(params, encode(params, x))

    return Autoencoder(init, encode, decode, apply)


def _fit_codes(kernel, bias, x, ridge: float, iterations: int):
    num = len(kernel)
    eye = jnp.eye(num, dtype=kernel.dtype)
    bound = kernel @ kernel.T / 4 + ridge * eye
    pairs = (kernel[:, None] * kernel[None]).reshape(num * num, -1)

    def loss_and_means(codes):
        logits = codes @ kernel + bias[None]
        loss = bernoulli_cross_entropy(logits, x)
        loss += ridge / 2 * jnp.sum(codes**2, axis=1)
        return loss, jax.nn.sigmoid(logits)

    def step(carry, _):
        codes, means = carry
        slopes = (means - x) @ kernel.T + ridge * codes
        # One product for all images: [batch image] by [image pairs of code numbers].
        curvature = (means * (1 - means)) @ pairs.T
        curvature = curvature.reshape(-1, num, num) + (ridge * eye)[None]
        newton = codes - jax.vmap(_solve)(curvature, slopes)
        safe = codes - jax.vmap(_solve, (None, 0))(bound, slopes)
        (loss, means), (safe_loss, safe_means) = map(loss_and_means, (newton, safe))
        better = (loss < safe_loss)[:, None]
        codes = jnp.where(better, newton, safe)
        return (codes, jnp.where(better, means, safe_means)), None

    codes = jnp.zeros((len(x), num), x.dtype)
    start = codes, loss_and_means(codes)[1]
    (codes, _), _ = jax.lax.scan(step, start, length=iterations)
    return codes


def _solve(matrix, vector):
    """Of a positive definite matrix, by conjugate gradients.

    LAPACK's solves, batched in a program that computes much else, can wait for each
    other for ever on CPU (jaxlib 0.10.2); products cannot.
    """
    iterations = 2 * len(vector)  # exact arithmetic needs half of them at most
    return jax.scipy.sparse.linalg.cg(matrix.__matmul__, vector, maxiter=iterations)[0]


def _like(vector, x):
    return jnp.broadcast_to(vector, x.shape)
