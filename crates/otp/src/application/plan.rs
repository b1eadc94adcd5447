//! Pure: in which order applications start, what the end of one means, and how one configuration differs from another.

use super::{AppError, ConfigChange};
use crate::supervisor::spec::Restart;
use engset_process::ExitReason;
use engset_term::{Atom, Term};
use std::collections::{BTreeMap, BTreeSet};

/// What an application needs to run before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    pub(super) required: Vec<Atom>,
    pub(super) optional: Vec<Atom>,
}

/// The applications to start so that all that are `wanted` run: each after those that it needs, those that run left
/// out. Optional ones that are not loaded are left out, too.
pub(super) fn start_order(
    wanted: &[Atom],
    needs: impl Fn(&Atom) -> Option<Needs>,
    is_running: impl Fn(&Atom) -> bool,
) -> Result<Vec<Atom>, AppError> {
    let mut order = Vec::new();
    let (mut done, mut path) = (BTreeSet::new(), Vec::new());
    // Its own stack: a long chain of applications is no danger.
    let mut stack: Vec<Visit> = Vec::new();
    for app in wanted.iter().rev() {
        stack.push(Visit::Enter { app: app.clone(), needed_by: None, is_optional: false });
    }
    while let Some(visit) = stack.pop() {
        let (app, needed_by, is_optional) = match visit {
            Visit::Leave(app) => {
                path.pop();
                done.insert(app.clone());
                order.push(app);
                continue;
            }
            Visit::Enter { app, needed_by, is_optional } => (app, needed_by, is_optional),
        };
        if done.contains(&app) || is_running(&app) {
            continue;
        }
        if let Some(place) = path.iter().position(|on_path| *on_path == app) {
            let mut cycle = path.split_off(place);
            cycle.push(app);
            return Err(AppError::Cycle(cycle));
        }
        let Some(Needs { required, optional }) = needs(&app) else {
            match needed_by {
                _ if is_optional => continue,
                Some(needed_by) => {
                    return Err(AppError::DependencyNotLoaded { app: needed_by, dependency: app });
                }
                None => return Err(AppError::NotLoaded(app)),
            }
        };
        path.push(app.clone());
        stack.push(Visit::Leave(app.clone()));
        let required = required.into_iter().map(|dependency| (dependency, false));
        let optional = optional.into_iter().map(|dependency| (dependency, true));
        for (dependency, is_optional) in required.chain(optional).collect::<Vec<_>>().into_iter().rev() {
            stack.push(Visit::Enter { app: dependency, needed_by: Some(app.clone()), is_optional });
        }
    }
    Ok(order)
}

enum Visit {
    Enter { app: Atom, needed_by: Option<Atom>, is_optional: bool },
    Leave(Atom),
}

/// Whether an application that ended by itself takes all others with it.
pub(super) fn takes_all_down(restart: Restart, reason: &ExitReason) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => *reason != ExitReason::Normal,
        Restart::Temporary => false,
    }
}

/// Values with others over them.
pub(super) fn merged(
    below: &BTreeMap<Atom, Term>,
    above: Option<&BTreeMap<Atom, Term>>,
) -> BTreeMap<Atom, Term> {
    let mut all = below.clone();
    all.extend(above.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    all
}

/// How `after` differs from `before`.
pub(super) fn difference(before: &BTreeMap<Atom, Term>, after: &BTreeMap<Atom, Term>) -> ConfigChange {
    let mut change = ConfigChange::default();
    for (key, value) in after {
        match before.get(key) {
            None => change.new.push((key.clone(), value.clone())),
            Some(old) if old != value => change.changed.push((key.clone(), value.clone())),
            Some(_) => {}
        }
    }
    change.removed = before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(name: &str) -> Atom {
        Atom::new(name).expect("short")
    }

    fn atoms(names: &str) -> Vec<Atom> {
        names.split_whitespace().map(atom).collect()
    }

    /// `a: b c ?d`: a needs b and c, and d where it is loaded.
    fn order(wanted: &str, apps: &str, running: &str) -> Result<Vec<Atom>, AppError> {
        let mut all = BTreeMap::new();
        for line in apps.split(';').filter(|line| !line.trim().is_empty()) {
            let (app, rest) = line.split_once(':').expect("a colon");
            let (optional, required) =
                rest.split_whitespace().partition::<Vec<_>, _>(|name| name.starts_with('?'));
            let optional = optional.iter().map(|name| atom(&name[1..])).collect();
            let required = required.into_iter().map(atom).collect();
            all.insert(atom(app.trim()), Needs { required, optional });
        }
        let running = atoms(running);
        start_order(&atoms(wanted), |app| all.get(app).cloned(), |app| running.contains(app))
    }

    #[test]
    fn what_is_needed_comes_first_and_once() {
        assert_eq!(order("a", "a: b c; b: d; c: d; d:", ""), Ok(atoms("d b c a")));
        assert_eq!(order("d a", "a: b c; b: d; c: d; d:", "b"), Ok(atoms("d c a")));
        assert_eq!(order("a a", "a:", ""), Ok(atoms("a")));
        assert_eq!(order("a", "a:", "a"), Ok(vec![]));
        assert_eq!(order("", "a:", ""), Ok(vec![]));
    }

    #[test]
    fn a_cycle_is_named() {
        assert_eq!(order("a", "a: b; b: c; c: d; d: b", ""), Err(AppError::Cycle(atoms("b c d b"))));
        assert_eq!(order("a", "a: a", ""), Err(AppError::Cycle(atoms("a a"))));
        assert_eq!(order("a", "a: ?b; b: ?a", ""), Err(AppError::Cycle(atoms("a b a"))));
        // Whatever runs already needs nothing.
        assert_eq!(order("a", "a: b; b: a", "b"), Ok(atoms("a")));
    }

    #[test]
    fn optional_ones_come_where_they_are_loaded() {
        assert_eq!(order("a", "a: b ?c ?x; b:; c: b", ""), Ok(atoms("b c a")));
        let missing = AppError::DependencyNotLoaded { app: atom("c"), dependency: atom("x") };
        assert_eq!(order("a", "a: ?c; c: x", ""), Err(missing));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(order("a", "b:", ""), Err(AppError::NotLoaded(atom("a"))));
        let missing = AppError::DependencyNotLoaded { app: atom("b"), dependency: atom("c") };
        assert_eq!(order("a", "a: b; b: c", ""), Err(missing));
    }

    #[test]
    fn a_long_chain_is_no_danger() {
        let needs = |app: &Atom| {
            let number: u32 = app.as_str().parse().ok()?;
            let required = if number == 0 { vec![] } else { vec![atom(&(number - 1).to_string())] };
            Some(Needs { required, optional: vec![] })
        };
        let order = start_order(&[atom("5000")], needs, |_| false).expect("no cycle");
        assert_eq!((order.len(), &order[0]), (5_001, &atom("0")));
    }

    #[test]
    fn who_takes_all_down() {
        let table = [
            (Restart::Permanent, ExitReason::Normal, true),
            (Restart::Permanent, ExitReason::Shutdown, true),
            (Restart::Transient, ExitReason::Normal, false),
            (Restart::Transient, ExitReason::Shutdown, true),
            (Restart::Temporary, ExitReason::Killed, false),
        ];
        for (restart, reason, expected) in table {
            assert_eq!(takes_all_down(restart, &reason), expected, "{restart:?} {reason}");
        }
    }

    #[test]
    fn differences_are_told_by_kind() {
        let config = |text: &str| -> BTreeMap<Atom, Term> {
            let pairs = text.split_whitespace().map(|pair| pair.split_once('=').expect("a pair"));
            pairs.map(|(key, value)| (atom(key), Term::parse(value).expect("a term"))).collect()
        };
        let change = difference(&config("a=1 b=2 c=3"), &config("b=2 c=4 d=5"));
        assert_eq!(change.changed, [(atom("c"), Term::from(4))]);
        assert_eq!(change.new, [(atom("d"), Term::from(5))]);
        assert_eq!(change.removed, [atom("a")]);
        assert!(difference(&config("a=1"), &config("a=1")).is_empty());
        assert_eq!(merged(&config("a=1 b=2"), Some(&config("b=3 c=4"))), config("a=1 b=3 c=4"));
    }
}
