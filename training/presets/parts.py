"""What the presets of the VampPrior protocol share: gated perceptrons around a prior."""

import difflib

import keras

import keras_vaemix as vm
from training.presets import Experiment


def gated_vae(data, prior, hidden, objective=None, likelihood=None, posterior=None, initializer="he_normal"):
    """Returns a VAE with gated perceptrons of `hidden` units, by default with a Bernoulli likelihood and a normal posterior."""
    posterior, likelihood = posterior or vm.DiagonalNormal(), likelihood or vm.Bernoulli()
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


def choose(flag, choices, received):
    """Returns the choice that a flag of the command line names; raises `ValueError` for one that there is not."""
    if received not in choices:
        close = difflib.get_close_matches(received, choices, 1) or sorted(choices)
        raise ValueError(f"Expected --{flag}: {' or '.join(close)}? One of {', '.join(choices)}. Received: {received!r}")
    return choices[received]
