"""A function of the user's own: from its module to a report, or one clear sentence."""

import importlib
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import memory
from jaxdl.errors import InputError
from jaxdl.gradcheck import user_function
from jaxdl.gradcheck.user_function import (
    check_user_function,
    load_function,
    parse_shapes,
)

MODULE = """
import jax
import jax.numpy as jnp

def myloss(w, b):
    return jnp.mean(jnp.tanh(w + b[None]) ** 2)

def total(*parts):
    return sum(jnp.sum(part**2) for part in parts)

def vector(w):
    return w

def several(w):
    return jnp.sum(w), {}

def nothing(w):
    pass

def counted(w):
    return jnp.sum(w > 0)

def unbounded(w):
    return jnp.sum(jnp.log(w - 1e3))

def looked_up(w, labels):
    return jnp.sum(w[labels])

def concrete(w):
    return float(jnp.sum(w))

def looping(w):
    def body(state):
        return state[0] * 2, state[1] + 1

    return jax.lax.while_loop(lambda state: state[1] < 3, body, (jnp.sum(w), 0))[0]

def leaving(w):
    raise SystemExit(7)

@jax.custom_vjp
def wrong(w):
    return jnp.sum(w**3)

wrong.defvjp(lambda w: (jnp.sum(w**3), w), lambda w, c: (2 * c * w**2,))
weights = [1, 2]

class Loss:
    @staticmethod
    def inner(w):
        return jnp.sum(jnp.sin(w))
"""


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A current folder with a module, which is forgotten afterwards."""
    (tmp_path / "own_losses.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("raise RuntimeError('no weights here')\n")
    (tmp_path / "own_leaving.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "own_syntax.py").write_text("def f(:\n")
    (tmp_path / "own_needy.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_a_right_function(own_folder):
    w, b = check_user_function("own_losses:myloss", ["4,3", "3"])
    assert (w.leaf, w.shape, w.status) == ("w", (4, 3), "ok")
    assert (b.leaf, b.shape, b.status) == ("b", (3,), "ok")
    assert list(w.errors) == ["forward", "central"] and w.worst < 1e-9
    assert w.function == "own_losses:myloss"


def test_a_wrong_function(own_folder):
    (leaf,) = check_user_function("own_losses:wrong", ["3"])
    assert leaf.status == "over" and leaf.failed


def test_arguments_without_names_a_scalar_and_a_nested_name(own_folder):
    leaves = check_user_function("own_losses:total", ["2", "()"])
    assert [(leaf.leaf, leaf.shape) for leaf in leaves] == [
        ("parts0", (2,)),
        ("parts1", ()),
    ]
    assert not any(leaf.failed for leaf in leaves)
    (leaf,) = check_user_function("own_losses:Loss.inner", ["2"])
    assert leaf.status == "ok"


def test_the_seed_decides_the_point(own_folder):
    first, again, other = (
        check_user_function("own_losses:myloss", ["4,3", "3"], seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_arguments_of_one_shape_are_drawn_apart(monkeypatch, own_folder):
    cases = []

    def check(name, case, key, **options):
        cases.append(case)
        return []

    monkeypatch.setattr(user_function, "check", check)
    check_user_function("own_losses:total", ["50", "50"])
    first, second = map(np.asarray, cases[0].args)
    assert not {*first} & {*second}


def test_the_current_folder_comes_first(own_folder):
    assert load_function("own_losses:total")(jnp.zeros(2)) == 0
    assert sys.path[0] == str(own_folder)


@pytest.mark.parametrize(
    ("target", "shapes", "sentence"),
    [
        (
            "own_losses:vector",
            ["3"],
            r"gives an array of shape \(3,\): expected one number",
        ),
        (
            "own_losses:several",
            ["3"],
            "gives a value of type tuple: expected one number",
        ),
        ("own_losses:nothing", ["3"], "gives a value of type NoneType: expected one"),
        ("own_losses:counted", ["3"], "gives int64: expected a floating number"),
        (
            "own_losses:unbounded",
            [
                "2,2",
            ],
            r"gives nan at w = \[\[.+ .+\] \[.+ .+\]\] \(seed 0\): expected a finite",
        ),
        (
            "own_losses:myloss",
            ["4,3", "4"],
            r"does not take float64 arguments of the shapes w \(4, 3\), b \(4,\): ",
        ),
        ("own_losses:myloss", ["4,3"], r"myloss\(w, b\) cannot take 1 arguments"),
        ("own_losses:myloss", ["3", "3", "3"], "cannot take 3 arguments"),
        ("own_losses:looked_up", ["3", "3"], "labels .*: TypeError: Indexer must have"),
        ("own_losses:concrete", ["3"], "ConcretizationTypeError"),
        ("own_losses:leaving", ["3"], "SystemExit: 7"),
        ("own_losses:looping", ["3"], "cannot be differentiated in reverse mode: Val"),
        ("own_losses:weights", ["3"], "is of type list: expected a function"),
        ("own_losses:mylos", ["3"], "no function 'mylos'; close to it: myloss"),
        ("own_losses:myloss.x", ["3"], "no function 'myloss.x'"),
        ("own_losses:", ["3"], "'own_losses:' was given: expected module:function"),
        (":f", ["3"], "':f' was given: expected module:function"),
        ("a:b:c", ["3"], "'a:b:c' was given: expected module:function"),
        ("own file:f", ["3"], "'own file:f' was given: expected module:function"),
        ("own_absent:f", ["3"], "there is no module own_absent: expected one in the"),
        ("own_losses.deeper:f", ["3"], "there is no module own_losses.deeper|imported"),
        ("own_broken:f", ["3"], "own_broken cannot be imported: RuntimeError: no weig"),
        ("own_leaving:f", ["3"], "own_leaving cannot be imported: SystemExit: 0"),
        ("own_syntax:f", ["3"], "own_syntax cannot be imported: SyntaxError: invalid"),
        ("own_needy:f", ["3"], "own_needy cannot be imported: ModuleNotFoundError: No"),
        ("own_losses:myloss", [], "no shapes were given: expected --shapes with one"),
    ],
)
def test_bad_input_is_one_clear_sentence(target, shapes, sentence, own_folder):
    with pytest.raises(InputError, match=sentence) as caught:
        check_user_function(target, shapes)
    assert "\n" not in str(caught.value)


def test_parse_shapes():
    assert parse_shapes(["4,3", "3", "()", "1,1,10"]) == [(4, 3), (3,), (), (1, 1, 10)]


def test_shapes_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "memory_bytes", lambda: 80 * 3_000)
    assert parse_shapes(["1000", "2000"]) == [(1000,), (2000,)]
    with pytest.raises(
        InputError, match="of memory and has .* make the shapes smaller"
    ):
        parse_shapes(["1000", "2000", "()"])


@pytest.mark.parametrize(
    "word",
    ["", "4,", ",4", "4,,3", "4x3", "(4,3)", "0", "4,0", "-3", "2.5", "3:int32", " 3"],
)
def test_malformed_shapes_are_refused(word):
    with pytest.raises(InputError, match="is no shape: expected whole numbers from 1"):
        parse_shapes(["3", word])
