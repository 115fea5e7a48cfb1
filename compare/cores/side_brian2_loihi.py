"""brian2-loihi. A further word says what Brian makes of the model: `cython` modules (its choice where there is a
compiler), `numpy` calls, or a `standalone` C++ program, with Brian's own compiler flags.
"""

import importlib.metadata
import os
import warnings

import brian2
import numpy as np
import side

# The compiled pieces stay in the build folder, not in the user's home.
if "COMPARE_CACHE" in os.environ:
    brian2.prefs.codegen.runtime.cython.cache_dir = os.environ["COMPARE_CACHE"]

from brian2_loihi import (  # noqa: E402  (after the setting above)
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiSynapses,
    synapse_sign_mode,
)


class Timed(LoihiNetwork):
    """Reads the clock between Brian's preparation of a run, which writes and compiles code, and its first step."""

    def before_run(self, run_namespace):
        super().before_run(run_namespace)
        self.start = side.cpu()


def synapses(source, target, i, j, weight, mode):
    wires = LoihiSynapses(source, target, sign_mode=mode)
    wires.connect(i=i, j=j)
    wires.w = weight
    return wires


def model(net):
    """The network, and the monitor of its spikes."""
    # The generator's spikes arrive in the tick they are given for, those of neurons one later: hence one is added.
    stimulus = LoihiSpikeGeneratorGroup(net.inputs, net.spike_input, net.spike_tick + 1)
    cells = LoihiNeuronGroup(
        net.neurons, refractory=1, threshold_v_mant=net.threshold, decay_v=net.decay_v, decay_I=net.decay_u
    )
    inner = synapses(cells, cells, net.source, net.target, net.weight, synapse_sign_mode.MIXED)
    outer = synapses(
        stimulus, cells, net.input_source, net.input_target, net.input_weight, synapse_sign_mode.EXCITATORY
    )
    monitor = LoihiSpikeMonitor(cells)
    return Timed(stimulus, cells, inner, outer, monitor), monitor


def run_here(net, target):
    """CPU seconds of building and of the loop, in this process; the monitor."""
    brian2.prefs.codegen.target = target
    begin = side.cpu()
    network, monitor = model(net)
    network.run(net.steps)
    end = side.cpu()
    return network.start - begin, end - network.start, monitor


def run_standalone(net, out):
    """The same for a program of its own, which reads the clock around its loop; loading the network is building."""
    brian2.set_device("cpp_standalone", build_on_run=False)
    begin = side.cpu()
    network, monitor = model(net)
    device = brian2.device
    device.insert_code("before_network_run", "const std::clock_t loop_begin = std::clock();")
    device.insert_code(
        "after_network_run",
        'std::ofstream("loop_cpu_s") << double(std::clock() - loop_begin) / CLOCKS_PER_SEC << std::endl;',
    )
    network.run(net.steps)
    program = out / "standalone"
    device.build(directory=str(program), compile=True, run=True, with_output=False)
    loop = float((program / "loop_cpu_s").read_text())
    return side.cpu() - begin - loop, loop, monitor


def main():
    warnings.simplefilter("ignore")
    net, out, (target,) = side.arguments()
    if target == "standalone":
        build, loop, monitor = run_standalone(net, out)
        compiler = brian2.codegen.cpp_prefs.get_compiler_and_args()
    else:
        build, loop, monitor = run_here(net, target)
        compiler = None
    # Rounded here, because the monitor's own `t` cuts 56.999... down to 56.
    side.write_raster(out, np.rint(np.asarray(monitor.t_) * 1000), np.asarray(monitor.i))
    version = importlib.metadata.version("brian2-loihi")
    side.report(out, version, build, loop, net.steps, target=target, compiler=compiler)


if __name__ == "__main__":
    main()
