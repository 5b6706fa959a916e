"""What the mean over components does to a mixture prior: all of its components become the same.

    python -m training.findings.mean_bound

The GMMpVAE paper uses sum_k w_k KL(q || p_k) (Eq. 18 and 22), an upper bound on KL(q || p). At its optimum each component fits the
whole aggregate posterior by itself, so that K pseudo-inputs are worth one: the surprising result in the paper's Figure 3. Tighter
bounds in closed form do not collapse.
"""

import sys

import numpy as np

from export.shell.later import Later

keras, tf, tfp, vm = Later("keras"), Later("tensorflow"), Later("tensorflow_probability"), Later("keras_vaemix")

CLUSTERS, NOISE, POSTERIOR_SCALE, STEPS = (-3.0, 3.0), 0.3, 0.3, 3000


def fit_prior(divergence, z, steps=STEPS):
    """Returns means and standard deviations of a mixture of two, fitted to posteriors N(z_i, s^2) with a divergence."""
    tfd = tfp.distributions
    prior, optimizer = vm.NormalMixture(1, 2), keras.optimizers.Adam(0.01)
    optimizer.build(prior.trainable_variables)
    q = tfd.Independent(tfd.Normal(z[:, None], POSTERIOR_SCALE), 1)

    @tf.function(jit_compile=True)
    def step(seed):
        with tf.GradientTape() as tape:
            p = prior.distribution(training=True)
            kl = divergence(q, p)
            if kl is None:
                draw = q.sample(seed=seed)
                kl = q.log_prob(draw) - p.log_prob(draw)
            loss = tf.reduce_mean(kl)
        optimizer.apply(tape.gradient(loss, prior.trainable_variables))
        return loss

    for i in range(steps):
        step(tf.constant([0, i]))
    normal = prior.components(None).distribution
    return normal.loc.numpy().ravel(), normal.scale.numpy().ravel()


def main():
    """Prints the table and returns the exit status."""
    z = np.random.default_rng(0).choice(CLUSTERS, 500) + NOISE * np.random.default_rng(1).standard_normal(500)
    print(f"Posteriors N(z, {POSTERIOR_SCALE}^2) around {CLUSTERS}, and the two components of a prior fitted to them:\n")
    print(f"{'divergence':20} {'means':>18} {'standard deviations':>24}")
    for name in ("MeanBound", "SoftminBound", "ComponentSoftmin", "Variational", "MonteCarlo"):
        keras.utils.set_random_seed(0)
        loc, scale = fit_prior(getattr(vm.divergences, name)(), tf.constant(z, tf.float32))
        print(f"{name:20} {loc[0]:9.2f}{loc[1]:9.2f} {scale[0]:15.2f}{scale[1]:9.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
