"""What presets are built from, imported when the first is built: flags and the papers' tables can be read without TensorFlow."""

from export.shell.later import Later

keras, tf, vm = Later("keras"), Later("tensorflow"), Later("keras_vaemix")
part, supports = Later("keras_vaemix.core.part"), Later("keras_vaemix.core.supports")
embeddings = Later("keras_vaemix.integrations.embeddings")
augment, toys, values = Later("training.data.augment"), Later("training.data.toys"), Later("training.data.values")
arrays = Later("training.data.arrays")
cluster, strategy = Later("training.distributed.cluster"), Later("training.distributed.strategy")
