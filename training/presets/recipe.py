"""How any preset can be trained otherwise: with an importance-weighted bound, falling learning rates, and averages of the weights."""

import collections

from training.presets.library import keras, part, vm


def importance_weighted(experiment, num_samples):
    """Returns an experiment whose model, with the same weights, maximises the importance-weighted bound of `num_samples` samples."""
    model, objective = experiment.model, vm.ImportanceWeighted(num_samples)
    config = model.get_config()
    part.require("objective" in config, "a model with a bound for --importance-samples", model=type(model).__name__)
    made = type(model).from_config({**config, "objective": keras.saving.serialize_keras_object(objective)})
    made.set_weights(model.get_weights())
    made.beta.assign(made.objective.beta)  # a weight too
    return experiment._replace(model=made)


def decayed(experiment, alpha, num_steps):
    r"""Returns an experiment whose learning rates fall along a cosine.

    .. math:: \eta_t = \eta\,(\alpha + (1 - \alpha)\,(1 + \cos(\pi t / T)) / 2)

    Args:
        experiment: The experiment.
        alpha: The share :math:`\alpha` of each learning rate that is left at the end.
        num_steps: The train steps of the run; T is the number of steps that an optimizer takes in them.

    Reference: I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, Eq. 5.
    """
    own_steps = collections.Counter()
    for update in experiment.model.updates():
        own_steps.update(dict.fromkeys(update.variables, update.steps))

    def with_cosine(name, optimizer):
        rate = optimizer.get_config()["learning_rate"]
        expected = "constant learning rates for --cosine-decay, instead of a preset's own schedule"
        part.require(isinstance(rate, float), expected, optimizer=name)
        return {"learning_rate": keras.optimizers.schedules.CosineDecay(rate, max(1, num_steps * own_steps[name]), alpha)}

    return with_optimizers(experiment, with_cosine)


def in_epochs(experiment, own_steps, num_steps):
    """Returns an experiment whose learning rates, halved after epochs of `own_steps` steps, are halved after as many of `num_steps`."""

    def with_steps(name, optimizer):
        rate = optimizer.get_config()["learning_rate"]
        if isinstance(rate, float) or rate["class_name"] != "ExponentialDecay":  # others follow the steps of the run
            return {}
        epochs = rate["config"]["decay_steps"] // own_steps
        return {"learning_rate": {**rate, "config": {**rate["config"], "decay_steps": epochs * num_steps}}}

    return experiment if own_steps == num_steps else with_optimizers(experiment, with_steps)


def averaging(experiment, momentum):
    r"""Returns an experiment whose optimizers average the weights, :math:`\bar w_t = m \bar w_{t-1} + (1 - m) w_t` with `momentum` m."""
    return with_optimizers(experiment, lambda name, optimizer: {"use_ema": True, "ema_momentum": momentum})


def with_optimizers(experiment, settings):
    """Returns an experiment with changed optimizers, those that its model has by default among them.

    Args:
        experiment: The experiment.
        settings: Function of the name of an optimizer and of the optimizer that returns what changes, by the names of Keras's arguments.
    """
    change = lambda name, one: type(one).from_config({**one.get_config(), **settings(name, one)})  # noqa: E731
    further = {**experiment.model.default_optimizers(), **(experiment.optimizers or {})}
    further = {name: change(name, one) for name, one in further.items()}
    return experiment._replace(optimizer=change("model", experiment.optimizer), optimizers=further or None)
