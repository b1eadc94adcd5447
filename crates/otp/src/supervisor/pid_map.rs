//! Pure: maps from the pids of children, with a hash that costs next to nothing.
//!
//! Only for pids that the program itself chose by starting children: a stranger who chose them could make them collide.

use engset_term::Pid;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from the pids of children.
pub(super) type PidMap<V> = HashMap<Pid, V, BuildHasherDefault<PidHasher>>;

/// Spreads numbers that are close to each other over all bits.
#[derive(Debug, Default)]
pub(super) struct PidHasher(u64);

impl PidHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for PidHasher {
    fn finish(&self) -> u64 {
        // The table looks at the highest and at the lowest bits; multiplying leaves the lowest poor.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(u64::try_from(word).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn pids_in_a_row_spread_over_low_and_high_bits() {
        let build = BuildHasherDefault::<PidHasher>::default();
        let hash = |id: u32, serial: u32| build.hash_one(Pid::new(NodeName::NONODE, 7, id, serial));
        let hashes: Vec<u64> =
            (0..4_096).map(|id| hash(id, 3)).chain((1..4_096).map(|n| hash(5, n))).collect();
        let distinct =
            |bits: &dyn Fn(u64) -> u64| hashes.iter().map(|h| bits(*h)).collect::<HashSet<_>>().len();
        assert!(distinct(&|hash| hash) > 8_000);
        assert!(distinct(&|hash| hash & 0xFFF) > 2_500, "a random hash hits about 3,500 of 4,096 places");
        assert_eq!(distinct(&|hash| hash >> 57), 128);
    }
}
