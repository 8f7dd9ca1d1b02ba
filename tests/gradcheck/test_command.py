"""`jaxdl gradcheck`: what it prints, and how it ends."""

import importlib
import json
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import psutil
import pytest

from jaxdl import cli
from jaxdl.gradcheck import command, subjects
from jaxdl.gradcheck.finite_difference import STEP
from jaxdl.gradcheck.problem import Case
from jaxdl.gradcheck.subjects import Subject, check_subject, find_subjects

OWN = """
import jax
import jax.numpy as jnp

def myloss(w, b):
    return jnp.mean(jnp.tanh(w + b[None]) ** 2)

def dead(w, b):
    return jnp.sum(w**2)

@jax.custom_vjp
def wrong(w):
    return jnp.sum(w**3)

wrong.defvjp(lambda w: (jnp.sum(w**3), w), lambda w, c: ((3 * c * w**2).at[2].mul(2),))

def half(w):
    return jnp.sum(w.astype(jnp.float16) ** 2)

def bent(w):
    return jnp.sum(jax.nn.relu(w) + jnp.where(w > 1e3, w**2, w**3))

def bad(w):
    raise ValueError("two\\nlines")
"""


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    (tmp_path / "command_losses.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("command_losses", None)


def run(capsys, *words):
    code = cli.main(["gradcheck", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_names_select(capsys):
    code, out, err = run(capsys, "discriminator_loss", "gelu")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()[2:5]]
    assert names == ["discriminator_loss", "discriminator_loss", "gelu"]
    assert "3 leaves of 2 functions at up to 5 points, all within tolerance" in out


def test_json_is_all_there_is_on_standard_output(capsys):
    code, out, err = run(capsys, "relu", "--json", "--seed", "3", "--step", "0.01")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["passed"] and report["seed"] == 3 and report["step"] == 0.01
    (leaf,) = report["leaves"]
    assert leaf["function"] == "relu" and leaf["left_out"] == ["z[12] = 0 (kink)"]


def test_no_name_is_everything(monkeypatch, capsys):
    given = []

    def check_subjects(subjects, **options):
        given.extend(subject.name for subject in subjects)
        return check_subject(subjects[0])

    monkeypatch.setattr(command, "check_subjects", check_subjects)
    code, out, _ = run(capsys, "--json")
    assert code == 0 and given == list(
        command.select(()) and [s.name for s in command.select(())]
    )
    assert "images are bytes" in json.loads(out)["not_differentiable"].values()


def test_own_function(own_folder, capsys):
    words = ["command_losses:myloss", "--shapes", "4,3", "3", "--seed", "0"]
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert "command_losses:myloss  w     4x3    12 of 12" in out


def test_a_mistake_gives_exit_code_1_and_names_the_leaf(own_folder, capsys):
    code, out, err = run(capsys, "command_losses:wrong", "--shapes", "4")
    assert (code, err) == (1, "")
    assert "FAILED:\n  command_losses:wrong: w: error 5.0e-01 (central, w[2] = " in out
    code, out, _ = run(capsys, "command_losses:wrong", "--shapes", "4", "--json")
    assert code == 1 and json.loads(out)["passed"] is False


def test_a_mistake_in_a_later_leaf_gives_exit_code_1(monkeypatch, capsys):
    right = check_subject(find_subjects()["tanh"])
    wrong = [leaf._replace(status="over") for leaf in right]
    for found, expected in ((right + wrong, 1), (wrong + right, 1), (right * 2, 0)):
        monkeypatch.setattr(command, "check_subjects", lambda *_, f=found, **__: f)
        assert run(capsys, "relu")[0] == expected
        code, out, _ = run(capsys, "relu", "--json")
        assert code == expected and json.loads(out)["passed"] is (not expected)


def test_seed_and_step_reach_the_check(monkeypatch, capsys):
    given = []

    def check(name, case, key, *, step):
        given.append((name, jax.random.key_data(key).tolist(), step))
        return []

    monkeypatch.setattr(subjects, "check", check)
    run(capsys, "relu", "--step", "0.02")
    run(capsys, "relu", "--seed", "7")
    (name, key, step), (_, other, usual) = given
    assert (name, step, usual) == ("relu", 0.02, STEP) and key != other


def test_a_zero_leaf_is_listed_and_is_no_failure(own_folder, capsys):
    code, out, _ = run(capsys, "command_losses:dead", "--shapes", "2", "3")
    assert code == 0
    assert "nothing was shown:\n  command_losses:dead: b\n" in out


def test_worked_example(capsys):
    code, out, err = run(capsys, "--worked-example")
    assert (code, err) == (0, "") and "0.082167041" in out and "0.358916480" in out
    code, out, _ = run(capsys, "--worked-example", "--json")
    assert code == 0 and json.loads(out)[0]["name"] == "net_h1"


def test_what_went_wrong_in_a_subject_is_not_swallowed():
    def make(key):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command.check_subjects([Subject("broken", (), make)] * 3)


def test_many_are_checked_in_processes(monkeypatch):
    subjects = [find_subjects()[name] for name in ("gelu", "gan_value")]
    in_threads = command.check_subjects(subjects, seed=3)
    monkeypatch.setattr(command, "MANY", 1)
    monkeypatch.setattr(command, "num_cores", lambda: 1)
    in_process = command.check_subjects(subjects, seed=3)

    def without_rounding(leaf):  # it depends on the options that tests compile with
        return leaf._replace(errors={*leaf.errors}, worst_at="", second=None)

    assert [*map(without_rounding, in_process)] == [*map(without_rounding, in_threads)]


def test_an_interrupt_says_nothing_of_what_was_saved(monkeypatch, capsys):
    def check_subjects(subjects, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "check_subjects", check_subjects)
    assert run(capsys, "relu") == (130, "", "interrupted\n")


def test_half_precision_is_unchecked_with_a_hint(own_folder, capsys):
    code, out, err = run(capsys, "command_losses:half", "--shapes", "3")
    assert (code, err) == (1, "")
    assert (
        "FAILED:\n  command_losses:half: w: unchecked: computed in float16, too coarse "
        "for differences: expected float64 throughout; let the function keep the dtype "
        "of its arguments\n"
    ) in out


def test_a_way_that_was_never_taken_is_said_and_does_not_fail(own_folder, capsys):
    code, out, _ = run(capsys, "command_losses:bent", "--shapes", "3")
    assert code == 0
    line = OWN.splitlines().index("def bent(w):") + 2
    name, at = "command_losses:bent", f"at command_losses.py:{line}"
    assert (
        "Branches, each way of which some point took:\n"
        f"  {name}: max {at}: first larger and second larger\n"
        f"  {name}: where {at}: false and true\n\n"
        "Ways that no point took, of which nothing was shown:\n"
        f"  {name}: where {at}: never true\n"
    ) in out
    code, out, _ = run(capsys, "command_losses:bent", "--shapes", "3", "--json")
    (leaf,) = json.loads(out)["leaves"]
    assert [b["unseen"] for b in leaf["branches"]] == [[], [], ["true"]]
    assert leaf["points"] == 5


def test_an_interrupt_does_not_wait_for_the_rest():
    begun = []

    def stopped(key):
        raise KeyboardInterrupt

    def slow(key):
        begun.append(key)
        time.sleep(0.5)
        return Case(jnp.sin, (), ())

    subjects = [Subject("stopped", (), stopped), *[Subject("slow", (), slow)] * 6]
    with pytest.raises(KeyboardInterrupt):
        command.check_subjects(subjects)
    assert len(begun) < 6  # what had not begun was dropped


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sigmod"], "no function is called 'sigmod'"),
        (["to_bytes"], "ops.images.to_bytes has no derivative to check"),
        (
            ["gelu", "--shapes", "3"],
            "--shapes was given without a function of your own",
        ),
        (["command_losses:myloss"], "no shapes were given"),
        (
            ["command_losses:myloss", "gelu", "--shapes", "3"],
            "expected one module:funct",
        ),
        (["command_losses:myloss", "--shapes", "4,x"], "'4,x' is no shape"),
        (["command_losses:bad", "--shapes", "4"], "ValueError: two"),
        (["no_such_module:f", "--shapes", "4"], "there is no module no_such_module"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input(words, sentence, own_folder, capsys, monkeypatch):
    monkeypatch.delenv("JAXDL_DEBUG", raising=False)
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and sentence in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["--seed", "-1"], ["--step", "0"], ["--step", "nan"], ["--step", "x"], ["--tol"]]
    + [["--step", "9e-7"], ["relu", "--worked-example"]]
    + [["--worked-example", *x] for x in (["--shapes", "3"], ["--step", "0.1"])],
    ids=" ".join,
)
def test_refused_flags(words, capsys):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "") and "Traceback" not in err


def test_help_does_not_import_the_register():
    script = (
        "import sys\nfrom jaxdl import cli\ncli.main(['--help'])\n"
        "cli.main(['gradcheck', '--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('flax', 'jaxdl.gradcheck')))"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True).returncode
        == 0
    )


WORKER = """
import multiprocessing, os, time
from jaxdl.gradcheck.command import _begin_worker

def work():
    _begin_worker()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("fork").Process(target=work).start()
    time.sleep(60)
"""


def test_workers_end_with_the_process_that_started_them():
    """However it ends: nothing else would tell them, and they would wait for ever."""
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        worker = psutil.Process(int(starter.stdout.readline()))
        worker.send_signal(signal.SIGINT)  # of the terminal: not for a worker
        time.sleep(0.2)
        assert worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
        starter.kill()
    deadline = time.monotonic() + 20
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it waits for ever"
        time.sleep(0.05)
