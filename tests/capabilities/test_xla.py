"""XLA and several steps per execution change the speed, not the result."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from keras_vaemix.core import xla
from tests import catalogue

ACCOMPANIED = [pytest.param(name, marks=pytest.mark.slow) for name in ("VAE-conditioned", "VAE-gaps")]


@pytest.mark.parametrize("name", ["vamp-dreg", "likelihood-DiscretizedLogistic", *ACCOMPANIED])
def test_same_training_with_and_without_xla(name, noiseless):
    losses, start = [], None
    for arguments in ({"jit_compile": False}, {"jit_compile": True}, {"steps_per_execution": 3}, {"run_eagerly": True}):
        model = catalogue.EVERY_MODEL[name]()
        model.posterior = noiseless
        start = start or model.get_weights()
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(1e-3), **arguments)
        losses.append(model.fit(catalogue.examples(model), batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"])
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_log_density_of_a_large_image_is_added_up_exactly(jit_compile):
    """196,608 values of which each has almost the same density: one by one, float32 is 34 nats off."""
    likelihood = vm.Normal(1.0)
    x = np.random.default_rng(0).uniform(0.45, 0.55, (2, 256, 256, 3)).astype("float32")
    exact = -0.5 * (x.astype("float64") ** 2 + np.log(2 * np.pi)).sum(axis=(1, 2, 3))
    log_prob = tf.function(lambda x: likelihood.log_prob(tf.zeros([1, *x.shape]), x), jit_compile=jit_compile)
    np.testing.assert_allclose(log_prob(tf.constant(x))[0], exact, atol=0.05)


def test_xla_is_the_default_on_one_replica():
    model = catalogue.make()
    model.compile("adam")
    assert model.jit_compile is True


@keras.saving.register_keras_serializable("tests")
class Uncompilable(keras.layers.Layer):
    """The identity by an operation that XLA does not compile."""

    def call(self, x):
        return tf.ensure_shape(tf.py_function(tf.identity, [x], tf.float32), x.shape)


def refused_by_xla(layer):
    """Returns a VAE with a layer in its decoder, and examples."""
    layers = [keras.Input((2,)), keras.layers.Dense(16), keras.layers.Reshape((4, 4, 1)), layer, keras.layers.AveragePooling2D(2)]
    decoder = keras.Sequential(layers if layer.name != "other" else layers[:-1])
    model = vm.VAE(vm.networks.mlp((4, 4, 1), 4, (8,)), decoder, vm.StandardNormal(2), vm.Normal(1.0))
    return model, catalogue.examples(model)


LAYERS = {
    "ResizeBicubic": lambda: keras.layers.UpSampling2D(interpolation="bicubic", name="one"),
    "ScaleAndTranslate": lambda: keras.layers.Resizing(8, 8, interpolation="lanczos3", name="one"),
    "ResizeNearestNeighborGrad": lambda: keras.layers.Resizing(8, 8, interpolation="nearest", name="one"),
    "EagerPyFunc": lambda: Uncompilable(name="other"),
}


@pytest.mark.parametrize("operation", LAYERS)
def test_what_xla_refuses_is_named_with_the_remedy(operation):
    model, x = refused_by_xla(LAYERS[operation]())
    before = model.get_weights()
    model.compile("adam")
    expected = rf"XLA can compile: .*bilinear.*jit_compile=False\)\. Received: \S*(one|other)\S*/{operation}$"
    with pytest.raises(ValueError, match=expected):
        model.fit(x, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_remedy_of_what_xla_refuses_is_one(by_xla):
    model, x = refused_by_xla(LAYERS["ResizeBicubic"]())
    model.compile("adam")
    for call in (model.evaluate, model.predict):
        with pytest.raises(ValueError, match=r"jit_compile=False\)\. Received: \S*one\S*/ResizeBicubic$"):
            call(x, verbose=0)
    model.compile("adam", jit_compile=False)
    model.fit(x, verbose=0)
    assert np.isfinite(model.log_likelihood(x, 20)).all()


def test_other_errors_are_as_they_were(by_xla):
    def fails(x):
        raise tf.errors.InvalidArgumentError(None, None, "another")

    with pytest.raises(tf.errors.InvalidArgumentError, match="another"), xla.naming_refused():
        raise tf.errors.InvalidArgumentError(None, None, "another")
    with pytest.raises(tf.errors.InvalidArgumentError, match="another"):
        xla.Compiled(fails)(tf.ones(3))
