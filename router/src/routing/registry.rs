//! The strategies by name.

use super::steps::dateline_classes;
use super::{
    ChannelSet, Deflection, DimensionOrder, DualPath, KeyMask, MinimalAdaptive, NegativeFirst, NorthLast,
    O1Turn, OddEven, PlanarAdaptive, RecursivePartitioning, Romm, Routing, Spinnaker, TableRouting, UpDown,
    Valiant, WestFirst,
};
use crate::topology::Topology;

/// What a strategy asks of the router beside virtual channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: wormhole switching will do.
    #[default]
    Nothing,
    /// A virtual channel holds one packet at a time (wait for tail credit), or whole packets move at once: Duato's
    /// condition for wormhole networks.
    OnePacketAChannel,
    /// No buffers: a router that deflects.
    Deflection,
    /// A packet that waits too long takes an emergency route, then is dropped.
    Timeouts,
}

/// Why a strategy cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// No such strategy.
    #[error("there is no routing strategy `{name}`; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// Too few virtual channels to be free of deadlock.
    #[error("`{name}` needs {needed} virtual channels on this network, there are {given}")]
    TooFewChannels {
        /// The strategy.
        name: &'static str,
        /// Channels it needs.
        needed: u8,
        /// Channels given.
        given: u8,
    },
    /// More virtual channels than a set can name.
    #[error("{given} virtual channels are more than the {limit} there can be")]
    TooManyChannels {
        /// Channels given.
        given: u8,
        /// Most there can be.
        limit: u8,
    },
    /// The strategy is not made for such a network.
    #[error("`{name}` cannot route here: {why}")]
    Topology {
        /// The strategy.
        name: &'static str,
        /// What is in the way.
        why: String,
    },
}

/// A row of the registry.
pub struct RoutingStrategy {
    /// Name users type.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Name of the selection it is published with.
    pub selection: &'static str,
    /// Whether it routes one packet to several destinations.
    pub multicast: bool,
    /// What it asks of the router.
    pub needs: Needs,
    /// Virtual channels it needs on a network to be free of deadlock.
    pub channels: fn(&Topology) -> u8,
    /// Makes one for a network and a number of virtual channels that is enough.
    pub make: Maker,
}

/// Makes a routing function for a network and a number of virtual channels.
pub type Maker = fn(&Topology, u8) -> Result<Box<dyn Routing>, RoutingError>;

impl RoutingStrategy {
    /// Makes the strategy for a network with so many virtual channels a link.
    ///
    /// # Errors
    /// Too few or too many channels, or a network it is not made for.
    pub fn build(&self, topology: &Topology, channels: u8) -> Result<Box<dyn Routing>, RoutingError> {
        let needed = (self.channels)(topology);
        if channels < needed {
            return Err(RoutingError::TooFewChannels { name: self.name, needed, given: channels });
        }
        if channels > ChannelSet::MOST {
            return Err(RoutingError::TooManyChannels { given: channels, limit: ChannelSet::MOST });
        }
        (self.make)(topology, channels)
    }
}

/// All strategies. Adding one is one file and one line here.
pub fn strategies() -> &'static [RoutingStrategy] {
    &[
        RoutingStrategy {
            name: "xy",
            description: "dimension order, x first; a tree for several destinations",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: dateline_classes,
            make: |topology, channels| Ok(Box::new(DimensionOrder::xy().with_channels(channels).on(topology))),
        },
        RoutingStrategy {
            name: "yx",
            description: "dimension order, y first; a tree for several destinations",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: dateline_classes,
            make: |topology, channels| Ok(Box::new(DimensionOrder::yx().with_channels(channels).on(topology))),
        },
        RoutingStrategy {
            name: "west-first",
            description: "all hops west first, then adaptive",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(WestFirst::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "north-last",
            description: "hops north last, adaptive before",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(NorthLast::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "negative-first",
            description: "hops west and south first, adaptive among each kind",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(NegativeFirst::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "odd-even",
            description: "turns allowed by the parity of the column, adaptive",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(OddEven::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "dyad",
            description: "odd-even, adaptive only while a neighbour is loaded",
            selection: "dyad",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(OddEven::dyad(topology, channels)?)),
        },
        RoutingStrategy {
            name: "o1turn",
            description: "XY or YX by a coin, each in its channels",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 2,
            make: |topology, channels| Ok(Box::new(O1Turn::by_coin(topology, channels)?)),
        },
        RoutingStrategy {
            name: "adaptive-o1turn",
            description: "XY or YX by the load at the source, each in its channels",
            selection: "fewest-occupied",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 2,
            make: |topology, channels| Ok(Box::new(O1Turn::adaptive(topology, channels)?)),
        },
        RoutingStrategy {
            name: "romm",
            description: "by way of a random router on a minimal path",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 2,
            make: |topology, channels| Ok(Box::new(Romm::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "valiant",
            description: "by way of any random router",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Nothing,
            channels: Valiant::needed,
            make: |topology, channels| Ok(Box::new(Valiant::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "minimal-adaptive",
            description: "any minimal way, with XY as escape",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::OnePacketAChannel,
            channels: MinimalAdaptive::needed,
            make: |topology, channels| Ok(Box::new(MinimalAdaptive::new(topology, channels))),
        },
        RoutingStrategy {
            name: "planar-adaptive",
            description: "any minimal way, packets east and west in their own channels",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 2,
            make: |topology, channels| Ok(Box::new(PlanarAdaptive::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "table",
            description: "shortest paths from a table, up*/down* where those could deadlock",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(TableRouting::computed(topology, channels)?)),
        },
        RoutingStrategy {
            name: "up-down",
            description: "up a spanning tree, then down; any network, any faults",
            selection: "buffer-level",
            multicast: false,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(UpDown::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "deflection",
            description: "every way is legal and no packet waits",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Deflection,
            channels: |_| 1,
            make: |_, channels| Ok(Box::new(Deflection::new(channels))),
        },
        RoutingStrategy {
            name: "spinnaker",
            description: "straight on by default, around a blocked link in an emergency",
            selection: "first-legal",
            multicast: false,
            needs: Needs::Timeouts,
            channels: |_| 1,
            make: |_, channels| Ok(Box::new(Spinnaker::new(channels))),
        },
        RoutingStrategy {
            name: "recursive-partitioning",
            description: "a multicast tree that shares links, north and south in their own channels",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: |_| 2,
            make: |topology, channels| Ok(Box::new(RecursivePartitioning::new(topology, channels)?)),
        },
        RoutingStrategy {
            name: "dual-path",
            description: "two multicast paths along a Hamiltonian snake",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |_, channels| Ok(Box::new(DualPath::new(channels))),
        },
        RoutingStrategy {
            name: "key-mask",
            description: "multicast by associative tables, straight on by default",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |topology, channels| Ok(Box::new(KeyMask::by_destination(topology, channels)?)),
        },
    ]
}

/// The strategy of that name.
///
/// # Errors
/// There is none; the error names all there are.
pub fn strategy(name: &str) -> Result<&'static RoutingStrategy, RoutingError> {
    strategies().iter().find(|s| s.name == name).ok_or_else(|| RoutingError::Unknown {
        name: name.to_owned(),
        known: strategies().iter().map(|s| s.name).collect::<Vec<_>>().join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::selection;
    use crate::topology::tests::mesh;

    #[test]
    fn the_registry_names_are_the_strategies_own() {
        let topology = mesh(3, 2, 1);
        for row in strategies() {
            let channels = (row.channels)(&topology);
            let routing = row.build(&topology, channels).unwrap();
            assert_eq!((routing.name(), routing.virtual_channels()), (row.name, channels));
            assert!(selection(row.selection).is_some(), "{}", row.selection);
            assert!(row.build(&topology, channels - 1).is_err());
        }
        assert!(strategy("xz").is_err());
    }
}
