"""Flags as a user types them: unknown, malformed, contradictory, or of no effect."""

import dataclasses
import importlib
import shlex
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import pytest

from jaxdl import cli
from jaxdl.data.load import PreparedName
from jaxdl.errors import InputError
from jaxdl.registry import find_system, find_systems, load_script
from jaxdl.train.config import RunConfig, free

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = [system for system in find_systems() if system.toy is not None]
BENCHMARKS = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "def main(" in path.read_text()
)


@dataclasses.dataclass(frozen=True)
class Kinds:
    """One flag of each kind."""

    weights: Path
    """A path."""
    size: int = 3
    """A number."""
    sizes: tuple[int, ...] = (1,)
    """Numbers."""
    pair: tuple[int, int] = (1, 2)
    """Two numbers."""
    kind: Literal["adam", "sgd"] = "adam"
    """A choice."""
    rate: float | None = None
    """A number, or none."""
    distort: bool = False
    """A switch."""


def refused(config, argv, capsys, **options) -> str:
    """The sentence that a command line is refused with."""
    code = cli.start(config, lambda config: pytest.fail("it was run"), argv, **options)
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    return err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "--sizee 3",
            "there is no flag --sizee: --help lists all; did you mean --size?",
        ),
        ("--no_distor", "there is no flag --no-distor: --help lists all; did you mean"),
        ("--zzz", "there is no flag --zzz: --help lists all"),
        ("-z", "there is no flag -z: --help lists all"),
        ("3", "3 belongs to no flag"),
        ("--distort 3", "3 belongs to no flag"),
        ("--pair 1 2 3", "3 belongs to no flag"),
        ("--size", "--size has no value: expected a whole number"),
        ("--size --kind sgd", "--size has no value: expected a whole number"),
        ("--size 1.5", "--size is 1.5: expected a whole number"),
        ("--size=x --kind sgd", "--size is x: expected a whole number"),
        ("--sizes 1 x", "--sizes is 1 x: expected values that are each a whole number"),
        ("--pair 1", "--pair is 1: expected a whole number and a whole number"),
        ("--rate x", "--rate is x: expected None or a number"),
        ("--kind adm", "--kind is adm: expected one of adam, sgd; did you mean adam?"),
        ("--kind \x1b[31m", r"--kind is \x1b[31m: expected one of adam, sgd"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(words, sentence, capsys):
    said = refused(Kinds, ["--weights", "a", *words.split()], capsys)
    assert said.startswith(sentence) and "╭" not in said


def test_a_flag_that_is_missing(capsys):
    assert refused(Kinds, [], capsys) == "--weights is missing: expected a path"
    said = refused(Kinds, ["--wieghts", "a"], capsys)
    assert said.endswith("did you mean --weights?")


def test_a_preset_that_is_almost_one(capsys):
    presets = {"digits": RunConfig(), "mnist": RunConfig(steps=7)}
    said = refused(presets, ["mnits"], capsys)
    assert said.endswith("(digits, mnist); did you mean mnist?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(RunConfig):
    """A run, or a look at one."""

    data: str = "digits"
    """Images."""
    rate: float = 0.1
    """A rate."""
    kernel: bool = False
    """Whether there is a kernel."""
    width: tuple[int, ...] = (1, 2)
    """Of the kernel."""
    sample: int | None = free(None)
    """Look only."""

    def idle(self):
        return {} if self.kernel else {"width": "without --kernel"}

    def finished(self):
        return None if self.sample is None else Toy(steps=20, kernel=True)


TOYS = {"digits": Toy(), "mnist": Toy(data="mnist", rate=0.5, width=(3,))}
READ = ["--sample", "3", "--out", "folder"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "--width 3 4",
            "--width is 3 4, but has no effect without --kernel: leave it out",
        ),
        ("--width=1", "--width is 1, but has no effect without --kernel: leave it out"),
    ],
)
def test_a_flag_without_effect(words, sentence, capsys):
    assert refused(TOYS, words.split(), capsys, select=("data",)) == sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "--steps 1000",
            "--steps is 1000, but the run in folder has 20: ",
        ),  # a default
        ("--rate=0.3", "--rate is 0.3, but the run in folder has 0.1: "),
        ("--kernel --width 5 6", "--width is 5 6, but the run in folder has 1 2: "),
        ("--kernel --no-kernel", "--kernel is False, but the run in folder has True: "),
        ("--data mnist", "--data is mnist, but the run in folder has digits: "),
        ("mnist", "--data is mnist, but the run in folder has digits: "),
        ("--log-every 7", "--log-every is 7, but has no effect with --sample"),
        ("--log_every 7", "--log-every is 7, but has no effect with --sample"),
        ("--overwrite", "--overwrite is True, but has no effect with --sample"),
    ],
)
def test_a_flag_against_the_run_that_is_read(words, said, capsys):
    argv = [*words.split(), *READ]
    assert refused(TOYS, argv, capsys, select=("data",)).startswith(said)


@pytest.mark.parametrize(
    "words",
    ["", "mnist", "--data mnist", "--kernel --width 4", "--steps 5 --log-every 7"]
    + [f"--sample 3 --out folder {x}" for x in ("", "--seed 5", "--steps 20")]
    + ["digits --sample 3 --out folder --rate 0.1"],
)
def test_flags_with_effect(words):
    assert cli.start(TOYS, lambda cfg: 0, words.split(), select=("data",)) == 0


def parsed(script, words, monkeypatch, capsys):
    """What `main` of a script says of a command line, with nothing run."""
    monkeypatch.setattr(script, "train", lambda cfg: 0)
    code = script.main(shlex.split(words))
    return code, capsys.readouterr().err


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_recorded_runs_have_no_flag_without_effect(system, monkeypatch, capsys):
    for words in (system.toy, *system.records.values()):
        assert parsed(load_script(system), words, monkeypatch, capsys) == (0, "")


IDLE = {
    "autoencoder": [
        "--source-dir a",
        "--cases deep --logistic-steps 7",
        "--cases sparse --hidden-sizes 3 --code-sizes",
        "--cases sparse --tied --code-sizes",
        "--cases two --latent-size 3 --code-sizes",
        "--cases deep --feature-size 3",
        "--cases deep --variational-sizes 3",
        "--cases deep --likelihood-samples 3",
        "--cases deep --corruption gaussian",
        "--cases deep --noise 0.1",
        "--cases deep --sparsity 0.1",
        "--cases deep --sparse-weight 0.1",
        "--cases deep --contractive-weight 0.1",
        "--cases pca --batch-size 3 --code-sizes",
        "--cases logistic-pca --steps 3 --code-sizes",
        "--cases logistic-pca --learning-rate 0.3 --code-sizes",
        "--cases variational --likelihood squared_error --code-sizes",
    ],
    "char_lm": [
        "--data python --text a",
        "--source-dir a",
        "--data-dir a --text b",
        "--data python --data-dir a",
    ],
    "dcgan": [
        "--networks mlp --upsampling resize",
        "--base-channels 3 --networks mlp",
        "--arithmetic-trials 3",
        "--data coloured_digits --data-dir a",
    ],
    "gan": ["--source-dir a", "--data digits --data-dir a"],
    "gan_modes": ["--methods gan --packs 3"],
    "gan_theory": [
        "--generators mlp --num-layers 3",
        "--generators likelihood --disc-steps 3",
        "--generators likelihood --gen-learning-rate 0.3",
        "--generators likelihood --disc-learning-rate 0.3",
        "--generators flow mlp --likelihood-learning-rate 0.3",
    ],
    "generative_vs_discriminative": [
        "--cases clusters --data mnist",
        "--cases clusters --digit 7",
        "--cases clusters --samples 7",
        "--cases clusters --image-ridge 0.3",
        "--cases clusters --pair 4 7",
        "--cases distributions images --inputs 4",
        "--cases distributions --sizes 4 8",
        "--cases distributions --draws 3",
        "--cases distributions --ridge 0.3",
        "--cases distributions --penalty 0.3",
        "--source-dir a",
    ],
    "greedy_pretraining": [
        "--cases svm --steps 3",
        "--cases svm forest --learning-rate 0.3",
        "--cases sigmoid --pretrain-steps 3",
        "--cases sigmoid-autoencoder --rbm-rate 0.3",
        "--cases sigmoid-rbm --autoencoder-rate 0.3",
        "--cases sigmoid-autoencoder --noise 0.3",
        "--cases forest --svm-penalty 3",
        "--cases forest --svm-gamma 0.3",
        "--cases svm --trees 3",
        "--data-dir a",
    ],
    "lenet": [
        *("--translation 1", "--rotation 3", "--scaling 0.2", "--squeezing 0.2"),
        *("--shearing 0.1", "--source-dir a"),
    ],
    "long_lag": [
        "--hidden-size 3",
        "temporal-order --forget-bias 3",
        "adding-modern --net paper --hidden-size 3",
    ],
    "rbm": ["--source-dir a"],
    "rnn_memory": ["--cells rnn gru --forget-bias 3"],
    "transfer": [
        "--methods scratch --weights a",
        "--methods small --net mobilenet",
        "--methods small --image-size 3",
    ],
    "vanishing_gradient": [
        "--cases tanh --depths 3",
        "--cases tanh --study-size 3",
        "--cases initialisation --steps 3",
        "--cases initialisation --hidden-layers 3",
        "--data-dir a",
    ],
}


@pytest.mark.parametrize("name", IDLE)
def test_flags_of_scripts_without_effect(name, monkeypatch, capsys):
    script = load_script(find_system(name))
    for words in IDLE[name]:
        code, err = parsed(script, words, monkeypatch, capsys)
        assert code == 2 and "has no effect" in err and err.count("\n") == 1, words


def test_digits_are_prepared_from_no_folder(capsys):
    for flag in ("--source-dir", "--data-dir"):
        assert cli.main(["data", "prepare", "digits", flag, "a"]) == 2
        assert "digits come with scikit-learn" in capsys.readouterr().err


LARGE = {
    "autoencoder": ["--likelihood-samples 1000001"],
    "char_lm": ["--layers 101", "--num-samples 1001", "--sample-length 100001"],
    "dcgan": ["--latent-size 100001", "--measured-samples 1000001", "--sample 1000001"]
    + ["--arithmetic-trials 1000001"],
    "gan": ["--disc-steps 51", "--parzen-samples 1000001", "--sample 1000001"],
    "gan_modes": ["--packs 2 1001"],
    "gan_theory": ["--disc-steps 51", "--num-layers 101"],
    "generative_vs_discriminative": ["--draws 10001", "--inputs 1001"]
    + ["--samples 1000001"],
    "greedy_pretraining": ["--trees 100001"],
    "long_lag": ["--lag 100002"],
    "perceptron": ["--steps 10000001"],
    "rbm": ["--cd-steps 10001", "--ais-steps 1000001", "--ais-chains 100001"],
    "rnn_memory": ["--lags 5 100001"],
    "transfer": ["--image-size 513"],
    "vanishing_gradient": ["--hidden-layers 201", "--depths 201", "--study-size 5001"],
    "xor": ["--nets 1000001", "--seeds 1001", "--block-steps 100001"],
}


@pytest.mark.parametrize("name", LARGE)
def test_numbers_that_would_take_hours_without_a_word(
    name, monkeypatch, tmp_path, capsys
):
    """The first number that is refused; the one before it is let pass."""
    step = 2 if name == "long_lag" else 1  # lags are even
    script = load_script(find_system(name))
    monkeypatch.setattr(script, "train", lambda cfg: 0)
    monkeypatch.setattr(script, "read_config", lambda *a: script.Config(), False)
    for words in LARGE[name]:
        flag, *others, number = words.split()
        argv = [flag, *others, number]
        assert script.main(argv) == 2
        err = capsys.readouterr().err
        expected = f" is {number}: expected {int(number) - step} or less"
        assert expected in err and err.count("\n") == 1
        argv[-1] = str(int(number) - step)
        assert script.main(argv) == 0 or "has no effect" in capsys.readouterr().err


# Benchmarks


BAD_OF_ALL = ["--json {file}/x.json", "--json {folder}", "--zzz 3", "--repeat x"]
BAD = {
    "accuracy": ["--stride 0", "--repeats -1", "--functions", "--functions tanhh"],
    "activations": ["--sizes 150", "--sizes", "--warm-size -1", "--figure {folder}"],
    "char_lm": ["--result a --log-every 0"],
    "executors": ["--max-seeds 1", "--cases xor-2-2-1 xor-2-2-1", "--cases xorr"],
    "gan_health": [
        "--calibration-seeds 41",
        "--log-every 0",
        "--max-settings 0",
        "--steps 10",
    ],
    "gan_modes": ["--executors", "--many 0", "--pack 0", "--batch-size -3"],
    "gan_step": ["--cases", "--runner-seconds -1", "--runner-seconds nan"],
    "xor": ["--nets 0", "--steps 150"],
}
TIMED = [
    "--repeats 10001",
    "--seconds 3601",
    "--repeats 0",
    "--repeats -1",
    "--seconds 0",
    "--seconds inf",
]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmarks_refuse_flags_before_they_time(name, monkeypatch, tmp_path, capsys):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = importlib.import_module(name)
    monkeypatch.setattr(script, "benchmark", lambda config: pytest.fail("it was run"))
    (tmp_path / "file").touch()
    names = dict(file=tmp_path / "file", folder=tmp_path)
    bad = [*BAD_OF_ALL, *BAD.get(name, [])]
    if hasattr(script.Config, "least_repeats"):
        bad += [x for x in TIMED if x != "--repeats 0" or name != "accuracy"]
    for words in bad:
        needed = ["--result", "a"] if name == "char_lm" else []
        assert script.main([*needed, *words.format(**names).split()]) == 2, words
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1, words
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("name", [*BENCHMARKS, *cli.COMMANDS])
def test_every_flag_of_benchmarks_and_commands_is_explained(name, monkeypatch, capsys):
    if name in cli.COMMANDS:
        assert cli.main([*name.split(), "--help"]) == 0
    else:
        pytest.importorskip("torch")
        monkeypatch.syspath_prepend(ROOT / "benchmarks")
        assert importlib.import_module(name).main(["--help"]) == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    flags = [i for i, line in enumerate(lines) if line.startswith("--")]
    assert flags
    for begin, end in zip(flags, [*flags[1:], len(lines)], strict=True):
        text = " ".join(lines[begin:end]).partition("(default:")[0]
        assert len(text.split()) > 4, text  # the flag, its type, words


def test_an_input_error_keeps_its_words(capsys):
    @dataclasses.dataclass(frozen=True)
    class Strict(Kinds):
        """Refuses all."""

        def __post_init__(self):
            raise InputError("size is 3: expected\tanother")

    said = refused(Strict, ["--weights", "a"], capsys)
    assert said == r"size is 3: expected\tanother"


def with_files(script):
    """Flags that choose data which must be prepared; None if there are none."""
    hints = get_type_hints(script.Config)
    if "source_dir" not in hints:
        return None
    required = [
        word
        for field in dataclasses.fields(script.Config)
        if field.default is dataclasses.MISSING
        for word in (f"--{field.name}", "folder")
    ]
    prepared = set(get_args(PreparedName)) - {"digits"}
    names = prepared & set(get_args(hints.get("data")))
    return required + (["--data", min(names)] if names else [])


@pytest.mark.parametrize("system", find_systems(), ids=lambda system: system.name)
def test_data_comes_from_the_folders_that_are_given(system, no_network, refused):
    script = load_script(system)
    words = with_files(script)
    if words is None:
        return
    said = refused(script.main, [*words, "--source-dir", "nowhere"])
    assert "there is no source folder" in said and "nowhere" in said
    said = refused(script.main, [*words, "--data-dir", "elsewhere"])
    assert "is not in elsewhere and" in said
