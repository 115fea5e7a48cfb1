//! Packets with several destinations: the dependencies of their trees.
//!
//! A packet that fits into a buffer leaves a router branch by branch, so it depends on the next channels alone. A longer
//! packet in wormhole switching moves on all its branches at once: it holds the channel of one while it waits for that
//! of another. These *fork dependencies* close a cycle wherever two packets may take the same two branches in different
//! order, so a tree with forks is not free of deadlock then; a path, which only drops copies at its destinations, is.
//!
//! What parts at the source's own router is taken as separate packets, which the source sends one after the other.

use super::channels::Dependencies;
use super::graph::shortest_cycle;
use super::{Cycle, Finding, LISTED_PAIRS, Proof, ProofError, STATE_LIMIT, Switching, live_endpoints};
use crate::route::RouteRequest;
use crate::routing::{Candidates, ChannelSet, OutputPort, RouteState, Routing};
use crate::topology::{EndpointId, LinkId, RouterId, Topology};

/// All packets from one live endpoint to two others; what can happen at a fork happens among them. For small networks:
/// there are about half of the cube of their number.
pub fn pair_requests(topology: &Topology) -> Vec<RouteRequest> {
    let live: Vec<_> = live_endpoints(topology).collect();
    let mut requests = Vec::new();
    for &source in &live {
        for (i, &a) in live.iter().enumerate().filter(|&(_, &a)| a != source) {
            let others = live[i + 1..].iter().filter(|&&b| b != source);
            requests.extend(others.map(|&b| RouteRequest { source, destinations: vec![a, b] }));
        }
    }
    requests
}

/// Proves that the packets of these requests, together, cannot deadlock; every way on of every branch is followed.
/// Requests of dead endpoints are left out. An escape is not looked for: no multicast strategy has one.
///
/// # Errors
/// Too many states.
pub fn prove_multicast(
    topology: &Topology,
    routing: &dyn Routing,
    switching: Switching,
    requests: &[RouteRequest],
) -> Result<Proof, ProofError> {
    let mut graph = Dependencies::new(topology, routing.virtual_channels());
    let mut candidates = Candidates::default();
    let mut lost = Vec::new();
    let mut visited = 0;
    for request in requests {
        let each = |trunk: Channels, branch: Channels, _: &[EndpointId]| graph.add(trunk, branch);
        walk_tree(topology, routing, switching, request, (&mut candidates, &mut visited), each, &mut lost)?;
    }
    lost.sort_unstable();
    lost.dedup();
    let successors = |vertex: usize, out: &mut Vec<usize>| graph.successors(vertex, out);
    let finding = match shortest_cycle(graph.len(), &successors) {
        _ if switching.bufferless => Finding::Bufferless,
        None => Finding::Acyclic,
        Some(cycle) => {
            let cycle: Vec<_> = cycle.into_iter().map(|vertex| graph.channel(vertex)).collect();
            let mut destinations = vec![Vec::new(); cycle.len()];
            visited = 0;
            for request in requests {
                let each = |(link, held): Channels, (next, wanted): Channels, to: &[EndpointId]| {
                    let after = cycle.iter().cycle().skip(1);
                    for (list, (holds, wants)) in destinations.iter_mut().zip(cycle.iter().zip(after)) {
                        let holding = holds.0 == link && held.contains(holds.1);
                        if holding && wants.0 == next && wanted.contains(wants.1) {
                            list.extend_from_slice(to);
                        }
                    }
                };
                let scratch = (&mut candidates, &mut visited);
                walk_tree(topology, routing, switching, request, scratch, each, &mut Vec::new())?;
            }
            destinations.iter_mut().for_each(|list| {
                list.sort_unstable();
                list.dedup();
            });
            let cycle = Cycle::new(topology, &cycle, destinations);
            let note = (!switching.whole_packets).then_some(
                "Packets that fork hold one branch while they wait for another; packets of one flit do not",
            );
            if switching.timeouts { Finding::BrokenByTimeout(cycle) } else { Finding::Cyclic { cycle, note } }
        }
    };
    let unreached = lost.len() as u64;
    lost.truncate(LISTED_PAIRS);
    Ok(Proof {
        routing: routing.name(),
        finding,
        channels: graph.len(),
        dependencies: graph.edges(),
        unreached,
        unreached_pairs: lost,
    })
}

/// Some channels of a link.
type Channels = (LinkId, ChannelSet);

/// Follows a request's packet along all its ways and tells every dependency: the channels held, those asked for, and for
/// which destinations.
fn walk_tree(
    topology: &Topology,
    routing: &dyn Routing,
    switching: Switching,
    RouteRequest { source, destinations }: &RouteRequest,
    (candidates, visited): (&mut Candidates, &mut u64),
    mut each: impl FnMut(Channels, Channels, &[EndpointId]),
    lost: &mut Vec<(EndpointId, EndpointId)>,
) -> Result<(), ProofError> {
    /// A copy that has come to a router.
    struct Copy {
        here: RouterId,
        over: Option<Channels>,
        destinations: Vec<EndpointId>,
        state: RouteState,
    }
    let mut remote = destinations.clone();
    remote.retain(|&to| to != *source && !topology.is_endpoint_dead(to));
    if topology.is_endpoint_dead(*source) || remote.is_empty() {
        return Ok(());
    }
    let state = routing.at_source(topology, *source, &remote, 0);
    let here = topology.endpoints()[source.index()].router;
    let mut work = vec![Copy { here, over: None, destinations: remote, state }];
    while let Some(Copy { here, over, mut destinations, state }) = work.pop() {
        *visited += 1;
        if *visited > STATE_LIMIT {
            return Err(ProofError::TooLarge { routing: routing.name(), limit: STATE_LIMIT });
        }
        let from = over.map(|(link, _)| link);
        routing.legal(topology, here, from, &mut destinations, state, candidates);
        let mut rest = &destinations[..];
        let mut forks: Vec<Channels> = Vec::new();
        for (count, alternatives) in candidates.branches() {
            let (served, after) = rest.split_at(count);
            rest = after;
            let siblings = forks.len();
            let mut goes_on = false;
            for alternative in alternatives {
                let OutputPort::Link(link) = alternative.port else {
                    goes_on = true;
                    continue;
                };
                if topology.is_dead(link) {
                    continue;
                }
                goes_on = true;
                let branch = (link, alternative.channels);
                if let Some(trunk) = over {
                    each(trunk, branch, served);
                    if !switching.whole_packets {
                        for &sibling in &forks[..siblings] {
                            each(sibling, branch, served);
                            each(branch, sibling, served);
                        }
                    }
                }
                forks.push(branch);
                let here = topology.links()[link.index()].to;
                work.push(Copy {
                    here,
                    over: Some(branch),
                    destinations: served.to_vec(),
                    state: alternative.next,
                });
            }
            if !goes_on {
                lost.extend(served.iter().map(|&to| (*source, to)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::strategies;
    use crate::topology::tests::mesh;

    #[test]
    fn trees_are_free_with_packets_of_one_flit_and_paths_with_any() {
        let topology = mesh(4, 4, 1);
        let requests = pair_requests(&topology);
        assert_eq!(requests.len(), 16 * 15 * 14 / 2);
        for row in strategies().iter().filter(|row| row.multicast) {
            let routing = row.build(&topology, (row.channels)(&topology)).unwrap();
            let one =
                prove_multicast(&topology, routing.as_ref(), Switching::whole_packets(), &requests).unwrap();
            assert_eq!((&one.finding, one.unreached), (&Finding::Acyclic, 0), "{one}");
            let long = prove_multicast(&topology, routing.as_ref(), Switching::wormhole(), &requests).unwrap();
            assert_eq!(long.is_free(), row.name == "dual-path", "{long}");
            if let Some(cycle) = long.cycle() {
                assert_eq!(cycle.waits.len(), 2, "two packets at one fork");
            }
        }
    }
}
