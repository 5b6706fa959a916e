"""GAMIX-VAE on faces, and the arms of its ablation: with and without the moments, with and without the discriminator."""

from training.presets.library import augment, keras, part, vm
from training.presets.parts import choose, compilation
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
):
    """GAMIX-VAE: only the moments of the aggregate posterior are matched to the prior; adversarial_weight 0 omits the discriminator."""
    networks, shape = vm.networks, data.shape
    part.check_positive(latent_dim=latent_dim, width=width, depth=depth)
    discriminator = None
    if adversarial_weight > 0:
        settings = {"filters": discriminator_filters, "num_layers": discriminator_layers}
        discriminator = networks.patch_discriminator(shape, **settings, spectral_normalization=spectral_normalization)
    model = vm.GAMIXVAE(
        networks.resnet_v2_encoder(shape, 2 * latent_dim, width=width, depth=depth),
        networks.resnet_v2_decoder(latent_dim, shape, width=width, depth=depth, output_activation="sigmoid"),
        choose("sampler", PRIORS, sampler)(latent_dim, num_components),
        vm.Laplace(scale),
        discriminator,
        moments=choose("moments", MOMENTS, moments)(target_variance),
        adversarial_loss=choose("adversarial_loss", LOSSES, adversarial_loss)(),
        moment_weight=moment_weight,
        variance_weight=variance_weight,
        adversarial_weight=adversarial_weight,
        memory=memory,
        discriminate_samples=discriminate_samples,
    )
    optimizer, second = (keras.optimizers.Adam(learning_rate, 0.5, 0.999) for _ in range(2))
    optimizers = {"discriminator": second} if discriminator is not None else None
    settings = {"warm_up": 0, "monitor": None, "jit_compile": compilation("resnet_v2"), "augment": augment.flipped if flip else None}
    return Experiment(model, optimizer, epochs=200, batch_size=64, optimizers=optimizers, **settings)


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
