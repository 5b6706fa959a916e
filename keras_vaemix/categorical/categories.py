"""How the categories of a discrete latent are drawn: all of them, weighted by their probabilities, or one."""

import abc
import math
import os

import tensorflow as tf

from keras_vaemix.core.hints import Tensor
from keras_vaemix.core.part import Part, check_positive, register, require

MAX_ENUMERATED = 64  # categories that evaluation enumerates


class CategoryEstimator(Part, abc.ABC):
    """Abstract: draws categories c from q(c|x), for the reconstruction term of the bound.

    Attributes:
        temperature: Initial temperature of a relaxed gradient; training reads the model's weight `temperature`, which
            `callbacks.TemperatureAnnealing` may lower.
    """

    temperature = 1.0

    @abc.abstractmethod
    def sample(self, log_q: Tensor, num_samples: int, seed: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Draws categories.

        Args:
            log_q: Normalised log-probabilities log q(c|x), [B, K].
            num_samples: Number of draws T, of each category if all are drawn.
            seed: Stateless seed [2].
            temperature: Temperature of a relaxed gradient.

        Returns:
            c [S, B, K], one-hot in value, and `log_weight` [S, B], which sums to one over S for each example.
        """

    def check(self, num_categories, values_of_example, batch_size):
        """Raises `ValueError` if the categories of a batch need too much memory, at `values_of_example` decoder values for each."""


@register
class Enumerated(CategoryEstimator):
    r"""All K categories with their exact weights: :math:`\sum_k q(c_k|x)\,f(c_k)`, exact in c, at the cost of K decodings.

    Reference: the CP-VAE paper, Eq. 7.
    """

    def sample(self, log_q, num_samples, seed, temperature):
        num_categories = log_q.shape[-1]
        every = tf.eye(num_categories, batch_shape=[tf.shape(log_q)[0]])  # [B, K, K]
        c = tf.tile(tf.transpose(every, [1, 0, 2]), [num_samples, 1, 1])  # [T * K, B, K]
        return c, tf.tile(tf.transpose(log_q), [num_samples, 1]) - math.log(num_samples)

    def check(self, num_categories, values_of_example, batch_size):
        # The values of the forward pass are kept for the backward pass, which computes as many again.
        needed = 2 * 4 * num_categories * values_of_example * batch_size
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        advice = "choose StraightThrough(), or fewer examples in a batch"
        require(
            needed < available,
            f"categories that can be enumerated: {num_categories} of them with {batch_size} examples take about {needed / 2**30:.0f} GiB; "
            f"{advice}",
            num_categories=num_categories,
            memory=f"{available / 2**30:.0f} GiB",
        )


@register
class StraightThrough(CategoryEstimator):
    r"""One category at a time by the Gumbel-max trick; the gradient is that of the Gumbel-softmax.

    The value is always a hard category, so that the result is a bound: a relaxed c inside the simplex is a different latent, which the
    divergence of categories does not cover. The gradient through the draw is biased, less so at lower temperatures.

    Args:
        temperature: Initial temperature :math:`\tau` of the softmax.

    Reference: E. Jang, S. Gu, B. Poole, *Categorical Reparameterization with Gumbel-Softmax*, 2017, Section 2.2; the CP-VAE paper,
    Eq. 11.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        require(temperature > 0, "temperature > 0", temperature=temperature)
        self.temperature = temperature

    def sample(self, log_q, num_samples, seed, temperature):
        shape = tf.concat([[num_samples], tf.shape(log_q)], axis=0)
        uniform = tf.random.stateless_uniform(shape, seed, minval=1e-20)
        perturbed = log_q - tf.math.log(-tf.math.log(uniform))  # [S, B, K]
        hard = tf.one_hot(tf.argmax(perturbed, axis=-1), log_q.shape[-1])
        soft = tf.nn.softmax(perturbed / temperature)
        return hard + (soft - tf.stop_gradient(soft)), tf.fill(shape[:2], -math.log(num_samples))


def hard(num_categories):
    """Returns the estimator for evaluation: all categories if they are few, else one at a time, never a relaxed one."""
    check_positive(num_categories=num_categories)
    return Enumerated() if num_categories <= MAX_ENUMERATED else StraightThrough()
