//! How a value is to be written where a type says more than serde's data model: by names that serde hands through.
//!
//! A struct's name, which `#[serde(rename = "…")]` sets, says its [`Form`]; a newtype of a known name says the [`Scope`]
//! of what is in it. No Rust type has such a name by accident.

use alloc::string::String;

/// The form of a struct, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// Any other name: a map with atom keys.
    Map,
    /// `%Module`: a map with atom keys and `__struct__`.
    Elixir(&'a str),
    /// `#tag`: a tuple of the tag and the fields.
    Record(&'a str),
    /// `[]`: a list of pairs of an atom and a value.
    Keyword,
}

/// What holds for all that is in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// No value is `nil`, not `undefined`.
    pub(super) is_nil: bool,
    pub(super) text: Text,
}

/// What a string becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Binary,
    Charlist,
    Atom,
}

/// Inside, no value and `()` are the atom `nil`.
pub(super) const NIL: &str = "$engset.nil";
/// Inside, strings are lists of code points.
pub(super) const CHARLIST: &str = "$engset.charlist";
/// Inside, strings are atoms.
pub(super) const ATOM_TEXT: &str = "$engset.atom";
/// The key by which Elixir knows a map for a struct.
pub(super) const STRUCT: &str = "__struct__";

/// The atom that an Elixir module is.
pub(super) fn elixir_module(module: &str) -> String {
    ["Elixir.", module].concat()
}

impl<'a> Form<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        match (name.strip_prefix('%'), name.strip_prefix('#')) {
            (Some(module), _) => Self::Elixir(module),
            (_, Some(tag)) => Self::Record(tag),
            _ if name == "[]" => Self::Keyword,
            _ => Self::Map,
        }
    }
}

impl Scope {
    /// The mapping without any attribute.
    pub(super) const PLAIN: Self = Self { is_nil: false, text: Text::Binary };

    /// The scope inside of a newtype of this name, if it is the name of one.
    pub(super) fn inside(self, name: &str) -> Option<Self> {
        match name {
            NIL => Some(Self { is_nil: true, ..self }),
            CHARLIST => Some(Self { text: Text::Charlist, ..self }),
            ATOM_TEXT => Some(Self { text: Text::Atom, ..self }),
            _ => None,
        }
    }
}
