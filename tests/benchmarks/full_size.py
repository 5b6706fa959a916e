"""The cost of GAMIX-VAE at its full size, 256x256, from a step to an image by ONNX Runtime: seconds and peak memory, as JSON.

python -m tests.benchmarks.full_size
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from keras_vaemix.core import supports
from training.data.splits import Data, Split
from training.presets import PRESETS

BATCH_SIZE = 2


def through(formats=("onnx", "saved_model"), **flags):
    """Builds the preset with these flags, takes a step, saves, loads, exports and decodes a latent, and returns the cost.

    `error` is the largest difference of the image by ONNX Runtime from the model's own, relative to the largest value of the latter.
    """
    from export.artifact import export_model
    from export.onnx import session

    x = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE, 256, 256, 3), dtype="uint8")
    data, marks = Data("random", *[Split(x)] * 3, supports.LEVELS), [("start", time.time())]
    experiment = PRESETS["gamix_celeba_hq"].build(data, **flags)
    model, memory = experiment.model, {}

    def done(phase):
        print(phase, file=sys.stderr)
        memory[phase] = {"seconds": time.time() - marks[-1][1], "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        marks.append((phase, time.time()))

    model.compile(experiment.optimizer, experiment.optimizers, experiment.jit_compile)
    done("build")
    history = model.fit(x / np.float32(255), batch_size=BATCH_SIZE, verbose=0).history
    done("step")
    model.fit_prior(x / np.float32(255))
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model.keras")
        loaded = keras.saving.load_model(Path(folder) / "model.keras", safe_mode=True)
        done("save")
        export_model(loaded, Path(folder) / "export", formats)
        done("export")
        z = np.random.default_rng(0).standard_normal((1, model.prior.latent_dim)).astype("float32")
        (image,) = session(Path(folder) / "export" / "decoder.onnx").run(["x"], {"z": z})
        done("decode")
    expected = model.decode(z).numpy()
    error = float(np.max(np.abs(image - expected)) / np.max(np.abs(expected)))
    losses = {name: float(values[-1]) for name, values in history.items()}
    return {"parameters": model.count_params(), "shape": image.shape, "error": error, "losses": losses, "phases": memory}


if __name__ == "__main__":
    print(json.dumps(through()))
