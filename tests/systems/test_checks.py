"""The derivatives of every system, found by looking."""

import pytest
from derivatives import assert_derivatives_hold

from jaxdl.gradcheck.subjects import find_checks

# Wide networks take minutes; `-m slow` checks them all.
WIDE = ("paper_gan", "small_gan")
SUBJECTS = {
    subject.name: subject
    for checks in find_checks()
    if checks.__name__.startswith("jaxdl.systems.")
    for subject in checks.subjects()
    if not subject.name.startswith(WIDE)
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_derivatives_hold(name):
    assert_derivatives_hold(SUBJECTS[name])
