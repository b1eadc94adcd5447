//! Going through terms whose bytes are kept: which parts mean something only beside the message they came in.

use alloc::vec::Vec;

use engset_term::{NodeName, Pid, PortId, Reference};

use crate::DecodeErrorKind as Kind;
use crate::{DecodeError, Reader, put_atom, put_pid, put_port_id, put_reference, tags};

/// What was met on the way through a term, in order of position.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    parts: Vec<Part>,
    references: usize,
    /// Whether identifiers are noted, and not the atoms in them.
    wants_identifiers: bool,
    pub(crate) has_record: bool,
}

#[derive(Debug)]
enum Part {
    /// A reference to a cached atom, which has two bytes.
    Reference { at: usize },
    /// A fun: its size counts from the byte after its tag.
    Fun { at: usize, end: usize },
    /// A pid, port or reference.
    Identifier { at: usize, end: usize },
}

/// Whose an identifier is to be instead of a node's incarnation.
pub(crate) type Owner<'a> = dyn Fn(NodeName, u32) -> (NodeName, u32) + 'a;

impl Notes {
    /// Notes that hold the identifiers of the term.
    pub(crate) fn with_identifiers() -> Self {
        Self { wants_identifiers: true, ..Self::default() }
    }

    /// Whether the term says something only together with the atoms of its message.
    pub(crate) const fn has_references(&self) -> bool {
        self.references > 0
    }

    /// What noting a reference to a cached atom takes, in bytes.
    pub(crate) const REFERENCE_BYTES: usize = size_of::<Part>();

    pub(crate) fn reference(&mut self, at: usize) {
        self.references = self.references.saturating_add(1);
        self.parts.push(Part::Reference { at });
    }
}

/// A fun that the walk is in.
struct OpenFun {
    end: usize,
    /// How many terms are still to come once it is over.
    to_come: usize,
}

impl<'a> Reader<'a> {
    /// Goes past one term, into its funs and records too, and notes what they hold.
    pub(crate) fn walk(&mut self, notes: &mut Notes) -> Result<(), DecodeError> {
        let mut to_come: usize = 1;
        let mut open: Vec<OpenFun> = Vec::new();
        while let Some(left) = to_come.checked_sub(1) {
            let inside = match self.peek_tag()? {
                tags::NEW_FUN => {
                    let (end, parts) = self.walk_fun_head(notes)?;
                    open.push(OpenFun { end, to_come: left });
                    parts
                }
                tag if notes.wants_identifiers && is_identifier(tag) => {
                    let at = self.position();
                    self.skip_head(false, None)?;
                    self.charge(size_of::<Part>())?;
                    notes.parts.push(Part::Identifier { at, end: self.position() });
                    0
                }
                tag => {
                    notes.has_record |= tag == tags::RECORD;
                    self.skip_head(false, Some(notes))?
                }
            };
            to_come = left.saturating_add(inside);
            if to_come > self.left() {
                return Err(self.error(Kind::Truncated));
            }
            while let Some(fun) = open.pop_if(|fun| fun.to_come == to_come) {
                if fun.end != self.position() {
                    return Err(self.error(Kind::BadOpaque));
                }
            }
        }
        Ok(())
    }

    /// A fun up to its parts; where it says that it ends, and how many terms follow: module, old index, old uniq, pid
    /// and the free variables.
    fn walk_fun_head(&mut self, notes: &mut Notes) -> Result<(usize, usize), DecodeError> {
        let at = self.position();
        self.u8()?;
        let size = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let end = at.saturating_add(1).saturating_add(size);
        // Arity and the module's MD5, then the index.
        self.take(17)?;
        self.u32()?;
        let free = self.u32()?;
        let free = self.check_count(free, 1)?;
        self.charge(size_of::<Part>().saturating_add(size_of::<OpenFun>()))?;
        notes.parts.push(Part::Fun { at, end });
        Ok((end, free.saturating_add(4)))
    }

    /// The bytes between `start` and here, through which `notes` were taken, with each cached atom written out.
    pub(crate) fn written_out(&mut self, start: usize, notes: &Notes) -> Result<Vec<u8>, DecodeError> {
        self.written_as(start, notes, &|node, creation| (node, creation))
    }

    /// As [`Self::written_out`], with each noted identifier given to the node that `owner` says.
    pub(crate) fn written_as(
        &mut self,
        start: usize,
        notes: &Notes,
        owner: &Owner<'_>,
    ) -> Result<Vec<u8>, DecodeError> {
        let stop = self.position();
        let mut out = Vec::with_capacity(stop.saturating_sub(start));
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut copied = start;
        for part in &notes.parts {
            let at = match part {
                Part::Reference { at } | Part::Fun { at, .. } | Part::Identifier { at, .. } => *at,
            };
            while let Some((end, begun)) = open.pop_if(|(end, _)| *end <= at) {
                copied = self.copy(&mut out, copied, end);
                set_size(&mut out, begun);
            }
            copied = self.copy(&mut out, copied, at);
            match part {
                Part::Reference { .. } => {
                    let index = self.byte_at(at.saturating_add(1)).unwrap_or(0);
                    let Some(atom) = self.cached(index) else {
                        return Err(self.error_at(at, Kind::BadAtomCacheIndex));
                    };
                    self.charge_text(atom.as_str().len())?;
                    put_atom(&mut out, atom.as_str());
                    copied = at.saturating_add(2);
                }
                Part::Fun { end, .. } => open.push((*end, out.len())),
                Part::Identifier { end, .. } => {
                    self.read_part(at, *end, |part| part.put_as(owner, &mut out))?;
                    copied = *end;
                }
            }
        }
        while let Some((end, begun)) = open.pop() {
            copied = self.copy(&mut out, copied, end);
            set_size(&mut out, begun);
        }
        self.copy(&mut out, copied, stop);
        Ok(out)
    }

    /// Reads one identifier and appends the same one of the node that `owner` says.
    fn put_as(&mut self, owner: &Owner<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match self.peek_tag()? {
            tags::NEW_PID | tags::PID => {
                let pid = self.pid()?;
                let (node, creation) = owner(pid.node(), pid.creation());
                put_pid(out, Pid::new(node, creation, pid.id(), pid.serial()));
            }
            tags::V4_PORT | tags::NEW_PORT | tags::PORT => {
                let port = self.port_id()?;
                let (node, creation) = owner(port.node(), port.creation());
                put_port_id(out, PortId::new(node, creation, port.id()));
            }
            _ => {
                let reference = self.reference()?;
                let (node, creation) = owner(reference.node(), reference.creation());
                let given = Reference::new(node, creation, reference.words());
                put_reference(out, &given.map_err(|_words| self.error(Kind::BadReference))?);
            }
        }
        Ok(())
    }

    fn copy(&self, out: &mut Vec<u8>, from: usize, to: usize) -> usize {
        out.extend_from_slice(self.between(from, to));
        to
    }
}

fn is_identifier(tag: u8) -> bool {
    matches!(
        tag,
        tags::NEW_PID
            | tags::PID
            | tags::V4_PORT
            | tags::NEW_PORT
            | tags::PORT
            | tags::NEWER_REFERENCE
            | tags::NEW_REFERENCE
            | tags::REFERENCE
    )
}

/// Writes the size of the fun that began at `begun` and ends with `out`.
fn set_size(out: &mut [u8], begun: usize) {
    let size = out.len().saturating_sub(begun).saturating_sub(1);
    let field = out.get_mut(begun.saturating_add(1)..begun.saturating_add(5));
    if let Some(field) = field {
        field.copy_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// Whether a native record (OTP 29) is anywhere in `body`, a term without the leading 131: only peers with the flag
/// `NATIVE_RECORDS` read it. Bytes that are no term hold none.
pub fn contains_record(body: &[u8]) -> bool {
    if !may_contain_record(body) {
        return false;
    }
    let mut notes = Notes::default();
    let limits = crate::Limits { elements_max: usize::MAX, ..crate::Limits::DEFAULT };
    Reader::with_limits(body, &limits).walk(&mut notes).is_ok() && notes.has_record
}

/// Whether something in these bytes looks like a native record; a quick look.
pub(crate) fn may_contain_record(body: &[u8]) -> bool {
    // A record is a tag, a count of fields below 2^24, 0 or 1, and an atom: hardly anything else looks so.
    let looks_so = |at: usize| match body.get(at..at.saturating_add(7)) {
        Some([_, 0, _, _, _, 0 | 1, atom]) => {
            matches!(*atom, tags::SMALL_ATOM_UTF8 | tags::ATOM_UTF8 | tags::SMALL_ATOM | tags::ATOM)
        }
        Some(_) | None => false,
    };
    memchr::memchr_iter(tags::RECORD, body).any(looks_so)
}
