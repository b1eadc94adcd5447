//! A message that cannot leave its thread.

use engset::prelude::*;
use std::rc::Rc;

struct Shared(Rc<str>);
impl Protocol for Shared {}

fn main() {
    drop(Shared("x".into()));
}
