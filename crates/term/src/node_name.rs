//! Node names as small handles to spellings in one bounded table.
//!
//! Pids, references and ports carry a node name each; a handle keeps a pid at sixteen bytes and
//! makes comparing nodes a comparison of numbers.
//! The table is the single piece of process-wide state: it holds spellings and nothing about
//! behaviour, so two nodes in one program cannot influence each other through it, and it never
//! holds more than [`NODE_NAMES_MAX`] names however many a peer invents.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering as Memory};

use smol_str::SmolStr;
use spin::RwLock;

use crate::limits::{NODE_NAME_BYTES_MAX, NODE_NAME_CHARACTERS_MAX, NODE_NAMES_MAX};

/// The name of a node, `name@host`, as a handle of four bytes.
///
/// When the table is full, a name that is not pinned and was not used of late gives up its slot.
/// Handles to it stay valid values: they print as `gone@gone` and equal no other name. (A slot
/// counts its owners in sixteen bits, so after 65,536 owners an old handle could meet a new owner.)
/// [`pin`](Self::pin) names that matter: the own name, names of live connections, names in keys of
/// ordered collections, for the order of handles is that of their texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeName {
    /// Zero is `nonode@nohost`; others are one more than their place in the table.
    slot: u16,
    generation: u16,
}

/// Keeps a node name's spelling in the table as long as it lives.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedNodeName(NodeName);

/// Why a text is no node name, or could not become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeNameError {
    /// Whoever wrote the text: it has not exactly one `@`.
    NotNameAtHost,
    /// Whoever wrote the text: nothing stands before the `@`.
    EmptyName,
    /// Whoever wrote the text: nothing stands after the `@`.
    EmptyHost,
    /// Whoever wrote the text: more than 255 characters.
    TooLong,
    /// Whoever wrote the text: it contains a control character.
    ControlCharacter,
    /// Whoever named the node: a character before the `@` that is no letter, digit, `_` or `-`.
    NotForOwnName,
    /// The limit: every name in the table is pinned, close connections first.
    TableFull,
}

impl NodeName {
    /// `nonode@nohost`, the name of a node that is not distributed.
    pub const NONODE: Self = Self { slot: 0, generation: 0 };

    /// The name with this text, `name@host`.
    pub fn new(text: &str) -> Result<Self, NodeNameError> {
        validate(text)?;
        if text == NONODE_TEXT {
            return Ok(Self::NONODE);
        }
        // The guard of the first look must be gone before the table is taken for writing.
        let known = TABLE.read().find(text);
        known.map_or_else(|| TABLE.write().intern(text), Ok)
    }

    /// The name with this text, for a node to give itself: as OTP, which lets others have any name before the `@`, and
    /// itself only one of letters, digits, `_` and `-`.
    ///
    /// ```
    /// use engset_term::{NodeName, NodeNameError};
    ///
    /// assert!(NodeName::new("a b@host").is_ok());
    /// assert_eq!(NodeName::new_own("a b@host"), Err(NodeNameError::NotForOwnName));
    /// assert!(NodeName::new_own("a_b-9@host").is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`Self::new`], and for other characters.
    pub fn new_own(text: &str) -> Result<Self, NodeNameError> {
        validate(text)?;
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        let is_usual = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        if name.chars().all(is_usual) { Self::new(text) } else { Err(NodeNameError::NotForOwnName) }
    }

    /// The name with this text, if it is in the table already; never adds to the table.
    pub fn find(text: &str) -> Option<Self> {
        if text == NONODE_TEXT { Some(Self::NONODE) } else { TABLE.read().find(text) }
    }

    /// The name as text; `gone@gone` if its spelling was given up.
    pub fn text(self) -> SmolStr {
        if self == Self::NONODE {
            return SmolStr::new_static(NONODE_TEXT);
        }
        TABLE.read().text(self).map_or(SmolStr::new_static(GONE_TEXT), SmolStr::new)
    }

    /// Calls `use_text` with the name as text, while the table is held for reading: the call must be
    /// short and must not make or pin names. Spares the copy [`text`](Self::text) makes.
    pub fn with_text<R>(self, use_text: impl FnOnce(&str) -> R) -> R {
        if self == Self::NONODE {
            return use_text(NONODE_TEXT);
        }
        use_text(TABLE.read().text(self).unwrap_or(GONE_TEXT))
    }

    /// The part before the `@`.
    pub fn name_part(self) -> SmolStr {
        let text = self.text();
        text.split_once('@').map_or_else(|| text.clone(), |(name, _)| SmolStr::new(name))
    }

    /// The part after the `@`.
    pub fn host_part(self) -> SmolStr {
        let text = self.text();
        text.split_once('@').map_or_else(|| text.clone(), |(_, host)| SmolStr::new(host))
    }

    /// Whether the table still holds this name's spelling.
    pub fn is_known(self) -> bool {
        self == Self::NONODE || TABLE.read().text(self).is_some()
    }

    /// The order of two names that are not the same.
    #[cold]
    #[inline(never)]
    fn cmp_text(&self, other: &Self) -> Ordering {
        let handle = |name: &Self| (name.slot, name.generation);
        self.text().cmp(&other.text()).then_with(|| handle(self).cmp(&handle(other)))
    }

    /// Keeps the spelling in the table until the guard is dropped. Pinning a gone name keeps nothing.
    pub fn pin(self) -> PinnedNodeName {
        TABLE.write().pin(self);
        PinnedNodeName(self)
    }
}

impl PinnedNodeName {
    /// The name held.
    pub const fn name(&self) -> NodeName {
        self.0
    }
}

impl Clone for PinnedNodeName {
    fn clone(&self) -> Self {
        self.0.pin()
    }
}

impl Drop for PinnedNodeName {
    fn drop(&mut self) {
        TABLE.write().unpin(self.0);
    }
}

impl Ord for NodeName {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.cmp_text(other) }
    }
}

impl PartialOrd for NodeName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl core::str::FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<Self, NodeNameError> {
        Self::new(text)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NodeNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNameAtHost => "node name is not of the form name@host",
            Self::EmptyName => "node name has nothing before the @",
            Self::EmptyHost => "node name has nothing after the @",
            Self::TooLong => "node name has more than 255 characters",
            Self::ControlCharacter => "node name contains a control character",
            Self::NotForOwnName => {
                "the name of a node has letters, digits, _ and - before the @, and nothing else"
            }
            Self::TableFull => "all node names that can be kept are in use",
        })
    }
}

impl core::error::Error for NodeNameError {}

/// The spellings, oldest slots first, and where each stands.
struct Table {
    slots: Vec<Slot>,
    index: BTreeMap<SmolStr, u16>,
    /// The place the search for a slot to reclaim goes on from.
    hand: usize,
    capacity: usize,
}

struct Slot {
    text: SmolStr,
    generation: u16,
    pins: u32,
    /// Set by every use; cleared, once, before the slot is reclaimed.
    used: AtomicBool,
}

impl Table {
    const fn new(capacity: usize) -> Self {
        Self { slots: Vec::new(), index: BTreeMap::new(), hand: 0, capacity }
    }

    fn find(&self, text: &str) -> Option<NodeName> {
        let slot = *self.index.get(text)?;
        let found = self.slots.get(place(slot)?)?;
        if !found.used.load(Memory::Relaxed) {
            found.used.store(true, Memory::Relaxed);
        }
        Some(NodeName { slot, generation: found.generation })
    }

    fn text(&self, name: NodeName) -> Option<&str> {
        let slot = self.slots.get(place(name.slot)?)?;
        (slot.generation == name.generation).then(|| slot.text.as_str())
    }

    fn intern(&mut self, text: &str) -> Result<NodeName, NodeNameError> {
        // Somebody else may have been faster between the look and the lock.
        if let Some(name) = self.find(text) {
            return Ok(name);
        }
        let text = SmolStr::new(text);
        let name = if self.slots.len() < self.capacity {
            let slot = u16::try_from(self.slots.len().saturating_add(1));
            let slot = slot.map_err(|_too_many| NodeNameError::TableFull)?;
            self.slots.push(Slot { text: text.clone(), generation: 0, pins: 0, used: AtomicBool::new(true) });
            NodeName { slot, generation: 0 }
        } else {
            self.reclaim(&text).ok_or(NodeNameError::TableFull)?
        };
        self.index.insert(text, name.slot);
        Ok(name)
    }

    /// Gives the slot of a name that is neither pinned nor used of late to `text`.
    fn reclaim(&mut self, text: &SmolStr) -> Option<NodeName> {
        // Twice around: the first time may do no more than clear every mark of use.
        for _ in 0..self.slots.len().saturating_mul(2) {
            let at = if self.hand < self.slots.len() { self.hand } else { 0 };
            self.hand = at.saturating_add(1);
            let slot = self.slots.get_mut(at)?;
            if slot.pins > 0 || core::mem::take(slot.used.get_mut()) {
                continue;
            }
            self.index.remove(&slot.text);
            slot.text = text.clone();
            slot.generation = slot.generation.wrapping_add(1);
            *slot.used.get_mut() = true;
            return Some(NodeName { slot: u16::try_from(self.hand).ok()?, generation: slot.generation });
        }
        None
    }

    fn pin(&mut self, name: NodeName) {
        if let Some(slot) = self.slot_mut(name) {
            slot.pins = slot.pins.saturating_add(1);
        }
    }

    fn unpin(&mut self, name: NodeName) {
        if let Some(slot) = self.slot_mut(name) {
            slot.pins = slot.pins.saturating_sub(1);
        }
    }

    fn slot_mut(&mut self, name: NodeName) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(place(name.slot)?)?;
        (slot.generation == name.generation).then_some(slot)
    }
}

fn place(slot: u16) -> Option<usize> {
    usize::from(slot).checked_sub(1)
}

fn validate(text: &str) -> Result<(), NodeNameError> {
    if text.len() > NODE_NAME_BYTES_MAX || text.chars().count() > NODE_NAME_CHARACTERS_MAX {
        return Err(NodeNameError::TooLong);
    }
    let (name, host) = text.split_once('@').ok_or(NodeNameError::NotNameAtHost)?;
    if host.contains('@') {
        return Err(NodeNameError::NotNameAtHost);
    }
    if name.is_empty() {
        return Err(NodeNameError::EmptyName);
    }
    if host.is_empty() {
        return Err(NodeNameError::EmptyHost);
    }
    if text.chars().any(char::is_control) {
        return Err(NodeNameError::ControlCharacter);
    }
    Ok(())
}

static TABLE: RwLock<Table> = RwLock::new(Table::new(NODE_NAMES_MAX));

const NONODE_TEXT: &str = "nonode@nohost";
const GONE_TEXT: &str = "gone@gone";

#[cfg(test)]
mod tests;
