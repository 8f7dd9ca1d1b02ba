"""What the tests of the gradient check share."""

import jaxtyping
import pytest


@pytest.fixture
def complex_annotations():
    """Lets the complex step through annotations that say `Float`.

    They are checked in tests only, and the step shows nothing but complex numbers.
    """
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
