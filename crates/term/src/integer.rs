//! Numbers: integers of any size and finite floats.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::ops::Add;

use num_bigint::BigInt;

/// An Erlang integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Integer {
    /// An integer that fits 64 bits.
    Small(i64),
    /// An integer that does not.
    Big(Big),
}

/// An integer outside the range of `i64`, shared. Made by way of [`Integer`], which keeps small ones small.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Big(Arc<BigInt>);

/// A finite float. Equal means the same bits, so `0.0` and `-0.0` differ, as in OTP 27.
#[derive(Clone, Copy)]
pub struct Float(f64);

/// Why a number is not an Erlang float. The caller is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FloatError {
    /// Neither NaN nor an infinity exists in Erlang.
    NotFinite,
}

impl Integer {
    /// The value if it fits 64 bits.
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Small(value) => Some(*value),
            Self::Big(_) => None,
        }
    }

    /// The value as a `BigInt` of its own.
    pub fn to_bigint(&self) -> BigInt {
        match self {
            Self::Small(value) => BigInt::from(*value),
            Self::Big(big) => big.as_bigint().clone(),
        }
    }
}

impl Big {
    /// The number itself; it never fits an `i64`.
    pub fn as_bigint(&self) -> &BigInt {
        &self.0
    }
}

impl Float {
    /// The float of this value; fails for NaN and the infinities.
    pub const fn new(value: f64) -> Result<Self, FloatError> {
        if value.is_finite() { Ok(Self(value)) } else { Err(FloatError::NotFinite) }
    }

    /// The value, which is finite.
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Self {
        match i64::try_from(&value) {
            Ok(small) => Self::Small(small),
            Err(_) => Self::Big(Big(Arc::new(value))),
        }
    }
}

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        i64::try_from(value).map_or_else(|_| Self::from(BigInt::from(value)), Self::Small)
    }
}

impl From<u128> for Integer {
    fn from(value: u128) -> Self {
        i64::try_from(value).map_or_else(|_| Self::from(BigInt::from(value)), Self::Small)
    }
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        Self::from(i128::from(value))
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Self::Small(value)
    }
}

impl From<usize> for Integer {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<isize> for Integer {
    fn from(value: isize) -> Self {
        Self::Small(value as i64)
    }
}

macro_rules! from_small {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Integer {
            fn from(value: $kind) -> Self {
                Self::Small(i64::from(value))
            }
        }
    )*};
}
from_small!(i8, i16, i32, u8, u16, u32);

impl TryFrom<&Integer> for i128 {
    type Error = core::num::TryFromIntError;

    fn try_from(value: &Integer) -> Result<Self, Self::Error> {
        match value {
            Integer::Small(small) => Ok(Self::from(*small)),
            Integer::Big(big) => {
                Self::try_from(big.as_bigint()).or_else(|_| u8::try_from(-1_i8).map(Self::from))
            }
        }
    }
}

impl TryFrom<&Integer> for u128 {
    type Error = core::num::TryFromIntError;

    fn try_from(value: &Integer) -> Result<Self, Self::Error> {
        match value {
            Integer::Small(small) => Self::try_from(*small),
            Integer::Big(big) => {
                Self::try_from(big.as_bigint()).or_else(|_| u8::try_from(-1_i8).map(Self::from))
            }
        }
    }
}

impl From<Integer> for BigInt {
    fn from(value: Integer) -> Self {
        value.to_bigint()
    }
}

impl Add for Integer {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Small(a), Self::Small(b)) => Self::from(i128::from(*a).wrapping_add(i128::from(*b))),
            #[expect(clippy::arithmetic_side_effects, reason = "integers of any size do not overflow")]
            _ => Self::from(self.to_bigint() + other.to_bigint()),
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small(value) => fmt::Display::fmt(value, f),
            Self::Big(big) => fmt::Display::fmt(big, f),
        }
    }
}

impl fmt::Display for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_bigint(), f)
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl core::hash::Hash for Float {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl TryFrom<f64> for Float {
    type Error = FloatError;

    fn try_from(value: f64) -> Result<Self, FloatError> {
        Self::new(value)
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for FloatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("float is not finite"),
        }
    }
}

impl core::error::Error for FloatError {}
