"""The files of `tests.checks.card`: lists of names, states of rows, and packed results."""

import io
import json
import tarfile

PART = 15 * 2**20  # bytes of a packed file


def names_in(path):
    """Returns the names in a file, one per line."""
    return path.read_text().split() if path.exists() else []


def states(out):
    """Returns the states of the rows in training, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(out.glob("*.json")) if path.with_suffix(".npz").exists()}


def pack(out, packed, most, everything, names=()):
    """Packs the files of OUT that are new or changed since they were packed into PACKED/part-0, part-1 and so on.

    What describes all rows comes first, then the rows in the order of `names`, the most valuable first. Of unfinished rows, whose files
    are large and change, only the JSON file is packed, unless everything is requested.
    """
    stream, taken, left, sent = io.BytesIO(), [], [], out / "sent"
    sent.mkdir(parents=True, exist_ok=True)
    rank = {name: i for i, name in enumerate(names)}
    going_on = {f"{name}.npz" for name, state in states(out).items() if state["stopped"] == "unfinished" and not state["judged"]}
    files = [path for path in out.iterdir() if path.is_file() and not path.name.startswith(".")]
    files = [path for path in files if everything or path.name not in going_on]
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in sorted(files, key=lambda path: (path.suffix == ".npz", rank.get(path.stem, len(rank)), path.stat().st_size)):
            mark = sent / path.name
            is_new = not mark.exists() or mark.stat().st_mtime < path.stat().st_mtime
            if is_new and stream.tell() + path.stat().st_size < most * 2**20:
                tar.add(path, path.name)
                taken.append(mark)
            elif is_new:
                left.append(path.name)
    packed.mkdir(parents=True, exist_ok=True)
    content = stream.getvalue()
    for i in range(0, len(content), PART):
        (packed / f"part-{i // PART}").write_bytes(content[i : i + PART])
    for mark in taken:
        mark.touch()
    print(f"packed {len(taken)} files, {len(content) / 2**20:.1f} MiB; left for the next time: {', '.join(left) or 'none'}")
