//! The strategy for a list that does not change.

use crate::candidate::{Candidate, Snapshot};
use crate::strategy::{Next, Strategy};
use engset_process::Scheduler;

/// A list of nodes. libcluster calls it `Epmd` with `hosts`.
///
/// Nodes that are not there are tried again for ever, with the back-off of [`crate::DiscoveryConfig::backoff`].
///
/// ```
/// use engset_discover::{Discovery, StaticList};
///
/// let discovery = Discovery::new().with(StaticList::new(["a@10.0.0.1", "b@10.0.0.2"]));
/// # drop(discovery);
/// ```
#[derive(Debug, Clone)]
pub struct StaticList {
    names: Vec<String>,
    told: bool,
}

impl StaticList {
    /// A strategy that finds the nodes with these names.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), told: false }
    }
}

impl Strategy for StaticList {
    fn source(&self) -> String {
        "static".to_owned()
    }

    fn next<'a>(&'a mut self, _clock: &'a Scheduler) -> Next<'a> {
        Box::pin(async move {
            if self.told {
                std::future::pending::<()>().await;
            }
            self.told = true;
            let found = |(number, name): (usize, &String)| Candidate::named(name, format!("entry {number}"));
            let candidates: Vec<Candidate> = (1..).zip(&self.names).map(found).collect();
            let answer = format!("{} names", candidates.len());
            Ok(Snapshot { candidates, refused: Vec::new(), query: "the list".to_owned(), answer })
        })
    }
}
