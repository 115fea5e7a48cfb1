//! Networks in a text file of our own: populations in a chip model's registers, projections in whole numbers, learning
//! rules as expressions. Format `spikemesh-network-1`, described in `docs/formats/network.md`.

use super::{Conventions, Integrator, Native, Network, NetworkBuilder, PopulationId, Reset, Weights};
use crate::error::Error;
use crate::toml_reader::{Document, Table};
use spikemesh_cores::fixed::Rounding;
use spikemesh_cores::{
    Column, Engine, Expression, ModelKind, ParameterError, Parameters, Rule, SignMode, TraceSettings,
    Truncation, WeightFormat,
};
use std::collections::BTreeMap;
use std::path::Path;

/// What the key `format` of a network file says.
pub const NETWORK_FORMAT: &str = "spikemesh-network-1";

/// Reads a network file; paths in it are taken from its folder.
///
/// # Errors
/// The file cannot be read, or everything wrong in it.
pub fn read_network_file(path: &Path) -> Result<Network, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
    parse_network(&path.display().to_string(), &text, path.parent().unwrap_or(Path::new(".")))
}

/// Reads a network from text; `file` is its name in messages.
///
/// # Errors
/// Everything wrong in it.
pub fn parse_network(file: &str, text: &str, folder: &Path) -> Result<Network, Error> {
    let document = Document::parse(file, text)?;
    let builder = read(&document.root(), folder);
    document.finish()?;
    builder.build()
}

fn read(root: &Table<'_>, folder: &Path) -> NetworkBuilder {
    root.required_choice("format", &[(NETWORK_FORMAT, ())]);
    let name = root.required_text("name", "a name");
    let dt_s = root.number("dt_ms", 1e-6).unwrap_or(1.0) / 1000.0;
    let conventions = Conventions { dt_s, reset: Reset::Zero, integrator: Integrator::Euler };
    let mut builder = NetworkBuilder::new(name, conventions);
    // What is found faulty has a name too: one fault is one message.
    let mut names: BTreeMap<String, Option<(PopulationId, u32)>> = BTreeMap::new();
    for table in root.tables("population") {
        let name = table.required_text("name", "a name");
        let size = table.required_whole("size", 1, 1 << 24) as u32;
        let (is_input, is_output) =
            (table.flag("input").unwrap_or(false), table.flag("output").unwrap_or(false));
        let registers = if is_input { None } else { read_registers(&table, size as usize) };
        if names.contains_key(&name) {
            table.problem("name", format!("two populations are named `{name}`"), "rename one");
            continue;
        }
        let id = match registers {
            Some(registers) => Some(builder.registers(name.clone(), registers)),
            None => is_input.then(|| builder.input(name.clone(), size)),
        };
        id.filter(|_| is_output).into_iter().for_each(|id| builder.output(id));
        names.insert(name, id.map(|id| (id, size)));
    }
    let mut plastic: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for table in root.tables("projection") {
        let end = |key: &str| {
            let name = table.required_text(key, "the name of a population");
            let found = names.get(&name);
            if found.is_none() && !name.is_empty() {
                let known: Vec<&str> = names.keys().map(String::as_str).collect();
                table.problem(
                    key,
                    format!("there is no population `{name}`"),
                    format!("there are {}", known.join(", ")),
                );
            }
            (found.copied().flatten(), name)
        };
        let ((source, from_name), (target, to_name)) = (end("source"), end("target"));
        let learns = table.has("rule");
        let rule = read_rule(&table.table("rule"));
        let name = table.text("name").unwrap_or(format!("{from_name} -> {to_name}"));
        if learns && plastic.insert(name.clone(), None).is_some() {
            table.problem("name", format!("two plastic projections are named `{name}`"), "rename one");
        }
        let (Some((from, sources)), Some((to, targets))) = (source, target) else {
            // Without its ends the rest of the projection cannot be judged.
            table.keys();
            continue;
        };
        let reward_for = table.text("reward_for").and_then(|wanted| {
            let found = plastic.get(&wanted).filter(|_| wanted != name);
            if found.is_none() {
                let names: Vec<&str> = plastic.keys().map(String::as_str).collect();
                let hint = match &names[..] {
                    [] => "give the projection it rewards a `rule`, and put it before this one".to_owned(),
                    names => format!("plastic projections above are {}", names.join(", ")),
                };
                table.problem("reward_for", format!("no plastic projection above is named `{wanted}`"), hint);
            }
            found.copied().flatten()
        });
        let format = read_format(&table);
        let own = format.filter(|f| f.truncation == Truncation::Lava && f.exponent != 0).map(|f| f.exponent);
        if let Some(exponent) = format.map(|f| f.exponent).filter(|e| *e != 0 && learns) {
            table.problem(
                "weight_format",
                format!("its exponent is {exponent}, but the exponent of learned weights is their rule's"),
                "give `rule.exponent` instead",
            );
        }
        if own.is_some() && table.has("sum_exponent") {
            let what = "`sum_exponent` and an exponent in Lava's `weight_format` are the same thing";
            table.problem("sum_exponent", what, "keep one");
        }
        let limits = rule.as_ref().map(|rule| (rule.weight_least, rule.weight_most));
        let delay = table.whole("delay", 0, 63).unwrap_or(0) as u8;
        let channel = table.whole("channel", 0, 255).unwrap_or(0) as u8;
        let exponent = table.whole("sum_exponent", -15, 15).map(|e| e as i8).or(own);
        let coding = Coding { format, limits, delay };
        let Some((weights, delays)) = read_synapses(&table, folder, sources, targets, coding) else { continue };
        let native = Native { channel, delays, exponent, rule: rule.map(Box::new), reward_for };
        let number = builder.project_native(name.clone(), from, to, weights, delay, native);
        if learns {
            plastic.insert(name, Some(number));
        }
    }
    builder
}

fn read_registers(table: &Table<'_>, neurons: usize) -> Option<Parameters> {
    let models: Vec<(&str, ModelKind)> = ModelKind::ALL.iter().map(|kind| (kind.info().name, *kind)).collect();
    let model = table.required_choice("model", &models);
    let given = table.table("registers");
    let mut columns = Vec::new();
    for key in given.keys() {
        match given.whole_or_list(&key) {
            Some(Ok(value)) => columns.push((key, Column::Uniform(value))),
            Some(Err(values)) => columns.push((key, Column::Each(values))),
            None => {}
        }
    }
    let columns = columns.iter().map(|(name, column)| (name.as_str(), column.clone()));
    match Parameters::new(model?, neurons, columns) {
        Ok(parameters) => Some(parameters),
        Err(errors) => {
            for error in errors {
                let key = match &error {
                    ParameterError::Unknown { name, .. } => name.clone(),
                    ParameterError::Missing { name, .. }
                    | ParameterError::Length { name, .. }
                    | ParameterError::Range { name, .. }
                    | ParameterError::OnePerCore { name } => (*name).to_owned(),
                    ParameterError::Contradiction(_) => String::new(),
                };
                given.problem(&key, error.to_string(), "see `spikemesh models` for every register");
            }
            None
        }
    }
}

/// The format that raw weights are cut to, where one is asked for.
fn read_format(table: &Table<'_>) -> Option<WeightFormat> {
    let format = table.table("weight_format");
    if !format.is_present() {
        return None;
    }
    let modes = [
        ("mixed", SignMode::Mixed),
        ("excitatory", SignMode::Excitatory),
        ("inhibitory", SignMode::Inhibitory),
    ];
    let tools = [("lava", Truncation::Lava), ("brian2", Truncation::Brian2), ("nengo", Truncation::Nengo)];
    Some(WeightFormat {
        bits: format.whole("bits", 1, 8).unwrap_or(8) as u8,
        exponent: format.whole("exponent", -8, 7).unwrap_or(0) as i8,
        sign_mode: format.choice("sign_mode", &modes).unwrap_or(SignMode::Mixed),
        truncation: format.required_choice("truncation", &tools)?,
    })
}

/// What a raw weight becomes: Lava's exponent stays with the sum, a learned weight's with its rule, the others' is applied
/// here.
fn cut(format: Option<WeightFormat>, learns: bool, weight: i64) -> f32 {
    let weight = weight as i32;
    let cut = match format {
        None => weight,
        Some(format) if learns || format.truncation == Truncation::Lava => format.mantissa(weight),
        Some(format) => format.effective(weight),
    };
    cut as f32
}

/// What the numbers of a projection's synapses mean.
struct Coding {
    /// What weights are cut to.
    format: Option<WeightFormat>,
    /// Lowest and highest weight where they learn; among them a weight of 0 is a synapse.
    limits: Option<(i32, i32)>,
    /// Delay of synapses without one of their own.
    delay: u8,
}

/// (target, source, weight, delay) of a projection as compressed rows, with a delay for each synapse where any is given.
fn read_synapses(
    table: &Table<'_>,
    folder: &Path,
    sources: u32,
    targets: u32,
    coding: Coding,
) -> Option<(Weights, Vec<u8>)> {
    let Coding { format, limits, delay: usual } = coding;
    let given: Vec<&str> =
        ["weights", "synapses", "file", "one_to_one"].into_iter().filter(|key| table.has(key)).collect();
    if given.len() != 1 {
        let what = "wanted exactly one of `weights` (rows by target), `synapses` ([source, target, weight(, delay)]), `file` (an .npz) and `one_to_one`";
        let hint = match &given[..] {
            [] => "add one of them".to_owned(),
            given => format!("given are {}", given.join(", ")),
        };
        table.problem(given.get(1).unwrap_or(&"weights"), what, hint);
        return None;
    }
    let most = 1i64 << 24;
    let (n, m) = (targets as usize, sources as usize);
    let mut list: Vec<(u32, u32, f32, u8)> = Vec::new();
    let mut delayed = false;
    match given[0] {
        "one_to_one" => {
            let weight = table.whole("one_to_one", -most, most)?;
            if sources != targets {
                table.problem(
                    "one_to_one",
                    format!("{sources} sources for {targets} targets"),
                    "sizes must agree",
                );
                return None;
            }
            list.extend((0..targets).map(|i| (i, i, cut(format, limits.is_some(), weight), usual)));
        }
        "weights" => {
            let delays = table.has("delays").then(|| table.whole_rows("delays", 0, 63)).flatten();
            let rows = table.whole_rows("weights", -most, most)?;
            for (key, rows) in [("weights", Some(&rows)), ("delays", delays.as_ref())] {
                let Some(rows) = rows else { continue };
                if rows.len() != n || rows.iter().any(|row| row.len() != m) {
                    let found = match rows.iter().position(|row| row.len() != m) {
                        Some(at) => format!("row {at} has {}", rows[at].len()),
                        None => format!("there are {} rows", rows.len()),
                    };
                    let what = format!("wanted {targets} rows (targets) of {sources} (sources); {found}");
                    table.problem(key, what, "rows are targets; transpose the matrix if they are sources");
                    return None;
                }
            }
            delayed = delays.is_some();
            for (target, row) in rows.iter().enumerate() {
                for (source, &weight) in row.iter().enumerate() {
                    let delay = delays.as_ref().map_or(0, |delays| delays[target][source] as u8);
                    list.push((target as u32, source as u32, cut(format, limits.is_some(), weight), delay));
                }
            }
        }
        "synapses" => {
            for (at, synapse) in table.whole_rows("synapses", -most, most)?.iter().enumerate() {
                let (source, target, weight, delay) = match synapse[..] {
                    [source, target, weight] => (source, target, weight, i64::from(usual)),
                    [source, target, weight, delay] if (0..=63).contains(&delay) => {
                        delayed = true;
                        (source, target, weight, delay)
                    }
                    _ => {
                        let what = format!(
                            "synapse {at} is no [source, target, weight] with, perhaps, a delay of 0 to 63"
                        );
                        table.problem("synapses", what, "as in [[0, 1, 20], [1, 1, -5, 3]]");
                        return None;
                    }
                };
                if !(0..i64::from(sources)).contains(&source) || !(0..i64::from(targets)).contains(&target) {
                    let what = format!(
                        "synapse {at} joins {source} to {target}; there are {sources} and {targets} neurons"
                    );
                    table.problem("synapses", what, "neurons count from 0");
                    return None;
                }
                list.push((target as u32, source as u32, cut(format, limits.is_some(), weight), delay as u8));
            }
        }
        _ => {
            let prefix = table.text("arrays").unwrap_or_default();
            let path = folder.join(table.text("file")?);
            match read_npz(&path, &prefix, sources, targets) {
                Ok((synapses, with_delays)) => {
                    delayed = with_delays;
                    list.extend(
                        synapses.into_iter().map(|(t, s, w, d)| (t, s, cut(format, limits.is_some(), w), d)),
                    );
                }
                Err(problem) => {
                    table.problem("file", problem.0, problem.1);
                    return None;
                }
            }
        }
    }
    match limits {
        None => list.retain(|synapse| synapse.2 != 0.0),
        Some((least, most)) => {
            let bad = list.iter().find(|synapse| !(least as f32..=most as f32).contains(&synapse.2));
            if let Some((target, source, weight, _)) = bad {
                let what = format!(
                    "the weight from {source} to {target} is {weight}; the rule holds {least} to {most}"
                );
                table.problem(given[0], what, "widen `rule.weights`, or start within them");
                return None;
            }
        }
    }
    list.sort_by_key(|&(target, source, ..)| (target, source));
    if let Some(twice) = list.windows(2).find(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1)) {
        let what = format!("two synapses join {} to {}", twice[0].1, twice[0].0);
        table.problem(given[0], what, "add a second projection for a second synapse between the same neurons");
        return None;
    }
    let mut offsets = vec![0u64; n + 1];
    list.iter().for_each(|synapse| offsets[synapse.0 as usize + 1] += 1);
    (0..n).for_each(|i| offsets[i + 1] += offsets[i]);
    let delays = if delayed { list.iter().map(|synapse| synapse.3).collect() } else { Vec::new() };
    let entries = list.into_iter().map(|(_, source, weight, _)| (source, weight)).collect();
    Some((Weights::Sparse { sources, offsets, entries }, delays))
}

/// (target, source, weight, delay) lists.
type RawSynapses = Vec<(u32, u32, i64, u8)>;

/// Synapses of an NPZ file: whole-number arrays `source`, `target`, `weight` and optionally `delay`, each name with the
/// prefix before it; (what is wrong, hint) otherwise.
fn read_npz(
    path: &Path,
    prefix: &str,
    sources: u32,
    targets: u32,
) -> Result<(RawSynapses, bool), (String, String)> {
    let file = path.display();
    let names = ["source", "target", "weight", "delay"].map(|name| format!("{prefix}{name}"));
    let mut arrays = crate::npz::read_npz(path, &names.each_ref().map(String::as_str)).map_err(|e| {
        let problem = e.problems.first();
        problem.map_or_else(Default::default, |p| (format!("{}: {}", p.place, p.what), p.hint.clone()))
    })?;
    let mut array = |at: usize| arrays.remove(&names[at]).map(|array| array.values);
    let (Some(from), Some(to), Some(weights)) = (array(0), array(1), array(2)) else {
        let what = format!("{file}: wanted the arrays {}, {} and {}", names[0], names[1], names[2]);
        return Err((what, "give the prefix of their names with `arrays`".into()));
    };
    let delays = array(3);
    let n = from.len();
    if to.len() != n || weights.len() != n || delays.as_ref().is_some_and(|d| d.len() != n) {
        return Err((format!("{file}: the arrays differ in length"), "one entry a synapse in each".into()));
    }
    let mut synapses = Vec::with_capacity(n);
    for i in 0..n {
        let delay = delays.as_ref().map_or(0, |d| d[i]);
        let fits = (0..i64::from(sources)).contains(&from[i])
            && (0..i64::from(targets)).contains(&to[i])
            && (-(1 << 24)..=1 << 24).contains(&weights[i])
            && (0..=63).contains(&delay);
        if !fits {
            let what = format!(
                "{file}: entry {i} joins {} to {} with weight {} and delay {delay}; there are {sources} and {targets} neurons",
                from[i], to[i], weights[i]
            );
            return Err((what, "weights are below 2^24, delays 0 to 63".into()));
        }
        synapses.push((to[i] as u32, from[i] as u32, weights[i], delay as u8));
    }
    Ok((synapses, delays.is_some()))
}

fn read_rule(table: &Table<'_>) -> Option<Rule> {
    if !table.is_present() {
        return None;
    }
    let engine = table.required_choice("engine", &Engine::ALL);
    let expression = |key: &str, text: String| match Expression::parse(&text) {
        Ok(expression) => Some(expression),
        Err(error) => {
            table.problem(key, error.to_string(), "as in \"2^-2*x1*y0 - 2^-2*y1*x0\"");
            None
        }
    };
    let dw = expression("dw", table.required_text("dw", "an expression"));
    let dt = table.text("dt").and_then(|text| expression("dt", text));
    let traces = ["x1", "x2", "y1", "y2", "y3"].map(|name| read_trace(&table.table(name)));
    let roundings = Rounding::ALL.map(|(_, mode)| (mode.name(), mode));
    let (least, most) = table.whole_pair("weights", -(1 << 20), 1 << 20).unwrap_or((0, 255));
    let precision = table.whole("precision", 1, 256).unwrap_or(1);
    if precision.count_ones() != 1 {
        table.problem("precision", format!("{precision} is not a power of two"), "1, 2, 4 and so on to 256");
    }
    if least > most {
        table.problem("weights", format!("{least} is above {most}"), "the lowest weight first");
        return None;
    }
    let tag_keep = keep(table.number("tag_tau", 0.0), 1 << 32);
    let rule = Rule {
        dt,
        traces,
        tag_keep,
        epoch: table.whole("epoch", 1, 63).unwrap_or(1) as u32,
        weight_least: least as i32,
        weight_most: most as i32,
        exponent: table.whole("exponent", -20, 22).unwrap_or(0) as i8,
        shift: table.whole("shift", 0, 6).unwrap_or(0) as u8,
        precision: if precision.count_ones() == 1 { precision as i32 } else { 1 },
        rounding: table.choice("rounding", &roundings).unwrap_or(Rounding::Nearest),
        seed: table.whole("seed", 0, i64::MAX).unwrap_or(0) as u64,
        ..Rule::new(engine?, dw?)
    };
    for (key, only) in [
        ("epoch", Engine::Loihi),
        ("precision", Engine::EveryTick),
        ("rounding", Engine::OnSpikes),
        ("tag_tau", Engine::OnSpikes),
    ] {
        if table.has(key) && rule.engine != only {
            let name = Engine::ALL.iter().find(|(_, engine)| *engine == only).map_or("", |(name, _)| name);
            table.problem(key, format!("only the engine `{name}` has it"), "leave it out");
        }
    }
    if let Err(error) = rule.check() {
        table.problem("engine", error.to_string(), "docs/formats/learning.md says what each engine can do");
        return None;
    }
    Some(rule)
}

/// What a trace of that time constant keeps a tick, 32 fraction bits; without one, `absent`.
fn keep(tau: Option<f64>, absent: u64) -> u64 {
    match tau {
        None => absent,
        Some(0.0) => 0,
        Some(tau) => (libm::exp(-1.0 / tau) * 4_294_967_296.0).round() as u64,
    }
}

fn read_trace(table: &Table<'_>) -> TraceSettings {
    if !table.is_present() {
        return TraceSettings::default();
    }
    let impulse = table.number("impulse", 0.0).unwrap_or(0.0);
    if impulse >= 128.0 {
        table.problem("impulse", format!("{impulse} is out of range"), "a number from 0 to below 128");
    }
    let impulse = impulse.min(127.0 + 255.0 / 256.0);
    TraceSettings {
        impulse: impulse as u8,
        impulse_fraction: (impulse.fract() * 256.0) as u8,
        keep: keep(table.number("tau", 0.0), 1 << 32),
        most: table.whole("most", 1, 127).unwrap_or(127) as u8,
        nearest: table.flag("nearest").unwrap_or(false),
    }
}

#[cfg(test)]
mod tests;
