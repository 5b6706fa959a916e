"""The dtype policy that Keras gives layers without one of their own."""

import contextlib

import keras


@contextlib.contextmanager
def default_policy(policy):
    """Makes a dtype policy, or its name or configuration, that of layers which are made meanwhile; None changes nothing."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(keras.dtype_policies.get(policy))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
