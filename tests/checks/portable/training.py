"""Trains with the programs of `dump` until early stopping, the last epoch, or the end of the time; needs only JAX and NumPy."""

import json
import math
import time
from pathlib import Path

import jax
import numpy as np

from export.storage.files import atomically, write_json
from tests.checks.portable.runner import Programs


def is_over(values, patience, warm_up):
    """Returns whether the last `patience` epochs, none in the warm-up, brought no improvement: the rule of `callbacks.EarlyStopping`."""
    best = int(np.argmin(values)) if values else 0
    return len(values) - max(best + 1, warm_up) >= patience


class Training:
    """A run in progress, with its files.

    Args:
        path: What `dump` wrote.
        out: Folder where OUT/NAME.npz is written, and read if it exists.
    """

    def __init__(self, path, out):
        self.programs, self.path = Programs(path), Path(out) / Path(path).name
        self.record, self.history, self.timing, self.best = self.programs.record, [], [], None
        self.judged = False
        self.x, self.validation = (self.programs.put(self.programs.data[split]) for split in ("train", "validation"))
        if self.path.exists():
            self.restore()

    def restore(self):
        """Resumes from what was written."""
        with np.load(self.path, allow_pickle=False) as file:
            arrays = dict(file)
        outcome = json.loads(arrays["outcome"].tobytes())
        if outcome["record"] != self.record:
            raise ValueError(f"Expected a file that these programs wrote. Received: {self.path}, of other programs")
        self.history, self.timing, self.judged = outcome["history"], outcome["timing"], "log_likelihood" in arrays
        self.best = {place: arrays[f"best_{place:04d}"] for place in self.record["weights"]}
        for place in range(len(self.programs.state)):
            if f"last_{place:04d}" in arrays:
                self.programs.state[place] = self.programs.put(arrays[f"last_{place:04d}"])

    def values(self):
        """Returns the monitored value of each epoch."""
        return [row[self.record["monitor"]] for row in self.history] if self.record["monitor"] else []

    def stopped(self):
        """Returns how the run ended: "early", "maximum", or "unfinished"."""
        if self.record["monitor"] and is_over(self.values(), self.record["patience"], self.record["warm_up"]):
            return "early"
        return "maximum" if len(self.history) >= self.record["epochs"] else "unfinished"

    def epoch(self):
        """Trains and validates for an epoch."""
        began, epoch, programs = time.monotonic(), len(self.history), self.programs
        programs.schedule(epoch)
        figures = programs.figures("train", x=self.x, epoch=programs.put(np.int64(epoch)))
        figures |= {f"val_{name}": value for name, value in programs.figures("validation", x=self.validation).items()}
        if not all(map(math.isfinite, figures.values())):
            raise FloatingPointError(f"Expected finite figures. Received: {figures} after epoch {epoch + 1}")
        self.history.append({"epoch": epoch, **figures})
        self.timing.append({"epoch": epoch, "seconds": time.monotonic() - began})
        values = self.values()
        if not values or int(np.argmin(values)) == epoch:
            kept = zip(self.record["weights"], self.record["kept"], strict=True)
            self.best = {place: np.asarray(programs.state[source]) for place, source in kept}

    def write(self, resumable=True, **more):
        """Writes history, best weights and, if an unfinished run is to be resumed, the whole state."""
        stopped = self.stopped()
        outcome = {"record": self.record, "history": self.history, "timing": self.timing, "stopped": stopped}
        outcome |= {"device": self.programs.device.device_kind, "jax": jax.__version__, "compile_seconds": self.programs.seconds}
        arrays = {f"best_{place:04d}": value for place, value in self.best.items()} | more
        if stopped == "unfinished" and resumable:
            outcome["last"] = True
            arrays |= {f"last_{place:04d}": np.asarray(value) for place, value in enumerate(self.programs.state)}
        arrays["outcome"] = np.frombuffer(json.dumps(outcome).encode(), np.uint8)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomically(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        state = {"stopped": stopped, "epochs": len(self.history), "best": min(self.values(), default=None)}
        state |= {"seconds": round(sum(row["seconds"] for row in self.timing), 1), "judged": "log_likelihood" in more}
        write_json(self.path.with_suffix(".json"), state)

    def log_likelihood(self):
        """Returns the estimates [3, N] of the best weights for the test set: log p(x), its standard error, effective sample size."""
        for place, value in self.best.items():
            self.programs.state[place] = self.programs.put(value)
        return np.concatenate(list(self.programs.estimates()), axis=1)


def train(path, out, minutes, seconds_between):
    """Trains until early stopping, the last epoch, the end of the time, or OUT/stop; estimates log p(x) of a finished run."""
    began = written = time.monotonic()
    run = Training(path, out)
    if run.judged:
        return
    stop = Path(out) / "stop"
    while run.stopped() == "unfinished" and (not run.history or (time.monotonic() - began < 60 * minutes and not stop.exists())):
        run.epoch()
        if time.monotonic() - written > seconds_between:
            run.write()
            written = time.monotonic()
    run.write()
    if run.stopped() != "unfinished" and run.record["likelihood"]:
        run.write(log_likelihood=run.log_likelihood())
    last = {name: round(value, 3) for name, value in run.history[-1].items()}
    print(f"{run.path}: {run.stopped()}, {len(run.history)} epochs, {time.monotonic() - began:.0f} s; {last}", flush=True)


def judge(path, out):
    """Estimates log p(x) with the best weights of an unfinished run, and ends it: its state is not kept."""
    run = Training(path, out)
    if run.history and not run.judged and run.record["likelihood"]:
        run.write(resumable=False, log_likelihood=run.log_likelihood())
