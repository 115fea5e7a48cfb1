//! The knobs of a router as TOML: a file, and single settings over it.

use crate::error::Error;
use crate::toml_reader::{Document, Table};
use spikemesh_router::flit::{Allocator, Arbiter, FlowControl, Priority, RouterSpec, Switching, Timeouts};
use std::path::Path;

const ARBITERS: [(&str, Arbiter); 2] = [("round-robin", Arbiter::RoundRobin), ("matrix", Arbiter::Matrix)];
const PRIORITIES: [(&str, Priority); 2] = [("none", Priority::None), ("age", Priority::Age)];
const SWITCHINGS: [(&str, Switching); 2] =
    [("wormhole", Switching::Wormhole), ("virtual-cut-through", Switching::VirtualCutThrough)];
/// Whether links have stop and go.
const FLOWS: [(&str, bool); 2] = [("credits", false), ("on-off", true)];

/// Settings that are laid over a router.
#[derive(Clone, Debug, Default)]
pub(super) struct Knobs {
    /// (Name in messages, TOML), in the order in which they are laid over.
    texts: Vec<(String, String)>,
}

impl Knobs {
    /// `key=value` of a command line; `-` in a key is `_`, and a word needs no quotes.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn of_settings(settings: &[String]) -> Result<Self, Error> {
        let mut text = String::new();
        for setting in settings {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            let (key, value) = (key.trim().replace('-', "_"), value.trim());
            let is_word =
                value.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(value, "true" | "false");
            text += &if is_word { format!("{key} = \"{value}\"\n") } else { format!("{key} = {value}\n") };
        }
        let knobs = Self { texts: vec![("--set".into(), text)] };
        knobs.apply(&mut RouterSpec::default())?;
        Ok(knobs)
    }

    /// A file, with these settings over it.
    ///
    /// # Errors
    /// The file cannot be read; or everything that is wrong in it.
    pub(super) fn over_file(self, path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, "read", &e))?;
        let mut knobs = Self { texts: vec![(path.display().to_string(), text)] };
        knobs.apply(&mut RouterSpec::default())?;
        knobs.texts.extend(self.texts);
        Ok(knobs)
    }

    /// Lays them over a router.
    ///
    /// # Errors
    /// Unknown keys, and values that no router takes.
    pub(super) fn apply(&self, spec: &mut RouterSpec) -> Result<(), Error> {
        for (name, text) in &self.texts {
            let document = Document::parse(name, text)?;
            lay_over(&document.root(), spec);
            document.finish()?;
        }
        Ok(())
    }
}

fn lay_over(table: &Table<'_>, spec: &mut RouterSpec) {
    // Each within the range of its type; what goes together is the router's own check.
    let small = |key: &str, into: &mut u8, least, most| {
        if let Some(number) = table.whole(key, least, most) {
            *into = number as u8;
        }
    };
    small("channels", &mut spec.channels, 1, 32);
    small("depth", &mut spec.depth, 1, 255);
    small("routing", &mut spec.routing, 0, 200);
    small("vc_allocation", &mut spec.vc_allocation, 0, 200);
    small("switch_allocation", &mut spec.switch_allocation, 0, 200);
    small("traversal", &mut spec.traversal, 0, 200);
    small("credit", &mut spec.credit, 0, 200);
    small("input_speedup", &mut spec.input_speedup, 1, 32);
    small("output_speedup", &mut spec.output_speedup, 1, 64);
    if let Some(links) = table.whole_list("links", 0, 4096) {
        spec.links = links.into_iter().map(|cycles| cycles as u16).collect();
    }
    if let Some(cycles) = table.whole("local", 0, 4096) {
        spec.local = cycles as u16;
    }
    if let Some(flits) = table.whole("output_queue", 0, i64::from(u16::MAX)) {
        spec.output_queue = Some(flits as u16);
    }
    if let Some((emergency, drop)) = table.whole_pair("timeouts", 0, i64::from(u16::MAX)) {
        spec.timeouts = Some(Timeouts { emergency: emergency as u16, drop: drop as u16 });
    }
    for (key, into) in [
        ("speculative", &mut spec.speculative),
        ("wait_for_tail_credit", &mut spec.wait_for_tail_credit),
        ("busy_when_full", &mut spec.busy_when_full),
        ("hold_switch", &mut spec.hold_switch),
        ("booksim", &mut spec.booksim),
    ] {
        *into = table.flag(key).unwrap_or(*into);
    }
    spec.vc_allocator = table.choice("vc_allocator", &Allocator::ALL).unwrap_or(spec.vc_allocator);
    spec.switch_allocator = table.choice("switch_allocator", &Allocator::ALL).unwrap_or(spec.switch_allocator);
    spec.arbiter = table.choice("arbiter", &ARBITERS).unwrap_or(spec.arbiter);
    spec.priority = table.choice("priority", &PRIORITIES).unwrap_or(spec.priority);
    spec.switching = table.choice("switching", &SWITCHINGS).unwrap_or(spec.switching);
    let stop = table.whole("stop", 1, 254);
    match (table.choice("flow", &FLOWS), stop) {
        (Some(false), None) => spec.flow = FlowControl::Credits,
        (Some(true), Some(stop)) => spec.flow = FlowControl::OnOff { stop: stop as u8 },
        (Some(true), None) => {
            table.problem("flow", "`on-off` says stop at a number of free slots", "give it: stop = 6");
        }
        (_, Some(_)) => table.problem("stop", "`stop` is for flow = \"on-off\"", "leave it out"),
        (None, None) => {}
    }
}

/// A router as the lines of a TOML file; what is not set is left out.
pub(super) fn lines(spec: &RouterSpec) -> Vec<String> {
    fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
        names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
    }
    let stop = match spec.flow {
        FlowControl::Credits => None,
        FlowControl::OnOff { stop } => Some(stop),
    };
    let mut lines = vec![
        format!("channels = {}", spec.channels),
        format!("depth = {}", spec.depth),
        format!("routing = {}", spec.routing),
        format!("vc_allocation = {}", spec.vc_allocation),
        format!("switch_allocation = {}", spec.switch_allocation),
        format!("traversal = {}", spec.traversal),
        format!("credit = {}", spec.credit),
        format!("links = {:?}", spec.links),
        format!("local = {}", spec.local),
        format!("speculative = {}", spec.speculative),
        format!("wait_for_tail_credit = {}", spec.wait_for_tail_credit),
        format!("busy_when_full = {}", spec.busy_when_full),
        format!("input_speedup = {}", spec.input_speedup),
        format!("output_speedup = {}", spec.output_speedup),
        format!("hold_switch = {}", spec.hold_switch),
        format!("vc_allocator = \"{}\"", name(&Allocator::ALL, &spec.vc_allocator)),
        format!("switch_allocator = \"{}\"", name(&Allocator::ALL, &spec.switch_allocator)),
        format!("arbiter = \"{}\"", name(&ARBITERS, &spec.arbiter)),
        format!("priority = \"{}\"", name(&PRIORITIES, &spec.priority)),
        format!("switching = \"{}\"", name(&SWITCHINGS, &spec.switching)),
        format!("flow = \"{}\"", name(&FLOWS, &stop.is_some())),
        format!("booksim = {}", spec.booksim),
    ];
    lines.extend(stop.map(|slots| format!("stop = {slots}")));
    lines.extend(spec.output_queue.map(|flits| format!("output_queue = {flits}")));
    lines.extend(spec.timeouts.map(|t| format!("timeouts = [{}, {}]", t.emergency, t.drop)));
    lines
}

/// The router that strategies start from where nothing is said, as a TOML file.
pub fn default_router_toml() -> String {
    let unset = "# Left out: an output queue takes any number of flits, and heads wait for ever.\n\
                 # output_queue = 4\n# timeouts = [64, 256]\n";
    lines(&RouterSpec::default()).join("\n") + "\n" + unset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_travels_through_its_file() {
        let spec = RouterSpec {
            channels: 5,
            links: vec![2, 3, 9],
            speculative: true,
            output_queue: Some(7),
            vc_allocator: Allocator::Wavefront,
            arbiter: Arbiter::Matrix,
            priority: Priority::Age,
            switching: Switching::VirtualCutThrough,
            flow: FlowControl::OnOff { stop: 6 },
            timeouts: Some(Timeouts { emergency: 5, drop: 9 }),
            ..RouterSpec::default()
        };
        let read = |text: String| {
            let mut read = RouterSpec::default();
            Knobs { texts: vec![("x".into(), text)] }.apply(&mut read).map(|()| read)
        };
        assert_eq!(read(lines(&spec).join("\n")).unwrap(), spec);
        assert_eq!(read(default_router_toml()).unwrap(), RouterSpec::default());
    }

    #[test]
    fn words_need_no_quotes_and_every_fault_is_told() {
        let settings =
            |list: &[&str]| Knobs::of_settings(&list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>());
        let knobs =
            settings(&["vc-allocator=wavefront", "hold_switch=true", "links=[2, 2]", "routing = 1"]).unwrap();
        let mut spec = RouterSpec::default();
        knobs.apply(&mut spec).unwrap();
        assert_eq!((spec.vc_allocator, spec.hold_switch), (Allocator::Wavefront, true));
        assert_eq!((spec.links, spec.routing), (vec![2, 2], 1));
        let error = settings(&["vc_alocator=islip", "arbiter=matrx", "depth=0", "flow=on-off"]).unwrap_err();
        let text = error.to_string();
        for wanted in
            ["did you mean `vc_allocator`?", "did you mean `matrix`?", "0 is out of range", "stop = 6"]
        {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
    }
}
