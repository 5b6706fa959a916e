"""The toy of the MoG-VAE paper."""

from training.papers.row import Row


def mog_toy():
    """Returns the models of the MoG-VAE paper's toy; two of them around the true decoder."""
    presets = ("mfg_toy", "mog_posterior_toy", "mog_prior_toy")
    return [*(Row(name, name) for name in presets), *(Row(f"{name}_true_decoder", name, {"decoder": "true"}) for name in presets[:2])]
