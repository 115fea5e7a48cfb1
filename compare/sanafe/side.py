"""SANA-FE's side of the comparison: one run on a fresh chip, one JSON line. Called by run.py, in SANA-FE's environment.

The random network is made of a few numbers by splitmix64, as `spikemesh sanafe random` makes it.
"""

import argparse
import json
import resource
import time

import sanafe

MASK = (1 << 64) - 1


def draw(seed, number):
    """The draw of that number from that seed."""
    z = (seed * 0x9E3779B97F4A7C15 + (number + 1) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def random_network(a, cores):
    """Neurons evenly over cores; 3 of 16 synapses are inhibitory, four times as strong."""
    each, threshold, leak = a.neurons // a.cores, 1024.0, 1 - 1 / 64
    period = max(1, round(1 / a.rate))
    bias = threshold * (1 - leak) / (1 - leak**period) if period > 1 else 2 * threshold
    bias = int(bias * 64 + 1) / 64
    net = sanafe.Network()
    attributes = {"threshold": threshold, "reset": 0.0, "leak_decay": leak, "bias": bias, "force_update": True}
    group = net.create_neuron_group(
        "p",
        a.neurons,
        model_attributes=attributes,
        soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_sparse_synapse",
        default_dendrite_hw_name="loihi_dendrites",
    )
    for i in range(a.neurons):
        group[i].set_attributes(model_attributes={"potential": float(draw(a.seed + 2, i) % int(threshold))})
        group[i].map_to_core(cores[i // each])
    block = max(1, 200_000 // max(1, a.fanout))
    for first in range(0, a.neurons, block):
        pairs, weights = [], []
        for i in range(first, min(a.neurons, first + block)):
            own = [draw(a.seed + 1, i * a.dest_cores + j) % a.cores for j in range(a.dest_cores)]
            for k in range(a.fanout):
                r = draw(a.seed, i * a.fanout + k)
                target = own[k % len(own)] * each + r % each if own else r % a.neurons
                pairs.append((i, target))
                weights.append(-16.0 if (r >> 60) < 3 else 4.0)
        group.connect_neurons_sparse(group, {"weight": weights}, pairs)
    return net


def gesture_network(cores):
    """The network of SANA-FE's own tutorial, mapped as there."""
    import numpy as np
    import sanafe.layers as layers
    import sanafe.tutorial

    net = sanafe.Network()
    with sanafe.tutorial.get_dvs_data() as file:
        stored = np.load(file)
        arrays = {name: stored[name] for name in stored.files}
    thresholds = arrays["thresholds"]
    stack = [layers.Input2D(net, 32, 32, threshold=thresholds[0])]
    for i, stride in enumerate((2, 1, 1, 1), start=1):
        strides = {"stride_width": stride, "stride_height": stride}
        stack.append(layers.Conv2D(net, stack[-1], arrays[f"conv{i}"], threshold=thresholds[i], **strides))
    stack.append(layers.Dense(net, stack[-1], 11, arrays["dense1"], threshold=thresholds[5]))
    for neuron, bias in zip(stack[0], arrays["inputs"]):
        neuron.set_attributes(model_attributes={"bias": bias})
    core = 0
    for layer, count in zip(stack, (1, 4, 16, 16, 4, 1)):
        each = len(layer) // count
        for part in range(count):
            end = len(layer) if part == count - 1 else (part + 1) * each
            for i in range(part * each, end):
                layer[i].map_to_core(cores[core])
            core += 1
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=("random", "gesture"), default="random")
    for name, default in (("neurons", 1024), ("cores", 8), ("fanout", 100), ("dest-cores", 0), ("seed", 1), ("steps", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=0.03)
    parser.add_argument("--timing", choices=("simple", "detailed", "cycle"), default="detailed")
    a = parser.parse_args()
    start = time.process_time()
    arch = sanafe.load_loihi()
    net = random_network(a, arch.cores()) if a.network == "random" else gesture_network(arch.cores())
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    setup = time.process_time() - start
    start = time.process_time()
    got = chip.sim(a.steps, timing_model=a.timing, processing_threads=1, scheduler_threads=0)
    run = time.process_time() - start
    energy = got["energy"]
    line = {
        "spikes": got["neurons_fired"],
        "packets": got["packets_sent"],
        "synaptic_operations": got["spikes"],
        "energy_j": energy["total"] if isinstance(energy, dict) else energy,
        "chip_time_s": got["sim_time"],
        "setup_cpu_s": setup,
        "run_cpu_s": run,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    # SANA-FE writes its progress to the same stream.
    print("\n" + json.dumps(line))


main()
