//! Erlang's order of terms, equality and hash, without recursion.
//!
//! number < atom < reference < fun < port < pid < tuple < map < nil < list < bitstring.
//! Three views of the same walk:
//! *arithmetic*, where `1 == 1.0`; *key*, the order of map keys, where every integer is before every
//! float; and *total* (`Ord`), which is arithmetic and breaks its ties by the first difference of kind.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use num_bigint::BigInt;

use crate::{Float, List, Term};

impl Term {
    /// The order of Erlang's `<` and `==`: integers and floats compare by value, exactly.
    pub fn arith_cmp(&self, other: &Self) -> Ordering {
        walk(self, other, Numbers::ByValue).0
    }

    /// The order of map keys: as [`Term::arith_cmp`], but every integer is before every float.
    #[inline]
    pub fn key_cmp(&self, other: &Self) -> Ordering {
        if let (Self::Atom(a), Self::Atom(b)) = (self, other) {
            return a.cmp(b);
        }
        walk(self, other, Numbers::ByKind).0
    }

    /// The key order of this term and the atom with this text.
    pub(crate) fn key_cmp_atom(&self, text: &str) -> Ordering {
        match self {
            Self::Atom(atom) => atom.as_str().cmp(text),
            _ => rank(self).cmp(&ATOM_RANK),
        }
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        let (order, tie) = walk(self, other, Numbers::ByValue);
        order.then(tie)
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Atom(a), Self::Atom(b)) => a == b,
            _ => rank(self) == rank(other) && self.key_cmp(other).is_eq(),
        }
    }
}

impl Eq for Term {}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_leaf(self, state);
        let Some(cells) = self.cells() else { return };
        let mut waiting = Vec::new();
        waiting.push(cells.iter());
        while let Some(cells) = waiting.last_mut() {
            let Some(term) = cells.next() else {
                waiting.pop();
                continue;
            };
            hash_leaf(term, state);
            if let Some(inner) = term.cells() {
                waiting.push(inner.iter());
            }
        }
    }
}

/// How integers and floats meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    ByValue,
    ByKind,
}

/// Two runs of cells of equal length that are compared pair by pair.
struct Pairs<'a> {
    left: &'a [Term],
    right: &'a [Term],
    /// Two within a map, whose keys go first and values after.
    step: usize,
    numbers: Numbers,
    /// What remains to be decided when all pairs are equal.
    last: Ordering,
}

/// What a look at two terms, but not into them, tells.
enum Look<'a> {
    Decided(Ordering),
    /// Equal by value but of different kind.
    Tie(Ordering),
    Inside(Pairs<'a>, Option<Pairs<'a>>),
}

/// The order of two terms, and the first difference of kind between numbers of the same value.
fn walk(left: &Term, right: &Term, numbers: Numbers) -> (Ordering, Ordering) {
    let mut tie = Ordering::Equal;
    let mut stack: Vec<Pairs<'_>> = Vec::new();
    let mut pair = Some((left, right, numbers));
    loop {
        if let Some((left, right, numbers)) = pair.take() {
            match look(left, right, numbers) {
                Look::Decided(Ordering::Equal) => {}
                Look::Decided(order) => return (order, tie),
                Look::Tie(order) => tie = tie.then(order),
                Look::Inside(first, then) => {
                    stack.extend(then);
                    stack.push(first);
                }
            }
        }
        let Some(pairs) = stack.last_mut() else { return (Ordering::Equal, tie) };
        pair = pairs.next();
        if pair.is_none() {
            let last = pairs.last;
            if last.is_ne() {
                return (last, tie);
            }
            stack.pop();
        }
    }
}

impl<'a> Pairs<'a> {
    fn next(&mut self) -> Option<(&'a Term, &'a Term, Numbers)> {
        let (left, right) = (self.left.first()?, self.right.first()?);
        self.left = self.left.get(self.step..).unwrap_or(&[]);
        self.right = self.right.get(self.step..).unwrap_or(&[]);
        Some((left, right, self.numbers))
    }
}

fn look<'a>(left: &'a Term, right: &'a Term, numbers: Numbers) -> Look<'a> {
    use Term as T;
    Look::Decided(match (left, right) {
        (T::Int(a), T::Int(b)) => a.cmp(b),
        (T::Big(a), T::Big(b)) => a.cmp(b),
        (T::Int(_), T::Big(b)) => sign_order(b.as_bigint()).reverse(),
        (T::Big(a), T::Int(_)) => sign_order(a.as_bigint()),
        (T::Float(a), T::Float(b)) => {
            let by_value = a.value().partial_cmp(&b.value()).unwrap_or(Ordering::Equal);
            return settle(by_value, a.cmp(b), numbers);
        }
        (T::Int(_) | T::Big(_), T::Float(b)) => match numbers {
            Numbers::ByKind => Ordering::Less,
            Numbers::ByValue => return settle(float_cmp(left, *b), Ordering::Less, numbers),
        },
        (T::Float(a), T::Int(_) | T::Big(_)) => match numbers {
            Numbers::ByKind => Ordering::Greater,
            Numbers::ByValue => return settle(float_cmp(right, *a).reverse(), Ordering::Greater, numbers),
        },
        (T::Atom(a), T::Atom(b)) => a.cmp(b),
        (T::Ref(a), T::Ref(b)) => a.cmp(b),
        (T::Port(a), T::Port(b)) => a.cmp(b),
        (T::Pid(a), T::Pid(b)) => a.cmp(b),
        (T::Fun(a), T::Fun(b)) | (T::Opaque(a), T::Opaque(b)) => a.cmp(b),
        (T::Export(a), T::Export(b)) => a.cmp(b),
        (T::Tuple(a), T::Tuple(b)) => return look_same_length(a, b, numbers),
        (T::Map(a), T::Map(b)) => return look_maps(a.cells(), b.cells(), numbers),
        (T::List(a), T::List(b)) => return look_lists(a, b, numbers),
        (T::Binary(_) | T::BitString(_), T::Binary(_) | T::BitString(_)) => bits(left).cmp(&bits(right)),
        _ => rank(left).cmp(&rank(right)),
    })
}

/// A comparison of numbers: in key order kinds count, in arithmetic order they only break a tie.
fn settle<'a>(by_value: Ordering, by_kind: Ordering, numbers: Numbers) -> Look<'a> {
    match (by_value, numbers) {
        (Ordering::Equal, Numbers::ByValue) => Look::Tie(by_kind),
        (Ordering::Equal, Numbers::ByKind) => Look::Decided(by_kind),
        (order, _) => Look::Decided(order),
    }
}

fn look_same_length<'a>(left: &'a [Term], right: &'a [Term], numbers: Numbers) -> Look<'a> {
    if left.len() != right.len() {
        return Look::Decided(left.len().cmp(&right.len()));
    }
    if core::ptr::eq(left, right) {
        return Look::Decided(Ordering::Equal);
    }
    Look::Inside(Pairs { left, right, step: 1, numbers, last: Ordering::Equal }, None)
}

/// By size, then all keys as keys, then all values.
fn look_maps<'a>(left: &'a [Term], right: &'a [Term], numbers: Numbers) -> Look<'a> {
    if left.len() != right.len() || core::ptr::eq(left, right) {
        return Look::Decided(left.len().cmp(&right.len()));
    }
    let from = |start: usize, numbers| Pairs {
        left: left.get(start..).unwrap_or(&[]),
        right: right.get(start..).unwrap_or(&[]),
        step: 2,
        numbers,
        last: Ordering::Equal,
    };
    Look::Inside(from(0, Numbers::ByKind), Some(from(1, numbers)))
}

/// Element by element; where one list ends, its tail meets the rest of the other.
fn look_lists<'a>(left: &'a List, right: &'a List, numbers: Numbers) -> Look<'a> {
    let (a, b) = (left.cells(), right.cells());
    if core::ptr::eq(a, b) {
        return Look::Decided(Ordering::Equal);
    }
    let (last, common) = match left.len().cmp(&right.len()) {
        Ordering::Equal => (Ordering::Equal, a.len()),
        Ordering::Less => (rank(left.tail()).cmp(&LIST_RANK), left.len()),
        Ordering::Greater => (LIST_RANK.cmp(&rank(right.tail())), right.len()),
    };
    let left = a.get(..common).unwrap_or(a);
    let right = b.get(..common).unwrap_or(b);
    Look::Inside(Pairs { left, right, step: 1, numbers, last }, None)
}

/// Bytes and the number of bits; a run of zero bits orders before a longer one it begins.
fn bits(term: &Term) -> (&[u8], u8) {
    match term {
        Term::Binary(binary) => (binary.as_slice(), 8),
        Term::BitString(bits) => (bits.bytes(), bits.last_bits()),
        _ => (&[], 0),
    }
}

fn rank(term: &Term) -> u8 {
    match term {
        Term::Int(_) | Term::Big(_) | Term::Float(_) => 0,
        Term::Atom(_) => ATOM_RANK,
        Term::Ref(_) => 2,
        Term::Fun(_) => 3,
        Term::Export(_) => 4,
        Term::Port(_) => 5,
        Term::Pid(_) => 6,
        Term::Tuple(_) => 7,
        Term::Opaque(_) => 8,
        Term::Map(_) => 9,
        Term::Nil => 10,
        Term::List(_) => LIST_RANK,
        Term::Binary(_) | Term::BitString(_) => 12,
    }
}

const ATOM_RANK: u8 = 1;
const LIST_RANK: u8 = 11;

/// How an integer outside 64 bits compares to one inside: by its sign.
fn sign_order(big: &BigInt) -> Ordering {
    if big.sign() == num_bigint::Sign::Minus { Ordering::Less } else { Ordering::Greater }
}

/// The order of an integer and a float by value, without rounding either.
fn float_cmp(integer: &Term, float: Float) -> Ordering {
    let value = float.value();
    let whole = integral_part(value);
    // A fraction decides only where the whole parts are equal; it has the float's own sign.
    let fraction = if is_whole(value) {
        Ordering::Equal
    } else if value > 0.0 {
        Ordering::Less
    } else {
        Ordering::Greater
    };
    let by_whole = match (integer, whole) {
        (Term::Int(a), Whole::Small(b)) => a.cmp(&b),
        (Term::Int(_), Whole::Large(b)) => sign_order(&b).reverse(),
        (Term::Big(a), Whole::Small(_)) => sign_order(a.as_bigint()),
        (Term::Big(a), Whole::Large(b)) => a.as_bigint().cmp(&b),
        _ => Ordering::Equal,
    };
    by_whole.then(fraction)
}

enum Whole {
    Small(i64),
    Large(BigInt),
}

/// The part before the point, exactly. The argument is finite.
fn integral_part(value: f64) -> Whole {
    // 2^63 is a float, so the comparison and, below it, the conversion are exact.
    if value.abs() < 9_223_372_036_854_775_808.0 {
        #[expect(clippy::cast_possible_truncation, reason = "dropping the fraction is the purpose")]
        return Whole::Small(value as i64);
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52) & 0x7ff;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    // At or above 2^63 the biased exponent is at least 1086.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "an integer of any size, shifted by less than 1024 bits"
    )]
    let magnitude = BigInt::from(mantissa) << exponent.saturating_sub(1075);
    #[expect(clippy::arithmetic_side_effects, reason = "the negative of an integer of any size")]
    Whole::Large(if value < 0.0 { -magnitude } else { magnitude })
}

/// Whether nothing stands behind the point. The argument is finite.
#[expect(clippy::cast_possible_truncation, reason = "dropping the fraction is the purpose")]
#[expect(clippy::cast_precision_loss, reason = "below 2^52 nothing is lost")]
#[expect(clippy::float_cmp, reason = "exact comparison is meant")]
fn is_whole(value: f64) -> bool {
    // From 2^52 on all floats are whole.
    value.abs() >= 4_503_599_627_370_496.0 || (value as i64) as f64 == value
}

fn hash_leaf<H: Hasher>(term: &Term, state: &mut H) {
    rank(term).hash(state);
    match term {
        Term::Int(value) => value.hash(state),
        Term::Big(big) => big.hash(state),
        Term::Float(float) => float.hash(state),
        Term::Atom(atom) => atom.hash(state),
        Term::Pid(pid) => pid.hash(state),
        Term::Ref(reference) => reference.hash(state),
        Term::Port(port) => port.hash(state),
        Term::Tuple(tuple) => tuple.len().hash(state),
        Term::Nil => {}
        Term::List(list) => list.len().hash(state),
        Term::Map(map) => map.len().hash(state),
        Term::Binary(_) | Term::BitString(_) => bits(term).hash(state),
        Term::Fun(opaque) | Term::Opaque(opaque) => opaque.hash(state),
        Term::Export(export) => export.hash(state),
    }
}
