"""Transfer learning: what a net trained on ImageNet saves on few images of CIFAR-10.

    python experiments/transfer.py
    python experiments/transfer.py pretrained --weights FOLDER
    python experiments/transfer.py full --weights FOLDER

Four ways to ten classes from 10 to 4,000 images: a linear layer on the features of the
pretrained net (`frozen`), the whole net trained on from there (`tuned`; Kumar et al.,
"Fine-tuning can distort pretrained features", 2022), the same net from new weights
(`scratch`), and from new weights a small net that suits images of 32x32 (`small`).
Training sets of a seed are nested, and the same for all. Each way has a recipe of its
own; test error against training size: experiments/results. FOLDER holds the published
weights of SqueezeNet 1.1, which the default does without: it compares new nets only.
"""

import jaxdl.startup  # noqa: F401  before all others: ends cleanly at Ctrl-C

import dataclasses
import itertools
import sys
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32

from jaxdl.cli import start
from jaxdl.data import balanced_order
from jaxdl.measures import error_percent
from jaxdl.ops import softmax_cross_entropy
from jaxdl.systems.transfer.config import Config, Method, head_config, training_of
from jaxdl.systems.transfer.data import FeaturedImages, load_data, rows
from jaxdl.systems.transfer.figures import transfer_figures
from jaxdl.systems.transfer.learners import CLASSES, NETS, Spec, make_learner
from jaxdl.systems.transfer.measures import make_transfer_evaluate
from jaxdl.systems.transfer.protocols import make_protocol
from jaxdl.train import step
from jaxdl.train.experiment import Case, Experiment, Phase, Plan, Sweep
from jaxdl.train.runner import run
from jaxdl.train.state import TrainState

PRESETS = {
    "new": Config(),
    "pretrained": Config(methods=get_args(Method)),
}


class State(NamedTuple):
    """A net in training, and the images that it is trained on."""

    training: TrainState
    subset: Int32[Array, " size"]


def make_experiment(cfg: Config, data: FeaturedImages) -> Experiment:
    """The experiment of a configuration with one method and one size."""
    (method,), (size,) = cfg.methods, cfg.sizes
    spec = Spec(method, cfg.net, cfg.image_size)
    learner = make_learner(spec)
    steps, batch_size, learning_rate, decay = training_of(cfg)
    rate = optax.linear_schedule(learning_rate, 0, max(steps, 1))
    optimizer = optax.adamw(rate, weight_decay=decay)

    def init(key, data, previous):
        if previous is None:
            order_key = jax.random.fold_in(key, 2)  # the same for every method
            order = balanced_order(order_key, data.train.label, num_classes=CLASSES)
            subset = order[:size]
        else:
            subset = previous.subset
        key, params_key = jax.random.split(key)
        params = learner.init(params_key, data.pretrained)
        if previous is not None:  # the layer that was trained alone
            params |= {"head": previous.training.params}
        return State(TrainState(key, params, optimizer.init(params)), subset)

    def batch(data, key, step):
        if size <= batch_size:
            return data, jnp.arange(size)
        key = jax.random.fold_in(key, step)
        return data, jax.random.randint(key, (batch_size,), 0, size)

    def loss_fn(params, batch, key):
        pretrained, examples = batch
        logits = learner.logits(params, pretrained, examples, key)
        loss = jnp.mean(softmax_cross_entropy(logits, examples.label))
        return loss, {"loss": loss, "error": error_percent(logits, examples.label)}

    train_step = step.make_train_step(loss_fn, optimizer)

    def one_step(state, batch):
        data, position = batch
        examples = rows(data.train, state.subset[position])
        training, metrics = train_step(state.training, (data.pretrained, examples))
        return State(training, state.subset), metrics

    measure = {"train": "validation_error", "all": "test_error"}[cfg.train_on]
    return Experiment(
        init=init,
        step=one_step,
        evaluate=make_transfer_evaluate(spec, measure),
        figures=lambda record: {},
        batch=batch,
        protocols={measure: make_protocol(cfg, data)},
    )


def make_tuning(cfg: Config, data: FeaturedImages) -> list[Phase]:
    """The last layer alone, then the whole net from there."""
    head = head_config(cfg)
    head_experiment = make_experiment(head, data)._replace(protocols={})  # no result
    whole = Phase("whole", training_of(cfg).steps, make_experiment(cfg, data))
    return [Phase("head", training_of(head).steps, head_experiment), whole]


def make_case(cfg: Config, method: Method, size: int) -> Case:
    """One method with one size."""
    changes = dict(methods=(method,), sizes=(size,), weights=None, out=None)
    cfg = dataclasses.replace(cfg, **changes)
    cfg = dataclasses.replace(cfg, **training_of(cfg)._asdict())
    if cfg.eval_every is None:
        cfg = dataclasses.replace(cfg, eval_every=max(1, training_of(cfg).steps))
    return Case(cfg, make_tuning if method == "tuned" else make_experiment)


def plan(cfg: Config) -> Plan:
    """Each method with each size, on the images with their features."""
    data = load_data(cfg, NETS[cfg.net])
    pairs = itertools.product(cfg.sizes, cfg.methods)
    cases = {f"{method}-{size}": make_case(cfg, method, size) for size, method in pairs}
    return Plan("transfer", Sweep(cases, transfer_figures), data, cfg)


def train(cfg: Config) -> int:
    """Run the cases."""
    return run(*plan(cfg)).exit_code


def main(argv=None) -> int:
    """The command line; returns the exit code."""
    return start(PRESETS, train, argv, script=__file__)


if __name__ == "__main__":
    sys.exit(main())
