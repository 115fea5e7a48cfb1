//! Lines over ticks as SVG, self-contained: one panel a variable, spikes as strokes on top.

use std::fmt::Write;

/// A line: its name and its value after every tick.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Name.
    pub name: &'a str,
    /// Values.
    pub values: &'a [i64],
}

const WIDTH: f64 = 720.0;
const PANEL: f64 = 120.0;
const LEFT: f64 = 96.0;
const SPIKES: f64 = 26.0;
const COLOURS: [&str; 4] = ["#0b6e99", "#b3541e", "#4f7942", "#6a4c93"];

/// The drawing: `driven` is the range of ticks with input, `spikes` are (tick, payload).
pub fn line_plot(title: &str, lines: &[Line<'_>], spikes: &[(u32, i32)], driven: (u32, u32)) -> String {
    let ticks = lines.iter().map(|line| line.values.len()).max().unwrap_or(1).max(2);
    let height = 30.0 + SPIKES + PANEL * lines.len() as f64 + 24.0;
    let x = |tick: f64| LEFT + (WIDTH - LEFT - 16.0) * tick / (ticks as f64 - 1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>\n"
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"26\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#f1ede4\"/>",
        x(f64::from(driven.0)),
        x(f64::from(driven.1)) - x(f64::from(driven.0)),
        height - 26.0 - 24.0
    );
    let _ = writeln!(out, "<text x=\"8\" y=\"44\">spikes</text>");
    for (tick, payload) in spikes {
        let (top, bottom) = if *payload < 0 { (41.0, 50.0) } else { (30.0, 41.0) };
        let x = x(f64::from(*tick));
        let _ = writeln!(out, "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#222\" stroke-width=\"1\"/>");
    }
    for (i, line) in lines.iter().enumerate() {
        let top = 30.0 + SPIKES + PANEL * i as f64;
        let least = line.values.iter().copied().min().unwrap_or(0);
        let most = line.values.iter().copied().max().unwrap_or(0);
        let span = (most as f64 - least as f64).max(1.0);
        let y = |value: f64| top + 10.0 + (PANEL - 20.0) * (1.0 - (value - least as f64) / span);
        if (least..=most).contains(&0) {
            let zero = y(0.0);
            let _ = writeln!(out, "<path d=\"M{LEFT} {zero:.1}H{:.1}\" stroke=\"#ccc\"/>", WIDTH - 16.0);
        }
        let _ = writeln!(out, "<text x=\"8\" y=\"{:.1}\">{}</text>", top + PANEL / 2.0, line.name);
        for (value, at) in [(most, y(most as f64)), (least, y(least as f64))] {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"10\" fill=\"#555\">{value}</text>",
                LEFT - 6.0,
                at + 3.0
            );
        }
        let mut path = String::new();
        for (tick, value) in line.values.iter().enumerate() {
            // Values hold for a whole tick, so they are drawn as steps.
            let (x, y) = (x(tick as f64), y(*value as f64));
            let _ = if tick == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        }
        let colour = COLOURS[i % COLOURS.len()];
        let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"/>");
    }
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#555\">0</text>", height - 8.0);
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{} ticks; shaded: driven</text>\n</svg>",
        WIDTH - 16.0,
        height - 8.0,
        ticks
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_holds_every_line_and_spike_and_nothing_from_elsewhere() {
        let lines = [Line { name: "v", values: &[0, 5, -5] }, Line { name: "u", values: &[0, 0, 0] }];
        let svg = line_plot("a model", &lines, &[(1, 1), (2, -1)], (1, 2));
        assert_eq!(svg.matches("fill=\"none\"").count(), 2);
        assert_eq!(svg.matches("stroke=\"#222\"").count(), 2);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        assert_eq!(svg.matches("http").count(), 1, "the namespace alone");
    }
}
