"""Known densities, and the networks that play with them, for `jaxdl gradcheck`."""

from collections.abc import Callable

import jax

from jaxdl.gradcheck.problem import Case, draw_normal, draw_normals, draw_params
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.gan_theory import quadrature
from jaxdl.systems.gan_theory.flow import coupling_flow
from jaxdl.systems.gan_theory.networks import plane_gan
from jaxdl.types import PRNGKey

NOT_DIFFERENTIABLE: dict[str, str] = {}
"""Functions that no gradient goes through, and why."""

_FIVE = (2, 5)


def _grid_mass(key):
    args = tuple(draw_normals(key, _FIVE))
    return Case(lambda x: quadrature.grid_mass(x, 0.25), args, ("log_density",))


def _grid_log_probabilities(key):
    def fn(x):
        return quadrature.grid_log_probabilities(x, 0.25, tolerance=None)

    return Case(fn, tuple(draw_normals(key, _FIVE)), ("log_density",))


def _flow(method: str) -> Callable[[PRNGKey], Case]:
    def make(key):
        flow = coupling_flow(3, num_layers=2, hidden_size=5)
        x = draw_normal(jax.random.fold_in(key, 99), (5, 3))
        args = draw_params(key, flow.init, 0.4), x
        return Case(getattr(flow, method), args, ("params", "x"))

    return make


def _plane_discriminator(key):
    model = plane_gan(hidden_size=4, num_frequencies=1).discriminator
    x = draw_normal(jax.random.fold_in(key, 99), (3, 2))
    args = draw_params(key, model.init, 1.0), x
    return Case(model.apply, args, ("params", "x"))


def subjects() -> list[Subject]:
    """Quadrature, the flow, the discriminator of the plane."""
    room = "systems.gan_theory."
    return [
        subject(room + "quadrature.grid_mass", _grid_mass),
        subject(room + "quadrature.grid_log_probabilities", _grid_log_probabilities),
        *(
            subject(
                room + "flow.coupling_flow",
                _flow(method),
                room + "flow.Flow",
                name=f"coupling_flow[{method}]",
            )
            for method in ("apply", "log_density")
        ),
        subject(
            room + "networks.plane_gan",
            _plane_discriminator,
            name="plane_gan[discriminator]",
        ),
    ]
