"""The derivatives of what GANs share."""

import pytest
from derivatives import assert_derivatives_hold

from jaxdl.adversarial import checks

SUBJECTS = {subject.name: subject for subject in checks.subjects()}


@pytest.mark.parametrize("name", SUBJECTS)
def test_derivatives_hold(name):
    assert_derivatives_hold(SUBJECTS[name])
