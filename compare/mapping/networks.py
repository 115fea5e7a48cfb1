"""Writes the networks of the comparison, or some of them, as NAME.npz in a folder.

    python networks.py FOLDER [NAME...] [--seed N]

In each: indptr (u64, N + 1) and indices (u32), row by row the neurons that a neuron sends to, none twice and never
itself; rate (f32), the spikes of a neuron; pop (u16), the population it is of. Rates are log-normal (sigma 1).
"""

import argparse
from pathlib import Path

import numpy as np

FAN_OUT = 100


def pack(rows, populations, rng):
    """The arrays of a network, from the targets of each neuron."""
    lengths = np.array([len(row) for row in rows], dtype=np.uint64)
    return {
        "indptr": np.concatenate([np.zeros(1, np.uint64), np.cumsum(lengths, dtype=np.uint64)]),
        "indices": np.concatenate([np.sort(row) for row in rows]).astype(np.uint32),
        "rate": rng.lognormal(0.0, 1.0, len(rows)).astype(np.float32),
        "pop": np.asarray(populations, dtype=np.uint16),
    }


def first_distinct(drawn, count):
    """The first numbers of a drawing, each once."""
    _, places = np.unique(drawn, return_index=True)
    return drawn[np.sort(places)[:count]]


def sheet(rng, side=100, sigma=5.0, far=0.1):
    """Neurons on a square; targets lie around each by a Gaussian, some of them anywhere. Edges are edges."""
    count, rows = side * side, []
    near = round(FAN_OUT * (1 - far))
    for neuron in range(count):
        here = np.array([neuron % side, neuron // side])
        drawn = here + np.rint(rng.normal(0.0, sigma, (10 * FAN_OUT, 2))).astype(int)
        drawn = drawn[((drawn >= 0) & (drawn < side)).all(axis=1) & (drawn != here).any(axis=1)]
        close = first_distinct(drawn[:, 0] + side * drawn[:, 1], near)
        away = rng.integers(0, count, 10 * FAN_OUT)
        away = away[(away != neuron) & ~np.isin(away, close)]
        rows.append(np.concatenate([close, first_distinct(away, FAN_OUT - len(close))]))
    return pack(rows, np.zeros(count), rng)


def shuffled_sheet(rng):
    """A sheet whose neurons are numbered without regard to where they lie."""
    net = sheet(rng)
    count = len(net["rate"])
    number = rng.permutation(count)  # of old the new
    rows = [None] * count
    for old in range(count):
        rows[number[old]] = number[net["indices"][int(net["indptr"][old]) : int(net["indptr"][old + 1])]]
    return pack(rows, np.zeros(count), rng)


def random(rng, count=10_000):
    """Targets anywhere: nothing to find for a mapper."""
    rows = []
    for neuron in range(count):
        drawn = rng.integers(0, count, 2 * FAN_OUT)
        rows.append(first_distinct(drawn[drawn != neuron], FAN_OUT))
    return pack(rows, np.zeros(count), rng)


def ring(rng, count=10_000, rewired=0.1):
    """A small world: the nearest on a ring, of which some are exchanged for others from anywhere."""
    around = np.concatenate([np.arange(-FAN_OUT // 2, 0), np.arange(1, FAN_OUT // 2 + 1)])
    rows = []
    for neuron in range(count):
        row = (neuron + around) % count
        moved = rng.random(FAN_OUT) < rewired
        anywhere = rng.integers(0, count, 10 * FAN_OUT)
        anywhere = anywhere[(anywhere != neuron) & ~np.isin(anywhere, row)]
        row[moved] = first_distinct(anywhere, moved.sum())
        rows.append(row)
    return pack(rows, np.zeros(count), rng)


def layers(rng, sizes=(784, *[1024] * 9, 10)):
    """Layers, all to all of the next."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows, populations = [], []
    for layer, size in enumerate(sizes):
        after = np.arange(starts[layer + 1], starts[layer + 2]) if layer + 1 < len(sizes) else np.zeros(0, int)
        rows += [after] * size
        populations += [layer] * size
    return pack(rows, populations, rng)


def lenet(rng):
    """Like LeNet-5: 32 x 32, 6 maps of 28 x 28, halved, 16 maps of 10 x 10, halved, 120, 84, 10.

    Windows are 5 x 5 and reach all maps; halving takes 2 x 2 of its own map. A layer is (maps, side)."""
    shapes = [(1, 32), (6, 28), (6, 14), (16, 10), (16, 5), (120, 1), (84, 1), (10, 1)]
    kinds = ["window", "halve", "window", "halve", "all", "all", "all"]
    starts = np.concatenate([[0], np.cumsum([maps * side * side for maps, side in shapes])])
    rows, populations = [], []
    for layer, (maps, side) in enumerate(shapes):
        for neuron in range(maps * side * side):
            own, y, x = neuron // (side * side), neuron // side % side, neuron % side
            populations.append(layer)
            if layer == len(kinds):
                rows.append(np.zeros(0, int))
                continue
            after_maps, after_side = shapes[layer + 1]
            if kinds[layer] == "all":
                row = np.arange(after_maps * after_side**2)
            elif kinds[layer] == "halve":
                row = np.array([(own * after_side + y // 2) * after_side + x // 2])
            else:
                ys = np.arange(max(0, y - 4), min(after_side, y + 1))
                xs = np.arange(max(0, x - 4), min(after_side, x + 1))
                each = np.arange(after_maps)[:, None, None]
                row = ((each * after_side + ys[None, :, None]) * after_side + xs[None, None, :]).ravel()
            rows.append(row + starts[layer + 1])
    return pack(rows, populations, rng)


NETWORKS = {
    "lenet": lenet,
    "sheet": sheet,
    "layers": layers,
    "sheet-shuffled": shuffled_sheet,
    "ring": ring,
    "random": random,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)} [all]")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NETWORKS)
    if unknown:
        parser.error(f"no network is called {', '.join(sorted(unknown))}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for place, (name, make) in enumerate(NETWORKS.items()):
        if not arguments.names or name in arguments.names:
            np.savez(arguments.folder / f"{name}.npz", **make(np.random.default_rng([arguments.seed, place])))


if __name__ == "__main__":
    main()
