//! The strategies by name.

use super::{ChannelSet, DimensionOrder, Routing};
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
            channels: |_| 1,
            make: |_, channels| Ok(Box::new(DimensionOrder::xy().with_channels(channels))),
        },
        RoutingStrategy {
            name: "yx",
            description: "dimension order, y first; a tree for several destinations",
            selection: "first-legal",
            multicast: true,
            needs: Needs::Nothing,
            channels: |_| 1,
            make: |_, channels| Ok(Box::new(DimensionOrder::yx().with_channels(channels))),
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
