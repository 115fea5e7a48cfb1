"""Random cases of the eight golden forms, answered by reference.py.

    python3 generate.py FOLDER [COUNT] [SEED]    COUNT cases of each form
    python3 generate.py FOLDER small             for each kind the shortest of 200 in which something happens
"""
import json
import os
import random
import sys

from reference import FORMS, Saturates

R = random.Random(1)
pick, rint = R.choice, R.randint


def rows(t, m, p):
    return [[k for k in range(m) if R.random() < p] for _ in range(t)]


def some_decay(top=4095):
    return pick([0, 1, top - 1, top, 2048, rint(0, 300), rint(0, top)])


# ---------------------------------------------------------------- Loihi
def loihi(kind):
    nb = rint(2, 3) if kind == "recurrent_multi_block" else 1
    T, m, e = rint(8, 50), rint(2, 8), rint(-6, 0)
    if kind == "overflow":
        m, T = rint(130, 180), rint(5, 50)
    wt = lambda: (rint(-255, 255) << 6) >> -e
    blocks = []
    for _ in range(nb):
        n = rint(1, 6)
        hi = pick([8388607, rint(0, 9000), rint(100, 100000) | 1, 1])
        lo = pick([-8388607, -rint(0, 9000), -8388608, 0])
        if kind in ("overflow", "bias"):
            lo, hi = -8388607, 8388607
        same = dict(n=n, decay_u=[some_decay() for _ in range(n)], decay_v=[some_decay() for _ in range(n)])
        vth = [pick([0, 64, rint(0, 900) << 6]) for _ in range(n)]
        bias = [0] * n
        if kind != "plain":
            bias = [rint(-4095, 4095) << rint(0, 3) for _ in range(n)]
        if kind == "overflow":
            vth = [pick([8388544, rint(0, 131071) << 6]) for _ in range(n)]
            same["decay_u"] = [pick([0, 1, 30]) for _ in range(n)]
            bias = [pick([0, 4095 << 7, -4095 << 7, rint(-4095, 4095) << 7]) for _ in range(n)]
        if kind == "bias":  # exact ties: v = bias and vth = bias or one less
            vth = [max(0, (b >> 6 << 6)) for b in bias]
            bias = [b >> 6 << 6 for b in bias]
        ref = [pick([0, 1, 2, rint(0, 10), 63]) if kind == "refract" else pick([0, 1]) for _ in range(n)]
        blocks.append(same | dict(vth=vth, bias=bias, refract_delay=ref, vmin=lo, vmax=hi))

    def axons(k, b):
        big, out = kind == "overflow", []
        sign = pick([-1, 1])
        for _ in range(k):
            i = [q for q in range(b["n"]) if big or R.random() < 0.6]
            if not big and R.random() < 0.2 and i:
                i.append(i[0])
            out.append(dict(w=[sign * pick([16384, 16320, rint(100, 255) << 6]) if big else wt() for _ in i], i=i))
        return out

    syn = [dict(source="input", target_block=b, axons=axons(m, blocks[b])) for b in range(nb)]
    if kind != "overflow":
        syn += [dict(source=a, target_block=b, axons=axons(blocks[a]["n"], blocks[b])) for a in range(nb) for b in range(nb)]
    spikes = rows(T, m, pick([0.1, 0.4, 0.9]))
    if kind == "overflow":
        for ax in syn[0]["axons"] if R.random() < 0.5 else []:  # q = +-2^21 exactly when 128 spike
            ax["w"] = [16384 if ax["w"][0] > 0 else -16384] * len(ax["w"])
        spikes = [sorted(R.sample(range(m), pick([128, 129, m, 20, 0, 0]))) for _ in range(T)]
    return dict(emulator="nengo-loihi 1.1.0", kind=kind, blocks=blocks, synapses=syn, input_spikes=spikes, weight_shift_exp=e)


# ---------------------------------------------------------------- Lava
def lava_lif(kind):
    n, m, T = rint(1, 6), rint(1, 6), rint(12, 60)
    mode, bits, e = rint(1, 3), rint(1, 8), rint(-6, 4)
    if kind == "u_wrap":
        m, bits, e, mode = 64, 8, 2, rint(1, 3)
    c = dict(emulator="lava-nc 0.10.0 (CPU, tag fixed_pt)", kind=kind, n=n, m=m, sign_mode=mode, weight_exp=e, num_weight_bits=bits)
    c["weights"] = [[pick([0, -256, 255, -1, -3, 300, -300, rint(-256, 255)]) for _ in range(m)] for _ in range(n)]
    c["du"], c["dv"] = some_decay(), some_decay()
    on = kind != "plain" and kind != "delay"
    c["bias_mant"] = [rint(-4096, 4095) if on else 0 for _ in range(n)]
    c["bias_exp"] = [rint(0, 7) for _ in range(n)]
    c["input_spikes"] = rows(T, m, pick([0.1, 0.5, 0.9]))
    if kind == "u_wrap":
        v = pick([-255, 255, 256 // 2, -128])
        c["weights"] = [[v if mode != 1 else v // 2 * 2 for _ in range(m)] for _ in range(n)]
        c["du"] = pick([0, 0, 1, 4095])
        c["bias_mant"] = [pick([0, rint(-4096, 4095)]) for _ in range(n)]
        if R.random() < 0.5:  # u reaches +-2^23 exactly: 64 * 128 << 4 << 6 = 2^23
            c["weight_exp"], c["du"] = 4, 4095
            c["weights"] = [[pick([128, -128])] * m for _ in range(n)]
        c["input_spikes"] = [list(range(m)) if R.random() < 0.6 else rows(1, m, 0.5)[0] for _ in range(T)]
    if kind == "ternary":
        lo = rint(-300, 300)
        c["vth_lo"], c["vth_hi"] = lo, pick([lo, lo + rint(0, 500)])  # Lava refuses lo > hi
    else:
        c["vth"] = pick([0, 1, rint(0, 900), 131071])
    if kind == "delay":
        c["delays"] = [[pick([0, 63, 5, 5, rint(0, 63)]) for _ in range(m)] for _ in range(n)]
    if kind == "reset":
        c["reset_interval"], c["reset_offset"] = pick([1, 2, rint(2, 20)]), rint(0, 40)
    if kind == "recurrent":
        c["rec_weights"] = [[rint(-256, 255) for _ in range(n)] for _ in range(n)]
        c["rec_weight_exp"] = rint(-7, 4)
    if kind in ("bias", "ternary") and R.random() < 0.5:  # ties: v = bias = vth << 6
        c["bias_mant"], c["bias_exp"] = [rint(-40, 40) for _ in range(n)], [6] * n
        c["dv"] = 4095
        c["vth" if kind == "bias" else "vth_hi"] = abs(c["bias_mant"][0])
        if kind == "ternary":
            c["vth_lo"] = min(c["bias_mant"])
    return c


def lava_atrlif(_):
    n, m, T = rint(1, 5), rint(1, 60), rint(20, 60)
    d = {k: some_decay() for k in ("delta_i", "delta_v", "delta_theta", "delta_r")}
    p = dict(theta_0=rint(0, 300), theta_step=rint(0, 100), bias_mant=rint(-500, 500), bias_exp=rint(0, 7))
    if R.random() < 0.4:  # ties: v = bias = theta
        d["delta_v"] = 4095
        p["bias_mant"], p["bias_exp"] = p["theta_0"], 6
    if R.random() < 0.4:
        m, d["delta_i"], d["delta_v"] = 100, 0, 0
    big = m == 100
    w = [[(254 if i % 2 else -256) if big else rint(-300, 300) for _ in range(m)] for i in range(n)]
    return dict(emulator="lava-nc 0.10.0 ATRLIF fixed_pt", n=n, m=m, deltas_over_4096=d, params=p, weights=w, input_spikes=rows(T, m, pick([0.1, 0.5, 1.0])))


def term(first, deps, factors, exps, zero=True):
    sign = pick(["-", ""] if first else [" - ", " + "])
    parts = []
    if R.random() < 0.7:
        parts.append("2^%d" % pick(exps))
    if R.random() < 0.4:
        parts.append(str(rint(1, 12)))
    parts += [pick(deps)] + [pick(factors) for _ in range(rint(0, 3)) if factors]
    if R.random() < 0.3:
        R.shuffle(parts)
        parts.sort(key=lambda f: f.startswith("2^"), reverse=True)
    return sign + "*".join(parts)


def rule(deps, factors, exps):
    return "".join(term(k == 0, deps, factors, exps) for k in range(rint(1, 4)))


def lava_learning(_):
    m, n, E, T = rint(1, 4), rint(1, 3), pick([1, 2, 3, 4, 5, 6, 7, 8, 16]), rint(16, 64)
    p = {}
    for k in ("x1", "x2", "y1", "y2", "y3"):
        p[k + "_impulse"] = pick([0, 127, rint(0, 127), rint(0, 126) + 0.5, rint(0, 126) + rint(0, 7) / 8])
        p[k + "_tau"] = rint(1, 40)
    p |= dict(t_epoch=E, rng_seed=rint(0, 999))
    st = dict(x_decay=[R.random() for _ in range(2 * T + 1)], y_decay=[R.random() for _ in range(2 * T + 1)],
              x_impulse=[rint(0, 127) for _ in range(2 * T + 1)], y_impulse=[rint(0, 127) for _ in range(2 * T + 1)],
              weight_round=[R.random() for _ in range(T // E + 1)])
    dw = rule(["x0", "y0", "u0", "u1", "u2", "u3"], ["x1", "y1", "x2", "y2", "y3", "w"], [-7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3])
    return dict(emulator="lava-nc 0.10.0 LearningDense fixed_pt (bit_approximate_loihi)", rule_name="random", dw=dw, m=m, n=n, params=p,
                w0=[[pick([-256, 255, rint(-256, 255)]) for _ in range(m)] for _ in range(n)],
                pre=rows(T, m, pick([0.1, 0.5, 0.9])), post=rows(T, n, pick([0.1, 0.5, 0.9])), streams=st)


# ---------------------------------------------------------------- brian2-loihi
def brian2_case(kind):
    n, m, T = rint(2, 6), rint(1, 4), rint(14, 80)
    c = dict(emulator="brian2-loihi 0.5.2 / Brian2 2.9.0 numpy target", kind=kind, steps=T, n=n, m=m, decay_I=some_decay(4096),
             decay_v=some_decay(4096), refractory=pick([1, 2, rint(1, 63)]), threshold_v_mant=pick([0, 1, rint(0, 800)]))

    def group(source, size, learn=False):
        mode, bits = (2, 8) if learn else (rint(1, 3), rint(1, 8))
        pairs = R.sample([(i, j) for i in range(size) for j in range(n)], rint(1, size * n))
        lo, hi = {1: (-256, 255), 2: (0, 255), 3: (-255, 0)}[mode]
        delay = rint(0, 62) if kind != "plain" and kind != "plain2" and R.random() < 0.7 else 0
        g = dict(source=source, sign_mode=mode, w_exp=rint(-8, 7), num_weight_bits=bits, delay=delay,
                 i=[a for a, _ in pairs], j=[b for _, b in pairs], w=[pick([lo, hi, rint(lo, hi)]) for _ in pairs], dw="")
        if learn:
            g["w_exp"] = pick([0, 0, rint(-4, 3)])
            g["delay"] = pick([0, 0, rint(1, 5)])
            g["dw"] = rule(["x0", "y0", "u0", "u1", "u2", "u3"], ["x0", "y0", "w"], [-6, -3, -2, -1, 0, 1, 2])
            if R.random() < 0.3:
                g["dw"] += " + 0*x0" if R.random() < 0.5 else " + x0*2^-1*y0"
        return g

    c["synapses"] = [group("input", m, kind == "learn_deterministic")]
    if kind == "recurrent" or (kind == "delay" and R.random() < 0.5):
        c["synapses"].append(group("self" if kind == "recurrent" else "input", n if kind == "recurrent" else m))
    for g in c["synapses"]:
        g["w_act"] = None
    c["input_spikes"] = rows(T, m, pick([0.1, 0.4, 0.9]))
    return c


# ---------------------------------------------------------------- TrueNorth
def ranc(_):
    X, Y, code, T = rint(1, 4), rint(1, 3), rint(0, 1), rint(8, 40)
    if X * Y == 1:
        X = 2
    places = [[x, y] for y in range(Y) for x in range(X)]
    bus = pick(places)
    used = [p for p in places if p != bus]
    if len(used) > 2 and R.random() < 0.5:
        used.remove(pick(used))
    outs = pick([16, 32, 250])
    cores = []
    for xy in used:
        neurons = []
        for _ in range(16):
            to = pick(places) if R.random() < 0.5 else pick([bus] + used)
            neurons.append(dict(
                reset_potential=rint(-5, 5), weights=[rint(-9, 9) for _ in range(4)], leak=rint(-3, 3),
                positive_threshold=rint(0, 12), negative_threshold=pick([0, -rint(0, 8)]),
                destination_core_offset=[to[0] - xy[0], to[1] - xy[1]],
                destination_axon=rint(0, outs - 1) if to == bus else rint(0, 15),
                destination_tick=pick([0, 1, 14, rint(0, 14), rint(0, 15)]), current_potential=rint(-9, 9), reset_mode=rint(0, 1)))
        cores.append(dict(axons=[rint(0, 3) for _ in range(16)], neurons=neurons,
                          connections=[[int(R.random() < 0.4) for _ in range(16)] for _ in range(16)], coordinates=xy))
    packets = []
    for _ in range(T):
        row = [dict(destination_core=pick(used), destination_axon=rint(0, 15), destination_tick=pick([0, 3, 14, rint(0, 14), rint(0, 15)]))
               for _ in range(rint(0, 6))]
        packets.append(row + ([dict(row[0])] if row and R.random() < 0.2 else []))
    config = dict(num_neurons=16, num_axons=16, num_cores_x=X, num_cores_y=Y, num_weights=4, max_tick_offset=16, neuron_block_trace_verbosity=1,
                  core_controller_trace_verbosity=0, scheduler_trace_verbosity=0, neuron_reset_type=code)
    return dict(emulator="RANC simulator (UA-RCL/RANC 08ae4bd)", ticks=T, reset_type=["asymmetric (v < neg_threshold)", "symmetric (v <= neg_threshold)"][code],
                reset_type_code=code, config=config, input=dict(packets=packets, output_bus=dict(coordinates=bus, num_outputs=outs), cores=cores))


# ---------------------------------------------------------------- SpiNNaker
def spinnaker(kind):
    T, big = rint(30, 120), R.random() < 0.4
    if kind == "lif":
        u32 = lambda: pick([0, 2**32 - 1, rint(0, 2**32 - 1), rint(2**31, 2**32 - 1)])
        rest = rint(-90, -40) * 32768
        p = dict(v_init=rest + pick([0, rint(-99999, 99999)]), v_rest=rest, r_membrane=rint(1, 3000000 if big else 900000), exp_tc=rint(0, 32768),
                 i_offset=rint(-9000, 120000), v_reset=rest - rint(0, 400000), t_refract=rint(0, 8), v_thresh=rest + rint(0, 900000),
                 exc_decay=u32(), inh_decay=u32(), exc_init=u32(), inh_init=u32())
        top = 3000000 if big else 150000
        ins = {k: [rint(-top // 9, top) if R.random() < 0.3 else 0 for _ in range(T)] for k in ("in_exc", "in_inh")}
        return dict(model="spinnaker_lif_curr_exp_s1615", params=p) | ins | dict(columns=["v_before", "v_after", "exc_after_decay", "inh_after_decay", "spike"])
    p = dict(A=rint(100, 6000), B=rint(4000, 10000), C=rint(-75, -45) * 32768 + rint(-500, 500), D=rint(0, 10) * 32768, v0=rint(-75, -50) * 32768,
             u0=rint(-20, -5) * 32768, i_offset=rint(-50000, 700000), h=pick([32768, 32768, 16384, 3277]), v_thresh=pick([983040, rint(20, 40) * 32768]))
    return dict(model="spinnaker_izhikevich_s1615", type="RS", params=p, in_net=[rint(-100000, 400000) if R.random() < 0.3 else 0 for _ in range(T)],
                columns=["v", "u", "this_h", "spike"])


# ---------------------------------------------------------------- ODIN
def odin(kind):
    T = rint(30, 400)
    ref = [int(R.random() < pick([0.05, 0.3])) for _ in range(T)]
    if kind == "tiny":
        lean = pick([[7], [8, 9], range(16)])
        if lean != range(16):
            T = 420
            ref = [int(R.random() < 0.03) for _ in range(T)]
        return dict(model="tinyODIN lif_neuron (12 bit)", params=dict(leak_str=pick([0, 1, 127, rint(0, 127)]), thr=pick([0, 1, 2047, 2048, 4095, rint(0, 400)])),
                    events=dict(weight4=[pick(lean) for _ in range(T)], time_ref=ref), columns=["v", "spike"])
    p = dict(leak_str=rint(0, 127), leak_en=rint(0, 1), thr=pick([0, 1, 255, rint(0, 60), rint(0, 255)]), ca_en=pick([0, 1, 1]), thetamem=pick([0, 255, rint(0, 100)]),
             ca_theta1=rint(0, 7), ca_theta2=rint(0, 7), ca_theta3=rint(0, 7), caleak=pick([0, 1, 31, rint(0, 31)]))
    if R.random() < 0.5:
        p["ca_theta1"], p["leak_str"] = 0, rint(0, 4)
    bias = pick([0.0, 0.1, 0.5])
    return dict(model="ODIN lif_neuron (8 bit + SDSP calcium)", params=p,
                events=dict(weight3=[rint(0, 7) for _ in range(T)], sign=[int(R.random() < bias) for _ in range(T)], time_ref=ref),
                columns=["v", "spike", "calcium", "caleak_cnt", "v_up", "v_down"])


MAKE = {
    "loihi1_nengo_emulator": (loihi, ["plain", "bias", "refract", "overflow", "vclip", "recurrent_multi_block"]),
    "lava_lif_fixed": (lava_lif, ["plain", "bias", "delay", "ternary", "reset", "recurrent", "u_wrap"]),
    "lava_atrlif_fixed": (lava_atrlif, [None]),
    "lava_learning_fixed": (lava_learning, [None]),
    "brian2_loihi": (brian2_case, ["plain", "plain2", "delay", "recurrent", "learn_deterministic"]),
    "truenorth_ranc": (ranc, [None]),
    "spinnaker_s1615": (spinnaker, ["lif", "izhikevich"]),
    "odin_rtl": (odin, ["tiny", "odin"]),
}


def make(form, count):
    maker, kinds = MAKE[form]
    out = []
    while len(out) < count:
        c = maker(kinds[len(out) % len(kinds)])
        c["seed"] = len(out)
        if "input_spikes" in c:
            c["steps"] = len(c["input_spikes"])
        elif "pre" in c:
            c["steps"] = len(c["pre"])
        elif "rows" not in c and "model" in c and "spinn" in c["model"]:
            c["steps"] = len(c.get("in_net") or c["in_exc"])
        try:
            got = FORMS[form](c)
        except Saturates:
            continue
        for g, w in zip(c.get("synapses", []), got.pop("w_act", [])):
            g["w_act"] = w
        out.append(c | got)
    return out


def happens(c):
    """Whether a case wraps, learns or at least spikes."""
    if c.get("kind") in ("overflow", "u_wrap"):
        return (c.get("events") or c["independent_check"])["wraps"] > 0
    if "w0" in c:
        return len({str(w) for w in c["w"]}) > 3
    if "rows" in c:
        spike = c["columns"].index("spike")
        return any(row[spike] for row in c["rows"])
    fired = c.get("spikes") or c.get("s_out") or c.get("s")
    return sum(any(row) for row in fired) > 2


def shortest(form):
    kinds = MAKE[form][1]
    cases = make(form, 200 * len(kinds))
    return [min(filter(happens, cases[k :: len(kinds)]), key=lambda c: len(json.dumps(c))) for k in range(len(kinds))]


def main(folder, count="60", seed="1"):
    R.seed(int(seed))
    os.makedirs(folder, exist_ok=True)
    for form in MAKE:
        cases = shortest(form) if count == "small" else make(form, int(count))
        with open(os.path.join(folder, form + ".json"), "w") as f:
            f.write("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
