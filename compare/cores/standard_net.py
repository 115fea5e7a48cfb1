"""Writes the standard network as files, so that every tool reads the same one.

    python standard_net.py FOLDER --neurons 1000 --steps 1000

N neurons with 100 synapses each, N / 10 inputs with 100 synapses each, targets of a source distinct. Every fifth
neuron inhibits. An input spikes in a tick with chance 0.1. The draws are those of NumPy's legacy generator, whose
stream is frozen: first the targets of every neuron, then those of every input, then the input spikes.

The neuron, in integers (division truncates toward zero), once a tick:

    u = u (4096 - decay_u) / 4096 + 64 * (sum of the weights of arriving spikes)
    v = v (4096 - decay_v) / 4096 + u
    spike if v > 64 threshold; then v = 0

A spike of tick t, of a neuron or an input, arrives at t + 1. Ticks count from 0.
"""

import argparse
import json
from pathlib import Path

import numpy as np

FAN_OUT = 100
NEURONS_PER_INPUT = 10
DECAY_U, DECAY_V, THRESHOLD = 1024, 256, 3000
EXCITATORY, INHIBITORY, INPUT = 20, -80, 60
INPUT_CHANCE = 0.1
SEED = 1


def draw(neurons, steps):
    """The synapses and the input spikes, as arrays by name."""
    random = np.random.RandomState(SEED)
    inputs = neurons // NEURONS_PER_INPUT

    def targets(sources):
        rows = [np.sort(random.choice(neurons, FAN_OUT, replace=False)) for _ in range(sources)]
        return np.concatenate(rows).astype(np.int32)

    target, input_target = targets(neurons), targets(inputs)
    source = np.repeat(np.arange(neurons, dtype=np.int32), FAN_OUT)
    net = {
        "source": source,
        "target": target,
        "weight": np.where(source % 5 == 0, INHIBITORY, EXCITATORY).astype(np.int32),
        "input_source": np.repeat(np.arange(inputs, dtype=np.int32), FAN_OUT),
        "input_target": input_target,
        "input_weight": np.full(inputs * FAN_OUT, INPUT, np.int32),
    }
    tick, index = np.nonzero(random.rand(steps, inputs) < INPUT_CHANCE)
    return net, {"tick": tick.astype(np.int32), "input": index.astype(np.int32)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--neurons", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.neurons < FAN_OUT:
        parser.error(f"--neurons is at least {FAN_OUT}: every source has that many distinct targets")

    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    net, spikes = draw(arguments.neurons, arguments.steps)
    np.savez(folder / "net.npz", **net)
    np.savez(folder / "spikes.npz", **spikes)
    lines = (f"{tick},{index}\n" for tick, index in zip(spikes["tick"].tolist(), spikes["input"].tolist()))
    with open(folder / "spikes.csv", "w") as file:
        file.write("tick,input\n")
        file.writelines(lines)
    facts = {
        "neurons": arguments.neurons,
        "inputs": arguments.neurons // NEURONS_PER_INPUT,
        "steps": arguments.steps,
        "synapses": len(net["source"]) + len(net["input_source"]),
        "input_spikes": len(spikes["tick"]),
        "decay_u": DECAY_U,
        "decay_v": DECAY_V,
        "threshold": THRESHOLD,
    }
    (folder / "net.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
