"""The register: everything that has a derivative is in it, and all of it holds."""

import types

import jax
import pytest

from jaxdl.errors import InputError
from jaxdl.gradcheck.check import TOLERANCE
from jaxdl.gradcheck.command import check_subjects
from jaxdl.gradcheck.subjects import SUBJECTS, check_subject, select
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


NETS = ("tanh", "maxout", "sign")


def test_derivatives_hold(complex_annotations):
    """All but the wide networks and nets of similar activations, half of the time."""
    left_out = {f"mlp[{name}]" for name in ACTIVATIONS if name not in NETS}
    subjects = [
        s
        for name, s in SUBJECTS.items()
        if name not in left_out and not name.startswith(("paper_gan", "small_gan"))
    ]
    leaves = check_subjects(subjects)
    assert list(dict.fromkeys(leaf.function for leaf in leaves)) == [
        subject.name for subject in subjects
    ]
    assert_all_right(leaves)
    covered = {leaf.function for leaf in leaves if "hand" in leaf.errors}
    assert {"mlp[tanh]", "multiply_gate", "gan_value", *ACTIVATIONS} <= covered
    covered = {leaf.function for leaf in leaves if "complex" in leaf.errors}
    analytic = {name for name, row in ACTIVATIONS.items() if row.analytic}
    assert {"mlp[tanh]", "forward", *analytic} <= covered


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_all_derivatives_hold(seed, complex_annotations):
    assert_all_right(check_subjects(list(SUBJECTS.values()), seed=seed))


def test_every_activation_alone_and_in_a_net():
    for name in ACTIVATIONS:
        assert name in SUBJECTS and f"mlp[{name}]" in SUBJECTS


def test_a_subject_depends_on_the_seed_and_its_name_alone():
    first = check_subject(SUBJECTS["gelu"], seed=1)
    assert first == check_subject(SUBJECTS["gelu"], seed=1)
    assert first != check_subject(SUBJECTS["gelu"], seed=2)
    assert first == check_subjects([SUBJECTS["silu"], SUBJECTS["gelu"]], seed=1)[1:]


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
        (["gan_value", "elu"], ["elu", "gan_value"]),
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
        ("keep_mask", "nn.dropout.keep_mask has no derivative to check: it draws"),
        ("", "no function is called ''"),
    ],
    ids=["close", "far", "not_differentiable", "empty"],
)
def test_an_unknown_name_is_refused(word, sentence):
    with pytest.raises(InputError, match=sentence):
        select(["tanh", word])


def test_the_register_is_read_only_data():
    assert isinstance(next(iter(SUBJECTS.values())).make, types.FunctionType)
