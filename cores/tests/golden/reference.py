"""Plain-integer re-implementation of the eight golden forms, from tests/data/golden/README.md alone."""
import math
import re
from fractions import Fraction


def trunc0(x, d):
    y = (abs(x) * (4096 - d)) >> 12
    return -y if x < 0 else y


def wrap(x, k):
    return (x + 2**k) % 2 ** (k + 1) - 2**k


def clip(x, lo, hi):
    return min(max(x, lo), hi)


def shl(x, k):
    return x << k if k >= 0 else x >> -k


# ------------------------------------------------------------------ Loihi, as nengo-loihi has it
def loihi(c):
    blocks, rows = c["blocks"], len(c["input_spikes"])
    base, at = [], 0
    for b in blocks:
        base.append(at)
        at += b["n"]
    u, v, ref = [0] * at, [0] * at, [0] * at
    prev_in, prev = [], [[] for _ in blocks]
    us, vs, ss, wraps, clips = [], [], [], 0, 0
    for t in range(rows):
        q = [0] * at
        for s in c["synapses"]:
            for k in prev_in if s["source"] == "input" else prev[s["source"]]:
                ax = s["axons"][k]
                for w, i in zip(ax["w"], ax["i"]):
                    q[base[s["target_block"]] + i] += w
        now, nxt = [], [[] for _ in blocks]
        for bi, b in enumerate(blocks):
            for i in range(b["n"]):
                g = base[bi] + i
                qq = wrap(q[g], 21)
                x = trunc0(u[g], b["decay_u"][i] + 1) + qq
                u[g] = wrap(x, 23)
                wraps += (qq != q[g]) + (u[g] != x)
                y = trunc0(v[g], b["decay_v"][i]) + wrap(u[g] + b["bias"][i], 23)
                v[g] = clip(y, b["vmin"], b["vmax"])
                clips += v[g] != y
                if ref[g] > 0:
                    v[g] = 0
                if v[g] > b["vth"][i]:
                    now.append(g)
                    nxt[bi].append(i)
                    v[g] = 0
                    ref[g] = b["refract_delay"][i]
                ref[g] = max(ref[g] - 1, 0)
        prev_in, prev = c["input_spikes"][t], nxt
        us.append(u[:]), vs.append(v[:]), ss.append(now)
    n = sum(map(len, ss))
    return dict(u=us, v=vs, spikes=ss, events=dict(wraps=wraps, vclips=clips, spikes=n))


# ------------------------------------------------------------------ Lava
def uwrap(x):
    if x > 2**23:
        return x - 2**24
    if x <= -(2**23):
        return x + 2**24
    return x


V_MAX = 2**23 - 1


def lava_weight(w, mode, bits):
    lo, hi = {1: (-256, 255), 2: (0, 255), 3: (-255, 0)}[mode]
    w, k = clip(w, lo, hi), 8 - bits + (mode == 1)
    return -((-w >> k) << k) if mode == 3 else (w >> k) << k


def lava_lif(c):
    n, m, rows = c["n"], c["m"], len(c["input_spikes"])
    w = [[lava_weight(x, c["sign_mode"], c["num_weight_bits"]) for x in r] for r in c["weights"]]
    rw = [[lava_weight(x, 1, 8) for x in r] for r in c.get("rec_weights", [])]
    buf = [[0] * n for _ in range(rows + 70)]
    u, v = [0] * n, [0] * n
    out = dict(u=[], v=[], s_out=[])
    wraps = clips = spikes = 0
    for t in range(rows):
        if "reset_interval" in c and (t + 1) % c["reset_interval"] == c["reset_offset"] % c["reset_interval"]:
            u, v = [0] * n, [0] * n
        s = []
        for i in range(n):
            x = trunc0(u[i], c["du"] + 1) + (buf[t][i] << 6)
            u[i] = uwrap(x)
            wraps += x != u[i]
            y = trunc0(v[i], c["dv"]) + u[i] + (c["bias_mant"][i] << c["bias_exp"][i])
            v[i] = clip(y, -V_MAX, V_MAX)
            clips += y != v[i]
            if "vth" in c:
                f = int(v[i] > c["vth"] << 6)
            else:
                f = -1 if v[i] < c["vth_lo"] << 6 else int(v[i] > c["vth_hi"] << 6)
            if f:
                v[i] = 0
                spikes += 1
            s.append(f)
        for i in range(n):
            groups = {}
            for j in c["input_spikes"][t]:
                d = c["delays"][i][j] if "delays" in c else 0
                groups[d] = groups.get(d, 0) + w[i][j]
            for d, total in groups.items():
                buf[t + 1 + d][i] += shl(total, c["weight_exp"])
            if rw:
                buf[t + 1][i] += shl(sum(rw[i][j] * s[j] for j in range(n)), c["rec_weight_exp"])
        out["u"].append(u[:]), out["v"].append(v[:]), out["s_out"].append(s)
    out["independent_check"] = dict(wraps=wraps, vclips=clips, spikes=spikes)
    return out


def lava_atrlif(c):
    n, d, p = c["n"], c["deltas_over_4096"], c["params"]
    w = [[lava_weight(x, 1, 8) for x in r] for r in c["weights"]]
    th0 = p["theta_0"] << 6
    i, v, r, th, prev = [0] * n, [0] * n, [0] * n, [th0] * n, []
    out = dict(i=[], v=[], theta=[], r=[], s=[])
    for row in c["input_spikes"]:
        s = []
        for k in range(n):
            i[k] = uwrap(trunc0(i[k], d["delta_i"] + 1) + (sum(w[k][j] for j in prev) << 6))
            v[k] = clip(trunc0(v[k], d["delta_v"]) + i[k] + (p["bias_mant"] << p["bias_exp"]), -V_MAX, V_MAX)
            th[k] = trunc0(th[k] - th0, d["delta_theta"]) + th0
            r[k] = trunc0(r[k], d["delta_r"])
            f = int(v[k] - r[k] >= th[k])
            if f:
                r[k] += 2 * th[k]
                th[k] += p["theta_step"] << 6
            s.append(f)
        prev = row
        for key, x in (("i", i), ("v", v), ("theta", th), ("r", r), ("s", s)):
            out[key].append(x[:])
    out["independent_check"] = True
    return out


# ------------------------------------------------------------------ rules: sums of products
def products(dw):
    """[(sign * product of plain integers, sum of the powers of two, [factors])]"""
    text = dw.replace(" ", "")
    text = re.sub(r"(?<=[^\^*+-])([+-])", r" \1", text)
    out = []
    for term in text.split():
        sign = -1 if term[0] == "-" else 1
        mant, exp, names = sign, 0, []
        for f in term.lstrip("+-").split("*"):
            if re.fullmatch(r"\d+", f):
                mant *= int(f)
            elif f.startswith("2^"):
                exp += int(f[2:])
            else:
                names.append(f)
        out.append((mant, exp, names))
    return out


def lava_learning(c):
    m, n, p, st = c["m"], c["n"], c["params"], c["streams"]
    E, rules = p["t_epoch"], products(c["dw"])
    w = [r[:] for r in c["w0"]]
    xs, ys = ("x1", "x2"), ("y1", "y2", "y3")
    tr = {k: [0] * m for k in xs} | {k: [0] * n for k in ys}
    tx, ty = [0] * m, [0] * n

    def decay(x, tau, rho):
        z = math.exp(-1 / tau) * x if tau else 0.0
        return math.floor(z) + (rho < z - math.floor(z))

    def impulse(x, size, r):
        f = (Fraction(size) - int(size)) * 256
        return clip(x + int(size) + (r < f), 0, 127)

    out = dict(w=[], x1=[], y1=[], y2=[], a_out=[])
    valid = [r[:] for r in w]
    for t in range(len(c["pre"])):
        s = t + 1
        o = (s - 1) % E + 1
        out["a_out"].append([sum(valid[i][j] for j in c["pre"][t - 1]) if t else 0 for i in range(n)])
        valid = [r[:] for r in w]
        for j in c["pre"][t]:
            if tx[j]:
                for k in xs:
                    tr[k][j] = impulse(tr[k][j], p[k + "_impulse"], 0)
            tx[j] = o
        for i in c["post"][t]:
            if ty[i]:
                for k in ys:
                    tr[k][i] = impulse(tr[k][i], p[k + "_impulse"], st["y_impulse"][2 * s - 1])
            ty[i] = o
        if s % E == 0:
            e = s // E
            h = {}
            for k, cur in tr.items():
                side, t0 = ("x", tx) if k in xs else ("y", ty)
                rho, r = st[side + "_decay"][2 * s], st[side + "_impulse"][2 * s]
                h[k] = []
                for q, x in enumerate(cur):
                    line = [x]
                    for step in range(1, E + 1):
                        x = decay(x, p[k + "_tau"], rho)
                        if t0[q] == step:
                            x = impulse(x, p[k + "_impulse"], r)
                        line.append(x)
                    h[k].append(line)
            LIM = 2**15 - 1
            for i in range(n):
                for j in range(m):
                    acc = w[i][j] << 7
                    for mant, exp, names in rules:
                        dep = [f for f in names if f in ("x0", "y0") or f[0] == "u"]
                        assert len(dep) == 1
                        if dep[0] == "x0":
                            when = tx[j]
                        elif dep[0] == "y0":
                            when = ty[i]
                        else:
                            when = E if e % 2 ** int(dep[0][1:]) == 0 else 0
                        if not when:
                            continue
                        x, width = mant, 4
                        for f in names:
                            if f == "w":
                                x *= w[i][j]
                                width += 9
                            elif f in xs:
                                x *= h[f][j][when]
                                width += 7
                            elif f in ys:
                                x *= h[f][i][when]
                                width += 7
                        x >>= max(0, width - 15)
                        x = clip(shl(x, exp + 7), -(2**15) - 1, LIM)
                        acc = clip(acc + x, -(2**15) - 1, LIM)
                    f = acc // 128
                    w[i][j] = clip(f + (st["weight_round"][e] < (acc % 128) / 128), -256, 255)
            for k in tr:
                tr[k] = [line[E] for line in h[k]]
            tx, ty = [0] * m, [0] * n
        out["w"].append([r[:] for r in w])
        for k in ("x1", "y1", "y2"):
            out[k].append(tr[k][:])
    out["independent_check"] = dict(first_trace_mismatch=None, first_weight_mismatch=None)
    return out


# ------------------------------------------------------------------ brian2-loihi
def effective(x, exp):
    return clip(64 * math.floor(Fraction(x) * Fraction(2) ** exp), -(2**21 - 64), 2**21 - 64)


def brian2_weight(w, s):
    P = 2 ** (8 - s["num_weight_bits"] + (s["sign_mode"] == 1))
    x = abs(w) // P * P
    return effective(-x if w < 0 else x, s["w_exp"])


def brian2(c):
    n, rows = c["n"], len(c["input_spikes"])
    learn = c["kind"] == "learn_deterministic"
    act = [[brian2_weight(w, s) for w in s["w"]] for s in c["synapses"]]
    I, v, hold = [0] * n, [0] * n, [0] * n
    out = dict(I=[], v=[], spikes=[])
    w = list(c["synapses"][0]["w"])
    trace, rules = [], products(c["synapses"][0]["dw"]) if learn else []
    for t in range(rows):
        arrived = []
        for s in c["synapses"]:
            src = c["input_spikes"] if s["source"] == "input" else out["spikes"]
            at = t - s["delay"] - (s["source"] != "input")
            arrived.append(set(src[at]) if at >= 0 else set())
        for k, s in enumerate(c["synapses"]):
            for q, (i, j) in enumerate(zip(s["i"], s["j"])):
                if i in arrived[k]:
                    I[j] += effective(w[q], s["w_exp"]) if learn and k == 0 else act[k][q]
        now = []
        for i in range(n):
            if hold[i]:
                hold[i] -= 1
            else:
                v[i] = trunc0(v[i], c["decay_v"]) + I[i]
                if v[i] > c["threshold_v_mant"] * 64:
                    now.append(i)
                    v[i] = 0
                    hold[i] = c["refractory"] - 1
            I[i] = trunc0(I[i], c["decay_I"])
        out["I"].append(I[:]), out["v"].append(v[:]), out["spikes"].append(now)
        if learn:
            s = c["synapses"][0]
            for q, (i, j) in enumerate(zip(s["i"], s["j"])):
                dw = Fraction(0)
                for mant, exp, names in rules:
                    x = mant * Fraction(2) ** exp
                    for f in names:
                        if f == "x0":
                            x *= i in arrived[0]
                        elif f == "y0":
                            x *= t > 0 and j in out["spikes"][t - 1]
                        elif f == "w":
                            x *= w[q]
                        else:
                            x *= t % 2 ** int(f[1:]) == 0
                    dw += x
                up = math.ceil(abs(dw))
                w[q] = clip(w[q] + (-up if dw < 0 else up), 0, 255)
            trace.append(w[:])
    if learn:
        out["w_trace"] = trace
    out["w_act"] = act
    out["independent_check"] = None if learn else dict(first_mismatch=None, spikes=sum(map(len, out["spikes"])))
    return out


# ------------------------------------------------------------------ TrueNorth, as RANC has it
def ranc(c):
    inp, rows = c["input"], c["ticks"]
    cores = sorted(inp["cores"], key=lambda k: (k["coordinates"][1], k["coordinates"][0]))
    known = {tuple(k["coordinates"]) for k in cores}
    bus = tuple(inp["output_bus"]["coordinates"])
    pending, warnings = {}, 0
    pot = {tuple(k["coordinates"]): [x["current_potential"] for x in k["neurons"]] for k in cores}

    def arrive(row, d, place, axon):
        nonlocal warnings
        if place not in known:
            return
        if d == 15:
            warnings += 1
            return
        slot = pending.setdefault((row + d, place), set())
        warnings += axon in slot
        slot.add(axon)

    out = dict(output_bus=[], potentials=[], spikes=[])
    hits = set()
    for t in range(rows):
        for p in inp["packets"][t] if t < len(inp["packets"]) else []:
            arrive(t, p["destination_tick"], tuple(p["destination_core"]), p["destination_axon"])
        out["output_bus"].append(sorted(hits))
        hits, spikes, sent = set(), [], []
        for k in cores:
            xy = tuple(k["coordinates"])
            active = pending.pop((t, xy), set())
            for i, x in enumerate(k["neurons"]):
                v = pot[xy][i] + sum(x["weights"][k["axons"][a]] for a in active if k["connections"][i][a]) + x["leak"]
                pos, neg = x["positive_threshold"], x["negative_threshold"]
                if v >= pos:
                    v = v - pos if x["reset_mode"] else x["reset_potential"]
                    spikes.append(["%d,%d" % xy, i])
                    to = (xy[0] + x["destination_core_offset"][0], xy[1] + x["destination_core_offset"][1])
                    if to == bus:
                        hits.add(x["destination_axon"])
                    else:
                        sent.append((x["destination_tick"], to, x["destination_axon"]))
                elif v < neg or (c["reset_type_code"] == 1 and v == neg):
                    v = v - neg if x["reset_mode"] else -x["reset_potential"]
                pot[xy][i] = v
        for d, to, a in sent:
            arrive(t + 1, d, to, a)
        out["spikes"].append(spikes)
        out["potentials"].append({"%d,%d" % xy: pot[xy][:] for xy in (tuple(k["coordinates"]) for k in cores)})
    return out | dict(warnings=warnings, rc=0, independent_check="ok")


# ------------------------------------------------------------------ SpiNNaker
class Saturates(Exception):
    pass


def fit(x):
    if not -(2**31) <= x < 2**31:
        raise Saturates
    return x


def spinnaker(c):
    p, rows = c["params"], []
    if "lif" in c["model"]:
        def mul_rn(x, y):
            return fit((fit(x) * fit(y) + 2**14) >> 15)

        V, exc, inh, timer = p["v_init"], 0, 0, 0
        for a, b in zip(c["in_exc"], c["in_inh"]):
            exc = fit(exc + ((a * p["exc_init"]) >> 32))
            inh = fit(inh + ((b * p["inh_init"]) >> 32))
            before, spike = V, 0
            if timer <= 0:
                I = fit(exc - inh + p["i_offset"])
                al = fit(mul_rn(I, p["r_membrane"]) + p["v_rest"])
                V = fit(al - mul_rn(p["exp_tc"], al - V))
            else:
                timer -= 1
            if V >= p["v_thresh"]:
                spike, V, timer = 1, p["v_reset"], p["t_refract"]
            exc, inh = (exc * p["exc_decay"]) >> 32, (inh * p["inh_decay"]) >> 32
            rows.append([before, V, exc, inh, spike])
    else:
        def m(x, y):
            return fit((fit(x) * fit(y)) >> 15)

        V, U, h = p["v0"], p["u0"], p["h"]
        A, B, one = p["A"], p["B"], 32768
        for x in c["in_net"]:
            I = fit(x + p["i_offset"])
            P = fit(fit(140 * one + I) - U)
            al = fit(P + m(fit(5 * one + m(1311, V)), V))
            eta = fit(V + (m(h, al) >> 1))
            beta = m(m(h, fit(m(B, V) - U)), A) >> 1
            Vn = fit(V + m(h, fit(fit(P - beta) + m(fit(5 * one + m(1311, eta)), eta))))
            Un = fit(U + m(m(A, h), fit(fit(-U - beta) + m(B, eta))))
            h, spike = p["h"], 0
            if Vn >= p["v_thresh"]:
                spike, Vn, Un, h = 1, p["C"], fit(Un + p["D"]), m(p["h"], 60620)
            V, U = Vn, Un
            rows.append([V, U, h, spike])
    return dict(rows=rows, independent_check=True)


# ------------------------------------------------------------------ tinyODIN and ODIN
def odin(c):
    p, ev, rows = c["params"], c["events"], []
    v = 0
    if c["model"].startswith("tiny"):
        for w, ref in zip(ev["weight4"], ev["time_ref"]):
            if ref:
                v = max(0, v - p["leak_str"]) if v >= 0 else min(0, v + p["leak_str"])
            else:
                v = clip(v + (w - 16 if w > 7 else w), -2048, 2047)
            s = int(v >= 0 and v >= p["thr"])
            v = 0 if s else v
            rows.append([v, s])
        return dict(rows=rows, independent_check=True)
    ca = cnt = 0
    for w, inh, ref in zip(ev["weight3"], ev["sign"], ev["time_ref"]):
        if ref:
            v = max(0, v - p["leak_str"]) if p["leak_en"] else v
        else:
            v = max(0, v - w) if inh else min(255, v + w)
        s = int(v >= p["thr"])
        v = 0 if s else v
        up = down = 0
        if p["ca_en"]:
            leaks = False
            if ref and p["caleak"]:
                cnt += 1
                if cnt == p["caleak"]:
                    cnt, leaks = 0, True
            if s and not leaks:
                ca = min(7, ca + 1)
            elif leaks and not s:
                ca = max(0, ca - 1)
            up = int(v >= p["thetamem"] and p["ca_theta1"] <= ca < p["ca_theta3"])
            down = int(v < p["thetamem"] and p["ca_theta1"] <= ca < p["ca_theta2"])
        rows.append([v, s, ca, cnt, up, down])
    return dict(rows=rows, independent_check=True)


FORMS = {
    "loihi1_nengo_emulator": loihi, "lava_lif_fixed": lava_lif, "lava_atrlif_fixed": lava_atrlif,
    "lava_learning_fixed": lava_learning, "brian2_loihi": brian2, "truenorth_ranc": ranc,
    "spinnaker_s1615": spinnaker, "odin_rtl": odin,
}
