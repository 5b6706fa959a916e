"""What the latents do."""

import numpy as np
import tensorflow as tf


def active_units(model, x, threshold=0.01, batch_size=500):
    r"""Returns the number of latents j with :math:`\mathrm{Var}_x(E_{q(z|x)}[z_j]) > 0.01`.

    Reference: Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, 2016, Section 5.2.
    """
    means = [model.latent_means(tf.cast(x[i : i + batch_size], tf.float32)).numpy() for i in range(0, len(x), batch_size)]
    return int(np.sum(np.var(np.concatenate(means), axis=0) > threshold))
