"""Several workers, as processes that TF_CONFIG joins: what one does on the same global batch, and an end when one is gone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_vaemix.core.supports import BINARY
from tests.checks import two_workers
from tests.checks.worker_equality import configs
from tests.training.test_run import ROOT, checkpoints, history, wait_for
from training.data.augment import flipped
from training.data.splits import in_order
from training.distributed import cluster
from training.distributed.cluster import ReplicaSlice

QUICK = ["cp_vae_digits", "--num-components", "5", "--latent-dim", "3", "--batch-size", "64"]
QUICK += ["--likelihood-samples", "2", "--likelihood-examples", "10", "--features", "none"]


def read_arrays(path):
    """Returns the best weights of a run, in the order of their names."""
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


# The parts of a batch.


def pieces(make, workers, local):
    """Returns the batches of a data set made whole again of the parts that each worker's data set has."""
    count = workers * local
    parts = [make(ReplicaSlice(local * i, local * (i + 1), count)).as_numpy_iterator() for i in range(workers)]
    while True:
        found = [next(part, None) for part in parts for _ in range(local)]
        if all(piece is None for piece in found):
            return
        yield np.concatenate(found)


@pytest.mark.parametrize(("workers", "local"), [(2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("augment", [None, flipped])
def test_workers_have_the_parts_of_the_batches_that_one_has(workers, local, augment, digits):
    alone = digits.batches(60, BINARY, seed=3, first_epoch=1, augment=augment)
    together = pieces(lambda replica_slice: digits.batches(60, BINARY, 3, 1, augment, replica_slice).take(30 * local), workers, local)
    for expected, received in zip(alone.take(30), together, strict=True):  # over the end of an epoch of 19
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(("workers", "local"), [(2, 1), (3, 2), (5, 1)])
def test_workers_have_the_parts_of_what_is_left_over(workers, local):
    x = np.arange(23, dtype="float32")[:, None]
    received = list(pieces(lambda replica_slice: in_order(x, 10, replica_slice), workers, local))
    assert [len(batch) for batch in received] == [10, 10, 3]  # of which some of five have none
    np.testing.assert_array_equal(np.concatenate(received), x)


# Bad input.


CLUSTER = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, "Expected TF_CONFIG in the environment of --strategy multiworker, such as "),
        ("{", "Expected TF_CONFIG to be JSON such as "),
        (json.dumps({"task": {"type": "worker", "index": 0}}), "KeyError: 'cluster'"),
        (json.dumps({"cluster": [], "task": 3}), "Expected TF_CONFIG to be JSON such as "),
        (json.dumps({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}), "Expected a TF_CONFIG whose cluster has workers"),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}), "Expected a TF_CONFIG whose task is one of"),
        (
            json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": -1}}),
            "Expected a TF_CONFIG whose task is one of its cluster",
        ),
    ],
)
def test_wrong_tf_config_is_one_clear_error(config, expected, main, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    status, err = main("vamp_digits", "--strategy", "multiworker")
    assert status == 1
    assert err.startswith("error: Expected ")
    assert expected in err
    assert len(err.splitlines()) == 1


def test_the_chief_is_the_first():
    task = {"type": "worker", "index": 1}
    assert cluster.check_tf_config(json.dumps({"cluster": CLUSTER, "task": task})) == ("127.0.0.1:2", 1)
    assert cluster.check_tf_config(json.dumps({"cluster": {**CLUSTER, "chief": ["c:1"]}, "task": task})) == ("127.0.0.1:2", 2)
    assert cluster.is_chief(tf.distribute.get_strategy())


# Processes.


def start(config, module, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VAEMIX_DATA": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_CONFIG", None)
    if config:
        environment["TF_CONFIG"] = json.dumps(config)
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def together():
    """A function that starts a module as each of two workers, with arguments that may differ; what still runs at the end is killed."""
    started = []

    def call(module, *arguments, each=((), ())):
        new = [start(config, module, *arguments, *own) for config, own in zip(configs(), each, strict=True)]
        started.extend(new)
        return new

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(processes, seconds=300):
    """Returns status, output and errors of each process."""
    return [(process.wait(), out, err) for process in processes for out, err in [process.communicate(timeout=seconds)]]


@pytest.mark.slow
def test_two_workers_are_one_with_the_same_global_batch(together, monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    processes = together("tests.checks.two_workers")
    two_workers.main()
    alone = json.loads(capsys.readouterr().out)
    results = ended(processes)
    assert [status for status, _, _ in results] == [0, 0], results
    first, second = (json.loads(out) for _, out, _ in results)
    assert first == second
    for name, values in alone["history"].items():
        np.testing.assert_allclose(first["history"][name], values, rtol=1e-5, err_msg=name)
    for received, expected in zip(first["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_workers_that_see_other_folders_are_refused(together, tmp_path):
    command = [*QUICK, "--pretraining", "0", "--strategy", "multiworker"]
    each = [("--run-dir", tmp_path / name, "--seed", seed) for seed, name in enumerate(("a", "b"))]
    for status, _, err in ended(together("training.train", *command, each=each)):
        assert status == 1
        assert "error: Expected all workers alike: give them the same command and a --run-dir on a file system that all share" in err
        assert "settings" in err


@pytest.mark.slow
def test_a_killed_worker_ends_the_job_which_resumes_to_the_same_bits(together, tmp_path):
    """First the other worker is killed, then the chief. The job trains another model first, and fits a mixture."""
    common = [*QUICK, "--pretraining", "2", "--epochs", "6", "--strategy", "multiworker", "--checkpoint-seconds", "0"]
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    (chief, out, err), (other, silence, _) = ended(together("training.train", *common, "--run-dir", calm))
    assert (chief, other) == (0, 0), err
    assert "exported decoder and sampler" in out
    assert "Epoch" not in silence.partition("2/2")[2]  # only the chief reports the epochs of the run
    made = ("config.json", "model.keras", "checkpoint", "logs", "evaluation.json", "samples.png", "reconstructions.png", "export")
    assert set(made) <= {path.name for path in calm.iterdir()}
    for victim, epoch in ((1, 1), (0, 3)):
        processes = together("training.train", *common, "--run-dir", killed, "--resume")
        wait_for(lambda epoch=epoch: len(checkpoints(killed)) > 0 and int(checkpoints(killed)[-1].name[6:12]) >= epoch, 200)
        processes[victim].send_signal(signal.SIGKILL)
        status, _, err = ended([processes[1 - victim]], 120)[0]
        assert status != 0
        assert err.splitlines()[-1].startswith("error: Expected all workers to stay: start every worker again with --resume")
        assert len(history(killed)) < 6
    together("training.train", *common, "--run-dir", killed, "--resume")
    wait_for((killed / "model.keras").exists, 200)
    assert history(killed) == history(calm)
    assert len(history(calm)) == 6
    found = [read_arrays(next(Path(folder, "checkpoint").glob("best-*.npz"))) for folder in (killed, calm)]
    for received, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(received, expected)
