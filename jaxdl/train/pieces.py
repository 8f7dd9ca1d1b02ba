"""The pieces that `run` is given, refused before training in one sentence.

Names, types and numbers of arguments are looked at; then one step of each training is
traced, which the check of memory does anyway. An error that a function raises by its
own mistake passes through, with its traceback. What `evaluate`, `figures` and `remarks`
give is known when they are called: `jaxdl.train.returns`.
"""

import dataclasses
import dis
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.errors import InputError
from jaxdl.train.config import RunConfig
from jaxdl.train.experiment import Case, Experiment, Phase, Sweep
from jaxdl.train.mismatch import mismatch_in_words
from jaxdl.train.seeds import SeedKeys
from jaxdl.train.words import at, dtype_of, form, is_array, is_real, kind, named
from jaxdl.types import BatchFn, Metrics, Network, State

ARGUMENTS = {
    "init": "key, data, previous",
    "step": "state, batch",
    "evaluate": "state, data, key, final",
    "figures": "record",
    "batch": "data, key, step",
    "done": "state",
    "remarks": "history",
    "make_work": "config, data",
}
"""The arguments that the functions of an experiment are called with."""
GIVES = {
    "evaluate": "a dict of numbers and arrays, such as {'error': error}",
    "figures": "a dict of matplotlib figures, such as {'curve': figure}, {} for none",
    "remarks": "a dict, such as {'speed': {'text': 'one line'}}",
}
"""What the functions that are not traced must give."""


# Names and types


def require_pieces(name: Any, data: Any, config: Any) -> None:
    """Refuse a name, data or a configuration of a wrong kind.

    Raises:
      InputError: naming the first at fault.
    """
    check_folder_names("experiment", [name])
    require_config(config)
    _require_data(data)


def require_config(config: Any, owner: str = "") -> None:
    """Refuse what is no configuration, or one that cannot be written down.

    Args:
      config: of a run.
      owner: whose it is, such as " of the case fast".

    Raises:
      InputError: naming the field at fault.
    """
    if not isinstance(config, RunConfig):
        raise InputError(
            f"the configuration{owner} is {kind(config)}: expected a "
            "jaxdl.train.RunConfig, or a dataclass derived from it"
        )
    cls = type(config)
    if "__dataclass_fields__" not in vars(cls) and inspect.get_annotations(cls):
        raise InputError(
            f"{cls.__name__} has fields but is no dataclass: put "
            "@dataclasses.dataclass(frozen=True, kw_only=True) above it"
        )
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.metadata.get("decides_bits", True):
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise InputError(
                    f"{field.name} of the configuration{owner} is {kind(value)}: "
                    "expected what JSON can hold, such as a number, a text or a tuple "
                    "of them; or jaxdl.train.config.free(default), if it changes no "
                    "result"
                ) from None


def _require_data(data: Any) -> None:
    for field in ("name", "checksum"):
        value = getattr(data, field, None)
        if not isinstance(value, str) or not value:
            given = "no" if value is None else f"{value!r} as its"
            raise InputError(
                f"the data ({kind(data)}) has {given} {field}: expected a tree of "
                "arrays with a name and a checksum, such as "
                "jaxdl.data.from_arrays(name, train) gives"
            )
    if data.name in (".", "..") or not {"/", "\0"}.isdisjoint(data.name):
        raise InputError(
            f"the data is called {data.name!r}: expected a name without '/', since it "
            "names a folder"
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(data):
        if not is_array(leaf):
            raise InputError(
                f"the data holds {kind(leaf)}{at(path)}: expected arrays in a tree "
                "whose name and checksum are no leaves, such as "
                "jaxdl.data.from_arrays(name, train) gives"
            )


def check_folder_names(kind: str, names: Iterable[Any]) -> None:
    """Refuse names that are not fit for folders, or not unique.

    Args:
      kind: "experiment", "case" or "phase".
      names: of these.

    Raises:
      InputError: naming the first at fault.
    """
    seen: set[str] = set()
    for name in names:
        fit = isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name)
        if not fit or name in seen:
            raise InputError(
                f"a{'n' * (kind[0] in 'aeiou')} {kind} is called {name!r}: expected "
                "lower-case letters, digits, '_', '.' and '-', since it names a "
                "folder, and no name twice"
            )
        seen.add(name)
    if not seen:
        raise InputError(f"there is no {kind}: expected at least one")


def require_work(work: Any, owner: str = "") -> None:
    """Refuse what is no experiment, phases or sweep; its parts are looked at too.

    The works of a sweep's cases are not: they may have to be built first.

    Args:
      work: built, if it was given as a function.
      owner: whose it is, such as " of the case fast".

    Raises:
      InputError: naming the part at fault.
    """
    if isinstance(work, Experiment):
        _require_experiment(work)
    elif isinstance(work, Sweep):
        if not isinstance(work.cases, Mapping):
            raise InputError(
                f"cases of the sweep is {kind(work.cases)}: expected a dict of Case"
            )
        check_folder_names("case", work.cases)
        for name, case in work.cases.items():
            if not isinstance(case, Case):
                raise InputError(
                    f"the case {name} is {kind(case)}: expected a Case(config, work)"
                )
            require_config(case.config, f" of the case {name}")
        if work.figures is not None:
            require_function("figures", work.figures)
    elif isinstance(work, Sequence) and not isinstance(work, str | bytes):
        for phase in work:
            if not isinstance(phase, Phase):
                raise InputError(
                    f"a phase is {kind(phase)}: expected a Phase(name, steps, "
                    "experiment)"
                )
        check_folder_names("phase", [phase.name for phase in work])
        for name, steps, experiment in work:
            whole = isinstance(steps, int) and not isinstance(steps, bool)
            if not whole or steps < 0:
                raise InputError(
                    f"steps of the phase {name} is {steps!r}: expected a whole number, "
                    "0 or more"
                )
            if not isinstance(experiment, Experiment):
                raise InputError(
                    f"the phase {name} trains {kind(experiment)}: expected an "
                    "Experiment"
                )
            _require_experiment(experiment)
    else:
        raise InputError(
            f"the work{owner} is {kind(work)}: expected an Experiment, a list of "
            "Phase, a Sweep, or a function make_work(config, data) that gives one of "
            "these"
        )


def _require_experiment(experiment: Experiment) -> None:
    for name in experiment._fields:
        fn = getattr(experiment, name)
        optional = fn is None and name in experiment._field_defaults
        if name in ARGUMENTS and not optional:
            require_function(name, fn)
    networks = experiment.networks
    if not isinstance(networks, Mapping):
        raise InputError(f"networks is {kind(networks)}: expected a dict by name")
    for name, network in networks.items():
        if not isinstance(network, Network):
            raise InputError(
                f"the network {name} is {kind(network)}: expected a "
                "jaxdl.types.Network(model, about, params)"
            )
    protocols = experiment.protocols
    if not isinstance(protocols, Mapping):
        raise InputError(f"protocols is {kind(protocols)}: expected a dict by metric")
    for name, fields in protocols.items():
        if not isinstance(fields, Mapping):
            raise InputError(
                f"the protocol of {name} is {kind(fields)}: expected a dict of fields"
            )


def require_function(name: str, fn: Any) -> None:
    """Refuse what cannot be called with its arguments, or has no return.

    Args:
      name: one of `ARGUMENTS`.
      fn: given as that.

    Raises:
      InputError: with the call that was expected.
    """
    call = f"{name}({ARGUMENTS[name]})"
    if not callable(fn):
        raise InputError(f"{name} is {kind(fn)}: expected a function {call}")
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError):  # some callables tell none
        return
    try:
        signature.bind(*ARGUMENTS[name].split(", "))
    except TypeError:
        raise InputError(
            f"{named(name, fn)} is {name}{signature}: expected {call}, called by place"
        ) from None
    if name in GIVES and _returns_nothing(fn):
        raise InputError(
            f"{named(name, fn)} gives None, it has no return: expected {GIVES[name]}"
        )


def _returns_nothing(fn: Callable[..., Any]) -> bool:
    """True if every return of a function is `return` alone, or its end."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    if code is None or code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        return False
    returns, before = [], None
    for each in dis.get_instructions(code):
        if each.opname == "RETURN_CONST":  # of Python 3.12 and 3.13
            returns.append(each.argval is None)
        elif each.opname == "RETURN_VALUE":
            constant = before is not None and before.opname == "LOAD_CONST"
            none = constant and before is not None and before.argval is None
            returns.append(none and not each.is_jump_target)  # a jump brings another
        before = each
    return bool(returns) and all(returns)


# One step, traced


def make_checked_step(
    experiment: Experiment, batch_fn: BatchFn
) -> Callable[[Any, SeedKeys, State], tuple[State, Metrics]]:
    """`one_step(data, keys, previous) -> (state, metrics)`, to be traced.

    It initialises and steps once, and raises InputError if state, metrics or `done`
    are not as the runner needs them.

    Args:
      experiment: whose functions it calls.
      batch_fn: its batches.
    """

    def one_step(data, keys, previous):
        state = experiment.init(keys.init, data, previous)
        _require_arrays(named("init", experiment.init), "a state with", state)
        if experiment.done is not None:
            _require_done(experiment.done, state)
        batch = batch_fn(data, keys.batch, 0)
        step = named("step", experiment.step)
        with mismatch_in_words(step, batch):
            found = experiment.step(state, batch)
        if not isinstance(found, tuple) or len(found) != 2:
            raise InputError(f"{step} gives {kind(found)}: expected (state, metrics)")
        _require_same_form(step, state, found[0])
        require_metrics(step, found[1])
        return found

    return one_step


def require_metrics(giver: str, metrics: Any) -> None:
    """Refuse what are no scalar metrics by name.

    Args:
      giver: of the metrics, for the sentence.
      metrics: arrays, numbers or tracers by name.

    Raises:
      InputError: naming the metric at fault.
    """
    if not isinstance(metrics, Mapping):
        raise InputError(
            f"{giver} gives {kind(metrics)} as metrics: expected a dict of scalars, "
            "such as {'loss': loss}"
        )
    for name, value in metrics.items():
        scalar = is_array(value) and is_real(value) and jnp.shape(value) == ()
        if not isinstance(name, str) or not scalar:
            raise InputError(
                f"{giver} gives {kind(value)} as the metric {name!r}: expected a "
                "scalar by its name, such as {'loss': jnp.mean(losses)}"
            )


def _require_arrays(giver: str, what: str, tree: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not is_array(leaf):
            raise InputError(
                f"{giver} gives {what} {kind(leaf)}{at(path)}: expected a tree of "
                "arrays, such as a NamedTuple or a dict"
            )


def _require_same_form(giver: str, before: Any, after: Any) -> None:
    """Refuse a step whose state cannot be the next step's: `scan` must take it."""
    _require_arrays(giver, "a state with", after)
    structures = jax.tree.structure(before), jax.tree.structure(after)
    expected = "expected the same structure, shapes and types after each step"
    if structures[0] != structures[1]:
        raise InputError(
            f"{giver} takes a state of {form(before)} and gives one of {form(after)}: "
            f"{expected}"
        )
    leaves = jax.tree_util.tree_leaves_with_path(before)
    for (path, old), new in zip(leaves, jax.tree.leaves(after), strict=True):
        if (jnp.shape(old), dtype_of(old)) != (jnp.shape(new), dtype_of(new)):
            raise InputError(
                f"{giver} takes a state with {kind(old)}{at(path)} and gives one with "
                f"{kind(new)} there: {expected}"
            )


def _require_done(done: Any, state: Any) -> None:
    found = jax.eval_shape(done, state)
    leaves = jax.tree.leaves(found)
    alone = len(leaves) == 1 and leaves[0] is found
    if not alone or found.shape != () or found.dtype != bool:
        raise InputError(
            f"{named('done', done)} gives {kind(found)}: expected one boolean, such as "
            "state.count >= 100"
        )
