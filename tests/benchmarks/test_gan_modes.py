"""benchmarks/gan_modes.py reports in the common form."""

import functools
import importlib
import json
from pathlib import Path

from jaxdl.systems.gan_modes import methods, networks

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_rows(tmp_path, monkeypatch):
    small = functools.partial(networks.pacgan, gen_size=3, disc_size=2)
    monkeypatch.setattr(methods, "pacgan", small)
    monkeypatch.syspath_prepend(BENCHMARKS)
    main = importlib.import_module("gan_modes").main
    file = tmp_path / "rows.json"
    flags = "--executors vmap --many 2 --repeats 2 --seconds 1e-9 --batch-size 4"
    assert main([*flags.split(), "--json", str(file)]) == 0
    (row,) = json.loads(file.read_text())["rows"]
    assert row["case"] == "2 seeds, vmap" and row["peer"] == "one seed"
    assert row["batch_shape"] == [4, 2]
    # Weights, scale and shift of each hidden unit, biases of the output.
    assert row["gen_weights"] == 2 * 3 + 3 * 3**2 + 4 * 2 * 3 + 3 * 2 + 2
    assert row["disc_weights"] == 3 * 10 + 2 * 3 * 10 + 3
    assert row["relative"] == row["ours_seconds"] / row["peer_seconds"]


def test_bad_input(monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    assert importlib.import_module("gan_modes").main(["--many", "0"]) == 2
    assert "many is 0: expected 1 or more" in capsys.readouterr().err
