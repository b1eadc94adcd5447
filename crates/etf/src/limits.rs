//! What one decode may cost at most.

/// Limits of one decode. Each is tested at both sides; see `docs/protocol/etf.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers may nest.
    pub depth_max: usize,
    /// Elements of one tuple or list, pairs of one map.
    pub elements_max: usize,
    /// Bytes of one binary or bitstring.
    pub binary_bytes_max: usize,
    /// Bits of one integer.
    pub integer_bits_max: usize,
    /// Bytes of memory for the whole term.
    pub memory_bytes_max: usize,
    /// Bytes of memory for each byte of input, besides [`Limits::MEMORY_BYTES_FREE`].
    pub memory_ratio_max: usize,
    /// Bytes of memory for each byte of input, besides [`Limits::VALUES_BYTES_FREE`], that values of the program's own
    /// types may take in lists, in maps and behind pointers. A value may be much larger than its term: of a struct whose
    /// fields are all left out there is nothing on the wire but `#{}`.
    pub values_ratio_max: usize,
    /// Bytes a compressed term may inflate to.
    pub inflated_bytes_max: usize,
    /// How many times its size a compressed term may inflate to.
    pub inflated_ratio_max: usize,
    /// Node names nobody used before that one decode may bring in.
    pub node_names_new_max: usize,
}

impl Limits {
    /// The limits unless told otherwise.
    pub const DEFAULT: Self = Self {
        depth_max: 10_000,
        elements_max: 10_000_000,
        binary_bytes_max: 64 << 20,
        integer_bits_max: 64 << 10,
        memory_bytes_max: 256 << 20,
        memory_ratio_max: 32,
        values_ratio_max: 128,
        inflated_bytes_max: 64 << 20,
        inflated_ratio_max: 100,
        node_names_new_max: 1_024,
    };

    /// Terms of any size, as deep and as compressed as by default.
    pub(crate) const ANY_SIZE: Self = Self {
        elements_max: usize::MAX,
        binary_bytes_max: usize::MAX,
        integer_bits_max: usize::MAX,
        memory_bytes_max: usize::MAX,
        memory_ratio_max: usize::MAX,
        values_ratio_max: usize::MAX,
        ..Self::DEFAULT
    };

    /// Bytes of memory any input may use, however short it is.
    pub const MEMORY_BYTES_FREE: usize = 1_024;

    /// Bytes of memory that values of any input may take, however short it is.
    pub const VALUES_BYTES_FREE: usize = 1 << 20;

    /// Bytes of memory that the values which a term of `wire_bytes` stands for may take in lists, in maps and behind
    /// pointers, counted by the size of their types; at most [`Limits::memory_bytes_max`].
    pub const fn values_for(&self, wire_bytes: usize) -> usize {
        let by_ratio =
            wire_bytes.saturating_mul(self.values_ratio_max).saturating_add(Self::VALUES_BYTES_FREE);
        if by_ratio < self.memory_bytes_max { by_ratio } else { self.memory_bytes_max }
    }

    /// Bytes of memory a term of `wire_bytes` may use.
    pub const fn memory_for(&self, wire_bytes: usize) -> usize {
        let by_ratio =
            wire_bytes.saturating_mul(self.memory_ratio_max).saturating_add(Self::MEMORY_BYTES_FREE);
        if by_ratio < self.memory_bytes_max { by_ratio } else { self.memory_bytes_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Containers nested up to so deep are read and written by calls inside calls; those below by a stack of our own.
pub(crate) const RECURSION_MAX: usize = 16;
