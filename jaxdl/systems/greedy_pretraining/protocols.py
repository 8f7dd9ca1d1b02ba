"""Protocols of test errors, and the published ones beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdl.data import Images
from jaxdl.ledger.published import read_published
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.settings import BASELINES, SETTINGS
from jaxdl.train.protocol import epochs

FIGURES = {
    "mnist": {
        "none": "bengio-mnist-none",
        "dbn3": "vincent-mnist-dbn3",
        "sae3": "vincent-mnist-sae3",
        "sdae3": "vincent-mnist-sdae3",
        "svm": "vincent-mnist-svm",
    },
    "mnist, all": {"dbn3": "hinton-mnist-dbn-backprop"},
    "mnist_basic": {
        "dbn3": "vincent-basic-dbn3",
        "sae3": "vincent-basic-sae3",
        "sdae3": "vincent-basic-sdae3",
        "svm": "vincent-basic-svm",
    },
}
"""Ids of published errors by data, split and kind of net."""


def make_protocol(cfg: Config, data: Images) -> dict[str, Any]:
    """Protocol of a case's test error, with the published figure beside it."""
    (name,) = cfg.cases
    shared = {
        "data": data.name,
        "train_images": len(data.train.image),
        "validation_images": 0 if cfg.train_on == "all" else len(data.validation.image),
        "test_images": len(data.test.image),
    }
    if data.name == "mnist_basic":
        shared["drawn"] = "in the order of the files"
    if name in BASELINES:
        model, parameters = {
            "svm": (
                "SVM, Gaussian kernel",
                f"C {cfg.svm_penalty:g}, gamma {cfg.svm_gamma:g}",
            ),
            "forest": ("random forest", f"{cfg.trees} trees"),
        }[name]
        how = {"model": model, "parameters": parameters}
        return published_id(cfg, name) | shared | how
    setting = SETTINGS[name]
    images = len(data.train.image)
    kind, detail = {
        "none": ("none", ""),
        "rbm": ("Boltzmann machines", "CD-1, "),
        "autoencoder": ("autoencoders", ""),
        "denoising": (
            "denoising autoencoders",
            f"{100 * cfg.noise:g} % of inputs masked, ",
        ),
    }[setting.pretraining]
    long = f"{epochs(cfg.pretrain_steps, cfg.batch_size, images)} a layer"
    how = {
        "model": f"{setting.style.hidden} {'-'.join(map(str, cfg.hidden_sizes))}",
        "pretraining": kind,
        "pretrained": "no" if kind == "none" else detail + long,
        "trained": epochs(cfg.steps, cfg.batch_size, images),
        "optimizer": f"{setting.style.optimizer}, {cfg.learning_rate:g} falling "
        "linearly to 0",
        "step_chosen_on": "none, the last one",
    }
    return published_id(cfg, setting.published) | shared | how


def published_id(cfg: Config, name: str | None) -> dict[str, str]:
    """The field `published` of a protocol, if a figure of that name is comparable."""
    split = cfg.data + (", all" if cfg.train_on == "all" else "")
    figures = FIGURES.get(split, {})
    return {} if name not in figures else {"published": figures[name]}


def published_errors(configs: Mapping[str, Any]) -> dict[str, float]:
    """Published test errors, in percent, of the cases that have one.

    Args:
      configs: of each case.
    """
    rows = read_published(Path(__file__).with_name("published.json"))
    found = {}
    for name, cfg in configs.items():
        figure = name if name in BASELINES else SETTINGS[name].published
        row = rows.get(published_id(cfg, figure).get("published", ""))
        if row:
            found[name] = float(row.value)
    return found
