"""Figures: what stands where, and that a reader is told what it is."""

import io
import types

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdl import plotting
from jaxdl.data import xor_table
from jaxdl.evaluate import wilson_ci95
from jaxdl.plotting import (
    Panel,
    figure_of_curves,
    figure_of_images,
    gan_figures,
    image_grid,
    save_images,
    smoothed,
    xor_figures,
    xor_sweep_figures,
)
from jaxdl.train.log import History, Series


def images(num, height=4, width=5, channels=1, seed=0):
    shape = num, height, width, channels
    return np.random.default_rng(seed).integers(0, 255, shape, np.uint8)


def drawn(figure) -> np.ndarray:
    """The figure as its PNG file shows it, [height width 3]."""
    file = io.BytesIO()
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("RGB"))


# Grids


@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_image_grid_equals_a_loop(gap, channels):
    rows = [images(3, channels=channels, seed=i) for i in range(2)]
    height, width = 4 + 2 * gap, 5 + 2 * gap
    expected = np.full((2 * height, 3 * width, channels), 255, np.uint8)
    for i in range(2):
        for j in range(3):
            top, left = i * height + gap, j * width + gap
            expected[top : top + 4, left : left + 5] = rows[i][j]
    found = image_grid(rows, gap)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(
        found, expected if channels == 3 else expected[..., 0]
    )


@pytest.mark.parametrize("num", [1, 4, 5, 10, 100])
def test_save_images(tmp_path, num):
    folder = tmp_path / "a" / "b"
    saved = images(num, 8, 8)
    path = save_images(saved, folder, "some")
    assert path == folder / "some.png"
    assert sorted(p.name for p in folder.iterdir()) == ["some.npy", "some.png"]
    np.testing.assert_array_equal(np.load(folder / "some.npy"), saved)
    picture = Image.open(path)
    assert (picture.format, picture.mode) == ("PNG", "L")
    columns = int(np.ceil(np.sqrt(num)))
    scale = picture.width // (columns * 10)
    assert picture.width == scale * columns * 10 and 400 < picture.width <= 1600
    pixels = np.asarray(picture)[::scale, ::scale]
    for i, image in enumerate(saved):
        top, left = i // columns * 10 + 1, i % columns * 10 + 1
        np.testing.assert_array_equal(
            pixels[top : top + 8, left : left + 8], image[..., 0]
        )
    rest = pixels[(num - 1) // columns * 10 :, ((num - 1) % columns + 1) * 10 :]
    assert (rest == 255).all()  # white where there is no image


def test_save_images_in_color(tmp_path):
    picture = Image.open(save_images(images(3, channels=3), tmp_path, "some"))
    assert picture.mode == "RGB"


# Running means


@pytest.mark.parametrize("window", [1, 3, 5, 11])
@pytest.mark.parametrize("shape", [(20,), (20, 3)], ids=str)
def test_smoothed_equals_numpy(window, shape):
    values = np.random.default_rng(0).normal(size=shape)
    counts = np.convolve(np.ones(20), np.ones(window), "same")
    columns = values.reshape(20, -1).T
    sums = [np.convolve(column, np.ones(window), "same") for column in columns]
    expected = np.stack([each / counts for each in sums], 1).reshape(shape)
    np.testing.assert_allclose(smoothed(values, window), expected, atol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 8])
def test_smoothed_is_over_so_many_values(window):
    impulse = np.zeros(40)
    impulse[20] = 1
    response = smoothed(impulse, window)
    assert np.count_nonzero(response > 1e-12) == window
    np.testing.assert_allclose(response.max(), 1 / window)


@pytest.mark.parametrize("window", [1, 2, 7, 100])
def test_smoothed_keeps_a_constant_up_to_the_ends(window):
    np.testing.assert_allclose(smoothed(np.full((6, 2), 3.5), window), 3.5)


def test_smoothed_of_fewer_values_than_the_window():
    np.testing.assert_allclose(smoothed(np.array([1.0, 2.0, 6.0]), 99), 3.0)


def test_smoothed_is_not_thrown_off_by_one_large_value():
    values = np.r_[1e6, np.full(50, 0.25)]
    np.testing.assert_allclose(smoothed(values, 5)[10:], 0.25, rtol=1e-6)


# Figures of images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("num_rows", "columns", "size"),
    [(10, 10, 8), (1, 20, 8), (12, 20, 28), (100, 1, 8)],
    ids=["square", "strip", "strips", "tower"],
)
def test_figure_of_images(num_rows, columns, size, channels):
    rows = [images(columns, size, size, channels, seed=i) for i in range(num_rows)]
    labels = [f"row {i}" for i in range(num_rows)]
    figure = figure_of_images(rows, title="What it is", row_labels=labels)
    (axes,) = figure.axes
    assert axes.get_title() == "What it is"
    pixels = drawn(figure)
    assert pixels.shape[1] == 1000 and pixels.shape[0] <= 2000
    assert [text.get_text() for text in axes.get_yticklabels()] == labels
    # Each label stands at the middle of its row of images.
    middles = [i * (size + 2) + 1 + (size - 1) / 2 for i in range(num_rows)]
    np.testing.assert_allclose(axes.get_yticks(), middles)
    (shown,) = axes.images
    np.testing.assert_array_equal(shown.get_array(), image_grid(rows))
    assert (shown.norm.vmin, shown.norm.vmax) == (0, 255)  # black is 0 in any image
    low, high = axes.get_ylim()[::-1]
    assert low <= min(middles) and max(middles) <= high


def test_images_without_labels():
    figure = figure_of_images([images(3)], title="What it is")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == []
    assert drawn(figure).shape[1] == 1000


# Curves


def series(num_steps, num_seeds=2, names=("loss",)):
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=(num_steps, num_seeds)) for name in names}
    return Series(np.arange(1, num_steps + 1) * 10, values)


def test_curves_are_labelled():
    found = series(15, names=("loss", "value"))
    panel = Panel(
        "A title",
        "loss (nats)",
        {"first": (found, "loss"), "second": (found, "value")},
        {"the best": 0.5},
    )
    figure = figure_of_curves([panel])
    (axes,) = figure.axes
    assert axes.get_title() == "A title"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss (nats)")
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["first", "second", "the best"]


def test_mean_and_band_over_seeds():
    found = series(15, num_seeds=3)
    figure = figure_of_curves([Panel("a", "b", {"c": (found, "loss")}, {"d": -2.5})])
    (axes,) = figure.axes
    curve, reference = axes.lines
    np.testing.assert_array_equal(curve.get_xdata(), found.steps)
    np.testing.assert_allclose(curve.get_ydata(), found.values["loss"].mean(1))
    assert set(reference.get_ydata()) == {-2.5}
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for step, values in zip(found.steps, found.values["loss"], strict=True):
        heights = corners[corners[:, 0] == step][:, 1]
        np.testing.assert_allclose(
            [heights.min(), heights.max()], [min(values), max(values)]
        )


def test_one_seed_has_no_band():
    found = series(15, num_seeds=1)
    figure = figure_of_curves([Panel("a", "b", {"c": (found, "loss")})])
    assert not figure.axes[0].collections


def test_long_curves_are_smoothed_and_say_so():
    found = series(550, num_seeds=3)
    figure = figure_of_curves([Panel("a", "b", {"c": (found, "loss")})])
    (axes,) = figure.axes
    assert axes.get_xlabel() == "step (running mean of 11 logged steps)"
    each = smoothed(found.values["loss"], 11)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), each.mean(1))


def test_up_to_200_points_nothing_is_smoothed():
    found = series(200)
    figure = figure_of_curves([Panel("a", "b", {"c": (found, "loss")})])
    assert figure.axes[0].get_xlabel() == "step"
    expected = found.values["loss"].mean(1)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), expected)


@pytest.mark.parametrize(
    ("num_panels", "columns", "shape"),
    [(1, 2, (375, 1000)), (3, 2, (750, 1000)), (4, 2, (750, 1000)), (2, 1, (750, 500))],
)
def test_figure_of_curves_size(num_panels, columns, shape):
    panel = Panel("a", "b", {"c": (series(5), "loss")})
    figure = figure_of_curves([panel] * num_panels, columns=columns)
    assert len(figure.axes) == num_panels
    assert drawn(figure).shape[:2] == shape


def test_one_point_can_be_seen():
    """A line through one point is nothing: a marker must show it."""
    figure = figure_of_curves([Panel("a", "b", {"c": (series(1, 1), "loss")})])
    assert figure.axes[0].lines[0].get_marker() == "o"


# All of a GAN


def gan_record(num_train, num_evaluations, num_seeds=2):
    train = series(num_train, num_seeds, ("disc_loss", "gen_loss", "value"))
    train.values.update(series(num_train, num_seeds, ("d_real", "d_fake")).values)
    if num_train == 0:
        train = Series(np.zeros(0, int), {})  # as the log of a run without steps
    names = ("value", "d_real", "d_fake", "parzen_validation", "parzen_sigma")
    held_out = series(num_evaluations, num_seeds, names)
    shape = num_evaluations, num_seeds, 20, 8, 8, 1
    held_out.values["samples"] = np.random.default_rng(0).integers(
        0, 256, shape, np.uint8
    )
    return types.SimpleNamespace(
        states=[types.SimpleNamespace(gen_params=i) for i in range(num_seeds)],
        data=types.SimpleNamespace(
            train=types.SimpleNamespace(image=jnp.asarray(images(30, 8, 8)))
        ),
        history=History(train, held_out),
        config=types.SimpleNamespace(seed=5, steps=1234),
    )


class FakeSampler:
    """Training images in a known order; notes which parameters it was asked for."""

    def __init__(self):
        self.seen = []

    def images(self, gen_params, key, num):
        self.seen.append(gen_params)
        return images(30, 8, 8)[np.arange(num) % 30]

    def interpolate(self, gen_params, key, rows, columns):
        self.seen.append(gen_params)
        return images(rows * columns, 8, 8).reshape(rows, columns, 8, 8, 1)


@pytest.mark.parametrize(
    ("num_train", "num_evaluations"), [(30, 40), (0, 1)], ids=["run", "no_steps"]
)
def test_gan_figures(num_train, num_evaluations):
    record, sampler = gan_record(num_train, num_evaluations), FakeSampler()
    figures = gan_figures(record, sampler)
    names = {"samples", "progress", "nearest", "interpolation", "curves"}
    assert set(figures) == names
    assert set(sampler.seen) == {0}  # the first seed's generator
    for name, figure in figures.items():
        pixels = drawn(figure)
        assert pixels.shape[1] == 1000 and pixels.std() > 1, name
        if name != "curves":
            assert "seed 5" in figure.axes[0].get_title()
    assert "1,234 steps" in figures["samples"].axes[0].get_title()


def test_gan_figures_show_what_they_say():
    record = gan_record(30, 40)
    figures = gan_figures(record, FakeSampler())

    def grid(name):
        return np.asarray(figures[name].axes[0].images[0].get_array())

    # Samples that are training images have themselves as the nearest.
    rows = grid("nearest").reshape(4, 10, -1)
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[2], rows[3])
    np.testing.assert_array_equal(rows[0], image_grid([images(30, 8, 8)[:12]]))
    np.testing.assert_array_equal(rows[2], image_grid([images(30, 8, 8)[12:24]]))
    # Twelve evaluations from the first to the last, of the first seed.
    axes = figures["progress"].axes[0]
    labels = [int(text.get_text().replace(",", "")) for text in axes.get_yticklabels()]
    assert len(labels) == 12 and (labels[0], labels[-1]) == (10, 400)
    steps, values = record.history.evaluations
    at = [int(np.flatnonzero(steps == label)[0]) for label in labels]
    strips = values["samples"][at, 0]
    np.testing.assert_array_equal(grid("progress"), image_grid(list(strips)))


def test_gan_curves_have_units_and_reference_lines():
    figure = gan_figures(gan_record(30, 40), FakeSampler())["curves"]
    heights = {}
    for axes in figure.axes:
        assert axes.get_xlabel().startswith("step") and axes.get_title()
        label = axes.get_ylabel()
        assert "nats" in label or "probability" in label
        for line in axes.lines:
            if len(set(line.get_ydata())) == 1:
                heights[line.get_label()] = line.get_ydata()[0]
    assert sorted(heights.values()) == pytest.approx([-np.log(4), 0.5, np.log(4)])
    assert any("1/2" in name for name in heights) and "-log 4" in heights


def test_importing_draws_in_no_matplotlib():
    """matplotlib takes half a second, which --help must not cost."""
    import subprocess
    import sys

    code = f"import sys, {plotting.__name__}; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


# Ensembles on a truth table


def ensemble_record(outputs, **fields):
    """A finished run of nets whose parameters are their four outputs."""
    outputs = jnp.array(outputs, float)[:, :, None]
    config = dict(activations=("tanh",), hidden_sizes=(2,), steps=3, nets=len(outputs))
    config |= dict(update="batch", seed=0) | fields
    values = {"loss_quantiles": np.sort(np.random.default_rng(0).random((4, 1, 5)))}
    for name in ("loss", "solved", "solved_low", "solved_high"):
        values[name] = np.linspace(0.1, 0.4, 4)[:, None]
    return types.SimpleNamespace(
        config=types.SimpleNamespace(**config),
        states=[types.SimpleNamespace(params=outputs)],
        data=xor_table(),
        history=History(Series(np.arange(0), {}), Series(np.arange(4), values)),
    )


def each_outputs(params, x):
    """Of four examples what the parameters say; elsewhere the first of them."""
    if x.shape == (4, 2):
        return params
    return jnp.broadcast_to(params[0], (*x.shape[:-1], 1))


def test_regions_are_of_solved_and_other_nets():
    right, wrong = [0.1, 0.9, 0.8, 0.2], [0.6, 0.9, 0.8, 0.2]
    record = ensemble_record([wrong, right, *[wrong] * 5, right])
    figure = xor_figures(record, each_outputs)["regions"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    solved = [f"net {i}: solved" for i in (1, 7)]
    assert titles == solved + [f"net {i}: not solved" for i in (0, 2, 3, 4)]
    assert drawn(figure).shape[1] == 1000


def test_regions_without_a_solved_net():
    figure = xor_figures(ensemble_record([[0.5] * 4]), each_outputs)["regions"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["net 0: not solved"]


def test_loss_of_an_ensemble():
    record = ensemble_record([[0.5] * 4] * 3, hidden_sizes=(1,), update="online")
    figure = xor_figures(record, each_outputs)["loss"]
    assert figure.get_suptitle() == (
        "3 nets with 1 hidden tanh unit, online updates (seed 0)"
    )
    left, right = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in left.lines}
    values = record.history.evaluations.values
    np.testing.assert_array_equal(lines["median"], values["loss_quantiles"][:, 0, 2])
    np.testing.assert_array_equal(lines["mean"], values["loss"][:, 0])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), values["solved"][:, 0])
    bands = [
        np.asarray(band.get_paths()[0].vertices)[:, 1] for band in left.collections
    ]
    for band, (low, high) in zip(bands, ((0, 4), (1, 3)), strict=True):
        ends = values["loss_quantiles"][:, 0, [low, high]]
        assert set(band) == set(ends.ravel())


def test_sweep_counts_seeds_together():
    shares = {("tanh", 2): [0.5, 0.75], ("tanh", 8): [1.0, 1.0], ("relu", 8): [0, 0.25]}
    records = {}
    for (name, size), per_seed in shares.items():
        record = ensemble_record(
            [[0.5] * 4] * 4, activations=(name,), hidden_sizes=(size,)
        )
        record.result = {"metrics": {"solved": {"per_seed": per_seed}}}
        records[f"{name}-{size}"] = record
    figure = xor_sweep_figures(records)["solved"]
    tanh, relu = figure.axes
    assert (tanh.get_title(), relu.get_title()) == ("tanh", "relu")
    assert [text.get_text() for text in relu.get_xticklabels()] == ["2", "8"]
    for axes, expected in ((tanh, [5, 8]), (relu, [1])):
        (bars,) = axes.containers
        x, y = bars.lines[0].get_data()
        np.testing.assert_array_equal(x, [0, 1] if axes is tanh else [1])
        np.testing.assert_allclose(y, np.array(expected) / 8)
        segments = bars.lines[2][0].get_segments()
        for segment, successes in zip(segments, expected, strict=True):
            np.testing.assert_allclose(segment[:, 1], wilson_ci95(successes, 8)[1:])
