//! Pseudo random numbers, the same in every system.

/// The generator of Park and Miller. Its numbers and products stay below 2^46, so that the BEAM computes them without
/// big integers.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

const MODULUS: u64 = 2_147_483_647;
const FACTOR: u64 = 16_807;

impl Random {
    /// `seed` is at least 1 and below 2^31 - 1.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state * FACTOR % MODULUS;
        self.state % bound
    }
}

#[cfg(test)]
mod tests {
    use super::{MODULUS, Random};

    #[test]
    fn the_ten_thousandth_number_is_the_published_one() {
        let mut random = Random::new(1);
        let last = (0..10_000).map(|_| random.below(MODULUS)).last();
        assert_eq!(last, Some(1_043_618_065));
    }
}
