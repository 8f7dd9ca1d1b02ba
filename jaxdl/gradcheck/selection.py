"""The subjects that the words of a command line name."""

import difflib
from collections.abc import Sequence

from jaxdl.errors import InputError
from jaxdl.gradcheck.coverage import find_reasons
from jaxdl.gradcheck.subjects import Subject, find_subjects


def select(words: Sequence[str]) -> list[Subject]:
    """The subjects that words name, room by room; all without a word.

    A word is a subject's name ("mlp[relu]"), a function's ("mlp", "half_squared_error")
    or a module's ("ops", "ops.losses"), with or without "jaxdl." before it; "jaxdl" is
    all of them.

    Raises:
      InputError: for a word that names none, with names that are close to it.
    """
    subjects = find_subjects()
    chosen: set[str] = set()
    for given in words:
        word = given.removeprefix("jaxdl.")
        if word == "jaxdl":
            return list(subjects.values())
        found = [name for name, s in subjects.items() if word in _own_names(s)]
        found = found or [
            name
            for name, s in subjects.items()
            if any(f".{word}." in f".{cover}." for cover in s.covers)
        ]
        if not found:
            raise InputError(_unknown(given, subjects))
        chosen.update(found)
    return [s for name, s in subjects.items() if not words or name in chosen]


def _own_names(subject: Subject) -> set[str]:
    functions = {cover.rpartition(".")[2] for cover in subject.covers}
    return {subject.name, subject.name.partition("[")[0], *functions}


def _unknown(given: str, subjects: dict[str, Subject]) -> str:
    word = given.removeprefix("jaxdl.")
    for name, reason in find_reasons().items():
        if word in (name, name.rpartition(".")[2]):
            return f"{name} has no derivative to check: {reason}"
    known = [
        part
        for s in subjects.values()
        for part in (s.name, s.name.partition("[")[0], *s.covers)
    ]
    close = difflib.get_close_matches(word, dict.fromkeys(known), n=4, cutoff=0.5)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    return (
        f"no function is called {given!r}: expected the name of one that jaxdl "
        f"differentiates, or module:function for your own{hint}"
    )
