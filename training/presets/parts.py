"""What the presets of the VampPrior protocol share: gated perceptrons around a prior."""

import keras

import keras_vaemix as vm
from training.presets import Experiment


def gated_vae(data, prior, hidden, objective=None, likelihood=None, initializer="he_normal"):
    """Returns a VAE with gated perceptrons of `hidden` units and a Bernoulli likelihood."""
    posterior, likelihood = vm.DiagonalNormal(), likelihood or vm.Bernoulli()
    *size, num_channels = data.shape
    return vm.VAE(
        encoder=vm.networks.gated_mlp(data.shape, posterior.params_size(prior.latent_dim), hidden, initializer),
        decoder=vm.networks.gated_mlp((prior.latent_dim,), (*size, likelihood.params_size(num_channels)), hidden, initializer),
        prior=prior,
        likelihood=likelihood,
        posterior=posterior,
        objective=objective,
    )


def mnist_protocol(model, learning_rate):
    """Returns the protocol of Tomczak & Welling: Adam, batches of 100, warm-up over 100 epochs, patience of 50."""
    return Experiment(model, keras.optimizers.Adam(learning_rate))


def digits_protocol(model, learning_rate):
    """Returns the protocol cut down to the 1,197 bundled digits: a minute instead of an hour."""
    return Experiment(model, keras.optimizers.Adam(learning_rate), epochs=400, batch_size=57, warm_up=50, patience=100)
