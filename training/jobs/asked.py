"""What the flags that every preset has change in its experiment: its start, its objective and its optimizers."""

from training.presets import recipe
from training.runs.start import start_from


def started(experiment, args):
    """Returns an experiment with the objective that is asked for, which starts from the run that is asked for, without another warm-up."""
    if args.importance_samples is not None:
        experiment = recipe.importance_weighted(experiment, args.importance_samples)
    if args.start_from is None:
        return experiment
    if args.warm_up:
        raise ValueError(f"Expected no --warm-up with --start-from, whose run has had its own. Received: --warm-up {args.warm_up}")
    return experiment._replace(start=start_from(args.start_from, experiment.model), warm_up=0)


def optimized(experiment, args, num_steps):
    """Returns an experiment with schedules over `num_steps` train steps, and with the optimizers that are asked for."""
    if experiment.paced is not None:
        experiment = experiment.paced(experiment, num_steps)
    if args.cosine_decay is not None:
        experiment = recipe.decayed(experiment, args.cosine_decay, num_steps)
    return experiment if args.ema_momentum is None else recipe.averaging(experiment, args.ema_momentum)
