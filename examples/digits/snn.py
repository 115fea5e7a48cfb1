"""Spiking networks in plain numpy: simulation, training, NIR output.

Shared by `digits/train.py` and `mnist/train.py`.  A network is a chain of fully
connected layers, each an affine map followed by leaky integrate-and-fire (LIF)
neurons.  Time advances in ticks of 1 ms, t = 0 .. T-1.

Semantics (the same in training, in the float64 evaluation and on the chip)
---------------------------------------------------------------------------
* Input.  Pixel value p out of P, coded as a regular train of spikes with at most
  num/den spikes a tick: there is a spike at tick t iff
      floor((t+1) * p * num / (P * den)) > floor(t * p * num / (P * den)).
  Integers only, nothing random.
* Transport.  A spike emitted at tick t acts on its targets at tick t + 1.
* Neuron.  With I(t) = W S(t-1) + b, forward Euler on the NIR equation
      v <- v * (1 - dt/tau) + (dt/tau) * r * I(t),
  and since r = tau/dt the second factor is one.  The neuron spikes iff v > v_threshold
  (strictly), after which v = 0.  All start at v = 0; the bias acts at every tick,
  tick 0 included.
* Read-out.  The class whose output neuron spiked most often during the T ticks; among
  equals the lowest index.

Training is back-propagation through time.  The spike function has derivative
1 / (1 + k |v - v_threshold|)^2 in the backward pass (a fast sigmoid), and no gradient
flows through the reset.  The loss is the cross entropy of `count_scale * counts`, plus a
term that draws the right class to `count_target` spikes, plus a small price on hidden
spikes.
"""

import json

import numpy as np

DT = 1e-3  # seconds a tick
THRESHOLD = 1.0
CHIP_LEVELS = 127  # weight levels on each side of zero with 8 bits


# --------------------------------------------------------------------------- coding


def rate_table(full_scale, num, den, ticks):
    """(ticks, full_scale + 1) of 0/1: does a pixel of value p spike at tick t?"""
    p = np.arange(full_scale + 1, dtype=np.int64)[None, :]
    t = np.arange(ticks + 1, dtype=np.int64)[:, None]
    total = t * p * num // (full_scale * den)
    return (total[1:] > total[:-1]).astype(np.float32)


def encode(table, images):
    """Images (B, pixels) of integers -> input spikes (ticks, B, pixels)."""
    out = np.empty((table.shape[0],) + images.shape, table.dtype)
    for t in range(table.shape[0]):
        np.take(table[t], images, out=out[t])
    return out


def random_shift(images, rng, reach, share=1.0):
    """Move a share of the images (B, h, w) by up to `reach` pixels each way."""
    b, h, w = images.shape
    big = np.zeros((b, h + 2 * reach, w + 2 * reach), images.dtype)
    big[:, reach : reach + h, reach : reach + w] = images
    dy, dx = rng.integers(-reach, reach + 1, (2, b)) * (rng.random(b) < share)
    rows = (reach + dy)[:, None] + np.arange(h)
    cols = (reach + dx)[:, None] + np.arange(w)
    return big[np.arange(b)[:, None, None], rows[:, :, None], cols[:, None, :]]


# --------------------------------------------------------------------------- network


class Network:
    """Weights (out, in), biases (out) and one time constant (seconds) per layer."""

    def __init__(self, sizes, taus, rng, gains):
        self.taus = list(taus)
        self.w, self.b = [], []
        for n_in, n_out, gain in zip(sizes[:-1], sizes[1:], gains):
            w = rng.standard_normal((n_out, n_in)) * (gain / np.sqrt(n_in))
            self.w.append(w.astype(np.float32))
            self.b.append(np.zeros(n_out, np.float32))

    @property
    def params(self):
        return self.w + self.b

    def copy_with(self, weights, biases):
        other = object.__new__(Network)
        other.taus, other.w, other.b = self.taus, list(weights), list(biases)
        return other

    def forward(self, spikes):
        """Input spikes (T, B, n) -> per layer (potentials before reset, spikes).

        Works in the type of `spikes`: float32 in training, float64 in evaluation.
        """
        dtype = spikes.dtype
        trace = []
        for w, b, tau in zip(self.w, self.b, self.taus):
            keep = dtype.type(1.0 - DT / tau)
            gain = dtype.type((DT / tau) * (tau / DT))
            ticks, batch, _ = spikes.shape
            v = np.zeros((ticks, batch, len(b)), dtype)
            # what was sent at tick t - 1 arrives at tick t
            np.matmul(
                spikes[:-1].reshape((ticks - 1) * batch, -1),
                w.T.astype(dtype),
                out=v[1:].reshape((ticks - 1) * batch, -1),
            )
            v += b.astype(dtype)
            if gain != 1:
                v *= gain
            fired = np.empty_like(v)
            rest = np.zeros((batch, len(b)), dtype)  # potential after the reset
            for t in range(ticks):
                rest *= keep
                v[t] += rest
                np.greater(v[t], THRESHOLD, out=fired[t], casting="unsafe")
                np.subtract(1, fired[t], out=rest)
                rest *= v[t]
            trace.append((v, fired))
            spikes = fired
        return trace

    def backward(self, spikes, trace, grad_counts, slope, hidden_cost):
        """Gradients of the weights, then of the biases.

        `grad_counts` (B, out) is dLoss/d(output spike count); `hidden_cost` the price of
        one hidden spike.
        """
        layers = len(self.w)
        grad_w, grad_b = [None] * layers, [None] * layers
        upper = None  # gradient at this layer's spikes, from the layer above
        for i in reversed(range(layers)):
            v, fired = trace[i]
            keep = np.float32(1.0 - DT / self.taus[i])
            ticks, batch, n = v.shape
            g = np.abs(v - np.float32(THRESHOLD))
            g *= np.float32(slope)
            g += 1
            g *= g
            np.reciprocal(g, out=g)  # d spike / d potential
            if i == layers - 1:
                g *= grad_counts
            else:
                upper += np.float32(hidden_cost)
                g *= upper
            decay = 1 - fired
            decay *= keep  # d v(t+1) / d v(t), none across a reset
            for t in range(ticks - 2, -1, -1):
                decay[t] *= g[t + 1]
                g[t] += decay[t]
            below = spikes if i == 0 else trace[i - 1][1]
            late = g[1:].reshape(-1, n)
            grad_w[i] = late.T @ below[:-1].reshape(late.shape[0], -1)
            grad_b[i] = g.sum((0, 1))
            if i > 0:
                upper = np.zeros((ticks, batch, self.w[i].shape[1]), np.float32)
                np.matmul(late, self.w[i], out=upper[:-1].reshape(late.shape[0], -1))
        return grad_w + grad_b


# -------------------------------------------------------------------------- training


def loss_gradient(counts, labels, scale, target, pull):
    """Mean loss and its gradient at the output spike counts (B, classes)."""
    batch = len(labels)
    rows = np.arange(batch)
    z = counts * np.float32(scale)
    z -= z.max(1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(1, keepdims=True)
    miss = counts[rows, labels] - np.float32(target)
    loss = -np.log(p[rows, labels] + 1e-9).mean() + pull * (miss**2).mean()
    grad = p
    grad[rows, labels] -= 1
    grad *= np.float32(scale)
    grad[rows, labels] += np.float32(2 * pull) * miss
    return loss, grad / np.float32(batch)


class Adam:
    def __init__(self, params, decays):
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]
        self.decays, self.steps = decays, 0

    def step(self, params, grads, rate):
        self.steps += 1
        fix1, fix2 = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        for p, g, m, v, decay in zip(params, grads, self.m, self.v, self.decays):
            m += np.float32(0.1) * (g - m)
            v += np.float32(0.001) * (g * g - v)
            p *= np.float32(1 - rate * decay)
            p -= np.float32(rate / fix1) * m / (np.sqrt(v / np.float32(fix2)) + np.float32(1e-8))


def train(net, images, labels, table, rng, *, epochs, batch, rate, augment, slope,
          count_scale, count_target, count_pull, hidden_cost, weight_decay,
          outlier=4.0, on_epoch=None):
    """Train `net` in place on images (N, h, w) of integers.

    The learning rate rises during the first epoch and then falls as a cosine.  After
    each step weights beyond `outlier` standard deviations (of the non-zero weights of
    the layer) are clipped, so that 8 bits resolve the rest well.  `augment(images, rng)`
    changes a batch.
    """
    layers = len(net.w)
    adam = Adam(net.params, [weight_decay] * layers + [0.0] * layers)
    per_epoch = len(labels) // batch
    total, step = epochs * per_epoch, 0
    for epoch in range(epochs):
        order = rng.permutation(len(labels))
        losses, hits, hidden = 0.0, 0, 0.0
        for k in range(per_epoch):
            pick = order[k * batch : (k + 1) * batch]
            x = augment(images[pick], rng).reshape(batch, -1)
            y = labels[pick]
            spikes = encode(table, x)
            trace = net.forward(spikes)
            counts = trace[-1][1].sum(0)
            loss, grad = loss_gradient(counts, y, count_scale, count_target, count_pull)
            grads = net.backward(spikes, trace, grad, slope, hidden_cost / batch)
            now = rate * min(1.0, (step + 1) / per_epoch)
            now *= 0.5 * (1 + np.cos(np.pi * step / total))
            adam.step(net.params, grads, now)
            for w in net.w:
                used = np.count_nonzero(w)
                limit = outlier * np.sqrt(np.vdot(w, w) / max(used, 1))
                np.clip(w, -limit, limit, out=w)
            step += 1
            losses += loss
            hits += int((counts.argmax(1) == y).sum())
            hidden += sum(float(f.sum()) for _, f in trace[:-1]) / batch
        if on_epoch is not None:
            on_epoch(epoch, losses / per_epoch, hits / (per_epoch * batch), hidden / per_epoch)
    # pixels that never had a gradient keep chance weights: they shall have no say
    net.w[0][:, ~adam.v[0].any(axis=0)] = 0


# ------------------------------------------------------------------------ evaluation


def evaluate(net, images, labels, table, dtype=np.float64, batch=500):
    """Accuracy, ties and mean spikes an image; float64 unless told otherwise."""
    flat = images.reshape(len(images), -1)
    table = table.astype(dtype)
    predicted, ties = [], 0
    spikes_in, spikes_layer = 0, np.zeros(len(net.w))
    right_count = 0.0
    for k in range(0, len(flat), batch):
        spikes = encode(table, flat[k : k + batch])
        trace = net.forward(spikes)
        counts = trace[-1][1].sum(0)
        best = counts.max(1, keepdims=True)
        ties += int(((counts == best).sum(1) > 1).sum())
        predicted.append(counts.argmax(1))  # the lowest index among equals
        spikes_in += spikes.sum()
        spikes_layer += [fired.sum() for _, fired in trace]
        y = labels[k : k + batch]
        right_count += counts[np.arange(len(y)), y].sum()
    predicted = np.concatenate(predicted)
    n = len(labels)
    return {
        "accuracy": float((predicted == labels).mean()),
        "correct": int((predicted == labels).sum()),
        "ties": ties,
        "input_spikes": float(spikes_in / n),
        "layer_spikes": [float(s / n) for s in spikes_layer],
        "right_class_count": float(right_count / n),
        "predicted": predicted.astype(int).tolist(),
    }


def on_grid(net, bits=10):
    """The network with weights and biases of about `bits` significant bits.

    Each array is rounded to a multiple of a power of two.  The file packs better, and
    sums of weights are exact in float64, whatever the order.
    """

    def snap(a):
        step = 2.0 ** (np.ceil(np.log2(np.abs(a).max())) - bits)
        return (np.round(a / step) * step).astype(np.float32)

    return net.copy_with([snap(w) for w in net.w], [snap(b) for b in net.b])


def eight_bit(net):
    """The network with weights of CHIP_LEVELS levels each side, scaled layer by layer."""

    def snap(a):
        step = np.abs(a.astype(np.float64)).max() / CHIP_LEVELS
        return np.round(a / step) * step

    return net.copy_with([snap(w) for w in net.w], net.b)


# ----------------------------------------------------------------------------- files


def write_nir(path, net):
    """Store as a NIR graph: input -> fc1 -> lif1 -> fc2 -> lif2 ... -> output."""
    import nir

    nodes = {"input": nir.Input(input_type={"input": np.array([net.w[0].shape[1]])})}
    for i, (w, b, tau) in enumerate(zip(net.w, net.b, net.taus), start=1):
        one = np.ones(len(b))
        nodes[f"fc{i}"] = nir.Affine(weight=w, bias=b)
        nodes[f"lif{i}"] = nir.LIF(
            tau=one * tau,
            r=one * (tau / DT),
            v_leak=one * 0.0,
            v_threshold=one * THRESHOLD,
            v_reset=one * 0.0,
        )
    nodes["output"] = nir.Output(output_type={"output": np.array([len(net.b[-1])])})
    names = list(nodes)
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=list(zip(names[:-1], names[1:]))))


def read_nir(path):
    """The network in a file written by `write_nir`."""
    import nir

    nodes = nir.read(path).nodes
    net = object.__new__(Network)
    net.w, net.b, net.taus = [], [], []
    while f"fc{len(net.w) + 1}" in nodes:
        i = len(net.w) + 1
        net.w.append(nodes[f"fc{i}"].weight)
        net.b.append(nodes[f"fc{i}"].bias)
        net.taus.append(float(nodes[f"lif{i}"].tau[0]))
    return net


def report(net, path, images, labels, table, coding, extra=None):
    """Evaluate `net` on the test images, print, and write the expectations to `path`."""
    exact = evaluate(net, images, labels, table)
    small = evaluate(eight_bit(net), images, labels, table)
    out = {
        "test_images": len(labels),
        "accuracy": exact["accuracy"],
        "correct": exact["correct"],
        "accuracy_8bit_weights": small["accuracy"],
        "ticks": int(table.shape[0]),
        "dt_seconds": DT,
        "coding": coding,
        "layers": [net.w[0].shape[1]] + [len(b) for b in net.b],
        "tau_seconds": net.taus,
        "ties": exact["ties"],
        "mean_input_spikes": exact["input_spikes"],
        "mean_hidden_spikes": exact["layer_spikes"][:-1],
        "mean_output_spikes": exact["layer_spikes"][-1],
        "mean_right_class_spikes": exact["right_class_count"],
    }
    out.update(extra or {})
    for key, value in out.items():
        print(f"{key:24} {value}")
    print(f"{'ties with 8 bits':24} {small['ties']}")
    out["predicted"] = exact["predicted"]
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in out.items()]
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")
    return exact, small
