"""`jaxdl data list` says what each data set is, and agrees with its table in text."""

import json
import os
import shlex
from pathlib import Path
from typing import get_args

import pytest

from jaxdl import cli
from jaxdl.data import builders
from jaxdl.data.catalogue import format_data_sets, list_data_sets
from jaxdl.data.load import PreparedName, prepared_folder

ROOT = Path(__file__).parents[2]


def test_every_data_set_is_listed_with_its_licence():
    found = {each.name: each for each in list_data_sets()}
    assert set(found) == set(get_args(PreparedName))
    for each in found.values():
        assert each.licence and each.homepage.startswith("http") and each.num_bytes > 0
        number, word = each.items.split()
        assert int(number.replace(",", "")) > 0 and word in ("images", "characters")
    assert found["mnist"].items == "70,000 images"
    assert found["fashion_mnist"].licence.startswith("MIT")
    assert found["cifar10_subset"].licence == "not stated"


def test_a_prepared_one_is_listed_with_its_folder(tmp_path):
    folder = prepared_folder(builders.JaxdlMnist, tmp_path)
    before = {each.name: each for each in list_data_sets(tmp_path)}
    expected = f"jaxdl data prepare mnist --data-dir {tmp_path}"
    assert (before["mnist"].folder, before["mnist"].command) == (None, expected)
    assert "--source-dir FOLDER" in before["cifar10_subset"].command
    spaced = tmp_path / "my data"
    (found,) = (x for x in list_data_sets(spaced) if x.name == "mnist")
    assert shlex.split(found.command)[-2:] == ["--data-dir", str(spaced)]
    folder.mkdir(parents=True)
    after = {each.name: each for each in list_data_sets(tmp_path)}
    assert (after["mnist"].folder, after["mnist"].command) == (str(folder), None)
    assert after["fashion_mnist"].folder is None
    text = format_data_sets(after.values())
    assert f"prepared in {folder}\n" in text and f"not prepared: {expected}" not in text


def test_lines_fit_the_terminal():
    data_sets = list_data_sets()
    narrow = format_data_sets(data_sets, 60)
    longest = max(narrow.splitlines(), key=len)
    assert len(longest) <= 60 or "jaxdl data prepare" in longest
    assert narrow.split() == format_data_sets(data_sets).split()


def test_the_command_prints_json(tmp_path, capsys):
    assert cli.main(["data", "list", "--json", "--data-dir", str(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == [each._asdict() for each in list_data_sets(tmp_path)]
    assert cli.main(["data", "list"]) == 0
    assert "licence: not stated" in capsys.readouterr().out


def test_the_table_in_text_agrees():
    lines = (ROOT / "jaxdl" / "data" / "README.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [
        f"| `{x.name}` | {x.about.rstrip('.')} | {x.licence} | {x.homepage} |"
        for x in list_data_sets()
    ]


@pytest.mark.skipif("JAXDL_TEST_DATA" not in os.environ, reason="needs the files")
@pytest.mark.parametrize("name", builders.BUILDERS)
def test_sizes_are_those_of_the_files(name):
    builder_cls = builders.BUILDERS[name]
    files = [Path(os.environ["JAXDL_TEST_DATA"], name, x) for x in builder_cls.SHA256]
    if not all(file.exists() for file in files):
        pytest.skip(f"{name} is not there")
    assert sum(file.stat().st_size for file in files) == builder_cls.BYTES
