"""What is checked: a function at a point, as a scalar function of a list of leaves."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxdl.errors import InputError
from jaxdl.types import Params, PRNGKey

_BLOCK_SIZE = 2**12  # of random numbers


class Case(NamedTuple):
    """A function at a point.

    Attributes:
      fn: takes the arguments by position; gives a pytree of floating arrays.
      args: pytrees of floating arrays. What is not differentiated (labels, keys,
        images as bytes) `fn` keeps to itself.
      names: of the arguments, for the report.
      analytic: whether `fn` continues to complex arguments.
      hand: `hand(cotangent, *args)`, the derivation by hand: for each argument the
        gradient of <cotangent, fn(*args)>, or None where it says nothing.
      plain: of a function with a custom VJP, the same function without.
      domain: `domain(*args)`, the arguments that free numbers stand for, such as
        `lambda variance: (jnp.exp(variance),)`: further points are drawn through it.
        Without it every real number will do.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    names: tuple[str, ...]
    analytic: bool = False
    hand: Callable[..., tuple[Any, ...]] | None = None
    plain: Callable[..., Any] | None = None
    domain: Callable[..., tuple[Any, ...]] | None = None


class Problem(NamedTuple):
    """A case as a scalar function of a list of float64 leaves.

    Attributes:
      case: what it was made of.
      leaves, names: the leaves of the arguments.
      treedef: puts leaves back into arguments.
      cotangent: c, in the form of the function's outputs; 1 for a single scalar.
    """

    case: Case
    leaves: list[jax.Array]
    names: list[str]
    treedef: Any
    cotangent: Any

    def arguments(self, leaves: list[Any]) -> tuple[Any, ...]:
        """Leaves in the form of the function's arguments."""
        return jax.tree.unflatten(self.treedef, leaves)

    def objective(self, leaves: list[Any]) -> jax.Array:
        """<c, fn(*args)>."""
        return _inner(self.cotangent, self.case.fn(*self.arguments(leaves)))

    def objective_and_magnitude(self, leaves: list[Any]) -> tuple[jax.Array, jax.Array]:
        """<c, y>, and sum |c_i y_i|, to which rounding is relative."""
        ys = self.case.fn(*self.arguments(leaves))
        sizes = (jax.tree.map(jnp.abs, tree) for tree in (self.cotangent, ys))
        return _inner(self.cotangent, ys), _inner(*sizes)

    def plain_objective(self, leaves: list[Any]) -> jax.Array:
        """The same of the plain definition; of `fn` itself where none is given."""
        fn = self.case.plain or self.case.fn
        return _inner(self.cotangent, fn(*self.arguments(leaves)))


def make_problem(case: Case, key: PRNGKey) -> Problem:
    """A case with a random cotangent.

    Raises:
      InputError: if the arguments hold no floats, or the function takes or gives
        anything else.
    """
    paths, treedef = jax.tree_util.tree_flatten_with_path(case.args)
    names = [_leaf_name(case.names, path) for path, _ in paths]
    for name, (_, leaf) in zip(names, paths, strict=True):
        if not _is_float(leaf):
            raise InputError(
                f"{name} holds {jnp.result_type(leaf)}: expected floats, for nothing "
                "else can be differentiated"
            )
        if not np.size(leaf):
            raise InputError(f"{name} has shape {np.shape(leaf)}: expected an entry")
    if not paths:
        raise InputError("got nothing to differentiate: expected an argument")
    leaves = [jnp.asarray(leaf, jnp.float64) for _, leaf in paths]
    example = jax.eval_shape(case.fn, *jax.tree.unflatten(treedef, leaves))
    outputs, out_treedef = jax.tree.flatten(example)
    if not all(map(_is_float, outputs)):
        kinds = ", ".join(str(y.dtype) for y in outputs if not _is_float(y))
        raise InputError(f"the function gives {kinds}: expected floats")
    cotangents = [
        draw_normal(jax.random.fold_in(key, i), y.shape) for i, y in enumerate(outputs)
    ]
    if len(outputs) == 1 and not outputs[0].shape:
        cotangents = [jnp.ones(())]
    cotangent = jax.tree.unflatten(out_treedef, cotangents)
    # Derivatives of every kind then share one trace of the function.
    case = case._replace(
        fn=jax.jit(case.fn, inline=True),
        plain=case.plain and jax.jit(case.plain, inline=True),
    )
    return Problem(case, leaves, names, treedef, cotangent)


def draw_normal(key: PRNGKey, shape: tuple[int, ...]) -> jax.Array:
    """Independent standard normal numbers.

    Drawn in blocks of one size, so that a new shape does not compile a new program, as
    it would in `jnp.asarray` too.
    """
    size = math.prod(shape)
    blocks = [_draw_block(key, i) for i in range(-(-size // _BLOCK_SIZE))]
    return jax.device_put(np.concatenate(blocks)[:size].reshape(shape))


def draw_normals(key: PRNGKey, *shapes: tuple[int, ...]) -> list[jax.Array]:
    """An array of independent standard normal numbers of each shape."""
    return [draw_normal(jax.random.fold_in(key, i), s) for i, s in enumerate(shapes)]


def draw_params(
    key: PRNGKey, init: Callable[[PRNGKey], Params], scale: float | None = None
) -> Params:
    """Independent normal numbers in place of the parameters that `init(key)` makes.

    Biases of zero and weights of 0.005, with which training begins, are special points.

    Args:
      key: draws the numbers.
      init: is not run.
      scale: standard deviation of all leaves; by default, 1 over the root of the number
        of inputs of a kernel, and 1 for a bias.
    """
    leaves, treedef = jax.tree.flatten(jax.eval_shape(init, key))
    draws = [
        # Scaled by NumPy: JAX would compile a program for each shape.
        np.asarray(draw) * (scale or math.prod(leaf.shape[:-1]) ** -0.5)
        for leaf, draw in zip(
            leaves, draw_normals(key, *(leaf.shape for leaf in leaves)), strict=True
        )
    ]
    return jax.tree.unflatten(treedef, jax.device_put(draws))


@jax.jit
def _draw_block(key: PRNGKey, number: Int[Array, ""] | int) -> jax.Array:
    return jax.random.normal(jax.random.fold_in(key, number), (_BLOCK_SIZE,))


def quick_jit(f: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` for a program that runs a few times: compiling is most of its cost."""
    return jax.jit(f, compiler_options=quick_options())


@functools.cache
def quick_options() -> dict[str, Any]:
    """The compiler's options of `quick_jit`; none where it does not know them."""
    options = {
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
        "xla_cpu_use_fusion_emitters": False,
        "xla_cpu_parallel_codegen_split_count": 1,  # small programs: parts cost more
    }
    try:
        jax.jit(lambda x: x + 1, compiler_options=options)(0.0)
    except Exception:  # another version of the compiler, with other options
        return {}
    return options


def _inner(a: Any, b: Any) -> jax.Array:
    products = jax.tree.map(lambda x, y: jnp.sum(x * y), a, b)
    return cast(jax.Array, sum(jax.tree.leaves(products)))


def _is_float(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def _leaf_name(names: tuple[str, ...], path: tuple[Any, ...]) -> str:
    rest = jax.tree_util.keystr(path[1:], simple=True, separator=".")
    return names[path[0].idx] + (f".{rest}" if rest else "")
