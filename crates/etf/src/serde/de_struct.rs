//! Structs in the forms that Elixir and Erlang give them: `%Module{…}`, records, keyword lists.

use alloc::vec::Vec;

use serde::de::value::{BoolDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};

use super::DeError;
use super::de::Deserializer;
use super::de_access::{Behind, Place};
use super::scope::{STRUCT, elixir_module};
use crate::{Reader, tags};

/// Pairs of a keyword list.
struct Pairs<'r, 'de> {
    reader: &'r mut Reader<'de>,
    depth: usize,
    /// How many pairs come before the next tail of the list.
    left: usize,
    /// Whether there is any, and so a tail, which may be a list again.
    has_tail: bool,
    atoms: bool,
    fields: &'static [&'static str],
    /// Fields whose value was read: a key's first value counts, as in `Keyword.get`.
    seen: Vec<&'static str>,
    /// The key stands alone, which is `true` in Erlang.
    is_alone: bool,
}

impl<'de> Deserializer<'_, 'de> {
    /// A map that says it is a struct of this module.
    pub(super) fn elixir_struct<V: Visitor<'de>>(
        self,
        module: &str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.expect_module(module)?;
        self.entries(visitor, true, Place::Inside)
    }

    /// Fails unless the map that comes next is a struct of this module; goes past nothing.
    fn expect_module(&self, module: &str) -> Result<(), DeError> {
        let mut reader = Reader::clone(self.reader);
        let pairs = reader.map_header()?;
        for _ in 0..reader.check_count(pairs, 2)? {
            if !reader.accept_atom(STRUCT) {
                reader.skip_term()?;
                reader.skip_term()?;
                continue;
            }
            if reader.accept_atom(&elixir_module(module)) {
                return Ok(());
            }
            let found = reader.atom().map_err(|_other| {
                DeError::custom(format_args!("expected a struct %{module}{{}}, `__struct__` is no atom"))
            })?;
            let found = found.as_str().strip_prefix("Elixir.").unwrap_or(found.as_str());
            return Err(DeError::custom(format_args!("expected a struct %{module}{{}}, found %{found}{{}}")));
        }
        Err(DeError::custom(format_args!(
            "expected a struct %{module}{{}}, found a map without `__struct__`"
        )))
    }

    /// A tuple of this tag and the fields.
    pub(super) fn record<V: Visitor<'de>>(
        self,
        tag: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let count = self.reader.tuple_header()?;
        // Behind `{}` stands what is no part of it.
        if count == 0 || !self.reader.accept_atom(tag) {
            return Err(DeError::custom(format_args!("expected a record #{tag}{{}}, found another tuple")));
        }
        let found = count.saturating_sub(1);
        if usize::try_from(found) != Ok(fields.len()) {
            let wanted = fields.len();
            return Err(DeError::custom(format_args!(
                "expected a record #{tag}{{}} of {wanted} fields, found {found}"
            )));
        }
        self.elements(visitor, found, (Behind::Nothing, Place::Inside))
    }

    /// A list of pairs, or a map with atom keys.
    pub(super) fn keyword<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if self.reader.peek_tag()? == tags::MAP {
            return self.entries(visitor, true, Place::Inside);
        }
        self.make_room::<V::Value>()?;
        let depth = self.inside()?;
        let count = self.reader.list_header()?;
        let count = self.reader.check_count(count, 1)?;
        let seen = Vec::new();
        let (reader, atoms) = (self.reader, self.atoms);
        let has_tail = count > 0;
        let mut pairs = Pairs { reader, depth, left: count, has_tail, atoms, fields, seen, is_alone: false };
        let value = visitor.visit_map(&mut pairs)?;
        if count > 0 {
            pairs.reader.end_of_list()?;
        }
        Ok(value)
    }
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        loop {
            if self.left == 0 && self.has_tail {
                self.left = self.reader.list_goes_on()?;
            }
            let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
            self.left = left;
            self.is_alone = !matches!(self.reader.peek_tag()?, tags::SMALL_TUPLE | tags::LARGE_TUPLE);
            if !self.is_alone && self.reader.tuple_header()? != 2 {
                return Err(DeError::custom("an element of a keyword list is no pair"));
            }
            let key = self.reader.atom()?;
            match self.fields.iter().find(|field| **field == key.as_str()) {
                Some(field) if self.seen.contains(field) => {
                    if !self.is_alone {
                        self.reader.skip_term()?;
                    }
                    continue;
                }
                Some(field) => self.seen.push(field),
                None => {}
            }
            return seed.deserialize(StrDeserializer::<DeError>::new(key.as_str())).map(Some);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        if self.is_alone {
            return seed.deserialize(BoolDeserializer::<DeError>::new(true));
        }
        let (depth, atoms, room) = (self.depth, self.atoms, size_of::<V::Value>());
        seed.deserialize(Deserializer { reader: self.reader, depth, is_name: false, atoms, room })
    }
}
