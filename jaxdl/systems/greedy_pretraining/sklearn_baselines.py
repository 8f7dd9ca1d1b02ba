"""Baselines from scikit-learn: a support vector machine and a random forest."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.data.load import Images, Split
from jaxdl.systems.greedy_pretraining.config import Config
from jaxdl.systems.greedy_pretraining.protocols import make_protocol
from jaxdl.train.experiment import Experiment


def make_baseline(cfg: Config, data: Images) -> Experiment:
    """A classifier of scikit-learn's, fitted when it is evaluated."""

    def evaluate(state, data, key, final):
        name = cfg.watched
        if cfg.cases == ("svm",):
            return svm_errors(
                data, penalty=cfg.svm_penalty, gamma=cfg.svm_gamma, watched=name
            )
        seed = int(jax.random.bits(key) >> 1)
        return forest_errors(data, trees=cfg.trees, seed=seed, watched=name)

    return Experiment(
        init=lambda key, data, previous: key,
        step=lambda key, batch: (key, {}),
        evaluate=evaluate,
        figures=lambda record: {},
        batch=lambda data, key, step: None,
        protocols={"test_error": make_protocol(cfg, data)},
    )


def svm_errors(
    data: Images,
    *,
    penalty: float,
    gamma: float,
    watched: str = "validation",
    megabytes: int = 1000,
) -> dict[str, float]:
    """Errors of a support vector machine with a Gaussian kernel, in percent.

    k(x, y) = exp(-gamma |x - y|^2) on pixels in [0, 1]; classes one against one.

    Args:
      data: trained on its training split.
      penalty: C, of margins that are violated.
      gamma: of the kernel.
      watched: the validation split's name in the metrics, for where it is one that is
        trained on.
      megabytes: of kernel values kept at hand in training.

    Returns:
      `<watched>_error`, `test_error` and `support_vectors`, how many there are.

    References:
      Cortes & Vapnik, "Support-vector networks", 1995.
    """
    from sklearn.svm import SVC

    model = SVC(C=penalty, gamma=gamma, cache_size=megabytes)
    model.fit(_pixels(data.train), np.asarray(data.train.label))
    return _errors(model, data, watched) | {
        "support_vectors": float(len(model.support_))
    }


def forest_errors(
    data: Images, *, trees: int, seed: int, watched: str = "validation"
) -> dict[str, float]:
    """Errors of a random forest, in percent: `<watched>_error` and `test_error`.

    Args:
      data: trained on its training split.
      trees: how many; each sees a bootstrap sample, and the square root of the number
        of pixels at each split.
      seed: of its draws.
      watched: as for `svm_errors`.

    References:
      Breiman, "Random forests", 2001.
    """
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(trees, random_state=seed, n_jobs=-1)
    model.fit(_pixels(data.train), np.asarray(data.train.label))
    return _errors(model, data, watched)


def _errors(model: Any, data: Images, watched: str) -> dict[str, float]:
    return {
        f"{watched}_error": _percent(model, data.validation),
        "test_error": _percent(model, data.test),
    }


def _percent(model: Any, split: Split) -> float:
    labels: Int[np.ndarray, " n"] = np.asarray(split.label)
    return 100 * float(np.mean(model.predict(_pixels(split)) != labels))


def _pixels(split: Split) -> np.ndarray:
    return np.asarray(split.image).reshape(len(split.image), -1) / np.float32(255)
