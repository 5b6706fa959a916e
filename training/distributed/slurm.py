"""TF_CONFIG of a Slurm task, from the variables that srun sets: one worker per task."""

import re

from keras_vaemix.core.part import require

PORT = 12345
TOP_LEVEL = re.compile(r",(?![^\[]*\])")  # a comma outside of brackets


def hosts(names):
    """Returns the host names of a Slurm node list.

    >>> hosts("gpu[01-03,7]-ib,login")
    ['gpu01-ib', 'gpu02-ib', 'gpu03-ib', 'gpu7-ib', 'login']
    """
    return [host for part in TOP_LEVEL.split(names) for host in expanded(part)]


def expanded(part):
    """Returns the host names of one pattern, where the last bracketed range varies fastest."""
    match = re.search(r"\[([^\]]*)\]", part)
    if match is None:
        return [part]
    numbers = []
    for piece in match[1].split(","):
        first, _, last = piece.partition("-")
        numbers += [str(i).zfill(len(first)) for i in range(int(first), int(last or first) + 1)]
    return [part[: match.start()] + number + rest for number in numbers for rest in expanded(part[match.end() :])]


def tasks_of_nodes(counts):
    """Returns the number of tasks on each node from SLURM's short form.

    >>> tasks_of_nodes("2(x3),1")
    [2, 2, 2, 1]
    """
    return [int(count) for count, _, times in re.findall(r"(\d+)(\(x(\d+)\))?", counts) for _ in range(int(times or 1))]


def read(environment, name, parse):
    """Returns the parsed value of a Slurm variable; raises `ValueError` if it cannot be parsed."""
    try:
        return parse(environment[name])
    except ValueError:
        raise ValueError(f"Expected {name} as srun sets it: start this with srun. Received: {environment[name]!r}") from None


def tf_config(environment, port=PORT):
    """Returns the TF_CONFIG of this task as a dict: task i on a node listens on `port` + i.

    Args:
        environment: Variables of which `SLURM_STEP_NODELIST`, `SLURM_STEP_TASKS_PER_NODE` and `SLURM_PROCID` are read.
        port: First port.

    Raises:
        ValueError: A variable is missing, or the task is not one of the step.
    """
    names = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID")
    missing = [name for name in names if name not in environment]
    require(not missing, "the variables of a Slurm step: start this with srun", missing=missing)
    nodes, counts, index = (read(environment, *one) for one in zip(names, (hosts, tasks_of_nodes, int), strict=True))
    require(len(nodes) == len(counts), "a number of tasks for each node", nodes=nodes, tasks=counts)
    addresses = [f"{node}:{port + i}" for node, count in zip(nodes, counts, strict=True) for i in range(count)]
    require(0 <= index < len(addresses), f"SLURM_PROCID below {len(addresses)}, the number of tasks", SLURM_PROCID=index)
    return {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
