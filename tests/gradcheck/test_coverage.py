"""No public differentiable function escapes the gradient check."""

import sys

import jax
import pytest

import jaxdl.systems
from jaxdl.errors import InputError
from jaxdl.gradcheck.coverage import (
    find_reasons,
    public_functions,
    reason,
    unknown_functions,
)
from jaxdl.gradcheck.subjects import find_exceptions, find_subjects
from jaxdl.ops import losses

COVERED = {cover for s in find_subjects().values() for cover in s.covers}


def test_every_public_function_is_checked_or_has_its_reason():
    """If this fails: give the function a subject in the `checks.py` beside it, or a
    reason in its `NOT_DIFFERENTIABLE`."""
    assert unknown_functions(COVERED) == []


def test_nothing_is_listed_that_does_not_exist():
    public, listed = public_functions(), find_exceptions()
    modules = {name.rpartition(".")[0] for name in public}
    missing = {*listed} - {*public} - modules
    # Not there while the functions are not: they come with their own module.
    assert missing == set()
    functions = {name for name in COVERED if not name.startswith("ops.activations.")}
    assert functions <= {*public}
    assert not COVERED & {*listed}
    assert all(listed.values())


def test_no_reason_is_listed_that_annotations_give():
    public, listed = public_functions(), find_exceptions()
    assert [name for name in listed if name in public and reason(public[name])] == []
    assert not COVERED & {*find_reasons()}


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
    assert set(unknown_functions([], "planted_package", ["room"])) > set(found)


def annotated(arguments, result):
    lines = [
        "from collections.abc import Callable, Mapping, Sequence",
        "from typing import Any, Literal, NamedTuple",
        "import dataclasses, jax, numpy as np",
        "from jax.typing import ArrayLike",
        "from jaxtyping import Array, Bool, Float, Inexact, Int, Shaped, UInt8",
        "from jaxdl.types import Model, Params, PRNGKey",
        "class Pair(NamedTuple):\n    x: Float[Array, '']\n    n: int",
        "class Sizes(NamedTuple):\n    height: int\n    width: int",
        "@dataclasses.dataclass\nclass Config:\n    rate: float",
        f"def f({arguments}){result}: pass",
    ]
    names = {"__name__": "annotated"}
    exec("\n".join(lines), names)
    return names["f"]


TAKES, RETURNS = "it takes no floating arrays", "it returns no floating arrays"


@pytest.mark.parametrize(
    ("arguments", "result", "why"),
    [
        ("x", "", None),
        ("x: Float[Array, ' n']", " -> Float[Array, '']", None),
        ("x: Float[Array, ' n']", "", None),
        ("x: int", " -> Float[Array, '']", TAKES),
        ("n: int, x=0", " -> Float[Array, '']", None),
        ("x: Any", " -> Any", None),
        ("params: Params", " -> jax.Array", None),
        ("x: ArrayLike", " -> jax.Array", None),
        ("x: Inexact[Array, ''] | float", " -> Shaped[Array, '']", None),
        ("x: Sequence[Float[Array, '']]", " -> Mapping[str, jax.Array]", None),
        ("x: list", " -> tuple", None),
        ("pair: Pair", " -> Pair", None),
        ("sizes: Sizes", " -> Pair", TAKES),
        ("pair: Pair", " -> Sizes", RETURNS),
        ("cfg: Config", " -> Float[Array, '']", TAKES),
        ("x: UInt8[Array, ' n']", " -> Float[Array, ' n']", TAKES),
        ("x: Float[Array, ' n']", " -> UInt8[Array, ' n']", RETURNS),
        ("x: Float[Array, ' n']", " -> Bool[Array, '']", RETURNS),
        ("x: Float[Array, ' n']", " -> None", RETURNS),
        ("x: Float[Array, ' n']", " -> float", RETURNS),
        ("x: Float[np.ndarray, ' n']", " -> Float[Array, ' n']", TAKES),
        ("x: np.ndarray", " -> np.ndarray", TAKES),
        ("key: PRNGKey, shape: tuple[int, ...]", " -> Float[Array, '...']", TAKES),
        ("mode: Literal['a', 'b']", " -> Float[Array, '']", TAKES),
        ("sizes: list[int]", " -> Model", None),
        ("rate: float", " -> Callable", None),
        ("rate: float", " -> Callable[..., Any] | None", None),
        ("rate: float", " -> tuple[Callable[[Any], Any], int]", None),
        ("fn: Callable", " -> Float[Array, '']", TAKES),
        ("*xs: Float[Array, '']", " -> Float[Array, '']", None),
        ("**options: Any", " -> Float[Array, '']", None),
    ],
)
def test_what_annotations_say(arguments, result, why):
    assert reason(annotated(arguments, result)) == why
    assert reason(jax.jit(annotated(arguments, result))) == why


CHECKS = """
from jaxdl.gradcheck.problem import Case, draw_normals
from jaxdl.gradcheck.subjects import Subject, subject
from jaxdl.systems.planted.rule import square

NOT_DIFFERENTIABLE = {"systems.planted.networks.steps": "they are flat"}

def make(key):
    return Case(square, tuple(draw_normals(key, (3,))), ("x",))

def subjects() -> list[Subject]:
    return [subject("systems.planted.rule.square", make, name=%r)]
"""


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Puts a system with checks into a folder of its own."""

    def make(name):
        folder = tmp_path / "planted"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "checks.py").write_text(CHECKS % name)
        (folder / "networks.py").write_text("def steps(x): ...\ndef net(x): ...\n")
        (folder / "rule.py").write_text("def square(x): return x**2\ndef cube(x): ...")
        (folder / "measures.py").write_text("def quality(x): ...\n")
        (folder / "extras.py").write_text("def unused(x): ...\n")
        path = [*jaxdl.systems.__path__, str(tmp_path)]
        monkeypatch.setattr(jaxdl.systems, "__path__", path)

    def forget():
        for name in [name for name in sys.modules if ".planted" in name]:
            del sys.modules[name]

    forget()  # another test's of that name
    yield make
    forget()
    del jaxdl.systems.planted


def test_a_system_is_found_by_looking(plant):
    before = list(find_subjects())
    plant("planted_square")
    subjects = find_subjects()
    assert {*subjects} - {*before} == {"planted_square"}
    assert find_exceptions()["systems.planted.networks.steps"] == "they are flat"
    covered = {cover for s in subjects.values() for cover in s.covers}
    expected = ["systems.planted.networks.net", "systems.planted.rule.cube"]
    assert unknown_functions(covered) == expected


def test_two_subjects_of_one_name_are_refused(plant):
    plant("gelu")
    with pytest.raises(InputError, match="planted.checks has a subject 'gelu', and so"):
        find_subjects()
