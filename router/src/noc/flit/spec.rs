//! The knobs of a virtual-channel router, checked once.

use crate::topology::{LinkClass, LocalClass, Topology};

/// Picoseconds of a cycle where nothing else is said.
pub const CYCLE_PS: u64 = 1000;

/// How two sides of an allocator are matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// Outputs grant, inputs accept, one iteration; pointers move past an accepted pair only (McKeown 1999).
    #[default]
    Islip,
    /// As [`Allocator::Islip`], but outputs look at the packets' priority and inputs at the routing function's preference.
    Select,
    /// Inputs choose first, then outputs (Dally & Towles 2004, §19.3).
    SeparableInputFirst,
    /// Outputs choose first by the packets' priority, then inputs by preference: one iteration of [`Allocator::Select`].
    SeparableOutputFirst,
    /// Cells on a diagonal are granted together; the first diagonal rotates (Tamir & Chi 1993).
    Wavefront,
    /// A maximum matching by shortest augmenting paths.
    MaximumSize,
}

impl Allocator {
    /// All, with the names users type.
    pub const ALL: [(&'static str, Allocator); 6] = [
        ("islip", Allocator::Islip),
        ("select", Allocator::Select),
        ("separable-input-first", Allocator::SeparableInputFirst),
        ("separable-output-first", Allocator::SeparableOutputFirst),
        ("wavefront", Allocator::Wavefront),
        ("maximum-size", Allocator::MaximumSize),
    ];
}

/// Who goes first among equals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arbiter {
    /// The next at or after a pointer that moves past the winner.
    #[default]
    RoundRobin,
    /// The one served longest ago.
    Matrix,
}

/// Whether packets have a priority of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// All are equal.
    #[default]
    None,
    /// The older goes first, by the cycle of creation.
    Age,
}

/// When a packet may take a virtual channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Switching {
    /// As soon as no other packet owns it.
    #[default]
    Wormhole,
    /// Only if its buffer has room for the whole packet.
    VirtualCutThrough,
}

/// How a router learns of room behind a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FlowControl {
    /// A credit for every slot that becomes free.
    #[default]
    Credits,
    /// The buffer says "stop" when no more than `stop` slots are free and "go" when more than that are; what is under way
    /// when it says stop must fit, so `stop` covers a round trip.
    OnOff {
        /// Free slots at or below which it says stop.
        stop: u8,
    },
}

/// How long a head waits for a channel before something is done about it, in cycles (Furber et al. 2013, §4: SpiNNaker).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// From then on it may take the routing function's other ways too; before that only the first.
    pub emergency: u16,
    /// Then it is dropped.
    pub drop: u16,
}

/// A virtual-channel router with one buffer a virtual channel at each input (Dally & Towles 2004, §16).
///
/// A head that comes to the front at cycle T asks for an output virtual channel from T + `routing` + `vc_allocation` - 1
/// on, and bids for the switch from one cycle after it was given one (in the same cycle if `vc_allocation` is 0). A
/// flit granted the switch at t is at the next buffer at t + `switch_allocation` + `traversal` + link, at the
/// earliest at t + 1. Its slot's credit is back at t + 1 + link + `credit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterSpec {
    /// Virtual channels of every link, 1 to 32; ports x channels at most 64.
    pub channels: u8,
    /// Flits a virtual channel's buffer holds, 1 to 255.
    pub depth: u8,
    /// Cycles to compute a route; 0 is look-ahead routing, done one hop before.
    pub routing: u8,
    /// Cycles of virtual-channel allocation; 0: in the cycle of the switch's.
    pub vc_allocation: u8,
    /// Cycles of switch allocation; 0: in the cycle of the traversal.
    pub switch_allocation: u8,
    /// Cycles through the crossbar.
    pub traversal: u8,
    /// Cycles a credit is processed, beyond its way over the link.
    pub credit: u8,
    /// Cycles over a link, by link class of the topology.
    pub links: Vec<u16>,
    /// Cycles between an endpoint and its router, either way.
    pub local: u16,
    /// Heads bid for the switch while they still ask for a virtual channel.
    pub speculative: bool,
    /// A virtual channel is given to the next packet only when its buffer is empty again: it holds one packet at a time.
    pub wait_for_tail_credit: bool,
    /// A virtual channel whose buffer is full is not asked for.
    pub busy_when_full: bool,
    /// Flits of one input that may cross the switch in a cycle.
    pub input_speedup: u8,
    /// Flits that may enter one output in a cycle; they wait there in a queue.
    pub output_speedup: u8,
    /// Flits an output queue may hold before bids for it are held back; `None`: any number.
    pub output_queue: Option<u16>,
    /// An input keeps the switch for a packet until its tail or until it has nothing to send.
    pub hold_switch: bool,
    /// Allocator of virtual channels.
    pub vc_allocator: Allocator,
    /// Allocator of the switch.
    pub switch_allocator: Allocator,
    /// Arbiters inside separable allocators.
    pub arbiter: Arbiter,
    /// Priority of packets.
    pub priority: Priority,
    /// Wormhole or virtual cut-through.
    pub switching: Switching,
    /// Credits or stop and go.
    pub flow: FlowControl,
    /// What is done about heads that wait; needs `busy_when_full`, so that they wait where they can still be turned away.
    pub timeouts: Option<Timeouts>,
    /// Whether links and routers may die while it runs; see [`super::FlitNetwork::rewire`].
    pub rewirable: bool,
    /// Reproduces what BookSim2's router does beside its own pipeline, for those who compare with it: operations of two
    /// or more cycles are not pipelined inside a router, and speculation wastes grants of adaptive heads.
    pub booksim: bool,
}

impl Default for RouterSpec {
    /// Look-ahead routing, one cycle for each stage, two virtual channels of eight flits, iSLIP: BookSim2's base case.
    fn default() -> Self {
        Self {
            channels: 2,
            depth: 8,
            routing: 0,
            vc_allocation: 1,
            switch_allocation: 1,
            traversal: 1,
            credit: 1,
            links: vec![1, 1],
            local: 1,
            speculative: false,
            wait_for_tail_credit: false,
            busy_when_full: false,
            input_speedup: 1,
            output_speedup: 1,
            output_queue: None,
            hold_switch: false,
            vc_allocator: Allocator::Islip,
            switch_allocator: Allocator::Islip,
            arbiter: Arbiter::RoundRobin,
            priority: Priority::None,
            switching: Switching::Wormhole,
            flow: FlowControl::Credits,
            timeouts: None,
            rewirable: false,
            booksim: false,
        }
    }
}

/// What is wrong with a [`RouterSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A number that is too small or too large.
    #[error("{what} is {given}; it must be {least} to {most}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// The number.
        given: u64,
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// Two settings that cannot go together.
    #[error("{what}")]
    Together {
        /// Which, and what to do.
        what: String,
    },
}

impl RouterSpec {
    /// The cycle of a chip whose times are given: that in which a flit crosses its slowest link, in picoseconds, or
    /// [`CYCLE_PS`] where links are infinitely wide.
    pub fn cycle_ps(classes: &[LinkClass]) -> u64 {
        classes.iter().map(|class| class.flit_ps).max().filter(|&ps| ps > 0).unwrap_or(CYCLE_PS)
    }

    /// Routers whose times with an empty network are those of a chip, to the nearest cycle of `cycle_ps` picoseconds, at least
    /// one a hop: as many pipeline stages as fit into the fastest hop, the rest is the links'. `depth` in flits.
    pub fn of_times(classes: &[LinkClass], local: &LocalClass, cycle_ps: u64, depth: u8) -> Self {
        let cycles = |ps: u64| (ps + cycle_ps / 2) / cycle_ps;
        let hops: Vec<u64> = classes.iter().map(|class| cycles(class.latency_ps).max(1)).collect();
        let stages = match hops.iter().copied().min().unwrap_or(1) {
            1 => (0, 0, 0),
            2 => (1, 0, 0),
            3 => (1, 1, 0),
            _ => (1, 1, 1),
        };
        let pipeline = stages.0 + stages.1 + stages.2;
        Self {
            depth,
            vc_allocation: stages.0,
            switch_allocation: stages.1,
            traversal: stages.2,
            links: hops.iter().map(|hop| (hop - u64::from(pipeline)).min(4096) as u16).collect(),
            local: cycles(local.inject_ps).saturating_sub(1).min(4096) as u16,
            ..Self::default()
        }
    }

    /// Ports of the largest router of a topology: four directions and its endpoints.
    pub(super) fn ports(topology: &Topology) -> usize {
        let mut locals = vec![0usize; topology.router_count()];
        topology.endpoints().iter().for_each(|endpoint| locals[endpoint.router.index()] += 1);
        4 + locals.into_iter().max().unwrap_or(0)
    }

    /// Everything that is wrong with the router on this network.
    ///
    /// # Errors
    /// Every fault.
    pub fn check(&self, topology: &Topology) -> Result<(), Vec<SpecError>> {
        let mut errors = Vec::new();
        let mut within = |what, given: u64, least: u64, most: u64| {
            if !(least..=most).contains(&given) {
                errors.push(SpecError::OutOfRange { what, given, least, most });
            }
        };
        let ports = Self::ports(topology) as u64;
        within("the number of virtual channels", self.channels.into(), 1, 32);
        within("ports x virtual channels of a router", ports * u64::from(self.channels), 1, 64);
        within("the depth of a buffer in flits", self.depth.into(), 1, 255);
        within("the input speed-up", self.input_speedup.into(), 1, self.channels.into());
        within("the output speed-up", self.output_speedup.into(), 1, ports);
        let classes = topology.link_classes().len() as u64;
        within("the number of link classes with a length", self.links.len() as u64, classes, classes);
        let delay = |n: u8| u64::from(n);
        for (what, given) in [
            ("the cycles to compute a route", delay(self.routing)),
            ("the cycles of virtual-channel allocation", delay(self.vc_allocation)),
            ("the cycles of switch allocation", delay(self.switch_allocation)),
            ("the cycles through the crossbar", delay(self.traversal)),
            ("the cycles a credit is processed", delay(self.credit)),
        ] {
            within(what, given, 0, 200);
        }
        for &link in self.links.iter().chain([&self.local]) {
            within("the cycles over a link", link.into(), 0, 4096);
        }
        if let FlowControl::OnOff { stop } = self.flow {
            let longest = self.links.iter().chain([&self.local]).max().copied().unwrap_or(0);
            let least = self.round_trip(longest);
            within("the free slots at which a buffer says stop", stop.into(), least, u64::from(self.depth) - 1);
            if self.wait_for_tail_credit {
                errors.push(SpecError::Together {
                    what: "stop and go has no tail credit to wait for; use credits".into(),
                });
            }
        }
        if let Some(Timeouts { emergency, drop }) = self.timeouts {
            let mut wrong = |what: &str| errors.push(SpecError::Together { what: what.into() });
            if !self.busy_when_full {
                wrong("timeouts count the wait for a channel with a free slot; set busy_when_full too");
            }
            if emergency > drop {
                wrong("a head is dropped before its emergency ways open; make `drop` at least `emergency`");
            }
        }
        if self.speculative && self.vc_allocation == 0 {
            errors.push(SpecError::Together {
                what: "speculation is of no use where virtual channels are allocated in the switch's cycle; set one of \
                       them"
                    .into(),
            });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Whether nothing but sizes and delays after allocation differs from the default.
    pub(super) fn is_plain(&self) -> bool {
        let same = Self {
            channels: self.channels,
            depth: self.depth,
            switch_allocation: self.switch_allocation,
            traversal: self.traversal,
            credit: self.credit,
            links: self.links.clone(),
            local: self.local,
            booksim: self.booksim,
            ..Self::default()
        };
        // The rival's quirks show in nothing else that is plain.
        *self == same && !(self.booksim && self.traversal >= 2)
    }

    /// Cycles from a switch grant to the next buffer over a link of so many cycles.
    pub(super) fn hop(&self, link: u16) -> u64 {
        (u64::from(self.switch_allocation) + u64::from(self.traversal) + u64::from(link)).max(1)
    }

    /// Cycles from a switch grant to the upstream router's use of the slot.
    pub(super) fn credit_return(&self, link: u16) -> u64 {
        1 + u64::from(link) + u64::from(self.credit)
    }

    /// Flits that may still come after a buffer said stop.
    fn round_trip(&self, link: u16) -> u64 {
        self.hop(link) + self.credit_return(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chips_hops_keep_their_cycles() {
        let class = |latency_ps, flit_ps| LinkClass { name: String::new(), latency_ps, flit_ps };
        let local =
            LocalClass { name: String::new(), inject_ps: 1050, eject_ps: 1050, flit_ps: 291, loopback_ps: 0 };
        let classes = [class(4100, 291), class(6500, 291)];
        assert_eq!(RouterSpec::cycle_ps(&classes), 291);
        let router = RouterSpec::of_times(&classes, &local, 291, 8);
        assert_eq!((router.links, router.local), (vec![11, 19], 3), "14 and 22 cycles a hop, 4 to inject");
        for latency in 1..6 {
            let router = RouterSpec::of_times(&[class(latency * 10, 10)], &local, 10, 8);
            let moves = u64::from(router.switch_allocation) + u64::from(router.traversal);
            let hop = u64::from(router.vc_allocation) + (moves + u64::from(router.links[0])).max(1);
            assert_eq!(hop, latency);
        }
        assert_eq!(RouterSpec::cycle_ps(&[class(5, 0)]), CYCLE_PS);
    }
}
