"""Networks that judge images: trained once, kept, and refused where they cannot be had."""

import re

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from keras_vaemix import evaluation
from keras_vaemix.core.supports import UNIT_INTERVAL
from keras_vaemix.evaluation import FeatureMoments, sample_of
from tests import catalogue
from training.data.splits import Data, Split
from training.features import choice, classifier, lenet
from training.features import inception as inception_module
from training.features import network as network_module
from training.features.choice import load_features
from training.features.classifier import feature_network
from training.features.inception import InceptionFeatures
from training.features.moments import real_moments
from training.jobs.reports import image_report, samplers_report


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def features(digits, cache):
    return feature_network(digits, cache)


def test_lenet_knows_the_digits(features, digits):
    assert features.name == "lenet"
    assert features.metadata["test_accuracy"] > 0.95
    assert features.metadata["data_sha256"] == digits.sha256()
    activations = features(digits.test.x)
    assert activations.shape == (400, features.metadata["num_features"]) == (400, 32)
    assert activations.min() >= 0
    np.testing.assert_allclose(features(digits.test.x[:3]), activations[:3], atol=1e-5)


def test_lenet_is_trained_once_for_a_data_set(features, digits, cache, monkeypatch):
    monkeypatch.setattr(classifier, "trained_classifier", None)
    again = load_features("lenet", digits, cache)
    assert again.key == features.key
    assert again.metadata == features.metadata
    monkeypatch.setenv("VAEMIX_CACHE", str(cache))
    assert feature_network(digits).key == features.key


@pytest.fixture
def untrained(monkeypatch):
    """Puts a network that has learned nothing in the place of the trained one."""
    monkeypatch.setattr(classifier, "trained_classifier", lambda x, labels, seed: lenet.lenet(x.shape[1:], 10, seed))


@pytest.mark.usefixtures("untrained")
def test_lenet_is_kept_by_data_labels_and_seed(features, digits, cache):
    assert feature_network(digits, cache, seed=1).key != features.key
    other = digits._replace(train=digits.train._replace(y=9 - digits.train.y))
    assert feature_network(other, cache).key != features.key
    assert feature_network(digits._replace(train=digits.test), cache).key != features.key


def test_lenet_is_a_function_of_the_seed(digits, monkeypatch):
    monkeypatch.setattr(lenet, "NUM_STEPS", 20)
    keys = [network_module.NetworkFeatures("", lenet.trained_classifier(digits.train.x, digits.train.y, 3), {}).key for _ in range(2)]
    assert keys[0] == keys[1]
    weights = [lenet.lenet((8, 8, 1), 10, seed).get_weights()[0] for seed in (3, 4)]
    assert np.all(weights[0] != weights[1])


@pytest.mark.parametrize(("shape", "size"), [((28, 28, 1), 84), ((32, 32, 3), 84), ((8, 8, 1), 32), ((5, 17, 2), 32), ((64, 48, 3), 84)])
def test_lenet_of_any_shape(shape, size):
    network = lenet.lenet(shape, 7)
    assert network.output_shape == (None, 7)
    assert network.layers[-2].output.shape == (None, size)
    flat = next(layer for layer in network.layers if layer.name.startswith("flatten"))
    assert max(flat.input.shape[1:3]) <= 8


def test_data_without_classes_are_refused(digits, cache):
    for y in (None, np.zeros(1197, int)):
        with pytest.raises(ValueError, match=r"labels of two classes or more for lenet: .*inception, .*\. Received: dataset='digits'"):
            feature_network(digits._replace(train=digits.train._replace(y=y)), cache)
    flat = Data("flat", *[Split(np.zeros((9, 4)), np.arange(9) % 2)] * 3, UNIT_INTERVAL)
    with pytest.raises(ValueError, match=r"a data set of images \[N, H, W, C\]\. Received: dataset='flat', shape=\(4,\)"):
        feature_network(flat, cache)


@pytest.mark.usefixtures("untrained")
def test_damaged_network_is_not_used(digits, tmp_path):
    feature_network(digits, tmp_path)
    (path,) = tmp_path.rglob("*.keras")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"a whole network in .*lenet-0-.*: remove the file to train it again"):
        feature_network(digits, tmp_path)


def test_images_of_another_shape_are_refused(features):
    with pytest.raises(ValueError, match=r"examples \[N, 8, 8, 1\] for lenet\. Received: shape=\(9, 8, 1\)"):
        features(np.zeros((2, 9, 8, 1)))
    with pytest.raises(ValueError, match=r"examples \[N, 8, 8, 1\]"):
        features(np.zeros((2, 64)))


def test_vectors_are_compared_by_their_values(digits):
    """As draws of two normals, whose distance is known."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((500, 3)), 2 * rng.standard_normal((400, 3)) + 1
    values = load_features("values", digits)
    data = Data("vectors", *[Split(x)] * 3, UNIT_INTERVAL)
    autoencoder = catalogue.AUTOENCODERS["mmd"]()
    assert choice.resolve_features("auto", autoencoder, data) == "values"
    assert choice.resolve_features("auto", autoencoder, data._replace(test=Split(x[:3]))) == "none"
    apart = evaluation.frechet_distance(FeatureMoments.of(values(x)), FeatureMoments.of(values(y)))
    means = float(np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2))
    assert means + 3 * 0.85 < apart < means + 3 * 1.15  # of standard deviations 1 and 2


def test_a_network_of_the_user_s_own(digits, tmp_path):
    layers = keras.layers
    network = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(5, kernel_initializer="ones")])
    network.save(tmp_path / "sums.keras")
    own = load_features(str(tmp_path / "sums.keras"), digits)
    assert re.fullmatch("sums-[0-9a-f]{16}", own.name)
    np.testing.assert_allclose(own(digits.test.x[:3]), np.repeat(digits.test.x[:3].sum(axis=(1, 2)), 5, axis=1), rtol=1e-5)
    model = catalogue.AUTOENCODERS["mmd"]()
    assert choice.resolve_features(str(tmp_path / "sums.keras"), model, digits) == str(tmp_path / "sums.keras")
    flat = Data("flat", *[Split(np.zeros((9, 4)))] * 3, UNIT_INTERVAL)
    with pytest.raises(ValueError, match=r"examples \[N, 8, 8, 1\] for sums-\w+\. Received: shape=\(4,\)"):
        choice.resolve_features(str(tmp_path / "sums.keras"), model, flat)
    with pytest.raises(FileNotFoundError, match=r"a Keras model, FILE\.keras, for --features\. Received: .*absent\.keras"):
        load_features(str(tmp_path / "absent.keras"), digits)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match=r"a Keras model for --features in .*text\.keras"):
        load_features(str(tmp_path / "text.keras"), digits)


@pytest.mark.usefixtures("untrained")
def test_networks_learn_from_all_examples_even_if_a_model_has_few(digits, cache):
    assert load_features("lenet", digits.limited(100), cache, seed=2).key == load_features("lenet", digits, cache, seed=2).key


def test_unknown_features_are_refused(digits):
    with pytest.raises(
        ValueError, match=r"features to be one of lenet, inception, values, or a file NAME\.keras\. Received: features='fid'"
    ):
        load_features("fid", digits)


def test_moments_of_real_images_are_computed_once(features, digits, cache, monkeypatch):
    moments = real_moments(digits, "test", features, cache, num_samples=300)
    exact = FeatureMoments.of(features(digits.test.x[sample_of(400, 300)]))
    assert moments.count == 300
    np.testing.assert_array_equal(moments.mean, exact.mean)
    np.testing.assert_array_equal(moments.covariance, exact.covariance)
    monkeypatch.setattr(type(features), "__call__", None)
    again = real_moments(digits, "test", features, cache, num_samples=300)
    assert evaluation.frechet_distance(moments, again) == pytest.approx(0, abs=1e-8)


def test_distance_tells_digits_from_noise(features, digits, cache):
    """Validation digits are nearer to test digits than the same digits upside down, and these than noise."""
    x, real = digits.validation.x, real_moments(digits, "test", features, cache)
    noise = np.random.default_rng(0).random(x.shape)
    near, far, farthest = (evaluation.frechet_distance(real, features(images)) for images in (x, x[:, ::-1], noise))
    assert near < far < farthest


def test_report_of_a_model_of_digits(features, digits, cache):
    class Resampler:
        """Draws training images, and reconstructs nothing but grey."""

        def sample(self, n, seed):
            return digits.train.x[np.random.default_rng(seed).permutation(1197)[:n]]

        def reconstruct(self, x):
            return np.full_like(x, x.mean())

    report = evaluation.generation_report(
        Resampler(), digits.test.x, features, batch_size=400, real=real_moments(digits, "test", features, cache)
    )
    assert (report["num_generated"], report["feature_network"]) == (400, "lenet")
    assert report["fd_generation"] < report["fd_reconstruction"] / 10
    assert min(report[name] for name in ("prd_f8", "prd_f1_8", "precision", "recall")) > 0.8


class ChannelMeans:
    """In the place of Inception, whose weights are too large for a test: the mean of each channel, and the side of the image."""

    input_shape = (None, None, None, 3)

    def get_weights(self):
        return []

    def predict_on_batch(self, images):
        return np.concatenate([images.mean(axis=(1, 2)), np.full((len(images), 1), images.shape[1])], axis=1)


@pytest.fixture
def inception(monkeypatch):
    monkeypatch.setattr(inception_module, "inception_network", ChannelMeans)
    return InceptionFeatures(batch_size=2)


def test_inception_takes_grey_and_colour_at_its_own_size(inception):
    grey = np.full((3, 4, 5, 1), 0.75)
    np.testing.assert_allclose(inception(grey), np.tile([0.5, 0.5, 0.5, 299], (3, 1)), atol=1e-5)
    colour = np.tile(np.array([0, 0.5, 2]), (1, 4, 5, 1))
    np.testing.assert_allclose(inception(colour), [[-1, 0, 1, 299]], atol=1e-5)
    with pytest.raises(ValueError, match=r"one or three channels\. Received: shape=\(1, 4, 5, 2\)"):
        inception(np.zeros((1, 4, 5, 2)))


def test_inception_without_weights_says_what_to_do(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(inception_module, "online", lambda: False)
    with pytest.raises(FileNotFoundError, match=r"choose the features lenet, or put inception_v3.*notop\.h5 into .*no network"):
        load_features("inception", digits)


def test_features_are_checked_before_anything_else(digits, tmp_path, monkeypatch):
    from training.jobs.evaluate import evaluate

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(inception_module, "online", lambda: False)
    monkeypatch.setattr(choice, "INCEPTION_FEATURES", 300)  # of 400 test images
    for name, error, message in (
        ("inception", FileNotFoundError, "no such file, and no network"),
        ("lenet", ValueError, "classes or more for lenet: choose --features inception, or FILE.keras"),
    ):
        data = digits if name == "inception" else digits._replace(train=digits.train._replace(y=None))
        with pytest.raises(error, match=message):
            choice.resolve_features(name, None, data)
        with pytest.raises(error, match=message):
            evaluate(tmp_path, None, data, "test", 5000, features=name)


def test_inception_whose_download_fails_says_what_to_do(digits, tmp_path, monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(inception_module, "online", lambda: True)
    monkeypatch.setattr(inception_module.keras.applications, "InceptionV3", fail)
    with pytest.raises(FileNotFoundError, match=r"choose the features lenet.*Received: URL fetch failure"):
        load_features("inception", digits)


def test_catalogue_model_is_judged(features, digits):
    """A model's tensors go through the network as they come."""
    model = catalogue.make()
    assert features(np.pad(model.sample(3, seed=0), ((0, 0), (2, 2), (2, 2), (0, 0)))).shape == (3, 32)


def test_all_samplers_are_compared_with_the_same_real_images(digits):
    """With those before binarisation, as the model's own."""
    networks = vm.networks.mlp((8, 8, 1), 4, (8,)), vm.networks.mlp((2,), (8, 8, 1), (8,))
    model, moments = vm.GAMIXVAE(*networks, vm.StandardNormal(2), vm.Bernoulli()), vm.FittedMixture(2, 1)
    x = digits.arrays("test", model.support)
    known = {**image_report(model, digits, "test", x, "values"), "split": "test"}
    report, other = samplers_report(model, digits, x, "values", known), model.sampled_by(moments)
    other.fit_prior(digits.fixed("train", model.support))
    assert report["fd_standard"] == known["fd_generation"]
    assert report["fd_moments"] == pytest.approx(image_report(other, digits, "test", x, "values")["fd_generation"], rel=1e-6)
