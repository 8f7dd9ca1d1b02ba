"""A preset is chosen by its name or by a flag, and its values are the defaults."""

import dataclasses

import pytest

from jaxdl import cli
from jaxdl.presets import choose_preset


@dataclasses.dataclass(frozen=True)
class Toy:
    """A toy."""

    data: str = "digits"
    """Images."""
    steps: int = 5
    """Steps."""


@dataclasses.dataclass(frozen=True)
class Other:
    """Another toy."""

    data: str = "digits"
    """Images."""


PRESETS = {
    "digits": Toy(),
    "mnist": Toy(data="mnist", steps=7),
    "quick": Toy(steps=1),
    "other": Other(),
}


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        ("", "digits", ""),
        ("--steps 3", "digits", "--steps 3"),
        ("mnist --steps 3", "mnist", "--steps 3"),
        ("--data mnist", "mnist", "--data mnist"),
        ("--data=mnist", "mnist", "--data=mnist"),
        ("--data mnist --data digits", "digits", "--data mnist --data digits"),
        ("quick", "quick", ""),
        ("quick --data mnist", "mnist", "--data mnist"),
        ("--data letters", "digits", "--data letters"),
        ("other --data mnist", "other", "--data mnist"),
        ("--data", "digits", "--data"),
    ],
)
def test_choice(words, name, rest):
    choice = choose_preset(PRESETS, words.split(), ("data",))
    assert choice.name == name and choice.default is PRESETS[name]
    assert choice.argv == rest.split()


def test_without_fields_to_select_by_only_the_name_counts():
    assert choose_preset(PRESETS, ["--data", "mnist"]).name == "digits"


def test_the_command_gets_the_presets_values():
    seen = []

    def command(config):
        seen.append(config)
        return 0

    for words in ("mnist", "--data mnist", "mnist --steps 2", "other"):
        assert cli.start(PRESETS, command, words.split(), select=("data",)) == 0
    mnist = PRESETS["mnist"]
    assert seen == [mnist, mnist, dataclasses.replace(mnist, steps=2), Other()]


def test_help_shows_the_values_of_the_preset(capsys):
    assert cli.start(PRESETS, lambda config: 0, ["mnist", "--help"]) == 0
    out = capsys.readouterr().out
    assert "default: 7" in out and "default: 5" not in out
    assert "digits, mnist, quick, other" in " ".join(out.split())


def test_a_word_that_is_no_preset_is_refused(capsys):
    for words in (["mnits"], ["mnist", "digits"]):
        assert cli.start(PRESETS, lambda config: 0, words) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {words[-1]} was given: expected flags, or one")
        assert "digits, mnist, quick, other" in err and err.count("\n") == 1
