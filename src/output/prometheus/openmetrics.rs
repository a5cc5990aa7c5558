//! OpenMetrics 1.0 text, which the `prometheus` crate does not write.
//!
//! It differs from text 0.0.4 in that a family of counters is named without `_total`, in that numbers of buckets are
//! floats, and in that `# EOF` says that nothing was cut off.

use prometheus::proto::{Metric, MetricFamily, MetricType};
use std::fmt::Write;

/// Writes families as OpenMetrics text. Families without metrics are left out.
#[must_use]
pub fn write(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    for family in families.iter().filter(|f| !f.get_metric().is_empty()) {
        let kind = family.get_field_type();
        let name = family.name();
        let (word, stem) = match kind {
            MetricType::COUNTER => ("counter", name.strip_suffix("_total").unwrap_or(name)),
            MetricType::GAUGE => ("gauge", name),
            MetricType::HISTOGRAM => ("histogram", name),
            MetricType::SUMMARY | MetricType::UNTYPED => ("unknown", name),
        };
        let _ = writeln!(out, "# HELP {stem} {}", escaped(family.help()));
        let _ = writeln!(out, "# TYPE {stem} {word}");
        for metric in family.get_metric() {
            match kind {
                MetricType::COUNTER => {
                    sample(&mut out, stem, "_total", metric, None, metric.get_counter().get_value());
                }
                MetricType::HISTOGRAM => histogram(&mut out, stem, metric),
                _ => sample(&mut out, stem, "", metric, None, metric.get_gauge().get_value()),
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

fn histogram(out: &mut String, stem: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    for bucket in histogram.get_bucket().iter().filter(|b| b.upper_bound().is_finite()) {
        let count = bucket.cumulative_count() as f64;
        sample(out, stem, "_bucket", metric, Some(bucket.upper_bound()), count);
    }
    let count = histogram.get_sample_count() as f64;
    sample(out, stem, "_bucket", metric, Some(f64::INFINITY), count);
    sample(out, stem, "_count", metric, None, count);
    sample(out, stem, "_sum", metric, None, histogram.get_sample_sum());
}

fn sample(out: &mut String, stem: &str, suffix: &str, metric: &Metric, bound: Option<f64>, value: f64) {
    let _ = write!(out, "{stem}{suffix}");
    let mut open = '{';
    for label in metric.get_label() {
        let _ = write!(out, "{open}{}=\"{}\"", label.name(), escaped(label.value()));
        open = ',';
    }
    if let Some(bound) = bound {
        let _ = write!(out, "{open}le=\"{}\"", Number(bound, true));
        open = ',';
    }
    if open == ',' {
        out.push('}');
    }
    let _ = writeln!(out, " {}", Number(value, false));
}

/// Backslash, quote and line feed; nothing else is special in either text format.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A number; as a float where it names a bucket.
struct Number(f64, bool);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self(n, _) if n == f64::INFINITY => f.write_str("+Inf"),
            Self(n, _) if n == f64::NEG_INFINITY => f.write_str("-Inf"),
            Self(n, _) if n.is_nan() => f.write_str("NaN"),
            Self(n, true) => write!(f, "{n:?}"),
            Self(n, false) => write!(f, "{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

    #[test]
    fn each_type_is_written_as_the_specification_says() {
        let registry = Registry::new();
        let counters = IntCounterVec::new(Opts::new("a_total", "Says \"a\\b\"\n."), &["who"]).unwrap();
        counters.with_label_values(&["x\"y\\z\n}"]).inc_by(3);
        registry.register(Box::new(counters)).unwrap();
        let gauge = IntGauge::new("b", "B.").unwrap();
        gauge.set(-2);
        registry.register(Box::new(gauge)).unwrap();
        let options = HistogramOpts::new("c_seconds", "C.").buckets(vec![0.5, 1.0]);
        let histogram = Histogram::with_opts(options).unwrap();
        histogram.observe(0.75);
        registry.register(Box::new(histogram)).unwrap();
        let want = [
            "# HELP a Says \\\"a\\\\b\\\"\\n.",
            "# TYPE a counter",
            "a_total{who=\"x\\\"y\\\\z\\n}\"} 3",
            "# HELP b B.",
            "# TYPE b gauge",
            "b -2",
            "# HELP c_seconds C.",
            "# TYPE c_seconds histogram",
            "c_seconds_bucket{le=\"0.5\"} 0",
            "c_seconds_bucket{le=\"1.0\"} 1",
            "c_seconds_bucket{le=\"+Inf\"} 1",
            "c_seconds_count 1",
            "c_seconds_sum 0.75",
            "# EOF",
            "",
        ];
        assert_eq!(write(&registry.gather()), want.join("\n"));
        assert_eq!(write(&[]), "# EOF\n");
    }
}
