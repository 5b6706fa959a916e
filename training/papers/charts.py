"""The papers' figures that show how a figure changes, drawn from the measured rows of a table."""

import statistics

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from export.storage.files import atomically
from training.papers.figures import FIGURES
from training.papers.result_rows import is_finished, is_partial, repeats

SIZE = (4.6, 3.4)  # inches of one panel
DPI = 100
ACROSS = 3
STYLES = ("o-", "s--", "^:")


def panels(count):
    """Returns a figure and its panels, `ACROSS` of them side by side."""
    columns, rows = min(count, ACROSS), -(-count // ACROSS)
    figure = Figure((SIZE[0] * columns, SIZE[1] * rows), dpi=DPI, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def title_of(y):
    """Returns the title of a figure's axis, with its unit."""
    figure = FIGURES[y]
    unit = figure.comparison.unit.strip() if figure.comparison else ""
    return f"{figure.column} in {unit}" if unit else figure.column


def curves(rows, panel, line, x, ys, log=False, levels=(), are_apart=False):
    """Returns a figure of measured figures against a setting, averaged over seeds.

    Unfinished rows are drawn only where there are no others, with hollow markers, and of those the ones that were trained longest.

    Args:
        rows: Measured rows.
        panel, line: Functions from a measured row to the title of its panel and to the label of its line.
        x: Title of the axis, and a function from a measured row to its place there, or the name of a flag.
        ys: Names of the figures that are drawn, each with its own style.
        log: Whether the axis is logarithmic.
        levels: Measured rows without such a setting, whose figures are levels in the panels of their data set.
        are_apart: Whether each figure has panels of its own.
    """
    named = lambda label, y: label if len(ys) == 1 or are_apart else f"{label}, {FIGURES[y].column}"  # noqa: E731
    place = x[1] if callable(x[1]) else lambda row: row["arguments"][x[1]]
    points, datasets, longest = {}, {}, {}
    for y, style in zip(ys, STYLES, strict=False):
        for group in repeats(rows):
            values = [row[y] for row in group if y in row]
            if values and are_alike(group, y):
                of_figure, trained = y if are_apart else None, (is_finished(group[0]), group[0]["epochs"])
                key, at = (panel(group[0]), of_figure), place(group[0])
                datasets.setdefault(key, group[0]["dataset"])
                own = line(group[0]), y, style, examples_of(group[0], y)
                drawn = points.setdefault(key, {}).setdefault(own, {})
                if at not in drawn or trained >= longest[key, own, at]:
                    drawn[at], longest[key, own, at] = statistics.mean(values), trained
    figure, axes = panels(max(len(points), 1))
    for axis, (key, lines) in zip(axes, points.items(), strict=False):
        shown = ys if key[1] is None else (key[1],)
        colors = {label: f"C{i}" for i, label in enumerate(dict.fromkeys(line(row) for row in rows if panel(row) == key[0]))}
        for own, values in lines.items():
            label, y, style, examples = own
            axis.plot(*zip(*sorted(values.items()), strict=True), style, color=colors[label], label=named(label, y) + examples)
            hollow = [at for at in values if not longest[key, own, at][0]]
            if hollow:
                axis.plot(hollow, [values[at] for at in hollow], style[0], color=colors[label], markerfacecolor="white")
        beside = [row for row in levels if row["dataset"] == datasets[key] and shown[0] in row]
        for i, row in enumerate(beside):
            label = named(line(row), shown[0]) + ("" if is_finished(row) else ", unfinished")
            axis.axhline(row[shown[0]], color=f"{0.6 * i / len(beside)}", linestyle=":", label=label)
        axis.set(title=key[0], xlabel=x[0], ylabel="\n".join(map(title_of, shown)))
        places = {x for values in lines.values() for x in values}
        if log:
            axis.set_xscale("log")
            axis.xaxis.set_minor_formatter(NullFormatter())
        elif len(places) == 1:
            axis.set_xticks(list(places))
        else:
            axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=all(isinstance(x, int) for x in places)))
        with_legend(axis)
    return figure


def examples_of(row, y):
    """Returns of how many of the first test examples a figure of a measured row is, as text; none if it is of all."""
    return f" ({row['num_likelihood_examples']:,} examples)" if FIGURES[y].is_of_some and is_partial(row) else ""


def are_alike(group, y):
    """Returns whether a figure of repeated rows is of as many test examples in each of them, so that it can be averaged."""
    return not FIGURES[y].is_of_some or len({row.get("num_likelihood_examples") for row in group}) == 1


def with_legend(axis):
    """Adds a legend to a panel, above its lines."""
    labels, (low, high) = axis.get_legend_handles_labels()[1], axis.get_ylim()
    columns = 1 + (len(labels) > 3)
    axis.set_ylim(top=high + (high - low) * 0.12 * (1 + -(-len(labels) // columns)))
    axis.legend(fontsize=7, ncols=columns, loc="upper right")


def histories(groups, line):
    """Returns a figure of the figure that stopped each run, over its epochs, without the warm-up, during which it is of another beta.

    Args:
        groups: Measured rows of each panel, by its title.
        line: Function from a measured row to the label of its line.
    """
    figure, axes = panels(max(len(groups), 1))
    for axis, (title, rows) in zip(axes, groups.items(), strict=False):
        for row in rows:
            curve, first = row["curve"], row.get("warm_up", row.get("protocol", {}).get("warm_up", 0))
            points = [(epoch, value) for epoch, value in zip(curve["epochs"], curve["values"], strict=True) if epoch >= first]
            if points:
                axis.plot(*zip(*points, strict=True), label=line(row))
            axis.set(title=title, xlabel="epoch", ylabel=f"{curve['figure'].replace('val_', 'validation ')} in nats")
        if axis.lines:
            with_legend(axis)
    return figure


def histograms(rows, line):
    """Returns a figure of the log-likelihoods of test examples, a panel for each measured row, on the same scales for each data set."""
    shown = [row for row in rows if "log_likelihood_histogram" in row]
    figure, axes = panels(max(len(shown), 1))
    edges_of, highest = {}, {}
    for row in shown:
        edges_of.setdefault(row["dataset"], []).extend(row["log_likelihood_histogram"]["edges"])
    for axis, row in zip(axes, shown, strict=False):
        ends = edges_of[row["dataset"]]
        counts, edges = (row["log_likelihood_histogram"][name] for name in ("counts", "edges"))
        density = np.asarray(counts) / (np.sum(counts) * np.diff(edges))
        axis.stairs(density, edges, fill=True)
        axis.set(title=line(row), xlabel="log p(x) in nats", ylabel="density of test examples, per nat", xlim=(min(ends), max(ends)))
        highest[row["dataset"]] = max(highest.get(row["dataset"], 0.0), 1.05 * float(density.max()))
    for axis, row in zip(axes, shown, strict=False):
        axis.set_ylim(0, highest[row["dataset"]])
    return figure


def write(figure, path):
    """Writes a figure as PNG."""
    with atomically(path) as temporary:
        figure.savefig(temporary, format="png")
