"""From a run folder to an artifact folder that serves without TensorFlow."""
