"""A run folder: written atomically, resumable bit for bit."""

import math
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.storage.files import atomically, first_line, read_config, read_history, reserve, write_history, write_json
from keras_vaemix.callbacks import EarlyStopping
from keras_vaemix.core.part import require
from keras_vaemix.storage.archives import check_arrays
from keras_vaemix.storage.loading import load_model
from training import data as data_module
from training.presets.arguments import as_run

START_TIMING = "start_timing.csv"  # the seconds before the first epoch, of pretraining or of a first stage
ROUTE = {"route", "device", "jax"}  # where a run was trained, if not here
RESUMABLE = {"epochs", "protocol", "command", "versions", "data_source", *ROUTE}  # may differ between a run and its resumption
SKIPPED = "Skipping variable loading for optimizer"  # how Keras warns that an optimizer stays as it is
ADDED = {"patience", "labels_sha256", "other_settings"}  # settings that older runs lack


def open_run(folder, data_dir, dataset=None):
    """Returns the model of a run and the data that it was trained on.

    Args:
        folder: The run folder.
        data_dir: Folder of prepared files.
        dataset: `npz:PATH` or `folder:PATH` where the data are now; None for where they were.

    Raises:
        FileNotFoundError: There is no such run, or its data are not there.
        ValueError: The data are not those of the run.
    """
    config = read_config(Path(folder) / "config.json")
    model = load_model(Path(folder) / "model.keras")
    source = dataset or config.get("data_source", config["dataset"])  # older runs have the path as it was typed
    check_source(source, config["dataset"])
    data = data_module.load(source, data_dir, config["image_size"], config.get("value_range"))._replace(name=config["dataset"])
    data = data.limited(config.get("train_examples"))
    if data.sha256() != config["data_sha256"]:
        raise ValueError(f"Expected the data that the run was trained on, sha256 {config['data_sha256']}. Received: {data.sha256()}")
    labels = data.labels_sha256()
    if config.get("labels_sha256", labels) != labels:  # older runs lack it
        expected = f"the labels, shapes and dtypes of the data that the run was trained on, sha256 {config['labels_sha256']}"
        raise ValueError(f"Expected {expected}. Received: {labels}")
    return model, data


def check_source(source, recorded):
    """Raises an error unless the data of a run are read as they were recorded, and from a path that exists."""
    kind, _, path = source.partition(":")
    require(kind == kind_of(recorded), f"--dataset of the kind of the run's, {recorded}", dataset=source)
    if path and not Path(path).exists():
        expected = f"the data of the run at {path}: pass --dataset {kind}:PATH with where they are now"
        raise FileNotFoundError(f"Expected {expected}. Received: nothing there")


def kind_of(dataset):
    """Returns how a data set is read: npz or folder for one with a path, else its name."""
    return dataset.partition(":")[0]


class Run:
    """A run folder and its state on disk.

    Args:
        folder: The folder.
        config: Everything needed to run it again.
        resume: Whether to continue an earlier run in the folder.
        monitor: Column of the history whose minimum selects the best weights; None keeps the last.
        writes: Whether this process writes; of several workers, only the chief does.

    Raises:
        FileExistsError: The folder holds something other than a run, or a run and `resume` is false.
        ValueError: The earlier run had other settings.
    """

    def __init__(self, folder, config, resume=False, monitor="val_loss", writes=True):
        self.folder, self.checkpoints, self.monitor, self.writes = Path(folder), Path(folder) / "checkpoint", monitor, writes
        self.config, old = config, self.folder / "config.json"
        if resume and old.exists():
            earlier = read_config(old)
            check_same_settings(earlier, config)
            self.config = config = {**config, **{key: earlier[key] for key in ROUTE if key in earlier}}
        elif writes and old.exists():
            raise FileExistsError(
                f"Expected an empty run folder: pass --resume to continue its run, or another --run-dir. Received: {self.folder}, not empty"
            )
        elif writes and self.folder.exists() and (found := foreign(self.folder)):
            raise FileExistsError(
                f"Expected an empty run folder, or one with config.json: pass another --run-dir. Received: {self.folder}, with {found[0]}"
            )
        if writes:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        if writes and not old.exists():
            write_json(old, config)
        self.history = read_history(self.folder / "history.csv", "epoch", *([] if monitor is None else [monitor]))
        self.timing = read_history(self.folder / "timing.csv", "epoch", "seconds")
        self.start_timing = read_history(self.folder / START_TIMING, "seconds")
        self.best = None

    def restore(self, model):
        """Restores `model` from the last checkpoint, cuts the history there, and returns the number of finished epochs.

        Raises:
            ValueError: The checkpoint is damaged or that of another run; nothing is overwritten then.
        """
        epochs = self.restored(model)
        if self.writes:
            write_json(self.folder / "config.json", self.config)
        return epochs

    def restored(self, model):
        """Returns the number of epochs of the last checkpoint, to which `model` and the history are set."""
        saved = sorted(self.checkpoints.glob(f"epoch-{6 * '[0-9]'}.weights.h5"))
        if not saved:
            if self.config.get("route"):
                remedy = "record it (python -m training.record), or train it again in another --run-dir"
                raise ValueError(
                    f"Expected a run with a checkpoint: {remedy}. Received: {self.folder}, trained elsewhere, without its state"
                )
            self.history, self.timing, self.start_timing = [], [], []
            return 0
        read_checkpoint(saved[-1], lambda path: read_state(path, model))
        epochs = int(saved[-1].name.removeprefix("epoch-").partition(".")[0])  # not by the optimizer's steps, some of which float16 skips
        self.history, self.timing = self.history[:epochs], self.timing[:epochs]
        if len(self.history) < epochs:
            history = self.folder / "history.csv"
            raise ValueError(f"Expected {epochs} epochs in {history}, as in the checkpoint. Received: {len(self.history)}")
        best = self.checkpoints / f"best-{self.best_epoch():06d}.npz"
        self.best = read_checkpoint(best, lambda path: read_weights(path, model))
        if self.writes:
            self.remove_all_but(best, saved[-1])
        return epochs

    def past(self, name):
        """Returns a column of the history."""
        return [row[name] for row in self.history]

    def best_epoch(self):
        """Returns the epoch with the best weights, counted from zero."""
        return best_epoch(self.history, self.monitor)

    def save(self, model):
        """Writes a checkpoint: the history, the best weights so far, then the last weights with the optimizers' state."""
        if not self.writes:
            return
        epoch = len(self.history)
        self.write_history()
        best = self.checkpoints / f"best-{self.best_epoch():06d}.npz"
        if not best.exists():
            with atomically(best) as temporary, open(temporary, "wb") as file:
                np.savez(file, **{f"{i:06d}": array for i, array in enumerate(self.best)})
        last = self.checkpoints / f"epoch-{epoch:06d}.weights.h5"
        with atomically(last) as temporary:
            reserve(temporary, room_for(model.all_variables()))
            model.save_weights(temporary, overwrite=True)
        self.remove_all_but(best, last)

    def write_history(self):
        write_history(self.folder / "history.csv", self.history)
        write_history(self.folder / "timing.csv", self.timing)
        if self.start_timing:
            write_history(self.folder / START_TIMING, self.start_timing)

    def remove_all_but(self, *files):
        """Removes older checkpoints, and what a killed process left unfinished."""
        for old in self.checkpoints.iterdir():
            if old not in files:
                old.unlink()


def check_folder(folder):
    """Raises `ValueError` unless a folder is there, or can be made, and takes files."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.exists(path))
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=nearest):
            pass
    except OSError as error:
        expected = "--run-dir to be a folder that can be written, or a path where one can be made: pass another"
        raise ValueError(f"Expected {expected}. Received: {folder}, {error.strerror} at {nearest}") from None


def foreign(folder):
    """Returns the names in a folder, except what a run killed at its very start leaves: hidden files and an empty checkpoint folder."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return [name for name in names if name != "checkpoint" or any((folder / name).iterdir())]


def room_for(variables):
    """Returns a generous estimate of the bytes of variables in an HDF5 file: each has its values and its own headers."""
    return sum(int(np.prod(v.shape)) * tf.as_dtype(v.dtype).size + 4096 for v in variables) + 65536


def best_epoch(history, monitor):
    """Returns the index of the row of a history with the least value in a column, or of the last row for None."""
    require(history and (monitor is None or monitor in history[0]), f"a history with a column {monitor}", rows=len(history))
    return len(history) - 1 if monitor is None else int(np.argmin([row[monitor] for row in history]))


def stopped(config, history, protocol):
    """Returns how a run ended: "early", at the "maximum" number of epochs of its protocol, or "unfinished".

    Args:
        config: Its settings.
        history: Its history.
        protocol: `epochs`, `warm_up`, `patience` and `batch_size` of its protocol: a run with less patience, or another warm-up or
            batch size, does not count.
    """
    monitor, patience, warm_up = config.get("monitor"), config.get("patience", math.inf), config["warm_up"]
    is_other = any(name in protocol and config.get(name) != protocol[name] for name in ("warm_up", "batch_size"))
    if is_other or patience < protocol.get("patience", patience):
        return "unfinished"
    past = [row[monitor] for row in history] if monitor is not None else []
    if past and "patience" in config and EarlyStopping(patience, warm_up, monitor, past).is_over():  # older runs lack it
        return "early"
    return "maximum" if len(history) >= protocol.get("epochs", math.inf) else "unfinished"


def read_checkpoint(path, read):
    """Returns `read(path)`, with one clear error for a file that is damaged or missing."""
    try:
        return read(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        remedy = "delete the checkpoint to train again"
        raise ValueError(f"Expected {path} to be a whole checkpoint of this run: {remedy}. Received: {first_line(error)}") from None


def read_state(path, model):
    """Loads the weights and the optimizers' state of a checkpoint; raises `ValueError` for those of another optimizer."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", SKIPPED)
        model.load_weights(path)
    for one in caught:
        if str(one.message).startswith(SKIPPED):
            raise ValueError(f"a state that does not fit the optimizer {str(one.message).removeprefix(SKIPPED).strip()}")
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def read_weights(path, model):
    """Returns the arrays of an .npz file in the order of their names; raises `ValueError` unless they can be the weights of a model."""
    check_arrays(path)
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        weights = [arrays[name] for name in sorted(arrays.files)]
    expected, received = ([np.shape(weight) for weight in some] for some in (model.get_weights(), weights))
    require(received == expected, f"weights of the shapes of the model, {expected}", shapes=received)
    return weights


def check_same_settings(old, new):
    """Raises `ValueError` unless two runs have the same settings; the old one may lack newer settings and flags."""
    if old["preset"] == new["preset"] and isinstance(old.get("arguments"), dict):
        old, new = ({**config, "arguments": as_run(config["preset"], config["arguments"])} for config in (old, new))
    old, new = flat(old), flat(new)
    moved = {"dataset"} if are_on_same_data(old, new) else set()
    keys = sorted({*old, *new} - RESUMABLE - moved - (ADDED - set(old)), key=lambda key: (key != "preset", key))
    different = [key for key in keys if old.get(key) != new.get(key)]
    if different:
        changes = "; ".join(f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in different)
        raise ValueError(
            f"Expected --resume with the settings of the saved run: repeat them, or choose another --run-dir. Received: {changes}"
        )


def are_on_same_data(*configs):
    """Returns whether runs read the same data in the same way, by their hash, wherever they lie."""
    return len({(kind_of(config.get("dataset", "")), config.get("data_sha256")) for config in configs}) == 1


def flat(config):
    """Returns settings in which the preset's arguments stand beside the others, named as flags."""
    arguments = config.get("arguments")
    if not isinstance(arguments, dict):
        return config
    rest = {key: value for key, value in config.items() if key != "arguments"}
    return rest | {f"--{name.replace('_', '-')}": value for name, value in arguments.items()}
