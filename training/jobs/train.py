"""Train a preset: fit, evaluate, draw pictures, export, and sample the export."""

import argparse
import contextlib
import shlex
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

import export.sample
from export.artifact import export_model
from export.freeze import check_exportable
from export.storage.files import atomically, room_in
from export.storage.locks import locked
from keras_vaemix import callbacks
from keras_vaemix.callbacks import EarlyStopping
from keras_vaemix.core.blocks import blocks
from keras_vaemix.core.part import require
from keras_vaemix.core.replicas import is_multiworker
from keras_vaemix.core.supports import BINARY, REAL
from keras_vaemix.likelihoods.columns import warn_of_unlike_scales
from keras_vaemix.storage.loading import load_model
from keras_vaemix.storage.versions import versions
from keras_vaemix.visualization.grids import Grid
from keras_vaemix.visualization.plots import save_png
from training import data as data_module
from training.data.splits import ALL, in_order
from training.distributed import cluster
from training.distributed.strategy import make_strategy, steps_per_execution
from training.features.choice import resolve_features
from training.jobs import dashboards, evaluate, pictures
from training.jobs.asked import optimized, started
from training.jobs.flags import PAPERS_SAMPLES, parse
from training.presets.arguments import FURTHER
from training.presets.recipe import in_epochs
from training.runs.checkpointing import Recorder
from training.runs.rescue import save_on_exit
from training.runs.run import RESUMABLE, Run, check_folder


class Job(NamedTuple):
    """What the command line asks for, built, but not yet trained or written.

    Attributes:
        preset: The `Preset`.
        args: The flags that every preset has.
        strategy: The `tf.distribute` strategy.
        data: The `Data`.
        experiment: The `Experiment`.
        config: Everything needed to run it again.
    """

    preset: Any
    args: argparse.Namespace
    strategy: Any
    data: Any
    experiment: Any
    config: dict


def prepare(asked):
    """Returns the `Job` for what is `Asked`; raises `ValueError` if it cannot be trained and evaluated."""
    preset, args, own, argv = asked
    keras.config.set_dtype_policy(args.precision)
    strategy = make_strategy(args.strategy)
    if cluster.is_chief(strategy):
        check_folder(run_folder(preset, args))
    data = load(preset, args).limited(args.train_examples)
    keras.utils.set_random_seed(args.seed)
    with strategy.scope():
        experiment = started(preset.build(data, **own), args)
    protocol = {name: getattr(experiment, name) for name in ("epochs", "warm_up", "patience", "batch_size")}
    if args.patience and experiment.monitor is None:
        raise ValueError(f"Expected no --patience for {preset.name}, which has no early stopping. Received: --patience {args.patience}")
    if args.warm_up and not experiment.model.has_likelihood:
        why = f"{preset.name}, which has no divergence that beta scales"
        raise ValueError(f"Expected no --warm-up for {why}. Received: --warm-up {args.warm_up}")
    experiment = experiment._replace(
        epochs=args.epochs or experiment.epochs,
        batch_size=args.batch_size or experiment.batch_size,
        warm_up=experiment.warm_up if args.warm_up is None else args.warm_up,
        patience=args.patience or experiment.patience,
    )
    with strategy.scope():
        own_steps, num_steps = (max(1, len(data.train.x) // size) for size in (protocol["batch_size"], experiment.batch_size))
        experiment = optimized(in_epochs(experiment, own_steps, num_steps), args, train_steps(experiment, data))
    cluster.check_batch_size(experiment.batch_size, strategy)
    check_trainable(preset.name, data, experiment, args.features, args.split)
    config = config_of(preset, own, args, experiment, data) | other_settings(preset, args, protocol["batch_size"])
    config |= {"protocol": protocol, "command": "python -m training.train " + shlex.join(argv), "versions": versions()}
    return Job(preset, args, strategy, data, experiment, config)


def train(argv):
    """Runs the whole job of a command line, a list of strings, and returns the run folder."""
    return run(parse(argv))


def run(asked):
    """Runs the whole job for what is `Asked` and returns the run folder."""
    job = prepare(asked)
    args, data, experiment, strategy = job.args, job.data, job.experiment, job.strategy
    folder, is_chief = run_folder(job.preset, args), cluster.is_chief(strategy)
    full = room_in(folder, "make some, and pass --resume to go on from the last checkpoint")
    with full, locked(folder) if is_chief else contextlib.nullcontext():
        with cluster.lost_workers(strategy):
            run = Run(folder, job.config, args.resume, experiment.monitor, is_chief)
            fit(run, data, experiment, args, strategy)
        keras.config.set_dtype_policy("float32")  # for the feature networks
        if is_chief:  # one of several workers goes on alone
            model = load_model(folder / "model.keras") if is_multiworker(strategy) else experiment.model
            finish(run, data, model, args)
    return folder


def run_folder(preset, args):
    """Returns the run folder that the flags name, or else the preset's."""
    return Path(args.run_dir or Path("runs") / preset.name)


def load(preset, args):
    """Returns the data set that the flags name, or else the preset's; raises `ValueError` for a size of images that it would not have."""
    name = args.dataset or preset.dataset
    data = data_module.load(name, args.data_dir, args.image_size or preset.image_size, args.value_range)
    expected = "no --image-size for a data set whose images are not resized, as those of folder:PATH and of prepared faces are"
    require(args.image_size is None or data_module.is_resized(name, args.data_dir), expected, dataset=name, image_size=args.image_size)
    return data


def other_settings(preset, args, batch_size):
    """Returns what makes a run another experiment than its preset's: batch size, image size and precision, where they are not its own."""
    own = {"batch_size": batch_size, "image_size": preset.image_size, "precision": "float32"}
    others = {name: getattr(args, name) for name, value in own.items() if getattr(args, name) not in (None, value)}
    return {"other_settings": others} if others else {}


def config_of(preset, own, args, experiment, data):
    """Returns the settings of a run, of which its resumption may change the epochs alone, unless schedules depend on them."""
    has_schedule = experiment.paced is not None or args.cosine_decay is not None
    return {
        **({"schedule_steps": train_steps(experiment, data)} if has_schedule else {}),
        "preset": preset.name,
        "arguments": own,
        "dataset": args.dataset or preset.dataset,
        "data_source": data_module.located(args.dataset or preset.dataset),
        "image_size": args.image_size or preset.image_size,
        "value_range": args.value_range,
        **{name: getattr(args, name) for name in FURTHER if getattr(args, name) is not None},
        **({} if args.start_from is None else {"start_from": experiment.start.made}),
        "data_sha256": data.sha256(),
        "labels_sha256": data.labels_sha256(),
        "seed": args.seed,
        "epochs": experiment.epochs,
        "batch_size": experiment.batch_size,
        "warm_up": experiment.warm_up,
        "patience": experiment.patience,
        "monitor": experiment.monitor,
        "strategy": args.strategy,
        "precision": args.precision,
    }


def train_steps(experiment, data):
    """Returns the number of train steps of a whole run."""
    return experiment.epochs * (len(data.train.x) // experiment.batch_size)


def check_trainable(preset, data, experiment, features, evaluated_on="test"):
    """Raises `ValueError` unless a preset's model can be trained and evaluated on data, and exported, before anything is written."""
    support = experiment.model.support
    if len(data.train.x) < experiment.batch_size:
        expected = f"at least one batch of {experiment.batch_size} training examples: pass a smaller --batch-size"
        raise ValueError(f"Expected {expected}. Received: {len(data.train.x)}")
    if data.has_gaps() and "mask" not in experiment.model.accompanied_by:
        expected = "a preset that takes missing values (NaN), such as vae_mnist, mog_prior_mnist or iwae_mnist"
        raise ValueError(f"Expected {expected}, or data without gaps. Received: {preset}, whose encoder has no mask, for {data.name}")
    if experiment.warm_up > 1 and not getattr(experiment.model, "can_warm_up", True):
        raise ValueError(f"Expected no --warm-up for {preset}, all of whose loss beta scales. Received: --warm-up {experiment.warm_up}")
    experiment.model.check_batch_size(experiment.batch_size)
    resolve_features(features, experiment.model, data, evaluated_on)
    labels = data.few_labels(experiment.num_labels, 0)
    if labels is not None:
        num_classes = 1 + labels.max()
        expected = f"--num-components of at least {num_classes}, one for each class of {data.name}"
        require(num_classes <= experiment.model.num_components, expected, num_components=experiment.model.num_components)
    for split in sorted({"validation", evaluated_on} | (set() if data.binarizes(support) else {"train"})):
        x = data.arrays(split, support)
        is_known = getattr(data, split).x.dtype == np.uint8 and support is not BINARY  # 8-bit values over 255 lie in every other support
        experiment.model.check(x[:1] if is_known else x, f"{data.name} {split}")
    if support is REAL is data.support and len(data.shape) == 1:  # all columns share one scale
        (_, first), *_ = blocks(data.train.x)
        warn_of_unlike_scales(dict(enumerate(first.T)), "standardise each, (x - mean) / standard deviation")
    check_exportable(experiment.model)


def fit(run, data, experiment, args, strategy):
    """Trains, from the last checkpoint if there is one, and saves the model with its best weights."""
    model, support = experiment.model, experiment.model.support
    steps = len(data.train.x) // experiment.batch_size
    validation, labels = data.arrays("validation", support), data.few_labels(experiment.num_labels, args.seed)
    with strategy.scope():
        compile_model(experiment, args, steps_per_execution=steps_per_execution(steps))
    first = run.restore(model)
    if args.resume and first == 0 and run.writes:
        print(f"nothing to resume in {run.folder}: starting with epoch 1")
    settings = {key: value for key, value in run.config.items() if key not in RESUMABLE}
    cluster.check_alike(strategy, settings=settings, epochs=experiment.epochs, checkpoint=(first, run.history))
    if first == 0 and experiment.start is not None:
        began_at = time.monotonic()
        with strategy.scope():
            experiment.start(experiment, data, args.seed)
        cluster.copy_chief(strategy, model)
        run.start_timing = [{"seconds": time.monotonic() - began_at}]
    recorder = Recorder(run, args.checkpoint_seconds)
    acting = callbacks_of(run, data, experiment, recorder)
    is_over = any(callback.is_over() for callback in acting if isinstance(callback, EarlyStopping))
    if first < experiment.epochs and not is_over:
        batches = lambda epoch, replica_slice=ALL: data.batches(  # noqa: E731
            experiment.batch_size, support, args.seed, epoch, experiment.augment, replica_slice, args.data_service, labels
        )
        if run.writes:  # the run has not ended: its old weights and their evaluation would stand beside the history of the new ones
            for name in ("model.keras", "evaluation.json", evaluate.LIKELIHOODS):
                (run.folder / name).unlink(missing_ok=True)
        with save_on_exit(recorder, batches, args.dump_bad_batch):
            model.fit(
                cluster.shared(strategy, lambda replica_slice: batches(first, replica_slice)),
                epochs=experiment.epochs,
                initial_epoch=first,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=cluster.shared(strategy, lambda replica_slice: in_order(validation, experiment.batch_size, replica_slice)),
                verbose=0,
                callbacks=acting,
            )
    if not run.writes:
        return
    model.set_weights(run.best)
    save(run.folder / "model.keras", model, data)


def compile_model(experiment, args, **kwargs):
    """Compiles the model of an experiment, with the seed of the command line."""
    model = experiment.model
    model.seed = args.seed
    model.compile(experiment.optimizer, experiment.optimizers, experiment.jit_compile, check_gradients=args.dump_bad_batch, **kwargs)


def callbacks_of(run, data, experiment, recorder):
    """Returns the callbacks of a run, in the order in which they act."""
    model, monitor, labels = experiment.model, experiment.monitor, data.labels("validation")
    warm_up = [callbacks.KLWarmUp(experiment.warm_up)] if model.has_likelihood else []
    watching, drawing = [], []
    if monitor is not None:
        watching = [callbacks.EarlyStopping(experiment.patience, experiment.warm_up, monitor, run.past(monitor))]
    if run.writes:
        few = data.arrays("validation", model.support)[:200], max(10, experiment.epochs // 20), labels if labels is None else labels[:200]
        drawing = [callbacks.TensorBoard(run.folder / "logs", *few), callbacks.EpochLine()]
    return [callbacks.StopOnNaN(), *warm_up, *experiment.callbacks, *watching, recorder, *drawing]


def save(path, model, data):
    """Fits a prior that gradients do not train and saves the model, which is kept even if the fit fails with an error."""
    error = None
    try:
        model.fit_prior(data.fixed("train", model.support), verbose=1)
    except ValueError as failure:
        error = failure
    with atomically(path) as temporary:
        model.save(temporary)
    if error is not None:
        raise ValueError(f"{error}; the trained model is kept, without a density to sample, in {path}") from error


def finish(run, data, model, args):
    """Evaluates, draws pictures, exports, samples the export, and prints where everything is."""
    folder = run.folder
    report = evaluate.evaluate(folder, model, data, args.split, *likelihood_counts(run, data, args), args.features, verbose=1)
    made = {"model": folder / "model.keras", "evaluation": folder / "evaluation.json"}
    made |= pictures.draw(folder, model, data, args.split)
    made["settings, figures, latents in TensorBoard"] = dashboards.write(run, model, data, args.split, report)
    made["exported decoder and sampler"] = artifact = export_model(model, folder / "export")
    made["samples by ONNX Runtime"] = sampled = folder / ("exported_samples.png" if data.is_images() else "exported_samples.npy")
    save_samples(sampled, export.sample.sample(artifact)[0])
    print(f"\n{evaluate.describe(report)}\n")
    for what, where in made.items():
        print(f"{what:42} {where}")
    print(f"\nLook at the training:   tensorboard --logdir {folder / 'logs'}")
    if "num_samples" in report and not args.full_evaluation:
        print(f"Evaluate as papers do:  python -m training.evaluate {folder}")
    print(f"Sample the export:      python -m export.sample {artifact} --component 0 --out component{sampled.suffix}")


def save_samples(path, x):
    """Writes samples of the export, [N, *], to FILE.png as a grid with its caption, or to FILE.npy."""
    if path.suffix == ".npy":
        export.sample.write_samples(path, x)
        return
    with atomically(path) as temporary:
        save_png(temporary, Grid(x, 8, "Samples of the exported model, drawn with ONNX Runtime").picture())


def likelihood_counts(run, data, args):
    """Returns the numbers of importance samples and examples for an evaluation: the flags', or else those that are `affordable`."""
    if args.full_evaluation:
        return args.likelihood_samples or PAPERS_SAMPLES, args.likelihood_examples
    num_trained, num_examples = len(run.history) * len(data.train.x), len(getattr(data, args.split).x)
    num_samples, num_likelihood_examples = evaluate.affordable(num_trained, num_examples, args.likelihood_samples)
    return num_samples, args.likelihood_examples or num_likelihood_examples
