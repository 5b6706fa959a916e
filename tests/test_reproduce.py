"""Tables are reproduced row by row: run, skipped, resumed after a kill, judged."""

import json
import shlex
import signal

import numpy as np
import pytest

from tests.test_run import checkpoints, error_line, history, run, start, wait_for
from training import papers, record, reproduce, tables
from training.files import read_json, write_json
from training.papers import TABLES, Row
from training.presets import PRESETS
from training.record import RESULTS, VERDICTS
from training.verdicts import error_of, verdict, verdict_on_faces

TINY = [Row("vae", "vae_digits", {"latent_dim": 3}, -24.0), Row("mg2", "mog_prior_digits", {"num_components": 2, "latent_dim": 3}, -10.0)]


@pytest.fixture
def again(tmp_path, monkeypatch, capsys):
    """Runs the command on a table of two rows on the digits, and returns its status, output and line of error."""
    monkeypatch.setitem(TABLES, "tiny", TINY)

    def call(*arguments):
        places = ("--run-dir", tmp_path / "runs", "--out", tmp_path / "out")
        capsys.readouterr()
        status = reproduce.main(["tiny", *map(str, (*arguments, "--likelihood-samples", 3, "--likelihood-examples", 50, *places))])
        return status, *capsys.readouterr()

    return call


@pytest.mark.slow
def test_rows_run_are_skipped_and_go_on(again, tmp_path):
    status, _, err = again("--epochs", 1, "--rows", "vae", "--seeds", 0, 1)
    assert (status, err) == (0, "")
    rows = read_json(tmp_path / "out" / "tiny.json")
    assert [(row["row"], row["seed"], row["epochs"], row["paper_elbo"]) for row in rows] == [("vae", 0, 1, -24.0), ("vae", 1, 1, -24.0)]
    assert rows[0]["verdict"] == rows[1]["verdict"]
    assert rows[0]["verdict"].startswith("worse: -ELBO ")
    assert rows[0]["command"].startswith("python -m training.reproduce tiny --rows vae --seeds 0 --epochs 1")
    assert str(tmp_path) not in json.dumps(rows)
    status, out, _ = again("--epochs", 1, "--seeds", 1)
    assert status == 0
    assert "tiny vae, seed 1: measured already" in out
    assert "tiny mg2, seed 1: measured" not in out
    (tmp_path / "runs" / "tiny" / "vae-seed0" / "marker").touch()
    assert again("--epochs", 2, "--rows", "vae")[0] == 0
    assert (tmp_path / "runs" / "tiny" / "vae-seed0" / "marker").exists()
    rows = read_json(tmp_path / "out" / "tiny.json")
    assert [(row["row"], row["seed"], row["epochs"]) for row in rows] == [("vae", 0, 2), ("vae", 1, 1), ("mg2", 1, 1)]
    table = (tmp_path / "out" / "tiny.md").read_text()
    assert "| `vae` | - | 1 | 2 | 24.00 | -" in table
    assert table == tables.markdown(rows, is_full=True) + "\n"


@pytest.mark.slow
def test_killed_table_goes_on_to_the_same_bits(tmp_path):
    flags = ["cp_vae_toy", "--rows", "mg2", "--epochs", 3, "--likelihood-samples", 3, "--likelihood-examples", 50]
    places = lambda name: ["--run-dir", tmp_path / name, "--out", tmp_path / f"{name}_out"]  # noqa: E731
    folder = tmp_path / "killed" / "cp_vae_toy" / "mg2-seed3"
    process = start(*flags, "--seeds", 3, *places("killed"), module="training.reproduce")
    wait_for(lambda: checkpoints(folder))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for name in ("killed", "whole"):
        status, out, err = run(*flags, "--seeds", 3, *places(name), module="training.reproduce")
        assert status == 0, err
        assert "cp_vae_toy.md" in out
    assert history(folder) == history(tmp_path / "whole" / "cp_vae_toy" / "mg2-seed3")
    drop = ("date", "seconds", "hours")
    one, other = (next(r for r in read_json(tmp_path / f"{n}_out" / "cp_vae_toy.json") if r["seed"] == 3) for n in ("killed", "whole"))
    assert {k: v for k, v in one.items() if k not in drop} == {k: v for k, v in other.items() if k not in drop}


def test_unknown_names_suggest_the_nearest(again, capsys):
    assert error_line(again("--rows", "mg3")[2]) == "error: Expected a row of tiny: did you mean mg2? Received: 'mg3'"
    assert reproduce.main(["cp_vae_table"]) == 1
    assert "Expected a table: did you mean cp_vae_table1 or" in capsys.readouterr().err
    assert error_line(again("--epochs", 0)[2]) == "error: Expected --epochs of at least 1. Received: 0"


def test_patience_is_passed_on_and_recorded(again, monkeypatch):
    asked = []

    def train(argv):
        asked.extend(argv)
        raise FloatingPointError("as if")

    monkeypatch.setattr("training.train.train", train)
    assert again("--rows", "vae", "--patience", 7)[0] == 1
    assert "--patience=7" in asked
    args = reproduce.flags().parse_args(["tiny", "--patience", "7", "--data-dir", "/here"])
    assert reproduce.command("tiny", TINY[0], 0, args).endswith("--rows vae --seeds 0 --patience 7 --likelihood-samples 5000")
    assert error_line(again("--patience", 0)[2]) == "error: Expected --patience of at least 1. Received: 0"


def test_tables_are_of_one_machine(capsys):
    with pytest.raises(SystemExit):
        reproduce.main(["cp_vae_table1", "--strategy", "multiworker"])
    assert "invalid choice: 'multiworker'" in capsys.readouterr().err


def test_list_shows_rows_with_their_figures(capsys):
    assert reproduce.main(["--list"]) == 0
    out = capsys.readouterr().out
    for table, rows in TABLES.items():
        assert table in out
        assert all(" ".join(row.command_line()) in out for row in rows)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_rows_stand_for_presets_with_their_flags(table):
    rows = TABLES[table]
    assert len({row.name for row in rows}) == len(rows)
    assert len({(row.preset, str(sorted(row.arguments().items()))) for row in rows}) == len(rows)
    for row in rows:
        flags = {flag.name for flag in PRESETS[row.preset].flags()} | ({"decoder"} if table == "mog_toy" else set())
        assert set(row.flags) <= flags
        assert row.caveat is None or row.caveat.partition(":")[0] in VERDICTS


@pytest.mark.parametrize("table", sorted(TABLES))
def test_measured_rows_are_those_of_the_table(table):
    path = RESULTS / f"{table}.json"
    rows = read_json(path) if path.exists() else []
    for row in rows:
        assert record.with_paper(row, table) == row
    if rows:
        assert path.with_suffix(".md").read_text() == tables.markdown(rows, is_full=True) + "\n"


def measured(elbo, se=0.1, **further):
    return {"elbo": elbo, "elbo_se": se, "epochs": 100, "best_epoch": 90, **further}


@pytest.mark.parametrize(
    ("elbo", "paper", "caveat", "expected"),
    [
        (-88.9, -88.75, None, "reproduced: -ELBO 88.90 ± 0.10 after 100 epochs, within 2 standard errors of the paper's"),
        (-89.0, -88.75, None, "worse: -ELBO 89.00 ± 0.10 after 100 epochs, 0.25 nats below the paper's"),
        (-88.0, -88.75, None, "better: -ELBO 88.00 ± 0.10 after 100 epochs, 0.75 nats above the paper's"),
        (-88.0, None, None, "not comparable: the paper has no figure; -ELBO 88.00 ± 0.10 after 100 epochs"),
        (-115.0, -115.06, papers.OTHER_SPLIT, f"{papers.OTHER_SPLIT}; ours is -ELBO 115.00 ± 0.10 after 100 epochs"),
        (-94.0, -78.63, papers.NO_BOUND, f"{papers.NO_BOUND}; ours is -ELBO 94.00 ± 0.10 after 100 epochs"),
    ],
)
def test_verdicts(elbo, paper, caveat, expected):
    assert verdict([measured(elbo)], paper, caveat) == expected
    assert expected.partition(":")[0] in VERDICTS


def test_verdict_over_seeds():
    rows = [measured(-88.5), measured(-89.5, epochs=120, best_epoch=120)]
    assert error_of(rows) == pytest.approx(np.hypot(0.1, np.std([88.5, 89.5], ddof=1) / 2**0.5))
    assert (
        verdict(rows, -88.0)
        == "reproduced: -ELBO 89.00 ± 0.51 after 100 to 120 epochs, still rising, within 2 standard errors of the paper's"
    )


@pytest.mark.parametrize("table", ["gamix_ablation", "mask_aae_synthetic", "rae_table_mnist"])
def test_measured_rows_keep_their_verdicts_beside_those_of_other_data(table):
    rows = read_json(RESULTS / f"{table}.json")
    others = [{**row, "dataset": "folder:other", "fd_generation": 1e3, "active_dimensions": 1e3} for row in rows]
    for row in rows:
        assert reproduce.judged(table, rows + others, row["row"], row["dataset"])[: len(rows)] == rows


def test_rows_on_other_data_are_judged_by_themselves():
    figures = {"fd_generation": 2.0, "sharpness_generation": 1.0, "sharpness_real": 1.0, **measured(-1.0)}
    rows = [{**figures, "row": name, "dataset": "folder:a"} for name in ("vae", "gamix")]
    rows += [{**row, "dataset": "folder:b", "fd_generation": 1.0 if row["row"] == "gamix" else 9.0} for row in rows]
    *_, plain, last = reproduce.judged("gamix_ablation", rows, "gamix", "folder:b")
    assert "samples better by FD" in last["verdict"]
    assert [row.get("verdict") for row in rows[:2]] == [plain.get("verdict")] * 2 == [None, None]
    for table, name, own in (("cp_vae_table1", "vae", "mnist"), ("mask_aae_synthetic", "mask16", "manifold16")):
        other = {"row": name, "dataset": "digits", "active_dimensions": 16, **measured(-20.0)}
        (row,) = reproduce.judged(table, [other], name, "digits")
        assert row["verdict"].startswith(f"not comparable: the paper's row is of {own}; ours ")


@pytest.mark.parametrize("table", ["mog_toy", "cp_vae_toy"])
def test_tables_of_one_data_set_take_no_other(table, capsys):
    assert reproduce.main([table, "--dataset", "digits"]) == 1
    assert capsys.readouterr().err == (
        f"error: Expected {table}, whose figures are of one data set, without --dataset. Received: --dataset digits\n"
    )


def faces(distance, sharpness, epochs=200):
    """Returns the measured row of an arm; images of the data have a sharpness of 3."""
    return {"fd_generation": distance, "sharpness_generation": sharpness, "sharpness_real": 3.0, "epochs": epochs}


PLAIN = [faces(90.0, 1.0), faces(110.0, 3.0)]  # 100, and 1 from the data's sharpness


@pytest.mark.parametrize(
    ("rows", "word", "distance", "sharpness"),
    [
        ([faces(80.0, 2.5)], "reproduced", "better", "better"),
        ([faces(80.0, 3.5)], "reproduced", "better", "better"),
        ([faces(105.0, 2.5, 180), faces(85.0, 3.0)], "reproduced", "better", "better"),
        ([faces(80.0, 4.5)], "not comparable", "better", "no better"),  # too sharp
        ([faces(120.0, 2.5)], "not comparable", "no better", "better"),
        ([faces(120.0, 1.5)], "worse", "no better", "no better"),
        ([faces(100.0, 2.0)], "worse", "no better", "no better"),  # the same is no better
    ],
)
def test_verdict_on_faces(rows, word, distance, sharpness):
    epochs = "180 to 200" if len(rows) > 1 else "200"
    expected = f"{word}: after {epochs} epochs samples {distance} by FD than the plain VAE's, and {sharpness} by sharpness"
    assert verdict_on_faces(rows, PLAIN) == expected
    assert word in VERDICTS


def test_faces_without_others_are_not_judged():
    assert verdict_on_faces(PLAIN, PLAIN) == "not comparable: what the other arms are held against, after 200 epochs"
    assert verdict_on_faces([faces(80.0, 2.5)], []) == "not comparable: the plain VAE is not measured on these data"


def test_what_counts_as_measured():
    row = TINY[0]
    made = {"preset": row.preset, "arguments": {"latent_dim": 3}, "dataset": "digits", "command": "python -m training.train vae_digits"}
    rows = [{"row": "vae", "seed": 0, "epochs": 371, **made}]
    assert reproduce.is_measured(rows, row, 0, None)
    assert reproduce.is_measured(rows, row, 0, 500)
    assert reproduce.is_measured(rows, row, 0, None, "digits")
    assert not reproduce.is_measured(rows, row, 0, None, "folder:mine")
    assert not reproduce.is_measured(rows, row, 1, 10)
    rows[0]["command"] += " --epochs 371"
    assert reproduce.is_measured(rows, row, 0, 371)
    assert not reproduce.is_measured(rows, row, 0, 372)
    assert not reproduce.is_measured(rows, row, 0, None)
    rows[0]["arguments"] = {"latent_dim": 4}  # the row's settings are others today
    assert not reproduce.is_measured(rows, row, 0, 371)


@pytest.mark.parametrize(
    "own", [["--run-dir", "/my runs"], ["--run-dir=/my runs"], ["--data-dir=/d", "--split", "validation"], ["--split=test"]]
)
def test_recorded_commands_leave_out_places_and_split(own):
    command = lambda *flags: "python -m training.train " + shlex.join(["vae_digits", *flags, "--seed=3", "--dataset", "npz:x y.npz"])  # noqa: E731
    assert record.portable(command(*own, "--resume")) == command()


def test_record_names_the_paper_s_row_and_takes_the_test_set_alone(again, tmp_path, monkeypatch, capsys):
    assert again("--epochs", 1, "--rows", "vae")[0] == 0
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    (tmp_path / "results").mkdir()
    arguments = [str(tmp_path / "runs" / "tiny" / "vae-seed0"), "tiny", "--verdict", "worse: one epoch"]
    assert record.main(arguments) == 0
    (row,) = read_json(tmp_path / "results" / "tiny.json")
    assert (row["row"], row["paper_elbo"], row["verdict"], row["max_epochs"]) == ("vae", -24.0, "worse: one epoch", 1)
    older = {**row, "arguments": {"latent_dim": 3}}
    write_json(tmp_path / "results" / "tiny.json", [older])
    assert record.main(arguments) == 0
    assert len(rows := read_json(tmp_path / "results" / "tiny.json")) == 1
    folder = tmp_path / "runs" / "tiny" / "vae-seed0"
    write_json(folder / "evaluation.json", {**read_json(folder / "evaluation.json"), "split": "validation"})
    assert record.main(arguments) == 1
    assert f"python -m training.evaluate {folder}. Received: split='validation'" in capsys.readouterr().err
    assert read_json(tmp_path / "results" / "tiny.json") == rows


def test_record_takes_no_run_that_was_trained_on_since_it_was_judged(main, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **keywords):
        raise OSError("as if interrupted")

    monkeypatch.setattr("keras_vaemix.VAE.fit", interrupted)
    folder = tmp_path / "run"
    for _ in range(2):
        assert main("vae_digits", "--run-dir", folder, "--resume") == (1, "error: as if interrupted")
        assert not (folder / "evaluation.json").exists()
        write_json(folder / "evaluation.json", {"split": "test"})
    (folder / "evaluation.json").unlink()
    assert record.main([str(folder), "tiny", "--verdict", "worse: no epoch"]) == 1
    expected = f"Expected a run that was judged: python -m training.evaluate {folder}. Received: {folder}, without evaluation.json"
    assert capsys.readouterr().err == f"error: {expected}\n"
