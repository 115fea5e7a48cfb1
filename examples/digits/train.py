"""Train the spiking classifier of the 8x8 handwritten digits.

    python train.py              train, then write digits.nir, digits.npz, expected.json
    python train.py --validate   try the settings: hold out a fifth of the training images
                                 and never look at the test images; writes nothing

The data set is the one of scikit-learn's `load_digits` (1,797 images, values 0..16).
540 images, drawn by a seeded and stratified permutation, are kept for the test.  See
`snn.py` for what the network computes and how it learns.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import snn

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20240
TEST_IMAGES = 540
FULL_SCALE = 16
TICKS = 32
NUM, DEN = 1, 2  # a white pixel spikes at every other tick
SIZES = (64, 240, 10)
TAUS = (0.008, 0.016)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--shift", type=float, default=0.5, help="share of shifted images")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--scale", type=float, default=0.4)
    parser.add_argument("--hidden-cost", type=float, default=2e-4)
    parser.add_argument("--weight-decay", type=float, default=0.02)
    args = parser.parse_args()

    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    train_index, test_index = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    fit_index, check_index = train_index, None
    if args.validate:
        fit_index, check_index = train_test_split(
            train_index, test_size=0.2, stratify=labels[train_index], random_state=args.seed
        )

    rng = np.random.default_rng(args.seed)
    net = snn.Network(SIZES, TAUS, rng, gains=(1.0, 1.0))
    table = snn.rate_table(FULL_SCALE, NUM, DEN, TICKS)
    start = time.time()

    def progress(epoch, loss, accuracy, hidden):
        if (epoch + 1) % 10 == 0:
            print(
                f"epoch {epoch + 1:3}  loss {loss:.4f}  train {100 * accuracy:.2f} %  "
                f"hidden spikes {hidden:.0f}  {time.time() - start:.0f} s",
                flush=True,
            )

    snn.train(
        net, images[fit_index], labels[fit_index], table, rng,
        epochs=args.epochs, batch=32, rate=args.rate,
        augment=lambda x, r: snn.random_shift(x, r, 1, args.shift),
        slope=5.0, count_scale=args.scale, count_target=16, count_pull=2e-3,
        hidden_cost=args.hidden_cost, weight_decay=args.weight_decay, on_epoch=progress,
    )  # fmt: skip
    net = snn.on_grid(net)

    if args.validate:
        for name, n in (("float", net), ("8 bits", snn.eight_bit(net))):
            r = snn.evaluate(n, images[check_index], labels[check_index], table)
            r.pop("predicted")
            print(name, r)
        return

    path = os.path.join(HERE, "digits.nir")
    snn.write_nir(path, net)
    np.savez_compressed(
        os.path.join(HERE, "digits.npz"),
        images=images,
        labels=labels.astype(np.uint8),
        train_index=train_index.astype(np.int32),
        test_index=test_index.astype(np.int32),
    )
    coding = {"kind": "rate", "full_scale": FULL_SCALE, "num": NUM, "den": DEN}
    snn.report(
        snn.read_nir(path), os.path.join(HERE, "expected.json"),
        images[test_index], labels[test_index], table, coding,
    )  # fmt: skip
    print(f"trained in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
