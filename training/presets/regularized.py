"""The family of regularised autoencoders: cost, discrepancy and prior of each paper, for synthetic data, digits and photos."""

import math

from training.presets.coders import SYNTHETIC, cost_of, critic_of, image_critic, pair
from training.presets.library import keras, part, vm
from training.presets.parts import choose, compilation
from training.presets.registry import Experiment, family

COSTS = {"squared_error": lambda data: cost_of(data, vm.costs.SquaredError), "cross_entropy": lambda data: vm.costs.CrossEntropy()}
KERNELS = {"imq": lambda: vm.discrepancies.InverseMultiquadratic(), "rbf": lambda: vm.discrepancies.RadialBasis()}


def autoencoder(
    data,
    epochs=100,
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
    """Autoencoder with a full-covariance Gaussian mixture fitted to its codes; with penalties, an RAE."""
    weights = {vm.penalties.CodeNorm: code_norm, vm.penalties.DecoderNorm: decoder_norm, vm.penalties.DecoderGradient: decoder_gradient}
    model = vm.Autoencoder(
        *pair(data, networks, latent_dim, hidden),
        vm.FittedMixture(latent_dim, num_components),
        choose("cost", COSTS, cost)(data),
        penalties=[penalty(weight) for penalty, weight in weights.items() if weight != 0],
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    return Experiment(model, optimizer, epochs, batch_size=100, warm_up=0, patience=100, jit_compile=compilation(networks))


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
    """WAE-MMD: codes are matched to the prior by their maximum mean discrepancy.

    Epochs are those of the WAE code on MNIST, for all data. Unlike there, there is no pretraining of the encoder.
    """
    discrepancy = vm.discrepancies.MMD(choose("kernel", KERNELS, kernel)(), regularization)
    coders = pair(data, networks, latent_dim, hidden)
    model = vm.Autoencoder(*coders, vm.StandardNormal(latent_dim), cost_of(data, vm.costs.SquaredError, cost_weight), discrepancy)
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.5)
    return Experiment(model, optimizer, epochs=100, batch_size=100, warm_up=0, patience=100, jit_compile=compilation(networks))


def wae_gan(
    data,
    critic_rate=5e-4,
    *,
    latent_dim: int = 8,
    networks: str = "info_gan",
    hidden: int = 1024,
    critic_units: int = 512,
    regularization: float = 10.0,
    cost_weight: float = 0.05,
    learning_rate: float = 1e-3,
):
    """WAE-GAN, the adversarial autoencoder: codes are matched to the prior by a critic.

    The critic's units and learning rate are the WAE paper's for MNIST, and for faces those for CelebA. Epochs are those for MNIST, for all
    data. Unlike there, there is no pretraining of the encoder.
    """
    part.check_positive(critic_units=critic_units)
    model = vm.AdversarialAutoencoder(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.StandardNormal(latent_dim),
        cost_of(data, vm.costs.SquaredError, cost_weight),
        weight=regularization,
    )
    made = last_weights(model, keras.optimizers.Adam(learning_rate, beta_1=0.5), networks, epochs=100, batch_size=100)
    return made._replace(optimizers={"critic": keras.optimizers.Adam(critic_rate, beta_1=0.5)})


def wae_gp(
    data,
    *,
    latent_dim: int = 64,
    networks: str = "mlp",
    hidden: int = 1024,
    critic_units: int = 1024,
    critic_steps: int = 5,
):
    """The WAE beside which MaskAAE's code is run: the same networks, gradient-penalised critic and optimizers, without a mask."""
    part.check_positive(critic_units=critic_units)
    model = vm.AdversarialAutoencoder(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.StandardNormal(latent_dim),
        cost_of(data, vm.costs.CrossEntropy, 1 / math.prod(data.shape)),
        vm.adversarial.Wasserstein(),
        critic_steps=critic_steps,
        two_phases=True,
    )
    critic, encoder = (keras.optimizers.RMSprop(1e-4, epsilon=1e-10) for _ in range(2))
    made = last_weights(model, keras.optimizers.RMSprop(5e-4, epsilon=1e-10), networks, epochs=640, batch_size=64)
    return made._replace(optimizers={"critic": critic, "encoder": encoder})


def mask_aae(
    data,
    epochs=640,
    *,
    latent_dim: int = 64,
    networks: str = "mlp",
    hidden: int = 1024,
    critic_units: int = 1024,
    critic_steps: int = 5,
    growth_steps: int = 0,
    decay_steps: int = 0,
    fidelity: float = 1000.0,
):
    """MaskAAE: an adversarial autoencoder that masks the latents that it does not need.

    Epochs are those of the published code's 500,000 steps: 640 on MNIST, 768 on CIFAR-10 and 197 on CelebA. `growth_steps` and
    `decay_steps` of 0 are the code's, times the steps of the run over 500,000: a factor of 0.062 for 40 epochs on MNIST. Other steps are
    taken as they are.
    """
    part.check_positive(critic_units=critic_units)
    model = vm.MaskAAE(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.StandardNormal(latent_dim),
        cost_of(data, vm.costs.CrossEntropy, 1 / math.prod(data.shape)),
        growth_steps=growth_steps or None,
        decay_steps=decay_steps or None,
        fidelity=fidelity,
        critic_steps=critic_steps,
    )

    def paced(experiment, num_steps):
        growth, decay = vm.models.mask_aae.clocks(latent_dim, num_steps)
        model.growth_steps, model.decay_steps = growth_steps or growth, decay_steps or decay
        return experiment._replace(optimizer=model.recipe_optimizer())

    made = last_weights(model, model.recipe_optimizer(), networks, epochs, batch_size=64, callbacks=(vm.callbacks.MaskHistory(),))
    return made._replace(paced=None if growth_steps and decay_steps else paced)


def flex_ae(
    data,
    epochs=330,
    *,
    latent_dim: int = 32,
    networks: str = "info_gan",
    hidden: int = 1024,
    critic_units: int = 1024,
    critic_steps: int = 5,
    generator_units: int = 0,
    generator_layers: int = 4,
    smooth: bool = False,
    learning_rate: float = 2e-4,
):
    """FlexAE: an autoencoder and a generator of latents, matched by a critic; `--smooth` adds the published code's image critic.

    Epochs are those of the code's 130,000 steps: about 330 on MNIST, 400 on CIFAR-10 and 102 on CelebA. `generator_units` of 0 are the
    critic's; a generator without hidden layers is an affine map.
    """
    part.check_positive(critic_units=critic_units)
    units = generator_units or critic_units
    model = vm.FlexAE(
        *pair(data, networks, latent_dim, hidden),
        critic_of(latent_dim, critic_units),
        vm.networks.mlp((latent_dim,), latent_dim, (units,) * generator_layers, "relu"),
        vm.StandardNormal(latent_dim),
        cost_of(data, vm.costs.SquaredError),
        image_critic=image_critic(data, networks, hidden) if smooth else None,
        critic_steps=critic_steps,
    )
    return last_weights(model, keras.optimizers.Adam(learning_rate), networks, epochs, batch_size=128)


def last_weights(model, optimizer, networks, epochs, batch_size, callbacks=()):
    """Returns an experiment that keeps its last weights: an adversarial model's cost is lowest before its latents are good."""
    settings = {"warm_up": 0, "callbacks": callbacks, "monitor": None, "jit_compile": compilation(networks)}
    return Experiment(model, optimizer, epochs, batch_size, **settings)


WITH_CRITIC = {**SYNTHETIC, "latent_dim": 16, "critic_units": 256}
RAE_ON_FACES = 70  # epochs of the authors' code on CelebA
EVEN = {"regularization": 1.0, "cost_weight": 1.0}  # 128 values of small variance: with the weights used for images, codes collapse
family(
    "ae_gmm",
    autoencoder,
    synthetic=("manifold8", "none: an autoencoder and a mixture on the synthetic manifolds", {**SYNTHETIC, "latent_dim": 16}),
    mnist=("mnist", "slides Table 3, AE + GMM: FID rec. 8.69, gen. 12.14", {}),
    cifar10=("cifar10", "slides Table 3, AE + GMM: FID rec. 41.45, gen. 70.97", {"latent_dim": 128}),
    faces=("celeb_a", "slides Table 3, AE + GMM: FID rec. 30.16, gen. 43.89", {"latent_dim": 64, "epochs": RAE_ON_FACES}),
)


def of_means(code_norm, decoder_norm, num_values, latent_dim):
    """Returns the weights of penalties beside a squared error that is summed over values, given those of the authors' code.

    There the error is the mean over all values, those of MNIST padded to 32x32, and the norm of a code the mean over latents.
    """
    return {"code_norm": 2 * code_norm * num_values / latent_dim, "decoder_norm": decoder_norm * num_values, "latent_dim": latent_dim}


family(
    "rae",
    autoencoder,
    synthetic=("manifold8", "none: RAE-L2 on the synthetic manifolds", {**SYNTHETIC, **of_means(1e-4, 1e-7, 128, 16)}),
    mnist=("mnist", "slides Table 3, RAE + GMM: FID rec. 6.15, gen. 7.30; P/R 0.98/0.98", of_means(1e-4, 1e-7, 32 * 32, 16)),
    cifar10=("cifar10", "slides Table 3, RAE + GMM: FID rec. 40.48, gen. 69.24", of_means(1e-3, 1e-6, 32 * 32 * 3, 128)),
    faces=(
        "celeb_a",
        "slides Table 3, RAE + GMM: FID rec. 29.05, gen. 35.30",
        {**of_means(1e-4, 1e-7, 64 * 64 * 3, 64), "epochs": RAE_ON_FACES},
    ),
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
    synthetic=("manifold8", "slides Table 2, WAE: NAC 0.040 (n = 8), 0.031 (n = 16)", {**WITH_CRITIC, **EVEN}),
    mnist=("mnist", "slides Table 3, WAE-GAN: FID rec. 8.06, gen. 13.30", {}),
    cifar10=("cifar10", "slides Table 3, WAE-GAN: FID rec. 42.39, gen. 72.90", {"latent_dim": 64}),
    faces=(
        "celeb_a",
        "slides Table 3, WAE-GAN: FID rec. 29.34, gen. 39.58",
        {"latent_dim": 64, "critic_units": 1024, "critic_rate": 1e-3},
    ),
)
family(
    "wae_gp",
    wae_gp,
    synthetic=("manifold8", "slides Table 2, WAE: NAC 0.040 (n = 8), 0.031 (n = 16)", WITH_CRITIC),
    mnist=("mnist", "slides Table 2, WAE: NAC 0.027", {}),
)
family(
    "mask_aae",
    mask_aae,
    synthetic=("manifold8", "slides Table 2, MAAE: 9 of 16 latents, NAC 0.030 (n = 8); 16 of 32, 0.013 (n = 16)", WITH_CRITIC),
    mnist=("mnist", "slides Table 3, MaskAAE: FID rec. 8.46, gen. 10.52; P/R 0.94/0.96; 13 of 64 latents", {}),
    cifar10=("cifar10", "slides Table 3, MaskAAE: FID rec. 58.40, gen. 71.90; 120 of 256 latents", {"latent_dim": 256, "epochs": 768}),
    faces=("celeb_a", "slides Table 3, MaskAAE: FID rec. 35.75, gen. 40.49; 77 of 256 latents", {"latent_dim": 256, "epochs": 197}),
)
family(
    "flex_ae",
    flex_ae,
    synthetic=("manifold8", "none: FlexAE on the synthetic manifolds", WITH_CRITIC),
    mnist=("mnist", "slides Table 3, FlexAE: FID rec. 4.33, gen. 4.69; P/R 0.99/0.99", {}),
    cifar10=("cifar10", "slides Table 3, FlexAE: FID rec. 39.91, gen. 62.66; P/R 0.68/0.85", {"latent_dim": 128, "epochs": 400}),
    faces=("celeb_a", "slides Table 3, FlexAE: FID rec. 20.47, gen. 24.72; P/R 0.89/0.88", {"latent_dim": 128, "epochs": 102}),
)
