//! Facts about medians, ratios and how they are written.

use super::{Measured, json, table};
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
fn all_samples_are_in_the_results() {
    let text = json(2, &[Row::Call], &[measured(System::Tokio, &[1.5, 2.5])]);
    assert!(
        text.contains(
            "\"tokio\": {\"median\": 2.000, \"spread_percent\": 50.0, \"samples\": [1.500, 2.500]}"
        )
    );
    assert!(text.contains("\"rounds\": 2"));
}
