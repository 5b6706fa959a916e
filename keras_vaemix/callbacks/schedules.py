"""Schedules: the warm-up of beta, the annealing of temperatures, and categories that are held for some epochs."""

import abc

import keras

from keras_vaemix.core.part import check_positive, require


class Schedule(keras.callbacks.Callback, abc.ABC):
    """Abstract: sets a weight of the model at the start of each epoch.

    A weight of the model counts epochs, so that a second `fit`, or a resumed one, continues where the first stopped.

    Attributes:
        weight: Name of that weight, an attribute of the model or, after a dot, of one of its parts.
    """

    weight = ""

    @abc.abstractmethod
    def set(self, epochs_done):
        """Sets the weight for the epoch that begins after `epochs_done` epochs."""

    def on_train_begin(self, logs=None):
        part = self.model
        for name in filter(None, self.weight.split(".")):
            part = getattr(part, name, None)
        expected = f"a model with {self.weight}, which {type(self).__name__} sets"
        require(part is not None, expected, model=type(self.model).__name__)

    def on_epoch_begin(self, epoch, logs=None):
        self.set(epochs_done(self.model))


def epochs_done(model):
    """Returns the number of epochs that a model has been trained for."""
    return int(keras.ops.convert_to_numpy(model.epochs_done))


class KLWarmUp(Schedule):
    r"""Raises the weight of the KL divergence to its value over the first epochs, :math:`\beta_e = \beta \min(1, (e + 1) / W)`.

    Args:
        epochs: Length W of the warm-up; 0 for none.

    Raises:
        ValueError: When `fit` begins: beta would scale all of the model's loss, so that lowering it warms up nothing.

    Reference: C. Sonderby et al., *Ladder Variational Autoencoders*, 2016.
    """

    weight = "beta"

    def __init__(self, epochs: int) -> None:
        super().__init__()
        require(epochs >= 0, "epochs >= 0", epochs=epochs)
        self.epochs = epochs

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        is_held = self.share(epochs_done(self.model)) == 1
        expected = f"no KLWarmUp for a {type(self.model).__name__}, all of whose loss beta scales: leave it out, or use KLWarmUp(0)"
        require(is_held or getattr(self.model, "can_warm_up", True), expected, epochs=self.epochs)

    def share(self, epochs_done):
        """Returns beta in the epoch that begins after `epochs_done` epochs, as a share of its value."""
        return min(1.0, (epochs_done + 1) / self.epochs) if self.epochs else 1.0

    def set(self, epochs_done):
        self.model.beta.assign(self.model.objective.beta * self.share(epochs_done))


class TemperatureAnnealing(Schedule):
    r"""Lowers the temperature of relaxed categories, :math:`\tau_e = \tau_0 (\tau_1 / \tau_0)^{\min(1, e / W)}`.

    Args:
        final: Final temperature :math:`\tau_1`; the initial one is that of the model's estimator.
        epochs: Length W.

    Reference: E. Jang, S. Gu, B. Poole, *Categorical Reparameterization with Gumbel-Softmax*, 2017, Section 2.2.
    """

    weight = "temperature"

    def __init__(self, final: float = 0.5, epochs: int = 100) -> None:
        super().__init__()
        require(final > 0, "final > 0", final=final)
        check_positive(epochs=epochs)
        self.final, self.epochs = final, epochs

    def set(self, epochs_done):
        initial = self.model.estimator.temperature
        self.model.temperature.assign(initial * (self.final / initial) ** min(1.0, epochs_done / self.epochs))


class HoldCategories(Schedule):
    """Holds q(c|x) of a `CPVAE` with `HeldCategories` for the first epochs, then releases it.

    Args:
        epochs: Number of epochs for which it is held; `math.inf` for ever, 0 for none.
    """

    weight = "category_posterior.held"

    def __init__(self, epochs: float) -> None:
        super().__init__()
        require(epochs >= 0, "epochs >= 0", epochs=epochs)
        self.epochs = epochs

    def set(self, epochs_done):
        self.model.category_posterior.held.assign(float(epochs_done < self.epochs))
