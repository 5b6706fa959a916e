"""Figures that judge a trained model."""

from keras_vaemix.evaluation.aggregate import divergence_split, has_divergence_split
from keras_vaemix.evaluation.clustering import Matching, category_table, cluster_report, match_categories, usage
from keras_vaemix.evaluation.ladder import has_kl_ladder, kl_ladder
from keras_vaemix.evaluation.latent import active_units
from keras_vaemix.evaluation.likelihood import likelihood_report
from keras_vaemix.evaluation.quadrature import exact_log_likelihood, exact_parts, exact_posterior, posterior_kl

__all__ = [
    "Matching",
    "active_units",
    "category_table",
    "cluster_report",
    "divergence_split",
    "exact_log_likelihood",
    "exact_parts",
    "exact_posterior",
    "has_divergence_split",
    "has_kl_ladder",
    "kl_ladder",
    "likelihood_report",
    "match_categories",
    "posterior_kl",
    "usage",
]
