"""The time of a train step of our presets in plain PyTorch on a GPU: eager, compiled, and as one CUDA graph.

    python -m tests.benchmarks.gpu_rivals --data train.npy --out rivals.json --limit 150

It needs only PyTorch and NumPy. The 8-bit images are on the device; a step draws a batch of them, binarises it if the model takes binary
digits, and makes the forward and backward pass and the updates of the optimizers, which are fused. Kinds: `eager`; `compiled`, by
`torch.compile`; `graph`, the whole step captured once and replayed as a CUDA graph; `compiled_graph`, both. Each is measured in float32
throughout and with `tf32`, which products and convolutions may use on a GPU. cuDNN tries its convolutions and takes the fastest.

Every figure is written at once, a failure as its message, and what is in `--out` is not measured again: the same command resumes. A cell
that hangs or fails is given up with its process, and the next one has a new process. If memory is too small, the batch is halved. Peak
memory is that of PyTorch's tensors, including the images.
"""

import argparse
import contextlib
import datetime
import gc
import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from tests.benchmarks.rival_rows import COMPILED, COMPILED_GRAPH, GRAPH, KINDS, ROWS
from tests.benchmarks.torch_steps import captured, measured

PRECISIONS = {"float32": "highest", "tf32": "high"}  # as `torch.set_float32_matmul_precision` names them
NUM_DIGITS, NUM_FACES = 50_000, 640


class Cell(NamedTuple):
    """One measurement."""

    kind: str
    row: str
    factor: int
    precision: str


def cells(args):
    """Returns what is measured, in this order: by precision, by factor of the batch, by kind, and in each the rows in the given order."""
    found = itertools.product(args.precisions, args.factors, args.kinds, args.rows)
    return [Cell(kind, row, factor, precision) for precision, factor, kind, row in found if kind in ROWS[row].kinds]


# The measuring process.


def images_of(side, path, device):
    """Returns 8-bit digits [N, 28, 28] from a file, or else random images of the given side."""
    if side == 28 and path is not None:
        read = np.load(path, allow_pickle=False)
        digits = read if isinstance(read, np.ndarray) else read["x_train"]
        return torch.tensor(digits[:NUM_DIGITS].reshape(-1, 28, 28), device=device)
    shape = (NUM_DIGITS, 28, 28) if side == 28 else (NUM_FACES, side, side, 3)
    return torch.randint(256, shape, dtype=torch.uint8, device=device)


def serve(connection, device, path):
    """Measures one cell after the other until the other end of the pipe closes."""
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    images = {}
    with contextlib.suppress(EOFError):
        while True:
            cell, seconds = connection.recv()
            row = ROWS[cell.row]
            try:
                if row.ours.side not in images:
                    images[row.ours.side] = images_of(row.ours.side, path, device)
                connection.send(measure(cell, row, images[row.ours.side], seconds))
            except Exception as error:  # any error is the cell's result
                connection.send(f"{type(error).__name__}: {error}")


def measure(cell, row, images, seconds):
    """Returns the figures of a cell, halving the batch until it fits into memory."""
    torch.set_float32_matmul_precision(PRECISIONS[cell.precision])
    torch.backends.cudnn.allow_tf32 = cell.precision == "tf32"
    batch_size = row.ours.batch_size * cell.factor
    while True:
        release()
        with contextlib.suppress(torch.OutOfMemoryError):
            return figures(cell.kind, row, images, batch_size, seconds)
        batch_size //= 2


def release():
    """Frees what another cell left in memory, and what was compiled for it."""
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def figures(kind, row, images, batch_size, seconds):
    """Returns the figures of a row for a batch size."""
    with images.device:
        model = row.build(kind in (COMPILED, COMPILED_GRAPH))

    def step():
        index = torch.randint(len(images), (batch_size,), device=images.device)
        return model.step(row.examples(images[index]))

    start, wait = time.perf_counter(), torch.get_device_module(images.device).synchronize
    found = measured(captured(step) if kind in (GRAPH, COMPILED_GRAPH) else step, seconds, wait)
    found |= {"seconds_in_all": time.perf_counter() - start, "batch_size": batch_size, "parameters": model.num_parameters()}
    if not images.is_cuda:
        return found | {"device": "cpu", "torch": torch.__version__}
    memory = torch.cuda.max_memory_allocated() / 2**20
    return found | {"peak_mebibytes": memory, "device": torch.cuda.get_device_name(), "torch": torch.__version__}


# The calling process.


class Worker:
    """The measuring process; a new one replaces it after a cell that failed, which may have left the device unusable."""

    def __init__(self, *args):
        self.args, self.process = args, None

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, *self.args))
        self.process.start()
        theirs.close()

    def measure(self, cell, seconds, limit):
        """Returns the figures of a cell, or its error as a string; None if there is no result by the limit."""
        if self.process is None:
            self.start()
        self.pipe.send((cell, seconds))
        result = None
        if self.pipe.poll(limit):
            try:
                result = self.pipe.recv()
            except EOFError:
                result = "the process died"
        if not isinstance(result, dict):
            self.stop()
        return result

    def stop(self):
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
            self.process = None


def read(path):
    """Returns the results in a file: dicts by cell."""
    results = json.loads(path.read_text())["results"] if path.exists() else []
    return {Cell(*(result[field] for field in Cell._fields)): result for result in results}


def write(path, results):
    """Writes results, replacing the file in one step."""
    made = path.with_name(path.name + ".part")
    record = {"command": " ".join(sys.argv[1:]), "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    made.write_text(json.dumps(record | {"results": list(results.values())}, indent=1, sort_keys=True) + "\n")
    os.replace(made, path)


def listed(choices, kind=str):
    """Returns the type of an argument that is a comma-separated list of choices."""

    def values(text):
        chosen = [kind(part) for part in text.split(",")]
        unknown = [part for part in chosen if part not in choices]
        if unknown:
            raise argparse.ArgumentTypeError(f"Expected some of {', '.join(map(str, choices))}. Received: {unknown[0]}")
        return chosen

    return values


def parser():
    made = argparse.ArgumentParser("python -m tests.benchmarks.gpu_rivals", description=__doc__.splitlines()[0])
    made.add_argument("--data", type=Path, help=".npy of 8-bit digits [N, 28, 28], or .npz with x_train; random ones without it")
    made.add_argument("--out", type=Path, default=Path("rivals.json"), help="JSON file for the figures")
    made.add_argument("--rows", type=listed(ROWS), default=list(ROWS), help="separated by commas; the first is measured first")
    made.add_argument("--kinds", type=listed(KINDS), default=list(KINDS), help="separated by commas; the first is measured first")
    made.add_argument("--factors", type=listed((1, 8), int), default=[1, 8], help="factors of the preset's batch")
    made.add_argument("--precisions", type=listed(PRECISIONS), default=list(PRECISIONS), help="float32,tf32")
    made.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="a CPU has neither graphs nor TF32, which are left out")
    made.add_argument("--seconds", type=float, default=3.0, help="for the three turns of a cell, of at most 200 steps each")
    made.add_argument("--cell-limit", type=float, default=90.0, help="seconds after which a cell is given up, with its compilation")
    made.add_argument("--limit", type=float, default=150.0, help="seconds for everything")
    return made


def main(argv=None):
    args = parser().parse_args(argv)
    deadline = time.monotonic() + args.limit
    if args.device == "cpu":
        args.kinds, args.precisions = [kind for kind in args.kinds if "graph" not in kind], ["float32"]
    results = read(args.out)
    worker = Worker(args.device, args.data)
    try:
        for cell in cells(args):
            left = deadline - time.monotonic()
            if cell in results or left <= 0:
                continue
            found = worker.measure(cell, args.seconds, min(left, args.cell_limit))
            if found is None and left <= args.cell_limit:
                continue  # it was cut off by the overall limit: measured another time
            if not isinstance(found, dict):
                found = {"error": found or f"nothing after {args.cell_limit:.0f} s"}
            results[cell] = cell._asdict() | found
            write(args.out, results)
            print(*cell, found.get("error") or f"{found['milliseconds']:.3f} ms", flush=True)
    finally:
        worker.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops the worker, too
    main()
