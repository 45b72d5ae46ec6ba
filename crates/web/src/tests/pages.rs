//! Every sample page: its markup as a snapshot, its rules, its size.

use std::collections::BTreeSet;

use super::markup::elements;
use crate::model::{Command, Sheet};
use crate::{Counterpart, Frame, assets, pages, sample};

/// All sample pages by name.
pub fn all() -> Vec<(&'static str, String)> {
    let frame = sample::frame;
    vec![
        ("overview", pages::overview(&frame("Overview", "/"), &sample::overview())),
        ("overview-quiet", pages::overview(&frame("Overview", "/"), &sample::quiet_overview())),
        ("release-blocked", pages::release(&frame("acme/api/production 42", "/release"), &sample::release())),
        (
            "release-held",
            pages::release(&frame("acme/web/production 118", "/release"), &sample::held_release()),
        ),
        (
            "release-rolled-back",
            pages::release(&frame("acme/web/production 117", "/release"), &sample::returned_release()),
        ),
        ("rollback", pages::release(&frame("acme/web/production 118", "/release"), &sample::rollback())),
        (
            "release-running",
            pages::release(&frame("acme/web/production 117", "/release"), &sample::running_release()),
        ),
        (
            "release-young",
            pages::release(&frame("acme/web/production", "/release"), &sample::young_release()),
        ),
        ("run", pages::run(&frame("Run 4f9c21e0", "/run"), &sample::run())),
        ("log", pages::log(&frame("test on runner-2", "/log"), &sample::log())),
        ("log-live", pages::log(&frame("bench on runner-1", "/log"), &sample::live_log())),
        ("log-search", pages::log(&frame("test on runner-2", "/log"), &sample::searched_log())),
        ("ledger", pages::ledger(&frame("Ledger", "/ledger"), &sample::ledger())),
        ("entry", pages::entry(&frame("Entry 48171", "/ledger/48171"), &sample::entry())),
        ("sheet", pages::sheet(&frame("acme/api", "/services/acme/api"), &sample::sheet())),
        ("sheet-figures", pages::sheet(&frame("Components", "/components"), &sample::figures_sheet())),
        ("sheet-calendar", pages::sheet(&frame("Secrets", "/secrets"), &sample::calendar_sheet())),
        (
            "sheet-rollout",
            pages::sheet(&frame("Rollout of acme/api/production 42", "/rollout"), &sample::rollout_sheet()),
        ),
        ("sheet-compared", pages::sheet(&frame("Compare", "/compare"), &sample::compared_sheet())),
        ("error", pages::error(&frame("Error", "/error"), &sample::problem())),
        ("outside", pages::outside(&sample::problem())),
        ("opening", pages::opening(&sample::opening())),
        ("design", pages::design(&frame("Components", "/design"))),
    ]
}

#[test]
fn pages_are_as_recorded() {
    for (name, page) in all() {
        insta::with_settings!({ filters => vec![("-[0-9a-f]{16}\\.", "-DIGEST.")], prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, page.replace("><", ">\n<"));
        });
    }
}

#[test]
fn a_page_claims_of_its_command_only_what_it_does() {
    let beside = |counterpart: fn(Command) -> Counterpart| {
        let command = Command { line: "countersign x".to_owned(), note: None };
        let frame = Frame { counterpart: counterpart(command), ..sample::frame("Page", "/page") };
        pages::sheet(&frame, &Sheet::default())
    };
    for (counterpart, said) in [
        (Counterpart::Checked as fn(Command) -> Counterpart, "checked under your own pin."),
        (Counterpart::Unchecked, "This page shows what the server says, and so does the command."),
        (Counterpart::Ledger, "The command checks the ledger that it is made of"),
    ] {
        let page = beside(counterpart);
        assert!(page.contains(said) && page.contains("countersign x"), "{said}");
        assert_eq!(page.contains("under your own pin"), said.contains("under your own pin"), "{said}");
    }
}

#[test]
fn a_command_stands_once_on_the_page_of_a_release() {
    for (name, page) in all().into_iter().filter(|(name, _)| name.starts_with("release")) {
        let main = page.split("<footer>").next().unwrap();
        let elements = elements(main);
        let copied = elements.iter().filter_map(|element| element.attribute("data-copy"));
        let lines: Vec<&str> = copied
            .filter(|line| ["countersign ", "cargo ", "git "].iter().any(|word| line.starts_with(word)))
            .collect();
        let distinct: BTreeSet<&str> = lines.iter().copied().collect();
        assert_eq!(distinct.len(), lines.len(), "{name}: {lines:?}");
        assert!(
            name != "release-held" || lines.contains(&"countersign approve acme/web/production --reason WHY")
        );
    }
}

#[test]
fn pages_hold_nothing_inline_and_name_no_other_host() {
    for (name, page) in all() {
        for element in elements(&page) {
            assert_ne!(element.name, "style", "{name}");
            if element.name == "script" {
                let source = element.attribute("src").unwrap_or_default();
                assert!(source.starts_with("/assets/"), "{name}: a script inline");
                assert!(assets::find(source.trim_start_matches("/assets/")).is_some(), "{name}: {source}");
            }
            for (attribute, value) in &element.attributes {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{name}: {element:?}");
                if ["href", "src", "action"].contains(&attribute.as_str()) {
                    let own = value.starts_with('/') && !value.starts_with("//");
                    let within = value.starts_with('#') || value.starts_with("?line=");
                    assert!(own || within, "{name}: {element:?}");
                }
            }
        }
    }
}

#[test]
fn references_within_a_page_lead_somewhere() {
    for (name, page) in all() {
        let elements = elements(&page);
        let ids: Vec<&str> = elements.iter().filter_map(|element| element.attribute("id")).collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        // The page of components shows some parts twice.
        assert!(name == "design" || distinct.len() == ids.len(), "{name}: an id stands twice: {ids:?}");
        for element in &elements {
            for attribute in ["aria-labelledby", "for"] {
                let target = element.attribute(attribute);
                assert!(target.is_none_or(|id| distinct.contains(id)), "{name}: {element:?}");
            }
            let is_live = element.attributes.iter().any(|(name, _)| name == "data-live");
            assert!(!is_live || element.attribute("id").is_some(), "{name}: {element:?}");
            let is_silent = element.name == "svg"
                && element.attribute("aria-hidden").is_none()
                && element.attribute("aria-label").is_none();
            assert!(!is_silent, "{name}: a picture without words: {element:?}");
        }
        assert_eq!(
            elements.iter().filter(|element| element.name == "h1").count(),
            1 + usize::from(name == "design")
        );
        assert_eq!(elements.iter().filter(|element| element.name == "main").count(), 1, "{name}");
    }
}

#[test]
fn a_page_with_its_files_is_small() {
    for (name, page) in all() {
        let files: BTreeSet<&str> =
            page.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let files: usize = files.iter().map(|file| assets::find(file).unwrap().bytes.len()).sum();
        let bytes = page.len() + files;
        assert!(bytes <= 150 * 1_024, "{name}: {bytes} bytes with its files, at most 150 KiB");
    }
}
