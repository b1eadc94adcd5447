//! Terms to bytes: by calls as deep as most terms are, by a stack of our own below that.

use alloc::vec::Vec;

use bytes::Bytes;
use engset_term::{Atom, Binary, List, NodeName, Term};
use num_bigint::{BigInt, Sign};

use crate::body::SHARED_BYTES_MIN;
use crate::limits::RECURSION_MAX;
use crate::tags;
use crate::write::{put_atom, put_port_id, put_tag_count, wide_int};

/// The term as bytes, 131 first.
pub fn encode(term: &Term) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    out.push(tags::VERSION);
    encode_body(term, &mut out);
    out
}

/// Appends the term to `out`, without 131.
///
/// # Panics
/// Asserts that no container or binary has 2^32 elements or more, for the format has no word for it.
pub fn encode_body(term: &Term, out: &mut Vec<u8>) {
    encode_into(term, out, None);
}

/// What most messages fit into.
pub(crate) const USUAL_BYTES: usize = 128;

/// Appends the term to `out`; where there is a place for `shared` pieces, the contents of long binaries go there with
/// the length of `out` that they come after.
pub(crate) fn encode_into(term: &Term, out: &mut Vec<u8>, shared: Option<&mut Vec<(usize, Bytes)>>) {
    let start = out.len();
    let mut encoder = Encoder { out, start, shared, node: None };
    let end = encoder.terms(start, core::slice::from_ref(term), 0);
    out.truncate(end);
}

/// Writes terms. Methods take the position to write at and give the one after; to hold it in a register, and to copy
/// blocks of fixed size of which not all counts, takes a part of the time that growing a vector byte by byte takes.
struct Encoder<'o> {
    /// What was written, and behind it zeros to write over.
    out: &'o mut Vec<u8>,
    start: usize,
    shared: Option<&'o mut Vec<(usize, Bytes)>>,
    /// The node written last, for pids of one message mostly share theirs.
    node: Option<Node>,
}

/// Where a node's name was written that is short enough to be copied as a block.
struct Node {
    name: NodeName,
    at: usize,
    len: usize,
}

impl Encoder<'_> {
    /// These terms, inside `depth` containers.
    fn terms(&mut self, mut at: usize, terms: &[Term], depth: usize) -> usize {
        for term in terms {
            at = match term {
                Term::Int(value) => self.int(at, *value),
                Term::Atom(atom) => self.atom(at, atom),
                Term::Nil => self.put(at, [tags::NIL]),
                Term::Binary(binary) => self.binary(at, binary),
                Term::Tuple(_) | Term::List(_) | Term::Map(_) => {
                    let (next, cells) = self.container(at, term);
                    if depth < RECURSION_MAX {
                        self.terms(next, cells, depth.wrapping_add(1))
                    } else {
                        self.deep(next, cells)
                    }
                }
                _ => self.leaf(at, term),
            };
        }
        at
    }

    /// The terms of a container below which the depth is kept on a stack of our own.
    #[cold]
    fn deep(&mut self, mut at: usize, cells: &[Term]) -> usize {
        let mut cells = cells.iter();
        // The innermost container is in hand, the ones around it wait.
        let mut waiting = Vec::new();
        loop {
            let Some(term) = cells.next() else {
                let Some(outer) = waiting.pop() else { return at };
                cells = outer;
                continue;
            };
            let (next, inner) = self.container(at, term);
            if inner.is_empty() {
                at = if next == at { self.leaf(at, term) } else { next };
            } else {
                at = next;
                waiting.push(core::mem::replace(&mut cells, inner.iter()));
            }
        }
    }

    /// What stands before a container's cells, and these; nothing is written of a leaf.
    #[inline(always)]
    fn container<'t>(&mut self, at: usize, term: &'t Term) -> (usize, &'t [Term]) {
        match term {
            Term::Tuple(tuple) => match u8::try_from(tuple.len()) {
                Ok(len) => (self.put(at, [tags::SMALL_TUPLE, len]), tuple.as_slice()),
                Err(_long) => (self.count(at, tags::LARGE_TUPLE, tuple.len()), tuple.as_slice()),
            },
            Term::List(list) => match self.string(at, list) {
                Some(next) => (next, &[]),
                None => (self.count(at, tags::LIST, list.len()), list.cells()),
            },
            Term::Map(map) => (self.count(at, tags::MAP, map.len()), map.cells()),
            _ => (at, &[]),
        }
    }

    #[inline(never)]
    fn leaf(&mut self, at: usize, term: &Term) -> usize {
        match term {
            Term::Int(value) => self.int(at, *value),
            Term::Atom(atom) => self.atom(at, atom),
            Term::Nil => self.put(at, [tags::NIL]),
            Term::Binary(binary) => self.binary(at, binary),
            Term::Pid(pid) => {
                let at = self.put(at, [tags::NEW_PID]);
                let at = self.node(at, pid.node());
                self.numbers::<12>(at, &[pid.id(), pid.serial(), pid.creation()])
            }
            Term::Ref(reference) => {
                let [_, len] = u16::try_from(reference.words().len()).unwrap_or(0).to_be_bytes();
                let at = self.put(at, [tags::NEWER_REFERENCE, 0, len]);
                let at = self.node(at, reference.node());
                let at = self.put(at, reference.creation().to_be_bytes());
                self.numbers::<20>(at, reference.words())
            }
            Term::Float(float) => self.block(at, 9, |[tag, rest @ ..]: &mut [u8; 9]| {
                *tag = tags::NEW_FLOAT;
                *rest = float.value().to_be_bytes();
            }),
            Term::Port(port) => self.rare(at, |out| put_port_id(out, *port)),
            Term::BitString(bits) => {
                let at = self.count(at, tags::BIT_BINARY, bits.bytes().len());
                let at = self.put(at, [bits.last_bits()]);
                self.content(at, bits.bytes())
            }
            Term::Big(big) => self.big(at, big.as_bigint()),
            Term::Export(export) => {
                let at = self.put(at, [tags::EXPORT]);
                let at = self.atom(at, &export.module);
                let at = self.atom(at, &export.function);
                self.put(at, [tags::SMALL_INTEGER, export.arity])
            }
            Term::Fun(opaque) | Term::Opaque(opaque) => self.content(at, opaque.external()),
            Term::Tuple(_) | Term::List(_) | Term::Map(_) => at,
        }
    }

    #[inline]
    fn int(&mut self, at: usize, value: i64) -> usize {
        if let Ok(byte) = u8::try_from(value) {
            self.put(at, [tags::SMALL_INTEGER, byte])
        } else if let Ok(small) = i32::try_from(value) {
            self.tagged(at, tags::INTEGER, small.to_be_bytes())
        } else {
            let (bytes, used) = wide_int(value);
            self.put(at, bytes);
            at.wrapping_add(used)
        }
    }

    #[inline]
    fn atom(&mut self, at: usize, atom: &Atom) -> usize {
        let Some((text, len)) = atom.as_short() else { return self.long_atom(at, atom.as_str()) };
        self.block(
            at,
            usize::from(len).wrapping_add(2),
            |[tag, length, rest @ ..]: &mut [u8; ATOM_BLOCK_BYTES]| {
                *tag = tags::SMALL_ATOM_UTF8;
                *length = len;
                *rest = *text;
            },
        )
    }

    fn long_atom(&mut self, at: usize, text: &str) -> usize {
        match u8::try_from(text.len()) {
            Ok(len) => {
                let at = self.put(at, [tags::SMALL_ATOM_UTF8, len]);
                self.content(at, text.as_bytes())
            }
            Err(_long) => self.rare(at, |out| put_atom(out, text)),
        }
    }

    #[inline]
    fn binary(&mut self, at: usize, binary: &Binary) -> usize {
        if let Some((bytes, len)) = binary.as_short() {
            let used = usize::from(len).wrapping_add(5);
            return self.block(
                at,
                used,
                |[tag, a, b, c, length, rest @ ..]: &mut [u8; BINARY_BLOCK_BYTES]| {
                    (*tag, *a, *b, *c, *length) = (tags::BINARY, 0, 0, 0, len);
                    *rest = *bytes;
                },
            );
        }
        self.long_binary(at, binary)
    }

    #[inline(never)]
    fn long_binary(&mut self, at: usize, binary: &Binary) -> usize {
        let at = self.count(at, tags::BINARY, binary.len());
        if binary.len() >= SHARED_BYTES_MIN
            && let Some(shared) = &mut self.shared
        {
            shared.push((at, binary.to_bytes()));
            return at;
        }
        self.content(at, binary)
    }

    /// A proper list of up to 65,535 bytes in its short form; nothing is written for any other list.
    #[inline]
    fn string(&mut self, at: usize, list: &List) -> Option<usize> {
        // Most lists are told by their first element.
        byte(list.elements().first()?)?;
        self.string_of_bytes(at, list)
    }

    #[inline(never)]
    fn string_of_bytes(&mut self, at: usize, list: &List) -> Option<usize> {
        let len = u16::try_from(list.len()).ok()?;
        if !list.is_proper() || !list.iter().all(|term| byte(term).is_some()) {
            return None;
        }
        let [a, b] = len.to_be_bytes();
        let mut at = self.put(at, [tags::STRING, a, b]);
        for term in list {
            at = self.put(at, [byte(term)?]);
        }
        Some(at)
    }

    /// An integer beyond 64 bits.
    fn big(&mut self, at: usize, value: &BigInt) -> usize {
        let bytes = usize::try_from(value.bits().div_ceil(8)).unwrap_or(usize::MAX);
        let at = match u8::try_from(bytes) {
            Ok(len) => self.put(at, [tags::SMALL_BIG, len]),
            Err(_long) => self.count(at, tags::LARGE_BIG, bytes),
        };
        let at = self.put(at, [u8::from(value.sign() == Sign::Minus)]);
        value.iter_u64_digits().fold(at, |at, digit| self.put(at, digit.to_le_bytes()));
        // The last digit's upper bytes may be zeros, which do not count.
        at.wrapping_add(bytes)
    }

    /// Up to `N / 4` numbers of four bytes each.
    #[inline]
    fn numbers<const N: usize>(&mut self, at: usize, numbers: &[u32]) -> usize {
        self.block(at, numbers.len().wrapping_mul(4), |room: &mut [u8; N]| {
            for (to, number) in room.as_chunks_mut().0.iter_mut().zip(numbers) {
                *to = number.to_be_bytes();
            }
        })
    }

    /// The node of a pid, a reference or a port.
    #[inline]
    fn node(&mut self, at: usize, name: NodeName) -> usize {
        if let Some(last) = &self.node
            && last.name == name
            && let Some(block) = self.out.get(last.at..).and_then(<[u8]>::first_chunk::<NODE_BLOCK_BYTES>)
        {
            let (len, block) = (last.len, *block);
            self.put(at, block);
            return at.wrapping_add(len);
        }
        let next = name.with_text(|text| self.long_atom(at, text));
        let len = next.wrapping_sub(at);
        self.node = (len <= NODE_BLOCK_BYTES).then_some(Node { name, at, len });
        next
    }

    /// A tag and a count of 32 bits.
    #[inline]
    fn count(&mut self, at: usize, tag: u8, count: usize) -> usize {
        match u32::try_from(count) {
            Ok(count) => self.tagged(at, tag, count.to_be_bytes()),
            Err(_many) => self.rare(at, |out| put_tag_count(out, tag, count)),
        }
    }

    #[inline]
    fn tagged(&mut self, at: usize, tag: u8, bytes: [u8; 4]) -> usize {
        self.block(at, 5, |[first, rest @ ..]: &mut [u8; 5]| {
            *first = tag;
            *rest = bytes;
        })
    }

    #[inline]
    fn content(&mut self, at: usize, bytes: &[u8]) -> usize {
        let end = at.wrapping_add(bytes.len());
        match self.out.get_mut(at..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                end
            }
            None => self.rare(at, |out| out.extend_from_slice(bytes)),
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> usize {
        self.block(at, N, |room| *room = bytes)
    }

    /// A block that `fill` writes, of which the first `used` bytes count: the next block goes over the others.
    ///
    /// It is written where it stays, for to make it elsewhere out of parts and to move it as a whole is slow.
    #[inline]
    fn block<const N: usize>(&mut self, at: usize, used: usize, fill: impl Fn(&mut [u8; N])) -> usize {
        match self.out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => fill(room),
            None => {
                let mut block = [0; N];
                fill(&mut block);
                self.put_after_growing(at, &block);
            }
        }
        at.wrapping_add(used)
    }

    #[cold]
    #[inline(never)]
    fn put_after_growing(&mut self, at: usize, bytes: &[u8]) {
        self.out.truncate(at);
        self.out.extend_from_slice(bytes);
        let written = at.saturating_sub(self.start);
        let zeros = self.out.len().saturating_add(written.clamp(USUAL_BYTES, ZEROS_MAX));
        self.out.resize(zeros.min(self.out.capacity()), 0);
    }

    /// What is written by growing the vector.
    #[inline(never)]
    fn rare(&mut self, at: usize, put: impl FnOnce(&mut Vec<u8>)) -> usize {
        self.out.truncate(at);
        put(self.out);
        self.out.len()
    }
}

fn byte(term: &Term) -> Option<u8> {
    term.as_int().and_then(|value| u8::try_from(value).ok())
}

/// At most so many zeros are put behind what was written.
const ZEROS_MAX: usize = 4 * 1024;
/// A node's name is copied as a block if it takes no more than so many bytes as an atom.
const NODE_BLOCK_BYTES: usize = 32;
/// An atom as a block: tag, length, text.
const ATOM_BLOCK_BYTES: usize = Atom::SHORT_BYTES.wrapping_add(2);
/// A binary as a block: tag, length, content.
const BINARY_BLOCK_BYTES: usize = Binary::INLINE_BYTES.wrapping_add(5);

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
