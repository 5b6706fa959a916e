"""VAEs with a term on the aggregate posterior: InfoVAE and FactorVAE."""

from training.presets.coders import SYNTHETIC
from training.presets.grey_vae import grey_parts
from training.presets.library import keras, part, vm
from training.presets.likelihoods import AUTO, Limits, chosen
from training.presets.parts import choose, compilation
from training.presets.registry import Experiment, family
from training.presets.regularized import KERNELS, last_weights

OWN = "continuous_bernoulli"  # likelihood of values in [0, 1]


def info_vae(
    data,
    *,
    latent_dim: int = 16,
    alpha: float = 0.0,
    scale: float = 10.0,
    kernel: str = "imq",
    likelihood: str = AUTO,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """InfoVAE: the aggregate posterior is matched to the prior by its maximum mean discrepancy, and each posterior less closely."""
    coders, parts = grey_parts(data, networks, latent_dim, hidden, chosen(data, likelihood, own=OWN), log_variance_limits)
    objective = vm.InfoObjective(alpha, scale, choose("kernel", KERNELS, kernel)())
    model = vm.VAE(*coders, vm.StandardNormal(latent_dim), **parts, objective=objective)
    optimizer = keras.optimizers.Adam(learning_rate)
    return Experiment(model, optimizer, epochs=100, batch_size=100, warm_up=0, patience=100, jit_compile=compilation(networks))


def factor_vae(
    data,
    *,
    latent_dim: int = 16,
    gamma: float = 10.0,
    discriminator_units: int = 1000,
    likelihood: str = AUTO,
    networks: str = "info_gan",
    hidden: int = 1024,
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """FactorVAE: the total correlation of the aggregate posterior, which a discriminator estimates, is penalised."""
    part.check_positive(discriminator_units=discriminator_units)
    coders, parts = grey_parts(data, networks, latent_dim, hidden, chosen(data, likelihood, own=OWN), log_variance_limits)
    discriminator = vm.networks.mlp((latent_dim,), 1, (discriminator_units,) * 6, "leaky_relu")
    model = vm.FactorVAE(*coders, discriminator, vm.StandardNormal(latent_dim), **parts, weight=gamma)
    return last_weights(model, keras.optimizers.Adam(learning_rate), networks, epochs=100, batch_size=64)


ON_DIGITS = {**SYNTHETIC, "learning_rate": 1e-3}
family(
    "info_vae",
    info_vae,
    mnist=("mnist", "none: InfoVAE, which the slides only name", {}),
    digits=("digits", "none: InfoVAE on the bundled digits", ON_DIGITS),
)
family(
    "factor_vae",
    factor_vae,
    mnist=("mnist", "none: FactorVAE, which the slides only name", {}),
    digits=("digits", "none: FactorVAE on the bundled digits", {**ON_DIGITS, "discriminator_units": 256}),
)
