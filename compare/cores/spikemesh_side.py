"""spikemesh. Further words are its command, such as `cargo run --release --`, run in the current folder.

All that depends on spikemesh's file formats is in the functions of this file.
"""

import json
import shlex
import subprocess

import numpy as np
import side

NETWORK = """\
format = "spikemesh-network-1"
name = "standard-{neurons}"

[[population]]
name = "in"
size = {inputs}
input = true

[[population]]
name = "cells"
size = {neurons}
model = "loihi1-cuba-lif"
output = true

[population.registers]
decay_u = {register_u} # the chip adds 1
decay_v = {decay_v}
threshold = {threshold_units}

[[projection]]
source = "cells"
target = "cells"
file = "net.npz"
weight_format = {{ truncation = "nengo" }}

[[projection]]
source = "in"
target = "cells"
file = "net.npz"
arrays = "input_"
weight_format = {{ truncation = "nengo" }}
"""

RUN = """\
name = "standard-{neurons}"

[network]
file = "network.toml"

[chip]
preset = "loihi1-davies2018"

[stimulus]
kind = "npz"
file = "spikes.npz"

[run]
ticks = {ticks}
level = "analytic"
{record}
"""

RECORD = """
[[record]]
population = "cells"
variables = ["spikes"]
"""


def write_configuration(net, name, ticks, record=""):
    """Writes network.toml and a configuration for so many ticks beside net.npz; the path of the latter."""
    facts = dict(vars(net), ticks=ticks, record=record)
    facts |= {"register_u": net.decay_u - 1, "threshold_units": net.threshold << 6}
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


def spikemesh(net, out, command):
    """Runs the network; CPU seconds of building and of the loop, and the raster.

    The loop is what `summary.json` says under `run_cpu_s`: every tick of cores, mesh and counters, routing included. The
    raster is recorded by a run of its own, which is not timed."""
    threads = ["--threads", "1"]
    summary, total = run(command, write_configuration(net, "run.toml", net.steps), out / "report", *threads)
    recorded = out / "recorded"
    run(command, write_configuration(net, "record.toml", net.steps, RECORD), recorded, *threads)
    spikes = np.load(recorded / "cells.spikes.npy")
    return total - summary["run_cpu_s"], summary["run_cpu_s"], spikes[:, 1], spikes[:, 2]


def main():
    net, out, words = side.arguments()
    command = shlex.split(words[0])
    # Also has cargo build it, if it is cargo: before the clock runs.
    version = subprocess.run([*command, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    build, loop, tick, neuron = spikemesh(net, out, command)
    side.write_raster(out, tick, neuron)
    side.report(out, version.split()[-1], build, loop, net.steps, threads=1)


if __name__ == "__main__":
    main()
