"""Kills runs at random moments, resumes them until they are done, and compares them with runs that were left alone.

    python -m tests.checks.kills --kills 20 --seed 0

prints {preset: {kills, survived, bit_identical}}: after every kill, each file of the run folder is intact or absent; in the end,
weights, optimizers, history and figures are those of the run that was left alone, bit for bit.
"""

import argparse
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np

from export.shell.later import load
from export.storage.files import read_config, read_history

DIGITS = ["--dataset", "digits", "--networks", "mlp", "--hidden", "16", "--latent-dim", "4"]
RUNS = {  # one of each kind of model
    "mog_prior_digits": ["--num-components", "3", "--latent-dim", "2"],
    "cp_vae_digits": ["--num-components", "5", "--latent-dim", "3", "--pretraining", "1", "--hold-categories", "1"],
    "hvae_digits": ["--latent-dim", "3"],
    "mask_aae_mnist": [*DIGITS, "--critic-units", "16", "--growth-steps", "5"],
    "flex_ae_mnist": [*DIGITS, "--critic-units", "16"],
    "wae_gan_mnist": [*DIGITS, "--critic-units", "16"],
    "two_stage_mnist": [*DIGITS, "--second-units", "16", "--first-epochs", "1"],
    "gamix_faces": ["--dataset", "npz:faces.npz", "--latent-dim", "4", "--width", "4", "--discriminator-layers", "1", "--batch-size", "20"],
    "gmmp_mnist": ["--dataset", "npz:tiny.npz", "--decoder", "pixel", "--num-pseudo-inputs", "3", "--batch-size", "20"],
}
COMMON = ["--epochs", "3", "--checkpoint-seconds", "0", "--likelihood-samples", "2", "--likelihood-examples", "10", "--features", "none"]


def write_data():
    """Writes the small data sets that some presets are trained on into the working folder."""
    rng = np.random.default_rng(0)
    np.savez("faces.npz", x=rng.integers(0, 256, (100, 16, 16, 3), dtype="uint8"))
    np.savez("tiny.npz", x=255 * rng.integers(0, 2, (100, 8, 8, 1), dtype="uint8"))


def start(preset, folder, *more, prepare=lambda: None):
    """Starts a run in a separate process, which calls `prepare()` first, and returns its process id.

    TensorFlow is already imported, but has not computed anything yet.
    """
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    log = os.open(f"{folder}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from training import train

    prepare()
    os._exit(train.main([preset, *RUNS[preset], *COMMON, "--run-dir", str(folder), *more]))


def wait(process, seconds):
    """Waits for the end of a process, kills it after `seconds`, and returns its exit status, -9 if it was killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def arrays(file):
    """Returns the arrays of an HDF5 file."""
    found = {}
    with h5py.File(file, "r") as h5:
        h5.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def contents(folder):
    """Returns the contents of a run folder; raises an error for a file that is not intact."""
    from export.manifest import read_manifest

    found = {"config.json": read_config(folder / "config.json")} if (folder / "config.json").exists() else {}
    found["history.csv"] = read_history(folder / "history.csv")
    for path in sorted((folder / "checkpoint").glob("[!.]*")):
        found[path.name] = arrays(path) if path.suffix == ".h5" else dict(np.load(path))
    if (folder / "model.keras").exists():
        with zipfile.ZipFile(folder / "model.keras") as archive:
            found["model.keras"] = arrays(io.BytesIO(archive.read("model.weights.h5")))
    if (folder / "evaluation.json").exists():
        found["evaluation.json"] = json.loads((folder / "evaluation.json").read_text())
    if (folder / "export").exists():
        found["component_weights"] = read_manifest(folder / "export", is_whole=True)["component_weights"]
    return found


def is_same(one, other):
    """Returns whether two things that `contents` returned are equal bit for bit, except for commands, which name their folders."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one if key != "command")
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def kill(preset, number, rng, prepare=lambda: None):
    """Kills runs of a preset `number` times, resumes them to the end, and returns the outcome; each process calls `prepare()` first."""
    alone = Path(f"{preset}-alone").absolute()
    began = time.monotonic()
    status = wait(start(preset, alone, prepare=prepare), 3600)
    if status != 0:
        raise RuntimeError(Path(f"{alone}.log").read_text())
    seconds, expected = time.monotonic() - began, contents(alone)
    kills = survived = identical = runs = 0
    while kills < number:
        folder, status, runs = Path(f"{preset}-{runs}").absolute(), None, runs + 1
        while status != 0:
            is_killed = kills < number
            process = start(preset, folder, "--resume", prepare=prepare)
            status = wait(process, rng.uniform(0, seconds) if is_killed else 3600)
            if status == -signal.SIGKILL:
                kills += 1
                contents(folder)
                survived += 1
            elif status != 0:
                raise RuntimeError(Path(f"{folder}.log").read_text())
        identical += is_same(contents(folder), expected)
    return {"kills": kills, "survived": survived, "runs": runs, "bit_identical": identical == runs, "seconds_alone": round(seconds, 1)}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.checks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="number of kills, over all presets")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    parser.add_argument("--presets", nargs="+", default=list(RUNS), choices=RUNS, metavar="PRESET", help="presets (default: all)")
    args = parser.parse_args(argv)
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # short runs compile more than they compute
    load("keras_vaemix")
    rng, report = random.Random(args.seed), {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["VAEMIX_CACHE"] = folder
        write_data()
        for i, preset in enumerate(args.presets):
            number = args.kills * (i + 1) // len(args.presets) - args.kills * i // len(args.presets)
            report[preset] = kill(preset, number, rng)
            print(json.dumps({preset: report[preset]}), file=sys.stderr, flush=True)
    print(json.dumps(report, indent=2))
    return 0 if all(row["survived"] == row["kills"] and row["bit_identical"] for row in report.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
