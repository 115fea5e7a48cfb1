//! Sources: the sending side of an endpoint, one packet at a time.

use super::packet::Offer;

/// No packet under way.
const NONE: u8 = u8::MAX;

/// What a source knows of the input buffers of its router's port.
#[derive(Clone, Debug)]
pub(in crate::noc) struct Source {
    /// The packet to send next or being sent.
    pub(in crate::noc) offer: Option<Offer>,
    /// The packet's index once its head has left.
    pub(in crate::noc) packet: u32,
    /// Its routing state at the start.
    pub(in crate::noc) state: u32,
    /// Flits not yet sent.
    pub(in crate::noc) left: u16,
    /// Virtual channel of the packet, once it has one.
    channel: u8,
    last: u8,
    owned: u32,
    /// Channels whose tail is sent and whose credits are awaited.
    tail_gone: u32,
}

impl Source {
    pub(in crate::noc) fn new(channels: u8) -> Self {
        Self {
            offer: None,
            packet: 0,
            state: 0,
            left: 0,
            channel: NONE,
            last: channels - 1,
            owned: 0,
            tail_gone: 0,
        }
    }

    /// The channel the next flit goes to, if it can go now; a head takes the first free one after the last used.
    #[inline]
    pub(super) fn channel(&mut self, occupied: &[u8], depth: u8) -> Option<u8> {
        if self.channel != NONE {
            return (occupied[usize::from(self.channel)] < depth).then_some(self.channel);
        }
        let open = |c: &usize| self.owned >> c & 1 == 0 && occupied[*c] < depth;
        let next = usize::from(self.last) + 1;
        (next..occupied.len()).chain(0..next).find(open).map(|c| c as u8)
    }

    /// A head goes to a channel.
    #[inline]
    pub(super) fn begin(&mut self, channel: u8, packet: u32, state: u32, flits: u16) {
        (self.channel, self.last) = (channel, channel);
        (self.packet, self.state, self.left) = (packet, state, flits);
        self.owned |= 1 << channel;
    }

    /// A flit was sent; true if it was the tail.
    #[inline]
    pub(super) fn sent(&mut self, wait_for_tail_credit: bool) -> bool {
        self.left -= 1;
        if self.left > 0 {
            return false;
        }
        if wait_for_tail_credit {
            self.tail_gone |= 1 << self.channel;
        } else {
            self.owned &= !(1 << self.channel);
        }
        (self.channel, self.offer) = (NONE, None);
        true
    }

    /// A slot came back; `left` are still out.
    #[inline]
    pub(super) fn credit(&mut self, channel: u8, left: u8) {
        if left == 0 && self.tail_gone >> channel & 1 == 1 {
            self.tail_gone &= !(1 << channel);
            self.owned &= !(1 << channel);
        }
    }

    /// Whether a packet is being sent.
    pub(super) fn is_sending(&self) -> bool {
        self.channel != NONE
    }
}
