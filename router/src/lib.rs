//! A mesh network on chip for address-event spike packets. It has never heard of neurons.
//!
//! A *packet* enters at an [endpoint](Endpoint) (a core or a named port), crosses directed [links](Link) between
//! routers along a compiled [route](RouteTable), and one *copy* leaves at each destination: a *leg* of the route.
//! Copies are made where the legs of a multicast route part. All times are whole picoseconds from the start of a
//! *tick*, the period between two barriers; the chip, not the network, decides when a tick ends.
//!
//! Three levels answer the same question, behind [`Noc`]:
//!
//! | level | time | cost |
//! |---|---|---|
//! | [`Analytic`] | no contention, exact link loads | O(1) a packet |
//! | [`PacketNoc`] | finite bandwidth, finite queues, back-pressure | O(hops log packets) a packet |
//! | [`flit::FlitNoc`] | virtual channels, credits, allocators, cycle by cycle | O(flits x hops) a packet |
//!
//! Apart from chips, [`flit::FlitNetwork`] moves any traffic under any strategy, [`ReservationMesh`] is a wormhole
//! router of flits with a reservation table and handshake links, [`DeflectionNetwork`] a router without buffers,
//! [`traffic`] makes packets to study a mesh with, [`measure`] measures one. Which way packets may go is a [routing
//! function](Routing) from the [registry](strategies()); [`deadlock::prove`] proves one free of deadlock on a
//! network, or names the cycle.
//!
//! Multicast trees that depend on all destinations are built by [`multicast_tree`]; [`tables`] compiles them to key/mask
//! tables, compresses those and replays every key.
//!
//! Invariants and the tests that hold them:
//! - copies owed = delivered + dropped + in flight, at every call: `conservation`;
//! - all levels count the same crossings of every link: `levels_agree_on_loads`;
//! - a lone packet arrives at the same picosecond at the first two levels: `zero_load_is_exact`;
//! - contention never makes an arrival earlier: `contention_only_delays`;
//! - an XY path has Manhattan length, and a tree crosses no link twice: `routes_are_minimal_trees`;
//! - queues never exceed their limit and a hotspot drains with one slot a queue: `hotspot_drains`;
//! - slots taken = flits on the way and in buffers + credits on the way back, after every cycle:
//!   `nothing_is_lost_and_the_books_balance_every_cycle`;
//! - any number of regions gives the same cycles: `regions_change_nothing`;
//! - without buffers, a link carries one flit a cycle and the oldest flit is never deflected:
//!   `nothing_is_lost_and_the_oldest_always_advances`;
//! - curves measured with other simulators come out to their last digit: `conformance_with_measured_curves`;
//! - what a source sends depends on nothing that other sources do: `tests/traffic.rs`;
//! - compressed tables take every key where its tree does: `compressed_tables_do_what_the_trees_do`;
//! - every strategy is proven on every network it is made for: `every_strategy_is_proven_on_every_network_it_is_made_for`.

mod counters;
pub mod deadlock;
pub mod measure;
mod noc;
pub mod random;
mod route;
mod routing;
pub mod tables;
mod topology;
pub mod traffic;

pub use counters::{EndpointCounters, LatencyHistogram, LinkCounters, NocCounters};
pub use noc::flit;
pub use noc::{
    Analytic, DeflectionError, DeflectionNetwork, DeflectionSpec, Fate, FlitInside, Injection, Level, Livelock,
    MeshPort, Neighbour, Noc, Order, PacketNoc, Published, QueueLimits, Receiver, ReservationError,
    ReservationHost, ReservationMesh, ReservationSettings, TickOutcome, Verdict, VerdictSink, WaitingHead,
    WormFlit,
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
    Random, RecursivePartitioning, Romm, Spinnaker, TableEntry, TableError, TableRouting, Tree, TreeKind,
    TreeNode, TreeRouting, Unicast, UpDown, Valiant, WestFirst, broken, multicast_tree,
};
pub use tables::{KeyBlock, KeyRoutes, KeyTables, KeyedRequest};
pub use topology::{
    Coord, Direction, Endpoint, EndpointId, EndpointKind, Link, LinkClass, LinkClassId, LinkId, LocalClass,
    MeshSpec, RouterId, Topology, TopologyError,
};
