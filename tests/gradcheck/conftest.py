"""What the tests of the gradient check share."""

import derivatives
import pytest


@pytest.fixture
def complex_annotations():
    """Lets the complex step through annotations that say `Float`."""
    with derivatives.complex_annotations():
        yield
