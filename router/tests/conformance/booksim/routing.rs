//! Routing functions as BookSim2 has them, defects included.
//!
//! `min_adapt` and `planar_adapt` keep one way a priority, so both go x first and then y; the textbook forms are the
//! library's `minimal-adaptive` and `planar-adaptive`. `xy_yx` classes share a channel if their number is odd.

use super::knuth::Streams;
use spikemesh_router::{
    Alternative, Candidates, ChannelSet, Coord, Direction, EndpointId, LinkId, Load, OutputPort, RouteState,
    RouterId, Routing, Topology,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    DimensionOrder,
    XyYx,
    AdaptiveXyYx,
    Romm,
    Valiant,
    MinAdapt,
    PlanarAdapt,
}

impl Function {
    pub(super) const NAMES: &[(&str, Function)] = &[
        ("dor", Function::DimensionOrder),
        ("dim_order", Function::DimensionOrder),
        ("xy_yx", Function::XyYx),
        ("adaptive_xy_yx", Function::AdaptiveXyYx),
        ("romm", Function::Romm),
        ("valiant", Function::Valiant),
        ("min_adapt", Function::MinAdapt),
        ("planar_adapt", Function::PlanarAdapt),
    ];

    /// State of a packet whose head leaves its source.
    pub(super) fn start(
        self,
        topology: &Topology,
        (source, destination): (EndpointId, EndpointId),
        streams: &mut Streams,
        load: &dyn Load,
    ) -> RouteState {
        let (from, to) = (topology.endpoint_coord(source), topology.endpoint_coord(destination));
        let coin = |streams: &mut Streams| RouteState(1 - streams.integer(1));
        match self {
            Function::XyYx | Function::AdaptiveXyYx if source == destination => RouteState(XY),
            Function::XyYx => coin(streams),
            Function::AdaptiveXyYx => {
                let here = topology.endpoints()[source.index()].router;
                let used = |x_first| {
                    step(from, to, x_first)
                        .and_then(|direction| topology.link_from(here, direction))
                        .map_or(0, |link| load.occupied(link))
                };
                match used(true).cmp(&used(false)) {
                    std::cmp::Ordering::Less => RouteState(XY),
                    std::cmp::Ordering::Greater => RouteState(YX),
                    std::cmp::Ordering::Equal => coin(streams),
                }
            }
            Function::Romm => {
                let x = from.x.min(to.x) + streams.integer(u32::from(from.x.abs_diff(to.x))) as u16;
                let y = from.y.min(to.y) + streams.integer(u32::from(from.y.abs_diff(to.y))) as u16;
                let between = topology.router_at(Coord { x, y }).expect("it lies inside the mesh");
                RouteState(between.0)
            }
            Function::Valiant => RouteState(streams.integer(topology.router_count() as u32 - 1)),
            Function::DimensionOrder | Function::MinAdapt | Function::PlanarAdapt => RouteState(0),
        }
    }
}

const XY: u32 = 0;
const YX: u32 = 1;
/// A packet of `min_adapt` that has taken the escape channel.
const ESCAPED: u32 = 1;
/// A packet of two phases that has been at its intermediate router.
const SECOND: u32 = 1 << 31;

fn step(from: Coord, to: Coord, x_first: bool) -> Option<Direction> {
    let along = |a: u16, b: u16, up, down| match b.cmp(&a) {
        std::cmp::Ordering::Greater => Some(up),
        std::cmp::Ordering::Less => Some(down),
        std::cmp::Ordering::Equal => None,
    };
    let x = along(from.x, to.x, Direction::East, Direction::West);
    let y = along(from.y, to.y, Direction::North, Direction::South);
    if x_first { x.or(y) } else { y.or(x) }
}

/// A routing function with so many channels.
pub(super) struct Rival {
    pub(super) function: Function,
    pub(super) channels: u8,
}

impl Rival {
    /// (Channels, next state) of the ways over the one port there is.
    fn ways(&self, state: u32) -> Vec<(ChannelSet, u32)> {
        let (v, half) = (self.channels, self.channels / 2);
        match self.function {
            Function::DimensionOrder => vec![(ChannelSet::first(v), 0)],
            // The input channel alone tells the class, so the shared one of an odd number turns XY into YX.
            Function::XyYx | Function::AdaptiveXyYx if state == XY => {
                vec![(ChannelSet::first(half), XY), (ChannelSet::range(half, v - half), YX)]
            }
            Function::XyYx | Function::AdaptiveXyYx => vec![(ChannelSet::range(half, v), YX)],
            Function::Romm | Function::Valiant if state & SECOND == 0 => {
                vec![(ChannelSet::first(v - half), state)]
            }
            Function::Romm | Function::Valiant => vec![(ChannelSet::range(half, v), state)],
            Function::MinAdapt if state == ESCAPED => vec![(ChannelSet::first(1), ESCAPED)],
            Function::MinAdapt => vec![(ChannelSet::first(1), ESCAPED), (ChannelSet::range(1, v), 0)],
            Function::PlanarAdapt => vec![(ChannelSet::range(2 * (v / 3), v), 0)],
        }
    }
}

impl Routing for Rival {
    fn name(&self) -> &'static str {
        "booksim"
    }

    fn virtual_channels(&self) -> u8 {
        self.channels
    }

    fn answers_by_side(&self) -> Option<u8> {
        match self.function {
            Function::Romm | Function::Valiant => None,
            _ => Some(2),
        }
    }

    fn escape(&self) -> Option<ChannelSet> {
        (self.function == Function::MinAdapt).then_some(ChannelSet::first(1))
    }

    fn at_source(&self, _: &Topology, _: EndpointId, _: &[EndpointId], _: u64) -> RouteState {
        unreachable!("the host starts its packets itself")
    }

    fn legal(
        &self,
        topology: &Topology,
        here: RouterId,
        _: Option<LinkId>,
        destinations: &mut [EndpointId],
        state: RouteState,
        candidates: &mut Candidates,
    ) {
        candidates.clear();
        let at = topology.coord(here);
        let to = topology.endpoint_coord(destinations[0]);
        let mut state = state.0;
        let two_phases = matches!(self.function, Function::Romm | Function::Valiant);
        if two_phases && state == here.0 {
            state |= SECOND;
        }
        let target = if two_phases && state & SECOND == 0 { topology.coord(RouterId(state)) } else { to };
        let yx = matches!(self.function, Function::XyYx | Function::AdaptiveXyYx) && state == YX;
        let Some(direction) = step(at, target, !yx) else {
            let all = ChannelSet::first(self.channels);
            candidates
                .push(1, &[Alternative { port: OutputPort::Eject, channels: all, next: RouteState(state) }]);
            return;
        };
        let link = topology.link_from(here, direction).expect("a step towards a router has a link");
        let at_destination = at == to;
        let ways: Vec<Alternative> = self
            .ways(state)
            .into_iter()
            .filter(|(channels, _)| !channels.is_empty())
            .map(|(channels, next)| Alternative {
                port: OutputPort::Link(link),
                // A packet that passes its destination on the way to its intermediate router may take any.
                channels: if at_destination { ChannelSet::first(self.channels) } else { channels },
                next: RouteState(next),
            })
            .collect();
        candidates.push(1, &ways);
    }
}
