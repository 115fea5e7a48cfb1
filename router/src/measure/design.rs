//! What is measured: a network, a routing strategy and a router that fit together.

use super::engine::FlitEngine;
use super::faults::{Faults, Stage};
use crate::noc::flit::{CYCLE_PS, Flaky, FlitNetwork, RouterSpec, SpecError, Timeouts};
use crate::noc::{DeflectionError, DeflectionNetwork, DeflectionSpec, Order};
use crate::route::{RouteError, RouteRequest, RouteTable};
use crate::routing::{FirstLegal, Needs, Routing, RoutingError, RoutingStrategy, Selection, selection};
use crate::topology::{EndpointId, LinkClass, LinkId, LocalClass, MeshSpec, Topology, TopologyError};
use std::sync::Arc;

/// Why a strategy cannot be measured on a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DesignError {
    /// The strategy does not take the network or the channels.
    #[error(transparent)]
    Routing(#[from] RoutingError),
    /// The router does not take the network.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The bufferless router does not take the network.
    #[error(transparent)]
    Deflection(#[from] DeflectionError),
    /// Its routers cannot do what is asked for.
    #[error("the routers of `{name}` have no {what}")]
    Router {
        /// The strategy.
        name: &'static str,
        /// What they lack.
        what: &'static str,
    },
    /// A part that is to fail is not there.
    #[error(transparent)]
    Fault(#[from] TopologyError),
    /// The strategy does not take the network that is left when something has died.
    #[error("from cycle {cycle} on: {why}")]
    After {
        /// The cycle of the death.
        cycle: u64,
        /// What the strategy says.
        why: RoutingError,
    },
}

/// Waits of SpiNNaker's routers where nothing else is said: *assumed*. Their two waits are set by software (Furber et al. 2013,
/// §4), in a small floating-point form; no source read names what systems set them to.
pub const SPINNAKER_TIMEOUTS: Timeouts = Timeouts { emergency: 64, drop: 256 };

/// What a network goes on with when something has died.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) cycle: u64,
    pub(super) topology: Arc<Topology>,
    pub(super) routing: Arc<dyn Routing>,
}

/// A network with its routing and its routers. Clones share all of it.
#[derive(Clone)]
pub struct Design {
    topology: Arc<Topology>,
    routing: Arc<dyn Routing>,
    selection: Option<Arc<dyn Selection>>,
    spec: RouterSpec,
    /// What the routers are instead, if the strategy is made for such.
    deflection: Option<DeflectionSpec>,
    changes: Vec<Change>,
    flaky: Vec<(LinkId, Flaky)>,
    /// What flaky links draw from.
    seed: u64,
}

impl Design {
    /// The strategy with its own selection on a network of such routers. `channels` of them; `None` is as many as the strategy
    /// needs, and at least as many as the spec has. Where the strategy needs a channel to hold one packet at a time,
    /// routers wait for tail credits, unless no packet is longer than `most_flits` = 1: such move as a whole. Where it needs
    /// timeouts, they are the spec's, or else [`SPINNAKER_TIMEOUTS`]. A strategy that deflects gets routers without buffers, as
    /// fast as the spec's without waiting, and one channel.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub fn new(
        topology: Arc<Topology>,
        strategy: &RoutingStrategy,
        channels: Option<u8>,
        spec: &RouterSpec,
        most_flits: u16,
    ) -> Result<Self, Vec<DesignError>> {
        let mut spec = spec.clone();
        spec.channels = channels.unwrap_or_else(|| (strategy.channels)(&topology).max(spec.channels));
        match strategy.needs {
            Needs::Nothing => {}
            Needs::OnePacketAChannel => spec.wait_for_tail_credit = most_flits > 1,
            Needs::Deflection => spec.channels = channels.unwrap_or(1),
            Needs::Timeouts => {
                spec.busy_when_full = true;
                spec.timeouts.get_or_insert(SPINNAKER_TIMEOUTS);
            }
        }
        let mut errors: Vec<DesignError> =
            spec.check(&topology).err().unwrap_or_default().into_iter().map(DesignError::from).collect();
        let deflection = (strategy.needs == Needs::Deflection).then(|| bufferless(&spec));
        if let Some(Err(wrong)) = deflection.as_ref().map(|own| own.check(&topology)) {
            // Numbers out of range that both kinds have are told once.
            let own = wrong.into_iter().map(DesignError::from);
            let new = |error: &DesignError| errors.iter().all(|e| e.to_string() != error.to_string());
            let own: Vec<_> = own.filter(new).collect();
            errors.extend(own);
        }
        match strategy.build(&topology, spec.channels) {
            Ok(routing) if errors.is_empty() => Ok(Self {
                topology,
                routing: Arc::from(routing),
                // Where there is one legal way, or the first given is as good, none is asked.
                selection: selection(strategy.selection)
                    .filter(|selection| selection.name() != FirstLegal.name())
                    .map(Arc::from),
                spec,
                deflection,
                changes: Vec::new(),
                flaky: Vec::new(),
                seed: 0,
            }),
            Ok(_) => Err(errors),
            Err(error) => {
                errors.insert(0, error.into());
                Err(errors)
            }
        }
    }

    /// The same strategy on a network in which something fails while it runs. `stages` are the faults' own, of which the first is
    /// the network that this design was made for; the strategy is made anew for each. Flaky links draw from `seed`.
    ///
    /// # Errors
    /// Every stage that the strategy does not take, and flaky links that are not there.
    pub fn failing(
        mut self,
        strategy: &RoutingStrategy,
        stages: &[Stage],
        faults: &Faults,
        seed: u64,
    ) -> Result<Self, Vec<DesignError>> {
        let mut errors = Vec::new();
        for Stage { cycle, topology } in stages.iter().skip(1) {
            match strategy.build(topology, self.spec.channels) {
                Ok(routing) => self.changes.push(Change {
                    cycle: *cycle,
                    topology: Arc::clone(topology),
                    routing: Arc::from(routing),
                }),
                Err(why) => errors.push(DesignError::After { cycle: *cycle, why }),
            }
        }
        match faults.flaky_links(&self.topology) {
            Ok(flaky) => self.flaky = flaky,
            Err(missing) => errors.extend(missing.into_iter().map(DesignError::from)),
        }
        if self.deflection.is_some() {
            let name = strategy.name;
            let lacks = |asked: bool, what| asked.then_some(DesignError::Router { name, what });
            errors.extend(lacks(
                !self.changes.is_empty(),
                "parts that die at a cycle; let them be dead from the start",
            ));
            errors.extend(lacks(!self.flaky.is_empty(), "flaky links"));
        }
        self.spec.rewirable |= !self.changes.is_empty();
        self.seed = seed;
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// What dies while it runs, ascending by cycle.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The network.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The routing function.
    pub fn routing(&self) -> &Arc<dyn Routing> {
        &self.routing
    }

    /// Name of what chooses among legal ways.
    pub fn selection_name(&self) -> &'static str {
        self.selection.as_ref().map_or(FirstLegal.name(), |selection| selection.name())
    }

    /// The routers.
    pub fn spec(&self) -> &RouterSpec {
        &self.spec
    }

    /// The routers where they have no buffers.
    pub fn deflection(&self) -> Option<&DeflectionSpec> {
        self.deflection.as_ref()
    }

    /// The network at the flit level, empty.
    ///
    /// # Errors
    /// What the flit level does not take.
    pub fn network(&self) -> Result<FlitEngine, Vec<DesignError>> {
        let (topology, routing) = (Arc::clone(&self.topology), Arc::clone(&self.routing));
        if let Some(spec) = &self.deflection {
            return DeflectionNetwork::new(topology, spec.clone())
                .map(FlitEngine::from)
                .map_err(|errors| errors.into_iter().map(DesignError::from).collect());
        }
        let network = FlitNetwork::new(self.spec.clone(), topology, routing, self.selection.clone())
            .map_err(|errors| errors.into_iter().map(DesignError::from).collect::<Vec<_>>())?;
        Ok(FlitEngine::from(if self.flaky.is_empty() {
            network
        } else {
            network.with_seed(self.seed).with_flaky_links(&self.flaky)
        }))
    }

    /// Routes of these pairs through an unloaded network, for the levels without flits.
    ///
    /// # Errors
    /// Every pair without a way.
    pub fn routes(&self, pairs: &[(EndpointId, EndpointId)]) -> Result<RouteTable, Vec<RouteError>> {
        let request =
            |&(source, to): &(EndpointId, EndpointId)| RouteRequest { source, destinations: vec![to] };
        let requests: Vec<_> = pairs.iter().map(request).collect();
        let first: &dyn Selection = &FirstLegal;
        let selection = self.selection.as_deref().unwrap_or(first);
        RouteTable::build(&self.topology, &*self.routing, selection, &requests)
    }
}

/// Bufferless routers with the stages of these that they have: none for channels, and oldest first.
fn bufferless(spec: &RouterSpec) -> DeflectionSpec {
    DeflectionSpec {
        order: Order::OldestFirst,
        router: u16::from(spec.routing) + u16::from(spec.switch_allocation) + u16::from(spec.traversal),
        links: spec.links.clone(),
        local: spec.local,
        ejections: 1,
        router_ejections: None,
    }
}

/// A mesh whose times in picoseconds are those of such routers with an empty network and cycles of [`CYCLE_PS`]; link classes
/// are horizontal and vertical.
pub fn mesh_spec(width: u16, height: u16, cores: u16, spec: &RouterSpec) -> MeshSpec {
    let pipeline = u64::from(spec.routing) + u64::from(spec.vc_allocation);
    let hop = |link: u16| {
        let moves = u64::from(spec.switch_allocation) + u64::from(spec.traversal) + u64::from(link);
        (pipeline + moves.max(1)) * CYCLE_PS
    };
    let link = |name: &str, i: usize| LinkClass {
        name: name.into(),
        latency_ps: hop(spec.links.get(i).copied().unwrap_or(1)),
        flit_ps: CYCLE_PS,
    };
    MeshSpec {
        width,
        height,
        endpoints_per_router: cores,
        east_west: link("east_west", 0),
        north_south: link("north_south", 1),
        local: LocalClass {
            name: "core".into(),
            inject_ps: (1 + u64::from(spec.local)) * CYCLE_PS,
            eject_ps: hop(spec.local),
            flit_ps: CYCLE_PS,
            // The flit level sends these through the router.
            loopback_ps: (1 + u64::from(spec.local)) * CYCLE_PS + hop(spec.local),
        },
    }
}
