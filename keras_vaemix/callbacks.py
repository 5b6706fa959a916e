"""Callbacks: the warm-up of beta, early stopping that waits for it, and pictures and components in TensorBoard."""

import abc
import math

import keras
import numpy as np
import tensorflow as tf

from keras_vaemix import pictures, plots
from keras_vaemix.evaluation import category_table, cluster_report, has_kl_ladder, kl_ladder, latent_effects, posterior_means
from keras_vaemix.evaluation.clustering import check_indices, check_labels
from keras_vaemix.models import GAMIXVAE, AutoencodingModel
from keras_vaemix.models.inputs import check_batches
from keras_vaemix.part import check_positive, require
from keras_vaemix.priors import FittedMixture


class Schedule(keras.callbacks.Callback, abc.ABC):
    """Abstract: sets a weight of the model at the start of each epoch.

    Epochs are counted by a weight of the model, so that a second `fit`, or a resumed one, goes on where the first stopped.
    """

    @abc.abstractmethod
    def set(self, epochs_done):
        """Sets the weight for the epoch that begins after so many."""

    def on_epoch_begin(self, epoch, logs=None):
        self.set(epochs_done(self.model))


def epochs_done(model):
    """Returns the number of epochs that a model was trained for, as its weight has it."""
    return int(keras.ops.convert_to_numpy(model.epochs_done))


class KLWarmUp(Schedule):
    r"""Raises the weight of the KL divergence to its value over the first epochs, :math:`\beta_e = \beta \min(1, (e + 1) / W)`.

    Args:
        epochs: Length W of the warm-up; 0 for none.

    Reference: C. Sonderby et al., *Ladder Variational Autoencoders*, 2016.
    """

    def __init__(self, epochs):
        super().__init__()
        require(epochs >= 0, "epochs >= 0", epochs=epochs)
        self.epochs = epochs

    def set(self, epochs_done):
        share = min(1.0, (epochs_done + 1) / self.epochs) if self.epochs else 1.0
        self.model.beta.assign(self.model.objective.beta * share)


class TemperatureAnnealing(Schedule):
    r"""Lowers the temperature of relaxed categories, :math:`\tau_e = \tau_0 (\tau_1 / \tau_0)^{\min(1, e / W)}`.

    Args:
        final: Temperature :math:`\tau_1` at the end; the model's estimator has the first.
        epochs: Length W.

    Reference: E. Jang, S. Gu, B. Poole, *Categorical Reparameterization with Gumbel-Softmax*, 2017, Section 2.2.
    """

    def __init__(self, final=0.5, epochs=100):
        super().__init__()
        require(final > 0, "final > 0", final=final)
        check_positive(epochs=epochs)
        self.final, self.epochs = final, epochs

    def set(self, epochs_done):
        initial = self.model.estimator.temperature
        self.model.temperature.assign(initial * (self.final / initial) ** min(1.0, epochs_done / self.epochs))


class HoldCategories(Schedule):
    """Holds q(c|x) of a `CPVAE` with `HeldCategories` for its first epochs, then releases it.

    Args:
        epochs: Epochs for which it is held; `math.inf` for ever, 0 for none.
    """

    def __init__(self, epochs):
        super().__init__()
        require(epochs >= 0, "epochs >= 0", epochs=epochs)
        self.epochs = epochs

    def set(self, epochs_done):
        self.model.category_posterior.held.assign(float(epochs_done < self.epochs))


class EarlyStopping(keras.callbacks.Callback):
    """Stops when the validation bound with beta = 1 has not risen for `patience` epochs, none of them in the warm-up.

    It keeps no state but the list of values, and thus survives a resumed run that hands it those of its past.

    Args:
        patience: Epochs without a better value after which training stops.
        warm_up: Epochs at the start of the model's training that do not count.
        monitor: What is watched: of a bound or a reconstruction term more is better, of everything else less.
        past: Values of earlier epochs; of epochs that the model was trained for without them, none is the best.
    """

    def __init__(self, patience=50, warm_up=0, monitor="val_loss", past=()):
        super().__init__()
        check_positive(patience=patience)
        self.patience, self.warm_up, self.monitor, self.values = patience, warm_up, monitor, list(past)
        self.epochs_before = 0

    def on_train_begin(self, logs=None):
        self.epochs_before = max(0, epochs_done(self.model) - len(self.values))

    def on_epoch_end(self, epoch, logs=None):
        require(self.monitor in logs, f"{self.monitor} in the logs: give fit a validation_data", logs=sorted(logs))
        self.values.append(logs[self.monitor])
        if self.is_over():
            self.model.stop_training = True

    def is_over(self):
        """Returns whether the last `patience` epochs, none of them in the warm-up, brought nothing better."""
        is_bound = self.monitor.endswith(("elbo", "reconstruction", "log_likelihood"))
        best = int((np.argmax if is_bound else np.argmin)(self.values)) if self.values else 0
        return len(self.values) - max(best + 1, self.warm_up - self.epochs_before) >= self.patience


class NotFiniteError(FloatingPointError):
    """A loss or a gradient that is no finite number; `epoch` and `step` count from one, None where they are not known."""

    def __init__(self, message, epoch=None, step=None):
        super().__init__(message)
        self.epoch, self.step = epoch, step


class StopOnNaN(keras.callbacks.Callback):
    """Raises `NotFiniteError` as soon as a loss is no finite number, before anything is saved.

    The step that it names is the first of which a loss was not finite, or one of whose gradients, where the model is
    compiled with `check_gradients=True`: of many steps per execution, too. Without that a gradient is found by the loss one step later.
    """

    def __init__(self):
        super().__init__()
        self.epoch, self.batch = 0, -1

    def on_train_begin(self, logs=None):
        if hasattr(self.model, "not_finite"):
            self.model.not_finite.reset_state()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.batch = batch
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.stop(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        if self.steps_since():
            self.stop((logs or {}).get("loss"))
        loss = (logs or {}).get("val_loss", 0.0)
        if not math.isfinite(loss):
            expected = "Expected a finite val_loss: lower the learning rate, and check the validation data"
            raise NotFiniteError(f"{expected}. Received: val_loss={loss} after epoch {epoch + 1}", epoch + 1)

    def steps_since(self):
        """Returns how many steps there were from the first one on that was not finite, 0 where a model of another kind does not count."""
        return self.model.not_finite.count() if hasattr(self.model, "not_finite") else 0

    def stop(self, loss):
        """Raises the error, which names the first step, or the batch of data that no loss can be taken of."""
        if hasattr(self.model, "unsupported"):
            check_batches(self.model.unsupported, self.model.support, f"of epoch {self.epoch + 1}")
        epoch, step = self.epoch + 1, self.batch + 1 - max(0, self.steps_since() - 1)
        expected = "Expected a finite loss: lower the learning rate, clip gradients with the optimizer's clipnorm, or look at the batch"
        raise NotFiniteError(f"{expected}. Received: loss={loss} from step {step} of epoch {epoch} on", epoch, step)


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
        sampled.adapt_sampler(self.x)
        return sampled

    def write_components(self):
        shares = self.model.responsibilities(self.x)  # [N, K]
        report = cluster_report(shares, self.labels, shares, self.labels)
        tf.summary.histogram("components/use", np.mean(shares, axis=0))
        tf.summary.scalar("components/perplexity", report["perplexity"])
        tf.summary.scalar("components/dead", report["dead_categories"])
        if self.labels is not None:
            tf.summary.scalar("components/cluster_accuracy", report["cluster_accuracy"])
            table = category_table(np.argmax(shares, axis=1), self.labels, shares.shape[1])
            self.picture("categories", plots.heat_map(table))

    def write_latents(self):
        effects, half = latent_effects(self.model, self.x, num_examples=2), min(8, len(self.x) // 2)
        self.picture("effects", pictures.effects_picture(effects))
        if len(effects) > 1:
            self.picture("variants", pictures.variants(self.model, self.x[0], np.argsort(-effects, kind="stable")[:2].tolist()))
        self.picture("transitions", pictures.transitions(self.model, self.x[:half], self.x[half : 2 * half]))

    def picture(self, name, image):
        tf.summary.image(name, image[None])


class MaskHistory(keras.callbacks.Callback):
    """Adds the values of a `MaskAAE`'s mask to the logs of each epoch, `mask/0` and so on, so that its history is in the run's."""

    def on_epoch_end(self, epoch, logs=None):
        values = keras.ops.convert_to_numpy(self.model.soft_mask())
        logs.update({f"mask/{j}": float(value) for j, value in enumerate(values)})
