"""Attributes of faces, removed and added along the line between the mean codes of faces with and without them.

    python -m training.reproduce attribute_lines

The slides' Figures 12 to 16, of five of CelebA's forty attributes, for a FlexAE.
"""

from keras_vaemix.core.part import require
from keras_vaemix.storage.loading import load_model
from keras_vaemix.visualization.pictures import named_attribute_lines
from keras_vaemix.visualization.plots import save_png
from training.data import load

ATTRIBUTES = ("Big_Nose", "Heavy_Makeup", "Black_Hair", "Smiling", "Male")  # in the order of the figures


def lines_of(model, data):
    """Returns a picture for each of the `ATTRIBUTES` that the test examples have, by name."""
    x, names = data.arrays("test", model.support), data.attribute_names
    shown = [name for name in ATTRIBUTES if name in names]
    has = {name: data.test.attributes[:, names.index(name)] for name in shown}
    return {name: named_attribute_lines(model, x, has[name], name).picture() for name in shown}


def measure(train, row, seed, args):
    """Trains a row and returns it as its run was evaluated; its attribute lines by seed 0 are kept beside the table."""
    data = load(args.dataset or row.own_dataset(), args.data_dir)
    expected = f"a set with some of the attributes {', '.join(ATTRIBUTES)}"
    require(set(ATTRIBUTES) & set(data.attribute_names), expected, dataset=data.name, attributes=data.attribute_names)
    run, measured = train()
    if seed == 0:
        args.out.mkdir(parents=True, exist_ok=True)
        for name, picture in lines_of(load_model(run / "model.keras"), data).items():
            save_png(args.out / f"{args.table}_{row.name}_{name}.png", picture)
    return measured
