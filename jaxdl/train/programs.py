"""The one cache of what is compiled, and steps lowered for other machines.

JAX compiles a function once and finds its program by the function's identity. So the
work of a configuration and the executor of its functions are made once, and a second
run of it in one process compiles nothing.
"""

import collections
import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.export

from jaxdl.train.config import RunConfig, deciding_fields, with_first_seed
from jaxdl.train.experiment import DoneFn, Experiment, Phase, Plan, Sweep, Work
from jaxdl.train.pieces import make_checked_step
from jaxdl.train.seeds import (
    Executor,
    ExecutorName,
    make_all_done,
    make_executor,
    seed_keys,
)
from jaxdl.train.step import UniformBatch
from jaxdl.types import BatchFn, State

CACHED = 256  # `xor` sweeps over 90 combinations: a work and an executor each
PLATFORMS = ("cpu", "cuda", "tpu")

T = TypeVar("T")

_cache: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()


def _once(key: Hashable, make: Callable[[], T]) -> T:
    """Remember what `make` gave for this key; forget the key unused for longest."""
    if key not in _cache:
        _cache[key] = make()
    _cache.move_to_end(key)
    while len(_cache) > CACHED:
        _cache.popitem(last=False)
    return _cache[key]


def built(
    work: Work, config: RunConfig, data: Any
) -> Experiment | Sequence[Phase] | Sweep:
    """The work itself, built if it is given as a function.

    It is built once for each function, type of configuration, deciding fields without
    `seed` and `seeds`, and name and checksum of the data.
    """
    if not callable(work):
        return work
    first = with_first_seed(config)
    fields = json.dumps(deciding_fields(first), sort_keys=True)
    key = ("work", work, type(config), fields, data.name, data.checksum)
    return _once(key, lambda: built(work(first, data), config, data))


def executor_of(
    name: ExecutorName, experiment: Experiment, batch_size: int | None
) -> Executor:
    """The executor of an experiment, made once for its `init`, batches and `step`."""
    batch_fn = batch_of(experiment, batch_size)
    parts = name, experiment.init, batch_fn, experiment.step
    return _once(("executor", *parts), lambda: make_executor(*parts))


def all_done_of(executor: Executor, done: DoneFn | None) -> Callable[[State], Any]:
    """An experiment's stopping rule for all seeds, made once; never without one."""
    if done is None:
        return lambda states: False
    return _once(("done", executor, done), lambda: make_all_done(executor, done))


def batch_of(experiment: Experiment, batch_size: int | None) -> BatchFn:
    """The experiment's batch function; by default minibatches drawn uniformly.

    Args:
      experiment: whose `batch` may be None.
      batch_size: of its configuration; None where it has a batch function of its own.
    """
    return experiment.batch or UniformBatch(cast(int, batch_size))


class Training(NamedTuple):
    """A chain of trainings in a tree of work.

    Attributes:
      path: of its folder, relative to the run's; empty for the run itself.
      config: its own configuration.
      phases: in order; a lone experiment is one of the configuration's steps.
    """

    path: str
    config: RunConfig
    phases: Sequence[Phase]


def trainings(work: Work, data: Any, config: RunConfig) -> Iterator[Training]:
    """Every chain of trainings in a tree of work."""
    work = built(work, config, data)
    if isinstance(work, Experiment):
        yield Training("", config, [Phase("", config.steps, work)])
    elif isinstance(work, Sweep):
        for name, case in work.cases.items():
            for training in trainings(case.work, data, case.config):
                path = f"{name}/{training.path}".rstrip("/")
                yield training._replace(path=path)
    else:
        yield Training("", config, work)


def lower_steps(
    plan: Plan, platforms: Sequence[str] = PLATFORMS
) -> dict[str, jax.export.Exported]:
    """Lower each training's first step for machines that need not be there.

    Args:
      plan: of the run.
      platforms: such as "cuda" or "tpu".

    Returns:
      The lowered steps by the path of each training's folder.
    """
    lowered = {}
    for path, config, phases in trainings(plan.work, plan.data, plan.config):
        previous = None
        for phase in phases:
            batch_fn = batch_of(phase.experiment, config.batch_size)
            step = make_checked_step(phase.experiment, batch_fn)
            arguments = plan.data, seed_keys(0), previous
            # Leaves alone: data may check the types of what it is rebuilt from.
            leaves, treedef = jax.tree.flatten(arguments)

            def of_leaves(leaves, step=step, treedef=treedef):
                return step(*jax.tree.unflatten(treedef, leaves))

            export = jax.export.export(jax.jit(of_leaves), platforms=platforms)
            lowered[f"{path}/{phase.name}".strip("/")] = export(leaves)
            previous, _ = jax.eval_shape(step, *arguments)
    return lowered
