"""What happens to the bound when z is the average of the components' draws instead of a draw from one component.

    python -m training.findings.averaged_samples

An ELBO of -74 nats for MNIST with three posterior components (the GMMpVAE paper, Table 1) is what this mistake would give. If
z = sum_m pi_m z_m has variance sigma^2 / M but the divergence is computed for sigma^2, a linear-Gaussian model with a signal-to-noise
ratio a in each of n latents exceeds its exact log p(x) by (n / 2) ln[(1 + a) / (1 + a / M)], which tends to (n / 2) ln M. The
ratio of the paper's gains for M = 3 and 2 is 1.5 to 1.8; ln 3 / ln 2 = 1.58. That the paper made this mistake is a hypothesis: its code
is not public.
"""

import math
import sys

import numpy as np
from scipy.stats import norm

from export.shell.later import Later

keras, tf, vm = Later("keras"), Later("tensorflow"), Later("keras_vaemix")

LATENTS, RATIO, STEPS = 8, 50.0, 1000


def averaged(num_components):
    """Returns a mixture posterior with the wrong sampler: one draw, the average of the draws of all components."""

    class AveragedSamples(vm.NormalMixturePosterior):
        num_strata = 1

        def draw(self, params, num_samples, seed):
            q = self.distribution(params)
            z = q.components_distribution.sample(num_samples, seed=seed)  # [S, B, M, D]
            weights = tf.nn.softmax(q.mixture_distribution.logits_parameter())[..., None]
            average = tf.reduce_sum(weights * z, axis=2)
            return average, tf.fill(tf.shape(z)[:2], -math.log(num_samples)), q.log_prob(average)

    return AveragedSamples(num_components)


def model_of(posterior):
    """Returns a VAE with the exact decoder x = sqrt(a) z + noise, and an affine encoder to train."""

    def affine(num_inputs, num_outputs):
        return keras.Sequential([keras.Input((num_inputs,)), keras.layers.Dense(num_outputs, kernel_initializer="zeros")])

    decoder = affine(LATENTS, LATENTS)
    decoder.set_weights([math.sqrt(RATIO) * np.eye(LATENTS), np.zeros(LATENTS)])
    decoder.trainable = False
    objective = vm.ELBO(kl=vm.divergences.ComponentSoftmin())  # with a standard normal: sum_m pi_m KL(q_m || p)
    encoder = affine(LATENTS, posterior.params_size(LATENTS))
    return vm.VAE(encoder, decoder, vm.StandardNormal(LATENTS), vm.Normal(1.0), posterior, objective)


def examples(n=1000):
    """Returns examples of the decoder's own distribution, and their exact log p(x)."""
    x = np.random.default_rng(0).normal(0, math.sqrt(1 + RATIO), (n, LATENTS))
    return x.astype("float32"), norm(0, math.sqrt(1 + RATIO)).logpdf(x).sum(1)


def excess(posterior, x, exact):
    """Returns by how much the trained bound exceeds the mean exact log p(x), in nats."""
    model = model_of(posterior)
    rate = keras.optimizers.schedules.CosineDecay(0.03, STEPS)
    model.compile(keras.optimizers.Adam(rate, beta_2=0.99), steps_per_execution=STEPS)  # the first gradients are large: forget them
    model.fit(tf.data.Dataset.from_tensors(x).repeat(STEPS), shuffle=False, verbose=0)
    return float(np.mean(vm.verify.repeat(model, model.objective, x, 20, 500, 0) - exact))


def main():
    """Prints the table and returns the exit status."""
    tf.get_logger().setLevel("ERROR")  # each model is traced once, but TensorFlow warns about the total
    keras.utils.set_random_seed(0)
    x, exact = examples()
    print(f"Linear-Gaussian model, n = {LATENTS} latents, signal-to-noise ratio a = {RATIO:g}, exact log p(x) {exact.mean():.3f} nats.")
    print("How far the trained bound lies above it, in nats; a valid bound never does:\n")
    print(f"{'M':>3} {'a draw of q':>12} {'averaged draws':>15} {'(n/2) ln[(1+a)/(1+a/M)]':>25} {'(n/2) ln M':>11}")
    for m in (1, 2, 3):
        right, wrong = (excess(posterior, x, exact) for posterior in (vm.NormalMixturePosterior(m), averaged(m)))
        predicted = LATENTS / 2 * math.log((1 + RATIO) / (1 + RATIO / m))
        print(f"{m:3} {right:12.3f} {wrong:15.3f} {predicted:25.3f} {LATENTS / 2 * math.log(m):11.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
