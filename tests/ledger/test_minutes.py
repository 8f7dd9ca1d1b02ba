"""Minutes come from committed results, and a missing one is no error."""

import json

import pytest

from jaxdl.errors import InputError
from jaxdl.ledger.minutes import format_minutes, recorded_minutes
from jaxdl.registry import System, find_systems


@pytest.fixture
def system(tmp_path):
    """A system whose files lie in an empty folder."""
    (tmp_path / "results").mkdir()
    records = {"toy-full.json": "full", "toy-other.json": "--steps 9"}
    script = tmp_path / "toy.py"
    return System("A toy", "", None, records=records, name="toy", script=script)


def write(path, content):
    path.write_text(json.dumps(content))


def test_seconds_are_those_of_the_files_beside_the_script(system):
    folder = system.script.parent
    assert recorded_minutes(system) == (None, None)
    write(folder / "results" / "toy-full.json", {"wall_seconds": 600.5})
    write(folder / "results" / "toy-other.json", {"wall_seconds": 9})
    assert recorded_minutes(system) == (None, 600.5)
    defaults = {"device": "CPU, 2 cores", "cores": 2, "systems": {"other": {}}}
    write(folder / "defaults.json", defaults)
    assert recorded_minutes(system) == (None, 600.5)
    write(folder / "defaults.json", defaults | {"systems": {"toy": {"seconds": 41}}})
    assert recorded_minutes(system) == (41, 600.5)
    assert recorded_minutes(system._replace(records={})).full is None


@pytest.mark.parametrize("seconds", [{}, {"seconds": 0}, {"seconds": "1"}, 3])
def test_an_entry_without_a_time_is_refused(system, seconds):
    content = {"device": "CPU", "cores": 2, "systems": {"toy": seconds}}
    write(system.script.with_name("defaults.json"), content)
    with pytest.raises(InputError, match="the entry toy has no time: expected"):
        recorded_minutes(system)


def test_every_first_record_was_timed():
    for each in find_systems():
        assert (recorded_minutes(each).full is None) == (not each.records), each.name


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (1, "0.1"), (41.2, "0.7"), (89, "1.5"), (95, "2"), (2240, "37")],
)
def test_minutes_are_rounded_for_a_table(seconds, text):
    assert format_minutes(seconds) == text
