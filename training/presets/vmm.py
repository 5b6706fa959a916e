"""The VampPrior mixture, which finds its number of clusters, by the protocol of its code but for early stopping without labels."""

from training.presets.library import keras, vm
from training.presets.likelihoods import AUTO, Limits, chosen, pseudo_inputs
from training.presets.parts import DIGITS, Protocol, filled_examples, vae_of
from training.presets.registry import family

VMM_PROTOCOL = Protocol((500, 500, 2000), {"epochs": 1000, "batch_size": 256, "warm_up": 0, "patience": 100})


def vmm(
    data,
    protocol=VMM_PROTOCOL,
    *,
    num_components: int = 100,
    latent_dim: int = 10,
    num_examples: int = 256,
    likelihood: str = "learned_normal",
    learning_rate: float = 1e-4,
    log_variance_limits: Limits = AUTO,
):
    """VAE with a VampPrior mixture of more clusters than needed, whose prior takes its own steps.

    `--num-examples` is the number of examples that the densities of the prior's parameters are weighed against: fewer leave fewer clusters.
    """
    prior = vm.VampPriorMixture(latent_dim, num_components, data.shape, num_examples, **pseudo_inputs(data))
    prior.initialize_from_examples(filled_examples(data))

    def networks(shape, num_outputs, latent_dim, output_shape):
        hidden, mlp = protocol.hidden, vm.networks.mlp
        return mlp(shape, num_outputs, hidden, "relu"), mlp((latent_dim,), output_shape, hidden[::-1], "relu")

    choice = chosen(data, likelihood)
    posterior = vm.DiagonalNormal(choice.limits(log_variance_limits))
    model = vae_of(data, networks, prior, likelihood=choice.make(), posterior=posterior, model=vm.EmpiricalBayesVAE)
    return protocol.experiment(model, learning_rate, optimizers={"prior": keras.optimizers.Adam(learning_rate)})


SMALL = {"protocol": DIGITS._replace(settings=DIGITS.settings | {"warm_up": 0}), "learning_rate": 1e-3, "num_examples": 57}
family(
    "vmm",
    vmm,
    mnist=("mnist", "none: the VampPrior mixture of Stirn & Knowles 2024, who choose epochs and batches by labels", {}),
    digits=("digits", "none: the VampPrior mixture on the bundled digits", SMALL),
)
