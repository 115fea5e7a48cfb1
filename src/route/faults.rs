//! What shall fail, as users type it.

use super::request::known;
use crate::error::Problem;
use spikemesh_router::measure::{Death, Faults, FlakyLink, Part};
use spikemesh_router::{Coord, Direction, EndpointId, Topology};
use std::fmt::Write;

/// What shall fail, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultRequest {
    /// `x,y,direction`, also `x,y,direction,both`; `@cycle` behind it.
    pub dead_links: Vec<String>,
    /// `x,y`; `@cycle` behind it.
    pub dead_routers: Vec<String>,
    /// A number; `@cycle` behind it.
    pub dead_cores: Vec<String>,
    /// `x,y,direction,drop=probability,corrupt=probability`.
    pub flaky_links: Vec<String>,
}

/// Faults of which the network has not been asked yet.
#[derive(Debug, Default)]
pub(super) struct ReadFaults {
    /// With links that die both ways marked.
    deaths: Vec<(Death, bool)>,
    flaky: Vec<FlakyLink>,
}

/// Reads a death, and whether a link dies both ways.
type ReadDeath = fn(&str) -> Result<(Death, bool), String>;

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{}` is not {what}", text.trim()))
}

fn place(x: Option<&str>, y: Option<&str>) -> Result<Coord, String> {
    let axis = |text: Option<&str>, name| number(text.unwrap_or_default(), name);
    Ok(Coord { x: axis(x, "a column")?, y: axis(y, "a row")? })
}

fn direction(text: Option<&str>) -> Result<Direction, String> {
    let text = text.unwrap_or_default().trim();
    let found = Direction::ALL.into_iter().find(|direction| direction.name() == text);
    found.ok_or_else(|| {
        format!("`{text}` is no direction: {}", known(text, Direction::ALL.map(Direction::name)))
    })
}

/// What stands before `@cycle`, and the cycle; 0 if there is none.
fn at_cycle(text: &str) -> Result<(&str, u64), String> {
    match text.rsplit_once('@') {
        Some((part, cycle)) => Ok((part, number(cycle, "a cycle")?)),
        None => Ok((text, 0)),
    }
}

fn dead_link(text: &str) -> Result<(Death, bool), String> {
    let (text, cycle) = at_cycle(text)?;
    let mut items = text.split(',');
    let from = place(items.next(), items.next())?;
    let part = Part::Link(from, direction(items.next())?);
    match (items.next().map(str::trim), items.next()) {
        (None, _) => Ok((Death { part, cycle }, false)),
        (Some("both"), None) => Ok((Death { part, cycle }, true)),
        (Some(other), _) => Err(format!("`{other}` behind the direction; only `both` may stand there")),
    }
}

fn dead_router(text: &str) -> Result<(Death, bool), String> {
    let (text, cycle) = at_cycle(text)?;
    let (x, y) = text.split_once(',').ok_or_else(|| format!("`{text}` is not a column and a row"))?;
    Ok((Death { part: Part::Router(place(Some(x), Some(y))?), cycle }, false))
}

fn dead_core(text: &str) -> Result<(Death, bool), String> {
    let (text, cycle) = at_cycle(text)?;
    Ok((Death { part: Part::Endpoint(EndpointId(number(text, "the number of a core")?)), cycle }, false))
}

fn flaky_link(text: &str) -> Result<FlakyLink, String> {
    let mut items = text.split(',');
    let from = place(items.next(), items.next())?;
    let mut link = FlakyLink { from, direction: direction(items.next())?, drop: 0.0, corrupt: 0.0 };
    for item in items {
        let (key, value) = item.split_once('=').unwrap_or((item, ""));
        let chance: f64 = number(value, "a probability")?;
        if !(0.0..=1.0).contains(&chance) {
            return Err(format!("`{}`: a probability is 0 to 1", item.trim()));
        }
        match key.trim() {
            "drop" => link.drop = chance,
            "corrupt" => link.corrupt = chance,
            other => return Err(format!("`{other}` is no way to fail: {}", known(other, ["drop", "corrupt"]))),
        }
    }
    if link.drop == 0.0 && link.corrupt == 0.0 {
        return Err(format!("`{text}` never fails; say drop=0.01 or corrupt=0.001"));
    }
    Ok(link)
}

impl FaultRequest {
    /// Reads all of it; what is wrong goes to `problems`.
    pub(super) fn read(&self, problems: &mut Vec<Problem>) -> ReadFaults {
        let mut read = ReadFaults::default();
        let deaths: [(_, _, _, ReadDeath); 3] = [
            ("--dead-link", &self.dead_links, "--dead-link 2,3,east, or 2,3,east,both@500", dead_link),
            ("--dead-router", &self.dead_routers, "--dead-router 2,3, or 2,3@500", dead_router),
            ("--dead-core", &self.dead_cores, "--dead-core 5, or 5@500", dead_core),
        ];
        for (option, texts, form, one) in deaths {
            for text in texts {
                match one(text) {
                    Ok(death) => read.deaths.push(death),
                    Err(what) => problems.push(Problem::new(option, what, form)),
                }
            }
        }
        for text in &self.flaky_links {
            match flaky_link(text) {
                Ok(link) => read.flaky.push(link),
                Err(what) => {
                    let form = "--flaky-link 2,3,east,drop=0.01,corrupt=0.001";
                    problems.push(Problem::new("--flaky-link", what, form));
                }
            }
        }
        read
    }
}

impl ReadFaults {
    /// Whether nothing fails.
    pub(super) fn is_empty(&self) -> bool {
        self.deaths.is_empty() && self.flaky.is_empty()
    }

    /// Whether something fails that routes alone do not show.
    pub(super) fn needs_flits(&self) -> bool {
        !self.flaky.is_empty() || self.deaths.iter().any(|(death, _)| death.cycle > 0)
    }

    /// The faults on a network, by ascending cycle. What is not there is told by those who apply them.
    pub(super) fn on(self, topology: &Topology) -> Faults {
        let mut deaths = Vec::new();
        for (death, both) in self.deaths {
            deaths.push(death);
            if let (true, Part::Link(from, direction)) = (both, death.part)
                && let Ok(link) = topology.link_at(from, direction)
            {
                let end = topology.coord(topology.links()[link.index()].to);
                deaths.push(Death { part: Part::Link(end, direction.opposite()), ..death });
            }
        }
        deaths.sort_by_key(|death| death.cycle);
        Faults { deaths, flaky: self.flaky }
    }
}

/// Faults in words; empty if there are none.
pub(super) fn in_words(faults: &Faults) -> String {
    let mut words = Vec::new();
    for Death { part, cycle } in &faults.deaths {
        let mut text = match part {
            Part::Link(from, direction) => format!("link {from} {}", direction.name()),
            Part::Router(at) => format!("router {at}"),
            Part::Endpoint(endpoint) => format!("core {}", endpoint.0),
        };
        text.push_str(" is dead");
        if *cycle > 0 {
            let _ = write!(text, " from cycle {cycle} on");
        }
        words.push(text);
    }
    for FlakyLink { from, direction, drop, corrupt } in &faults.flaky {
        words.push(format!("link {from} {} drops {drop} and changes {corrupt}", direction.name()));
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_every_wrong_one_is_told() {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        let request = FaultRequest {
            dead_links: texts(&["0,1,east", "1,1,north,both@70"]),
            dead_routers: texts(&["2,0@5"]),
            dead_cores: texts(&["3"]),
            flaky_links: texts(&["1,0,west,drop=0.5"]),
        };
        let mut problems = Vec::new();
        let read = request.read(&mut problems);
        assert_eq!((problems.len(), read.needs_flits()), (0, true));
        let router = super::super::topology::plain_router(8);
        let faults = read.on(&super::super::topology::plain((3, 3), false, 1, &router).unwrap());
        assert_eq!(
            in_words(&faults),
            "link (0,1) east is dead; core 3 is dead; router (2,0) is dead from cycle 5 on; link (1,1) north is dead \
             from cycle 70 on; link (1,2) south is dead from cycle 70 on; link (1,0) west drops 0.5 and changes 0"
        );
        let wrong = FaultRequest {
            dead_links: texts(&["0,1", "0,1,est", "0,1,east,too", "0,1,east@x", "x,1,east"]),
            dead_routers: texts(&["1", "1,2,3"]),
            dead_cores: texts(&["-1"]),
            flaky_links: texts(&["0,0,east", "0,0,east,drop=2", "0,0,east,drip=0.1"]),
        };
        wrong.read(&mut problems);
        assert_eq!(problems.len(), 11, "{problems:?}");
    }
}
