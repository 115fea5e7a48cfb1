//! A wormhole router with a reservation table, on/off flow control and handshake links.
//!
//! ```text
//!                 +-- reservation: heads of input buffers enter the lists of outputs --+
//!  link --> [buffer a channel] x 5 inputs                         5 outputs x list --> link
//!                 +-- forwarding: one flit an input, where a list points at it --------+
//! ```
//! - An output carries up to one packet a virtual channel; its *list* names the inputs in order of reservation and an index
//!   points at the one that may send. A packet keeps its channel on its whole way and its reservation until its tail is sent.
//! - A link is a register with two levels: the sender flips *request* when it writes, the receiver flips *acknowledge*
//!   when it has taken the flit. Everything written in a cycle is seen in the next, so a link moves at most one flit
//!   every two cycles, and a lone head needs two cycles a router.
//! - Receivers publish one *full* bit a channel. Routers look at it before they send; sources do not, so that a flit for
//!   a full local buffer waits in the register of the injection link and blocks all that its source sends after it.
//!
//! A cycle, for every router in ascending order (nothing but the order of the host's draws depends on it):
//!
//! | step | does | sees |
//! |---|---|---|
//! | publish | tells its neighbours free slots and reserved outputs | its state of the last cycle |
//! | reserve | asks the host for an output for every waiting head | levels published one cycle before |
//! | forward | sends flits, removes reservations of tails | acknowledges and full bits of the last cycle |
//! | receive | takes flits from links, publishes full bits | requests of the last cycle |
//! | source | the host may put one flit on the injection link | the acknowledge of the last cycle |
//!
//! Source: the router of Noxim (Catania et al., 2015) works so. Which packets there are, where they may go and which draws
//! that takes is the business of a [`ReservationHost`].

use super::levels::{Levels, Published};
use crate::routing::ChannelSet;
use crate::topology::{Direction, RouterId, Topology};
use std::fmt;

/// A port of a router. The order is that in which inputs are served and ties are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MeshPort {
    /// Towards smaller y.
    South,
    /// Towards larger x.
    East,
    /// Towards larger y.
    North,
    /// Towards smaller x.
    West,
    /// The router's own endpoint.
    Local,
}

impl MeshPort {
    /// All five, in order.
    pub const ALL: [MeshPort; 5] =
        [MeshPort::South, MeshPort::East, MeshPort::North, MeshPort::West, MeshPort::Local];

    /// The side of the mesh it leads to; `None` for the local port.
    pub const fn direction(self) -> Option<Direction> {
        match self {
            MeshPort::South => Some(Direction::South),
            MeshPort::East => Some(Direction::East),
            MeshPort::North => Some(Direction::North),
            MeshPort::West => Some(Direction::West),
            MeshPort::Local => None,
        }
    }
}

/// Inputs and outputs of a router.
const PORTS: usize = MeshPort::ALL.len();
/// Ports that lead to other routers; they come first.
pub(super) const SIDES: usize = PORTS - 1;
const LOCAL: usize = MeshPort::Local as usize;
/// Registers of a router: its inputs, then the one its endpoint reads.
const WIRES: usize = PORTS + 1;

/// The port of the neighbour that faces this side.
pub(super) const fn facing(side: usize) -> usize {
    side ^ 2
}

/// One flit of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WormFlit {
    /// The host's number of the packet.
    pub packet: u32,
    /// The virtual channel the packet keeps, below [`ReservationSettings::channels`].
    pub channel: u8,
    /// Whether it is the packet's first.
    pub head: bool,
    /// Whether it is the packet's last.
    pub tail: bool,
}

/// A head that waits at a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingHead {
    /// The router.
    pub here: RouterId,
    /// The input it came by.
    pub input: MeshPort,
    /// The flit.
    pub flit: WormFlit,
}

/// What the routers leave to others: packets, ways and chance.
pub trait ReservationHost {
    /// A number below `count`, which is at least 1: which of its outputs an input serves now.
    fn pick(&mut self, count: usize) -> usize;

    /// The output for a head. Asked in every cycle the head waits, also when it holds a reservation already, whose output
    /// then stays.
    fn choose(&mut self, head: WaitingHead, published: &Published<'_>) -> MeshPort;

    /// Called once a cycle for every router: the flit its source puts on the injection link. It must be `None` unless the
    /// link is `idle`.
    fn source(&mut self, router: RouterId, cycle: u64, idle: bool) -> Option<WormFlit>;

    /// The router has sent the flit to its own endpoint, which always accepts.
    fn delivered(&mut self, router: RouterId, cycle: u64, flit: WormFlit);
}

/// How the routers are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservationSettings {
    /// Virtual channels of every link, 1 to 32.
    pub channels: u8,
    /// Flits a buffer of one channel of one input holds, at least 1.
    pub depth: u16,
    /// Number of the first cycle. Lists move on in even cycles.
    pub first_cycle: u64,
    /// Length of the round in which inputs reserve, at least 5; a place of the round without a port does nothing.
    pub round: u8,
    /// Place of the round that comes first in the first cycle; it moves on by one a cycle.
    pub first_in_round: u8,
    /// Whether buffer levels and reservations are published. If not, hosts see empty buffers and free outputs.
    pub publish: bool,
}

impl Default for ReservationSettings {
    fn default() -> Self {
        Self { channels: 1, depth: 8, first_cycle: 0, round: 5, first_in_round: 0, publish: true }
    }
}

/// Why there can be no such network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReservationError {
    /// A setting out of its range.
    #[error("{setting} is {value}; it must be {least} to {most}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// The value given.
        value: u64,
        /// Least it may be.
        least: u64,
        /// Most it may be.
        most: u64,
    },
    /// A router of this model has one local port.
    #[error("router {router} has {endpoints} endpoints; routers with a reservation table have exactly one")]
    Endpoints {
        /// The first router with another number of them.
        router: u32,
        /// Its endpoints.
        endpoints: usize,
    },
}

/// A register between two routers, or between a router and its endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Wire {
    flit: WormFlit,
    /// Written by the sender.
    request: bool,
    /// Written by the receiver, as is `full`.
    acknowledge: bool,
    /// Bit i: the buffer of channel i is full.
    full: u32,
}

/// A place in the list of an output.
#[derive(Clone, Copy, Debug, Default)]
struct Reservation {
    input: u8,
    channel: u8,
}

/// The reservation table and a summary of the buffers of one router; masks have a bit a channel.
#[derive(Clone, Debug, Default)]
struct Table {
    /// Channels with a flit, by input.
    waiting: [u32; PORTS],
    /// Channels without a free slot, by input.
    full: [u32; PORTS],
    /// Channels that hold a reservation at some output, by input.
    holding: [u32; PORTS],
    /// Channels that are reserved, by output.
    reserved: [u32; PORTS],
    /// Length of the list, by output.
    length: [u8; PORTS],
    /// Which of the list may send, by output.
    index: [u8; PORTS],
}

/// A network of routers with reservation tables. See the module's text.
#[derive(Clone)]
pub struct ReservationMesh {
    settings: ReservationSettings,
    cycle: u64,
    tables: Vec<Table>,
    /// Lists of outputs, `channels` places each.
    lists: Vec<Reservation>,
    /// Slots of all buffers, `depth` each, as rings of (first, length) in `rings`.
    slots: Vec<WormFlit>,
    rings: Vec<(u16, u16)>,
    /// Register behind each output; `None` at the edge of the mesh.
    exits: Vec<[Option<u32>; PORTS]>,
    seen: Vec<Wire>,
    written: Vec<Wire>,
    levels: Levels,
}

impl fmt::Debug for ReservationMesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservationMesh")
            .field("settings", &self.settings)
            .field("cycle", &self.cycle)
            .field("routers", &self.tables.len())
            .finish_non_exhaustive()
    }
}

impl ReservationMesh {
    /// An empty network. Dead links are as the edge of the mesh.
    ///
    /// # Errors
    /// The first setting out of its range, or a router that has not exactly one endpoint.
    pub fn new(topology: &Topology, settings: ReservationSettings) -> Result<Self, ReservationError> {
        check(settings)?;
        let routers = topology.router_count();
        let mut endpoints = vec![0; routers];
        topology.endpoints().iter().for_each(|e| endpoints[e.router.index()] += 1);
        if let Some(router) = endpoints.iter().position(|&n| n != 1) {
            return Err(ReservationError::Endpoints { router: router as u32, endpoints: endpoints[router] });
        }
        let exit = |router: usize, port: MeshPort| {
            let Some(direction) = port.direction() else { return Some((router * WIRES + PORTS) as u32) };
            let link = topology.link_from(RouterId(router as u32), direction)?;
            let to = topology.links()[link.index()].to.index();
            (!topology.is_dead(link)).then_some((to * WIRES + facing(port as usize)) as u32)
        };
        let exits: Vec<_> = (0..routers).map(|router| MeshPort::ALL.map(|port| exit(router, port))).collect();
        let buffers = routers * PORTS * usize::from(settings.channels);
        Ok(Self {
            settings,
            cycle: settings.first_cycle,
            tables: vec![Table::default(); routers],
            lists: vec![Reservation::default(); buffers],
            slots: vec![WormFlit::default(); buffers * usize::from(settings.depth)],
            rings: vec![(0, 0); buffers],
            levels: Levels::new(&exits, WIRES, settings.depth),
            exits,
            seen: vec![Wire::default(); routers * WIRES],
            written: vec![Wire::default(); routers * WIRES],
        })
    }

    /// Number of the next cycle.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Flits in buffers and in registers of links.
    pub fn flits(&self) -> usize {
        let buffered: usize = self.rings.iter().map(|&(_, length)| usize::from(length)).sum();
        let under_way = |(i, wire): (usize, &Wire)| i % WIRES != PORTS && wire.request != wire.acknowledge;
        buffered + self.written.iter().enumerate().filter(|&pair| under_way(pair)).count()
    }

    /// Runs one cycle.
    ///
    /// # Panics
    /// If the host names an output that leads out of the mesh, a channel there is not, or sends on a busy link.
    pub fn step(&mut self, host: &mut impl ReservationHost) {
        for router in 0..self.tables.len() {
            if self.settings.publish {
                let free = std::array::from_fn(|side| self.free_slots(router, side));
                self.levels.publish(router, free, &self.tables[router].length);
            }
            self.reserve(router, host);
            self.forward(router, host);
            self.receive(router);
            self.take_from_source(router, host);
        }
        self.seen.copy_from_slice(&self.written);
        self.levels.turn();
        self.cycle += 1;
    }

    /// Free slots of channel 0 of an input.
    fn free_slots(&self, router: usize, input: usize) -> u16 {
        self.settings.depth - self.rings[self.buffer(router, input, 0)].1
    }

    fn buffer(&self, router: usize, port: usize, channel: u8) -> usize {
        (router * PORTS + port) * usize::from(self.settings.channels) + usize::from(channel)
    }

    fn front(&self, buffer: usize) -> WormFlit {
        self.slots[buffer * usize::from(self.settings.depth) + usize::from(self.rings[buffer].0)]
    }

    /// Lets every head at the front of a buffer ask for an output, and enters it where its channel is not taken.
    fn reserve(&mut self, router: usize, host: &mut impl ReservationHost) {
        if self.tables[router].waiting == [0; PORTS] {
            return;
        }
        let elapsed = self.cycle - self.settings.first_cycle;
        let (round, channels) = (usize::from(self.settings.round), self.settings.channels);
        let first = (usize::from(self.settings.first_in_round) + (elapsed % round as u64) as usize) % round;
        let first_channel = (elapsed % u64::from(channels)) as u8;
        for input in (0..round).map(|place| (first + place) % round).filter(|&input| input < PORTS) {
            let waiting = self.tables[router].waiting[input];
            if waiting == 0 {
                continue;
            }
            for channel in (0..channels).map(|place| (first_channel + place) % channels) {
                let bit = 1 << channel;
                let flit = self.front(self.buffer(router, input, channel));
                if waiting & bit == 0 || !flit.head {
                    continue;
                }
                let head = WaitingHead { here: RouterId(router as u32), input: MeshPort::ALL[input], flit };
                let published = self.levels.published(router, &self.tables[router].length);
                let output = host.choose(head, &published) as usize;
                let table = &mut self.tables[router];
                if table.holding[input] & bit == 0 && table.reserved[output] & bit == 0 {
                    table.holding[input] |= bit;
                    table.reserved[output] |= bit;
                    let place = usize::from(table.length[output]);
                    table.length[output] += 1;
                    let list = self.buffer(router, output, 0);
                    self.lists[list + place] = Reservation { input: input as u8, channel };
                }
            }
        }
    }

    /// Lets each input send one flit at most, then moves the lists on in even cycles.
    fn forward(&mut self, router: usize, host: &mut impl ReservationHost) {
        if self.tables[router].length == [0; PORTS] {
            return;
        }
        for input in 0..PORTS {
            if self.tables[router].holding[input] == 0 {
                continue;
            }
            let mut allowed = [(0, 0); PORTS];
            let mut count = 0;
            for output in 0..PORTS {
                let (length, index) = (self.tables[router].length[output], self.tables[router].index[output]);
                if length > 0 {
                    let place = self.lists[self.buffer(router, output, index)];
                    if usize::from(place.input) == input {
                        allowed[count] = (output, place.channel);
                        count += 1;
                    }
                }
            }
            if count > 0 {
                let (output, channel) = allowed[host.pick(count)];
                self.send(router, input, output, channel, host);
            }
        }
        if self.cycle.is_multiple_of(2) {
            let table = &mut self.tables[router];
            for (index, &length) in table.index.iter_mut().zip(&table.length) {
                if length > 0 {
                    *index = (*index + 1) % length;
                }
            }
        }
    }

    /// Sends the front flit of a buffer if there is one, the link is idle and there is room behind it.
    fn send(
        &mut self,
        router: usize,
        input: usize,
        output: usize,
        channel: u8,
        host: &mut impl ReservationHost,
    ) {
        let bit = 1 << channel;
        let Some(exit) = self.exits[router][output] else {
            panic!("the host sent a packet from router {router} to port {output}, which leads out of the mesh")
        };
        let exit = exit as usize;
        let seen = self.seen[exit];
        if self.tables[router].waiting[input] & bit == 0
            || self.written[exit].request != seen.acknowledge
            || seen.full & bit != 0
        {
            return;
        }
        let flit = self.pop(router, input, channel);
        self.written[exit].flit = flit;
        self.written[exit].request ^= true;
        if flit.tail {
            self.release(router, input, output, channel);
        }
        if output == LOCAL {
            host.delivered(RouterId(router as u32), self.cycle, flit);
        }
    }

    fn pop(&mut self, router: usize, input: usize, channel: u8) -> WormFlit {
        let buffer = self.buffer(router, input, channel);
        let flit = self.front(buffer);
        let (first, length) = self.rings[buffer];
        let next = if first + 1 == self.settings.depth { 0 } else { first + 1 };
        self.rings[buffer] = (next, length - 1);
        let table = &mut self.tables[router];
        table.full[input] &= !(1 << channel);
        if length == 1 {
            table.waiting[input] &= !(1 << channel);
        }
        flit
    }

    /// Takes the reservation the index of the output's list points at out of the list.
    fn release(&mut self, router: usize, input: usize, output: usize, channel: u8) {
        let list = self.buffer(router, output, 0);
        let table = &mut self.tables[router];
        let (position, length) = (usize::from(table.index[output]), usize::from(table.length[output]));
        self.lists[list..list + length].copy_within(position + 1.., position);
        table.length[output] -= 1;
        if table.index[output] == table.length[output] {
            table.index[output] = 0;
        }
        table.holding[input] &= !(1 << channel);
        table.reserved[output] &= !(1 << channel);
    }

    /// Takes flits from the registers of the inputs and tells the senders; the endpoint takes what it gets.
    fn receive(&mut self, router: usize) {
        let depth = self.settings.depth;
        for input in 0..PORTS {
            let at = router * WIRES + input;
            let wire = self.seen[at];
            if wire.request != self.written[at].acknowledge {
                let (buffer, bit) = (self.buffer(router, input, wire.flit.channel), 1 << wire.flit.channel);
                let (first, length) = self.rings[buffer];
                if length < depth {
                    let last = (usize::from(first) + usize::from(length)) % usize::from(depth);
                    self.slots[buffer * usize::from(depth) + last] = wire.flit;
                    self.rings[buffer].1 += 1;
                    self.written[at].acknowledge ^= true;
                    let table = &mut self.tables[router];
                    table.waiting[input] |= bit;
                    if length + 1 == depth {
                        table.full[input] |= bit;
                    }
                }
            }
            self.written[at].full = self.tables[router].full[input];
        }
        let out = router * WIRES + PORTS;
        self.written[out].acknowledge = self.seen[out].request;
    }

    fn take_from_source(&mut self, router: usize, host: &mut impl ReservationHost) {
        let at = router * WIRES + LOCAL;
        let idle = self.written[at].request == self.seen[at].acknowledge;
        if let Some(flit) = host.source(RouterId(router as u32), self.cycle, idle) {
            assert!(idle, "the host sent on the busy injection link of router {router}");
            assert!(flit.channel < self.settings.channels, "the host named channel {}", flit.channel);
            self.written[at].flit = flit;
            self.written[at].request ^= true;
        }
    }
}

fn check(settings: ReservationSettings) -> Result<(), ReservationError> {
    let ReservationSettings { channels, depth, round, first_in_round, .. } = settings;
    let ports = PORTS as u64;
    for (setting, value, least, most) in [
        ("the number of virtual channels", channels.into(), 1, ChannelSet::MOST.into()),
        ("the depth of the buffers", u64::from(depth), 1, u16::MAX.into()),
        ("the length of the round", round.into(), ports, u8::MAX.into()),
        ("the first place of the round", first_in_round.into(), 0, u64::from(round).saturating_sub(1)),
    ] {
        if value < least || value > most {
            return Err(ReservationError::Setting { setting, value, least, most });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "reservation_tests.rs"]
mod tests;
