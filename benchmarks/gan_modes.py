"""What do ten seeds of the mode coverage GAN cost, next to one?

    python benchmarks/gan_modes.py --json benchmarks/results/gan_modes-DEVICE.json

The GAN of experiments/gan_modes.py on the ring: ten seeds one after the other
(`sequential`) and in one program (`vmap`), against one seed alone, in turns; seconds
are those of one step of all seeds. Ours is many seeds, the peer one; `relative` is how
many times one seed's step they cost, and a speedup of 1/10 is what ten runs by hand
take. Two minutes on two CPU cores.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import sys
from typing import Literal

import jax
from harness import (
    BenchmarkConfig,
    compare,
    load_script,
    report,
    time_in_turns,
    training_loop,
)

from jaxdl.cli import start
from jaxdl.systems.gan_modes.data import ring
from jaxdl.train.config import require_at_least, require_each_once


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(BenchmarkConfig):
    """Seeds of the ring GAN by executor."""

    executors: tuple[Literal["sequential", "vmap"], ...] = ("sequential", "vmap")
    """Ways to run many seeds to time."""
    many: int = 10
    """Seeds to set beside one."""
    pack: int = 1
    """Points that the discriminator sees side by side; 1 is the GAN."""
    batch_size: int = 100
    """Packs in a step."""

    def __post_init__(self):
        super().__post_init__()
        require_each_once(executors=self.executors)
        require_at_least(1, many=self.many, pack=self.pack, batch_size=self.batch_size)


def benchmark(config: Config) -> int:
    """Time all executors and report."""
    script = load_script("experiments/gan_modes.py")
    method = "gan" if config.pack == 1 else "pacgan"
    cfg = script.Config(
        methods=(method,), packs=(config.pack,), batch_size=config.batch_size
    )
    data = ring()
    experiment = script.make_experiment(cfg, data)
    sides = {"one seed": training_loop("sequential", experiment, data)}
    for name in config.executors:
        sides[name] = training_loop(name, experiment, data, seeds=config.many)
    times, steps = time_in_turns(sides, repeats=config.repeats, seconds=config.seconds)
    init = jax.eval_shape(experiment.init, jax.random.key(0), data, None)
    rows = []
    for name in config.executors:
        row = compare(
            f"{config.many} seeds, {name}",
            times[name],
            "one seed",
            times["one seed"],
            batch_shape=[config.batch_size, 2 * config.pack],
            gen_weights=sum(x.size for x in jax.tree.leaves(init.gen_params)),
            disc_weights=sum(x.size for x in jax.tree.leaves(init.disc_params)),
            dtype="float32",
            ours_steps=steps[name],
            peer_steps=steps["one seed"],
        )
        rows.append(row | {"relative": row["ours_seconds"] / row["peer_seconds"]})
    columns = ("relative", "batch_shape", "gen_weights", "disc_weights", "dtype")
    return report(rows, config, columns=columns)


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(Config, benchmark, argv)


if __name__ == "__main__":
    sys.exit(main())
