"""Exports every model of the catalogue, and prints how far each artifact is from the live model, as JSON.

    python -m tests.checks.parity

A line on standard error sums up; the exit status is 1 if a figure is beyond its limit.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import chisquare

import export.sample
import keras_vaemix as vm
from export.artifact import export_model
from keras_vaemix.core.seeds import fold_in, stateless_seed
from keras_vaemix.models import LatentModel, PixelDecoding
from tests import catalogue

NUM_LATENTS, NUM_SAMPLES, TAIL = 64, 10_000, 6.0
LIMITS = {
    "parity": 1e-5,
    "standard_errors": 5.0,
    "p_value": 1e-5,
}  # 1,500 means and spreads: 5 standard errors are p = 1e-3 for all together


def shaken(make):
    """Returns a model with noise on every trained weight and on the moments of normalisations, and with a hardened mask."""
    keras.utils.set_random_seed(1)
    model, rng = make(), np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(weight + 0.3 * rng.standard_normal(weight.shape))
    for weight in (weight for weight in model.weights if "moving_" in weight.path):
        weight.assign(weight * np.exp(0.3 * rng.standard_normal(weight.shape)) + 0.1 * rng.random(weight.shape))
    if isinstance(model, vm.MaskAAE):
        model.raw_mask.assign([8.0, 0.01, 6.0])
    return model


def measure(model, folder):
    """Exports a model and returns its figures: differences, standard errors and a p-value by name, and the opset."""
    artifact = export_model(model, folder)
    manifest = json.loads((artifact / "manifest.json").read_text())
    differences = {**graph_differences(model, artifact, manifest), **signature_differences(model, artifact)}
    return {"parity": differences, "opset": manifest["opset"], **statistics(model, artifact)}


def beyond(figures):
    """Returns the names of figures beyond their limits."""
    too_far = [name for name, value in figures["parity"].items() if not value <= LIMITS["parity"]]
    too_far += [name for name, value in figures["standard_errors"].items() if not value <= LIMITS["standard_errors"]]
    return too_far + [name for name in ["p_value"] if figures[name] is not None and not figures[name] >= LIMITS[name]]


# Inputs.


def normals(size, rng):
    """Returns normal noise [N, size] of scale one and two, and its tails at plus and minus `TAIL`."""
    z = rng.standard_normal((NUM_LATENTS, size)) * rng.choice([1, 2], (NUM_LATENTS, 1))
    return np.concatenate([z.clip(-TAIL, TAIL), TAIL * rng.choice([-1, 1], (NUM_LATENTS // 4, size))]).astype("float32")


def uniforms(size, rng):
    """Returns uniform noise [N, size], or [N] for the size None, and as the first two its ends."""
    ends = np.repeat([[0.0], [np.nextafter(np.float32(1), np.float32(0))]], size or 1, axis=1)
    u = np.concatenate([ends, rng.random((NUM_LATENTS + NUM_LATENTS // 4 - 2, size or 1))]).astype("float32")
    return u[:, 0] if size is None else u


def latents_of(sizes, num_components, rng):
    """Returns latents by name; a category takes all its values."""
    categories = np.arange(NUM_LATENTS + NUM_LATENTS // 4) % num_components
    return {name: categories if size is None else normals(size, rng) for name, size in sizes.items()}


def sampler_inputs(manifest, rng):
    """Returns inputs of `sampler.onnx`: uniform noise at both ends, tails of the other, any condition, every component and -1 in turn."""
    by_family = sorted(manifest["noise"].items(), key=lambda item: item[1]["family"])  # normals first
    noise = {name: (uniforms if one["family"] == "Uniform" else normals)(one["size"], rng) for name, one in by_family}
    condition = {} if "condition" not in manifest else {"condition": normals(manifest["condition"], rng)}
    return {**noise, **condition, "component": np.arange(len(next(iter(noise.values())))) % (manifest["num_components"] + 1) - 1}


def unpruned(model, z):
    """Returns the latents of a model for those of its export, which has only the active ones."""
    if not isinstance(model, vm.MaskAAE):
        return z
    wide = np.zeros((len(z), model.latent_dim()), "float32")
    wide[:, model.active_dimensions()] = z
    return wide


# Comparisons.


def difference(received, expected):
    """Returns the largest difference, relative to values beyond one."""
    expected = np.asarray(expected, "float64")
    return float(np.max(np.abs(np.asarray(received) - expected) / np.maximum(1, np.abs(expected))))


def graph_differences(model, artifact, manifest):
    """Returns the differences of the ONNX graphs from the live model."""
    rng, found = np.random.default_rng(2), {}
    latents = latents_of(model.export_model().decode_sizes, model.num_components, rng)
    live, name = [tf.constant(unpruned(model, z)) for z in latents.values()], "x"
    expected, decoder = model.decode, "decoder.onnx"
    if isinstance(model, PixelDecoding):
        name, expected, decoder = "context", lambda *z: model.decoder.context(model.code(*z)), "pixel_context.onnx"
        found["pixel_step.onnx"] = step_difference(model, artifact, latents, live)
    (received,) = export.sample.open_graph(artifact, decoder).run([name], latents)
    found[decoder] = difference(received, expected(*live))
    inputs = sampler_inputs(manifest, rng)
    received, component = export.sample.open_graph(artifact, "sampler.onnx").run([name, "component_drawn"], inputs)
    noise = {name: tf.constant(unpruned(model, one) if name == "eps" else one) for name, one in inputs.items()}
    asked = noise.pop("component")
    latents, drawn = model.generate(model.sampler(), noise, asked)
    found["sampler.onnx"] = difference(received, expected(*latents))
    found["components of sampler.onnx"] = difference(component, drawn)
    return found


def step_difference(model, artifact, latents, live):
    """Returns the difference of the reference loop over `pixel_step.onnx` from the live model, with the same noise."""
    seed, (height, *row) = stateless_seed(3), model.example_shape
    noise = [model.likelihood.noise().sample([len(live[0]), *row], seed=fold_in(seed, i)) for i in range(height)]
    (context,) = export.sample.open_graph(artifact, "pixel_context.onnx").run(["context"], latents)
    step = export.sample.open_graph(artifact, "pixel_step.onnx")
    return difference(export.sample.draw_pixels(step, context, np.stack(noise, axis=1)), model.decode(*live, seed))


def signature_differences(model, artifact):
    """Returns the differences of each signature of the SavedModel from the live model."""
    serve = tf.saved_model.load(str(artifact / "saved_model")).signatures
    rng, pruned, found = np.random.default_rng(4), model.export_model(), {}
    seed = {"seed": tf.constant([5, 6])} if isinstance(model, PixelDecoding) else {}
    latents = latents_of(pruned.decode_sizes, model.num_components, rng)
    live = [tf.constant(unpruned(model, z)) for z in latents.values()]
    given = {name: tf.constant(z) for name, z in latents.items()} | seed
    found["decode"] = difference(serve["decode"](**given)["x"], model.decode(*live, *seed.values()))
    y = catalogue.given(model)
    condition = {"condition": tf.constant(y["y"][None])} if y else {}
    for name, component in (("sample", None), ("sample_component", model.num_components - 1)):
        asked = {"n": tf.constant(50), "seed": stateless_seed(7), **condition}
        asked |= {} if component is None else {"component": tf.constant(component)}
        found[name] = difference(serve[name](**asked)["x"], pruned.sample(50, component, seed=7, **y))
    n = len(live[0])
    x = catalogue.examples(model, n) if isinstance(model, LatentModel) else rng.random((n, *model.example_shape), "float32")
    x = tf.nest.map_structure(tf.constant, x)
    seen = x if isinstance(x, dict) else {"x": x}
    encoded, expected = serve["encode"](**seen), pruned.posterior_parameters(x)
    found["encode"] = max(difference(encoded[name], expected[name]) for name in expected)
    if isinstance(model, LatentModel):
        joint = {name: tf.constant(z) for name, z in latents_of(model.joint_sizes, model.num_components, rng).items()}
        found["log_joint"] = difference(serve["log_joint"](**seen, **joint)["log_joint"], model.log_joint(x, *joint.values()))
    return {f"saved_model {name}": value for name, value in found.items()}


def statistics(model, artifact):
    """Returns by how many standard errors samples of the artifact and of the model differ, and the p-value of components."""
    y = catalogue.given(model)
    received, component = export.sample.sample(artifact, NUM_SAMPLES, condition=y.get("y"))
    expected = np.asarray(model.sample(NUM_SAMPLES, seed=0, **y), "float64")
    received = received.astype("float64")
    means, spreads = zip(*(with_errors(x) for x in (received, expected)), strict=True)
    errors = {name: apart(*pair) for name, pair in {"mean": means, "std": spreads}.items()}
    weights = np.exp(np.asarray(model.log_weights(), "float64"))
    counts = np.bincount(component, minlength=len(weights))
    p = float(chisquare(counts, NUM_SAMPLES * weights / weights.sum()).pvalue) if len(weights) > 1 else None
    return {"standard_errors": errors, "p_value": p}


def with_errors(x):
    """Returns ((mean, its standard error), (standard deviation, its standard error)) of each pixel of x [N, *]."""
    std, n = x.std(0), len(x)
    fourth = np.mean((x - x.mean(0)) ** 4, axis=0)
    return (x.mean(0), std / np.sqrt(n)), (std, np.sqrt((fourth - std**4).clip(0) / (4 * n)) / np.maximum(std, 1e-12))


def apart(one, other):
    """Returns the largest difference of two figures in standard errors; differences by rounding do not count."""
    return float(np.max(np.abs(one[0] - other[0]) / np.hypot(np.hypot(one[1], other[1]), 1e-6)))


def main(argv=None):
    parser = argparse.ArgumentParser("python -m tests.checks.parity", description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(catalogue.EVERY_MODEL), choices=list(catalogue.EVERY_MODEL), metavar="NAME")
    args = parser.parse_args(argv)
    figures = {}
    for name in args.models:
        with tempfile.TemporaryDirectory() as folder:
            figures[name] = measure(shaken(catalogue.EVERY_MODEL[name]), Path(folder) / "artifact")
        figures[name]["beyond"] = beyond(figures[name])
        print(name, f"{max(figures[name]['parity'].values()):.1e}", *figures[name]["beyond"], file=sys.stderr)
        keras.backend.clear_session()
    print(json.dumps(figures, indent=2))
    worst, artifact, name = max((value, artifact, name) for name, f in figures.items() for artifact, value in f["parity"].items())
    opsets, failed = sorted({f["opset"] for f in figures.values()}), [name for name, f in figures.items() if f["beyond"]]
    print(f"{len(figures)} models, worst parity {worst:.1e} ({artifact} of {name}), opset {opsets}, beyond: {failed}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
