"""GAMIX-VAE on faces, and the arms of its ablation: with and without the moments, with and without the discriminator."""

from training.presets.library import augment, keras, part, vm
from training.presets.likelihoods import AUTO, Limits, chosen, params_shape
from training.presets.parts import check_images, choose, compilation
from training.presets.registry import Experiment, family

PRIORS = {  # to sample from
    "standard": lambda latent_dim, k: vm.StandardNormal(latent_dim),
    "moments": lambda latent_dim, k: vm.FittedMixture(latent_dim, 1),
    "mixture": lambda latent_dim, k: vm.FittedMixture(latent_dim, k),
}
MOMENTS = {
    "total": lambda variance: vm.moments.TotalMoments(variance),
    "means": lambda variance: vm.moments.MeanMoments(variance),
    "each": lambda variance: vm.moments.EachPosterior(variance),
}
LOSSES = {"least_squares": lambda: vm.adversarial.LeastSquares(), "hinge": lambda: vm.adversarial.Hinge()}


def gamix(
    data,
    *,
    latent_dim: int = 128,
    width: int = 16,
    depth: int = 1,
    discriminator_filters: int = 16,
    discriminator_layers: int = 2,
    moments: str = "total",
    target_variance: float = 0.1,
    sampler: str = "moments",
    num_components: int = 10,
    scale: float = 0.05,
    moment_weight: float = 1.0,
    variance_weight: float = 1.0,
    adversarial_weight: float = 5000.0,
    adversarial_loss: str = "least_squares",
    spectral_normalization: bool = False,
    memory: float = 0.0,
    discriminate_samples: bool = True,
    learning_rate: float = 2e-4,
    flip: bool = True,
    likelihood: str = AUTO,
    log_variance_limits: Limits = AUTO,
):
    """GAMIX-VAE: only the moments of the aggregate posterior are matched to the prior; adversarial_weight 0 omits the discriminator.

    Its own likelihood of values in [0, 1] is the Laplace. The discriminator of a small image has fewer layers, as many as fit.
    """
    check_images(data, "a family of perceptrons, such as vae_mnist, or beta_vae_mnist with --networks mlp,")
    networks, shape = vm.networks, data.shape
    part.check_positive(latent_dim=latent_dim, width=width, depth=depth)
    discriminator = None
    if adversarial_weight > 0:
        settings = {"filters": discriminator_filters, "num_layers": layers_for(shape, discriminator_layers)}
        discriminator = networks.patch_discriminator(shape, **settings, spectral_normalization=spectral_normalization)
    choice = chosen(data, likelihood, own="laplace")
    likelihood = choice.make(scale)
    model = vm.GAMIXVAE(
        networks.resnet_v2_encoder(shape, 2 * latent_dim, width=width, depth=depth),
        networks.resnet_v2_decoder(
            latent_dim, params_shape(data, likelihood), width=width, depth=depth, output_activation=choice.activation(data)
        ),
        choose("sampler", PRIORS, sampler)(latent_dim, num_components),
        likelihood,
        discriminator,
        moments=choose("moments", MOMENTS, moments)(target_variance),
        adversarial_loss=choose("adversarial_loss", LOSSES, adversarial_loss)(),
        moment_weight=moment_weight,
        variance_weight=variance_weight,
        adversarial_weight=adversarial_weight,
        memory=memory,
        discriminate_samples=discriminate_samples,
        posterior=vm.DiagonalNormal(choice.limits(log_variance_limits)),
    )
    optimizer, second = (keras.optimizers.Adam(learning_rate, 0.5, 0.999) for _ in range(2))
    optimizers = {"discriminator": second} if discriminator is not None else None
    settings = {"warm_up": 0, "monitor": None, "jit_compile": compilation("resnet_v2"), "augment": augment.flipped if flip else None}
    return Experiment(model, optimizer, epochs=200, batch_size=64, optimizers=optimizers, **settings)


def layers_for(shape, most):
    """Returns the number of layers of a discriminator: `most`, or for a smaller image the number whose patches fit into it."""
    return next((n for n in range(most, 1, -1) if vm.networks.receptive_field(n) <= min(shape[:2])), min(most, 1))


LARGE = {"latent_dim": 256, "width": 64, "depth": 2, "discriminator_filters": 64, "discriminator_layers": 3}
HQ = {**LARGE, "adversarial_weight": 80000.0}  # the likelihood sums over 16 times as many values, the adversarial loss averages patches
PAPER = {"moments": "means", "target_variance": 1.0, "sampler": "standard", "discriminate_samples": False}
PLAIN, ALONE = {"moments": "each", "sampler": "standard"}, {"adversarial_weight": 0.0}
family(
    "gamix",
    gamix,
    faces=("celeb_a", "GAMIX-VAE, at 64x64: figures 2 and 3, no numbers", {}),
    faces_paper=("celeb_a", "GAMIX-VAE by the paper's own moments (eq. 10 and 11), sampler, N(0, I), and discriminator, at 64x64", PAPER),
    faces_no_gan=("celeb_a", "none: GAMIX-VAE without its discriminator, an arm of its ablation", ALONE),
    faces_vae=("celeb_a", "none: the plain VAE with the same networks, an arm of the ablation", {**PLAIN, **ALONE}),
    faces_vae_gan=("celeb_a", "none: the plain VAE with the discriminator, an arm of the ablation", PLAIN),
)
family("gamix", gamix, 256, celeba_hq=("celeb_a_hq", "GAMIX-VAE, 256x256: figures 2 and 3, no numbers", HQ))
