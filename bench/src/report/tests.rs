//! Facts about medians, ratios and how they are written.

use super::{Measured, goals, json, table};
use crate::machine::Machine;
use crate::row::Row;
use crate::systems::System;

fn measured(system: System, samples: &[f64]) -> Measured {
    Measured { system, row: Row::Call, samples: samples.to_vec() }
}

#[test]
fn the_median_is_the_middle() {
    assert_eq!(measured(System::Tokio, &[9.0, 1.0, 2.0]).median(), Some(2.0));
    assert_eq!(measured(System::Tokio, &[9.0, 1.0, 2.0, 4.0]).median(), Some(3.0));
    assert_eq!(measured(System::Tokio, &[]).median(), None);
}

#[test]
fn the_spread_is_in_percent_of_the_median() {
    assert_eq!(measured(System::Tokio, &[90.0, 100.0, 110.0]).spread_percent(), Some(20.0));
    assert_eq!(measured(System::Tokio, &[5.0]).spread_percent(), Some(0.0));
}

#[test]
fn ratios_are_to_the_beam_while_engset_is_absent() {
    let mut all = vec![measured(System::Beam, &[200.0]), measured(System::Tokio, &[100.0])];
    let text = table(&[Row::Call], &all);
    assert!(text.contains("| 100 ±0 % (0.50×)"), "{text}");
    all.push(measured(System::Engset, &[50.0]));
    let text = table(&[Row::Call], &all);
    assert!(text.contains("| 100 ±0 % (2.00×)"), "{text}");
    assert!(text.contains("| –"), "{text}");
}

#[test]
fn each_goal_is_judged() {
    let all = [
        measured(System::Engset, &[50.0]),
        measured(System::Beam, &[400.0]),
        measured(System::Tokio, &[40.0]),
    ];
    let text = goals(&[Row::Call, Row::IdleServer], &all);
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[2], "| call | at least 8x beam | met |");
    assert_eq!(lines[3], "| call | ahead of tokio | not met |");
    assert_eq!(lines[4], "| idle_server | at most 420 B | not measured |");
}

#[test]
fn all_samples_are_in_the_results() {
    let machine = Machine {
        cores: 2,
        cpu: "Example \"9000\"".to_owned(),
        otp: "25.2 (jit)".to_owned(),
        rustc: "rustc 1".to_owned(),
    };
    let text = json(&machine, 2, &[Row::Call], &[measured(System::Tokio, &[1.5, 2.5])]);
    assert!(
        text.contains(
            "\"tokio\": {\"median\": 2.000, \"spread_percent\": 50.0, \"samples\": [1.500, 2.500]}"
        )
    );
    assert!(text.contains("\"rounds\": 2"));
    assert!(text.contains(
        r#""machine": {"cores": 2, "cpu": "Example \"9000\"", "otp": "25.2 (jit)", "rustc": "rustc 1"}"#
    ));
    assert!(text.contains(r#"{"goal": "ahead of tokio", "verdict": "not measured"}"#));
}
