"""What autoencoders make of synthetic data: codes beside the data, and draws of the prior among the codes.

    python -m training.reproduce latent_spaces

The slides' Figures 8 and 9 compare fixed and learned priors. t-SNE shows which codes the prior's draws do not reach, and which draws lie
where there are no codes.
"""

import numpy as np

from keras_vaemix.evaluation import posterior_means
from keras_vaemix.storage.loading import load_model
from training.data import load

SHOWN = 1000  # test examples, and as many draws of the prior


def embedded(x, seed=0):
    """Returns points of a plane for vectors [N, F] by t-SNE, [N, 2]."""
    from sklearn.manifold import TSNE

    return TSNE(random_state=seed, init="pca").fit_transform(np.asarray(x, "float64"))


def codes_and_draws(model, x):
    """Returns codes of examples, draws of the posterior if there is one, and as many draws of the prior that is sampled, each [N, D]."""
    codes = model.encode(x).sample(seed=model.seed_for(1)) if model.has_likelihood else posterior_means(model, x)
    return np.asarray(codes), np.asarray(model.sample_latents(len(x), None, model.seed_for(0))[0])


def draw(name, model, x, path):
    """Writes the figure of a model: the examples, coloured by their first principal component, and their codes with draws of the prior."""
    import matplotlib.figure

    x = x[:SHOWN]
    vectors = x.reshape(len(x), -1)
    centered = vectors - vectors.mean(axis=0)
    color = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    codes, draws = codes_and_draws(model, x)
    figure = matplotlib.figure.Figure((8, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(*embedded(vectors).T, s=4, c=color)
    left.set(title="test data (t-SNE)", xlabel="coloured by the first principal component", xticks=[], yticks=[])
    points = embedded(np.concatenate([codes, draws]))
    right.scatter(*points[len(codes) :].T, s=4, c="0.8", label="draws of the prior")
    right.scatter(*points[: len(codes)].T, s=4, c=color, label="codes")
    right.set(title=f"latents of {name} (t-SNE)", xlabel="codes in the colours of their data", xticks=[], yticks=[])
    right.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def measure(run, measured, row, out):
    """Returns the measured row of a run, and draws the latents of seed 0 in `out`."""
    if measured["seed"] == 0:
        out.mkdir(parents=True, exist_ok=True)
        model = load_model(run / "model.keras")
        draw(row.name, model, load(measured["dataset"]).arrays("test", model.support), out / f"latent_spaces_{row.name}.png")
    return measured
