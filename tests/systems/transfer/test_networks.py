"""The parts of transfer learning, on a net that gives its pictures back."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.ops.images import unit_images
from jaxdl.systems.transfer import learners
from jaxdl.systems.transfer.networks import (
    Body,
    Pretrained,
    frozen,
    read_features,
    whole,
)
from jaxdl.types import Model

SIDE = 7


def flat(params, x, *, statistics=None):
    rows = x.reshape(len(x), -1) * params["scale"]
    return rows if statistics is None else rows + statistics["shift"]


def init(key):
    return {"scale": jax.random.normal(key, ())}


BODY = Body(Model(init, flat), SIDE * SIDE * 3, unit_images, SIDE)


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.integers(0, 256, (4, 3, 3, 3), np.uint8))
    given = Pretrained({"scale": jnp.array(2.0), "other": 1.0}, {"shift": 0.25})
    features = read_features(BODY, given, image)
    return SimpleNamespace(image=image, features=features), given


def test_features_equal_those_of_pytorch(examples):
    torch = pytest.importorskip("torch")
    found, _ = examples
    x = torch.tensor(np.asarray(found.image)).permute(0, 3, 1, 2) / 255
    x = torch.nn.functional.interpolate(x, (SIDE, SIDE), mode="bilinear")
    rows = (2 * x + 0.25).permute(0, 2, 3, 1).reshape(4, -1)
    expected = torch.nn.functional.layer_norm(rows, rows.shape[1:])
    np.testing.assert_allclose(found.features, expected, atol=2e-5)


def test_the_whole_net_and_its_last_layer_agree(examples):
    found, given = examples
    net, layer = (
        whole(BODY, 5, pretrained=True),
        frozen(BODY, 5),
    )
    params = net.init(jax.random.key(0), given)
    assert set(params["body"]) == {"scale"}  # what is not of the body is left out
    head = jax.tree.map(lambda leaf: leaf + 0.3, params["head"])
    head[0]["kernel"] += jnp.arange(head[0]["kernel"].size).reshape(-1, 5) % 7
    finished = net.finish(params | {"head": head}, given, found)
    np.testing.assert_allclose(
        net.predict(finished, found), layer.predict(head, found), rtol=1e-5
    )


def test_images_are_mirrored_in_training_only(examples):
    found, given = examples
    net = whole(BODY, 5, pretrained=True)
    params = net.init(jax.random.key(0), given)
    kernel = jax.random.normal(jax.random.key(1), params["head"][0]["kernel"].shape)
    params["head"][0]["kernel"] = kernel
    straight = net.predict((params, given.statistics), found)
    flipped = SimpleNamespace(image=found.image[:, :, ::-1])
    mirrored = net.predict((params, given.statistics), flipped)
    trained = net.logits(params, given, found, jax.random.key(2))
    for row, *two in zip(trained, straight, mirrored, strict=True):
        assert any(np.allclose(row, one, atol=1e-4) for one in two)
    assert not np.allclose(straight, mirrored, atol=1e-2)


@pytest.mark.parametrize("pretrained", [True, False])
def test_training_normalises_by_the_given_statistics_or_by_the_minibatch(
    examples, pretrained
):
    found, given = examples
    seen = []

    def apply(params, x, *, statistics=None):
        seen.append(statistics)
        return flat(params, x, statistics=statistics)

    net = whole(Body(Model(init, apply), *BODY[1:]), 5, pretrained=pretrained)
    params = net.init(jax.random.key(0), given)
    net.logits(params, given, found, jax.random.key(1))
    assert seen == [given.statistics if pretrained else None]


def test_new_weights_do_not_depend_on_those_given(examples):
    _, given = examples
    net = whole(BODY, 5, pretrained=False)
    new, again = (net.init(jax.random.key(0), it) for it in (None, given))
    jax.tree.map(np.testing.assert_array_equal, new, again)
    assert float(new["body"]["scale"]) != 2


def test_the_small_net_draws_by_three_keys(examples, monkeypatch):
    seen, asked = [], []

    def remember(key, images, **options):
        seen.append(key)
        asked.append(options)
        return images

    def apply(params, x, *, key):
        seen.append(key)
        return x

    monkeypatch.setattr(learners, "randomly_mirrored", remember)
    monkeypatch.setattr(learners, "randomly_shifted", remember)
    monkeypatch.setattr(learners, "modern_lenet", lambda *a, **k: Model(None, apply))
    learners.small().logits(None, None, examples[0], jax.random.key(0))
    keys = {tuple(jax.random.key_data(key).tolist()) for key in seen}
    assert len(seen) == 3 == len(keys)
    assert asked == [{}, {"most": 4}]
