"""No public differentiable function escapes the gradient check."""

import sys

import jax
import pytest

from jaxdl.gradcheck.coverage import (
    NOT_DIFFERENTIABLE,
    public_functions,
    unknown_functions,
)
from jaxdl.gradcheck.subjects import SUBJECTS
from jaxdl.ops import losses

COVERED = {cover for subject in SUBJECTS.values() for cover in subject.covers}


def test_every_public_function_is_checked_or_has_its_reason():
    """If this fails: give the function a subject in `jaxdl.gradcheck.subjects`, or a
    reason in `NOT_DIFFERENTIABLE`."""
    assert unknown_functions(COVERED) == []


def test_nothing_is_listed_that_does_not_exist():
    public = public_functions()
    missing = {*NOT_DIFFERENTIABLE} - public
    # Not there while the functions are not: they come with their own module.
    assert missing == set()
    functions = {name for name in COVERED if not name.startswith("ops.activations.")}
    assert functions <= public
    assert not COVERED & {*NOT_DIFFERENTIABLE}
    assert all(reason for reason in NOT_DIFFERENTIABLE.values())


def planted(x):
    return x**2


def wrapped_vjp():
    fn = jax.custom_vjp(planted)
    fn.defvjp(lambda x: (x**2, x), lambda x, c: (2 * x * c,))
    return fn


@pytest.mark.parametrize(
    "make",
    [lambda: planted, lambda: jax.jit(planted), wrapped_vjp, lambda: lambda x: x**2],
    ids=["function", "jit", "custom_vjp", "lambda"],
)
def test_a_planted_function_is_found(make, monkeypatch):
    fn = make()
    monkeypatch.setattr(planted, "__module__", losses.__name__)
    try:
        fn.__module__ = losses.__name__
    except AttributeError:
        pass  # it asks the function inside
    monkeypatch.setattr(losses, "planted", fn, raising=False)
    assert unknown_functions(COVERED) == ["ops.losses.planted"]


def test_all_kinds_of_functions_are_found_in_a_package(tmp_path, monkeypatch):
    room = tmp_path / "planted_package" / "room"
    (room / "deeper").mkdir(parents=True)
    for folder in (room.parent, room, room / "deeper"):
        (folder / "__init__.py").write_text("")
    (room / "deeper" / "file.py").write_text("def deep(x): return x\n")
    (room / "file.py").write_text(
        "import functools, jax, jax.numpy as jnp\n"
        "from typing import NamedTuple\n"
        "from jaxdl.gradcheck.backprop import Gate\n"
        "from jaxdl.ops.losses import half_squared_error\n"
        "def plain(x): return x\n"
        "def _private(x): return x\n"
        "compiled = jax.jit(plain)\n"
        "tangent = jax.custom_jvp(plain)\n"
        "part = functools.partial(plain, 1)\n"
        "gate = Gate(plain, plain)\n"
        "class Layer:\n    def apply(self, x): return x\n"
        "class Data(NamedTuple):\n    x: int\n"
        "number, table = 3, {'f': plain}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = unknown_functions(["room.file.plain"], "planted_package", ["room"])
    for name in [name for name in sys.modules if name.startswith("planted_package")]:
        monkeypatch.delitem(sys.modules, name)
    names = ["Layer", "compiled", "gate", "part", "tangent"]
    expected = ["room.deeper.file.deep", *(f"room.file.{name}" for name in names)]
    assert found == sorted(expected)
