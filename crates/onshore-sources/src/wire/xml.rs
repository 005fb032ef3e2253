//! Reads an XML answer into a small tree. Names are told without their namespace.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use crate::Error;
use crate::wire::lie;

/// How deep elements may lie in one another.
const DEPTH_MAX: usize = 32;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Returns the first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns every child of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the text of the first child of a name, if there is some.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        let text = self.child(name)?.text.as_str();
        (!text.is_empty()).then_some(text)
    }

    /// Whether an attribute has a value.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.attributes
            .iter()
            .any(|(found, is)| found == name && is == value)
    }
}

/// Parses a document and returns its root.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, Error> {
    let broken = || lie("XML that does not parse");
    let text = std::str::from_utf8(bytes).map_err(|_| broken())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| broken())? {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return Err(broken());
                }
                open.push(begun(&start).ok_or_else(broken)?);
            }
            Event::Empty(start) => {
                let element = begun(&start).ok_or_else(broken)?;
                open.last_mut().ok_or_else(broken)?.children.push(element);
            }
            Event::End(_) => {
                let closed = open.pop().ok_or_else(broken)?;
                open.last_mut().ok_or_else(broken)?.children.push(closed);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|_| broken())?;
                open.last_mut().ok_or_else(broken)?.text.push_str(&text);
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|_| broken())?;
                open.last_mut().ok_or_else(broken)?.text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let into = &mut open.last_mut().ok_or_else(broken)?.text;
                match reference.resolve_char_ref().map_err(|_| broken())? {
                    Some(character) => into.push(character),
                    None => {
                        let name = reference.decode().map_err(|_| broken())?;
                        into.push_str(resolve_predefined_entity(&name).ok_or_else(broken)?);
                    }
                }
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            // A document type could bring entities of its own.
            Event::DocType(_) => return Err(broken()),
            Event::Eof => break,
        }
    }
    let mut roots = open.pop().filter(|_| open.is_empty()).ok_or_else(broken)?;
    roots.children.pop().ok_or_else(broken)
}

fn begun(start: &quick_xml::events::BytesStart<'_>) -> Option<Element> {
    let name = std::str::from_utf8(start.local_name().as_ref())
        .ok()?
        .to_owned();
    let attributes = start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.ok()?;
            let name = std::str::from_utf8(attribute.key.local_name().as_ref())
                .ok()?
                .to_owned();
            let value = std::str::from_utf8(&attribute.value).ok()?.to_owned();
            Some((name, value))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Element {
        name,
        attributes,
        ..Element::default()
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_tree_is_read_without_namespaces() {
        let root = parse(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><D:a xmlns:D=\"DAV:\"><D:b Encoded=\"true\">x&amp;&#x41;&#66;<![CDATA[<y>]]></D:b><c/><D:b/></D:a>",
        )
        .expect("parses");
        assert_eq!(root.name, "a");
        assert_eq!(root.text_of("b"), Some("x&AB<y>"));
        assert!(root.child("b").expect("b").has("Encoded", "true"));
        assert_eq!((root.all("b").count(), root.text_of("c")), (2, None));
    }

    #[test]
    fn what_is_broken_or_would_bring_entities_is_refused() {
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        for bad in ["", "<a>", "</a>", "<a></b>", "x", "<a>&x;</a>", &deep] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").is_err());
        assert!(parse(b"<a>\xff</a>").is_err());
    }
}
