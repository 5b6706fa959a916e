"""Figures that judge a trained model."""

from keras_vaemix.evaluation.ladder import has_kl_ladder, kl_ladder
from keras_vaemix.evaluation.latent import active_units
from keras_vaemix.evaluation.likelihood import likelihood_report
from keras_vaemix.evaluation.quadrature import exact_log_likelihood, exact_parts, exact_posterior, posterior_kl

__all__ = [
    "active_units",
    "exact_log_likelihood",
    "exact_parts",
    "exact_posterior",
    "has_kl_ladder",
    "kl_ladder",
    "likelihood_report",
    "posterior_kl",
]
