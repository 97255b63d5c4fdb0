//! The points of `bench limits` as a picture: how many times its limit a step takes, over the limit.

use std::fmt::Write;

use crate::bench::limits::{AIM, BOUND, DEPTHS, Measured, WORK};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
/// Where the plot lies in it.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 740.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 470.0;
/// What the axes show at least, whatever was measured: pictures stay alike, and the labels have room.
const LEAST_LIMIT: f64 = WORK / 20.0;
const LOWEST_RATIO: f64 = 0.92;
const HIGHEST_RATIO: f64 = 18.0;

/// Of the narrowest networks to the widest: viridis, which the colour-blind and grey printers tell apart.
const COLOURS: [&str; 6] = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"];

/// A scale of powers of ten.
#[derive(Clone, Copy, Debug)]
struct Scale {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
}

impl Scale {
    /// From where a value lies; beyond the ends, at the ends.
    fn at(self, value: f64) -> f64 {
        let share = (value / self.from).ln() / (self.to / self.from).ln();
        self.begin + (self.end - self.begin) * share.clamp(0.0, 1.0)
    }
}

/// Of the limits and of the ratios; each point lies within both.
fn scales(best: &[Measured]) -> (Scale, Scale) {
    let widest =
        |(least, most): (f64, f64), value: f64| -> (f64, f64) { (least.min(value), most.max(value)) };
    let (least, most) = best.iter().map(|one| one.limit).fold((LEAST_LIMIT, 10.0 * WORK), widest);
    let (lowest, highest) = best.iter().map(Measured::ratio).fold((LOWEST_RATIO, HIGHEST_RATIO), widest);
    let x = Scale { from: least / 1.5, to: most * 1.5, begin: LEFT, end: RIGHT };
    let y = Scale { from: lowest / 1.15, to: highest * 1.15, begin: BOTTOM, end: TOP };
    (x, y)
}

/// The picture, as SVG without a script, a link or a font of its own. `best` holds each point once.
pub fn svg(best: &[Measured], caption: &str) -> String {
    let mut widths: Vec<usize> = best.iter().map(|one| one.point.width).collect();
    widths.sort_unstable();
    widths.dedup();
    let (x, y) = scales(best);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"Time of a step over its limit\">\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#fff\" stroke=\"#ccc\"/>\n\
         <text x=\"{LEFT}\" y=\"34\" font-size=\"17\" font-weight=\"bold\" fill=\"#222\">Time of a training step, in \
         multiples of what the machine allows</text>\n",
        WIDTH - 1.0,
        HEIGHT - 1.0
    );
    frame(&mut out, x, y);
    axes(&mut out, x, y);
    for one in best {
        mark(&mut out, (x.at(one.limit), y.at(one.ratio())), one, colour(&widths, one.point.width));
    }
    legend(&mut out, &widths);
    // Writing into a string cannot fail; here and below.
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\" font-size=\"12\" fill=\"#666\">{}</text>\n</svg>",
        HEIGHT - 18.0,
        caption.replace('&', "&amp;").replace('<', "&lt;")
    );
    out
}

/// The region that is not judged, with its name above it, and the lines that points are held against.
fn frame(out: &mut String, x: Scale, y: Scale) {
    let judged = x.at(WORK);
    let _ = writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\" fill=\"#f1f1f1\"/>\n\
         <text x=\"{:.1}\" y=\"{}\" fill=\"#777\" font-size=\"12\">below {WORK} µs: not judged</text>",
        judged - LEFT,
        BOTTOM - TOP,
        LEFT,
        TOP - 7.0
    );
    for (value, dash, label) in [(1.0, "", "1 ×"), (AIM, "4 4", "aim 1.3 ×"), (BOUND, "8 4", "bound 1.6 ×")]
    {
        let at = y.at(value);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {at:.1}H{RIGHT}\" stroke=\"#444\" stroke-dasharray=\"{dash}\" fill=\"none\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" fill=\"#444\" font-size=\"12\">{label}</text>",
            RIGHT + 6.0,
            at + 4.0
        );
    }
}

/// The axes, with their ticks and labels.
fn axes(out: &mut String, x: Scale, y: Scale) {
    let _ = writeln!(out, "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" stroke=\"#888\" fill=\"none\"/>");
    for power in -3..=7 {
        let value = 10_f64.powi(power);
        if (x.from..=x.to).contains(&value) {
            let at = x.at(value);
            let _ = writeln!(
                out,
                "<path d=\"M{at:.1} {BOTTOM}v6\" stroke=\"#888\"/>\n\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">{value}</text>",
                BOTTOM + 22.0
            );
        }
    }
    for value in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0] {
        if (y.from..=y.to).contains(&value) {
            let at = y.at(value);
            let _ = writeln!(
                out,
                "<path d=\"M{LEFT} {at:.1}h-6\" stroke=\"#888\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{value}</text>",
                LEFT - 10.0,
                at + 4.0
            );
        }
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222\">limit of the step, µs</text>\n\
         <text transform=\"translate(22 {}) rotate(-90)\" text-anchor=\"middle\" fill=\"#222\">measured over limit</text>",
        BOTTOM + 44.0,
        f64::midpoint(TOP, BOTTOM)
    );
}

/// One point: its colour is its width's, its shape its depth's.
fn mark(out: &mut String, (x, y): (f64, f64), one: &Measured, colour: &str) {
    let style = format!("fill=\"{colour}\" stroke=\"#222\" stroke-width=\"0.7\"");
    let said = format!(
        "<title>width {}, depth {}, batch {}: {:.2} µs, {:.2} times its limit</title>",
        one.point.width,
        one.point.depth,
        one.point.batch,
        one.took,
        one.ratio()
    );
    let _ = writeln!(out, "{}", shape(one.point.depth, x, y, &format!("{style}>{said}")));
}

/// A circle, a square or a triangle, by depth.
fn shape(depth: usize, x: f64, y: f64, rest: &str) -> String {
    match DEPTHS.iter().position(|&known| known == depth) {
        Some(0) => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" {rest}</circle>"),
        Some(1) => {
            format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" {rest}</rect>", x - 4.5, y - 4.5)
        }
        _ => format!("<path d=\"M{x:.1} {:.1}l5.5 10h-11z\" {rest}</path>", y - 6.0),
    }
}

fn colour(widths: &[usize], width: usize) -> &'static str {
    let place = widths.iter().position(|&known| known == width).unwrap_or(0);
    COLOURS[(place * (COLOURS.len() - 1) / (widths.len().max(2) - 1)).min(COLOURS.len() - 1)]
}

fn legend(out: &mut String, widths: &[usize]) {
    let (x, mut y) = (RIGHT + 28.0, TOP + 10.0);
    let mut line = |mark: String, said: &str| {
        let _ = writeln!(
            out,
            "{mark}<text x=\"{}\" y=\"{:.1}\" fill=\"#222\">{said}</text>",
            if mark.is_empty() { x - 6.0 } else { x + 14.0 },
            y + 4.5
        );
        y += 21.0;
        y
    };
    let mut at = line(String::new(), "units of a layer");
    for &width in widths {
        let style = format!("fill=\"{}\" stroke=\"#222\" stroke-width=\"0.7\">", colour(widths, width));
        at = line(shape(DEPTHS[0], x, at, &style), &width.to_string());
    }
    at = line(String::new(), "layers");
    for depth in DEPTHS {
        at = line(shape(depth, x, at, "fill=\"#fff\" stroke=\"#222\">"), &depth.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::limits::Point;

    fn measured(width: usize, depth: usize, limit: f64, took: f64) -> Measured {
        Measured { point: Point { width, depth, batch: 8 }, threads: 1, took, limit }
    }

    #[test]
    fn powers_of_ten_lie_evenly_and_nothing_leaves_the_frame() {
        let scale = Scale { from: 1.0, to: 1000.0, begin: 0.0, end: 300.0 };
        assert!((scale.at(10.0) - 100.0).abs() < 1e-9 && (scale.at(100.0) - 200.0).abs() < 1e-9);
        assert_eq!((scale.at(0.1), scale.at(1e9)), (0.0, 300.0));
        let best = [measured(8, 1, 0.01, 0.3), measured(4096, 16, 2e5, 2.2e5), measured(64, 4, 3.0, 4.0)];
        let fast = [measured(8, 1, 30.0, 15.0)];
        for best in [&best[..], &fast] {
            let (x, y) = scales(best);
            for one in best {
                // Not at the ends, where what lies beyond them would be drawn too.
                let (limit, ratio) = (x.at(one.limit), y.at(one.ratio()));
                assert!(LEFT < limit && limit < RIGHT && TOP < ratio && ratio < BOTTOM, "{one:?}");
            }
        }
    }

    #[test]
    fn the_axes_leave_room_for_their_labels_whatever_was_measured() {
        for best in [&[][..], &[measured(512, 1, 90.0, 99.0)], &[measured(8, 1, 1e-3, 0.1)]] {
            let (x, y) = scales(best);
            assert!(x.at(WORK) - LEFT > 140.0, "the region that is not judged: {x:?}");
            assert!(y.at(AIM) - y.at(BOUND) > 14.0 && y.at(1.0) - y.at(AIM) > 14.0, "the lines: {y:?}");
            assert!(y.at(BOUND) > TOP + 300.0, "the legend: {y:?}");
        }
    }

    #[test]
    fn every_point_has_a_mark_and_every_width_a_line_of_the_legend() {
        let best = [measured(8, 1, 0.01, 0.3), measured(128, 4, 5.0, 9.0), measured(4096, 16, 2e5, 2.2e5)];
        let svg = svg(&best, "a machine with R&D < 2 cores");
        assert_eq!(svg.matches("<title>").count(), 3);
        for width in [8, 128, 4096] {
            assert!(svg.contains(&format!(">{width}</text>")), "{svg}");
        }
        assert!(svg.contains("width=\"900\""));
        assert!(svg.contains("R&amp;D &lt; 2 cores") && svg.ends_with("</svg>\n"));
        assert_eq!(colour(&[8, 128, 4096], 8), COLOURS[0]);
        assert_eq!(colour(&[8, 128, 4096], 4096), COLOURS[5]);
        assert_eq!(colour(&[8], 8), COLOURS[0]);
    }
}
