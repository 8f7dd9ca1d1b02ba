"""The derivatives of derivations by hand."""

import pytest
from derivatives import assert_derivatives_hold

from jaxdl.gradcheck import checks

SUBJECTS = {subject.name: subject for subject in checks.subjects()}


@pytest.mark.parametrize("name", SUBJECTS)
def test_derivatives_hold(name):
    assert_derivatives_hold(SUBJECTS[name])
