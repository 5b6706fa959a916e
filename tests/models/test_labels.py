"""A few labels: bounds of log p(x, c) by enumeration and quadrature, the same bits without labels, training on some, bad labels."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import logsumexp

import keras_vaemix as vm
from keras_vaemix.networks import gated_mlp, joint_gated_mlp
from keras_vaemix.objectives import ELBO, ImportanceWeighted, log_importance
from tests import catalogue
from training.distributed.strategy import make_strategy

DRAWN = functools.partial(catalogue.cp_vae, estimator=vm.categories.StraightThrough(0.5))
MODELS = {"CPVAE": catalogue.cp_vae, "CPVAE-drawn": DRAWN, "GMVAE": catalogue.gm_vae}


EVERY = np.array(list(itertools.product([0, 1], repeat=4)), "float32")  # every example of four binary pixels


def shaken(model):
    """Returns the model with noise on every weight, so that no two categories are alike."""
    for i, weight in enumerate(model.trainable_variables):
        weight.assign(weight + 0.5 * tf.random.stateless_normal(weight.shape, [i, 1]))
    return model


def one_dimensional():
    """Returns a CP-VAE of four binary pixels, three categories and one latent, which takes labels."""
    networks = gated_mlp((4,), 3 + 2, (6,)), joint_gated_mlp([(1,), (3,)], (4,), (6,), (6,))
    return shaken(vm.CPVAE(*networks, vm.NormalMixture(1, 3, learn_weights=True), vm.Bernoulli(), label_weight=2.0))


def labelled(model, weight=2.0):
    model.label_weight = weight
    return model


def of_category(model, x, k, objective=None):
    """Returns training draws of a batch whose labels are all k."""
    return model.draws(vm.Batch(x, np.full(len(x), k)), objective or ELBO(), [0, 1], training=True)


def test_labelled_bounds_of_every_category_make_the_bound_without_labels():
    r"""U(x) = sum_k q(c_k|x) (L(x, c_k) - log q(c_k|x)), of Kingma et al., eq. 7, and L is that of the model given c plus log p(c)."""
    model = one_dimensional()
    x = tf.constant(EVERY)
    log_q, loc, scale = model.infer(x)
    bounds = tf.stack([ELBO()(of_category(model, x, k)) for k in range(3)], axis=1)  # [N, K]
    whole = model.draws(vm.Batch(x), ELBO(), [0, 1], training=True)
    np.testing.assert_allclose(ELBO()(whole), tf.reduce_sum(tf.exp(log_q) * (bounds - log_q), axis=1), rtol=1e-5)
    for k in range(3):
        c = tf.one_hot(tf.fill([len(x)], k), 3)
        given = whole.log_px[k] - model.heads.select(loc, scale, c).kl_divergence(model.conditional_prior(c))
        np.testing.assert_allclose(bounds[:, k], given + model.category_log_probs()[k], rtol=1e-4)


def test_importance_sampling_meets_the_exact_density_of_example_and_category():
    model = one_dimensional()
    model.encoder.weights[-1].assign([0.0, 0.0, 0.0, 0.0, 5.0])  # a wide q(z|x, c), so that no weight is large
    grid = np.linspace(-12, 12, 2001)
    z = tf.constant(grid[:, None, None], tf.float32)  # [G, 1, 1]
    for k in range(3):
        c = tf.one_hot([k], 3)
        log_px = model.likelihood.log_prob(model.decode_params(z, tf.repeat(c[None], len(grid), axis=0)), tf.constant(EVERY))
        log_joint = log_px + model.conditional_prior(c).log_prob(z) + model.category_log_probs()[k]
        exact = logsumexp(np.float64(log_joint), axis=0) + np.log(grid[1] - grid[0])
        d = of_category(model, EVERY, k, ImportanceWeighted(20_000))
        np.testing.assert_allclose(tf.reduce_sum(tf.exp(d.log_weight), axis=0), 1, atol=1e-3)
        w = np.exp(log_importance(d) - exact)  # [S, N], of which those of other categories are zero
        error = np.sqrt(np.sum(w**2, axis=0))
        assert np.all(np.abs(np.sum(w, axis=0) - 1) < 5 * error + 1e-3), k


def test_categories_of_a_gaussian_mixture_vae_sum_out():
    model = shaken(labelled(catalogue.gm_vae(None, 0)))
    x = tf.constant(catalogue.examples(model))
    whole = model.draws(vm.Batch(x), ELBO(3), [0, 1], training=True)
    each = [of_category(model, x, k, ELBO(3)) for k in range(4)]
    np.testing.assert_allclose(tf.reduce_logsumexp([d.log_pz for d in each], axis=0), whole.log_pz, rtol=1e-5)
    for d in each:
        gain = tf.reduce_sum(tf.exp(d.log_weight) * (d.log_pz - whole.log_pz), axis=0)
        np.testing.assert_allclose(ELBO()(d) - ELBO()(whole), gain, atol=1e-3)
        np.testing.assert_allclose(d.classification, -gain, atol=1e-4)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_examples_without_labels_have_the_same_bits_as_without_the_switch(make):
    model = shaken(make(None, 0))
    x, own = tf.constant(catalogue.examples(model)), model.objective
    loss = lambda labels: float(model.losses(vm.Batch(x, labels), [0, 1], True)["model"].total)  # noqa: E731
    before, total = model.draws(vm.Batch(x), own, [0, 1], training=True), loss(None)
    labelled(model)
    for labels in (None, np.full(30, -1)):
        after = model.draws(vm.Batch(x, labels), own, [0, 1], training=True)
        for name in ("log_weight", "log_px", "log_pz", "log_qz", "kl"):
            if getattr(before, name) is not None:
                np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
        assert loss(labels) == total
    # Validation leaves labels out of the bound.
    seen, unseen = (model.losses(vm.Batch(x, labels), [0, 1], False)["model"] for labels in (np.arange(30) % 4, None))
    assert float(seen.total) == float(unseen.total)
    assert np.mean(seen.figures["classification"]) > 0


def test_the_loss_of_labels_is_weighted_and_trains_the_categories():
    model = shaken(catalogue.cp_vae(None, 0, label_weight=3.0))
    x, labels = tf.constant(catalogue.examples(model)), np.where(np.arange(30) < 10, np.arange(30) % 4, -1)
    own = [w for w in model.encoder.trainable_variables if w.shape[-1] == 4 + 6][-1]
    with tf.GradientTape() as tape:
        terms = model.losses(vm.Batch(x, labels), [0, 1], True)["model"]
    log_q = model.infer(x)[0].numpy()
    classification = np.mean(np.where(labels >= 0, -log_q[np.arange(30), labels], 0))
    assert np.mean(terms.figures["classification"]) == pytest.approx(classification, rel=1e-5)
    d = model.draws(vm.Batch(x, labels), ELBO(), [0, 1], training=True)
    assert float(terms.total) == pytest.approx(3 * classification - np.mean(ELBO()(d)), rel=1e-5)
    assert np.any(np.asarray(tape.gradient(terms.total, own)) != 0)


def clusters(n=300):
    """Returns binary examples of three clusters, their labels, and labels of which four of each cluster are known."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = (rng.random((n, 12)) < np.where(np.arange(12)[None] // 4 == y[:, None], 0.9, 0.1)).astype("float32")
    return x, y, np.where(np.arange(n) < 12, y, -1)


def of_clusters(**settings):
    encoder = gated_mlp((12,), 4 + 4, (16,))
    decoder = joint_gated_mlp([(2,), (4,)], (12,), (16,), (16,))
    return vm.CPVAE(encoder, decoder, vm.NormalMixture(2, 4), vm.Bernoulli(), label_weight=20.0, **settings)


def test_twelve_labels_name_the_categories_of_the_rest(tmp_path):
    """Of four categories the classes are the first three; weights and data sets are taken as without labels."""
    x, y, known = clusters()
    model = of_clusters()
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices((x, known, np.ones(300, "float32"))).shuffle(300, 0).batch(50).repeat()
    history = model.fit(batches, epochs=10, steps_per_epoch=6, shuffle=False, verbose=0, validation_data=(x, y)).history
    assert np.mean(model.cluster(x) == y) > 0.9
    assert history["val_classification"][-1] < history["val_classification"][0]
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras", safe_mode=True).label_weight == 20.0


@pytest.mark.slow
@pytest.mark.parametrize("make", [catalogue.cp_vae, catalogue.gm_vae])
def test_weighted_labels_on_two_replicas_and_by_xla_do_what_one_replica_does(make, binary, monkeypatch):
    """Every draw of a normal is its mean here, so that all have the same draws."""
    mean = lambda q, n, seed=None: tf.repeat((q.loc + tf.zeros_like(q.scale))[None], n, axis=0)  # noqa: E731
    monkeypatch.setattr(tfp.distributions.Normal, "_sample_n", mean)
    known, given, weights, results = np.where(np.arange(29) % 3 < 2, np.arange(29) % 4, -1), np.linspace(0.5, 2, 29), None, []
    for strategy, is_compiled in (("none", False), ("none", True), ("mirrored", False)):
        with make_strategy(strategy).scope():
            model = labelled(make(None, 0))
            weights = weights or model.get_weights()
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01), jit_compile=is_compiled)
        history = model.fit(binary[:29], known, batch_size=29, shuffle=False, verbose=0, sample_weight=given).history
        results.append((history["loss"][0], history["classification"][0], model.get_weights()))
    for loss, classification, trained in results[1:]:
        assert loss == pytest.approx(results[0][0], rel=1e-5)
        assert classification == pytest.approx(results[0][1], rel=1e-5)
        for one, other in zip(trained, results[0][2], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(30, 4), "from -1 .none. to 3. Received: first_wrong=4"),
        (np.full(30, -2), "first_wrong=-2"),
        (np.full(30, 0.5), "first_wrong=0.5"),
        (np.zeros(29), "for each of 30 examples.*shape=.29,."),
        (np.zeros((30, 4)), "shape=.30, 4."),
    ],
)
def test_bad_labels_are_refused(binary, labels, message):
    model = labelled(catalogue.cp_vae(None, 0))
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=message):
        model.fit(binary, labels, verbose=0)


def test_a_bad_label_of_a_later_batch_is_named(binary):
    model = labelled(catalogue.gm_vae(None, 0))
    model.compile("adam", run_eagerly=True)
    batches = tf.data.Dataset.from_tensor_slices((binary, np.where(np.arange(30) < 20, -1, 4))).batch(10)
    with pytest.raises(ValueError, match=r"labels from -1 to 3. Received: batch='number 3 of epoch 1'"):
        model.fit(batches, shuffle=False, verbose=0)


def test_labels_that_are_forgotten_are_asked_for(binary):
    model = catalogue.cp_vae(None, 0, label_weight=3.0)
    model.compile("adam", run_eagerly=True)
    with pytest.warns(UserWarning, match=r"labels of x, fit\(x, y\) with -1 for none, for a CPVAE with label_weight="):
        model.fit(binary[:5], verbose=0)


def test_labels_that_are_not_used_are_said_to_be_ignored(binary):
    model = catalogue.cp_vae(None, 0)
    model.compile("adam", run_eagerly=True)
    with pytest.warns(UserWarning, match="label_weight"):
        model.fit(binary[:5], np.zeros(5), verbose=0)
    with pytest.raises(ValueError, match=r"label_weight >= 0, or None. Received: label_weight=-1"):
        catalogue.cp_vae(None, 0, label_weight=-1)
