"""The Gaussian-mixture VAE: a latent with a mixture prior that a second latent parameterises."""

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.batch import Batch, further_inputs, inputs_of_decoder
from keras_vaemix.core.hints import Array, Network, Tensor
from keras_vaemix.core.labels import as_observed, at_labels
from keras_vaemix.core.part import check_positive, register, require, require_networks
from keras_vaemix.core.sampler import Noise, Sampler
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold, unfold
from keras_vaemix.likelihoods import Likelihood
from keras_vaemix.mixtures.location_scale import choose
from keras_vaemix.models.base.two_level import TwoLevelModel
from keras_vaemix.objectives import Objective
from keras_vaemix.posteriors import NormalMixturePosterior, Posterior
from keras_vaemix.priors import Prior

tfd = tfp.distributions


@register
class GMVAE(TwoLevelModel):
    r"""Gaussian-mixture VAE, :math:`p(w)\,p(c)\,p(z|w, c)\,p(x|z)` with posterior :math:`q(w|x)\,q(z|x)\,p(c|z, w)`.

    One network maps w to the K components of p(z|w, c). With the exact posterior of the category c, c sums out:
    :math:`p(z|w) = \frac1K \sum_k N(z; \mu_k(w), \mathrm{diag}\,\sigma_k^2(w))`. The paper takes the divergence of z for each
    category separately, with weights p(c|z, w) of one draw, as if c and z were independent given x; this is the bound of its eq. 2 itself.

    With a `label_weight` a, the labels of `fit` are the categories of their examples, and -1 is none. For an example with a label the
    objective is the bound of :math:`\log p(x, c)`, which is that of log p(x) plus :math:`E_q \log p(c|z, w)`; the loss also has
    :math:`-a E_q \log p(c|z, w)`, an upper bound on :math:`-a \log q(c|x)`, in place of the classification term of Kingma et al., 2014
    (eq. 9, where :math:`a = \alpha / N_l` for :math:`N_l` labelled examples). Validation, evaluation and `log_likelihood` leave labels
    out of all bounds.

    Args:
        top_encoder: Network from examples [B, *] to 2 D2 outputs: q(w|x).
        encoder: Network from examples [B, *] to 2 D1 outputs: q(z|x).
        conditional: Network from w [B, D2] to K * 2 D1 outputs: the components of p(z|w).
        decoder: Network from z [B, D1] to the likelihood's parameters. The two encoders and the decoder may have a last input named
            `condition`, for p(x|z, y).
        prior: A `Prior` over w; `StandardNormal` in the paper. All latents are independent of y, unless it is a `ConditionalNormal`.
        likelihood: A `Likelihood`.
        num_components: Number of categories K.
        posterior: A `DiagonalNormal`, whose limits apply to every log-variance.
        objective: The bound that training maximises; `ELBO()` by default.
        seed: Every draw is a function of this integer and of a counter kept as a weight.
        label_weight: Weight a of labels in the loss, at least 0; None, the default, uses no labels. See `docs/guides/labels.md`.

    Raises:
        ValueError: A network's inputs or outputs do not fit the others, the prior of w is a mixture itself, or the weight is negative.

    Reference: N. Dilokthanakul et al., *Deep Unsupervised Clustering with Gaussian Mixture Variational Autoencoders*, 2016, Eq. 1 to 6;
    D. Kingma et al., *Semi-supervised Learning with Deep Generative Models*, 2014, Eq. 6 to 9.
    """

    accompaniments = ("mask", "condition")
    learns_labels = True

    def __init__(
        self,
        top_encoder: Network,
        encoder: Network,
        conditional: Network,
        decoder: Network,
        prior: Prior,
        likelihood: Likelihood,
        num_components: int = 10,
        posterior: Posterior | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        label_weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive(num_components=num_components)
        super().__init__(top_encoder, prior, likelihood, posterior, objective, seed, **kwargs)
        require_networks(encoder=encoder, conditional=conditional, decoder=decoder)
        self.encoder, self.conditional, self.decoder = encoder, conditional, decoder
        self._num_components, self.label_weight = num_components, label_weight
        require(label_weight is None or label_weight >= 0, "label_weight >= 0, or None", label_weight=label_weight)
        require(prior.num_components == 1, "a prior of w that is not a mixture", num_components=prior.num_components)
        self._check_conditioning(decoder)
        size, names = decoder.inputs[0].shape[-1], (further_inputs(top_encoder), further_inputs(encoder))
        require(names[0] == names[1], f"encoder with further inputs {names[0]}, those of top_encoder", inputs=names[1])
        for what, received, expected in (
            ("encoder with input", encoder.input_shape, top_encoder.input_shape),
            ("encoder with output", encoder.output_shape, (None, self.posterior.params_size(size))),
            ("conditional with input", conditional.input_shape, (None, prior.latent_dim)),
            ("conditional with output", conditional.output_shape, (None, self.family.params_size(size))),
            ("decoder with inputs", [tuple(one.shape) for one in decoder.inputs], [(None, n) for n in self.decode_sizes.values()]),
        ):
            sizes = f"w of {prior.latent_dim}, z of {size}, {num_components} components"
            require(received == expected, f"{what} shape {expected}: {sizes}", shape=received)
        self._check_decoder(decoder)
        self.built = True

    @property
    def num_components(self):
        return self._num_components

    @property
    def family(self):
        """The mixture of normals that `conditional` parameterises."""
        return NormalMixturePosterior(self.num_components, log_variance_limits=self.posterior.log_variance_limits)

    @property
    def latent_sizes(self):
        return {"z": self.decoder.inputs[0].shape[-1]}

    @property
    def joint_sizes(self):
        return {**self.latent_sizes, "w": self.prior.latent_dim}

    @property
    def _extra_noise(self):
        """The noise of z, which sampling needs in addition to that of w."""
        return {"eps_lower": self.latent_sizes["z"]}

    # Draws and densities.

    def draws(self, batch, objective, seed, training=False):
        batch, d = self.as_batch(batch), super().draws(batch, objective, seed, training)
        if self.label_weight is None:
            return d
        z, w = d.z
        labels = as_observed(batch.labels, tf.shape(z)[1])
        log_pc = at_labels(tf.nn.log_softmax(self.lower_prior(w, training).components_distribution.log_prob(z[..., None, :])), labels)
        expected = tf.reduce_sum(tf.exp(d.log_weight) * log_pc, axis=0)  # E log p(c|z, w) of labels, [B]
        d = d._replace(classification=-expected)
        if not training:
            return d
        return d._replace(log_pz=d.log_pz + log_pc, kl=None if d.kl is None else d.kl - expected)  # log p(z, c|w)

    def lower_params(self, x, training=False):
        """Returns the outputs of `encoder` for examples [B, *], or a dict or `Batch` of them with what accompanies them."""
        return self.encoder(self.as_batch(x).inputs_of(self.encoder), training=training)

    def lower_posterior(self, x, z2, training=False):
        normal = self.posterior.distribution(self.lower_params(x, training)).distribution  # [B, D1]
        shape = tf.concat([tf.shape(z2)[:1], tf.shape(normal.loc)], axis=0)
        return tfd.Independent(tfd.Normal(tf.broadcast_to(normal.loc, shape), tf.broadcast_to(normal.scale, shape)), 1)

    def components_of(self, w, training=False):
        """Returns the components of p(z|w), normals of batch [N, K] and event [D1], for w [N, D2]."""
        return self.family.distribution(self.conditional(w, training=training)).components_distribution

    def lower_prior(self, z2, training=False):
        num_samples = tf.shape(z2)[0]
        normal = self.components_of(fold(z2), training).distribution
        loc, scale = unfold(normal.loc, num_samples), unfold(normal.scale, num_samples)  # [S, B, K, D1]
        uniform = tfd.Categorical(logits=tf.zeros(tf.shape(loc)[:-1]))
        return tfd.MixtureSameFamily(uniform, tfd.Independent(tfd.Normal(loc, scale), 1))

    def likelihood_params(self, z1, z2, x, training=False):
        num_samples = tf.shape(z1)[0]
        seen = inputs_of_decoder(self.decoder, [fold(z1)], Batch.of(x).condition, num_samples)
        return unfold(self.decoder(seen, training=training), num_samples)

    def encode(self, x):
        """Returns q(z, w|x), a TFP distribution of z [D1] and w [D2]."""
        lower = self.posterior.distribution(self.lower_params(x))
        return tfd.JointDistributionNamed({"w": self.encode_top(x), "z": lower})

    def posterior_parameters(self, x):
        top, lower = self.encode_top(x), self.posterior.distribution(self.lower_params(x))
        return {"mean": lower.mean(), "stddev": lower.stddev(), "w_mean": top.mean(), "w_stddev": top.stddev()}

    def log_joint(self, x, z, w):
        """Returns log p(x, z, w) for x [B, *], z [B, D1] and w [B, D2], [B] in nats."""
        return self._log_joint_of(x, z, w)

    # Plain tensors, which export.

    def decoder_params(self, z, condition=None):
        return tf.cast(self.decoder(inputs_of_decoder(self.decoder, [z], condition), training=False), tf.float32)

    def call(self, x: Array) -> Tensor:
        """Returns the reconstruction of x: the mean of p(x|z) at the mean of q(z|x)."""
        return self.decode(self.centers(x)[0], Batch.of(x).condition)

    # Components.

    def sampler(self):
        """Returns the sampler of w with K equally likely components, which are the categories."""
        return UniformCategories(self.prior.sampler(self.encode_top), self.num_components)

    def _decoder_inputs(self, z, component, noise):
        normal = self.components_of(z).distribution  # [N, K, D1]
        chosen = tf.one_hot(component, self.num_components)[..., None]
        lower = tf.reduce_sum(chosen * normal.loc, axis=1) + tf.reduce_sum(chosen * normal.scale, axis=1) * noise["eps_lower"]
        return (lower,) if self.condition_size is None else (lower, noise["condition"])

    def batch_responsibilities(self, x, num_samples, seed):
        r"""Returns :math:`E_{q(z|x)\,q(w|x)}\, p(c|z, w)`, [B, K]."""
        w = self.encode_top(x).sample(num_samples, seed=fold_in(seed, 0))
        z = self.lower_posterior(x, w).sample(seed=fold_in(seed, 1))  # [S, B, D1]
        components = self.lower_prior(w).components_distribution  # [S, B, K]
        return tf.reduce_mean(tf.nn.softmax(components.log_prob(z[..., None, :])), axis=0)


class UniformCategories(NamedTuple):
    """A sampler that adds to each draw of another one a category, uniform over K."""

    single: Sampler
    num_components: int

    def noise(self):
        return {**self.single.noise(), "u": Noise("Uniform", None)}

    def generate(self, noise, component):
        drawn = tf.cast(choose(noise["u"], tf.ones([self.num_components])), component.dtype)
        z, _ = self.single.generate(noise, tf.zeros_like(component))
        return z, tf.where(component < 0, drawn, component)

    def weights(self):
        return tf.fill([self.num_components], 1 / self.num_components)

    def constants(self):
        return self._replace(single=self.single.constants())
