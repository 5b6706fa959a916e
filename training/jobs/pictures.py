"""Pictures of a run, by name: each is made from the run's model, data and history alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from export.storage.files import atomically, read_history
from export.storage.locks import locked_for
from keras_vaemix.core import supports
from keras_vaemix.core.part import require
from keras_vaemix.evaluation import category_table, latent_effects, nearest_neighbors, posterior_means
from keras_vaemix.visualization import pictures, plots
from keras_vaemix.visualization.by_kind import latent_pictures
from training.runs.run import open_run

NUM_ROWS, NUM_NEIGHBORS, NUM_RANKED = 8, 4, 200


class Subject(NamedTuple):
    """What is drawn: the folder, model and data of a run, with the requested attribute, latents and split."""

    folder: Path
    model: Any
    data: Any
    attribute: str | None = None
    latents: tuple | None = None
    split: str = "test"

    def examples(self):
        """Returns the examples of the split as the model takes them."""
        return self.data.arrays(self.split, self.model.support)

    def labels(self):
        """Returns the labels of the examples, or None."""
        return self.data.labels(self.split)

    def attributes(self):
        """Returns whether each example has each attribute, booleans [N] by name; a label is an attribute if there are no others."""
        matrix, labels = getattr(self.data, self.split).attributes, self.labels()
        if matrix is not None:
            return dict(zip(self.data.attribute_names, matrix.T, strict=True))
        return {} if labels is None else {str(label): labels == label for label in np.unique(labels)}

    def masks(self):
        """Returns the mask after each epoch of the run, [T, D], with D = 0 if its history has none."""
        history = read_history(self.folder / "history.csv")
        names = [name for name in (history[0] if history else ()) if name.startswith("mask/")]
        return np.array([[row[name] for name in names] for row in history])


def samples(subject):
    """Returns samples, one row per component."""
    return plots.component_samples(subject.model)


def draws(subject):
    """Returns samples from the whole prior, each of a component that is drawn by its weight."""
    return plots.images_in_order(np.asarray(subject.model.sample(100, seed=0)), "Samples: decoded draws from the whole prior")


def reconstructions(subject):
    """Returns examples above their reconstructions."""
    x = subject.examples()[:40]
    return plots.pairs(x, subject.model.reconstruct(x))


def categories(subject):
    """Returns the categories of examples against their labels."""
    model, labels = subject.model, subject.labels()
    require(labels is not None, "data with a label for each example", dataset=subject.data.name)
    return plots.heat_map(category_table(model.cluster(subject.examples()), labels, model.num_components))


def neighbors(subject):
    """Returns samples beside the training images that are nearest to each."""
    images, train = np.asarray(subject.model.sample(NUM_ROWS, seed=0)), subject.data.arrays("train", supports.UNIT_INTERVAL)
    return pictures.neighbors(images, train, nearest_neighbors(images, train, NUM_NEIGHBORS)[0])


def covariance(subject):
    """Returns the covariance of codes of examples; with a mask, that of all latents and beside it that of those in use."""
    x, model, used = subject.examples(), subject.model, subject.model.export_model()
    shown = {"latents": model} if used is model else {"latents": model, "latents that the mask keeps": used}
    return np.concatenate([pictures.covariance_picture(posterior_means(one, x), what) for what, one in shown.items()], axis=1)


def mask(subject):
    """Returns the mask over training."""
    masks = subject.masks()
    require(masks.size > 0, "the run of a model with a mask, which its history.csv has", run=str(subject.folder))
    return pictures.mask_history(masks)


def attribute(subject):
    """Returns examples with an attribute or a label removed on the left and added on the right: half have it, half have not."""
    require(subject.attribute is not None, "--attribute with the attribute or label to add and to remove", attribute=None)
    x, known = subject.examples(), subject.attributes()
    require(known, "data with attributes, or with a label for each example", dataset=subject.data.name)
    require(subject.attribute in known, f"--attribute to be one of {', '.join(known)}", attribute=subject.attribute)
    return pictures.named_attribute_lines(subject.model, x, known[subject.attribute], subject.attribute, NUM_ROWS)


def effects(subject):
    """Returns the latents with the greatest effect."""
    return pictures.effects_picture(latent_effects(subject.model, subject.examples()[:NUM_RANKED]))


def variants(subject):
    """Returns an example with two latents varied: the requested ones, or those with the greatest effect."""
    x = subject.examples()
    latents = subject.latents or np.argsort(-latent_effects(subject.model, x[:NUM_RANKED]), kind="stable")[:2].tolist()
    return pictures.variants(subject.model, x[0], latents)


def transitions(subject):
    """Returns transitions between pairs of examples, at most `NUM_ROWS` of them."""
    x = subject.examples()[: 2 * NUM_ROWS]
    n = max(1, len(x) // 2)
    return pictures.transitions(subject.model, x[:n], x[-n:])


class Picture(NamedTuple):
    """A kind of picture.

    Attributes:
        title: What it shows.
        make: Function from a `Subject` to a `Grid` or a picture [H, W, C]; it raises `ValueError` if the subject has no such picture.
        suits: Function from a `Subject` to whether the picture belongs in its run folder.
        is_grid: Whether it is a `Grid` of images.
    """

    title: str
    make: Callable
    suits: Callable = lambda subject: True
    is_grid: bool = True


def suits_model(kind):
    """Returns a function that says whether a `Subject`'s kind of model has this picture by default; others can have it on request."""
    return lambda subject: kind in latent_pictures(subject.model)


PICTURES = {
    "samples": Picture("samples, one row per component", samples),
    "draws": Picture("samples from the whole prior", draws, lambda s: s.model.num_components > 1),
    "reconstructions": Picture("reconstructions", reconstructions),
    "neighbors": Picture("samples and their nearest training images", neighbors),
    "categories": Picture("categories against labels", categories, lambda s: s.model.has_clusters and s.labels() is not None, False),
    "covariance": Picture("covariance of codes", covariance, suits_model("covariance"), False),
    "mask": Picture("mask over training", mask, lambda s: s.masks().size > 0, False),
    "effects": Picture("latents by their effect", effects, suits_model("effects"), False),
    "variants": Picture("an example with two latents varied", variants, suits_model("variants")),
    "transitions": Picture("transitions between examples", transitions, suits_model("transitions")),
    "attribute": Picture("an attribute removed and added", attribute, lambda s: s.attribute is not None),
}


def save(path, kind, subject):
    """Draws a picture and writes it as PNG; raises `ValueError` if the subject has none."""
    picture, shape = PICTURES[kind], subject.data.shape
    require(not picture.is_grid or subject.data.is_images(), f"images, to draw {kind}", shape=shape)
    made = picture.make(subject)
    with atomically(path) as temporary:
        plots.save_png(temporary, made.picture() if picture.is_grid else made)


def draw(folder, model, data, split):
    """Writes every picture that suits a run into its folder and returns their paths by title."""
    subject, made = Subject(Path(folder), model, data, split=split), {}
    for kind, picture in PICTURES.items():
        if picture.suits(subject) and (data.is_images() or not picture.is_grid):
            made[picture.title] = path = subject.folder / f"{kind}.png"
            save(path, kind, subject)
    return made


def run(args):
    """Draws the requested picture and prints its path."""
    out, latents = args.out or args.run / f"{args.what}.png", args.latents and tuple(args.latents)
    subject = Subject(args.run, *open_run(args.run, args.data_dir, args.dataset), args.attribute, latents, args.split or "test")
    with locked_for(args.run, out):
        save(out, args.what, subject)
    print(out)
