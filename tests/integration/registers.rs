//! Networks in a chip model's own registers: the whole chip is the bare core, however neurons are cut, and every overflow
//! is found again in the list.

use crate::support::{Folder, capped, digits_text, expect, generic, root};
use proptest::prelude::*;
use spikemesh::chip::{Chip, ChipSpec, TickSpikes};
use spikemesh::mapper::map;
use spikemesh::network::{
    Conventions, Integrator, Native, Network, NetworkBuilder, Reset, Weights, parse_network,
};
use spikemesh_cores::{
    Column, Discipline, Engine, Expression, ModelKind, Noise, Parameters, Rule, TraceSettings, random,
};
use spikemesh_router::Level;

const CONVENTIONS: Conventions = Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };

/// Rows by target of random whole-number weights; about half of the synapses are there.
fn weights(targets: u32, sources: u32, most: i64, seed: u64) -> Weights {
    let (mut offsets, mut entries) = (vec![0], Vec::new());
    for target in 0..targets {
        for source in 0..sources {
            let draw = random::bits(seed, target.into(), source.into(), 1);
            if draw & 1 == 0 {
                let weight = ((draw >> 1) % (2 * most as u64 + 1)) as i64 - most / 2;
                entries.push((source, weight as f32));
            }
        }
        offsets.push(entries.len() as u64);
    }
    Weights::Sparse { sources, offsets, entries }
}

/// Registers of a model's example for several neurons, each a little different.
fn registers(kind: ModelKind, neurons: usize, seed: u64) -> Parameters {
    let info = kind.info();
    let given = info.example.registers.iter().map(|&(name, value)| {
        let register = info.registers.iter().find(|r| r.name == name).unwrap();
        if register.per == spikemesh_cores::Per::Core {
            return (name, Column::Uniform(value));
        }
        let spread = (value.abs() / 16).max(1);
        let each = (0..neurons as u64).map(|i| {
            let draw = (random::bits(seed, i, 0, 7) % (2 * spread as u64 + 1)) as i64 - spread;
            (value + draw).clamp(register.least.max(if value > 0 { 1 } else { i64::MIN }), register.most)
        });
        (name, Column::Each(each.collect()))
    });
    Parameters::new(kind, neurons, given.collect::<Vec<_>>()).unwrap()
}

/// Inputs and a recurrent population of one model, with a plastic projection where the model's synapses may learn.
fn network(kind: ModelKind, neurons: u32, seed: u64) -> Network {
    let info = kind.info();
    let mut b = NetworkBuilder::new("registers", CONVENTIONS);
    let input = b.input("in", 8);
    let population = b.registers("out", registers(kind, neurons as usize, seed));
    let bits = info.discipline == Discipline::AxonBits;
    let most =
        if bits { 1 } else { i64::from(info.example.drive.iter().map(|d| d.abs()).max().unwrap_or(1)) / 2 + 1 };
    let ones = |w: Weights| match w {
        Weights::Sparse { sources, offsets, entries } if bits => {
            Weights::Sparse { sources, offsets, entries: entries.into_iter().map(|(s, _)| (s, 1.0)).collect() }
        }
        other => other,
    };
    for channel in 0..info.channels.len() as u8 {
        let delay = if info.discipline == Discipline::PerTick { channel + 1 } else { 0 };
        let native = || Native { channel, ..Native::default() };
        let w = |sources, salt| ones(weights(neurons, sources, most, seed + salt + u64::from(channel)));
        b.project_native(format!("drive {channel}"), input, population, w(8, 10), 0, native());
        b.project_native(format!("loop {channel}"), population, population, w(neurons, 20), delay, native());
    }
    if info.discipline == Discipline::PerTick {
        let trace = TraceSettings { impulse: 16, keep: 3 << 30, ..TraceSettings::default() };
        let rule = Rule {
            traces: [trace; 5],
            weight_least: 0,
            weight_most: most.clamp(2, 1000) as i32,
            rounding: spikemesh_cores::fixed::Rounding::Stochastic,
            seed,
            ..Rule::new(Engine::OnSpikes, Expression::parse("2^-5*x1*y0 - 2^-5*y1*x0").unwrap())
        };
        let native = Native { rule: Some(Box::new(rule)), ..Native::default() };
        let start = match weights(neurons, 8, 2, seed + 30) {
            Weights::Sparse { sources, offsets, entries } => Weights::Sparse {
                sources,
                offsets,
                entries: entries.into_iter().map(|(s, w)| (s, w.abs().max(1.0))).collect(),
            },
            other => other,
        };
        b.project_native("learn", input, population, start, 3, native);
    }
    b.output(population);
    b.build().unwrap()
}

/// Spikes of every tick and the learned weights by (source, target).
type Run = (Vec<Vec<(u32, i32)>>, Vec<(u32, u32, i32)>);

fn run(network: &Network, spec: &ChipSpec, cap: u32, level: Level) -> Run {
    let image = map(network, spec, &capped(cap)).unwrap().image;
    let mut chip = Chip::load(&image, level).unwrap();
    let (mut all, mut out) = (Vec::new(), TickSpikes::default());
    for t in 0..150u64 {
        let inputs: Vec<u32> = (0..8).filter(|&i| random::bits(3, i.into(), t, 9).is_multiple_of(3)).collect();
        chip.tick(&inputs, false, &mut out);
        all.push(out.spikes.clone());
    }
    let mut learned = Vec::new();
    for (core, projection, weights) in chip.learned_weights() {
        let rows = &image.cores[core].config.plastic[projection];
        for (axon, &source) in rows.sources.iter().enumerate() {
            learned
                .extend(rows.range(axon).map(|i| (source, rows.neurons[rows.targets[i] as usize], weights[i])));
        }
    }
    learned.sort_unstable();
    (all, learned)
}

/// A chip with mismatch and noise, on which every draw must be keyed by the neuron and not by its place.
fn analog(noise: bool) -> ChipSpec {
    let mut spec = generic(8, 8, 1);
    spec.analog.seed = 11;
    spec.analog.threshold_percent = 5.0;
    spec.analog.weight_percent = 5.0;
    spec.analog.noise = noise.then_some(Noise { exponent: 6, offset: 0, on_membrane: true });
    spec
}

#[test]
fn one_core_and_the_same_neurons_split_over_several_are_the_same() {
    for &kind in ModelKind::ALL {
        // The generator of a TrueNorth core is the core's, as on the chip: which neurons share it matters there.
        if kind == ModelKind::TrueNorth {
            continue;
        }
        let info = kind.info();
        for seed in [1, 2] {
            let network = network(kind, 13, seed);
            let spec = analog(info.discipline == Discipline::PerTick);
            let whole = run(&network, &spec, 64, Level::Analytic);
            for (cap, level) in [(5, Level::Packet), (1, Level::Analytic)] {
                assert!(run(&network, &spec, cap, level) == whole, "{}, {cap} a core", info.name);
            }
            let spikes: usize = whole.0.iter().flatten().filter(|(n, _)| *n >= 8).count();
            assert!(spikes > 0, "{} never spiked", info.name);
        }
    }
}

#[test]
fn mismatch_and_noise_follow_their_seed() {
    let network = network(ModelKind::LavaLif, 13, 1);
    let with = |change: &dyn Fn(&mut ChipSpec)| {
        let mut spec = analog(true);
        change(&mut spec);
        run(&network, &spec, 64, Level::Analytic)
    };
    let base = with(&|_| ());
    assert!(with(&|_| ()) == base);
    assert!(with(&|spec| spec.analog.seed = 12) != base);
    assert!(with(&|spec| spec.analog.noise = None) != base);
    assert!(with(&|spec| spec.analog.threshold_percent = 0.0) != base);
    assert!(with(&|spec| spec.analog.weight_percent = 0.0) != base);
}

/// Learned weights at their limits and rewards, which are of a core and not of a neuron, on a chip whose neurons differ.
#[test]
fn mismatch_keeps_learned_weights_in_their_limits_and_rewards_alone() {
    let rows = |weights: &str| [weights; 6].join(", ");
    let text = format!(
        "format = \"spikemesh-network-1\"\nname = \"mismatch\"\n\
         [[population]]\nname = \"in\"\nsize = 8\ninput = true\n\
         [[population]]\nname = \"out\"\nsize = 6\nmodel = \"lava-lif\"\nregisters = {{ vth = 400, dv = 100 }}\n\
         [[projection]]\nname = \"learns\"\nsource = \"in\"\ntarget = \"out\"\nweights = [{}]\n\
         [projection.rule]\nengine = \"on-spikes\"\ndw = \"2^-9*r*t\"\ndt = \"2^-2*y0*x1\"\nweights = [0, 120]\n\
         x1 = {{ impulse = 16, tau = 20.0 }}\n\
         [[projection]]\nsource = \"in\"\ntarget = \"out\"\nreward_for = \"learns\"\nweights = [{}]\n",
        rows("[120, 90, 80, 70, 60, 50, 40, 0]"),
        rows("[10, 0, 0, 0, 0, 0, 0, -9]"),
    );
    let network = parse_network("mismatch", &text, std::path::Path::new(".")).unwrap();
    let mut spec = analog(false);
    spec.analog.weight_percent = 30.0;
    let whole = run(&network, &spec, 64, Level::Analytic);
    for cap in 1..6 {
        assert!(run(&network, &spec, cap, Level::Analytic) == whole, "{cap} neurons a core");
    }
}

/// Noise is refused where there is no sum it could join, and where the sum might no longer be exact.
#[test]
fn noise_goes_to_models_that_sum_their_inputs() {
    let mut spec = analog(true);
    for kind in ModelKind::ALL {
        let result = map(&network(*kind, 3, 1), &spec, &capped(3));
        if kind.info().discipline == Discipline::PerTick {
            assert!(result.is_ok(), "{kind:?}");
        } else {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("noise cannot act on it") && error.contains("`out`"), "{error}");
        }
    }
    spec.analog.noise = Some(Noise { exponent: 23, offset: 1024, on_membrane: false });
    let error = map(&network(ModelKind::LavaLif, 3, 1), &spec, &capped(3)).unwrap_err().to_string();
    assert!(error.contains("can sum exactly"), "{error}");
    assert!(map(&network(ModelKind::CubaLif, 3, 1), &spec, &capped(3)).is_ok());
}

#[cfg(feature = "nir")]
#[test]
fn overflow_profiles_agree_where_nothing_overflows() {
    let folder = Folder::new();
    let digest = |profile: &str| {
        let text = digits_text().replace("[chip]", &format!("[chip]\noverflow = \"{profile}\""));
        let config = folder.write(&format!("{profile}.toml"), text);
        let (out, _) = expect(&["run", &config, "--json", "--limit", "60", "--out", &folder.path(profile)], 0);
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["overflow"]["wraps"], 0, "{profile}");
        report["spike_digest"].as_str().unwrap().to_owned()
    };
    let loihi = digest("loihi1");
    assert_eq!(digest("lava"), loihi);
    assert_eq!(digest("brian2"), loihi);
}

#[test]
fn every_overflow_is_listed_by_core_neuron_and_tick() {
    let folder = Folder::new();
    folder.write(
        "network.toml",
        "format = \"spikemesh-network-1\"\nname = \"overflow\"\n\
         [[population]]\nname = \"in\"\nsize = 2\ninput = true\n\
         [[population]]\nname = \"wrap\"\nsize = 3\nmodel = \"loihi1-cuba-lif\"\noutput = true\n\
         [population.registers]\ndecay_u = 0\nthreshold = 2147483647\nbias = [0, 8388607, 0]\n\
         [[projection]]\nsource = \"in\"\ntarget = \"wrap\"\nweights = [[2000000, 300000], [1, 1], [0, 5]]\n",
    );
    folder.write("in.csv", "tick,input\n0,0\n0,1\n1,0\n2,0\n3,0\n4,0\n5,0\n6,0\n7,0\n");
    let config = folder.write(
        "run.toml",
        "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"generic-28nm\"\nneurons_per_core = 2\n\
         [stimulus]\nkind = \"csv\"\nfile = \"in.csv\"\n[run]\nticks = 12\n\
         [[record]]\npopulation = \"wrap\"\nvariables = [\"u\", \"spikes\"]\nneurons = [0]\n",
    );
    let (out, _) = expect(&["run", &config, "--json", "--overflows", "--out", &folder.path("out")], 0);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let table = std::fs::read_to_string(folder.0.join("out/overflows.csv")).unwrap();
    let count = |what: &str| table.lines().filter(|line| line.ends_with(what)).count() as u64;
    let overflow = &report["overflow"];
    assert_eq!(overflow["wraps"], count("input_wrap") + count("current_wrap"));
    assert_eq!(
        (overflow["bias_wraps"].as_u64(), overflow["clips"].as_u64()),
        (Some(count("bias_wrap")), Some(count("clip")))
    );
    // 2,000,000 + 300,000 exceeds 2^21 in the tick after both inputs: at neuron 2 (two inputs come first), in tick 1.
    assert!(table.lines().any(|line| line.starts_with("0,1,") && line.ends_with(",2,,input_wrap")), "{table}");
    assert!(count("current_wrap") > 0 && count("bias_wrap") > 0 && count("clip") > 0, "{table}");
    // The recorded current of that neuron, a NumPy array of 12 rows and 1 column.
    let array = std::fs::read(folder.0.join("out/wrap.u.npy")).unwrap();
    assert_eq!(array.len(), 128 + 12 * 8);
    let row = |t: usize| i64::from_le_bytes(array[128 + 8 * t..136 + 8 * t].try_into().unwrap());
    assert_eq!((row(0), row(1)), (0, 2_300_000 - (1 << 22)));
}

#[test]
fn wrong_network_files_say_where_and_what() {
    let folder = Folder::new();
    let config = folder.write(
        "run.toml",
        "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"generic-28nm\"\n[stimulus]\nkind = \"none\"\n[run]\nticks = 3\n",
    );
    let good = "format = \"spikemesh-network-1\"\nname = \"n\"\n\
        [[population]]\nname = \"a\"\nsize = 2\nmodel = \"lava-lif\"\noutput = true\n[population.registers]\nvth = 3\n\
        [[projection]]\nsource = \"a\"\ntarget = \"a\"\nweights = [[1, 2], [3, 4]]\n";
    folder.write("network.toml", good);
    expect(&["map", &config], 0);
    for (from, to, wanted) in [
        ("vth = 3", "vht = 3", "there is no register `vht`"),
        ("vth = 3", "", "register `vth` is missing"),
        ("vth = 3", "vth = -1", "vth of neuron 0 is -1"),
        ("vth = 3", "vth = [1, 2, 3]", "3 entries for 2 neurons"),
        ("lava-lif", "lava-lfi", "lava-lif"),
        ("target = \"a\"", "target = \"b\"", "there is no population `b`"),
        ("[[1, 2], [3, 4]]", "[[1, 2], [3]]", "wanted 2 rows (targets) of 2 (sources)"),
        ("weights = [[1, 2], [3, 4]]", "synapses = [[0, 1, 5], [0, 1, 6]]", "two synapses join 0 to 1"),
        ("weights =", "sum_exponent = 99\nweights =", "99 is out of range"),
        ("weights =", "channel = 3\nweights =", "channel 3"),
        (
            "weights =",
            "[projection.rule]\nengine = \"loihi\"\ndw = \"x1*\"\n[projection.x]\nweights =",
            "at character 4",
        ),
        ("spikemesh-network-1", "spikemesh-network-9", "spikemesh-network-1"),
    ] {
        assert!(good.contains(from));
        folder.write("network.toml", good.replace(from, to));
        let (_, err) = expect(&["map", &config], 3);
        assert!(err.contains(wanted), "{to}: {err}");
        assert!(err.contains("network.toml") || err.contains("->"), "{to}: {err}");
    }
    folder.write("network.toml", good.replace("lava-lif", "tiny-odin").replace("vth", "thr"));
    let run = std::fs::read_to_string(&config).unwrap();
    let other = folder.write("other.toml", run.replace("generic-28nm", "loihi1-davies2018"));
    let (_, err) = expect(&["map", &other], 3);
    assert!(err.contains("loihi1-cuba-lif") && err.contains("population `a`"), "{err}");
}

/// Chip limits are data: each preset's own limits are kept by what fits and named by what does not.
#[test]
fn a_limit_names_population_limit_value_and_fix() {
    let folder = Folder::new();
    let network = |model: &str, registers: &str, size: u32, sources: u32, weight: i64, targets: u32| {
        // Each neuron of `a` takes `sources` inputs and reaches `targets` populations.
        let inputs: Vec<_> = (0..sources).map(|i| format!("[{i}, 0, {weight}]")).collect();
        let mut text = format!(
            "format = \"spikemesh-network-1\"\nname = \"n\"\n[[population]]\nname = \"in\"\nsize = {sources}\ninput = true\n\
             [[population]]\nname = \"a\"\nsize = {size}\nmodel = \"{model}\"\n[population.registers]\n{registers}\n\
             [[projection]]\nsource = \"in\"\ntarget = \"a\"\nsynapses = [{}]\n",
            inputs.join(", ")
        );
        for i in 0..targets {
            text += &format!(
                "[[population]]\nname = \"b{i}\"\nsize = {size}\nmodel = \"{model}\"\n[population.registers]\n{registers}\n\
                 [[projection]]\nsource = \"a\"\ntarget = \"b{i}\"\none_to_one = {weight}\n"
            );
        }
        text
    };
    let config = |chip: &str| {
        let text = format!(
            "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"{chip}\"\n[stimulus]\nkind = \"none\"\n[run]\nticks = 20\n"
        );
        folder.write(&format!("{chip}.toml"), text)
    };
    let north = "threshold = 1";
    for (chip, text, wanted) in [
        ("truenorth", network("truenorth", north, 256, 256, 1, 1), ""),
        (
            "truenorth",
            network("truenorth", north, 9, 257, 1, 1),
            "limit `input axons a core`: 256, needed: 257",
        ),
        ("truenorth", network("truenorth", north, 9, 2, 1, 2), "limit `neuron_axons`: 1, needed: 2"),
        ("odin", network("odin", "thr = 9", 128, 100, 7, 1), ""),
        ("odin", network("odin", "thr = 9", 200, 100, 7, 1), "limit `cores a chip`: 1, needed: 2"),
        ("odin", network("odin", "thr = 9", 9, 9, -8, 1), "limit `raw_weight`: -7 to 7, found -8"),
        ("tiny-odin", network("tiny-odin", "thr = 9", 9, 9, -8, 1), ""),
        ("tiny-odin", network("odin", "thr = 9", 9, 9, 1, 1), "run tiny-odin; wanted `odin`"),
        ("dynap-se1-like", network("fixed-lif", "threshold = 9", 256, 64, 9, 4), ""),
        (
            "dynap-se1-like",
            network("fixed-lif", "threshold = 9", 9, 65, 9, 1),
            "limit `neuron_fan_in`: 64, needed: 65, 1 too many",
        ),
        (
            "dynap-se1-like",
            network("fixed-lif", "threshold = 9", 256, 9, 9, 5),
            "limit `neuron_axons`: 4, needed: 5",
        ),
        ("loihi2-like", network("ternary-lif", "vth_lo = -9\nvth_hi = 9", 5000, 9, 255, 1), ""),
        (
            "loihi2-like",
            network("lava-lif", "vth = 9", 9, 9, 256, 1),
            "limit `raw_weight`: -256 to 255, found 256",
        ),
        ("loihi1-davies2018", network("loihi1-cuba-lif", "threshold = 9", 1025, 9, 255, 1), ""),
        (
            "loihi1-davies2018",
            network("ternary-lif", "vth_lo = -9\nvth_hi = 9", 9, 9, 1, 1),
            "wanted `ternary-lif`",
        ),
        (
            "spinnaker1",
            network(
                "spinnaker-izhikevich",
                "A = 655\nB = 6554\nC = -2129920\nD = 262144\nv0 = 0\nu0 = 0",
                300,
                9,
                32768,
                1,
            ),
            "",
        ),
    ] {
        folder.write("network.toml", text);
        let code = if wanted.is_empty() {
            0
        } else {
            i32::from(wanted.starts_with("limit `") && !wanted.contains("raw_weight")) + 3
        };
        let (_, err) = expect(&["map", &config(chip)], code);
        assert!(err.contains(wanted), "{chip}: {err}");
        let placed = ["population `", "projection `", "chip "].iter().any(|place| err.contains(place));
        assert!(wanted.is_empty() || placed && err.contains("  try:   "), "{chip}: {err}");
        if wanted.is_empty() {
            expect(&["run", &config(chip), "--out", &folder.path("out"), "--force"], 0);
        }
    }
}

#[test]
fn model_pages_are_what_the_program_writes() {
    let folder = Folder::new();
    expect(&["models", "--pages", &folder.path("models")], 0);
    let (_, error) = expect(&["models", "--pages", &folder.path("models")], 2);
    assert!(error.contains("is there already") && error.contains("--force"), "{error}");
    let committed = root().join("docs/models");
    let mut names: Vec<_> = std::fs::read_dir(&committed).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    let mut written: Vec<_> =
        std::fs::read_dir(folder.0.join("models")).unwrap().map(|e| e.unwrap().file_name()).collect();
    written.sort();
    assert_eq!(names, written, "run `spikemesh models --pages docs/models --force`");
    for name in names {
        let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
        let same = read(committed.join(&name)) == read(folder.0.join("models").join(&name));
        assert!(same, "{name:?}: run `spikemesh models --pages docs/models --force`");
    }
    let (list, _) = expect(&["models"], 0);
    assert!(ModelKind::ALL.iter().all(|kind| list.contains(kind.info().name)));
    let (_, err) = expect(&["models", "lava-lfi"], 3);
    assert!(err.contains("did you mean `lava-lif`"), "{err}");
}

/// Neurons that act on events and excite each other fire ever more often within a tick; a core takes so many and counts
/// the others.
#[test]
fn storms_of_events_are_cut_and_counted() {
    let (row, inputs) = (format!("[{}]", ["7"; 13].join(", ")), format!("[{}]", ["7"; 2].join(", ")));
    let text = format!(
        "format = \"spikemesh-network-1\"\nname = \"storm\"\n\
         [[population]]\nname = \"in\"\nsize = 2\ninput = true\n\
         [[population]]\nname = \"out\"\nsize = 13\nmodel = \"odin\"\nregisters = {{ thr = 10 }}\n\
         [[projection]]\nsource = \"in\"\ntarget = \"out\"\nweights = [{}]\n\
         [[projection]]\nsource = \"out\"\ntarget = \"out\"\nweights = [{}]\n",
        vec![inputs; 13].join(", "),
        vec![row; 13].join(", "),
    );
    let folder = Folder::new();
    folder.write("network.toml", text);
    folder.write("in.csv", "tick,input\n0,0\n0,1\n1,0\n1,1\n");
    let config = folder.write(
        "run.toml",
        "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"odin\"\n[stimulus]\nkind = \"csv\"\nfile = \"in.csv\"\n\
         [run]\nticks = 40\n",
    );
    let report = |threads: &str, out: &str| -> serde_json::Value {
        let out = folder.path(out);
        let (text, _) = expect(&["run", &config, "--json", "--threads", threads, "--out", &out], 0);
        serde_json::from_str(&text).unwrap()
    };
    let (one, two) = (report("1", "one"), report("2", "two"));
    assert_eq!(one["digest"], two["digest"]);
    assert!(one["overflow"]["dropped"].as_u64().unwrap() > 0, "the storm must be cut: {}", one["overflow"]);
    // No tick acts on more events than the limit.
    let most = 40 * 13 * spikemesh_cores::events_most(15);
    assert!(one["synaptic_operations"].as_u64().unwrap() <= most, "{}", one["synaptic_operations"]);
}

proptest! {
    #![proptest_config(crate::support::cases(40))]

    /// The same network in the same registers, cut at random, at both levels.
    #[test]
    fn cuts_do_not_matter(seed in 0u64..1000, cap in 1u32..14, kind in 0usize..8) {
        let network = network(ModelKind::ALL[kind], 13, seed);
        let spec = analog(true);
        prop_assert!(run(&network, &spec, cap, Level::Packet) == run(&network, &spec, 64, Level::Analytic));
    }
}

/// The trace of one neuron of the NIR paper as Lava and as a Loihi 2 chip recorded it, through the whole program.
#[test]
fn golden_traces_of_lava_and_loihi2_are_matched() {
    let Some(data) = crate::support::data("golden_traces_of_lava_and_loihi2_are_matched") else { return };
    let read = |name: &str| -> Vec<[f64; 3]> {
        let text = std::fs::read_to_string(data.join("nir/real/01_lif").join(name)).unwrap();
        let row = |line: &str| line.split(',').map(|x| x.trim().parse().unwrap()).collect::<Vec<f64>>();
        text.lines().map(|line| row(line).try_into().unwrap()).collect()
    };
    let (lava, chip) = (read("lif_lava_cpu_fixed.csv"), read("lif_lava_loihi_fixed.csv"));
    let folder = Folder::new();
    // tau 2.5 ms at dt 0.1 ms is 163 of 4,096; an input adds 10 << 6 and the threshold is 25 << 6.
    folder.write(
        "network.toml",
        "format = \"spikemesh-network-1\"\nname = \"lif\"\n[[population]]\nname = \"in\"\nsize = 1\ninput = true\n\
         [[population]]\nname = \"lif\"\nsize = 1\nmodel = \"lava-lif\"\noutput = true\n\
         [population.registers]\ndu = 4095\ndv = 163\nvth = 25\n\
         [[projection]]\nsource = \"in\"\ntarget = \"lif\"\nweights = [[10]]\n",
    );
    let spikes: String =
        lava.iter().enumerate().filter(|(_, row)| row[0] != 0.0).map(|(t, _)| format!("{t},0\n")).collect();
    folder.write("in.csv", format!("tick,input\n{spikes}"));
    let config = folder.write(
        "run.toml",
        "[network]\nfile = \"network.toml\"\n[chip]\npreset = \"loihi2-like\"\n[stimulus]\nkind = \"csv\"\nfile = \"in.csv\"\n\
         [run]\nticks = 1000\n[[record]]\npopulation = \"lif\"\nvariables = [\"v\", \"spikes\"]\n",
    );
    expect(&["run", &config, "--out", &folder.path("out")], 0);
    let numbers = |name: &str| -> Vec<i64> {
        let bytes = std::fs::read(folder.0.join("out").join(name)).unwrap();
        bytes[128..].chunks_exact(8).map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect()
    };
    let (v, fired) = (numbers("lif.v.npy"), numbers("lif.spikes.npy"));
    let fired: Vec<usize> = fired.chunks_exact(4).map(|row| row[1] as usize).collect();
    for (name, trace, least) in [("Lava", &lava, 1000), ("the Loihi 2 chip", &chip, 996)] {
        let equal = trace.iter().zip(&v).filter(|(row, v)| row[1] == **v as f64).count();
        let wanted: Vec<usize> = (0..trace.len()).filter(|&t| trace[t][2] != 0.0).collect();
        println!("golden: {name}: {equal} of {} voltages, {} of {} spikes", v.len(), fired.len(), wanted.len());
        assert!(equal >= least, "{name}: {equal}");
        assert_eq!(fired, wanted, "{name}");
    }
}
