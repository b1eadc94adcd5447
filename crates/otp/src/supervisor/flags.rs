//! Pure: what a supervisor and its children may be together, and when a supervisor shuts itself down.

use super::requests::id_term;
use super::spec::{Child, Restart};
use engset_process::ExitReason;
use engset_term::Term;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whether a supervisor shuts itself down, with reason `shutdown`, when significant children have ended.
///
/// A significant child has ended when it will not be restarted: a transient one that ended in an orderly way, a
/// temporary one that ended in any way. One that was terminated by request, or with a sibling, does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// It does not; it has no significant children then.
    #[default]
    Never,
    /// When any significant child has ended.
    AnySignificant,
    /// When the last significant child has ended.
    AllSignificant,
}

impl AutoShutdown {
    /// Whether the supervisor shuts down because a child ended by itself and stays ended; `left` significant children
    /// are still running or being restarted.
    #[must_use]
    pub(super) fn applies(self, significant: bool, left: usize) -> bool {
        match self {
            Self::Never => false,
            Self::AnySignificant => significant,
            Self::AllSignificant => significant && left == 0,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AnySignificant => "any_significant",
            Self::AllSignificant => "all_significant",
        }
    }
}

/// Why a supervisor refuses a specification, of itself or of a child. Nothing was started or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children have this id.
    DuplicateId(Arc<str>),
    /// A significant child, by its id, of a supervisor whose [`AutoShutdown`] is `Never`.
    SignificantForNothing(Arc<str>),
    /// A child, by its id, that is significant and permanent: it never ends for good.
    SignificantPermanent(Arc<str>),
    /// A dynamic supervisor that shuts itself down.
    DynamicAutoShutdown(AutoShutdown),
    /// A period of no length, in which no number of restarts has a meaning.
    NoPeriod,
    /// More children than the supervisor may have.
    TooManyChildren {
        /// How many it may have.
        max: usize,
    },
    /// An update that would make a dynamic supervisor of another one or the reverse, or give a dynamic one children.
    Dynamic,
}

impl SpecError {
    /// The error as OTP's `supervisor` has it in `{error, Error}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let pair = |name, value| Term::tuple([Term::atom(name), value]);
        let bad = |options: [Term; 2]| pair("bad_combination", Term::list(options));
        match self {
            Self::DuplicateId(id) => pair("duplicate_child_name", id_term(id)),
            Self::SignificantForNothing(_) => {
                bad([pair("auto_shutdown", Term::atom("never")), pair("significant", Term::atom("true"))])
            }
            Self::SignificantPermanent(_) => {
                bad([pair("restart", Term::atom("permanent")), pair("significant", Term::atom("true"))])
            }
            Self::DynamicAutoShutdown(auto_shutdown) => bad([
                pair("auto_shutdown", Term::atom(auto_shutdown.as_str())),
                pair("strategy", Term::atom("simple_one_for_one")),
            ]),
            Self::NoPeriod => pair("invalid_period", Term::from(0)),
            Self::TooManyChildren { .. } => Term::atom("max_children"),
            Self::Dynamic => Term::atom("simple_one_for_one"),
        }
    }

    /// The reason with which a supervisor ends that was started so.
    pub(super) fn reason(&self) -> ExitReason {
        let what = match self {
            Self::DynamicAutoShutdown(_) | Self::NoPeriod => "supervisor_data",
            Self::DuplicateId(_)
            | Self::SignificantForNothing(_)
            | Self::SignificantPermanent(_)
            | Self::TooManyChildren { .. }
            | Self::Dynamic => "start_spec",
        };
        ExitReason::from_term(Term::tuple([Term::atom(what), self.to_term()]))
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateId(id) => write!(f, "two children have the id `{id}`: give one of them another"),
            Self::SignificantForNothing(id) => write!(
                f,
                "the child `{id}` is significant, but its supervisor never shuts itself down: set `auto_shutdown`"
            ),
            Self::SignificantPermanent(id) => {
                write!(f, "the child `{id}` is significant and permanent: make it transient or temporary")
            }
            Self::DynamicAutoShutdown(auto_shutdown) => {
                write!(f, "a dynamic supervisor cannot have `auto_shutdown` {}", auto_shutdown.as_str())
            }
            Self::NoPeriod => f.write_str("the period of the intensity has no length"),
            Self::TooManyChildren { max } => {
                write!(f, "more than {max} children: raise the supervisor's `max_children`")
            }
            Self::Dynamic => f.write_str(
                "whether a supervisor is dynamic cannot change, and a dynamic one is not given children",
            ),
        }
    }
}

impl std::error::Error for SpecError {}

/// Whether a supervisor with this `auto_shutdown` may begin with these children; nothing is started.
///
/// ```
/// use engset_otp::{AutoShutdown, Child, SpecError, check_childspecs};
/// # async fn work(mut cx: engset_process::Cx<engset_term::Term>) { cx.recv().await; }
/// let children = [Child::process("a", || work), Child::process("a", || work)];
/// let twice = SpecError::DuplicateId("a".into());
/// assert_eq!(check_childspecs(&children, AutoShutdown::Never), Err(twice));
/// ```
///
/// # Errors
/// [`SpecError`] says which child is wrong and why.
pub fn check_childspecs(children: &[Child], auto_shutdown: AutoShutdown) -> Result<(), SpecError> {
    check_children(children, false, auto_shutdown, usize::MAX)
}

/// Whether a supervisor may be started, or updated, so.
pub(super) fn check_supervisor(
    dynamic: bool,
    auto_shutdown: AutoShutdown,
    period: Duration,
) -> Result<(), SpecError> {
    if dynamic && auto_shutdown != AutoShutdown::Never {
        return Err(SpecError::DynamicAutoShutdown(auto_shutdown));
    }
    if period.is_zero() { Err(SpecError::NoPeriod) } else { Ok(()) }
}

/// Whether a supervisor may begin with these children.
pub(super) fn check_children(
    children: &[Child],
    dynamic: bool,
    auto_shutdown: AutoShutdown,
    max: usize,
) -> Result<(), SpecError> {
    if children.len() > max {
        return Err(SpecError::TooManyChildren { max });
    }
    let mut ids = HashSet::with_capacity(if dynamic { 0 } else { children.len() });
    for child in children {
        check_child(child, auto_shutdown)?;
        if !dynamic && !ids.insert(&child.id) {
            return Err(SpecError::DuplicateId(Arc::clone(&child.id)));
        }
    }
    Ok(())
}

/// Whether a supervisor may have this child.
pub(super) fn check_child(child: &Child, auto_shutdown: AutoShutdown) -> Result<(), SpecError> {
    if !child.significant {
        return Ok(());
    }
    if auto_shutdown == AutoShutdown::Never {
        return Err(SpecError::SignificantForNothing(Arc::clone(&child.id)));
    }
    if child.restart == Restart::Permanent {
        return Err(SpecError::SignificantPermanent(Arc::clone(&child.id)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gen_server::StartError;

    fn child(id: &str) -> Child {
        Child::by(id, |_| Box::pin(async { Err(StartError::Init(ExitReason::Normal)) }))
    }

    #[test]
    fn auto_shutdown_applies_to_significant_children_only() {
        for left in [0, 1] {
            assert!(!AutoShutdown::Never.applies(true, left));
            assert!(AutoShutdown::AnySignificant.applies(true, left));
            assert_eq!(AutoShutdown::AllSignificant.applies(true, left), left == 0);
            for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
                assert!(!auto_shutdown.applies(false, left));
            }
        }
    }

    #[test]
    fn children_are_refused_as_in_otp() {
        let significant = child("a").significant(true);
        let never = check_child(&significant, AutoShutdown::Never).unwrap_err();
        assert_eq!(
            never.to_term().to_string(),
            "{bad_combination,[{auto_shutdown,never},{significant,true}]}"
        );
        for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            let error = check_child(&significant, auto_shutdown).unwrap_err();
            assert_eq!(error, SpecError::SignificantPermanent("a".into()));
            for restart in [Restart::Transient, Restart::Temporary] {
                assert_eq!(check_child(&significant.clone().restart(restart), auto_shutdown), Ok(()));
            }
        }
        assert_eq!(check_child(&child("a"), AutoShutdown::Never), Ok(()));
    }

    #[test]
    fn two_children_with_one_id_are_refused_unless_dynamic() {
        let children = [child("a"), child("b"), child("a")];
        let check = |dynamic, max| check_children(&children, dynamic, AutoShutdown::Never, max);
        assert_eq!(check(false, 9), Err(SpecError::DuplicateId("a".into())));
        assert_eq!(check(true, 9), Ok(()));
        assert_eq!(check(true, 3), Ok(()));
        assert_eq!(check(true, 2), Err(SpecError::TooManyChildren { max: 2 }));
    }

    #[test]
    fn supervisors_are_refused_as_in_otp() {
        let second = Duration::from_secs(1);
        assert_eq!(check_supervisor(true, AutoShutdown::Never, second), Ok(()));
        assert_eq!(check_supervisor(false, AutoShutdown::AllSignificant, second), Ok(()));
        let error = check_supervisor(true, AutoShutdown::AllSignificant, second).unwrap_err();
        assert!(error.reason().to_string().starts_with("{supervisor_data,{bad_combination,"));
        let error = check_supervisor(false, AutoShutdown::Never, Duration::ZERO).unwrap_err();
        assert_eq!(error.reason().to_string(), "{supervisor_data,{invalid_period,0}}");
        assert_eq!(check_supervisor(false, AutoShutdown::Never, Duration::from_nanos(1)), Ok(()));
    }
}
