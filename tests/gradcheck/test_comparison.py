"""The gradient check, and mistakes that it must find every time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.gradcheck import methods, settle
from jaxdl.gradcheck.backprop import squared_error_and_grad
from jaxdl.gradcheck.comparison import check
from jaxdl.gradcheck.judge import TOLERANCE, relative_error
from jaxdl.gradcheck.problem import Case, make_problem
from jaxdl.models.mlps import forward
from jaxdl.ops.losses import half_squared_error

SEEDS = range(3)


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape) for shape in shapes)


def checked(case, seed=0, **options):
    """Reports by leaf."""
    leaves = check("f", case, jax.random.key(seed), **options)
    assert all(leaf.function == "f" for leaf in leaves)
    return {leaf.leaf: leaf for leaf in leaves}


# What is right passes


def test_relative_error():
    found = relative_error(
        [1.0, 1.0, 0.0, 1e-9, 2.0, np.nan, 1.0, np.inf],
        [1.0, 1.1, 0.0, 2e-9, -2.0, 1.0, np.nan, np.inf],
        1.0,
    )
    expected = [0, 0.1 / 1.1, 0, 1e-9 / 1e-3, 2, np.inf, np.inf, np.inf]
    np.testing.assert_allclose(found, expected)


def test_every_method_covers_an_analytic_function(complex_annotations):
    (x,) = normal(0, (2, 3))

    def hand(cotangent, x):
        return (cotangent * 3 * x**2,)

    leaf = checked(Case(lambda x: x**3, (x,), ("x",), True, hand, lambda x: x * x * x))[
        "x"
    ]
    assert list(leaf.errors) == ["forward", "central", "complex", "hand", "plain"]
    assert leaf.status == "ok" and leaf.worst < 1e-9 and leaf.second < 1e-9
    assert (leaf.entries, leaf.directions, leaf.shape) == (6, 0, (2, 3))


def test_leaves_are_named_by_their_paths():
    params = [{"kernel": np.ones((2, 3)), "bias": np.ones(3)}]
    x = np.ones(2)
    found = checked(
        Case(lambda p, x: x @ p[0]["kernel"] + p[0]["bias"], (params, x), ("p", "x"))
    )
    assert list(found) == ["p.0.bias", "p.0.kernel", "x"]


def test_the_global_precision_does_not_matter():
    assert not jax.config.jax_enable_x64
    (x,) = normal(0, (3,))
    leaf = checked(Case(jnp.sin, (x.astype(np.float32),), ("x",)))["x"]
    assert leaf.worst < 1e-9
    assert not jax.config.jax_enable_x64


def test_a_large_leaf_gets_64_entries_and_two_directions():
    (x,) = normal(0, (9, 8))
    leaf = checked(Case(jnp.sin, (x,), ("x",)))["x"]
    assert (leaf.entries, leaf.directions, leaf.status) == (64, 2, "ok")
    rows = [methods.choose_rows([72], jax.random.key(seed))[0] for seed in (0, 0, 1)]
    assert len(set(rows[0].entries)) == 64 and max(rows[0].entries) < 72
    np.testing.assert_array_equal(rows[0].entries, rows[1].entries)
    assert set(rows[0].entries) != set(rows[2].entries)
    assert np.all(np.abs(rows[0].factors) >= 0.5)


def test_kinks_are_left_out_and_listed():
    x = np.array([-1.0, 0.0, 2.0])
    leaf = checked(Case(jax.nn.relu, (x,), ("x",)))["x"]
    assert leaf.left_out == ("x[1] = 0 (kink)",)
    assert leaf.second_left_out == 1 and leaf.status == "ok"


def test_a_kink_nearby_takes_a_smaller_step():
    x = np.array([-1.0, 1e-4, 2.0])
    leaf = checked(Case(lambda x: jax.nn.relu(x) ** 2 + jax.nn.relu(x), (x,), ("x",)))[
        "x"
    ]
    assert leaf.left_out == () and leaf.status == "ok"


def test_where_all_is_left_out_nothing_passes():
    case = Case(jax.nn.relu, (np.zeros(3),), ("x",), domain=lambda x: (0 * x,))
    leaf = checked(case)["x"]
    assert leaf.status == "unchecked" and leaf.failed and len(leaf.left_out) == 3


def test_a_gradient_that_is_no_number_is_an_error_on_a_kink_too():
    x = np.array([0.0, 1.0])
    leaf = checked(Case(lambda x: jnp.sqrt(x**2), (x,), ("x",)))["x"]
    assert leaf.status == "over" and leaf.worst == np.inf
    assert leaf.worst_at.endswith("x[0] = 0")


def test_a_zero_gradient_is_listed_not_passed():
    x, y = normal(0, (3,), (2,))
    found = checked(Case(lambda x, y: jnp.sum(x**2), (x, y), ("x", "y")))
    assert found["y"].status == "zero" and not found["y"].failed
    assert found["x"].status == "ok"


def test_zero_but_for_rounding_is_zero():
    """A constant added to all logits changes no probability, far out neither."""

    def fn(z, c):
        return jax.nn.softmax(z + c)

    case = Case(fn, (*normal(4, (4,)), np.array(0.3)), ("z", "c"))
    found = checked(case, seed=4)
    assert found["c"].status == "zero" and found["z"].status == "ok"


def test_a_gradient_lost_in_rounding_is_no_zero():
    """Nothing tells 1e-9 beside 1e9 from zero; only what is exactly 0 may pass."""

    def fn(x, y):
        return 1e9 + 1e-9 * jnp.sum(jnp.sin(x)) + 0 * y

    def backward(args, cotangent):
        return -1e-9 * cotangent * jnp.cos(args[0]), 0 * args[1]  # of wrong sign

    case = planted((((3,), ()), ("x", "y"), fn), backward, 0, with_plain=False)
    found = checked(case)
    assert (found["x"].status, found["y"].status) == ("unchecked", "zero")
    assert found["x"].failed and len(found["x"].left_out) == 3
    assert all(place.endswith("(rounding)") for place in found["x"].left_out)


def test_a_saturated_point_is_held_against_the_given_one():
    """1e-26 from 0 is no error where the gradient was 1."""
    leaf = checked(
        Case(
            lambda x: (1 + jnp.tanh(x)) / 2,
            normal(0, (3,)),
            ("x",),
            plain=lambda x: jax.nn.sigmoid(2 * x),
            domain=lambda x: (0 * x - 30,),
        )
    )["x"]
    assert leaf.status == "ok" and leaf.errors["plain"] < 1e-9


def test_rounding_is_told_from_a_mistake():
    """The gradient is right; 1e9 on top of it leaves differences few digits."""
    (x,) = normal(0, (3,))
    leaf = checked(Case(lambda x: jnp.sum(jnp.sin(x)) + 1e9, (x,), ("x",)))["x"]
    assert not leaf.status == "over"
    assert all(place.endswith("(rounding)") for place in leaf.left_out)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ((np.ones(3), np.arange(3)), "f: y holds int64: expected floats"),
        ((np.ones(3), np.ones(3, bool)), "f: y holds bool: expected floats"),
        ((np.ones((2, 0)),), r"f: x has shape \(2, 0\): expected an entry"),
        ((), "f: got nothing to differentiate"),
    ],
    ids=["integers", "booleans", "empty", "nothing"],
)
def test_arguments_that_cannot_be_differentiated(args, sentence):
    with pytest.raises(InputError, match=sentence):
        check("f", Case(lambda *a: a, args, ("x", "y")), jax.random.key(0))


def test_outputs_that_cannot_be_differentiated():
    case = Case(lambda x: jnp.argmax(x), (np.ones(3),), ("x",))
    with pytest.raises(InputError, match="f: the function gives int64"):
        check("f", case, jax.random.key(0))


# Planted mistakes


def with_backward(fn, backward):
    """A function with a hand-made backward pass `backward(args, cotangent)`."""
    wrapped = jax.custom_vjp(fn)
    wrapped.defvjp(lambda *args: (fn(*args), args), backward)
    return wrapped


def layer(x, w):
    return jnp.tanh(x @ w)


def right_layer(args, grad):
    x, w = args
    delta = grad * (1 - layer(x, w) ** 2)
    return delta @ w.T, x.T @ delta


def transposed_weight(args, grad):
    x, w = args
    delta = grad * (1 - layer(x, w) ** 2)
    return delta @ w, x.T @ delta


def no_activation_derivative(args, grad):
    x, w = args
    return grad @ w.T, x.T @ grad


def wrong_sign(args, grad):
    return tuple(-g for g in right_layer(args, grad))


def mean_square(x, targets):
    return jnp.mean((targets - x) ** 2)


def mean_square_backward(args, grad):
    x, targets = args
    error = 2 * grad * (x - targets) / x.size
    return error, -error


def target_minus_out(args, grad):
    return tuple(-g for g in mean_square_backward(args, grad))


def no_division_by_n(args, grad):
    return tuple(g * args[0].size for g in mean_square_backward(args, grad))


def recurrence(w, x):
    """h_t = tanh(w h_(t-1) + x_t), all of them."""

    def step(h, x_t):
        h = jnp.tanh(w * h + x_t)
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(x[0]), x)[1]


def recurrence_backward(shift):
    def backward(args, grad):
        w, x = args
        hs = recurrence(w, x)
        before = jnp.concatenate([jnp.zeros_like(hs[:1]), hs])[shift:][: len(hs)]

        def step(d_h, at_t):
            grad_t, h = at_t
            delta = (d_h + grad_t) * (1 - h**2)
            return w * delta, delta

        _, deltas = jax.lax.scan(step, jnp.zeros_like(x[0]), (grad, hs), reverse=True)
        return jnp.sum(deltas * before, axis=0), deltas

    return backward


def cube_sum(x):
    return jnp.sum(x**3)


LAYER = ((4, 3), (3, 3)), ("x", "w"), layer
LOSS = ((4, 3), (4, 3)), ("out", "targets"), mean_square
TIME = ((3,), (6, 3)), ("w", "x"), recurrence
CUBE = ((5,),), ("x",), cube_sum
MISTAKES = {
    "transposed_weight": (LAYER, transposed_weight, {"x"}),
    "no_activation_derivative": (LAYER, no_activation_derivative, {"x", "w"}),
    "wrong_sign": (LAYER, wrong_sign, {"x", "w"}),
    "target_minus_out": (LOSS, target_minus_out, {"out", "targets"}),
    "no_division_by_n": (LOSS, no_division_by_n, {"out", "targets"}),
    "off_by_one_in_time": (TIME, recurrence_backward(1), {"w"}),
    "gradient_of_another_function": (CUBE, lambda a, c: (2 * c * a[0] ** 2,), {"x"}),
    "not_a_number": (CUBE, lambda a, c: (3 * c * a[0] ** 2 * jnp.nan,), {"x"}),
    "one_not_a_number": (
        CUBE,
        lambda a, c: ((c * 3 * a[0] ** 2).at[1].set(jnp.nan),),
        {"x"},
    ),
}
RIGHT = {
    "layer": (LAYER, right_layer),
    "loss": (LOSS, mean_square_backward),
    "time": (TIME, recurrence_backward(0)),
    "cube": (CUBE, lambda a, c: (3 * c * a[0] ** 2,)),
}


def planted(setting, backward, seed, *, with_plain):
    shapes, names, fn = setting
    return Case(
        with_backward(fn, backward),
        normal(seed, *shapes),
        names,
        plain=fn if with_plain else None,
    )


@pytest.mark.parametrize("name", RIGHT)
def test_right_backward_passes_pass(name):
    """So what is caught below is caught for its mistake."""
    setting, backward = RIGHT[name]
    found = checked(planted(setting, backward, 0, with_plain=True))
    for leaf in found.values():
        assert leaf.status == "ok" and {"forward", "central", "plain"} == set(
            leaf.errors
        )
    found = checked(planted(setting, backward, 1, with_plain=False))
    for leaf in found.values():
        assert leaf.status == "ok" and list(leaf.errors) == ["central"]
        assert leaf.notes == (
            "no forward mode: a custom VJP without a plain definition",
        )


@pytest.mark.parametrize(
    ("offset", "factor"),
    [(1e8, -1), (1e8, 0), (1e9, 2), (1e9, 0), (1e12, -1), (1e12, 2)],
)
def test_a_wrong_gradient_does_not_pass_as_zero(offset, factor):
    """Rounding hides every difference, and does not make the gradient a zero one."""

    def fn(x):
        return offset + jnp.sum(jnp.sin(x))

    def backward(args, cotangent):
        return (factor * cotangent * jnp.cos(args[0]),)

    setting = ((3,),), ("x",), fn
    for seed in SEEDS[:2]:
        (leaf,) = checked(planted(setting, backward, seed, with_plain=False)).values()
        assert leaf.failed and leaf.status in ("over", "unchecked")


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e7, 1e8])
def test_rounding_makes_no_mistake_of_a_right_gradient(offset):
    """Stencils agree by chance where a step moves the value by less than a bit."""

    def fn(x):
        return offset + jnp.sum(jnp.sin(x))

    for seed in SEEDS:
        (leaf,) = checked(Case(fn, normal(seed, (5,)), ("x",)), seed).values()
        assert leaf.status == "ok" if offset <= 1e4 else leaf.status != "over"


SCALES = {
    "product": lambda a, b: jnp.sum(a * b),
    "sine_of_product": lambda a, b: jnp.sum(jnp.sin(a * b)),
    "both_in_their_size": lambda a, b: jnp.sum(jnp.sin(a / 1e8) * jnp.cos(b * 1e8)),
    "small_one_as_if_of_size_1": lambda a, b: jnp.sum(jnp.tanh(a / 1e8) * jnp.exp(b)),
    "apart": lambda a, b: jnp.sum((a / 1e8) ** 3) + jnp.sum((b * 1e8) ** 3),
}


@pytest.mark.parametrize("name", SCALES)
def test_leaves_of_very_different_sizes(name):
    """A right function passes at both orders; a wrong one does not."""
    fn, (a, b) = SCALES[name], normal(0, (3,), (3,))
    point = (1e8 * a, 1e-8 * b)
    for leaf in checked(Case(fn, point, ("a", "b"))).values():
        assert leaf.status == "ok" and leaf.second is not None

    def backward(args, c):
        grad_a, grad_b = jax.grad(fn, argnums=(0, 1))(*args)
        return c * grad_a, c * grad_b * (1 + 1e-5)

    found = checked(Case(with_backward(fn, backward), point, ("a", "b")))
    assert (found["a"].status, found["b"].status) == ("ok", "over")


def test_a_leaf_with_entries_of_many_sizes():
    x = np.array([1e8, 2.0, -3e7])
    leaf = checked(Case(lambda x: jnp.sum(jnp.sin(x / 1e8)), (x,), ("x",)))["x"]
    assert leaf.status == "ok" and leaf.left_out == ()


def test_a_leaf_that_drowns_in_another_is_not_called_right():
    """1e-6 beside 1e6: rounding hides all but four digits."""

    def fn(a, b):
        return jnp.sum(a**2) + jnp.sum(b**2)

    a, b = normal(0, (3,), (3,))
    found = checked(Case(fn, (1e3 * a, 1e-3 * b), ("a", "b")))
    assert (found["a"].status, found["b"].status) == ("ok", "unchecked")
    assert found["b"].why == "no entry could be held against differences"


@pytest.mark.parametrize("with_plain", [True, False], ids=["plain", "alone"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_backward_pass_is_caught(name, with_plain):
    setting, backward, wrong = MISTAKES[name]
    for seed in SEEDS[:1] if with_plain else SEEDS:
        found = checked(planted(setting, backward, seed, with_plain=with_plain), seed)
        assert {leaf.leaf for leaf in found.values() if leaf.failed} == wrong
        for leaf in wrong:
            assert found[leaf].status == "over" and found[leaf].second is None
            if with_plain:
                assert min(found[leaf].errors.values()) > TOLERANCE
            assert f"{leaf}[" in found[leaf].worst_at


def test_a_plain_definition_of_another_value_is_caught():
    (x,) = normal(0, (3,))
    fn = with_backward(jnp.sin, lambda args, c: (c * jnp.cos(args[0]),))
    leaf = checked(Case(fn, (x,), ("x",), plain=lambda x: jnp.sin(x) + 1e-4))["x"]
    assert leaf.status == "over" and leaf.worst_at.startswith("plain, the value")


@pytest.mark.parametrize("name", ["sign", "transposed", "no_derivative", "no_mean"])
def test_a_mistake_in_a_derivation_by_hand_is_caught(name):
    def by_hand(cotangent, params, x, targets):
        _, grads = squared_error_and_grad(params, x, targets)
        kernel = grads[0]["kernel"]
        if name == "sign":
            kernel = -kernel
        elif name == "transposed":
            kernel = kernel.T
        elif name == "no_derivative":
            delta = (forward(params, x).activations[-1] - targets) / len(x)
            kernel = x.T @ (delta @ params[1]["kernel"].T)
        else:
            kernel = kernel * len(x)
        return [{"kernel": kernel, "bias": grads[0]["bias"]}, grads[1]], None, None

    def fn(params, x, targets):
        return jnp.mean(half_squared_error(forward(params, x).activations[-1], targets))

    for seed in SEEDS[:2]:
        k1, b1, k2, b2, x, t = normal(seed, (3, 3), (3,), (3, 2), (2,), (4, 3), (4, 2))
        params = [{"kernel": k1, "bias": b1}, {"kernel": k2, "bias": b2}]
        names = ("params", "x", "targets")
        found = checked(Case(fn, (params, x, t), names, hand=by_hand), seed)
        wrong = [leaf for leaf in found.values() if leaf.failed]
        assert [leaf.leaf for leaf in wrong] == ["params.0.kernel"]
        assert wrong[0].worst_at.startswith("hand, params.0.kernel[")
        assert "hand" in found["params.1.bias"].errors
        assert "hand" not in found["x"].errors


# Order 2


def stopped_backward(args, c):
    return (c * jax.lax.stop_gradient(3 * args[0] ** 2),)


def looping_backward(args, c):
    """Right, but a loop of unknown length has no reverse mode."""

    def body(state):
        i, total = state
        return i + 1, total + args[0] ** 2

    zero = jnp.zeros_like(args[0])
    steps = jnp.where(c > 1e9, 4, 3)
    _, total = jax.lax.while_loop(lambda s: s[0] < steps, body, (0, zero))
    return (c * total,)


def outside_backward(args, c):
    """Right, but computed where JAX cannot see."""
    x = args[0]
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    squares = jax.pure_callback(
        lambda x: 3 * np.asarray(x) ** 2, shape, x, vmap_method="legacy_vectorized"
    )
    return (c * squares,)


@pytest.mark.parametrize(
    ("backward", "note"),
    [
        (stopped_backward, None),
        (looping_backward, "order 2 fails: ValueError: Reverse-mode differentiation"),
        (outside_backward, "order 2 fails: ValueError: Pure callbacks"),
    ],
    ids=["stopped", "loop", "callback"],
)
def test_a_backward_pass_that_cannot_be_differentiated_is_caught(backward, note):
    for seed in SEEDS:
        found = checked(planted(CUBE, backward, seed, with_plain=True), seed)["x"]
        assert found.status == "over" and found.worst < TOLERANCE < found.second
        assert note is None or any(n.startswith(note) for n in found.notes)


# One wrong entry in a large leaf

SIZE = 10_000
KINDS = {"zero": 0.0, "double": 2.0, "sign": -1.0, "a_tenth_off": 1.1}


def sines(w, position, factor):
    return jnp.sum(jnp.sin(w)) + 0 * (position + factor)


def one_entry_wrong(args, c):
    w, position, factor = args
    wrong = jnp.arange(w.size) == position
    grad = c * jnp.cos(w) * jnp.where(wrong, factor, 1)
    return grad, jnp.zeros_like(position), jnp.zeros_like(factor)


def test_entries_weigh_alike_in_a_direction():
    """From the largest to one of a hundredth of it; a smaller one less."""
    gradient = np.array([1.0, -0.5, 0.1, 0.011, 1e-4])
    factors = np.array([[1.0, 1, -1, 1, -1], [2.0, 1, 1, 0.5, 1]])
    directions = np.asarray(methods._directions(factors, gradient, 1.0))
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-5)
    terms = directions * gradient / factors
    expected = [1, -1, 1, 1, 0.01]
    for row in terms:
        np.testing.assert_allclose(row / row[0], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_wrong_entry_anywhere_moves_both_directions(kind):
    """At 1,000 of 10,000 places, 250 a kind; the two directions alone, for a chosen
    entry is rarely the wrong one."""
    with jax.enable_x64(True):
        (w,) = normal(0, (SIZE,))
        fn = with_backward(sines, one_entry_wrong)
        args = (w, np.array(-1.0), np.array(KINDS[kind]))
        names = ("w", "position", "factor")
        problem = make_problem(Case(fn, args, names), jax.random.key(0))
        rows = methods.choose_rows([SIZE], jax.random.key(0))
        program = methods._row_program(problem, [0], False)

        def errors(position):
            leaves = [problem.leaves[0], position, problem.leaves[2]]
            out = program(
                leaves,
                -np.ones(2, int),
                np.arange(2),
                rows[0].factors,
                3e-3,
                np.ones(2),
            )
            central = out["central"].value
            scale = jnp.maximum(jnp.abs(out["reverse"]), jnp.abs(central))
            scale = jnp.maximum(scale, settle.FLOOR * out["largest"])
            spread = out["central"].spread / scale
            return jnp.abs(out["reverse"] - central) / scale, spread

        first = 10 * list(KINDS).index(kind)
        places = jnp.concatenate([-jnp.ones(1), jnp.arange(first, SIZE, 40.0)])
        found, spread = jax.jit(lambda p: jax.lax.map(errors, p))(places)
    found, spread = np.asarray(found), np.asarray(spread)
    assert np.max(spread) < settle.SPREAD * TOLERANCE  # all settled
    assert np.max(found[0]) < TOLERANCE / 10  # nothing wrong yet
    assert np.all(np.max(found[1:], axis=1) > TOLERANCE)
    assert np.all(found[1:, 0] != found[1:, 1])  # two directions, not one twice


@pytest.mark.parametrize(
    ("seed", "position"), [(0, 0), (1, 1234), (2, 5000), (3, SIZE - 1)]
)
def test_one_wrong_entry_is_caught_with_its_leaf_named(seed, position):
    def backward(args, c):
        x, w = args
        flat = (c * jnp.cos(w) * x).reshape(-1)
        return c * jnp.sum(jnp.sin(w)), flat.at[position].mul(1.5).reshape(w.shape)

    fn = with_backward(lambda x, w: x * jnp.sum(jnp.sin(w)), backward)
    x, w = normal(seed, (), (100, 100))
    found = checked(Case(fn, (x, w), ("x", "w")), seed)
    assert found["w"].status == "over" and found["x"].status == "ok"
    assert "w along random direction" in found["w"].worst_at
