"""Sharpness and absolute errors of images against cases worked out by hand."""

import numpy as np
import pytest
from scipy import ndimage

from keras_vaemix import evaluation


def noise(*shape):
    return np.random.default_rng(0).random(shape, "float32")


def test_one_bright_pixel():
    """Its Laplacian is -4, those of its four neighbours are 1: their mean is zero and their variance 20 / 25."""
    image = np.zeros((1, 5, 5, 1))
    image[0, 2, 2] = 1
    np.testing.assert_allclose(evaluation.sharpness(image), [20 / 25])


def test_smooth_images_are_not_sharp():
    ramp = np.broadcast_to(np.linspace(0, 1, 8)[:, None, None], (8, 8, 1))
    flat, slope = evaluation.sharpness(np.stack([np.full((8, 8, 1), 0.7), ramp]))
    assert flat == pytest.approx(0, abs=1e-12)
    # Mirrored about its ends, a line bends at the two of eight rows by 2 / 7 up and down.
    assert slope == pytest.approx(2 / 8 * (2 / 7) ** 2, rel=1e-5)


def test_blur_lowers_it():
    images = noise(3, 20, 20, 3)
    figures = [evaluation.sharpness(ndimage.gaussian_filter(images, (0, s, s, 0))) for s in (0, 0.5, 1, 2)]
    assert np.all(np.diff(figures, axis=0) < 0)


def test_it_is_of_the_grey_image_and_of_each_alone():
    images = noise(4, 9, 7, 3)
    figures = evaluation.sharpness(images)
    grey = images @ np.array([0.299, 0.587, 0.114], "float32")
    np.testing.assert_allclose(evaluation.sharpness(grey[..., None]), figures, rtol=1e-5)
    np.testing.assert_allclose(evaluation.sharpness(images[2:3]), figures[2:3], rtol=1e-5)


def test_8_bits_are_taken_over_255():
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), "uint8")
    np.testing.assert_allclose(evaluation.sharpness(images), evaluation.sharpness(images / 255), rtol=1e-4)
    np.testing.assert_allclose(evaluation.l1(images, images / 255), 0, atol=1e-7)


def test_l1_of_values_that_are_known():
    x, y = np.array([[[0.0, 0.5]], [[1.0, 1.0]]]), np.array([[[0.25, 0.0]], [[1.0, 0.0]]])
    np.testing.assert_allclose(evaluation.l1(x, y), [0.375, 0.5])


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 4, 4, 2), (0, 4, 4, 1)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"images \[N, H, W, 1 or 3\]"):
        evaluation.sharpness(np.zeros(shape))


def test_reconstructions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"the same shape .* Received: x=\(2, 3\), y=\(2, 1\)"):
        evaluation.l1(np.zeros((2, 3)), np.zeros((2, 1)))


class Blurred:
    """Reconstructs images blurred, and draws flat ones."""

    def sample(self, n, seed):
        return np.full((n, 8, 8, 3), 0.5)

    def reconstruct(self, x):
        return ndimage.gaussian_filter(x, (0, 1, 1, 0))


class Drawn(Blurred):
    """Draws its reconstructions by a seed, as a pixel decoder does."""

    def reconstruct(self, x, seed=0):
        return np.random.default_rng(seed).random(x.shape)


def test_reconstructions_that_are_drawn_are_other_ones_in_each_batch():
    x = np.zeros((20, 8, 8, 3))
    report = evaluation.sharpness_report(Drawn(), x, batch_size=1)
    assert report["sharpness_reconstruction_se"] > 0
    assert report == evaluation.sharpness_report(Drawn(), x, batch_size=1)


def test_report_has_every_kind_of_image():
    x = noise(30, 8, 8, 3)
    report = evaluation.sharpness_report(Blurred(), x, batch_size=7)
    blurred = Blurred().reconstruct(x)
    expected = {
        "sharpness_real": evaluation.sharpness(x),
        "sharpness_reconstruction": evaluation.sharpness(blurred),
        "l1": evaluation.l1(x, blurred),
    }
    for name, values in expected.items():
        assert report[name] == pytest.approx(values.mean(), rel=1e-6)
        assert report[f"{name}_se"] == pytest.approx(values.std(ddof=1) / 30**0.5, rel=1e-6)
    assert report["sharpness_generation"] == pytest.approx(0, abs=1e-12)
    assert evaluation.sharpness_report(Blurred(), x, num_samples=5)["sharpness_real"] != report["sharpness_real"]
