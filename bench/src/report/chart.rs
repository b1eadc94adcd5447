//! The bar chart: how many times better than the BEAM each system is in each row, as SVG.
//!
//! One bar for a system in a row, from the BEAM's line to the right where the system needs less, to the left where it
//! needs more, on a logarithmic scale. Colours are for light and dark pages; text is text.

use super::{Measured, median};
use crate::machine::Machine;
use crate::row::Row;
use crate::systems::System;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const PLOT_LEFT: f64 = 150.0;
const PLOT_RIGHT: f64 = 880.0;
const PLOT_TOP: f64 = 92.0;
const BAR: f64 = 11.0;
const BAR_GAP: f64 = 2.0;
const ROW_GAP: f64 = 12.0;

/// Ratios below the first or above the last are drawn as these, with their number beside the bar.
const SCALE: [f64; 2] = [0.1, 100.0];
/// Where there are lines, with their labels.
const LINES: [(f64, &str); 10] = [
    (0.1, "0.1×"),
    (0.2, "0.2×"),
    (0.5, "0.5×"),
    (1.0, "1×"),
    (2.0, "2×"),
    (5.0, "5×"),
    (10.0, "10×"),
    (20.0, "20×"),
    (50.0, "50×"),
    (100.0, "100×"),
];

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 10px; fill: #59636e; }
.grid { stroke: #d1d9e0; } .one { stroke: #59636e; stroke-width: 1.5; }
.engset { fill: #d1242f; } .tokio { fill: #0969da; } .ractor { fill: #8250df; } .kameo { fill: #1a7f37; } .actix { fill: #bc6c00; } .eetf { fill: #0a7d7d; } .erltf { fill: #6e7781; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .small { fill: #9198a1; } .grid { stroke: #3d444d; } .one { stroke: #9198a1; }
  .engset { fill: #ff7b72; } .tokio { fill: #58a6ff; } .ractor { fill: #bc8cff; } .kameo { fill: #56d364; } .actix { fill: #e3b341; } .eetf { fill: #39c5cf; } .erltf { fill: #8b949e; }
}
";

/// The chart of those rows that the BEAM and others have.
pub(crate) fn chart(machine: &Machine, rows: &[Row], all: &[Measured]) -> String {
    let groups: Vec<(Row, Vec<(System, f64)>)> =
        rows.iter().map(|&row| (row, ratios(row, all))).filter(|(_, ratios)| !ratios.is_empty()).collect();
    let bars: usize = groups.iter().map(|(_, ratios)| ratios.len()).sum();
    let bottom = PLOT_TOP + whole(bars) * (BAR + BAR_GAP) + whole(groups.len()) * ROW_GAP + ROW_GAP;
    let mut svg = String::new();
    // Writing to a `String` cannot fail.
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"How many times better than the BEAM\">\n<style>\n{STYLE}</style>\n<text class=\"title\" x=\"16\" y=\"28\">How many times better than the BEAM (further right is better)</text>\n<text class=\"small\" x=\"16\" y=\"46\">{made_with}</text>\n",
        height = bottom + 32.0,
        made_with = escaped(&format!(
            "medians, {} cores, {}, OTP {}, {}",
            machine.cores, machine.cpu, machine.otp, machine.rustc
        )),
    )
    .ok();
    legend(&mut svg);
    grid(&mut svg, bottom);
    let mut top = PLOT_TOP + ROW_GAP;
    for (row, ratios) in &groups {
        top = group(&mut svg, top, *row, ratios);
    }
    svg.push_str("</svg>\n");
    svg
}

/// How many times the BEAM's number is each other system's.
fn ratios(row: Row, all: &[Measured]) -> Vec<(System, f64)> {
    let Some(beam) = median(System::Beam, row, all) else { return Vec::new() };
    let others = System::ALL.into_iter().filter(|system| *system != System::Beam);
    others.filter_map(|system| Some((system, beam / median(system, row, all)?))).collect()
}

fn legend(svg: &mut String) {
    let others = System::ALL.into_iter().filter(|system| *system != System::Beam);
    for (x, system) in (0..).map(|number: u32| 16.0 + f64::from(number) * 84.0).zip(others) {
        let name = system.name();
        writeln!(
            svg,
            "<rect class=\"{name}\" x=\"{x}\" y=\"58\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"68\">{name}</text>",
            x + 18.0
        )
        .ok();
    }
}

fn grid(svg: &mut String, bottom: f64) {
    for (ratio, label) in LINES {
        let x = position(ratio);
        let class = if label == "1×" { "one" } else { "grid" };
        writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{PLOT_TOP}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/><text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16.0
        )
        .ok();
    }
}

/// The bars of one row; where the next row begins.
fn group(svg: &mut String, top: f64, row: Row, ratios: &[(System, f64)]) -> f64 {
    let height = whole(ratios.len()) * (BAR + BAR_GAP);
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        PLOT_LEFT - 12.0,
        top + height / 2.0 + 3.0,
        row.name()
    )
    .ok();
    let one = position(1.0);
    for (y, (system, ratio)) in (0..).map(|bar: u32| top + f64::from(bar) * (BAR + BAR_GAP)).zip(ratios) {
        let end = position(*ratio);
        let (label, anchor) = if end < one { (end - 4.0, "end") } else { (end + 4.0, "start") };
        writeln!(
            svg,
            "<rect class=\"{}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\"/><text class=\"small\" x=\"{label:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{ratio:.1}×</text>",
            system.name(),
            one.min(end),
            (end - one).abs().max(1.0),
            y + BAR - 2.0
        )
        .ok();
    }
    top + height + ROW_GAP
}

/// Where a ratio is, from left to right.
fn position(ratio: f64) -> f64 {
    let [first, last] = SCALE;
    let part = (ratio.clamp(first, last) / first).ln() / (last / first).ln();
    PLOT_LEFT + part * (PLOT_RIGHT - PLOT_LEFT)
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer bars than that")]
fn whole(count: usize) -> f64 {
    count as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{PLOT_LEFT, PLOT_RIGHT, chart, position};
    use crate::machine::Machine;
    use crate::report::Measured;
    use crate::row::Row;
    use crate::systems::System;

    #[test]
    fn the_scale_is_logarithmic_and_ends() {
        let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-6, "{left} {right}");
        near(position(10.0) - position(1.0), position(1.0) - position(0.1));
        near(position(0.001), PLOT_LEFT);
        near(position(1_000.0), PLOT_RIGHT);
    }

    #[test]
    fn a_bar_is_drawn_where_the_beam_and_another_are_measured() {
        let machine =
            Machine { cores: 2, cpu: "A & <B>".to_owned(), otp: "25".to_owned(), rustc: "1".to_owned() };
        let measured = |system, sample| Measured { system, row: Row::Call, samples: vec![sample] };
        let all = [
            measured(System::Beam, 800.0),
            measured(System::Engset, 100.0),
            Measured { system: System::Engset, row: Row::Live, samples: vec![1.0] },
        ];
        let svg = chart(&machine, &[Row::Call, Row::Live], &all);
        assert!(svg.contains(">8.0×</text>"), "{svg}");
        assert!(svg.contains(">call</text>") && !svg.contains(">live</text>"), "{svg}");
        assert!(svg.contains("A &amp; &lt;B&gt;"), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 7 + 1, "a legend of seven and one bar");
    }
}
