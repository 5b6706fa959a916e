"""Progress of long operations, with an estimate of the time left."""

import sys

import keras

LOG_SECONDS = 30.0  # between lines, where they cannot be overwritten


def progress(items, verbose=0, title="", unit_name="batch"):
    """Yields `items`, which have a length; `verbose` 1 shows a bar with an estimate of the time left, under a line with the title.

    In a terminal the bar moves; a file or a pipe gets a line every half minute.
    """
    if verbose and title:
        print(title, flush=True)
    bar = keras.utils.Progbar(len(items), verbose=verbose, interval=0.05 if sys.stdout.isatty() else LOG_SECONDS, unit_name=unit_name)
    for done, item in enumerate(items, 1):
        yield item
        bar.update(done)
