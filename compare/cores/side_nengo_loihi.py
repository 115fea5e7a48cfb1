"""nengo-loihi's emulator, driven below its front end: one block of compartments, no check of hardware limits."""

import numpy as np
import side
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.emulator.interface import EmulatorInterface
from nengo_loihi.inputs import SpikeInput
from nengo_loihi.version import version


def synapse(count, source, target, weight):
    """The synapses of `count` sources; weights are in the emulator's unit, 64 to one of the network's."""
    ends = side.starts(source, count)[1:-1]
    memory = Synapse(count)
    memory.pop_type = 0
    memory._set_weights_indices(
        np.split(weight * 64, ends), indices=[row.tolist() for row in np.split(target, ends)], weight_dtype=np.int32
    )
    return memory


def axon(count, target):
    """An axon by which each of `count` sources reaches its own row of `target`."""
    wire = Axon(count)
    wire.target = target
    wire.set_compartment_axon_map(np.arange(count))
    return wire


def build(net):
    block = LoihiBlock(net.neurons)
    cells = block.compartment
    for name, value in {
        "decay_u": net.decay_u - 1,  # the emulator adds one, as the chip does
        "decay_v": net.decay_v,
        "vth": net.threshold * 64,
        "bias": 0,
        "refract_delay": 0,
    }.items():
        setattr(cells, name, np.full(net.neurons, value, np.int32))
    cells.vmin, cells.vmax, cells.scale_u, cells.scale_v = 1 - 2**23, 2**23 - 1, False, False

    inner = synapse(net.neurons, net.source, net.target, net.weight)
    outer = synapse(net.inputs, net.input_source, net.input_target, net.input_weight)
    block.add_synapse(inner)
    block.add_synapse(outer)
    block.add_axon(axon(net.neurons, inner))

    stimulus = SpikeInput(net.inputs)
    ends = side.starts(net.spike_tick, net.steps)[1:-1]
    for tick, row in enumerate(np.split(net.spike_input, ends)):
        stimulus.add_spikes(tick + 1, row)  # its first step is step 1
    stimulus.add_axon(axon(net.inputs, outer))

    model = Model()
    model.add_block(block)
    model.add_input(stimulus)
    return EmulatorInterface(model, seed=0)


def main():
    net, out, _ = side.arguments()
    begin = side.cpu()
    emulator = build(net)
    start = side.cpu()
    rows = []
    for _ in range(net.steps):
        emulator.step()
        rows.append(np.flatnonzero(emulator.compartment.spiked))
    end = side.cpu()
    side.write_raster(out, *side.raster(rows))
    side.report(out, version, start - begin, end - start, net.steps)


if __name__ == "__main__":
    main()
