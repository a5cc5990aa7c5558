//! Reads PDML, the XML that tshark writes: protocols of a packet, with fields in fields.
//!
//! It reads what tshark writes and no other XML: values stand in double quotes, and `<`, `>` and `"` are escaped in them.

use std::io::{self, BufRead};

/// A `<proto>` or `<field>`.
#[derive(Debug, Default)]
pub struct Element {
    /// The name of the protocol or, as in display filters, of the field.
    pub name: String,
    /// The value for people; escapes are left in it.
    pub show: String,
    /// The bytes of the packet that the value was read from, in hexadecimal.
    pub value: String,
    /// What is inside.
    pub children: Vec<Self>,
}

impl Element {
    /// The first field of this name directly inside.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Whether there is a field of this name anywhere inside.
    pub fn contains(&self, name: &str) -> bool {
        self.children.iter().any(|child| child.name == name || child.contains(name))
    }
}

/// The packets of a PDML document, one at a time.
pub struct Packets<R> {
    input: R,
    tag: Vec<u8>,
}

impl<R: BufRead> Packets<R> {
    /// The packets of this document.
    pub const fn new(input: R) -> Self {
        Self { input, tag: Vec::new() }
    }

    /// The protocols of the next packet, outermost first.
    pub fn next_packet(&mut self) -> io::Result<Option<Vec<Element>>> {
        // The elements that are open, the packet itself at the bottom.
        let mut open: Vec<Element> = Vec::new();
        loop {
            self.tag.clear();
            if self.input.read_until(b'>', &mut self.tag)? == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&self.tag);
            let tag = text.trim();
            if tag.starts_with("<packet") {
                open = vec![Element::default()];
            } else if tag.starts_with("<proto") || tag.starts_with("<field") {
                open.push(Element {
                    name: attribute(tag, "name"),
                    show: attribute(tag, "show"),
                    value: attribute(tag, "value"),
                    children: Vec::new(),
                });
            }
            if !tag.starts_with("</") && !tag.ends_with("/>") {
                continue;
            }
            let Some(closed) = open.pop() else { continue };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Ok(Some(closed.children)),
            }
        }
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let value = tag.split_once(&format!(" {name}=\"")).map_or("", |(_, rest)| rest);
    value.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn fields_are_nested_as_written() {
    let document = br#"<?xml version="1.0"?><pdml version="0">
<packet>
  <proto name="geninfo" pos="0"><field name="num" show="7" value="7"/></proto>
  <proto name="ip"><field name="filtered" value="ip" /></proto>
  <proto name="bt-dht"><field name="a" showname="x &gt; y" show="1"><field name="b" value="ff"/></field></proto>
  <proto name="bittorrent"/>
</packet>
<packet></packet>
</pdml>"#;
    let mut packets = Packets::new(&document[..]);
    let first = packets.next_packet().unwrap().unwrap();
    assert_eq!(
        first.iter().map(|p| &p.name[..]).collect::<Vec<_>>(),
        ["geninfo", "ip", "bt-dht", "bittorrent"]
    );
    assert_eq!(first[0].child("num").unwrap().show, "7");
    assert_eq!(first[2].child("a").unwrap().child("b").unwrap().value, "ff");
    assert!(packets.next_packet().unwrap().unwrap().is_empty());
    assert!(packets.next_packet().unwrap().is_none());
}
