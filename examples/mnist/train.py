"""Train the spiking classifier of the MNIST handwritten digits (28x28, values 0..255).

    python train.py --data DIR              train, then write mnist.nir and expected.json
    python train.py --data DIR --validate   try the settings: hold out the last 10,000
                                            training images, never look at the test images;
                                            writes nothing

DIR holds the four files of the data set in their original form (`*-ubyte.gz`).  The
images are not part of this tree.  What the network computes and how it learns is in
`../digits/snn.py`; what Python needs is in `../digits/requirements.txt`.  The file
mnist.nir is rewritten now and then during the training, so that a long run may be cut
short; expected.json belongs to the final one.
"""

import argparse
import gzip
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "digits"))

import snn

SEED = 784
FULL_SCALE = 255
TICKS = 24
NUM, DEN = 1, 2  # a white pixel spikes at every other tick
HIDDEN = 384
TAUS = (0.008, 0.016)


def read_idx(directory, name):
    """The array in an IDX file of unsigned bytes."""
    with gzip.open(os.path.join(directory, name + ".gz"), "rb") as f:
        raw = f.read()
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{name}: not an IDX file of bytes")
    dims = raw[3]
    shape = np.frombuffer(raw, ">u4", dims, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="directory of the four .gz files")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--ticks", type=int, default=TICKS)
    parser.add_argument("--num", type=int, default=NUM)
    parser.add_argument("--den", type=int, default=DEN)
    parser.add_argument("--shift", type=float, default=0.5, help="share of shifted images")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--hidden-cost", type=float, default=1e-4)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--limit", type=int, help="use so many training images only")
    args = parser.parse_args()

    images = read_idx(args.data, "train-images-idx3-ubyte")
    labels = read_idx(args.data, "train-labels-idx1-ubyte").astype(np.int64)
    if args.validate:
        test_images, test_labels = images[-10000:], labels[-10000:]
        images, labels = images[:-10000], labels[:-10000]
    else:
        test_images = read_idx(args.data, "t10k-images-idx3-ubyte")
        test_labels = read_idx(args.data, "t10k-labels-idx1-ubyte").astype(np.int64)
    images, labels = images[: args.limit], labels[: args.limit]

    rng = np.random.default_rng(args.seed)
    net = snn.Network((784, args.hidden, 10), TAUS, rng, gains=(1.0, 1.0))
    table = snn.rate_table(FULL_SCALE, args.num, args.den, args.ticks)
    path = os.path.join(HERE, "mnist.nir")
    start = time.time()

    def progress(epoch, loss, accuracy, hidden):
        print(
            f"epoch {epoch + 1:3}  loss {loss:.4f}  train {100 * accuracy:.2f} %  "
            f"hidden spikes {hidden:.0f}  {time.time() - start:.0f} s",
            flush=True,
        )
        if not args.validate and (epoch + 1) % 3 == 0:
            snn.write_nir(path, snn.on_grid(net))

    snn.train(
        net, images, labels, table, rng,
        epochs=args.epochs, batch=args.batch, rate=args.rate,
        augment=lambda x, r: snn.random_shift(x, r, 1, args.shift),
        slope=5.0, count_scale=0.5, count_target=12, count_pull=2e-3,
        hidden_cost=args.hidden_cost, weight_decay=args.weight_decay, on_epoch=progress,
    )  # fmt: skip
    net = snn.on_grid(net)

    if args.validate:
        for name, n in (("float", net), ("8 bits", snn.eight_bit(net))):
            r = snn.evaluate(n, test_images, test_labels, table)
            r.pop("predicted")
            print(name, r)
        return

    snn.write_nir(path, net)
    coding = {"kind": "rate", "full_scale": FULL_SCALE, "num": args.num, "den": args.den}
    snn.report(
        snn.read_nir(path), os.path.join(HERE, "expected.json"),
        test_images, test_labels, table, coding,
    )  # fmt: skip
    print(f"trained in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
