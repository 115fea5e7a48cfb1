//! A mesh network on chip for address-event spike packets. It has never heard of neurons.
//!
//! A *packet* enters at an [endpoint](Endpoint) (a core or a named port), crosses directed [links](Link) between
//! routers along a compiled [route](RouteTable), and one *copy* leaves at each destination: a *leg* of the route.
//! Copies are made where the legs of a multicast route part. All times are whole picoseconds from the start of a
//! *tick*, the period between two barriers; the chip, not the network, decides when a tick ends.
//!
//! Two levels answer the same question, behind [`Noc`]:
//!
//! | level | time | cost |
//! |---|---|---|
//! | [`Analytic`] | no contention, exact link loads | O(1) a packet |
//! | [`PacketNoc`] | finite bandwidth, finite queues, back-pressure | O(hops log packets) a packet |
//!
//! Which way packets may go is a [routing function](Routing) from the [registry](strategies()); [`deadlock::prove`] proves
//! one free of deadlock on a network, or names the cycle.
//!
//! Invariants and the tests that hold them (`tests/laws.rs`, the last `tests/proofs.rs`):
//! - copies owed = delivered + dropped + in flight, at every call: `conservation`;
//! - both levels count the same crossings of every link: `levels_agree_on_loads`;
//! - a lone packet arrives at the same picosecond at both levels: `zero_load_is_exact`;
//! - contention never makes an arrival earlier: `contention_only_delays`;
//! - an XY path has Manhattan length, and a tree crosses no link twice: `routes_are_minimal_trees`;
//! - queues never exceed their limit and a hotspot drains with one slot a queue: `hotspot_drains`;
//! - every strategy is proven on every network it is made for: `every_strategy_is_proven_on_every_network_it_is_made_for`.

mod counters;
pub mod deadlock;
mod noc;
mod route;
mod routing;
mod topology;

pub use counters::{EndpointCounters, LatencyHistogram, LinkCounters, NocCounters};
pub use noc::{
    Analytic, Fate, Injection, Level, Noc, PacketNoc, QueueLimits, TickOutcome, Verdict, VerdictSink,
};
pub use route::{DropCause, Leg, RouteError, RouteId, RouteLink, RouteRequest, RouteTable};
pub use routing::{
    Alternative, Candidates, ChannelSet, DimensionOrder, FirstLegal, Load, Maker, Needs, NoLoad, OutputPort,
    RouteState, Routing, RoutingError, RoutingStrategy, Selection, SelectionQuery, selection, selections,
    strategies, strategy,
};
pub use routing::{
    BufferLevel, Deflection, DualPath, Dyad, FewestOccupied, Hop, KeyMask, KeyMaskEntry, KeyMaskError,
    MinimalAdaptive, NegativeFirst, NeighboursOnPath, NorthLast, O1Turn, OddEven, Outputs, PlanarAdaptive,
    Random, RecursivePartitioning, Romm, Spinnaker, TableEntry, TableError, TableRouting, Unicast, UpDown,
    Valiant, WestFirst, broken,
};
pub use topology::{
    Coord, Direction, Endpoint, EndpointId, EndpointKind, Link, LinkClass, LinkClassId, LinkId, LocalClass,
    MeshSpec, RouterId, Topology, TopologyError,
};
