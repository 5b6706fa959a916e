"""The model card of a package, written from its other files; it needs the extra `hub`."""

import math

from keras_vaemix.core import supports
from keras_vaemix.core.part import require
from keras_vaemix.integrations.hub import check_installed

COUNTS = ("num_examples", "num_samples", "num_likelihood_examples")  # of an evaluation, beside its figures
TERMS = dict.fromkeys(("celeb_a", "celeb_a_hq"), "The data set is for non-commercial research only, and so is a model trained on it.")
LICENSE = "apache-2.0"  # of weights, unless another is chosen
IMAGES, OTHER = "unconditional-image-generation", "other"  # tasks, as the Hub names them

BODY = """
# {name}

A `{model}` with the prior `{prior}`, {num_components} components over {latent_dim} latents, and the {density_kind} `{density}`, trained on
`{dataset}` by the preset `{preset}`, and written by keras_vaemix {version}.

```python
import keras_vaemix as vm

model = vm.from_package("{name}")  # the folder of this card, hf://USER/NAME, or the name of a bundled package
x = model.sample(16, seed=0)
```

Without TensorFlow: `python -m export.sample {name}{out}`.

## Data and training

| | |
|---|---|
{settings}

## Figures

Of the {split} split, {num_examples} examples{likelihood}.
Bounds, likelihoods and divergences are in nats; ± is the standard error over examples. The figures are those of
`evaluation.json`, of the weights in this folder.

| figure | value |
|---|---|
{figures}

## Limits

{limits}

## Licence

{license}
"""


def model_card(name, config, evaluation, manifest, license, support):
    """Returns the text of a model card.

    Args:
        name: Name of the package.
        config: Its settings, the contents of config.json.
        evaluation: Its figures, the contents of evaluation.json.
        manifest: What its graphs are, the contents of manifest.json.
        license: Licence of the weights, as the Hub names it.
        support: The `Support` of its examples.

    Raises:
        ValueError: `huggingface_hub` is not installed.
    """
    check_installed()
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    figures, split, task = figures_of(evaluation), evaluation["split"], IMAGES if is_image(manifest["x_shape"]) else OTHER
    of_split = {"task_type": task, "dataset_type": config["dataset"], "dataset_name": config["dataset"], "dataset_split": split}
    data = ModelCardData(
        license=license,
        library_name="keras",
        tags=["keras_vaemix", "onnx", "vae", manifest["model"], manifest["prior"]],
        pipeline_tag=IMAGES if task == IMAGES else None,
        datasets=[config["dataset"]],
        model_name=name,
        eval_results=[EvalResult(metric_type=figure, metric_value=value, **of_split) for figure, (value, _) in figures.items()],
    )
    kind = "likelihood" if "likelihood" in manifest else "cost"
    body = BODY.format(
        **{key: manifest[key] for key in ("model", "prior", "num_components", "latent_dim")},
        name=name,
        out="" if task == IMAGES else " --out rows.npy",
        preset=config["preset"],
        dataset=config["dataset"],
        license=license,
        split=split,
        density_kind=kind,
        density=manifest[kind],
        version=manifest["versions"]["keras_vaemix"],
        settings="\n".join(f"| {what} | {value} |" for what, value in settings_of(config).items()),
        num_examples=evaluation.get("num_examples", "all"),
        likelihood=likelihood_of(evaluation),
        figures="\n".join(f"| `{figure}` | {shown(*value)} |" for figure, value in figures.items()),
        limits="\n".join(f"- {limit}" for limit in limits_of(config, evaluation, manifest, support)),
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n{body}"))


def license_of(dataset, license):
    """Returns the licence of a package's weights: the chosen one or, if None, `LICENSE`, unless the data set has terms of its own."""
    expected = f"--license with one that fits the terms of {dataset}, as {LICENSE} does not"
    require(license is not None or dataset not in TERMS, expected, license=license)
    return license or LICENSE


def is_image(shape):
    """Returns whether examples of a shape are images that a PNG can show."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


def figures_of(evaluation):
    """Returns the figures of an evaluation that are known, by name: each value and its standard error, or None."""
    numbers = {name: value for name, value in evaluation.items() if isinstance(value, (int, float)) and math.isfinite(value)}
    numbers = {name: value for name, value in numbers.items() if name not in COUNTS}
    errors = {name for name in numbers if name.endswith("_se")}
    return {name: (value, numbers.get(f"{name}_se")) for name, value in numbers.items() if name not in errors}


def shown(value, error):
    """Returns a figure as text, with its standard error."""
    return f"{value:.4g}" if error is None else f"{value:.2f} ± {error:.2f}"


def likelihood_of(evaluation):
    """Returns how the log-likelihood was estimated."""
    if "num_samples" not in evaluation:
        return ""
    num_examples, num_samples = evaluation["num_likelihood_examples"], evaluation["num_samples"]
    return f"; the log-likelihood of {num_examples} of them, by {num_samples} importance samples each"


def settings_of(config):
    """Returns what a run was trained on and how, by what it is."""
    protocol = config.get("protocol", {}).get("epochs", config["epochs"])
    return {
        "data set": f"`{config['dataset']}`",
        "sha256 of the data": f"`{config['data_sha256']}`",
        "command": f"`{config['command']}`",
        "epochs": f"{config['epochs_trained']}, at most {config['epochs']} were asked for, {protocol} by the protocol",
        "seed": config["seed"],
    }


def limits_of(config, evaluation, manifest, support):
    """Returns sentences about what the model is not good for."""
    values = "any real values" if support is supports.REAL else f"values in {support.name}"
    unfinished = f"Training is unfinished: it stopped after {config['epochs_trained']} epochs, before its protocol would have ended it."
    rounded = f"Its large weights were rounded to {config.get('significant_bits')} significant bits, and it was evaluated after that."
    bound = "The log-likelihood is an estimate that is too low on average, the less so the more samples there are."
    return [
        f"It knows `{config['dataset']}` alone: examples of shape {manifest['x_shape']} with {values}.",
        "The figures are of one training run: ± does not cover what another seed would change.",
        *([unfinished] if config.get("stopped") == "unfinished" else []),
        *([rounded] if "significant_bits" in config else []),
        *([bound] if "log_likelihood" in evaluation else []),
        "Samples are means of p(x|z), not draws of x, unless the decoder draws pixels.",
        *([TERMS[config["dataset"]]] if config["dataset"] in TERMS else []),
    ]
