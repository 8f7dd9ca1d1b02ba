"""Codes of the map of a variational autoencoder."""

import numpy as np
from scipy.stats import norm

from jaxdl.systems.autoencoder.variational_pictures import gaussian_grid


def test_the_grid_holds_equal_shares():
    codes = gaussian_grid(4)
    shares = norm.cdf(codes)
    np.testing.assert_allclose(shares[0, :, 0], [1 / 8, 3 / 8, 5 / 8, 7 / 8], rtol=1e-5)
    np.testing.assert_allclose(shares[:, 0, 1], [7 / 8, 5 / 8, 3 / 8, 1 / 8], rtol=1e-5)
    assert (codes[0, :, 1] == codes[0, 0, 1]).all()
    assert (codes[:, 0, 0] == codes[0, 0, 0]).all()
