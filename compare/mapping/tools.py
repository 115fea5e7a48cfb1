"""Maps one network with one tool: run.py starts it once for each.

    python tools.py TOOL NET.npz OUT NEURONS_PER_CORE COLUMNS ROWS SEED [SPIKEMESH]

Writes OUT/mapping.npz (core of each neuron, core_xy of each core) and OUT/side.json: the CPU seconds from the
network's arrays to the mapping, imports left out, and what is worth telling.
"""

import collections
import collections.abc
import inspect
import json
import math
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent


def places(mesh):
    """All places of the mesh, row by row."""
    return [(x, y) for y in range(mesh[1]) for x in range(mesh[0])]


def fewest(net, limit):
    """The fewest cores that hold all neurons."""
    return math.ceil(len(net["rate"]) / limit)


# --- Cores filled in order --------------------------------------------------------------------------------------------


def sequential(net, limit):
    """Neurons by number, a core filled to the limit before the next."""
    return np.arange(len(net["rate"])) // limit


def hilbert_places(mesh):
    """Places along Hilbert's curve on the power of two that covers the mesh, those outside of it left out."""

    def curve(order):
        if order == 0:
            return [(0, 0)]
        half, inner = 1 << (order - 1), curve(order - 1)
        return (
            [(y, x) for x, y in inner]
            + [(x, y + half) for x, y in inner]
            + [(x + half, y + half) for x, y in inner]
            + [(2 * half - 1 - y, half - 1 - x) for x, y in inner]
        )

    order = (max(mesh) - 1).bit_length()
    return [(x, y) for x, y in curve(order) if x < mesh[0] and y < mesh[1]]


def row_major(net, limit, mesh, seed):
    return sequential(net, limit), places(mesh), {}


def hilbert(net, limit, mesh, seed):
    return sequential(net, limit), hilbert_places(mesh), {}


# --- Annealing of places ----------------------------------------------------------------------------------------------


def traffic(net, core, cores):
    """Packets from each core to each other: a neuron sends one to each core with targets of it."""
    lengths = np.diff(net["indptr"].astype(np.int64))
    source = np.repeat(np.arange(len(lengths)), lengths)
    pairs = np.unique(source * cores + core[net["indices"]])
    source, target = pairs // cores, pairs % cores
    sent = np.zeros((cores, cores))
    np.add.at(sent, (core[source], target), net["rate"].astype(float)[source])
    np.fill_diagonal(sent, 0.0)
    return sent


def anneal(sent, mesh, seed, starts=4, moves=200_000):
    """Places for cores with few unicast hops: ours, small, because partitioners place nothing.

    Two places of the mesh, one of them used, swap what they hold; costlier swaps pass with falling probability.
    Of some starts the best counts."""
    at = np.array(places(mesh))
    count = len(at)
    distance = np.abs(at[:, None, :] - at[None, :, :]).sum(axis=2).astype(float)
    both = np.zeros((count, count))
    both[: len(sent), : len(sent)] = sent + sent.T
    rng, best, best_cost = np.random.default_rng(seed), None, math.inf
    for _ in range(starts):
        place = rng.permutation(count)  # of each core, the places left over having cores without traffic
        cost = (both * distance[np.ix_(place, place)]).sum() / 2
        pairs = rng.integers(0, count, (moves, 2))
        luck = np.log(rng.random(moves) + 1e-300)
        hot = cost / count / 4
        for step, (a, b) in enumerate(pairs.tolist()):
            if a == b or (a >= len(sent) and b >= len(sent)):
                continue
            # What lies between a and b stays as long as it was.
            wins = (both[b] - both[a]) * (distance[place[a], place] - distance[place[b], place])
            change = wins.sum() - wins[a] - wins[b]
            if change <= 0 or luck[step] < -change / (hot * 1e-4 ** (step / moves)):
                place[a], place[b] = place[b], place[a]
                cost += change
        if cost < best_cost:
            best, best_cost = place.copy(), cost
    return [tuple(at[p]) for p in best[: len(sent)]]


# --- Partitioners -----------------------------------------------------------------------------------------------------


def whole_numbers(rate, mean):
    """Rates as whole numbers, which partitioners want, at least 1."""
    return np.maximum(1, np.rint(rate.astype(float) * (mean / rate.mean()))).astype(np.int64)


def affinity(net):
    """Undirected: what a pair of neurons sends to each other, over synapses in both directions."""
    from scipy.sparse import csr_array

    count = len(net["rate"])
    sent = np.repeat(whole_numbers(net["rate"], 20), np.diff(net["indptr"].astype(np.int64)))
    one_way = csr_array((sent, net["indices"].astype(np.int64), net["indptr"].astype(np.int64)), (count, count))
    graph = (one_way + one_way.T).tocsr()
    graph.sum_duplicates()
    return graph


def repair(graph, part, parts, limit):
    """Moves neurons out of parts that are too full, each time the one that loses least; returns how many moved."""
    from scipy.sparse import csr_array

    count = len(part)
    ones = csr_array((np.ones(count, np.int64), part, np.arange(count + 1)), (count, parts))
    pull = (graph @ ones).toarray()
    full, moved = np.bincount(part, minlength=parts), 0
    while full.max() > limit:
        crowded = int(full.argmax())
        inside = np.flatnonzero(part == crowded)
        gain = pull[inside] - pull[inside, crowded][:, None]
        gain[:, full >= limit] = np.iinfo(np.int64).min
        who, to = np.unravel_index(gain.argmax(), gain.shape)
        neuron = inside[who]
        row = slice(graph.indptr[neuron], graph.indptr[neuron + 1])
        pull[graph.indices[row], crowded] -= graph.data[row]
        pull[graph.indices[row], to] += graph.data[row]
        part[neuron] = to
        full[crowded] -= 1
        full[to] += 1
        moved += 1
    return moved


def metis(net, limit, mesh, seed):
    import pymetis

    graph, parts = affinity(net), fewest(net, limit)
    slack = limit * parts / len(net["rate"]) - 1
    options = pymetis.Options(ufactor=max(1, int(slack * 1000)), seed=seed)
    adjacency = pymetis.CSRAdjacency(graph.indptr, graph.indices)
    _, part = pymetis.part_graph(parts, adjacency, eweights=graph.data, options=options, recursive=False)
    part = np.array(part, dtype=np.int64)
    moved = repair(graph, part, parts, limit)
    return part, anneal(traffic(net, part, parts), mesh, seed), {"moved_by_repair": moved}


def hypergraph(mtk, context, net):
    """A hyperedge for each neuron that sends: it and its targets, weighted by its rate."""
    count, indptr = len(net["rate"]), net["indptr"].astype(int)
    edges, weights = [], []
    for neuron, weight in enumerate(whole_numbers(net["rate"], 200).tolist()):
        row = net["indices"][indptr[neuron] : indptr[neuron + 1]].tolist()
        if row:
            edges.append([neuron, *row])
            weights.append(weight)
    return mtk.create_hypergraph(context, count, len(edges), edges, [1] * count, weights)


def mtkahypar_km1(net, limit, mesh, seed, preset="DEFAULT"):
    import mtkahypar

    parts = fewest(net, limit)
    mtkahypar.set_seed(seed)
    mtk = mtkahypar.initialize(1)
    context = mtk.context_from_preset(mtkahypar.PresetType.__members__[preset])
    context.set_partitioning_parameters(parts, 0.03, mtkahypar.Objective.KM1)
    context.set_individual_target_block_weights([limit] * parts)
    part = hypergraph(mtk, context, net).partition(context)
    part = np.array(part.get_partition(), dtype=np.int64)
    moved = repair(affinity(net), part, parts, limit) if np.bincount(part).max() > limit else 0
    return part, anneal(traffic(net, part, parts), mesh, seed), {"moved_by_repair": moved}


def mtkahypar_quality(net, limit, mesh, seed):
    return mtkahypar_km1(net, limit, mesh, seed, "QUALITY")


def mtkahypar_steiner(net, limit, mesh, seed):
    """Partitioned and placed at once: each hyperedge costs the shortest tree in the mesh that joins its cores."""
    import mtkahypar

    at = places(mesh)
    number = {place: core for core, place in enumerate(at)}
    links = [(number[x, y], number[near]) for x, y in at for near in ((x + 1, y), (x, y + 1)) if near in number]
    mtkahypar.set_seed(seed)
    mtk = mtkahypar.initialize(1)
    context = mtk.context_from_preset(mtkahypar.PresetType.DEFAULT)
    slack = limit / math.ceil(len(net["rate"]) / len(at)) - 1
    context.set_mapping_parameters(len(at), slack)
    mesh_graph = mtk.create_target_graph(context, len(at), len(links), links, [1] * len(links))
    part = hypergraph(mtk, context, net).map_onto_graph(mesh_graph, context)
    part = np.array(part.get_partition(), dtype=np.int64)
    moved = repair(affinity(net), part, len(at), limit) if np.bincount(part).max() > limit else 0
    return part, at, {"moved_by_repair": moved}


# --- Rig, the placers of SpiNNaker ------------------------------------------------------------------------------------


def old_names():
    """What rig 2.4.1 and its libraries ask of Python and newer ones have dropped."""
    if not hasattr(inspect, "getargspec"):
        old = collections.namedtuple("ArgSpec", "args varargs keywords defaults")
        inspect.getargspec = lambda function: old(*inspect.getfullargspec(function)[:4])
    for name in ("Callable", "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence", "Set", "MutableSet"):
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))


def rig(net, limit, mesh, seed, placer="sa"):
    """A core a chip of the mesh, without links round its edges. Neurons of a core that send to the same cores are
    one net, weighted by their rates."""
    old_names()
    from rig.links import Links
    from rig.netlist import Net
    from rig.place_and_route import Cores, Machine
    from rig.place_and_route.place import breadth_first, hilbert, rcm, sa

    core = sequential(net, limit)
    indptr, weights = net["indptr"].astype(int), {}
    for neuron, rate in enumerate(net["rate"].tolist()):
        own = int(core[neuron])
        targets = frozenset(core[net["indices"][indptr[neuron] : indptr[neuron + 1]]].tolist()) - {own}
        if targets:
            weights[own, targets] = weights.get((own, targets), 0.0) + rate
    nets = [Net(own, sorted(targets), weight) for (own, targets), weight in weights.items()]
    # Only the four directions of a mesh work.
    step = {Links.east: (1, 0), Links.west: (-1, 0), Links.north: (0, 1), Links.south: (0, -1)}
    at = set(places(mesh))
    dead = {
        (x, y, link)
        for x, y in at
        for link in Links
        if link not in step or (x + step[link][0], y + step[link][1]) not in at
    }
    machine = Machine(*mesh, chip_resources={Cores: 1}, dead_links=dead)
    vertices = {own: {Cores: 1} for own in range(int(core.max()) + 1)}
    words, told = {}, {}
    if placer == "sa":
        words, told = {"random": random.Random(seed)}, {"kernel": sa.algorithm.default_kernel.__name__}
    found = {"hilbert": hilbert, "rcm": rcm, "breadth-first": breadth_first, "sa": sa}[placer].place(
        vertices, nets, machine, [], **words
    )
    return core, [found[own] for own in sorted(vertices)], told


# --- spikemesh --------------------------------------------------------------------------------------------------------


def spikemesh(net_file, out, limit, mesh, seed, command, effort):
    """Its own count of CPU seconds, and its own numbers besides, which run.py checks."""
    words = [*shlex.split(command), "map", net_file, "--neurons-per-core", limit, "--mesh", f"{mesh[0]}x{mesh[1]}"]
    words += ["--effort", effort, "--seed", seed, "--json", "--force", "--cores", out / "core.npy"]
    said = json.loads(subprocess.check_output(list(map(str, words)), cwd=ROOT, text=True))
    told = {name: said[name] for name in ("packets", "hops_unicast", "hops_multicast", "max_link")}
    return np.load(out / "core.npy"), said["core_xy"], {"claims": told, "cpu_s": said["cpu_s"]}


TOOLS = {
    "row-major": row_major,
    "hilbert": hilbert,
    "metis": metis,
    "mtkahypar": mtkahypar_km1,
    "mtkahypar-quality": mtkahypar_quality,
    "mtkahypar-steiner": mtkahypar_steiner,
    "rig-hilbert": lambda *words: rig(*words, "hilbert"),
    "rig-rcm": lambda *words: rig(*words, "rcm"),
    "rig-breadth-first": lambda *words: rig(*words, "breadth-first"),
    "rig-sa": lambda *words: rig(*words, "sa"),
}


def main():
    tool, net_file, out, *numbers = sys.argv[1:8]
    limit, columns, rows, seed = map(int, numbers)
    out, mesh = Path(out), (columns, rows)
    if tool.startswith("spikemesh-"):
        core, core_xy, told = spikemesh(net_file, out, limit, mesh, seed, sys.argv[8], tool.split("-")[1])
    else:
        net = dict(np.load(net_file))
        begin = time.process_time()
        core, core_xy, told = TOOLS[tool](net, limit, mesh, seed)
        told = dict(told, cpu_s=time.process_time() - begin)
    np.savez(out / "mapping.npz", core=np.asarray(core, np.int64), core_xy=np.asarray(core_xy, np.int64))
    (out / "side.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
