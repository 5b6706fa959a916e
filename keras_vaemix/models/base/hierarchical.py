"""What models share in which a network conditions the lower latents on the upper ones."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.part import require, require_networks
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.models.base.two_level import TwoLevelModel
from keras_vaemix.objectives import Objective
from keras_vaemix.posteriors import Posterior
from keras_vaemix.priors import Prior

tfd = tfp.distributions


class HierarchicalModel(TwoLevelModel):
    r"""Abstract: :math:`p(z_2)\,p(z_1|z_2)\,p(x|z_1, z_2)` with posterior :math:`q(z_2|x)\,q(z_1|x, z_2)`. Args as in `HierarchicalVAE`."""

    def __init__(
        self,
        top_encoder: Network,
        encoder: Network,
        conditional: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(top_encoder, prior, likelihood, posterior, objective, seed, **kwargs)
        require_networks(encoder=encoder, conditional=conditional, decoder=decoder)
        self.encoder, self.conditional, self.decoder = encoder, conditional, decoder
        top, size = (None, prior.latent_dim), conditional.output_shape[-1]
        for what, received, expected in (
            ("encoder with inputs", encoder.input_shape, [top_encoder.input_shape, top]),
            ("encoder with output", encoder.output_shape, (None, size)),
            ("conditional with input", conditional.input_shape, top),
            ("decoder with inputs", decoder.input_shape, self._decoder_input_shape()),
        ):
            require(received == expected, f"{what} shape {expected}: examples, z2 of {prior.latent_dim}, z1 of {size // 2}", shape=received)
        self._check_decoder(decoder)
        self.built = True

    def _decoder_input_shape(self):
        """Returns the `input_shape` that the decoder must have."""
        return [(None, size) for size in self.latent_sizes.values()]

    @property
    def latent_sizes(self):
        return {"z1": self.conditional.output_shape[-1] // 2, "z2": self.prior.latent_dim}

    @property
    def num_components(self):
        return self.prior.num_components

    @property
    def _extra_noise(self):
        """The noise of the lower level, which sampling needs too."""
        return {"eps_lower": self.latent_sizes["z1"]}

    # Densities.

    def lower_posterior(self, x, z2, training=False):
        num_samples = tf.shape(z2)[0]
        tiled = tf.tile(Batch.of(x).x, [num_samples, *[1] * len(self.example_shape)])
        return self.posterior.distribution(unfold(self.encoder([tiled, fold(z2)], training=training), num_samples))

    def lower_prior(self, z2, training=False):
        return self.posterior.distribution(unfold(self.conditional(fold(z2), training=training), tf.shape(z2)[0]))

    def likelihood_params(self, z1, z2, x, training=False):
        return unfold(self.decoder([fold(z1), fold(z2)], training=training), tf.shape(z1)[0])

    def encode(self, x):
        """Returns q(z1, z2|x), a TFP distribution of z1 [D1] and z2 [D2]."""

        def lower(z2):
            return self.lower_posterior(x, z2) if z2.shape.rank == 3 else self.lower_posterior(x, z2[None])[0]

        return tfd.JointDistributionNamed({"z2": self.encode_top(x), "z1": lambda z2: lower(z2)})

    def posterior_parameters(self, x):
        q2 = self.encode_top(x)
        q1 = self.lower_posterior(x, q2.mean()[None])
        return {"z1_mean": q1.mean()[0], "z1_stddev": q1.stddev()[0], "z2_mean": q2.mean(), "z2_stddev": q2.stddev()}

    def log_joint(self, x, z1, z2):
        return self._log_joint_of(x, z1, z2)

    # Plain tensors, which export.

    def decoder_params(self, z1, z2):
        return tf.cast(self.decoder([z1, z2], training=False), tf.float32)

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x: the mean of p(x|z1, z2) at the means of the posteriors."""
        return self.decode(*self.centers(x))

    # Components.

    def sampler(self):
        return self.prior.sampler(self.encode_top)

    def _decoder_inputs(self, z, component, noise):
        normal = self.posterior.distribution(self.conditional(z, training=False)).distribution
        return normal.loc + normal.scale * noise["eps_lower"], z

    def batch_responsibilities(self, x, num_samples, seed):
        r"""Returns :math:`E_{q(z_2|x)}\, p(k|z_2)`, [B, K]."""
        z2, log_weight, _ = self.posterior.draw(self.top_params(x), num_samples, fold_in(seed, 0))
        share = self.prior.responsibilities(z2, self.encode_top)  # [S, B, K]
        return tf.reduce_sum(tf.exp(log_weight)[..., None] * share, axis=0)
