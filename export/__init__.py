"""Export of a run folder to an artifact folder, which can be served without TensorFlow."""
