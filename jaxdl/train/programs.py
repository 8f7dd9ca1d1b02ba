"""The one cache of what is compiled, and steps lowered for other machines.

JAX compiles a function once and finds its program by the function's identity. So the
work of a configuration is built once, and a second run of it in one process compiles
nothing.
"""

import collections
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import jax

from jaxdl.train.config import RunConfig, deciding_fields, with_first_seed
from jaxdl.train.experiment import Experiment, Phase, Plan, Sweep, Work
from jaxdl.train.seeds import seed_keys
from jaxdl.train.step import UniformBatch
from jaxdl.types import BatchFn

CACHED = 128  # a sweep over all activations and sizes of `xor` has 90 works
PLATFORMS = ("cpu", "cuda", "tpu")

_works: collections.OrderedDict[tuple[Any, ...], Any] = collections.OrderedDict()


def built(
    work: Work, config: RunConfig, data: Any
) -> Experiment | Sequence[Phase] | Sweep:
    """The work itself, built if it is given as a function.

    The key is the function, the type of the configuration, its deciding fields without
    `seed` and `seeds`, and the name and checksum of the data. Of more than 128 works
    the one unused for longest is forgotten.
    """
    if not callable(work):
        return work
    first = with_first_seed(config)
    fields = json.dumps(deciding_fields(first), sort_keys=True)
    key = (work, type(config), fields, data.name, data.checksum)
    if key not in _works:
        _works[key] = built(work(first, data), config, data)
    _works.move_to_end(key)
    while len(_works) > CACHED:
        _works.popitem(last=False)
    return _works[key]


def batch_of(experiment: Experiment, batch_size: int | None) -> BatchFn:
    """The experiment's batch function; by default minibatches drawn uniformly.

    Args:
      experiment: whose `batch` may be None.
      batch_size: of its configuration; None where it has a batch function of its own.
    """
    return experiment.batch or UniformBatch(cast(int, batch_size))


def trainings(
    work: Work, data: Any, config: RunConfig
) -> Iterator[tuple[str, Sequence[Phase]]]:
    """Every chain of trainings in a tree of work, with the path of its folder.

    A lone experiment is a chain of one, with the number of steps of its configuration.
    """
    work = built(work, config, data)
    if isinstance(work, Experiment):
        yield "", [Phase("", config.steps, work)]
    elif isinstance(work, Sweep):
        for name, case in work.cases.items():
            for path, phases in trainings(case.work, data, case.config):
                yield f"{name}/{path}".rstrip("/"), phases
    else:
        yield "", work


def lower_steps(plan: Plan, platforms: Sequence[str] = PLATFORMS) -> dict[str, Any]:
    """Each training's first step as XLA gets it, for machines that need not be there.

    Args:
      plan: of the run.
      platforms: such as "cuda" or "tpu".

    Returns:
      `jax.export.Exported` by the path of the training's folder.
    """
    lowered = {}
    for path, phases in trainings(plan.work, plan.data, plan.config):
        previous = None
        for phase in phases:
            batch = batch_of(phase.experiment, plan.config.batch_size)

            def one_step(data, previous, phase=phase, batch=batch):
                keys = seed_keys(0)
                state = phase.experiment.init(keys.init, data, previous)
                return phase.experiment.step(state, batch(data, keys.batch, 0))

            # Leaves alone: data may check the types of what it is rebuilt from.
            arguments = (plan.data, previous)
            leaves, treedef = jax.tree.flatten(arguments)

            def of_leaves(leaves, one_step=one_step, treedef=treedef):
                return one_step(*jax.tree.unflatten(treedef, leaves))

            name = f"{path}/{phase.name}".strip("/")
            export = jax.export.export(jax.jit(of_leaves), platforms=platforms)
            lowered[name] = export(leaves)
            previous, _ = jax.eval_shape(one_step, *arguments)
    return lowered
