"""Systems of the library that the papers only name, or that others published, on MNIST by the papers' protocols.

Beside them stand a plain VAE and the mixture prior that is the base of the flow priors, trained for as many epochs. InfoVAE and FactorVAE
have other networks than the rest, and so a plain VAE of their own: InfoVAE without its discrepancy.
"""

from training.papers.figures import BOUNDS, FURTHER, PARTS
from training.papers.row import Row
from training.papers.table import Table

AGGREGATE = {"networks": "mlp", "hidden": 300, "latent_dim": 40, "likelihood": "bernoulli", "learning_rate": 5e-4}

FURTHER_SYSTEMS = Table(
    "further_systems",
    (
        Row("vae", "vae_mnist"),
        Row("mg10", "mog_prior_mnist", {"num_components": 10}),
        Row("flow_prior", "flow_prior_mnist"),
        Row("maf_prior", "maf_prior_mnist"),
        Row("householder", "householder_mnist"),
        Row("lars", "lars_mnist"),
        Row("vae_mlp", "info_vae_mnist", {**AGGREGATE, "scale": 1.0}),
        Row("info_vae", "info_vae_mnist", {**AGGREGATE, "scale": 1000.0}),
        Row("info_vae10", "info_vae_mnist", AGGREGATE),
        Row("factor_vae", "factor_vae_mnist", AGGREGATE),
    ),
    settings=("networks", "scale", "gamma"),
    columns=(*BOUNDS, *PARTS, *FURTHER),
)
