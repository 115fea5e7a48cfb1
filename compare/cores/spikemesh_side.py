"""spikemesh. Further words are its command, such as `cargo run --release --`, run in the current folder.

All that depends on spikemesh's file formats is in the functions of this file.
"""

import json
import shlex
import subprocess

import numpy as np
import side

# TODO: adapt to the network file format once it is there.
NETWORK = """\
name = "standard-{neurons}"

[[population]]
name = "in"
kind = "input"
count = {inputs}

[[population]]
name = "cells"
kind = "loihi-cuba"
count = {neurons}
decay_u = {decay_u}
decay_v = {decay_v}
threshold = {threshold} # mantissa, times 64

[[projection]]
from = "cells"
to = "cells"
arrays = "net.npz" # int32, one entry a synapse, sorted by source
source = "source"
target = "target"
weight = "weight" # mantissa, times 64

[[projection]]
from = "in"
to = "cells"
arrays = "net.npz"
source = "input_source"
target = "input_target"
weight = "input_weight"
"""

RUN = """\
name = "standard-{neurons}"

[network]
file = "network.toml"

[chip]
preset = "loihi1-davies2018"
mesh = [8, 4]
{chip}
[stimulus]
kind = "npz"
file = "spikes.npz"

[run]
ticks = {ticks}
level = "analytic"
"""


def write_configuration(net, name, ticks, chip=""):
    """Writes network.toml and a configuration for so many ticks beside net.npz; the path of the latter."""
    facts = dict(vars(net), ticks=ticks, chip=chip)
    (net.folder / "network.toml").write_text(NETWORK.format(**facts))
    path = net.folder / name
    path.write_text(RUN.format(**facts))
    return path


def run(command, configuration, out, *options):
    """Runs spikemesh; its summary, and the CPU seconds of the process."""
    begin = side.cpu()
    words = [*command, "run", configuration, "--out", out, "--force", *options]
    ran = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        problem = next((line for line in ran.stderr.splitlines() if line.startswith("error")), ran.stderr[-300:])
        raise SystemExit(f"exit code {ran.returncode}; {problem}")
    return json.loads((out / "summary.json").read_text()), side.cpu() - begin


def read_trace(path, inputs):
    """The raster in a packet trace: (tick, neuron) once each, however many packets a spike took; inputs left out.
    It holds only neurons that send packets, which are all those of the standard network."""
    raw = path.read_bytes()
    record = np.dtype({"names": ["tick", "neuron"], "formats": ["<u8", "<u4"], "offsets": [0, 24], "itemsize": 40})
    packets = np.frombuffer(raw, record, offset=12 + int.from_bytes(raw[8:12], "little"))
    # Inputs are taken to be numbered first.
    pairs = np.stack([packets["tick"].astype(np.int64), packets["neuron"].astype(np.int64) - inputs])
    return np.unique(pairs[:, pairs[1] >= 0], axis=1)


def spikemesh(net, out, command):
    """Runs the network; CPU seconds of building and of the loop, how they were taken, and the raster.

    The loop is what `summary.json` says under `loop_cpu_s`; without that key, what the run takes above one of a
    single tick. The raster comes from a trace, written by a run of its own, which is not timed and is multicast: spikes
    do not depend on it, and each takes one packet instead of up to a hundred."""
    threads = ["--threads", "1"]
    whole = write_configuration(net, "run.toml", net.steps)
    short = write_configuration(net, "short.toml", 1)
    traced = write_configuration(net, "traced.toml", net.steps, 'fan_out = "multicast"\n')
    summary, total = run(command, whole, out / "report", *threads)
    if "loop_cpu_s" in summary:
        loop, clock = summary["loop_cpu_s"], "its own"
    else:
        _, build = run(command, short, out / "short", *threads)
        loop, clock = total - build, "whole run less a run of one tick"
    trace = out / "packets.trace"
    run(command, traced, out / "traced", "--trace", trace)
    tick, neuron = read_trace(trace, net.inputs)
    trace.unlink()
    return total - loop, loop, clock, tick, neuron


def main():
    net, out, words = side.arguments()
    command = shlex.split(words[0])
    # Also has cargo build it, if it is cargo: before the clock runs.
    version = subprocess.run([*command, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    build, loop, clock, tick, neuron = spikemesh(net, out, command)
    side.write_raster(out, tick, neuron)
    side.report(out, version.split()[-1], build, loop, net.steps, clock=clock, threads=1)


if __name__ == "__main__":
    main()
