"""Maps networks with spikemesh and with other tools, and counts what each mapping costs; see ../README.md.

    python compare/mapping/run.py
    python compare/mapping/run.py --nets lenet sheet --limit 90
    python compare/mapping/run.py --networks mine.npz --tools spikemesh-fast mtkahypar

Needs Python 3.11, and a package index for pip. Every tool runs in a process of its own, on one thread.
"""

import argparse
import datetime
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cores"))
import run as cores  # noqa: E402  (cores/run.py: environments, processes with a limit, the name of the machine)

PACKAGES = ["numpy==2.4.6", "scipy==1.17.1", "pymetis==2025.2.2", "mtkahypar==1.7.post1", "rig==2.4.1"]
PACKAGES += ["setuptools==65.5.0"]  # rig's annealing in C looks for a module that newer ones lack
# With rig's annealing in C where it can be built, and without.
cores.ENVIRONMENTS.update({"mapping": [*PACKAGES, "rig-c-sa==0.4.0"], "mapping-plain": PACKAGES})
OURS = ["spikemesh-fast", "spikemesh-best"]
RIVALS = ["metis", "mtkahypar", "mtkahypar-quality", "mtkahypar-steiner"]
RIVALS += ["rig-hilbert", "rig-rcm", "rig-breadth-first", "rig-sa", "row-major", "hilbert"]
NETS = ["lenet", "sheet", "layers", "sheet-shuffled", "ring", "random"]
COSTS = ["packets", "hops_unicast", "hops_multicast", "max_link"]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS, help="of the networks made here [all]")
    parser.add_argument("--networks", nargs="+", type=Path, metavar="FILE", help="these .npz files instead")
    parser.add_argument("--neurons-per-core", type=int, default=256)
    parser.add_argument("--tools", nargs="+", choices=OURS + RIVALS, default=OURS + RIVALS)
    parser.add_argument("--limit", type=float, default=120, help="seconds of wall time for one tool [120]")
    parser.add_argument("--seed", type=int, default=1, help="of the networks and of the tools")
    parser.add_argument("--spikemesh", default="cargo run --release --", help="its command, run in the root")
    parser.add_argument("--machine", help="a name for this machine in the folder of results")
    parser.add_argument("--out", type=Path, help="folder for the results [compare/results/DATE-MACHINE]")
    parser.add_argument("--add", action="store_true", help="to the results in the folder; same networks are replaced")
    return parser.parse_args()


def mesh_for(count):
    """The smallest near-square mesh of so many cores: columns, rows."""
    columns = math.isqrt(count - 1) + 1
    return columns, -(-count // columns)


def measure(tool, python, net, folder, limit_neurons, mesh, arguments):
    """A line of the table, or of the troubles."""
    out = folder / tool
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    numbers = [limit_neurons, *mesh]
    words = [python, HERE / "tools.py", tool, net, out, *numbers, arguments.seed, arguments.spikemesh]
    try:
        cpu, wall = cores.run_process(list(map(str, words)), arguments.limit, out / "log.txt")
        row = dict(json.loads((out / "side.json").read_text()), process_cpu_s=cpu, process_wall_s=wall)
        words = [python, HERE / "evaluate.py", net, out / "mapping.npz", *numbers]
        ran = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if ran.returncode != 0:
            raise cores.Unavailable(f"gave no valid mapping: {cores.why(ran.stderr)}")
    except cores.Unavailable as trouble:
        return {"tool": tool, "trouble": str(trouble)}
    row = dict({"tool": tool}, **row, **json.loads(ran.stdout))
    claims = row.get("claims", {})
    wrong = [cost for cost in claims if abs(claims[cost] - row[cost]) > 1e-5 * max(1.0, row[cost])]
    if claims:
        row["claims_hold"] = not wrong
    return row


def compare(net, python, arguments):
    """All tools on one network."""
    words = "import sys, numpy; n = numpy.load(sys.argv[1]); print(len(n['rate']), len(n['indices']))"
    neurons, synapses = map(int, subprocess.check_output([python, "-c", words, net], text=True).split())
    mesh = mesh_for(-(-neurons // arguments.neurons_per_core))
    rows = []
    for tool in OURS + RIVALS:
        if tool in arguments.tools:
            print(f"{net.stem}: {tool}", file=sys.stderr)
            folder = cores.BUILD / "mapping" / net.stem
            rows.append(measure(tool, python, net, folder, arguments.neurons_per_core, mesh, arguments))
    rivals = [r for r in rows if r["tool"] not in OURS and "trouble" not in r]
    best = min(rivals, key=lambda r: r["hops_multicast"], default=None)
    for r in rows:
        if best and "trouble" not in r:
            r["ratio_to_best_rival"] = r["hops_multicast"] / best["hops_multicast"] if best["hops_multicast"] else None
    return {
        "net": net.stem,
        "neurons": neurons,
        "synapses": synapses,
        "mesh": mesh,
        "best_rival": best and best["tool"],
        "tools": rows,
    }


def table(networks):
    """The text: one table, and what did not run."""
    lines = [["net", "tool", "packets", "hops unicast", "hops multicast", "max link", "CPU s", "ratio"]]
    troubles = []
    for net in networks:
        for r in net["tools"]:
            if "trouble" in r:
                troubles.append(f"{net['net']}, {r['tool']}: {r['trouble']}")
                continue
            if not r.get("claims_hold", True):
                troubles.append(f"{net['net']}, {r['tool']}: its own numbers differ from those of evaluate.py")
            if r.get("moved_by_repair"):
                troubles.append(f"{net['net']}, {r['tool']}: {r['moved_by_repair']} neurons moved out of full cores")
            ratio = r.get("ratio_to_best_rival")
            lines.append(
                [net["net"], r["tool"], *(f"{r[cost]:.0f}" for cost in COSTS), f"{r['cpu_s']:.2f}"]
                + ["-" if ratio is None else f"{ratio:.3f}"]
            )
    widths = [max(map(len, column)) for column in zip(*lines)]
    text, before = "", "net"
    for line in lines:
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        text += ("\n" if line[0] != before else "") + "  ".join(cells).rstrip() + "\n"
        before = line[0]
    return text + "".join(f"\n{trouble}" for trouble in troubles) + ("\n" if troubles else "")


def prepare():
    """The Python of the environment, and the versions in it."""
    try:
        return cores.environment("mapping", sys.executable)
    except cores.Unavailable as trouble:
        print(f"rig-c-sa is {trouble}; rig anneals in Python", file=sys.stderr)
    try:
        return cores.environment("mapping-plain", sys.executable)
    except cores.Unavailable as trouble:
        sys.exit(f"the environment is {trouble}")


def main():
    arguments = options()
    here = cores.machine()
    python, versions = prepare()
    if arguments.networks:
        nets = [file.resolve() for file in arguments.networks]
    else:
        folder = cores.BUILD / "mapping" / "nets"
        words = [python, HERE / "networks.py", folder, *arguments.nets, "--seed", arguments.seed]
        subprocess.run(list(map(str, words)), check=True)
        nets = [folder / f"{name}.npz" for name in arguments.nets]
    if arguments.spikemesh.startswith("cargo run"):  # a build is not to count against the limit
        subprocess.run(["cargo", "build", "--release"], cwd=cores.ROOT, check=True)

    date = datetime.date.today().isoformat()
    slug = re.sub(r"[^a-z0-9]+", "-", (arguments.machine or f"{here['cpu']}-{here['cpus']}cpu").lower()).strip("-")
    out = arguments.out or cores.COMPARE / "results" / f"{date}-{slug}"
    out.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip()
    head = (
        f"{date}, {here['cpu']}, {here['cpus']} CPUs, {here['system']}, Python {here['python']}, "
        f"load {here['load_at_start']:.2f} at the start; {arguments.neurons_per_core} neurons a core, "
        f"seed {arguments.seed}, {arguments.limit:.0f} s for a tool, one thread\n"
        "All weighted by rates. Multicast: XY trees; max link: the busiest of them. CPU s: from arrays to mapping.\n"
        "Ratio: multicast hops against the best tool that is not spikemesh, below 1 is better than it.\n\n"
    )
    whole = {
        "schema": 1,
        "date": date,
        "commit": commit,
        "machine": here,
        "limit_s": arguments.limit,
        "neurons_per_core": arguments.neurons_per_core,
        "seed": arguments.seed,
        "flags": {"spikemesh": cores.anonymous(arguments.spikemesh)},
        "versions": versions,
        "networks": [],
    }
    if arguments.add and (out / "mapping.json").exists():
        before = json.loads((out / "mapping.json").read_text())
        differing = [name for name in ("date", "limit_s", "neurons_per_core", "seed") if before[name] != whole[name]]
        if differing:
            sys.exit(f"nothing can be added to {out.name}: {', '.join(differing)} differ")
        whole["networks"] = before["networks"]
    for net in nets:  # written after each, so that what is done is kept
        whole["networks"] = [other for other in whole["networks"] if other["net"] != net.stem]
        whole["networks"].append(compare(net, python, arguments))
        (out / "mapping.json").write_text(json.dumps(whole, indent=1) + "\n")
        (out / "mapping.txt").write_text(head + table(whole["networks"]))
    print((out / "mapping.txt").read_text())
    held = all(r.get("claims_hold", True) for net in whole["networks"] for r in net["tools"])
    sys.exit(0 if held else "spikemesh's own numbers differ from those of evaluate.py")


if __name__ == "__main__":
    main()
