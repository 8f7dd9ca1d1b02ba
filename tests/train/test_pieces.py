"""Wrong pieces are one sentence, before training and before anything is written."""

import dataclasses
import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toy_experiment import SIZE, Config, examples, make_experiment

from jaxdl.errors import InputError
from jaxdl.train.config import RunConfig
from jaxdl.train.experiment import Case, Experiment, Phase, Sweep
from jaxdl.train.pieces import check_folder_names, require_pieces, require_work
from jaxdl.train.runner import check_step, run
from jaxdl.train.step import make_init, make_train_step
from jaxdl.types import Model

DATA = examples()
CONFIG = Config()
GOOD = make_experiment(CONFIG)


def refusal(**changes: Any) -> str:
    """What is said of the toy with other functions, in one line."""
    with pytest.raises(InputError) as caught:
        check_step(GOOD._replace(**changes), DATA, CONFIG)
    said = str(caught.value)
    assert "\n" not in said and len(said) < 600
    return said


def test_a_good_experiment_passes():
    check_step(GOOD._replace(done=lambda state: state.count > 3), DATA, CONFIG)


class Loose(NamedTuple):
    train: Any
    name: str = "loose"
    checksum: str = "0"


@dataclasses.dataclass
class Unregistered:
    train: Any
    name: str = "loose"
    checksum: str = "0"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"x": np.ones(3)}, r"the data \(a dict\) has no name: expected a tree"),
        (None, r"the data \(None\) has no name: .*from_arrays"),
        (dataclasses.replace(DATA, name=""), "has '' as its name"),
        (dataclasses.replace(DATA, checksum=None), "has no checksum: expected"),
        (dataclasses.replace(DATA, checksum=b"00"), "has b'00' as its checksum"),
        (dataclasses.replace(DATA, name="../up"), "called '../up': .* names a folder"),
        (Loose(np.ones(3)), "holds the text 'loose' at name: expected arrays"),
        (Unregistered(np.ones(3)), "holds an Unregistered: expected arrays"),
        (dataclasses.replace(DATA, train={"x": [None, "b"]}), "'b' at train.x.1: exp"),
    ],
)
def test_data_are_arrays_with_name_and_checksum(data, said):
    with pytest.raises(InputError, match=said):
        require_pieces("toy", data, CONFIG)


@pytest.mark.parametrize("name", ["My run", "../up", "", ".x", None, 3, "a/b"])
def test_names_name_folders(name):
    with pytest.raises(InputError, match="an experiment is called .*names a folder"):
        require_pieces(name, DATA, CONFIG)
    with pytest.raises(InputError, match="a phase is called"):
        require_work([Phase(name, 1, GOOD)])
    with pytest.raises(InputError, match="a case is called"):
        require_work(Sweep({name: Case(CONFIG, GOOD)}))
    check_folder_names("case", ["a", "0", "a_b-c.d"])


class Undecorated(RunConfig):
    rate: float = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithArray(RunConfig):
    weights: Any = None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"steps": 3}, "the configuration is a dict: expected a jaxdl.train.RunConfig"),
        (None, "the configuration is None: expected"),
        (Undecorated(), "Undecorated has fields but is no dataclass: put @dataclasses"),
        (WithArray(weights=np.ones(3)), r"weights of the configuration is float64\[3"),
    ],
    ids=["dict", "None", "undecorated", "array"],
)
def test_configurations(config, said):
    with pytest.raises(InputError, match=said):
        require_pieces("toy", DATA, config)
    work = Sweep({"a": Case(CONFIG, GOOD), "b": Case(config, GOOD)})
    with pytest.raises(
        InputError, match=said.replace("ation is", "ation of the case b is")
    ):
        require_work(work)
    require_pieces("toy", DATA, WithArray(weights=((1, 2.0), "three", None)))


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (None, "the work is None: expected an Experiment, a list of Phase, a Sweep"),
        ("abc", "the work is the text 'abc'"),
        ([GOOD], r"a phase is an Experiment: expected a Phase\(name, steps"),
        ([], "there is no phase: expected at least one"),
        ([Phase("a", 1, GOOD), Phase("a", 1, GOOD)], "no name twice"),
        ([Phase("a", -1, GOOD)], "steps of the phase a is -1: expected a whole"),
        ([Phase("a", 2.0, GOOD)], "steps of the phase a is 2.0"),
        ([Phase("a", 1, None)], "the phase a trains None: expected an Experiment"),
        (Sweep([GOOD]), "cases of the sweep is a list of 1: expected a dict of Case"),
        (Sweep({"a": GOOD}), r"the case a is an Experiment: expected a Case\(config"),
        (Sweep({}), "there is no case"),
        (Sweep({"a": Case(CONFIG, GOOD)}, lambda: {}), r"is figures\(\): expected fig"),
        (GOOD._replace(protocols=None), "protocols is None: expected a dict by metric"),
        (GOOD._replace(protocols={"a": "b"}), "protocol of a is the text 'b'"),
        (GOOD._replace(networks=["net"]), "networks is a list of 1: expected a dict"),
        (
            GOOD._replace(networks={"net": 3}),
            "the network net is 3: expected a jaxdl.ty",
        ),
    ],
)
def test_works(work, said):
    with pytest.raises(InputError, match=said):
        require_work(work)


def test_functions_that_make_work():
    wrong: Any = lambda config: GOOD  # noqa: E731
    with pytest.raises(InputError, match=r"make_work \(test_pieces.py, line \d+\) is"):
        check_step(wrong, DATA, CONFIG)
    with pytest.raises(InputError, match="the work of the case b is a set: expected"):
        require_work({GOOD.init}, " of the case b")


@pytest.mark.parametrize("name", Experiment._fields[:5])
def test_functions_take_their_arguments(name):
    assert f"{name} is 3: expected a function {name}(" in refusal(**{name: 3})
    said = refusal(**{name: lambda one, two, three, four, five: {}})
    assert f"{name} (test_pieces.py, line " in said and "called by place" in said
    assert f"is {name}(one, two, three, four, five): expected {name}(" in said
    by_name = {name: lambda *, state: {}}
    assert "called by place" in refusal(**by_name)
    if name != "batch":
        assert f"{name} is None" in refusal(**{name: None})


def no_return(*arguments):
    print(arguments)


def bare_return(*arguments):
    if arguments:
        return
    print("none")


def sometimes(*arguments):
    if arguments:
        return {}
    return None


@pytest.mark.parametrize("name", ["evaluate", "figures", "remarks"])
def test_functions_that_return_nothing_are_seen_beforehand(name):
    for fn in (no_return, bare_return, jax.jit(no_return), lambda *x: None):
        assert f"{name} (test_pieces.py, line" in (said := refusal(**{name: fn}))
        assert "gives None, it has no return: expected a dict" in said
    for fn in (sometimes, lambda *x: {} if x else None, lambda *x: None if x else {}):
        require_work(GOOD._replace(**{name: fn}))
    require_work(GOOD._replace(**{name: functools.partial(sometimes, 1)}))


STATE = {"w": jnp.ones(3), "n": jnp.int32(0)}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (None, "step (test_pieces.py, line N) gives None: expected (state, metrics)"),
        (STATE, "gives a dict: expected (state, metrics)"),
        ((STATE, 1, 2), "gives a tuple of 3: expected (state, metrics)"),
        (
            (STATE, 1.0),
            "gives 1.0 as metrics: expected a dict of scalars",
        ),
        ((STATE, {}), "gives no metrics: expected at least one scalar"),
        ((STATE, {"loss": jnp.ones(3)}), "gives float32[3] as the metric 'loss'"),
        ((STATE, {"loss": "low"}), "gives the text 'low' as the metric 'loss'"),
        ((STATE, {"loss": 1j}), "as the metric 'loss': expected a scalar"),
        ((STATE, {1: 2.0}), "gives 2.0 as the metric 1: expected a scalar by its name"),
        ((STATE | {"n": 1.5}, {"loss": 1.0}), "takes a state with int32[] at n and gi"),
        (
            (STATE | {"w": jnp.ones(4)}, {"loss": 1.0}),
            "gives one with float32[4] there",
        ),
        (({"w": STATE["w"]}, {"loss": 1.0}), "a state of n int32[], w float32[3] and "),
        ((STATE | {"w": "no"}, {"loss": 1.0}), "gives a state with the text 'no' at w"),
    ],
)
def test_what_a_step_gives(after, said):
    changes = dict(init=lambda key, data, previous: STATE, step=lambda *x: after)
    first, _, rest = said.partition("line N")
    found = refusal(**changes)
    assert first in found and rest in found


def test_a_training_of_no_steps_needs_no_metrics():
    still = GOOD._replace(step=lambda state, batch: (state, {}))
    check_step(still, DATA, Config(steps=0))
    check_step([Phase("a", 0, still), Phase("b", 1, GOOD)], DATA, CONFIG)
    with pytest.raises(InputError, match="gives no metrics"):
        check_step([Phase("a", 0, GOOD), Phase("b", 1, still)], DATA, CONFIG)


def test_a_state_is_arrays():
    said = refusal(init=lambda key, data, previous: {"a": (1, "b")})
    assert "gives a state with the text 'b' at a.1: expected a tree of arrays" in said


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (lambda state: state.count, "gives int32[]: expected one boolean"),
        (lambda state: state.weights > 0, f"gives bool[{SIZE},{SIZE}]: expected one"),
        (lambda state: None, "gives None: expected one boolean"),
        (lambda state: (True, False), "gives a tuple of 2: expected one boolean"),
    ],
)
def test_done_is_a_boolean(done, said):
    assert said in refusal(done=done)


def trained_on(loss_fn):
    """The functions of an experiment that descends on a loss."""
    optimizer = optax.sgd(0.1)
    model = Model(lambda key: {"w": jnp.ones((SIZE, 1))}, lambda params, x: x)
    return dict(
        init=make_init(model, optimizer), step=make_train_step(loss_fn, optimizer)
    )


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda loss: loss, "gives float32[]: expected a pair (loss, metrics)"),
        (lambda loss: None, "gives None: expected a pair"),
        (lambda loss: [loss, {"loss": loss}], "gives a list of 2: expected a pair"),
        (lambda loss: (loss[None], {"loss": loss}), "float32[1] as the loss: expected"),
        (lambda loss: (loss, loss), "gives float32[] as metrics: expected a dict"),
        (lambda loss: (loss, {"all": loss[None]}), "gives float32[1] as the metric"),
    ],
)
def test_a_loss_gives_a_scalar_and_metrics(gives, said):
    def loss_fn(params, batch, key):
        return gives(jnp.mean(batch["x"] @ params["w"]))

    found = refusal(**trained_on(loss_fn))
    assert said in found and found.startswith("the loss (test_pieces.py, line ")


# A batch that the step cannot take, and what is the step's own mistake.


def in_loss(read):
    return trained_on(lambda params, batch, key: (read(batch), {"loss": 0.0}))


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x)


def reads_label(state, batch):
    return state, {"loss": jnp.mean(batch["label"])}


def unpacks(state, batch):
    x, y, z = batch
    return state, {"loss": jnp.mean(x)}


def names(state, batch):
    return state, {"loss": jnp.mean(batch.x)}


def applies(state, batch):
    params = Net().init(state.key, jnp.ones((1, 3)))
    return state, {"loss": jnp.mean(Net().apply(params, batch["x"]))}


def pairs(data, key, step):
    return data.train["x"], data.train["y"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            in_loss(lambda x: jnp.sum(x["x"] @ jnp.ones((7, 2)))),
            "contracting dimensions",
        ),
        (in_loss(lambda x: jnp.sum(x["x"] + jnp.ones((1, 7)))), "incompatible shapes"),
        (in_loss(lambda x: jnp.sum(x["label"])), ": no 'label' (test_pieces.py, line "),
        (in_loss(lambda x: jnp.sum(x.label)), "has no attribute 'label'"),
        (dict(step=reads_label), ": no 'label' (test_pieces.py, line "),
        (dict(step=reads_label, batch=pairs), "indices must be integers"),
        (dict(step=unpacks, batch=pairs), "not enough values to unpack"),
        (dict(step=names, batch=pairs), "has no attribute 'x'"),
        (dict(step=applies), "shape"),
    ],
)
def test_a_batch_that_the_step_cannot_take(changes, said):
    found = refusal(**changes)
    shape = f"float32[{64 if changes.get('batch') else CONFIG.batch_size},{SIZE}]"
    assert "cannot take its batch of " in found and shape in found and said in found


def undefined(state, batch):
    return nonsense  # noqa: F821


def own_lookup(state, batch):
    lengths = {"x": 1}
    return state, {"loss": lengths["label"]}


def on_a_value(state, batch):
    return state, {"loss": 1.0 if batch["x"].sum() > 0 else 0.0}


def raises(state, batch):
    raise ValueError("theirs")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (undefined, NameError),
        (own_lookup, KeyError),
        (on_a_value, jax.errors.TracerBoolConversionError),
        (raises, ValueError),
    ],
)
def test_mistakes_of_their_own_keep_their_error(step, kind):
    with pytest.raises(kind) as caught:
        check_step(GOOD._replace(step=step), DATA, CONFIG)
    assert type(caught.value) is kind
    assert any(entry.name == step.__name__ for entry in caught.traceback)


def test_nothing_is_written(tmp_path):
    config = Config(out=tmp_path / "run")
    wrong = [
        (GOOD._replace(step=lambda state, batch: state), DATA),
        (GOOD._replace(figures=no_return), DATA),
        (GOOD, dataclasses.replace(DATA, checksum="")),
    ]
    for work, data in wrong:
        with pytest.raises(InputError):
            run("toy", work, data, config)
    assert list(tmp_path.iterdir()) == []
