//! `appmon_info`: what observer's Applications page asks for, by a process for each client.

use super::{Functions, Place, Raise, application, facts};
use crate::node::Node;
use engset_otp::application::{AppInfo, Applications};
use engset_otp::{Dynamic, Info, Server, start_on};
use engset_process::{Addr, Cx, Exit, ExitReason, ProcessInfo};
use engset_term::{Atom, Pid, Term};
use std::collections::{BTreeMap, BTreeSet};
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
/// client, and ends with it or by an exit signal of its.
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
        // A client that has seen enough says so by an exit signal, `normal` even.
        cx.trap_exit(true);
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
            Info::Exit(trapped) if trapped.from == self.client => return Err(Exit(ExitReason::Normal)),
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
pub(super) async fn top(node: &Arc<Node>, app: &AppInfo) -> Option<Pid> {
    if let Ok(apps) = Applications::find(node.processes()).await
        && let Ok(Some(top)) = apps.supervisor_of(app.name.clone()).await
    {
        return Some(top);
    }
    let own = app.name == application::OWN;
    own.then(|| node.processes().whereis(&crate::kernel::TOP)).flatten()
}

/// What is drawn of an application: `{RootName, [{Pid, Name}], [{Name, Name}], [{Name, Name}]}`.
async fn tree(node: &Arc<Node>, name: &Term) -> Term {
    match draw(node, name).await {
        Some(drawing) => drawing.into_term(),
        None => Term::tuple([Term::Nil, Term::Nil, Term::Nil, Term::Nil]),
    }
}

/// The tree of an application that runs.
pub(super) async fn draw<'a>(node: &'a Arc<Node>, name: &Term) -> Option<Drawing<'a>> {
    let apps = application::running(node).await;
    let (mut top_of_it, mut others) = (None, BTreeSet::new());
    for app in &apps {
        let top = top(node, app).await;
        if name.as_atom() == Some(&app.name) { top_of_it = top } else { others.extend(top) }
    }
    let top = top_of_it?;
    let is_own = name.as_atom() == Some(&application::OWN);
    let roots = if is_own { roots(node, top, &others) } else { BTreeSet::new() };
    Some(Drawing::of(node, top, roots, &others))
}

/// What runs on the node outside of its applications, as far as somebody can find it: the trees with named processes.
fn roots(node: &Node, top: Pid, others: &BTreeSet<Pid>) -> BTreeSet<Pid> {
    let parent = |pid| linked_parent(&node.processes().info(pid)?);
    let root =
        |pid| std::iter::successors(Some(pid), |pid| parent(*pid).filter(|_| !others.contains(pid))).last();
    let named = node.processes().registered().into_iter().take(SHOWN_MAX);
    let roots = named.filter_map(|(_, pid)| root(pid));
    roots.filter(|root| *root != top && !others.contains(root)).collect()
}

/// Who started the process, where the two are linked.
fn linked_parent(info: &ProcessInfo) -> Option<Pid> {
    info.ancestors.first().copied().filter(|parent| info.links.contains(parent))
}

/// A tree of processes, gone through by their links as OTP's `appmon_info` does: a process is below the one that
/// started it where these two are linked, else below the first one that is linked to it; other links are beside the
/// tree. A process is named once: one that ends meanwhile, or changes its name, is still in the list that its links
/// speak of.
pub(super) struct Drawing<'a> {
    node: &'a Node,
    names: BTreeMap<Pid, String>,
    taken: BTreeSet<String>,
    /// Each process but the top one is the second in one of these, which is before those in which it is the first.
    edges: Vec<(Pid, Pid)>,
    beside: Vec<(Pid, Pid)>,
    top: Pid,
}

impl<'a> Drawing<'a> {
    /// From `top` on, with `roots` below it, and without `others` and what is below them.
    fn of(node: &'a Node, top: Pid, roots: BTreeSet<Pid>, others: &BTreeSet<Pid>) -> Self {
        let (names, taken) = (BTreeMap::new(), BTreeSet::new());
        let mut drawing = Self { node, names, taken, edges: Vec::new(), beside: Vec::new(), top };
        drawing.name(top);
        let mut rest = vec![top];
        for root in roots {
            if drawing.has_room() && drawing.name(root) {
                drawing.edges.push((top, root));
                rest.push(root);
            }
        }
        while let Some(pid) = rest.pop() {
            let Some(info) = node.processes().info(pid) else { continue };
            let up = linked_parent(&info);
            for child in info.links.into_iter().filter(|child| child.node() == node.here()) {
                if Some(child) == up || others.contains(&child) {
                    continue;
                }
                let Some(of_child) = node.processes().info(child) else { continue };
                let is_below = linked_parent(&of_child).is_none_or(|parent| parent == pid);
                if is_below && drawing.has_room() && drawing.name(child) {
                    drawing.edges.push((pid, child));
                    rest.push(child);
                } else if !is_below && drawing.names.contains_key(&child) {
                    drawing.beside.push((pid, child));
                }
            }
        }
        drawing
    }

    fn has_room(&self) -> bool {
        self.names.len() < SHOWN_MAX
    }

    /// Names a process that has no name here yet; whether that is so.
    fn name(&mut self, pid: Pid) -> bool {
        if self.names.contains_key(&pid) {
            return false;
        }
        let registered = self.node.processes().info(pid).and_then(|info| info.names.into_iter().next());
        let registered = registered.map(|name| name.as_str().to_owned());
        let name = registered.filter(|name| !self.taken.contains(name));
        let name = name.unwrap_or_else(|| facts::pid_string(pid));
        self.taken.insert(name.clone());
        self.names.insert(pid, name);
        true
    }

    fn named(&self, pid: Pid) -> Term {
        self.names.get(&pid).map_or(Term::Nil, |name| Term::charlist(name))
    }

    fn into_term(self) -> Term {
        let pids = self.names.keys().map(|pid| Term::tuple([Term::Pid(*pid), self.named(*pid)]));
        let links = |of: &[(Pid, Pid)]| {
            Term::list(of.iter().map(|(from, to)| Term::tuple([self.named(*from), self.named(*to)])))
        };
        let (edges, beside) = (links(&self.edges), links(&self.beside));
        Term::tuple([self.named(self.top), Term::list(pids), edges, beside])
    }

    /// The top process and who started it.
    pub(super) fn top(&self) -> (Pid, Option<Pid>) {
        (self.top, self.node.processes().info(self.top).as_ref().and_then(linked_parent))
    }

    /// The tree as one term: of each process what `show` makes of it and of those below.
    pub(super) fn nested(&self, show: impl Fn(Pid, Vec<Term>) -> Term) -> Term {
        let mut below: BTreeMap<Pid, Vec<Term>> = BTreeMap::new();
        // From the last one on, so that those below a process are there before itself.
        for (from, to) in self.edges.iter().rev() {
            let shown = show(*to, below.remove(to).unwrap_or_default());
            below.entry(*from).or_default().insert(0, shown);
        }
        show(self.top, below.remove(&self.top).unwrap_or_default())
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
