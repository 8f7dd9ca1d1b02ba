"""Named configurations of a script, of which the command line starts from one.

The first word may name a preset (`gan.py mnist --seeds 3`). Some flags choose one as
well: `--data mnist` starts from the preset for MNIST, so that every other flag has the
default that belongs to it, and `--help` shows these values.

Two presets come from the system's description: `full` is the protocol of its first
recorded result, `toy` a run of seconds. Both stand for flags, and the flags after them
change single values.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxdl.errors import InputError, nearest
from jaxdl.printing import terminal_columns


class Choice(NamedTuple):
    """A preset and the words of the command line that remain.

    Attributes:
      name: of the preset.
      default: its configuration.
      argv: the words after its name, if that was given.
    """

    name: str
    default: Any
    argv: list[str]


def choose_preset(
    presets: Mapping[str, Any],
    argv: Sequence[str],
    select: Sequence[str] = (),
    also: Sequence[str] = (),
) -> Choice:
    """The preset that a command line asks for.

    The first word names it; without one it is the first preset. Among those of the same
    type, flags of the fields in `select` then choose the one that has their values; if
    none has, it stays.

    Args:
      presets: configurations (dataclasses) by name; the first is the default.
      argv: the words of the command line.
      select: names of fields, such as ("data",).
      also: further names that could have been given, for the message.

    Raises:
      InputError: for a word that is no preset, or a second one.
    """
    words = list(argv)
    name = next(iter(presets))
    if words and words[0] in presets:
        name = words.pop(0)
    require_flags(words, [*presets, *also])
    base = presets[name]
    given = {field: _value(words, field) for field in select}
    wanted = {
        field: str(getattr(base, field, None)) if value is None else value
        for field, value in given.items()
    }
    if any(value is not None for value in given.values()):
        for other, config in presets.items():
            values = {field: str(getattr(config, field, None)) for field in select}
            if type(config) is type(base) and values == wanted:
                return Choice(other, config, words)
    return Choice(name, base, words)


def require_flags(words: Sequence[str], presets: Sequence[str]) -> None:
    """Refuse a command line that goes on with something else than flags.

    Args:
      words: those after the name of a preset.
      presets: names of all presets.

    Raises:
      InputError: naming the first word, unless it is a flag.
    """
    if words and words[0] in presets:
        raise InputError(
            f"two presets were given, the second is {words[0]}: expected one before "
            "the flags"
        )
    if words and not words[0].startswith("-"):
        raise InputError(
            f"{words[0]} was given: expected flags, or one preset before them "
            f"({', '.join(presets)}){nearest(words[0], presets)}"
        )


def describe_presets(
    config: Any,
    chosen: str,
    presets: Sequence[str],
    select: Sequence[str] = (),
    minutes: Mapping[str, str] = {},
) -> str:
    """A paragraph for `--help`: which presets there are, and whose values it shows.

    Args:
      config: the configuration whose values the help shows.
      chosen: name of its preset.
      presets: names of all; the first is the default.
      select: fields whose flags choose a preset as well.
      minutes: by name, the time that a preset takes, in words.
    """
    about = (type(config).__doc__ or "").strip()
    if len(presets) == 1:
        return about
    names = ", ".join(
        f"{name} ({minutes[name]})" if name in minutes else name for name in presets
    )
    own = [field for field in select if hasattr(config, field)]
    flags = " and ".join(f"--{field.replace('_', '-')}" for field in own)
    also = f" or choose it by {flags}" if flags else ""
    full = "; full is the recorded protocol" if "full" in presets else ""
    toy = ", toy a test of seconds" if "toy" in presets else ""
    text = (
        f"Presets: {names}{full}{toy}. Name one first{also}; this help shows the "
        f"values of {chosen}."
    )
    width = terminal_columns(100)
    return f"{about}\n\n{textwrap.fill(text, max(width, 20))}"


def _value(words: Sequence[str], field: str) -> str | None:
    """The value of a flag, in either spelling; None if it is not given."""
    flag = f"--{field.replace('_', '-')}"
    found = None
    for i, word in enumerate(words):
        if word in (flag, f"--{field}") and i + 1 < len(words):
            found = words[i + 1]
        elif word.startswith((f"{flag}=", f"--{field}=")):
            found = word.partition("=")[2]
    return found
