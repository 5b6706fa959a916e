"""What the page needs to know of a model: where its components lie, and which latents change what is decoded."""

import numpy as np

from export.server.limits import Deadline

MOST_COMPONENTS, MOST_DRAWS, DRAWS, BASES = 10_000, 2**16, 256, 4
KEPT = ("model", "prior", "likelihood", "cost", "decoder", "x_shape", "value_range", "condition", "table", "versions")  # of the manifest
SECONDS = 120  # that this may take when the server starts


def facts(model, limits):
    """Returns the answer of `/v1/model`.

    Means and standard deviations of the latents are those of at most `DRAWS` draws of each component, at the model's `center`.
    """
    manifest, deadline = model.manifest, Deadline(SECONDS)
    if manifest["num_components"] > MOST_COMPONENTS:
        raise ValueError(f"Expected at most {MOST_COMPONENTS} components. Received: {manifest['num_components']}")
    draws = drawn_by_component(model, deadline)
    means, spreads = ({name: measure(z, axis=1) for name, z in draws.items()} for measure in (np.mean, np.std))
    weights = np.array(manifest["component_weights"])
    mixed = {name: mixture_moments(weights / weights.sum(), means[name], spreads[name]) for name in model.continuous}
    activity = activities(model, {name: spread for name, (_, spread) in mixed.items()}, deadline)
    latents = [
        {
            "name": name,
            "size": size,
            "mean": rounded(mixed[name][0]),
            "stddev": rounded(mixed[name][1]),
            "activity": rounded(activity[name]),
        }
        for name, size in model.continuous.items()
    ]
    return {
        **{name: manifest.get(name) for name in KEPT},
        "is_image": model.is_image,
        "latents": latents,
        "categories": model.categories,
        "components": {
            "weights": rounded(weights),
            "means": {name: rounded(mean) for name, mean in means.items()},
            "stddevs": {name: rounded(spread) for name, spread in spreads.items()},
        },
        "limits": {
            "rows": limits.rows_of(np.prod(manifest["x_shape"], dtype=object)),
            "body_bytes": limits.body,
            "seconds": limits.seconds,
        },
    }


def drawn_by_component(model, deadline):
    """Returns draws of each component, [K, T, D] by the latents' names."""
    num_components = model.manifest["num_components"]
    num = max(16, min(DRAWS, MOST_DRAWS // num_components))
    draws = [model.sample_latents(num, k, k, deadline)[0] for k in range(num_components)]
    return {name: np.stack([one[name] for one in draws]).astype("float64") for name in model.continuous}


def mixture_moments(weights, means, spreads):
    """Returns mean and standard deviation [D] of a mixture of weights [K], means [K, D] and standard deviations [K, D]."""
    mean = weights @ means
    return mean, np.sqrt(weights @ (spreads**2 + (means - mean) ** 2))


def activities(model, spreads, deadline):
    r"""Returns how much each latent changes what is decoded, :math:`E\,|f(z + \sigma_d e_d) - f(z - \sigma_d e_d)|`, [D] by name.

    z are `BASES` draws of the prior; f is the mean of p(x|z), or the map of a pixel decoder.
    """
    base, _ = model.sample_latents(BASES, None, 0, deadline)
    found = {}
    for name, spread in spreads.items():
        shift = np.diag(spread).astype("float32")  # [D, D]
        ends = []
        for sign in (1, -1):
            moved = {other: np.repeat(z, len(spread), axis=0) for other, z in base.items()}
            moved[name] = (base[name][:, None] + sign * shift).reshape(-1, len(spread))
            with model.fitting():
                ends.append(model.decoder.outputs(model.given(moved, model.center), deadline))
        change = np.abs(ends[0] - ends[1]).reshape(BASES, len(spread), -1)
        found[name] = change.mean(axis=(0, 2))
    return found


def rounded(values, digits=6):
    return np.round(np.asarray(values, "float64"), digits).tolist()
