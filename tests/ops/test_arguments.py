"""Numbers, lists and NumPy's arrays where arrays are wanted, and nothing else."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Float, Inexact, Int, UInt8

from jaxdl import adversarial, measures, nn, ops  # noqa: F401
from jaxdl.adversarial import losses
from jaxdl.errors import InputError
from jaxdl.ops.arguments import array_like, as_array, form_of

ROWS = [[0.5, -1.25, 2.0], [0.0, 3.0, -0.75]]
LOGS = [[-0.5, -1.5, np.log1p(-np.exp(-0.5) - np.exp(-1.5))]] * 2
COVARIANCE, MEAN = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.5]], [0.0, 1.0, 0.5]
BYTES = [[[[0], [255]], [[7], [64]]]]
IMAGES = [[[[0.0, 2.0], [3.0, 1.0]], [[4.0, 5.0], [6.0, 7.0]]]]
RBM = {"kernel": jnp.ones((3, 3)), "visible_bias": jnp.ones(3)}
RBM |= {"hidden_bias": jnp.zeros(3)}
ARGUMENTS = {
    **dict.fromkeys(["z", "x", "outputs", "logits", "visible", "hidden"], ROWS),
    **dict.fromkeys(["log_p", "log_q"], LOGS),
    **dict.fromkeys(["mean", "mean_p", "mean_q"], MEAN),
    **dict.fromkeys(["cov", "cov_p", "cov_q"], COVARIANCE),
    "image": BYTES,
    "key": jax.random.key(0),
    "labels": [0, 2],
    "log_variance": ROWS,
    "num_classes": 3,
    "p": [[0.25, 0.75]],
    "params": RBM,
    "pixels": [[0.0, 1.0]],
    "image_shape": (1, 2, 1),
    "targets": [[0.0, 1.0, 0.5], [1.0, 0.0, 0.0]],
    **dict.fromkeys(["share", "deviation"], 0.25),
    **dict.fromkeys(["log_p_at_p", "log_q_at_p", "log_p_at_q"], [0.5, 1.0, 0.0]),
    "log_q_at_q": [0.5, 1.0, 1.0],
    "log_ps": LOGS,
}
OWN = {  # where a name means something else
    "maxout": {"z": [[1.0, 2.0, 3.0, 4.0]]},
    "monte_carlo_entropy": {"log_p": [0.5, 1.0]},
    "monte_carlo_kl": {"log_p": [0.5, 1.0], "log_q": [0.0, 1.0]},
    "diagonal_gaussian_log_density": {"mean": ROWS},
    "standard_normal_kl": {"mean": ROWS},
}
FUNCTIONS = {
    name: value
    for name, value in vars(ops).items()
    if callable(value) and not inspect.isclass(value) and name != "activation"
    if name != "image_rows"  # of a batch
}


def arguments(name):
    """Positional arguments of a function, as lists."""
    known = ARGUMENTS | OWN.get(name, {})
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    return [known[x.name] for x in parameters if x.default is x.empty]


def arrays(values):
    """Lists as arrays of JAX, bytes where the numbers are bytes."""
    dtypes = {id(BYTES): jnp.uint8}
    return [
        jnp.asarray(x, dtypes.get(id(x))) if isinstance(x, list) else x for x in values
    ]


@pytest.mark.parametrize("kind", ["lists", "numpy"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_takes_lists_and_numpy_arrays(name, kind):
    lists = arguments(name)
    given = lists
    if kind == "numpy":
        dtypes = {id(BYTES): np.uint8}
        given = [
            np.asarray(x, dtypes.get(id(x))) if isinstance(x, list) else x
            for x in lists
        ]
    expected = FUNCTIONS[name](*arrays(lists))
    found = FUNCTIONS[name](*given)
    for ours, theirs in zip(
        jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", [n for n in ops.ACTIVATIONS if n not in ("maxout",)])
def test_activations_take_one_number(name):
    row = ops.ACTIVATIONS[name]
    if row.elementwise:
        for number in (0.5, 1, np.int32(1), True):
            expected = row.fn(jnp.asarray(float(number)))
            found = row.fn(number)
            assert found == expected and found.dtype == expected.dtype == jnp.float32
            row.derivative(number)
    else:
        with pytest.raises(InputError, match=r"z has shape \(\): expected"):
            row.fn(0.5)


def test_numbers_take_the_type_of_arrays_beside_them():
    assert (ops.relu(0.5) + jnp.ones(2, jnp.bfloat16)).dtype == jnp.bfloat16


def test_other_rooms_take_lists_too():
    assert measures.error_percent(ROWS, [2, 0]) == 50
    np.testing.assert_array_equal(nn.max_pool(IMAGES)[0, 0, 0], [6, 7])
    np.testing.assert_array_equal(nn.average_pool(IMAGES)[0, 0, 0], [3.25, 3.75])
    assert losses.gan_value([0.0], [0.0, 0.0]) == -2 * np.float32(np.log(2))
    assert losses.hinge_discriminator_loss([0.5], [0.5]) == 2


WRONG = [
    (lambda: ops.relu("abc"), "z is 'abc': expected an array, a number, or nested"),
    (lambda: ops.relu(None), "z is None"),
    (lambda: ops.softmax([[1.0], [1.0, 2.0]]), r"z is \[\[1.0\], \[1.0, 2.0\]\]"),
    (lambda: ops.relu(["x" * 99]), r"z is \['x{55}\.\.\.: expected"),
    (lambda: ops.entropy(0.5), r"log_p has shape \(\): expected \[\.\.\. k\]"),
    (
        lambda: ops.softmax_cross_entropy(ROWS, [0.0, 1.0]),
        "labels holds float32: expected whole numbers",
    ),
    (lambda: ops.unit_images([[[[256]]]]), "image holds int32: expected bytes"),
    (lambda: ops.unit_images([[[[-1]]]]), "image holds int32: expected bytes"),
    (lambda: ops.unit_images([[[[0.5]]]]), "image holds float32: expected bytes"),
    (lambda: ops.unit_images([[0]]), r"expected \[batch height width channels\]"),
    (lambda: ops.monte_carlo_kl([[0.0]], [0.0]), r"log_p has shape \(1, 1\).*\[n\]"),
    (lambda: ops.check_log_probabilities(LOGS, "b"), r"log_ps\[1\] is 'b'"),
    (lambda: ops.check_covariance([[1.0], []]), r"cov is \[\[1.0\], \[\]\]"),
    (lambda: nn.max_pool(ROWS), r"x has shape \(2, 3\): expected \[batch height"),
]


@pytest.mark.parametrize(("call", "said"), WRONG, ids=[said[:24] for _, said in WRONG])
def test_what_is_no_such_array_is_refused_in_a_sentence(call, said):
    with pytest.raises(InputError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [[0], 0, [[0, 0]]])
def test_labels_that_are_not_one_a_row(labels):
    unchecked = measures.error_percent
    while hasattr(unchecked, "__wrapped__"):  # the annotation would speak first
        unchecked = unchecked.__wrapped__
    with pytest.raises(InputError, match=r"labels have shape .*: expected \(2,\)"):
        unchecked(jnp.asarray(ROWS), jnp.asarray(labels))


def test_arrays_and_traced_ones_go_through_untouched():
    for dtype in (jnp.int32, jnp.bfloat16, jnp.float32):
        x = jnp.ones(3, dtype)
        assert as_array("x", x) is x

    def twice(x: Float[Array, "*batch"]) -> Array:
        return 2 * x

    x = jnp.ones(3)
    plain, like = jax.make_jaxpr(twice)(x), jax.make_jaxpr(array_like(twice))(x)
    assert str(plain) == str(like)


def test_arguments_may_be_named_left_out_or_too_many():
    @array_like
    def f(x: Float[Array, "*batch"], by: Float[Array, ""] | float = 2.0, *, n: int = 1):
        assert isinstance(x, jax.Array) and isinstance(by, float)
        return n * x * by

    assert f(x=[1.0]) == 2 and f([1.0], n=3, by=1.0) == 3
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        f()
    with pytest.raises(TypeError, match="too many"):
        f(1.0, 2.0, 3.0)
    assert ops.sigmoid(z=0.0) == 0.5  # named, through all that wraps it


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Float[Array, "*batch k"], (("...", "k"), "float")),
        (Inexact[Array, ""], ((), "float")),
        (Int[Array, " n"], (("n",), "whole")),
        (UInt8[Array, "_h #w ..."], (("h", "w", "..."), "bytes")),
        (Bool[Array, "..."], (("...",), "any")),
        (Float[np.ndarray, " n"], None),
        (jax.Array, None),
        (float, None),
    ],
)
def test_forms_of_annotations(annotation, expected):
    assert form_of(annotation) == expected
