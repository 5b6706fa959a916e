"""Networks for faces: their stages and patches, what they see, and that they start without checkerboards."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vaemix import networks
from keras_vaemix.networks.normalizations import NORMALIZATIONS
from keras_vaemix.networks.resnet_v2 import stage_filters
from keras_vaemix.networks.upsampling import UPSAMPLINGS
from tests.benchmarks import full_size


def images(n, side, seed=0):
    return np.random.default_rng(seed).standard_normal((n, side, side, 2)).astype("float32")


@pytest.fixture
def policy():
    """Sets the policy of mixed precision, for one test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


# Residual networks.


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((32, 32), [64, 128, 256]),
        ((64, 64), [64, 128, 256, 512]),
        ((128, 128), [64, 128, 256, 512, 512]),
        ((256, 256), [64, 128, 256, 512, 512, 512]),
        ((64, 48), [64, 128, 256]),
        ((28, 28), [64, 128]),
    ],
)
def test_stages_go_down_to_four_pixels(shape, filters):
    assert stage_filters(shape, 64, 512, 4) == filters


@pytest.mark.parametrize("side", [32, 256])
def test_maps_are_halved_to_four_pixels_and_doubled_back(side):
    encoder = networks.resnet_v2_encoder((side, side, 3), 6, 2, 1, 4)
    decoder = networks.resnet_v2_decoder(5, (side, side, 1), 2, 1, 4)
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, side, side, 1)
    assert next(layer for layer in encoder.layers if isinstance(layer, keras.layers.Flatten)).input.shape[1:] == (4, 4, 4)
    assert next(layer for layer in decoder.layers if isinstance(layer, keras.layers.Reshape)).output.shape[1:] == (4, 4, 4)


def test_residual_stacks_have_the_parameters_of_their_blocks():
    def block(before, after):
        shortcut = (before + 1) * after if before != after else 0
        return 2 * before + (9 * before + 1) * after + 2 * after + (9 * after + 1) * after + shortcut

    encoder = networks.resnet_v2_encoder((32, 32, 3), 10, 8, 2, 16)
    down = block(8, 8) + block(8, 8) + block(8, 16) + 3 * block(16, 16)
    assert encoder.count_params() == (9 * 3 + 1) * 8 + down + 2 * 16 + (4 * 4 * 16 + 1) * 10
    decoder = networks.resnet_v2_decoder(5, (32, 32, 3), 8, 2, 16)
    up = 4 * block(16, 16) + block(16, 8) + block(8, 8)
    assert decoder.count_params() == (5 + 1) * 4 * 4 * 16 + up + 2 * 8 + (9 * 8 + 1) * 3


def networks_of_images(normalization):
    return [
        networks.resnet_v2_encoder((16, 16, 2), 3, 4, normalization=normalization),
        networks.resnet_v2_decoder(3, (16, 16, 2), 4, normalization=normalization),
        networks.patch_discriminator((16, 16, 2), 4, 1, normalization),
    ]


@pytest.mark.parametrize(("name", "groups"), [("group", 2), ("layer", 1), ("instance", 8)])
def test_large_maps_are_normalized_exactly(name, groups):
    x = np.random.default_rng(0).normal(0.5, 1, (2, 256, 256, 8)).astype("float32")
    grouped = x.astype("float64").reshape(2, 256, 256, groups, -1)
    normalized = (grouped - grouped.mean((1, 2, 4), keepdims=True)) / np.sqrt(grouped.var((1, 2, 4), keepdims=True) + 1e-3)
    layer, (gamma, beta) = NORMALIZATIONS[name](8), np.random.default_rng(1).random((2, 8), "float32")
    layer.build(x.shape)
    layer.set_weights([gamma, beta])
    np.testing.assert_allclose(layer(x), gamma * normalized.reshape(x.shape) + beta, atol=5e-6)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_no_example_changes_another(normalization):
    for network in networks_of_images(normalization):
        rng = np.random.default_rng(0)
        x, others = (rng.standard_normal((n, *network.input_shape[1:])).astype("float32") for n in (1, 3))
        for training in (False, True):
            alone = network(x, training=training)
            among = network(np.concatenate([x, 100 * others]), training=training)
            np.testing.assert_allclose(among[:1], alone, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 8])
def test_maps_keep_their_scale_without_normalization(depth):
    network = networks.resnet_v2_encoder((16, 16, 2), 3, 8, depth, 8, normalization="none")
    maps = [layer.output for layer in network.layers if isinstance(layer, keras.layers.Add)]
    scales = [np.std(h) for h in keras.Model(network.input, [maps[0], maps[-1]])(images(20, 16))]
    assert 0.25 < scales[1] / scales[0] < 4


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_doubled_map_starts_without_checkerboards(upsampling):
    inputs = keras.Input((6, 6, 2))
    double = keras.Model(inputs, UPSAMPLINGS[upsampling](inputs, 3))
    constant = double(tf.ones((1, 6, 6, 2))).numpy()[0, 2:-2, 2:-2]  # the border sees the padding
    np.testing.assert_allclose(constant, np.broadcast_to(constant[0, 0], constant.shape), atol=1e-6)
    assert np.min(np.abs(constant)) > 0


def test_icnr_repeats_the_pixels_of_a_convolution():
    icnr = networks.ICNR(keras.initializers.GlorotNormal(seed=1))
    convolution = keras.layers.Conv2D(12, 3, padding="same", kernel_initializer=icnr)
    x = images(2, 5)
    doubled = networks.DepthToSpace()(convolution(x))
    small = tf.nn.conv2d(x, convolution.kernel[..., :3], 1, "SAME")
    np.testing.assert_allclose(doubled, np.repeat(np.repeat(small, 2, 1), 2, 2), atol=1e-6)
    restored = keras.initializers.deserialize(keras.initializers.serialize(icnr))
    np.testing.assert_array_equal(restored((3, 3, 2, 12)), convolution.kernel)
    convolution = keras.layers.Conv2D(12, 3, padding="same")
    doubled = networks.DepthToSpace()(convolution(tf.ones((1, 5, 5, 2)))).numpy()
    assert np.std(doubled[0, 4:6, 4:6, 0]) > 1e-2  # what the start is for


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
def test_outputs_are_float32_in_mixed_precision(name, policy):
    policy(name)
    spectral = networks.patch_discriminator((16, 16, 2), 4, 1, spectral_normalization=True)
    decoder = networks.resnet_v2_decoder(3, (16, 16, 2), 4, upsampling="subpixel", output_activation="sigmoid")
    for network in (*networks_of_images("group"), decoder, spectral):
        low = network.layers[2]
        assert getattr(low, "layer", low).compute_dtype == name.removeprefix("mixed_")
        x = np.random.default_rng(0).standard_normal((2, *network.input_shape[1:])).astype("float32")
        y = network(x, training=True)
        assert y.dtype == tf.float32
        assert np.isfinite(y).all()


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_near_float32(name, policy):
    weights, outputs = None, []
    for precision in ("float32", name):
        policy(precision)
        network = networks.resnet_v2_encoder((16, 16, 2), 3, 4)
        weights = weights or network.get_weights()
        network.set_weights(weights)
        outputs.append(network(images(4, 16)))
    assert 0 < np.max(np.abs(outputs[0] - outputs[1])) < 0.05 * np.std(outputs[0])


# Discriminators of patches.


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_score_sees_a_patch_and_nothing_else(num_layers):
    patch = networks.receptive_field(num_layers)
    side = 2 * patch
    network = networks.patch_discriminator((side, side, 2), 1, num_layers, normalization="none")
    x = tf.constant(images(1, side))
    middle = network.output_shape[1] // 2
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = network(x)[0, middle, middle, 0]
    seen = np.any(tape.gradient(score, x)[0] != 0, axis=-1)
    for axis in (0, 1):
        (where,) = np.nonzero(seen.any(axis))
        assert (where[-1] - where[0] + 1, len(where)) == (patch, patch)
    assert seen.sum() == patch**2


def test_patches_of_pix2pix():
    network = networks.patch_discriminator((256, 256, 3))
    assert network.output_shape == (None, 30, 30, 1)
    assert networks.receptive_field(3) == 70
    convolutions = (16 * 3 + 1) * 64 + sum(16 * n * 2 * n + 2 * 2 * n for n in (64, 128, 256)) + 16 * 512 + 1
    assert network.count_params() == convolutions


def test_deep_discriminator_has_eight_times_the_filters_at_most():
    network = networks.patch_discriminator((300, 300, 2), 2, 5)
    assert [layer.filters for layer in network.layers if isinstance(layer, keras.layers.Conv2D)] == [2, 4, 8, 16, 16, 16, 1]


def test_spectral_normalization_holds_in_a_critics_step(tmp_path):
    critic = networks.patch_discriminator((16, 16, 2), 4, 1, spectral_normalization=True)
    assert not any(isinstance(layer, keras.layers.GroupNormalization) for layer in critic.layers)
    kernels = [w for w in critic.trainable_weights if len(w.shape) == 4]
    norms = lambda: [np.linalg.svd(k.numpy().reshape(-1, k.shape[-1]), compute_uv=False)[0] for k in kernels]  # noqa: E731
    before = norms()
    optimizer = keras.optimizers.SGD(1e-3)
    optimizer.build(critic.trainable_variables)

    @tf.function(jit_compile=True)
    def step(real, fake):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(critic(fake, training=True)) - tf.reduce_mean(critic(real, training=True))
        gradients = tape.gradient(loss, critic.trainable_variables)
        optimizer.apply(gradients, critic.trainable_variables)
        return loss, gradients[0]

    losses = []
    for _ in range(40):
        loss, gradient = step(images(8, 16), 1 + images(8, 16, 1))
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    assert 0 < np.max(np.abs(gradient)) < np.inf
    assert np.max(np.abs(np.subtract(before, 1))) > 0.1
    np.testing.assert_allclose(norms(), 1, atol=0.02)
    critic.save(tmp_path / "critic.keras")
    loaded = keras.saving.load_model(tmp_path / "critic.keras")
    x = images(3, 16, 2)
    np.testing.assert_array_equal(loaded(x), critic(x))
    np.testing.assert_array_equal(loaded(x, training=True), critic(x, training=True))


# All of it.


@pytest.mark.slow
def test_the_preset_of_256_pixels_goes_all_the_way_to_an_image():
    report = full_size.through(("onnx",), width=4, depth=1, latent_dim=8, discriminator_filters=4)  # the stages are the preset's
    assert list(report["phases"]) == ["build", "step", "save", "export", "decode"]
    assert report["shape"] == (1, 256, 256, 3)
    assert np.isfinite(list(report["losses"].values())).all()
    assert {"loss", "discriminator_loss"} <= set(report["losses"])
    assert report["error"] <= 1e-5
