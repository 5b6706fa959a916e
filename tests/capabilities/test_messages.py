"""Errors name what is wrong, and what to do: parts in the wrong place, shapes of parts that do not fit, data that are not scaled."""

import functools
import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import keras_vaemix as vm
from keras_vaemix.core.part import constructor_names
from keras_vaemix.importance import FewEffectiveSamples
from tests import catalogue

tfd = tfp.distributions
SHAPE, D = catalogue.SHAPE, catalogue.LATENT_DIM


def networks(shape=SHAPE):
    return vm.networks.mlp(shape, 2 * D, (4,)), vm.networks.mlp((D,), shape, (4,))


def vae(prior=None, likelihood=None, **parts):
    return vm.VAE(*networks(), prior or vm.StandardNormal(D), likelihood or vm.Bernoulli(), **parts)


def two_level(prior, likelihood=None):
    encoder = vm.networks.joint_gated_mlp([SHAPE, (D,)], 4, (8,), (8,))
    decoder = vm.networks.joint_gated_mlp([(2,), (D,)], SHAPE, (8,), (8,))
    return vm.HierarchicalVAE(networks()[0], encoder, vm.networks.mlp((D,), 4, ()), decoder, prior, likelihood or vm.Bernoulli())


def cp_vae(**parts):
    encoder, decoder = vm.networks.mlp(SHAPE, 4 + 2 * D, ()), networks()[1]
    return vm.CPVAE(encoder, decoder, **{"prior": vm.NormalMixture(D, 4), "likelihood": vm.Bernoulli(), **parts})


def autoencoder(**parts):
    return catalogue.autoencoder(vm.Autoencoder, **parts)


def other_shape():
    return vm.VampPrior(D, 5, (8, 8, 1))


def sharing():
    """Returns a VAE whose encoder and decoder have a layer in common."""
    layer, x, z = keras.layers.Dense(6, name="common"), keras.Input((6,)), keras.Input((6,))
    networks = keras.Model(x, keras.layers.Dense(12)(layer(x))), keras.Model(z, layer(z))
    return vm.VAE(*networks, vm.StandardNormal(6), vm.Bernoulli())


def nested():
    """Returns an encoder that holds the decoder, and the decoder."""
    decoder, x = vm.networks.mlp((D,), SHAPE, ()), keras.Input(SHAPE)
    codes = keras.layers.Dense(D)(keras.layers.Flatten()(x))
    return keras.Model(x, keras.layers.Dense(2 * D)(keras.layers.Flatten()(decoder(codes)))), decoder


def linear():
    return vm.VAE(vm.networks.mlp((6,), 2 * D, ()), vm.networks.mlp((D,), 6, ()), vm.StandardNormal(D), vm.Bernoulli())


def two_headed():
    x = keras.Input((6,))
    encoder = keras.Model(x, [keras.layers.Dense(D)(x), keras.layers.Dense(D)(x)])
    return vm.VAE(encoder, vm.networks.mlp((D,), 6, ()), vm.StandardNormal(D), vm.Bernoulli())


def of_tf_keras():
    layers = tf_keras.layers.InputLayer(SHAPE), tf_keras.layers.Flatten(), tf_keras.layers.Dense(2 * D)
    return vm.VAE(tf_keras.Sequential(layers), networks()[1], vm.StandardNormal(D), vm.Bernoulli())


CASES = {
    "two heads": (two_headed, "encoder with one output; if an encoder has two, concatenate them: means, then log-variances"),
    "HDF5": (lambda: linear().save("model.h5"), "a file name that ends with .keras, such as model.keras. Received: filepath='model.h5'"),
    "tf_keras": (of_tf_keras, "encoder made by keras, not tf_keras or another library, whose weights nothing here would train"),
    "swapped": (lambda: vae(vm.Bernoulli(), vm.StandardNormal(D)), "prior to be a Prior. Received: prior='Bernoulli'"),
    "likelihood": (lambda: vae(likelihood=vm.StandardNormal(D)), "likelihood to be a Likelihood. Received: likelihood='StandardNormal'"),
    "class": (lambda: vae(likelihood=vm.Normal), "likelihood to be a Likelihood. Received: likelihood='the class Normal'"),
    "posterior": (lambda: vae(posterior=vm.ELBO()), "posterior to be a Posterior. Received: posterior='ELBO'"),
    "two levels": (lambda: two_level(vm.Bernoulli()), "prior to be a Prior. Received: prior='Bernoulli'"),
    "categories": (lambda: cp_vae(prior=vm.Bernoulli()), "prior to be a Prior. Received: prior='Bernoulli'"),
    "heads": (lambda: cp_vae(heads=vm.ELBO()), "heads to be a Heads. Received: heads='ELBO'"),
    "estimator": (lambda: cp_vae(estimator=vm.ELBO()), "estimator to be a CategoryEstimator. Received: estimator='ELBO'"),
    "category posterior": (lambda: cp_vae(category_posterior=vm.ELBO()), "category_posterior to be a CategoryPosterior"),
    "cost": (lambda: autoencoder(cost=vm.Bernoulli()), "cost to be a Cost. Received: cost='Bernoulli'"),
    "discrepancy": (lambda: autoencoder(discrepancy=vm.costs.SquaredError()), "discrepancy to be a Discrepancy"),
    "penalties": (lambda: autoencoder(penalties=[vm.discrepancies.MMD()]), "penalties to be a Penalty. Received: penalties='MMD'"),
    "pseudo-inputs": (
        lambda: vae(other_shape()),
        "example_shape=(4, 4, 1), as the encoder takes. Received: example_shape=(8, 8, 1)",
    ),
    "parameters": (lambda: vae(likelihood=vm.DiscretizedLogistic()), "decoder with output shape (None, 4, 4, 2)"),
    "parameters of categories": (lambda: cp_vae(likelihood=vm.DiscretizedLogistic()), "decoder with output shape (None, 4, 4, 2)"),
    "parameters of two levels": (lambda: two_level(vm.StandardNormal(D), vm.DiscretizedLogistic()), "(None, 4, 4, 2): the last axis"),
    "shared layer": (sharing, "encoder and decoder to share no layer, which no file would tie again: give each its own"),
    "shared network": (lambda: vm.VAE(*nested(), vm.StandardNormal(D), vm.Bernoulli()), "encoder and decoder to share no layer"),
    "component of no whole number": (lambda: vae(vm.NormalMixture(D, 3)).sample(1, component=1.5), "component in 0..2, or None"),
    "component of a prior": (
        lambda: vm.NormalMixture(D, 3).sample(1, component=1.5),
        "component in 0..2, or None",
    ),
    "sparse": (
        lambda: linear().evaluate(scipy.sparse.csr_matrix(np.eye(6))),
        "x as a dense array: x.toarray(). Received: x='csr_matrix'",
    ),
    "sparse of a density": (lambda: linear().log_likelihood(scipy.sparse.csr_matrix(np.eye(6))), "x as a dense array: x.toarray()"),
    "sparse of latents": (lambda: linear().latent_means(scipy.sparse.csr_matrix(np.eye(6))), "x as a dense array: x.toarray()"),
    "pseudo-inputs of two levels": (lambda: two_level(other_shape()), "example_shape=(4, 4, 1), as the encoder takes"),
}


class Batches(keras.utils.PyDataset):
    """Two batches of examples."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.zeros((5, 6), "float32")


OF_ARRAYS = {
    "log_likelihood": lambda ds: linear().log_likelihood(ds),
    "estimate_log_likelihood": lambda ds: linear().estimate_log_likelihood(ds),
    "cluster": lambda ds: linear().cluster(ds),
    "reconstruct": lambda ds: linear().reconstruct(ds),
    "latent_means": lambda ds: linear().latent_means(ds),
    "fit_prior": lambda ds: autoencoder(prior=vm.FittedMixture(D, 2)).fit_prior(ds),
    "check_bound": lambda ds: vm.verify.check_bound(linear(), ds),
    "report": lambda ds: vm.evaluation.report(linear(), ds),
    "active_units": lambda ds: vm.evaluation.active_units(linear(), ds),
    "latent_effects": lambda ds: vm.evaluation.latent_effects(linear(), ds),
    "divergence_split": lambda ds: vm.evaluation.divergence_split(linear(), ds),
    "TensorBoard": lambda ds: vm.callbacks.TensorBoard("logs", ds),
}


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_what_takes_arrays_tells_how_to_loop_over_a_data_set(name):
    for ds in (tf.data.Dataset.from_tensor_slices(np.zeros((10, 6), "float32")).batch(5), Batches()):
        with pytest.raises(ValueError, match=r"loop over the batches, such as np.concatenate\(\[model.log_likelihood\(x\) for x in ds\]\)"):
            OF_ARRAYS[name](ds)


@pytest.mark.parametrize("name", CASES)
def test_parts_in_the_wrong_place_are_named(name):
    make, message = CASES[name]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert message in str(caught.value)


class Subclassed(keras.Model):
    """A network that does not know its inputs."""

    def call(self, x):
        return x


KINDS = ["VAE-conditioned", "model-CPVAE-held", "model-HierarchicalVAE", "model-GMVAE", "GAMIXVAE", "FactorVAE", "PixelVAE"]


@pytest.mark.parametrize("name", [*KINDS, "autoencoder-flex-smooth", "autoencoder-mask"])
def test_networks_that_do_not_know_their_inputs_are_named(name):
    model = catalogue.EVERY_MODEL[name]()
    config = {name: getattr(model, name) for name in constructor_names(model)}
    networks = [name for name, value in config.items() if isinstance(value, keras.Model)]
    assert len(networks) > 1
    for one in networks:
        for network in (Subclassed(), keras.Sequential([keras.layers.Dense(3)])):
            with pytest.raises(ValueError, match=f"{one} to be a functional or Sequential keras.Model with known inputs"):
                type(model)(**{**config, one: network})


def test_models_may_share_their_parts():
    model = catalogue.EVERY_MODEL["model-CPVAE-paper"]()
    assert model.with_sampling_prior().encoder is model.encoder
    other = vm.CPVAE(model.encoder, model.decoder, model.prior, model.likelihood)
    assert other.decoder is model.decoder


def images(*levels):
    """Returns 8-bit images of these levels."""
    return np.resize(np.array(levels, "uint8"), (30, *SHAPE))


@pytest.mark.parametrize(
    ("likelihood", "x", "message"),
    [
        ("Bernoulli", images(0, 255), "likelihood's support: divide 8-bit values by 255. Received"),
        ("Bernoulli", images(0, 100, 255), "support: divide 8-bit values by 255, then binarise it, or choose ContinuousBernoulli"),
        ("Bernoulli", images(0, 1, 2), "support: binarise it"),
        ("Bernoulli", images(0, 100, 255) / 255, "support: binarise it"),
        ("ContinuousBernoulli", images(0, 100, 255), "support: divide 8-bit values by 255. Received"),
        ("DiscretizedLogistic", images(0, 100, 255), "support: divide 8-bit values by 255. Received"),
        ("ContinuousBernoulli", 1.5 * images(0, 1), "support: scale it"),
    ],
)
def test_data_that_are_not_scaled_are_told_how(likelihood, x, message):
    model = catalogue.make(likelihood=likelihood)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        model.evaluate(x)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "way"),
    [((9, 4, 4), "x[..., None] adds the channel"), ((9, 16), "x.reshape(-1, 4, 4, 1)"), ((4, 4, 1), "x[None] is a batch of one")],
)
def test_examples_of_another_shape_are_told_how_to_get_it(shape, way):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        catalogue.make().evaluate(np.zeros(shape, "float32"))
    assert f"Expected x of shape (N, 4, 4, 1): {way}. Received" in str(caught.value)


def test_pseudo_inputs_are_told_how_to_scale_examples():
    prior = vm.VampPrior(D, 5, SHAPE)
    message = r"pass value_range=\(least, most\) of the data, or scale them, for example x / 255.* Received: least=0\.0, most=255"
    with pytest.raises(ValueError, match=message):
        prior.initialize_from_examples(images(0, 255))


@pytest.mark.parametrize("make", [vae, two_level])
def test_pseudo_inputs_of_real_values_need_a_range(make):
    with pytest.warns(UserWarning, match=r"value_range=\(least, most\) of data beyond \[0, 1\] for a VampPrior"):
        make(vm.VampPrior(D, 5, SHAPE), vm.Normal())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(vm.VampPrior(D, 5, SHAPE), vm.Bernoulli())
        make(vm.VampPrior(D, 5, SHAPE, value_range=(-3, 3)), vm.Normal())
        model = make(vm.VampPrior(D, 5, SHAPE, value_range=(0.0, 1.0)), vm.Normal())
        type(model).from_config(model.get_config())


@pytest.mark.parametrize(
    ("likelihood", "num_params", "is_met"),
    [
        (lambda: vm.Poisson(), 3, True),
        (lambda: vm.Columns([("age", vm.Normal(1.0), 2), ("share", vm.Beta())]), 4, True),
        (lambda: vm.Columns([("sick", vm.Bernoulli(), 2), ("share", vm.Beta())]), 4, False),
    ],
)
def test_pseudo_inputs_of_counts_and_of_columns_need_a_range(likelihood, num_params, is_met):
    parts = vm.networks.mlp((3,), 2 * D), vm.networks.mlp((D,), num_params), vm.VampPrior(D, 5, (3,)), likelihood()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vm.VAE(*parts)
    assert ["value_range=(least, most) of data beyond [0, 1]" in str(one.message) for one in caught] == [True] * is_met


@keras.saving.register_keras_serializable("tests")
class Separate(vm.StandardNormal):
    """Forgets `tfd.Independent`: its density is one of each latent."""

    def distribution(self, encode=None, training=False):
        return tfd.Normal(tf.zeros(self.latent_dim), 1.0)


@pytest.mark.parametrize("make", [vae, two_level])
def test_a_prior_of_separate_latents_is_refused(make):
    model = make(Separate(D), vm.Bernoulli())
    message = rf"Separate\.distribution of one event, of shape \({D},\): .* Received: event_shape=\(\), batch_shape=\({D},\)"
    with pytest.raises(ValueError, match=message):
        model.log_likelihood(images(0, 1), 10)


@keras.saving.register_keras_serializable("tests")
class Unweighted(vm.DiagonalNormal):
    """Gives each of S draws the weight one."""

    def draw(self, params, num_samples, seed):
        z, log_weight, log_q = super().draw(params, num_samples, seed)
        return z, tf.zeros_like(log_weight), log_q


def test_draws_whose_weights_do_not_add_up_to_one_are_refused():
    model = vm.VAE(*networks(), vm.StandardNormal(D), vm.Bernoulli(), Unweighted())
    for ask in (model.log_likelihood, functools.partial(vm.verify.check_bound, model)):
        with pytest.raises(ValueError, match=r"weights add up to one: .* Received: total=2\.0, draws=2"):
            ask(images(0, 1), num_samples=10)


@keras.saving.register_keras_serializable("tests")
class Forgetful(vm.StandardNormal):
    """Does not keep its argument."""

    def __init__(self, latent_dim, spread=1.0, **kwargs):
        super().__init__(latent_dim, **kwargs)


@keras.saving.register_keras_serializable("tests")
class Doubled(vm.Normal):
    """Takes all parameters for means."""

    def params_size(self, num_channels):
        return 2 * num_channels

    def mean(self, params):
        return params


def test_parts_of_a_user_are_checked_before_they_are_trained():
    with pytest.raises(ValueError, match=r"Forgetful to keep its arguments for its file, .* Received: missing=\['spread'\]"):
        vae(Forgetful(D), vm.Bernoulli())
    decoder = vm.networks.mlp((D,), (*SHAPE[:-1], 2 * SHAPE[-1]))
    with pytest.raises(ValueError, match=r"Doubled\.mean to return examples of shape .* Received: shape="):
        vm.VAE(networks()[0], decoder, vm.StandardNormal(D), Doubled())


def test_masked_arrays_are_refused():
    model, x = vae(vm.StandardNormal(D), vm.Bernoulli()), np.ma.masked_array(images(0, 1), mask=False)
    model.compile("adam")
    for ask in (model.fit, model.predict, model.latent_means, functools.partial(model.log_likelihood, num_samples=1)):
        with pytest.raises(ValueError, match=r"x\.filled\(np\.nan\), or a dict with a 'mask'\. Received: x='MaskedArray'"):
            ask(x)


def test_latents_of_examples_outside_the_support_are_refused():
    with pytest.raises(ValueError, match=r"x in \{0, 1\}"):
        vae(vm.StandardNormal(D), vm.Bernoulli()).latent_means(images(0, 255))


def test_a_model_of_another_scope_is_refused():
    model = vae(vm.StandardNormal(D), vm.Bernoulli())
    message = r"made where it is compiled: make it inside of strategy\.scope\(\) too\. Received: strategy='MirroredStrategy'"
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope(), pytest.raises(ValueError, match=message):
        model.compile("adam")


def test_no_examples_and_no_optimizer_are_named():
    model = vae(vm.StandardNormal(D), vm.Bernoulli())
    with pytest.raises(ValueError, match=r"an optimizer, such as 'adam'\. Received: optimizer=None"):
        model.compile(None)
    model.compile("adam")
    with pytest.raises(ValueError, match="Received: x='NoneType'"):
        model.fit(None)


def test_pseudo_inputs_are_told_how_to_shape_examples():
    with pytest.raises(
        ValueError, match=r"Expected x of shape \(N, 4, 4, 1\): x\[..., None\] adds the channel. Received: shape=\(9, 4, 4\)"
    ):
        vm.VampPrior(D, 5, SHAPE).initialize_from_examples(np.zeros((9, 4, 4)))


def test_samples_before_the_density_is_fitted_are_told_what_fits_it():
    model = autoencoder(prior=vm.FittedMixture(D, 2))
    with pytest.raises(ValueError, match=r"call the model's fit_prior\(x\) with training examples"):
        model.sample(2)


def ending_with(*last):
    """Returns a decoder that ends with the given layers."""
    return keras.Sequential([keras.Input((D,)), keras.layers.Dense(16, "tanh"), *last])


def nested_decoder():
    z = keras.Input((D,))
    return keras.Model(z, ending_with(keras.layers.Dense(16, "sigmoid"), keras.layers.Reshape(SHAPE))(z))


def gated_decoder():
    z = keras.Input((D,))
    h = keras.layers.Dense(16)(z) * keras.layers.Dense(16, "sigmoid")(z)
    return keras.Model(z, keras.layers.Reshape(SHAPE)(h))


def by_operation():
    z = keras.Input((D,))
    return keras.Model(z, keras.layers.Reshape(SHAPE)(keras.ops.sigmoid(keras.layers.Dense(16)(z))))


BOUNDED = {
    "dense": (lambda: ending_with(keras.layers.Dense(16, "sigmoid"), keras.layers.Reshape(SHAPE)), "sigmoid"),
    "layer": (lambda: ending_with(keras.layers.Dense(16), keras.layers.Activation("tanh"), keras.layers.Reshape(SHAPE)), "tanh"),
    "softmax": (lambda: ending_with(keras.layers.Dense(16), keras.layers.Softmax(), keras.layers.Reshape(SHAPE)), "softmax"),
    "nested": (nested_decoder, "sigmoid"),
    "operation": (by_operation, "sigmoid"),
    "relu": (lambda: ending_with(keras.layers.Dense(16, "relu"), keras.layers.Reshape(SHAPE)), "relu"),
    "hidden": (lambda: ending_with(keras.layers.Dense(16), keras.layers.Reshape(SHAPE)), None),
    "gated": (gated_decoder, None),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_a_decoder_that_bounds_logits_is_met_with_a_warning(name):
    make, activation = BOUNDED[name]
    parts = networks()[0], make(), vm.StandardNormal(D)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vm.VAE(*parts, vm.Normal(0.1))
        assert not caught
        vm.VAE(*parts, vm.Bernoulli())
        vm.Autoencoder(vm.networks.mlp(SHAPE, D), make(), vm.StandardNormal(D), vm.costs.SquaredError())
    for kind, one in zip(("Bernoulli", "SquaredError"), caught, strict=activation is not None):
        assert f"log-scales of {kind}: activation=None. Received: activation={activation!r}" in str(one.message)
    assert bool(caught) == (activation is not None)


def test_a_table_of_means_may_be_bounded():
    decoder = keras.Sequential([keras.Input((D,)), keras.layers.Dense(2, "sigmoid")])
    parts = vm.networks.mlp((2,), 2 * D, ()), decoder, vm.StandardNormal(D)
    vm.VAE(*parts, vm.Columns([("a", vm.Normal(0.1)), ("b", vm.Laplace(0.1))]))
    with pytest.warns(UserWarning, match="log-scales of Columns"):
        vm.VAE(*parts, vm.Columns([("a", vm.Normal(0.1)), ("b", vm.Poisson())]))


def test_warnings_point_at_the_line_that_called_the_library():
    model = vm.CPVAE(vm.networks.mlp((6,), 3 + 2 * 2), vm.networks.mlp((2,), 6), vm.NormalMixture(2, 3), vm.Normal(0.01))
    x = np.random.default_rng(0).normal(0, 1, (8, 6)).astype("float32")
    with warnings.catch_warnings(record=True, action="always") as caught:
        model.log_likelihood(x, 100)
        model.compile()
        model.fit(x, np.zeros(8), verbose=0)
    ours = [warning for warning in caught if str(warning.message).startswith("Expected ")]
    assert [warning.category for warning in ours] == [FewEffectiveSamples, UserWarning]
    assert [warning.filename for warning in ours] == [__file__] * 2
