"""What every side of the comparison shares: reading the network, the CPU clock, and writing what came out.

A side is a program of its own, run as `python SIDE FOLDER OUT` by the Python in which its tool is installed. FOLDER
holds the network; into OUT it writes `raster.npz` (int32 arrays `tick`, `neuron`) and `side.json`.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np


class Net:
    """The standard network, read from its folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        facts = json.loads((self.folder / "net.json").read_text())
        self.neurons, self.inputs, self.steps = facts["neurons"], facts["inputs"], facts["steps"]
        self.decay_u, self.decay_v, self.threshold = facts["decay_u"], facts["decay_v"], facts["threshold"]
        with np.load(self.folder / "net.npz") as arrays:
            self.source, self.target, self.weight = (arrays[key] for key in ("source", "target", "weight"))
            self.input_source, self.input_target, self.input_weight = (
                arrays["input_" + key] for key in ("source", "target", "weight")
            )
        with np.load(self.folder / "spikes.npz") as arrays:
            self.spike_tick, self.spike_input = arrays["tick"], arrays["input"]


def starts(source, count):
    """Where the synapses of each source begin, in arrays sorted by source; one entry more for the end."""
    return np.searchsorted(source, np.arange(count + 1)).astype(np.int32)


def cpu():
    """CPU seconds, user and system, of this process and of its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def arguments():
    """The network and the folder for the outcome, from the command line; further words as a list."""
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    return Net(sys.argv[1]), out, sys.argv[3:]


def raster(rows):
    """A raster from the spiking neurons of each tick."""
    tick = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return tick, np.concatenate(rows) if rows else np.zeros(0)


def write_raster(out, tick, neuron):
    """Writes the raster in ascending order of tick and neuron."""
    tick, neuron = np.asarray(tick, np.int32), np.asarray(neuron, np.int32)
    order = np.lexsort((neuron, tick))
    np.savez(out / "raster.npz", tick=tick[order], neuron=neuron[order])


def report(out, version, build_cpu_s, loop_cpu_s, loop_steps, **more):
    """Writes what was measured. `loop_steps` is how many ticks the measured loop took."""
    outcome = dict(
        version=version, build_cpu_s=build_cpu_s, loop_cpu_s=loop_cpu_s, loop_steps=loop_steps, notes=more
    )
    (out / "side.json").write_text(json.dumps(outcome, indent=1) + "\n")
