"""Runs SANA-FE and spikemesh on the same networks in one go and prints counts, energies and ratios; see ../README.md.

    python compare/sanafe/run.py
    python compare/sanafe/run.py --cases small small-cycle --repeats 1

Needs Python 3.11, and a package index for pip. Every run is a fresh process with a fresh chip, on one thread.
"""

import argparse
import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cores"))
import run as cores  # noqa: E402  (cores/run.py: environments and the name of the machine)

cores.ENVIRONMENTS["sanafe"] = ["sanafe==2.2.9", "numpy==2.4.6", "pyyaml==6.0.3"]
# name: (network, steps of SANA-FE, steps of spikemesh's speed run, SANA-FE's timing, our level)
RANDOM = "random --neurons {} --cores {} --fanout {} --dest-cores {}"
CASES = {
    "small-simple": (RANDOM.format(1024, 8, 100, 0) + " --simple", 1000, 1000, "simple", "analytic"),
    "small": (RANDOM.format(1024, 8, 100, 0), 1000, 1000, "detailed", "analytic"),
    "small-packet": (RANDOM.format(1024, 8, 100, 0), 1000, 1000, "detailed", "packet"),
    "small-cycle": (RANDOM.format(1024, 8, 100, 0), 20, 20, "cycle", "flit"),
    "small-cycle-packet": (RANDOM.format(1024, 8, 100, 0), 20, 20, "cycle", "packet"),
    "medium-simple": (RANDOM.format(16384, 64, 100, 0) + " --simple", 20, 20, "simple", "analytic"),
    "medium": (RANDOM.format(16384, 64, 100, 0), 20, 20, "detailed", "packet"),
    "medium-cycle": (RANDOM.format(16384, 64, 100, 0), 8, 8, "cycle", "packet"),
    "medium-8": (RANDOM.format(16384, 64, 100, 8), 100, 100, "detailed", "packet"),
    "medium-8-cycle": (RANDOM.format(16384, 64, 100, 8), 8, 8, "cycle", "packet"),
    "large": (RANDOM.format(131072, 128, 100, 0), 5, 5, "detailed", "packet"),
    "gesture": ("gesture", 200, 200, "detailed", "packet"),
}
EQUAL = ["spikes", "packets", "synaptic_operations"]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the least CPU time counts [3]")
    parser.add_argument("--gesture", type=Path, help="sanafe_dvs_challenge.npz [that of the installed package]")
    parser.add_argument("--spikemesh", default="cargo run --release --", help="its command, run in the root")
    parser.add_argument("--machine", help="a name for this machine in the folder of results")
    parser.add_argument("--out", type=Path, help="folder for the results [compare/results/DATE-MACHINE]")
    return parser.parse_args()


def last_line(words):
    """The JSON that a process prints at its end."""
    ran = subprocess.run(words, cwd=HERE.parent.parent, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}\n{ran.stderr}")
    return ran.stdout


def best(runs):
    """The run of least CPU time; counts are the same in all."""
    return min(runs, key=lambda run: run["run_cpu_s"])


def own_time(run, timing):
    """The chip time that is set beside SANA-FE's."""
    return run["simple_chip_time_s" if timing == "simple" else "chip_time_s"]


def compare(name, python, arguments):
    network, steps, own_steps, timing, level = CASES[name]
    words = network.split()
    # `--simple` is ours: SANA-FE is told by its timing.
    theirs = ["--network", words[0], *[word for word in words[1:] if word != "--simple"], "--steps", str(steps), "--timing", timing]
    ours = [*arguments.spikemesh.split(), "sanafe", *words]
    if words[0] == "gesture":
        ours.append(str(arguments.gesture.resolve()))
    ours += ["--json", "--level", level, "--steps", str(own_steps)]
    runs = {"sanafe": [], "spikemesh": []}
    for _ in range(arguments.repeats):
        runs["sanafe"].append(json.loads(last_line([python, HERE / "side.py", *theirs]).strip().splitlines()[-1]))
        runs["spikemesh"].append(json.loads(last_line(ours)))
    sanafe, spikemesh = best(runs["sanafe"]), best(runs["spikemesh"])
    spikemesh.pop("by_step")
    for key in EQUAL:
        if sanafe[key] != spikemesh[key]:
            raise SystemExit(f"{name}: {key} differ, {sanafe[key]} and {spikemesh[key]}")
    energy = spikemesh["energy_j"]["total"]
    line = {
        "case": name,
        "network": network,
        "steps": steps,
        "sanafe_timing": timing,
        "level": level,
        "sanafe": sanafe,
        "spikemesh": spikemesh,
        "energy_difference": energy / sanafe["energy_j"] - 1,
        "chip_time_difference": own_time(spikemesh, timing) / sanafe["chip_time_s"] - 1,
        "cpu_ratio": (sanafe["run_cpu_s"] / steps) / (spikemesh["run_cpu_s"] / own_steps),
        "setup_ratio": sanafe["setup_cpu_s"] / spikemesh["setup_cpu_s"],
    }
    if line["energy_difference"] ** 2 > 1e-18:
        raise SystemExit(f"{name}: energies differ by {line['energy_difference']:.2e}")
    return line


def table(lines):
    out = [
        f"{'case':<19} {'spikes':>9} {'packets':>10} {'energy, J':>12}  {'against':<8} {'level':<8} "
        f"{'their CPU s':>11} {'ours':>9} {'ratio':>7} {'chip time':>9}  {'set-up s':>16}  {'MiB':>12}"
    ]
    for line in lines:
        theirs, ours = line["sanafe"], line["spikemesh"]
        memory = [round(side["peak_memory_bytes"] / 2**20) for side in (theirs, ours)]
        out.append(
            f"{line['case']:<19} {ours['spikes']:>9,} {ours['packets']:>10,} {ours['energy_j']['total']:>12.6e}  "
            f"{line['sanafe_timing']:<8} {line['level']:<8} {theirs['run_cpu_s']:>11.3f} {ours['run_cpu_s']:>9.4f} "
            f"{line['cpu_ratio']:>7.1f} {100 * line['chip_time_difference']:>+8.1f}%  "
            f"{theirs['setup_cpu_s']:>7.2f} {ours['setup_cpu_s']:>8.3f}  {memory[0]:>6} {memory[1]:>5}"
        )
    return "\n".join(out) + "\n"


def main():
    arguments = options()
    python, versions = cores.environment("sanafe", "python3.11")
    if arguments.gesture is None:
        found = list(Path(python).parent.parent.glob("lib/python*/site-packages/sanafe/**/*dvs*challenge*.npz"))
        if found:
            arguments.gesture = found[0]
        elif "gesture" in arguments.cases:
            print("gesture: left out, the network's file was not found (--gesture FILE)", file=sys.stderr)
            arguments.cases.remove("gesture")
    machine = cores.machine()
    lines = []
    for name in arguments.cases:
        lines.append(compare(name, python, arguments))
        print(table(lines[-1:]).splitlines()[-1], file=sys.stderr)
    kind = arguments.machine or re.sub(r"\W+", "-", " ".join(machine["cpu"].split()[:2]).lower())
    date = datetime.date.today().isoformat()
    folder = arguments.out or HERE.parent / "results" / f"{date}-{kind}-{machine['cpus']}cpu"
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip()
    result = {"date": date, "commit": commit, "machine": machine, "versions": versions, "repeats": arguments.repeats}
    (folder / "sanafe.json").write_text(json.dumps({**result, "cases": lines}, indent=1) + "\n")
    (folder / "sanafe.txt").write_text(table(lines))
    print(table(lines), end="")


if __name__ == "__main__":
    main()
