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
    pub(crate) fn new(seed: usize) -> Self {
        Self { state: seed as u64 }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state * FACTOR % MODULUS;
        usize::try_from(self.state).expect("31 bits fit") % bound
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_ten_thousandth_number_is_the_published_one() {
        let mut random = Random::new(1);
        let last = (0..10_000).map(|_| random.below(usize::MAX)).last();
        assert_eq!(last, Some(1_043_618_065));
    }
}
