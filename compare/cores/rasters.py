"""Compares rasters neuron by neuron, and counts the work of the network.

    python rasters.py FOLDER REFERENCE.npz OTHER.npz...     prints one JSON object
"""

import json
import sys

import numpy as np
import side


def read(path):
    with np.load(path) as arrays:
        return np.stack([arrays["tick"], arrays["neuron"]], axis=1).astype(np.int64)


def difference(reference, other):
    """None if equal, else where the first difference is, in words."""
    if np.array_equal(reference, other):
        return None
    mine, yours = ({tuple(pair) for pair in raster.tolist()} for raster in (reference, other))
    if mine == yours:
        return "a spike is there twice"
    tick, neuron = min(mine ^ yours)
    how = "missing" if (tick, neuron) in mine else "too many"
    return f"{len(mine ^ yours)} spikes differ, the first is neuron {neuron} at tick {tick}, {how}"


def main():
    net = side.Net(sys.argv[1])
    reference = read(sys.argv[2])
    # A synaptic operation is a synapse that a spike reached within the run; spikes of the last tick reach none.
    sizes = np.diff(side.starts(net.source, net.neurons))
    input_sizes = np.diff(side.starts(net.input_source, net.inputs))
    last = net.steps - 1
    work = sizes[reference[reference[:, 0] < last, 1]].sum() + input_sizes[net.spike_input[net.spike_tick < last]].sum()
    outcome = {
        "spikes": len(reference),
        "rate_per_tick": len(reference) / net.neurons / net.steps,
        "synaptic_operations": int(work),
        "differences": {path: difference(reference, read(path)) for path in sys.argv[3:]},
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
