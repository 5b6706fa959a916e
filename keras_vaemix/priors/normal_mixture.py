"""A mixture of diagonal normals with learned parameters."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Array, Tensor
from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.priors.dirichlet_weights import DirichletWeights
from keras_vaemix.priors.mixture import MixturePrior
from keras_vaemix.priors.scales import initial_scale, inverse_softplus_scale, softplus_scale

tfd = tfp.distributions


@register
class NormalMixture(MixturePrior):
    r"""Mixture of K diagonal normals, :math:`p(z) = \sum_k \pi_k N(m_k, \mathrm{diag}\,t_k^2)`.

    Args:
        latent_dim: Number of latent dimensions D.
        num_components: Number of components K.
        learn_weights: Whether the weights :math:`\pi_k` are learned; if not, they are uniform.
        initial_stddev: Standard deviation of the initial means. It cannot be zero: equal components have equal gradients and stay equal.
        weight_density: `DirichletWeights`, with which K need only be large enough, for learned weights; None for no density of weights.

    Reference: N. Dilokthanakul et al., *Deep Unsupervised Clustering with Gaussian Mixture VAEs*, 2016; the "MG" of the CP-VAE
    paper, and the MoG prior of the MoG-VAE paper.
    """

    def __init__(
        self,
        latent_dim: int,
        num_components: int = 10,
        learn_weights: bool = False,
        initial_stddev: float = 1.0,
        weight_density: DirichletWeights | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim, **kwargs)
        check_positive(num_components=num_components)
        require(initial_stddev > 0, "initial_stddev > 0", initial_stddev=initial_stddev)
        require(weight_density is None or learn_weights, "learn_weights=True for a weight_density", learn_weights=learn_weights)
        self.num_components, self.learn_weights, self.initial_stddev = num_components, learn_weights, initial_stddev
        self.weight_density = weight_density
        shape = (num_components, latent_dim)
        spread = keras.initializers.RandomNormal(stddev=initial_stddev if num_components > 1 else 0.0)
        self.loc = self.add_weight(shape, spread, name="loc", dtype="float32")
        self.raw_scale = self.add_weight(shape, initial_scale(1.0), name="raw_scale", dtype="float32")
        self.raw_logits = self.add_weight((num_components,), "zeros", name="logits", trainable=learn_weights, dtype="float32")

    def penalty(self, encode=None):
        return None if self.weight_density is None else self.weight_density.penalty(self.log_weights())

    def logits(self):
        return tf.convert_to_tensor(self.raw_logits)

    def components(self, encode):
        return tfd.Independent(tfd.Normal(self.loc, softplus_scale(self.raw_scale)), 1)  # batch [K], event [D]

    def initialize_from_latents(self, z: Tensor, responsibilities: Array, variance: float = 0.0) -> None:
        r"""Initialises the components with the moments of latents, :math:`m_k = \sum_i r_{ik} z_i / \sum_i r_{ik}` and so on.

        Variances are at least 1e-4. Learned weights become the mean responsibilities; uniform ones stay uniform. A component without
        latents starts at the mean of all latents.

        Args:
            z: Latents, or the means of their posteriors, [N, D].
            responsibilities: Responsibility of each component for each latent, [N, K]; see `mixtures.gaussian_mixture.fit_mixture`.
            variance: Posterior variance around these means, [N, D] or [D].
        """
        z, responsibilities = np.asarray(z, "float64"), np.asarray(responsibilities, "float64")
        expected = f"responsibilities of shape {(len(z), self.num_components)}"
        require(responsibilities.shape == (len(z), self.num_components), expected, shape=responsibilities.shape)
        size, middle = responsibilities.sum(axis=0) + 1e-6, z.mean(axis=0)  # [K], [D]
        loc = middle + responsibilities.T @ (z - middle) / size[:, None]
        squares = [weights @ (np.square(z - center) + variance) for weights, center in zip(responsibilities.T, loc, strict=True)]
        scale = np.sqrt(np.maximum(np.stack(squares) / size[:, None], 1e-4))
        self.loc.assign(loc)
        self.raw_scale.assign(inverse_softplus_scale(scale))
        if self.learn_weights:
            self.raw_logits.assign(np.log(size / size.sum()))
