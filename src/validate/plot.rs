//! Drawings of cases as SVG: two bars a case, measured above ours, each group on its own scale.

use super::{Case, Verdict};
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 440.0;
const RIGHT: f64 = 130.0;
const CASE: f64 = 44.0;

/// The groups, in the order of their cases: name of the group, its drawing.
pub fn plots(cases: &[Case]) -> Vec<(&'static str, String)> {
    let mut groups: Vec<(&'static str, Vec<&Case>)> = Vec::new();
    for case in cases {
        match groups.iter_mut().find(|(group, _)| *group == case.group) {
            Some((_, members)) => members.push(case),
            None => groups.push((case.group, vec![case])),
        }
    }
    groups.into_iter().map(|(group, members)| (group, draw(group, &members))).collect()
}

fn draw(group: &str, cases: &[&Case]) -> String {
    let height = 40.0 + CASE * cases.len() as f64;
    let most = cases.iter().map(|case| case.measured.max(case.ours)).fold(0.0, f64::max);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{group}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">{group}: measured (grey) and ours</text>\n"
    );
    for (i, case) in cases.iter().enumerate() {
        let y = 34.0 + CASE * i as f64;
        let ours = if case.verdict() == Verdict::Missed { "#b3541e" } else { "#0b6e99" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "<text x=\"8\" y=\"{:.0}\">{}</text>", y + 21.0, case.name);
        for (value, colour, y) in [(case.measured, "#999", y), (case.ours, ours, y + 17.0)] {
            let width = (WIDTH - LEFT - RIGHT) * value / most;
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"15\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.0}\">{value:.3} {}</text>",
                LEFT + width + 6.0,
                y + 12.0,
                case.unit
            );
        }
    }
    out + "</svg>\n"
}
