//! The results for programs: every sample, so that others can compute what they like.

use super::{Measured, find, median};
use crate::machine::Machine;
use crate::row::Row;
use crate::systems::System;

pub(crate) fn json(machine: &Machine, rounds: usize, rows: &[Row], all: &[Measured]) -> String {
    let rows: Vec<String> = rows.iter().map(|&row| json_row(row, all)).collect();
    format!(
        "{{\n  \"machine\": {{\"cores\": {}, \"cpu\": {}, \"otp\": {}, \"rustc\": {}}},\n  \"rounds\": {rounds},\n  \"rows\": [\n{}\n  ]\n}}\n",
        machine.cores,
        quoted(&machine.cpu),
        quoted(&machine.otp),
        quoted(&machine.rustc),
        rows.join(",\n")
    )
}

fn json_row(row: Row, all: &[Measured]) -> String {
    let systems: Vec<String> =
        System::ALL.iter().filter_map(|&system| json_system(find(system, row, all)?)).collect();
    let goals: Vec<String> = row
        .goals()
        .iter()
        .map(|goal| {
            let verdict = goal.judge(row, |system, row| median(system, row, all));
            format!("{{\"goal\": {}, \"verdict\": \"{verdict}\"}}", quoted(&goal.to_string()))
        })
        .collect();
    format!(
        "    {{\"row\": \"{}\", \"unit\": \"{}\", \"ops\": {}, \"goals\": [{}], \"systems\": {{\n{}\n    }}}}",
        row.name(),
        row.unit().label(),
        row.ops(),
        goals.join(", "),
        systems.join(",\n")
    )
}

fn json_system(measured: &Measured) -> Option<String> {
    let samples: Vec<String> = measured.samples.iter().map(|sample| format!("{sample:.3}")).collect();
    let (name, median, spread) = (measured.system.name(), measured.median()?, measured.spread_percent()?);
    Some(format!(
        "      \"{name}\": {{\"median\": {median:.3}, \"spread_percent\": {spread:.1}, \"samples\": [{}]}}",
        samples.join(", ")
    ))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_json_does_not_take_is_escaped() {
        assert_eq!(quoted("a \"b\" \\ c\n"), r#""a \"b\" \\ c\u000a""#);
    }
}
