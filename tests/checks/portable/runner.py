"""Runs the programs of `dump` with JAX's client on whatever device JAX has; needs only JAX and NumPy."""

import fcntl
import json
import math
import re
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)  # optimizers count in int64

import numpy as np  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402
from jax._src.lib import xla_client  # noqa: E402
from jax._src.lib.mlir import ir  # noqa: E402
from jax.extend.mlir import hlo_to_stablehlo  # noqa: E402

from export.storage.files import atomically, write_json  # noqa: E402


class Programs:
    """The programs of a preset, compiled for a device when they are first called, with their state there.

    Args:
        path: What `dump` wrote.
    """

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        self.record = json.loads(arrays["record"].tobytes())
        arrays |= {name: drawn(*source) for name, source in self.record["drawn"].items()}
        self.arrays, self.device, self.compiled, self.seconds = arrays, jax.devices()[0], {}, {}
        self.state = [self.put(arrays[name]) for name in sorted(arrays) if name.startswith("state_")]
        if self.record["data"] is None:
            self.data = {"train": arrays["train"]}
        else:
            with np.load(Path(path).parent / self.record["data"], allow_pickle=False) as file:
                self.data = dict(file)

    def put(self, value):
        return jax.device_put(value, self.device)

    def executable(self, what):
        """Returns a program, compiled."""
        if what not in self.compiled:
            began = time.monotonic()
            module = portable(hlo_to_stablehlo(self.arrays.pop(f"program_{what}").tobytes()))
            devices, options = xla_client.DeviceList((self.device,)), xla_client.CompileOptions()
            self.compiled[what] = self.device.client.compile_and_load(module, devices, options)
            self.seconds[what] = time.monotonic() - began
        return self.compiled[what]

    def call(self, what, **inputs):
        """Runs a program, updates the state, and returns its first output, on the device."""
        executable, how = self.executable(what), self.record["programs"][what]
        given = [inputs[name] for name in how["inputs"]] + [self.state[place] for place in how["state"]]
        results = [shards[0] for shards in executable.execute_sharded(given).disassemble_into_single_device_arrays()]
        for output, place in how["back"]:
            self.state[place] = results[output]
        return results[0]

    def figures(self, what, **inputs):
        """Runs a program and returns its figures by name."""
        return dict(zip(self.record["figures"], np.asarray(self.call(what, **inputs)).tolist(), strict=True))

    def schedule(self, epoch):
        """Applies the schedule at the start of an epoch."""
        for when, place, value in self.record["schedule"]:
            if when == epoch:
                self.state[place] = self.put(np.float32(value))


def portable(module):
    """Returns a StableHLO module, as text, without the copies that only XLA itself supports: clients of other devices refuse them."""
    with mlir.make_ir_context():
        text = ir.Module.parse(module).operation.get_asm()
    return re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text).encode()


def drawn(shape, dtype, mean, spread):
    """Returns a random array of this description: a constant if the spread is zero, uniform 8-bit integers, or normal numbers."""
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if spread == 0:
        return np.full(shape, mean, dtype)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype)
    return (mean + spread * rng.standard_normal(shape, "float32")).astype(dtype)


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
            self.best = {place: np.asarray(programs.state[place]) for place in self.record["weights"]}

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
        programs, how = self.programs, self.record["likelihood"]
        for place, value in self.best.items():
            programs.state[place] = programs.put(value)
        x, size, chunks = programs.data["test"], how["batch_size"], programs.put(np.int32(how["num_chunks"]))
        results = []
        for i, seed in enumerate(how["seeds"]):
            batch = x[i * size : (i + 1) * size]
            filled = programs.put(np.resize(batch, (size, *x.shape[1:])))
            results.append(programs.call("likelihood", x=filled, num_chunks=chunks, seed=programs.put(np.int32(seed)))[:, : len(batch)])
        return np.concatenate([np.asarray(result) for result in results], axis=1)


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


def measure(path, out, seconds):
    """Times train steps for about `seconds` and writes OUT/NAME.timing.json.

    It compiles at once, then waits for OUT/go if OUT/wait exists, and for other processes, so that one uses the device at a time.
    """
    programs, name, out = Programs(path), Path(path).stem, Path(out)
    x, epochs = programs.put(programs.data["train"]), []
    programs.executable("train")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.ready").touch()
    while (out / "wait").exists() and not (out / "go").exists():
        time.sleep(0.05)
    with open(out / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = programs.figures("train", x=x, epoch=programs.put(np.int64(0)))  # warms up
        while sum(epochs) < seconds or len(epochs) < 3:
            began = time.monotonic()
            last = programs.figures("train", x=x, epoch=programs.put(np.int64(len(epochs) + 1)))
            epochs.append(time.monotonic() - began)
    memory = programs.device.memory_stats() or {}
    figures = {
        "milliseconds": 1e3 * float(np.median(epochs)) / programs.record["steps"],
        "steps": len(epochs) * programs.record["steps"],
        "batch_size": programs.record["config"]["batch_size"],
        "compile_seconds": programs.seconds["train"],
        "peak_mib": memory.get("peak_bytes_in_use", 0) / 2**20,
        "device": programs.device.device_kind,
        "command": programs.record["config"]["command"],
        "jax": jax.__version__,
        "loss": [first["loss"], last["loss"]],
    }
    write_json(out / f"{name}.timing.json", figures)
    print(path, figures, flush=True)
