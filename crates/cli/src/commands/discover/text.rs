//! What `engset discover` prints: lines for people, JSON for programs.

use super::{Dialled, is_connected};
use crate::failure::Failure;
use engset::discover::{Change, Known, Report};
use serde_json::{Value, json};

/// Names alone; with `explain` also what was asked, answered and left out, and how connecting went.
pub(super) fn lines(report: &Report, dialled: &Dialled, explain: bool) -> Vec<String> {
    if !explain {
        return report.known.iter().map(|known| known.name.to_string()).collect();
    }
    let mut lines = Vec::new();
    for source in &report.sources {
        lines.push(format!("source  {}", source.source));
        lines.push(format!("query   {}", source.query));
        lines.push(format!("answer  {}", source.answer));
    }
    for (index, known) in report.known.iter().enumerate() {
        lines.push(format!("keep    {} from {}{}", known.name, known.found_in, place(known)));
        match dialled.get(index) {
            Some(Some(Ok(()))) => lines.push("        connected".to_owned()),
            Some(Some(Err(failure))) => {
                lines.push(format!("        not reached: {}", failure.summary));
                lines.extend(failure.facts.iter().map(|(label, fact)| format!("        {label:<6} {fact}")));
            }
            _ => {}
        }
    }
    lines.extend(report.refused.iter().map(|refused| format!("drop    {}: {}", refused.what, refused.why)));
    if report.refused_more > 0 {
        lines.push(format!("drop    {} more", report.refused_more));
    }
    lines
}

fn place(known: &Known) -> String {
    let address = known.address.map_or_else(String::new, |address| format!(", at {address}"));
    let port = known.tcp_port.map_or_else(String::new, |port| format!(", port {port}"));
    format!("{address}{port}")
}

/// The whole report as one object.
pub(super) fn json(report: &Report, dialled: &Dialled) -> String {
    let candidates: Vec<Value> = report
        .known
        .iter()
        .enumerate()
        .map(|(index, known)| {
            let ended = dialled.get(index).and_then(Option::as_ref);
            json!({
                "name": &*known.name,
                "found_in": known.found_in,
                "address": known.address.map(|address| address.to_string()),
                "port": known.tcp_port,
                "connected": ended.map_or_else(|| is_connected(known.state).then_some(true), |ended| Some(ended.is_ok())),
                "error": ended.and_then(|ended| ended.as_ref().err()).map(failure),
            })
        })
        .collect();
    let left_out =
        |refused: &engset::discover::Refused| json!({"what": &*refused.what, "why": &*refused.why});
    let refused: Vec<Value> = report.refused.iter().map(left_out).collect();
    let source = report.sources.first();
    json!({
        "source": source.map(|source| source.source.to_string()),
        "query": source.map(|source| source.query.clone()),
        "answer": source.map(|source| source.answer.clone()),
        "candidates": candidates,
        "refused": refused,
        "refused_more": report.refused_more,
    })
    .to_string()
}

fn failure(failure: &Failure) -> Value {
    let step = failure.facts.iter().find(|(label, _)| *label == "step").map(|(_, step)| step.clone());
    json!({"summary": failure.summary, "step": step})
}

/// One change; `None` for those that cannot be seen without connecting.
pub(super) fn change(change: &Change, as_json: bool) -> Option<String> {
    let (event, what, why) = match change {
        Change::Found { name, source } => ("found", name, Some(source)),
        Change::Gone { name } => ("gone", name, None),
        Change::Refused(refused) => ("refused", &refused.what, Some(&refused.why)),
        Change::SourceFailed { source, error } => ("no answer", source, Some(error)),
        Change::SourceBack { source } => ("answers again", source, None),
        _ => return None,
    };
    Some(match (as_json, why) {
        (true, why) => json!({"event": event, "what": &**what, "why": why.map(|why| &**why)}).to_string(),
        (false, Some(why)) => format!("{event:<13} {what}: {why}"),
        (false, None) => format!("{event:<13} {what}"),
    })
}
