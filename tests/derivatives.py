"""What the tests of all `checks.py` share."""

import contextlib

import jaxtyping

from jaxdl.gradcheck.judge import TOLERANCE
from jaxdl.gradcheck.subjects import Subject, check_subject
from jaxdl.ops.activations import ACTIVATIONS

# Rightly zero everywhere: steps are flat, and what the backward pass never reads.
ZERO = {
    "unit_step": {"z"},
    "sign": {"z"},
    "mlp[unit_step]": {"params.0.bias", "params.0.kernel", "x"},
    "mlp[sign]": {"params.0.bias", "params.0.kernel", "x"},
    "backward": {
        "params.0.bias",
        "params.1.bias",
        "params.2.bias",
        "preactivations.2",
        "activations.3",
    },
}

BY_HAND = {"mlp[tanh]", "multiply_gate", "gan_value", *ACTIVATIONS}
"""Subjects that are also held against a derivation by hand, among others."""

ANALYTIC = {
    *("mlp[tanh]", "forward"),
    *(name for name, row in ACTIVATIONS.items() if row.analytic),
}
"""Subjects that are also held against the complex step, among others."""


@contextlib.contextmanager
def complex_annotations():
    """Lets the complex step through annotations that say `Float`.

    They are checked in tests only, and the step shows nothing but complex numbers.
    """
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def assert_derivatives_hold(subject: Subject, seed: int = 0):
    """Check a subject, and that the check is whole."""
    with complex_annotations():
        leaves = check_subject(subject, seed=seed)
    assert {leaf.function for leaf in leaves} == {subject.name}
    assert_all_right(leaves)
    errors = {name for leaf in leaves for name in leaf.errors}
    assert "hand" in errors or subject.name not in BY_HAND
    assert "complex" in errors or subject.name not in ANALYTIC


def assert_all_right(leaves):
    for leaf in leaves:
        where = f"{leaf.function} {leaf.leaf}"
        zero = leaf.leaf in ZERO.get(leaf.function, ())
        assert leaf.status == ("zero" if zero else "ok"), where
        assert leaf.worst <= TOLERANCE and leaf.second is not None, where
        assert {"forward", "central"} <= set(leaf.errors), where
        row = ACTIVATIONS.get(leaf.function)
        if row is not None and row.elementwise:
            kinks = len(row.kinks) + len(row.second_kinks)
            places = [f"z[{12 + i}]" for i in range(kinks)]  # the last ones
            left_out = [place.partition(" ")[0] for place in leaf.left_out]
            assert left_out == places and all("kink" in p for p in leaf.left_out), where
        elif leaf.function == "maxout":
            assert [p[:7] for p in leaf.left_out] == ["z[0, 0]", "z[0, 2]"]
        else:  # a perturbed weight of a wide net may move some unit across its kink
            allowed = {"paper": 10}.get(leaf.function[:5], 3 * ("gan" in leaf.function))
            assert len(leaf.left_out) <= allowed, where
