"""Counts what a mapping costs, slowly and in plain sight; shares no code with any tool that is compared.

    python evaluate.py NET.npz MAPPING.npz NEURONS_PER_CORE COLUMNS ROWS

MAPPING has core (of each neuron) and core_xy (column and row of each core). Prints JSON. Fails if a neuron has no
core, a core is too full, or two cores that are used lie at one place or outside of the mesh.
"""

import json
import sys

import numpy as np


def way(begin, end):
    """The links of an XY path: along the row first, then along the column. A link is (from, to), one direction."""
    (x, y), links = begin, []
    while x != end[0]:
        after = x + (1 if end[0] > x else -1)
        links.append(((x, y), (after, y)))
        x = after
    while y != end[1]:
        after = y + (1 if end[1] > y else -1)
        links.append(((x, y), (x, after)))
        y = after
    return links


def evaluate(net, core, core_xy, limit, mesh):
    """Packets, hops with unicast and multicast, the busiest link (of multicast trees) and the fullest core.

    A neuron sends to each core but its own that holds a target of it: a packet each, weighted by the neuron's rate.
    Unicast packets each cross the links of their own path; a multicast tree crosses every link of all paths once."""
    indptr, indices, rate = net["indptr"].astype(int), net["indices"], net["rate"].astype(float)
    if len(core) != len(rate):
        raise ValueError(f"{len(core)} neurons are mapped, {len(rate)} there are")
    if core.min() < 0 or core.max() >= len(core_xy):
        raise ValueError("a neuron has no core")
    full = np.bincount(core)
    if full.max() > limit:
        raise ValueError(f"a core holds {full.max()} neurons, {limit} is the limit")
    used = [tuple(int(v) for v in core_xy[c]) for c in np.flatnonzero(full)]
    if len(set(used)) != len(used):
        raise ValueError("two cores lie at one place")
    if any(not (0 <= x < mesh[0] and 0 <= y < mesh[1]) for x, y in used):
        raise ValueError("a core lies outside of the mesh")

    at = [tuple(int(v) for v in place) for place in core_xy]
    ways, load = {}, {}
    packets = unicast = multicast = 0.0
    for neuron in range(len(rate)):
        own = int(core[neuron])
        targets = set(core[indices[indptr[neuron] : indptr[neuron + 1]]].tolist()) - {own}
        tree = set()
        for target in targets:
            if (own, target) not in ways:
                ways[own, target] = way(at[own], at[target])
            packets += rate[neuron]
            unicast += rate[neuron] * len(ways[own, target])
            tree.update(ways[own, target])
        multicast += rate[neuron] * len(tree)
        for link in tree:
            load[link] = load.get(link, 0.0) + rate[neuron]
    return {
        "packets": packets,
        "hops_unicast": unicast,
        "hops_multicast": multicast,
        "max_link": max(load.values(), default=0.0),
        "max_core": int(full.max()),
        "cores_used": len(used),
    }


def main():
    net_file, mapping_file, limit, columns, rows = sys.argv[1:]
    mapping = np.load(mapping_file)
    try:
        found = evaluate(
            dict(np.load(net_file)), mapping["core"], mapping["core_xy"], int(limit), (int(columns), int(rows))
        )
    except ValueError as trouble:
        sys.exit(f"error: {trouble}")
    print(json.dumps({name: value if isinstance(value, int) else float(value) for name, value in found.items()}))


if __name__ == "__main__":
    main()
