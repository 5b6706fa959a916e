"""Data that are read where they are asked for, as exact as in memory; decoded images kept on disk; flips."""

import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image

import keras_vaemix as vm
from keras_vaemix.core import supports
from keras_vaemix.core.blocks import batch_size_for, blocks
from keras_vaemix.evaluation import nearest_neighbors
from training import data
from training.data import faces, image_cache, images, rows, splits
from training.data.augment import flipped
from training.jobs import flags as flags_of
from training.jobs import pictures
from training.jobs.train import check_trainable
from training.presets import Experiment


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of 100 images of noise, two of which are in a folder of their own, and an empty cache beside it."""
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for i in range(100):
        path = tmp_path / "images" / ("few" if i < 2 else "many") / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (10, 8, 3), dtype="uint8")).save(path)
    return tmp_path / "images"


@pytest.fixture
def streamed(monkeypatch):
    """Makes every array a large one from where it is called."""
    return lambda: monkeypatch.setattr(rows, "LARGE", 0)


def stack(dataset, num):
    return np.stack(list(dataset.take(num).as_numpy_iterator()))


def cached_files(folder, suffix=".npy"):
    return sorted((folder.parent / "cache" / "images").glob(f"*{suffix}"))


@pytest.mark.parametrize(("support", "augment"), [(supports.BINARY, flipped), (supports.UNIT_INTERVAL, None)], ids=["binary", "grey"])
def test_batches_are_the_same_to_the_bit(digits, support, augment, streamed):
    in_memory = stack(digits.batches(57, support, 3, augment=augment), 63)
    streamed()
    np.testing.assert_array_equal(stack(digits.batches(57, support, 3, augment=augment), 63), in_memory)
    np.testing.assert_array_equal(stack(digits.batches(57, support, 3, 1, augment), 42), in_memory[21:])
    assert digits.batches(57, support, 3).element_spec == tf.TensorSpec((57, 8, 8, 1))


def test_a_folder_is_the_same_from_disk(folder, streamed):
    whole = data.load(f"folder:{folder}", image_size=8)
    assert not cached_files(folder)
    streamed()
    mapped = data.load(f"folder:{folder}", image_size=8)
    assert isinstance(mapped.train.x, rows.Rows)
    assert isinstance(mapped.train.x.source.source, np.memmap)
    assert mapped.sha256() == whole.sha256()
    assert (mapped.support, mapped.shape) == (whole.support, whole.shape)
    for split in splits.SPLITS:
        np.testing.assert_array_equal(mapped.labels(split), whole.labels(split))
        lazy, real = (d.arrays(split, supports.LEVELS) for d in (mapped, whole))
        assert (lazy.shape, lazy.dtype, lazy.ndim, lazy.nbytes, len(lazy)) == (real.shape, real.dtype, real.ndim, real.nbytes, len(real))
        for index in (slice(2, 5), np.array([[3, 1], [0, 0]]), 4, slice(None)):
            np.testing.assert_array_equal(lazy[index], real[index])
        in_order = [np.concatenate(list(splits.in_order(x, 4).as_numpy_iterator())) for x in (lazy, real)]
        np.testing.assert_array_equal(*in_order)
    np.testing.assert_array_equal(stack(mapped.batches(7, supports.LEVELS, 0), 12), stack(whole.batches(7, supports.LEVELS, 0), 12))


def test_celeb_a_hq_of_a_folder_trains_on_the_first_in_alphanumeric_order(tmp_path, monkeypatch, streamed):
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "celeb_a_hq").mkdir()
    for i in range(50):
        Image.new("RGB", (12, 10), (i, i, i)).save(tmp_path / "celeb_a_hq" / f"{i}.png")
    whole = data.load("celeb_a_hq", tmp_path, 8)
    streamed()
    mapped = data.load("celeb_a_hq", tmp_path, 8)
    assert len(cached_files(tmp_path / "celeb_a_hq")) == 1
    order = [int(name) for name in sorted(str(i) for i in range(50))]
    for loaded in (whole, mapped):
        level = {split: getattr(loaded, split).x[:][:, 0, 0, 0].tolist() for split in splits.SPLITS}
        assert sorted(level["train"] + level["validation"]) == sorted(order[:40])
        assert (level["test"], len(level["validation"])) == (order[40:], 4)
    assert isinstance(mapped.train.x, rows.Rows)
    assert mapped.name == "celeb_a_hq"
    assert mapped.sha256() == whole.sha256()


def test_prepared_faces_are_the_same_from_disk(tmp_path, monkeypatch, streamed):
    monkeypatch.setenv("VAEMIX_CACHE", str(tmp_path / "cache"))
    examples = {"image": np.random.default_rng(0).integers(0, 256, (5, 10, 8, 3), "uint8"), "image/filename": list("edcba")}
    builder = SimpleNamespace(data_dir=str(tmp_path / "hq"), as_dataset=lambda split: tf.data.Dataset.from_tensor_slices(examples))
    builder.info = SimpleNamespace(features={"attributes": {"Smiling": bool, "Male": bool}})
    given = {name: np.random.default_rng(i).random(5) < 0.5 for i, name in enumerate(("Male", "Smiling"))}
    examples["attributes"] = given
    x, names, attributes = faces.squares(builder, "train", 6)
    np.testing.assert_array_equal(attributes, np.stack(list(given.values()), axis=1))
    assert (x.shape, names.tolist()) == ((5, 6, 6, 3), list("edcba"))
    streamed()
    with pytest.raises(ValueError, match=r"files of a large set on this machine"):
        faces.squares(builder, "train", 6)
    (tmp_path / "hq").mkdir()
    (tmp_path / "hq" / "hq-train.tfrecord-0-of-1").write_bytes(b"")
    for _ in range(2):
        mapped, again, kept = faces.squares(builder, "train", 6)
        np.testing.assert_array_equal(kept, attributes)
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(mapped, x)
        np.testing.assert_array_equal(again, names)
    assert len(cached_files(tmp_path / "hq")) == 1


def test_the_second_opening_decodes_nothing(folder, streamed, monkeypatch, capsys):
    (folder / "cut.png").write_bytes(b"")
    Image.new("L", (8, 8), 9).save(folder / "grey.png")
    direct, said = images.read_images(folder, 8), capsys.readouterr().err
    streamed()
    first = images.read_images(folder, 8)
    assert capsys.readouterr().err == said
    monkeypatch.setattr(images, "read_image", lambda *_: pytest.fail("decoded again"))
    second = images.read_images(folder, 8)
    assert capsys.readouterr().err == said
    for read in (first, second):
        np.testing.assert_array_equal(read["x"], direct["x"])
        assert read["folder"].tolist() == direct["folder"].tolist()
    assert not second["x"].flags.writeable


def test_a_folder_that_changed_is_decoded_anew(folder, streamed):
    streamed()
    before = np.array(images.read_images(folder, 8)["x"])
    path = folder / "many" / "30.png"
    stat = path.stat()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    after = images.read_images(folder, 8)["x"]
    np.testing.assert_array_equal(after[30, 0, 0], [1, 2, 3])
    np.testing.assert_array_equal(np.delete(after, 30, 0), np.delete(before, 30, 0))
    assert images.read_images(folder, 4)["x"].shape == (100, 4, 4, 3)
    path.rename(folder / "few" / "30.png")
    assert images.read_images(folder, 8)["folder"].tolist().count("few") == 3
    assert len(cached_files(folder)) == 4


def test_a_folder_that_is_decoded_otherwise_is_decoded_anew(folder, streamed, monkeypatch):
    streamed()
    images.read_images(folder, 8)
    monkeypatch.setattr(image_cache, "DECODING", image_cache.DECODING + 1)
    images.read_images(folder, 8)
    assert len(cached_files(folder)) == 2


def test_split_folders_are_the_same_from_disk(folder, streamed, capsys):
    root, exif = folder.parent / "splits", Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for i, name in enumerate(("Training", "valid", "TEST")):
        (root / name / "turned").mkdir(parents=True)
        for label in ("few", "many"):
            (root / name / label).symlink_to(folder / label)
        Image.new("RGB", (8, 8), (i, i, i)).save(root / name / "turned" / "one.jpg", exif=exif)
    whole, said = data.load(f"folder:{root}", image_size=8), capsys.readouterr()
    assert [len(getattr(whole, split).x) for split in splits.SPLITS] == [101, 101, 101]
    assert said.err.count("turned 1 of 101 images") == 3
    streamed()
    for _ in range(2):
        mapped = data.load(f"folder:{root}", image_size=8)
        assert (mapped.sha256(), mapped.labels_sha256()) == (whole.sha256(), whole.labels_sha256())
        assert capsys.readouterr() == said
    assert len(cached_files(folder)) == 3


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npy", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        (".npy", lambda path: path.write_bytes(b"")),
        (".npy", lambda path: np.save(path, np.zeros(3, "uint8"))),
        (".json", lambda path: path.write_text("{")),
        (".json", lambda path: path.unlink()),
    ],
)
def test_a_damaged_cache_is_named_with_its_remedy(folder, streamed, suffix, damage):
    streamed()
    whole = np.array(images.read_images(folder, 8)["x"])
    damage(cached_files(folder, suffix)[0])
    with pytest.raises(ValueError, match=r"Expected the decoded images of .*\.npy: remove the file to decode again\. Received: "):
        images.read_images(folder, 8)
    cached_files(folder)[0].unlink()
    np.testing.assert_array_equal(images.read_images(folder, 8)["x"], whole)


def test_what_was_not_decoded_to_the_end_is_not_taken(folder, streamed, monkeypatch):
    streamed()
    whole = images.read_image
    stopped = iter([*[False] * 20, True])

    def interrupted(file, image_size):
        if next(stopped):
            raise KeyboardInterrupt
        return whole(file, image_size)

    with monkeypatch.context() as patch:
        patch.setattr(images, "read_image", interrupted)
        with pytest.raises(KeyboardInterrupt):
            images.read_images(folder, 8)
    assert list((folder.parent / "cache" / "images").iterdir()) == []
    assert images.read_images(folder, 8)["x"].any(axis=(1, 2, 3)).all()


def test_a_full_disk_is_said_before_decoding(folder, streamed, monkeypatch):
    streamed()
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=5))
    with pytest.raises(ValueError, match=r"room for .* GiB of decoded images in .*VAEMIX_CACHE"):
        images.read_images(folder, 8)
    assert not cached_files(folder)


def test_blocks_are_the_whole():
    x = np.arange(70).reshape(10, 7)
    parts = list(blocks(x, 3 * x[0].nbytes))
    assert [start for start, _ in parts] == [0, 3, 6, 9]
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), x)
    assert len(list(blocks(x, 1))) == 10


@pytest.mark.parametrize(
    ("batch_size", "shape", "most", "size"),
    [
        (None, (64, 64, 3), 500, 500),
        (None, (64, 64, 3), 1000, 1000),
        (None, (28, 28, 1), 100, 100),
        (None, (256, 256, 3), 500, 5),
        (None, (256, 256, 3), 2, 2),
        (None, (1024, 1024, 3), 500, 1),
        (7, (256, 256, 3), 500, 7),
        (0, (28, 28, 1), 500, 0),
    ],
)
def test_large_examples_are_few_at_once(batch_size, shape, most, size):
    assert batch_size_for(batch_size, shape, most) == size


def test_a_check_by_blocks_names_the_example(monkeypatch):
    monkeypatch.setattr("keras_vaemix.core.blocks.blocks.__defaults__", (32,))
    x = rows.Rows(np.arange(20, dtype="float32").reshape(5, 4), [4, 3, 2, 1, 0])
    supports.check_array(x, supports.REAL, (4,))
    with pytest.raises(ValueError, match=r"x in \[0, 1\].*minimum=12\.0, maximum=19\.0"):
        supports.check_array(x, supports.UNIT_INTERVAL, (4,))
    x.source[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"finite values in x: .*index=\(3, 2\), value=nan"):
        supports.check_array(x, supports.REAL, (4,))


@pytest.mark.parametrize("size", [1, 3, 40])
def test_neighbours_by_blocks_are_those_of_the_whole(size, monkeypatch):
    rng = np.random.default_rng(1)
    x, train_x = rng.normal(size=(6, 5)), rng.normal(size=(40, 5))
    monkeypatch.setattr("keras_vaemix.evaluation.neighbours.BLOCK_BYTES", size * train_x[0].nbytes)
    indices, distances = nearest_neighbors(x, rows.Rows(train_x, np.arange(40)))
    pairs = np.linalg.norm(x[:, None] - train_x, axis=-1)
    np.testing.assert_array_equal(indices, np.argsort(pairs, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(pairs, axis=1)[:, :4], rtol=1e-12)


def test_flips_are_mirror_images_of_about_half(digits):
    def first_epochs(augment):
        return stack(digits.batches(57, supports.UNIT_INTERVAL, 3, augment=augment), 42).reshape(-1, 8, 8, 1)

    plain, augmented = first_epochs(None), first_epochs(flipped)
    np.testing.assert_array_equal(augmented, first_epochs(flipped))
    kept, mirrored = ((augmented == x).all(axis=(1, 2, 3)) for x in (plain, plain[:, :, ::-1]))
    assert np.all(kept | mirrored)
    is_one = kept != mirrored  # images that are not their own mirror images
    assert is_one.sum() > 2000
    assert abs(mirrored[is_one].mean() - 0.5) < 5 * 0.5 / is_one.sum() ** 0.5
    epochs = mirrored.reshape(2, 21, 57)
    assert np.any(epochs[0] != epochs[1])
    assert np.any(epochs[:, 0] != epochs[:, 1])


def test_ink_is_drawn_after_a_flip_and_as_without_one(digits):
    mirror = lambda x, seed: x[:, :, ::-1]  # noqa: E731
    plain, augmented = (stack(digits.batches(57, supports.BINARY, 3, augment=augment), 21) for augment in (None, mirror))
    grey = stack(digits.batches(57, supports.UNIT_INTERVAL, 3), 21)
    assert abs((augmented - grey[:, :, :, ::-1]).mean()) < 0.005
    is_same = grey == grey[:, :, :, ::-1]
    np.testing.assert_array_equal(plain[is_same], augmented[is_same])


@pytest.mark.parametrize(("flags", "augment"), [([], flipped), (["--no-flip"], None)])
def test_flips_can_be_left_out(flags, augment, folder):
    preset, _, own, _ = flags_of.parse(["gamix_faces_no_gan", *flags, "--width", "4", "--latent-dim", "4"])
    images_32 = data.load(f"folder:{folder}", image_size=32)
    assert preset.build(images_32, **own).augment is augment


def trained(folder):
    """Returns the weights of a model after an epoch and a fit of its sampler, and its nearest training images."""
    keras.utils.set_random_seed(0)
    loaded, mlp = data.load(f"folder:{folder}", image_size=8), vm.networks.gated_mlp
    model = vm.Autoencoder(mlp((8, 8, 3), 4, (16,)), mlp((4,), (8, 8, 3), (16,)), vm.FittedMixture(4, 2), vm.costs.SquaredError())
    experiment = Experiment(model, keras.optimizers.Adam(), batch_size=20, augment=flipped)
    check_trainable("vae", loaded, experiment, "none")
    support = model.support
    model.compile(experiment.optimizer, jit_compile=False)
    batches = loaded.batches(20, support, 0, augment=experiment.augment)
    validation = splits.in_order(loaded.arrays("validation", support), 20)
    history = model.fit(batches, steps_per_epoch=4, validation_data=validation, shuffle=False, verbose=0).history
    model.fit_prior(loaded.fixed("train", support))
    picture = pictures.neighbors(pictures.Subject(folder, model, loaded)).images
    return history, [*model.get_weights(), model.responsibilities(loaded.arrays("train", support)), picture]


def test_training_is_the_same_from_disk(folder, streamed, training_alone):
    history, whole = trained(folder)
    streamed()
    again, mapped = trained(folder)
    assert cached_files(folder)
    assert history == again
    for one, other in zip(mapped, whole, strict=True):
        np.testing.assert_array_equal(one, other)
