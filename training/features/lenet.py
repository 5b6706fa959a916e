"""A small classifier of images, whose last hidden layer gives features for evaluating generated images."""

import math

import keras
import numpy as np
import tensorflow as tf

from training.data.rows import gatherer

BATCH_SIZE, NUM_STEPS = 128, 1000


def lenet(shape, num_classes, seed=0):
    """Returns convolutions and max-pooling down to 8 pixels a side or fewer, then two hidden layers and the logits [B, num_classes].

    A departure from the paper's LeNet-5: ReLUs, smaller kernels and more channels, for speed.

    Reference: Y. LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, 1998.
    """
    num_blocks = max(1, math.ceil(math.log2(max(shape[:2]) / 8)))
    state = iter(np.random.SeedSequence(seed).generate_state(num_blocks + 3))
    initializer = lambda: keras.initializers.HeNormal(seed=int(next(state)))  # noqa: E731
    inputs = h = keras.Input(shape)
    for i in range(num_blocks):
        h = keras.layers.Conv2D(16 * 2 ** min(i, 2), 3, padding="same", activation="relu", kernel_initializer=initializer())(h)
        h = keras.layers.MaxPooling2D(2, padding="same")(h)
    h = keras.layers.Flatten()(h)
    for units in hidden_units(shape):
        h = keras.layers.Dense(units, activation="relu", kernel_initializer=initializer())(h)
    return keras.Model(inputs, keras.layers.Dense(num_classes, kernel_initializer=initializer())(h))


def hidden_units(shape):
    """Returns the widths of the two hidden layers for images of a shape (H, W, C)."""
    return (64, 32) if min(shape[:2]) < 16 else (120, 84)


def trained_classifier(x, labels, seed):
    """Returns a `lenet` after `NUM_STEPS` of Adam, with a cosine decay of the learning rate to zero."""
    classifier, rng = lenet(x.shape[1:], int(labels.max()) + 1, seed), np.random.default_rng(seed)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, NUM_STEPS)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(schedule), loss, steps_per_execution=50, jit_compile=False)
    num_epochs = math.ceil(NUM_STEPS * BATCH_SIZE / len(x))
    order = np.concatenate([rng.permutation(len(x)) for _ in range(num_epochs)])[: NUM_STEPS * BATCH_SIZE]
    examples, labels = gatherer(x), gatherer(labels)
    pick = lambda index: (examples(index), labels(index))  # noqa: E731
    batches = tf.data.Dataset.from_tensor_slices(order.reshape(NUM_STEPS, BATCH_SIZE)).map(pick).prefetch(8)
    classifier.fit(batches, shuffle=False, verbose=0)
    return classifier
