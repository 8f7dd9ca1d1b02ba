"""Every flag that decides bits changes what its script computes.

Programs are compared as JAX traces them, without what their results do not need: so a
flag that is read and forgotten is seen, and nothing is compiled.
"""

import collections
import dataclasses
import functools
import hashlib
import importlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.interpreters.partial_eval import dce_jaxpr

from jaxdl.data import Images, Split
from jaxdl.registry import find_system, find_systems, load_script
from jaxdl.systems.dcgan.classifier import Classifier
from jaxdl.systems.generative_vs_discriminative import data as two_classes
from jaxdl.systems.transfer import data as transfer_data
from jaxdl.systems.transfer.learners import NETS, Net
from jaxdl.systems.transfer.networks import Body
from jaxdl.train import programs
from jaxdl.train.config import deciding_fields
from jaxdl.train.seeds import seed_keys
from jaxdl.types import Model

ADDRESS = re.compile(r"0x[0-9a-f]+")


def program(fn, *args) -> tuple[str, Any]:
    """The operations that a function's results need, and the form of these."""
    leaves, tree = jax.tree.flatten(args)
    flat = lambda leaves: fn(*jax.tree.unflatten(tree, leaves))  # noqa: E731
    closed, form = jax.make_jaxpr(flat, return_shape=True)(leaves)
    needed, _ = dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))
    digest = hashlib.sha256(ADDRESS.sub("", str(needed)).encode())
    for constant in closed.consts:
        digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest(), form


class Run:
    """The parts of a configuration's run, found when they are asked for.

    A part has a name (data and steps; init, batch, step and evaluate of each phase) and
    what decides it.

    Attributes:
      forms: of state and batch, of each phase that was come to.
    """

    def __init__(self, script, config, evaluated=False, forms=None):
        self.script, self.config, self.evaluated = script, config, evaluated
        self.forms: list[Any] = []
        self._known = forms
        self._found: dict[str, Any] = {}
        self._coming = self._parts()

    def __getitem__(self, name: str) -> Any:
        """What decides a part; None if there is no such part."""
        while name not in self._found:
            part = next(self._coming, None)
            if part is None:
                return None
            self._found[part[0]] = part[1]
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Names of all parts, in order."""
        for name, value in self._coming:
            self._found[name] = value
            yield name

    def changed(self, **changes) -> "Run":
        """The run of another configuration."""
        config = dataclasses.replace(self.config, **changes)
        return Run(self.script, config, self.evaluated)

    def retold(self, **changes) -> "Run":
        """The steps of another configuration, with batches and states of this form."""
        for _ in self:
            pass
        config = dataclasses.replace(self.config, **changes)
        return Run(self.script, config, self.evaluated, self.forms)

    def differences(self, other: "Run") -> Iterator[str]:
        """Names of the other's parts that are not the same here, in order."""
        return (name for name in other if other[name] != self[name])

    def _parts(self) -> Iterator[tuple[str, Any]]:
        plan = self.script.plan(self.config)
        shapes = [leaf.shape for leaf in jax.tree.leaves(plan.data)]
        yield "data", (plan.data.name, plan.data.checksum, shapes)
        trainings = programs.trainings(plan.work, plan.data, plan.config)
        for number, (_, config, phases) in enumerate(trainings):
            yield f"steps {number}", [(phase.name, phase.steps) for phase in phases]
            previous = None
            for phase in phases:
                of_phase = self._phase(phase.experiment, plan.data, config, previous)
                for part, value in of_phase:
                    yield f"{part} {number} {phase.name}", value
                previous, _ = self.forms[-1]

    def _phase(self, experiment, data, config, previous) -> Iterator[tuple[str, Any]]:
        keys = seed_keys(0)
        if self._known is None:
            batch_fn = programs.batch_of(experiment, config.batch_size)
            found, state = program(experiment.init, keys.init, data, previous)
            yield "init", found
            found, batch = program(batch_fn, data, keys.batch, 0)
            yield "batch", found
            self.forms.append((state, batch))
        else:
            self.forms.append(self._known[len(self.forms)])
        yield "step", program(experiment.step, *self.forms[-1])[0]
        if self.evaluated:
            evaluate = functools.partial(experiment.evaluate, final=True)
            state, _ = self.forms[-1]
            yield "evaluate", program(evaluate, state, data, keys.evaluate)[0]


def toy_net(size):
    """A net of some features that stands for those with weights."""
    features = Model(
        lambda key: {"w": jax.random.normal(key, (3, size))},
        lambda params, x, **options: x.mean(axis=(1, 2)) @ params["w"],
    )
    return Net(None, lambda side: Body(features, size, lambda x: x / 255.0, side))


def toy_images(*args, **kwargs):
    """Images as of CIFAR-10, all black."""
    label = jnp.arange(20) % 10
    splits = [Split(jnp.zeros((20, 8, 8, 3), jnp.uint8), label)] * 3
    return Images(*splits, name="cifar10_subset", checksum="0" * 64)


SMALL = dict(steps=40, batch_size=4)
PLAIN = SMALL | dict(hidden_size=3)
ONE = SMALL | dict(hidden_sizes=(4,), latent_size=2, code_sizes=(), feature_size=3)
GAN = SMALL | dict(networks="mlp")
FLOW = PLAIN | dict(targets=("annulus",), generators=("flow",), num_layers=2)
FLOW |= dict(disc_steps=1)
LAYERS = SMALL | dict(hidden_sizes=(3,), pretrain_steps=2)
ADDING = dict(kind="Adding", steps=4, batch_size=2, lag=20)
BIT = PLAIN | dict(cells=("rnn",), lags=(3,))


class Group(NamedTuple):
    """A small run of a script, and flags that are changed in it one at a time.

    Attributes:
      base: its flags; `kind` is the name of a type of configuration.
      flags: that may change any part of the run.
      step: that change its steps, and no form of states and batches.
    """

    base: dict[str, Any]
    flags: dict[str, Any] = {}
    step: dict[str, Any] = {}


FLAGS = {
    "autoencoder": [
        Group(
            ONE | dict(cases=("deep",)),
            dict(cases=("shallow",), batch_size=5, hidden_sizes=(5,), latent_size=3)
            | dict(code_sizes=(1,), tied=True, train_on="all"),
            dict(likelihood="squared_error", learning_rate=0.1, steps=60),
        ),
        Group(ONE | dict(cases=("logistic-pca",)), step=dict(logistic_steps=7)),
        Group(
            ONE | dict(cases=("denoising",)),
            dict(feature_size=4),
            dict(corruption="gaussian", noise=0.5),
        ),
        Group(
            ONE | dict(cases=("sparse",)), step=dict(sparsity=0.2, sparse_weight=0.7)
        ),
        Group(ONE | dict(cases=("contractive",)), step=dict(contractive_weight=0.7)),
        Group(
            ONE | dict(cases=("variational",), variational_sizes=(4, 2)),
            dict(variational_sizes=(4, 3)),
            dict(learning_rate=0.1),
        ),
    ],
    "char_lm": [
        Group(
            PLAIN | dict(window=3),
            dict(batch_size=5, window=4, restart_every=5, cell="gru", hidden_size=4)
            | dict(layers=2),
            dict(learning_rate=0.1, max_norm=0.1, steps=60),
        )
    ],
    "dcgan": [
        Group(
            GAN | dict(latent_size=3),
            dict(image_size=20, latent_size=4, batch_size=5, steps=5),
            dict(learning_rate=0.1, momentum=0.7),
        ),
        Group(
            SMALL | dict(base_channels=2, latent_size=3),
            dict(networks="mlp", upsampling="resize", base_channels=3),
        ),
    ],
    "gan": [
        Group(
            GAN,
            dict(batch_size=5, networks="small", disc_steps=2, optimizer="sgd")
            | dict(max_norm=1.0),
            dict(generator_loss="minimax", learning_rate=0.1, momentum=0.7, steps=60),
        ),
        Group(
            GAN | dict(optimizer="sgd", max_norm=1.0),
            step=dict(momentum=0.7, max_norm=2.0),
        ),
    ],
    "gan_modes": [
        Group(
            SMALL | dict(methods=("gan",)),
            dict(target="grid", methods=("wgan_gp",), batch_size=5, steps=5),
            dict(learning_rate=0.1),
        ),
        Group(SMALL | dict(methods=("pacgan",)), dict(packs=(3,), methods=("gan",))),
        Group(SMALL | dict(methods=("unrolled",)), dict(methods=("minibatch",))),
    ],
    "gan_theory": [
        Group(
            FLOW,
            dict(targets=("two_moons",), generators=("mlp",), disc_steps=2)
            | dict(batch_size=5, num_layers=4, hidden_size=4),
            dict(gen_learning_rate=0.1, disc_learning_rate=0.1, steps=60),
        ),
        Group(
            FLOW | dict(generators=("likelihood",)),
            step=dict(likelihood_learning_rate=0.1, steps=60),
        ),
    ],
    "greedy_pretraining": [
        Group(
            LAYERS | dict(cases=("sigmoid-rbm",)),
            dict(cases=("sigmoid",), train_on="all", batch_size=5, pretrain_steps=3)
            | dict(hidden_sizes=(3, 2)),
            dict(learning_rate=0.1, rbm_rate=0.1, steps=60),
        ),
        Group(
            LAYERS | dict(cases=("relu-denoising",)),
            step=dict(autoencoder_rate=0.1, noise=0.5),
        ),
    ],
    "lenet": [
        Group(
            SMALL,
            dict(model="modern", train_on="all", batch_size=5),
            dict(learning_rate=0.1, weight_decay=0.1, distort=True, steps=60),
        ),
        Group(
            SMALL | dict(distort=True),
            step=dict(translation=1.0, rotation=5.0, scaling=0.3, squeezing=0.3)
            | dict(shearing=1.0),
        ),
    ],
    "long_lag": [
        Group(
            ADDING,
            dict(net="modern", batch_size=3, lag=22, first_pair="zero", steps=5),
            dict(learning_rate=0.1, output="logistic"),
        ),
        Group(
            ADDING | dict(net="modern"),
            dict(hidden_size=4, forget_bias=1.0),
            dict(learning_rate=0.1),
        ),
        Group(dict(kind="TemporalOrder", steps=4), dict(symbols=3)),
    ],
    "perceptron": [Group(dict(inputs=2, steps=4), dict(inputs=3, steps=5))],
    "rbm": [
        Group(
            PLAIN,
            dict(method="cd", hidden_size=4, batch_size=5),
            dict(cd_steps=2, learning_rate=0.3, weight_decay=0.1, binarise=False)
            | dict(steps=60),
        ),
        Group(
            PLAIN | dict(method="cd"),
            step=dict(cd_steps=2, weight_decay=0.1, binarise=False),
        ),
        Group(PLAIN | dict(evaluated=True), step=dict(ais_chains=3, ais_steps=3)),
    ],
    "rnn_memory": [
        Group(
            BIT,
            dict(cells=("gru",), lags=(4,), hidden_size=4, batch_size=5, steps=5),
            dict(learning_rate=0.1, max_norm=0.1),
        ),
        Group(BIT | dict(cells=("lstm",)), dict(forget_bias=1.0)),
    ],
    "transfer": [
        Group(
            SMALL | dict(methods=("scratch",), sizes=(10,), image_size=8),
            dict(net="mobilenet", methods=("small",), sizes=(20,), train_on="train")
            | dict(batch_size=5),
            dict(image_size=4, learning_rate=0.1, decay=0.1, steps=60),
        ),
    ],
    "vanishing_gradient": [
        Group(
            PLAIN | dict(cases=("tanh",), hidden_layers=1),
            dict(cases=("sigmoid",), batch_size=5, hidden_layers=2, hidden_size=4),
            dict(learning_rate=0.3, steps=60),
        ),
    ],
    "xor": [
        Group(
            dict(steps=4, nets=2),
            dict(hidden_sizes=(3,), nets=3, update="online", momentum=0.5, steps=5),
            dict(activations=("relu",), engine="hand", learning_rate=0.1),
        ),
        Group(dict(steps=4, nets=2, momentum=0.5), step=dict(momentum=0.7)),
    ],
}
FALLING = (
    "autoencoder char_lm gan gan_theory greedy_pretraining lenet rbm transfer "
    "vanishing_gradient"
).split()
"""Scripts whose step size is a matter of how many steps there are."""
RUNNERS = {"seed", "seeds", "executor"}
"""Flags of all scripts, which the runner alone reads (`tests/train`)."""
AUTOENCODERS, LAYERED = "jaxdl.systems.autoencoder", "jaxdl.systems.greedy_pretraining"
TWO = "jaxdl.systems.generative_vs_discriminative"
CURVES = dict(cases=("correlated",), sizes=(4, 8), draws=7, inputs=7)
CURVES |= dict(ridge=0.7, penalty=0.7)
DISTRIBUTIONS = dict(digit=7, image_ridge=0.7, samples=77)
HANDED = [
    (
        *("autoencoder", f"{AUTOENCODERS}.cases.make_variational_evaluate"),
        *(ONE | dict(cases=("variational",)), dict(likelihood_samples=7)),
    ),
    ("dcgan", "make_dcgan_evaluate", GAN, dict(measured_samples=77)),
    (
        *("dcgan", "jaxdl.systems.dcgan.extras.make_arithmetic_measure"),
        *(GAN | dict(data="coloured_digits"), dict(arithmetic_trials=7)),
    ),
    ("gan", "make_gan_evaluate", GAN, dict(parzen_samples=7)),
    (
        *("greedy_pretraining", f"{LAYERED}.sklearn_baselines.svm_errors"),
        *(LAYERS | dict(cases=("svm",)), dict(svm_penalty=7.0, svm_gamma=0.7)),
    ),
    (
        *("greedy_pretraining", f"{LAYERED}.sklearn_baselines.forest_errors"),
        *(LAYERS | dict(cases=("forest",)), dict(trees=7)),
    ),
    (
        *(
            "generative_vs_discriminative",
            f"{TWO}.learning_curves.make_curves_evaluate",
        ),
        *(dict(cases=("clusters",)), CURVES),
    ),
    (
        *(
            "generative_vs_discriminative",
            f"{TWO}.learning_curves.make_curves_evaluate",
        ),
        *(dict(cases=("images",)), dict(pair=(4, 7))),
    ),
    (
        "generative_vs_discriminative",
        f"{TWO}.distributions.make_distributions_evaluate",
        *(dict(cases=("distributions",)), DISTRIBUTIONS),
    ),
    (
        *("vanishing_gradient", "make_study_evaluate"),
        *(dict(cases=("initialisation",)), dict(depths=(1, 7), study_size=7)),
    ),
]
"""Flags of evaluations: script, the function that is given them, a run, the flags."""
OF_DATA = ("target", "train_on")
"""Flags that need not change more than the data."""
NAMES = {"data", "classifier_digest"}
"""Flags that say which files were read."""
UNUSED = {
    "generative_vs_discriminative": {"batch_size", "steps"},
    "perceptron": {"batch_size"},
    "rbm": {"enumerate"},
    "xor": {"batch_size"},
}
"""Flags that have one value only, or only refuse what cannot be."""
CASES = [
    pytest.param(name, base, field, value, way, id=f"{name}-{field}-{number}")
    for name, groups in FLAGS.items()
    for number, (base, flags, step) in enumerate(groups)
    for way, changes in (("changed", flags), ("retold", step))
    for field, value in changes.items()
]


@pytest.fixture(scope="module")
def run():
    """`run(name, base)`: the run of a script with some flags, made once."""

    @functools.cache
    def make(name, items):
        given = dict(items)
        script = load_script(find_system(name))
        kind = getattr(script, given.pop("kind", "Config"))
        evaluated = given.pop("evaluated", False)
        return Run(script, kind(**given), evaluated)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer_data, "load_images", toy_images)
        patch.setattr(programs, "_cache", collections.OrderedDict())
        patch.setitem(NETS, "squeezenet", lambda: toy_net(2))
        patch.setitem(NETS, "mobilenet", lambda: toy_net(3))
        yield lambda name, base: make(name, tuple(base.items()))


@pytest.mark.parametrize(("name", "base", "field", "value", "way"), CASES)
def test_a_flag_changes_what_is_computed(run, name, base, field, value, way):
    before = run(name, base)
    different = before.differences(getattr(before, way)(**{field: value}))
    if field not in OF_DATA:  # new names and checksums are not enough
        different = (part for part in different if part != "data")
    first = next(different, None)
    assert first, f"--{field} of {name} changes nothing"
    if field in ("steps", "logistic_steps", "pretrain_steps"):
        kinds = {x.split()[0] for x in (first, *different)}
        assert "steps" in kinds, f"--{field} of {name} changes no number of steps"
        if field == "steps" and name in FALLING:
            assert "step" in kinds, f"the rate of {name} knows no --steps"


@pytest.mark.parametrize("way", ["changed", "retold"])
def test_the_same_flags_change_nothing(run, way):
    before = run("rbm", FLAGS["rbm"][0].base)
    assert list(before.differences(getattr(before, way)(steps=SMALL["steps"]))) == []


def test_every_flag_is_changed_above_or_elsewhere():
    for system in find_systems():
        if system.toy is None:
            continue
        script, groups = load_script(system), FLAGS.get(system.name, [])
        kinds = {getattr(script, g.base.get("kind", "Config")) for g in groups}
        kinds = kinds or {script.Config}
        deciding = set().union(*(deciding_fields(kind()) for kind in kinds))
        changed = set().union(*({*g.flags, *g.step} for g in groups))
        handed = set().union(
            *(flags for name, *_, flags in HANDED if name == system.name)
        )
        assert deciding - changed - handed <= RUNNERS | NAMES | UNUSED.get(
            system.name, set()
        )


def told(x):
    """What an argument says of the flags, as numbers and tuples."""
    if isinstance(x, functools.partial):
        return sorted(x.keywords.items())
    if isinstance(x, two_classes.Problem):
        return x.num_inputs, float(x.draw(jax.random.key(0), 4)[0].sum())
    if isinstance(x, jax.Array | np.ndarray):
        return float(x.sum())
    if isinstance(x, tuple):
        return x if all(isinstance(y, int | str) for y in x) else None
    return x if isinstance(x, int | float) else None


@pytest.mark.parametrize(("name", "target", "base", "flags"), HANDED)
def test_a_flag_of_an_evaluation_is_handed_on(
    run, monkeypatch, name, target, base, flags
):
    monkeypatch.setattr(programs, "_cache", collections.OrderedDict())
    given = []

    def remember(*args, **options):
        given.append(list(map(told, (*args, *options.values()))))
        return lambda *args, **options: {}

    script, config = run(name, base).script, run(name, base).config
    module, _, target = target.rpartition(".")
    module = importlib.import_module(module) if module else script
    monkeypatch.setattr(module, target, remember)
    if name == "dcgan":
        classifier = Classifier(jnp.sin, jnp.sin, 0.0, "", "", (8, 8, 1), 10)
        monkeypatch.setattr(script, "load_classifier", lambda cfg: classifier)
    for changes in ({}, *({field: value} for field, value in flags.items())):
        plan = script.plan(dataclasses.replace(config, **changes))
        for training in programs.trainings(plan.work, plan.data, plan.config):
            evaluate = training.phases[-1].experiment.evaluate
            if name == "greedy_pretraining":  # hands on when it evaluates
                evaluate(None, plan.data, jax.random.key(0), True)
    first, *others = given
    ignored = [x for x, found in zip(flags, others, strict=True) if found == first]
    assert not ignored


@pytest.mark.parametrize("name", FALLING)
def test_rates_fall_from_the_flag_to_zero(run, name, monkeypatch):
    """Schedules at their highest and at the last step; one falls to a tenth."""
    monkeypatch.setattr(programs, "_cache", collections.OrderedDict())
    made = []

    def remember(make):
        def schedule(*args, **options):
            made.append(make(*args, **options))
            return made[-1]

        return schedule

    kinds = "linear_schedule cosine_decay_schedule warmup_cosine_decay_schedule"
    for kind in kinds.split():
        monkeypatch.setattr(optax, kind, remember(getattr(optax, kind)))
    small = run(name, FLAGS[name][0].base)
    rates = ("gen_learning_rate", "disc_learning_rate", "learning_rate")
    rates = {x: 0.3 + 0.1 * i for i, x in enumerate(rates) if hasattr(small.config, x)}
    plan = small.script.plan(dataclasses.replace(small.config, steps=50, **rates))
    for _ in programs.trainings(plan.work, plan.data, plan.config):
        pass  # building them makes the schedules
    highest = [max(float(f(i)) for i in range(50)) for f in made]
    players = 2 if name == "gan" else 1  # with a schedule each
    np.testing.assert_allclose(highest, [*rates.values()] * players, rtol=1e-6)
    last = [float(f(50)) for f in made]
    np.testing.assert_allclose(
        last, [0, 0.04] if name == "gan_theory" else 0, atol=1e-7
    )
