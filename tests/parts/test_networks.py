"""Networks: what each output sees, that they come back from their configuration, and that they train under XLA and export."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.convert import Graph
from export.onnx import compare, write
from keras_vaemix import networks

SHAPE = (5, 6, 2)


def pixel_cnn(**kwargs):
    given = {"filters": 4, "num_layers": 2, "first_kernel_size": 5, "hidden": (7,), "map_channels": 2, **kwargs}
    return networks.PixelCNN(3, SHAPE, 4, **given)


ONE_INPUT = {
    "gated_mlp": lambda: networks.gated_mlp(SHAPE, 6, (8,)),
    "gated_conv_encoder": lambda: networks.gated_conv_encoder(SHAPE, 6, ((4, 5, 1), (4, 3, 2), (2, 3, 1))),
    "gated_conv_decoder": lambda: networks.gated_conv_decoder(3, SHAPE, (8,), filters=(4, 4)),
    "mlp": lambda: networks.mlp(SHAPE, 6, (8,) * 4, "relu"),
    "info_gan_encoder": lambda: networks.info_gan_encoder(SHAPE, 6, (4, 8), 16),
    "info_gan_decoder": lambda: networks.info_gan_decoder(3, SHAPE, (8, 4), 16),
    "info_gan_decoder-plain": lambda: networks.info_gan_decoder(3, SHAPE, (8, 4), 16, normalization=False, output_activation="sigmoid"),
    "dcgan_encoder": lambda: networks.dcgan_encoder(SHAPE, 6, (4, 4, 8)),
    "dcgan_decoder": lambda: networks.dcgan_decoder(3, SHAPE, (8, 4, 4)),
    "resnet_v2_encoder": lambda: networks.resnet_v2_encoder((8, 8, 2), 6, 4, 1),
    "resnet_v2_decoder": lambda: networks.resnet_v2_decoder(3, (8, 8, 2), 4, 1, output_activation="sigmoid"),
    "resnet_v2_decoder-subpixel": lambda: networks.resnet_v2_decoder(3, (8, 8, 2), 4, 1, normalization="layer", upsampling="subpixel"),
    "patch_discriminator": lambda: networks.patch_discriminator((17, 16, 2), 4, 1),
    "patch_discriminator-spectral": lambda: networks.patch_discriminator((17, 16, 2), 4, 1, spectral_normalization=True),
}


def inputs(n=3, seed=0):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.standard_normal((n, *shape)), tf.float32) for shape in ((3,), SHAPE)]


@pytest.mark.parametrize("size", [(28, 28), (28, 20), (9, 7)])
@pytest.mark.parametrize(
    ("kind", "down", "up"),
    [("gated_conv", {}, {}), ("info_gan", {"hidden": 9}, {"hidden": 9}), ("dcgan", {"filters": (4,) * 4}, {"filters": (4,) * 3})],
)
def test_convolutional_networks_take_any_image_size(size, kind, down, up):
    encoder = getattr(networks, f"{kind}_encoder")((*size, 1), 80, **down)
    decoder = getattr(networks, f"{kind}_decoder")(40, (*size, 2), **up)
    assert encoder.output_shape == (None, 80)
    assert decoder.output_shape == (None, *size, 2)


def test_stacks_are_those_of_the_paper():
    encoder, decoder = networks.gated_conv_encoder((28, 28, 1), 80), networks.gated_conv_decoder(40, (28, 28, 1))
    kernels = [(7, 1, 32), (3, 32, 32), (5, 32, 64), (3, 64, 64), (3, 64, 6)]
    convolutions = sum(2 * f * (k * k * c + 1) for k, c, f in kernels)
    assert encoder.count_params() == convolutions + (7 * 7 * 6 + 1) * 80
    dense = 2 * 300 * 41 + 2 * 784 * 301
    assert decoder.count_params() == dense + 128 * (9 + 1) + 3 * 128 * (9 * 64 + 1) + 65


def trainable_count(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (64, 3)])
def test_info_gan_stacks_are_those_of_the_paper(size, channels):
    encoder, decoder = networks.info_gan_encoder((size, size, channels), 32), networks.info_gan_decoder(32, (size, size, channels))
    bottom = (size // 4) ** 2 * 128
    convolutions = (16 * channels + 1) * 64 + (16 * 64 + 2) * 128
    assert trainable_count(encoder) == convolutions + (bottom + 2) * 1024 + 1025 * 32
    assert trainable_count(decoder) == (32 + 2) * 1024 + (1024 + 2) * bottom + (16 * 128 + 2) * 64 + (16 * 64 + 1) * channels


@pytest.mark.parametrize(("size", "channels", "deeper"), [(32, 1, ()), (64, 3, (128,))])
def test_dcgan_stacks_are_those_of_the_paper(size, channels, deeper):
    filters = (1024, 512, 256, *deeper)
    encoder = networks.dcgan_encoder((size, size, channels), 16)
    decoder = networks.dcgan_decoder(16, (size, size, channels), filters)
    convolutions = sum((16 * n + 2) * m for n, m in [(channels, 128), (128, 256), (256, 512), (512, 1024)])
    assert trainable_count(encoder) == convolutions + ((size // 16) ** 2 * 1024 + 1) * 16
    up = sum((16 * n + 2) * m for n, m in itertools.pairwise(filters))
    assert trainable_count(decoder) == (16 + 2) * 8 * 8 * 1024 + up + (16 * filters[-1] + 1) * channels


def test_batches_of_all_replicas_are_normalised_together():
    x = np.random.default_rng(0).random((8, *SHAPE), "float32") ** np.arange(1, 9, dtype="float32")[:, None, None, None]
    weights, results = None, []
    reduce = tf.distribute.ReductionToOneDevice()
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=reduce)):
        with strategy.scope():
            model = keras.Sequential([networks.info_gan_encoder(SHAPE, 3, (4, 8), 16), networks.info_gan_decoder(3, SHAPE, (8, 4), 16)])
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False, run_eagerly=strategy.num_replicas_in_sync == 1)
        losses = model.fit(x, x, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
        results.append((losses, model.get_weights()))
    assert results[0][0][-1] < results[0][0][0]
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for one, two in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_gated_convolution_is_a_product():
    layer = networks.GatedConv2D(3, 3, bias_initializer="random_normal")
    _, x = inputs()
    received = layer(x)
    value, gate = tf.split(tf.nn.conv2d(x, layer.kernel, 1, "SAME") + layer.bias, 2, axis=-1)
    np.testing.assert_allclose(received, value * tf.sigmoid(gate), atol=1e-6)


GATED = {  # a gated layer with its inputs, the fan of its inputs, and that of one half of its outputs
    "dense": (lambda start: networks.GatedDense(200, kernel_initializer=start), (100,), 100, 200),
    "conv": (lambda start: networks.GatedConv2D(60, 5, kernel_initializer=start), (4, 4, 20), 500, 1500),
    "pixel": (lambda start: networks.PixelCNN(2, (4, 4, 1), 1, 60, 1, 3, 5, (4,), 1, start).convolutions[1], (4, 4, 60), 900, 900),
}


@pytest.mark.parametrize("start", ["glorot_uniform", "glorot_normal", "he_normal", "lecun_uniform"])
@pytest.mark.parametrize("name", GATED)
def test_each_half_of_a_gate_starts_at_its_own_scale(name, start):
    make, shape, fan_in, fan_out = GATED[name]
    keras.utils.set_random_seed(0)
    layer = make(start)
    layer(tf.zeros((1, *shape)))
    value, gate = tf.split(layer.kernel, 2, axis=-1)
    variance = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[start.split("_")[0]]
    for half in (value, gate):
        np.testing.assert_allclose(np.std(half), variance**0.5, rtol=4 / (2 * np.size(half)) ** 0.5)
    assert np.any(value.numpy() != gate.numpy())


def test_scale_of_halves_comes_back_once():
    layer = networks.GatedDense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    once = networks.GatedDense.from_config(layer.get_config())
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(once), safe_mode=True)
    for other in (layer, once, again):
        other.build((None, 3))
        np.testing.assert_array_equal(other.kernel, layer.kernel)
    np.testing.assert_allclose(layer.kernel, keras.initializers.GlorotUniform(seed=1)((3, 4)) * (7 / 5) ** 0.5, rtol=1e-6)
    plain = keras.initializers.RandomNormal(seed=1)
    np.testing.assert_array_equal(networks.Halves(plain)((3, 4)), plain((3, 4)))


@pytest.mark.parametrize("name", ONE_INPUT)
def test_networks_train_under_xla_save_and_export(name, tmp_path):
    model = ONE_INPUT[name]()
    x = np.random.default_rng(0).random((8, *model.input_shape[1:]), "float32")

    @tf.function(jit_compile=True)
    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    for gradient in gradients(x):
        assert 0 < np.max(np.abs(gradient)) < np.inf
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(x), model(x))
    path = tmp_path / "network.onnx"
    write(Graph(model, [tf.TensorSpec([None, *x.shape[1:]], tf.float32, name="input")], ["output"]), path)
    compare(path, {"input": x}, {"output": model(x)})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: networks.gated_conv_encoder((28,), 4), r"input_shape \(height, width, channels\)"),
        (lambda: networks.gated_conv_decoder(3, (4, 0, 1)), r"output_shape\[1\]"),
        (lambda: networks.GatedConv2D(0, 3), "filters"),
        (lambda: networks.info_gan_encoder((28, 28), 4), r"input_shape \(height, width, channels\)"),
        (lambda: networks.info_gan_encoder(SHAPE, 4, ()), "num_filters"),
        (lambda: networks.info_gan_decoder(3, SHAPE, hidden=0), "hidden"),
        (lambda: networks.dcgan_encoder(SHAPE, 4, (4, 0)), r"filters\[1\]"),
        (lambda: networks.dcgan_decoder(0, SHAPE), "latent_dim"),
        (lambda: networks.resnet_v2_encoder((64, 64), 4), r"input_shape \(height, width, channels\)"),
        (lambda: networks.resnet_v2_encoder((32, 32, 3), 4, depth=0), "depth"),
        (lambda: networks.resnet_v2_encoder((7, 64, 3), 4), r"at least 8x8: lower min_size\. Received: image=\(7, 64\)"),
        (lambda: networks.resnet_v2_decoder(3, (50, 70, 3)), r"multiples of 8: resize the images to 48x72.*Received: image=\(50, 70\)"),
        (lambda: networks.resnet_v2_encoder((32, 32, 3), 4, normalization="batch"), "of group, layer, instance, none"),
        (lambda: networks.resnet_v2_decoder(3, (32, 32, 3), upsampling="linear"), "of nearest, subpixel"),
        (
            lambda: networks.patch_discriminator((64, 99, 3)),
            r"at least 70x70, a patch: num_layers=2 is the most for it",
        ),
        (lambda: networks.patch_discriminator((15, 15, 3)), r"even num_layers=1 needs 16x16"),
        (lambda: networks.patch_discriminator((64, 64, 3), num_layers=0), "num_layers"),
        (lambda: networks.MaskedConv2D(4, 4, True), "odd kernel_size"),
        (lambda: pixel_cnn(num_layers=0), "num_layers"),
        (lambda: pixel_cnn(kernel_size=2), "odd kernel_size"),
    ],
)
def test_bad_sizes(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# What a pixel sees.


def sensitivity(function, x):
    """Returns, for each output pixel and input pixel in raster order, the largest derivative: [H * W, H * W]."""
    x = tf.Variable(x[:1])
    with tf.GradientTape() as tape:
        y = function(x)[0]
    derivative = np.abs(tape.jacobian(y, x))[:, :, :, 0].max(axis=(2, 5))
    return derivative.reshape(y.shape[0] * y.shape[1], -1)


@pytest.mark.parametrize("sees_center", [False, True])
def test_masked_convolution_sees_what_comes_before(sees_center):
    layer = networks.MaskedConv2D(3, 5, sees_center)
    _, x = inputs()
    seen = sensitivity(layer, x) > 0
    i, j = np.indices(SHAPE[:2]).reshape(2, -1)
    near = (abs(i[:, None] - i) <= 2) & (abs(j[:, None] - j) <= 2)
    order = np.arange(len(i))
    before = order[None] < order[:, None] + sees_center
    np.testing.assert_array_equal(seen, near & before)


@pytest.mark.parametrize("arguments", [{}, {"num_layers": 3, "first_kernel_size": 7}, {"kernel_size": 5, "first_kernel_size": 3}])
def test_pixel_sees_earlier_pixels_and_nothing_later(arguments):
    decoder = pixel_cnn(**arguments)
    z, x = inputs()
    received = sensitivity(lambda x: decoder([z[:1], x]), x)
    order = np.arange(len(received))
    later = order[None] >= order[:, None]
    np.testing.assert_array_equal(received[later], 0)
    assert np.all(received[1:].max(axis=1) > 0)
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = decoder([z, x])
    assert np.all(np.abs(tape.batch_jacobian(y, z)).max(axis=(3, 4)) > 0)


def test_pixel_decoder_does_not_mix_examples():
    decoder = pixel_cnn()
    z, x = inputs()
    other_z, other_x = inputs(seed=1)
    alone = decoder([z[:1], x[:1]])
    for training in (False, True):
        among = decoder([tf.concat([z[:1], other_z], 0), tf.concat([x[:1], other_x], 0)], training=training)
        np.testing.assert_allclose(among[:1], alone, atol=1e-6)


def test_pixel_decoder_comes_back_from_its_configuration(tmp_path):
    decoder = pixel_cnn()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(decoder), safe_mode=True)
    assert again.get_config() == decoder.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in decoder.weights]
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(inputs()), decoder(inputs()))
    layer = networks.MaskedConv2D(4, 3, True)
    assert networks.MaskedConv2D.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("arguments", [{}, {"kernel_size": 5, "first_kernel_size": 3}])
def test_one_pixel_at_a_time_is_the_same_network(arguments):
    decoder = pixel_cnn(**arguments)
    z, x = inputs()
    expected, context, caches = decoder([z, x]), decoder.context(z), decoder.empty_caches(len(z))
    for i in range(SHAPE[0]):
        caches = decoder.next_row(caches)
        for j in range(SHAPE[1]):
            here = slice(None), slice(i, i + 1), slice(j, j + 1)
            params, caches = decoder.step(caches, context[here], tf.constant(j))
            np.testing.assert_allclose(params, expected[here], atol=1e-4)
            caches[0] = decoder.put(0, caches[0], x[here], j)
