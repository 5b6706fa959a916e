"""Pictures, components and divergences in TensorBoard."""

from os import PathLike
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix.core.batch import Batch, number_of, rows_of
from keras_vaemix.core.hints import Array
from keras_vaemix.core.part import check_positive
from keras_vaemix.core.supports import observed, require_dense
from keras_vaemix.evaluation import category_table, cluster_report, has_kl_ladder, kl_ladder
from keras_vaemix.evaluation.clustering import check_indices, check_labels
from keras_vaemix.visualization import plots
from keras_vaemix.visualization.by_kind import latent_pictures, prior_pictures, sampled_with
from keras_vaemix.visualization.scalar_layout import scalar_layout, write_scalar_layout
from keras_vaemix.visualization.tags import description, scalar_tag


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard, with pictures and the components of the prior.

    Figures and pictures stand in groups, each with a description. `objective/*` and `schedules/*` are the parts of the loss, the learning
    rate and so on, for training and validation on the same axes, also arranged in the tab of custom scalars. `images/*` are reconstructions
    and samples from the model's actual prior, a row for each component. `components/*` are the use of the components, as bars beside their
    weights, its perplexity and the number of dead ones, and pseudo-inputs; with labels, components against labels, and the accuracy of the
    components after matching them one to one with the labels of these same examples. All are drawn with fixed seeds and do not affect
    training. If posterior or prior are mixtures, `kl_gap/*` is the gap of every bound on the divergence to the Monte Carlo estimate.
    `latents/*` are, for a deterministic autoencoder, the covariance of its codes, and a histogram of the mask, if it has one; for a
    GAMIX-VAE, the effects of its latents, variants and transitions.

    Args:
        log_dir: Folder for the logs.
        x: Some examples [N, *], for reconstructions and responsibilities, or a dict of them with what accompanies them, as in `fit`. A
            model that is conditioned is sampled given the first ten of their conditions.
        picture_freq: Number of epochs between pictures.
        labels: Labels of these examples, integer [N] from zero, or None.
        **kwargs: Keras's own; `write_graph` is False by default.

    Raises:
        ValueError: The number of labels is not that of examples, x is a data set of batches, or the model does not take these examples.
    """

    def __init__(self, log_dir: str | PathLike[str], x: Any, picture_freq: int = 10, labels: Array | None = None, **kwargs: Any) -> None:
        super().__init__(log_dir, **{"write_graph": False, **kwargs})
        check_positive(picture_freq=picture_freq)
        require_dense(Batch.of(x).x, "the examples of TensorBoard")
        self.x = {name: np.asarray(one) for name, one in x.items()} if isinstance(x, dict) else np.asarray(x)
        self.picture_freq, self.labels, self._is_in_fit = picture_freq, labels, False
        if labels is not None:
            check_labels(check_indices("labels", labels), number_of(self.x))

    def _collect_learning_rate(self, logs):
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        return {**super()._collect_learning_rate(logs), "learning_rate": float(rate)}

    def _log_epoch_metrics(self, epoch, logs):
        """Writes the figures of an epoch, as Keras does, but in groups and with descriptions."""
        if not logs:
            return
        train = self._collect_learning_rate({name: value for name, value in logs.items() if not name.startswith("val_")})
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        if self.write_steps_per_second:
            train["steps_per_second"] = self._compute_steps_per_second()
        with self._train_writer.as_default(epoch):
            self.scalars({scalar_tag(name): value for name, value in train.items()})
        if validation:
            with self._val_writer.as_default(epoch):
                self.scalars({scalar_tag(name): value for name, value in validation.items()})

    def on_test_end(self, logs=None):
        super().on_test_end({} if self._is_in_fit else logs)  # the figures of validation are written with those of the epoch

    def on_train_begin(self, logs=None):
        self._is_in_fit = True
        super().on_train_begin(logs)
        self.model.checked(self.x, "the examples of TensorBoard")
        with self._train_writer.as_default():
            write_scalar_layout(scalar_layout(self.model, self.labels is not None))

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self._is_in_fit = False

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch % self.picture_freq == 0:
            with self.model.averaged():
                self.write_pictures(epoch)

    def write_pictures(self, epoch: int) -> None:
        model, batch = self.model, Batch.of(self.x)
        x, shape = batch.x, batch.x.shape[1:]
        with self._train_writer.as_default(epoch):
            if len(shape) == 3 and shape[-1] in (1, 3):
                shown = np.where(observed(x, True if batch.mask is None else batch.mask, 0), x, np.nan)
                self.picture("images/reconstructions", plots.pairs(shown[:32], model.reconstruct(rows_of(self.x, 0, 32))).picture())
                sampled = sampled_with(model, x)
                if sampled.can_sample():
                    self.picture("images/samples", plots.component_samples(sampled, seed=0, conditions=batch.condition).picture())
                for name, image in prior_pictures(model.prior).items():
                    self.picture(f"components/{name}", image)
            if model.has_clusters and model.can_sample():
                self.write_components()
            if len(x) > 1:
                for name, make in latent_pictures(model).items():
                    self.picture(f"latents/{name}", make(model, x))
            for name, values in model.histograms().items():
                tf.summary.histogram(f"latents/{name}", values, description=description(f"latents/{name}"))
            if model.can_sample() and has_kl_ladder(model):
                ladder = {name: np.mean(value) for name, value in kl_ladder(model, self.x).items()}
                estimate = ladder.pop("monte_carlo")
                self.scalars({f"kl_gap/{name}": value - estimate for name, value in ladder.items()})

    def write_components(self) -> None:
        responsibilities = self.model.responsibilities(self.x)  # [N, K]
        report = cluster_report(responsibilities, self.labels, responsibilities, self.labels)
        use, weights = np.mean(responsibilities, axis=0), np.exp(self.model.log_weights())
        self.picture("components/use", plots.component_use(use, weights))
        self.scalars({"components/perplexity": report["perplexity"], "components/dead": report["dead_categories"]})
        if self.labels is not None:
            self.scalars({"components/cluster_accuracy": report["cluster_accuracy"]})
            table = category_table(np.argmax(responsibilities, axis=1), self.labels, responsibilities.shape[1])
            self.picture("components/categories", plots.heat_map(table))

    def scalars(self, figures):
        """Writes figures by their tags, with descriptions."""
        for tag, value in figures.items():
            tf.summary.scalar(tag, value, description=description(tag))

    def picture(self, tag, image):
        """Writes a picture [H, W, C], with a description."""
        tf.summary.image(tag, image[None], description=description(tag))
