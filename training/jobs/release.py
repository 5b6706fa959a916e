"""Make the packages that come with the library: run folders of the digits and MNIST, with rounded weights, evaluated anew."""

import tempfile

from export.compact import round_weights
from export.package import published, write_package
from export.storage.files import read_history
from keras_vaemix.core.part import require
from training.jobs.evaluate import evaluate
from training.runs.run import open_run, stopped

DATA = ("digits", "mnist")  # whose terms let everyone have what was learnt from them
MAX_BYTES = 5_000_000  # of all packages together


def run(args):
    """Packages every run, prints how large the packages are, and raises `ValueError` if they are too large together."""
    folders = [package(folder, args) for folder in args.runs]
    sizes = {folder.name: size_of(folder) for folder in folders}
    for name, size in sizes.items():
        print(f"{name:24} {size:9} bytes")
    total = size_of(args.out)
    require(total <= MAX_BYTES, f"at most {MAX_BYTES} bytes in {args.out}: release fewer runs, or with fewer --bits", bytes=total)


def package(run, args):
    """Packages a run with rounded weights, and returns the package's folder."""
    model, data = open_run(run, args.data_dir)
    require(data.name in DATA, f"runs on {' or '.join(DATA)}", run=str(run), dataset=data.name)
    config = published(run)
    history = read_history(run / "history.csv", "epoch")
    config |= {"significant_bits": args.bits, "stopped": stopped(config, history, config.get("protocol", {}))}
    round_weights(model, args.bits)
    with tempfile.TemporaryDirectory() as folder:
        evaluation = evaluate(folder, model, data, "test", args.num_samples, args.likelihood_examples)
    return write_package(model, config, evaluation, args.out / config["preset"])


def size_of(folder):
    """Returns the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
