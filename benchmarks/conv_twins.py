"""Training LeNet and DCGAN, and the same in PyTorch, for benchmarks/conv.py.

Ours are the steps of experiments/lenet.py on MNIST's size and of experiments/dcgan.py
on MNIST's and CIFAR-10's, with those recipes, and minibatches drawn with replacement.
The twins have the same layers, losses, Adam and batches, and begin from the same
weights (Adam's rate stays constant where ours falls along a cosine). They hold the
images as one float tensor, compute no metrics, draw samples for the discriminator
without a tape and, in the generator's step, no gradients of the discriminator.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from harness import Data, enlarged_digits, load_script
from torch import nn
from torch.nn import functional

from jaxdl.adversarial.networks import GAN
from jaxdl.data.load import Images, Split
from jaxdl.models.lenet import LeNet, build_lenet
from jaxdl.models.lenet_layers import C3_INPUTS
from jaxdl.systems.dcgan.data import image_shape
from jaxdl.train.runner import Experiment
from jaxdl.train.seeds import seed_keys
from jaxdl.train.step import make_uniform_batch
from jaxdl.types import Params

NUM_IMAGES = 20_000
NAMES = {"kernel": "weight", "scale": "weight", "shift": "bias", "bias": "bias"}


class Case(NamedTuple):
    """A training on both sides.

    Attributes:
      experiment: ours, as the runner takes it.
      net: our networks.
      image_shape: height, width and channels.
      batch_size: images in one minibatch.
      make_twins: the same networks in PyTorch, with fresh weights.
      torch_loop: `torch_loop(case, data, fused=, channels_last=)`, the `side(steps)`
        that trains the twins.
    """

    experiment: Experiment
    net: LeNet | GAN
    image_shape: tuple[int, int, int]
    batch_size: int
    make_twins: Callable[[], tuple[nn.Module, ...]]
    torch_loop: Callable[..., Callable[[int], None]]


def lenet_case(model: str, **options: Any) -> Case:
    """The training of experiments/lenet.py; `options` go before its recipe."""
    script = load_script("experiments/lenet.py")
    cfg = dataclasses.replace(script.PRESETS["mnist"], model=model, **options)
    shape = (28, 28, 1)
    twin = {"lenet5": lenet5_twin, "modern": modern_twin}[model]
    return Case(
        script.make_experiment(cfg, form_of_data("mnist", shape))._replace(
            batch=make_uniform_batch(cfg.batch_size)
        ),
        build_lenet(model, shape),
        shape,
        cfg.batch_size,
        lambda: (twin(),),
        lenet_loop,
    )


def form_of_data(name: str, image_shape: tuple[int, int, int]) -> Images:
    """Images of which only the form counts."""
    split = Split(jnp.zeros((1, *image_shape), jnp.uint8), jnp.zeros(1, jnp.int32))
    return Images(split, split, split, name, "0" * 64)


def dcgan_case(data: str, **options: Any) -> Case:
    """The training of experiments/dcgan.py, likewise."""
    script = load_script("experiments/dcgan.py")
    cfg = dataclasses.replace(script.PRESETS[data], **options)
    shape = image_shape(cfg)
    sizes = shape, cfg.base_channels

    def make_twins():
        return generator_twin(*sizes, cfg.latent_size), discriminator_twin(*sizes)

    gan, _ = script.build(cfg)
    experiment = script.make_experiment(cfg, form_of_data(data, shape))
    return Case(experiment, gan, shape, cfg.batch_size, make_twins, dcgan_loop)


CASES = {
    "LeNet-5": lambda: lenet_case("lenet5"),
    "modern LeNet": lambda: lenet_case("modern"),
    "DCGAN 28x28x1": lambda: dcgan_case("mnist"),
    "DCGAN 32x32x3": lambda: dcgan_case("cifar10_subset"),
}


def make_data(image_shape: tuple[int, int, int], num: int = NUM_IMAGES) -> Data:
    """Digits in a size of 28 pixels or more, the same in every channel."""
    border = (image_shape[0] - 28) // 2
    image = jnp.pad(
        enlarged_digits(num), ((0, 0), (border,) * 2, (border,) * 2, (0, 0))
    )
    label = jnp.arange(num, dtype=jnp.int32) % 10
    return Data(Split(jnp.repeat(image, image_shape[2], axis=3), label))


class Apply(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class FromMaps(nn.Linear):
    """A dense layer over all entries of some maps."""

    def __init__(self, side: int, channels: int, out_size: int):
        super().__init__(side * side * channels, out_size)
        self.side = side

    def forward(self, x):
        return super().forward(x.flatten(1))


class ToMaps(nn.Linear):
    """A dense layer without bias that gives maps."""

    def __init__(self, in_size: int, side: int, channels: int):
        super().__init__(in_size, side * side * channels, bias=False)
        self.side, self.channels = side, channels

    def forward(self, x):
        return super().forward(x).unflatten(1, (self.channels, self.side, self.side))


class TrainablePool(nn.Module):
    """a s + b, with s the sum of each 2x2 window."""

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.empty(maps))

    def forward(self, x):
        sums = functional.avg_pool2d(x, 2, divisor_override=1)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]


class PartialConv(nn.Conv2d):
    """C3: the kernels of connections that are not there are held at 0."""

    def __init__(self):
        super().__init__(6, 16, 5)
        mask = [[i in inputs for i in range(6)] for inputs in C3_INPUTS]
        self.register_buffer("mask", torch.tensor(mask)[:, :, None, None].float())

    def forward(self, x):
        return functional.conv2d(x, self.weight * self.mask, self.bias)


def _net(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


def _as_input(x: torch.Tensor) -> torch.Tensor:
    return 1.275 * functional.pad(x, (2, 2, 2, 2)) - 0.1


def lenet5_twin() -> nn.Module:
    """LeNet-5; layers have the names of ours."""
    squash = Apply(lambda z: 1.7159 * torch.tanh(z * (2 / 3)))
    return _net(
        **dict(input=Apply(_as_input), c1=nn.Conv2d(1, 6, 5), f1=squash),
        **dict(s2=TrainablePool(6), f2=squash, c3=PartialConv(), f3=squash),
        **dict(s4=TrainablePool(16), f4=squash, c5=FromMaps(5, 16, 120), f5=squash),
        **dict(f6=nn.Linear(120, 84), f7=squash, out=nn.Linear(84, 10)),
    )


def modern_twin() -> nn.Module:
    """Today's LeNet."""
    relu, pool, drop = nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)
    return _net(
        **dict(input=Apply(_as_input), c1=nn.Conv2d(1, 16, 5), f1=relu, s2=pool),
        **dict(c3=nn.Conv2d(16, 32, 5), f3=relu, s4=pool),
        **dict(c5=FromMaps(5, 32, 120), f5=relu, d5=drop),
        **dict(f6=nn.Linear(120, 84), f7=relu, d6=drop, out=nn.Linear(84, 10)),
    )


def _num_halvings(side: int) -> int:
    return 2 if side == 28 else 3


def generator_twin(image_shape, base_channels: int, latent_size: int) -> nn.Module:
    """The generator of `jaxdl.systems.dcgan.networks` at 28 or 32 pixels."""
    halvings = _num_halvings(image_shape[0])
    width, low = base_channels * 2 ** (halvings - 1), image_shape[0] >> halvings
    layers = {"Dense_0": ToMaps(latent_size, low, width)}
    for i in range(halvings):
        layers |= {
            f"BatchNorm_{i}": nn.BatchNorm2d(width, track_running_stats=False),
            f"f{i}": nn.ReLU(),
        }
        last = i == halvings - 1
        out = image_shape[2] if last else width // 2
        conv = nn.ConvTranspose2d(width, out, 4, stride=2, padding=1, bias=last)
        layers["out" if last else f"ConvTranspose_{i}"] = conv
        width //= 2
    return _net(**layers, pixels=Apply(lambda x: (1 + torch.tanh(x)) / 2))


def discriminator_twin(image_shape, base_channels: int) -> nn.Module:
    """The discriminator, likewise."""
    halvings, width = _num_halvings(image_shape[0]), image_shape[2]
    layers: dict[str, nn.Module] = {"input": Apply(lambda x: 2 * x - 1)}
    for i in range(halvings):
        out = base_channels * 2**i
        layers[f"Conv_{i}"] = nn.Conv2d(width, out, 4, 2, padding=1, bias=i == 0)
        if i > 0:
            layers[f"BatchNorm_{i - 1}"] = nn.BatchNorm2d(
                out, track_running_stats=False
            )
        layers[f"f{i}"], width = nn.LeakyReLU(0.2), out
    head = FromMaps(image_shape[0] >> halvings, width, 1)
    return _net(**layers, out=head, flat=nn.Flatten(0))


def torch_layout(params: Params, net: nn.Module) -> dict[str, np.ndarray]:
    """Our parameters, or gradients, by a twin's names and in its order of axes."""
    return {
        f"{name}.{NAMES[kind]}": _rearranged(net.get_submodule(name), kind, leaf)
        for name, leaves in params.items()
        for kind, leaf in leaves.items()
    }


def _rearranged(layer: nn.Module, kind: str, leaf: jax.Array) -> np.ndarray:
    leaf = np.array(leaf)
    if kind != "kernel":
        return leaf
    if isinstance(layer, PartialConv):
        whole = np.zeros((16, 6, 5, 5), np.float32)
        places = [(o, i) for o, inputs in enumerate(C3_INPUTS) for i in inputs]
        whole[tuple(np.transpose(places))] = leaf.transpose(2, 0, 1)
        return whole
    if isinstance(layer, nn.ConvTranspose2d):
        leaf = leaf[::-1, ::-1].transpose(2, 3, 0, 1)
    elif isinstance(layer, nn.Conv2d):
        leaf = leaf.transpose(3, 2, 0, 1)
    elif isinstance(layer, FromMaps):
        leaf = leaf.reshape(layer.side, layer.side, -1, layer.out_features)
        leaf = leaf.transpose(3, 2, 0, 1).reshape(layer.out_features, -1)
    elif isinstance(layer, ToMaps):
        leaf = leaf.reshape(layer.in_features, layer.side, layer.side, -1)
        leaf = leaf.transpose(3, 1, 2, 0).reshape(-1, layer.in_features)
    else:
        leaf = leaf.T
    return np.ascontiguousarray(leaf)


def copy_params(params: Params, net: nn.Module) -> None:
    """Our parameters into a twin, all of them."""
    weights = torch_layout(params, net)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(torch.from_numpy(weights.pop(name)))
    if weights:
        raise ValueError(f"the twin lacks {', '.join(weights)}")


def torch_images(image: jax.Array) -> torch.Tensor:
    """Bytes as floats in [0, 1], channels first."""
    image = torch.from_numpy(np.array(image)).permute(0, 3, 1, 2)
    return image.float().div_(255).contiguous()


def _start(case: Case, data: Data, channels_last: bool):
    """Twins with our initial weights, and how they are given minibatches."""
    state = case.experiment.init(seed_keys(0).init, data, None)
    is_gan = isinstance(case.net, GAN)
    params = (state.gen_params, state.disc_params) if is_gan else (state.params,)
    order = torch.channels_last if channels_last else torch.contiguous_format
    twins = [net.to(memory_format=order) for net in case.make_twins()]
    for leaves, net in zip(params, twins, strict=True):
        copy_params(leaves, net)
    images = torch_images(data.train.image).to(memory_format=order)
    labels = torch.from_numpy(np.array(data.train.label)).long()

    def draw():
        index = torch.randint(len(images), (case.batch_size,))
        return images[index].contiguous(memory_format=order), labels[index]

    return twins, draw


def lenet_loop(
    case: Case, data: Data, *, fused: bool | None = None, channels_last: bool = False
) -> Callable[[int], None]:
    """Training a LeNet in PyTorch: `side(steps)`."""
    (net,), draw = _start(case, data, channels_last)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3, fused=fused)

    def side(steps: int) -> None:
        for _ in range(steps):
            images, labels = draw()
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(net(images), labels).backward()
            optimizer.step()

    return side


def gan_losses(generator: nn.Module, discriminator: nn.Module):
    """Losses of both players; data and samples are judged in passes of their own."""
    loss_fn = functional.binary_cross_entropy_with_logits

    def disc_loss_fn(real, z):
        with torch.no_grad():
            fake = generator(z)
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        real_loss = loss_fn(real_logits, torch.ones_like(real_logits))
        return real_loss + loss_fn(fake_logits, torch.zeros_like(fake_logits))

    def gen_loss_fn(z):
        logits = discriminator(generator(z))
        return loss_fn(logits, torch.ones_like(logits))

    return disc_loss_fn, gen_loss_fn


def dcgan_loop(
    case: Case, data: Data, *, fused: bool | None = None, channels_last: bool = False
) -> Callable[[int], None]:
    """Training a DCGAN in PyTorch: `side(steps)`."""
    twins, draw = _start(case, data, channels_last)
    gen_optimizer, disc_optimizer = (
        torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=fused)
        for net in twins
    )
    disc_loss_fn, gen_loss_fn = gan_losses(*twins)
    gen_params = list(twins[0].parameters())
    z_shape = case.batch_size, case.net.latent_size

    def side(steps: int) -> None:
        for _ in range(steps):
            real, _ = draw()
            disc_optimizer.zero_grad(set_to_none=True)
            disc_loss_fn(real, torch.randn(z_shape)).backward()
            disc_optimizer.step()
            gen_optimizer.zero_grad(set_to_none=True)
            gen_loss_fn(torch.randn(z_shape)).backward(inputs=gen_params)
            gen_optimizer.step()

    return side
