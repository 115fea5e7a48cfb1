//! Tests of the router with a reservation table.

use super::*;
use crate::topology::tests::mesh;
use std::collections::VecDeque;

/// Packets from lists, dimension order, always the first output.
struct Lists {
    width: u32,
    destinations: Vec<u32>,
    queues: Vec<VecDeque<WormFlit>>,
    delivered: Vec<(u64, RouterId, WormFlit)>,
}

impl Lists {
    fn new(width: u32, routers: usize) -> Self {
        let queues = vec![VecDeque::new(); routers];
        Self { width, destinations: Vec::new(), queues, delivered: Vec::new() }
    }

    fn add(&mut self, from: u32, to: u32, flits: u32, channel: u8) {
        let packet = self.destinations.len() as u32;
        self.destinations.push(to);
        for i in 0..flits {
            let flit = WormFlit { packet, channel, head: i == 0, tail: i + 1 == flits };
            self.queues[from as usize].push_back(flit);
        }
    }
}

impl ReservationHost for Lists {
    fn pick(&mut self, _: usize) -> usize {
        0
    }
    fn choose(&mut self, head: WaitingHead, _: &Published<'_>) -> MeshPort {
        let (here, to) = (head.here.0, self.destinations[head.flit.packet as usize]);
        let (x, y) = ((here % self.width, to % self.width), (here / self.width, to / self.width));
        match (x.0.cmp(&x.1), y.0.cmp(&y.1)) {
            (std::cmp::Ordering::Less, _) => MeshPort::East,
            (std::cmp::Ordering::Greater, _) => MeshPort::West,
            (_, std::cmp::Ordering::Less) => MeshPort::North,
            (_, std::cmp::Ordering::Greater) => MeshPort::South,
            _ => MeshPort::Local,
        }
    }
    fn source(&mut self, router: RouterId, _: u64, idle: bool) -> Option<WormFlit> {
        if idle { self.queues[router.index()].pop_front() } else { None }
    }
    fn delivered(&mut self, router: RouterId, cycle: u64, flit: WormFlit) {
        self.delivered.push((cycle, router, flit));
    }
}

#[test]
fn a_lone_head_needs_two_cycles_a_hop_and_two_more() {
    let topology = mesh(8, 8, 1);
    for (to, distance) in [(0, 0), (1, 1), (8, 1), (63, 14), (7, 7)] {
        let mut host = Lists::new(8, 64);
        host.add(0, to, 3, 0);
        let mut noc = ReservationMesh::new(&topology, ReservationSettings::default()).unwrap();
        (0..60).for_each(|_| noc.step(&mut host));
        let times: Vec<_> = host.delivered.iter().map(|d| d.0).collect();
        let head = 2 * distance + 2;
        assert_eq!(times, [head, head + 2, head + 4], "a link moves a flit every two cycles");
        assert_eq!(noc.flits(), 0);
    }
}

#[test]
fn no_flit_is_lost_or_overtakes_its_packet() {
    let topology = mesh(4, 3, 1);
    for (channels, depth) in [(1, 1), (1, 4), (3, 2)] {
        let settings = ReservationSettings { channels, depth, ..ReservationSettings::default() };
        let mut noc = ReservationMesh::new(&topology, settings).unwrap();
        let mut host = Lists::new(4, 12);
        for i in 0..400 {
            host.add(i % 12, i * 7 % 11, 2 + i % 3, (i % u32::from(channels)) as u8);
        }
        let mut left: usize = host.queues.iter().map(VecDeque::len).sum();
        while left > 0 && noc.cycle() < 100_000 {
            noc.step(&mut host);
            left = host.queues.iter().map(VecDeque::len).sum::<usize>() + noc.flits();
        }
        assert_eq!(left, 0, "a network with dimension order drains");
        let mut open = vec![None; 12 * usize::from(channels)];
        for (_, router, flit) in &host.delivered {
            assert_eq!(host.destinations[flit.packet as usize], router.0);
            let packet = &mut open[router.index() * usize::from(channels) + usize::from(flit.channel)];
            assert_eq!(flit.head, packet.is_none(), "flits of a packet arrive together on their channel");
            assert!(packet.is_none_or(|p| p == flit.packet));
            *packet = (!flit.tail).then_some(flit.packet);
        }
    }
}

#[test]
fn wrong_settings_are_refused() {
    let topology = mesh(2, 2, 1);
    let good = ReservationSettings::default();
    for bad in [
        ReservationSettings { channels: 0, ..good },
        ReservationSettings { channels: 33, ..good },
        ReservationSettings { depth: 0, ..good },
        ReservationSettings { round: 4, ..good },
        ReservationSettings { first_in_round: 5, ..good },
    ] {
        assert!(matches!(ReservationMesh::new(&topology, bad), Err(ReservationError::Setting { .. })));
    }
    let error = ReservationMesh::new(&mesh(2, 2, 2), good).unwrap_err();
    assert_eq!(error, ReservationError::Endpoints { router: 0, endpoints: 2 });
}
