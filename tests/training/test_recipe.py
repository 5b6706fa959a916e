"""Training otherwise than a preset says: averages of weights, falling learning rates, and an importance-weighted finish."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_vaemix as vm
from export.package import evaluation_of
from export.storage.files import write_history, write_json
from keras_vaemix.networks import mlp
from keras_vaemix.storage.loading import load_model
from tests.training.test_run import assert_same_checkpoint, history
from training import reproduce
from training.jobs import queue
from training.jobs.flags import parse
from training.jobs.record import row_of
from training.jobs.train import other_settings, prepare
from training.papers.registry import TABLES
from training.papers.result_rows import place
from training.papers.row import Row
from training.papers.table import Table
from training.presets import PRESETS, recipe
from training.presets.arguments import identity
from training.presets.registry import Experiment
from training.runs.checkpointing import Recorder
from training.runs.run import check_same_settings, open_run, stopped
from training.runs.start import start_from

FLAGS = ("vae_digits", "--latent-dim", 2, "--batch-size", 399, "--warm-up", 1, "--ema-momentum", 0.9)


@pytest.mark.parametrize("size", ["64", "128", "32"])
def test_learning_rates_are_halved_after_epochs_whatever_the_batch_size(size, monkeypatch):
    given = ("two_stage_mnist", "--dataset", "digits", "--networks", "mlp", "--hidden", "8", "--second-units", "8", "--batch-size", size)
    experiment, seen = prepare(parse(given)).experiment, []
    steps = 1197 // experiment.batch_size
    assert experiment.optimizer.get_config()["learning_rate"]["config"]["decay_steps"] == 300 * steps
    monkeypatch.setattr("training.presets.parts.train_first", lambda *given: seen.append(given[-1]))
    experiment.start(experiment, SimpleNamespace(train=SimpleNamespace(x=np.zeros(1197))), 0)
    assert seen[0].get_config()["learning_rate"]["config"]["decay_steps"] == 150 * steps


def test_schedules_that_follow_steps_stay_as_they_are_with_another_batch_size():
    given = ("mask_aae_mnist", "--dataset", "digits", "--networks", "mlp", "--hidden", "8", "--critic-units", "8")
    clocks = ("--growth-steps", "75", "--decay-steps", "375", "--batch-size")
    one, other = (prepare(parse([*given, *clocks, size])).experiment.optimizer.get_config()["learning_rate"] for size in ("64", "50"))
    assert one == other


def stop_after(epochs, monkeypatch):
    """Interrupts training after some epochs, at whose end no checkpoint is due."""
    on_epoch_end = Recorder.on_epoch_end

    def stop(recorder, epoch, logs=None):
        on_epoch_end(recorder, epoch, logs)
        if epoch + 1 == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "on_epoch_end", stop)


def assert_resumes(main, monkeypatch, tmp_path, *flags):
    """Runs a command whole, and interrupted and resumed, and holds one against the other; returns the folder."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(*flags, "--run-dir", whole) == (0, "")
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        assert main(*flags, "--run-dir", parts)[0] == 130
    assert main(*flags, "--run-dir", parts, "--resume") == (0, "")
    assert history(parts) == history(whole)
    assert_same_checkpoint(parts, whole)
    models = [load_model(folder / "model.keras") for folder in (whole, parts)]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
    return whole


@pytest.mark.slow
def test_a_run_with_averages_and_a_decay_goes_on_to_the_same_bits(main, eagerly, digits, monkeypatch, tmp_path):
    folder = assert_resumes(main, monkeypatch, tmp_path, *FLAGS, "--cosine-decay", 0.1, "--epochs", 4)
    model = load_model(folder / "model.keras")
    model.compile(run_eagerly=True)
    x = digits.arrays("validation", model.support)
    best = min(float(row["val_loss"]) for row in history(folder))
    assert model.evaluate(x, batch_size=399, verbose=0, return_dict=True)["loss"] == pytest.approx(best, rel=1e-5)
    optimizer = load_model(folder / "model.keras").optimizer
    assert int(optimizer.iterations) == 12
    assert float(optimizer.learning_rate) == pytest.approx(1e-4)
    assert "schedule_steps was 12, now 15" in main(*FLAGS, "--cosine-decay", 0.1, "--epochs", 5, "--run-dir", folder, "--resume")[1]


@pytest.mark.slow
def test_a_finished_run_with_averages_goes_on_from_its_weights(main, eagerly, tmp_path):
    for folder, stops in ((tmp_path / "whole", [3]), (tmp_path / "parts", [1, 3])):
        for epochs in stops:
            assert main(*FLAGS, "--epochs", epochs, "--run-dir", folder, "--resume") == (0, "")
    assert_same_checkpoint(tmp_path / "whole", tmp_path / "parts")
    assert "ema_momentum was 0.9, now 0.8" in main(*FLAGS[:-1], 0.8, "--epochs", 3, "--run-dir", folder, "--resume")[1]


def test_a_run_that_goes_on_has_not_ended_until_it_does(main, eagerly, monkeypatch, tmp_path):
    folder = tmp_path / "run"
    assert main(*FLAGS, "--epochs", 1, "--run-dir", folder) == (0, "")
    write_json(folder / "evaluation.json", {"split": "test", "elbo": -20.0})
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        assert main(*FLAGS, "--epochs", 3, "--run-dir", folder, "--resume")[0] == 130
    assert len(history(folder)) == 2
    with pytest.raises(ValueError, match="--start-from a run that has ended"):
        start_from(folder, tiny())
    with pytest.raises(FileNotFoundError, match="Expected a trained model"):
        open_run(folder, None)
    for reader in (lambda: row_of(folder, "digits"), lambda: evaluation_of(folder)):
        with pytest.raises(FileNotFoundError, match="Expected an evaluated run"):
            reader()
    assert main(*FLAGS, "--epochs", 3, "--run-dir", folder, "--resume") == (0, "")
    assert open_run(folder, None)[0].epochs_done == 3


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["none", "mirrored"])
def test_compiled_and_mirrored_steps_go_on_to_the_same_bits(main, training_alone, monkeypatch, tmp_path, strategy):
    assert_resumes(main, monkeypatch, tmp_path, *FLAGS, "--cosine-decay", 0.1, "--epochs", 4, "--strategy", strategy)


@pytest.mark.slow
def test_a_run_starts_from_another_with_another_objective(main, eagerly, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(*FLAGS, "--epochs", 2, "--run-dir", first) == (0, "")
    finish = ("vae_digits", "--latent-dim", 2, "--importance-samples", 3, "--learning-rate", 1e-30, "--start-from", first)
    assert main(*finish, "--epochs", 1, "--run-dir", second) == (0, "")
    one, other = (load_model(folder / "model.keras") for folder in (first, second))
    for before, after in zip(one.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, after)
    assert other.objective.get_config() == vm.ImportanceWeighted(3).get_config()
    assert int(other.epochs_done) == 3
    config = json.loads((second / "config.json").read_text())
    assert (config["warm_up"], config["protocol"]["warm_up"]) == (0, 0)
    source = json.loads((first / "config.json").read_text())
    assert config["start_from"] == {name: source[name] for name in ("preset", "arguments", "dataset", "ema_momentum", "other_settings")}
    assert float(history(second)[0]["beta"]) == 1
    for flags, says in (
        (("--warm-up", 3), "no --warm-up with --start-from"),
        (("--latent-dim", 3), "--start-from a run of the same model"),
        (("--start-from", tmp_path), "--start-from a run that has ended"),
    ):
        status, err = main(*finish, *flags, "--run-dir", tmp_path / "refused")
        assert (status, says in err, "\n" in err) == (1, True, False)
    assert not (tmp_path / "refused").exists()


BESIDE = {"dataset": "digits", "data_sha256": "0", "image_size": 64, "seed": 3, "epochs": 1}


def tiny(latent_dim=2, prior=None):
    networks = mlp((4,), 2 * latent_dim, (3,)), mlp((latent_dim,), 4, (3,))
    return vm.VAE(*networks, prior or vm.StandardNormal(latent_dim), vm.Normal(1.0))


def test_checkpoints_have_the_weights_and_the_best_weights_are_averages():
    """Keras replaces weights by averages at the end of `fit`, before callbacks: training must not go on from those."""
    model, saved, last = tiny(), [], []
    run = SimpleNamespace(history=[], timing=[], best=None, best_epoch=lambda: len(run.history) - 1)
    run.save = lambda model: saved.append([np.array(variable) for variable in model.all_variables()])
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: last.append([np.array(one) for one in model.all_variables()]))
    for seconds in (0, 1000):
        model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), run_eagerly=True)
        model.fit(np.ones((8, 4), "float32"), epochs=2, batch_size=8, verbose=0, callbacks=[Recorder(run, seconds), note])
        for one, other in zip(saved[-1], last[-1], strict=True):
            np.testing.assert_array_equal(one, other)
        weights = [np.array(variable) for variable in model.all_variables()]
        model.set_weights(run.best)
        if seconds == 0:  # `fit` ends with the averages, unless a checkpoint was due
            for one, other in zip(weights, [np.array(variable) for variable in model.all_variables()], strict=True):
                np.testing.assert_array_equal(one, other)
        assert any(np.any(one != np.array(other)) for one, other in zip(last[-1], model.all_variables(), strict=True))


def test_a_start_is_the_weights_of_a_run_of_the_same_model(tmp_path):
    model, other = tiny(), tiny()
    model.save(tmp_path / "model.keras")
    config = {"preset": "vae_digits", "arguments": {"latent_dim": 2}, "dataset": "digits", "seed": 3, "cosine_decay": 0.1}
    of_the_data = {"data_sha256": "0", "image_size": 64, "epochs": 1}
    write_json(tmp_path / "config.json", {**config, **of_the_data})
    start = start_from(tmp_path, other)
    start(Experiment(other, None), None, 0)
    for one, copy in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, copy)
    assert start.made == {name: value for name, value in config.items() if name != "seed"}
    with pytest.raises(ValueError, match=r"--start-from a run of the same model.*preset='vae_digits', arguments={'latent_dim': 2}"):
        start_from(tmp_path, tiny(3))
    other.likelihood = vm.LearnedScaleNormal(1.0) if isinstance(other.likelihood, vm.Normal) else vm.Normal(1.0)
    with pytest.raises(ValueError, match=r"the same model, with .*likelihood='Normal\(.*\), not LearnedScaleNormal\(.*\)'"):
        start_from(tmp_path, other)
    with pytest.raises(ValueError, match=r"--start-from a run that has ended.*Received: run='.*/absent'"):
        start_from(tmp_path / "absent", other)


def test_a_start_from_a_prior_of_another_meaning_is_refused(tmp_path):
    write_json(tmp_path / "config.json", {"preset": "vamp_digits", "arguments": {}, **BESIDE})
    vamp = lambda *value_range: vm.VampPrior(2, 3, (4,), value_range=value_range)  # noqa: E731
    tiny(prior=vamp(0.0, 1.0)).save(tmp_path / "model.keras")
    start_from(tmp_path, tiny(prior=vamp(0.0, 1.0)))
    with pytest.raises(ValueError, match=r"a run of the same model.*prior='VampPrior\(.*\(0\.0, 1\.0\).*, not VampPrior\(.*\(0\.0, 2\.0\)"):
        start_from(tmp_path, tiny(prior=vamp(0.0, 2.0)))
    lars = lambda tries, seed: vm.ResampledPrior(2, tries, (4,), num_samples=8, seed=seed)  # noqa: E731
    tiny(prior=lars(10, 0)).save(tmp_path / "model.keras")
    start_from(tmp_path, tiny(prior=lars(10, 1)))
    with pytest.raises(ValueError, match=r"num_tries=10.*, not .*num_tries=20"):
        start_from(tmp_path, tiny(prior=lars(20, 0)))


def adversarial(rate):
    networks = mlp((4,), 2, (3,)), mlp((2,), 4, (3,)), mlp((2,), 1, (3,))
    model = vm.AdversarialAutoencoder(*networks, vm.StandardNormal(2), vm.costs.RealSquaredError(), critic_steps=5)
    return Experiment(model, keras.optimizers.Adam(rate, beta_1=0.3))


def test_another_objective_has_the_same_weights_and_needs_a_bound():
    made = tiny()
    made.beta.assign(0.3)
    other = recipe.importance_weighted(Experiment(made, None), 3).model
    assert float(other.beta) == 1
    made.beta.assign(1.0)
    assert other.objective.get_config() == vm.ImportanceWeighted(3).get_config()
    for one, copy in zip(made.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, copy)
    with pytest.raises(ValueError, match="a model with a bound for --importance-samples"):
        recipe.importance_weighted(adversarial(0.1), 3)


def test_every_learning_rate_falls_over_the_steps_of_its_own_optimizer():
    made = recipe.averaging(recipe.decayed(adversarial(0.5), 0.1, 100), 0.9)
    assert made.model.default_optimizers().keys() == made.optimizers.keys() == {"critic"}
    for optimizer, steps in ((made.optimizer, 100), (made.optimizers["critic"], 500)):
        rates = [float(optimizer.get_config()["learning_rate"]["config"][name]) for name in ("decay_steps", "alpha")]
        assert rates == [steps, 0.1]
        assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    assert (made.optimizer.beta_1, float(made.optimizer.learning_rate)) == (0.3, 0.5)
    with pytest.raises(ValueError, match=r"constant learning rates for --cosine-decay.*Received: optimizer='critic'"):
        recipe.decayed(made, 0.1, 100)


@pytest.fixture
def in_stages(monkeypatch):
    """A table whose second row starts from the run of its first, which the table lists after it."""
    first = Row("first", "vae_digits", further={"ema_momentum": 0.9})
    rows = Row("second", "vae_digits", further={"importance_samples": 3}, start_from=first), first
    monkeypatch.setitem(TABLES, "staged", Table("staged", rows))
    return rows


def test_rows_are_trained_after_those_that_they_start_from(in_stages, monkeypatch, tmp_path, capsys):
    calls = []

    def train(argv):
        calls.append(argv)
        raise FloatingPointError("as if")

    monkeypatch.setattr("training.jobs.reproduce.train", train)
    reproduce.main(["staged", "--rows", "second", "--runs", str(tmp_path), "--out", str(tmp_path)])
    (first,), shown = calls, capsys.readouterr()
    assert "left: first seed 0, second seed 0" in shown.out
    again = "measure it by python -m training.reproduce staged --rows first --seeds 0, without --epochs. Received: no row"
    assert shown.err.endswith(f"staged second, seed 0: Expected a finished row of first, seed 0, from which second starts: {again}\n")
    assert first[:3] == ["vae_digits", "--ema-momentum", "0.9"]
    assert not any(word.startswith("--start-from") for word in first)
    reproduce.main(["--list", "staged"])
    assert "vae_digits --importance-samples 3 --start-from first" in capsys.readouterr().out


def test_rows_start_from_finished_runs_alone(in_stages, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("VAEMIX_DATA", raising=False)  # which the printed command would name
    calls, (_, first), folder = [], in_stages, tmp_path / "staged" / "first-seed0"
    made = {**first.made(), "dataset": "digits", "seed": 0, "epochs": 2, "command": ""}
    row = {**made, "row": "first", "seconds": 1, "stopped": "unfinished"}

    def train(argv):
        calls.append(argv)
        raise FloatingPointError("as if")

    monkeypatch.setattr("training.jobs.reproduce.train", train)

    def error():
        write_json(tmp_path / "staged.json", [row])
        assert reproduce.main(["staged", "--rows", "second", "--epochs", "2", "--runs", str(tmp_path), "--out", str(tmp_path)]) == 1
        return capsys.readouterr().err

    assert "starts: measure it by python -m training.reproduce staged --rows first" in error()
    row["stopped"] = "maximum"
    train_it = f"python -m training.train vae_digits --ema-momentum 0.9 --seed=0 --run-dir={folder} --resume. Received: none there"
    what = f"Expected the finished run of first, seed 0, from which second starts, in {folder}"
    assert f"{what}: copy it there, or train it by {train_it}" in error()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.keras").touch()
    write_json(folder / "config.json", {**BESIDE, **made, "warm_up": 0, "protocol": {"epochs": 2}})
    write_history(folder / "history.csv", [{"epoch": 0, "val_loss": 1.0}])
    assert train_it in error()  # left by a shorter run
    assert calls == []
    write_history(folder / "history.csv", [{"epoch": epoch, "val_loss": 1.0} for epoch in range(2)])
    assert error() == "staged second, seed 0: as if\n"
    assert f"--start-from={folder}" in calls[0]


def test_another_batch_size_precision_or_image_size_is_another_experiment():
    row = Row("vae", "vae_digits", {"latent_dim": 2})
    plain, other = (prepare(parse([*row.command_line(), *flags])).config for flags in ([], ["--batch-size", "100"]))
    assert (plain["protocol"]["batch_size"], plain.get("other_settings"), other["other_settings"]) == (57, None, {"batch_size": 100})
    assert (row.is_of(plain), row.is_of(other)) == (True, False)
    history = [{"val_loss": 1.0 / n} for n in range(1, 401)]
    assert [stopped(config, history, config["protocol"]) for config in (plain, other)] == ["maximum", "unfinished"]
    older = {key: plain[key] for key in ("preset", "arguments", "dataset", "seed")}
    assert place([older], plain) == [plain]
    assert place([older], other) == [older, other]
    check_same_settings({key: value for key, value in other.items() if key != "other_settings"}, other)
    args = SimpleNamespace(batch_size=57, image_size=32, precision="mixed_bfloat16")
    assert other_settings(PRESETS["vae_digits"], args, 57) == {"other_settings": {"image_size": 32, "precision": "mixed_bfloat16"}}


def test_rows_differ_by_their_recipe(in_stages):
    second, first = in_stages
    plain = {"preset": "vae_digits", "arguments": {}}
    made = [plain, {**plain, "ema_momentum": 0.9}, {**plain, "importance_samples": 3, "start_from": {**plain, "ema_momentum": 0.9}}]
    assert [row.is_of(one) for row in (first, second) for one in made] == [False, True, False, False, False, True]
    assert not second.is_of({**made[2], "start_from": plain})
    assert len({str(identity(one)) for one in made}) == 3
    assert queue.with_starts([second, first]) == ["first", "second"]
