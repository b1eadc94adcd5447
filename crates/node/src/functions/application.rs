//! `application`: which applications a node has. Their environments are not shown: they may hold secrets.

use super::{Functions, Raise, RemoteCall};
use crate::node::Node;
use engset_otp::application::{AppInfo, Applications};
use engset_term::{Atom, Term};

/// What runs on every node, as an application.
pub(super) const OWN: Atom = Atom::from_static("engset");

pub(super) fn allow(functions: &Functions) {
    for arity in [0, 1] {
        functions.allow("application", "which_applications", arity, |call| async move {
            Ok(Term::list(which(&call).await.iter().map(triple)))
        });
    }
    functions.allow("application", "loaded_applications", 0, |call| async move {
        Ok(Term::list(loaded(call.node()).await.iter().map(triple)))
    });
    functions.allow("application", "info", 0, |call| async move {
        let part =
            |name, apps: &[AppInfo]| Term::tuple([Term::atom(name), Term::list(apps.iter().map(triple))]);
        Ok(Term::list([part("loaded", &loaded(call.node()).await), part("running", &which(&call).await)]))
    });
    functions.allow("application", "get_key", 2, |mut call| async move {
        let [name, key] = call.take_args()?;
        let (Some(name), Some(key)) = (name.as_atom(), key.as_atom()) else { return Err(Raise::badarg()) };
        let info = loaded(call.node()).await.into_iter().find(|info| info.name == *name);
        let value = info.and_then(|info| match key.as_str() {
            "vsn" => Some(info.version),
            "description" => Some(info.description),
            _ => None,
        });
        Ok(value
            .map_or(Term::atom("undefined"), |value| Term::tuple([Term::atom("ok"), Term::charlist(&value)])))
    });
}

async fn which(call: &RemoteCall) -> Vec<AppInfo> {
    running(call.node()).await
}

/// The applications that run; the node itself last, as `kernel` is on the BEAM.
pub(super) async fn running(node: &Node) -> Vec<AppInfo> {
    let apps = match Applications::find(node.processes()).await {
        Ok(apps) => apps.which_applications().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    apps.into_iter().chain([own()]).collect()
}

/// The applications that are known, whether they run or not.
pub(super) async fn loaded(node: &Node) -> Vec<AppInfo> {
    let apps = match Applications::find(node.processes()).await {
        Ok(apps) => apps.loaded_applications().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    apps.into_iter().chain([own()]).collect()
}

/// The node as an application: what runs on every node.
fn own() -> AppInfo {
    AppInfo {
        name: OWN,
        description: "Erlang/OTP for Rust".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

pub(super) fn triple(info: &AppInfo) -> Term {
    let text = |text: &str| Term::charlist(text);
    Term::tuple([Term::Atom(info.name.clone()), text(&info.description), text(&info.version)])
}
