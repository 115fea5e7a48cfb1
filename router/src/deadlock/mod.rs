//! Proves that a routing function cannot deadlock, or names the shortest cycle of waiting packets.
//!
//! The vertices of the *channel dependency graph* are virtual channels of links. An edge leads from `a` to `b` if a packet that
//! holds `a` may ask for `b`, for some live source, destination and state that can occur; packets are walked, not
//! guessed, so a turn that no packet makes is no edge.
//!
//! | finding | why no deadlock |
//! |---|---|
//! | [`Finding::Acyclic`] | no cycle, so some packet can always move (Dally & Seitz 1987) |
//! | [`Finding::Escape`] | a cycle, but the escape channels are always offered and their extended graph has none (Duato 1993) |
//! | [`Finding::Bufferless`] | nothing waits in a buffer; that packets arrive rests on the oldest going first |
//! | [`Finding::BrokenByTimeout`] | it can deadlock; packets that wait too long are dropped |
//! | [`Finding::Cyclic`] | it can deadlock |
//!
//! Assumed is that endpoints take every packet that reaches them, that a packet keeps asking until it is served and, under
//! [`Finding::Escape`], that it asks for the escape too. A copy for several destinations is walked by
//! [`prove_multicast`]; [`prove`] is about packets with one destination.

mod channels;
mod cycle;
mod graph;
mod multicast;
mod walk;

pub use cycle::{Cycle, Wait};
pub use multicast::{pair_requests, prove_multicast};

use crate::routing::{ChannelSet, Needs, Routing};
use crate::topology::{EndpointId, LinkId, Topology};
use channels::{Dependencies, Extended};
use graph::shortest_cycle;
use std::fmt;
use walk::Walk;

/// Most (destination, link, state) triples one proof visits.
const STATE_LIMIT: u64 = 1 << 25;
/// Most escape channels whose extended graph is kept.
const ESCAPE_LIMIT: usize = 1 << 14;
/// Pairs of endpoints that are listed; all are counted.
const LISTED_PAIRS: usize = 1000;

/// What a proof must know of the routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switching {
    /// A virtual channel takes a packet's head only once the packet before it has left the channel's buffer.
    pub one_packet_a_channel: bool,
    /// A packet that is blocked fits into one buffer: packets of one flit, or virtual cut-through.
    pub whole_packets: bool,
    /// Routers have no buffers and deflect.
    pub bufferless: bool,
    /// Packets that wait too long are dropped.
    pub timeouts: bool,
}

impl Switching {
    /// Wormhole switching: a packet may lie over many channels, and a channel may hold several packets.
    pub fn wormhole() -> Self {
        Self::default()
    }

    /// Packets that fit into one buffer.
    pub fn whole_packets() -> Self {
        Self { whole_packets: true, ..Self::default() }
    }

    /// Wormhole switching with what a strategy asks for.
    pub fn with(needs: Needs) -> Self {
        Self {
            one_packet_a_channel: needs == Needs::OnePacketAChannel,
            bufferless: needs == Needs::Deflection,
            timeouts: needs == Needs::Timeouts,
            ..Self::default()
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Free of deadlock: the dependency graph has no cycle.
    Acyclic,
    /// Free of deadlock by an escape sub-network.
    Escape {
        /// Escape channels, over all links.
        channels: usize,
        /// Direct and indirect dependencies between them.
        dependencies: u64,
    },
    /// Free of deadlock as no packet waits in a buffer. Livelock is not excluded by the routing: it is up to the router,
    /// which must let the oldest packet go first.
    Bufferless,
    /// Not free of deadlock: packets that wait too long are dropped.
    BrokenByTimeout(Cycle),
    /// Not free of deadlock.
    Cyclic {
        /// The shortest cycle.
        cycle: Cycle,
        /// Why an escape did not help, or what would.
        note: Option<&'static str>,
    },
}

/// A proof, or what stands against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The routing function's name.
    pub routing: &'static str,
    /// What was found.
    pub finding: Finding,
    /// Vertices of the dependency graph.
    pub channels: usize,
    /// Its edges.
    pub dependencies: u64,
    /// Pairs of live endpoints between which a packet may come to where no way leads on.
    pub unreached: u64,
    /// The first thousand of them, source and destination.
    pub unreached_pairs: Vec<(EndpointId, EndpointId)>,
}

impl Proof {
    /// Whether no deadlock can occur.
    pub fn is_free(&self) -> bool {
        matches!(self.finding, Finding::Acyclic | Finding::Escape { .. } | Finding::Bufferless)
    }

    /// The cycle, if there is one that matters.
    pub fn cycle(&self) -> Option<&Cycle> {
        match &self.finding {
            Finding::BrokenByTimeout(cycle) | Finding::Cyclic { cycle, .. } => Some(cycle),
            _ => None,
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proof { routing, channels, dependencies, unreached, .. } = self;
        match &self.finding {
            Finding::Acyclic => {
                write!(
                    f,
                    "`{routing}` is free of deadlock: {dependencies} dependencies between {channels} channels, no cycle"
                )?;
            }
            Finding::Escape { channels: escape, dependencies } => write!(
                f,
                "`{routing}` is free of deadlock by its escape: {dependencies} direct and indirect dependencies \
                 between {escape} of {channels} channels, no cycle"
            )?,
            Finding::Bufferless => write!(
                f,
                "`{routing}` is free of deadlock: no buffers, nothing waits; that packets arrive rests on the oldest \
                 going first"
            )?,
            Finding::BrokenByTimeout(cycle) => write!(
                f,
                "`{routing}` is not free of deadlock; packets that wait too long are dropped. Shortest cycle:\n{cycle}"
            )?,
            Finding::Cyclic { cycle, note } => {
                write!(f, "`{routing}` can deadlock. Shortest cycle:\n{cycle}")?;
                if let Some(note) = note {
                    write!(f, "\n{note}")?;
                }
            }
        }
        match unreached {
            0 => Ok(()),
            _ => write!(f, "\nPackets of {unreached} pairs of endpoints may find no way"),
        }
    }
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Too many states.
    #[error(
        "proving `{routing}` here takes more than {limit} packet states; prove it on a smaller network of the same kind"
    )]
    TooLarge {
        /// The routing function.
        routing: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Too many escape channels.
    #[error(
        "`{routing}` has {given} escape channels here, at most {limit} can be proven; prove it on a smaller network of the same kind"
    )]
    TooManyEscapes {
        /// The routing function.
        routing: &'static str,
        /// Escape channels there are.
        given: usize,
        /// The limit.
        limit: usize,
    },
}

/// Proves that packets with one destination cannot deadlock, or finds out how they can.
///
/// # Errors
/// A network too large.
pub fn prove(topology: &Topology, routing: &dyn Routing, switching: Switching) -> Result<Proof, ProofError> {
    let mut graph = Dependencies::new(topology, routing.virtual_channels());
    let mut walk = Walk::default();
    let mut visited = 0;
    let (mut unreached, mut unreached_pairs) = (0, Vec::new());
    for destination in live_endpoints(topology) {
        walk.to(topology, routing, destination, &mut visited)?;
        graph.add_walk(&walk);
        let lost = walk.lost_sources();
        unreached += lost.len() as u64;
        let room = LISTED_PAIRS - unreached_pairs.len();
        unreached_pairs.extend(lost.into_iter().take(room).map(|source| (source, destination)));
    }
    unreached_pairs.sort_unstable();
    let finding = find(topology, routing, switching, &graph)?;
    Ok(Proof {
        routing: routing.name(),
        finding,
        channels: graph.len(),
        dependencies: graph.edges(),
        unreached,
        unreached_pairs,
    })
}

fn live_endpoints(topology: &Topology) -> impl Iterator<Item = EndpointId> {
    (0..topology.endpoints().len() as u32).map(EndpointId).filter(|&end| !topology.is_endpoint_dead(end))
}

fn find(
    topology: &Topology,
    routing: &dyn Routing,
    switching: Switching,
    graph: &Dependencies<'_>,
) -> Result<Finding, ProofError> {
    if switching.bufferless {
        return Ok(Finding::Bufferless);
    }
    let successors = |vertex: usize, out: &mut Vec<usize>| graph.successors(vertex, out);
    let Some(cycle) = shortest_cycle(graph.len(), &successors) else { return Ok(Finding::Acyclic) };
    let note = match routing.escape() {
        None => None,
        Some(_) if !switching.one_packet_a_channel && !switching.whole_packets => {
            Some("Its escape channels would help if a virtual channel held one packet at a time")
        }
        Some(escape) => match prove_escape(topology, routing, escape)? {
            EscapeFinding::Free(finding) => return Ok(finding),
            EscapeFinding::Cyclic(cycle) => {
                let note =
                    Some("These are dependencies between its escape channels, some by way of other channels");
                return Ok(Finding::Cyclic { cycle, note });
            }
            EscapeFinding::NotOffered => Some("Its escape channels are not offered everywhere"),
        },
    };
    let cycle: Vec<_> = cycle.into_iter().map(|vertex| graph.channel(vertex)).collect();
    let made_by = |walk: &Walk, edges: &[Edge]| {
        let made = |&((link, channel), (next, wanted)): &Edge| {
            let holds = |node: &&walk::Node| node.link == Some(link) && node.held.contains(channel);
            let wants = |step: &walk::Step| step.link == next && step.channels.contains(wanted);
            walk.nodes.iter().filter(holds).any(|node| walk.steps_of(node).iter().any(wants))
        };
        edges.iter().map(made).collect()
    };
    let cycle = name_cycle(topology, routing, &cycle, &made_by)?;
    Ok(if switching.timeouts { Finding::BrokenByTimeout(cycle) } else { Finding::Cyclic { cycle, note } })
}

/// One channel waiting for another.
type Edge = ((LinkId, u8), (LinkId, u8));

/// Which of some edges the packets of a walk make.
type MadeBy<'a> = dyn Fn(&Walk, &[Edge]) -> Vec<bool> + 'a;

/// Finds the destinations that make each dependency of a cycle.
fn name_cycle(
    topology: &Topology,
    routing: &dyn Routing,
    cycle: &[(LinkId, u8)],
    made_by: &MadeBy<'_>,
) -> Result<Cycle, ProofError> {
    let next = cycle.iter().cycle().skip(1);
    let edges: Vec<Edge> = cycle.iter().copied().zip(next.copied()).collect();
    let mut destinations = vec![Vec::new(); edges.len()];
    let (mut walk, mut visited) = (Walk::default(), 0);
    for destination in live_endpoints(topology) {
        walk.to(topology, routing, destination, &mut visited)?;
        for (list, made) in destinations.iter_mut().zip(made_by(&walk, &edges)) {
            list.extend(made.then_some(destination));
        }
    }
    Ok(Cycle::new(topology, cycle, destinations))
}

enum EscapeFinding {
    Free(Finding),
    NotOffered,
    Cyclic(Cycle),
}

/// Duato's condition: the escape is offered to every packet everywhere, and no cycle of direct and indirect dependencies
/// joins its channels. Then its paths also end, and they end at the destinations.
fn prove_escape(
    topology: &Topology,
    routing: &dyn Routing,
    escape: ChannelSet,
) -> Result<EscapeFinding, ProofError> {
    let given = Extended::size(topology, escape);
    if given > ESCAPE_LIMIT {
        let routing = routing.name();
        return Err(ProofError::TooManyEscapes { routing, given, limit: ESCAPE_LIMIT });
    }
    let mut graph = Extended::new(topology, escape);
    let (mut walk, mut visited) = (Walk::default(), 0);
    for destination in live_endpoints(topology) {
        walk.to(topology, routing, destination, &mut visited)?;
        if !graph.always_offered(&walk) {
            return Ok(EscapeFinding::NotOffered);
        }
        graph.add_walk(&walk);
    }
    let successors = |vertex: usize, out: &mut Vec<usize>| graph.successors(vertex, out);
    let Some(cycle) = shortest_cycle(graph.len(), &successors) else {
        let (channels, dependencies) = (graph.len(), graph.edges());
        return Ok(EscapeFinding::Free(Finding::Escape { channels, dependencies }));
    };
    let cycle: Vec<_> = cycle.into_iter().map(|vertex| graph.channel(vertex)).collect();
    let made_by = |walk: &Walk, edges: &[Edge]| graph.made_by(walk, edges);
    name_cycle(topology, routing, &cycle, &made_by).map(EscapeFinding::Cyclic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::broken::UnrestrictedAdaptive;
    use crate::routing::{DimensionOrder, strategy};
    use crate::topology::tests::{mesh, spec};

    #[test]
    fn a_broken_strategy_is_caught_with_a_cycle_of_four() {
        let proof = prove(&mesh(4, 4, 1), &UnrestrictedAdaptive, Switching::wormhole()).unwrap();
        assert!(!proof.is_free());
        let cycle = proof.cycle().unwrap();
        assert_eq!(cycle.waits.len(), 4);
        for (wait, next) in cycle.waits.iter().zip(cycle.waits.iter().cycle().skip(1)) {
            assert_eq!(wait.to, next.from);
            assert!(wait.destination_count > 0);
        }
        assert!(proof.to_string().contains("(0,0)→(1,0) vc0 waits for (1,0)→(1,1) vc0"), "{proof}");
    }

    #[test]
    fn xy_without_a_dateline_closes_the_ring_of_a_torus() {
        let torus = Topology::torus(&spec(5, 4, 1)).unwrap();
        let proof = prove(&torus, &DimensionOrder::xy(), Switching::wormhole()).unwrap();
        let cycle = proof.cycle().unwrap();
        assert!(cycle.waits.iter().any(|wait| wait.wraps));
        assert_eq!(
            cycle.waits.len(),
            4,
            "the ring of a column: with five columns, three links a row are never one packet's"
        );
        let dateline = DimensionOrder::xy().with_channels(2).on(&torus);
        assert_eq!(prove(&torus, &dateline, Switching::wormhole()).unwrap().finding, Finding::Acyclic);
    }

    #[test]
    fn an_escape_helps_only_if_a_channel_holds_one_packet() {
        let topology = mesh(4, 4, 1);
        let row = strategy("minimal-adaptive").unwrap();
        let routing = row.build(&topology, 2).unwrap();
        let proof = prove(&topology, routing.as_ref(), Switching::wormhole()).unwrap();
        assert!(matches!(proof.finding, Finding::Cyclic { note: Some(_), .. }));
        let proof = prove(&topology, routing.as_ref(), Switching::with(row.needs)).unwrap();
        assert!(matches!(proof.finding, Finding::Escape { channels: 48, .. }), "{proof}");
        let proof = prove(&topology, routing.as_ref(), Switching::whole_packets()).unwrap();
        assert!(proof.is_free());
    }

    #[test]
    fn too_many_states_are_an_error_and_not_a_wait() {
        let topology = mesh(32, 32, 1);
        let routing = strategy("valiant").unwrap().build(&topology, 2).unwrap();
        let error = prove(&topology, routing.as_ref(), Switching::wormhole()).unwrap_err();
        assert!(matches!(error, ProofError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn pairs_behind_a_fault_are_listed() {
        let mut topology = mesh(3, 1, 1);
        topology.kill_link(crate::Coord { x: 1, y: 0 }, crate::Direction::East).unwrap();
        let proof = prove(&topology, &DimensionOrder::xy(), Switching::wormhole()).unwrap();
        let pair = |a, b| (EndpointId(a), EndpointId(b));
        assert_eq!((proof.unreached, proof.unreached_pairs), (2, vec![pair(0, 2), pair(1, 2)]));
        topology.kill_endpoint(EndpointId(2)).unwrap();
        let proof = prove(&topology, &DimensionOrder::xy(), Switching::wormhole()).unwrap();
        assert_eq!(proof.unreached, 0, "nobody sends to what is dead");
    }
}
