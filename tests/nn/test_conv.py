"""Convolution against XLA's own and PyTorch, in every form it takes on CPU."""

import functools
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jaxdl.errors import InputError
from jaxdl.gradcheck.problem import quick_jit
from jaxdl.nn import Conv, ConvTranspose, conv_cpu, conv_general_dilated, conv_transpose

ORDER = ("NHWC", "HWIO", "NHWC")
RNG = np.random.default_rng(0)


def normal(*shape, dtype=np.float32):
    return jax.device_put(np.asarray(RNG.normal(size=shape)).astype(dtype))


def with_gradients(fn, x, kernel, cotangent):
    y, pull = jax.vjp(fn, x, kernel)
    return y, *pull(cotangent)


def assert_equal_to_rounding(found, expected, dtype):
    tolerance = {"float32": 1e-5, "float64": 1e-12}[jnp.dtype(dtype).name]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype == theirs.dtype == dtype
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale)


@st.composite
def convolutions(draw):
    """Shapes and options of a convolution, any that leaves an output."""

    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = groups * draw(st.sampled_from([1, 2, 5, 17, 64]))
    if draw(st.integers(0, 4)) == 0:  # a kernel for each channel
        groups = channels = min(channels, 64)
    # XLA's own takes 20 s for the gradient of 192 groups with 18 channels out each.
    out = groups * min(draw(st.sampled_from([1, 2, 18])), max(2, 64 // groups))
    kernel, size = pair(1, 5), pair(9, 12)
    crop = st.tuples(st.integers(-1, 3), st.integers(-1, 3))
    padding = draw(st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(crop, crop)))
    return dict(
        x_shape=(draw(st.integers(1, 4)), *size, channels),
        kernel_shape=(*kernel, channels // groups, out),
        strides=draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (3, 1)])),
        padding=padding,
        dilation=draw(st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1)])),
        groups=groups,
    )


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(case=convolutions(), dtype=st.sampled_from(["float32", "float64"]))
def test_values_and_gradients_equal_xla(case, dtype):
    options = dict(rhs_dilation=case["dilation"], feature_group_count=case["groups"])
    last = case["strides"], case["padding"]

    def mine(x, kernel):
        return conv_general_dilated(x, kernel, *last, **options)

    def theirs(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, *last, dimension_numbers=ORDER, **options
        )

    with jax.enable_x64(dtype == "float64"):
        x, kernel = (normal(*case[f"{n}_shape"], dtype=dtype) for n in ("x", "kernel"))
        cotangent = normal(*jax.eval_shape(theirs, x, kernel).shape, dtype=dtype)

        @quick_jit
        def both(*args):
            return with_gradients(mine, *args), with_gradients(theirs, *args)

        assert_equal_to_rounding(*both(x, kernel, cotangent), dtype)


@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 5)),
    channels=st.sampled_from([(1, 3), (17, 2), (3, 18)]),
    padding=st.sampled_from(["SAME", "VALID", ((2, 1), (3, 3))]),
)
def test_the_transposed_convolution_equals_xla(kernel, strides, channels, padding):
    def mine(x, kernel):
        return conv_transpose(x, kernel, strides, padding)

    def theirs(x, kernel):
        return lax.conv_transpose(x, kernel, strides, padding)

    x, kernel = normal(2, 3, 4, channels[0]), normal(*kernel, *channels)
    cotangent = normal(*jax.eval_shape(theirs, x, kernel).shape)

    @quick_jit
    def both(*args):
        return with_gradients(mine, *args), with_gradients(theirs, *args)

    assert_equal_to_rounding(*both(x, kernel, cotangent), "float32")


def test_equals_torch():
    torch = pytest.importorskip("torch")
    x, kernel = normal(2, 9, 8, 4), normal(3, 2, 2, 6)
    there = torch.nn.functional.conv2d(
        torch.tensor(np.array(x)).permute(0, 3, 1, 2),
        torch.tensor(np.array(kernel)).permute(3, 2, 0, 1),
        stride=(2, 1),
        padding=(1, 0),
        dilation=(1, 2),
        groups=2,
    )
    y = quick_jit(
        lambda x, kernel: conv_general_dilated(
            x, kernel, (2, 1), [(1, 1), (0, 0)], None, (1, 2), feature_group_count=2
        )
    )(x, kernel)
    np.testing.assert_allclose(y, there.permute(0, 2, 3, 1), atol=1e-5)


def test_the_transposed_convolution_equals_torch():
    """PyTorch's kernel is not flipped, and its padding cuts the whole output."""
    torch = pytest.importorskip("torch")
    x, kernel = normal(2, 5, 4, 3), normal(4, 4, 3, 2)
    there = torch.nn.functional.conv_transpose2d(
        torch.tensor(np.array(x)).permute(0, 3, 1, 2),
        torch.tensor(np.flip(np.asarray(kernel), (0, 1)).copy()).permute(2, 3, 0, 1),
        stride=2,
        padding=1,
    )
    y = quick_jit(lambda *args: conv_transpose(*args, (2, 2), "SAME"))(x, kernel)
    assert y.shape == (2, 10, 8, 2)
    np.testing.assert_allclose(y, there.permute(0, 2, 3, 1), atol=1e-5)


def _loss(x, kernel):
    y = conv_general_dilated(x, kernel, (2, 2), "SAME")
    return jnp.sum(jnp.tanh(conv_transpose(y, kernel, (2, 2), "SAME")) ** 2)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
def test_vmap_is_a_loop(axes):
    """Of values and gradients, over images, over kernels, and over both."""
    x, kernel = map(np.asarray, (normal(3, 2, 6, 6, 2), normal(3, 4, 4, 2, 2)))
    args = [a if axis == 0 else a[0] for a, axis in zip((x, kernel), axes, strict=True)]
    one = jax.jit(jax.value_and_grad(_loss, (0, 1)))
    found = jax.jit(jax.vmap(one, axes))(*args)
    looped = [
        one(*(a if axis is None else a[i] for a, axis in zip(args, axes, strict=True)))
        for i in range(3)
    ]
    expected = jax.tree.map(lambda *parts: np.stack(parts), *looped)
    for mine, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_gradients_of_a_vmap_and_of_single_examples():
    x, kernel = normal(2, 2, 6, 6, 2), normal(4, 4, 2, 2)
    whole = jax.jit(jax.grad(lambda k: jax.vmap(_loss, (0, None))(x, k).sum()))
    single = jax.jit(jax.vmap(jax.vmap(jax.grad(_loss, 1), (0, None)), (0, None)))
    each = np.asarray(single(np.asarray(x)[:, :, None], kernel))
    assert each.shape == (2, 2, *kernel.shape)
    np.testing.assert_allclose(each.sum((0, 1)), whole(kernel), rtol=1e-4, atol=1e-4)


FORMS = {  # shapes of x and the kernel, strides, groups
    "bands": ((2, 8, 8, 1), (3, 3, 1, 4), (1, 1), 1),
    "direct": ((2, 8, 8, 17), (3, 3, 17, 18), (1, 1), 1),
    "columns": ((2, 8, 8, 9), (4, 4, 9, 12), (2, 2), 1),
    "taps": ((2, 8, 8, 9), (3, 3, 1, 9), (2, 2), 9),
}


def _training(strides, groups):
    """Steps of gradient descent in a loop, as a runner makes them."""

    def loss(x, kernel):
        y = conv_general_dilated(x, kernel, strides, "SAME", feature_group_count=groups)
        return jnp.sum(y**2)

    def step(args, _):
        grads = jax.grad(loss, (0, 1))(*args)
        return tuple(a - 1e-3 * g for a, g in zip(args, grads, strict=True)), None

    return jax.jit(lambda *args: lax.scan(step, args, length=3)[0])


@pytest.mark.parametrize("form", FORMS)
def test_in_a_loop_xla_finds_the_order_that_it_has_a_fast_convolution_for(form):
    """The trap: any other order becomes a scalar loop inside of loops on CPU."""
    x, kernel, *rest = FORMS[form]
    compiled = _training(*rest).lower(normal(*x), normal(*kernel)).compile()
    orders = set(re.findall(r"dim_labels=(\S+?)[,\s]", compiled.as_text()))
    assert orders <= {"b01f_01io->b01f"}
    assert bool(orders) == (form in ("direct", "columns"))


@pytest.mark.parametrize("form", FORMS)
def test_accelerators_get_xlas_own_convolution(form):
    """Three convolutions, and no product of matrices in their place."""
    x, kernel, strides, groups = FORMS[form]
    traced = _training(strides, groups).trace(normal(*x), normal(*kernel))
    for platform, count in (("tpu", 3), ("cuda", 3)):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert text.count("stablehlo.convolution(") in (count - 1, count)
        assert "dot_general" not in text


def init_and_apply(layers, x):
    """Initial parameters of each, and outputs of each with those of the first."""
    params = [layer.init(jax.random.key(0), x) for layer in layers]
    return params, [layer.apply(params[0], x) for layer in layers]


def test_layers_are_linens():
    """The same parameters, initial and trained, and the same outputs."""
    x = normal(2, 7, 6, 3)
    options = dict(features=4, kernel_size=(3, 2), strides=(2, 2))
    pairs = (Conv, nn.Conv), (ConvTranspose, nn.ConvTranspose)
    for mine, theirs in pairs:
        for padding in ("SAME", "VALID"):
            layers = [make(padding=padding, **options) for make in (mine, theirs)]
            params, outputs = quick_jit(
                lambda x, layers=layers: init_and_apply(layers, x)
            )(x)
            jax.tree.map(np.testing.assert_array_equal, *params)
            np.testing.assert_allclose(*outputs, atol=1e-5)
    bare = jax.eval_shape(
        ConvTranspose(**options, use_bias=False).init, jax.random.key(0), x
    )
    assert set(bare["params"]) == {"kernel"}


def test_half_precision_stays_half():
    x, kernel = (normal(*s, dtype=jnp.bfloat16) for s in ((2, 6, 6, 3), (3, 3, 3, 4)))

    def conv(x, kernel):
        return conv_general_dilated(x, kernel, (1, 1), "SAME")

    @quick_jit
    def half_and_single(x, kernel):
        half = with_gradients(conv, x, kernel, jnp.ones((2, 6, 6, 4), jnp.bfloat16))
        return half, conv(x.astype(jnp.float32), kernel.astype(jnp.float32))

    (y, *grads), expected = half_and_single(x, kernel)
    assert {a.dtype for a in (y, *grads)} == {jnp.dtype(jnp.bfloat16)}
    np.testing.assert_allclose(np.float32(y), expected, rtol=0.05, atol=0.1)


def test_forward_mode_is_refused():
    x, kernel = normal(1, 4, 4, 1), normal(2, 2, 1, 1)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: conv_general_dilated(x, kernel, (1, 1), "SAME"), (x,), (x,))


@pytest.mark.parametrize("order", [("fast", "xla", "fast"), ("xla", "fast", "xla")])
@pytest.mark.parametrize("function", [conv_general_dilated, conv_transpose])
def test_xlas_own_has_forward_mode_and_a_program_of_its_own(function, order):
    """A program that `jax.jit` keeps of one is not run in place of the other."""
    x, kernel, tangent = normal(1, 4, 4, 2), normal(2, 2, 2, 3), normal(1, 4, 4, 2)

    @functools.partial(jax.jit, static_argnames="implementation")
    def compiled(x, implementation):
        return function(x, kernel, (1, 1), "SAME", implementation=implementation)

    expected = quick_jit(lambda *args: function(*args, (1, 1), "SAME"))(x, kernel)
    for implementation in order:
        f = functools.partial(compiled, implementation=implementation)
        np.testing.assert_allclose(f(x), expected, atol=1e-5)
        text = compiled.lower(x, implementation).as_text()
        assert ("stablehlo.convolution" in text) == (implementation == "xla")
        if implementation == "fast":
            with pytest.raises(TypeError, match="forward-mode"):
                jax.jvp(f, (x,), (tangent,))
        else:
            y, pushed = jax.jvp(f, (x,), (tangent,))
            np.testing.assert_allclose(y, expected, atol=1e-5)
            np.testing.assert_allclose(pushed, f(tangent), atol=1e-5)  # it is linear
    assert compiled._cache_size() == 2


@pytest.mark.parametrize("layer", [Conv, ConvTranspose])
def test_layers_by_xlas_own_have_forward_mode(layer):
    """In layers that differ by nothing else, their parameters and outputs as well."""
    x = normal(1, 4, 4, 2)
    fast, xla = (
        layer(3, (2, 2), implementation=implementation)
        for implementation in ("fast", "xla")
    )
    assert fast == layer(3, (2, 2)) and fast != xla
    assert xla == layer(3, (2, 2), implementation="xla")
    params, of_xla = quick_jit(
        lambda x: [net.init(jax.random.key(0), x) for net in (fast, xla)]
    )(x)
    jax.tree.map(np.testing.assert_array_equal, params, of_xla)
    apply = jax.jit(lambda layer, x: layer.apply(params, x), static_argnums=0)
    np.testing.assert_allclose(apply(fast, x), apply(xla, x), atol=1e-5)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(functools.partial(apply, fast), (x,), (x,))
    _, pushed = jax.jvp(functools.partial(apply, xla), (x,), (x,))
    np.testing.assert_allclose(pushed, apply(fast, x), atol=1e-5)  # biases are 0


def test_an_unknown_implementation_is_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as for users
    x, kernel = normal(1, 4, 4, 2), normal(2, 2, 2, 3)
    options = dict(implementation="fats")
    for call in (
        lambda: conv_general_dilated(x, kernel, (1, 1), "SAME", **options),
        lambda: conv_transpose(x, kernel, (1, 1), "SAME", **options),
        lambda: Conv(3, (2, 2), **options),
    ):
        with pytest.raises(InputError, match="'fats': expected fast or xla"):
            call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(kernel=(5, 3, 2, 4)), "kernel spans 5x3 .* padded image has 4x4"),
        (dict(rhs_dilation=(2, 2)), "kernel spans 5x5 .* padded image has 4x4"),
        (dict(padding=[(-1, -1), (0, 0)]), "padded image has 2x4"),
        (dict(feature_group_count=3), "2 channels in cannot be divided into 3"),
        (dict(kernel=(3, 3, 1, 5), feature_group_count=2), "5 channels out cannot"),
        (dict(rhs_dilation=(0, 1)), "strides and dilation are 1, 1, 0, 1: expected 1"),
        (dict(kernel=(3, 3, 3, 4)), "2 channels and the kernel takes 3 .* expected 3"),
    ],
)
def test_bad_input_is_named(options, message):
    kernel = normal(*options.pop("kernel", (3, 3, 2, 4)))
    padding = options.pop("padding", "VALID")
    with pytest.raises(InputError, match=message):
        conv_general_dilated(normal(1, 4, 4, 2), kernel, (1, 1), padding, **options)


def test_a_transposed_convolution_without_output_is_refused():
    with pytest.raises(InputError, match="has no output; pad less"):
        conv_transpose(normal(1, 2, 2, 1), normal(5, 5, 1, 1), (1, 1), [(0, 0)] * 2)
    with pytest.raises(InputError, match="padding is 'full': expected SAME, VALID"):
        conv_transpose(normal(1, 2, 2, 1), normal(2, 2, 1, 1), (1, 1), "full")
    with pytest.raises(InputError, match="1 channels and the kernel takes 2"):
        conv_transpose(normal(1, 2, 2, 1), normal(5, 5, 2, 1), (1, 1), "SAME")


@pytest.mark.parametrize(
    "options",
    [
        dict(lhs_dilation=(2, 2)),
        dict(dimension_numbers=("NCHW", "OIHW", "NCHW")),
        dict(batch_group_count=2),
        dict(preferred_element_type=jnp.float16),
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_it_does_not_do_is_left_to_lax(options):
    with pytest.raises(NotImplementedError, match="conv_general_dilated"):
        conv_general_dilated(
            normal(2, 4, 4, 2), normal(2, 2, 2, 2), (1, 1), "SAME", **options
        )


@pytest.mark.parametrize("form", FORMS)
def test_no_images_have_no_outputs(form):
    x, kernel, strides, groups = FORMS[form]
    x, kernel = normal(0, *x[1:]), normal(*kernel)

    def total(x, kernel):
        return conv_general_dilated(
            x, kernel, strides, "SAME", feature_group_count=groups
        ).sum()

    value, grads = quick_jit(jax.value_and_grad(total, (0, 1)))(x, kernel)
    value, grads = jax.tree.map(np.asarray, (value, grads))
    assert value == 0 and grads[0].shape == x.shape and not grads[1].any()


def test_sizes_are_those_of_lax():
    geometry = conv_cpu.Geometry((9, 8), (3, 2), (2, 1), ((1, 2), (0, 1)), (1, 3))
    assert (geometry.reach, geometry.padded_size) == ((3, 4), (12, 9))
    assert geometry.output_size == (5, 6)
