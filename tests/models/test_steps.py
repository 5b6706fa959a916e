"""What a step promises: means over examples, its own averages and clipping on any number of replicas, weights, checks, and epochs.

Steps run eagerly where a few are taken: `test_fit` traces those of every model.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_vaemix as vm
from tests import catalogue
from training.distributed.strategy import make_strategy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
mlp = vm.networks.mlp


def vae(seed=0, latent_dim=2, **settings):
    networks = mlp((4,), 2 * latent_dim, (5,)), mlp((latent_dim,), 4, (5,))
    return vm.VAE(*networks, vm.StandardNormal(latent_dim), vm.Normal(1.0), seed=seed, **settings)


def autoencoder(kind=vm.Autoencoder, *further, **settings):
    networks = mlp((4,), 2, (5,)), mlp((2,), 4, (5,)), *further
    return kind(*networks, prior=vm.StandardNormal(2), cost=vm.costs.RealSquaredError(), **settings)


def critic():
    return mlp((2,), 1, (5,))


def generator(x):
    yield from ((batch,) for batch in x)


def values(variables):
    return [np.array(variable) for variable in variables]


def size(model):
    return float(sum(np.abs(value).sum() for value in values(model.trainable_variables)))


# Means over examples.


@pytest.mark.parametrize("make", [vae, lambda: autoencoder(vm.MaskAAE, critic())])
def test_figures_are_means_over_examples_whatever_the_batches(make):
    """100 examples of zeros and one of 100s: a mean over batches of 100 would count the one for half."""
    x = np.concatenate([np.zeros((100, 4)), np.full((1, 4), 100.0)]).astype("float32")
    model = make()
    model.compile("adam", run_eagerly=True)
    name = "reconstruction" if isinstance(model, vm.VAE) else "cost"
    whole, cut = (model.evaluate(x, batch_size=n, verbose=0, return_dict=True)[name] for n in (101, 100))
    assert cut == pytest.approx(whole, rel=0.01)  # a VAE's draws differ


def test_the_loss_of_fit_is_minus_its_elbo():
    x = np.concatenate([np.zeros((100, 4)), np.full((1, 4), 100.0)]).astype("float32")
    model = vae()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    logs = model.fit(x, batch_size=100, shuffle=False, verbose=0).history
    assert logs["loss"][0] == pytest.approx(-logs["elbo"][0], rel=1e-6)


# Weights of examples.


@pytest.mark.parametrize("make", [vae, autoencoder])
def test_examples_of_weight_zero_count_for_nothing(make):
    model, weight = make(), np.repeat([2.0, 0.0], 32)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    other = X.copy()
    other[32:] = 1e3
    batches = [vm.Batch(tf.constant(x), weight=tf.constant(weight, tf.float32)) for x in (X, other)]
    one, two = (float(model.losses(batch, [0, 0], True)["model"].total) for batch in batches)
    assert one == two != float(model.losses(batches[0]._replace(weight=None), [0, 0], True)["model"].total)
    figures = [model.evaluate(x, sample_weight=weight, batch_size=64, verbose=0, return_dict=True)["loss"] for x in (X, other)]
    assert figures[0] == figures[1]
    before = values(model.trainable_variables)
    model.fit(X, sample_weight=np.zeros(64), verbose=0)
    for one, two in zip(before, values(model.trainable_variables), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_aggregate_posterior_is_weighted_too(binary):
    model, weight = catalogue.cp_vae(None, 0, aggregate_rate=1.0), np.repeat([1.0, 0.0], 15)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(binary, sample_weight=weight, batch_size=30, verbose=0)
    np.testing.assert_allclose(model.aggregate, model.responsibilities(binary[:15]).mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": np.ones(3)}, r"sample_weight of shape \(64,\)"),
        ({"sample_weight": np.full(64, -1.0)}, r"sample_weight of at least 0"),
        ({"sample_weight": np.full(64, np.nan)}, r"finite sample_weight"),
        ({"class_weight": {0: 1.0}}, "no class_weight"),
        ({"y": np.full(64, "seven")}, r"labels of x as numbers: np\.unique"),
        ({"x": {"image": X}}, r"one array of examples .*x\['image'\] for a dict"),
        ({"x": [[0.0] * 4] * 9}, r"np\.asarray\(x\) for a list"),
        ({"x": tf.data.Dataset.from_tensor_slices({"image": X}).batch(8)}, r"x\['image'\] for a dict"),
        ({"x": generator([np.zeros((8, 5), "float32")])}, r"x of shape \(N, 4\)"),
    ],
)
def test_what_fit_cannot_use_is_refused(arguments, message):
    model = vae()
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": X, "verbose": 0, "shuffle": False, **arguments})


def test_losses_that_couple_examples_refuse_weights():
    model = autoencoder(vm.AdversarialAutoencoder, critic())
    model.compile("adam", run_eagerly=True)
    for data in ({"x": X, "sample_weight": np.ones(64)}, {"x": tf.data.Dataset.from_tensors((X, np.zeros(64), np.ones(64)))}):
        with pytest.raises(ValueError, match="no sample_weight: the loss of AdversarialAutoencoder depends on the batch as a whole"):
            model.fit(**data, verbose=0, shuffle=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mse"}, "no loss: the model defines its own losses"),
        ({"metrics": ["mse"]}, "no metrics: the model defines its own losses"),
        ({"optimizers": "mse"}, "no further optimizers: the model has only its own"),
        ({"optimizers": {"critic": "adam"}}, "no further optimizers"),
    ],
)
def test_what_compile_cannot_use_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        vae().compile("adam", **arguments)


def test_optimizers_have_names_that_the_model_knows():
    with pytest.raises(ValueError, match=r"optimizers to be a dict of \['critic'\], or None"):
        autoencoder(vm.AdversarialAutoencoder, critic()).compile("adam", {"discriminator": "adam"})


def test_gradients_are_not_accumulated_on_several_replicas():
    with make_strategy("mirrored").scope():
        model = vae()
        with pytest.raises(ValueError, match="no gradient_accumulation_steps on several replicas"):
            model.compile(keras.optimizers.Adam(gradient_accumulation_steps=4))


# Data after the first batch.


@pytest.mark.parametrize(("wrap", "bad"), [(tf.data.Dataset.from_tensor_slices, 7.0), (generator, np.nan)])
def test_the_batch_with_bad_data_is_named(wrap, bad, binary):
    model = catalogue.make()
    model.compile("adam", run_eagerly=True)
    x = np.stack([binary[:10], binary[10:20], binary[20:]])
    x[1, 3] = bad
    with pytest.raises(ValueError, match="number 2 of the evaluation"):
        model.evaluate(wrap(x), verbose=0, steps=3)
    figures = model.evaluate(binary, verbose=0, return_dict=True)
    assert np.isfinite(figures["elbo"])
    with pytest.raises(ValueError, match=r"finite values in \{0, 1\} in every batch: binarise it.*number 2 of epoch 1"):
        model.fit(wrap(x), verbose=0, steps_per_epoch=3, shuffle=False)


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_the_batch_with_bad_weights_is_named(bad, binary):
    model, weight = catalogue.make(), np.repeat([1.0, bad, 1.0], 10).astype("float32")
    model.compile("adam", run_eagerly=True)
    data = tf.data.Dataset.from_tensor_slices((binary, np.zeros(30), weight)).batch(10)
    with pytest.raises(ValueError, match=r"and a sample_weight, if any, that is finite and at least 0.*number 2 of the evaluation"):
        model.evaluate(data, verbose=0)
    with pytest.raises(ValueError, match="number 2 of epoch 1"):
        model.fit(data, verbose=0, shuffle=False)


def test_bad_data_are_found_by_compiled_steps_and_named_before_the_loss_that_they_spoil():
    x = X.copy()
    x[27, 1] = np.nan
    model = vae()
    model.compile("adam", steps_per_execution=4)
    data = tf.data.Dataset.from_tensor_slices(x).batch(8, drop_remainder=True)
    with pytest.raises(ValueError, match="number 4 of epoch 1"):
        model.fit(data, verbose=0, shuffle=False, callbacks=[vm.callbacks.StopOnNaN()])


# Epochs and schedules.


class Betas(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(float(self.model.beta))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_warm_up_counts_epochs_and_nothing_else(tmp_path):
    """Not the steps of an optimizer that accumulates gradients, nor batches, of any size or of an unknown number; saved with the model."""
    model, betas, unknown = vae(), Betas(), tf.data.Dataset.from_tensor_slices(X).batch(16).filter(lambda x: True)
    model.compile(keras.optimizers.Adam(gradient_accumulation_steps=4), run_eagerly=True)
    callbacks = [vm.callbacks.KLWarmUp(4), betas]
    model.fit(unknown, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    model.fit(X, batch_size=32, epochs=1, verbose=0, callbacks=callbacks)
    model.fit(X, batch_size=16, epochs=2, verbose=0, callbacks=callbacks)
    assert betas.seen == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert (int(model.epochs_done), int(model.steps_done)) == (5, 4 * 4 + 2)


def test_validation_is_by_the_objective_s_own_beta():
    model = vae(objective=vm.ELBO(beta=0.1))
    model.compile()
    model.fit(X, validation_data=(X,), callbacks=[vm.callbacks.KLWarmUp(4)], verbose=0)
    figures = model.evaluate(X, verbose=0, return_dict=True)
    assert figures["beta"] == pytest.approx(0.1)
    assert figures["loss"] == pytest.approx(0.1 * figures["kl"] - figures["reconstruction"], rel=1e-5)
    assert figures["elbo"] == pytest.approx(figures["reconstruction"] - figures["kl"], rel=1e-5)


def test_early_stopping_counts_the_epochs_before_it():
    stopping = vm.callbacks.EarlyStopping(patience=2, warm_up=3)
    model = vae()
    model.compile("adam", run_eagerly=True)
    model.epochs_done.assign(2)
    stopping.set_model(model)
    stopping.on_train_begin()
    over = []
    for value in (1.0, 2.0, 3.0):
        stopping.on_epoch_end(0, {"val_loss": value})
        over.append(stopping.is_over())
    assert over == [False, False, True]


def test_of_a_bound_more_is_better():
    stopping = vm.callbacks.EarlyStopping(patience=2, monitor="val_elbo", past=[-3.0, -2.0, -2.5])
    assert not stopping.is_over()
    stopping.values.append(-2.1)
    assert stopping.is_over()


# Evaluation.


def test_evaluation_draws_the_same_each_time_and_leaves_training_alone():
    models, initial = [], vae().get_weights()
    for evaluates in (True, False):
        model = vae()
        model.set_weights(initial)
        model.compile("adam", run_eagerly=True)
        model.fit(X, batch_size=16, epochs=1, shuffle=False, verbose=0)
        if evaluates:
            one, other = (model.evaluate(X, batch_size=16, verbose=0) for _ in range(2))
            assert one == other
        model.fit(X, batch_size=16, epochs=1, shuffle=False, verbose=0, validation_data=X if evaluates else None)
        models.append(model)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_of_an_evaluation_have_noise_of_their_own():
    model = vae()
    model.compile("adam", run_eagerly=True)
    x = np.tile(X[:8], (8, 1))
    seeds = {tuple(model.evaluation_seed(i).numpy()) for i in range(8)}
    assert len(seeds) == 8
    assert model.evaluate(x, batch_size=8, verbose=0)[0] != model.evaluate(x[:8], batch_size=8, verbose=0)[0]


# Optimizers.


def test_compile_options_come_back(tmp_path):
    model = vae()
    model.compile(keras.optimizers.Adam(), jit_compile=False, steps_per_execution=4, check_gradients=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (loaded.jit_compile, loaded.steps_per_execution, loaded.check_gradients) == (False, 4, True)
    assert loaded.get_compile_config() == model.get_compile_config()


def averaged(rate=0.1):
    return keras.optimizers.SGD(rate, use_ema=True, ema_momentum=0.5)


def test_averages_take_the_place_of_each_optimizers_own_weights():
    """Of two steps with weights w1 and w2, and momentum 1/2, the average is (w1 + w2) / 2; the steps are those of plain descent."""
    model = autoencoder(vm.AdversarialAutoencoder, critic(), critic_steps=1)
    initial, seen = model.get_weights(), []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(values(model.trainable_variables)))
    for make in (lambda: keras.optimizers.SGD(0.1), averaged):
        model.set_weights(initial)
        model.compile(make(), {name: make() for name in model.default_optimizers()}, run_eagerly=True)
        model.fit(X, batch_size=64, epochs=2, verbose=0, callbacks=[keep])
    (w1, w2), with_averages = seen[:2], seen[2:]
    for one, two, again, final in zip(w1, w2, with_averages[1], values(model.trainable_variables), strict=True):
        np.testing.assert_allclose(again, two, atol=1e-6)
        np.testing.assert_allclose(final, (one + two) / 2, atol=1e-6)
    assert np.abs(w1[0] - w2[0]).max() > 1e-3


def test_a_frozen_first_stage_is_not_overwritten_by_averages():
    first = vae()
    second = vm.VAE(mlp((2,), 4, (5,)), mlp((2,), 2, (5,)), vm.StandardNormal(2), vm.LearnedScaleNormal(1.0))
    model = vm.TwoStageVAE(first, second)
    before, trained = values(first.trainable_variables), values(second.trainable_variables)
    model.compile(averaged(), run_eagerly=True)
    model.fit(X, epochs=2, verbose=0)
    for one, other in zip(before, values(first.trainable_variables), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(one != other) for one, other in zip(trained, values(second.trainable_variables), strict=True))


@pytest.mark.parametrize("swap", [[], [keras.callbacks.SwapEMAWeights()]])
def test_validation_is_of_the_averages_of_every_optimizer(swap):
    """Also beside Keras's callback, which swaps those of one optimizer."""
    model, seen = autoencoder(vm.AdversarialAutoencoder, critic(), critic_steps=1), []
    model.compile(averaged(0.3), {name: averaged(0.3) for name in model.default_optimizers()}, run_eagerly=True)
    note = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(values(model.trainable_variables)))
    model.fit(X, batch_size=64, epochs=3, verbose=0, validation_data=X, callbacks=[*swap, note])
    for one, other in zip(seen[-1], values(model.trainable_variables), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_average_before_the_first_step():
    """When Keras's averages are zero."""
    model = autoencoder(vm.AdversarialAutoencoder, critic(), critic_steps=1)
    model.compile(averaged(), {name: averaged() for name in model.default_optimizers()}, run_eagerly=True)
    before = values(model.trainable_variables)
    with model.averaged():
        inside = values(model.trainable_variables)
    for one, other in zip(before, inside, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_normaliser_is_that_of_the_averages():
    """In validation and after `fit`; training goes on from its own, to the bit."""
    prior = vm.ResampledPrior(2, 5, (8,), num_samples=64)
    model = vm.VAE(mlp((4,), 4, (5,)), mlp((2,), 4, (5,)), prior, vm.Normal(1.0))
    model.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9), run_eagerly=True)
    off = lambda: float(prior.log_z.numpy()) - prior.log_normalizer(2**18, seed=9)[0]  # noqa: E731
    errors = []

    def look(epoch, logs):
        before = prior.log_z.numpy()
        with model.averaged():
            errors.append(off())
        assert prior.log_z.numpy() == before

    model.fit(X, batch_size=16, epochs=4, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)])
    np.testing.assert_allclose([*errors, off()], 0, atol=0.01)


def test_validation_has_the_normaliser_of_the_weights_and_training_its_own():
    """Whether averages take their place or not."""
    model = catalogue.make("ResampledPrior")
    model.compile("sgd", run_eagerly=True)
    model.prior.log_z.assign(3.0)
    exact, error = model.prior.log_normalizer()
    with model.averaged():
        assert float(model.prior.log_z) == pytest.approx(exact, abs=5 * error + 0.01)
    assert float(model.prior.log_z) == 3.0
    given = {"x": catalogue.examples(model), "verbose": 0}
    validated = model.fit(**given, validation_data=given["x"]).history["val_elbo"][0]
    assert abs(validated - model.evaluate(**given, return_dict=True)["elbo"]) > 0.3  # the moving average has not come far
    with model.averaged():
        assert validated == pytest.approx(model.evaluate(**given, return_dict=True)["elbo"], rel=1e-4)


def test_averages_give_way_to_the_same_bits():
    model, seen = vae(), []
    model.compile(averaged(), run_eagerly=True)

    def look(epoch, logs):
        before = values(model.trainable_variables)
        with model.averaged():
            seen.append(values(model.trainable_variables))
        for one, other in zip(before, values(model.trainable_variables), strict=True):
            np.testing.assert_array_equal(one, other)

    model.fit(X, batch_size=64, epochs=2, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)])
    for one, other in zip(seen[-1], values(model.trainable_variables), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(one != other) for one, other in zip(*seen, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "is_scaled"), [("clipnorm", 0.1, False), ("global_clipnorm", 0.1, True), ("clipvalue", 0.01, False)]
)
def test_gradients_are_clipped_as_those_of_the_global_batch(name, value, is_scaled):
    """On two replicas with uneven batches as on one; the autoencoder has no noise."""
    weights, sizes = None, []
    for strategy in ("none", "mirrored"):
        with make_strategy(strategy).scope():
            model = autoencoder()
            weights = weights or model.get_weights()
            model.set_weights(weights)
            optimizer = keras.optimizers.SGD(0.5, **{name: value})
            model.compile(keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=8.0) if is_scaled else optimizer, jit_compile=False)
        model.fit(5 * X[:45], batch_size=15, epochs=1, shuffle=False, verbose=0)
        sizes.append(size(model))
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-5)
    model.set_weights(weights)
    assert abs(size(model) - sizes[0]) > 1e-3  # it has moved
