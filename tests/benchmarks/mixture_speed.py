"""The cost of mixtures of posteriors: all pairwise divergences against the broadcast form, and a training step with M components.

    python -m tests.benchmarks.mixture_speed --data-dir DIR --out mixture_speed.json

Divergences: M = 3, K = 500, a batch of 100 and D = 40, their value and their gradient, compiled by XLA both ways. Steps: `gmmp_mnist` with
K = 100. Cells are warmed up before they are measured; they take turns, and the best turn of each counts.
"""

from tests.benchmarks import harness

M, K, BATCH, LATENTS, CALLS = 3, 500, 100, 40, 20
FORMS = ("matrix product", "broadcast")
COMPONENTS = (1, 2, 3)


def broadcast(q, p):
    """Returns all KL(q_m || p_j) through an array [B, M, J, D]."""
    import tensorflow as tf

    loc, scale = q.loc[..., None, :], q.scale[..., None, :]
    squares = (tf.square(scale) + tf.square(loc - p.loc)) / tf.square(p.scale)
    return tf.reduce_sum(tf.math.log(p.scale / scale) + 0.5 * (squares - 1), axis=-1)


def pairwise(stopwatch, form):
    """Times `CALLS` values and gradients of all pairwise divergences; reports the mean divergence."""
    import numpy as np
    import tensorflow as tf

    from keras_vaemix.divergences import pairwise_kl
    from keras_vaemix.mixtures.normal_components import NormalComponents

    function, rng = {"matrix product": pairwise_kl, "broadcast": broadcast}[form], np.random.default_rng(0)
    values = [tf.constant(rng.standard_normal(shape), tf.float32) for shape in [(BATCH, M, LATENTS)] * 2 + [(K * M, LATENTS)] * 2]

    @tf.function(jit_compile=True)
    def call(*values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            q, p = (NormalComponents(None, loc, tf.exp(0.3 * raw)) for loc, raw in (values[:2], values[2:]))
            kl = tf.reduce_mean(function(q, p))
        return kl, tape.gradient(kl, values)

    call(*values)
    while True:
        with stopwatch:
            for _ in range(CALLS):
                kl, _ = call(*values)
            stopwatch.value = float(kl)


def steps(stopwatch, data, num_steps, num_posterior_components):
    """Times `num_steps` training steps of `gmmp_mnist`; reports the loss."""
    from tests.benchmarks.training_speed import ours

    keywords = {"num_posterior_components": num_posterior_components, "num_pseudo_inputs": 100}
    ours(stopwatch, data, num_steps, "gmmp_mnist", keywords)


def main(argv=None):
    parser = harness.parser("mixture_speed", __doc__)
    harness.add_data_dir(parser)
    harness.add_steps(parser, 100, 50)
    args = harness.parse(parser, argv)

    from training.data import load

    data = load("mnist", args.data_dir)
    cells = {("pairwise KL", form): (pairwise, (form,)) for form in FORMS}
    cells |= {("step", m): (steps, (data, args.steps, m)) for m in COMPONENTS}
    turns = harness.measure(cells, args.repetitions)
    best = {cell: s / (CALLS if cell[0] == "pairwise KL" else args.steps) for cell, s in harness.best_of(turns).items()}
    lines = ["| what | milliseconds | ratio |", "|---|---|---|"]
    for form in FORMS:
        ratio = best["pairwise KL", form] / best["pairwise KL", FORMS[0]]
        lines.append(f"| all KL(q_m, p_j) with gradients, {form} | {1000 * best['pairwise KL', form]:.2f} | {ratio:.1f} |")
    for m in COMPONENTS:
        lines.append(f"| step of `gmmp_mnist`, M = {m} | {1000 * best['step', m]:.2f} | {best['step', m] / best['step', 1]:.2f} |")
    harness.report(args.command, lines, harness.recorded(turns), args.out)


if __name__ == "__main__":
    main()
