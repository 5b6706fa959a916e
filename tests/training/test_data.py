"""Data sets: splits, supports, sources, and an order that a resumed run repeats."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import ExifTags, Image

import keras_vaemix as vm
from export.storage.files import write_json
from keras_vaemix.core import supports
from training import data
from training.data import images, sources
from training.data.binarization import binarize
from training.data.splits import batches_at_a_time
from training.jobs.flags import parse
from training.jobs.train import check_trainable, prepare
from training.presets import PRESETS
from training.runs import run

REAL = Path(os.environ.get("VAEMIX_DATA") or "absent")


def test_digits_are_scikit_learns(digits):
    assert [len(getattr(digits, split).x) for split in ("train", "validation", "test")] == [1197, 200, 400]
    assert digits.shape == (8, 8, 1)
    assert set(np.unique(digits.train.x * 16)) <= set(range(17))
    assert (
        len(np.unique(np.concatenate([s.x.reshape(len(s.x), -1) for s in (digits.train, digits.validation, digits.test)]), axis=0)) == 1797
    )
    assert digits.sha256() == data.load("digits").sha256()


def test_evaluation_is_binarised_once_and_training_anew(digits):
    test = digits.arrays("test", supports.BINARY)
    np.testing.assert_array_equal(test, digits.arrays("test", supports.BINARY))
    assert set(np.unique(test)) == {0, 1}
    assert abs(test.mean() - digits.test.x.mean()) < 0.01
    np.testing.assert_array_equal(digits.arrays("test", supports.UNIT_INTERVAL), digits.test.x)
    with pytest.raises(ValueError, match="binarised again"):
        digits.arrays("train", supports.BINARY)


def test_labels_are_classes(digits):
    labels = digits.labels("test")
    assert labels.dtype == int
    np.testing.assert_array_equal(labels, digits.test.y)
    for y in (None, digits.test.y / 10, digits.test.y - 1, digits.test.y + 1197, digits.test.y[:, None]):
        assert digits._replace(test=digits.test._replace(y=y)).labels("test") is None


def batches(digits, support, num, **kwargs):
    return np.stack(list(digits.batches(57, support, 3, **kwargs).take(num).as_numpy_iterator()))


def test_batches_that_are_made_several_at_a_time_for_a_gpu_are_the_same(digits, monkeypatch):
    one = batches(digits, supports.BINARY, 30)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert batches_at_a_time() > 1
    np.testing.assert_array_equal(batches(digits, supports.BINARY, 30), one)


@pytest.mark.parametrize("support", [supports.BINARY, supports.UNIT_INTERVAL], ids=lambda s: s.name)
def test_order_is_a_function_of_seed_and_epoch(digits, support):
    whole = batches(digits, support, 63)
    np.testing.assert_array_equal(batches(digits, support, 42, first_epoch=1), whole[21:])
    assert np.any(whole[:21] != whole[21:42])
    assert whole.dtype == np.float32


def test_an_epoch_holds_every_example_once(digits):
    seen = batches(digits, supports.UNIT_INTERVAL, 21).reshape(-1, 64)
    np.testing.assert_array_equal(np.sort(seen.sum(1)), np.sort(digits.train.x.reshape(-1, 64).sum(1)))


def test_training_binarisation_has_the_right_probabilities(digits):
    ink = np.mean([batches(digits, supports.BINARY, 21, first_epoch=e).mean((0, 1)) for e in range(10)], axis=0)
    np.testing.assert_allclose(ink, digits.train.x.mean(0), atol=0.03)


GREYS, DRAWS = np.array([0, 1, 2, 100, 127, 128, 129, 254, 255], "uint8"), 1_000_001


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_binarisation_has_the_probability_of_the_grey_value(kind):
    for i, grey in enumerate(GREYS):
        x = np.full(DRAWS, grey, "uint8") if kind == "uint8" else np.full(DRAWS, grey / np.float32(255))
        p, ones = grey / 255, np.sum(binarize(x, [5, i]), dtype=float)
        assert abs(ones - DRAWS * p) <= 4 * (DRAWS * p * (1 - p)) ** 0.5


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("shape", [(7, 3, 3, 1), (4, 2), (5,), (0, 3)])
def test_binarisation_is_a_function_of_its_seed_under_xla_too(kind, shape):
    x = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    x = x if kind == "uint8" else x / np.float32(255)
    b = binarize(x, [1, 2])
    assert (b.dtype, b.shape) == (tf.float32, shape)
    np.testing.assert_array_equal(b, binarize(x, [1, 2]))
    for seed in ([1, 2], [-5, 3], [2**62 + 12345, 2**40]):  # folded seeds are large
        seed = tf.constant(seed, tf.int64)
        expected = binarize(x, seed)
        np.testing.assert_array_equal(expected, tf.function(binarize, jit_compile=True)(tf.constant(x), seed))
    assert b.shape[0] == 0 or np.any(b != binarize(x, [1, 3]))


def test_parts_of_a_binarised_batch_are_those_of_the_whole(digits):
    from training.distributed.cluster import ReplicaSlice

    eight_bits = digits._replace(train=digits.train._replace(x=np.uint8(digits.train.x * 255)))
    parts = batches(eight_bits, supports.BINARY, 6, replica_slice=ReplicaSlice(0, 3, 3)).reshape(2, 57, 8, 8, 1)
    np.testing.assert_array_equal(parts, batches(eight_bits, supports.BINARY, 2))


@pytest.mark.parametrize(
    ("arrays", "support", "sizes"),
    [
        ({"x": np.zeros((50, 3))}, supports.BINARY, (40, 5, 5)),
        ({"x": np.arange(200, dtype="uint8").reshape(50, 2, 2)}, supports.LEVELS, (40, 5, 5)),
        ({"x_train": np.linspace(0, 1, 60).reshape(30, 2), "x_test": np.ones((7, 2))}, supports.UNIT_INTERVAL, (27, 3, 7)),
        (
            {"x_train": np.linspace(-3, 9, 60).reshape(30, 2), "x_val": np.ones((4, 2)), "x_test": np.ones((7, 2))},
            supports.REAL,
            (30, 4, 7),
        ),
    ],
)
def test_arrays_of_a_user(tmp_path, arrays, support, sizes):
    np.savez(tmp_path / "mine.npz", **arrays)
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}")
    assert loaded.support is support
    assert (len(loaded.train.x), len(loaded.validation.x), len(loaded.test.x)) == sizes


@pytest.mark.parametrize(("values", "support"), [((0.0, 1.0), supports.BINARY), ((-3.0, 1.5), supports.REAL)])
def test_missing_values_are_taken_by_presets_of_a_plain_vae(tmp_path, values, support):
    x = np.where(np.arange(240).reshape(60, 4) % 7, np.random.default_rng(0).choice(values, (60, 4)), np.nan)
    np.savez(tmp_path / "gaps.npz", x=x)
    loaded = data.load(f"npz:{tmp_path / 'gaps.npz'}")
    assert (loaded.support, loaded.has_gaps()) == (support, True)
    experiment = PRESETS["mog_prior_digits"].build(loaded, num_components=2, latent_dim=2)._replace(batch_size=10)
    check_trainable("mine", loaded, experiment, "auto")
    assert np.isfinite(experiment.model.log_likelihood(loaded.test.x, 10)).all()
    experiment = PRESETS["ae_gmm_mnist"].build(loaded, networks="mlp", hidden=8, latent_dim=2)._replace(batch_size=10)
    with pytest.raises(ValueError, match=r"a preset that takes missing values.*Received: mine, whose encoder has no mask"):
        check_trainable("mine", loaded, experiment, "auto")
    np.savez(tmp_path / "gaps.npz", x=np.where(np.arange(4) == 2, np.nan, x))
    with pytest.raises(ValueError, match=r"an observed value in every column of .* train: .*columns=\[2\]"):
        data.load(f"npz:{tmp_path / 'gaps.npz'}")


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="no pickled objects"):
        data.load(f"npz:{tmp_path / 'evil.npz'}")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="plain arrays"):
        data.load(f"npz:{tmp_path / 'pickle.npz'}")


@pytest.mark.parametrize("keep", [0, 10, 200, -5])
def test_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "cut.npz"
    np.savez(path, x=np.zeros((50, 3)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"cut\.npz to be a whole"):
        data.load(f"npz:{path}")


@pytest.mark.parametrize(
    "arrays",
    [
        {"y": np.zeros(3)},
        {"x": np.zeros((0, 3))},
        {"x": np.array(["a", "b"])},
        {"x_train": np.zeros((30, 2)), "x_test": np.zeros((5, 3))},
        {"x": np.full((30, 2), np.nan)},
        {"x": np.zeros((30, 2)), "y": np.zeros(29, int)},
        {"x": np.zeros((30, 2)), "y": np.zeros(31, int)},
        {"x_train": np.zeros((30, 2)), "x_test": np.zeros((5, 2)), "y_test": np.array(3)},
    ],
)
def test_arrays_that_are_no_data_set(tmp_path, arrays):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        data.load(f"npz:{tmp_path / 'bad.npz'}")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((0, 3))}, r"for train, validation, test in x of npz:.*, at least 3\. Received: x=\(0, 3\)"),
        ({"x": np.zeros((2, 3))}, r"for train, validation, test in x of npz:.*, at least 3\. Received: x=\(2, 3\)"),
        ({"x_train": np.zeros((1, 3)), "x_test": np.zeros((2, 3))}, r"for train, validation in x_train .*, at least 2\. Received"),
        ({"x_train": np.zeros((9, 3)), "x_test": np.zeros((0, 3))}, r"for test in x_test .*, at least 1\. Received"),
        ({"x_train": np.zeros((9, 8, 8, 1)), "x_test": np.zeros((7, 4, 8, 1))}, r"\(N, 8, 8, 1\)\. Received: shape=\(7, 4, 8, 1\)"),
    ],
)
def test_numbers_and_shapes_of_examples_are_told(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        data.load(f"npz:{tmp_path / 'bad.npz'}")


def test_three_examples_are_enough(tmp_path):
    np.savez(tmp_path / "few.npz", x=np.eye(3))
    loaded = data.load(f"npz:{tmp_path / 'few.npz'}")
    assert [len(getattr(loaded, split).x) for split in ("train", "validation", "test")] == [1, 1, 1]


@pytest.mark.filterwarnings("error")
def test_infinities_are_one_error_without_a_warning(tmp_path):
    np.savez(tmp_path / "bad.npz", x=np.where(np.eye(9) > 0, np.inf, 0.5))
    with pytest.raises(ValueError, match=r"finite values in .*: remove or replace"):
        data.load(f"npz:{tmp_path / 'bad.npz'}")


def test_folder_of_images(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(20):
        folder = tmp_path / ("a" if i % 2 else "b")
        folder.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (30, 20 + i, 3), dtype="uint8")).save(folder / f"{i}.png")
    loaded = data.load(f"folder:{tmp_path}", image_size=16)
    assert loaded.shape == (16, 16, 3)
    assert loaded.support is supports.LEVELS
    assert set(loaded.train.y) == {0, 1}


def write_images(path, n, mode="RGB"):
    """Writes n images of 8x6 pixels, the i-th of them of grey level i."""
    path.mkdir(exist_ok=True)
    for i in range(n):
        Image.new("L", (8, 6), i).convert(mode).save(path / f"{i:03}.png")


def test_corrupt_images_are_named_and_skipped(tmp_path, capsys):
    write_images(tmp_path, 12)
    cut = tmp_path / "003.png"
    cut.write_bytes(cut.read_bytes()[:45])
    x = data.load(f"folder:{tmp_path}", image_size=4)
    error = capsys.readouterr().err.splitlines()
    assert f"skipped {cut}, not a whole image: " in error[0]
    assert error[1:] == [f"skipped 1 of 12 files in {tmp_path}"]
    levels = np.concatenate([getattr(x, split).x[:, 0, 0, 0] for split in ("train", "validation", "test")])
    assert sorted(levels) == [i for i in range(12) if i != 3]


@pytest.mark.parametrize(("n", "num_corrupt"), [(20, 2), (199, 2), (200, 3)])
def test_more_corrupt_images_than_the_limit(tmp_path, n, num_corrupt):
    write_images(tmp_path, n)
    for i in range(num_corrupt):
        (tmp_path / f"{5 * i:03}.png").write_text("no image")
    with pytest.raises(ValueError, match=rf"at most {num_corrupt - 1} of the {n} files .* Received: .*000\.png: .*005\.png: "):
        data.load(f"folder:{tmp_path}", image_size=4)
    (tmp_path / "000.png").unlink()
    Image.new("RGB", (8, 6)).save(tmp_path / "000.png")
    assert len(images.read_images(tmp_path, 4)["x"]) == n - num_corrupt + 1


def test_labels_stay_with_their_images(tmp_path):
    for i, name in enumerate("ab"):
        write_images(tmp_path / name, 3 + i)
    (tmp_path / "a" / "000.png").write_bytes(b"")
    assert images.read_images(tmp_path, 4)["folder"].tolist() == ["a"] * 2 + ["b"] * 4


def test_a_folder_is_the_same_label_in_every_split(tmp_path):
    for split, names in {"train": "abd", "validation": "b", "test": "cd"}.items():
        for name in names:
            (tmp_path / split).mkdir(exist_ok=True)
            write_images(tmp_path / split / name, 2)
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    labels = [sorted(getattr(loaded, split).y.tolist()) for split in ("train", "validation", "test")]
    assert labels == [[0, 0, 1, 1, 3, 3], [1, 1], [2, 2, 3, 3]]


def test_the_first_examples_of_a_user_s_split_are_like_all(tmp_path):
    y = np.repeat(np.arange(10), 10)
    x = np.stack([y, np.arange(100) / 7], axis=1)  # so that examples tell their label, in files that are sorted by it
    whole, names = {"x": x, "y": y}, ("train", "validation", "test")
    given = {f"{key}_{split}": value for key, value in whole.items() for split in names}
    for arrays in (whole, given):
        np.savez(tmp_path / "sorted.npz", **arrays)
        one, other = (data.load(f"npz:{tmp_path / 'sorted.npz'}") for _ in range(2))
        assert one.sha256() == other.sha256()
        for split in names:
            examples = getattr(one, split)
            np.testing.assert_array_equal(examples.x[:, 0], examples.y)
            assert (np.diff(examples.y) >= 0).all() == (split == "train")
    order = np.random.default_rng(777).permutation(100)
    np.testing.assert_array_equal(one.test.x, x[order])


def test_a_split_without_folders_has_no_labels(tmp_path):
    for folder in ("train/cat", "train/dog", "test"):
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        write_images(tmp_path / folder, 10)
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert set(loaded.labels("train")) | set(loaded.labels("validation")) == {0, 1}
    assert loaded.labels("test") is None


@pytest.mark.parametrize("folders", [("a", "."), ("train/a", "train"), ("train/a", "train/b", "test/a", "test")])
def test_images_beside_folders_of_classes_are_refused(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        write_images(tmp_path / folder, 10)
    with pytest.raises(ValueError, match=r"images in folders, which are their labels, or none: move .*folders=\['\.', 'a'\]"):
        data.load(f"folder:{tmp_path}", image_size=4)


def test_transparent_and_grey_images_are_converted(tmp_path, capsys):
    write_images(tmp_path, 3)
    Image.new("L", (8, 6), 100).save(tmp_path / "grey.png")
    Image.new("RGBA", (8, 6), (200, 100, 0, 0)).save(tmp_path / "hidden.png")
    Image.new("RGBA", (8, 6), (200, 100, 0, 255)).save(tmp_path / "seen.png")
    Image.new("LA", (8, 6), (50, 255)).save(tmp_path / "tone.png")
    x = images.read_images(tmp_path, 4)["x"][3:, 0, 0]
    np.testing.assert_array_equal(x, [[100] * 3, [255] * 3, [200, 100, 0], [50] * 3])
    assert capsys.readouterr().err == f"converted 1 grey and 3 transparent of 7 images in {tmp_path} to RGB\n"


def test_folders_without_images(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent, not a folder"):
        data.load(f"folder:{tmp_path / 'absent'}")
    with pytest.raises(FileNotFoundError, match=r"an empty folder"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(FileNotFoundError, match=r"with images \(\.png.*1 other files, such as notes\.txt"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "notes.jpg").write_text("notes")
    with pytest.raises(ValueError, match=r"and not all: .*notes\.jpg"):
        data.load(f"folder:{tmp_path}")


def test_deep_images_are_not_cut_to_8_bits(tmp_path):
    for i in range(2):
        Image.fromarray(np.full((4, 4), 1000 * i, "uint16")).save(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match=r"more than 8 bits per value"):
        data.load(f"folder:{tmp_path}")


def test_celeb_a_hq_trains_on_the_first_in_alphanumeric_order(tmp_path):
    n = 50
    names = np.array([f"{i}.jpg" for i in range(n)])
    x = np.broadcast_to(np.arange(n, dtype="uint8")[:, None, None, None], (n, 4, 4, 3))
    np.savez(tmp_path / "celeb_a_hq.npz", x=x, filename=names)
    loaded = data.load("celeb_a_hq", tmp_path)
    level = {split: getattr(loaded, split).x[:, 0, 0, 0].tolist() for split in ("train", "validation", "test")}
    order = [int(name.removesuffix(".jpg")) for name in sorted(names.tolist())]
    assert sorted(level["train"] + level["validation"]) == sorted(order[:40])
    assert (level["test"], len(level["validation"])) == (order[40:], 4)
    np.savez(tmp_path / "celeb_a_hq.npz", x=x, filename=names[1:])
    with pytest.raises(ValueError, match=r"one filename for each of 50 images"):
        data.load("celeb_a_hq", tmp_path)
    np.savez(tmp_path / "celeb_a_hq.npz", x=x, y=np.arange(n) % 3)
    np.testing.assert_array_equal(data.load("celeb_a_hq", tmp_path).test.y, np.arange(40, 50) % 3)
    np.savez(tmp_path / "celeb_a_hq.npz", x=x, x_test=x)
    with pytest.raises(ValueError, match=r"not_used=\['x_test'\]"):
        data.load("celeb_a_hq", tmp_path)
    np.savez(tmp_path / "celeb_a_hq.npz", x=x)
    np.testing.assert_array_equal(data.load("celeb_a_hq", tmp_path).test.x[:, 0, 0, 0], range(40, 50))


def test_celeb_a_has_its_own_splits(tmp_path):
    np.savez(tmp_path / "celeb_a.npz", **{f"x_{s}": np.full((n, 4, 4, 3), n, "uint8") for s, n in (("train", 5), ("val", 3), ("test", 2))})
    loaded = data.load("celeb_a", tmp_path)
    assert [len(getattr(loaded, split).x) for split in ("train", "validation", "test")] == [5, 3, 2]
    assert loaded.support is supports.LEVELS


@pytest.mark.parametrize("name", ["celeb_a", "celeb_a_hq"])
@pytest.mark.filterwarnings("ignore")
def test_faces_of_prepared_copies(name, monkeypatch):
    monkeypatch.setattr(tfds.core.DatasetBuilder, "is_prepared", lambda self: True)
    with tfds.testing.mock_data(num_examples=40):
        loaded = data.load(name, image_size=20)
    assert loaded.shape == (20, 20, 3)
    assert sum(len(getattr(loaded, split).x) for split in ("train", "validation", "test")) == (120 if name == "celeb_a" else 40)
    assert 60 < loaded.train.x.mean() < 190
    assert loaded.train.x.dtype == np.uint8


def test_arrays_in_a_file_are_not_resized(tmp_path):
    names = ("folder:photos", "celeb_a", "celeb_a_hq", "cifar10", "npz:photos.npz")
    assert [data.is_resized(name, tmp_path) for name in names] == [True, True, True, False, False]
    (tmp_path / "celeb_a.npz").touch()
    assert [data.is_resized("celeb_a", folder) for folder in (tmp_path, None)] == [False, True]


@pytest.mark.parametrize(("name", "size"), [("celeb_a", 64), ("celeb_a_hq", 256), ("celeb_a_hq", 2000)])
def test_faces_that_are_not_prepared(name, size, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{name}\.npz, or a copy .*folder:PATH"):
        data.load(name, tmp_path, size)


@pytest.mark.parametrize(
    ("name", "shape"), [("mnist", (28, 28, 1)), ("fashion_mnist", (28, 28, 1)), ("omniglot", (28, 28, 1)), ("cifar10", (32, 32, 3))]
)
@pytest.mark.filterwarnings("ignore")
def test_tensorflow_datasets(name, shape, monkeypatch):
    monkeypatch.setattr(sources, "online", lambda: True)
    with tfds.testing.mock_data(num_examples=60):
        loaded = data.load(name)
    assert loaded.shape == shape
    assert (len(loaded.train.x), len(loaded.validation.x), len(loaded.test.x)) == (50, 10, 60)
    assert loaded.train.x.dtype == np.uint8


def test_no_file_and_no_network_is_said_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "online", lambda: False)
    with pytest.raises(FileNotFoundError, match=r"mnist\.npz.*--data-dir"):
        data.load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("mnist", "x_test"), ("fashion_mnist", "x_test"), ("omniglot", "x_test"), ("frey_faces", "x_all"), ("cifar10", "x_test")],
)
def test_prepared_file_without_an_array_is_named(name, missing, tmp_path):
    np.savez(tmp_path / f"{name}.npz", x_train=np.zeros((12, 28, 28), "uint8"), y_train=np.zeros(12, int))
    message = rf"Expected an array {missing} in .*/{name}\.npz\. Received: \['x_train', 'y_train'\]"
    with pytest.raises(ValueError, match=message):
        data.load(name, tmp_path)


@pytest.mark.skipif(not (REAL / "mnist.npz").exists(), reason="no real data: VAEMIX_DATA")
@pytest.mark.parametrize(
    ("name", "sizes", "shape"),
    [
        ("mnist", (50_000, 10_000, 10_000), (28, 28, 1)),
        ("omniglot", (23_000, 1_345, 8_070), (28, 28, 1)),
        ("frey_faces", (1_565, 200, 200), (28, 20, 1)),
        ("cifar10", (10_000, 4_000, 1_000), (32, 32, 3)),
    ],
)
def test_real_data(name, sizes, shape):
    loaded = data.load(name, REAL)
    assert (len(loaded.train.x), len(loaded.validation.x), len(loaded.test.x)) == sizes
    assert loaded.shape == shape


def test_folders_called_after_splits_are_splits(tmp_path):
    from PIL import Image

    for i, (split, n) in enumerate((("train", 5), ("validation", 3), ("test", 2))):
        (tmp_path / split).mkdir()
        for j in range(n):
            Image.new("RGB", (10, 8), (100 * i, j, 0)).save(tmp_path / split / f"{j}.png")
    loaded = data.load(f"folder:{tmp_path}", image_size=8)
    assert [len(getattr(loaded, split).x) for split in ("train", "validation", "test")] == [5, 3, 2]
    assert [getattr(loaded, split).x[0, 0, 0, 0] for split in ("train", "validation", "test")] == [0, 100, 200]
    assert loaded.labels("train") is None


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("train", "valid", "test"),
        ("Train", "Validation", "Test"),
        ("training", "VAL", "testing"),
        ("training_set", "val2017", "test_images"),
    ],
)
def test_usual_names_of_splits(tmp_path, names, capsys):
    for n, name in enumerate(names, 2):
        write_images(tmp_path / name, n)
    loaded = data.load(f"folder:{tmp_path}", image_size=4)
    assert [len(getattr(loaded, split).x) for split in ("train", "validation", "test")] == [2, 3, 4]
    assert loaded.labels("train") is None
    train, validation, test = names
    assert f"read train from {train}, validation from {validation}, test from {test} in {tmp_path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "folders",
    [
        ("a", "test"),
        ("test",),
        ("val", "test"),
        ("train", "."),
        ("train", "dev", "test"),
        ("train", "val", "validation"),
        ("train", "Train"),
        ("set/train", "set/test"),
        ("cats/train", "cats/test"),
        ("train/test", "test"),
    ],
)
def test_folders_of_which_the_splits_are_not_clear(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        write_images(tmp_path / folder, 20)
    with pytest.raises(ValueError, match=r"or no folder named like a split: move or rename.* Received: "):
        data.load(f"folder:{tmp_path}", image_size=4)


def test_a_split_without_images_is_named(tmp_path):
    write_images(tmp_path / "train", 20)
    (tmp_path / "Test").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Test, an empty folder"):
        data.load(f"folder:{tmp_path}", image_size=4)


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints/a.png", ".thumbnails/a.png", "__MACOSX/a.png", "a/._000.png"])
def test_hidden_files_are_no_data(tmp_path, hidden, capsys):
    for name in "ab":
        write_images(tmp_path / name, 10)
    (tmp_path / hidden).parent.mkdir(exist_ok=True)
    (tmp_path / hidden).write_bytes((tmp_path / "a" / "009.png").read_bytes())
    read = images.read_images(tmp_path, 4)
    assert read["folder"].tolist() == ["a"] * 10 + ["b"] * 10
    assert data.load(f"folder:{tmp_path}", image_size=4).shape == (4, 4, 3)
    assert capsys.readouterr().err.count("skipped") == 0


def test_links_to_folders_are_followed(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in "ab":
        write_images(tmp_path / name, 5)
        (root / name).symlink_to(tmp_path / name)
    assert images.read_images(root, 4)["folder"].tolist() == ["a"] * 5 + ["b"] * 5
    (root / "b").unlink()
    (root / "b").symlink_to(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"links that lead to a file or a folder.*root/b"):
        images.read_images(root, 4)
    (root / "b").unlink()
    (root / "b").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"do not lead back to one above"):
        images.read_images(root, 4)


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".jfif"])
def test_names_of_images(tmp_path, suffix, capsys):
    write_images(tmp_path, 3)
    Image.new("RGB", (8, 6), (7, 7, 7)).save(tmp_path / f"x{suffix}")
    (tmp_path / "labels.csv").write_text("a,b")
    np.testing.assert_array_equal(images.read_images(tmp_path, 4)["x"][3], np.full((4, 4, 3), 7))
    assert f"left out what is not named like an image in {tmp_path}: 1 files, such as labels.csv\n" in capsys.readouterr().err


PARTS = {"train": np.full((30, 2), -1.0), "other": np.ones((4, 2)), "test": np.full((6, 2), 2.0)}


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "x_val", "x_test"),
        ("x_train", "x_valid", "x_test"),
        ("X_train", "X_Validation", "X_test"),
        ("x_training", "x_val", "x_testing"),
    ],
)
def test_usual_names_of_arrays(tmp_path, names):
    np.savez(tmp_path / "mine.npz", **dict(zip(names, PARTS.values(), strict=True)))
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}")
    assert [(len(s.x), s.x.max()) for s in (loaded.train, loaded.validation, loaded.test)] == [(30, -1), (4, 1), (6, 2)]


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": 30, "x_train": 30, "x_test": 6},
        {"x": 30, "x_test": 6},
        {"x": 30, "y_train": 30},
        {"x_train": 30, "y": 30},
        {"x_train": 30, "x_val": 4, "x_validation": 4},
        {"x_train": 30, "x_val": 4, "x_valid": 4},
        {"x_train": 30, "x_test": 6, "y_val": 4},
        {"x_train": 30, "test": 6},
        {"x_train": 30, "testX": 6},
        {"x_train": 30, "x_test_images_2": 6},
        {"x": 30, "validation_images": 6},
        {"x": 30, "X": 30},
    ],
    ids=" ".join,
)
def test_arrays_that_look_like_splits_are_used_or_refused(tmp_path, arrays):
    np.savez(tmp_path / "mine.npz", **{name: np.zeros((n, 2)) if "x" in name.lower() else np.zeros(n, int) for name, n in arrays.items()})
    with pytest.raises(ValueError, match=r"Expected (x with y, or x_train, .*not_used=|one array x.*: leave out or rename the other)"):
        data.load(f"npz:{tmp_path / 'mine.npz'}")


def test_missing_values_are_counted(tmp_path, capsys):
    np.savez(tmp_path / "gaps.npz", x=np.where(np.arange(300).reshape(60, 5) % 5, 0.5, [[0.5], [np.nan]] * 30))
    data.load(f"npz:{tmp_path / 'gaps.npz'}")
    assert "values from 0.5 to 0.5, taken as they are, 10 % of values missing; no labels" in capsys.readouterr().out


def test_a_path_without_its_kind_is_told_what_to_add(tmp_path):
    for name, meant in (("own.npz", "npz:own.npz"), (str(tmp_path), f"folder:{tmp_path}")):
        with pytest.raises(ValueError, match=rf"did you mean {meant}\? Received: dataset='{name}'"):
            data.load(name)
    with pytest.raises(ValueError, match=r"choose one of digits, .*celeb_a_hq\. Received: dataset='qqq'"):
        data.load("qqq")


def test_columns_of_unlike_scales_are_met_with_a_warning(tmp_path):
    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).normal(size=(90, 2)) * [1, 1e4])
    flags = ["vae_digits", "--dataset", f"npz:{tmp_path / 'table.npz'}", "--latent-dim", "2"]
    with pytest.warns(vm.likelihoods.UnlikeScales, match=r"standardise each.*Received: .* \(column 0\) to .* \(column 1\)"):
        prepare(parse(flags))


@pytest.mark.parametrize("preset", ["vamp_digits", "gmmp_digits", "vmm_digits"])
def test_pseudo_inputs_start_from_examples_with_filled_gaps(tmp_path, preset):
    x = np.where(np.arange(900).reshape(300, 3) % 3 == np.arange(300)[:, None] % 3, np.nan, np.random.default_rng(0).random((300, 3)))
    np.savez(tmp_path / "gaps.npz", x=x)
    asked = parse([preset, "--dataset", f"npz:{tmp_path / 'gaps.npz'}", "--latent-dim", "2"])
    if preset == "vamp_digits":
        assert np.isfinite(prepare(asked).experiment.model.prior.pseudo_inputs()).all()
    else:
        with pytest.raises(ValueError, match=f"Received: {preset}, whose encoder has no mask"):
            prepare(asked)


def test_other_arrays_are_named(tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", x=np.zeros((30, 2)), class_names=np.array(["latest", "values"]))
    data.load(f"npz:{tmp_path / 'mine.npz'}")
    expected = (
        "train 24, validation 3 held out of train, test 3 held out of train, each (2,); values from 0 to 0, taken as they are; no labels"
    )
    assert capsys.readouterr().out == f"read npz:{tmp_path / 'mine.npz'}: {expected}; not used: class_names\n"


def test_zeros_and_ones_of_8_bits_are_no_grey_values(tmp_path):
    """Divided by 255 they would be empty images."""
    x = np.random.default_rng(0).integers(0, 2, (12, 28, 28), "uint8")
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=np.zeros(12, int), x_test=x, y_test=np.zeros(12, int))
    with pytest.raises(ValueError, match=r"8-bit values from 0 to 255 in mnist train: .* npz:PATH. Received: minimum=0, maximum=1"):
        data.load("mnist", tmp_path)


def test_a_validation_split_that_a_named_set_does_not_take_is_refused(tmp_path):
    parts = {"train": 12, "val": 3, "test": 3}
    examples = {f"x_{split}": np.zeros((n, 28, 28), "uint8") for split, n in parts.items()}
    np.savez(tmp_path / "mnist.npz", **examples, **{f"y_{split}": np.zeros(n, int) for split, n in parts.items()})
    with pytest.raises(ValueError, match=r"no arrays of a validation split .*Received: arrays=\['x_validation', 'y_validation'\]"):
        data.load("mnist", tmp_path)


GREY = np.arange(256).reshape(32, 8)
SCALES = {
    "8 bits": (GREY.astype("uint8"), None, supports.LEVELS, 1),
    "8 bits, dark": (np.minimum(GREY, 100).astype("uint8"), None, supports.LEVELS, 100 / 255),
    "int64 of 8 bits": (GREY[..., None], None, supports.LEVELS, 1),
    "uint16 of 8 bits": (GREY[..., None].astype("uint16"), None, supports.LEVELS, 1),
    "float64 of 8 bits": (GREY[..., None].astype(float), None, supports.LEVELS, 1),
    "rows of 8 bits": (GREY, 255, supports.LEVELS, 1),
    "zeros and ones": ((GREY % 2).astype("uint8"), None, supports.BINARY, 1),
    "zeros and ones of int64": (GREY % 2, None, supports.BINARY, 1),
    "in [0, 1]": (GREY / 510, None, supports.UNIT_INTERVAL, 0.5),
    "a table": (GREY - 100, None, supports.REAL, 155),
    "a small table": (GREY % 40.0, None, supports.REAL, 39),
    "0 to 16": (GREY.astype("uint8") % 17, 16, supports.UNIT_INTERVAL, 1),
    "16 bits": (GREY.astype("uint16") * 257, 65535, supports.LEVELS, 1),
    "8 bits as they are": (GREY.astype("uint8"), 1, supports.REAL, 255),
    "counts as they are": (GREY % 40, 1, supports.REAL, 39),
    "counts up to 255": (GREY, 1, supports.REAL, 255),
    "zeros and ones of 8 bits": ((GREY % 2).astype("uint8"), 255, supports.LEVELS, 1 / 255),
}


@pytest.mark.parametrize("kind", SCALES)
def test_scale_is_found_from_the_values_or_told(kind, tmp_path, capsys):
    x, value_range, support, greatest = SCALES[kind]
    np.savez(tmp_path / "mine.npz", x_train=x, x_val=x[-1:], x_test=x[:3])
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}", value_range=value_range)
    assert loaded.support is support
    assert loaded.arrays("train", supports.REAL).max() == np.float32(greatest)
    np.testing.assert_allclose(loaded.arrays("test", supports.REAL).reshape(x[:3].shape), x[:3] * (greatest / x.max()), rtol=1e-6)
    made = "taken as they are" if greatest == x.max() else f"divided by {value_range or 255}"
    assert f"values from {x.min():g} to {x.max():g}, {made}; " in capsys.readouterr().out


def test_missing_values_do_not_decide_on_the_scale(tmp_path):
    x = np.where(np.arange(256).reshape(32, 8) == 77, np.nan, GREY.astype(float))
    np.savez(tmp_path / "mine.npz", x_train=x[..., None], x_val=GREY[..., None], x_test=x[:3, :, None])
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}")
    assert (loaded.train.x.dtype, loaded.validation.x.dtype) == ("float32", "uint8")
    np.testing.assert_allclose(loaded.arrays("train", supports.REAL)[..., 0, 0], x / 255, rtol=1e-6)
    np.savez(tmp_path / "mine.npz", x=x)
    with pytest.raises(ValueError, match=r"--value-range for whole numbers .* 1 keeps counts .*maximum=255\.0, dtype='float64'"):
        data.load(f"npz:{tmp_path / 'mine.npz'}")


def test_zeros_and_ones_of_one_split_do_not_decide(tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=GREY.astype("uint8"), x_test=np.ones((3, 8), "uint8"))
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}")
    assert loaded.arrays("test", supports.REAL).max() == np.float32(1 / 255)


@pytest.mark.parametrize(
    ("x", "value_range", "message"),
    [
        (GREY % 40, None, r"--value-range for whole numbers .*maximum=39\.0, dtype='int64'"),
        (GREY, None, r"--value-range for whole numbers .* 1 keeps counts .*maximum=255\.0, dtype='int64'"),
        (GREY.astype(float), None, r"--value-range for whole numbers .*maximum=255\.0, dtype='float64'"),
        (GREY.astype("uint16") * 257, None, r"--value-range for whole numbers .* 65535 scales 16-bit .*maximum=65535\.0, dtype='uint16'"),
        (GREY, 100, r"values from 0 to --value-range .*maximum=255\.0"),
        (GREY - 100, 255, r"values from 0 to --value-range .*minimum=-100\.0"),
        (GREY, 0, r"--value-range above 0"),
        (GREY, float("nan"), r"--value-range above 0"),
    ],
)
def test_scale_that_is_not_clear(x, value_range, message, tmp_path):
    np.savez(tmp_path / "mine.npz", x=x)
    with pytest.raises(ValueError, match=message):
        data.load(f"npz:{tmp_path / 'mine.npz'}", value_range=value_range)


@pytest.mark.parametrize("value_range", [None, 255])
def test_splits_of_different_scales(value_range, tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=GREY.astype("uint8"), x_test=(GREY / 255).astype("float32"))
    with pytest.raises(ValueError, match=r"one scale in all splits of .*in_8_bits=\['x_train'\], fractions=\['x_test'\]"):
        data.load(f"npz:{tmp_path / 'mine.npz'}", value_range=value_range)


def test_sets_with_a_range_of_their_own_take_no_other():
    with pytest.raises(ValueError, match=r"--value-range above 0, for npz:PATH alone: .*dataset='digits'"):
        data.load("digits", value_range=16)


CLASSES = np.arange(30) % 3
TAKEN = {
    "integers": CLASSES,
    "a column": CLASSES[:, None],
    "text": np.array(["cat", "dog", "eel"])[CLASSES],
    "bytes": np.array([b"cat", b"dog", b"eel"])[CLASSES],
    "a column of text": np.array(["cat", "dog", "eel"])[CLASSES][:, None],
    "whole floats": CLASSES.astype("float32"),
    "one-hot": np.eye(3)[CLASSES],
    "one-hot of bool": np.eye(3, dtype=bool)[CLASSES],
    "large": 1000 + CLASSES,
}


@pytest.mark.parametrize("kind", [*TAKEN, "bool"])
def test_labels_are_taken_in_whatever_form(kind, tmp_path, capsys):
    y, expected = (CLASSES == 2, CLASSES == 2) if kind == "bool" else (TAKEN[kind], CLASSES)
    x = np.linspace(-1, 1, 60).reshape(30, 2)
    np.savez(tmp_path / "mine.npz", x_train=x[:24], y_train=y[:24], x_val=x[24:25], y_val=y[24:25], x_test=x[25:], y_test=y[25:])
    loaded = data.load(f"npz:{tmp_path / 'mine.npz'}")
    for split, part in {"train": slice(24), "validation": slice(24, 25), "test": slice(25, 30)}.items():
        order = [np.flatnonzero(np.all(x[part] == one, axis=1)).item() for one in getattr(loaded, split).x]
        np.testing.assert_array_equal(loaded.labels(split), expected[part][order])
    assert f", {len(np.unique(expected))} classes\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (CLASSES / 2, "of float64 that are not whole numbers"),
        (np.where(CLASSES, CLASSES, np.nan), "of float64 that are not whole numbers"),
        (CLASSES - 1, r"from -1 on (number classes from zero)"),
        (np.arange(30).astype(str), "of text, a different one for each example"),
        (100 + np.arange(30), "from 100 to 129, a different one for each example"),
        (np.ones((30, 40)), "of shape (40,) per example"),
        (np.arange(30).astype("datetime64[D]"), "of datetime64[D] that are not whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_named(y, reason, tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", x=np.zeros((30, 2)), y=y)
    assert data.load(f"npz:{tmp_path / 'mine.npz'}").labels("train") is None
    assert capsys.readouterr().out.endswith(f"; labels {reason}: not classes, left out\n")


@pytest.mark.parametrize("y_test", [np.array(["cat"] * 30), np.eye(3)[CLASSES]])
def test_labels_of_another_kind_in_each_split(y_test, tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=np.zeros((30, 2)), y_train=CLASSES, x_test=np.zeros((30, 2)), y_test=y_test)
    with pytest.raises(ValueError, match=r"labels of one kind and shape in all splits of npz:.*Received: labels="):
        data.load(f"npz:{tmp_path / 'mine.npz'}")


def test_hashes_cover_labels_shapes_and_dtypes(digits):
    x, y = digits.train[:2]
    others = [(x, y * 0), (x, None), (x, y.astype("uint8")), (x.reshape(-1, 64), y), (x.view("int32"), y), (x, y[:, None])]
    hashes = {digits._replace(train=data.splits.Split(*other)).labels_sha256() for other in [*others, (x, y)]}
    assert len(hashes) == 7
    assert digits.labels_sha256() == data.load("digits").labels_sha256()
    recorded = "8cb4be70d21646f235ce1fbe43d5022e04996719de804d4400f665f0e3f7f02d"
    assert digits.sha256() == recorded


@pytest.mark.parametrize("value_range", [None, 4])
def test_a_run_opens_with_its_labels_and_its_range_alone(value_range, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "load_model", lambda path: path)
    path, x = tmp_path / "mine.npz", np.arange(60.0).reshape(30, 2) % 5
    np.savez(path, x=x, y=CLASSES)
    loaded = data.load(f"npz:{path}", value_range=value_range)
    config = {"preset": "", "dataset": f"npz:{path}", "data_sha256": loaded.sha256(), "image_size": 64, "seed": 0, "epochs": 1}
    config |= {} if value_range is None else {"value_range": value_range}
    write_json(tmp_path / "config.json", config)
    assert run.open_run(tmp_path, None)[1].sha256() == loaded.sha256()
    write_json(tmp_path / "config.json", config | {"labels_sha256": loaded.labels_sha256()})
    run.open_run(tmp_path, None)
    np.savez(path, x=x, y=CLASSES * 0)
    with pytest.raises(
        ValueError, match=r"the labels, shapes and dtypes of the data that the run was trained on, sha256 \w{64}\. Received: \w{64}"
    ):
        run.open_run(tmp_path, None)


CORNERS = np.array([[0, 80], [160, 240]], "uint8").repeat(8, 0).repeat(8, 1)  # as seen: what is stored is this turned back
STORED = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.T,
    6: np.rot90(CORNERS),
    7: CORNERS[::-1, ::-1].T,
    8: np.rot90(CORNERS, -1),
}


@pytest.mark.parametrize("orientation", [*STORED, 0, 99])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_images_are_turned_as_their_exif_orientation_says(orientation, suffix, tmp_path, capsys):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless = {".jpg": {"quality": 100}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(STORED.get(orientation, CORNERS)).convert("RGB").save(tmp_path / f"a{suffix}", exif=exif, **lossless)
    x = images.read_images(tmp_path, 16)["x"][0, :, :, 0].astype(int)
    np.testing.assert_allclose(x, CORNERS, atol=2)
    said = f"turned 1 of 1 images in {tmp_path} upright, as their EXIF orientation says\n"
    assert capsys.readouterr().err == (said if 2 <= orientation <= 8 and suffix != ".tif" else "")  # Pillow turns these


def test_an_image_with_a_broken_exif_is_read(tmp_path):
    for i, exif in enumerate((b"Exif\x00\x00", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00none", bytes(30))):
        Image.new("RGB", (8, 8), (7, 7, 7)).save(tmp_path / f"{i}.jpg", exif=exif)
    assert images.read_images(tmp_path, 4)["x"].shape == (4, 4, 4, 3)


def test_range_and_labels_are_settings_of_a_run(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "mine.npz"
    np.savez(path, x=rng.integers(0, 2, (300, 8, 8)), y=rng.integers(0, 3, 300))
    config = prepare(parse(["vae_digits", "--dataset", f"npz:{path}", "--value-range", "1", "--features", "none"])).config
    assert (config["value_range"], config["labels_sha256"]) == (1, data.load(f"npz:{path}").labels_sha256())
    run.check_same_settings({name: value for name, value in config.items() if name != "labels_sha256"}, config)
    with pytest.raises(ValueError, match=r"labels_sha256 was '0', now"):
        run.check_same_settings({**config, "labels_sha256": "0"}, config)
    with pytest.raises(ValueError, match=r"value_range was None, now 1\.0"):
        run.check_same_settings({**config, "value_range": None}, config)


def test_some_of_the_training_examples(digits):
    few = digits.limited(100)
    assert (len(few.train.x), len(few.validation.x), len(few.test.x)) == (100, 200, 400)
    assert few.whole is digits
    assert few.sha256() != digits.sha256()
    assert few.sha256() == digits.limited(100).sha256()
    assert len(np.unique(few.train.y)) == 10
    assert digits.limited(8).labels("test").max() == 9  # more classes than training examples
    places = [np.flatnonzero((digits.train.x == x).all(axis=(1, 2, 3))) for x in few.train.x]
    assert all(y in digits.train.y[place] for y, place in zip(few.train.y, places, strict=True))
    with pytest.raises(ValueError, match=r"at most the 1197 training examples of digits\. Received: train_examples=1198"):
        digits.limited(1198)


def test_attributes_stay_with_their_examples(tmp_path):
    rng = np.random.default_rng(0)
    x, has = rng.integers(0, 256, (40, 4, 4, 3), "uint8"), rng.random((40, 3)) < 0.5
    x[:, 0, 0] = 100 * has
    np.savez(tmp_path / "faces.npz", x=x, attributes=has, attribute_names=["Male", "Smiling", "Young"])
    loaded = data.load(f"npz:{tmp_path / 'faces.npz'}")
    assert loaded.attribute_names == ("Male", "Smiling", "Young")
    for split in (loaded.train, loaded.validation, loaded.test, loaded.limited(7).train):
        np.testing.assert_array_equal(split.x[:, 0, 0] > 0, split.attributes)
    changed = loaded._replace(train=loaded.train._replace(attributes=~loaded.train.attributes))
    assert changed.labels_sha256() != loaded.labels_sha256()
    for wrong in ({"attributes": has[:, :2]}, {"attributes": 2 * has}, {}):
        np.savez(tmp_path / "faces.npz", x=x, attribute_names=["Male", "Smiling", "Young"], **wrong)
        with pytest.raises(ValueError, match=r"attribute_names and booleans \[N, 3\], attributes of every split"):
            data.load(f"npz:{tmp_path / 'faces.npz'}")
