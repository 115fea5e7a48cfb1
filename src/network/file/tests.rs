//! Documents read as they say, and every fault of a network file has its place and a hint.

use super::*;
use crate::error::Problem;
use spikemesh_cores::Discipline;

/// `toml` blocks of a document.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn problems(text: &str) -> Vec<Problem> {
    parse_network("net.toml", text, Path::new(".")).err().map(|e| e.problems).unwrap_or_default()
}

/// A network of two inputs and three neurons, changed at one place.
fn changed(from: &str, to: &str) -> String {
    let text = r#"format = "spikemesh-network-1"
name = "small"
[[population]]
name = "in"
size = 2
input = true
[[population]]
name = "out"
size = 3
output = true
model = "lava-lif"
registers = { vth = 100, dv = [1, 2, 3] }
[[projection]]
source = "in"
target = "out"
weights = [[1, 2], [3, 4], [5, 6]]
[[projection]]
name = "learns"
source = "in"
target = "out"
synapses = [[0, 0, 0], [1, 2, 20, 63]]
[projection.rule]
engine = "every-tick"
dw = "2^-2*x1*y0 - 2^-2*y1*x0"
weights = [0, 255]
precision = 2
x1 = { impulse = 16, tau = 20.0 }
y1 = { impulse = 16.5, tau = 20.0, most = 100, nearest = true }
[[projection]]
source = "in"
target = "out"
weights = [[1, 1], [1, 1], [1, 1]]
reward_for = "learns"
"#;
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn the_documents_networks_and_rules_read() {
    let page = include_str!("../../../docs/formats/network.md");
    let examples: Vec<_> = blocks(page).into_iter().filter(|b| b.contains("format = ")).collect();
    assert_eq!(examples.len(), 1, "one complete network");
    let network = parse_network("network.md", examples[0], Path::new(".")).unwrap();
    assert_eq!((network.populations().len(), network.projections().len()), (4, 5));
    let rules = blocks(include_str!("../../../docs/formats/learning.md"));
    assert!(rules.len() >= 8, "{}", rules.len());
    for rule in rules {
        let (head, _) =
            changed("", "").split_once("[[projection]]").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
        let text = format!(
            "{head}[[projection]]\nsource = \"in\"\ntarget = \"out\"\nweights = [[1, 2], [3, 4], [5, 6]]\n{rule}"
        );
        let network =
            parse_network("learning.md", &text, Path::new(".")).unwrap_or_else(|e| panic!("{e}\n{rule}"));
        let registers = network.population(PopulationId(1)).registers().unwrap();
        assert_eq!(registers.model().info().discipline, Discipline::PerTick);
        assert!(network.projections()[0].native.rule.is_some(), "{rule}");
    }
}

#[test]
fn a_network_reads_as_written() {
    let network = parse_network("net.toml", &changed("", ""), Path::new(".")).unwrap();
    let [fixed, learns, reward] = network.projections() else { panic!("three projections") };
    assert_eq!((fixed.name.as_str(), fixed.weights.synapse_count()), ("in -> out", 6));
    assert_eq!(learns.weights.synapse_count(), 2, "a weight of 0 that learns is a synapse");
    assert_eq!(learns.native.delays, [0, 63]);
    assert_eq!((reward.native.reward_for, network.outputs().len()), (Some(1), 1));
    let rule = learns.native.rule.as_ref().unwrap();
    assert_eq!((rule.engine, rule.precision, rule.weight_most), (Engine::EveryTick, 2, 255));
    // round(2^32 e^(-1/20)), independently computed.
    assert_eq!(rule.traces[0], TraceSettings { impulse: 16, keep: 4_085_499_269, ..TraceSettings::default() });
    let y1 = rule.traces[2];
    assert_eq!((y1.impulse, y1.impulse_fraction, y1.most, y1.nearest), (16, 128, 100, true));
    let fixed = |text: &str| parse_network("net.toml", text, Path::new(".")).unwrap().projections()[0].clone();
    let zeros = fixed(&changed("[[1, 2], [3, 4], [5, 6]]", "[[1, 0], [0, 4], [0, 0]]"));
    assert_eq!(zeros.weights.synapse_count(), 2, "elsewhere a weight of 0 is no synapse");
    // Formats: Lava cuts to even and keeps the exponent for the sum; brian2 applies it and shifts by 6.
    let format = |tool, key| {
        let to = format!(
            "[[3, -3], [4, -4], [5, 7]]\nweight_format = {{ truncation = \"{tool}\", exponent = 2 }}{key}"
        );
        let projection = fixed(&changed("[[1, 2], [3, 4], [5, 6]]", &to));
        let mut all = Vec::new();
        (0..3).for_each(|i| projection.weights.for_each_source(i, |_, w| all.push(w as i32)));
        (all, projection.native.exponent)
    };
    assert_eq!(format("lava", ""), (vec![2, -4, 4, -4, 4, 6], Some(2)));
    assert_eq!(format("brian2", "").0, [2, -2, 4, -4, 4, 6].map(|w| w << 8));
    assert_eq!(
        format("nengo", "\nsum_exponent = 1"),
        (vec![4 << 8, -4 << 8, 4 << 8, -4 << 8, 4 << 8, 8 << 8], Some(1))
    );
}

/// Every fault has its line, its key and a hint.
#[test]
fn faults_say_where_and_what_to_do() {
    let long = format!("[{}]", ["1"; 7].join(", "));
    // One fault a line.
    #[rustfmt::skip]
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        // (from, to, place, what, hint)
        ("spikemesh-network-1", "spikemesh-network-2", "net.toml:1, key `format`", "not one of spikemesh-network-1", "did you mean"),
        ("name = \"small\"\n", "", "key `name`", "missing", ""),
        ("size = 2", "size = 0", "net.toml:5, key `population[0].size`", "0 is out of range", "from 1"),
        ("name = \"out\"", "name = \"in\"", "key `population[1].name`", "two populations are named `in`", "rename"),
        ("lava-lif", "lava-lfi", "net.toml:11, key `population[1].model`", "`lava-lfi` is not one of", "did you mean `lava-lif`?"),
        ("vth = 100", "vht = 100", "key `population[1].registers.vht`", "vht", "spikemesh models"),
        ("vth = 100, ", "", "key `population[1].registers.vth`", "vth", "spikemesh models"),
        ("vth = 100", "vth = -1", "net.toml:12, key `population[1].registers.vth`", "-1", "spikemesh models"),
        ("dv = [1, 2, 3]", "dv = [1, 2, 3, 4]", "key `population[1].registers.dv`", "4", "spikemesh models"),
        ("dv = [1, 2, 3]", "dv = 1.5", "key `population[1].registers.dv`", "a whole number, or a list", ""),
        ("output = true", "ouptut = true", "key `population[1].ouptut`", "unknown key", "did you mean `output`?"),
        ("source = \"in\"", "source = \"input\"", "net.toml:14, key `projection[0].source`", "no population `input`", "there are in, out"),
        ("weights = [[1, 2], [3, 4], [5, 6]]", "", "key `projection[0].weights`", "exactly one of", "add one of them"),
        ("weights = [[1, 2]", "one_to_one = 3\nweights = [[1, 2]", "key `projection[0].one_to_one`", "exactly one of", "given are weights, one_to_one"),
        ("weights = [[1, 2], [3, 4], [5, 6]]", "one_to_one = 3", "key `projection[0].one_to_one`", "2 sources for 3 targets", "sizes must agree"),
        ("[5, 6]]", "[5, 6, 7]]", "net.toml:16, key `projection[0].weights`", "wanted 3 rows (targets) of 2 (sources); row 2 has 3", "transpose"),
        ("[3, 4], [5, 6]]", "[3, 4]]", "key `projection[0].weights`", "there are 2 rows", "transpose"),
        ("[5, 6]]", "[5, 6]]\ndelays = [[1], [1], [1]]", "key `projection[0].delays`", "row 0 has 1", "transpose"),
        ("[5, 6]]", "[5, 6]]\ndelays = [[1, 1], [1, 64], [1, 1]]", "key `projection[0].delays`", "64", "0 to 63"),
        ("[5, 6]]", "[5, 99999999]]", "key `projection[0].weights`", "99999999", "numbers from"),
        ("[5, 6]]", "[5, 6]]\ndelay = 64", "key `projection[0].delay`", "64 is out of range", "0 to 63"),
        ("[5, 6]]", "[5, 6]]\nsum_exponent = 16", "key `projection[0].sum_exponent`", "16 is out of range", "-15 to 15"),
        ("[5, 6]]", "[5, 6]]\nweight_format = { bits = 8 }", "key `projection[0].weight_format.truncation`", "missing", ""),
        ("[5, 6]]", "[5, 6]]\nsum_exponent = 1\nweight_format = { truncation = \"lava\", exponent = 1 }", "key `projection[0].sum_exponent`", "the same thing", "keep one"),
        ("[[0, 0, 0]", "[[0, 0]", "key `projection[1].synapses`", "synapse 0 is no [source, target, weight]", "as in"),
        ("20, 63]", "20, 64]", "key `projection[1].synapses`", "synapse 1 is no", "as in"),
        ("[1, 2, 20", "[2, 2, 20", "net.toml:21, key `projection[1].synapses`", "joins 2 to 2; there are 2 and 3", "from 0"),
        ("[1, 2, 20, 63]", "[0, 0, 20, 63]", "key `projection[1].synapses`", "two synapses join 0 to 0", "second projection"),
        ("[1, 2, 20", "[1, 2, 256", "key `projection[1].synapses`", "from 1 to 2 is 256; the rule holds 0 to 255", "widen"),
        ("every-tick", "evry-tick", "key `projection[1].rule.engine`", "not one of", "did you mean `every-tick`?"),
        ("*y0 - 2^-2", "*y0 - 2^", "key `projection[1].rule.dw`", "at character 16: wanted a whole number", "as in"),
        ("2^-2*x1*y0", "2^-2*x3*y0", "net.toml:24, key `projection[1].rule.dw`", "at character 6: wanted a number, x0..x2", "as in"),
        ("dw = \"2^-2*x1*y0 - 2^-2*y1*x0\"\n", "", "key `projection[1].rule.dw`", "missing", ""),
        ("weights = [0, 255]", "weights = [255, 0]", "key `projection[1].rule.weights`", "255 is above 0", "lowest weight first"),
        ("precision = 2", "precision = 3", "key `projection[1].rule.precision`", "3 is not a power of two", "1, 2, 4"),
        ("precision = 2", "epoch = 2", "key `projection[1].rule.epoch`", "only the engine `loihi`", "leave it out"),
        ("precision = 2", "tag_tau = 2", "key `projection[1].rule.tag_tau`", "only the engine `on-spikes`", "leave it out"),
        ("impulse = 16.5", "impulse = 128", "key `projection[1].rule.y1.impulse`", "128 is out of range", "below 128"),
        ("most = 100", "most = 128", "key `projection[1].rule.y1.most`", "128 is out of range", "1 to 127"),
        ("tau = 20.0 }", "tua = 20.0 }", "key `projection[1].rule.x1.tua`", "unknown key", "did you mean `tau`?"),
        ("engine = \"every-tick\"", "engine = \"loihi\"", "key `projection[1].rule.precision`", "only the engine `every-tick`", "leave it out"),
        ("\"every-tick\"\ndw = \"2^-2*x1*y0", "\"loihi\"\ndw = \"2^-2*x0*up", "key `projection[1].rule.engine`", "reads `up` or `down`", "learning.md"),
        ("\"every-tick\"\ndw = \"2^-2*x1*y0", "\"on-spikes\"\ndw = \"2^-2*x0*y0", "key `projection[1].rule.engine`", "x0 and y0 at once", "learning.md"),
        ("precision = 2", "exponent = 23", "key `projection[1].rule.exponent`", "23 is out of range", "-20 to 22"),
        ("synapses =", "weight_format = { truncation = \"brian2\", exponent = 3 }\nsynapses =", "key `projection[1].weight_format`", "their rule's", "rule.exponent"),
        ("reward_for = \"learns\"", "reward_for = \"lerns\"", "key `projection[2].reward_for`", "no plastic projection above is named `lerns`", "are learns"),
        ("weights = [[1, 1], [1, 1], [1, 1]]", "file = \"absent.npz\"", "net.toml:32, key `projection[2].file`", "absent.npz", ""),
        ("size = 2", &long, "net.toml:5", "not valid TOML", ""),
    ];
    for (from, to, place, what, hint) in cases {
        let found = problems(&changed(from, to));
        let fits = |p: &Problem| p.place.contains(place) && p.what.contains(what) && p.hint.contains(hint);
        assert!(found.iter().any(fits), "{from} -> {to}: wanted {place}: {what} ({hint}), found {found:#?}");
        assert!(found.iter().all(|p| p.place.starts_with("net.toml:")), "{found:#?}");
    }
}

/// What follows from a fault is no fault of its own.
#[test]
fn one_fault_is_one_message() {
    for (from, to) in [
        ("vth = 100", "vth = -1"),
        ("dv = [1, 2, 3]", "dv = [1, 2]"),
        ("lava-lif", "lava-lfi"),
        ("target = \"out\"", "target = \"other\""),
        ("2^-2*x1*y0", "2^-2*x3*y0"),
        ("[[0, 0, 0]", "[[0, 0]"),
        ("[5, 6]]", "[5, 99999999]]\ndelays = [[1, 1], [1, 1], [1, 1]]"),
        ("name = \"out\"\nsize = 3\noutput = true", "name = \"in\"\nsize = 3\noutput = true"),
    ] {
        let found = problems(&changed(from, to));
        // Without the population `out` the projections miss it once each.
        let wanted = if to.contains("name = \"in\"") { 4 } else { 1 };
        assert_eq!(found.len(), wanted, "{from} -> {to}: {found:#?}");
    }
}

#[test]
fn a_synapse_without_a_delay_has_its_projections() {
    let network =
        parse_network("net.toml", &changed("synapses =", "delay = 5\nsynapses ="), Path::new(".")).unwrap();
    assert_eq!(network.projections()[1].native.delays, [5, 63]);
}

/// Synapses of an archive are those of a list; what is wrong with one names the file and the entry.
#[test]
fn archives_of_arrays_read_and_are_checked() {
    let folder = std::env::temp_dir().join(format!("spikemesh-network-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |arrays: &[(&str, &[i64])]| {
        let mut archive = npyz::npz::NpzWriter::create(folder.join("synapses.npz")).unwrap();
        for (name, values) in arrays {
            use npyz::WriterBuilder;
            let array = archive.array(name, Default::default()).unwrap();
            let mut array = array.default_dtype().shape(&[values.len() as u64]).begin_nd().unwrap();
            array.extend(values.iter().copied()).unwrap();
            array.finish().unwrap();
        }
    };
    let text = changed("synapses = [[0, 0, 0], [1, 2, 20, 63]]", "file = \"synapses.npz\"\narrays = \"a_\"");
    let read = || parse_network("net.toml", &text, &folder);
    write(&[("a_source", &[1, 0]), ("a_target", &[2, 0]), ("a_weight", &[20, 0]), ("a_delay", &[63, 0])]);
    let network = read().unwrap();
    assert_eq!(network.projections()[1].native.delays, [0, 63]);
    assert_eq!(network.projections()[1].weights.synapse_count(), 2);
    type Arrays = &'static [(&'static str, &'static [i64])];
    let faults: [(Arrays, &str, &str); 5] = [
        (
            &[("source", &[1]), ("target", &[2]), ("weight", &[3])],
            "wanted the arrays a_source, a_target and a_weight",
            "`arrays`",
        ),
        (
            &[("a_source", &[1, 1]), ("a_target", &[2]), ("a_weight", &[3])],
            "differ in length",
            "one entry a synapse",
        ),
        (&[("a_source", &[1]), ("a_target", &[3]), ("a_weight", &[3])], "entry 0 joins 1 to 3", "2^24"),
        (&[("a_source", &[1]), ("a_target", &[2]), ("a_weight", &[i64::MIN])], "entry 0 joins 1 to 2", "2^24"),
        (
            &[("a_source", &[1, 1]), ("a_target", &[2, 2]), ("a_weight", &[3, 4])],
            "two synapses join 1 to 2",
            "second projection",
        ),
    ];
    for (arrays, what, hint) in faults {
        write(arrays);
        let found = read().unwrap_err().problems;
        let fits = |p: &Problem| {
            p.place == "net.toml:21, key `projection[1].file`" && p.what.contains(what) && p.hint.contains(hint)
        };
        assert!(found.iter().any(fits), "wanted {what} ({hint}), found {found:#?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
