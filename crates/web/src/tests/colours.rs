//! The contrast of every pair of colours that meets on a page, computed from the style sheet (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::BTreeMap;

/// Values of tokens by name, light and dark.
type Tokens = BTreeMap<String, [[u8; 3]; 2]>;

/// Text: at least 4.5.
const INKS: [&str; 14] =
    ["ink", "ink-2", "ink-3", "accent", "pass", "wait", "stop", "frozen", "i1", "i2", "i3", "i4", "i5", "i6"];
const GROUNDS: [&str; 3] = ["bg", "surface", "raised"];
/// Text on the ground of a state, of a focused item and of a line that a link leads to.
const ON_SOFT: [(&str, &str); 17] = [
    ("pass", "pass-soft"),
    ("wait", "wait-soft"),
    ("stop", "stop-soft"),
    ("frozen", "frozen-soft"),
    ("accent", "accent-soft"),
    ("ink", "accent-soft"),
    ("ink-2", "accent-soft"),
    ("ink-3", "accent-soft"),
    ("ink", "wait-soft"),
    ("ink-2", "wait-soft"),
    ("ink-3", "wait-soft"),
    ("i1", "wait-soft"),
    ("i2", "wait-soft"),
    ("i3", "wait-soft"),
    ("i4", "wait-soft"),
    ("i5", "wait-soft"),
    ("i6", "wait-soft"),
];
/// Shapes that a reader has to see: at least 3.
const SHAPES: [&str; 2] = ["line-strong", "accent"];

#[test]
fn every_pair_can_be_read() {
    for more_contrast in [false, true] {
        let tokens = tokens(more_contrast);
        let text = INKS.iter().flat_map(|ink| GROUNDS.map(|ground| (*ink, ground, 4.5)));
        let soft = ON_SOFT.iter().map(|(ink, ground)| (*ink, *ground, 4.5));
        let shapes = SHAPES.iter().flat_map(|shape| GROUNDS.map(|ground| (*shape, ground, 3.0)));
        let mut faint = Vec::new();
        for (ink, ground, least) in text.chain(soft).chain(shapes) {
            for (at, theme) in ["light", "dark"].iter().enumerate() {
                let contrast = contrast(tokens[ink][at], tokens[ground][at]);
                if contrast < least {
                    faint.push(format!("{ink} on {ground}, {theme}: {contrast:.2}, at least {least}"));
                }
            }
        }
        assert_eq!(faint, [""; 0], "more contrast: {more_contrast}");
    }
}

#[test]
fn contrast_is_that_of_the_standard() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 0.01);
    assert!((contrast([119; 3], [255; 3]) - 4.48).abs() < 0.01);
    assert!(tokens(false).len() > 20);
    assert!(tokens(true)["ink-3"] != tokens(false)["ink-3"]);
}

/// The tokens of the style sheet; those of more contrast stand after the others and replace them.
fn tokens(more_contrast: bool) -> Tokens {
    let sheet = include_str!("../../assets/console.css");
    let layer = sheet.split("@layer tokens {").nth(1).unwrap().split("@layer base").next().unwrap();
    let (first, more) = layer.split_once("@media (prefers-contrast: more)").unwrap();
    let declared = |text: &str| -> Vec<(String, [[u8; 3]; 2])> {
        let found = text.split("--").filter_map(|rest| {
            let (name, value) = rest.split_once(": light-dark(")?;
            let (light, dark) = value.split_once(')')?.0.split_once(", ")?;
            Some((name.to_owned(), [hex(light)?, hex(dark)?]))
        });
        found.collect()
    };
    let mut tokens: Tokens = declared(first).into_iter().collect();
    if more_contrast {
        tokens.extend(declared(more));
    }
    tokens
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let value = u32::from_str_radix(text.strip_prefix('#').filter(|hex| hex.len() == 6)?, 16).ok()?;
    let [_, red, green, blue] = value.to_be_bytes();
    Some([red, green, blue])
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
fn luminance(colour: [u8; 3]) -> f64 {
    let linear = colour.map(|level| {
        let level = f64::from(level) / 255.0;
        if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}
