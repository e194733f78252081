//! Round trips over time, as a drawing.

use std::fmt::Write as _;

use crate::line::Line;
use crate::record::Trace;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 400.0;
/// Room for the scales and the title.
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 45.0;

/// Distinct for those who do not see all colours (Okabe and Ito).
const COLOURS: [&str; 7] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The scales: seconds from left to right, ms upwards, each decade as high as the other.
struct Scales {
    seconds: f64,
    decades: std::ops::RangeInclusive<i32>,
}

impl Scales {
    fn of(traces: &[&Trace]) -> Scales {
        let points = || traces.iter().flat_map(|trace| &trace.points);
        let rtts = || points().filter_map(|(_, rtt)| *rtt).map(|rtt| rtt.max(0.1).log10());
        let (least, most) = rtts().fold((f64::MAX, f64::MIN), |(a, b), rtt| (a.min(rtt), b.max(rtt)));
        let (low, high) = if least <= most { (least, most) } else { (0.0, 1.0) };
        let low = low.floor() as i32;
        Scales {
            seconds: points().map(|(sent, _)| *sent).fold(1.0, f64::max),
            decades: low..=(high.ceil() as i32).max(low + 1),
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, ms: f64) -> f64 {
        let (low, high) = (f64::from(*self.decades.start()), f64::from(*self.decades.end()));
        let share = (ms.max(0.1).log10() - low) / (high - low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }
}

/// Draws the round trips of all of them.
pub(crate) fn svg(line: &Line, traces: &[&Trace]) -> String {
    let scales = Scales::of(traces);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">Round trips through the link over a line of {line}</text>\n"
    );
    grid(&mut svg, &scales);
    if let Some(first) = traces.first() {
        let [from, to] = first.load.map(|time| scales.x(time));
        let (top, height) = (TOP, HEIGHT - TOP - BOTTOM);
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{height}\" fill=\"#000\" fill-opacity=\"0.05\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">load: {}</text>",
            to - from,
            from + 4.0,
            TOP + 14.0,
            first.scenario
        );
    }
    for (number, (trace, colour)) in traces.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let right = WIDTH - RIGHT - 4.0;
        let at = TOP + 14.0 + 15.0 * number as f64;
        let name = trace.contender.title().replace('`', "");
        let _ = writeln!(
            svg,
            "<text x=\"{right}\" y=\"{at}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>"
        );
        // A probe without an answer is a gap.
        for piece in trace.points.split(|(_, rtt)| rtt.is_none()) {
            let points: Vec<String> = piece
                .iter()
                .filter_map(|(sent, rtt)| Some(format!("{:.1},{:.1}", scales.x(*sent), scales.y((*rtt)?))))
                .collect();
            if !points.is_empty() {
                let _ = writeln!(
                    svg,
                    "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\" points=\"{}\"/>",
                    points.join(" ")
                );
            }
        }
    }
    svg + "</svg>\n"
}

fn grid(svg: &mut String, scales: &Scales) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for decade in scales.decades.clone() {
        let ms = 10_f64.powi(decade);
        let y = scales.y(ms);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ccc\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{ms} ms</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    let step = (scales.seconds / 10.0).ceil();
    let mut second = 0.0;
    while second <= scales.seconds {
        let x = scales.x(second);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\" stroke=\"#999\"/>\n\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>",
            bottom + 5.0,
            bottom + 20.0
        );
        second += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::USUAL;
    use crate::contender::Contender;
    use crate::load::Scenario;

    #[test]
    fn a_round_trip_is_drawn_where_its_time_and_decade_are_and_a_loss_is_a_gap() {
        let points = vec![(0.0, Some(10.0)), (5.0, Some(100.0)), (6.0, None), (10.0, Some(1000.0))];
        let (contender, scenario) = (Contender::Native, Scenario::Up);
        let trace = Trace { line: USUAL, contender, scenario, load: [2.0, 9.0], points };
        let svg = svg(&USUAL, &[&trace]);
        // 720 wide from 60 on, 315 high from 355 up.
        assert!(svg.contains("points=\"60.0,355.0 420.0,197.5\""), "{svg}");
        assert!(svg.contains("points=\"780.0,40.0\""), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_an_empty_drawing() {
        assert!(svg(&USUAL, &[]).ends_with("</svg>\n"));
    }
}
