"""Parts of figures: what stands where, and that a reader is told what it is."""

import types

import numpy as np
import pytest
from drawing import drawn, faults_of_texts, images, series
from PIL import Image

from jaxdl.figures.grids import (
    Panel,
    figure_of_curves,
    figure_of_images,
    figure_of_test_errors,
    image_grid,
    save_images,
    smoothed,
    weight_images,
)

INTERVAL = ["ours, mean and 95 % interval", "each seed"]

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


@pytest.mark.parametrize(
    ("num_rows", "size", "labels"),
    [
        (10, 8, ["noise", "1", "10", "100", "1,000", "images", *"abcd"]),
        (2, 28, ["a label of some length before a row", "b"]),
        (100, 8, ["wide as it is"] * 100),
    ],
    ids=["chains", "long", "tower"],
)
def test_labels_and_titles_of_images_are_whole(num_rows, size, labels):
    rows = [images(12, size, size, seed=i) for i in range(num_rows)]
    title = "Chains from noise, and what else there is to say in a title; left: steps"
    title += " (seed 0, after 1,000 steps); and more of it yet"
    figure = figure_of_images(rows, title=title, row_labels=labels)
    drawn(figure)
    assert faults_of_texts(figure) == []
    (axes,) = figure.axes
    box = axes.get_window_extent()
    # Images are not stretched, nor is room lost beside them.
    assert box.width / box.height == pytest.approx(12 / num_rows, rel=0.01)
    if num_rows < 100:
        assert box.x1 == pytest.approx(7.9 * 125, abs=2)


def test_images_without_labels():
    figure = figure_of_images([images(3)], title="What it is")
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == []
    assert drawn(figure).shape[1] == 1000


# Curves


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
    assert figure.get_supxlabel() == "one seed"


def test_curves_say_what_is_drawn_of_the_seeds():
    panels = [Panel("a", "b", {"c": (series(15, num_seeds=3), "loss")})] * 2
    found = figure_of_curves(panels).get_supxlabel()
    assert found == "lines: mean of 3 seeds; bands: lowest to highest"
    nothing = Panel("a", "b", {"c": (series(15), "what no run of 0 steps has")})
    assert figure_of_curves([nothing]).get_supxlabel() == ""


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
    [(1, 2, (400, 1000)), (3, 2, (775, 1000)), (4, 2, (775, 1000)), (2, 1, (775, 500))],
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


def test_importing_draws_in_no_matplotlib():
    """matplotlib takes half a second, which --help must not cost."""
    import subprocess
    import sys

    code = "import sys, jaxdl.figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"


# Weights as pictures


def test_weight_images_have_zero_gray_and_leave_no_unit_out():
    kernel = np.zeros((6, 3), np.float32)
    kernel[2, 0], kernel[3, 0], kernel[:, 1] = 4, -2, -1e-9
    pictures = weight_images(kernel, (2, 3, 1), 5)
    assert pictures.shape == (5, 2, 3, 1) and pictures.dtype == np.uint8
    assert pictures[0].ravel().tolist() == [128, 128, 255, 64, 128, 128]
    assert (pictures[1] == 0).all()  # its own scale
    assert (pictures[2] == 128).all() and (pictures[3:] == 255).all()
    np.testing.assert_array_equal(weight_images(kernel, (2, 3, 1), 1), pictures[:1])


def with_errors(*per_seed):
    metric = dict(mean=0.0, ci95=None, per_seed=list(per_seed))
    return types.SimpleNamespace(result={"metrics": {"test_error": metric}})


def mean_and_range(values):
    """In place of an interval; None for a single value, as of that."""
    if len(values) == 1:
        return values[0], None, None
    return sum(values) / len(values), min(values), max(values)


def test_published_errors_stand_beside_their_cases():
    records = {"a": with_errors(2.9, 3.1), "b": with_errors(5.0, 7.0)}
    published = {"c": 9.0, "b": 4.0}
    figure = figure_of_test_errors(records, published, mean_and_range)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    found = lines["published"]
    assert (list(found.get_xdata()), list(found.get_ydata())) == ([4.0], [1])
    means = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert means == [3.0, 6.0]
    bars = [list(line.get_xdata()) for line in axes.lines if line.get_lw() == 2]
    assert bars == [[2.9, 3.1], [5.0, 7.0]]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [((3.0,), ["ours, one seed"]), ((3.0, 4.0), INTERVAL), ((4.0, 3.0), INTERVAL)],
)
def test_an_interval_is_named_where_there_is_one(seeds, said):
    """A case that always has one seed, as a support vector machine, changes nothing."""
    records = {"svm": with_errors(2.0), "net": with_errors(*seeds)}
    figure = figure_of_test_errors(records, {}, mean_and_range)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == said
    assert len([1 for line in figure.axes[0].lines if line.get_lw() == 2]) == (
        len(seeds) > 1
    )
