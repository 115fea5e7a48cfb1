//! Allocation with every knob: other allocators, priorities, speculation, speed-ups, held switches.
//!
//! The plain case, which needs none of them, is in [`super::region`].

use super::answers::Lanes;
use super::arbiter::{Bid, Matching, Side, matrix};
use super::plan::Plan;
use super::region::Region;
use super::spec::{Arbiter, Priority, RouterSpec};
use std::collections::VecDeque;

/// Lists used again from cycle to cycle.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bids: Vec<Bid>,
    lanes: Vec<(u8, bool)>,
    pairs: Vec<(u8, u8)>,
}

/// Pointers and matrices of the allocators of a region; none where allocation is plain.
#[derive(Debug, Default)]
pub(super) struct Arbiters {
    /// Per router: channel grants, channel accepts (lanes each), switch grants (columns), switch accepts, offsets
    /// (rows), and the rotations of both allocators.
    pointers: Vec<u8>,
    matrices: Vec<u64>,
    stride: usize,
    matrix_stride: usize,
}

impl Arbiters {
    pub(super) fn new(plan: &Plan, routers: usize) -> Self {
        if plan.lean {
            return Self::default();
        }
        let (spec, lanes, ports) = (&plan.spec, plan.lanes, usize::from(plan.ports.count));
        let rows = ports * usize::from(spec.input_speedup);
        let columns = ports * usize::from(spec.output_speedup);
        let stride = 2 * lanes + columns + 2 * rows + 2;
        let mut pointers = vec![0; stride * routers];
        for own in pointers.chunks_exact_mut(stride) {
            let offsets = own[2 * lanes + columns + rows..][..rows].iter_mut().enumerate();
            offsets.for_each(|(row, offset)| *offset = (row % usize::from(spec.input_speedup)) as u8);
        }
        let mut matrices = Vec::new();
        if spec.arbiter == Arbiter::Matrix {
            for _ in 0..routers {
                matrices.extend(matrix(lanes, lanes).chain(matrix(lanes, lanes)));
                matrices.extend(matrix(columns, rows).chain(matrix(rows, columns)));
            }
        }
        let matrix_stride = 2 * (lanes * lanes + rows * columns);
        Self { pointers, matrices, stride, matrix_stride }
    }
}

/// What needs an order or a memory between cycles, for the knobs that have one.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Per router, inputs whose head asks for a channel, in the order they came. Winners bid in this order.
    askers: Vec<Queue>,
    /// Inputs that bid, in the order they came: flits that enter one output in one cycle queue in this order.
    bidders: Vec<Queue>,
    /// First cycle in which each output's link is free, per router and port.
    free_at: Vec<u64>,
    /// Departures of flits in each output's queue.
    queued: Vec<VecDeque<u64>>,
    /// Inputs that keep the switch.
    held: Vec<Lanes>,
}

/// Inputs in the order they came; those whose flit arrived in one cycle by port.
#[derive(Clone, Debug, Default)]
struct Queue(VecDeque<(u8, Option<u64>)>);

impl Queue {
    fn push(&mut self, lane: u8, arrived: Option<u64>) {
        let later = |other: &&(u8, Option<u64>)| arrived.is_some() && other.1 == arrived && other.0 > lane;
        let behind = self.0.iter().rev().take_while(later).count();
        self.0.insert(self.0.len() - behind, (lane, arrived));
    }
}

impl Order {
    pub(super) fn new(spec: &RouterSpec, routers: usize, ports: usize) -> Self {
        let many = spec.output_speedup > 1;
        // Flits of one batch may leave by one output.
        let batches = spec.booksim && spec.traversal > 1;
        let queues = spec.output_queue.is_some();
        Self {
            askers: vec![Queue::default(); if many { routers } else { 0 }],
            bidders: vec![Queue::default(); if many { routers } else { 0 }],
            free_at: vec![0; if many || queues || batches { routers * ports } else { 0 }],
            queued: vec![VecDeque::new(); if queues { routers * ports } else { 0 }],
            held: vec![0; if spec.hold_switch { routers } else { 0 }],
        }
    }

    /// An input begins to bid; `arrived` is the cycle in which its flit came, `None` if it was there before.
    #[inline]
    pub(super) fn bids(&mut self, r: u32, lane: u8, arrived: Option<u64>) {
        if let Some(queue) = self.bidders.get_mut(r as usize) {
            queue.push(lane, arrived);
        }
    }

    /// A head begins to ask.
    #[inline]
    pub(super) fn asks(&mut self, r: u32, lane: u8, arrived: Option<u64>) {
        if let Some(queue) = self.askers.get_mut(r as usize) {
            queue.push(lane, arrived);
        }
    }

    /// Takes the winners out of the askers and puts them in the askers' order; losers go on asking.
    fn winners(&mut self, r: u32, wins: &mut [(u8, u8)]) {
        if let Some(queue) = self.askers.get_mut(r as usize) {
            let place = |lane| queue.0.iter().position(|asker| asker.0 == lane);
            wins.sort_by_key(|win| place(win.0));
            queue.0.retain(|asker| wins.iter().all(|win| win.0 != asker.0));
        }
    }

    /// Cycles a flit waits in its output's queue, if it comes out of the crossbar at `at`.
    #[inline]
    pub(super) fn departure(&mut self, place: usize, at: u64) -> u64 {
        let Some(free_at) = self.free_at.get_mut(place) else { return 0 };
        let departs = at.max(*free_at);
        *free_at = departs + 1;
        if let Some(queue) = self.queued.get_mut(place) {
            queue.push_back(departs);
        }
        departs - at
    }

    /// Flits in an output's queue.
    fn queued(&mut self, place: usize, now: u64) -> usize {
        let Some(queue) = self.queued.get_mut(place) else { return 0 };
        while queue.front().is_some_and(|&departs| departs < now) {
            queue.pop_front();
        }
        queue.len()
    }
}

impl Region {
    /// Allocates virtual channels with any allocator, arbiter and priority.
    pub(super) fn allocate_any(
        &mut self,
        plan: &Plan,
        r: u32,
        now: u64,
        waiting: Lanes,
        wins: &mut Vec<(u8, u8)>,
    ) {
        let mut bids = std::mem::take(&mut self.scratch.bids);
        bids.clear();
        let mut left = waiting;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let i = r as usize * plan.lanes + usize::from(lane);
            let mut free = self.wanted(plan, r, lane, now);
            let preferred = self.answer(plan, i).preferred;
            let urgency = self.urgency(plan, i, now);
            while free != 0 {
                let column = free.trailing_zeros() as u8;
                free &= free - 1;
                let preference = i64::from(preferred >> column & 1 == 1);
                bids.push(Bid { row: lane, column, preference, urgency });
            }
        }
        let kind = plan.spec.vc_allocator;
        self.matching(plan, r, false, |mut matching| {
            matching.kind = kind;
            matching.run(&bids, wins);
        });
        let lost =
            bids.iter().any(|bid| wins.iter().all(|&(row, column)| row != bid.row && column != bid.column));
        self.sites[r as usize].masks.stirred |= lost;
        self.scratch.bids = bids;
    }

    fn urgency(&self, plan: &Plan, i: usize, now: u64) -> i64 {
        match plan.spec.priority {
            Priority::None => 0,
            Priority::Age => i64::from((now as u32).wrapping_sub(self.front_wide(plan, i).born)),
        }
    }

    /// Borrows the state of a router's channel allocator or of its switch's.
    fn matching(&mut self, plan: &Plan, r: u32, switch: bool, run: impl FnOnce(Matching<'_>)) {
        let (lanes, ports) = (plan.lanes, usize::from(plan.ports.count));
        let rows = ports * usize::from(plan.spec.input_speedup);
        let columns = ports * usize::from(plan.spec.output_speedup);
        let arbiters = &mut self.arbiters;
        let own = &mut arbiters.pointers[r as usize * arbiters.stride..][..arbiters.stride];
        let (own, rotations) = own.split_at_mut(arbiters.stride - 2);
        let (channel, of_switch) = own.split_at_mut(2 * lanes);
        let (rows, columns, pointers) =
            if switch { (rows, columns, &mut of_switch[..rows + columns]) } else { (lanes, lanes, channel) };
        let (grant, accept) = pointers.split_at_mut(columns);
        let (grant, accept) = match plan.spec.arbiter {
            Arbiter::RoundRobin => (Side::Pointers(grant), Side::Pointers(accept)),
            Arbiter::Matrix => {
                let all =
                    &mut arbiters.matrices[r as usize * arbiters.matrix_stride..][..arbiters.matrix_stride];
                let (channel, of_switch) = all.split_at_mut(2 * lanes * lanes);
                let words = if switch { of_switch } else { channel };
                let (grant, accept) = words.split_at_mut(rows * columns);
                (Side::Matrix(grant), Side::Matrix(accept))
            }
        };
        let kind = plan.spec.switch_allocator;
        run(Matching { kind, rows, columns, grant, accept, rotation: &mut rotations[usize::from(switch)] });
    }

    /// Row and column of the switch for an input and an output port.
    fn cell(plan: &Plan, lane: u8, out_port: u8) -> (u8, u8) {
        let (port, channel) = (plan.port(lane), plan.channel(lane));
        let (is, os) = (plan.spec.input_speedup, plan.spec.output_speedup);
        (port * is + channel % is, out_port * os + port % os)
    }

    /// Adds a bid; of a row's bids for one column the more urgent stays, then the first after the row's offset.
    fn add_bid(&mut self, plan: &Plan, r: u32, (lane, speculative): (u8, bool), out_port: u8, urgency: i64) {
        let (row, column) = Self::cell(plan, lane, out_port);
        let rows = usize::from(plan.ports.count) * usize::from(plan.spec.input_speedup);
        let offsets = (r as usize + 1) * self.arbiters.stride - 2 - rows;
        let offset = self.arbiters.pointers[offsets + usize::from(row)];
        let channels = plan.spec.channels;
        let turn = |lane: u8| (plan.channel(lane) + channels - offset) % channels;
        let scratch = &mut self.scratch;
        match scratch.bids.iter().position(|bid| (bid.row, bid.column) == (row, column)) {
            Some(at) => {
                let (bid, before) = (&mut scratch.bids[at], &mut scratch.lanes[at]);
                let first = turn(lane) < turn(before.0);
                if urgency > bid.urgency || (urgency == bid.urgency && first) {
                    (*before, bid.urgency, bid.preference) = ((lane, speculative), urgency, urgency);
                }
            }
            None => {
                scratch.bids.push(Bid { row, column, preference: urgency, urgency });
                scratch.lanes.push((lane, speculative));
            }
        }
    }

    /// Ports for which a head may bid while it still asks for a channel: they have a free one with a slot. And whether
    /// a win would be of use.
    fn speculation(&self, plan: &Plan, r: u32, lane: u8) -> (u64, bool) {
        let i = r as usize * plan.lanes + usize::from(lane);
        let masks = &self.sites[r as usize].masks;
        let answer = self.answer(plan, i);
        let mut free = answer.allowed & !masks.owned & !masks.full;
        let useful = !plan.spec.booksim || answer.ways().iter().all(|(lanes, _)| lanes & free != 0);
        let mut ports = 0;
        while free != 0 {
            ports |= 1 << plan.port(free.trailing_zeros() as u8);
            free &= free - 1;
        }
        (ports, useful)
    }

    /// The switch with every knob; takes the channels won on the way.
    pub(super) fn switch_any(&mut self, plan: &Plan, r: u32, now: u64, wins: &mut [(u8, u8)]) {
        let spec = &plan.spec;
        self.order.winners(r, wins);
        if spec.vc_allocation == 0 {
            self.take_channels(plan, r, now, wins);
        }
        let (mut rows_held, mut columns_held) = (0u64, 0u64);
        let held = self.order.held.get(r as usize).copied().unwrap_or(0);
        let mut left = held;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let out = self.lanes[r as usize * plan.lanes + usize::from(lane)].out;
            let (row, column) = Self::cell(plan, lane, plan.port(out));
            rows_held |= 1 << row;
            columns_held |= 1 << column;
        }
        let masks = self.sites[r as usize].masks;
        self.scratch.bids.clear();
        self.scratch.lanes.clear();
        let mut left = masks.ready & !held;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let i = r as usize * plan.lanes + usize::from(lane);
            let port = plan.port(self.lanes[i].out);
            if let Some(limit) = spec.output_queue {
                let place = r as usize * usize::from(plan.ports.count) + usize::from(port);
                if self.order.queued(place, now) >= usize::from(limit) {
                    continue;
                }
            }
            let urgency = self.urgency(plan, i, now);
            self.add_bid(plan, r, (lane, false), port, urgency);
        }
        let mut left = if spec.speculative { masks.waiting } else { 0 };
        let heads_wait = left != 0;
        while left != 0 {
            let lane = left.trailing_zeros() as u8;
            left &= left - 1;
            let (mut ports, _) = self.speculation(plan, r, lane);
            while ports != 0 {
                self.add_bid(plan, r, (lane, true), ports.trailing_zeros() as u8, -1);
                ports &= ports - 1;
            }
        }
        let mut pairs = std::mem::take(&mut self.scratch.pairs);
        pairs.clear();
        let bids = std::mem::take(&mut self.scratch.bids);
        let lanes = std::mem::take(&mut self.scratch.lanes);
        if masks.holding != 0 || heads_wait || !bids.is_empty() {
            self.matching(plan, r, true, |mut matching| {
                if held == 0 {
                    return matching.run(&bids, &mut pairs);
                }
                let open: Vec<Bid> = bids
                    .iter()
                    .filter(|bid| rows_held >> bid.row & 1 == 0 && columns_held >> bid.column & 1 == 0)
                    .copied()
                    .collect();
                matching.run(&open, &mut pairs);
            });
        }
        let rows = usize::from(plan.ports.count) * usize::from(spec.input_speedup);
        let offsets = (r as usize + 1) * self.arbiters.stride - 2 - rows;
        let mut winners: Lanes = held & masks.ready;
        let mut guesses: Lanes = 0;
        for &(row, column) in &pairs {
            let Some(at) = bids.iter().position(|bid| (bid.row, bid.column) == (row, column)) else { continue };
            let (lane, speculative) = lanes[at];
            let mut turn = true;
            if speculative {
                let out_port = column / spec.output_speedup;
                let useful = self.speculation(plan, r, lane).1;
                let won = wins.iter().find(|win| win.0 == lane).map(|win| win.1);
                let has_slot = won.is_some_and(|out| plan.port(out) == out_port && masks.full >> out & 1 == 0);
                if useful && has_slot {
                    guesses |= 1 << lane;
                }
                turn = useful;
            } else {
                winners |= 1 << lane;
            }
            if turn {
                let next = (plan.channel(lane) + spec.input_speedup) % spec.channels;
                self.arbiters.pointers[offsets + usize::from(row)] = next;
            }
        }
        self.scratch.pairs = pairs;
        self.scratch.bids = bids;
        self.scratch.lanes = lanes;
        let bidders = self.order.bidders.get_mut(r as usize).map(std::mem::take);
        if spec.vc_allocation > 0 {
            self.take_channels(plan, r, now, wins);
        }
        match bidders {
            None => {
                let mut left = winners | guesses;
                while left != 0 {
                    let lane = left.trailing_zeros() as u8;
                    left &= left - 1;
                    self.send_and_hold(plan, r, lane, now);
                }
            }
            Some(bidders) => {
                for (lane, _) in bidders.0 {
                    if winners >> lane & 1 == 0 || self.send_and_hold(plan, r, lane, now) {
                        self.order.bids(r, lane, None);
                    }
                }
                let mut left = guesses;
                while left != 0 {
                    let lane = left.trailing_zeros() as u8;
                    left &= left - 1;
                    self.order.bidders[r as usize].0.retain(|other| other.0 != lane);
                    if self.send_and_hold(plan, r, lane, now) {
                        self.order.bids(r, lane, None);
                    }
                }
            }
        }
        // A held input that could not send gives the switch back.
        if let Some(kept) = self.order.held.get_mut(r as usize) {
            *kept &= !(held & !winners);
        }
    }

    fn send_and_hold(&mut self, plan: &Plan, r: u32, lane: u8, now: u64) -> bool {
        let more = self.send(plan, r, lane, now);
        if let Some(held) = self.order.held.get_mut(r as usize) {
            let bit = 1 << lane;
            *held = if more { *held | bit } else { *held & !bit };
        }
        more
    }
}
