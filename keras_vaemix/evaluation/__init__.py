"""Figures that evaluate a trained model."""

from keras_vaemix.evaluation.aggregate import divergence_split, has_divergence_split
from keras_vaemix.evaluation.annealed import annealed_log_likelihood
from keras_vaemix.evaluation.clustering import LabelAssignment, category_table, cluster_report, match_categories, usage
from keras_vaemix.evaluation.effects import latent_effects
from keras_vaemix.evaluation.frechet import FeatureMoments, frechet_distance
from keras_vaemix.evaluation.generation import generation_report, sample_of
from keras_vaemix.evaluation.ladder import has_kl_ladder, has_paper_kl, kl_ladder, paper_kl
from keras_vaemix.evaluation.latent import (
    active_dimensions,
    active_units,
    latent_report,
    mmd,
    normalized_absolute_correlation,
    posterior_means,
)
from keras_vaemix.evaluation.likelihood import likelihood_report
from keras_vaemix.evaluation.neighbours import nearest_neighbors
from keras_vaemix.evaluation.precision_recall import PRDCurve, improved_precision_recall, prd_curve, precision_recall_distributions
from keras_vaemix.evaluation.quadrature import exact_log_likelihood, exact_parts, exact_posterior, posterior_kl
from keras_vaemix.evaluation.reconstruction import autoencoder_report
from keras_vaemix.evaluation.report import report
from keras_vaemix.evaluation.sharpness import l1, sharpness, sharpness_report

__all__ = [
    "FeatureMoments",
    "LabelAssignment",
    "PRDCurve",
    "active_dimensions",
    "active_units",
    "annealed_log_likelihood",
    "autoencoder_report",
    "category_table",
    "cluster_report",
    "divergence_split",
    "exact_log_likelihood",
    "exact_parts",
    "exact_posterior",
    "frechet_distance",
    "generation_report",
    "has_divergence_split",
    "has_kl_ladder",
    "has_paper_kl",
    "improved_precision_recall",
    "kl_ladder",
    "l1",
    "latent_effects",
    "latent_report",
    "likelihood_report",
    "match_categories",
    "mmd",
    "nearest_neighbors",
    "normalized_absolute_correlation",
    "paper_kl",
    "posterior_kl",
    "posterior_means",
    "prd_curve",
    "precision_recall_distributions",
    "report",
    "sample_of",
    "sharpness",
    "sharpness_report",
    "usage",
]
