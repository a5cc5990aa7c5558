//! Plots as inline SVG. Marks are stretched to the width there is; text stands beside them in HTML, so that it stays
//! readable on a phone.

use super::builder::Html;
use super::chip;
use crate::base::Timestamp;
use crate::event::{Answer, Grade};
use crate::output::report::document::{Exposure, Form, Progress};
use crate::output::report::timeline::Timeline;
use crate::output::summary::text::{bytes, duration, moment, percent, span};
use std::time::Duration;

/// Height of the timeline and width of an exposure bar, in units of the drawing.
const HEIGHT: f64 = 100.0;
const WIDTH: f64 = 1_000.0;

/// Bytes by grade, stacked, over time.
pub fn timeline(h: &mut Html, timeline: &Timeline) {
    let steps: Vec<(Timestamp, [u64; 3])> = timeline.steps().collect();
    let (Some((first, _)), Some((last, _))) = (steps.first(), steps.last()) else { return };
    let step = Duration::from_secs(timeline.step_secs().unsigned_abs());
    let total = |sums: &[u64; 3]| sums.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
    let peak = steps.iter().map(|(_, sums)| total(sums)).max().unwrap_or(0).max(1);
    h.of_class("figure", "plot", |h| {
        h.of_class("figcaption", "legend", |h| {
            for (grade, sum) in Grade::ALL.iter().zip(timeline.sums()) {
                h.element("span", &[], |h| {
                    h.element("i", &[("class", &format!("swatch {}", grade.label()))], |_| {});
                    h.text(&format!("{} {}", grade.label(), bytes(sum)));
                });
            }
            h.line("span", "dim", &format!("bytes in steps of {}", step_words(step)));
        });
        h.of_class("div", "frame", |h| {
            h.of_class("div", "scale", |h| {
                h.line("span", "", &bytes(peak));
                h.line("span", "", &bytes(peak / 2));
                h.line("span", "", "0");
            });
            let view = format!("0 0 {} {HEIGHT}", steps.len());
            let about = format!("Bytes by grade from {} to {}", moment(*first), moment(*last + step));
            h.element(
                "svg",
                &[
                    ("viewBox", &view),
                    ("preserveAspectRatio", &"none"),
                    ("role", &"img"),
                    ("aria-label", &about),
                ],
                |h| {
                    for share in [0.0, 0.25, 0.5, 0.75] {
                        line(h, steps.len() as f64, share * HEIGHT);
                    }
                    for (n, (at, sums)) in steps.iter().enumerate().filter(|(_, (_, sums))| total(sums) > 0) {
                        h.element("g", &[], |h| {
                            h.line("title", "", &step_title(*at, step, sums));
                            column(h, n, sums, peak, steps.len());
                        });
                    }
                },
            );
        });
        axis(h, *first, *last + step);
    });
}

fn step_words(step: Duration) -> String {
    match step.as_secs() {
        n @ 0..60 => format!("{n} s"),
        _ => duration(step),
    }
}

fn step_title(at: Timestamp, step: Duration, sums: &[u64; 3]) -> String {
    let parts: Vec<String> = Grade::ALL
        .iter()
        .zip(sums)
        .filter(|(_, n)| **n > 0)
        .map(|(grade, n)| format!("{} {}", grade.label(), bytes(*n)))
        .collect();
    format!("{}: {}", span(at, at + step), parts.join(", "))
}

fn column(h: &mut Html, n: usize, sums: &[u64; 3], peak: u64, steps: usize) {
    // Where there is room, a gap tells one step from the next.
    let gap = if steps <= 120 { 0.12 } else { 0.0 };
    let mut top = HEIGHT;
    for (grade, bytes) in Grade::ALL.iter().zip(sums).filter(|(_, n)| **n > 0) {
        let height = (*bytes as f64 / peak as f64 * HEIGHT).max(0.4);
        top -= height;
        rect(h, grade.label(), [n as f64 + gap / 2.0, top.max(0.0), 1.0 - gap, height]);
    }
}

/// When ports were tried, and what came of it: the taller, the more open.
pub fn exposure(h: &mut Html, exposure: &Exposure) {
    let whole = exposure.to.since(exposure.from).as_secs_f64().max(0.001);
    let place = |at: Timestamp| (at.since(exposure.from).as_secs_f64() / whole * WIDTH).min(WIDTH);
    h.of_class("figure", "plot", |h| {
        h.of_class("figcaption", "legend", |h| {
            for answer in [Answer::Accepted, Answer::Refused, Answer::Filtered, Answer::Silence] {
                h.element("span", &[], |h| {
                    h.element("i", &[("class", &format!("swatch {}", answer.label()))], |_| {});
                    h.text(answer.label());
                });
            }
        });
        h.of_class("div", "bars", |h| {
            for row in &exposure.rows {
                h.line("span", "label", &row.label);
                h.element(
                    "svg",
                    &[
                        ("viewBox", &"0 0 1000 20"),
                        ("preserveAspectRatio", &"none"),
                        ("role", &"img"),
                        ("aria-label", &row.label),
                    ],
                    |h| {
                        rect(h, "track", [0.0, 0.0, WIDTH, 20.0]);
                        for (answer, from, to) in &row.stretches {
                            let height = match answer {
                                Answer::Accepted => 20.0,
                                Answer::Refused => 12.0,
                                Answer::Filtered => 8.0,
                                Answer::Silence => 5.0,
                            };
                            let left = place(*from);
                            // A moment is a mark that can be seen.
                            let wide = (place(*to) - left).max(5.0);
                            h.element("g", &[], |h| {
                                h.line("title", "", &format!("{} {}", answer.label(), span(*from, *to)));
                                let left = left.min(WIDTH - wide).max(0.0);
                                rect(h, answer.label(), [left, 20.0 - height, wide, height]);
                            });
                        }
                    },
                );
                h.of_class("span", "end", |h| match row.state.form {
                    Form::Chip(tone) => chip(h, &row.state.text, tone),
                    Form::Words | Form::Code | Form::Time | Form::Number => h.text(&row.state.text),
                });
            }
            h.line("span", "label", "");
            h.element("div", &[], |h| axis(h, exposure.from, exposure.to));
            h.line("span", "end", "");
        });
    });
}

/// How much of torrents hosts have.
pub fn progress(h: &mut Html, bars: &[Progress]) {
    h.of_class("figure", "plot", |h| {
        h.of_class("div", "bars", |h| {
            for bar in bars {
                let (done, whole) = bar.done;
                let share = if whole == 0 { 0.0 } else { (done as f64 / whole as f64).clamp(0.0, 1.0) };
                h.of_class("span", "label", |h| h.isolated(&bar.label));
                let view = [("viewBox", "0 0 1000 20"), ("preserveAspectRatio", "none")];
                let about = format!("{} {}", percent(done, whole), bar.source);
                h.element(
                    "svg",
                    &[
                        (view[0].0, &view[0].1),
                        (view[1].0, &view[1].1),
                        ("role", &"img"),
                        ("aria-label", &about),
                    ],
                    |h| {
                        rect(h, "track", [0.0, 0.0, WIDTH, 20.0]);
                        rect(h, "done", [0.0, 0.0, share * WIDTH, 20.0]);
                    },
                );
                h.of_class("span", "end", |h| {
                    h.line("b", "", &percent(done, whole));
                    h.line("span", "dim", bar.source);
                });
            }
        });
    });
}

fn axis(h: &mut Html, from: Timestamp, to: Timestamp) {
    let middle = from + to.since(from) / 2;
    h.of_class("div", "axis", |h| {
        h.line("span", "", &moment(from));
        h.line("span", "middle", &moment(middle));
        h.line("span", "", &format!("{} UTC", moment(to)));
    });
}

fn rect(h: &mut Html, class: &'static str, [x, y, width, height]: [f64; 4]) {
    let [x, y, width, height] = [x, y, width, height].map(|n| format!("{n:.2}"));
    h.element(
        "rect",
        &[("class", &class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)],
        |_| {},
    );
}

fn line(h: &mut Html, width: f64, y: f64) {
    h.element(
        "line",
        &[("x1", &0), ("x2", &width), ("y1", &y), ("y2", &y), ("vector-effect", &"non-scaling-stroke")],
        |_| {},
    );
}
