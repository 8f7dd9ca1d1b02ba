"""Which public functions there are, and which of them have no derivative to check."""

import functools
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from jaxdl.gradcheck.backprop import Gate

ROOMS = (
    "ops",
    "nn",
    "objectives",
    "models",
    "gradcheck",
    "adversarial.losses",
    "adversarial.networks",
    "adversarial.objectives",
    "systems.autoencoder.networks",
    "systems.autoencoder.objective",
    "systems.autoencoder.pca",
    "systems.char_lm.networks",
    "systems.char_lm.objective",
    "systems.dcgan.networks",
    "systems.gan.networks",
    "systems.gan_modes.gradient_penalty",
    "systems.gan_modes.minibatch_discrimination",
    "systems.gan_modes.networks",
    "systems.gan_modes.unrolled",
    "systems.gan_theory.flow",
    "systems.gan_theory.networks",
    "systems.gan_theory.quadrature",
    "systems.generative_vs_discriminative.gaussian",
    "systems.generative_vs_discriminative.logistic",
    "systems.greedy_pretraining.pretrained_stack",
    "systems.lenet.distortions",
    "systems.perceptron.networks",
    "systems.transfer.augmentation",
    "systems.transfer.networks",
)
"""The rooms whose public differentiable functions are all checked."""

_DIFFERENCES = "it is what derivatives are checked with"
_RULE = (
    "the perceptron learns by its rule, with signs and comparisons, not by gradients"
)

_SCAN = "it is part of nn.recurrent, which is checked"
_DEEP = "its layers are checked, and tests hold its gradients against PyTorch's"

NOT_DIFFERENTIABLE: dict[str, str] = {
    "ops.activations.activation": "it looks up a row of a table",
    "ops.images.unit_pixels": "images are bytes",
    "ops.images.unit_images": "images are bytes",
    "ops.images.mean_image": "images are bytes",
    "ops.images.to_bytes": "it rounds to bytes",
    "ops.images.sample_pixels": "images are bytes",
    "systems.transfer.augmentation.randomly_mirrored": (
        "it moves pixels of images of bytes"
    ),
    "systems.transfer.augmentation.randomly_shifted": (
        "it moves pixels of images of bytes"
    ),
    "ops.divergences.tolerance": "it looks up a number",
    "systems.lenet.distortions.random_affine": "it draws maps, not from its arguments",
    "systems.lenet.distortions.check_distortion": "it refuses numbers",
    "ops.divergences.check_log_probabilities": "it refuses numbers",
    "ops.boltzmann.check_size": "it refuses arrays",
    "ops.gaussians.check_covariance": "it refuses matrices",
    "ops.numerics.is_known": "it looks at types",
    "systems.gan_theory.quadrature.make_grid": "it makes points",
    "nn.dropout.keep_mask": "it draws True and False",
    "nn.bptt.elman_scan": _SCAN,
    "nn.bptt.lstm_scan": _SCAN,
    "nn.bptt.truncated_scan": _SCAN,
    "nn.bptt.in_chunks": _SCAN,
    "nn.recurrent.check_sequences": "it refuses sequences",
    "ops.images.image_rows": "images are bytes",
    "objectives.contrastive_divergence.visible_values": "it draws 0 and 1",
    "objectives.contrastive_divergence.check_unit_interval": "it refuses values",
    "models.autoencoder.check_code_size": "it refuses sizes",
    "systems.autoencoder.pca.fit_pca": (
        "equal singular values have no derivative, and none is used"
    ),
    "nn.conv.make_geometry": "it refuses sizes",
    "nn.conv.xla_alone": "it chooses the form of what is traced",
    "nn.pooling.ceil_padding": "it counts pixels",
    "systems.gan.networks.uniform": "it draws initial weights",
    "models.lenet_layers.lecun_uniform": "it draws initial weights",
    "models.lenet_layers.uniform": "it draws initial weights",
    "models.mobilenet.mobilenet": _DEEP,
    "models.mobilenet.mobilenet_features": _DEEP,
    "models.squeezenet.squeezenet": _DEEP,
    "models.squeezenet.squeezenet_features": _DEEP,
    "models.rbm.init_rbm": "it draws initial weights",
    "models.rbm.start_chains": "it draws 0 and 1",
    "models.rbm.gibbs_step": "it draws 0 and 1",
    "models.rbm.gibbs_chain": "it draws 0 and 1",
    "systems.generative_vs_discriminative.logistic.check_lengths": "it refuses points",
    "systems.generative_vs_discriminative.logistic.fit_logistic": (
        "it minimises logistic_objective, which is checked"
    ),
    "systems.greedy_pretraining.pretrained_stack.encoder_layer": (
        "it names parameters anew"
    ),
    "systems.greedy_pretraining.pretrained_stack.rbm_layer": "it names parameters anew",
    "systems.transfer.networks.read_features": "images are bytes",
    "systems.transfer.networks.frozen": "it puts models together, which are checked",
    "systems.transfer.networks.whole": "it puts models together, which are checked",
    "systems.perceptron.networks.check_labels": "it refuses labels",
    "systems.perceptron.networks.predict": _RULE,
    "systems.perceptron.networks.update": _RULE,
    "systems.perceptron.networks.epoch": _RULE,
    "systems.perceptron.networks.init_ensemble": "it makes zeros",
    "systems.perceptron.networks.ensemble_epoch": _RULE,
    "systems.perceptron.networks.num_right": "it counts",
    "systems.perceptron.networks.novikoff_bound": "a bound to compare with, in float32",
    "gradcheck.backprop.worked_example": "its numbers are those of the course",
    "gradcheck.bptt.lstm_1997_backward": "nn.recurrent.lstm_1997 is checked with it",
    "gradcheck.finite_difference.displace": _DIFFERENCES,
    "gradcheck.finite_difference.central_difference": _DIFFERENCES,
    "gradcheck.finite_difference.complex_step": _DIFFERENCES,
    "gradcheck.problem.make_problem": _DIFFERENCES,
    "gradcheck.problem.draw_normal": "it draws numbers",
    "gradcheck.problem.draw_normals": "it draws numbers",
    "gradcheck.convolutions.with_xlas_own": "it is another function's",
    "gradcheck.problem.quick_jit": "it compiles",
    "gradcheck.problem.quick_options": "they are the compiler's",
    "gradcheck.methods.choose_rows": "it draws numbers",
    "gradcheck.methods.signs_and_sizes": "it draws numbers",
    "gradcheck.methods.first_order": _DIFFERENCES,
    "gradcheck.methods.second_order": _DIFFERENCES,
    "gradcheck.methods.whole_gradients": _DIFFERENCES,
    "gradcheck.check.check": _DIFFERENCES,
    "gradcheck.check.relative_error": _DIFFERENCES,
    "gradcheck.check.first_line": "it makes text",
    "gradcheck.coverage.public_functions": "it lists names",
    "gradcheck.coverage.unknown_functions": "it lists names",
    "gradcheck.subjects.select": "it lists names",
    "gradcheck.subjects.check_subject": _DIFFERENCES,
    "gradcheck.own.load_function": "it imports a module",
    "gradcheck.own.parse_shapes": "it reads text",
    "gradcheck.own.check_own": _DIFFERENCES,
    "gradcheck.report.format_table": "it makes text",
    "gradcheck.report.format_report": "it makes text",
    "gradcheck.report.as_json": "it makes text",
    "gradcheck.report.format_worked_example": "it makes text",
    "gradcheck.command.run_gradcheck": _DIFFERENCES,
    "gradcheck.command.check_subjects": _DIFFERENCES,
}
"""Public functions without a derivative that anyone needs, and why, as "module.name"
without "jaxdl."."""


def public_functions(package: str = "jaxdl", rooms: Iterable[str] = ROOMS) -> set[str]:
    """Names of all public functions that are defined in the modules of some rooms.

    Functions in whatever wrapping (`jit`, `custom_vjp`, `partial`), layers (classes
    with an `apply`) and gates; other classes hold data.

    Returns:
      "room.module.name", without the name of the package.
    """
    return {
        f"{module.__name__.removeprefix(package + '.')}.{name}"
        for room in rooms
        for module in _modules(importlib.import_module(f"{package}.{room}"))
        for name, value in vars(module).items()
        if not name.startswith("_") and _is_function_of(module, value)
    }


def unknown_functions(
    covered: Iterable[str], package: str = "jaxdl", rooms: Iterable[str] = ROOMS
) -> list[str]:
    """Public functions that are neither covered nor listed as not differentiable.

    Args:
      covered: what the subjects cover, as "module.name".
      package, rooms: where to look.
    """
    known = {*covered, *NOT_DIFFERENTIABLE}
    return sorted(public_functions(package, rooms) - known)


def _modules(package: ModuleType) -> list[ModuleType]:
    if not hasattr(package, "__path__"):  # a module
        return [package]
    names = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [importlib.import_module(info.name) for info in names]


def _is_function_of(module: ModuleType, value: Any) -> bool:
    if isinstance(value, functools.partial | Gate):  # they do not say where they
        return True  # were made
    if getattr(value, "__module__", None) != module.__name__:
        return False
    if isinstance(value, type):
        return hasattr(value, "apply")
    return callable(value)
