//! Hostile text in every field of every model: the document keeps its elements, attributes and addresses.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::markup::{Element, elements};
use super::strings::hostile;
use crate::{Frame, pages, sample};

#[test]
fn attack_texts_change_no_page() {
    let hostile = hostile();
    assert!(hostile.len() >= 150, "{} strings", hostile.len());
    for page in PAGES {
        let plain = skeleton(&page("harmless words", Leaves::Texts));
        for text in &hostile {
            let made = page(text, Leaves::Texts);
            assert_eq!(skeleton(&made), plain, "{text:?}");
            let hides = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let unseen = made.chars().find(|c| c.is_control() && !matches!(c, '\t' | '\n') || hides(c));
            assert_eq!(unseen, None, "{text:?} stays invisible");
        }
    }
}

#[test]
fn attack_addresses_lead_nowhere_else() {
    for page in PAGES {
        for address in hostile() {
            for element in elements(&page(&address, Leaves::Addresses)) {
                for name in ["href", "src", "action"] {
                    let Some(value) = element.attribute(name) else { continue };
                    let own = value.starts_with('/') && !value.starts_with("//") && !value.starts_with("/\\");
                    let plain = value.chars().all(|c| c.is_ascii_graphic());
                    let within = value.starts_with('#') || value.starts_with("?line=");
                    assert!(plain && (own || within), "{address:?}: {element:?}");
                }
            }
        }
    }
}

#[test]
fn a_log_with_every_control_character_stays_one_log() {
    let mut page = sample::log();
    for (line, code) in page.lines.iter_mut().zip(0_u8..) {
        line.text = (0..=255_u8).filter(|byte| byte % 7 == code % 7).map(char::from).collect();
    }
    let made = pages::log(&sample::frame("log", "/log"), &page);
    assert!(!made.chars().any(|c| c.is_control() && c != '\t' && c != '\n'));
}

/// The leaves of a model that are replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Texts,
    Addresses,
}

/// Pages of which every such leaf holds a text.
const PAGES: [fn(&str, Leaves) -> String; 15] = [
    |text, leaves| pages::overview(&frame(text, leaves), &filled(&sample::overview(), text, leaves)),
    |text, leaves| pages::release(&frame(text, leaves), &filled(&sample::release(), text, leaves)),
    |text, leaves| pages::release(&frame(text, leaves), &filled(&sample::held_release(), text, leaves)),
    |text, leaves| pages::release(&frame(text, leaves), &filled(&sample::returned_release(), text, leaves)),
    |text, leaves| pages::run(&frame(text, leaves), &filled(&sample::run(), text, leaves)),
    |text, leaves| pages::log(&frame(text, leaves), &filled(&sample::log(), text, leaves)),
    |text, leaves| pages::log(&frame(text, leaves), &filled(&sample::searched_log(), text, leaves)),
    |text, leaves| pages::ledger(&frame(text, leaves), &filled(&sample::ledger(), text, leaves)),
    |text, leaves| pages::entry(&frame(text, leaves), &filled(&sample::entry(), text, leaves)),
    |text, leaves| pages::sheet(&frame(text, leaves), &filled(&sample::sheet(), text, leaves)),
    |text, leaves| pages::sheet(&frame(text, leaves), &filled(&sample::figures_sheet(), text, leaves)),
    |text, leaves| pages::sheet(&frame(text, leaves), &filled(&sample::calendar_sheet(), text, leaves)),
    |text, leaves| pages::error(&frame(text, leaves), &filled(&sample::problem(), text, leaves)),
    |text, leaves| pages::opening(&filled(&sample::opening(), text, leaves)),
    |text, leaves| pages::outside(&filled(&sample::problem(), text, leaves)),
];

fn frame(text: &str, leaves: Leaves) -> Frame {
    filled(&sample::frame("Title", "/page"), text, leaves)
}

/// The model with a text in every leaf of one sort. Names of states and signs are no text.
fn filled<M: Serialize + DeserializeOwned>(model: &M, text: &str, leaves: Leaves) -> M {
    let mut value = serde_json::to_value(model).unwrap();
    fill(&mut value, text, leaves);
    serde_json::from_value(value).unwrap()
}

fn fill(value: &mut Value, text: &str, leaves: Leaves) {
    match value {
        Value::String(leaf) if leaf.starts_with('/') == (leaves == Leaves::Addresses) => {
            text.clone_into(leaf)
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, text, leaves)),
        Value::Object(fields) => {
            let texts = fields
                .iter_mut()
                .filter(|(name, _)| !["state", "sign", "parameter"].contains(&name.as_str()));
            texts.for_each(|(_, field)| fill(field, text, leaves));
        }
        _ => {}
    }
}

/// The document without its words: elements, names of attributes, and the values that are ours. Colours of a log are text.
fn skeleton(page: &str) -> Vec<Element> {
    let mut elements = elements(page);
    elements.retain(|element| !(element.name == "span" && element.attribute("class").is_some_and(is_pen)));
    // Words of commands, and words between backticks.
    elements.retain(|element| !(element.name == "span" && element.attribute("class") == Some("w")));
    elements.retain(|element| !(element.name == "code" && element.attribute("class") == Some("said")));
    for element in &mut elements {
        for (name, value) in &mut element.attributes {
            if WORDS.contains(&name.as_str()) {
                value.clear();
            }
            // A long note stands elsewhere.
            if value == "who long" {
                value.truncate(3);
            }
        }
    }
    elements
}

fn is_pen(class: &str) -> bool {
    class.split(' ').all(|name| {
        let (sort, number) = name.split_at(1);
        ["ab", "ad", "ai", "au"].contains(&name)
            || (["i", "g"].contains(&sort) && number.parse::<u8>().is_ok())
    })
}

/// Attributes that hold words of others.
const WORDS: [&str; 8] =
    ["title", "aria-label", "data-column", "data-copy", "datetime", "value", "placeholder", "download"];
