//! The function of `global` by which one node asks another who keeps a name.

use super::{Functions, Raise};

pub(super) fn allow(functions: &Functions) {
    functions.allow("global", "resolve_it", 4, |mut call| async move {
        let pid = call.cx().pid();
        call.node().global().resolve_it(pid, call.args()).ok_or_else(Raise::badarg)
    });
}
