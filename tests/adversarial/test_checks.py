"""The derivatives of what GANs share."""

import pytest
from derivatives import assert_derivatives_hold

from jaxdl.adversarial import checks

SUBJECTS = {subject.name: subject for subject in checks.subjects()}

# Wide networks take minutes; `-m slow` checks them all.
WIDE = ("paper_gan", "small_gan")
ORDINARY = [name for name in SUBJECTS if not name.startswith(WIDE)]


@pytest.mark.parametrize("name", ORDINARY)
def test_derivatives_hold(name):
    assert_derivatives_hold(SUBJECTS[name])
