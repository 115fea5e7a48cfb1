//! Packets, flits and what is known of them where.

use crate::topology::EndpointId;

/// Bits of a flit that name its destination.
pub(super) const DESTINATION_BITS: u32 = 20;
const PACKET_BITS: u32 = 25;
const STATE_BITS: u32 = 6;
/// What a flit's word keeps of a routing state; wider ones travel beside it, see [`Wide`].
pub(super) const STATE_MASK: u32 = (1 << STATE_BITS) - 1;

/// Most packets inside the network at once.
pub(super) const MOST_PACKETS: usize = 1 << PACKET_BITS;

/// A flit in one word: packet, destination, routing state, corrupt, head, tail, routers passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flit(pub(super) u64);

const DESTINATION_AT: u32 = PACKET_BITS;
const STATE_AT: u32 = DESTINATION_AT + DESTINATION_BITS;
const CORRUPT: u64 = 1 << (STATE_AT + STATE_BITS);
const HEAD: u64 = CORRUPT << 1;
const TAIL: u64 = HEAD << 1;
/// The rest counts routers, at the upper end so that it may overflow.
const HOPS_AT: u32 = STATE_AT + STATE_BITS + 3;

impl Flit {
    pub(super) fn new(packet: u32, destination: u32, state: u32, head: bool, tail: bool) -> Self {
        let ends = if head { HEAD } else { 0 } | if tail { TAIL } else { 0 };
        let state = u64::from(state & STATE_MASK);
        Self(u64::from(packet) | u64::from(destination) << DESTINATION_AT | state << STATE_AT | ends)
    }

    fn field(self, at: u32, bits: u32) -> u32 {
        (self.0 >> at) as u32 & ((1 << bits) - 1)
    }

    #[inline]
    pub(super) fn packet(self) -> u32 {
        self.field(0, PACKET_BITS)
    }

    #[inline]
    pub(super) fn destination(self) -> u32 {
        self.field(DESTINATION_AT, DESTINATION_BITS)
    }

    pub(super) fn bound_for(self, destination: u32) -> Self {
        let field = ((1 << DESTINATION_BITS) - 1) << DESTINATION_AT;
        Self(self.0 & !field | u64::from(destination) << DESTINATION_AT)
    }

    #[inline]
    pub(super) fn state(self) -> u32 {
        self.field(STATE_AT, STATE_BITS)
    }

    /// Routers passed, modulo 1024.
    #[inline]
    pub(super) fn hops(self) -> u32 {
        (self.0 >> HOPS_AT) as u32
    }

    #[inline]
    pub(super) fn is_head(self) -> bool {
        self.0 & HEAD != 0
    }

    #[inline]
    pub(super) fn is_tail(self) -> bool {
        self.0 & TAIL != 0
    }

    #[inline]
    pub(super) fn is_corrupt(self) -> bool {
        self.0 & CORRUPT != 0
    }

    pub(super) fn corrupted(self) -> Self {
        Self(self.0 | CORRUPT)
    }

    /// The flit as it leaves a router: one more router passed, with the state it carries on, at most [`STATE_MASK`].
    #[inline]
    pub(super) fn onward(self, state: u32) -> Self {
        let kept = self.0 & !(u64::from(STATE_MASK) << STATE_AT);
        Self((kept | u64::from(state) << STATE_AT).wrapping_add(1 << HOPS_AT))
    }
}

/// What a head carries beside its word where the spec needs it: see [`super::Plan::wide`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wide {
    /// Routing state of strategies that are not compiled to a table.
    pub(super) state: u32,
    /// Low half of the cycle of creation.
    pub(super) born: u32,
    /// Length of the packet.
    pub(super) flits: u16,
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Cycle in which it came into being; its latency counts from there. May lie in the past.
    pub created: u64,
    /// Where it goes.
    pub destination: EndpointId,
    /// Its length, at least 1.
    pub flits: u16,
    /// The user's own word, given back with the arrival.
    pub tag: u64,
}

/// A packet inside the network, kept by the region of its source.
#[derive(Clone, Copy, Debug)]
pub(in crate::noc) struct Packet {
    pub(in crate::noc) offer: Offer,
    pub(in crate::noc) source: EndpointId,
    /// Cycle in which its head left the source.
    pub(in crate::noc) injected: u64,
    /// Copies that have not yet arrived or been lost.
    pub(in crate::noc) copies: u32,
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// As it was offered.
    pub offer: Offer,
    /// Where it entered.
    pub source: EndpointId,
    /// Cycle in which its head left the source.
    pub injected: u64,
    /// Where it, or this copy of it, left.
    pub endpoint: EndpointId,
    /// Cycle in which its tail reached the endpoint.
    pub arrived: u64,
    /// Routers its tail passed, modulo 1024.
    pub routers: u32,
    /// Whether a flaky link changed its tail on the way.
    pub corrupt: bool,
}

/// A packet of the network's, while it is inside; used again for another after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketHandle(pub(in crate::noc) u32);

impl PacketHandle {
    /// A small number, to index with.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Packets with indices that are used again.
#[derive(Debug, Default)]
pub(in crate::noc) struct Slab {
    packets: Vec<Packet>,
    free: Vec<u32>,
}

impl Slab {
    #[inline]
    pub(in crate::noc) fn insert(&mut self, packet: Packet) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.packets[index as usize] = packet;
                index
            }
            None => {
                self.packets.push(packet);
                self.packets.len() as u32 - 1
            }
        }
    }

    /// A packet's source and what was offered.
    pub(in crate::noc) fn get(&self, index: u32) -> (EndpointId, Offer) {
        let packet = &self.packets[index as usize];
        (packet.source, packet.offer)
    }

    /// A copy of a packet is done; the packet is forgotten with its last.
    #[inline]
    pub(in crate::noc) fn finish(&mut self, index: u32) -> Packet {
        let packet = &mut self.packets[index as usize];
        packet.copies -= 1;
        if packet.copies == 0 {
            self.free.push(index);
        }
        *packet
    }

    /// Packets inside.
    pub(in crate::noc) fn len(&self) -> usize {
        self.packets.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flit_keeps_its_fields() {
        let flit = Flit::new(MOST_PACKETS as u32 - 1, (1 << DESTINATION_BITS) - 1, 63, true, false);
        let on = flit.onward(5).onward(9);
        assert_eq!((on.packet(), on.destination()), (MOST_PACKETS as u32 - 1, (1 << DESTINATION_BITS) - 1));
        assert_eq!((on.state(), on.hops(), on.is_head(), on.is_tail()), (9, 2, true, false));
        let far = (0..2000).fold(flit, |flit, _| flit.onward(1));
        assert_eq!((far.hops(), far.is_head(), far.is_tail()), (2000 % 1024, true, false));
    }
}
