r"""What each choice of a CP-VAE is worth, and what a soft category adds to its bound.

    python -m training.findings.cp_vae_choices                   trains every variant for 30 epochs on MNIST
    python -m training.findings.cp_vae_choices --run RUN         the bounds of one trained model

The paper leaves open how q(z|x, c) depends on c, how training draws c (eq. 11 relaxes it), and whether the decoder sees it. A relaxed
category is a continuous latent, and the divergence of categories, :math:`\mathrm{KL}(q(c|x) \| p(c))`, does not pay for the information
that it carries. So what is called a bound with it is none. Here the same weights have three such figures, with the same divergence
(eq. 8) and three categories in the reconstruction: all hard ones, weighted by q(c|x), which is the bound; a draw of the Gumbel-softmax;
and the vector of probabilities q(c|x) itself. All figures are of the first 1,000 validation images; labels are used for the accuracy alone.
"""

import argparse
import functools
import os
import sys
from pathlib import Path

import numpy as np

from export.shell.later import Later

keras, tf, vm = Later("keras"), Later("tensorflow"), Later("keras_vaemix")
evaluation, seeds = Later("keras_vaemix.evaluation"), Later("keras_vaemix.core.seeds")
data_module, presets = Later("training.data"), Later("training.presets")

PAPER = {"category_prior": "uniform"}  # p(c) of the paper's bound
VARIANTS = {
    "straight-through, gated heads, decoder sees c, uniform p(c)": {},
    "... all categories enumerated": {"estimator": "enumerated"},
    "... relaxed categories in training": {"estimator": "relaxed"},
    "... q(z|x) does not depend on c": {"heads": "amortized"},
    "... decoder does not see c": {"decoder_sees_category": False},
    "... p(c) learned": {"category_prior": "learned"},
    "... p(c) the aggregate posterior": {"category_prior": "aggregate"},
}
EPOCHS, SAMPLES, EXAMPLES = 30, 1000, 1000  # of training; importance samples; validation images, the first ones


@functools.cache
def soft_estimators():
    """Returns the estimators whose categories are soft, by their names."""

    class Relaxed(vm.categories.StraightThrough):
        """A draw of the Gumbel-softmax, relaxed in value too."""

        def sample(self, log_q, num_samples, seed, temperature):
            uniform = tf.random.stateless_uniform(tf.concat([[num_samples], tf.shape(log_q)], 0), seed, minval=1e-20)
            soft = tf.nn.softmax((log_q - tf.math.log(-tf.math.log(uniform))) / temperature)
            return soft, tf.fill(tf.shape(soft)[:2], -np.log(num_samples).astype("float32"))

    class Probabilities(vm.categories.CategoryEstimator):
        """The vector q(c|x) in place of a category."""

        def sample(self, log_q, num_samples, seed, temperature):
            c = tf.tile(tf.exp(log_q)[None], [num_samples, 1, 1])
            return c, tf.fill(tf.shape(c)[:2], -np.log(num_samples).astype("float32"))

    return {"relaxed": Relaxed(), "probabilities": Probabilities()}


def bound(model, x, estimator, seed=0):
    """Returns the mean over x of the reconstruction with an estimator's categories, minus the exact divergence of z and c, in nats."""

    @tf.function(jit_compile=True)
    def of_batch(x, seed):
        log_q, loc, scale = model.infer(x)
        c, log_weight = estimator.sample(log_q, 1, seeds.fold_in(seed, 0), model.temperature)
        z = model.heads.select(loc, scale, c).sample(seed=seeds.fold_in(seed, 1))
        log_px = model.likelihood.log_prob(model.decode_params(z, c), x)
        kl = model.draws(x, vm.ELBO(kl=vm.divergences.ClosedForm()), seed).kl
        return tf.reduce_sum(tf.exp(log_weight) * log_px, 0) - kl

    batches = [of_batch(x[i : i + 100], seeds.stateless_seed(seed + i)) for i in range(0, len(x), 100)]
    return float(np.mean(np.concatenate(batches)))


def figures(model, x, labels):
    """Returns the three figures of a model, its log p(x), and its accuracy as a clustering, by name."""
    estimators = {"hard": vm.categories.hard(model.num_components), **soft_estimators()}
    likelihood = model.estimate_log_likelihood(x, SAMPLES).log_likelihood
    shares = model.responsibilities(x)
    found = evaluation.cluster_report(shares, labels, shares, labels)
    return {name: bound(model, x, one) for name, one in estimators.items()} | {
        "log p(x)": float(np.mean(likelihood)),
        "accuracy": found["cluster_accuracy"],
    }


def trained(data, settings, epochs):
    """Returns a CP-VAE with settings of its preset, trained on the data."""
    own = {**PAPER, **settings}
    soft = soft_estimators().get(own.get("estimator"))
    keras.utils.set_random_seed(0)
    experiment = presets.PRESETS["cp_vae_mnist"].build(data, **(own if soft is None else {**own, "estimator": "auto"}))
    model, size, half = experiment.model, experiment.batch_size, max(1, epochs // 2)
    model.estimator = soft or model.estimator
    steps = len(data.train.x) // size
    model.compile(experiment.optimizer, steps_per_execution=min(steps, 50))
    changes = [vm.callbacks.KLWarmUp(half), vm.callbacks.TemperatureAnnealing(0.5, half)]
    model.fit(data.batches(size, model.support, 0), epochs=epochs, steps_per_epoch=steps, shuffle=False, callbacks=changes, verbose=0)
    return model


def main(argv=None):
    """Prints the table and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.findings.cp_vae_choices", description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, metavar="RUN", help="run folder of a trained CP-VAE, instead of training")
    parser.add_argument("--dataset", default="mnist", help="data set to train on (default: %(default)s)")
    parser.add_argument("--data-dir", default=os.environ.get("VAEMIX_DATA"), metavar="DIR", help="its folder (default: $VAEMIX_DATA)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="epochs of each variant (default: %(default)s)")
    args = parser.parse_args(argv)
    tf.get_logger().setLevel("ERROR")  # each model is traced once, but TensorFlow warns about the total
    print(f"{'':62} {'-bound, hard c':>15} {'relaxed c':>10} {'q(c|x)':>8} {'-log p(x)':>10} {'accuracy':>9}", flush=True)
    data = data_module.load(args.dataset, args.data_dir)
    for name, settings in {str(args.run): None}.items() if args.run else VARIANTS.items():
        keras.backend.clear_session()
        model = keras.saving.load_model(args.run / "model.keras") if args.run else trained(data, settings, args.epochs)
        row = figures(model, data.arrays("validation", model.support)[:EXAMPLES], data.validation.y[:EXAMPLES])
        bounds = f"{-row['hard']:15.2f} {-row['relaxed']:10.2f} {-row['probabilities']:8.2f} {-row['log p(x)']:10.2f}"
        print(f"{name:62} {bounds} {row['accuracy']:9.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
