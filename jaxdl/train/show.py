"""What a run folder holds, for `jaxdl show`: a run that finished, or was stopped."""

import dataclasses
import json
import os
import shlex
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdl.errors import InputError
from jaxdl.ledger import report
from jaxdl.ledger.schema import read_results
from jaxdl.registry import find_owner, load_script
from jaxdl.train.disk import read_sealed
from jaxdl.train.ending import end_lines, program, short_path


def show_run(folder: Path) -> str:
    """A run in words: its result, or how far it came and the command that resumes it.

    Args:
      folder: of a run, of a sweep, or of one of its cases; of a folder of runs, they
        are listed.

    Raises:
      InputError: if the folder holds no run, or a damaged one.
    """
    if folder.is_dir() and not os.path.lexists(folder / "config.json"):
        if runs := list_runs(folder):
            return "\n".join([*runs, "jaxdl show FOLDER shows one of them."])
    written = _read_config(folder)
    width = report.columns()
    head = f"{written['experiment']} on {written['data']['name']}"
    if (folder / "result.json").exists():
        lines = [f"{head}, finished", *_config_lines(written["config"], width), ""]
        result = _read_result(folder)
        made = [result["device"], f"jax {result['versions'].get('jax', 'unknown')}"]
        lines += end_lines(result, folder, {})
        lines.append(f"made on: {', '.join(filter(None, made))}")
        where = json.dumps(short_path(folder))
        if "cases" in result:
            where = json.dumps(short_path(folder / next(iter(result["cases"]))))
        return "\n".join([*lines, f"in Python: jaxdl.load({where})"])
    lines = [f"{head}, not finished", *_config_lines(written["config"], width), ""]
    lines += _parts(folder, written) or [_reached(folder)]
    return "\n".join([*lines, f"to go on: {_command(folder, written)}"])


def show_json(folder: Path) -> Any:
    """The contents of `result.json`; of a run that was stopped, how far it came.

    Raises:
      InputError: as `show_run`.
    """
    written = _read_config(folder)
    if (folder / "result.json").exists():
        return _read_result(folder)
    kept = ("experiment", "config", "data")
    names = [*written.get("cases", ()), *written.get("phases", ())]
    return {
        **{name: written[name] for name in kept},
        "finished": False,
        "step": _last_lines(folder, False)[0].get("step", 0),
        "parts": {
            name: (folder / name / "result.json").exists() for name in sorted(names)
        },
    }


def list_runs(folder: Path) -> list[str]:
    """A line for each run below a folder, at most three levels down."""
    lines = []
    for depth in ("*", "*/*", "*/*/*"):
        for path in sorted(folder.glob(f"{depth}/config.json")):
            inside = (path.parent.parent / "config.json").exists()  # a case or phase
            if inside or not path.is_file():
                continue
            try:
                written = _read_config(path.parent)
            except InputError:
                lines.append(f"{short_path(path.parent)}  damaged")
                continue
            done = (path.parent / "result.json").exists()
            config = written["config"]
            seeds = config.get("seeds", 1)
            told = [
                f"{seeds} seed{'s' if seeds > 1 else ''}",
                "finished" if done else "not finished",
            ]
            if isinstance(config.get("steps"), int):
                told.insert(0, f"{config['steps']:,} steps")
            lines.append(f"{short_path(path.parent)}  {', '.join(told)}")
    return lines


def _read_config(folder: Path) -> Mapping[str, Any]:
    if folder.is_file() and (folder.parent / "config.json").is_file():
        raise InputError(f"{folder} is a file: name its folder, {folder.parent}")
    if not folder.is_dir():
        state = "cannot be used" if os.path.lexists(folder) else "is not there"
        raise InputError(
            f"{folder} {state}: expected the folder of a run, such as "
            "runs/gan/digits-0123abcd"
        )
    written = read_sealed(folder / "config.json")
    if not {"experiment", "config", "data"} <= written.keys():
        raise InputError(
            f"{folder / 'config.json'} is no run's configuration: name a run's folder"
        )
    return written


def _read_result(folder: Path) -> Any:
    path = folder / "result.json"
    read_results(path)  # it has the form that the runner writes
    return read_sealed(path)


def _config_lines(config: Mapping[str, Any], width: int) -> list[str]:
    texts = [f"{name} {_value(value)}" for name, value in config.items()]
    return textwrap.wrap(", ".join(texts), width, initial_indent="    ")


def _value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _parts(folder: Path, written: Mapping[str, Any]) -> list[str]:
    """How far each case or phase came; nothing of a single training."""
    lines = []
    for name in [*written.get("cases", ()), *written.get("phases", ())]:
        part = folder / name
        if (part / "result.json").exists():
            lines.append(f"{name}: finished")
        elif (part / "config.json").exists():
            inner = _parts(part, read_sealed(part / "config.json"))
            lines.append(f"{name}: {'; '.join(inner) or _reached(part)}")
        else:
            lines.append(f"{name}: not begun")
    return lines


def _reached(folder: Path) -> str:
    """The last steps in a training's log, and what its last evaluation found."""
    written = read_sealed(folder / "config.json")
    steps = _saved_steps(folder)
    last, evaluated = _last_lines(folder, bool(steps))
    text = f"step {last.get('step', 0):,} of {written['config']['steps']:,} was logged"
    text += f", step {steps[-1]:,} saved" if steps else ", nothing saved yet"
    if not evaluated:
        return text
    means = [f"{name} {sum(x) / len(x):.4g}" for name, x in evaluated["eval"].items()]
    return f"{text}; at step {evaluated['step']:,}: {', '.join(means)}"


def _saved_steps(folder: Path) -> list[int]:
    try:
        names = [path.name for path in (folder / "checkpoints").iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"{folder / 'checkpoints'} cannot be read ({error.strerror}): mend that "
            "and try again"
        ) from None
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def _last_lines(folder: Path, expected: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last line of a log, and its last with an evaluation; {} without one."""
    from jaxdl.train.log import LogFile  # imports JAX

    path = folder / "metrics.jsonl"
    if not path.exists():
        if expected:
            raise InputError(f"{path} is missing: put a good copy back")
        return {}, {}
    try:
        log = LogFile(folder)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}): mend that and try "
            "again"
        ) from None
    if log.damaged is not None:
        raise InputError(
            f"{path} is damaged at line {log.damaged}: put a good copy back, or give "
            "the run's command with --overwrite"
        )
    evaluated = [line for line in log.lines if "eval" in line]
    return (log.lines or [{}])[-1], (evaluated or [{}])[-1]


def _command(folder: Path, written: Mapping[str, Any]) -> str:
    """The command line that goes on with a run, as far as its script is known."""
    again = "give its command again, without --overwrite"
    try:
        system = find_owner(written["experiment"])
        presets = _presets(load_script(system))
    except InputError:
        return again
    config = written["config"]
    fitting = {
        name: preset
        for name, preset in presets.items()
        if {field.name for field in dataclasses.fields(preset)} >= config.keys()
    }
    if not fitting:
        return again

    def differences(name: str) -> dict[str, Any]:
        base = json.loads(json.dumps(dataclasses.asdict(fitting[name]), default=str))
        return {k: v for k, v in config.items() if base[k] != v}

    name = min(fitting, key=lambda name: len(differences(name)))
    words = [] if name == next(iter(presets)) else [name]
    for field, value in differences(name).items():
        flag = f"--{field.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        else:
            words += [flag, *map(str, value if isinstance(value, list) else [value])]
    words += ["--out", short_path(folder)]
    return f"{program('jaxdl')} run {system.name} {shlex.join(words)}"


def _presets(script: Any) -> dict[str, Any]:
    if hasattr(script, "PRESETS"):
        return script.PRESETS
    return {"default": script.Config()}
