"""Chains of annealed importance sampling: the two end densities of a path, and the transitions along it."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vaemix.core.batch import Batch
from keras_vaemix.core.part import require
from keras_vaemix.core.seeds import fold_in
from keras_vaemix.core.shapes import fold

tfd = tfp.distributions

START_DRAWS = 32  # draws from q, whose spread is the unit of the step sizes, and from each category, to find the likely ones
FIRST_STEP, RATE, ACCEPTANCE = 0.2, 0.1, 0.65  # initial value, learning rate and target acceptance of adaptive step sizes
JITTER = (0.5, 1.5)  # random factor of each chain's step: one that matches a period of the motion would return to its start
STEEPNESS = 4.0  # of the sigmoid schedule (Wu et al., 2017, Appendix)


class Target:
    """The two ends of the path for examples x [B, *], log q(z, c|x) and log p(x, z, c), with all continuous latents in one array [C, B, D].

    The examples may be a dict of them with what accompanies them.

    The category's distribution in q is half the model's, and half found by importance sampling of each category.

    Attributes:
        num_categories: Number of categories K, or 1 without categories; c [C, B] is then zero.
        num_examples: Number of examples B.
        scale: Standard deviations of q, [B, D].
    """

    def __init__(self, model, x):
        self.model, self.given, self.q = model, Batch.of(x), model.encode(x)
        self.num_examples = self.given.x.shape[0]
        self.sizes = {name: size for name, size in model.joint_sizes.items() if size is not None}
        self.has_category = len(self.sizes) < len(model.joint_sizes)
        self.num_categories = model.num_components if self.has_category else 1
        expected = {*self.sizes, *(["c"] if self.has_category else [])}
        found = set(self.q.event_shape) if isinstance(self.q.event_shape, dict) else {"z"}
        require(found == expected, f"a model whose encode covers all latents of its log_joint, {sorted(expected)}", encode=sorted(found))
        if self.has_category:
            self.q = self.with_likely_categories()
        self.scale = tf.math.reduce_std(self.draw(START_DRAWS, [0, 0])[0], axis=0)

    def with_likely_categories(self):
        """Returns q with another distribution of the category and the same q(z|x, c)."""
        given = self.q.model["z"]

        def log_share(k):
            c = tf.fill([START_DRAWS, self.num_examples], k)
            q = given(tf.one_hot(c, self.num_categories))
            z = q.sample(seed=fold_in([0, 1], k))
            return tf.reduce_logsumexp(self.log_joint(z, c) - q.log_prob(z), axis=0)

        found = tf.map_fn(log_share, tf.range(self.num_categories), fn_output_signature=tf.float32)  # [K, B]
        known = self.q.model["c"].logits_parameter()  # [B, K]
        logits = tf.reduce_logsumexp(tf.nn.log_softmax(tf.stack([tf.transpose(found), known])), axis=0)
        return tfd.JointDistributionNamed({"c": tfd.OneHotCategorical(logits=logits, dtype=tf.float32), "z": given})

    def draw(self, num_chains, seed):
        """Returns draws from q: z [C, B, D] and the category [C, B]."""
        draws = self.q.sample(num_chains, seed=seed)
        draws = draws if isinstance(draws, dict) else {"z": draws}
        z = tf.concat([draws[name] for name in self.sizes], axis=-1)
        return z, tf.argmax(draws["c"], axis=-1, output_type=tf.int32) if self.has_category else tf.zeros(tf.shape(z)[:2], tf.int32)

    def densities(self, z, c):
        """Returns log q(z, c|x) and log p(x, z, c), [C, B] each."""
        category = {"c": tf.one_hot(c, self.num_categories)} if self.has_category else {}
        of_q = self.parts(z) | category if isinstance(self.q.event_shape, dict) else z
        return self.q.log_prob(of_q), self.log_joint(z, c)

    def parts(self, z):
        """Returns the latents of z by name."""
        return dict(zip(self.sizes, tf.split(z, list(self.sizes.values()), axis=-1), strict=True))

    def log_joint(self, z, c):
        """Returns log p(x, z, c), [C, B]."""
        parts = self.parts(z)
        x = self.given.map(lambda one: tf.tile(one, [len(z), *([1] * (len(one.shape) - 1))])).inputs()
        latents = [fold(parts[name]) if name in parts else tf.reshape(c, [-1]) for name in self.model.joint_sizes]
        return tf.reshape(self.model.log_joint(x, *latents), tf.shape(c))

    def gradient(self, z, c, beta):
        """Returns the two log-densities, and the gradient of log f with respect to z at an inverse temperature, [C, B, D]."""
        with tf.GradientTape() as tape:
            tape.watch(z)
            log_q, log_p = self.densities(z, c)
            log_f = (1 - beta) * log_q + beta * log_p
        return log_q, log_p, tape.gradient(log_f, z)

    def draw_category(self, z, beta, seed):
        """Returns a category drawn from f given z, and the two log-densities there, [C, B] each."""
        each = lambda k: tf.stack(self.densities(z, tf.fill(tf.shape(z)[:2], k)))  # noqa: E731
        every = tf.map_fn(each, tf.range(self.num_categories), fn_output_signature=tf.float32)  # [K, 2, C, B]
        uniform = tf.random.stateless_uniform(tf.shape(every[:, 0]), seed, minval=1e-30)
        c = tf.argmax((1 - beta) * every[:, 0] + beta * every[:, 1] - tf.math.log(-tf.math.log(uniform)), axis=0, output_type=tf.int32)
        chosen = tf.one_hot(c, self.num_categories, axis=0)[:, None] > 0
        return c, *tf.unstack(tf.reduce_sum(tf.where(chosen, every, 0.0), axis=0))


class Path:
    """The inverse temperatures of a path from 0 to 1, and the chains along it.

    The temperatures follow a sigmoid, with small steps at both ends.
    """

    def __init__(self, num_temperatures, num_leapfrog):
        sigmoid = 1 / (1 + np.exp(-STEEPNESS * np.linspace(-1, 1, num_temperatures + 1)))
        self.beta = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])
        self.num_leapfrog = num_leapfrog

    def run(self, target, num_chains, seed, steps=None):
        """Returns the log-weights of chains, [C, B] in float64, and the step sizes [T, B], as given or as adapted on the way."""
        beta, rise, num_temperatures = tf.constant(self.beta, tf.float32), tf.constant(np.diff(self.beta)), len(self.beta) - 1
        z, c = target.draw(num_chains, fold_in(seed, 0))
        log_q, log_p = target.densities(z, c)

        def body(t, z, c, log_q, log_p, log_w, log_step, used):
            log_w += rise[t] * (tf.cast(log_p, tf.float64) - tf.cast(log_q, tf.float64))
            category_seed, own = fold_in(fold_in(seed, 1), t), fold_in(fold_in(seed, 2), t)
            if target.has_category:
                c, log_q, log_p = target.draw_category(z, beta[t + 1], category_seed)
            step = tf.exp(log_step) if steps is None else steps[t]
            z, log_q, log_p, accepted = self.move(target, z, c, (log_q, log_p), beta[t + 1], step, own)
            log_step += RATE * (tf.reduce_mean(accepted, axis=0) - ACCEPTANCE)
            return t + 1, z, c, log_q, log_p, log_w, log_step, used.write(t, step)

        used = tf.TensorArray(tf.float32, num_temperatures, element_shape=[target.num_examples])
        start = 0, z, c, log_q, log_p, tf.zeros_like(log_q, tf.float64), tf.fill([target.num_examples], math.log(FIRST_STEP)), used
        *_, log_w, _, used = tf.while_loop(lambda t, *_: t < num_temperatures, body, start)
        return log_w, used.stack()  # the last transition, of the joint density, is not needed

    def move(self, target, z, c, densities, beta, step, seed):
        """Returns z [C, B, D] after a Hamiltonian transition, the two log-densities there, and its acceptance probability, [C, B]."""
        jitter = tf.random.stateless_uniform(tf.shape(c), fold_in(seed, 2), *JITTER)  # [C, B]
        stride = (step * jitter)[..., None] * target.scale  # [C, B, D]
        momentum = tf.random.stateless_normal(tf.shape(z), fold_in(seed, 0))
        log_f = lambda log_q, log_p: (1 - beta) * log_q + beta * log_p  # noqa: E731
        energy = lambda v: 0.5 * tf.reduce_sum(tf.square(v), axis=-1)  # noqa: E731

        def leap(i, z, v, slope, *_):
            v += 0.5 * stride * slope
            z += stride * v
            log_q, log_p, slope = target.gradient(z, c, beta)
            return i + 1, z, v + 0.5 * stride * slope, slope, log_q, log_p

        start = 0, z, momentum, target.gradient(z, c, beta)[2], *densities
        _, new_z, v, _, *new = tf.while_loop(lambda i, *_: i < self.num_leapfrog, leap, start)
        log_ratio = log_f(*new) - log_f(*densities) + energy(momentum) - energy(v)
        probability = tf.where(tf.math.is_nan(log_ratio), 0.0, tf.exp(tf.minimum(log_ratio, 0.0)))
        is_accepted = tf.random.stateless_uniform(tf.shape(probability), fold_in(seed, 1)) < probability
        log_q, log_p = (tf.where(is_accepted, one, other) for one, other in zip(new, densities, strict=True))
        return tf.where(is_accepted[..., None], new_z, z), log_q, log_p, probability
