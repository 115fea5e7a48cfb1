//! The only place that knows `bincode`: values to bytes and back.
//!
//! bincode 2.0.1 is pinned: 3.0.0 does not compile and the crate is no longer kept (RUSTSEC-2025-0141). Everything
//! written through here lies in an envelope with a magic and a version, so another codec can take over by a new
//! version number; wincode and postcard read and write the same shapes.

use serde::{Serialize, de::DeserializeOwned};

/// Little-endian, fixed-width integers: the size of a value does not depend on what it holds.
fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding()
}

/// The value as bytes.
///
/// # Panics
/// Never for the types of this crate: they hold no maps of unknown length and no borrowed data.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, config()).expect("invariant: types of this crate always encode")
}

/// The value in `bytes`, all of which must be used.
///
/// # Errors
/// Why the bytes are not such a value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config()).map_err(|e| e.to_string())?;
    if used == bytes.len() { Ok(value) } else { Err(format!("{} bytes too many", bytes.len() - used)) }
}
