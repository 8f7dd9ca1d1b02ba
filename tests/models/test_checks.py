"""The derivatives of shared networks."""

import pytest
from derivatives import assert_derivatives_hold

from jaxdl.models import checks

SUBJECTS = {subject.name: subject for subject in checks.subjects()}

# Nets of similar activations take half of the time; `-m slow` checks them all.
NETS = {f"mlp[{name}]" for name in ("tanh", "maxout", "sign")}
ORDINARY = [name for name in SUBJECTS if name in NETS or not name.startswith("mlp[")]


@pytest.mark.parametrize("name", ORDINARY)
def test_derivatives_hold(name):
    assert_derivatives_hold(SUBJECTS[name])
