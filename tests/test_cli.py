"""Exit codes and messages of scripts, and the `jaxdl` command."""

import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl
from jaxdl import cli, startup
from jaxdl.errors import InputError, RunError
from jaxdl.ledger.readme import markers
from jaxdl.train.provenance import settings

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(ROOT.glob("experiments/*.py"))


@dataclasses.dataclass(frozen=True)
class Toy:
    """A toy."""

    size: int = 3
    """How large it is."""

    def __post_init__(self):
        if self.size < 0:
            raise InputError(f"size is {self.size}: expected 0 or more")


def raising(error):
    def command(config):
        raise error

    return command


def words(text: str) -> str:
    """Text without the frames and line breaks of a box in the terminal."""
    return " ".join(word for word in text.split() if word.strip("╭╮╰╯│─"))


# How a script ends


def test_the_command_gets_the_flags_and_gives_the_exit_code(capsys):
    seen = []

    def command(config):
        seen.append(config)
        return 1

    assert cli.start(Toy, command, ["--size", "5"]) == 1
    assert cli.start(Toy, lambda config: 0, []) == 0
    assert seen == [Toy(5)]
    assert capsys.readouterr().err == ""


def test_arguments_are_those_of_the_process_by_default(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["toy", "--size", "8"])
    assert cli.start(Toy, lambda config: config.size) == 8


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("size is odd"), 2), (RunError("the disk is full"), 3)],
    ids=["input", "run"],
)
def test_a_mistake_is_one_sentence_on_standard_error(error, code, capsys, monkeypatch):
    monkeypatch.delenv("JAXDL_DEBUG", raising=False)
    assert cli.start(Toy, raising(error), []) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {error}\n")


@pytest.mark.parametrize("error", [InputError("odd"), RunError("full")], ids=repr)
def test_debug_shows_the_traceback(error, monkeypatch):
    monkeypatch.setenv("JAXDL_DEBUG", "1")
    with pytest.raises(type(error), match=str(error)):
        cli.start(Toy, raising(error), [])


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.delenv("JAXDL_DEBUG", raising=False)
    with pytest.raises(ZeroDivisionError):
        cli.start(Toy, lambda config: 1 // 0, [])


def test_what_computes_is_pinned(request):
    """Neither the environment nor an earlier setting reaches a script's numbers."""

    def command(config):
        draw = jax.jit(lambda key: jax.random.normal(key, (3,)))(jax.random.key(7))
        draw += jnp.arange(3)  # a promotion
        draw += np.ones(3, np.float32)  # a copy to the device
        kept.append((np.asarray(draw), str(jnp.arange(3).dtype), settings()))
        return 0

    kept = []
    assert cli.start(Toy, command, []) == 0
    names = ("jax_random_seed_offset", "jax_high_dynamic_range_gumbel")
    for name, value in zip(names, (7, True), strict=True):
        before = jax.config.values[name]
        request.addfinalizer(functools.partial(jax.config.update, name, before))
        jax.config.update(name, value)
    with (
        jax.transfer_guard("disallow"),
        jax.debug_key_reuse(True),
        jax.enable_x64(True),
        jax.threefry_partitionable(False),
        jax.default_prng_impl("rbg"),
        jax.numpy_dtype_promotion("strict"),
        jax.default_matmul_precision("bfloat16"),
        jax.disable_jit(),
    ):
        assert cli.start(Toy, command, []) == 0
    (draw, dtype, found), (again, dtype_again, found_again) = kept
    np.testing.assert_array_equal(draw, again)
    assert dtype == dtype_again == "int32" and found == found_again
    assert [jax.config.values[name] for name in names] == [7, True]


@pytest.mark.parametrize(
    "error, code, said",
    [
        (MemoryError("Unable to allocate 8 TiB"), 3, "not enough memory (Unable to"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating"),
            *(3, "not enough memory (RESOURCE_EXHAUSTED: Out of memory"),
        ),
    ],
    ids=["numpy", "xla"],
)
def test_too_little_memory_is_one_sentence(error, code, said, capsys):

    def command(config):
        raise error

    assert cli.start(Toy, command, []) == code
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_a_platform_that_is_not_there(tmp_path):
    env = {**os.environ, "JAX_PLATFORMS": "cuda"}
    command = [sys.executable, ROOT / "experiments" / "gan.py", "--out", tmp_path / "a"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / "a").exists()
    (line,) = [x for x in done.stderr.splitlines() if not x.startswith("WARNING")]
    assert line.startswith("error: JAX finds no device with JAX_PLATFORMS=cuda (")


@dataclasses.dataclass(frozen=True)
class Paths:
    """Reads and writes."""

    out_dir: Path | None = None
    files: tuple[Path, ...] = ()
    name: str = "a"


@pytest.mark.parametrize(
    "argv, flag",
    [
        (["--out-dir", ""], "--out-dir"),
        (["--out-dir="], "--out-dir"),
        (["--name", "", "--out_dir", ""], "--out-dir"),
        (["--files", ""], "--files"),
        (["--out-dir"], "--out-dir"),
    ],
    ids=["word", "equals", "underscore", "several", "missing"],
)
def test_an_empty_path_is_refused(argv, flag, capsys):
    code = cli.start(Paths, lambda config: pytest.fail("it was run"), argv)
    err = capsys.readouterr().err
    assert code == 2 and f"{flag} is empty" in err and err.count("\n") == 1


def test_paths_are_those_of_this_machine(tmp_path, monkeypatch):
    """In every flag, and among words without one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    given = []
    argv = ["--out-dir", "~/a", "--files", "//srv//b", "./~", "~", "c://d", "a b"]
    assert cli.start(Paths, lambda config: given.append(config) or 0, argv) == 2
    argv.remove("c://d")
    assert cli.start(Paths, lambda config: given.append(config) or 0, argv) == 0
    files = Path("/srv/b"), Path("~"), tmp_path, Path("a b")
    assert given == [Paths(tmp_path / "a", files)]


@pytest.mark.parametrize(
    "path, said",
    [
        ("gs://bucket/run", "gs://bucket/run is an address: expected a file or folder"),
        ("file:///tmp/run", "file:///tmp/run is an address"),
        ("~nobody-of-that-name/run", "there is no home folder ~nobody-of-that-name: "),
    ],
)
def test_paths_elsewhere_are_refused(path, said, capsys):
    argv = ["--files", "a", path]
    assert cli.start(Paths, lambda config: pytest.fail("it was run"), argv) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {said}") and err.count("\n") == 1


def test_other_empty_words_are_no_mistake():
    given = []
    argv = ["--name", "", "--out-dir", "here"]
    assert cli.start(Paths, lambda config: given.append(config) or 0, argv) == 0
    assert given == [Paths(Path("here"), (), "")]


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.start(Paths, lambda config: pytest.fail("it was run"), []) == 2
    assert "the working folder is gone" in capsys.readouterr().err


def test_interrupt(capsys):
    assert cli.start(Toy, raising(KeyboardInterrupt()), []) == 130
    err = capsys.readouterr().err
    assert err.startswith("interrupted") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--size", "large"], "large"),
        (["--length", "3"], "--length"),
        (["--size", "-1"], "size is -1: expected 0 or more"),
    ],
    ids=["not_a_number", "unknown_flag", "refused_by_the_config"],
)
def test_refused_flags(argv, sentence, capsys):
    def command(config):
        raise AssertionError("must not be reached")

    assert cli.start(Toy, command, argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and sentence in words(err) and "Traceback" not in err


def test_help_of_a_config(capsys):
    assert cli.start(Toy, raising(AssertionError()), ["--help"], prog="a toy") == 0
    out = words(capsys.readouterr().out)
    assert "usage: a toy" in out and "How large it is." in out


# The `jaxdl` command


def test_data_prepare(capsys):
    assert cli.main(["data", "prepare", "digits"]) == 0
    assert capsys.readouterr().out == "digits is ready\n"


def test_data_prepare_names_the_folder(tmp_path, capsys):
    from jaxdl.data import builders

    builder_cls = builders.BUILDERS["mnist"]
    folder = tmp_path / builder_cls.name / str(builder_cls.VERSION)
    folder.mkdir(parents=True)  # taken for prepared data
    assert cli.main(["data", "prepare", "mnist", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"mnist is ready in {folder}\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["data", "prepare", "cifar"], "cifar"),
        (["data", "prepare"], "is missing: expected digits, mnist,"),
        (["data", "prepare", "mnist", "--source-dir", "missing"], "missing"),
    ],
    ids=["unknown_set", "no_set", "no_source_folder"],
)
def test_data_prepare_refuses(argv, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    extra = [] if len(argv) < 4 else ["--data-dir", "prepared"]
    assert cli.main([*argv, *extra]) == 2
    out, err = capsys.readouterr()
    assert out == "" and sentence in words(err).lower() and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["trian"], "there is no command trian"),
        (["reslts"], "there is no command reslts; did you mean results?"),
        (["data", "delete"], "there is no command data delete; did you mean data "),
        (["prepare", "data"], "there is no command prepare data"),
        (["run", "gna"], "there is no system gna: expected one of autoencoder, "),
    ],
    ids=["unknown", "almost", "unknown_second_word", "swapped", "system"],
)
def test_unknown_command(argv, said, capsys):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {said}")
    assert "data prepare" in err or "gan_modes" in err  # what can be given


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["data"], ["data", "-h"]])
def test_the_command_alone_says_what_there_is(argv, capsys):
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: jaxdl COMMAND") and err == ""
    shown = [line.split("  ")[1] for line in out.splitlines() if line.startswith("  ")]
    others = [] if "data" in argv else ["gradcheck", "list", "results", "run", "show"]
    assert shown == ["data list", "data prepare", *others]


def test_the_version_is_that_of_the_package(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxdl {jaxdl.__version__}\n"


def test_run_is_the_script(toy_run, tmp_path, monkeypatch, capsys):
    """The same bits, in the same folder; words go to the script as they are."""
    toy = toy_run("xor")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["jaxdl"])
    assert cli.main(["run", "xor", *toy.flags]) == 0
    folder = toy.folder.relative_to(toy.home)
    result = json.loads((tmp_path / folder / "result.json").read_text())
    assert result["state_sha256"] == toy.result["state_sha256"]
    capsys.readouterr()
    assert cli.main(["run", "xor", "--nets", "0"]) == 2
    assert capsys.readouterr().err == "error: nets is 0: expected 1 or more\n"
    assert cli.main(["run", "xor", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: jaxdl run xor ")


def test_run_alone_names_the_systems(capsys):
    assert cli.main(["run"]) == cli.main(["run", "--help"]) == 0
    once, twice = capsys.readouterr().out.split("usage: ")[1:]
    assert once == twice and "lenet, long_lag" in once


def test_run_ends_at_ctrl_c_as_a_script(monkeypatch):
    """What was saved is kept, which other commands need not say."""
    before = signal.getsignal(signal.SIGINT)
    found = []
    script = types.SimpleNamespace(
        main=lambda words: found.append(signal.getsignal(signal.SIGINT)) or 7
    )
    monkeypatch.setattr("jaxdl.registry.load_script", lambda system: script)
    monkeypatch.setattr(sys, "argv", ["jaxdl"])
    try:
        signal.signal(signal.SIGINT, startup.end)
        assert cli.main(["run", "xor"]) == 7 and found == [startup.end_run]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert cli.main(["run", "xor"]) == 7 and found[1] == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_help_of_a_command(command, capsys):
    assert cli.main([*command.split(), "--help"]) == 0
    assert f"usage: jaxdl {command}" in capsys.readouterr().out


def test_words_of_the_process_by_default(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jaxdl", "data", "prepare", "digits"])
    assert cli.main() == 0
    assert "digits is ready" in capsys.readouterr().out


def test_results_check(tmp_path, capsys):
    readme, page = tmp_path / "README.md", tmp_path / "LEDGER.md"
    for path, names in [(readme, ["best", "systems", "speed"]), (page, ["ledger"])]:
        parts = map("{}\nold\n{}\n".format, *zip(*map(markers, names), strict=True))
        path.write_text("# Title\n\n" + "".join(parts))
    flags = ["--readme", str(readme), "--page", str(page)]
    flags += ["--results-dir", f"{ROOT}/experiments/results"]
    assert cli.main(["results", "--check", *flags]) == 1
    assert "stale" in capsys.readouterr().err
    assert cli.main(["results", "--write-readme", *flags]) == 0
    assert "GAN on MNIST" in readme.read_text() and "old" not in readme.read_text()
    assert "GAN on MNIST" in page.read_text()
    assert cli.main(["results", "--check", *flags]) == 0


# What a user feels


HELP = """
import json, os, runpy, sys, time, warnings
import jax, optax, flax.linen
floor = time.process_time()
warnings.simplefilter("ignore")  # that JAX, which has not begun, is no friend of forks
for path in sys.argv[1:]:
    read, write = map(os.fdopen, os.pipe(), "rw")
    if not os.fork():
        sys.argv, sys.stdout, code = [path, "--help"], write, 1
        begin = time.process_time()
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as exit:
            code = exit.code
        seconds = time.process_time() - begin
        names = sorted({name.partition(".")[0] for name in sys.modules})
        print(json.dumps([code, 1 + seconds / floor, names]), flush=True)
        os._exit(0)
    write.close()
    *lines, found = read.read().splitlines()
    os.wait()
    code, ratio, names = json.loads(found)
    told = {"code": code, "ratio": ratio, "modules": names, "text": "\\n".join(lines)}
    print(json.dumps(told), flush=True)
"""
SLOW = {
    "matplotlib",
    "orbax",
    "scipy",
    "sklearn",
    "tensorboardX",
    "tensorflow_datasets",
}


@pytest.fixture(scope="module")
def helped():
    """What `--help` of each script gave, in a process that had imported the libraries.

    The ratio is that of the processor's seconds, with the script and without it: other
    tests run beside this one, and a second of the processor is not always as long.
    """

    def run(*paths):
        command = [sys.executable, "-c", HELP, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        found = map(json.loads, done.stdout.splitlines())
        return dict(zip(paths, found, strict=True))

    found = run(*SCRIPTS)
    for _ in range(2):  # the best of three
        slow = [path for path in SCRIPTS if found[path]["ratio"] >= 1.5]
        if slow:
            found |= run(*slow)
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_help_is_quick(path, helped):
    """Beyond JAX, Optax and Flax it takes less than half of what they take."""
    found = helped[path]
    assert found["code"] in (0, None)
    assert "--steps" in found["text"] or path.stem == "classify"
    assert not SLOW & set(found["modules"])
    assert found["ratio"] < 1.5


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_flag_is_explained(path, load_script, capsys):
    assert load_script(path).main(["--help"]) == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    flags = [i for i, line in enumerate(lines) if line.startswith("--")]
    assert len(flags) > (6 if path.stem == "classify" else 10)
    for begin, end in zip(flags, [*flags[1:], len(lines)], strict=True):
        text = " ".join(lines[begin:end]).partition("(default:")[0]
        assert len(text.split()) > 5, text  # the flag, its type, a sentence


def test_list_shows_the_systems_that_are_asked_for(capsys):
    assert cli.main(["list", "--json", "--system", "xor", "gan"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == [
        "gan",
        "xor",
    ]


def test_list_refuses_an_unknown_system_and_names_the_nearest(capsys):
    assert cli.main(["list", "--system", "xor", "lenett"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: there is no system lenett: expected one of")
    assert printed.err.count("\n") == 1
    assert "lenet?" in printed.err
