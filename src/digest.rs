//! SHA-256 sums, which name networks, images and results.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 sum; prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A sum in the making.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds a number, little-endian.
    pub fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Adds numbers, little-endian, after their count.
    pub fn words(&mut self, words: &[i64]) {
        self.number(words.len() as u64);
        let mut bytes = [0u8; 4096];
        for chunk in words.chunks(512) {
            for (slot, word) in bytes.chunks_exact_mut(8).zip(chunk) {
                slot.copy_from_slice(&word.to_le_bytes());
            }
            self.0.update(&bytes[..chunk.len() * 8]);
        }
    }

    /// The sum.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The sum of some bytes.
pub fn digest(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.bytes(bytes);
    hasher.finish()
}
