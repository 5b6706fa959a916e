"""The figures that are measured: how tables show each, and how it is compared with a paper's."""

from typing import NamedTuple

DIGITS = 2  # decimals, unless a figure or its table has its own


class Comparison(NamedTuple):
    """How a figure is compared with a paper's.

    Attributes:
        title: Its name in a sentence.
        margin: Difference that counts as equal, unless two standard deviations over seeds are larger.
        better: Sign of a difference that is an improvement; 0 if none is.
        unit: Unit of a difference.
        shown: Sign with which it is shown.
        is_part: Whether it is a part of another figure, which decides.
    """

    title: str
    margin: float
    better: int
    unit: str = ""
    shown: int = 1
    is_part: bool = False


class Figure(NamedTuple):
    """A figure that is measured.

    Attributes:
        column: Heading of its column.
        digits: Its number of decimals; None for that of the table.
        comparison: How it is compared with a paper's, or None.
        is_of_some: Whether it may be of the first test examples only, `num_likelihood_examples` of them, with `num_samples` each.
    """

    column: str
    digits: int | None = None
    comparison: Comparison | None = None
    is_of_some: bool = False

    def text(self, value, digits=DIGITS):
        """Returns a value of it as text, with its own number of decimals or else `digits`."""
        return f"{value:.{digits if self.digits is None else self.digits}f}"


BOUNDS = {
    "elbo": Figure("test ELBO", None, Comparison("-ELBO", 0.3, 1, " nats", -1)),
    "paper_bound": Figure("test bound with U (eq. 23)", None, Comparison("-bound with U", 0.3, 1, " nats", -1)),
    "log_likelihood": Figure("test log-likelihood", None, Comparison("log-likelihood", 0.3, 1, " nats"), is_of_some=True),
}
PARTS = {  # of bounds
    "reconstruction": Figure("-RE", None, Comparison("RE", 0.3, 0, " nats", -1, is_part=True)),
    "kl": Figure("KL", None, Comparison("KL", 0.3, 0, " nats", is_part=True)),
    "paper_bound_kl": Figure("U", None, Comparison("U", 0.3, 0, " nats", is_part=True)),
}
FURTHER = {
    "posterior_kl": Figure("KL(q, exact posterior)"),
    "expected_log_likelihood": Figure("E log p, under the truth"),
    "wasserstein": Figure("Wasserstein-1 of samples"),
    "accuracy": Figure("accuracy", 3, Comparison("accuracy", 0.01, 1)),
    "cluster_accuracy": Figure("cluster accuracy", 3, Comparison("accuracy", 0.01, 1)),
}
IMAGES = {  # of autoencoders, from their images
    "fd_reconstruction": Figure("FD of reconstructions"),
    "fd_generation": Figure("FD of samples"),
    "precision": Figure("precision", 3),
    "recall": Figure("recall", 3),
    "prd_f8": Figure("PRD F_8", 3),
    "prd_f1_8": Figure("PRD F_1/8", 3),
}
FIGURES = {
    **BOUNDS,
    **PARTS,
    **FURTHER,
    **IMAGES,
    "cluster_accuracy_merged": Figure("accuracy of merged clusters", 3, Comparison("accuracy of merged clusters", 0.01, 1)),
    "clusters_by_assignment": Figure("clusters in use", 0),
    "active_dimensions": Figure("latents in use", 0, Comparison("latents in use", 1, 0)),
    "nac": Figure("NAC", 3, Comparison("NAC", 0.01, -1)),
    "mmd": Figure("MMD of codes", 4),
    "l1": Figure("L1 of reconstructions", 4),
    "sharpness_generation": Figure("sharpness of samples", 4),
    "sharpness_reconstruction": Figure("sharpness of reconstructions", 4),
    "sharpness_real": Figure("sharpness of faces", 4),
    "aggregate_variance": Figure("variance of the aggregate posterior"),
    "fd_standard": Figure("FD by N(0, I)"),
    "fd_moments": Figure("FD by moments"),
    "fd_mixture": Figure("FD by a mixture"),
    "seconds_per_epoch": Figure("seconds per epoch", 0),
}
