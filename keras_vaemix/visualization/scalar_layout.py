"""The layout of TensorBoard's custom scalars: which figures of a training stand together."""

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2, summary

from keras_vaemix.evaluation import has_kl_ladder
from keras_vaemix.visualization.tags import scalar_tag


def scalar_layout(model, has_labels=False):
    """Returns the layout for a model, a `layout_pb2.Layout`; a chart shows training and validation on the same axes.

    Args:
        model: The model.
        has_labels: Whether the accuracy of the components is recorded.
    """
    names = [*model.metric_names(), "learning_rate"]
    schedules = [name for name in names if scalar_tag(name).startswith("schedules/")]
    categories = {
        "Objective and its parts": {name: f"{scalar_tag(name)}$" for name in names if name not in schedules},
        "Schedules": {name: f"{scalar_tag(name)}$" for name in schedules},
    }
    if model.has_clusters:
        figures = ["perplexity", "dead", *(["cluster_accuracy"] if has_labels else [])]
        categories["Components of the prior"] = {name: f"components/{name}$" for name in figures}
    if has_kl_ladder(model):
        categories["Bounds on the divergence"] = {"gap to the Monte Carlo estimate": "kl_gap/"}
    return layout_pb2.Layout(category=[category(title, charts) for title, charts in categories.items()])


def category(title, charts):
    """Returns a category of charts, each a title and the regular expression that the tags of its lines begin with."""
    lines = {chart: layout_pb2.MultilineChartContent(tag=[tag]) for chart, tag in charts.items()}
    return layout_pb2.Category(title=title, chart=[layout_pb2.Chart(title=chart, multiline=line) for chart, line in lines.items()])


def write_scalar_layout(layout):
    """Writes a layout by TensorFlow's current summary writer."""
    tf.summary.experimental.write_raw_pb(summary.pb(layout).SerializeToString(), step=0)
