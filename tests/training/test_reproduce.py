"""Tables are reproduced row by row: run, skipped, stopped, resumed after a kill, judged."""

import functools
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from export.shell.signals import Signals
from export.storage import locks
from export.storage.files import portable, read_json, runs_root, without_paths, write_history, write_json
from export.storage.locks import HeldError, holder, locked
from tests.checks.fuzz import CONFIG
from tests.training.test_run import ROOT, error_line, history
from training import evaluate as evaluate_command
from training import record, reproduce
from training.jobs import queue
from training.jobs.flags import parse
from training.jobs.reproduce import PASSED_ON, command, command_line
from training.jobs.status import status
from training.papers import cp_vae, gamix, gmmp_vae, result_rows, tables
from training.papers.registry import TABLES, table_named, with_paper
from training.papers.result_rows import RESULTS, VERDICTS
from training.papers.row import Row
from training.papers.table import Table
from training.papers.verdicts import judged, limited, verdict
from training.presets import PRESETS, Preset
from training.presets.arguments import identity
from training.presets.baselines import vae
from training.presets.parts import DIGITS
from training.runs.checkpointing import Recorder

TINY = Table(
    "tiny",
    (Row("vae", "vae_digits", {"latent_dim": 3}, -24.0), Row("mg2", "mog_prior_digits", {"num_components": 2, "latent_dim": 3}, -10.0)),
)


@pytest.fixture
def again(tmp_path, monkeypatch, capsys):
    """Runs the command on a table of two rows on the digits, and returns its status, output and line of error."""
    monkeypatch.setitem(TABLES, "tiny", TINY)

    def call(*arguments):
        places = ("--runs", tmp_path / "runs", "--out", tmp_path / "out")
        capsys.readouterr()
        status = reproduce.main(["tiny", *map(str, (*arguments, "--likelihood-samples", 3, "--likelihood-examples", 50, *places))])
        return status, *capsys.readouterr()

    return call


FIGURES = {"split": "test", "elbo": -30.0, "elbo_se": 0.1, "log_likelihood": -29.0, "log_likelihood_se": 0.1}
COUNTS = {"num_samples": 3, "num_examples": 400, "num_likelihood_examples": 50}


@pytest.fixture
def unjudged(training_alone, monkeypatch):
    """Gives every run the same figures, where none is looked at."""
    judge = lambda run, data, model, args: write_json(run.folder / "evaluation.json", {**FIGURES, **COUNTS})  # noqa: E731
    monkeypatch.setattr("training.jobs.train.finish", judge)


@pytest.mark.slow
def test_rows_run_are_skipped_and_go_on(again, unjudged, without_xla, tmp_path):
    status, _, err = again("--epochs", 1, "--rows", "vae", "--seeds", 0, 1)
    assert (status, err) == (0, "")
    rows = read_json(tmp_path / "out" / "tiny.json")
    assert [(row["row"], row["seed"], row["epochs"], row["paper_elbo"]) for row in rows] == [("vae", 0, 1, -24.0), ("vae", 1, 1, -24.0)]
    assert rows[0]["verdict"] == rows[1]["verdict"]
    assert rows[0]["verdict"].startswith("not comparable: `vae_digits --latent-dim 3`, 1 epochs, unfinished, 2 seeds: -ELBO ")
    assert rows[0]["command"].startswith("python -m training.reproduce tiny --rows vae --seeds 0 --epochs 1")
    assert str(tmp_path) not in json.dumps(rows)
    status, out, _ = again("--epochs", 1, "--seeds", 1)
    assert status == 0
    assert "tiny vae, seed 1: already measured" in out
    assert "tiny mg2, seed 1: measured" not in out
    (tmp_path / "runs" / "tiny" / "vae-seed0" / "marker").touch()
    assert again("--epochs", 2, "--rows", "vae")[0] == 0
    assert (tmp_path / "runs" / "tiny" / "vae-seed0" / "marker").exists()
    rows = read_json(tmp_path / "out" / "tiny.json")
    assert [(row["row"], row["seed"], row["epochs"]) for row in rows] == [("vae", 0, 2), ("vae", 1, 1), ("mg2", 1, 1)]
    assert {(row["stopped"], row["protocol"]["epochs"]) for row in rows} == {("unfinished", 400)}
    table = (tmp_path / "out" / "tiny.md").read_text()
    assert "| `vae` | init=he | 2 | 1 | 24.00 | -" in table
    assert "| `vae` | init=he | 1 | 1 | 24.00 | -" in table
    assert table == tables.markdown(TINY, rows, is_full=True) + "\n"


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

    monkeypatch.setattr("training.jobs.reproduce.train", train)
    assert again("--rows", "vae", "--patience", 7)[0] == 1
    assert "--patience=7" in asked
    args = reproduce.flags().parse_args(["tiny", "--patience", "7", "--data-dir", "/here"])
    assert command(TINY, TINY.rows[0], 0, args).endswith("--rows vae --seeds 0 --patience 7 --likelihood-samples 5000")
    assert error_line(again("--patience", 0)[2]) == "error: Expected --patience of at least 1. Received: 0"


def test_features_are_passed_on_after_the_row_s_own(tmp_path):
    table, row = TABLES["gamix_ablation"], TABLES["gamix_ablation"].by_name()["gamix"]
    args = reproduce.flags().parse_args(["gamix_ablation", "--features", "/my/net.keras", "--runs", str(tmp_path)])
    words = command_line(table, row, 0, args, PASSED_ON)
    assert words.index("--features") < words.index("--features=/my/net.keras")
    assert command(table, row, 0, args).endswith("--likelihood-samples 5000 --features net.keras")


def test_tables_are_of_one_machine(capsys):
    assert reproduce.main(["cp_vae_table1", "--strategy", "multiworker"]) == 1
    assert "invalid choice: 'multiworker'" in capsys.readouterr().err


def test_list_shows_rows_with_their_figures(capsys):
    assert reproduce.main(["--list"]) == 0
    out = capsys.readouterr().out
    for name, table in TABLES.items():
        assert name in out
        assert all(" ".join(row.command_line()) in out for row in table.rows)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_rows_stand_for_presets_with_their_flags(table):
    rows = table.rows
    assert len({row.name for row in rows}) == len(rows)
    assert len({str((identity(row.made()), row.own_dataset())) for row in rows}) == len(rows)
    for row in rows:
        flags = {flag.name for flag in PRESETS[row.preset].flags()} | ({"decoder"} if row.name.endswith("_true_decoder") else set())
        assert set(row.flags) <= flags
        assert row.caveat is None or row.caveat.partition(":")[0] in VERDICTS
        if not row.name.endswith("_true_decoder"):
            assert parse(row.command_line()).own == row.arguments()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_measured_rows_are_those_of_the_table(table):
    path = RESULTS / f"{table}.json"
    rows = read_json(path) if path.exists() else []
    for row in rows:
        assert with_paper(row, table) == row
    if rows:
        assert path.with_suffix(".md").read_text() == tables.markdown(TABLES[table], rows, is_full=True) + "\n"


def measured(elbo, se=0.1, **further):
    made = {"preset": "vae_mnist", "arguments": {"init": "glorot"}, "command": "python -m training.train vae_mnist", "stopped": "early"}
    row = {**made, "elbo": elbo, "elbo_se": se, "epochs": 100, "best_epoch": 90, **further}
    return {"dataset": PRESETS[row["preset"]].dataset, **row}


OURS = "`vae_mnist`, 100 epochs, one seed"


@pytest.mark.parametrize(
    ("elbo", "paper", "caveat", "expected"),
    [
        (-89.04, -88.75, None, f"reproduced: {OURS}: -ELBO 89.04 against 88.75"),
        (-88.46, -88.75, None, f"reproduced: {OURS}: -ELBO 88.46 against 88.75"),
        (-89.06, -88.75, None, f"worse: {OURS}: -ELBO 89.06 against 88.75 (worse by 0.31 nats)"),
        (-88.0, -88.75, None, f"better: {OURS}: -ELBO 88.00 against 88.75 (better by 0.75 nats)"),
        (-88.0, None, None, f"not comparable: no figure is stated; ours, {OURS}"),
        (-115.0, -115.06, cp_vae.OTHER_SPLIT, f"{cp_vae.OTHER_SPLIT}; ours, {OURS}: -ELBO 115.00 against 115.06"),
        (-94.0, -78.63, gmmp_vae.NO_BOUND, f"{gmmp_vae.NO_BOUND}; ours, {OURS}: -ELBO 94.00 against 78.63"),
    ],
)
def test_verdicts(elbo, paper, caveat, expected):
    row = Row("vae", "vae_mnist", {}, paper, caveat)
    assert verdict([measured(elbo, 5.0)], row) == expected  # whatever the standard error over test images
    assert expected.partition(":")[0] in VERDICTS


def test_verdict_over_seeds():
    rows = [measured(-88.5), measured(-89.5, epochs=120, best_epoch=120, stopped="unfinished")]
    ours = "`vae_mnist`, 100 to 120 epochs, unfinished, 2 seeds: -ELBO 89.00 ± 0.71"
    assert verdict(rows, Row("vae", "vae_mnist", {}, -87.6)) == f"reproduced: {ours} against 87.60"  # two standard deviations: 1.41
    row = Row("vae", "vae_mnist", {}, -87.5)
    assert limited(verdict(rows, row), rows, row) == f"not comparable: {ours} against 87.50 (worse by 1.50 nats)"
    close = [measured(-88.49), measured(-88.51)]
    assert verdict(close, Row("vae", "vae_mnist", {}, -88.75)).startswith("reproduced: ")
    assert verdict(close, Row("vae", "vae_mnist", {}, -88.85)).startswith("better: ")


@pytest.mark.parametrize(
    "other", [{"epochs": 50}, {"warm_up": 20}, {"data_sha256": "1"}, {"feature_network": "lenet"}, {"other_settings": {"batch_size": 7}}]
)
def test_unfinished_rows_of_another_length_and_rows_of_other_data_are_no_seeds_of_one_row(other):
    made = {"row": "vae", "dataset": "mnist", "data_sha256": "0", "warm_up": 40, "protocol": {"warm_up": 100}, "stopped": "unfinished"}
    row, groups = measured(-80.0, seed=0, **made), lambda *rows: [len(group) for group in result_rows.repeats(rows)]
    another = measured(-97.0, **{"seed": 1, **made, **other})
    assert (groups(row, {**row, "seed": 1}), groups(row, another)) == ([2], [1, 1])
    older = {key: value for key, value in row.items() if key not in ("warm_up", "protocol")}
    assert groups(row, {**older, "command": f"{row['command']} --warm-up 40"}) == [2]
    assert groups({**row, "stopped": "early", "warm_up": 100}, {**older, "stopped": "early", "epochs": 50}) == [2]
    words = {one["verdict"].partition(":")[0] for one in judged(TABLES["cp_vae_table1"], [row, another])}
    assert "reproduced" not in words  # as -88.5 on average would be


def test_only_what_is_like_is_compared():
    row = Row("vae", "vae_mnist", {}, -88.75, stated={"log_likelihood": -84.5})
    figures = {
        "log_likelihood": -84.4,
        "num_examples": 10_000,
        "num_likelihood_examples": 10_000,
        "dataset": "mnist",
        "row": "vae",
        "seed": 0,
    }
    whole = measured(-88.7, **figures)
    part, few, none = {**whole, "num_likelihood_examples": 200}, {**whole, "num_samples": 100}, {**whole, "elbo": float("nan")}
    assert verdict([whole], row) == f"reproduced: {OURS}: -ELBO 88.70 against 88.75, log-likelihood -84.40 against -84.50"
    assert verdict([part], row) == f"not comparable: {OURS}: -ELBO 88.70 against 88.75, log-likelihood of a part of the test set"
    assert verdict([few], row) == f"not comparable: {OURS}: -ELBO 88.70 against 88.75, log-likelihood with 100 samples of 5,000"
    assert verdict([none], row) == f"not comparable: {OURS}: -ELBO not finite, log-likelihood -84.40 against -84.50"
    (other,) = judged(TABLES["cp_vae_table1"], [{**whole, "arguments": {"init": "he"}}])
    assert other["verdict"].startswith("not comparable: measured with other settings than the row's; ours, `vae_mnist --init he`, ")


@pytest.mark.parametrize(
    ("figures", "word", "says"),
    [
        ({"elbo": -84.7, "cluster_accuracy": 0.94}, "reproduced", "-ELBO 84.70 against 84.76, accuracy 0.940 against 0.946"),
        ({"elbo": -84.7, "cluster_accuracy": 0.6}, "worse", "accuracy 0.600 against 0.946 (worse by 0.346)"),
        (
            {"elbo": -80.0, "cluster_accuracy": 0.6},
            "worse",
            "-ELBO 80.00 against 84.76 (better by 4.76 nats), accuracy 0.600 against 0.946 (w",
        ),
        ({"elbo": -84.7, "cluster_accuracy": 0.97}, "better", "accuracy 0.970 against 0.946 (better by 0.024)"),
        ({"elbo": -84.7}, "not comparable", "-ELBO 84.70 against 84.76, accuracy not measured"),
    ],
)
def test_a_verdict_is_on_every_figure_and_names_the_variant(figures, word, says):
    (row,) = (row for row in TABLES["cp_vae_table1"].rows if row.name == "cp_uniform10")
    command = "python -m training.reproduce cp_vae_table1 --rows cp_uniform10 --warm-up 25 --epochs 60"
    made = {"preset": row.preset, "arguments": {**row.arguments(), "decoder_sees_category": False}, "command": command}
    given = {name: value for name, value in measured(0.0, **made).items() if name not in ("elbo", "elbo_se")}
    expected = verdict([{**given, **figures}], row)
    assert expected.startswith(f"{word}: `cp_vae_mnist ")
    assert "--num-components 10 --category-prior uniform --no-decoder-sees-category --warm-up 25`, 100 epochs, one seed: " in expected
    assert says in expected


def test_a_verdict_names_another_data_set_than_the_preset_s():
    row = Row("omniglot_cp1", "vae_mnist", {}, -88.75, dataset="omniglot")
    assert verdict([measured(-88.7, dataset="omniglot")], row).startswith("reproduced: `vae_mnist --dataset omniglot`, 100 epochs, ")


def test_parts_of_a_bound_do_not_decide():
    row = Row("vae", "vae_mnist", {}, -88.75, stated={"reconstruction": -60.0, "kl": 28.75})
    expected = f"reproduced: {OURS}: -ELBO 88.70 against 88.75, RE 63.70 against 60.00, KL 25.00 against 28.75"
    assert verdict([measured(-88.7, reconstruction=-63.7, kl=25.0)], row) == expected


def test_a_row_of_the_paper_s_bound_is_held_against_it_by_that_bound():
    by_name = TABLES["gmmp_table1"].by_name()
    figures = {"reconstruction": -61.3, "kl": 22.7, "paper_bound": -85.9, "paper_bound_kl": 24.6}
    for name, says in (
        ("mlp_m1_k100", "-bound with U 85.90 against 85.90, RE 61.30 against 61.28, U 24.60 against 24.62"),
        ("mlp_m1_k100_mc", "-ELBO 84.00 against 85.90 (better by 1.90 nats), RE 61.30 against 61.28, KL 22.70 against 24.62"),
    ):
        row = by_name[name]
        made = {"preset": row.preset, "arguments": row.arguments()}
        assert verdict([measured(-84.0, **made, **figures)], row).endswith(f", 100 epochs, one seed: {says}")


@pytest.mark.parametrize(
    ("stated", "figures", "word"),
    [
        ({"active_dimensions": 9, "nac": 0.03}, {"active_dimensions": 10, "nac": 0.035}, "reproduced"),
        ({"active_dimensions": 9, "nac": 0.03}, {"active_dimensions": 11, "nac": 0.03}, "worse"),
        ({"active_dimensions": 9, "nac": 0.03}, {"active_dimensions": 7, "nac": 0.03}, "worse"),  # too few for the data
        ({"active_dimensions": 9, "nac": 0.03}, {"active_dimensions": 9, "nac": 0.05}, "worse"),
        ({"nac": 0.04}, {"active_dimensions": 16, "nac": 0.137}, "worse"),
    ],
)
def test_verdict_on_latents(stated, figures, word):
    assert verdict([{**measured(0.0), **figures}], Row("mask8", "vae_mnist", stated=stated)).startswith(f"{word}: ")


def test_nothing_masks_the_latents_of_a_wae():
    rows = TABLES["mask_aae_synthetic"].by_name()
    without = {name for name, row in rows.items() if "active_dimensions" not in row.stated}
    assert without == {"wae8", "wae_gp8", "wae16", "wae_gp16", "wae_gp_mnist"}


def test_a_distance_of_other_features_is_compared_by_ranks():
    names, other = ("vae", "ae_gmm", "rae_gmm", "flex_ae"), "wae_mmd"  # 57.04, 12.14, 7.30, 4.69; 115.0, of the slides' Table 1
    by_name, made = TABLES["rae_table_mnist"].by_name(), {"dataset": "mnist", "seed": 0, "feature_network": "lenet"}
    for distances, tau in (((40.0, 9.0, 8.0, 7.0), "1.00"), ((40.0, 8.0, 9.0, 7.0), "0.67"), ((1.0, 2.0, 3.0, 4.0), "-1.00")):
        rows = [
            measured(0.0, **made, row=name, fd_generation=distance, preset=by_name[name].preset, arguments=dict(by_name[name].flags))
            for name, distance in zip((*names, other), (*distances, 0.1), strict=True)
        ]
        for row in judged(TABLES["rae_table_mnist"], rows):
            assert row["verdict"].startswith("not comparable: features of another network; ours, ")
            ranks = f"; over 4 rows of their Table 3 Kendall's tau of the two is {tau}"
            assert row["verdict"].endswith(ranks if row["row"] in names else "FID over Inception 115")


def test_rows_of_another_length_do_not_move_the_ranks():
    rows = [of_rae_table(name, fd_generation=d, feature_network="lenet") for name, d in (("vae", 40.0), ("ae_gmm", 9.0), ("flex_ae", 7.0))]
    rows.append({**of_rae_table("flex_ae", fd_generation=500.0, feature_network="lenet"), "seed": 1, "epochs": 2, "stopped": "unfinished"})
    rows = [{**row, "stopped": "unfinished"} for row in rows]
    says = {row["verdict"].rpartition("Kendall's tau of the two is ")[2] for row in judged(TABLES["rae_table_mnist"], rows)}
    assert says == {"1.00"}


def of_rae_table(name, **figures):
    """Returns the measured row of a row of the table of autoencoders."""
    row = TABLES["rae_table_mnist"].by_name()[name]
    made = {"row": name, "preset": row.preset, "arguments": dict(row.flags), "dataset": "mnist", "seed": 0}
    return measured(0.0, **made, **figures)


@pytest.mark.parametrize("names", [("mask_aae_r150",), ("mask_aae_r150", "mask_aae"), ("mask_aae", "mask_aae_r150")])
def test_a_system_is_ranked_once(names):
    distances = {"vae": 40.0, "flex_ae": 7.0, "mask_aae_r150": 90.0, "mask_aae": 8.0}
    rows = [of_rae_table(name, fd_generation=distances[name], feature_network="lenet") for name in ("vae", *names, "flex_ae")]
    tau = "1.00" if "mask_aae" in names else "0.33"
    for row in judged(TABLES["rae_table_mnist"], rows):
        assert row["verdict"].endswith(f"; over 3 rows of their Table 3 Kendall's tau of the two is {tau}")


def test_rows_without_features_are_told_how_to_be_compared():
    others = [of_rae_table(name, fd_generation=d, feature_network=f) for name, d, f in (("vae", 4, "lenet"), ("vamp", 3, "inception"))]
    bare, *verdicts = (row["verdict"] for row in judged(TABLES["rae_table_mnist"], [of_rae_table("flex_ae"), *others]))
    remedy = "not comparable: without a network of features there are no distances: `python -m training.evaluate RUN --features NAME`"
    assert bare.startswith(remedy)
    assert not any("Kendall" in says for says in verdicts)  # distances of two networks
    without = lambda row: {key: value for key, value in row.items() if not key.startswith("fd_")}  # noqa: E731
    arm = faces(80.0, 2.5)
    for rows, plain in (([without(arm)], PLAIN), ([arm], [without(row) for row in PLAIN])):
        assert gamix.verdict(rows, GAMIX, plain).startswith(remedy)
    says = gamix.verdict([{**arm, "feature_network": "lenet"}], GAMIX, [{**row, "feature_network": "inception"} for row in PLAIN])
    assert says.startswith("not comparable: the plain VAE is not measured alike on these data; ")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_verdicts_of_measured_rows_are_computed(table):
    path = RESULTS / f"{table}.json"
    rows = read_json(path) if path.exists() else []
    assert judged(TABLES[table], rows) == rows


def test_names_of_rows_say_which_p_of_c():
    for row in TABLES["cp_vae_table1"].rows:
        if row.preset.startswith("cp_vae_"):
            kind = row.name.removeprefix("omniglot_").removeprefix("cp").rstrip("0123456789")
            expected = {
                "": "paper",
                "_uniform": "uniform",
                "_learned": "learned",
                "_started": "learned",
                "_held": "learned",
                "_held_paper": "paper",
                "_freed": "learned",
                "_free": "learned",
            }[kind]
            assert row.arguments()["category_prior"] == expected


@pytest.mark.parametrize("table", ["gamix_ablation", "mask_aae_synthetic", "rae_table_mnist"])
def test_measured_rows_keep_their_verdicts_beside_those_of_other_data(table):
    rows = read_json(RESULTS / f"{table}.json")
    changed = {"fd_generation": 1e3, "fd_standard": 1e3, "active_dimensions": 1e3}
    others = [{**row, **changed, "dataset": "folder:other"} for row in rows]
    finished = [{**row, **changed, "stopped": "early"} for row in rows]
    assert judged(TABLES[table], rows + others + finished)[: len(rows)] == rows


def test_rows_on_other_data_are_judged_by_themselves():
    of = lambda name, distance, dataset: faces(distance, 1.0, row=name, dataset=dataset, seed=0, preset=f"gamix_faces{name}")  # noqa: E731
    rows = [{**of(end, 2.0, "folder:a"), "row": name} for name, end in (("vae", "_vae"), ("gamix", ""))]
    rows += [{**of("", 1.0, "folder:b"), "row": "gamix"}, {**of("_vae", 9.0, "folder:b"), "row": "vae"}]
    first, second, last, _ = judged(TABLES["gamix_ablation"], rows)
    assert "FD 2 against 2" in second["verdict"]
    assert "FD 1 against 9" in last["verdict"]
    assert "what the other arms are held against" in first["verdict"]
    for table, name, preset, own in (
        ("cp_vae_table1", "vae", "vae_mnist", "mnist"),
        ("mask_aae_synthetic", "mask16", "mask_aae_synthetic", "manifold16"),
    ):
        other = measured(-20.0, preset=preset, row=name, dataset="digits", seed=0, active_dimensions=16)
        (row,) = judged(TABLES[table], [other])
        assert row["verdict"].startswith(f"not comparable: the figures are of {own}; ours, ")


@pytest.mark.parametrize("table", ["mog_toy", "cp_vae_toy"])
def test_tables_of_one_data_set_take_no_other(table, capsys):
    assert reproduce.main([table, "--dataset", "digits"]) == 1
    assert capsys.readouterr().err == (
        f"error: Expected no --dataset for {table}, whose figures are of one data set. Received: --dataset digits\n"
    )


def faces(distance, sharpness, epochs=200, by_moments=None, **further):
    """Returns the measured row of an arm, by default with the same figures by both samplers; images of the data have a sharpness of 3."""
    by_sampler = {"standard": (distance, sharpness), "moments": by_moments or (distance, sharpness)}
    figures = {f"{key}_{name}": value for name, pair in by_sampler.items() for key, value in zip(("fd", "sharpness"), pair, strict=True)}
    return measured(0.0, **figures, sharpness_real=3.0, epochs=epochs, **{"preset": "gamix_faces", "arguments": {}, **further})


GAMIX = TABLES["gamix_ablation"].by_name()["gamix"]
VAE = {"row": "vae", "preset": "gamix_faces_vae"}
PLAIN = [faces(90.0, 1.0, **VAE), faces(110.0, 3.0, **VAE)]  # 100, and 1 from the data's sharpness


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([faces(80.0, 2.5)], "reproduced"),
        ([faces(80.0, 3.5)], "reproduced"),
        ([faces(105.0, 2.5, 180), faces(85.0, 3.0)], "reproduced"),
        ([faces(80.0, 4.5)], "not comparable"),  # too sharp
        ([faces(120.0, 2.5)], "not comparable"),
        ([faces(120.0, 1.5)], "worse"),
        ([faces(100.0, 2.0)], "worse"),  # the same is no better
        ([faces(80.0, 2.5, by_moments=(120.0, 2.5))], "not comparable"),  # by the paper's sampler alone
        ([faces(120.0, 1.5, by_moments=(80.0, 2.5))], "worse"),  # not by the paper's sampler
    ],
)
def test_verdict_on_faces(rows, word):
    says = gamix.verdict(rows, GAMIX, PLAIN)
    epochs, seeds = ("180 to 200", "2 seeds") if len(rows) > 1 else ("200", "one seed")
    assert says.startswith(
        f"{word}: `gamix_faces`, {epochs} epochs, {seeds}, held against the plain VAE: by N(0, I), the paper's sampler, FD "
    )
    assert word in VERDICTS
    assert gamix.verdict([faces(80.0, 2.5, by_moments=(70.0, 1.5))], GAMIX, PLAIN).endswith(
        "FD 80 against 100 and sharpness 2.5000 against 2.0000; by the aggregate posterior's moments, FD 70 against 100 and sharpness "
        "1.5000 against 2.0000; faces have 3.0000"
    )


def test_faces_without_others_are_not_judged():
    unlike = [faces(90.0, 1.0, 24, **VAE, stopped="unfinished"), faces(90.0, 1.0, **{**VAE, "arguments": {"latent_dim": 3}})]
    for plain in ([], unlike):
        says = gamix.verdict([faces(80.0, 2.5, stopped="unfinished")], GAMIX, plain)
        assert says.startswith("not comparable: the plain VAE is not measured alike on these data; `gamix_")


@pytest.mark.parametrize(
    ("figures", "further", "says"),
    [
        ((80.0, 2.5), {}, "reproduced: `gamix_faces`, "),
        (
            (80.0, 2.5),
            {"arguments": {"latent_dim": 999}},
            "not comparable: measured with other settings than the row's; ours, `gamix_",
        ),
        ((120.0, 1.5), {}, "worse: `gamix_faces`, "),
        ((120.0, 1.5), {"stopped": "unfinished"}, "not comparable: `gamix_faces`, 200 epochs, unfinished, one seed, held against the pl"),
        ((80.0, 2.5), {"stopped": "unfinished"}, "reproduced: `gamix_faces`, 200 epochs, unfinished, "),
    ],
)
def test_a_verdict_of_a_table_s_own_is_limited_as_others_are(figures, further, says):
    made = {"dataset": GAMIX.own_dataset(), "seed": 0}
    plain = [{**row, **made, "seed": seed, "stopped": further.get("stopped", "early")} for seed, row in enumerate(PLAIN)]
    assert judged(TABLES["gamix_ablation"], [faces(*figures, row="gamix", **made, **further), *plain])[0]["verdict"].startswith(says)


def test_an_unfinished_run_may_reach_a_figure_but_is_not_worse():
    row = TABLES["cp_vae_table1"].by_name()["vae"]
    for elbo, word in ((-88.7, "reproduced"), (-88.0, "better"), (-95.0, "not comparable")):
        made = measured(elbo, dataset="mnist", row="vae", seed=0, stopped="unfinished", log_likelihood=-84.5)
        (judged_row,) = judged(TABLES["cp_vae_table1"], [made])
        assert judged_row["verdict"].startswith(f"{word}: `{row.preset}`, 100 epochs, unfinished, one seed: ")


def asked(*flags):
    """Returns what a command line asks for."""
    return reproduce.flags().parse_args(["tiny", *map(str, flags)])


@pytest.mark.parametrize("flags", [("--warm-up", 0), ("--patience", 3), ("--features", "lenet"), ("--minutes", 5)])
def test_flags_without_effect_on_a_table_are_refused(flags, capsys):
    assert reproduce.main(["mog_toy", *map(str, flags)]) == 1
    assert f"error: Expected no {flags[0]} for mog_toy, which it does not change." in capsys.readouterr().err


def test_a_warm_up_and_features_count_too():
    row = TINY.rows[0]
    made = {"preset": row.preset, "arguments": {"latent_dim": 3}, "dataset": "digits", "command": "python -m training.reproduce"}
    rows = [{"row": "vae", "seed": 0, "epochs": 30, "stopped": "early", "warm_up": 15, "feature_network": "lenet", **made}]
    is_measured = lambda *flags: queue.is_measured(rows, row, 0, asked(*flags))  # noqa: E731
    assert is_measured("--warm-up", 15)
    assert not is_measured("--warm-up", 0)
    assert is_measured("--features", "lenet")
    assert not is_measured("--features", "inception")
    assert not is_measured("--features", "mine.keras")
    rows[0]["feature_network"] = "mine-0123456789abcdef"
    assert is_measured("--features", "nets/mine.keras")


def test_what_counts_as_measured():
    row = TINY.rows[0]
    made = {"preset": row.preset, "arguments": {"latent_dim": 3}, "dataset": "digits"}
    rows = [{"row": "vae", "seed": 0, "epochs": 371, "stopped": "early", **made}]
    is_measured = lambda *flags, seed=0: queue.is_measured(rows, row, seed, asked(*flags))  # noqa: E731
    assert is_measured()
    assert is_measured("--epochs", 500)
    assert is_measured("--dataset", "digits")
    assert not is_measured("--dataset", "folder:mine")
    assert not is_measured("--epochs", 10, seed=1)
    rows[0]["stopped"] = "unfinished"
    assert is_measured("--epochs", 371)
    assert not is_measured("--epochs", 372)
    assert not is_measured()
    rows[0]["arguments"] = {"latent_dim": 4}  # the row's settings are others today
    assert not is_measured("--epochs", 371)


@pytest.mark.parametrize(
    ("flags", "is_enough"),
    [
        (("--likelihood-examples", 50), True),
        (("--likelihood-examples", 49), True),
        (("--likelihood-examples", 51), False),
        ((), False),
        (("--likelihood-examples", 50, "--likelihood-samples", 100), True),
        (("--likelihood-examples", 50, "--likelihood-samples", 5001), False),
    ],
)
def test_a_likelihood_of_fewer_examples_or_samples_is_measured_anew(flags, is_enough, tmp_path):
    row = TINY.rows[0]
    likelihood = {"num_examples": 400, "num_likelihood_examples": 50, "num_samples": 5000}
    made = {"row": "vae", "preset": row.preset, "arguments": {"latent_dim": 3}, "dataset": "digits", "command": "", **likelihood}
    rows = [{"seed": 0, "epochs": 371, "stopped": "early", "seconds": 1, **made}]
    assert queue.is_measured(rows, row, 0, asked(*flags)) == is_enough
    assert ("1 done" in status("tiny", [(row, 0)], tmp_path, rows, asked(*flags))) == is_enough
    rows[0]["num_likelihood_examples"] = 400  # all there are
    assert queue.is_measured(rows, row, 0, asked("--likelihood-examples", 500))
    assert queue.is_measured(rows, row, 0, asked())


def test_status_is_of_the_data_set_that_is_asked_for(again, tmp_path):
    (tmp_path / "out").mkdir()
    made = {"arguments": {"latent_dim": 3}, "preset": "vae_digits", "epochs": 7, "stopped": "early", "seconds": 3600, "row": "vae"}
    command = "python -m training.reproduce tiny --rows vae"
    rows = [
        {**made, "seed": 0, "dataset": "digits", "command": command},
        {**made, "seed": 1, "dataset": "folder:mine", "command": f"{command} --dataset folder:mine"},
    ]
    write_json(tmp_path / "out" / "tiny.json", rows)
    folder = tmp_path / "runs" / "tiny" / "vae-seed1"
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {**CONFIG, "dataset": "folder:mine", "command": rows[1]["command"]})
    write_history(folder / "history.csv", [{"epoch": 0, "val_loss": 1.0}])
    of = lambda *flags: [line.split() for line in again("--rows", "vae", "--seeds", 0, 1, "--status", *flags)[1].splitlines()[1:3]]  # noqa: E731
    own, mine, other = of(), of("--dataset", "folder:mine"), of("--dataset", "folder:other")
    assert [line[0] for line in own] == ["done", "left"]
    assert " ".join(own[1]) == "left vae, seed 1 its folder has a run on folder:mine: pass another --runs"
    assert [line[0] for line in mine] == ["left", "done"]
    assert [line[0] for line in other] == ["left", "left"]


def short(data, epochs, patience, *, learning_rate: float = 1e-3):
    """A preset of few steps, which take less time than tracing them would."""
    experiment = vae(data, DIGITS, latent_dim=2, learning_rate=learning_rate)
    experiment.model.compile = functools.partial(experiment.model.compile, run_eagerly=True)
    return experiment._replace(epochs=epochs, patience=patience, warm_up=0, batch_size=399, jit_compile=False)


@pytest.fixture
def short_rows(unjudged, monkeypatch):
    """Rows of seconds: one that ends at its maximum of epochs, and one that learns nothing and is stopped early."""
    for name, protocol in {"short": {"epochs": 3, "patience": 100}, "idle": {"epochs": 90, "patience": 2}}.items():
        monkeypatch.setitem(PRESETS, name, Preset(name, functools.partial(short, **protocol), "digits", "none"))
    monkeypatch.setitem(TABLES, "tiny", Table("tiny", (Row("to_the_end", "short"), Row("stopped", "idle", {"learning_rate": 1e-30}))))


def test_rows_end_early_or_at_the_maximum_and_else_are_unfinished(again, short_rows, tmp_path):
    recorded = lambda: {row["row"]: row for row in read_json(tmp_path / "out" / "tiny.json")}  # noqa: E731
    assert again("--rows", "stopped", "to_the_end", "--epochs", 2)[0] == 0
    rows = recorded()
    assert list(rows) == ["stopped", "to_the_end"]  # in the order that was asked for
    assert {name: (row["stopped"], row["epochs"]) for name, row in rows.items()} == dict.fromkeys(rows, ("unfinished", 2))
    assert (tmp_path / "out" / "tiny.md").read_text().startswith(tables.UNFINISHED)
    assert again()[0] == 0
    rows = recorded()
    assert {name: row["stopped"] for name, row in rows.items()} == {"stopped": "early", "to_the_end": "maximum"}
    assert rows["stopped"]["epochs"] == rows["stopped"]["best_epoch"] + 2 < 90
    assert rows["to_the_end"]["epochs"] == 3
    assert tables.UNFINISHED not in (tmp_path / "out" / "tiny.md").read_text()
    status, out, _ = again()
    assert status == 0
    assert out.count("already measured") == 2
    assert out.endswith("left: nothing\n")
    status, out, _ = again("--status")
    assert out.startswith("tiny: 2 done, 0 running, 0 begun, 0 left; runs in ")
    assert re.search(r"^done    to_the_end, seed 0              3 epochs, maximum, \d\.\d\d h$", out, re.MULTILINE)
    assert "time left" not in out


def test_the_time_before_the_first_epoch_is_measured_once(again, short_rows, tmp_path, monkeypatch):
    calls = []

    def start(experiment, data, seed):
        calls.append(seed)
        time.sleep(1)

    build = lambda data: short(data, 3, 100)._replace(start=start)  # noqa: E731
    monkeypatch.setitem(PRESETS, "started", Preset("started", build, "digits", "none"))
    monkeypatch.setitem(TABLES, "tiny", Table("tiny", (Row("started", "started"),)))
    for epochs in (1, 3):
        assert again("--epochs", epochs)[0] == 0
        (row,) = read_json(tmp_path / "out" / "tiny.json")
        assert (row["epochs"], row["start_seconds"], len(calls)) == (epochs, 1, 1)
    assert row["hours"] == round((row["seconds"] + 1) / 3600, 2)
    (cells,) = [
        dict(zip(*(line.split(" | ") for line in (head, last)), strict=True))
        for head, _, last in [tables.markdown(TABLES["tiny"], [{**row, "seconds": 1800, "start_seconds": 3600}], is_full=True).splitlines()]
    ]
    assert (cells["hours"], cells["of them before the first epoch"]) == ("1.50", "1.00")


def test_a_queue_stops_in_time_and_goes_on(again, short_rows, tmp_path, monkeypatch):
    on_epoch_end, folder = Recorder.on_epoch_end, tmp_path / "runs" / "tiny" / "to_the_end-seed1"

    def over_after_two(recorder, epoch, logs=None):
        on_epoch_end(recorder, epoch, logs)
        if recorder.run.folder == folder and epoch == 1:
            signal.raise_signal(signal.SIGALRM)

    asked = ("--rows", "to_the_end", "stopped", "--seeds", 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_epoch_end", over_after_two)
        status, out, err = again(*asked, "--minutes", 60)
    assert (status, err) == (0, "")
    assert out.endswith("\n60 minutes are up; left: to_the_end seed 1 (2 epochs done), stopped seed 0, stopped seed 1\n")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert [(row["row"], row["seed"]) for row in read_json(tmp_path / "out" / "tiny.json")] == [
        ("to_the_end", 0)
    ]  # seeds of a row together
    before = history(folder)
    assert again("--rows", "to_the_end", "--seeds", 0, 1)[0] == 0
    rows = read_json(tmp_path / "out" / "tiny.json")
    assert [(row["seed"], row["stopped"]) for row in rows] == [(0, "maximum"), (1, "maximum")]
    assert history(folder)[:2] == before[:2]
    assert len(history(folder)) == 3


def test_a_given_time_ends():
    with Signals(0.05) as signals, pytest.raises(KeyboardInterrupt):
        time.sleep(60)
    assert signals.is_time_up
    with Signals(60) as signals, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert (signals.is_time_up, signals.status) == (False, 128 + signal.SIGTERM)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("minutes", [0, -1, "nan", "inf"])
def test_minutes_are_a_time(again, minutes):
    assert error_line(again("--minutes", minutes)[2]).startswith("error: Expected --minutes above 0. Received: ")


def test_two_queues_do_not_train_one_row(again, short_rows, tmp_path):
    folder = tmp_path / "runs" / "tiny" / "to_the_end-seed0"
    with locked(folder):
        locks.OWN.clear()  # as if another process had it
        status, out, err = again()
        assert f"running to_the_end, seed 0              {holder(folder)}\n" in again("--status")[1]
    assert (status, err) == (0, "")
    assert f"tiny to_the_end, seed 0: Expected no other process at work in {folder}. Received: process " in out
    assert out.endswith("left: to_the_end seed 0\n")
    assert [row["row"] for row in read_json(tmp_path / "out" / "tiny.json")] == ["stopped"]
    assert holder(folder) is None
    shutil.copy(tmp_path / "runs" / "tiny" / "stopped-seed0" / "config.json", folder)  # a run with other settings: the queue goes on
    status, out, err = again()
    assert status == 1
    assert error_line(err).startswith("tiny to_the_end, seed 0: Expected --resume with the settings of the saved run")
    assert "tiny stopped, seed 0: already measured" in out


def test_a_lock_ends_with_its_holder(tmp_path):
    code = (
        "import sys, time; from export.storage.locks import locked\nwith locked(sys.argv[1]): print('has it', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "has it\n"
        assert holder(tmp_path).startswith(f"process {process.pid} on ")
        with (
            pytest.raises(HeldError, match=rf"no other process at work in {tmp_path}\. Received: process {process.pid} on "),
            locked(tmp_path),
        ):
            pass
        process.kill()
    assert holder(tmp_path) is None
    with locked(tmp_path):
        assert holder(tmp_path) is not None
    assert holder(tmp_path) is None


def test_status_reads_files_alone(tmp_path):
    run_of = lambda name: tmp_path / "runs" / "cp_vae_toy" / f"{name}-seed7"  # noqa: E731
    for name, values in (("mg2", [3.0, 1.5, 2.0]), ("vae", [])):
        run_of(name).mkdir(parents=True)
        write_json(run_of(name) / "config.json", {**CONFIG, "dataset": "cp_vae_toy", "protocol": {"epochs": 20}})
        if values:
            write_history(run_of(name) / "history.csv", [{"epoch": epoch, "val_loss": value} for epoch, value in enumerate(values)])
            write_history(run_of(name) / "timing.csv", [{"epoch": epoch, "seconds": 3600.0} for epoch in range(3)])
    row = {"row": "vae", "seed": 8, "arguments": {}, "epochs": 11, "stopped": "early", "seconds": 22 * 3600}
    row |= {"preset": "vae_two_modes", "dataset": "cp_vae_toy", "command": "python -m training.reproduce cp_vae_toy --rows vae"}
    (tmp_path / "out").mkdir()
    write_json(tmp_path / "out" / "cp_vae_toy.json", [row])
    code = "import sys; from training import reproduce; reproduce.main(sys.argv[1:]); assert 'tensorflow' not in sys.modules"
    asked = ["cp_vae_toy", "--status", "--rows", "vae", "mg2", "--seeds", "7", "8", "--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    out = subprocess.run([sys.executable, "-c", code, *asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[0] == f"cp_vae_toy: 1 done, 0 running, 1 begun, 2 left; runs in {tmp_path / 'runs' / 'cp_vae_toy'}"
    assert out[1:5] == [
        "left    vae, seed 7",
        "done    vae, seed 8                     11 epochs, early, 22.00 h",
        "begun   mg2, seed 7                     3 epochs, best val_loss 1.50 after 2, 1 epochs since",
        "left    mg2, seed 8",
    ]
    # vae: 20 epochs of 2 h as measured with another seed; mg2: 17 more of 1 h as begun, and 20
    assert out[6].startswith("time left: ")
    assert out[7].startswith("time left: ")


def test_runs_are_kept_outside_the_checkout(monkeypatch, tmp_path):
    monkeypatch.delenv("VAEMIX_RUNS", raising=False)
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    assert runs_root() == tmp_path / "cache" / "runs"
    monkeypatch.setenv("VAEMIX_RUNS", str(tmp_path / "elsewhere"))
    assert runs_root() == tmp_path / "elsewhere"
    assert runs_root(tmp_path / "here") == tmp_path / "here"


def test_unfinished_rows_are_under_the_finished_ones():
    rows = read_json(RESULTS / "digits.json")
    markdown = functools.partial(tables.markdown, table_named("digits"))
    above, below = markdown([{**rows[0], "stopped": "unfinished", "epochs": 7}, *rows[1:]]).split(f"\n\n{tables.UNFINISHED}\n\n")
    assert "`vae_digits`" not in above
    assert [line.split(" | ")[2] for line in below.splitlines()[2:]] == ["7"]
    assert markdown(rows).count("| preset |") == 1
    assert markdown([{**row, "stopped": "unfinished"} for row in rows]).startswith(tables.UNFINISHED)


@pytest.mark.parametrize(
    "own", [["--run-dir", "/my runs"], ["--run-dir=/my runs"], ["--data-dir=/d", "--split", "validation"], ["--split=test"]]
)
def test_recorded_commands_leave_out_places_and_split(own):
    command = lambda *flags: "python -m training.train " + shlex.join(["vae_digits", *flags, "--seed=3", "--dataset", "npz:x y.npz"])  # noqa: E731
    assert portable(command(*own, "--resume")) == command()


@pytest.mark.parametrize("is_one_word", [True, False])
@pytest.mark.parametrize(("path", "name"), [("/home/me/first", "first"), ("/my runs/a b", "a b"), ("lenet", "lenet"), ("/a/b/", "b/")])
@pytest.mark.parametrize("flag", ["--start-from", "--features"])
def test_recorded_commands_name_runs_and_features_without_their_paths(flag, path, name, is_one_word):
    of = lambda value: [f"{flag}={value}"] if is_one_word else [flag, value]  # noqa: E731
    command = lambda value: "python -m training.train " + shlex.join(["vae_digits", *of(value), "--dataset", "npz:/a/x.npz"])  # noqa: E731
    assert portable(command(path)) == command(name)


def test_recorded_settings_name_data_without_their_paths_at_any_depth():
    settings = lambda x, y: {"dataset": x, "seed": 1, "start_from": {"dataset": y, "start_from": {"dataset": x, "arguments": {}}}}  # noqa: E731
    assert without_paths(settings("npz:/a b/x.npz", "folder:/faces/")) == settings("npz:x.npz", "folder:faces")
    assert without_paths(settings("mnist", "digits")) == settings("mnist", "digits")
    assert without_paths({"dataset": "npz:x.npz", "data_source": "npz:/a/x.npz"}) == {"dataset": "npz:x.npz"}


def test_record_names_the_paper_s_row_and_takes_the_test_set_alone(again, unjudged, without_xla, tmp_path, monkeypatch, capsys):
    assert again("--epochs", 1, "--rows", "vae")[0] == 0
    monkeypatch.setattr(result_rows, "RESULTS", tmp_path / "results")
    folder = tmp_path / "runs" / "tiny" / "vae-seed0"
    arguments = [str(folder), "tiny"]
    assert record.main(arguments) == 0
    (row,) = rows = read_json(tmp_path / "results" / "tiny.json")
    assert (row["row"], row["paper_elbo"], row["max_epochs"], row["stopped"]) == ("vae", -24.0, 1, "unfinished")
    assert row["verdict"].startswith("not comparable: `vae_digits --latent-dim 3`, 1 epochs, unfinished, one seed: -ELBO ")
    assert "route" not in row
    assert (tmp_path / "results" / "tiny.md").read_text() == tables.markdown(TINY, rows, is_full=True) + "\n"
    older = {**row, "arguments": {"latent_dim": 3}}
    write_json(tmp_path / "results" / "tiny.json", [older])
    assert record.main(arguments) == 0
    assert len(rows := read_json(tmp_path / "results" / "tiny.json")) == 1
    assert record.main([*arguments, "--verdict", "better: by hand"]) == 1
    assert "Expected no --verdict for vae, whose verdict is computed. Received: better: by hand" in capsys.readouterr().err
    assert record.main([str(folder), "other", "--verdict", "not comparable: no paper has this row"]) == 0
    assert [r["verdict"] for r in read_json(tmp_path / "results" / "other.json")] == ["not comparable: no paper has this row"]
    write_json(folder / "evaluation.json", {**read_json(folder / "evaluation.json"), "split": "validation"})
    assert record.main(arguments) == 1
    assert f"python -m training.evaluate {folder}. Received: split='validation'" in capsys.readouterr().err
    assert read_json(tmp_path / "results" / "tiny.json") == rows


def test_a_run_of_another_program_is_evaluated_and_recorded(again, short_rows, judging_alone, tmp_path, monkeypatch):
    assert again("--rows", "stopped")[0] == 0
    monkeypatch.setattr(result_rows, "RESULTS", tmp_path / "results")
    folder = shutil.copytree(tmp_path / "runs" / "tiny" / "stopped-seed0", tmp_path / "run")
    shutil.rmtree(folder / "checkpoint")
    (folder / "evaluation.json").unlink()
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "route": "portable", "device": "an accelerator"})
    assert evaluate_command.main([str(folder), "--num-samples", "3", "--likelihood-examples", "50"]) == 0
    assert record.main([str(folder), "tiny"]) == 0
    (row,), (own,) = (read_json(tmp_path / name / "tiny.json") for name in ("results", "out"))
    assert (row["row"], row["route"], row["device"], row["stopped"]) == ("stopped", "portable", "an accelerator", "early")
    assert row["elbo"] == own["elbo"]
    assert not {"route", "device"} & set(own)


def test_record_takes_no_run_that_was_trained_on_since_it_was_judged(main, training_alone, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **keywords):
        raise OSError("as if interrupted")

    monkeypatch.setattr("keras_vaemix.VAE.fit", interrupted)
    folder = tmp_path / "run"
    for _ in range(2):
        assert main("vae_digits", "--run-dir", folder, "--resume") == (1, "error: as if interrupted")
        assert not (folder / "evaluation.json").exists()
        write_json(folder / "evaluation.json", {"split": "test"})
    (folder / "evaluation.json").unlink()
    assert record.main([str(folder), "tiny"]) == 1
    expected = f"Expected an evaluated run: python -m training.evaluate {folder}. Received: {folder}, without evaluation.json"
    assert capsys.readouterr().err == f"error: {expected}\n"
