"""The plain C loop: compiles it, hands it the network, reads its raster. Further words: the compiler and its flags."""

import statistics
import subprocess
from pathlib import Path

import numpy as np
import side

TIMES = 5  # It takes milliseconds, which vary more than seconds do; the median counts.


def main():
    net, out, compiler = side.arguments()
    program, data, result = (out / name for name in ("plain", "net.bin", "raster.bin"))
    subprocess.run([*compiler, "-o", program, Path(__file__).with_name("plain.c")], check=True)
    head = [net.neurons, net.inputs, net.steps, net.decay_u, net.decay_v, net.threshold]
    parts = [
        np.array(head, np.int32),
        *(side.starts(net.source, net.neurons), net.target, net.weight),
        *(side.starts(net.input_source, net.inputs), net.input_target, net.input_weight),
        *(side.starts(net.spike_tick, net.steps), net.spike_input),
    ]
    np.concatenate(parts).astype(np.int32).tofile(data)
    times = []
    for _ in range(TIMES):
        ran = subprocess.run([program, data, result], check=True, capture_output=True, text=True)
        times.append([float(word) for word in ran.stdout.split()])
    build, loop = map(statistics.median, zip(*times))
    tick, neuron = np.fromfile(result, np.int32).reshape(-1, 2).T
    side.write_raster(out, tick, neuron)
    version = subprocess.run([compiler[0], "-dumpfullversion"], check=True, capture_output=True, text=True)
    side.report(out, f"{compiler[0]} {version.stdout.strip()}", build, loop, net.steps, compiler=compiler, times=TIMES)


if __name__ == "__main__":
    main()
