"""A few labels on MNIST: the accuracy of categories that 100 labels have named, beside what is published for such models."""

from training.papers.row import Row
from training.papers.table import Table

FEW = {"num_labels": 100}
SETTINGS = {"epochs": 60, "warm_up": 20}
# Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014, Table 1: errors of 11.97 ± 1.71 % and 3.33 ± 0.14 %.
OTHER = "not comparable: published with 100 labels are 88.0 % for M2 and 96.7 % for M1+M2 (Kingma et al., 2014), which are other models"

FEW_LABELS = Table(
    "few_labels",
    (
        Row("cp", "cp_vae_mnist", {**FEW, "estimator": "enumerated"}, caveat=OTHER, settings=SETTINGS),
        Row("cp_drawn", "cp_vae_mnist", FEW, caveat=OTHER, settings=SETTINGS),
        Row("cp_free20", "cp_vae_mnist", {**FEW, "num_components": 20}, caveat=OTHER, settings=SETTINGS),  # ten categories stay free
        Row("gmvae", "gmvae_mnist", FEW, caveat=OTHER, settings=SETTINGS),
    ),
    settings=("num_labels", "estimator"),
    columns=("elbo", "log_likelihood", "accuracy", "cluster_accuracy"),
)
