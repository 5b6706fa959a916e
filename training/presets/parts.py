"""What presets share: networks around a prior, training protocols, and starts."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from training.presets.library import cluster, keras, part, strategy, supports, tf, vm
from training.presets.likelihoods import AUTO, chosen, params_shape
from training.presets.registry import Experiment, choose

START_SEED = 1_000_003  # added to the seed, so that pretraining sees different noise from the epochs after it


def compilation(networks):
    """Returns `jit_compile` for networks by name: on a CPU, XLA doubles the time of gradients of wide convolutions.

    It takes more than a minute to compile a flow of 80 steps, and does not make them faster.
    """
    return False if networks in ("dcgan", "resnet_v2", "long_flow") and not tf.config.list_physical_devices("GPU") else "auto"


def mlp_networks(example_shape, num_outputs, latent_dim, output_shape, hidden, start):
    """Returns gated MLPs as encoder and decoder, with `start` as the initializer of all kernels."""
    gated_mlp = functools.partial(vm.networks.gated_mlp, hidden=hidden, kernel_initializer=start)
    return gated_mlp(example_shape, num_outputs), gated_mlp((latent_dim,), output_shape)


def conv_networks(example_shape, num_outputs, latent_dim, output_shape, start):
    """Returns the gated convolutions of Tomczak & Welling's ConvHVAE as encoder and decoder."""
    networks, given = vm.networks, {"kernel_initializer": start}
    return networks.gated_conv_encoder(example_shape, num_outputs, **given), networks.gated_conv_decoder(latent_dim, output_shape, **given)


def pixel_networks(example_shape, num_outputs, latent_dim, output_shape, start):
    """Returns gated convolutions as encoder and a PixelCNN as decoder."""
    networks, given = vm.networks, {"kernel_initializer": start}
    decoder = networks.PixelCNN(latent_dim, example_shape, output_shape[-1], **given)
    return networks.gated_conv_encoder(example_shape, num_outputs, **given), decoder


def vae_of(data, networks, prior, objective=None, likelihood=None, posterior=None, model=None):
    """Returns a VAE built from the parts, by default with the likelihood of the data's support and a normal posterior.

    The encoder of data with gaps takes their mask too.

    Args:
        data: The `Data` that it is for.
        networks: Function of the shape of an example, the encoder's number of outputs, the number of latents, and the shape of the
            likelihood's parameters, that returns encoder and decoder.
        prior, objective, likelihood, posterior: Parts.
        model: The class, `PixelVAE` for a decoder that sees the previous pixels; None is `VAE`.
    """
    posterior, likelihood = posterior or vm.DiagonalNormal(), likelihood or chosen(data).make()
    shape = params_shape(data, likelihood)
    has_gaps = data.has_gaps() and model is None
    seen = (*data.shape[:-1], 2 * data.shape[-1]) if has_gaps else data.shape
    encoder, decoder = networks(seen, posterior.params_size(prior.latent_dim), prior.latent_dim, shape)
    encoder = vm.networks.named_inputs(encoder, x=data.shape, mask=data.shape) if has_gaps else encoder
    return (model or vm.VAE)(encoder, decoder, prior, likelihood, posterior, objective)


def gated_vae(data, prior, hidden, init, objective=None, likelihood=AUTO, posterior=None, limits=AUTO):
    """Returns a VAE of gated MLPs with `hidden` units, by the flags `--init`, `--likelihood` and `--log-variance-limits`.

    A `posterior` that is given, instead of a normal, has its own limits.
    """
    choice = chosen(data, likelihood)
    networks = functools.partial(mlp_networks, hidden=hidden, start=start_of(init))
    posterior = posterior or vm.DiagonalNormal(choice.limits(limits))
    return vae_of(data, networks, prior, objective, choice.make(), posterior)


def check_images(data, remedy):
    """Raises `ValueError` unless the examples are images [H, W, C]; the remedy is what takes others."""
    part.require(len(data.shape) == 3, f"{remedy} for data that are not images", shape=data.shape)


def filled_examples(data):
    """Returns the scaled training examples, of which pseudo-inputs can start, with the mean of what is observed of a value in its gaps."""
    x = data.arrays("train", supports.UNIT_INTERVAL)
    return np.where(np.isnan(x), np.nanmean(x, axis=0), x) if data.has_gaps() else x


class Protocol(NamedTuple):
    """The width of MLPs, and how models are trained.

    Attributes:
        hidden: Units of the two hidden layers.
        settings: Settings of an `Experiment` other than its defaults.
    """

    hidden: tuple
    settings: dict

    def experiment(self, model, learning_rate, **settings):
        """Returns the experiment of a model, with Adam and further settings."""
        return Experiment(model, keras.optimizers.Adam(learning_rate), **self.settings | settings)


# Both have batches of 100. Tomczak & Welling's, which the CP-VAE paper adopts, is the default of an `Experiment`.
VAMP_PROTOCOL = Protocol((300, 300), {"epochs": 2000, "warm_up": 100, "patience": 50})
GMMP_PROTOCOL = Protocol((300, 300), {"epochs": 5000, "warm_up": 200, "patience": 100})  # the GMMpVAE paper's Section V-A
DIGITS = Protocol((128, 128), {"epochs": 400, "batch_size": 57, "warm_up": 50, "patience": 100})  # for 1,197 digits: a minute, not an hour
SMALL = {"protocol": DIGITS, "latent_dim": 16, "learning_rate": 1e-3, "init": "he"}
STARTS = {"he": "he_normal", "glorot": "glorot_uniform"}  # initializers of kernels, by their names in `--init`


def weight_density(data, concentration):
    """Returns the density of a mixture's weights that `--concentration` asks for, or None for 0."""
    return vm.DirichletWeights(concentration, len(data.train.x)) if concentration else None


def numbers(flag, received):
    """Returns the numbers between the commas of a flag, or None if there are none; raises `ValueError` for anything else."""
    try:
        return [float(number) for number in received.split(",")] if received else None
    except ValueError:
        raise ValueError(f"Expected --{flag}: numbers with commas between them, such as 0.1,0.9. Received: {received!r}") from None


def start_of(init):
    """Returns the initializer of kernels that `--init` names."""
    return choose("init", STARTS, init)


def train_first(model, experiment, data, seed, epochs, warm_up, optimizer=None):
    """Trains a model from which another is initialised, with the batches of an experiment; by default with Adam at its learning rate."""
    steps = len(data.train.x) // experiment.batch_size
    rate = float(keras.ops.convert_to_numpy(experiment.optimizer.learning_rate))
    model.compile(optimizer or keras.optimizers.Adam(rate), steps_per_execution=strategy.steps_per_execution(steps))
    batches = cluster.shared(
        model.distribute_strategy,
        lambda replica_slice: data.batches(
            experiment.batch_size, model.support, seed + START_SEED, augment=experiment.augment, replica_slice=replica_slice
        ),
    )
    callbacks = [vm.callbacks.StopOnNaN(), vm.callbacks.KLWarmUp(warm_up), vm.callbacks.EpochLine("Pretraining epoch")]
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, callbacks=callbacks, verbose=0)


class MixtureStart(NamedTuple):
    """Initialises categories: the networks are trained as a plain VAE, then a Gaussian mixture is fitted to its latents.

    Attributes:
        epochs: Epochs of the plain VAE, of which the first half is its warm-up.
        embedding: Function of the latents to whose values the mixture is fitted, as in `pretraining.initialize_from_gaussian_mixture`;
            None for the latents themselves.
    """

    epochs: int
    embedding: Callable | None = None

    def __call__(self, experiment, data, seed):
        """Trains, fits, and initialises the experiment's model with the result."""
        model = experiment.model
        train_first(vm.pretraining.without_mixture(model), experiment, data, seed, self.epochs, self.epochs // 2)
        vm.pretraining.initialize_from_gaussian_mixture(model, data.fixed("train", model.support), seed=seed, embedding=self.embedding)


class FirstStage(NamedTuple):
    """The first stage of a two-stage VAE, which is trained before the second.

    Attributes:
        epochs: Number of its epochs.
        optimizer: Function of the data and the batch size that returns its optimizer.
    """

    epochs: int
    optimizer: Callable

    def __call__(self, experiment, data, seed):
        """Trains the networks of the first VAE in a separate VAE, whose optimizer is discarded afterwards."""
        first = experiment.model.first
        trained = vm.VAE(first.encoder, first.decoder, first.prior, first.likelihood, first.posterior, first.objective, first.seed)
        train_first(trained, experiment, data, seed, self.epochs, 0, self.optimizer(data, experiment.batch_size))
