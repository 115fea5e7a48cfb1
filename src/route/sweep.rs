//! A checked sweep, point by point.

use super::results::{Finished, Outcome, Results};
use super::settings::{PointKey, RouteLevel, Settings};
use super::source::Source;
use crate::error::Error;
use crate::run::in_parallel;
use spikemesh_router::deadlock::{Proof, Switching, prove};
use spikemesh_router::flit::{RouterSpec, Switching as Taking};
use spikemesh_router::measure::{Design, FlitMover, Measurement, NocMover, Stage, replay, steady};
use spikemesh_router::traffic::{Replay, Shape};
use spikemesh_router::{Analytic, EndpointId, Noc, PacketNoc, QueueLimits, RouteTable, Topology, strategy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The network of a sweep and the routers that strategies start from.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// Without any fault.
    pub(super) intact: Arc<Topology>,
    pub(super) router: RouterSpec,
    /// From the start, and after each cycle in which something dies.
    pub(super) stages: Vec<Stage>,
}

impl Network {
    /// In which nothing fails.
    pub(super) fn new(topology: Topology, router: RouterSpec) -> Self {
        let intact = Arc::new(topology);
        let stages = vec![Stage { cycle: 0, topology: Arc::clone(&intact) }];
        Self { intact, router, stages }
    }

    /// As it is at the start.
    pub(super) fn topology(&self) -> &Arc<Topology> {
        &self.stages[0].topology
    }
}

/// What was found of a strategy on the network from a cycle on.
#[derive(Clone, Debug)]
pub struct StageProof {
    /// The strategy.
    pub strategy: String,
    /// 0, or the cycle in which something dies.
    pub cycle: u64,
    /// The proof, or why there is none.
    pub proof: Result<Proof, String>,
}

/// Points that can be measured.
pub struct Sweep {
    settings: Settings,
    network: Network,
    source: Source,
    designs: BTreeMap<String, Result<Design, String>>,
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What stops a point, in words.
fn told<E: ToString>(errors: Vec<E>) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Sweep {
    pub(super) fn new(
        settings: Settings,
        network: Network,
        source: Source,
        designs: BTreeMap<String, Result<Design, String>>,
    ) -> Self {
        Self { settings, network, source, designs }
    }

    /// What shapes the numbers.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its strategies with the networks they are measured on, by name; or why a strategy cannot go on when something fails.
    pub fn designs(&self) -> &BTreeMap<String, Result<Design, String>> {
        &self.designs
    }

    /// Proofs that strategies are free of deadlock here, or what stands against it; also of those that no router here is made
    /// for. Packets of one flit fit into a buffer. Where something dies there is a proof of the network before and after; packets
    /// that are under way at that moment follow both, which is not proven.
    pub fn proofs(&self) -> Vec<StageProof> {
        let settings = &self.settings;
        let names =
            settings.strategies.iter().map(|s| &s.name).chain(settings.left_out.iter().map(|(name, _)| name));
        let stages = |name| self.network.stages.iter().map(move |stage| (name, stage));
        let proof = |(name, stage): (&String, &Stage)| StageProof {
            strategy: name.clone(),
            cycle: stage.cycle,
            proof: self.proof(name, &stage.topology),
        };
        names.flat_map(stages).map(proof).collect()
    }

    fn proof(&self, name: &str, topology: &Topology) -> Result<Proof, String> {
        let (strategy, router) = (strategy(name).map_err(|e| e.to_string())?, &self.network.router);
        let least = (strategy.channels)(self.network.topology()).max(router.channels);
        let channels = self.settings.channels.unwrap_or(least);
        let routing = strategy.build(topology, channels).map_err(|e| e.to_string())?;
        let needed = Switching::with(strategy.needs);
        let switching = Switching {
            whole_packets: self.settings.most_flits == 1 || router.switching == Taking::VirtualCutThrough,
            one_packet_a_channel: needed.one_packet_a_channel || router.wait_for_tail_credit,
            timeouts: needed.timeouts || router.timeouts.is_some(),
            ..needed
        };
        prove(topology, &*routing, switching).map_err(|e| e.to_string())
    }

    /// Measures the points `wanted`, on so many threads, and hands each to `take` as soon as it is there. Ends early when
    /// `stop` is set; what was under way then is not handed out.
    ///
    /// # Errors
    /// The first of `take`.
    pub fn run(
        &self,
        wanted: &[usize],
        threads: usize,
        stop: &AtomicBool,
        mut take: impl FnMut(Finished) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let points = self.settings.points();
        // The longest last would leave threads idle: points of high rates come first.
        let mut order = wanted.to_vec();
        order.sort_by(|&a, &b| points[b].x.total_cmp(&points[a].x).then(a.cmp(&b)));
        let job = |i: usize| {
            let index = order[i];
            let stopped = || stop.load(Ordering::Relaxed);
            if stopped() {
                return None;
            }
            let outcome = match self.measure(&points[index], &stopped) {
                Ok(measured) => Outcome::Measured(Box::new(measured?)),
                Err(why) => Outcome::Failed(why),
            };
            Some(Finished::new(index, &self.settings, &points[index], outcome))
        };
        in_parallel(threads, order.len(), job, |_, finished| take(finished))
    }

    /// All of it at once, for those who need no file.
    ///
    /// # Errors
    /// None; an interrupt leaves points out.
    pub fn results(&self, threads: usize, stop: &AtomicBool) -> Result<Results, Error> {
        let mut results = Results::new(self.settings.clone());
        let all: Vec<_> = (0..self.settings.points().len()).collect();
        self.run(&all, threads, stop, |finished| {
            results.insert(finished);
            Ok(())
        })?;
        Ok(results)
    }

    /// One point; `Ok(None)` when it was stopped.
    fn measure(&self, key: &PointKey, stop: &dyn Fn() -> bool) -> Result<Option<Measurement>, String> {
        let design = self.designs[&key.strategy].as_ref().map_err(Clone::clone)?;
        match &self.source {
            Source::Ticks(ticks) => {
                // Speeds have at most nine decimals.
                let thousandths = (key.x * 1000.0).round().max(1.0) as u64;
                let cycle_ps = self.settings.cycle_ps;
                if key.level == RouteLevel::Flit {
                    let endpoints = self.network.intact.endpoints().len() as u32;
                    let none = Replay::from_packets([], endpoints, 0).map_err(|e| e.to_string())?;
                    let (spec, seed) = (&self.settings.measure, self.settings.seed);
                    let mut mover = FlitMover::new(none, design, spec, seed).map_err(told)?;
                    return Ok(replay(&mut mover, ticks, cycle_ps, thousandths, stop));
                }
                let (pairs, spec) = (ticks.pairs(), &self.settings.measure);
                let noc = |routes: &Arc<RouteTable>| self.noc(key.level, design, routes);
                let mover = NocMover::ticks(&pairs, design.topology(), spec, cycle_ps, routes_of(design), noc);
                Ok(replay(&mut mover?, ticks, cycle_ps, thousandths, stop))
            }
            source => {
                let (spec, seed) = (&self.settings.measure, self.settings.seed);
                let shape = Shape::of(&self.network.intact);
                let traffic = source.steady(key.x, self.settings.flits, seed, shape);
                let traffic = traffic.expect("invariant: what has no ticks is steady").map_err(told)?;
                if key.level == RouteLevel::Flit {
                    let mut mover = FlitMover::new(traffic, design, spec, seed).map_err(told)?;
                    return Ok(steady(&mut mover, spec, stop));
                }
                let noc = |routes: &Arc<RouteTable>| self.noc(key.level, design, routes);
                let cycle_ps = self.settings.cycle_ps;
                let mover =
                    NocMover::steady(traffic, design.topology(), spec, cycle_ps, routes_of(design), noc);
                Ok(steady(&mut mover?, spec, stop))
            }
        }
    }

    fn noc(&self, level: RouteLevel, design: &Design, routes: &Arc<RouteTable>) -> Box<dyn Noc> {
        let (topology, routes) = (Arc::clone(design.topology()), Arc::clone(routes));
        if level == RouteLevel::Analytic {
            return Box::new(Analytic::new(topology, routes));
        }
        // As many packets behind a link as its virtual channels hold.
        let flits = u32::from(design.spec().channels) * u32::from(design.spec().depth);
        let packets = (flits / u32::from(self.settings.most_flits)).max(1);
        Box::new(PacketNoc::new(topology, routes, QueueLimits { packets, receive: None }))
    }
}

/// Routes of pairs, or why there are none.
fn routes_of(design: &Design) -> impl FnOnce(&[(EndpointId, EndpointId)]) -> Result<RouteTable, String> + '_ {
    |pairs| design.routes(pairs).map_err(|errors| told(errors.into_iter().take(3).collect()))
}
