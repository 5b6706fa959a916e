"""The check of feature arrays [N, F] for all figures of generation."""

import numpy as np

from keras_vaemix.core.part import require


def check_features(**arrays):
    """Returns feature arrays [N, F] in float64; raises `ValueError` unless they are finite and all have the same size F."""
    checked = {name: np.asarray(values, "float64") for name, values in arrays.items()}
    for name, values in checked.items():
        require(values.ndim == 2 and values.size > 0, f"{name} features [N, F]", shape=values.shape)
        bad = int(np.sum(~np.isfinite(values)))
        require(bad == 0, f"finite {name} features: look for images or latents that are not finite", not_finite=bad, of=values.size)
    sizes = {name: values.shape[1] for name, values in checked.items()}
    require(len(set(sizes.values())) == 1, "features of the same size F on both sides", **sizes)
    return list(checked.values())
