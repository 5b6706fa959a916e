"""What TensorBoard shows of a run that has ended: its settings with the final figures, and its latents."""

import shutil

from keras_vaemix.visualization.hparams import write_hparams
from keras_vaemix.visualization.projector import write_projector
from training.presets.arguments import FURTHER

SETTINGS = ("preset", "dataset", "seed", "epochs", "batch_size", "warm_up", "patience", "precision")
NUM_POINTS = 1000


def write(run, model, data, split, report):
    """Writes the row of a run in the table of hyperparameters, and the latents of the first examples of a split, and returns their folder.

    Args:
        run: The `Run`.
        model: Its trained model.
        data: Its data.
        split: Name of the split on which it was evaluated.
        report: The evaluation, figures by name.
    """
    folder, labels = run.folder / "logs" / "final", data.labels(split)
    shutil.rmtree(folder, ignore_errors=True)  # of the same run before it was resumed
    settings = {name: run.config[name] for name in (*SETTINGS, *FURTHER) if name in run.config} | run.config["arguments"]
    write_hparams(folder, settings, report, len(run.history))
    x = data.arrays(split, model.support)[:NUM_POINTS]
    write_projector(folder, model, x, labels if labels is None else labels[:NUM_POINTS])
    return folder
