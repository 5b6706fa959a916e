"""Runs the programs of `dump` with JAX's client on whatever device JAX has; needs only JAX and NumPy."""

import json
import re
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)  # optimizers count in int64

import numpy as np  # noqa: E402
from jax._src.interpreters import mlir  # noqa: E402
from jax._src.lib import xla_client  # noqa: E402
from jax._src.lib.mlir import ir  # noqa: E402
from jax.extend.mlir import hlo_to_stablehlo  # noqa: E402


class Programs:
    """The programs of a preset, compiled for a device when they are first called, with their state there.

    Args:
        path: What `dump` wrote.
        device: The device; by default JAX's first.
    """

    def __init__(self, path, device=None):
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        self.record = json.loads(arrays["record"].tobytes())
        arrays |= {name: drawn(*source) for name, source in self.record["drawn"].items()}
        self.arrays, self.device, self.compiled, self.seconds = arrays, device or jax.devices()[0], {}, {}
        self.state = [self.put(arrays[name]) for name in sorted(arrays) if name.startswith("state_")]
        if self.record["data"] is None:
            self.data = arrays
        else:
            with np.load(Path(path).parent / self.record["data"], allow_pickle=False) as file:
                self.data = dict(file)

    def put(self, value):
        return jax.device_put(value, self.device)

    def executable(self, what):
        """Returns a program, compiled."""
        if what not in self.compiled:
            began = time.monotonic()
            module = portable(hlo_to_stablehlo(self.arrays.pop(f"program_{what}").tobytes()))
            devices, options = xla_client.DeviceList((self.device,)), xla_client.CompileOptions()
            self.compiled[what] = self.device.client.compile_and_load(module, devices, options)
            self.seconds[what] = time.monotonic() - began
        return self.compiled[what]

    def call(self, what, **inputs):
        """Runs a program, updates the state, and returns its first output, on the device."""
        executable, how = self.executable(what), self.record["programs"][what]
        given = [inputs[name] for name in how["inputs"]] + [self.state[place] for place in how["state"]]
        results = [shards[0] for shards in executable.execute_sharded(given).disassemble_into_single_device_arrays()]
        for output, place in how["back"]:
            self.state[place] = results[output]
        return results[0]

    def figures(self, what, **inputs):
        """Runs a program and returns its figures by name."""
        return dict(zip(self.record["figures"], np.asarray(self.call(what, **inputs)).tolist(), strict=True))

    def estimates(self):
        """Yields the estimates [3, B] for each batch of the test set: log p(x), its standard error, effective sample size."""
        x, how = self.data["test"], self.record["likelihood"]
        size, chunks = how["batch_size"], self.put(np.int32(how["num_chunks"]))
        for i, seed in enumerate(how["seeds"]):
            batch = x[i * size : (i + 1) * size]
            filled = self.put(np.resize(batch, (size, *x.shape[1:])))
            yield np.asarray(self.call("likelihood", x=filled, num_chunks=chunks, seed=self.put(np.int32(seed))))[:, : len(batch)]

    def schedule(self, epoch):
        """Applies the schedule at the start of an epoch."""
        for when, place, value in self.record["schedule"]:
            if when == epoch:
                self.state[place] = self.put(np.float32(value))


def portable(module):
    """Returns a StableHLO module, as text, without the copies that only XLA itself supports: clients of other devices refuse them."""
    with mlir.make_ir_context():
        text = ir.Module.parse(module).operation.get_asm()
    return re.sub(r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.reshape \1 : (\2) -> \2", text).encode()


def drawn(shape, dtype, mean, spread, low, high):
    """Returns a random array of this description: a constant if the spread is zero, uniform 8-bit integers, or clipped normal numbers."""
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    if spread == 0:
        return np.full(shape, mean, dtype)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype)
    return np.clip(mean + spread * rng.standard_normal(shape, "float32"), low, high).astype(dtype)
