"""Flags as they were typed: one sentence for what cannot be read or has no effect."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
)

from jaxdl.errors import InputError, nearest
from jaxdl.files import local_path

ConfigT = TypeVar("ConfigT")
READING = {"out", "sample", "seed"}
"""Flags that a finished run is read by; the others must agree with it."""
_KINDS = {"INT": "a whole number", "FLOAT": "a number", "PATH": "a path", "STR": "text"}
# tyro's hook is not public yet; without it tyro explains mistakes in a box
_hook = getattr(
    getattr(tyro, "_errors", None), "on_parse_error", contextlib.nullcontext
)


def parse(config: type[ConfigT], words: Sequence[str], **options: Any) -> ConfigT:
    """The configuration that a command line asks for; tyro exits after `--help`.

    Args:
      config: a dataclass whose fields become flags.
      words: of the command line.
      options: further ones of `tyro.cli`.

    Raises:
      InputError: for a flag or a value that cannot be read, or as the dataclass does.
    """

    def refuse(event: Any) -> None:
        said = getattr(event, "argument", None) is None and getattr(
            event, "message", None
        )  # by the dataclass, of its fields
        raise InputError(said or _sentence(event, flags_of(config), words)) from None

    try:
        with _hook(refuse):
            return tyro.cli(config, args=words, registry=_PATHS, **options)
    except _BadPath as error:
        raise InputError(str(error)) from None


class _BadPath(Exception):
    """What `local_path` says, in a form that tyro lets pass."""


_PATHS = ConstructorRegistry()


@_PATHS.primitive_rule
def _path_rule(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Path] | None:
    """How tyro reads a path of any flag."""
    if info.type is not Path:
        return None

    def read(words: list[str]) -> Path:
        try:
            return local_path(words[0])
        except InputError as error:
            raise _BadPath(error) from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    )


def flags_of(config: type[Any]) -> dict[str, str]:
    """Each flag of a dataclass, also those with `--no-`, with the field it sets."""
    flags = {}
    for field in dataclasses.fields(config):
        if tyro.conf.Positional in getattr(field.type, "__metadata__", ()):
            continue
        name = field.name.replace("_", "-")
        flags[f"--{name}"] = field.name
        if field.type is bool:
            flags[f"--no-{name}"] = field.name
    return flags


def typed_fields(config: type[Any], words: Iterable[str]) -> list[str]:
    """Fields whose flags stand in a command line, whatever their values, in order."""
    flags = flags_of(config)
    given = (word.partition("=")[0].replace("_", "-") for word in words)
    return list(dict.fromkeys(flags[flag] for flag in given if flag in flags))


def require_effect(config: Any, typed: Iterable[str]) -> None:
    """Refuse flags that were typed and would be ignored.

    Args:
      config: what the command line asks for, a `jaxdl.train.config.RunConfig`.
      typed: its fields that were given there. Defaults, which may well be of no use,
        are not refused.

    Raises:
      InputError: for a flag that has no effect beside the others, or differs from the
        configuration of a finished run that is only read.
    """
    from jaxdl.train.config import deciding_fields  # half a second, not for --help

    idle, run = config.idle(), config.finished()
    trained = None if run is None else deciding_fields(run)
    for name in typed:
        flag, value = f"--{name.replace('_', '-')}", getattr(config, name)
        if name in idle:
            raise InputError(
                f"{flag} is {_text(value)}, but has no effect {idle[name]}: leave it "
                "out"
            )
        if trained is None or name in READING:
            continue
        if name not in trained:
            raise InputError(
                f"{flag} is {_text(value)}, but has no effect with --sample, which "
                "only reads a finished run: leave it out"
            )
        if value != trained[name]:
            raise InputError(
                f"{flag} is {_text(value)}, but the run in {config.out} has "
                f"{_text(trained[name])}: leave the flag out, or name another "
                "run with --out"
            )


def _text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "empty"
    return str(value)


def _sentence(event: Any, flags: dict[str, str], words: Sequence[str]) -> str:
    """Given, expected, what to do: for one of tyro's events."""
    unknown = getattr(event, "tokens", getattr(event, "unrecognized_tokens", []))
    if unknown:
        return _unknown(unknown[0], flags)
    if missing := getattr(event, "missing_arguments", None):
        argument = missing[0].arg
        expected = _expected(argument.lowered.metavar)
        return f"{argument.display_name()} is missing: expected {expected}"
    argument = getattr(event, "argument", None)
    if argument is None:
        return f"the flags cannot be read ({type(event).__name__}): see --help"
    flag, expected = argument.display_name(), _expected(argument.lowered.metavar)
    if choices := getattr(event, "choices", None):
        return (
            f"{flag} is {event.value}: expected one of {', '.join(choices)}"
            f"{nearest(event.value, choices)}"
        )
    given = _values(flag, words)
    return f"{flag} {f'is {given}' if given else 'has no value'}: expected {expected}"


def _unknown(word: str, flags: Iterable[str]) -> str:
    name = word.partition("=")[0].replace("_", "-")
    if name.startswith("-"):
        return f"there is no flag {name}: --help lists all{nearest(name, flags)}"
    return (
        f"{word} belongs to no flag: expected flags, each with its values (--help "
        "lists them); quote a value that has spaces"
    )


def _expected(metavar: str) -> str:
    """Words for what tyro writes beside a flag, such as `{None}|INT`."""
    if "..." in metavar:
        unit = metavar.strip("[]").split(" [")[0]
        return f"values that are each {_expected(unit)}"
    if " " in metavar:
        return " and ".join(map(_expected, metavar.split()))
    units = (unit.strip("{}").replace(",", ", ") for unit in metavar.split("|"))
    return " or ".join(_KINDS.get(unit, unit) for unit in units)


def _values(flag: str, words: Sequence[str]) -> str:
    """The words that follow a flag where it stands last, up to the next flag."""
    found: list[str] = []
    taking = False
    for word in words:
        name, _, value = word.partition("=")
        if name.replace("_", "-") == flag:
            found, taking = [value], True
        elif word.startswith("--"):
            taking = False
        elif taking:
            found.append(word)
    return " ".join(found).strip()
