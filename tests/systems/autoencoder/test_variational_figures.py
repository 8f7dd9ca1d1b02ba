"""Figures of a variational autoencoder show what they say."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import drawn, images, series
from scipy.special import expit

from jaxdl.figures.grids import image_grid
from jaxdl.systems.autoencoder.networks import variational_autoencoder
from jaxdl.systems.autoencoder.variational_figures import variational_figures
from jaxdl.systems.autoencoder.variational_pictures import make_variational_pictures
from jaxdl.train.log import History

NAMES = ("validation_bound", "validation_kl", "active_units")


def record_of(model):
    data = types.SimpleNamespace(
        image_shape=(4, 5, 1),
        validation=types.SimpleNamespace(image=jnp.asarray(images(15))),
    )
    init = jax.jit(model.init)
    params = [init(jax.random.key(i)) for i in range(2)]
    return types.SimpleNamespace(
        states=[types.SimpleNamespace(params=p) for p in params],
        data=data,
        history=History(series(30, 2, ("loss", "kl")), series(5, 2, NAMES)),
        config=types.SimpleNamespace(seed=5, steps=1234),
    )


@pytest.mark.parametrize("latent_size", [2, 3])
def test_figures(latent_size):
    model = variational_autoencoder(20, [4], latent_size)
    record = record_of(model)
    params, image = record.states[0].params, record.data.validation.image
    pictures = make_variational_pictures(model, params, image, jax.random.key(5))
    figures = variational_figures(record, pictures)
    names = ["samples", "reconstructions", "bound"] + ["grid"] * (latent_size == 2)
    assert set(figures) == set(names)
    for name, figure in figures.items():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name
        if name != "bound":
            assert "seed 5" in figure.axes[0].get_title()

    def grid(name):
        return np.asarray(figures[name].axes[0].images[0].get_array())

    rows = grid("reconstructions").reshape(6, 6, -1)
    np.testing.assert_array_equal(rows[0], image_grid([images(15)[:12]]))
    assert set(np.unique(rows[1])) == {0, 255}
    x = np.float32(rows[1].reshape(6, 12, 7)[1:-1, :, 1:-1] > 0)
    x = x.swapaxes(0, 1).reshape(12, 20)
    logits = jax.jit(lambda x: model.decode(params, model.encode(params, x)[0]))(x)
    pixels = np.round(255 * expit(np.asarray(logits)))
    shown = rows[2].reshape(6, 12, 7)[1:-1, :, 1:-1].swapaxes(0, 1).reshape(12, 20)
    np.testing.assert_allclose(shown, pixels, atol=1)
