"""Lava's processes on the CPU: its bit-accurate (`fixed_pt`) models, with sparse connections.

Each process of the model is a process of the machine, so CPU time is read from /proc for all of them. The first tick
starts them and counts as building.
"""

import importlib.metadata
import logging
import os
from pathlib import Path

import numpy as np
import scipy.sparse
import side
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import Sparse


class Raster(AbstractProcess):
    """Writes who spiked to a file after the last tick: reading it out through Lava takes a message for every value."""

    def __init__(self, count, steps, path):
        super().__init__(count=count, steps=steps, path=path)
        self.spikes = InPort(shape=(count,))


@implements(proc=Raster, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRaster(PyLoihiProcessModel):
    spikes: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.rows, self.steps, self.path = [], proc_params["steps"], proc_params["path"]

    def run_spk(self):
        self.rows.append(np.flatnonzero(self.spikes.recv()))
        if len(self.rows) == self.steps:
            side.write_raster(Path(self.path), *side.raster(self.rows))


def family_cpu():
    """CPU seconds of this process and all below it, those that have ended included."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        number = int(stat.parent.name)
        parents[number] = int(fields[1])
        used[number] = sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while new := {child for child, parent in parents.items() if parent in family} - family:
        family |= new
    return sum(used.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


def connection(shape, source, target, weight):
    matrix = scipy.sparse.csr_matrix((weight, (target, source)), shape=shape, dtype=np.int32)
    return Sparse(weights=matrix)


def main():
    net, out, _ = side.arguments()
    begin = family_cpu()
    spikes = np.zeros((net.inputs, net.steps), np.int32)
    spikes[net.spike_input, net.spike_tick] = 1
    stimulus = RingBuffer(data=spikes)
    outer = connection((net.neurons, net.inputs), net.input_source, net.input_target, net.input_weight)
    inner = connection((net.neurons, net.neurons), net.source, net.target, net.weight)
    # The model adds one to du, as the chip does.
    cells = LIF(shape=(net.neurons,), du=net.decay_u - 1, dv=net.decay_v, vth=net.threshold, bias_mant=0)
    raster = Raster(net.neurons, net.steps, str(out))
    stimulus.s_out.connect(outer.s_in)
    outer.a_out.connect(cells.a_in)
    cells.s_out.connect(inner.s_in)
    inner.a_out.connect(cells.a_in)
    cells.s_out.connect(raster.spikes)

    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={Raster: PyRaster})
    cells._log_config.level = logging.ERROR
    cells.run(condition=RunSteps(1), run_cfg=config)
    start = family_cpu()
    cells.run(condition=RunSteps(net.steps - 1), run_cfg=config)
    end = family_cpu()
    cells.stop()
    side.report(out, importlib.metadata.version("lava-nc"), start - begin, end - start, net.steps - 1)


if __name__ == "__main__":
    main()
