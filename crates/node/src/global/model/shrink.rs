//! A walk that fails, made as short as it can be: steps are left out as long as it still fails.

use super::search::{pick, turns};
use super::{Action, World};
use std::collections::HashSet;

/// So many steps may it take to the end after a walk that is tried, drawn by each of so many seeds.
const CALM_STEPS: usize = 3_000;
const CALM_SEEDS: u64 = 3;
const CALM_ROUNDS: usize = 600;

/// The shortest walk that was found to fail as this one does; this one where it depends on what is drawn after it.
pub(super) fn shrink(start: &World, path: &[Action]) -> Vec<Action> {
    let last = path.iter().rposition(|action| !action.is_calm()).map_or(0, |place| place + 1);
    let tries = [last, path.len()].map(|length| path[..length].to_vec());
    let Some(mut path) = tries.into_iter().find(|path| fails(start, path)) else { return path.to_vec() };
    leave_out(start, &mut path);
    go_on(start, &mut path);
    path
}

/// What follows of itself after a walk, up to where it repeats.
fn go_on(start: &World, path: &mut Vec<Action>) {
    let mut world = start.clone();
    path.iter().for_each(|action| world.act(*action));
    let mut seen = HashSet::from([world.digest()]);
    for round in 1..CALM_ROUNDS {
        let before = path.len();
        for action in turns(&world, round) {
            if world.may(action) && world.fault().is_none() {
                world.act(action);
                path.push(action);
            }
        }
        if path.len() > before && !seen.insert(world.digest()) {
            break;
        }
    }
}

fn leave_out(start: &World, path: &mut Vec<Action>) {
    let mut chunk = path.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let before = path.len();
        while at < path.len() {
            let mut shorter = path.clone();
            shorter.drain(at..(at + chunk).min(path.len()));
            if fails(start, &shorter) {
                *path = done(start, &shorter);
            } else {
                at += chunk;
            }
        }
        if path.len() == before || chunk > 1 {
            chunk /= 2;
        }
    }
}

/// Whether after these steps, of which those are left out that cannot be, something is wrong, or nothing ever ends.
fn fails(start: &World, path: &[Action]) -> bool {
    let mut world = start.clone();
    for action in path {
        if world.may(*action) {
            world.act(*action);
            if world.fault().is_some() {
                return true;
            }
        }
    }
    !(0..CALM_SEEDS).any(|seed| ends(world.clone(), seed)) && !ends_in_turns(world)
}

/// Those steps that can be, up to the fault.
fn done(start: &World, path: &[Action]) -> Vec<Action> {
    let mut world = start.clone();
    let mut done = Vec::new();
    for action in path {
        if world.may(*action) && world.fault().is_none() {
            world.act(*action);
            done.push(*action);
        }
    }
    done
}

fn ends(mut world: World, seed: u64) -> bool {
    let mut draw = fastrand::Rng::with_seed(seed);
    for _ in 0..CALM_STEPS {
        if world.is_quiet() {
            return true;
        }
        let Some(action) = pick(&mut draw, &world, Action::is_calm) else { return false };
        world.act(action);
    }
    false
}

fn ends_in_turns(mut world: World) -> bool {
    for round in 1..CALM_ROUNDS {
        if world.is_quiet() {
            return true;
        }
        for action in turns(&world, round) {
            if world.may(action) {
                world.act(action);
            }
        }
    }
    false
}

impl World {
    /// Whether this may happen now; of a connection that is lost any part of what is under way may arrive.
    pub(super) fn may(&self, action: Action) -> bool {
        let same = |of: &Action| match (*of, action) {
            (Action::Cut(a, b, ..), Action::Cut(c, d, ..)) => (a, b) == (c, d),
            (of, action) => of == action,
        };
        self.actions().iter().any(same)
    }
}
