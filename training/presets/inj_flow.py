"""InjFlow: a deterministic autoencoder whose decoder is an injective flow, with a normal prior or a mixture fitted to its codes."""

from training.presets.coders import SYNTHETIC, cost_of, pair
from training.presets.library import keras, vm
from training.presets.parts import compilation
from training.presets.registry import Experiment, family


def inj_flow(
    data,
    *,
    latent_dim: int = 16,
    networks: str = "dcgan",
    hidden: int = 1024,
    num_components: int = 0,
    beta: float = 1e-2,
    num_directions: int = 1,
    learning_rate: float = 1e-3,
):
    """InjFlow: an autoencoder that bounds the density of its decoded codes; its prior is N(0, I), or a mixture fitted to its codes.

    `num_components` of 0 is N(0, I). `beta` is twice the variance of the values of x around their reconstructions.
    """
    model = vm.Autoencoder(
        *pair(data, networks, latent_dim, hidden),
        vm.FittedMixture(latent_dim, num_components) if num_components else vm.StandardNormal(latent_dim),
        cost_of(data, vm.costs.SquaredError),
        penalties=[vm.penalties.CodeNorm(beta), vm.penalties.LogVolume(beta, num_directions)],
    )
    optimizer = keras.optimizers.Adam(learning_rate)
    return Experiment(model, optimizer, epochs=100, batch_size=100, warm_up=0, patience=100, jit_compile=compilation(networks))


CIFAR10, FACES, MIXTURE = {"latent_dim": 128}, {"latent_dim": 64}, {"num_components": 10}
family(
    "inj_flow",
    inj_flow,
    synthetic=("manifold8", "none: InjFlow on the synthetic manifolds", SYNTHETIC),
    mnist=("mnist", "slides Table 3, InjFlow: FID rec. 7.40, gen. 35.96", {}),
    cifar10=("cifar10", "slides Table 3, InjFlow: FID rec. 40.11, gen. 78.78", CIFAR10),
    faces=("celeb_a", "slides Table 3, InjFlow: FID rec. 27.93, gen. 47.70", FACES),
)
family(
    "inj_flow_gmm",
    inj_flow,
    synthetic=("manifold8", "none: InjFlow and a mixture on the synthetic manifolds", {**SYNTHETIC, **MIXTURE}),
    mnist=("mnist", "slides Table 3, InjFlow + GMM: FID rec. 7.40, gen. 9.93", MIXTURE),
    cifar10=("cifar10", "slides Table 3, InjFlow + GMM: FID rec. 40.11, gen. 68.26", {**CIFAR10, **MIXTURE}),
    faces=("celeb_a", "slides Table 3, InjFlow + GMM: FID rec. 27.93, gen. 40.23", {**FACES, **MIXTURE}),
)
