"""Pictures hold what their names say, in its place."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from keras_vaemix import evaluation
from keras_vaemix.visualization import pictures, plots
from keras_vaemix.visualization.grids import MISSING, Grid, in_unit
from keras_vaemix.visualization.plots import component_use, save_png
from keras_vaemix.visualization.projector import thumbnails
from tests import catalogue
from training.jobs import pictures as draw


class Plane:
    """A model whose latents are the first two pixels of an image, and back."""

    example_shape = (2, 2, 1)

    def latent_means(self, x):
        return tf.reshape(x, (len(x), -1))[:, :2]

    def decode(self, z):
        return tf.reshape(tf.tile(z, (1, 2)), (-1, 2, 2, 1))


def test_neighbours_stand_after_their_image():
    train = np.arange(5)[:, None, None, None] * np.ones((1, 2, 3, 1)) / 5
    grid = pictures.neighbors(np.full((2, 2, 3, 1), 0.5), train, [[3, 1], [4, 0]])
    assert (grid.num_columns, grid.columns) == (3, ("sample", "nearest 1", "nearest 2"))
    np.testing.assert_allclose(grid.images[:, 0, 0, 0], [0.5, 3 / 5, 1 / 5, 0.5, 4 / 5, 0])
    with pytest.raises(ValueError, match=r"indices \[N, k\] of the neighbours of N=2 images\. Received: shape=\(1, 2\)"):
        pictures.neighbors(np.zeros((2, 2, 3, 1)), train, [[3, 1]])


def test_attribute_is_taken_away_on_the_left_and_added_on_the_right():
    """The attribute moves the first latent by 0.2, and nothing else."""
    plane = Plane()
    x = plane.decode(tf.constant([[0.5, 0.3], [0.7, 0.6], [0.3, 0.3], [0.5, 0.6]])).numpy()
    grid = pictures.attribute_line(plane, x, np.array([True, True, False, False]), x[2:], steps=3, reach=1.0)
    assert (grid.num_columns, grid.columns) == (3, ("-1", "0", "+1"))
    np.testing.assert_allclose(grid.images[:, 0, 0, 0], [0.1, 0.3, 0.5, 0.3, 0.5, 0.7], atol=1e-6)
    np.testing.assert_allclose(grid.images[:, 0, 1, 0], [0.3] * 3 + [0.6] * 3, atol=1e-6)


def test_attribute_line_of_a_model_has_the_reconstruction_in_the_middle(binary):
    model = catalogue.make()
    grid = pictures.attribute_line(model, binary, binary.mean(axis=(1, 2, 3)) > 0.5, binary[:2])
    assert len(grid.images) == 2 * grid.num_columns == 18
    np.testing.assert_allclose(grid.images[4], model.decode(model.latent_means(binary[:1]))[0], atol=1e-6)


def test_effects_are_those_of_a_deviation():
    """A latent is two of four pixels, so a deviation to either side changes a pixel by one deviation on average."""
    plane = Plane()
    x = plane.decode(tf.constant([[0.5, 0.3], [0.7, 0.3], [0.1, 0.3]])).numpy()
    np.testing.assert_allclose(evaluation.latent_effects(plane, x, batch_size=1), [np.std([0.5, 0.7, 0.1]), 0], atol=1e-6)
    np.testing.assert_allclose(evaluation.latent_effects(plane, x, reach=2.0), [2 * np.std([0.5, 0.7, 0.1]), 0], atol=1e-6)
    assert pictures.effects_picture([0.1, 0.3]).shape == (500, 600, 3)


def test_variants_grow_to_the_right_and_downwards():
    grid = pictures.variants(Plane(), np.full((2, 2, 1), 0.5), (0, 1), values=(0.1, 0.5, 0.9))
    np.testing.assert_allclose(grid.images[:, 0, 0, 0], [0.1, 0.5, 0.9] * 3, atol=1e-6)
    np.testing.assert_allclose(grid.images[:, 0, 1, 0], [0.1] * 3 + [0.5] * 3 + [0.9] * 3, atol=1e-6)
    assert grid.columns == ("z0 = 0.1", "z0 = 0.5", "z0 = 0.9")
    assert grid.rows == ("z1 = 0.1", "z1 = 0.5", "z1 = 0.9")
    for latents in ((0, 0), (0, 2), (-1, 0), (0,)):
        with pytest.raises(ValueError, match=r"two different latents in 0\.\.1"):
            pictures.variants(Plane(), np.zeros((2, 2, 1)), latents)


@pytest.mark.parametrize(("n", "rows"), [(1, 1), (3, 1), (10, 5), (40, 8)])
def test_transitions_of_a_run_are_of_as_many_pairs_as_there_are(n, rows):
    subject = SimpleNamespace(model=Plane(), examples=lambda: np.random.default_rng(0).random((n, 2, 2, 1)))
    assert len(draw.transitions(subject).images) == rows * 6


def test_transitions_are_convex_combinations():
    first, second = np.zeros((2, 2, 2, 1)), np.stack([np.full((2, 2, 1), 0.5), np.full((2, 2, 1), 1.0)])
    grid = pictures.transitions(Plane(), first, second, steps=6)
    np.testing.assert_allclose(grid.images[:, 0, 0, 0], [*np.linspace(0, 0.5, 6), *np.linspace(0, 1, 6)], atol=1e-6)
    assert [text[-3:] for text in grid.columns] == ["= 0", "0.2", "0.4", "0.6", "0.8", "= 1"]
    with pytest.raises(ValueError, match="as many examples on both sides"):
        pictures.transitions(Plane(), first, second[:1])
    with pytest.raises(ValueError, match="at least two steps"):
        pictures.transitions(Plane(), first, second, steps=1)


@pytest.mark.parametrize(
    ("has_attribute", "steps", "message"),
    [
        (np.ones(30, bool), 9, r"examples with the attribute and others without\. Received: with_attribute=30"),
        (np.arange(30), 9, r"has_attribute to be 30 booleans\. Received: shape=\(30,\), dtype='int64'"),
        (np.ones(3, bool), 9, r"has_attribute to be 30 booleans"),
        (np.arange(30) < 9, 8, r"an odd number of steps"),
    ],
)
def test_attributes_that_divide_nothing_are_refused(has_attribute, steps, message, binary):
    with pytest.raises(ValueError, match=message):
        pictures.attribute_line(catalogue.make(), binary, has_attribute, binary[:1], steps)


def test_attribute_line_needs_one_continuous_latent(binary):
    model = catalogue.make(model="CPVAE")
    with pytest.raises(ValueError, match=r"a model that decodes one continuous latent\. Received: latents="):
        pictures.attribute_line(model, binary, np.arange(30) < 9, binary[:1])


@pytest.mark.parametrize(("shape", "zoom"), [((8, 8, 1), 8), ((28, 20, 3), 3), ((80, 100, 3), 1)])
def test_a_grid_has_large_images_below_captions(shape, zoom):
    """Images end at the right and lower edges, and captions are black on white: the taller, the more there is to say."""
    images = np.random.default_rng(0).random((5, *shape))
    plain, captioned = Grid(images, 2, "Title"), Grid(images, 2, "Title", ("first", "second\nrow", "third"), ("left", "right"))
    for grid, has_captions in ((plain, False), (captioned, True)):
        picture = grid.picture()
        height, width = (zoom * side + 2 for side in shape[:2])
        tiles = picture[-(3 * height - 2) :, -(2 * width - 2) :]
        np.testing.assert_allclose(
            tiles[height : 2 * height - 2 : zoom, width::zoom], np.broadcast_to(images[3], (*shape[:2], 3)), atol=2 / 255
        )
        assert np.all(tiles[2 * height :, width:] == 1)
        above, left = picture[: -(3 * height - 2)], picture[:, : -(2 * width - 2)]
        assert above.min() < 0.2
        assert (left.size > 0 and left[len(above) :].min() < 0.2) == has_captions
    assert captioned.picture().shape > plain.picture().shape


def test_missing_pixels_are_red_and_named():
    images = np.full((1, 8, 8, 1), 0.5)
    whole = Grid(images, 1, "A title wide enough for one line").picture()
    images[0, 3, 4] = np.nan
    picture = Grid(images, 1, "A title wide enough for one line").picture()
    tile = picture[-64:, -64:]
    np.testing.assert_allclose(tile[24:32, 32:40], np.broadcast_to(MISSING, (8, 8, 3)), atol=1 / 255)
    tile[24:32, 32:40] = tile[0, 0]
    assert np.ptp(tile) == 0
    assert len(picture) > len(whole)  # the title says what red is, in another line


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 255), (-3, -2)])
def test_values_far_outside_of_the_unit_interval_have_their_own_scale(low, high):
    unit = np.random.default_rng(0).random((4, 64, 64, 1))
    unit[0, 0, :2, 0] = 0, 1
    title = "A title that is wide enough for its line, with what is added to it"
    (plain, scaled) = (Grid(images, 4, title).picture() for images in (unit, low + (high - low) * unit))
    np.testing.assert_allclose(scaled[-64:], plain[-64:], atol=1.01 / 255)
    np.testing.assert_allclose(thumbnails(low + (high - low) * unit), unit, atol=1e-5)
    assert in_unit(low + (high - low) * unit)[1] == f"values from {low} to {high}"
    near = in_unit(1.2 * unit - 0.1)
    assert (near[0].max(), near[1]) == (pytest.approx(1.1), "")


def test_a_long_title_takes_several_lines():
    short, long = (Grid(np.zeros((1, 8, 8, 1)), 1, title).picture() for title in ("Few", "Many words that need several lines"))
    assert (long.shape[1], len(long) > len(short)) == (short.shape[1], True)


def test_bars_show_the_use_of_components():
    picture = component_use(np.array([0.7, 0.3, 0.0]), np.full(3, 1 / 3))
    blue = np.all(np.abs(picture - [0.122, 0.467, 0.706]) < 0.02, axis=2)  # Matplotlib's first colour
    heights = blue.sum(axis=0)
    bars = sorted(set(heights[heights > 60]))
    assert len(component_use(np.full(500, 0.002), np.full(500, 0.002))) == len(picture)
    assert bars[0] / bars[-1] == pytest.approx(3 / 7, abs=0.05)


def color_at(picture, row, column, num):
    """The colour of a cell of a heat map of num x num cells: those of the largest rectangle inside the black frame."""
    dark = np.all(picture < 0.2, axis=2)
    rows, columns = (np.flatnonzero(dark.mean(axis=1 - axis) > 0.6) for axis in (0, 1))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    at = lambda low, high, i: int(low + (high - low) * (i + 0.5) / num)  # noqa: E731
    return picture[at(top, bottom, row), at(left, right, column)]


def test_covariance_is_red_above_zero_and_blue_below_it():
    z = np.random.default_rng(0).normal(size=500)
    picture = pictures.covariance_picture(np.stack([z, -z, np.zeros(500)], axis=1))
    assert picture.shape[-1] == 3
    colors = np.array([[color_at(picture, i, j, 3) for j in range(3)] for i in range(3)])
    assert np.all(colors[[0, 1], [0, 1], 0] > colors[[0, 1], [0, 1], 2] + 0.2)
    assert np.all(colors[[0, 1], [1, 0], 2] > colors[[0, 1], [1, 0], 0] + 0.2)
    np.testing.assert_allclose(colors[2], 0.97, atol=0.02)
    np.testing.assert_array_equal(colors, colors.transpose(1, 0, 2))


def test_mask_history_is_black_where_the_mask_is_one():
    picture = pictures.mask_history([[1, 1, 0], [1, 0.5, 0], [1, 0, 0]])
    grey = np.array([[color_at(picture, i, j, 3).mean() for j in range(3)] for i in range(3)])
    assert np.all(grey[0] < 0.05)
    assert np.all(grey[2] > 0.95)
    assert np.all(np.diff(grey[1]) > 0.2)
    with pytest.raises(ValueError, match=r"masks \[T, D\] of values in \[0, 1\]"):
        pictures.mask_history([1, 0])


PLOTS = {
    "two labels": lambda rng: plots.heat_map(rng.integers(1, 9, (3, 2))),
    "many labels": lambda rng: plots.heat_map(rng.integers(1, 9, (50, 100))),
    "300 components": lambda rng: plots.component_use(rng.dirichlet(np.ones(300)), np.full(300, 1 / 300)),
    "effects": lambda rng: pictures.effects_picture(rng.random(2000)),
    "covariance": lambda rng: pictures.covariance_picture(rng.normal(size=(9, 300)), "latents that the mask keeps"),
    "mask": lambda rng: pictures.mask_history(rng.random((500, 64))),
}


@pytest.mark.parametrize("name", PLOTS)
def test_text_lies_inside_of_a_picture_and_ticks_lie_apart(name, monkeypatch):
    made = []
    for module in (plots, pictures):
        monkeypatch.setattr(module, "rendered", made.append)
    PLOTS[name](np.random.default_rng(0))
    (figure,) = made
    FigureCanvasAgg(figure).draw()
    (width, height), axes = figure.canvas.get_width_height(), figure.axes[0]
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        box = text.get_window_extent()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0, text.get_text()
    for labels, side in ((axes.get_xticklabels(), 0), (axes.get_yticklabels(), 1)):
        ends = sorted(tuple(one.get_window_extent().get_points()[:, side]) for one in labels if one.get_text())
        assert len(ends) > 1
        assert all(first[1] < second[0] for first, second in pairwise(ends))


def test_pictures_are_saved(tmp_path):
    for picture in (pictures.covariance_picture(np.eye(3)), pictures.covariance_picture(np.ones((4, 1))), pictures.mask_history([[0.5]])):
        assert picture.min() >= 0
        assert picture.max() <= 1
        save_png(tmp_path / "picture.png", picture)
        with Image.open(tmp_path / "picture.png") as image:
            assert image.size == picture.shape[1::-1]
    with pytest.raises(ValueError, match=r"at least two codes \[N, D\]"):
        pictures.covariance_picture(np.eye(3)[:1])
