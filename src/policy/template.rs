//! Texts with places to fill in: `{{host}} sent {{value}} in {{over}}`.

use super::problem::{Position, Problems};

/// A text, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field, Option<Filter>),
}

macro_rules! fields {
    ($($name:ident = $word:literal $(| $more:literal)*;)*) => {
        /// What a template can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field { $($name,)* }
        const FIELDS: &[(&str, Field)] = &[$(($word, Field::$name), $(($more, Field::$name),)*)*];
    };
}

fields! {
    Client = "client";
    Description = "description";
    Detail = "detail";
    Encryption = "encryption";
    Grade = "grade";
    Host = "host" | "src_ip";
    Id = "id";
    Kinds = "kinds";
    Link = "link";
    Network = "network";
    Over = "over";
    Port = "port" | "src_port";
    Reasons = "reasons";
    Remote = "remote" | "dest_ip";
    RemotePort = "remote_port" | "dest_port";
    Rule = "rule";
    Severity = "severity";
    Since = "since";
    Threshold = "threshold";
    Torrent = "torrent" | "info_hash";
    Transport = "transport";
    Value = "value";
    Vlan = "vlan";
}

/// How a number is written where its own unit is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Bytes,
    Rate,
    Percent,
    Number,
}

const FILTERS: [(&str, Filter); 4] = [
    ("bytes", Filter::Bytes),
    ("rate", Filter::Rate),
    ("percent", Filter::Percent),
    ("number", Filter::Number),
];

impl Template {
    /// Takes a text apart; wrong names are told.
    pub(super) fn read(text: &str, at: Position, problems: &mut Problems) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, behind)) = after.split_once("}}") else {
                problems.say(at, "'{{' without '}}'");
                return None;
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, filter) = inside.split_once('|').map_or((inside, None), |(n, f)| (n, Some(f.trim())));
            let name = name.trim();
            let Some((_, field)) = FIELDS.iter().find(|(word, _)| *word == name) else {
                let names: Vec<&str> = FIELDS.iter().map(|(word, _)| *word).collect();
                problems.unknown(at, "name in {{}}", name, &names);
                return None;
            };
            let filter = match filter {
                None => None,
                Some(word) => match FILTERS.iter().find(|(w, _)| *w == word) {
                    Some((_, filter)) if matches!(field, Field::Value | Field::Threshold) => Some(*filter),
                    Some(_) => {
                        problems.say(at, format!("'|{word}' fits value and threshold only"));
                        return None;
                    }
                    None => {
                        problems.unknown(at, "filter in {{}}", word, &FILTERS.map(|(w, _)| w));
                        return None;
                    }
                },
            };
            parts.push(Part::Field(*field, filter));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Some(Self(parts))
    }

    /// The text with its places filled in.
    pub(super) fn fill(&self, value: impl Fn(Field, Option<Filter>) -> String) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(field, filter) => value(*field, *filter),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { line: 1, column: 1 };

    #[test]
    fn places_are_filled_in() {
        let mut problems = Problems::new("f");
        let template = Template::read("{{src_ip}} sent {{ value | bytes }}.", AT, &mut problems).unwrap();
        let text = template.fill(|field, filter| format!("<{field:?} {filter:?}>"));
        assert_eq!(text, "<Host None> sent <Value Some(Bytes)>.");
    }

    #[test]
    fn wrong_names_are_told() {
        for (text, why) in [
            ("{{hst}}", "unknown name in {{}} 'hst'; did you mean 'host'?"),
            ("{{value|byte}}", "unknown filter in {{}} 'byte'; did you mean 'bytes'?"),
            ("{{host|bytes}}", "fits value and threshold only"),
            ("{{host", "without '}}'"),
        ] {
            let mut problems = Problems::new("f");
            assert_eq!(Template::read(text, AT, &mut problems), None);
            assert!(problems.into_list()[0].to_string().contains(why), "{text}");
        }
    }
}
