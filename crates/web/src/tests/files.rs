//! What the files of the console must not hold.

use crate::assets;
use crate::parts::age;

#[test]
fn scripts_make_no_text_into_markup_or_code() {
    for file in ["time.js", "copy.js", "keys.js", "live.js", "log.js"] {
        let text = text(file);
        for word in [
            "innerHTML",
            "outerHTML =",
            "insertAdjacentHTML",
            "setHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "srcdoc",
            "eval(",
            "Function(",
            "import",
            "://",
            ".style",
        ] {
            assert!(!text.contains(word), "{file} has `{word}`");
        }
    }
}

#[test]
fn the_style_sheet_loads_nothing_and_forces_nothing() {
    let sheet = text("console.css");
    for word in ["url(", "@import", "@font-face", "!important", "expression", "://"] {
        assert!(!sheet.contains(word), "the style sheet has `{word}`");
    }
    assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
}

#[test]
fn scripts_have_the_same_ages_as_pages() {
    let script = text("time.js");
    for (seconds, below, from) in [
        (60, "59 s ago", "1 min ago"),
        (3_600, "59 min ago", "1 h ago"),
        (172_800, "47 h ago", "2 d ago"),
        (5_184_000, "59 d ago", "2 months ago"),
    ] {
        assert_eq!((age(0, (seconds - 1) * 1_000).as_str(), age(0, seconds * 1_000).as_str()), (below, from));
        assert!(script.contains(&format!("seconds < {seconds}")), "time.js has no bound {seconds}");
    }
}

fn text(file: &str) -> &'static str {
    std::str::from_utf8(assets::find(&assets::name(file)).unwrap().bytes).unwrap()
}
