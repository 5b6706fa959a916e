"""What Keras's optimizers lack for models with several of them, or on several replicas."""

import keras
import tensorflow as tf


def inner(optimizer):
    """Returns the optimizer that updates the weights: the one inside a `LossScaleOptimizer`."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def accumulates(optimizer):
    """Returns whether an optimizer adds up the gradients of several steps."""
    return bool(inner(optimizer).gradient_accumulation_steps)


def finalize_own(optimizer, variables):
    """Makes an optimizer replace only its own variables by their averages, and none before its first step.

    Keras's `fit` passes all of the model's variables, matched by position, and its averages are zero before the first step.
    """
    finalize = type(optimizer).finalize_variable_values

    def finalize_variable_values(_):
        if keras.ops.convert_to_numpy(inner(optimizer).iterations) > 0:
            finalize(optimizer, variables)

    optimizer.finalize_variable_values = finalize_variable_values


def global_gradients(optimizer, gradients):
    """Returns equal shares of the global batch's gradients, for Keras to sum over replicas, if the optimizer is not linear in them.

    Keras clips gradients, and with a scaled loss looks for values that are not finite, before it sums them over replicas.
    """
    context, own = tf.distribute.get_replica_context(), inner(optimizer)
    is_linear = own is optimizer and not (own.clipnorm or own.global_clipnorm or own.clipvalue)
    if context is None or context.num_replicas_in_sync == 1 or is_linear:
        return gradients
    scale = 1.0 if own is optimizer else optimizer.dynamic_scale
    known = [gradient for gradient in gradients if gradient is not None]
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, known)
    clipped = iter(own._clip_gradients([gradient / scale for gradient in total]))
    share = scale / context.num_replicas_in_sync
    return [None if gradient is None else next(clipped) * share for gradient in gradients]
