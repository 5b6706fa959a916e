"""The papers' figures that are drawn from measured rows."""

from types import SimpleNamespace

import numpy as np
import pytest

from export.storage.files import read_rows
from keras_vaemix.core import supports
from keras_vaemix.visualization import pictures
from keras_vaemix.visualization.grids import GAP
from tests import catalogue
from training.data.splits import Data, Split
from training.findings import attribute_lines, latent_spaces
from training.jobs.record import POINTS, curve
from training.papers import charts, gmmp_vae, sweeps
from training.papers.recording import record
from training.papers.registry import TABLES, row_named
from training.papers.row import Row
from training.papers.table import Table
from training.presets import PRESETS


def measured(row, seed=0, **figures):
    """A measured row of a table, with made-up figures."""
    return {
        "row": row.name,
        "preset": row.preset,
        "arguments": row.arguments(),
        "dataset": row.own_dataset(),
        "seed": seed,
        "epochs": 3,
        "seconds": 9,
        "command": "python -m training.reproduce",
        "stopped": "maximum",
        "versions": {},
        "paper": "",
        **row.further,
        **figures,
    }


def lines(axis):
    """The points of each line of a panel, by its label; without the markers that are drawn over them."""
    named = [line for line in axis.lines if not line.get_label().startswith("_")]
    return {line.get_label(): list(zip(*map(list, line.get_data()), strict=True)) for line in named}


def test_distances_against_the_number_of_latents(tmp_path):
    by_name = sweeps.LATENT_SIZES.by_name()
    rows = [
        *(measured(by_name[f"wae_manifold8_m{m}"], s, fd_generation=m + s) for m in (16, 4) for s in (0, 2)),
        measured(by_name["mask_manifold8_m8"], fd_generation=5.0),
        measured(by_name["wae_mnist_m32"], fd_generation=7.0),
    ]
    axes = sweeps.LATENT_SIZES.charts["distance"](rows).axes
    assert [axis.get_title() for axis in axes] == ["manifold8", "mnist"]
    assert lines(axes[0]) == {"WAE": [(4, 5), (16, 17)], "MaskAAE": [(8, 5)]}  # means over seeds
    assert lines(axes[1]) == {"WAE": [(32, 7)]}


@pytest.mark.parametrize("order", [1, -1])
def test_an_unfinished_row_is_drawn_only_where_there_is_no_other(order):
    row = sweeps.LATENT_SIZES.by_name()["wae_mnist_m32"]
    rows = [measured(row, fd_generation=7.0), measured(row, 1, fd_generation=90.0, stopped="unfinished")]
    for some, distance, hollow in ((rows[::order], 7, []), (rows[1:], 90, [90])):
        (axis,) = sweeps.LATENT_SIZES.charts["distance"](some).axes
        assert lines(axis) == {"WAE": [(32, distance)]}
        assert [y for line in axis.lines if line.get_markerfacecolor() == "white" for y in line.get_ydata()] == hollow


def test_log_likelihoods_of_parts_of_the_test_set_are_drawn_apart():
    row = gmmp_vae.WEIGHTS.by_name()["w_1_9"]
    some = lambda seed, likelihood, n: measured(  # noqa: E731
        *(row, seed), elbo=-99.0, log_likelihood=likelihood, num_likelihood_examples=n, num_examples=100
    )
    (axis,) = gmmp_vae.WEIGHTS.charts["bounds"]([some(0, -90.0, 10), some(1, -95.0, 100)]).axes
    assert set(lines(axis)) == {"fixed weights, test ELBO"}  # of seeds that are not alike there is no mean
    other = measured(gmmp_vae.WEIGHTS.by_name()["w_5_5"], elbo=-99.0, log_likelihood=-80.0, num_likelihood_examples=100, num_examples=100)
    (axis,) = gmmp_vae.WEIGHTS.charts["bounds"]([some(0, -90.0, 10), other]).axes
    title = "fixed weights, test log-likelihood"
    assert lines(axis) == {
        "fixed weights, test ELBO": [(0.5, -99.0), (0.9, -99.0)],
        f"{title} (10 examples)": [(0.9, -90.0)],
        title: [(0.5, -80.0)],
    }


def test_a_recorded_row_draws_its_charts(tmp_path):
    row = sweeps.GENERATOR_SIZES.by_name()["model2"]
    own = measured(row, fd_generation=3.0, fd_reconstruction=2.0, feature_network="lenet")
    assert row_named("generator_sizes", own) is row
    assert row_named("generator_sizes", {**own, "train_examples": 6000}) is None
    record(own, "generator_sizes", tmp_path)
    assert (tmp_path / "generator_sizes_distances.png").read_bytes().startswith(b"\x89PNG")
    assert [one["fd_generation"] for one in read_rows(tmp_path / "generator_sizes.json") if one["row"] == "model2"] == [3.0]
    assert sweeps.weights(own) == 32 * 64 + 64**2 + 64 * 32


@pytest.mark.parametrize("name", ["gmmp_weights", "latent_sizes", "generator_sizes"])
def test_a_row_that_a_table_does_not_name_is_recorded_but_not_drawn(name, tmp_path):
    row = measured(Row("", "gmmp_mnist" if name == "gmmp_weights" else "vae_mnist"), elbo=-90.0, fd_generation=3.0)
    record({key: value for key, value in row.items() if key != "row"}, name, tmp_path)
    assert [row["preset"] for row in read_rows(tmp_path / f"{name}.json") if "row" not in row] == [row["preset"]]


def test_a_shorter_row_replaces_none(tmp_path):
    row = gmmp_vae.WEIGHTS.by_name()["w_1_9"]
    own = measured(row, elbo=-90.0, data_sha256="0")
    record(own, "gmmp_weights", tmp_path)
    with pytest.raises(ValueError, match=r"at least the 3 epochs of the measured row .* another --out\. Received: 2 epochs"):
        record({**own, "epochs": 2, "stopped": "unfinished"}, "gmmp_weights", tmp_path)
    for other in ({**own, "epochs": 2, "stopped": "early", "elbo": -91.0}, {**own, "epochs": 4, "stopped": "unfinished", "elbo": -92.0}):
        record(other, "gmmp_weights", tmp_path)
        assert [one["elbo"] for one in read_rows(tmp_path / "gmmp_weights.json") if one["row"] == "w_1_9"] == [other["elbo"]]


def test_charts_that_fail_leave_the_results_as_they_are(tmp_path, monkeypatch):
    def draw(rows):
        raise KeyError("fd_generation")

    monkeypatch.setitem(TABLES, "broken", Table("broken", charts={"chart": draw}))
    with pytest.raises(KeyError):
        record(measured(Row("", "vae_mnist")), "broken", tmp_path)
    assert not list(tmp_path.glob("broken*"))


def test_the_longest_of_unfinished_rows_is_drawn():
    row = sweeps.LATENT_SIZES.by_name()["wae_mnist_m32"]
    rows = [measured(row, epochs=n, fd_generation=float(n), stopped="unfinished") for n in (2, 5, 3)]
    (axis,) = sweeps.LATENT_SIZES.charts["distance"](rows).axes
    assert lines(axis) == {"WAE": [(32, 5)]}


def test_charts_have_rows_that_are_older_than_a_flag(tmp_path):
    """As those of the project are, which have no decoder."""
    row = measured(gmmp_vae.TABLE1.by_name()["mlp_m1_k500_mc"], elbo=-90.0, elbo_se=0.1, data_sha256="0")
    record(row, "gmmp_table1", tmp_path)
    assert any("decoder" not in one["arguments"] for one in read_rows(tmp_path / "gmmp_table1.json"))
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"gmmp_table1_{name}.png" for name in sorted(gmmp_vae.CHARTS)]


def test_histories_leave_out_the_warm_up():
    row = gmmp_vae.TABLE1.by_name()["mlp_m2_k100"]
    own = measured(row, protocol={"warm_up": 2}, curve={"figure": "val_loss", "epochs": [1, 2, 3], "values": [9.0, 8.0, 7.0]})
    plain = {**own, **measured(gmmp_vae.TABLE1.by_name()["vae"])}
    other = {**plain, **measured(gmmp_vae.TABLE1.by_name()["omniglot_vae"])}
    (axis,) = gmmp_vae.CHARTS["histories"]([plain, own, {**own, "row": "planar80", "arguments": {}}, other]).axes
    assert axis.get_title() == "mnist, mlp, K = 100"
    assert lines(axis) == {"VAE": [(2, 8), (3, 7)], "M = 2, paper": [(2, 8), (3, 7)]}


def test_bounds_against_pseudo_inputs_have_the_vae_as_a_level():
    named = gmmp_vae.TABLE1.by_name()
    names = ("vae", "mlp_m1_k100_mc", "mlp_m1_k500_mc", "omniglot_mlp_m2_k500", "omniglot_vae")
    rows = [measured(named[name], elbo=-float(i)) for i, name in enumerate(names)]
    axes = gmmp_vae.CHARTS["pseudo_inputs"](rows).axes
    assert [(axis.get_title(), axis.get_ylabel()) for axis in axes] == [(f"{s}, mlp", "test ELBO in nats") for s in ("mnist", "omniglot")]
    mlp, omniglot = map(lines, axes)
    assert {y for _, y in omniglot["VAE"]} == {-4}
    assert mlp["M = 1, Monte Carlo"] == [(100, -1), (500, -2)]
    assert {y for _, y in mlp["VAE"]} == {0}


def test_bounds_against_pseudo_inputs_have_the_papers_bound_too_and_say_what_is_unfinished():
    named = gmmp_vae.TABLE1.by_name()
    rows = [measured(named["mlp_m1_k100"], elbo=-2.0, paper_bound=-5.0), measured(named["vae"], elbo=-3.0, stopped="unfinished")]
    elbo, bound = map(lines, gmmp_vae.CHARTS["pseudo_inputs"](rows).axes)
    assert elbo["M = 1, paper"] == [(100, -2)]
    assert {y for _, y in elbo["VAE, unfinished"]} == {-3}
    assert bound == {"M = 1, paper": [(100, -5)]}


def test_histograms_are_densities_on_one_scale():
    named, counts = gmmp_vae.TABLE1.by_name(), {"counts": [1, 3]}
    given = {"vae": [-3, -2, -1], "mlp_m3_k500": [-5, -3, -1], "omniglot_mlp_m3_k500": [-9, -8, -7]}
    rows = [measured(named[name], log_likelihood_histogram={"edges": edges, **counts}) for name, edges in given.items()]
    axes = gmmp_vae.CHARTS["log_likelihoods"](rows).axes
    assert {axis.get_title(): axis.get_xlim() for axis in axes} == dict(zip(given, [(-5, -1), (-5, -1), (-9, -7)], strict=True))
    for axis, density in zip(axes, ([0.25, 0.75], [0.125, 0.375], [0.25, 0.75]), strict=True):  # of bins that are 1, 2 and 1 nat wide
        np.testing.assert_allclose(axis.patches[0].get_data().values, density)
        assert axis.get_ylim() == (0, pytest.approx(1.05 * 0.75))


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.charts])
def test_charts_of_no_rows_are_empty(name):
    for draw in TABLES[name].charts.values():
        assert not any(axis.lines or axis.patches for axis in draw([]).axes)


def test_a_curve_has_few_points_and_the_last():
    history = [{"epoch": i, "val_loss": 100.0 - i} for i in range(1000)]
    kept = curve(history, "val_loss")
    assert len(kept["epochs"]) == POINTS
    assert (kept["epochs"][0], kept["epochs"][-1], kept["values"][-1]) == (1, 1000, -899.0)
    assert curve(history[:3], "val_loss") == {"figure": "val_loss", "epochs": [1, 2, 3], "values": [100.0, 99.0, 98.0]}
    assert curve([{"epoch": 0, "val_loss": float("nan")}], "val_loss")["epochs"] == []


def test_the_generator_has_a_size_of_its_own(digits):
    rows = {(0, 4): 4 * 32, (8, 2): 2 * 8, (8, 0): 0}
    for (units, layers), hidden in rows.items():
        flags = {"generator_units": units, "generator_layers": layers, "critic_units": 32, "hidden": 16, "latent_dim": 3}
        model = PRESETS["flex_ae_mnist"].build(digits, **flags).model
        assert sum(weight.shape[0] for weight in model.generator.weights if len(weight.shape) == 1) == hidden + 3


def test_fixed_weights_of_a_posterior(digits):
    flags = {"num_posterior_components": 2, "latent_dim": 3, "num_pseudo_inputs": 4}
    model = PRESETS["gmmp_digits"].build(digits, posterior_weights="0.1,0.9", **flags).model
    assert model.posterior.fixed_weights == [0.1, 0.9]
    with pytest.raises(ValueError, match=r"Expected --posterior-weights: numbers with commas between them.*Received: '0.1;0.9'"):
        PRESETS["gmmp_digits"].build(digits, posterior_weights="0.1;0.9", **flags)
    with pytest.raises(ValueError, match=r"2 positive weights that sum to one"):
        PRESETS["gmmp_digits"].build(digits, posterior_weights="0.1,0.8", **flags)


def test_a_chart_is_written_whole(tmp_path):
    charts.write(charts.histograms([], str), tmp_path / "empty.png")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.png"]


def test_latents_of_a_prior_are_told_from_codes(tmp_path):
    model = catalogue.AUTOENCODERS["flex"]()
    codes, draws = latent_spaces.codes_and_draws(model, catalogue.examples(model))
    assert codes.shape == draws.shape == (30, catalogue.LATENT_DIM)
    noise = model.prior.sample(30, seed=0)
    assert draws.shape != noise.shape  # they have passed the generator
    rng = np.random.default_rng(0)
    apart = latent_spaces.embedded(np.concatenate([rng.normal(0, 0.1, (40, 5)), rng.normal(9, 0.1, (40, 5))]))
    centers = apart[:40].mean(axis=0), apart[40:].mean(axis=0)
    nearer = np.linalg.norm(apart[:, None] - centers, axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(nearer, np.arange(80) // 40)
    latent_spaces.draw("flex_ae", model, catalogue.examples(model, 60), tmp_path / "latents.png")
    assert (tmp_path / "latents.png").stat().st_size > 5000


def test_attributes_of_the_figures_that_the_data_have_are_drawn(tmp_path):
    model, x = catalogue.AUTOENCODERS["flex"](), np.random.default_rng(0).random((12, *catalogue.SHAPE), "float32")
    has = np.stack([np.arange(12) % 2, np.arange(12) < 4, np.arange(12) < 6], axis=1).astype(bool)
    split = Split(x, attributes=has)
    data = Data("faces", split, split, split, supports.UNIT_INTERVAL, attribute_names=("Smiling", "Young", "Male"))
    drawn = attribute_lines.lines_of(model, data)
    assert list(drawn) == ["Smiling", "Male"]
    own = pictures.attribute_line(model, x, has[:, 2], x[[6, 7, 8, 9, 0, 1, 2, 3]])  # four without it above four with it
    shown = own._replace(title="-", rows=(), columns=()).picture()
    height, width = 8 * (own.zoom() * 4 + GAP) - GAP, 9 * (own.zoom() * 4 + GAP) - GAP
    np.testing.assert_array_equal(drawn["Male"][-height:, -width:], shown[-height:, -width:])
    row = sweeps.ATTRIBUTE_LINES.rows[0]
    assert sweeps.verdict([measured(row)], row, []).endswith("one seed: without a network of features")  # CelebA has no labels
    args = SimpleNamespace(dataset="digits", data_dir=None, out=tmp_path, table="attribute_lines")
    with pytest.raises(ValueError, match=r"attributes Big_Nose, Heavy_Makeup, .* Received: .*digits"):
        attribute_lines.measure(lambda: pytest.fail("trained"), row, 0, args)


@pytest.mark.parametrize(
    ("table", "kept"),
    [
        ("cp_vae_table1", {"samples"}),
        ("gamix_ablation", {"samples", "variants", "transitions"}),
        ("rae_table_mnist", {"samples", "covariance", "mask", "neighbors"}),
    ],
)
def test_pictures_of_seed_zero_are_kept_beside_a_table(table, kept, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for kind in ("samples", "variants", "transitions", "covariance", "mask", "neighbors", "categories"):
        (run / f"{kind}.png").write_bytes(b"picture")
    args = SimpleNamespace(out=tmp_path / "out", table=table)
    for seed, names in ((1, set()), (0, {f"{table}_one_{kind}.png" for kind in kept})):
        assert TABLES[table].measure(lambda: (run, {"elbo": -1.0}), SimpleNamespace(name="one"), seed, args) == {"elbo": -1.0}
        assert {path.name for path in args.out.iterdir()} == names
