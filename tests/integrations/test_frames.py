"""Data frames: what is chosen for a column, the way to a served sampler and back, and one error for each fault, which names the column."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import export.sample
import keras_vaemix as vm
from export.artifact import export_model
from export.server.app import make_app
from export.tables.table import Table, read_table
from keras_vaemix.integrations.frames import Frame

ROOT = Path(__file__).parents[2]
N = 40


def table():
    """A table with columns of every kind and dtype that decides over one, some with gaps."""
    rng = np.random.default_rng(0)
    columns = {
        "income": rng.normal(5e4, 1e4, N),
        "height": rng.normal(1.7, 0.1, N).astype("float32"),
        "balance": rng.integers(-300, 300, N),
        "visits": rng.poisson(rng.gamma(0.3, 10, N)),
        "children": rng.binomial(5, 0.4, N).astype("uint8"),
        "rooms": pd.array(rng.poisson(3, N), dtype="Int64"),
        "weeks": rng.poisson(4, N).astype("float64"),
        "smoker": rng.integers(0, 2, N).astype(bool),
        "code": rng.integers(1, 3, N),
        "agrees": np.array([True, False], dtype=object)[rng.integers(0, 2, N)],
        "colour": np.array(["red", "green", "blue"])[rng.integers(0, 3, N)],
        "size": pd.Categorical.from_codes(rng.integers(0, 3, N), ["small", "large", "huge", "none yet"], ordered=True),
        "zone": rng.integers(10, 13, N),
        "share": rng.beta(2, 3, N),
    }
    frame = pd.DataFrame(columns, index=range(100, 100 + N))
    for name in ("income", "rooms", "weeks", "agrees", "colour", "size"):
        frame.loc[rng.choice(frame.index, 4, replace=False), name] = np.nan
    return frame


ASKED = {"share": vm.Beta, "zone": vm.Categorical, "height": vm.StudentT}
KINDS = {
    "income": ("number", "float64", vm.Standardized, 1),
    "height": ("number", "float32", vm.Standardized, 1),
    "balance": ("number", "int64", vm.Standardized, 1),
    "visits": ("count", "int64", vm.NegativeBinomial, 1),
    "children": ("count", "uint8", vm.Poisson, 1),
    "rooms": ("count", "Int64", vm.Poisson, 1),
    "weeks": ("count", "float64", vm.Poisson, 1),
    "smoker": ("two values", "bool", vm.Bernoulli, 1),
    "code": ("two values", "int64", vm.Bernoulli, 1),
    "agrees": ("two values", "boolean", vm.Bernoulli, 1),
    "colour": ("category", str(pd.Series(["red"]).dtype), vm.Categorical, 3),
    "size": ("category", str(pd.Series(["red"]).dtype), vm.Categorical, 4),
    "zone": ("category", "int64", vm.Categorical, 3),
    "share": ("number", "float64", vm.Beta, 1),
}


def framed(data):
    return Frame.from_data(data, {name: make() for name, make in ASKED.items() if name in data})


@pytest.fixture(scope="module")
def df():
    return table()


@pytest.fixture(scope="module")
def frame(df):
    return framed(df)


def as_decoded(data):
    """A table with its object column in the dtype that it comes back in."""
    return data.astype({"agrees": "boolean"})


def test_every_column_gets_its_kind(df, frame):
    each = zip(frame.columns, frame.likelihood.block_likelihoods, frame.likelihood.widths, strict=True)
    assert {column.name: (column.kind, column.dtype, type(likelihood), width) for column, likelihood, width in each} == KINDS
    likelihoods = dict(zip(frame.likelihood.names, frame.likelihood.block_likelihoods, strict=True))
    assert likelihoods["income"].loc == pytest.approx(df["income"].mean())
    assert likelihoods["income"].scale == pytest.approx(df["income"].std(ddof=0))
    assert type(likelihoods["height"].likelihood) is vm.StudentT
    assert re.search(rf"\nincome +number +float64 +Standardized\(.*, loc=[\d.]+, scale={likelihoods['income'].scale}\) *\n", repr(frame))
    assert re.search(r"\nzone +category +int64 +Categorical\(\) +10, 11, 12\n", repr(frame))


def test_whole_numbers_are_counts_only_if_nothing_speaks_against_it():
    data = pd.DataFrame({"floats": [1.0, 2.0, 4.0], "large": [3, 2**24 + 1, 2**30], "objects": [1, 2.5, 7]}, dtype=object)
    data = data.astype({"floats": "float64", "large": "int64"})
    assert [(column.kind, column.dtype) for column in Frame.from_data(data).columns] == [
        ("number", "float64"),
        ("number", "int64"),
        ("number", "Float64"),
    ]


def test_rows_are_the_table(df, frame):
    shuffled = df[df.columns[::-1]].assign(further=0)
    x = frame.encode(shuffled)
    assert (x.shape, x.dtype) == ((N, frame.width), np.float32)
    np.testing.assert_array_equal(np.isnan(x[:, 0]), df["income"].isna())
    np.testing.assert_array_equal(np.isnan(x[:, 10:13]).sum(axis=1), 3 * df["colour"].isna())
    pd.testing.assert_frame_equal(frame.decode(x, index=df.index), as_decoded(df), rtol=1e-6)
    np.testing.assert_allclose(frame.scaled_columns(df)(np.nan_to_num(x))[:, 2].numpy().std(), 1, rtol=1e-4)


def test_gaps_that_a_dtype_has_no_place_for_get_another(df, frame):
    x = frame.encode(df)
    x[0] = np.nan
    missing = frame.decode(x)
    assert missing.iloc[0].isna().all()
    held = {"balance": "Int64", "visits": "Int64", "children": "Int64", "smoker": "boolean", "code": "Int64", "zone": "Int64"}
    assert missing.dtypes.astype(str).to_dict() == as_decoded(df).dtypes.astype(str).to_dict() | held
    np.testing.assert_array_equal(frame.encode(missing)[1:], x[1:])


def test_decoded_integers_stay_within_their_dtype(df, frame):
    x = frame.encode(df)
    x[:2, 2], x[:2, 4] = [-1e30, 2.6], [300, 0]
    decoded = frame.decode(x)
    assert decoded["balance"][:2].tolist() == [-(2**63), 3]
    assert decoded["children"][:2].tolist() == [255, 0]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "UInt64"])
def test_identifiers_beyond_the_whole_numbers_of_float64_stay_apart(dtype):
    frame = Frame.from_data(pd.DataFrame({"id": pd.array([10**17, 5 * 10**17, 10**18], dtype=dtype)}), {"id": vm.Normal()})
    decoded = frame.decode(np.array([[1e17], [5e17], [1e30], [-1e30]], "float32"))["id"]
    limits = np.iinfo(dtype.lower())
    assert decoded.dtype == dtype
    np.testing.assert_allclose(decoded.astype("float64"), [1e17, 5e17, float(limits.max), float(limits.min)], 1e-6)
    assert 0 < decoded[2] <= limits.max


@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_that_are_numbers_are_true_above_a_half(dtype):
    data = pd.DataFrame({"smokes": pd.array([True, False, True], dtype=dtype)})
    frame = Frame.from_data(data, {"smokes": vm.Normal()})
    x = np.array([[0.4], [0.6], [-1.0]], "float32")
    assert frame.decode(x)["smokes"].tolist() == [False, True, False]
    assert frame.decode(x)["smokes"].dtype == dtype
    x[0] = np.nan
    missing = frame.decode(x)["smokes"]
    assert (missing.dtype, missing[1:].tolist(), missing.isna().tolist()) == ("boolean", [True, False], [True, False, False])


def test_a_structured_array_is_a_table():
    array = np.array([("a", 1, 2.5), ("b", 7, 1.5), ("a", 0, 9.0)], [("name", "U3"), ("n", ">i4"), ("v", "f4")])
    frame = Frame.from_data(array)
    assert [column.kind for column in frame.columns] == ["category", "count", "number"]
    np.testing.assert_array_equal(frame.encode(array), [[1, 0, 1, 2.5], [0, 1, 7, 1.5], [1, 0, 0, 9]])
    pd.testing.assert_frame_equal(
        frame.decode(frame.encode(array)), pd.DataFrame({"name": list("aba"), "n": np.int32([1, 7, 0]), "v": array["v"]})
    )


def test_means_are_no_rows(frame, df):
    means = np.stack([frame.encode(df)[1]] * 2)
    means[:, 10:13], means[:, 3], means[:, 7] = [0.1, 0.6, 0.3], 4.4, 0.2
    with pytest.raises(ValueError, match=r"draws of column 'visits': take decode_means.*Received: \[4.4"):
        frame.decode(means)
    named = frame.decode_means(means, index=[5, 6])
    assert named.loc[5, ["colour=blue", "colour=green", "visits", "smoker=True"]].tolist() == pytest.approx([0.1, 0.6, 4.4, 0.2])
    nearest = frame.decode(frame.nearest(means))
    assert nearest.loc[0, ["colour", "visits", "smoker"]].tolist() == ["green", 4, False]


def changed(name, value):
    """A function that puts a value into the first row of a column, of whatever dtype."""
    return lambda data: data.assign(**{name: [value, *data[name].astype(object).tolist()[1:]]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.rename(columns={"visits": "Visits"}), "the columns ['visits'] too, under these names"),
        (lambda data: data.to_numpy(), "a pandas DataFrame or a structured array, whose columns have names"),
        (lambda data: pd.concat([data, data["zone"]], axis=1), "with a text of their own as name: df.columns = [...] names them"),
        (lambda data: data[:0], "x to hold at least one example"),
        (changed("colour", "mauve"), "values of column 'colour' among ['blue', 'green', 'red'], those seen before. Received: ['mauve']"),
        (changed("code", 3), "values of column 'code' among [1, 2]"),
        (changed("visits", -1), "column 'visits' of x in the counts"),
        (changed("rooms", 1.5), "column 'rooms' of x in the counts"),
        (changed("share", 1.0), "column 'share' of x in (0, 1)"),
        (changed("income", np.inf), "finite numbers in column 'income'"),
        (changed("income", "high"), "numbers in column 'income'. Received: dtype object"),
    ],
)
def test_what_was_not_seen_before_is_refused(change, message, frame, df):
    with pytest.raises(ValueError, match=f"^Expected .*{re.escape(message)}"):
        frame.encode(change(df))


def test_all_columns_that_are_refused_are_named_at_once():
    df = pd.DataFrame({"constant": [1, 1], "fine": [1, 2], "empty": [None, None]})
    with pytest.raises(ValueError, match=r"column 'constant' that differ(.|\n)*observed value in column 'empty'"):
        Frame.from_data(df)


@pytest.mark.parametrize(
    ("values", "likelihood", "message"),
    [
        ([None, None, None], None, "an observed value in column 'a': leave it out. Received: missing=3"),
        ([2.0, 2.0, None], None, "values of column 'a' that differ: leave it out. Received: values=[2.0]"),
        (
            pd.to_datetime(["2026-01-01", "2026-01-02", None]),
            None,
            "numbers, booleans or texts in column 'a': convert it. Received: kind='Timestamp'",
        ),
        ([[1], [2], [3]], None, "numbers, booleans or texts in column 'a': convert it. Received: kind='list'"),
        ([1j, 2j, 3j], None, "numbers, booleans or texts in column 'a'"),
        ([1e9, 1e9 + 1, 1e9 + 2.5], None, "column 'a' to vary by more than the rounding of its numbers to float32: subtract"),
        ([1e9, 1e9 + 1, 1e9 + 2.5], vm.Standardized(vm.Normal(), 1e9), "column 'a' of x to vary by more than the rounding"),
        ([b"x", b"y", b"z"], None, "texts in column 'a': convert it. Received: kind='bytes'"),
        (["x", "y", "z"], vm.Poisson(), "numbers in column 'a'"),
        ([0, -1, 3], vm.Poisson(), "column 'a' of x in the counts"),
        ([0, 1, 2], vm.Bernoulli(), "two values in column 'a'. Received: [0, 1, 2]"),
        ([0.0, 0.2, 0.5], vm.Beta(), "column 'a' of x in (0, 1)"),
        ([0.0, 0.2, 0.5], vm.Beta, "the likelihood of column 'a' to be a Likelihood"),
    ],
)
def test_a_column_that_cannot_be_learned_is_refused(values, likelihood, message):
    data = pd.DataFrame({"a": values, "b": [0.5, 1.0, 7.0]})
    with pytest.raises(ValueError, match=f"^Expected .*{re.escape(message)}"):
        Frame.from_data(data, None if likelihood is None else {"a": likelihood})


def test_likelihoods_of_other_columns_are_refused():
    with pytest.raises(ValueError, match=r"likelihoods of columns, \['b'\]. Received: likelihoods=\['a'\]"):
        Frame.from_data(pd.DataFrame({"b": [0.5, 1.0, 7.0]}), {"a": vm.Normal()})
    with pytest.raises(ValueError, match=r"the likelihood of a model that was built from a Frame"):
        Frame.from_model(keras.Sequential())


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: [],
        lambda schema: {"columns": []},
        lambda schema: {"columns": [{**schema["columns"][0], "kind": "open"}]},
        lambda schema: {"columns": [{**schema["columns"][0], "further": 1}]},
        lambda schema: {"columns": [{**schema["columns"][0], "dtype": "pickle"}]},
        lambda schema: {"columns": [{**schema["columns"][-2], "values": "abc"}]},
        lambda schema: {"columns": [{**schema["columns"][-2], "values": [{}, {}]}]},
    ],
)
def test_a_schema_is_not_trusted(change, frame):
    with pytest.raises(ValueError, match=r"^Expected .* Received: "):
        Table(change(frame.schema()))


def model_of(frame, df):
    """A model of a table with gaps."""
    width, x, mask = frame.width, *(keras.Input((frame.width,), name=name) for name in ("x", "mask"))
    hidden = keras.layers.Concatenate()([frame.scaled_columns(df)(x), mask])
    encoder = keras.Model([x, mask], vm.networks.mlp((2 * width,), 4, (8,))(hidden))
    decoder = vm.networks.mlp((2,), frame.likelihood.params_size(width), (8,))
    return vm.VAE(encoder, decoder, vm.NormalMixture(2, 3), frame.likelihood)


def test_a_table_goes_to_a_served_sampler_and_back(df, tmp_path):
    frame = framed(df)
    model = model_of(frame, df)
    model.compile("adam", run_eagerly=True)
    model.fit(frame.encode(df), epochs=2, batch_size=N, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    again = Frame.from_model(loaded)
    assert again.schema() == frame.schema()
    assert again.likelihood is loaded.likelihood

    imputed = again.decode(loaded.impute(again.encode(df), 4, num_draws=1).draws[0], index=df.index)
    assert not imputed.isna().any().any()
    assert imputed.dtypes.equals(as_decoded(df).dtypes)
    pd.testing.assert_frame_equal(imputed.where(df.notna()), as_decoded(df).where(df.notna()), rtol=1e-6, check_dtype=False)

    artifact = export_model(loaded, tmp_path / "artifact", ["onnx"])
    x, _ = export.sample.sample(artifact, 6, seed=3)
    with TestClient(make_app(artifact), "http://localhost") as client:
        served = np.array(client.get("/v1/sample?num=6&seed=3").json()["x"])
        of_server = Table(client.get("/v1/model").json()["table"])
    for source, means in ((read_table(artifact), x), (of_server, served)):
        assert source.schema() == frame.schema()
        rows = source.decode(source.nearest(means))
        assert rows.dtypes.equals(as_decoded(df).dtypes)
        assert rows["visits"].min() >= 0
        assert set(rows["colour"]) <= {"blue", "green", "red"}
        assert rows["size"].cat.categories.equals(df["size"].cat.categories)
        np.testing.assert_allclose(source.decode_means(means)["income"], x[:, 0], atol=1e-2)


def test_rows_become_frames_without_tensorflow(frame):
    code = f"""
import sys, numpy as np
from export.tables.table import Table
table = Table({frame.schema()})
print(table.decode(table.nearest(np.zeros((2, {frame.width})))).shape, "tensorflow" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == f"(2, {len(KINDS)}) False\n", result.stderr


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"\.\[tables\]\" in a clone"):
        runpy.run_path(str(ROOT / "export" / "tables" / "__init__.py"))


def test_sparse_columns_are_read_as_dense_ones():
    """As what `pandas.get_dummies(..., sparse=True)` makes."""
    rng = np.random.default_rng(0)
    values = {"flag": rng.integers(0, 2, N).astype(bool), "visits": rng.poisson(2, N), "zone": rng.integers(10, 13, N)}
    full = pd.DataFrame({**values, "share": np.where(rng.random(N) < 0.7, np.nan, rng.normal(size=N))})
    fills = {"flag": False, "visits": 0, "zone": 10, "share": np.nan}
    sparse = full.assign(**{name: pd.arrays.SparseArray(full[name], fill_value=fill) for name, fill in fills.items()})
    given, expected = (Frame.from_data(one, {"zone": vm.Categorical()}) for one in (sparse, full))
    assert given.likelihood.schema == expected.likelihood.schema
    for one in (sparse, full):
        np.testing.assert_array_equal(given.encode(one), expected.encode(full))
    pd.testing.assert_frame_equal(given.decode(given.encode(sparse)), expected.decode(expected.encode(full)))
