"""A package: a trained model with its settings, figures, ONNX graphs and card, as `keras_vaemix.from_package` reads it."""

from pathlib import Path

from export.artifact import check_replaceable, hashes, write_artifact
from export.compact import save_compact
from export.storage.contents import EVALUATION
from export.storage.files import portable, read_config, read_history, read_json, without_paths, write_json
from export.storage.folders import folder_atomically
from export.storage.locks import locked_for
from keras_vaemix.integrations.hub import check_installed
from keras_vaemix.integrations.model_card import license_of, model_card
from keras_vaemix.storage.loading import load_model
from keras_vaemix.storage.packages import check_package


def package_run(run, out, license=None):
    """Packages the model of a run folder, by default (None) in `run/package`, and returns the package's folder.

    Raises:
        ValueError: There is no licence (None), and the data set has terms that the one of other packages contradicts.
    """
    run, out = Path(run), Path(out or Path(run) / "package")
    check_installed()
    check_replaceable(out, has_model=True)
    config, evaluation = published(run), evaluation_of(run)
    license_of(config["dataset"], license)  # before the model is read
    model = load_model(run / "model.keras")
    with locked_for(run, out):
        return write_package(model, config, evaluation, out, license)


def write_package(model, config, evaluation, out, license=None):
    """Writes a package and returns its folder.

    Args:
        model: A model.
        config: Settings of its run, as `published` returns them.
        evaluation: Figures of these very weights.
        out: Folder: a new or empty one, or an earlier package, which is replaced.
        license: Licence of the weights, as the Hugging Face Hub names it; by default (None) that of packages, as `license_of` gives it.
    """
    license = license_of(config["dataset"], license)
    with folder_atomically(out) as folder:
        write_artifact(model, folder, ("onnx",))
        save_compact(model, folder / "model.keras")
        write_json(folder / "config.json", config)
        write_json(folder / "evaluation.json", evaluation)
        manifest = read_json(folder / "manifest.json")
        card = model_card(Path(out).resolve().name, config, evaluation, manifest, license, model.support)
        (folder / "README.md").write_text(card, "utf-8")
        write_json(folder / "manifest.json", {**manifest, "sha256": hashes(folder)})
        check_package(folder)
    return out


def published(run):
    """Returns the settings of a run folder, with the number of epochs it was trained for and without the paths of its machine."""
    config = read_config(run / "config.json", "arguments", "command")
    named = without_paths(config)
    return {
        **named,
        "command": portable(config["command"]).replace(config["dataset"], named["dataset"]),
        "epochs_trained": len(read_history(run / "history.csv", "epoch")),
    }


def evaluation_of(run):
    """Returns the figures of a run folder, which needs them."""
    path = run / "evaluation.json"
    if not path.exists():
        raise FileNotFoundError(f"Expected an evaluated run: python -m training.evaluate {run}. Received: {run}, without evaluation.json")
    return EVALUATION.check(path, read_json(path))
