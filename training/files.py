"""Files that are written whole or not at all: JSON and tables of numbers of a run folder, and what is kept between runs."""

import contextlib
import csv
import json
import os
from pathlib import Path


def cache_root(cache=None):
    """Returns the folder of what is kept between runs: `cache`, or for None `$VAEMIX_CACHE` or `~/.cache/keras_vaemix`."""
    return Path(cache or os.environ.get("VAEMIX_CACHE") or "~/.cache/keras_vaemix").expanduser()


@contextlib.contextmanager
def atomically(path):
    """Gives a temporary path beside `path` that takes its place when the block ends well, and is removed when it does not."""
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value):
    with atomically(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path):
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise FileNotFoundError(
            f"Expected a run folder with {Path(path).name}. Received: {Path(path).parent}, where there is none"
        ) from None
    except ValueError as error:
        raise ValueError(f"Expected {path} to hold JSON. Received: {error}") from None


def read_history(path):
    """Returns the rows of a history file, exactly as they were written."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [{name: int(value) if name == "epoch" else float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def write_history(path, rows):
    with atomically(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
