"""What every experiment can be told, and which of it decides the bits of a run.

A field made with `free` cannot change a single bit of a run's result (a path, an
interval): it is left out of the configuration's hash and of every comparison between
runs.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from jaxdl.errors import InputError

ConfigT = TypeVar("ConfigT", bound="RunConfig")
_FLOAT32 = 1.2e-38, 3.4e38  # sizes of its normal numbers, a little inside


def free(default: Any) -> Any:
    """A dataclass field whose value cannot change the bits of a run."""
    return dataclasses.field(default=default, metadata={"decides_bits": False})


def require_positive(**values: float | None) -> None:
    """Refuse a number that is not finite and above zero; None goes free.

    Raises:
      InputError: naming the first field at fault.
    """
    for name, value in values.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(
                f"{name} is {value}: expected a finite number above 0, such as 0.001"
            )


def require_at_least(lowest: int, **values: int | None) -> None:
    """Refuse a whole number below `lowest`; None stands for an automatic choice.

    Raises:
      InputError: naming the first field at fault.
    """
    for name, value in values.items():
        if value is not None and value < lowest:
            raise InputError(f"{name} is {value}: expected {lowest} or more")


def require_at_most(highest: int, reason: str, **values: int | None) -> None:
    """Refuse a whole number that would take hours without a word, or all memory.

    Args:
      highest: the largest number that is let pass.
      reason: completes "expected so many or less, since".
      values: fields by name; None goes free.

    Raises:
      InputError: naming the first field at fault.
    """
    for name, value in values.items():
        if value is not None and value > highest:
            raise InputError(
                f"{name} is {value}: expected {highest} or less, since {reason}"
            )


def require_numbers(config: Any) -> None:
    """Refuse what float32 and int32 cannot hold, in any field of a configuration.

    Floats must be 0 or of a size from 1.2e-38 to 3.4e38, whole numbers between -2**31
    and 2**31, in tuples too; `seed` is unsigned, so below 2**32.

    Raises:
      InputError: naming the first field at fault.
    """
    for field in dataclasses.fields(config):
        for value in _numbers(getattr(config, field.name)):
            if isinstance(value, float):
                if value and not _FLOAT32[0] <= abs(value) <= _FLOAT32[1]:
                    raise InputError(
                        f"{field.name} is {value}: expected a finite number, 0 or of "
                        f"a size from {_FLOAT32[0]} to {_FLOAT32[1]}, as float32 holds"
                    )
            elif abs(value) >= 2 ** (32 if field.name == "seed" else 31):
                raise InputError(
                    f"{field.name} is {value}: expected a whole number of a size below "
                    f"2**{32 if field.name == 'seed' else 31}"
                )


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield value


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The flags that every experiment shares."""

    steps: int = 1000
    """Training steps of each seed; 0 evaluates the initial state only."""
    batch_size: int = 64
    """Examples in one minibatch."""
    seed: int = 0
    """First seed; a run trains seeds seed, seed + 1, ..., seed + seeds - 1."""
    seeds: int = 1
    """Number of seeds; results carry the mean over them and its 95 % interval."""
    executor: Literal["auto", "sequential", "vmap"] = "auto"
    """How seeds run: one after the other (each bit-equal to that seed alone), all in
    one vectorised program, or the faster of the two for the network's size."""
    out: Path | None = free(None)
    """Run folder; by default runs/<experiment>/<data>-<hash of the configuration>."""
    save_every: int | None = free(None)
    """Steps between checkpoints; by default only the clock and the end decide."""
    save_seconds: float = free(60.0)
    """Seconds after which a checkpoint is saved whatever the step."""
    eval_every: int | None = free(None)
    """Steps between evaluations; by default ten a run."""
    log_every: int = free(100)
    """Steps between lines of metrics.jsonl."""
    block_steps: int = free(100)
    """Steps compiled into one program; an interrupt waits for at most one block."""
    overwrite: bool = free(False)
    """Set an earlier run in the folder aside under a new name and start again; leave it
    out to go on with a run that was stopped."""

    def __post_init__(self):
        whole = "steps batch_size seed seeds save_every eval_every log_every"
        for name in (*whole.split(), "block_steps"):
            value = getattr(self, name)
            if value is not None and type(value) is not int:
                raise InputError(f"{name} is {value!r}: expected a whole number")
        if self.executor not in ("auto", "sequential", "vmap"):
            raise InputError(
                f"executor is {self.executor!r}: expected auto, sequential or vmap"
            )
        require_numbers(self)
        require_at_least(0, steps=self.steps, seed=self.seed)
        require_at_least(
            1,
            batch_size=self.batch_size,
            seeds=self.seeds,
            save_every=self.save_every,
            eval_every=self.eval_every,
            log_every=self.log_every,
            block_steps=self.block_steps,
        )
        require_positive(save_seconds=self.save_seconds)
        alone = "the state of each seed is made and kept on its own"
        require_at_most(1_000, alone, seeds=self.seeds)
        silent = "nothing is told or saved within a block"
        require_at_most(100_000, silent, block_steps=self.block_steps)
        if self.seed + self.seeds > 2**32:
            raise InputError(
                f"seed is {self.seed} with {self.seeds} seeds: expected seeds below "
                "2**32"
            )

    def idle(self) -> dict[str, str]:
        """Fields that nothing reads beside the others, each with the reason.

        Their flags are refused where they are typed. A reason completes "has no
        effect", such as "without --distort".
        """
        return {}

    def finished(self) -> "RunConfig | None":
        """The configuration of a finished run, if this command only reads one."""
        return None


def idle_unless(used: bool, reason: str, *names: str) -> dict[str, str]:
    """The part of `RunConfig.idle` for fields that only some runs read."""
    return {} if used else dict.fromkeys(names, reason)


def require_each_once(**values: Collection[Any]) -> None:
    """Refuse an empty choice, or one that names something twice.

    Raises:
      InputError: naming the first field at fault.
    """
    for name, given in values.items():
        if not given or len(set(given)) < len(given):
            raise InputError(f"{name} is {given}: expected at least one, each once")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImagesConfig(RunConfig):
    """The flags that experiments on images share."""

    source_dir: Path | None = free(None)
    """Folder with the original files of the images; they are downloaded without it."""
    data_dir: Path | None = free(None)
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def idle(self):
        built_in = getattr(self, "data", "").endswith("digits")
        reason = "with the digits, which come with scikit-learn"
        return idle_unless(not built_in, reason, "source_dir", "data_dir")


def deciding_fields(config: RunConfig) -> dict[str, Any]:
    """The fields of a configuration that can change the bits of its run, as JSON."""
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.metadata.get("decides_bits", True)
    }


def with_first_seed(config: ConfigT) -> ConfigT:
    """The configuration with seed 0 alone: which seeds run shapes no program."""
    return dataclasses.replace(config, seed=0, seeds=1)


def config_hash(experiment: str, config: RunConfig) -> str:
    """Eight hexadecimal digits that name an experiment's configuration."""
    text = json.dumps([experiment, deciding_fields(config)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run_folder(experiment: str, data_name: str, config: RunConfig) -> Path:
    """The folder of a run: `config.out`, or one named by data and configuration."""
    if config.out is not None:
        return config.out
    digest = config_hash(experiment, config)
    return Path("runs") / experiment / f"{data_name}-{digest}"


def fill_defaults(config: ConfigT, defaults: Mapping[str, Any]) -> ConfigT:
    """A configuration whose fields that are None have been taken from `defaults`."""
    missing = {k: v for k, v in defaults.items() if getattr(config, k) is None}
    return dataclasses.replace(config, **missing)
