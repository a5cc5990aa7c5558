//! The metrics page: which of its forms a scraper wants, and the forms.

use super::openmetrics;
use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use std::io::{self, Write};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, for whoever asks for nothing else.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header (RFC 9110 section 12.5.1) likes best; on a tie the plain text.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let best = |wanted: &[&str]| {
            let like = |name: &str| wanted.contains(&name);
            weights(header).filter(|(name, _)| like(name)).map(|(_, weight)| weight).max().unwrap_or(0)
        };
        let open = best(&["application/openmetrics-text"]);
        if open > best(&["text/plain"]) { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
#[must_use]
pub fn accepts_gzip(header: &str) -> bool {
    let weight = |wanted| weights(header).find(|(name, _)| *name == wanted).map(|(_, weight)| weight);
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0)
}

/// The names of a list with weights, in thousandths.
fn weights(header: &str) -> impl Iterator<Item = (&str, u32)> {
    header.split(',').map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok());
        (name, (weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1e3) as u32)
    })
}

/// The families of one moment, and the texts already made of them.
#[derive(Debug)]
pub struct Page {
    families: Vec<MetricFamily>,
    made: Vec<((Format, bool), Vec<u8>)>,
}

impl Page {
    /// A page of these families. Without `personal` those that name hosts are left out.
    #[must_use]
    pub fn new(mut families: Vec<MetricFamily>, personal: bool) -> Self {
        if !personal {
            families.retain(|family| !names_hosts(family));
        }
        Self { families, made: Vec::new() }
    }

    /// The text in one of its forms; made once.
    ///
    /// # Errors
    /// A family that cannot be written: a bug of ours.
    pub fn text(&mut self, format: Format, gzip: bool) -> io::Result<&[u8]> {
        if !self.made.iter().any(|(form, _)| *form == (format, gzip)) {
            let text = match format {
                Format::Text => {
                    TextEncoder::new().encode_to_string(&self.families).map_err(io::Error::other)?
                }
                Format::OpenMetrics => openmetrics::write(&self.families),
            };
            let text = if gzip { compressed(text.as_bytes())? } else { text.into_bytes() };
            self.made.push(((format, gzip), text));
        }
        let made = self.made.iter().find(|(form, _)| *form == (format, gzip));
        Ok(made.map(|(_, text)| text.as_slice()).unwrap_or_default())
    }
}

/// The bytes in gzip's form (RFC 1952), at the speed of the fastest level.
///
/// # Errors
/// None in practice: memory is written to.
pub fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn names_hosts(family: &MetricFamily) -> bool {
    family.get_metric().iter().any(|m| m.get_label().iter().any(|l| l.name() == "host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_the_format_it_likes_best() {
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
            application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (header, want) in [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=x", Format::Text),
            ("text/html, */*", Format::Text),
            ("", Format::Text),
        ] {
            assert_eq!(Format::accepted(header), want, "{header}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for (header, want) in [
            ("gzip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(header), want, "{header}");
        }
    }
}
