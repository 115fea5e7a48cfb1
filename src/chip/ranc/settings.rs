//! RANC's configuration file: the mesh and the size of a core, as RANC's `config.hpp` (commit f220102) names them.

use super::fields::Faults;
use crate::error::{Error, ErrorKind};
use serde_json::Value;

/// Columns and rows of a mesh: as many as RANC's RTL has at the most (`MAX_DIMENSION_X`).
const MOST_SIDE: i64 = 512;
/// Axons or neurons of a core.
pub(super) const MOST_OF_A_CORE: i64 = 1 << 16;
/// Axon types.
pub(super) const MOST_TYPES: i64 = 4;
/// Slots of a scheduler.
const MOST_SLOTS: i64 = 16;

/// A place on the mesh, ordered row by row as RANC's cores run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) y: u16,
    pub(super) x: u16,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({},{})", self.x, self.y)
    }
}

/// RANC's configuration file.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) neurons: u32,
    pub(super) axons: u32,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) types: i64,
    pub(super) slots: u32,
    /// Whether the lower threshold itself is below.
    pub(super) lower_inclusive: bool,
}

/// Reads RANC's configuration.
///
/// # Errors
/// Everything wrong in it.
pub(super) fn settings(file: &str, text: &str) -> Result<Settings, Error> {
    let mut faults = Faults::new(file);
    let object: Value = faults.object(text, "", "an object").unwrap_or_default();
    let settings = if faults.is_empty() && faults.is_object(&object, "") {
        let mut whole = |key, least, most| faults.whole(&object, "", key, least, most);
        Some(Settings {
            neurons: whole("num_neurons", 1, MOST_OF_A_CORE) as u32,
            axons: whole("num_axons", 1, MOST_OF_A_CORE) as u32,
            width: whole("num_cores_x", 1, MOST_SIDE) as u16,
            height: whole("num_cores_y", 1, MOST_SIDE) as u16,
            types: whole("num_weights", 1, MOST_TYPES),
            slots: whole("max_tick_offset", 1, MOST_SLOTS) as u32,
            lower_inclusive: whole("neuron_reset_type", 0, 1) == 1,
        })
    } else {
        None
    };
    faults.finish()?;
    // Faults end the reading above, so this is never asked for.
    settings.ok_or_else(|| Error::one(ErrorKind::Invalid, file, "the file holds no object", ""))
}
