//! What a puppet does with terms: keeps, compares, decodes, makes and takes apart.

use super::Puppet;
use engset::{Pid, Term};

/// So many references are made for one order at most.
const REFERENCES_MAX: i64 = 100_000;

impl Puppet {
    /// Does what an order about terms says; `None` when it is none of these.
    pub(super) fn obey_about_terms(&mut self, order: &str, arguments: &[Term]) -> Option<()> {
        match (order, arguments) {
            ("keep", [key, term]) => {
                self.kept.insert(key.clone(), term.clone());
            }
            ("kept", [key, rep]) => {
                let kept = self.kept.get(key).cloned().unwrap_or(Term::atom("none"));
                self.tell(rep.as_pid()?, "kept", [kept]);
            }
            ("same", [key, term, rep]) => {
                let same = self.kept.get(key) == Some(term);
                self.tell(rep.as_pid()?, "same", [Term::from(same)]);
            }
            ("decode", [bytes, rep]) => {
                let decoded = match engset_etf::decode(bytes.as_binary()?) {
                    Ok(term) => ("decoded", term),
                    Err(error) => ("undecoded", Term::string(&error.to_string())),
                };
                self.tell(rep.as_pid()?, decoded.0, [decoded.1]);
            }
            ("encode", [term, rep]) => {
                self.tell(rep.as_pid()?, "encoded", [Term::binary(engset_etf::encode(term))]);
            }
            ("text", [text, rep]) => {
                let text = text.to_text().map_or(Term::atom("none"), |text| Term::string(&text));
                self.tell(rep.as_pid()?, "text", [text]);
            }
            ("charlist", [text, rep]) => {
                let text = text.to_text().map_or(Term::atom("none"), |text| Term::charlist(&text));
                self.tell(rep.as_pid()?, "charlist", [text]);
            }
            ("boolean", [term, rep]) => {
                let negated = term.as_bool().map_or(Term::atom("none"), |value| Term::from(!value));
                self.tell(rep.as_pid()?, "negated", [negated]);
            }
            ("printed", [term, rep]) => {
                self.tell(rep.as_pid()?, "printed", [Term::string(&term.to_string())]);
            }
            ("map", [pairs, rep]) => {
                let pairs = pairs.as_proper_list().unwrap_or_default().iter();
                let pair = |pair: &Term| match pair.as_tuple()? {
                    [key, value] => Some((key.clone(), value.clone())),
                    _ => None,
                };
                self.tell(rep.as_pid()?, "map", [Term::map(pairs.filter_map(pair))]);
            }
            ("items", [list, rep]) => self.tell_items(list, rep.as_pid()?),
            ("references", [count, rep]) => {
                let count = count.as_int().filter(|count| *count <= REFERENCES_MAX)?;
                let made = (0..count).map(|_| Term::from(self.cx.processes().new_reference()));
                self.tell(rep.as_pid()?, "references", [Term::list(made)]);
            }
            _ => return None,
        }
        Some(())
    }

    /// Tells each item of a list on its own, and then how many there were and how the list ends.
    fn tell_items(&self, list: &Term, to: Pid) {
        let (items, tail) = match list {
            Term::List(list) => (list.elements(), list.tail().clone()),
            other => (&[][..], other.clone()),
        };
        for item in items {
            self.tell(to, "item", [item.clone()]);
        }
        self.tell(to, "items", [Term::from(items.len() as u64), tail]);
    }
}
