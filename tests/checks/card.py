"""One command for a GPU: trains rows in parallel, times steps, ours and PyTorch's, and compares our losses with the CPU's.

    python -m tests.checks.card DIR OUT --rows 4 --timing 3 --rivals 3 --checks 2    starts, or resumes; each part stops after its minutes
    python -m tests.checks.card DIR OUT --pack PACKED --most 60                      packs what is new in OUT, at most 60 MiB

DIR is what `tests.checks.card_programs` made: programs of `tests.checks.portable`, and their names, most valuable first, in `rows.txt`
(to train), `timing.txt` (to time) and `checks.txt` (to compare with the CPU). It needs JAX and PyTorch, but neither TensorFlow nor a
network. Every result is written to OUT at once, and what is there is not measured again. Packing makes files of 15 MiB, for transfers
that limit the size of files.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.gpu_presets import GPU_PRESETS
from tests.checks.card_files import names_in, pack, states

MARGIN = 20  # seconds before the end, in which no more rows start
TOGETHER = 15  # programs that compile at a time
SHARE = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/mps"))  # of the service that lets processes share a GPU
ENVIRONMENT = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONUNBUFFERED": "1", "TORCHINDUCTOR_COMPILE_THREADS": "8"}


def start_sharing():
    """Starts NVIDIA's multi-process service if it is installed, and returns the environment for processes that use it."""
    control = shutil.which("nvidia-cuda-mps-control", path=os.environ["PATH"] + ":/usr/local/nvidia/bin:/usr/bin")
    if control is None:
        return {}
    SHARE.mkdir(parents=True, exist_ok=True)
    sharing = {"CUDA_MPS_PIPE_DIRECTORY": str(SHARE), "CUDA_MPS_LOG_DIRECTORY": str(SHARE)}
    with contextlib.suppress(subprocess.SubprocessError, OSError):
        subprocess.run([control, "-d"], env=os.environ | sharing, timeout=10, check=True)
        return sharing
    return {}


def start(module, *arguments, log, environment):
    """Starts `python -m module` and returns the process."""
    with open(log, "a") as file:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | ENVIRONMENT | environment)


def train_rows(folder, out, minutes, workers, environment):
    """Trains rows in order, as many at a time as there are workers, until none are left, the time is up, or OUT/stop exists.

    Names added to `rows.txt` in the meantime are trained too.
    """
    end, begun, running = time.monotonic() + 60 * minutes, set(), {}
    while time.monotonic() < end + 30:
        for name in [name for name, process in running.items() if process.poll() is not None]:
            print(f"{time.strftime('%X')} {name}: ended with {running.pop(name).returncode}", flush=True)
        waiting = [name for name in names_in(folder / "rows.txt") if name not in begun and (folder / f"{name}.npz").exists()]
        is_over = time.monotonic() > end - MARGIN or (out / "stop").exists()
        if not running and (is_over or not waiting):
            break
        if waiting and not is_over and len(running) < workers:
            name, left = waiting[0], (end - time.monotonic()) / 60
            begun.add(name)
            arguments = "run", folder / f"{name}.npz", out, "--minutes", left, "--seconds-between", 30
            running[name] = start("tests.checks.portable", *arguments, log=out / f"{name}.log", environment=environment)
        time.sleep(0.3)
    for process in running.values():
        process.kill()


def judge_rows(folder, out, environment):
    """Estimates log p(x) of the unfinished rows, in parallel."""
    names = [name for name, state in states(out).items() if state["stopped"] == "unfinished" and not state["judged"]]
    given = [("run", folder / f"{name}.npz", out, "--judge") for name in names]
    for process in [start("tests.checks.portable", *each, log=out / "judge.log", environment=environment) for each in given]:
        wait(process, 120)


def time_steps(folder, out, minutes):
    """Times the train steps of programs, which compile in parallel, and then use the GPU one at a time."""
    end, names = time.monotonic() + 60 * minutes, names_in(folder / "timing.txt")
    missing = [name for name in names if (folder / f"{name}.npz").exists() and not (out / f"{name}.timing.json").exists()]
    (out / "wait").touch()
    (out / "go").unlink(missing_ok=True)
    for group in [missing[i : i + TOGETHER] for i in range(0, len(missing), TOGETHER)]:
        arguments = [("run", folder / f"{name}.npz", out, "--time", 1.5) for name in group]
        processes = [start("tests.checks.portable", *given, log=out / "timing.log", environment={}) for given in arguments]
        while time.monotonic() < end and any(
            p.poll() is None and not (out / f"{n}.ready").exists() for n, p in zip(group, processes, strict=True)
        ):
            time.sleep(0.1)
        (out / "go").touch()
        for process in processes:
            wait(process, max(0.0, end - time.monotonic()))
        (out / "go").unlink()
    (out / "wait").unlink()


def check_steps(folder, out, minutes):
    """Compares the losses of programs with the CPU's, in parallel; OUT/checks.log has what differs."""
    end, names = time.monotonic() + 60 * minutes, names_in(folder / "checks.txt")
    missing = [name for name in names if (folder / f"{name}.npz").exists() and not (out / f"{name}.check.json").exists()]
    for group in [missing[i : i + TOGETHER] for i in range(0, len(missing), TOGETHER)]:
        arguments = [("run", folder / f"{name}.npz", out, "--check") for name in group if time.monotonic() < end]
        for process in [start("tests.checks.portable", *given, log=out / "checks.log", environment={}) for given in arguments]:
            wait(process, max(0.0, end - time.monotonic()))
    found = {name: json.loads((out / f"{name}.check.json").read_text()) for name in names if (out / f"{name}.check.json").exists()}
    print(f"losses are the CPU's in {sum(one['equal'] for one in found.values())} of {len(found)} checks, of {len(names)}", flush=True)


def rival_steps(out, minutes, kinds, rows):
    """Times PyTorch's train steps."""
    arguments = "--out", out / "rivals.json", "--rows", rows, "--kinds", kinds, "--seconds", 1.5, "--limit", 60 * minutes
    wait(start("tests.benchmarks.gpu_rivals", *arguments, log=out / "rivals.log", environment={}), 60 * minutes + 20)


def wait(process, seconds):
    """Waits for a process, and kills it after `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


def main(argv=None):
    """Runs the requested parts."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.checks.card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=float, default=0, metavar="MINUTES", help="time limit for training rows, which comes first")
    parser.add_argument("--workers", type=int, default=0, help="rows to train at a time (default: 8 if they can share the GPU, else 4)")
    parser.add_argument("--judge", action="store_true", help="estimate log p(x) of the unfinished rows")
    parser.add_argument("--timing", type=float, default=0, metavar="MINUTES", help="time limit for timing train steps and log p(x)")
    parser.add_argument("--rivals", type=float, default=0, metavar="MINUTES", help="time limit for timing PyTorch's steps")
    parser.add_argument("--kinds", default="graph,compiled,eager,compiled_graph", help="kinds of PyTorch's steps (default: %(default)s)")
    parser.add_argument("--rival-rows", default=",".join(GPU_PRESETS), help="rows that PyTorch times (default: all)")
    parser.add_argument("--checks", type=float, default=0, metavar="MINUTES", help="time limit for comparing losses with the CPU's")
    parser.add_argument("--pack", type=Path, help="folder of packed files")
    parser.add_argument("--everything", action="store_true", help="pack the whole state of unfinished rows, too")
    parser.add_argument("--most", type=float, default=60, help="MiB to pack (default: %(default)s)")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.rows:
        sharing = start_sharing()
        print(f"processes share the card: {bool(sharing)}", flush=True)
        train_rows(args.folder, args.out, args.rows, args.workers or (8 if sharing else 4), sharing)
    if args.judge:
        judge_rows(args.folder, args.out, start_sharing())
    if args.timing:
        time_steps(args.folder, args.out, args.timing)
    if args.rivals:
        rival_steps(args.out, args.rivals, args.kinds, args.rival_rows)
    if args.checks:
        check_steps(args.folder, args.out, args.checks)
    if args.pack:
        pack(args.out, args.pack, args.most, args.everything, names_in(args.folder / "rows.txt"))
    for name, state in states(args.out).items():
        print(name, state)


if __name__ == "__main__":
    main()
