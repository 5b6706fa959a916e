"""Training as XLA programs that run without TensorFlow: written here, run by JAX's client elsewhere, read back here."""
