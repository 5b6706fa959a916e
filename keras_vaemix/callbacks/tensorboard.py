"""Pictures, components and divergences in TensorBoard."""

from os import PathLike
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive
from keras_vaemix.evaluation import category_table, cluster_report, has_kl_ladder, kl_ladder
from keras_vaemix.evaluation.clustering import check_indices, check_labels
from keras_vaemix.visualization import plots
from keras_vaemix.visualization.by_kind import latent_pictures, prior_pictures, sampled_with
from keras_vaemix.visualization.scalar_layout import scalar_layout, write_scalar_layout


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard, with pictures and the components of the prior.

    Every part of the loss is plotted for training and validation on the same axes, also arranged in the tab of custom scalars. Pictures
    show reconstructions, samples from the model's actual prior (a row for each component) and pseudo-inputs; the use of the components is
    a histogram, with its perplexity and the number of dead ones. With labels, there is a picture of components against labels, and the
    accuracy of the components after matching them one to one with the labels of these same examples. All are drawn with fixed seeds and do
    not affect training. If posterior or prior are mixtures, every bound on the divergence is shown as its gap to the Monte Carlo estimate
    (`kl_gap/*`). For a deterministic autoencoder there is a picture of the covariance of its codes, and a histogram of the mask, if it has
    one; for a GAMIX-VAE, pictures of the effects of its latents, of variants and of transitions.

    Args:
        log_dir: Folder for the logs.
        x: Some examples, for reconstructions and responsibilities.
        picture_freq: Number of epochs between pictures.
        labels: Labels of these examples, integer [N] from zero, or None.
        **kwargs: Keras's own.

    Raises:
        ValueError: The number of labels is not that of examples.
    """

    def __init__(self, log_dir: str | PathLike[str], x: Array, picture_freq: int = 10, labels: Array | None = None, **kwargs: Any) -> None:
        super().__init__(log_dir, write_graph=False, **kwargs)
        check_positive(picture_freq=picture_freq)
        self.x, self.picture_freq, self.labels = np.asarray(x), picture_freq, labels
        if labels is not None:
            check_labels(check_indices("labels", labels), len(self.x))

    def _collect_learning_rate(self, logs):
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        return {**super()._collect_learning_rate(logs), "learning_rate": float(rate)}

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        with self._train_writer.as_default():
            write_scalar_layout(scalar_layout(self.model, self.labels is not None))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch % self.picture_freq == 0:
            self.write_pictures(epoch)

    def write_pictures(self, epoch: int) -> None:
        shape, num_components = self.x.shape[1:], self.model.num_components
        with self._train_writer.as_default(epoch):
            if len(shape) == 3 and shape[-1] in (1, 3):
                self.picture("reconstructions", plots.pairs(self.x[:32], self.model.reconstruct(self.x[:32])))
                sampled = sampled_with(self.model, self.x)
                if sampled.can_sample():
                    self.picture("samples", plots.component_samples(sampled, seed=0))
                for name, image in prior_pictures(self.model.prior).items():
                    self.picture(name, image)
            if num_components > 1 and self.model.can_sample():
                self.write_components()
            if len(self.x) > 1:
                for name, make in latent_pictures(self.model).items():
                    self.picture(name, make(self.model, self.x))
            for name, values in self.model.histograms().items():
                tf.summary.histogram(name, values)
            if self.model.can_sample() and has_kl_ladder(self.model):
                ladder = {name: np.mean(value) for name, value in kl_ladder(self.model, self.x).items()}
                estimate = ladder.pop("monte_carlo")
                for name, value in ladder.items():
                    tf.summary.scalar(f"kl_gap/{name}", value - estimate)

    def write_components(self) -> None:
        responsibilities = self.model.responsibilities(self.x)  # [N, K]
        report = cluster_report(responsibilities, self.labels, responsibilities, self.labels)
        tf.summary.histogram("components/use", np.mean(responsibilities, axis=0))
        tf.summary.scalar("components/perplexity", report["perplexity"])
        tf.summary.scalar("components/dead", report["dead_categories"])
        if self.labels is not None:
            tf.summary.scalar("components/cluster_accuracy", report["cluster_accuracy"])
            table = category_table(np.argmax(responsibilities, axis=1), self.labels, responsibilities.shape[1])
            self.picture("categories", plots.heat_map(table))

    def picture(self, name, image):
        tf.summary.image(name, image[None])
