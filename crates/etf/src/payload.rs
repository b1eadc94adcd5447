//! A term as it came over the wire: its bytes, and the atoms that the bytes only refer to.

use alloc::sync::Arc;
use core::ops::RangeBounds;

use bytes::Bytes;
use engset_term::{Atom, NodeName, Term};
use serde::de::DeserializeOwned;

use crate::opaque::Notes;
use crate::{DeError, DecodeError, Limits, Reader, encode_body, from_body_with, tags};

/// One term in external format without the leading 131, not looked into, with the atoms of its message.
///
/// A peer may write an atom as a reference into the header of the message that the term came in. The bytes alone do not
/// say which atom that is; this value does, for as long as it is kept, wherever it is moved. Clones share both.
///
/// ```
/// use bytes::Bytes;
/// use engset_etf::Payload;
/// use engset_term::Atom;
///
/// let atoms = [Atom::from_static("ok")];
/// let payload = Payload::with_atoms(Bytes::from_static(&[104, 2, 82, 0, 97, 7]), atoms.into());
/// assert_eq!(payload.term().expect("a term").to_string(), "{ok,7}");
/// // To be sent on, the atoms are written out.
/// assert_eq!(payload.to_plain().expect("a term"), [104, 2, 119, 2, b'o', b'k', 97, 7].as_slice());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    atoms: Option<Arc<[Atom]>>,
}

impl Payload {
    /// A term whose atoms stand in its bytes.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self { bytes, atoms: None }
    }

    /// A term whose references are into `atoms`.
    #[must_use]
    pub fn with_atoms(bytes: Bytes, atoms: Arc<[Atom]>) -> Self {
        Self { bytes, atoms: (!atoms.is_empty()).then_some(atoms) }
    }

    /// The bytes, references and all.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the references mean, in order; empty for most messages that were not sent by a BEAM.
    #[must_use]
    pub fn atoms(&self) -> &[Atom] {
        self.atoms.as_deref().unwrap_or_default()
    }

    /// As [`Self::atoms`], shared: for a term that arrives in parts.
    #[must_use]
    pub fn shared_atoms(&self) -> Option<Arc<[Atom]>> {
        self.atoms.clone()
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes; no term has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes of memory it keeps: its own, and those of its atoms.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.atoms()).saturating_add(self.bytes.len())
    }

    /// The same in memory of its own: without, it keeps all that it was read with from another node.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use engset_etf::Payload;
    ///
    /// let read = Bytes::from(vec![97; 65_536]);
    /// let payload = Payload::from(read.slice(..2)).apart();
    /// assert_eq!(payload.bytes(), &[97, 97][..]);
    /// assert!(read.is_unique());
    /// ```
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { bytes: Bytes::copy_from_slice(&self.bytes), atoms: self.atoms.clone() }
    }

    /// A reader at its beginning, within the default limits.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.bytes).with_atoms(self.atoms())
    }

    /// Whether it is one term by its form, also one that is over a limit of [`reader`](Self::reader); compressed ones may
    /// inflate within the limits only.
    ///
    /// ```
    /// use engset_etf::Payload;
    ///
    /// let long = Payload::new([&[111, 0, 1, 0, 0, 0], &[1; 65_536][..]].concat().into());
    /// assert!(long.reader().term().is_err());
    /// assert!(long.is_well_formed());
    /// // A binary that claims four billion bytes, and has none.
    /// assert!(!Payload::new(vec![109, 255, 255, 255, 255].into()).is_well_formed());
    /// ```
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        const ANY: Limits = Limits { depth_max: usize::MAX, ..Limits::ANY_SIZE };
        let mut reader = Reader::with_limits(&self.bytes, &ANY).with_atoms(self.atoms());
        reader.skip_term().is_ok() && reader.expect_end().is_ok()
    }

    /// A part of it that is a term itself, with the same atoms.
    ///
    /// # Panics
    /// Asserts that the range lies within its bytes.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        Self { bytes: self.bytes.slice(range), atoms: self.atoms.clone() }
    }

    /// The term; its long binaries share the payload's memory, see [`decode_bytes`](crate::decode_bytes).
    ///
    /// # Errors
    /// When the bytes are not exactly one term, or it exceeds the default limits.
    pub fn term(&self) -> Result<Term, DecodeError> {
        let mut reader = Reader::shared(&self.bytes, &Limits::DEFAULT).with_atoms(self.atoms());
        let term = reader.term()?;
        reader.expect_end()?;
        Ok(term)
    }

    /// The value that the term stands for.
    ///
    /// # Errors
    /// When the bytes are not exactly one term, or it stands for no `T`.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, DeError> {
        from_body_with(self.reader())
    }

    /// Bytes that need no atoms beside them. Without references they are the payload's own.
    ///
    /// # Errors
    /// When there are atoms, and the bytes are not exactly one term or exceed the default limits.
    pub fn to_plain(&self) -> Result<Bytes, DecodeError> {
        if self.atoms.is_none() {
            return Ok(self.bytes.clone());
        }
        let mut reader = self.reader();
        if matches!(reader.peek_tag()?, tags::COMPRESSED | tags::LOCAL_EXT) {
            let mut plain = alloc::vec::Vec::new();
            encode_body(&self.term()?, &mut plain);
            return Ok(plain.into());
        }
        let mut notes = Notes::default();
        reader.walk(&mut notes)?;
        reader.expect_end()?;
        if notes.has_references() {
            reader.written_out(0, &notes).map(Bytes::from)
        } else {
            Ok(self.bytes.clone())
        }
    }
}

/// A node that gets its name while it runs has other identifiers outside than inside.
impl Payload {
    /// The same term with all pids, ports and references given to the nodes that `owner` says, from name and creation
    /// to name and creation, those in funs too; its atoms are written out.
    ///
    /// ```
    /// use engset_etf::{Payload, encode_body};
    /// use engset_term::{NodeName, Pid, Term};
    ///
    /// let (old, new) = (NodeName::NONODE, NodeName::new("a@host").expect("a name"));
    /// let mut body = Vec::new();
    /// encode_body(&Term::list([Term::Pid(Pid::new(old, 1, 7, 0)), Term::atom("nonode@nohost")]), &mut body);
    /// let payload = Payload::from(body).with_owners(&|node, creation| match node == old {
    ///     true => (new, 9),
    ///     false => (node, creation),
    /// });
    /// let expected = Term::list([Term::Pid(Pid::new(new, 9, 7, 0)), Term::atom("nonode@nohost")]);
    /// assert_eq!(payload.expect("a term").term().expect("a term"), expected);
    /// ```
    ///
    /// # Errors
    /// When the bytes are not exactly one term or exceed the default limits.
    pub fn with_owners(&self, owner: &dyn Fn(NodeName, u32) -> (NodeName, u32)) -> Result<Self, DecodeError> {
        if matches!(self.reader().peek_tag()?, tags::COMPRESSED | tags::LOCAL_EXT) {
            let mut plain = alloc::vec::Vec::new();
            encode_body(&self.term()?, &mut plain);
            // A term that only its maker reads stays closed.
            return match plain.first() {
                Some(&(tags::COMPRESSED | tags::LOCAL_EXT)) | None => Ok(self.clone()),
                Some(_) => Self::from(plain).with_owners(owner),
            };
        }
        let mut reader = self.reader();
        let mut notes = Notes::with_identifiers();
        reader.walk(&mut notes)?;
        reader.expect_end()?;
        reader.written_as(0, &notes, owner).map(Self::from)
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes)
    }
}

impl From<alloc::vec::Vec<u8>> for Payload {
    fn from(bytes: alloc::vec::Vec<u8>) -> Self {
        Self::new(bytes.into())
    }
}

/// Compares the bytes; a payload with atoms equals no bytes, since they would not say the same.
impl PartialEq<Bytes> for Payload {
    fn eq(&self, other: &Bytes) -> bool {
        self.atoms.is_none() && self.bytes == *other
    }
}
