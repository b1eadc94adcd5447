//! `appmon_info`: what observer's Applications page asks for, by a process for each client.

use super::{Functions, Place, Raise, application, facts};
use crate::node::Node;
use engset_otp::application::{AppInfo, Applications};
use engset_otp::{Dynamic, Info, Server, start_on};
use engset_process::{Addr, Cx, Exit, ExitReason};
use engset_term::{Atom, Pid, Term};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// So many processes of one application are shown.
const SHOWN_MAX: usize = 2_000;

pub(super) fn allow(functions: &Functions) {
    functions.allow("appmon_info", "start_link2", 3, |mut call| async move {
        let [_starter, client, _options] = call.take_args()?;
        let client = client.as_pid().ok_or_else(Raise::badarg)?;
        let place = call.node().functions().enter(call.peer(), 0);
        let place = place.map_err(|refusal| Raise::Error(Term::Atom(refusal.atom())))?;
        let node = Arc::downgrade(call.node());
        let server = Appmon { node, client, shown: Vec::new(), refresh: REFRESH, _place: place };
        let processes = Arc::clone(call.node().processes());
        let started = start_on(&processes, None, server).await;
        let addr = started.map_err(|error| Raise::Error(Term::string(&error.to_string())))?;
        Ok(Term::tuple([Term::atom("ok"), Term::Pid(addr.pid())]))
    });
}

/// So often what a client shows is looked at again, unless it says how often; a change is told.
const REFRESH: Duration = Duration::from_secs(2);
/// So many trees a client shows at once.
const SHOWN_TREES_MAX: usize = 100;

/// Answers casts `{From, app_ctrl, Node, Aux, Options}` and `{From, app, Name, Aux, Options}` with
/// `{delivery, Self, What, Which, Answer}`, and again where the answer has changed, until `Aux` is `false`; monitors its
/// client, and ends with it.
struct Appmon {
    node: Weak<Node>,
    client: Pid,
    shown: Vec<Shown>,
    refresh: Duration,
    /// It counts among what the peer has running, since it outlives the call that began it.
    _place: Place,
}

/// What a client shows.
struct Shown {
    what: Term,
    which: Term,
    answer: Term,
}

impl Appmon {
    /// Answers anew what a client shows; only where it has changed, unless it is asked for.
    async fn look(
        &mut self,
        what: &Term,
        which: &Term,
        is_asked: bool,
        cx: &Cx<Dynamic>,
    ) -> Result<(), Exit> {
        let Some(node) = self.node.upgrade() else { return Err(Exit(ExitReason::Shutdown)) };
        let answer = match what.as_atom().map(Atom::as_str) {
            Some("app_ctrl") => applications(&node).await,
            Some("app") => tree(&node, which).await,
            _ => return Ok(()),
        };
        if !is_news(&mut self.shown, what, which, &answer) && !is_asked {
            return Ok(());
        }
        let delivery = [Term::atom("delivery"), Term::Pid(cx.pid()), what.clone(), which.clone(), answer];
        // A client that is gone needs none.
        drop(cx.send(self.client, Term::tuple(delivery)));
        Ok(())
    }
}

/// Notes what is shown from now on; whether it was something else before. Of what is too much to keep it is news always.
fn is_news(shown: &mut Vec<Shown>, what: &Term, which: &Term, answer: &Term) -> bool {
    let has_room = shown.len() < SHOWN_TREES_MAX;
    match shown.iter_mut().find(|shown| shown.what == *what && shown.which == *which) {
        Some(shown) => std::mem::replace(&mut shown.answer, answer.clone()) != *answer,
        None if has_room => {
            shown.push(Shown { what: what.clone(), which: which.clone(), answer: answer.clone() });
            true
        }
        // It is answered, and not again.
        None => true,
    }
}

impl Server for Appmon {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn init(&mut self, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        cx.monitor(self.client);
        Ok(())
    }

    async fn handle(&mut self, message: Dynamic, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            // `register_client`.
            Dynamic::Call(_, reply) => reply.send(Term::atom("ok")),
            Dynamic::Cast(request) => {
                let Some([from, what, which, wanted, options]) = request.as_tuple() else { return Ok(()) };
                let Some(from) = from.as_pid() else { return Ok(()) };
                if !wanted.is_atom("true") {
                    self.shown.retain(|shown| shown.what != *what || shown.which != *which);
                    return Ok(());
                }
                if let Some(refresh) = timeout(options) {
                    self.refresh = refresh;
                }
                self.client = from;
                self.look(what, which, true, cx).await?;
            }
        }
        Ok(())
    }

    fn idle_timeout(&self) -> Option<Duration> {
        (!self.shown.is_empty()).then_some(self.refresh)
    }

    async fn info(&mut self, info: Info, cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match info {
            Info::Down(_) => return Err(Exit(ExitReason::Normal)),
            Info::Timeout => {
                let shown: Vec<_> =
                    self.shown.iter().map(|shown| (shown.what.clone(), shown.which.clone())).collect();
                for (what, which) in shown {
                    self.look(&what, &which, false, cx).await?;
                }
            }
            Info::Exit(_) | Info::Message(_) => {}
        }
        Ok(())
    }
}

/// The option `{timeout, Milliseconds}`, of 100 ms and more.
fn timeout(options: &Term) -> Option<Duration> {
    let options: Vec<Term> = options.as_list()?.iter().cloned().collect();
    let millis = options.iter().find_map(|option| match option.as_tuple() {
        Some([name, millis]) if name.is_atom("timeout") => millis.as_int(),
        _ => None,
    })?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?.max(100)))
}

/// `[{MasterPid, Name, {Name, Description, Version}}]`.
async fn applications(node: &Arc<Node>) -> Term {
    let apps = application::running(node).await;
    let mut list = Vec::new();
    for app in &apps {
        if let Some(top) = top(node, app).await {
            list.push(Term::tuple([Term::Pid(top), Term::Atom(app.name.clone()), application::triple(app)]));
        }
    }
    Term::list(list)
}

/// The process from which the tree of an application is drawn.
async fn top(node: &Arc<Node>, app: &AppInfo) -> Option<Pid> {
    if let Ok(apps) = Applications::find(node.processes()).await
        && let Ok(Some(top)) = apps.supervisor_of(app.name.clone()).await
    {
        return Some(top);
    }
    let own = app.name == application::OWN;
    own.then(|| node.processes().whereis(&crate::kernel::TOP)).flatten()
}

/// `{RootName, [{Pid, Name}], [{Name, Name}], []}`: the processes that hang together by links with the top one.
async fn tree(node: &Arc<Node>, name: &Term) -> Term {
    let apps = application::running(node).await;
    let app = apps.iter().find(|app| name.as_atom() == Some(&app.name));
    let top = match app {
        Some(app) => top(node, app).await,
        None => None,
    };
    let Some(top) = top else { return Term::tuple([Term::Nil, Term::Nil, Term::Nil, Term::Nil]) };
    let named = app.is_some_and(|app| app.name == application::OWN);
    draw(node, top, named)
}

/// Goes from process to process; `with_named` also to those that have a name and no links, below the top one.
fn draw(node: &Arc<Node>, top: Pid, with_named: bool) -> Term {
    let mut seen = BTreeSet::from([top]);
    let (mut pids, mut edges, mut rest) = (Vec::new(), Vec::new(), vec![top]);
    let named = node.processes().registered();
    let named = named.into_iter().map(|(_, pid)| pid).filter(|_| with_named);
    let mut below_top: Vec<Pid> = named.collect();
    while let Some(pid) = rest.pop() {
        let Some(info) = node.processes().info(pid) else { continue };
        pids.push(Term::tuple([Term::Pid(pid), shown(node, pid)]));
        let mut next = info.links;
        next.append(&mut below_top);
        for child in next {
            if child.node() == node.here() && seen.len() < SHOWN_MAX && seen.insert(child) {
                edges.push(Term::tuple([shown(node, pid), shown(node, child)]));
                rest.push(child);
            }
        }
    }
    Term::tuple([shown(node, top), Term::list(pids), Term::list(edges), Term::Nil])
}

/// A process's name, or its pid, as text.
fn shown(node: &Arc<Node>, pid: Pid) -> Term {
    let info = node.processes().info(pid);
    match info.and_then(|info| info.names.into_iter().next()) {
        Some(name) => Term::charlist(name.as_str()),
        None => facts::pid_text(pid),
    }
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_TREES_MAX, is_news};
    use engset_term::Term;

    #[test]
    fn as_many_trees_are_looked_at_again_as_the_limit_says() {
        let (what, answer) = (Term::atom("app"), Term::from(1));
        let mut shown = Vec::new();
        for number in 0..SHOWN_TREES_MAX {
            assert!(is_news(&mut shown, &what, &Term::int(number), &answer));
            assert!(!is_news(&mut shown, &what, &Term::int(number), &answer));
        }
        assert_eq!(shown.len(), SHOWN_TREES_MAX);
        let one_more = Term::int(SHOWN_TREES_MAX);
        assert!(
            is_news(&mut shown, &what, &one_more, &answer) && is_news(&mut shown, &what, &one_more, &answer)
        );
        assert_eq!(shown.len(), SHOWN_TREES_MAX);
        assert!(
            is_news(&mut shown, &what, &Term::from(0), &Term::from(2)),
            "what is kept is still looked at"
        );
        shown.pop();
        assert!(
            is_news(&mut shown, &what, &one_more, &answer) && !is_news(&mut shown, &what, &one_more, &answer)
        );
    }
}
