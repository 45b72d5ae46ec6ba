//! The sample pages of `web`, in every state that they show, under the headers of the server.

use serde_json::Value;
use thirtyfour::Key;
use web::model::Opening;
use web::{Frame, assets, pages, sample};

use crate::chromium::Chromium;
use crate::site::{HTML, Site};
use crate::{checks, timed};

/// A page in a frame.
type Framed = fn(Frame) -> String;

/// The pages by their addresses.
const PAGES: [(&str, Framed); 20] = [
    ("/", |frame| pages::overview(&frame, &sample::overview())),
    ("/overview-quiet", |frame| pages::overview(&frame, &sample::quiet_overview())),
    ("/release", |frame| pages::release(&frame, &sample::release())),
    ("/release-held", |frame| pages::release(&frame, &sample::held_release())),
    ("/release-running", |frame| pages::release(&frame, &sample::running_release())),
    ("/release-young", |frame| pages::release(&frame, &sample::young_release())),
    ("/run", |frame| pages::run(&frame, &sample::run())),
    ("/log", |frame| pages::log(&frame, &sample::log())),
    ("/log-live", |frame| pages::log(&frame, &sample::live_log())),
    ("/log-search", |frame| pages::log(&frame, &sample::searched_log())),
    ("/ledger", |frame| pages::ledger(&frame, &sample::ledger())),
    ("/ledger/48171", |frame| pages::entry(&frame, &sample::entry())),
    ("/services/acme/api", |frame| pages::sheet(&frame, &sample::sheet())),
    ("/components", |frame| pages::sheet(&frame, &sample::figures_sheet())),
    ("/compare", |frame| pages::sheet(&frame, &sample::compared_sheet())),
    ("/rollout", |frame| pages::sheet(&frame, &sample::rollout_sheet())),
    ("/error", |frame| pages::error(&frame, &sample::problem())),
    ("/outside", |_| pages::outside(&sample::problem())),
    ("/opening", |_| pages::opening(&opening())),
    ("/design", |frame| pages::design(&frame)),
];

fn opening() -> Opening {
    Opening {
        reader: "Dave".into(),
        page: "/".into(),
        action: "/open".into(),
        ticket: "once".into(),
        hours: 8,
    }
}

fn html(path: &str) -> String {
    let (_, page) = PAGES.into_iter().find(|(known, _)| *known == path).unwrap();
    page(sample::frame("Sample", path))
}

/// A server of the pages and of the files that they name.
fn site() -> Site {
    let site = files(Site::pages(HEADERS, &[]));
    for (path, _) in PAGES {
        site.put(path, HTML, &html(path));
    }
    // The page of a log asks for further lines.
    site.put(&sample::log().href, HTML, &html("/log"));
    site.put(&sample::live_log().href, HTML, &html("/log-live"));
    site
}

/// The same server with the files that pages name.
pub fn files(site: Site) -> Site {
    for (path, _) in PAGES {
        let page = html(path);
        for name in page.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next()) {
            let asset = assets::find(name).unwrap();
            site.put(
                &format!("/assets/{name}"),
                asset.content_type,
                std::str::from_utf8(asset.bytes).unwrap(),
            );
        }
    }
    site
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn sample_pages_are_accessible_in_light() {
    timed(are_accessible(false));
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn sample_pages_are_accessible_in_dark() {
    timed(are_accessible(true));
}

async fn are_accessible(dark: bool) {
    let (site, page) = (site(), Chromium::start().await);
    let mut found = Vec::new();
    for (path, _) in PAGES {
        found.extend(checks::looks(&page, &site.at(HOST, path), dark).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn sample_pages_keep_the_policy_and_ask_nobody_else() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        let mut found = Vec::new();
        for (path, _) in PAGES {
            found.extend(checks::quiet(&page, &site.at(HOST, path)).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn sample_pages_are_whole_without_script() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        let mut found = Vec::new();
        for (path, _) in PAGES {
            found.extend(checks::without_script(&page, &site.at(HOST, path)).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn the_first_reason_is_reached_and_its_remedy_copied_by_keys() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        page.allow_clipboard().await;
        page.open(&site.at(HOST, "/release")).await;
        let remedy = page.text("document.querySelector('.reason [data-copy]').dataset.copy").await;
        assert!(remedy.contains(' '), "{remedy}");
        page.press("j").await;
        page.until("document.activeElement.closest('.reason') !== null").await;
        page.press("y").await;
        page.until("document.getElementById('said').textContent.startsWith('copied ')").await;
        assert_eq!(page.text("navigator.clipboard.readText()").await, remedy);
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn keys_are_shown_lead_to_pages_and_can_be_switched_off() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        page.open(&site.at(HOST, "/release")).await;
        page.press("?").await;
        page.until("document.getElementById('keys').open").await;
        page.press(Key::Escape).await;
        page.until("!document.getElementById('keys').open").await;
        page.press("gl").await;
        page.until("location.pathname === '/ledger'").await;
        page.press("?").await;
        page.until("document.getElementById('keys').open").await;
        page.value("document.querySelector('[data-keys-on]').focus()").await;
        page.press(" ").await;
        page.press(Key::Escape).await;
        page.until("!document.getElementById('keys').open").await;
        page.press("go").await;
        // The next key opens the dialogue even now; the page before it was not left.
        page.press("?").await;
        page.until("document.getElementById('keys').open").await;
        assert_eq!(page.text("location.pathname").await, "/ledger");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn an_entry_appears_without_reload_and_a_broken_stream_is_said_and_heals() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        page.open(&site.at(HOST, "/")).await;
        page.value("window.kept = true").await;
        page.when(|| site.streams() == 1).await;
        let next = html("/").replacen("data-entries=\"48201\"", "data-entries=\"48202\"", 1);
        let title = page.text("document.querySelector('#waiting h3').textContent").await;
        site.put("/", HTML, &next.replace(&title, "something new"));
        site.tell("id: 48202\nevent: entry\ndata: {}\n\n");
        page.until("document.querySelector('#waiting h3').textContent === 'something new'").await;
        assert_eq!(page.value("document.getElementById('stream').hidden").await, Value::Bool(true));
        site.interrupt();
        page.until("!document.getElementById('stream').hidden").await;
        let said = page.text("document.getElementById('stream').innerText").await;
        assert!(said.contains("Live updates are interrupted"), "{said}");
        // An entry that came meanwhile is shown as soon as the stream is back.
        site.put("/", HTML, &next.replace(&title, "while away"));
        site.resume();
        page.until("document.getElementById('stream').hidden").await;
        page.until("document.querySelector('#waiting h3').textContent === 'while away'").await;
        assert_eq!(page.value("window.kept").await, Value::Bool(true), "the page was loaded again");
    });
}

/// Otherwise an attacker who makes a page fail keeps the words on it that were true before.
#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_a_page_that_cannot_be_read_again_says_so() {
    timed(async {
        let (site, page) = (site(), Chromium::start().await);
        page.open(&site.at(HOST, "/")).await;
        page.when(|| site.streams() == 1).await;
        site.remove("/");
        site.tell("id: 48202\nevent: entry\ndata: {}\n\n");
        page.until("!document.getElementById('stream').hidden").await;
        let said = page.text("document.getElementById('stream').innerText").await;
        assert!(said.contains("could not be read again"), "{said}");
        site.tell("id: 48203\nevent: entry\ndata: {}\n\n");
        let next = html("/").replacen("data-entries=\"48201\"", "data-entries=\"48203\"", 1);
        site.put("/", HTML, &next);
        page.until("document.getElementById('stream').hidden").await;
    });
}

const HOST: &str = "sample.localhost";
/// Those of `crates/server/src/http/console/headers.rs`; tests of the installation see the real ones.
const HEADERS: &str = "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
trusted-types 'none'\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n";
