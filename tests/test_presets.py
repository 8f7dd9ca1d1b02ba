"""A preset is chosen by its name or by a flag, and its values are the defaults."""

import dataclasses

import pytest

from jaxdl import cli
from jaxdl.presets import choose_preset
from jaxdl.registry import System, flags_by_name, recorded_words


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
    for words in (["mnits"], ["mnist", "didgits"]):
        assert cli.start(PRESETS, lambda config: 0, words) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {words[-1]} was given: expected flags, or one")
        assert "digits, mnist, quick, other" in err and err.count("\n") == 1
    assert cli.start(PRESETS, lambda config: 0, ["mnist", "digits"]) == 2
    assert "two presets were given, the second is digits" in capsys.readouterr().err


SYSTEM = System(
    title="A toy",
    paper="",
    toy="--steps 2",
    records={
        "first.json": "--data mnist --steps 9 --weights FOLDER",
        "second.json": "--steps 4",
    },
)


def test_full_is_the_first_record_and_toy_the_toy_run():
    named = flags_by_name(SYSTEM)
    assert named == {"full": "--data mnist --steps 9", "toy": "--steps 2"}
    assert flags_by_name(SYSTEM._replace(toy=None)) == {"full": named["full"]}
    assert flags_by_name(SYSTEM._replace(records={})) == {"toy": "--steps 2"}
    assert flags_by_name(SYSTEM._replace(records={"a.json": "PICTURE --labelled"})) == {
        "toy": "--steps 2"
    }
    assert flags_by_name(None) == {}


def test_words_that_repeat_the_recorded_run():
    assert recorded_words(SYSTEM) == "full --weights FOLDER"
    (words,) = pictures = ["PICTURE --labelled"]
    assert recorded_words(SYSTEM._replace(records={"a.json": words})) == pictures[0]
    assert recorded_words(SYSTEM._replace(records={"a.json": ""})) == "full"
    assert recorded_words(SYSTEM._replace(records={})) == ""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Start the script of `SYSTEM` with presets, or with a class alone."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "first.json").write_text('{"wall_seconds": 720}')
    system = SYSTEM._replace(name="toy", script=tmp_path / "toy.py")
    monkeypatch.setattr(cli, "system_of", lambda script: system)

    def start(config, words):
        seen = []

        def command(given):
            seen.append(given)
            return 0

        code = cli.start(config, command, words.split(), select=["data"], script="x.py")
        return seen[0] if code == 0 else code

    return start


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", Toy()),
        ("full", Toy("mnist", 9)),
        ("toy", Toy(steps=2)),
        ("full --steps 3", Toy("mnist", 3)),
        ("full --data digits", Toy("digits", 9)),  # a flag of it, not another preset
        ("toy --data mnist", Toy("mnist", 2)),
        ("--data mnist", Toy("mnist", 7)),
    ],
)
def test_full_and_toy_stand_for_flags_that_later_ones_change(run, words, expected):
    assert run(PRESETS, words) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("", Toy()), ("full", Toy("mnist", 9)), ("toy --steps 8", Toy(steps=8))],
)
def test_they_serve_a_script_without_presets_too(run, words, expected):
    assert run(Toy, words) == expected


def test_they_are_named_where_a_word_is_refused_and_in_the_help(run, capsys):
    for words in ("fuul", "full mnits"):
        assert run(PRESETS, words) == 2
        err = capsys.readouterr().err
        assert "(digits, mnist, quick, other, full, toy)" in err
        assert err.count("\n") == 1
    assert run(PRESETS, "full toy") == 2
    assert "two presets were given, the second is toy" in capsys.readouterr().err
    assert cli.start(PRESETS, lambda config: 0, ["full", "--help"], script="x.py") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "other, full (12 minutes), toy; full is the recorded protocol" in out
    assert "default: 9" in out and "the values of full" in out
