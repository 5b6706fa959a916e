"""A mixture of normals that is fitted to latents after training."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import check_positive, register, require
from keras_vaemix.mixtures.gaussian_mixture import fit_mixture
from keras_vaemix.priors.mixture import MixturePrior

tfd = tfp.distributions

COVARIANCES = ("full", "diag")


@register
class FittedMixture(MixturePrior):
    r"""Mixture of K normals, :math:`p(z) = \sum_k \pi_k N(m_k, L_k L_k^T)`, that `fit` fits to latents by maximum likelihood.

    It is the density of autoencoders that are trained without a prior; it has no trainable weights. One component with full covariance
    is the RAE paper's other density, a single normal.

    Args:
        latent_dim: Number of latent dimensions D.
        num_components: Number of components K.
        covariance_type: "full", or "diag" for diagonal matrices :math:`L_k`.

    Reference: P. Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020, Section 4.
    """

    is_fitted_after_training = True

    def __init__(self, latent_dim: int, num_components: int = 10, covariance_type: str = "full", **kwargs: Any) -> None:
        super().__init__(latent_dim, **kwargs)
        check_positive(num_components=num_components)
        require(covariance_type in COVARIANCES, f"covariance_type to be one of {COVARIANCES}", covariance_type=covariance_type)
        self.num_components, self.covariance_type = num_components, covariance_type
        constant = {"initializer": "zeros", "trainable": False, "dtype": "float32"}
        self.loc = self.add_weight((num_components, latent_dim), name="loc", **constant)
        self.scale_tril = self.add_weight((num_components, latent_dim, latent_dim), name="scale_tril", **constant)
        self.raw_logits = self.add_weight((num_components,), name="logits", **constant)
        self.is_fitted = self.add_weight((), name="is_fitted", **constant)  # 1 after `fit`

    def fit(self, z: Tensor, num_starts: int = 1, max_iter: int = 2000, floor: float = 1e-6, seed: int = 0) -> None:
        r"""Fits the mixture to latents by expectation maximisation from k-means, and returns scikit-learn's `GaussianMixture`.

        Its `converged_` says whether the fit converged within `max_iter` steps; a fit that did not is used as it is.

        Args:
            z: Latents of training examples, or the means of their posteriors, [N, D].
            num_starts: Number of starts; the fit with the highest likelihood is used.
            max_iter: Largest number of steps from each start.
            floor: Constant added to all variances.
            seed: Integer; the fit is a function of it.

        Raises:
            ValueError: The latents are not [N, D], are not finite or are fewer than the components, or the fit fails. The weights then
                stay as they were.
        """
        require(np.shape(z)[1:] == (self.latent_dim,), f"latents [N, {self.latent_dim}]", shape=np.shape(z))
        mixture = fit_mixture(z, self.num_components, self.covariance_type, num_starts, None, seed, max_iter, floor)
        full = self.covariance_type == "full"
        scale = np.linalg.cholesky(mixture.covariances_) if full else np.sqrt(mixture.covariances_)[:, :, None] * np.eye(self.latent_dim)
        self.set_weights_of(mixture.means_, scale, mixture.weights_)
        return mixture

    def set_moments(self, mean, covariance, floor=1e-6):
        """Sets the single component to the normal with a mean [D] and a covariance [D, D], or its diagonal if the type is "diag".

        Raises:
            ValueError: There are several components, or the covariance is not positive definite.
        """
        require(self.num_components == 1, "one component, for moments to determine it", num_components=self.num_components)
        d = self.latent_dim
        shapes = np.shape(mean), np.shape(covariance)
        require(shapes == ((d,), (d, d)), f"a mean [{d}] and a covariance [{d}, {d}]", shapes=shapes)
        covariance = covariance if self.covariance_type == "full" else np.diag(np.diag(covariance))
        try:
            scale = np.linalg.cholesky(covariance + floor * np.eye(d))
        except np.linalg.LinAlgError as error:
            raise ValueError(f"Expected a positive definite covariance. Received: {error}") from error
        self.set_weights_of(np.asarray(mean)[None], scale[None], np.ones(1))

    def set_weights_of(self, mean, scale, share):
        """Sets the components' means [K, D], scales [K, D, D] and weights [K]; raises `ValueError` unless they are finite in float32."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            values = [value.astype("float32") for value in (mean, scale, np.log(share))]
        require(all(np.isfinite(value).all() for value in values), "latents small enough for float32", largest=float(np.max(np.abs(mean))))
        for weight, value in zip((self.loc, self.scale_tril, self.raw_logits, self.is_fitted), (*values, 1.0), strict=True):
            weight.assign(value)

    def can_sample(self):
        return bool(self.is_fitted.numpy())

    def check_fitted(self) -> None:
        """Raises `ValueError` unless the mixture is fitted."""
        with tf.init_scope():  # a value, also while a graph is traced
            is_fitted = bool(self.is_fitted.numpy())
        expected = "a fitted density: call the model's fit_prior(x) with training examples, or the prior's fit(z) with their latents"
        require(is_fitted, expected, is_fitted=is_fitted)

    def logits(self):
        self.check_fitted()
        return tf.convert_to_tensor(self.raw_logits)

    def components(self, encode):
        self.check_fitted()
        return tfd.MultivariateNormalTriL(tf.convert_to_tensor(self.loc), tf.convert_to_tensor(self.scale_tril))  # batch [K], event [D]
