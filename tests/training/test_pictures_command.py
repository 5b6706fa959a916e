"""Pictures of a run: those that suit it are in its folder, and the command draws any of them."""

import shutil

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from export.storage.files import read_history, read_json
from keras_vaemix.storage.loading import load_model
from keras_vaemix.visualization.grids import GAP
from tests.fixtures import compile_by_tensorflow
from training import pictures as pictures_command
from training import train
from training.jobs import pictures as draw

pytestmark = pytest.mark.slow
SMALL = ("--dataset", "digits", "--networks", "mlp", "--hidden", 16, "--latent-dim", 6, "--features", "none")
RUNS = {
    "autoencoder": ("ae_gmm_mnist", *SMALL, "--num-components", 3, "--epochs", 1),
    "masked": ("mask_aae_mnist", *SMALL, "--critic-units", 16, "--epochs", 2),
    "gamix": ("gamix_faces_no_gan", *SMALL[:2], "--latent-dim", 4, "--width", 8, "--likelihood-samples", 2, "--epochs", 1),
    "vae": ("vae_digits", "--latent-dim", 3, "--likelihood-samples", 2, "--epochs", 1, "--split", "validation"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The run folder of each model, trained hardly at all."""
    made = {name: tmp_path_factory.mktemp("runs") / name for name in RUNS}
    with pytest.MonkeyPatch.context() as patch:
        compile_by_tensorflow(patch)
        for name, flags in RUNS.items():
            assert train.main([*map(str, flags), "--run-dir", str(made[name])]) == 0
    return made


@pytest.fixture
def picture(folders, capsys):
    """A function that draws a picture of a run with the command and returns its status, output and line of error."""

    def call(run, what, *flags):
        capsys.readouterr()
        status = pictures_command.main([str(folders.get(run, run)), "--what", what, *map(str, flags)])
        return status, *(text.strip() for text in capsys.readouterr())

    return call


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype("float32") / 255


def digits_in(path, num_rows, num_columns):
    """Returns the digits of a grid in a file, [num_rows, num_columns, 8, 8]: each of their pixels is eight wide."""
    side = 8 * 8 + GAP
    tiles = pixels(path)[-(num_rows * side - GAP) :, -(num_columns * side - GAP) :, 0]
    return np.stack([[tiles[i * side :, j * side :][:64:8, :64:8] for j in range(num_columns)] for i in range(num_rows)])


def test_command_knows_every_picture():
    assert tuple(draw.PICTURES) == pictures_command.KINDS


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("autoencoder", {"samples", "draws", "reconstructions", "neighbors", "categories", "covariance"}),
        ("masked", {"samples", "reconstructions", "neighbors", "covariance", "mask"}),
        ("gamix", {"samples", "reconstructions", "neighbors", "effects", "variants", "transitions"}),
        ("vae", {"samples", "reconstructions", "neighbors"}),
    ],
)
def test_run_folder_has_the_pictures_that_suit_it(folders, run, expected):
    assert {path.stem for path in folders[run].glob("*.png")} == expected | {"exported_samples"}


def test_neighbours_are_training_images(folders, digits):
    images = digits_in(folders["autoencoder"] / "neighbors.png", 8, 5)
    train_images = {x.tobytes() for x in np.round(255 * digits.train.x[..., 0]).astype("uint8")}
    for after in np.round(255 * images).astype("uint8"):
        assert [image.tobytes() in train_images for image in after] == [False, True, True, True, True]


def test_history_has_the_mask_that_is_drawn(folders):
    masks = draw.Subject(folders["masked"], model=None, data=None).masks()
    assert masks.shape == (2, 6)
    assert masks[1, 5] == read_history(folders["masked"] / "history.csv")[1]["mask/5"]


def test_covariance_with_a_mask_is_beside_that_of_latents_in_use(folders):
    plain, masked = (pixels(folders[run] / "covariance.png") for run in ("autoencoder", "masked"))
    assert masked.shape == (plain.shape[0], 2 * plain.shape[1], 3)


@pytest.mark.parametrize("what", [kind for kind in pictures_command.KINDS if kind not in ("mask", "attribute")])
def test_command_draws_what_the_run_has(picture, folders, what, tmp_path):
    run = "gamix" if what in ("effects", "variants", "transitions") else "autoencoder"
    assert picture(run, what, "--out", tmp_path / "drawn.png") == (0, str(tmp_path / "drawn.png"), "")
    np.testing.assert_array_equal(pixels(tmp_path / "drawn.png"), pixels(folders[run] / f"{what}.png"))


def test_mask_is_drawn_into_the_run_folder(picture, folders):
    before = (folders["masked"] / "mask.png").read_bytes()
    (folders["masked"] / "mask.png").unlink()
    assert picture("masked", "mask") == (0, str(folders["masked"] / "mask.png"), "")
    assert (folders["masked"] / "mask.png").read_bytes() == before


@pytest.mark.parametrize("run", ["autoencoder", "vae"])
def test_attribute_leaves_the_reconstruction_in_the_middle(picture, folders, digits, run, tmp_path):
    from keras_vaemix.storage.loading import load_model

    assert picture(run, "attribute", "--attribute", 3, "--out", tmp_path / "three.png")[0] == 0
    drawn, model = digits_in(tmp_path / "three.png", 8, 9), load_model(folders[run] / "model.keras")
    x, is_three = digits.arrays("test", model.support), digits.labels("test") == 3
    x = np.concatenate([x[~is_three][:4], x[is_three][:4]])
    np.testing.assert_allclose(drawn[:, 4], model.decode(model.latent_means(x))[..., 0], atol=0.5 / 255 + 1e-5)
    assert picture(run, "attribute", "--attribute", 5, "--out", tmp_path / "five.png")[0] == 0
    assert not np.array_equal(pixels(tmp_path / "five.png"), pixels(tmp_path / "three.png"))


def test_a_run_is_judged_and_drawn_on_the_split_that_is_asked_for(picture, folders, digits, tmp_path):
    asked = {run: read_json(folder / "evaluation.json")["split"] for run, folder in folders.items()}
    assert asked == {"autoencoder": "test", "masked": "test", "gamix": "test", "vae": "validation"}
    for split in ("validation", "test"):
        assert picture("vae", "reconstructions", "--split", split, "--out", tmp_path / f"{split}.png")[0] == 0
        first = digits_in(tmp_path / f"{split}.png", 10, 8)[0, 0]
        np.testing.assert_array_equal(first, digits.arrays(split, load_model(folders["vae"] / "model.keras").support)[0, ..., 0])
    written = (folders["vae"] / "reconstructions.png").read_bytes()
    assert written == (tmp_path / "validation.png").read_bytes() != (tmp_path / "test.png").read_bytes()


@pytest.mark.parametrize("run", ["gamix", "vae"])
def test_variants_and_transitions_are_of_test_examples(picture, folders, digits, run, tmp_path):
    model = load_model(folders[run] / "model.keras")
    x = digits.arrays("test", model.support)
    assert picture(run, "variants", "--latents", 2, 0, "--out", tmp_path / "variants.png")[0] == 0
    assert picture(run, "transitions", "--out", tmp_path / "transitions.png")[0] == 0
    assert picture(run, "effects", "--out", tmp_path / "effects.png")[0] == 0
    (z,) = np.array(model.latent_means(x[:1]))
    z[[2, 0]] = 6, -6  # to the right, and at the top
    corner = np.asarray(model.decode(z[None]))[0, ..., 0]
    np.testing.assert_allclose(digits_in(tmp_path / "variants.png", 3, 3)[0, 2], corner, atol=0.5 / 255 + 1e-5)
    drawn = digits_in(tmp_path / "transitions.png", 8, 6)
    ends = np.asarray(model.decode(model.latent_means(x[[7, 15]])))[..., 0]
    np.testing.assert_allclose(drawn[-1, 0], ends[0], atol=0.5 / 255 + 1e-5)
    np.testing.assert_allclose(drawn[-1, -1], ends[1], atol=0.5 / 255 + 1e-5)


@pytest.mark.parametrize(
    ("run", "flags", "message"),
    [
        ("absent", ("samples",), "Expected a run folder with config.json, such as training.train writes. Received: absent, which has none"),
        ("vae", ("mask",), "Expected the run of a model with a mask, which its history.csv has. Received: run="),
        ("vae", ("attribute",), "Expected --attribute with the attribute or label to add and to remove. Received: attribute=None"),
        ("vae", ("attribute", "--attribute", "smile"), "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. Received: attribute='smile'"),
        ("vae", ("samples", "--attribute", 3), "Expected --attribute only with --what attribute. Received: --what samples"),
        ("vae", ("samples", "--latents", 0, 1), "Expected --latents only with --what variants. Received: --what samples"),
        ("vae", ("variants", "--latents", 0, 9), "Expected two different latents in 0..2. Received: latents=(0, 9)"),
        ("vae", ("samples", "--out", "nowhere/x.png"), "nowhere/"),
        ("vae", ("samples", "--out", "x.nothing"), "nothing"),
    ],
)
def test_errors_are_one_line(picture, run, flags, message):
    status, out, err = picture(run, *flags)
    assert (status, out, err.count("\n")) == (1, "", 0)
    assert err.startswith("error: ")
    assert message in err


@pytest.mark.parametrize("what", pictures_command.WITHOUT_EXAMPLES)
def test_pictures_without_examples_take_no_split(what, capsys):
    assert pictures_command.main(["absent", "--what", what, "--split", "test"]) == 1
    expected = "--split only with a picture of examples, not with samples, draws, neighbors, mask"
    assert capsys.readouterr().err == f"error: Expected {expected}. Received: --what {what}\n"


def test_other_data_are_refused(picture, folders, tmp_path):
    folder = shutil.copytree(folders["vae"], tmp_path / "copy")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"data_sha256": "', '"data_sha256": "0'))
    status, _, err = picture(folder, "samples")
    assert status == 1
    assert err.startswith("error: Expected the data that the run was trained on, sha256 0")


def test_points_have_a_covariance_and_a_mask_but_no_samples(picture, without_xla, tmp_path):
    np.savez(tmp_path / "points.npz", x=np.random.default_rng(0).random((300, 5)))
    flags = ("mask_aae_mnist", "--dataset", f"npz:{tmp_path / 'points.npz'}", *SMALL[2:], "--critic-units", 16, "--epochs", 1)
    assert train.main([*map(str, flags), "--run-dir", str(tmp_path / "run")]) == 0
    assert {path.stem for path in (tmp_path / "run").glob("*.png")} == {"covariance", "mask"}
    status, _, err = picture(tmp_path / "run", "samples")
    assert (status, err) == (1, "error: Expected images, to draw samples. Received: shape=(5,)")


def test_tensorboard_shows_codes_and_mask(folders):
    kinds = {}
    for run in RUNS:
        events = EventAccumulator(str(folders[run] / "logs" / "train"), size_guidance={"tensors": 0})
        events.Reload()
        kinds[run] = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]}
    assert kinds["autoencoder"]["latents/covariance"] == kinds["masked"]["latents/covariance"] == "images"
    assert kinds["masked"]["latents/mask"] == "histograms"
    assert "latents/mask" not in kinds["autoencoder"]
    assert [kinds["gamix"][f"latents/{name}"] for name in ("effects", "variants", "transitions")] == ["images"] * 3
    assert not [tag for tag in kinds["vae"] if tag.startswith("latents/")]
