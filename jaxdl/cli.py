"""The command line: how scripts start and end, and the `jaxdl` command."""

import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import tyro

from jaxdl import __version__, startup
from jaxdl.data.load import PreparedName
from jaxdl.errors import InputError, RunError, nearest
from jaxdl.flags import parse, require_effect, typed_fields
from jaxdl.ledger.command import ResultsConfig, results_command
from jaxdl.presets import (
    Choice,
    choose_preset,
    describe_presets,
    require_flags,
)
from jaxdl.printing import (
    escape_unencodable,
    flush,
    give_up,
    line_width,
    say,
    visible,
)
from jaxdl.registry import System, flags_by_name, system_of

ConfigT = TypeVar("ConfigT")
HELP = ("-h", "--help")
LEAST_STEP = 1e-6  # of differences; float64 keeps ten digits of them
DEVICE_SETTINGS = (
    *("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "JAX_DEFAULT_DEVICE", "XLA_FLAGS"),
    *("JAX_NUM_CPU_DEVICES", "JAX_CUDA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
)
"""Variables of the environment that decide which devices there are."""


def start(
    config: type[ConfigT] | Mapping[str, ConfigT],
    command: Callable[[ConfigT], int],
    argv: Sequence[str] | None = None,
    *,
    select: Sequence[str] = (),
    script: str | None = None,
    prog: str | None = None,
) -> int:
    """Parse the command line, run a command, and turn its errors into an exit code.

    A mistake of the user's is one sentence on standard error, without a traceback
    unless the environment has JAXDL_DEBUG=1.

    Args:
      config: a dataclass whose fields become flags (tyro), or presets: configurations
        by name, of which the first word of the command line may name one.
      command: gets the configuration; returns the exit code.
      argv: arguments; those of the process by default.
      select: fields whose flags choose a preset as well (`jaxdl.presets`).
      script: file of a system's script, whose recorded protocol and toy run are then
        the presets `full` and `toy`.
      prog: name of the program in its help; that of the process by default.

    Returns:
      0 done, 1 a check failed, 2 bad input, 3 stopped during the run, 130 or 143
      interrupted.
    """
    escape_unencodable()
    try:
        _require_working_folder()
        words = sys.argv[1:] if argv is None else argv
        _refuse_empty_paths(config, words)
        system = system_of(Path(script)) if script else None
        given = _parse(config, words, select, prog, system)
        with pinned(), _known_failures(), _progress(given, script, words):
            return command(given)
    except SystemExit as exit:  # tyro's, after --help
        flush()
        return exit.code if isinstance(exit.code, int) else 1
    except (InputError, RunError) as error:
        if os.environ.get("JAXDL_DEBUG") == "1":
            raise
        say(f"error: {visible(error)}", sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        kept = "" if prog else "; what was saved before is kept"  # scripts save
        say(f"interrupted{kept}", sys.stderr)
        return 130


@contextlib.contextmanager
def _progress(
    given: Any, script: str | None, words: Sequence[str]
) -> Generator[None, None, None]:
    """A line that says where a run is, from the loading of its data on."""
    if not hasattr(given, "idle"):  # a command that trains nothing
        yield
        return
    from jaxdl.train.ending import Command, program, short_path
    from jaxdl.train.progress import Progress

    command = None
    if script is not None:
        path = shlex.quote(short_path(Path(script).absolute()))
        start = f"{program('python')} {path}"
        if sys.argv[0].startswith("jaxdl run "):  # `run_script` says so
            start = sys.argv[0].replace("jaxdl", program("jaxdl"), 1)
        command = Command(start, tuple(words))
    with Progress(command) as progress, progress.doing("preparing"):
        yield


@contextlib.contextmanager
def pinned() -> Generator[None, None, None]:
    """JAX with the settings that every recorded number was computed with.

    What the environment or an earlier import set (JAX_ENABLE_X64,
    JAX_DEFAULT_PRNG_IMPL, JAX_THREEFRY_PARTITIONABLE, JAX_NUMPY_DTYPE_PROMOTION,
    JAX_DEFAULT_MATMUL_PRECISION, JAX_DISABLE_JIT, JAX_RANDOM_SEED_OFFSET,
    JAX_HIGH_DYNAMIC_RANGE_GUMBEL, JAX_DISABLE_MOST_OPTIMIZATIONS) does not count
    inside, and neither does what forbids copies to the device or keys used twice
    (JAX_TRANSFER_GUARD, JAX_DEBUG_KEY_REUSE).
    """
    import jax

    with (
        _without_context(jax.config),
        jax.enable_x64(False),
        jax.default_prng_impl("threefry2x32"),
        jax.threefry_partitionable(True),
        jax.numpy_dtype_promotion("standard"),
        jax.default_matmul_precision(None),
        jax.disable_jit(False),
        jax.transfer_guard("allow"),
        jax.debug_key_reuse(False),
    ):
        yield


@contextlib.contextmanager
def _without_context(config: Any) -> Generator[None, None, None]:
    """Pin the settings for which JAX has no context manager."""
    pinned_values = {
        "jax_random_seed_offset": 0,
        "jax_high_dynamic_range_gumbel": False,
        "jax_disable_most_optimizations": False,
    }
    before = {name: config.values[name] for name in pinned_values}
    changes = {k: v for k, v in pinned_values.items() if before[k] != v}
    try:
        for name, value in changes.items():
            config.update(name, value)
        yield
    finally:
        for name in changes:
            config.update(name, before[name])


@contextlib.contextmanager
def _known_failures() -> Generator[None, None, None]:
    """Turn what JAX raises for want of memory or of a device into one sentence."""
    named = [name for name in DEVICE_SETTINGS if os.environ.get(name)]
    try:
        if named:  # a missing device would be told in many ways, later
            _require_devices(named)
        yield
    except MemoryError as error:
        raise RunError(_no_memory(str(error))) from error
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if "RESOURCE_EXHAUSTED" in said or "out of memory" in said.lower():
            raise RunError(_no_memory(said)) from error
        raise


def _require_devices(named: Sequence[str]) -> None:
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError, ValueError) as error:
        said = " ".join(str(error).split())[:200] or "there is none"
        given = " ".join(f"{name}={os.environ[name]}" for name in named)
        raise InputError(
            f"JAX finds no device with {given} ({said}): name devices that this "
            "machine has, such as JAX_PLATFORMS=cpu, or unset them"
        ) from error


def _no_memory(said: str) -> str:
    return (
        f"there is not enough memory ({said[:200] or 'none was left'}): what was saved "
        "is kept; make the batch, the network or the number of seeds smaller"
    )


def _require_working_folder() -> None:
    try:
        os.getcwd()
    except OSError:
        raise InputError(
            "the working folder is gone: change to one that is there"
        ) from None


def _refuse_empty_paths(
    config: type[Any] | Mapping[str, Any], words: Sequence[str]
) -> None:
    """Refuse "" for a path, which would be the working folder.

    Raises:
      InputError: naming the flag.
    """
    if isinstance(config, Mapping):
        config = type(next(iter(config.values())))
    for name, hint in get_type_hints(config).items():
        flag = "--" + name.replace("_", "-")
        if Path not in (hint, *get_args(hint)):
            continue
        for i, word in enumerate(words):
            given, equals, value = word.partition("=")
            value = value if equals else "".join(words[i + 1 : i + 2])
            if given.replace("_", "-") == flag and not value:
                raise InputError(
                    f"{flag} is empty: give the name of a folder or file, or leave the "
                    "flag out"
                )


def _parse(
    config: type[Any] | Mapping[str, Any],
    words: Sequence[str],
    select: Sequence[str],
    prog: str | None,
    system: System | None,
) -> Any:
    """The configuration that a command line asks for; tyro exits after `--help`."""
    options: dict[str, Any] = dict(prog=prog)
    chosen: list[str] = []
    named = flags_by_name(system)
    if named or isinstance(config, Mapping):
        presets = config if isinstance(config, Mapping) else {"default": config()}
        names = [*presets, *named]
        if words and words[0] in named:
            flags = named[words[0]].split()
            default = _parse(config, flags, select, prog, None)
            choice = Choice(words[0], default, list(words[1:]))
            require_flags(choice.argv, names)
        else:
            choice = choose_preset(presets, words, select, [*named])
            if len(choice.argv) < len(words):  # its name stands for these flags
                chosen = [field for field in select if hasattr(choice.default, field)]
        options["default"] = choice.default
        minutes = {} if set(HELP).isdisjoint(words) else _minutes(system, names)
        options["description"] = describe_presets(
            choice.default, choice.name, names, select, minutes
        )
        config, words = type(choice.default), choice.argv
    try:
        given = parse(config, list(words), **options)
    except OSError as error:  # the stream takes nothing more
        help_wanted = not {"-h", "--help"}.isdisjoint(words)
        give_up(sys.stdout if help_wanted else sys.stderr, error)
        raise SystemExit(0 if help_wanted else InputError.exit_code) from error
    if hasattr(given, "idle"):  # a `RunConfig`, which takes half a second to import
        require_effect(given, [*typed_fields(config, words), *chosen])
    return given


def _minutes(system: System | None, presets: Sequence[str]) -> dict[str, str]:
    """The time that the default and the recorded protocol took, where that is known."""
    if system is None:
        return {}
    from jaxdl.ledger.minutes import recorded_minutes

    seconds = dict(zip((presets[0], "full"), recorded_minutes(system), strict=True))
    return {k: f"{x / 60:.2g} minutes" for k, x in seconds.items() if x}


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """Prepare a data set ahead of its first use."""

    name: Annotated[PreparedName, tyro.conf.Positional]
    """Data set to prepare."""
    source_dir: Path | None = None
    """Folder with the original files; they are downloaded without it."""
    data_dir: Path | None = None
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""

    def __post_init__(self):
        if self.name == "digits" and (self.source_dir or self.data_dir):
            raise InputError(
                "digits come with scikit-learn and need no files: leave --source-dir "
                "and --data-dir out"
            )


def prepare_command(config: PrepareConfig) -> int:
    """`jaxdl data prepare`: make a data set ready, and say where it is."""
    from jaxdl.data.load import prepare

    folder = prepare(
        config.name, data_dir=config.data_dir, source_dir=config.source_dir
    )
    place = f" in {visible(folder)}" if folder else ""
    say(f"{config.name} is ready{place}")
    return 0


@dataclasses.dataclass(frozen=True)
class DataListConfig:
    """List the data sets: size, licence, and where each is prepared."""

    data_dir: Path | None = None
    """Where prepared data lives; by default the usual tensorflow-datasets folder."""
    json: bool = False
    """Print them as JSON."""


def data_list_command(config: DataListConfig) -> int:
    """`jaxdl data list`: every data set, and whether it is ready."""
    import json

    from jaxdl.data.catalogue import format_data_sets, list_data_sets

    found = list_data_sets(config.data_dir)
    if config.json:
        say(json.dumps([each._asdict() for each in found], indent=2))
    else:
        say(format_data_sets(found, line_width()))
    return 0


@dataclasses.dataclass(frozen=True)
class ListConfig:
    """List the systems: title, paper, minutes and command."""

    system: tuple[str, ...] = ()
    """Only these systems, by name."""
    json: bool = False
    """Print them as JSON."""


def list_command(config: ListConfig) -> int:
    """`jaxdl list`: every system that there is, or those that are asked for."""
    import json

    from jaxdl.ledger.listing import describe_system, format_systems
    from jaxdl.registry import find_system, find_systems

    wanted = {find_system(name).name for name in config.system}
    systems = [x for x in find_systems() if not wanted or x.name in wanted]
    if config.json:
        say(json.dumps([*map(describe_system, systems)], indent=2))
    else:
        say(format_systems(systems, line_width()))
    return 0


@dataclasses.dataclass(frozen=True)
class GradcheckConfig:
    """Check every derivative against other ways to get it; exit code 1 if one is off.

    Reverse mode is held against forward mode, central differences, the complex step
    and derivations by hand, at orders 1 and 2, in float64.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Functions or modules of jaxdl, all of them if not given; or module:function for
    one of your own, a function of arrays that gives one number."""
    shapes: tuple[str, ...] = ()
    """Shapes of your function's arguments, such as 4,3 3; () is a number."""
    seed: int = 0
    """Decides the points, and which entries of large leaves are checked."""
    step: float | None = None
    """Step of the differences for entries of size 1 and below; 0.003 if not given."""
    json: bool = False
    """Print the report as JSON."""
    worked_example: bool = False
    """Print the course's example of backpropagation instead, number by number."""

    def __post_init__(self):
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed is {self.seed}: expected 0 to 2**32 - 1")
        if self.step is not None and not LEAST_STEP <= self.step < 1:
            raise InputError(
                f"step is {self.step}: expected a number from {LEAST_STEP:g} to below "
                "1, such as 0.003; what a smaller one shows is rounding"
            )
        if self.worked_example and (self.names or self.shapes or self.step is not None):
            raise InputError(
                "--worked-example has its own numbers: leave names, --shapes and "
                "--step out"
            )


def gradcheck_command(config: GradcheckConfig) -> int:
    """`jaxdl gradcheck`: hold derivatives against other ways to get them."""
    from jaxdl.gradcheck.command import run_gradcheck

    return run_gradcheck(
        config.names,
        config.shapes,
        seed=config.seed,
        step=config.step,
        json_wanted=config.json,
        example_wanted=config.worked_example,
    )


@dataclasses.dataclass(frozen=True)
class ShowConfig:
    """Show a run: its result, or how far it came and the command that resumes it."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs")
    """Folder of a run, of a sweep, or of one of its cases; of a folder of runs, they
    are listed."""
    json: bool = False
    """Print result.json, or the state of a run that was stopped, as JSON."""


def show_command(config: ShowConfig) -> int:
    """`jaxdl show`: what a run folder holds."""
    import json

    from jaxdl.train.show import show_json, show_run

    if config.json:
        say(json.dumps(show_json(config.run.absolute()), indent=2))
    else:
        say(show_run(config.run.absolute()))
    return 0


COMMANDS: dict[str, tuple[type[Any], Callable[[Any], int]]] = {
    "data list": (DataListConfig, data_list_command),
    "data prepare": (PrepareConfig, prepare_command),
    "gradcheck": (GradcheckConfig, gradcheck_command),
    "list": (ListConfig, list_command),
    "results": (ResultsConfig, results_command),
    "show": (ShowConfig, show_command),
}


def run_script(words: Sequence[str]) -> int:
    """`jaxdl run NAME ...`: the script of a system, as if it had been started itself.

    Args:
      words: the system's name, and the words for its script.

    Returns:
      The script's exit code; 2 if there is no such system.
    """
    from jaxdl.registry import find_system, find_systems, load_script

    try:
        if not words or words[0] in HELP:
            names = ", ".join(system.name for system in find_systems())
            say(
                f"usage: jaxdl run NAME [FLAGS]; jaxdl run NAME --help\n\nNAME: {names}"
            )
            return 0
        script = load_script(find_system(words[0]))
    except InputError as error:
        say(f"error: {visible(error)}", sys.stderr)
        return error.exit_code
    startup.save_at_interrupts()
    sys.argv = [f"jaxdl run {words[0]}", *words[1:]]  # its help begins with this
    return script.main(words[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """The `jaxdl` command."""
    startup.raise_interrupts()
    escape_unencodable()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--version"]:
        say(f"jaxdl {__version__}")
        return 0
    if words[:1] == ["run"]:
        return run_script(words[1:])
    for name, (config_class, command) in COMMANDS.items():
        length = len(name.split())
        if words[:length] == name.split():
            return start(config_class, command, words[length:], prog=f"jaxdl {name}")
    return _overview(words)


def _overview(words: Sequence[str]) -> int:
    """Say which commands there are, of which `words` are none or only begin one."""
    asked = [word for word in words if word not in HELP]
    about = {k: str(cls.__doc__).splitlines()[0] for k, (cls, _) in COMMANDS.items()}
    about["run"] = "Run the script of a system: jaxdl run NAME [FLAGS]."
    found = {k: v for k, v in sorted(about.items()) if k.split()[: len(asked)] == asked}
    lines = [f"  {name:<14}{text}" for name, text in (found or about).items()]
    lines = ["usage: jaxdl COMMAND [FLAGS]; jaxdl --version", "", *lines]
    if found:
        say("\n".join([*lines, "", "jaxdl COMMAND --help explains one."]))
        return 0
    known = nearest(" ".join(asked), about)
    lines.insert(0, f"error: there is no command {visible(' '.join(asked[:2]))}{known}")
    say("\n".join(lines), sys.stderr)
    return InputError.exit_code
