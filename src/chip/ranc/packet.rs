//! RANC's packet, bit for bit.
//!
//! ```text
//!  29          21 20          12 11         4 3      0
//! +--------------+--------------+------------+--------+
//! |  dx, signed  |  dy, signed  |    axon    |  tick  |   on horizontal links: 30 bits
//! +--------------+--------------+------------+--------+
//!                |  dy, signed  |    axon    |  tick  |   on vertical links, after the turn: 21 bits
//!                +--------------+------------+--------+
//!                               |    axon    |  tick  |   into the scheduler: 12 bits
//!                               +------------+--------+
//! ```
//! dx counts links to the east, dy links to the north, both in two's complement; a router takes one off on the way and
//! drops dx where the packet turns. Source: RANC's RTL, `ForwardEast.v` (dx in bits 29 to 21, dy in 20 to 12, 21 bits
//! after the turn), `Comp.v` (signed), `SchedulerSRAM.v` (axon above tick) and `RANCNetwork.v` (the widths of axon and
//! tick follow the size of a core; dx and dy are of 9 bits for up to 512 x 512 cores).

/// Bits of dx, and of dy.
const OFFSET_BITS: u32 = 9;
/// Smallest dx and dy.
pub const OFFSET_LEAST: i64 = -(1 << (OFFSET_BITS - 1));
/// Largest dx and dy.
pub const OFFSET_MOST: i64 = (1 << (OFFSET_BITS - 1)) - 1;

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RancPacket {
    /// Links to the east; to the west if negative.
    pub dx: i64,
    /// Links to the north; to the south if negative.
    pub dy: i64,
    /// Axon of the core it arrives at.
    pub axon: u32,
    /// Ticks it waits there.
    pub tick: u32,
}

/// A field that does not fit its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}; its {bits} bits hold {least} to {most}")]
pub struct PacketError {
    /// Which field.
    pub field: &'static str,
    /// Its value.
    pub value: i64,
    /// Bits it has.
    pub bits: u32,
    /// Smallest value.
    pub least: i64,
    /// Largest value.
    pub most: i64,
}

/// How many bits axon and tick take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFormat {
    axon_bits: u32,
    tick_bits: u32,
}

impl Default for PacketFormat {
    /// The 30 bits of cores with 256 axons and 16 ticks.
    fn default() -> Self {
        PacketFormat { axon_bits: 8, tick_bits: 4 }
    }
}

impl PacketFormat {
    /// A format whose axon field numbers so many axons, of 8 bits at least.
    pub fn for_axons(axons: u32) -> Self {
        let needed = u32::BITS - axons.saturating_sub(1).leading_zeros();
        let standard = Self::default();
        PacketFormat { axon_bits: needed.max(standard.axon_bits), ..standard }
    }

    /// Bits on horizontal links.
    pub fn bits(self) -> u32 {
        2 * OFFSET_BITS + self.axon_bits + self.tick_bits
    }

    /// Bits on vertical links.
    pub fn bits_after_turn(self) -> u32 {
        self.bits() - OFFSET_BITS
    }

    /// The packet as it crosses horizontal links.
    ///
    /// # Errors
    /// Every field that does not fit.
    pub fn pack(self, packet: &RancPacket) -> Result<u64, Vec<PacketError>> {
        let offset = (OFFSET_BITS, OFFSET_LEAST, OFFSET_MOST);
        let natural = |bits: u32| (bits, 0, (1i64 << bits) - 1);
        let mut errors = Vec::new();
        let mut word = 0u64;
        for (field, value, (bits, least, most)) in [
            ("dx", packet.dx, offset),
            ("dy", packet.dy, offset),
            ("the axon", packet.axon.into(), natural(self.axon_bits)),
            ("the delivery tick", packet.tick.into(), natural(self.tick_bits)),
        ] {
            if (least..=most).contains(&value) {
                word = word << bits | value as u64 & ((1 << bits) - 1);
            } else {
                errors.push(PacketError { field, value, bits, least, most });
            }
        }
        if errors.is_empty() { Ok(word) } else { Err(errors) }
    }

    /// What a word of a horizontal link says; `None` if it has bits above the packet's.
    pub fn unpack(self, word: u64) -> Option<RancPacket> {
        let above = self.bits_after_turn();
        let packet = self.unpack_after_turn(word & ((1 << above) - 1))?;
        (word >> self.bits() == 0).then(|| RancPacket { dx: signed(word >> above), ..packet })
    }

    /// The word on vertical links: the packet without its dx.
    pub fn turn(self, word: u64) -> u64 {
        word & ((1 << self.bits_after_turn()) - 1)
    }

    /// What a word of a vertical link says, with a dx of 0; `None` if it has bits above the packet's.
    pub fn unpack_after_turn(self, word: u64) -> Option<RancPacket> {
        let field = |from: u32, bits: u32| (word >> from & ((1 << bits) - 1)) as u32;
        (word >> self.bits_after_turn() == 0).then(|| RancPacket {
            dx: 0,
            dy: signed(word >> (self.axon_bits + self.tick_bits)),
            axon: field(self.tick_bits, self.axon_bits),
            tick: field(0, self.tick_bits),
        })
    }
}

/// The lowest bits of a word as a signed offset.
fn signed(word: u64) -> i64 {
    ((word as i64) << (i64::BITS - OFFSET_BITS)) >> (i64::BITS - OFFSET_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bits_are_where_the_drawing_says() {
        let format = PacketFormat::default();
        assert_eq!((format.bits(), format.bits_after_turn()), (30, 21));
        for (packet, word) in [
            (RancPacket { dx: 1, dy: 0, axon: 0, tick: 0 }, 1 << 21),
            (RancPacket { dx: 0, dy: 1, axon: 0, tick: 0 }, 1 << 12),
            (RancPacket { dx: 0, dy: 0, axon: 1, tick: 0 }, 1 << 4),
            (RancPacket { dx: 0, dy: 0, axon: 0, tick: 1 }, 1),
            (RancPacket { dx: -1, dy: -1, axon: 255, tick: 15 }, (1 << 30) - 1),
            (RancPacket { dx: -256, dy: 255, axon: 170, tick: 5 }, 1 << 29 | 255 << 12 | 170 << 4 | 5),
        ] {
            assert_eq!(format.pack(&packet), Ok(word), "{packet:?}");
            assert_eq!(format.unpack(word), Some(packet));
        }
        assert_eq!(format.unpack(1 << 30), None);
        assert_eq!(format.unpack_after_turn(1 << 21), None);
    }

    #[test]
    fn every_field_out_of_range_is_reported() {
        let errors =
            PacketFormat::default().pack(&RancPacket { dx: 256, dy: -257, axon: 256, tick: 16 }).unwrap_err();
        assert_eq!(errors.len(), 4);
        assert_eq!(errors[0].to_string(), "dx is 256; its 9 bits hold -256 to 255");
        assert_eq!(PacketFormat::for_axons(512).bits(), 31);
        assert!(PacketFormat::for_axons(512).pack(&RancPacket { dx: 0, dy: 0, axon: 511, tick: 0 }).is_ok());
        assert_eq!(PacketFormat::for_axons(16), PacketFormat::default());
    }

    proptest! {
        #[test]
        fn packing_and_unpacking_cancel(
            dx in OFFSET_LEAST..=OFFSET_MOST, dy in OFFSET_LEAST..=OFFSET_MOST,
            axon in 0u32..1024, tick in 0u32..16, axons in 1u32..1024,
        ) {
            let format = PacketFormat::for_axons(axons);
            let packet = RancPacket { dx, dy, axon: axon % axons, tick };
            let word = format.pack(&packet).unwrap();
            prop_assert_eq!(format.unpack(word), Some(packet));
            let turned = format.turn(word);
            prop_assert!(turned < 1 << format.bits_after_turn());
            prop_assert_eq!(format.unpack_after_turn(turned), Some(RancPacket { dx: 0, ..packet }));
        }
    }
}
