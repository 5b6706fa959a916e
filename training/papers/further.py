"""Systems of the library that the papers only name, or that others published, on MNIST by the papers' protocols.

Beside them stand a plain VAE and the mixture prior that is the base of the flow priors, trained for as many epochs.
"""

from training.papers.figures import BOUNDS, FURTHER, PARTS
from training.papers.row import Row
from training.papers.table import Table

FURTHER_SYSTEMS = Table(
    "further_systems",
    (
        Row("vae", "vae_mnist"),
        Row("mg10", "mog_prior_mnist", {"num_components": 10}),
        Row("flow_prior", "flow_prior_mnist"),
        Row("maf_prior", "maf_prior_mnist"),
        Row("householder", "householder_mnist"),
        Row("lars", "lars_mnist"),
        Row("info_vae", "info_vae_mnist"),
        Row("factor_vae", "factor_vae_mnist"),
    ),
    columns=(*BOUNDS, *PARTS, *FURTHER),
)
