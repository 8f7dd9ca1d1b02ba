"""Small GANs on the 8x8 digits, for the calibration of the health verdict.

Ten recipes under which some runs cover the ten classes and some do not. The truth is
in 2,500 samples, classified by a support vector machine that learned the real digits: a
run has collapsed if its effective number of classes, exp of the entropy of their
shares, is below 80 % of ten. One image a class would pass; so would samples that look
like no digit, if they spread over the classes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.adversarial import losses as adversarial
from jaxdl.adversarial.networks import mlp_gan, with_mean_image
from jaxdl.adversarial.objectives import make_gan_losses
from jaxdl.adversarial.step import make_gan_init, make_gan_step
from jaxdl.data import Images, load_images
from jaxdl.ops.images import mean_image, unit_pixels
from jaxdl.systems.gan_modes.measures import NUM_SAMPLES

NUM_CLASSES = 10


class ImageSetting(NamedTuple):
    """One way to train a small GAN on digits."""

    learning_rate: float = 5e-4  # the generator's at first; it falls linearly to 0
    disc_speed: float = 1.0  # the discriminator's learning rate over the generator's
    minimax: bool = False
    latent_size: int = 32
    hidden_size: int = 128
    dropout: float = 0.3
    disc_steps: int = 1
    batch_size: int = 64


SETTINGS = [
    ImageSetting(),
    ImageSetting(learning_rate=2e-3),
    ImageSetting(disc_speed=0.25),
    ImageSetting(learning_rate=1e-3, disc_speed=0.5),
    ImageSetting(disc_speed=4.0),
    ImageSetting(disc_speed=0.5, minimax=True),
    ImageSetting(latent_size=2, batch_size=128),
    ImageSetting(latent_size=3, hidden_size=64),
    ImageSetting(hidden_size=32, disc_steps=2),
    ImageSetting(learning_rate=1e-3, dropout=0.0),
]
OTHER_SETTINGS = [
    ImageSetting(learning_rate=1e-3, disc_speed=2.0, hidden_size=64),
    ImageSetting(learning_rate=1e-3, disc_speed=0.25, dropout=0.0),
    ImageSetting(learning_rate=3e-3, latent_size=8, batch_size=128),
    ImageSetting(learning_rate=1e-3, minimax=True, latent_size=2, disc_steps=2),
    ImageSetting(disc_speed=0.35, hidden_size=64),
]


class ImageRun(NamedTuple):
    """What training with one setting and one seed left behind."""

    setting: ImageSetting
    seed: int
    logged: dict[str, np.ndarray]  # [time] each
    shares: np.ndarray  # of the classes among the samples, [class]


def make_classifier(images: Images):
    """A support vector machine that learned the training split (scikit-learn)."""
    from sklearn.svm import SVC

    rows = np.asarray(unit_pixels(images.train.image))
    return SVC(C=10).fit(rows, np.asarray(images.train.label))


def make_program(setting: ImageSetting, image: np.ndarray, steps: int, log_every: int):
    """`program(rates, minimax, keys)`: train GANs in turn; logs [run time], samples.

    Args:
      setting: whose networks and sizes are compiled in.
      image: uint8 images to learn.
      steps: of each run.
      log_every: steps between lines of the log.
    """
    gan = mlp_gan(
        image[0].size,
        latent_size=setting.latent_size,
        hidden_size=setting.hidden_size,
        dropout=setting.dropout,
    )
    rows, means = unit_pixels(image), mean_image(image)

    def train(args):
        rates, minimax, key = args

        def generator_loss(fake_logits):
            return jnp.where(
                minimax,
                adversarial.minimax_generator_loss(fake_logits),
                adversarial.non_saturating_generator_loss(fake_logits),
            )

        losses = make_gan_losses(
            gan.generator.apply,
            gan.discriminator.apply,
            gan.latent_size,
            generator_loss=generator_loss,
            real=lambda batch: batch,
        )
        updates = steps, steps * setting.disc_steps
        optimizers = [
            optax.adam(optax.linear_schedule(rates[player], 0, updates[player]), 0.5)
            for player in range(2)
        ]
        step = make_gan_step(*losses, *optimizers)
        init_key, batch_key, sample_key = jax.random.split(key, 3)

        def body(state, i):
            key = jax.random.fold_in(batch_key, i)
            size = setting.disc_steps, setting.batch_size
            return step(state, rows[jax.random.randint(key, size, 0, len(rows))])

        def adapt(params, _):
            return with_mean_image(params, means)

        init = make_gan_init(*gan[:2], *optimizers, adapt=adapt)
        state, metrics = jax.lax.scan(
            body, init(init_key, None, None), jnp.arange(steps)
        )
        z = jax.random.normal(sample_key, (NUM_SAMPLES, gan.latent_size))
        logged = {name: x[log_every - 1 :: log_every] for name, x in metrics.items()}
        return logged, gan.generator.apply(state.gen_params, z)

    return jax.jit(lambda *args: jax.lax.map(train, args))


def simulate_images(
    settings: Sequence[ImageSetting], seeds: Sequence[int], steps: int, log_every: int
) -> list[ImageRun]:
    """Every setting with every seed; settings of the same sizes are one program."""
    images = load_images("digits")
    classifier = make_classifier(images)
    alike: dict[Any, list[ImageSetting]] = {}
    for setting in settings:
        sizes = setting._replace(learning_rate=0.0, disc_speed=0.0, minimax=False)
        alike.setdefault(sizes, []).append(setting)
    runs = []
    for sizes, chosen in alike.items():
        pairs = [(setting, seed) for setting in chosen for seed in seeds]
        rates = [s.learning_rate * np.array([1.0, s.disc_speed]) for s, _ in pairs]
        minimax = [setting.minimax for setting, _ in pairs]
        keys = jax.vmap(jax.random.key)(jnp.array([seed for _, seed in pairs]))
        program = make_program(sizes, images.train.image, steps, log_every)
        logged, samples = program(jnp.array(rates), jnp.array(minimax), keys)
        for i, (setting, seed) in enumerate(pairs):
            own = {name: np.asarray(values[i]) for name, values in logged.items()}
            called = classifier.predict(np.asarray(samples[i]))
            shares = np.bincount(called, minlength=NUM_CLASSES) / len(called)
            runs.append(ImageRun(setting, seed, own, shares))
    return runs
