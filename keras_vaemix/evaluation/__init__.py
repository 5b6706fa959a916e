"""Figures that judge a trained model."""

from keras_vaemix.evaluation.ladder import kl_ladder
from keras_vaemix.evaluation.latent import active_units
from keras_vaemix.evaluation.likelihood import likelihood_report

__all__ = ["active_units", "kl_ladder", "likelihood_report"]
