"""Runs that are killed, interrupted or out of room, and steps that are not finite: what was good stays good."""

import errno
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from export.shell.signals import Signals
from export.storage import files, folders
from tests import catalogue
from tests.checks.fuzz import CONFIG
from tests.checks.kills import arrays
from tests.export.test_export import files_of_at_most
from tests.training.test_run import checkpoints, error_line, history, run
from training.runs.checkpointing import Recorder
from training.runs.run import Run

CALLS = ("replace", "rename", "unlink", "fsync", "posix_fallocate")  # of os: between any two of them a kill may fall


class Checkpointed:
    """Stands for a model that has a number as its only weight: without TensorFlow, whose threads a forked process does not have."""

    value = 0

    def all_variables(self):
        return []

    def save_weights(self, path, overwrite):
        Path(path).write_text(str(self.value))

    def get_weights(self):
        return [np.array(self.value)]

    def load_weights(self, path):
        self.value = int(Path(path).read_text())


def killed_at(n, work):
    """Does `work()` in a process that is killed at its n-th call of `CALLS`, and returns whether it was."""
    process = os.fork()
    if not process:
        calls = iter(range(n))

        def dying(call):
            def wrapped(*arguments, **keywords):
                if next(calls, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments, **keywords)

            return wrapped

        for name in CALLS:
            setattr(os, name, dying(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


def epochs_to(run, model, last):
    for epoch in range(len(run.history), last):
        model.value, run.best = epoch + 1, [np.array(epoch)]
        run.history.append({"epoch": epoch, "val_loss": 1.0 / (epoch + 1)})
        run.timing.append({"epoch": epoch, "seconds": 1.0})
        run.save(model)


def test_a_kill_between_any_two_steps_of_a_checkpoint_leaves_the_last_one(tmp_path):
    n, is_killed = 0, True
    while is_killed:
        folder, model = tmp_path / str(n), Checkpointed()
        epochs_to(Run(folder, CONFIG), model, 1)
        is_killed, n = killed_at(n, lambda folder=folder, model=model: epochs_to(Run(folder, CONFIG, True), model, 2)), n + 1
        again, model = Run(folder, CONFIG, True), Checkpointed()
        done = again.restore(model)
        assert 1 <= done == model.value == len(again.history) <= 2
        assert again.best == [np.array(done - 1)]
        epochs_to(again, model, 2)
        assert [path.name for path in sorted((folder / "checkpoint").iterdir())] == ["best-000001.npz", "epoch-000002.weights.h5"]
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert n > 12


def test_the_time_before_the_first_epoch_is_kept_with_the_first_checkpoint(tmp_path):
    run, model = Run(tmp_path / "run", CONFIG), Checkpointed()
    run.start_timing = [{"seconds": 7.0}]
    epochs_to(run, model, 1)
    again = Run(run.folder, CONFIG, True)
    assert (again.restore(model), again.start_timing) == (1, [{"seconds": 7.0}])
    for checkpoint in (run.folder / "checkpoint").iterdir():
        checkpoint.unlink()
    assert (again.restore(model), again.start_timing) == (0, [])  # what comes before the first epoch is done again


@pytest.mark.parametrize("resume", [True, False])
def test_a_kill_at_the_very_beginning_leaves_a_folder_to_begin_in(resume, tmp_path):
    n, is_killed = 0, True
    while is_killed:
        folder = tmp_path / str(n)
        is_killed, n = killed_at(n, lambda folder=folder: Run(folder, CONFIG)), n + 1
        assert Run(folder, CONFIG, resume or (folder / "config.json").exists()).restore(Checkpointed()) == 0
    assert n > 2


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("name", ["history.csv", "checkpoint/epoch-000001.weights.h5"])
def test_a_folder_that_is_no_run_is_left_alone(name, resume, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=rf"another --run-dir\. Received: {tmp_path}, with {Path(name).parts[0]}"):
        Run(tmp_path, CONFIG, resume)
    assert [other for other in tmp_path.rglob("*") if other.is_file()] == [path]


def test_a_worker_that_does_not_write_removes_nothing(tmp_path):
    epochs_to(Run(tmp_path, CONFIG), Checkpointed(), 1)
    (tmp_path / "checkpoint" / "epoch-000000.weights.h5").touch()
    assert Run(tmp_path, CONFIG, True, writes=False).restore(Checkpointed()) == 1
    assert (tmp_path / "checkpoint" / "epoch-000000.weights.h5").exists()


@pytest.mark.parametrize("name", ["model", "discriminator"])
def test_the_state_of_another_optimizer_is_no_checkpoint(name, tmp_path):
    def compiled(**other):
        model, given = catalogue.factor_vae(), {name: keras.optimizers.Adam(**other)}
        model.compile(given.pop("model", "adam"), given, run_eagerly=True)
        return model

    run, model = Run(tmp_path, CONFIG), compiled(amsgrad=True)
    run.best = model.get_weights()
    run.history.append({"epoch": 0, "val_loss": 1.0})
    run.timing.append({"epoch": 0, "seconds": 1.0})
    run.save(model)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = Run(tmp_path, {**CONFIG, "epochs": 9}, True)
    with pytest.raises(ValueError, match=r"of this run: delete .* a state that does not fit the optimizer 'adam.*', because it has"):
        again.restore(compiled())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert again.restore(compiled(amsgrad=True)) == 1
    assert files.read_config(tmp_path / "config.json")["epochs"] == 9


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_while_a_folder_is_replaced_leaves_a_whole_one(can_exchange, tmp_path, monkeypatch):
    if not can_exchange:
        monkeypatch.setattr(folders, "exchange", lambda one, other: False)

    def write(path, text):
        with folders.folder_atomically(path) as folder:
            (folder / "one").write_text(text)
            (folder / "two").write_text(text)

    n, is_killed = 0, True
    while is_killed:
        path = tmp_path / str(n) / "export"
        write(path, "old")
        is_killed, n = killed_at(n, lambda path=path: write(path, "new")), n + 1
        assert path.exists() or not can_exchange
        folders.recover(path)
        texts = {(path / name).read_text() for name in ("one", "two")}
        assert texts in ({"old"}, {"new"})
        assert [other.name for other in path.parent.iterdir()] == ["export"]
    assert n > 3
    assert texts == {"new"}


def test_leftovers_of_processes_that_run_are_none(tmp_path):
    for name in (f".{os.getpid()}-a.json", ".1-a.json", ".999999999-a.json", ".x-a.json", ".999999999-b.json", f".{'9' * 40}-a.json"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / ".999999998-a.json").symlink_to(tmp_path / "folder")
    files.write_json(tmp_path / "a.json", {})
    (tmp_path / "folder").rmdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".1-a.json", ".x-a.json", ".999999999-b.json", "a.json"])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_keeps_the_checkpoint_and_names_the_folder(number, tmp_path, monkeypatch):
    folder, model = tmp_path / "run", Checkpointed()
    epochs_to(Run(folder, CONFIG), model, 1)

    def full(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", full)
    message = rf"room on the disk of {folder}: make some\. Received: .*{os.strerror(number)}"
    with pytest.raises(OSError, match=message), files.room_in(folder, "make some"):
        epochs_to(Run(folder, CONFIG, True), model, 2)
    monkeypatch.undo()
    again = Run(folder, CONFIG, True)
    assert again.restore(model) == 1
    epochs_to(again, model, 2)
    assert not files.is_full(ValueError("another error"))
    assert files.is_full(RuntimeError(f"TensorFlow: {os.strerror(errno.ENOSPC)}; event file"))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_by_the_conventional_status(number, status, monkeypatch, capsys):
    from training import train

    def interrupted(asked):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise RuntimeError("as TensorFlow turns it into") from None

    monkeypatch.setattr("training.jobs.train.run", interrupted)
    before = signal.signal(number, signal.default_int_handler)  # in a background job Ctrl-C is ignored
    try:
        assert train.main([]) == status
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == "interrupted: go on with python -m training.train --resume\n"


def test_signals_of_other_threads_and_ignored_ones_are_left_alone(monkeypatch):
    seen = []

    def enter():
        with Signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        enter()
        assert seen[1] is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 8:
            raise KeyboardInterrupt


def test_an_interruption_in_mid_epoch_keeps_the_last_whole_one_to_the_bit(binary, tmp_path):
    from training.runs.rescue import save_on_exit

    def fitted(folder, epochs, *callbacks, resume=False):
        keras.utils.set_random_seed(0)
        model = catalogue.make("VampPrior", seed=3)
        model.compile("adam", run_eagerly=True)
        kept = Run(folder, CONFIG, resume)
        recorder = Recorder(kept, 1e9)
        recorder.saved_at = 1e9  # no checkpoint before the end
        with save_on_exit(recorder, None):
            first = kept.restore(model)
            arguments = {"batch_size": 10, "verbose": 0, "shuffle": False, "validation_data": binary}
            model.fit(binary, initial_epoch=first, epochs=epochs, callbacks=[recorder, *callbacks], **arguments)

    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "parts", 4, Interrupt())
    (last,) = checkpoints(tmp_path / "parts")
    assert last.name.startswith("epoch-000002")
    fitted(tmp_path / "two", 2)
    one, other = arrays(last), arrays(checkpoints(tmp_path / "two")[-1])
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert history(tmp_path / "parts") == history(tmp_path / "two")


class Poisoned(vm.VAE):
    """A VAE of which the gradient, and not the loss, is no number where the batch holds a value above 2."""

    def losses(self, batch, seed, training):
        inside = keras.ops.cast(keras.ops.max(batch.x) <= 2, "float32")
        weight = keras.ops.sum(self.decoder.trainable_variables[0])
        terms = super().losses(vm.Batch(keras.ops.minimum(batch.x, 1.0)), seed, training)["model"]
        return {"model": terms._replace(total=terms.total + keras.ops.sqrt(inside * (1 + weight**2)))}


def poisoned(check_gradients, gradient_alone, jit_compile=False):
    """Trains on 40 batches of which number 27 holds what is not finite in a step; returns the error."""
    x = np.random.default_rng(0).random((400, 6), "float32")
    x[263, 2] = 3.0 if gradient_alone else 3e38
    kind = Poisoned if gradient_alone else vm.VAE
    networks = vm.networks.gated_mlp((6,), 4, (5,)), vm.networks.gated_mlp((2,), (6,), (5,))
    model = kind(*networks, vm.StandardNormal(2), vm.Normal())
    model.compile("adam", jit_compile=jit_compile, check_gradients=check_gradients, steps_per_execution=20)
    with pytest.raises(FloatingPointError, match=r"finite loss: .* of epoch 1 on") as error:
        model.fit(x, batch_size=10, epochs=2, verbose=0, shuffle=False, callbacks=[vm.callbacks.StopOnNaN()])
    return error.value


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_step_of_a_loss_that_is_not_finite_is_named(jit_compile):
    error = poisoned(False, False, jit_compile)
    assert (error.epoch, error.step) == (1, 27)


@pytest.mark.parametrize(("check_gradients", "step"), [(True, 27), (False, 28)])
def test_the_step_of_a_gradient_is_named_where_gradients_are_checked(check_gradients, step):
    assert poisoned(check_gradients, True).step == step


def test_a_scaled_gradient_that_is_not_finite_is_a_step_that_is_skipped(binary):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = catalogue.make()
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=2.0**60)
        model.compile(optimizer, jit_compile=False, check_gradients=True)
        before = [weight.numpy() for weight in model.trainable_variables]
        model.fit(binary, batch_size=10, epochs=1, verbose=0, callbacks=[vm.callbacks.StopOnNaN()])
    finally:
        keras.config.set_dtype_policy("float32")
    assert float(optimizer.dynamic_scale) == 2.0**57
    assert int(optimizer.iterations) == 0
    for one, other in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_run_without_room_goes_on_when_there_is_some(main, training_alone, without_xla, tmp_path):
    """On a disk of its own, in a process of its own; in files that may not grow, where no disk can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    flags = ["vae_digits", "--epochs", 4, "--checkpoint-seconds", 0, "--run-dir", disk / "run"]
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]
    mounted = shutil.which("mount") and not subprocess.run(mount, capture_output=True).returncode
    try:
        if mounted:
            status, _, err = run(*flags)
        else:
            assert main(*flags, "--epochs", 1) == (0, "")
            with files_of_at_most(10**6):
                status, err = main(*flags, "--resume")
        assert status == 1
        assert error_line(err).startswith(f"error: Expected room on the disk of {disk / 'run'}: make some, and pass --resume")
        (last,) = checkpoints(disk / "run")
        assert arrays(last)
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
        assert main(*flags, "--resume") == (0, "")
        assert len(history(disk / "run")) == 4
    finally:
        if mounted:
            subprocess.run(["umount", disk], check=True)
