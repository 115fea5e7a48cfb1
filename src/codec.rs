//! The only place that knows `bincode`: values to bytes and back.
//!
//! bincode 2.0.1 is pinned: 3.0.0 does not compile and the crate is no longer kept (RUSTSEC-2025-0141). Everything
//! written through here lies in an envelope with a magic and a version, so another codec can take over by a new
//! version number; wincode and postcard read and write the same shapes.

use serde::{Serialize, de::DeserializeOwned};

/// Little-endian, fixed-width integers: the size of a value does not depend on what it holds.
fn config() -> bincode::config::Configuration<bincode::config::LittleEndian, bincode::config::Fixint> {
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
    // A damaged length must not make bincode ask for memory that the bytes cannot fill, and its limit is a constant of
    // the type: the smallest of a few that has room for all of them.
    match bytes.len() {
        0..0x1000 => within::<0x1000, T>(bytes),
        0x1000..0x10_0000 => within::<0x10_0000, T>(bytes),
        0x10_0000..0x1000_0000 => within::<0x1000_0000, T>(bytes),
        0x1000_0000..0x10_0000_0000 => within::<0x10_0000_0000, T>(bytes),
        length => Err(format!("{length} bytes are more than one section may have")),
    }
}

fn within<const LIMIT: usize, T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let config = config().with_limit::<LIMIT>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config).map_err(|e| e.to_string())?;
    if used == bytes.len() { Ok(value) } else { Err(format!("{} bytes too many", bytes.len() - used)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_lies_about_length_are_refused() {
        let value = (7u32, "name".to_owned(), vec![1u64, 2, 3]);
        let bytes = encode(&value);
        assert_eq!(decode::<(u32, String, Vec<u64>)>(&bytes), Ok(value));
        assert!(decode::<(u32, String)>(&bytes).is_err(), "bytes are left over");
        let mut lie = bytes;
        lie[4..12].fill(0x7f);
        assert!(decode::<(u32, String, Vec<u64>)>(&lie).is_err());
    }
}
