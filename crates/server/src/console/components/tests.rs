//! The page over releases of the lab.

use std::sync::Arc;

use evidence::document::components::Scope;
use judge::VerificationContext;
use lab::{assemble, forgery};
use review::contents::{Contents, Used};
use web::model::Sheet;

use super::{page, search::Search};
use crate::console::exposure::Exposure;
use crate::console::tests::shown;

/// What a release of the lab is made of, and more components.
fn contents(more: &[(&str, &str, Option<bool>)]) -> Arc<Option<Contents>> {
    let (lab, parts) = forgery::KINDS[0].stated(|_| ());
    let (bundle, _) = assemble(&lab, &parts);
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let mut contents = Contents::of(&judge::check(&bundle, &lab.anchors(), &seen).unwrap());
    let used = |(name, version, direct): &(&str, &str, Option<bool>)| Used {
        purl: format!("pkg:npm/{name}@{version}"),
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        licence: Some("MIT".to_owned()),
        direct: *direct,
        scope: Scope::Runtime,
        through: if *direct == Some(false) { vec!["express 4.18.2".to_owned()] } else { Vec::new() },
    };
    contents.components.as_mut().unwrap().extend(more.iter().map(used));
    Arc::new(Some(contents))
}

/// The installation: `left-pad` runs in two places in two versions and waits at one; one place has no list.
fn installation() -> Vec<Exposure> {
    let old = contents(&[("left-pad", "1.1.0", Some(false)), ("pad", "2.0.0", Some(true))]);
    let new = contents(&[("left-pad", "1.3.0", Some(true))]);
    let at = |place: &str, release, waits, contents: &Arc<Option<Contents>>| {
        Exposure::new(place.parse().unwrap(), (release, waits), Arc::clone(contents), &[])
    };
    let mut all = vec![
        at("shop/api/production", 4, false, &old),
        at("shop/api/staging", 5, false, &new),
        at("shop/web/production", 1, false, &Arc::new(Some(Contents::default()))),
        at("shop/api/production", 5, true, &new),
    ];
    // The finding of the lab is one about the component.
    for exposure in &mut all {
        let Some(contents) = Arc::make_mut(&mut exposure.contents) else { continue };
        for found in contents.findings.iter_mut().flatten() {
            found.finding.site = evidence::document::findings::Site::Component {
                purl: "pkg:npm/left-pad@1.1.0".to_owned(),
                through: Vec::new(),
            };
        }
    }
    all
}

fn asked(query: &str) -> Sheet {
    page(&installation(), &Search::read(query), &["shop/api".to_owned(), "shop/web".to_owned()])
}

#[test]
fn where_a_component_runs_is_said_in_one_sentence_and_shown_by_place() {
    let sheet = asked("q=pkg%3Anpm%2Fleft-pad");
    let said = "left-pad runs in two places and waits at one place, in two versions, with an open finding that is grave.";
    assert_eq!(sheet.headline, said);
    let rows: Vec<(&str, &str)> =
        sheet.tables[0].rows.iter().map(|row| (row[0].text.as_str(), row[1].text.as_str())).collect();
    let (production, staging) = ("api in production", "api in staging");
    assert_eq!(rows, [(production, "1.1.0"), (staging, "1.3.0"), (production, "1.3.0")]);
    shown("components-of-one", &sheet);
    assert_eq!(
        asked("q=pkg:npm/left-pad@1.3.0").headline,
        "left-pad 1.3.0 runs in one place and waits at one place."
    );
    assert_eq!(asked("q=serde").headline, "serde 1.0.0 runs in two places and waits at one place.");
}

#[test]
fn words_find_several_packages_and_the_exact_name_comes_first() {
    let sheet = asked("q=pad");
    assert_eq!(sheet.headline, "pad 2.0.0 runs in one place. Two other components match.");
    let names = |sheet: &Sheet, nth: usize| -> Vec<String> {
        sheet.tables[nth].rows.iter().map(|row| row[0].text.clone()).collect()
    };
    assert_eq!(names(&sheet, 0), ["api in production"]);
    assert_eq!(names(&sheet, 1), ["left-pad 1.1.0", "left-pad 1.3.0"]);
    assert_eq!(sheet.tables[1].rows[0][0].href.as_deref(), Some("/components?q=pkg%3Anpm%2Fleft-pad"));
    let sheet = asked("q=pa");
    assert_eq!(sheet.headline, "Three components match `pa`; two places run one or more of them.");
    assert_eq!(names(&sheet, 0), ["left-pad 1.1.0", "left-pad 1.3.0", "pad 2.0.0"]);
    let none = asked("q=log4j");
    assert_eq!(none.headline, "No component that runs or waits matches `log4j`.");
    assert!(none.sub.contains(&"1 place without a list of components".to_owned()), "{none:?}");
}

#[test]
fn without_words_the_vulnerable_come_first_and_each_place_is_counted() {
    let sheet = asked("");
    assert_eq!(sheet.headline, "4 components run or wait; one has open findings.");
    assert_eq!(sheet.tables[0].rows.len(), 1);
    let places: Vec<_> = sheet.tables[1].rows.iter().map(|row| row[1].text.as_str()).collect();
    assert_eq!(places, ["3", "2", ""], "the third place has no list");
    shown("components", &sheet);
}

#[test]
fn attack_texts_of_packages_and_queries_stay_bounded() {
    let long = "a".repeat(5_000);
    let contents = contents(&[(&long, "1", None)]);
    let all = [Exposure::new("shop/api/dev".parse().unwrap(), (1, false), contents, &[])];
    for query in [format!("q={long}"), String::new(), "q=aaaa".to_owned()] {
        let sheet = page(&all, &Search::read(&query), &[]);
        assert!(sheet.headline.len() < 300, "{}", sheet.headline);
        let longest =
            sheet.tables.iter().flat_map(|table| table.rows.iter().flatten()).map(|cell| cell.text.len());
        assert!(longest.max().unwrap_or_default() < 300, "{query:.20}");
    }
}
