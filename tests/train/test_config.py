"""What a run can be told: refused values, the hash, the folder."""

import dataclasses
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxdl.errors import InputError
from jaxdl.train.config import (
    RunConfig,
    config_hash,
    deciding_fields,
    fill_defaults,
    free,
    require_at_least,
    require_each_once,
    require_positive,
    run_folder,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """An experiment's: one field that decides, one that does not."""

    width: int | None = None
    color: str = free("red")


# One other valid value for each field; those that can't change a bit stand below.
OTHER = {
    "steps": 7,
    "batch_size": 3,
    "seed": 1,
    "seeds": 2,
    "executor": "vmap",
    "width": 5,
}
OTHER_FREE = {
    "out": Path("elsewhere"),
    "save_every": 5,
    "save_seconds": 1.5,
    "eval_every": 6,
    "log_every": 7,
    "block_steps": 8,
    "overwrite": True,
    "color": "blue",
}


# Refused values

BELOW = [("steps", -1), ("seed", -1)]
BELOW += [
    (name, value)
    for name in (
        "batch_size",
        "seeds",
        "save_every",
        "eval_every",
        "log_every",
        "block_steps",
    )
    for value in (0, -3)
]
BELOW += [
    ("save_seconds", value)
    for value in (0.0, -1.0, float("nan"), float("inf"), -float("inf"))
]


@pytest.mark.parametrize(("name", "value"), BELOW)
def test_refuses(name, value):
    with pytest.raises(InputError, match=f"^{name} is {value}: expected "):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("seed", 0), ("save_seconds", 1e-3), ("steps", 10**9)]
    + [(name, 1) for name, value in BELOW if value == 0 and name != "save_seconds"],
)
def test_accepts_the_lowest_value(name, value):
    assert getattr(RunConfig(**{name: value}), name) == value


@pytest.mark.parametrize("name", ["save_every", "eval_every"])
def test_none_leaves_an_interval_to_the_runner(name):
    assert getattr(RunConfig(**{name: None}), name) is None


def test_every_field_with_a_number_refuses_negative_ones():
    for field in dataclasses.fields(RunConfig):
        if "int" in str(field.type) or "float" in str(field.type):
            with pytest.raises(InputError, match=field.name):
                RunConfig(**{field.name: -1.0 if field.type is float else -1})


@pytest.mark.parametrize(
    ("seed", "seeds", "good"),
    [(2**32 - 1, 1, True), (2**32 - 3, 3, True), (2**32, 1, False)]
    + [(2**32 - 1, 2, False)],
)
def test_seeds_fit_in_32_bits(seed, seeds, good):
    if good:
        assert RunConfig(seed=seed, seeds=seeds).seed == seed
        return
    with pytest.raises(InputError, match="seed"):
        RunConfig(seed=seed, seeds=seeds)


@pytest.mark.parametrize("value", [0.0, -1e-9, float("nan"), float("inf")])
def test_require_positive(value):
    with pytest.raises(InputError, match=f"^rate is {value}: "):
        require_positive(size=1.0, rate=value)
    require_positive(rate=5e-324, size=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbers(RunConfig):
    """Numbers without a rule of their own, of every kind that scripts have."""

    bias: float = 5.0
    rate: float | None = None
    pair: tuple[int, int] = (3, 8)
    scales: tuple[float, ...] = (0.5,)
    width: int = 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -1e39, 1e-40])
@pytest.mark.parametrize("name", ["bias", "rate", "scales"])
def test_every_float_is_one_of_float32(name, value):
    given = (1.0, value) if name == "scales" else value
    with pytest.raises(
        InputError, match=re.escape(f"{name} is {value}: expected a finite")
    ):
        Numbers(**{name: given})


@pytest.mark.parametrize("value", [0.0, -5.0, 1e38, -3.4e38, 1.2e-38])
def test_a_float_of_float32_goes_through(value):
    assert Numbers(bias=value, scales=(value,)).bias == value
    assert abs(np.float32(value) - value) <= 1e-7 * abs(value)


@pytest.mark.parametrize("value", [10**20, 2**31, -(2**31)])
@pytest.mark.parametrize("name", ["width", "pair", "steps", "log_every"])
def test_every_whole_number_is_one_of_int32(name, value):
    given = (1, value) if name == "pair" else value
    with pytest.raises(InputError, match=rf"^{name} is {value}: expected a whole"):
        Numbers(**{name: given})
    assert Numbers(width=2**31 - 1, steps=2**31 - 1).width == 2**31 - 1


def test_require_at_least():
    with pytest.raises(InputError, match="^b is 1: expected 2 or more"):
        require_at_least(2, a=2, b=1)
    require_at_least(2, a=2, b=None)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().steps = 3


# The hash


def test_every_field_is_known_here():
    assert {f.name for f in dataclasses.fields(Config)} == {*OTHER, *OTHER_FREE}


@pytest.mark.parametrize("name", OTHER)
def test_hash_changes_with_what_decides(name):
    changed = Config(**{name: OTHER[name]})
    assert config_hash("toy", changed) != config_hash("toy", Config())
    assert deciding_fields(changed)[name] == OTHER[name]


@pytest.mark.parametrize("name", OTHER_FREE)
def test_hash_keeps_with_what_cannot_decide(name):
    changed = Config(**{name: OTHER_FREE[name]})
    assert changed != Config()
    assert config_hash("toy", changed) == config_hash("toy", Config())
    assert name not in deciding_fields(changed)


def test_configurations_have_different_hashes():
    configs = [Config(), *(Config(**{name: OTHER[name]}) for name in OTHER)]
    hashes = {config_hash(name, c) for name in ("toy", "other") for c in configs}
    assert len(hashes) == 2 * len(configs)
    assert all(len(digest) == 8 and int(digest, 16) >= 0 for digest in hashes)


def test_hash_is_the_same_in_another_process():
    code = (
        "from jaxdl.train.config import RunConfig, config_hash\n"
        "print(config_hash('toy', RunConfig(steps=3)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == config_hash("toy", RunConfig(steps=3))


# The folder


def test_folder_is_named_by_data_and_configuration():
    folder = run_folder("toy", "digits", Config(steps=3, log_every=5))
    digest = config_hash("toy", Config(steps=3))
    assert folder == Path("runs", "toy", f"digits-{digest}")
    assert folder != run_folder("toy", "digits", Config(steps=4))


def test_out_names_the_folder():
    assert run_folder("toy", "digits", Config(out=Path("a/b"))) == Path("a/b")


# Recipes


def test_fill_defaults():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Open(Config):
        steps: int | None = None
        rate: float | None = None

    given = Open(steps=0, batch_size=5)
    filled = fill_defaults(given, {"steps": 9, "rate": 0.5, "batch_size": 7})
    assert filled == Open(steps=0, batch_size=5, rate=0.5)  # 0 is an answer
    assert given.rate is None
    assert fill_defaults(Open(), {"steps": 9}).width is None


def test_a_recipe_is_checked_as_flags_are():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Open(Config):
        steps: int | None = None

    with pytest.raises(InputError, match="steps is -2"):
        fill_defaults(Open(), {"steps": -2})


@pytest.mark.parametrize("given", [(), ("a", "a"), (1, 2, 1)])
def test_choices_that_are_empty_or_double(given):
    with pytest.raises(
        InputError, match=r"cases is .*expected at least one, each once"
    ):
        require_each_once(sizes=(1, 2), cases=given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 1.5),
        ("steps", "5"),
        ("seeds", 2.0),
        ("batch_size", 6.5),
        ("seed", True),
        ("log_every", 2.5),
        ("block_steps", [1]),
    ],
)
def test_counts_are_whole_numbers_also_in_python(field, value):
    with pytest.raises(InputError, match=f"{field} is .*: expected a whole number"):
        checked(**{field: value})


def test_an_executor_that_is_none():
    with pytest.raises(InputError, match="executor is 'x': expected auto, sequential"):
        checked(executor="x")


def checked(**fields):
    """Check values that the annotations of these tests would refuse before."""
    cfg = RunConfig()
    for name, value in fields.items():
        object.__setattr__(cfg, name, value)
    cfg.__post_init__()
