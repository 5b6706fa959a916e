"""Times the programs of `dump` on a device, or compares it with the CPU; needs only JAX and NumPy."""

import contextlib
import fcntl
import time
from pathlib import Path

import jax
import numpy as np

from export.storage.files import write_json
from tests.checks.portable.runner import Programs

TOLERANCE = 1e-4  # of figures after a few steps, relative to one or to the figure if that is larger: float32 is summed in another order


def measure(path, out, seconds):
    """Times train steps, and log p(x) of the test set if its program is there, for about `seconds` each: OUT/NAME.timing.json.

    It compiles at once, then waits for OUT/go if OUT/wait exists, and for other processes, so that one uses the device at a time.
    """
    programs, name, out = Programs(path), Path(path).stem, Path(out)
    record = programs.record
    for what in record["programs"]:
        programs.executable(what)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.ready").touch()
    while (out / "wait").exists() and not (out / "go").exists():
        time.sleep(0.05)
    figures = {
        "batch_size": record["config"]["batch_size"],
        "compile_seconds": programs.seconds["train"],
        "device": programs.device.device_kind,
        "command": record["config"]["command"],
        "jax": jax.__version__,
    }
    with one_at_a_time(out):
        try:
            figures |= steps(programs, seconds) | peak_memory(programs.device)
            figures |= estimates(programs, seconds) if record["likelihood"] else {}
        except jax.errors.JaxRuntimeError as error:  # too little memory
            figures["error"] = str(error).splitlines()[0][:300]
    write_json(out / f"{name}.timing.json", figures)
    print(path, figures, flush=True)


@contextlib.contextmanager
def one_at_a_time(out):
    """Keeps the device from other processes that use the same lock."""
    with open(out / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def steps(programs, seconds):
    """Returns the median milliseconds of a train step over whole epochs, and the losses of the first and the last one."""
    x, epochs, number = programs.put(programs.data["train"]), [], programs.record["steps"]
    first = programs.figures("train", x=x, epoch=programs.put(np.int64(0)))  # warms up
    while sum(epochs) < seconds or len(epochs) < 3:
        began = time.monotonic()
        last = programs.figures("train", x=x, epoch=programs.put(np.int64(len(epochs) + 1)))
        epochs.append(time.monotonic() - began)
    milliseconds = 1e3 * float(np.median(epochs)) / number
    return {"milliseconds": milliseconds, "steps": len(epochs) * number, "loss": [first["loss"], last["loss"]]}


def peak_memory(device):
    """Returns the most memory that was in use on a device, in MiB."""
    return {"peak_mib": (device.memory_stats() or {}).get("peak_bytes_in_use", 0) / 2**20}


def estimates(programs, seconds):
    """Returns the seconds that log p(x) of the whole test set takes, from its first batches, and how many samples that is."""
    how, turns, began = programs.record["likelihood"], [], time.monotonic()
    for _ in programs.estimates():
        turns.append(time.monotonic() - began)
        began = time.monotonic()
        if sum(turns) > seconds and len(turns) > 1:
            break
    total = float(np.median(turns[1:] or turns)) * len(how["seeds"])  # the first batch warms up
    return {"likelihood_seconds": total, "likelihood_batches": len(turns), "num_samples": how["num_samples"]}


def check(path, out):
    """Trains an epoch on this device and on the CPU of its machine, and writes OUT/NAME.check.json.

    Raises:
        ArithmeticError: Their figures differ by more than `TOLERANCE`.
    """
    figures, device = [], jax.devices()[0]
    for own in (device, jax.devices("cpu")[0]):
        programs = Programs(path, own)
        programs.schedule(0)
        figures.append(programs.figures("train", x=programs.put(programs.data["train"]), epoch=programs.put(np.int64(0))))
    found = difference(*figures)
    report = {"device": device.device_kind, "steps": programs.record["steps"], "here": figures[0], "cpu": figures[1]}
    write_json(Path(out) / f"{Path(path).stem}.check.json", report | {"difference": found, "equal": found <= TOLERANCE})
    print(f"{path}: {found:.1e} from the CPU after {programs.record['steps']} steps", flush=True)
    if not found <= TOLERANCE:
        raise ArithmeticError(f"Expected the figures of {path} within {TOLERANCE} of the CPU's. Received: {figures[0]}, not {figures[1]}")


def difference(figures, expected):
    """Returns the largest difference of figures by name, relative to one or to the expected figure if that is larger."""
    both = np.array([[figures[name], expected[name]] for name in expected])
    return float(np.max(np.abs(both[:, 0] - both[:, 1]) / np.maximum(1.0, np.abs(both[:, 1]))))
