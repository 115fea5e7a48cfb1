"""Times Loihi emulators side by side on the standard network; see ../README.md.

    python compare/cores/run.py
    python compare/cores/run.py --neurons 1000 --repeats 1 --tools nengo-loihi brian2-loihi-numpy

Needs Python 3.11, a C compiler, and a package index for pip. Every tool gets an environment of its own in
compare/build/, and every measurement a process of its own.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPARE = HERE.parent
ROOT = COMPARE.parent
BUILD = COMPARE / "build"
CACHE = BUILD / "cython"  # emptied before each size, so that a first run compiles, as it does for a user

PLAIN = ["gcc", "-O2"]
# Environments: name -> what pip installs. NumPy 2 breaks the older tools: nengo-loihi 1.1.0 at its first step,
# Brian 2.9.0 at import. Newer nengo than 3.2 is untested by nengo-loihi.
ENVIRONMENTS = {
    "numpy": ["numpy==1.26.4"],
    "nengo-loihi": ["nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.26.4"],
    "brian2-loihi": ["brian2-loihi==0.5.2", "brian2==2.9.0", "numpy==1.26.4"],
    "lava": ["lava-nc==0.10.0"],  # for Python 3.10 and no other
}
# Tools: name -> environment, program, further words.
TOOLS = {
    "spikemesh": ("numpy", "spikemesh_side.py", []),
    "nengo-loihi": ("nengo-loihi", "side_nengo_loihi.py", []),
    "brian2-loihi": ("brian2-loihi", "side_brian2_loihi.py", ["cython"]),
    "brian2-loihi-numpy": ("brian2-loihi", "side_brian2_loihi.py", ["numpy"]),
    "brian2-loihi-standalone": ("brian2-loihi", "side_brian2_loihi.py", ["standalone"]),
    "lava": ("lava", "side_lava.py", []),
    "plain-c": ("numpy", "side_plain_c.py", PLAIN),
}
REFERENCE = "plain-c"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Unavailable(Exception):
    """A tool cannot be measured, and why."""


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--neurons", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="plain-c always runs as well")
    parser.add_argument("--spikemesh", default="cargo run --release --", help="its command, run in the root")
    parser.add_argument("--python310", default="python3.10", help="a Python 3.10, which Lava needs")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one process")
    parser.add_argument("--machine", help="a name for this machine in the folder of results")
    parser.add_argument("--out", type=Path, help="folder for the results [compare/results/DATE-MACHINE]")
    arguments = parser.parse_args()
    if min([*arguments.neurons, arguments.steps - 1, arguments.repeats]) < 1:
        parser.error("neurons and repeats are at least 1, steps at least 2")
    return arguments


# --- Environments -----------------------------------------------------------------------------------------------------


def anonymous(text):
    """Text without addresses and without paths of this machine."""
    text = re.sub(r"\w+://\S+", "<address>", text)
    return re.sub(r"(?<![\w.])/[^\s:'\",)]+/", "", text)


def why(text):
    """What a failed program said, in a line: its last error, as far as one can tell."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(ERROR|error|[\w.]*(Error|Exception))\b", line)]
    return anonymous((errors or lines or ["it said nothing"])[-1])[:300]


def check_python310(interpreter):
    """Whether it is what Lava needs; a command of that name may be there and yet not start one."""
    try:
        said = subprocess.run([interpreter, "-V"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        said = ""
    if not said.startswith("Python 3.10."):
        raise Unavailable(f"not installed: it needs Python 3.10, which {anonymous(interpreter)} is not")


def environment(name, interpreter):
    """The Python of an environment, which is made if it is not there, and the versions in it."""
    wanted = {"packages": ENVIRONMENTS[name], "interpreter": interpreter}
    folder = BUILD / "venv" / name
    python, done = folder / "bin" / "python", folder / "installed.json"
    if not done.exists() or json.loads(done.read_text()) != wanted:
        if name == "lava":
            check_python310(interpreter)
        print(f"installing {' '.join(ENVIRONMENTS[name])}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        for words in (
            [interpreter, "-m", "venv", folder],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *ENVIRONMENTS[name]],
        ):
            ran = subprocess.run(words, capture_output=True, text=True)
            if ran.returncode != 0:
                raise Unavailable(f"not installed: {why(ran.stderr or ran.stdout)}")
        done.write_text(json.dumps(wanted))
    listing = subprocess.check_output([python, "-m", "pip", "list", "--disable-pip-version-check", "--format=json"])
    versions = {package["name"]: package["version"] for package in json.loads(listing)}
    versions["python"] = subprocess.check_output([python, "-V"], text=True).split()[1]
    return python, versions


# --- Measuring --------------------------------------------------------------------------------------------------------


def run_process(words, timeout, log):
    """Runs a program to its end; the CPU seconds of it and of all children it waited for, and its wall time."""
    variables = dict(os.environ, **ONE_THREAD, COMPARE_CACHE=str(CACHE))
    begin = time.monotonic()
    with open(log, "w") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        late = threading.Event()

        def stop():
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, stop)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if late.is_set():
        raise Unavailable(f"stopped after {timeout:.0f} s")
    if process.returncode != 0:
        raise Unavailable(f"failed: {why(Path(log).read_text())}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin


def measure(tool, python, folder, extra, timeout):
    """One measurement of one tool."""
    out = folder / tool
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    words = [python, HERE / TOOLS[tool][1], folder, out, *TOOLS[tool][2], *extra]
    process_cpu, wall = run_process(words, timeout, out / "log.txt")
    outcome = json.loads((out / "side.json").read_text())
    return dict(outcome, process_cpu_s=process_cpu, process_wall_s=wall)


def compare_size(neurons, arguments, tools, pythons, troubles):
    """Measures all tools on one size, turn and turn about, so that a busy minute does not hit one of them alone."""
    folder = BUILD / "net" / f"{neurons}-{arguments.steps}"
    folder.mkdir(parents=True, exist_ok=True)
    script = [pythons["numpy"], HERE / "standard_net.py", folder, "--neurons", neurons, "--steps", arguments.steps]
    subprocess.run(list(map(str, script)), check=True)
    shutil.rmtree(CACHE, ignore_errors=True)

    runs, troubles = {tool: [] for tool in tools}, dict(troubles)
    for turn in range(arguments.repeats):
        for tool in tools:
            if tool in troubles:
                continue
            print(f"{neurons} neurons, turn {turn + 1} of {arguments.repeats}: {tool}", file=sys.stderr)
            extra = [arguments.spikemesh] if tool == "spikemesh" else []
            try:
                runs[tool].append(measure(tool, pythons[TOOLS[tool][0]], folder, extra, arguments.timeout))
            except Unavailable as trouble:
                troubles[tool] = str(trouble)

    if REFERENCE in troubles:
        sys.exit(f"{REFERENCE}, the reference, {troubles[REFERENCE]}")
    files = {tool: str(folder / tool / "raster.npz") for tool in tools if runs[tool] and tool not in troubles}
    words = [pythons["numpy"], HERE / "rasters.py", folder, files[REFERENCE], *files.values()]
    compared = json.loads(subprocess.check_output(words, text=True))
    differences = compared.pop("differences")

    rows = [
        row(tool, runs[tool], differences[files[tool]], compared["synaptic_operations"], arguments.steps)
        if tool in files
        else {"tool": tool, "trouble": troubles[tool]}
        for tool in tools
    ]
    ours = next((r["loop_cpu_s"] for r in rows if r["tool"] == "spikemesh" and "trouble" not in r), None)
    for r in rows:
        if "trouble" not in r:
            r["ratio_to_spikemesh"] = r["loop_cpu_s"] / ours if ours else None
    facts = json.loads((folder / "net.json").read_text())
    return {"network": dict(facts, **compared), "tools": rows}


def row(tool, runs, difference, operations, steps):
    """A line of the table: medians over the repeats. The loop is scaled to all steps, where a tool hides the first."""
    loops = [run["loop_cpu_s"] * steps / run["loop_steps"] for run in runs]
    loop = statistics.median(loops)
    return {
        "tool": tool,
        "version": runs[0]["version"],
        "first_build_cpu_s": runs[0]["build_cpu_s"],
        "build_cpu_s": statistics.median(run["build_cpu_s"] for run in runs[1:] or runs),
        "loop_cpu_s": loop,
        "loop_spread": max(loops) / min(loops) - 1,
        "process_cpu_s": statistics.median(run["process_cpu_s"] for run in runs),
        "ms_per_step": loop / steps * 1e3,
        "msop_per_cpu_s": operations / loop / 1e6,
        "raster_equal": difference is None,
        "raster_difference": difference,
        "runs": runs,
    }


# --- Reporting --------------------------------------------------------------------------------------------------------


def machine():
    """What the numbers were taken on. No name of a host or a user."""
    try:
        model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):
        model = platform.machine()
    return {
        "cpu": model,
        "architecture": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_start": os.getloadavg()[0],
    }


def table(size):
    """The text for one size."""
    net = size["network"]
    head = ["tool", "version", "first build s", "build s", "loop CPU s", "spread", "process s"]
    head += ["ms/step", "MSOP/s", "ratio", "equal"]
    lines, troubles = [head], []
    for r in size["tools"]:
        if "trouble" in r:
            troubles.append(f"{r['tool']}: {r['trouble']}")
            continue
        if not r["raster_equal"]:
            troubles.append(f"{r['tool']}: {r['raster_difference']}")
        ratio = r["ratio_to_spikemesh"]
        lines.append(
            [r["tool"], r["version"], f"{r['first_build_cpu_s']:.2f}", f"{r['build_cpu_s']:.2f}"]
            + [f"{r['loop_cpu_s']:.4g}", f"{r['loop_spread']:.0%}"]
            + [f"{r['process_cpu_s']:.2f}", f"{r['ms_per_step']:.4g}", f"{r['msop_per_cpu_s']:.4g}"]
            + ["-" if ratio is None else f"{ratio:.3g}", "yes" if r["raster_equal"] else "NO"]
        )
    widths = [max(map(len, column)) for column in zip(*lines)]
    text = (
        f"{net['neurons']} neurons, {net['synapses']} synapses, {net['steps']} steps, "
        f"{net['spikes']} spikes ({net['rate_per_tick']:.2%} a neuron and step), "
        f"{net['synaptic_operations']} synaptic operations\n\n"
    )
    for line in lines:
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        text += "  ".join(cells).rstrip() + "\n"
    return text + "".join(f"\n{trouble}" for trouble in troubles) + ("\n" if troubles else "")


def main():
    arguments = options()
    tools = [tool for tool in TOOLS if tool in arguments.tools or tool == REFERENCE]
    here = machine()
    pythons, versions, missing = {}, {}, {}
    for name in dict.fromkeys(["numpy", *(TOOLS[tool][0] for tool in tools)]):
        try:
            interpreter = arguments.python310 if name == "lava" else sys.executable
            pythons[name], versions[name] = environment(name, interpreter)
        except Unavailable as trouble:
            missing[name] = str(trouble)
    if "numpy" in missing:
        sys.exit(f"numpy, which the comparison itself needs, is {missing['numpy']}")
    troubles = {tool: missing[TOOLS[tool][0]] for tool in tools if TOOLS[tool][0] in missing}

    sizes = [compare_size(neurons, arguments, tools, pythons, troubles) for neurons in arguments.neurons]

    date = datetime.date.today().isoformat()
    slug = re.sub(r"[^a-z0-9]+", "-", (arguments.machine or f"{here['cpu']}-{here['cpus']}cpu").lower()).strip("-")
    out = arguments.out or COMPARE / "results" / f"{date}-{slug}"
    out.mkdir(parents=True, exist_ok=True)
    # The commit is that of spikemesh, and of the comparison.
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip()
    whole = {
        "schema": 1,
        "date": date,
        "commit": commit,
        "machine": here,
        "repeats": arguments.repeats,
        "flags": {"plain-c": PLAIN, "threads": ONE_THREAD, "spikemesh": anonymous(arguments.spikemesh)},
        "versions": versions,
        "sizes": sizes,
    }
    text = (
        f"{date}, {here['cpu']}, {here['cpus']} CPUs, {here['system']}, Python {here['python']}, "
        f"load {here['load_at_start']:.2f} at the start; median of {arguments.repeats} runs; "
        f"plain-c: {' '.join(PLAIN)}\n"
        "CPU seconds, user and system. MSOP/s: million synaptic operations a CPU second. Ratio: loop against "
        "spikemesh's, above 1 is slower.\nEqual: raster, neuron by neuron, against plain-c.\n\n"
    ) + "\n\n".join(map(table, sizes))
    (out / "cores.json").write_text(json.dumps(whole, indent=1) + "\n")
    (out / "cores.txt").write_text(text)
    print(text)
    equal = all(r.get("raster_equal", True) for size in sizes for r in size["tools"])
    sys.exit(0 if equal else "rasters differ")


if __name__ == "__main__":
    main()
