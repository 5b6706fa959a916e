"""The comparison of clusters of tables: its cells, how clusters are judged, and what it writes."""

import importlib.util
import json

import numpy as np

from tests.benchmarks import table_clusters
from tests.benchmarks.class_tables import Table, cells
from tests.benchmarks.table_clusters import figures_of, k_means


def test_totals_hide_the_kinds_of_cells():
    """Divided by the totals, the counts show four kinds; as they are they do not."""
    found = {knows_totals: figures_of(k_means, cells(0, knows_totals, 300), 0)["ari"] for knows_totals in (True, False)}
    assert found[False] < 0.1 < 0.5 < found[True]


def test_clusters_are_judged_on_all_rows_and_densities_on_those_held_out():
    class Renaming:
        """Finds the classes under other names; its log p(x) of a row is the row's number."""

        def __init__(self, table, num_clusters, seed):
            pass

        def fit(self, x):
            self.fitted = x[:, 1]

        def predict(self, x):
            return (x[:, 0].astype(int) + 1) % 3

        def score_samples(self, x):
            assert len(x) == 20
            assert not set(x[:, 1]) & set(self.fitted)
            return x[:, 1]

    y = np.arange(100) % 3
    x = np.column_stack([y, np.arange(100)])
    figures = figures_of(Renaming, Table(y, x, None, x, is_continuous=True), 0)
    assert (figures["ari"], figures["nmi"], figures["accuracy"]) == (1, 1, 1)
    assert 10 < figures["log_likelihood"] < 90
    assert figures_of(Renaming, Table(y, x, None, x), 0)["log_likelihood"] is None


def test_table_of_a_library_without_clustpy(tmp_path, monkeypatch, capsys):
    for name in ("EPOCHS", "STARTS"):
        monkeypatch.setattr(table_clusters, name, 2)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    table_clusters.main(["--tables", "wine", "--seeds", "0", "--out", str(tmp_path / "table.json")])
    assert "ClustPy is not installed" in capsys.readouterr().err
    record = json.loads((tmp_path / "table.json").read_text())
    own = {result["method"]: result for result in record["results"]}
    assert set(own) == set(table_clusters.METHODS) - {"ClustPy's `VaDE`"}
    assert own["`KMeans`"]["log_likelihood"] is None
    assert own["`GaussianMixture`, full"]["ari"] > 0.7
    assert -30 < own[table_clusters.OURS]["log_likelihood"] < -10  # 13 standardised columns: independent ones have -18
    assert record["table"][2].startswith("| wine | `KMeans` | 0.")
    assert {"keras", "scikit-learn"} <= set(record["versions"])
