"""A flow over another prior: its draws are pushed through affine couplings."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.core.sampler import Pushed
from keras_vaemix.networks import mlp
from keras_vaemix.priors.base import Prior

tfd, tfb = tfp.distributions, tfp.bijectors

LARGEST_LOG_SCALE = 2.0  # bound on |s| of a coupling


@register
class RealNVP(Prior):
    r"""Flow over a base, :math:`z = f(u)` with :math:`u \sim p_0` and

    .. math:: \log p(z) = \log p_0(f^{-1}(z)) + \log \left|\det \frac{\partial f^{-1}}{\partial z}\right| \quad (\text{eq. 2}).

    f is a chain of couplings :math:`v_{1:d} = u_{1:d},\; v_{d+1:D} = u_{d+1:D} \odot e^{s(u_{1:d})} + t(u_{1:d})` (eq. 7 and 8), each after
    a reversal of the dimensions. The components are those of the base: if it is a mixture, f maps each of its components.

    Args:
        base: A `Prior` :math:`p_0` over D latents that needs no encoder.
        num_couplings: Number of couplings.
        hidden: Units of each hidden layer of s and t, which share a network.

    Raises:
        ValueError: There are fewer than two latents, or the base is made of posteriors or fitted after training.

    Reference: L. Dinh, J. Sohl-Dickstein, S. Bengio, *Density Estimation Using Real NVP*, 2017.
    """

    def __init__(self, base, num_couplings=4, hidden=(64, 64), **kwargs):
        super().__init__(base.latent_dim, **kwargs)
        check_positive(num_couplings=num_couplings)
        require(base.latent_dim >= 2, "a base over at least 2 latents: a coupling needs two halves", latent_dim=base.latent_dim)
        is_trained = not (base.needs_encoder or base.is_fitted_after_training)
        require(is_trained, "a base that is neither made of posteriors nor fitted after training", base=type(base).__name__)
        self.base, self.num_couplings, self.hidden = base, num_couplings, tuple(hidden)
        self.num_kept = base.latent_dim // 2
        num_moved = base.latent_dim - self.num_kept
        self.networks = [mlp((self.num_kept,), 2 * num_moved, hidden) for _ in range(num_couplings)]
        for network in self.networks:  # at the start f is nearly the identity, apart from reversals
            network.layers[-1].set_weights([0.01 * weight for weight in network.layers[-1].get_weights()])

    @property
    def num_components(self):
        return self.base.num_components

    def bijector(self):
        """Returns f, a TFP bijector."""

        def coupling(network):
            def shift_and_log_scale(kept, units):
                outputs = tf.cast(network(tf.reshape(kept, [-1, self.num_kept])), tf.float32)
                outputs = tf.reshape(outputs, tf.concat([tf.shape(kept)[:-1], [2 * units]], axis=0))
                shift, raw = tf.split(outputs, 2, axis=-1)
                return shift, LARGEST_LOG_SCALE * tf.tanh(raw / LARGEST_LOG_SCALE)

            return tfb.RealNVP(num_masked=self.num_kept, shift_and_log_scale_fn=shift_and_log_scale)

        backwards = tfb.Permute(list(range(self.latent_dim))[::-1])
        return tfb.Chain([one for network in self.networks for one in (coupling(network), backwards)])

    def distribution(self, encode=None, training=False):
        return tfd.TransformedDistribution(self.base.distribution(None, training), self.bijector())

    def penalty(self, encode=None):
        return self.base.penalty()

    def log_weights(self):
        return self.base.log_weights()

    def sampler(self, encode=None):
        return Pushed(self.base.sampler(), lambda u: self.bijector().forward(u))  # built in the graph that traces it

    def responsibilities(self, z, encode=None):
        return self.base.responsibilities(self.bijector().inverse(z))
