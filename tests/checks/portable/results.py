"""Makes a run folder from what `run` trained, as if `training.train` had trained it."""

import json

import numpy as np

from keras_vaemix.core.part import require
from keras_vaemix.importance import LikelihoodEstimate
from tests.checks.portable import programs
from training.jobs import train
from training.jobs.evaluate import evaluate
from training.jobs.flags import parse
from training.runs.run import Run

TOLERANCE = 0.01  # nats, for the mean over a batch: other hardware sums float32 in another order


def load(path, trained, folder):
    """Makes a run folder from results trained elsewhere, as if `training.train` had trained it.

    A finished run is evaluated on the test set; an unfinished one is for `training.train --resume`.
    """
    with np.load(path, allow_pickle=False) as file:
        record = json.loads(file["record"].tobytes())
    with np.load(trained, allow_pickle=False) as file:
        arrays = dict(file)
    outcome = json.loads(arrays["outcome"].tobytes())
    require(outcome["record"] == record, f"results of {path}", trained=str(trained))
    job = train.prepare(parse(record["argv"]))
    model = job.experiment.model
    train.compile_model(job.experiment, job.args)
    run = Run(
        folder, record["config"] | {"route": "portable", "device": outcome["device"], "jax": outcome["jax"]}, monitor=record["monitor"]
    )
    run.history, run.timing = outcome["history"], outcome["timing"]
    model.set_weights([arrays[f"best_{place:04d}"] for place in record["weights"]])
    model.epochs_done.assign(run.best_epoch() + 1)  # not part of an epoch's programs
    run.best = model.get_weights()
    if "last" in outcome:
        for variable, place in zip(model.all_variables(), record["variables"], strict=True):
            variable.assign(arrays[f"last_{place:04d}"])
        model.epochs_done.assign(len(run.history))
        run.save(model)
    run.write_history()
    model.set_weights(run.best)
    train.save(folder / "model.keras", model, job.data)
    if "last" in outcome:
        print(f"{folder}: {len(run.history)} epochs; not evaluated, because training can be resumed")
        return
    estimate = None
    if "log_likelihood" in arrays:
        how = record["likelihood"]
        estimate = LikelihoodEstimate(*arrays["log_likelihood"], how["num_chunks"] * how["chunk_size"])
        check_estimate(model, job.data.arrays("test", model.support), how, estimate)
    evaluate(folder, model, job.data, "test", programs.NUM_SAMPLES, features=job.args.features, estimate=estimate)


def check_estimate(model, x, how, estimate):
    """Raises `ValueError` unless an estimate of log p(x) made elsewhere agrees, for the first batch of x, with an estimate made here."""
    x = x[: how["batch_size"]]
    here = model.estimate_log_likelihood(x, how["num_samples"], chunk_size=how["chunk_size"]).log_likelihood
    difference = float(np.mean(estimate.log_likelihood[: len(x)] - here))
    require(abs(difference) < TOLERANCE, f"log-likelihoods within {TOLERANCE} nats of those of this machine", difference=difference)
    print(f"log p(x) of {len(x)} examples: {difference:+.5f} nats against this machine")
