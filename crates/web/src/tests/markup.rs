//! A reader of the markup that this crate writes: every attribute in double quotes.

/// An element, with its attributes in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// All elements of a document. Every `<` begins a tag, as it does for a browser outside of scripts, which the pages do not hold.
pub fn elements(html: &str) -> Vec<Element> {
    html.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '!'])).map(element).collect()
}

fn element(tag: &str) -> Element {
    let end = tag.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(tag.len());
    let (name, mut rest) = tag.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('>') {
            return Element { name: name.to_owned(), attributes };
        }
        let end = rest.find(['=', ' ', '>']).unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => ("", after.strip_prefix('=').unwrap_or(after)),
        };
        attributes.push((attribute.to_owned(), value.to_owned()));
        rest = after;
    }
}

#[test]
fn markup_is_read() {
    let read = elements("<!DOCTYPE html><a href=\"/x\" download>1 &lt; 2</a><br>");
    let names: Vec<_> = read.iter().map(|element| element.name.as_str()).collect();
    assert_eq!(names, ["a", "br"]);
    assert_eq!(read[0].attribute("href"), Some("/x"));
    assert_eq!(read[0].attribute("download"), Some(""));
    assert_eq!(
        elements("<b onclick=x>")[0].attributes,
        [("onclick".to_owned(), String::new()), ("x".to_owned(), String::new())]
    );
}
