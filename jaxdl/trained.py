"""Finished runs, ready for use: networks, parameters and configuration."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxdl.errors import InputError
from jaxdl.files import local_path
from jaxdl.registry import find_owner, load_script
from jaxdl.train.config import RunConfig, deciding_fields
from jaxdl.train.disk import read_sealed
from jaxdl.train.experiment import Experiment, Phase, Plan, Sweep
from jaxdl.train.folder import read_config
from jaxdl.train.load import load_phases, load_states, require_finished
from jaxdl.train.programs import built
from jaxdl.types import AnyModel, Params, State


class TrainedNetwork(NamedTuple):
    """A network with what it has learned.

    Attributes:
      model: its pure functions; `model.apply(params[0], x)`.
      params: parameters of each seed.
      about: what goes in and what comes out.
    """

    model: AnyModel
    params: list[Params]
    about: str


class Trained(NamedTuple):
    """A finished run.

    Attributes:
      folder: where it lives.
      system: name of the system that it is a run of.
      config: its configuration.
      data: what it was trained and tested on.
      networks: by name, such as "generator" and "discriminator".
      states: final state of each seed, with all parameters and the optimizer's state.
      result: the contents of `result.json`.
    """

    folder: Path
    system: str
    config: RunConfig
    data: Any
    networks: Mapping[str, TrainedNetwork]
    states: list[State]
    result: Any

    @property
    def model(self) -> AnyModel:
        """The first network's functions; most systems have one network."""
        return self._first().model

    @property
    def params(self) -> list[Params]:
        """The first network's parameters, of each seed."""
        return self._first().params

    def _first(self) -> TrainedNetwork:
        for network in self.networks.values():
            return network
        raise InputError(
            f"the system {self.system} names no network: expected networks= in its "
            "Experiment; the parameters are in states"
        )


def load(folder: str | os.PathLike[str], **places: Any) -> Trained:
    """Read a finished run back, whichever script it is a run of.

        trained = jaxdl.load("runs/lenet/digits-0123abcd")
        logits = trained.model.apply(trained.params[0], images)

    The data of the run are loaded as its script loads them.

    Args:
      folder: of the run; of a sweep, the folder of one case.
      **places: fields of the configuration that no result depends on, where the data
        cannot be found without them: `data_dir`, `source_dir`, `text`.

    Raises:
      InputError: if there is no run, or it is unfinished, damaged, a sweep, or of a
        system or version that is not there; or if its data are not those of the run.
      RunError: if no good checkpoint is left.
    """
    from jaxdl.cli import pinned

    folder = local_path(os.fspath(folder)).absolute()
    with pinned():
        return _load(folder, places)


def _load(folder: Path, places: Mapping[str, Any]) -> Trained:
    require_finished(folder)
    written = read_sealed(folder / "config.json")
    if "cases" in written:
        example = folder / next(iter(written["cases"]))
        raise InputError(
            f"{folder} holds a sweep: load one of its cases, such as {example}"
        )
    root = folder
    while root.name in _parts_of(root.parent):
        root = root.parent
    system = find_owner(written["experiment"])
    script = load_script(system)
    plan = _plan(script, root, places)
    work = _find(plan, root, folder, written)
    if isinstance(work, Experiment):
        states = load_states(folder, work, plan.data, None)
    else:
        home = folder if "phases" in written else folder.parent
        states = load_phases(home, work, plan.data)
        work = work[-1].experiment
    networks = {
        name: TrainedNetwork(model, [params(state) for state in states], about)
        for name, (model, about, params) in work.networks.items()
    }
    return Trained(
        folder,
        system.name,
        read_config(folder, written["experiment"], type(plan.config)),
        plan.data,
        networks,
        states,
        read_sealed(folder / "result.json"),
    )


def _parts_of(folder: Path) -> Sequence[str]:
    """Names of the cases or phases of the run in a folder; none without a run."""
    if not (folder / "config.json").is_file():
        return ()
    written = read_sealed(folder / "config.json")
    return [*written.get("cases", ()), *written.get("phases", ())]


def _plan(script: ModuleType, root: Path, places: Mapping[str, Any]) -> Plan:
    """The plan of the run in a folder, with data that are those of the run.

    Raises:
      InputError: if the script has none, or the data are not there or others.
    """
    written = read_sealed(root / "config.json")
    config_class = _config_class(script, written["config"])
    config = read_config(root, written["experiment"], config_class)
    decide = deciding_fields(config)
    for name in places:
        if name in decide or not hasattr(config, name) or name == "out":
            free = sorted(set(vars(config)) - {*decide, "out"})
            raise InputError(
                f"{name} cannot be set when a run is loaded: expected one of "
                f"{', '.join(free)}"
            )
    plan = script.plan(dataclasses.replace(config, **places))
    found = {"name": plan.data.name, "checksum": plan.data.checksum}
    if found != written["data"]:
        was = written["data"]
        raise InputError(
            f"{root} was trained on other data ({was['name']}, checksum "
            f"{was['checksum'][:8]}) than are found now ({found['name']}, "
            f"{found['checksum'][:8]}): say where those are, such as by data_dir="
        )
    return plan


def _config_class(script: ModuleType, fields: Mapping[str, Any]) -> type[RunConfig]:
    """The class of a script's configurations that has such fields.

    Raises:
      InputError: if the script trains nothing.
    """
    presets = getattr(script, "PRESETS", {}).values()
    classes = [type(preset) for preset in presets]
    classes += [script.Config] if hasattr(script, "Config") else []
    if not classes or not hasattr(script, "plan"):
        raise InputError(
            f"{script.__file__} cannot build a run again: expected plan(config), and "
            "Config or PRESETS"
        )
    for each in classes:
        if {x.name for x in dataclasses.fields(each)} >= fields.keys():
            return each
    return classes[0]  # which refuses them by name


def _find(
    plan: Plan, root: Path, folder: Path, written: Mapping[str, Any]
) -> Experiment | Sequence[Phase]:
    """The trainings that ended in a folder: of phases, all up to the folder's.

    Raises:
      InputError: if the plan has no such part.
    """
    work = built(plan.work, plan.config, plan.data)
    for name in folder.relative_to(root).parts:
        if isinstance(work, Sweep):
            if name not in work.cases:
                raise InputError(
                    f"{root} is of another version: there is no case {name} now, "
                    f"expected one of {', '.join(work.cases)}"
                )
            case = work.cases[name]
            work = built(case.work, case.config, plan.data)
        elif not isinstance(work, Experiment):
            names = [phase.name for phase in work]
            work = work[: names.index(name) + 1]
    if isinstance(work, Sweep):
        raise InputError(
            f"{folder} is a case of a sweep and was moved out of its folder: put it "
            "back, and load it there"
        )
    return work
