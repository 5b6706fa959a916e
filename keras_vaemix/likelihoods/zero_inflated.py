"""Counts with more zeros than their distribution has."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import register, require_kind
from keras_vaemix.likelihoods.counts import CountLikelihood

tfd = tfp.distributions


@register
class ZeroInflated(CountLikelihood):
    r"""Counts that are zero with an additional probability :math:`g(z)`, :math:`p(x|z) = g\,[x = 0] + (1 - g)\,p_0(x|z)`.

    The decoder's last axis holds the parameters of :math:`p_0` and then the logits of g.

    Args:
        likelihood: The likelihood :math:`p_0` of counts, a `Poisson` or a `NegativeBinomial`.
    """

    def __init__(self, likelihood: CountLikelihood, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_kind("likelihood", likelihood, CountLikelihood)
        self.likelihood = likelihood

    def params_size(self, num_channels):
        return self.likelihood.params_size(num_channels) + num_channels

    def split(self, params):
        """Returns the parameters of the counts, and log g and log (1 - g)."""
        num_channels = self.num_channels(params)
        own, logits = params[..., :-num_channels], params[..., -num_channels:]
        return own, -tf.math.softplus(-logits), -tf.math.softplus(logits)

    def distribution(self, params):
        own, log_more, _ = self.split(params)
        # By probabilities: TFP 0.25 takes inflated_loc_logits for half of the log-odds.
        return tfd.Inflated(self.likelihood.distribution(own), inflated_loc_probs=tf.exp(log_more))

    def mean(self, params):
        own, _, log_less = self.split(params)
        return tf.exp(log_less) * self.likelihood.mean(own)

    def factors(self, params):
        own, log_more, _ = self.split(params)
        counts, further = self.likelihood.factors(own), {"mean": self.likelihood.mean(own), "zeros": tf.exp(log_more)}
        return counts and [one._replace(parameters={**one.parameters, **further}) for one in counts]

    def cumulative(self, params, x):
        own, log_more, log_less = self.split(params)
        return tf.exp(log_more) + tf.exp(log_less) * self.likelihood.cumulative(own, x)

    def upper_limit(self, params):
        return self.likelihood.upper_limit(self.split(params)[0])

    def log_probs(self, params, x):
        own, log_more, log_less = self.split(params)
        counted = log_less + self.likelihood.log_probs(own, x)
        return tf.where(x > 0, counted, tfp.math.log_add_exp(log_more, counted))
