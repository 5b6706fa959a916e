"""Pictures, components and divergences in TensorBoard."""

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.part import check_positive
from keras_vaemix.evaluation import category_table, cluster_report, has_kl_ladder, kl_ladder, latent_effects, posterior_means
from keras_vaemix.evaluation.clustering import check_indices, check_labels
from keras_vaemix.models import GAMIXVAE, AutoencodingModel
from keras_vaemix.priors import FittedMixture
from keras_vaemix.visualization import pictures, plots


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard, with pictures and the components of the prior.

    Every loss part is on the same axes for training and validation. Reconstructions, samples from the model's real prior (a row
    for each component) and pseudo-inputs are pictures; the use of the components is a histogram, with its perplexity and the number
    of dead ones. With labels, components against labels are a picture, and the accuracy of the components, matched one to one with
    labels on these very examples, is a figure. All are drawn with fixed seeds and leave the training run as it is. Where posterior
    or prior are mixtures, every bound of the divergence is shown as its gap above the Monte Carlo estimate (`kl_gap/*`). Of a
    deterministic autoencoder the covariance of its codes is a picture, and the mask, if it has one, a histogram; of a GAMIX-VAE the
    effects of its latents, variants and transitions are pictures.

    Args:
        log_dir: Where logs go.
        x: Some examples, for reconstructions and responsibilities.
        picture_freq: Epochs between pictures.
        labels: Labels of these examples, integer [N] from zero, or None.
        **kwargs: Keras's own.

    Raises:
        ValueError: There is not one label for each example.
    """

    def __init__(self, log_dir, x, picture_freq=10, labels=None, **kwargs):
        super().__init__(log_dir, write_graph=False, **kwargs)
        check_positive(picture_freq=picture_freq)
        self.x, self.picture_freq, self.labels = np.asarray(x), picture_freq, labels
        if labels is not None:
            check_labels(check_indices("labels", labels), len(self.x))

    def _collect_learning_rate(self, logs):
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        return {**super()._collect_learning_rate(logs), "learning_rate": float(rate)}

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch % self.picture_freq == 0:
            self.write_pictures(epoch)

    def write_pictures(self, epoch):
        prior, shape, num_components = getattr(self.model, "prior", None), self.x.shape[1:], self.model.num_components
        with self._train_writer.as_default(epoch):
            if len(shape) == 3 and shape[-1] in (1, 3):
                self.picture("reconstructions", plots.pairs(self.x[:32], self.model.reconstruct(self.x[:32])))
                sampled = self.sampled()
                if sampled.can_sample():
                    self.picture("samples", plots.component_samples(sampled, seed=0))
                if hasattr(prior, "pseudo_inputs"):
                    self.picture("pseudo_inputs", plots.grid(prior.pseudo_inputs()[:100], 10))
            if num_components > 1 and self.model.can_sample():
                self.write_components()
            if isinstance(self.model, AutoencodingModel) and len(self.x) > 1:
                self.picture("covariance", pictures.covariance_picture(posterior_means(self.model, self.x)))
            if isinstance(self.model, GAMIXVAE) and len(shape) == 3 and len(self.x) > 1:
                self.write_latents()
            if hasattr(self.model, "soft_mask"):
                tf.summary.histogram("mask", self.model.soft_mask())
            if self.model.can_sample() and has_kl_ladder(self.model):
                ladder = {name: np.mean(value) for name, value in kl_ladder(self.model, self.x).items()}
                estimate = ladder.pop("monte_carlo")
                for name, value in ladder.items():
                    tf.summary.scalar(f"kl_gap/{name}", value - estimate)

    def sampled(self):
        """Returns the model whose samples are a picture: of a GAMIX-VAE whose density is fitted later, with the moments of the examples."""
        if self.model.can_sample() or not isinstance(self.model, GAMIXVAE) or len(self.x) < 2:
            return self.model
        sampled = self.model.sampled_by(FittedMixture(self.model.prior.latent_dim, 1))
        sampled.fit_prior(self.x)
        return sampled

    def write_components(self):
        responsibilities = self.model.responsibilities(self.x)  # [N, K]
        report = cluster_report(responsibilities, self.labels, responsibilities, self.labels)
        tf.summary.histogram("components/use", np.mean(responsibilities, axis=0))
        tf.summary.scalar("components/perplexity", report["perplexity"])
        tf.summary.scalar("components/dead", report["dead_categories"])
        if self.labels is not None:
            tf.summary.scalar("components/cluster_accuracy", report["cluster_accuracy"])
            table = category_table(np.argmax(responsibilities, axis=1), self.labels, responsibilities.shape[1])
            self.picture("categories", plots.heat_map(table))

    def write_latents(self):
        effects, half = latent_effects(self.model, self.x, num_examples=2), min(8, len(self.x) // 2)
        self.picture("effects", pictures.effects_picture(effects))
        if len(effects) > 1:
            self.picture("variants", pictures.variants(self.model, self.x[0], np.argsort(-effects, kind="stable")[:2].tolist()))
        self.picture("transitions", pictures.transitions(self.model, self.x[:half], self.x[half : 2 * half]))

    def picture(self, name, image):
        tf.summary.image(name, image[None])
