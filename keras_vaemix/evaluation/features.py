"""The one check of feature arrays [N, F] on which figures of generation rest."""

import numpy as np

from keras_vaemix.core.part import require


def check_features(**arrays):
    """Returns feature arrays [N, F] in float64; raises `ValueError` unless they are finite and all of one size F."""
    checked = {name: np.asarray(values, "float64") for name, values in arrays.items()}
    for name, values in checked.items():
        require(values.ndim == 2 and values.size > 0, f"{name} features [N, F]", shape=values.shape)
        bad = int(np.sum(~np.isfinite(values)))
        require(bad == 0, f"finite {name} features: look for images or latents that are no numbers", not_finite=bad, of=values.size)
    sizes = {name: values.shape[1] for name, values in checked.items()}
    require(len(set(sizes.values())) == 1, "features of one size F on every side", **sizes)
    return list(checked.values())
