"""The family of regularised autoencoders: networks, cost, discrepancy and prior of each paper, for synthetic data, digits and pictures."""

import keras

import keras_vaemix as vm
from keras_vaemix.part import check_positive, require
from training.presets import Experiment, family
from training.presets.parts import FirstStage, choose

COSTS = {"squared_error": vm.costs.SquaredError, "cross_entropy": vm.costs.CrossEntropy}
KERNELS = {"imq": vm.discrepancies.InverseMultiquadratic, "rbf": vm.discrepancies.RadialBasis}
LIKELIHOODS = {  # of grey values and colours in [0, 1]; logits where the networks have no last activation
    "cross_entropy": (vm.PseudoBernoulli, None),
    "continuous_bernoulli": (vm.ContinuousBernoulli, None),
    "normal": (lambda: vm.Normal(1.0), "sigmoid"),
    "learned_normal": (lambda: vm.LearnedScaleNormal(1.0), "sigmoid"),
    "optimal_normal": (vm.OptimalScaleNormal, "sigmoid"),
}
PRIORS = {
    "standard": lambda latent_dim, k, shape: vm.StandardNormal(latent_dim),
    "mixture": lambda latent_dim, k, shape: vm.NormalMixture(latent_dim, k, learn_weights=True),
    "vamp": lambda latent_dim, k, shape: vm.VampPrior(latent_dim, k, shape),
}


def mlp_pair(shape, num_outputs, latent_dim, hidden, activation):
    """Returns four dense layers each, as in MaskAAE."""
    layers, end = (hidden,) * 4, keras.layers.Activation(activation or "linear")
    decoder = vm.networks.mlp((latent_dim,), shape, layers, "relu")
    return vm.networks.mlp(shape, num_outputs, layers, "relu"), keras.Model(decoder.inputs, end(decoder.outputs[0]))


def info_gan_pair(shape, num_outputs, latent_dim, hidden, activation):
    """Returns the InfoGAN networks of FlexAE and of Dai & Wipf, whose convolutions have hidden / 16 and hidden / 8 channels."""
    filters = max(1, hidden // 16), max(1, hidden // 8)
    encoder = vm.networks.info_gan_encoder(shape, num_outputs, filters, hidden)
    return encoder, vm.networks.info_gan_decoder(latent_dim, shape, filters[::-1], hidden, output_activation=activation)


def dcgan_pair(shape, num_outputs, latent_dim, hidden, activation):
    """Returns the convolutions of the RAE paper, of which the last has `hidden` channels; 64x64 images take one more."""
    filters = tuple(max(1, hidden // n) for n in (8, 4, 2, 1))
    up = filters[:0:-1] if shape[0] < 64 else filters[::-1]
    return vm.networks.dcgan_encoder(shape, num_outputs, filters), vm.networks.dcgan_decoder(
        latent_dim, shape, up, output_activation=activation
    )


NETWORKS = {"mlp": mlp_pair, "info_gan": info_gan_pair, "dcgan": dcgan_pair}


def pair(data, networks, latent_dim, hidden, num_outputs=None, activation=None):
    """Returns encoder and decoder; raises `ValueError` for sizes that cannot be, or fewer latents than the data are known to have."""
    check_positive(latent_dim=latent_dim, hidden=hidden)
    known = int(data.name.removeprefix("manifold")) if data.name.startswith("manifold") else 1
    require(latent_dim >= known, f"latent_dim of at least {known}, the dimension of {data.name}", latent_dim=latent_dim)
    is_possible = networks == "mlp" or data.is_images()
    require(is_possible, "--networks mlp for data that are no images", networks=networks)
    return choose("networks", NETWORKS, networks)(data.shape, num_outputs or latent_dim, latent_dim, hidden, activation)


def critic_of(latent_dim, units):
    """Returns a critic of four dense layers."""
    return vm.networks.mlp((latent_dim,), 1, (units,) * 4, "relu")


def autoencoder(
    data,
    *,
    latent_dim: int = 16,
    networks: str = "dcgan",
    hidden: int = 1024,
    num_components: int = 10,
    code_norm: float = 0.0,
    decoder_norm: float = 0.0,
    decoder_gradient: float = 0.0,
    cost: str = "squared_error",
    learning_rate: float = 1e-3,
):
    """Autoencoder with a Gaussian mixture, of full covariance, that is fitted to its codes: with penalties an RAE."""
    weights = {vm.penalties.CodeNorm: code_norm, vm.penalties.DecoderNorm: decoder_norm, vm.penalties.DecoderGradient: decoder_gradient}
    model = vm.Autoencoder(
        *pair(data, networks, latent_dim, hidden),
        vm.FittedMixture(latent_dim, num_components),
        choose("cost", COSTS, cost)(),
        penalties=[penalty(weight) for penalty, weight in weights.items() if weight != 0],
    )
    return Experiment(model, keras.optimizers.Adam(learning_rate), epochs=100, batch_size=100, warm_up=0, patience=100)


def wae_mmd(
    data,
    *,
    latent_dim: int = 8,
    networks: str = "info_gan",
    hidden: int = 1024,
    regularization: float = 10.0,
    cost_weight: float = 0.05,
    kernel: str = "imq",
    learning_rate: float = 1e-3,
):
    """WAE-MMD: codes are brought to the prior by their maximum mean discrepancy."""
    discrepancy = vm.discrepancies.MMD(choose("kernel", KERNELS, kernel)(), regularization)
    networks = pair(data, networks, latent_dim, hidden)
    model = vm.Autoencoder(*networks, vm.StandardNormal(latent_dim), vm.costs.SquaredError(cost_weight), discrepancy)
    return Experiment(model, keras.optimizers.Adam(learning_rate, beta_1=0.5), epochs=100, batch_size=100, warm_up=0, patience=100)


def wae_gan(
    data,
    *,
    latent_dim: int = 8,
    networks: str = "info_gan",
    hidden: int = 1024,
    critic_units: int = 512,
    regularization: float = 10.0,
    cost_weight: float = 0.05,
    learning_rate: float = 1e-3,
):
    """WAE-GAN, the adversarial autoencoder: codes are brought to the prior by a critic."""
    check_positive(critic_units=critic_units)
    model = vm.AdversarialAutoencoder(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.StandardNormal(latent_dim),
        vm.costs.SquaredError(cost_weight),
        weight=regularization,
    )
    return last_weights(model, keras.optimizers.Adam(learning_rate, beta_1=0.5), epochs=100, batch_size=100)


def mask_aae(
    data,
    *,
    latent_dim: int = 64,
    networks: str = "mlp",
    hidden: int = 1024,
    critic_units: int = 1024,
    critic_steps: int = 5,
    growth_steps: int = 0,
    fidelity: float = 1000.0,
):
    """MaskAAE: an adversarial autoencoder that masks the latents that it does not need; growth_steps 0 takes the code's."""
    check_positive(critic_units=critic_units)
    num_values = 1
    for size in data.shape:
        num_values *= size
    model = vm.MaskAAE(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.StandardNormal(latent_dim),
        vm.costs.CrossEntropy(1 / num_values),
        growth_steps=growth_steps or None,
        fidelity=fidelity,
        critic_steps=critic_steps,
    )
    return last_weights(model, model.recipe_optimizer(), epochs=640, batch_size=64, callbacks=(vm.callbacks.MaskHistory(),))


def flex_ae(
    data,
    *,
    latent_dim: int = 32,
    networks: str = "info_gan",
    hidden: int = 1024,
    critic_units: int = 1024,
    critic_steps: int = 5,
    smooth: bool = False,
    learning_rate: float = 2e-4,
):
    """FlexAE: an autoencoder and a generator of latents that meet, by a critic; `--smooth` adds the published code's image critic."""
    check_positive(critic_units=critic_units)
    model = vm.FlexAE(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.networks.mlp((latent_dim,), latent_dim, (critic_units,) * 4, "relu"),
        vm.StandardNormal(latent_dim),
        vm.costs.SquaredError(),
        image_critic=image_critic(data, networks, hidden) if smooth else None,
        critic_steps=critic_steps,
    )
    return last_weights(model, keras.optimizers.Adam(learning_rate), epochs=330, batch_size=128)


def image_critic(data, networks, hidden):
    """Returns a critic of examples, without batch normalisation."""
    if networks == "mlp":
        return vm.networks.mlp(data.shape, 1, (hidden,) * 4, "relu")
    return vm.networks.info_gan_encoder(data.shape, 1, (max(1, hidden // 16), max(1, hidden // 8)), hidden, normalization=False)


def last_weights(model, optimizer, epochs, batch_size, callbacks=()):
    """Returns an experiment that keeps its last weights: the cost of an adversarial model is least before its latents are good."""
    return Experiment(model, optimizer, epochs, batch_size, warm_up=0, callbacks=callbacks, monitor=None)


def grey_vae(data, networks, latent_dim, hidden, likelihood, prior, beta=1.0):
    """Returns a VAE of values in [0, 1]."""
    make, activation = choose("likelihood", LIKELIHOODS, likelihood)
    encoder, decoder = pair(data, networks, latent_dim, hidden, 2 * latent_dim, activation)
    kl = vm.divergences.ClosedForm() if isinstance(prior, vm.StandardNormal) else vm.divergences.MonteCarlo()
    return vm.VAE(encoder, decoder, prior, make(), objective=vm.ELBO(beta=beta, kl=kl))


def beta_vae(
    data,
    *,
    latent_dim: int = 64,
    beta: float = 4.0,
    likelihood: str = "normal",
    prior: str = "standard",
    num_components: int = 500,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
):
    """Beta-VAE of values in [0, 1]; with beta 1 the VAE with fixed or learned variance, or another prior."""
    chosen = choose("prior", PRIORS, prior)(latent_dim, num_components, data.shape)
    model = grey_vae(data, networks, latent_dim, hidden, likelihood, chosen, beta)
    return Experiment(model, halving(learning_rate, 150, data), epochs=400, batch_size=64, warm_up=0, patience=400)


def two_stage(
    data,
    *,
    latent_dim: int = 64,
    first_epochs: int = 400,
    networks: str = "info_gan",
    hidden: int = 1024,
    second_units: int = 1024,
    learning_rate: float = 1e-4,
):
    """Two-stage VAE: a second VAE of the latents of a first with learned variance."""
    check_positive(first_epochs=first_epochs, second_units=second_units)
    first = grey_vae(data, networks, latent_dim, hidden, "learned_normal", vm.StandardNormal(latent_dim))
    layers = (second_units,) * 3
    second = vm.VAE(
        vm.networks.mlp((latent_dim,), 2 * latent_dim, layers, "relu", skip=True),
        vm.networks.mlp((latent_dim,), (latent_dim,), layers, "relu", skip=True),
        vm.StandardNormal(latent_dim),
        vm.LearnedScaleNormal(1.0),
    )
    model, optimizer = vm.TwoStageVAE(first, second), keras.optimizers.Adam(learning_rate)
    return Experiment(model, optimizer, epochs=800, batch_size=64, warm_up=0, patience=800, start=FirstStage(first_epochs))


def halving(learning_rate, epochs, data, batch_size=64):
    """Returns Adam with a learning rate that is halved every so many epochs."""
    steps = epochs * max(1, len(data.train.x) // batch_size)
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(learning_rate, steps, 0.5, staircase=True))


SYNTHETIC, FACES_64 = {"networks": "mlp", "hidden": 256}, {"latent_dim": 128}
JUDGED = {**SYNTHETIC, "latent_dim": 16, "critic_units": 256}
EVEN = {"regularization": 1.0, "cost_weight": 1.0}  # 128 values of small variance: with the weights of images codes collapse
family(
    "ae_gmm",
    autoencoder,
    synthetic=("manifold8", "none: an autoencoder and a mixture on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16}),
    mnist=("mnist", "slides Table 3, AE + GMM: FID rec. 8.69, gen. 12.14", {}),
    cifar10=("cifar10", "slides Table 3, AE + GMM: FID rec. 41.45, gen. 70.97", {"latent_dim": 128}),
    faces=("celeb_a", "slides Table 3, AE + GMM: FID rec. 30.16, gen. 43.89", {"latent_dim": 64}),
)
RAE_MNIST, RAE_OTHER = {"code_norm": 1e-4, "decoder_norm": 1e-7}, {"code_norm": 1e-3, "decoder_norm": 1e-6}
family(
    "rae",
    autoencoder,
    synthetic=("manifold8", "none: RAE-L2 on the synthetic manifolds", {**SYNTHETIC, **RAE_MNIST, "latent_dim": 16}),
    mnist=("mnist", "slides Table 3, RAE + GMM: FID rec. 6.15, gen. 7.30; P/R 0.98/0.98", RAE_MNIST),
    cifar10=("cifar10", "slides Table 3, RAE + GMM: FID rec. 40.48, gen. 69.24", {**RAE_OTHER, "latent_dim": 128}),
    faces=("celeb_a", "slides Table 3, RAE + GMM: FID rec. 29.05, gen. 35.30", {**RAE_OTHER, "latent_dim": 64}),
)
family(
    "wae_mmd",
    wae_mmd,
    synthetic=("manifold8", "none: WAE-MMD on the synthetic manifolds", {**SYNTHETIC, **EVEN, "latent_dim": 16}),
    mnist=("mnist", "slides Table 1, WAE-MMD: FID 115.0", {}),
    cifar10=("cifar10", "slides Table 1, WAE-MMD: FID 80.9", {"latent_dim": 64, "regularization": 100.0}),
    faces=("celeb_a", "slides Table 1, WAE-MMD: FID 62.9", {"latent_dim": 64, "regularization": 100.0}),
)
family(
    "wae_gan",
    wae_gan,
    synthetic=("manifold8", "slides Table 2, WAE: NAC 0.040 (n = 8), 0.031 (n = 16)", {**JUDGED, **EVEN}),
    mnist=("mnist", "slides Table 3, WAE-GAN: FID rec. 8.06, gen. 13.30", {}),
    cifar10=("cifar10", "slides Table 3, WAE-GAN: FID rec. 42.39, gen. 72.90", {"latent_dim": 64}),
    faces=("celeb_a", "slides Table 3, WAE-GAN: FID rec. 29.34, gen. 39.58", {"latent_dim": 64}),
)
family(
    "mask_aae",
    mask_aae,
    synthetic=("manifold8", "slides Table 2, MAAE: 9 of 16 latents, NAC 0.030 (n = 8); 16 of 32, 0.013 (n = 16)", JUDGED),
    mnist=("mnist", "slides Table 3, MaskAAE: FID rec. 8.46, gen. 10.52; P/R 0.94/0.96; 13 of 64 latents", {}),
    cifar10=("cifar10", "slides Table 3, MaskAAE: FID rec. 58.40, gen. 71.90; 120 of 256 latents", {"latent_dim": 256}),
    faces=("celeb_a", "slides Table 3, MaskAAE: FID rec. 35.75, gen. 40.49; 77 of 256 latents", {"latent_dim": 256}),
)
family(
    "flex_ae",
    flex_ae,
    synthetic=("manifold8", "none: FlexAE on the synthetic manifolds", JUDGED),
    mnist=("mnist", "slides Table 3, FlexAE: FID rec. 4.33, gen. 4.69; P/R 0.99/0.99", {}),
    cifar10=("cifar10", "slides Table 3, FlexAE: FID rec. 39.91, gen. 62.66; P/R 0.68/0.85", FACES_64),
    faces=("celeb_a", "slides Table 3, FlexAE: FID rec. 20.47, gen. 24.72; P/R 0.89/0.88", FACES_64),
)
family(
    "two_stage",
    two_stage,
    synthetic=("manifold8", "none: the two-stage VAE on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16, "second_units": 256}),
    mnist=("mnist", "slides Table 3, 2-stage VAE: FID rec. 6.38, gen. 7.41; P/R 0.97/0.98", {}),
    cifar10=("cifar10", "slides Table 3, 2-stage VAE: FID rec. 47.03, gen. 86.15", {}),
    faces=("celeb_a", "slides Table 3, 2-stage VAE: FID rec. 29.38, gen. 37.85", {}),
)
family(
    "beta_vae",
    beta_vae,
    synthetic=("manifold8", "none: the beta-VAE on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16}),
    mnist=("mnist", "slides Table 3, beta-VAE: FID rec. 7.91, gen. 24.31 (its beta is not stated)", {}),
    cifar10=("cifar10", "slides Table 3, beta-VAE: FID rec. 43.86, gen. 83.59", {}),
    faces=("celeb_a", "slides Table 3, beta-VAE: FID rec. 30.06, gen. 50.66", {}),
)
