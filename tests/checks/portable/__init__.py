"""Training as programs of XLA that need no TensorFlow to run: written here, run by JAX's client elsewhere, read back here."""
