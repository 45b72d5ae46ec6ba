//! The table of the console's pages: axe, the policy, weights, pictures and hostile texts all go through it.
//!
//! Invariant: each page of the server's table is in this one, and so is each place of the navigation; a test compares them. An
//! address is not written down where the demo decides it: it is followed from another page.

use std::collections::BTreeSet;

use web::{pages, sample};

use crate::checks;
use crate::chromium::Chromium;
use crate::installation::Demo;

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its name, with which the names of its pictures begin.
    pub name: &'static str,
    /// Its description.
    pub shows: &'static str,
    /// The pattern of its path, as the server's table has it; `None` for pages that answer in place of another one.
    pub pattern: Option<&'static str>,
    way: Way,
}

/// How its address is known.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It is always the same.
    At(&'static str),
    /// The demo's guided list names it, at this place.
    Guided(usize),
    /// The first link on an earlier page of the table that fits the pattern and has this text in it.
    From(&'static str, &'static str),
}

const fn page(name: &'static str, pattern: &'static str, way: Way, shows: &'static str) -> Page {
    Page { name, shows, pattern: Some(pattern), way }
}

const RELEASE: &str = "/releases/{project}/{service}/{environment}/{number}";

/// All pages, in the order of the navigation.
pub const PAGES: &[Page] = &[
    page("overview", "/", Way::Guided(0), "the overview: what waits, what runs where, what ends soon"),
    page("release-blocked", RELEASE, Way::Guided(1), "a release that a finding blocks"),
    page("release-waiting", RELEASE, Way::Guided(2), "a release that waits for an approval"),
    page("release-rolled-back", RELEASE, Way::Guided(5), "a release that was rolled back"),
    page("release-waived", RELEASE, Way::Guided(6), "a release with a waiver, in production"),
    page(
        "record",
        "/releases/{project}/{service}/{environment}/{number}/record",
        Way::From("release-waived", ""),
        "the record of a deployment",
    ),
    page(
        "rollout",
        "/releases/{project}/{service}/{environment}/{number}/rollout",
        Way::Guided(7),
        "a rollout: curves of both releases, the arithmetic of its verdict, its steps",
    ),
    page("run", "/runs/{run}", Way::Guided(3), "a run in progress"),
    page("log", "/runs/{run}/logs/{kind}/{name}/{runner}", Way::Guided(4), "the log of its running step"),
    page(
        "service",
        "/services/{project}/{service}",
        Way::From("overview", ""),
        "a service: its way to production and its releases",
    ),
    page(
        "place",
        "/places/{project}/{service}/{environment}",
        Way::From("service", "/production"),
        "a place: what runs, what comes next and why it waits, its bars, windows, drift and last reports",
    ),
    page("compare", "/compare", Way::From("service", "from="), "two releases of a service, compared"),
    page("posture", "/posture", Way::At("/posture"), "posture: each service in one word"),
    page(
        "findings",
        "/findings",
        Way::At("/findings"),
        "findings: what runs and is vulnerable, waivers and their ends",
    ),
    page("components", "/components", Way::At("/components"), "components: what is used where"),
    page("component", "/components", Way::At("/components?q=totalist"), "one component: where it runs"),
    page("where", "/where", Way::At("/where?what=totalist"), "where a package runs, waits or ran"),
    page("alerts", "/alerts", Way::At("/alerts"), "alerts: what runs and is judged worse now"),
    page("delivery", "/delivery", Way::At("/delivery"), "figures of delivery"),
    page("policies", "/policies", Way::At("/policies"), "policies in force, and what each blocks"),
    page(
        "policy",
        "/policies/{project}/{service}/{environment}",
        Way::From("policies", "/production"),
        "the policy of a place: its rules and tests",
    ),
    page(
        "trust",
        "/trust",
        Way::At("/trust"),
        "trust: what ends, what is stopped, people, machines, policies",
    ),
    page(
        "secrets",
        "/secrets",
        Way::At("/secrets"),
        "secrets: versions, who runs them, a calendar of rotation, grants, uses, alerts",
    ),
    page(
        "calendar",
        "/calendar",
        Way::At("/calendar"),
        "the calendar: open times of the next two weeks, freezes, waiting releases",
    ),
    page(
        "drift",
        "/drift",
        Way::At("/drift"),
        "drift: what differs from what was declared, and measured baselines",
    ),
    page("parity", "/parity", Way::At("/parity"), "parity: each environment beside the one before it"),
    page(
        "parity-two",
        "/parity",
        Way::From("parity", "production"),
        "two environments: every value that differs",
    ),
    page(
        "previews",
        "/previews",
        Way::At("/previews"),
        "previews: state, owner, address, end and disk of each, and what was removed",
    ),
    page("ledger", "/ledger", Way::At("/ledger"), "the ledger, searched"),
    page("entry", "/ledger/{entry}", Way::From("ledger", ""), "an entry of the ledger with its proof"),
    page("system", "/system", Way::At("/system"), "the system: roles, versions, queues, disk, ledger, views"),
    page("design", "/design", Way::At("/design"), "the parts of all pages"),
    Page {
        name: "not-found",
        shows: "an address that leads nowhere",
        pattern: None,
        way: Way::At("/releases/bank/nothing/here/1"),
    },
];

/// The pages of the demo with their paths.
pub async fn addresses(demo: &Demo, page: &Chromium, origin: &str) -> Vec<(Page, String)> {
    let mut known: Vec<(Page, String)> = Vec::new();
    for wanted in PAGES {
        let path = match wanted.way {
            Way::At(path) => path.to_owned(),
            Way::Guided(at) => demo.path(at),
            Way::From(other, text) => {
                let (_, from) = known.iter().find(|(page, _)| page.name == other).unwrap();
                page.open(&format!("{origin}{from}")).await;
                let links = links(page).await;
                let fits = |link: &&String| wanted.is_at(link) && link.contains(text);
                let found = links.iter().find(fits);
                found
                    .unwrap_or_else(|| panic!("{from} leads to no page `{}`: {links:?}", wanted.name))
                    .clone()
            }
        };
        assert!(wanted.pattern.is_none() || wanted.is_at(&path), "{}: {path}", wanted.name);
        known.push((*wanted, path));
    }
    known
}

/// Paths that the open page leads to, with their queries.
pub async fn links(page: &Chromium) -> Vec<String> {
    checks::texts(&page.value(LINKS).await)
}

const LINKS: &str = "[...document.querySelectorAll('a[href^=\"/\"]:not([download])')]
    .map((one) => one.getAttribute('href').split('#')[0])
    .filter((href) => !href.includes('.json') && !href.startsWith('/api/'))";

impl Page {
    /// Whether a path, with or without a query, is that of such a page.
    pub fn is_at(&self, path: &str) -> bool {
        self.pattern.is_some_and(|pattern| fits(pattern, path))
    }
}

/// Whether a path fits a pattern, whose open words are in braces.
pub fn fits(pattern: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (mut of_pattern, mut of_path) = (pattern.split('/'), path.split('/'));
    loop {
        match (of_pattern.next(), of_path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(word)) if wanted.starts_with('{') && !word.is_empty() => {}
            (Some(wanted), Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
}

/// The patterns of the server's table.
pub fn patterns() -> BTreeSet<&'static str> {
    let (_, table) = SERVER.split_once("pub const PAGES: &[Page] = &[").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let found: BTreeSet<_> =
        table.split("path: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(found.len() > 5, "the table of the server is written in another way: {table}");
    found
}

const SERVER: &str = include_str!("../../../server/src/console/pages.rs");

#[test]
fn every_page_of_the_server_is_in_the_table() {
    let listed: BTreeSet<_> = PAGES.iter().filter_map(|page| page.pattern).collect();
    assert_eq!(listed, patterns());
    let names: BTreeSet<_> = PAGES.iter().map(|page| page.name).collect();
    assert_eq!(names.len(), PAGES.len(), "two pages have one name");
}

#[test]
fn every_place_of_the_navigation_is_in_the_table() {
    let html = pages::design(&sample::frame("Design", "/design"));
    let (_, nav) = html.split_once("<nav aria-label=\"Pages\">").unwrap();
    let (nav, _) = nav.split_once("</nav>").unwrap();
    let places: Vec<_> = nav.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(places.contains(&"/ledger"), "{nav}");
    let missing: Vec<_> = places.iter().filter(|place| !PAGES.iter().any(|page| page.is_at(place))).collect();
    assert!(missing.is_empty(), "places without a page: {missing:?}");
}

#[test]
fn an_address_fits_its_pattern_alone() {
    assert!(fits("/", "/") && fits("/", "/#waiting") && fits("/ledger", "/ledger?person=x"));
    assert!(fits("/ledger/{entry}", "/ledger/7") && !fits("/ledger/{entry}", "/ledger/"));
    assert!(
        !fits("/", "/ledger") && !fits("/ledger/{entry}", "/ledger/7/8") && !fits("/runs/{run}", "/ledger/7")
    );
}
