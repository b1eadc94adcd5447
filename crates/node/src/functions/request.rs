//! Pure: the options of a spawn request.

use engset_term::Term;

/// How the process that a peer asks for is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SpawnPlan {
    /// It is linked to who asks.
    pub(crate) link: bool,
    /// Who asks monitors it.
    pub(crate) monitor: bool,
}

/// Reads options as of `erlang:spawn_opt/5`; `None` where one of them is none. What is about the memory or the schedule
/// of a process on the BEAM has no effect here.
pub(crate) fn plan(options: &[Term]) -> Option<SpawnPlan> {
    let mut plan = SpawnPlan::default();
    for option in options {
        match (option, option.as_tuple()) {
            (option, None) if option.is_atom("link") => plan.link = true,
            (option, None) if option.is_atom("monitor") => plan.monitor = true,
            (_, Some([name, options])) if name.is_atom("monitor") => {
                options.as_proper_list()?;
                plan.monitor = true;
            }
            (_, Some([name, value])) if is_known(name.as_atom()?.as_str(), value) => {}
            _ => return None,
        }
    }
    Some(plan)
}

fn is_known(name: &str, value: &Term) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|name| value.is_atom(name));
    let is_size = || value.as_int().is_some_and(|size| size >= 0);
    match name {
        "priority" => is_one_of(&["low", "normal", "high", "max"]),
        "message_queue_data" => is_one_of(&["on_heap", "off_heap", "mixed"]),
        "async_dist" => value.as_bool().is_some(),
        "fullsweep_after" | "min_heap_size" | "min_bin_vheap_size" | "scheduler" => is_size(),
        "max_heap_size" => is_size() || value.as_map().is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &str) -> Option<SpawnPlan> {
        let options = Term::parse(&format!("{options}.")).expect("a term");
        plan(options.as_proper_list().expect("a list"))
    }

    #[test]
    fn options_of_erlang_are_understood() {
        assert_eq!(of("[]"), Some(SpawnPlan { link: false, monitor: false }));
        assert_eq!(of("[link]"), Some(SpawnPlan { link: true, monitor: false }));
        assert_eq!(of("[monitor,link]"), Some(SpawnPlan { link: true, monitor: true }));
        assert_eq!(of("[{monitor,[{tag,x}]}]"), Some(SpawnPlan { link: false, monitor: true }));
        let rest = "[{priority,high},{fullsweep_after,0},{min_heap_size,100},{min_bin_vheap_size,1},\
            {max_heap_size,#{size=>1}},{max_heap_size,0},{message_queue_data,off_heap},{async_dist,true}]";
        assert_eq!(of(rest), Some(SpawnPlan::default()));
    }

    #[test]
    fn others_are_refused() {
        for options in [
            "[lunk]",
            "[{priority,great}]",
            "[{min_heap_size,-1}]",
            "[7]",
            "[{link,x}]",
            "[{a,b,c}]",
            "[{monitor,x}]",
        ] {
            assert_eq!(of(options), None, "{options}");
        }
    }
}
