//! The code of a child that gives away what it captured, and so could run only once.

use engset::prelude::*;

fn main() {
    let words = vec!["a".to_owned()];
    let child = Child::process("speller", move || {
        let words = words;
        async move |_cx: Cx<Term>| drop(words)
    });
    drop(child);
}
