"""A train step in PyTorch, eager, compiled, or replayed as one CUDA graph, and its timing."""

import statistics
import time

import torch

WARM_UP, MOST_STEPS, TURNS = 10, 200, 3


class Descent:
    """A model whose forward pass is its loss, and the Adam that updates it; if compiled, forward and backward pass are."""

    def __init__(self, model, is_compiled, learning_rate=5e-4):
        self.model, self.loss_of = model, torch.compile(model) if is_compiled else model
        parameters = list(model.parameters())
        capturable = parameters[0].is_cuda  # in a CUDA graph
        self.optimizer = torch.optim.Adam(parameters, learning_rate, eps=1e-7, fused=True, capturable=capturable)

    def num_parameters(self):
        """Returns the number of trained values."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def step(self, x):
        """Takes a training step on x and returns the loss."""
        self.optimizer.zero_grad()
        loss = self.loss_of(x)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def captured(step):
    """Returns a function that replays a whole step, including its random draws, as one CUDA graph."""
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):  # allocates what the optimizers hold, chooses kernels, compiles
            step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph, stream=stream):
        result = step()

    def replay():
        graph.replay()
        return result

    return replay


def measured(step, seconds, wait):
    """Returns the milliseconds of a step, the median of three turns, and what the last one returned.

    Args:
        step: Function that takes a step and returns its figures, a tensor.
        seconds: Time for all turns, each of which takes at most 200 steps.
        wait: Function that waits for the device.
    """
    start = time.perf_counter()
    for _ in range(WARM_UP):
        before = time.perf_counter()
        step()
        wait()
        if time.perf_counter() - start > seconds:
            break
    steps = max(1, min(MOST_STEPS, int(seconds / TURNS / (time.perf_counter() - before))))
    turns = []
    for _ in range(TURNS):
        start = time.perf_counter()
        for _ in range(steps):
            figures = step()
        wait()
        turns.append(1000 * (time.perf_counter() - start) / steps)
    values = figures.flatten().tolist()
    return {"milliseconds": statistics.median(turns), "turns": turns, "steps": steps, "figures": values}
