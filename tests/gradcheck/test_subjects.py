"""The register: everything that has a derivative is in it.

`tests/<room>/test_checks.py` hold what a room has in it.
"""

import types

import jax
import numpy as np
import pytest
from derivatives import assert_all_right

from jaxdl.errors import InputError
from jaxdl.gradcheck import subjects
from jaxdl.gradcheck.command import check_subjects
from jaxdl.gradcheck.selection import select
from jaxdl.gradcheck.subjects import check_subject, find_subjects
from jaxdl.ops.activations import ACTIVATIONS

SUBJECTS = find_subjects()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_all_derivatives_hold(seed, complex_annotations):
    leaves = check_subjects(list(SUBJECTS.values()), seed=seed)
    assert list(dict.fromkeys(leaf.function for leaf in leaves)) == [*SUBJECTS]
    assert_all_right(leaves)


def test_every_activation_alone_and_in_a_net():
    for name in ACTIVATIONS:
        assert name in SUBJECTS and f"mlp[{name}]" in SUBJECTS


def test_a_subject_depends_on_the_seed_and_its_name_alone():
    first = check_subject(SUBJECTS["gelu"], seed=1)
    assert first == check_subject(SUBJECTS["gelu"], seed=1)
    assert first != check_subject(SUBJECTS["gelu"], seed=2)
    assert first == check_subjects([SUBJECTS["silu"], SUBJECTS["gelu"]], seed=1)[1:]


def test_subjects_have_points_of_their_own(monkeypatch):
    given = []

    def check(name, case, key, *, step):
        given.append((np.asarray(case.args[0]).tobytes(), str(key)))
        return []

    monkeypatch.setattr(subjects, "check", check)
    for name in ("gelu", "silu"):
        check_subject(SUBJECTS[name])
    (point, key), (other_point, other_key) = given
    assert point != other_point and key != other_key


def test_points_are_in_float64():
    with jax.enable_x64(True):
        for name, subject in SUBJECTS.items():
            if "paper_gan" in name:
                continue
            case = subject.make(jax.random.key(0))
            assert len(case.names) == len(case.args), name
            dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(case.args)}
            assert dtypes == {"float64"}, name


# Selection


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["tanh"], ["tanh"]),
        (["mlp[relu]"], ["mlp[relu]"]),
        (["mlp"], [f"mlp[{name}]" for name in ACTIVATIONS]),
        (["elu", "gan_value"], ["gan_value", "elu"]),
        (
            ["ops.losses"],
            [
                "half_squared_error",
                "softmax_cross_entropy",
                "squared_error",
                "bernoulli_cross_entropy",
            ],
        ),
        (["losses.half_squared_error"], ["half_squared_error"]),
        (["jaxdl.ops.losses.half_squared_error"], ["half_squared_error"]),
        (["jaxdl.tanh"], ["tanh"]),
        (["jaxdl.nn"], None),
        (["jaxdl", "tanh"], list(SUBJECTS)),
        (
            ["make_gan_losses"],
            [
                f"gan_losses[{name}]"
                for name in ("packed", "generator", "discriminator")
            ],
        ),
        (["nn"], None),
        ([], list(SUBJECTS)),
    ],
    ids=lambda value: "-".join(value) or "all" if isinstance(value, list) else "",
)
def test_select(words, names):
    found = [subject.name for subject in select(words)]
    if names is None:
        assert "dropout" in found and "tanh" not in found
    else:
        assert found == names


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sigmod", "no function is called 'sigmod': .*close to it: sigmoid"),
        ("xyzzy", "no function is called 'xyzzy': expected the name[^;]*$"),
        ("keep_mask", "nn.dropout.keep_mask has no derivative to check: it takes no"),
        ("", "no function is called ''"),
        ("jaxdl.sigmod", "no function is called 'jaxdl.sigmod': .*to it: sigmoid"),
        ("jaxdl.nn.dropout.keep_mask", "nn.dropout.keep_mask has no derivative"),
    ],
    ids=["close", "far", "not_differentiable", "empty", "dotted_close", "dotted_none"],
)
def test_an_unknown_name_is_refused(word, sentence):
    with pytest.raises(InputError, match=sentence):
        select(["tanh", word])


def test_the_register_is_read_only_data():
    assert isinstance(next(iter(SUBJECTS.values())).make, types.FunctionType)
