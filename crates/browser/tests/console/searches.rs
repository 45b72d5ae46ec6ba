//! Journeys through lists: what a person did, what ends soon, by keyboard alone and without script.

use std::collections::BTreeSet;

use serde_json::Value;
use thirtyfour::Key;

use crate::chromium::Chromium;
use crate::installation::{Demo, program};
use crate::journeys::{go, step_to, tab_to};
use crate::timed;

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_everything_a_person_did_last_week_is_found_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        demo.enter(&page, "/").await;
        tab_to(&page, "document.activeElement.getAttribute('href') === '/ledger'").await;
        page.press(Key::Enter).await;
        page.until("location.pathname === '/ledger' && document.readyState === 'complete'").await;
        // In a list of choices, letters go to the one that begins with them.
        tab_to(&page, "document.activeElement.id === 'person'").await;
        page.press("ali").await;
        let name = page.text("document.activeElement.selectedOptions[0].text").await;
        assert!(name.starts_with("ali"), "{name}");
        let week = page.text(WEEK_AGO).await;
        let (year, rest) = week.split_once('-').unwrap();
        tab_to(&page, "document.activeElement.id === 'from'").await;
        page.press(format!("{}{year}", rest.replace('-', ""))).await;
        assert_eq!(page.text("document.activeElement.value").await, week);
        page.press(Key::Enter).await;
        page.until("location.search.includes('person=')").await;
        page.until("document.readyState === 'complete'").await;
        let query = page.text("location.search").await;
        assert!(query.contains(&format!("from={week}")), "{query}");
        let mut found = BTreeSet::new();
        loop {
            for line in entries(&page).await {
                assert_eq!(line.1, name, "entry {}", line.0);
                found.insert(line.0);
            }
            if page.value(OLDER).await.is_null() {
                break;
            }
            tab_to(&page, &format!("document.activeElement === {OLDER_LINK}")).await;
            let here = page.text("location.href").await;
            page.press(Key::Enter).await;
            page.until(&format!("location.href !== '{here}' && document.readyState === 'complete'")).await;
        }
        // Entry by entry, without a search, the same ones are hers.
        let other = Chromium::start().await;
        demo.enter(&other, "/").await;
        let all = read_through(&other).await;
        let hers: BTreeSet<u64> =
            all.iter().filter(|(_, actor)| *actor == name).map(|(entry, _)| *entry).collect();
        assert!(hers.len() > 5 && hers.len() < all.len(), "{} of {}", hers.len(), all.len());
        assert_eq!(found, hers);
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_everything_a_person_did_is_found_by_keys() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        demo.enter(&page, "/").await;
        go(&page, "t", "/trust").await;
        let person =
            page.text("document.querySelector('h3 a[href^=\"/ledger?person=\"]').getAttribute('href')").await;
        let name = page.text(&format!("document.querySelector('a[href=\"{person}\"]').innerText")).await;
        step_to(&page, &person).await;
        page.press(Key::Enter).await;
        page.until("location.pathname === '/ledger' && document.readyState === 'complete'").await;
        let shown = entries(&page).await;
        assert!(!shown.is_empty(), "{name} did nothing");
        assert!(shown.iter().all(|(_, actor)| name.contains(actor.as_str())), "{name}: {shown:?}");
        // Words narrow it further, from the search field alone.
        page.press("/").await;
        page.until("document.activeElement.id === 'q'").await;
        page.press("enrol").await;
        page.press(Key::Enter).await;
        page.until("location.search.includes('q=enrol')").await;
        assert!(page.text("location.search").await.contains("person="), "the person is kept");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_what_ends_this_month_is_seen_by_keys() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        demo.enter(&page, "/").await;
        go(&page, "t", "/trust").await;
        let shown = ends(&page).await;
        // The whole answer of the program, where the same ends are read one by one.
        let data = demo.data().display().to_string();
        let told = program(std::path::Path::new("/"), &["status", "--data", &data]);
        let month = page
            .value("Number(document.documentElement.dataset.now) + 30 * 86400000")
            .await
            .as_f64()
            .unwrap();
        let ends = instants(&told);
        assert!(!ends.is_empty(), "the program names no end: {told}");
        for end in ends {
            let ms = page.value(&format!("Date.parse('{end}')")).await.as_f64().unwrap();
            assert!(ms > month || shown.contains(&end), "{end} is not shown: {shown:?}");
        }
        let sorted = shown.windows(2).all(|pair| pair[0] <= pair[1]);
        assert!(sorted, "the first end stands first: {shown:?}");
        page.press("j").await;
        page.until("document.activeElement.closest('#list-0 [data-item]') !== null").await;
        let first = page.text("document.activeElement.closest('[data-item]').innerText").await;
        assert_is_renewed(&first);
        let dated = "document.activeElement.closest('[data-item]').querySelector('time').dateTime";
        assert_eq!(page.text(dated).await, shown[0], "the keys begin with the first end");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_what_ends_this_month_is_seen_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        demo.enter(&page, "/").await;
        tab_to(&page, "document.activeElement.getAttribute('href') === '/trust'").await;
        page.press(Key::Enter).await;
        page.until("location.pathname === '/trust' && document.readyState === 'complete'").await;
        assert!(!ends(&page).await.is_empty());
        let first = page.text("document.querySelector('#list-0 [data-item]').innerText").await;
        assert_is_renewed(&first);
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_two_releases_are_compared_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        demo.enter(&page, "/").await;
        let [back, waits] = [demo.path(5), demo.path(2)].map(|path| {
            // The page of a release, as fields of forms name the release.
            let words: Vec<&str> = path.split('/').skip(2).collect();
            format!("{}@{}", words[..3].join("/"), words[3])
        });
        let service = demo.path(2).split('/').skip(2).take(2).collect::<Vec<_>>().join("/");
        tab_to(&page, &format!("document.activeElement.getAttribute('href') === '/services/{service}'"))
            .await;
        page.press(Key::Enter).await;
        page.until(&format!(
            "location.pathname === '/services/{service}' && document.readyState === 'complete'"
        ))
        .await;
        for (field, release) in [("from", &back), ("to", &waits)] {
            tab_to(&page, &format!("document.activeElement.id === '{field}'")).await;
            choose(&page, release).await;
        }
        tab_to(
            &page,
            "document.activeElement.localName === 'button' && document.activeElement.form !== null",
        )
        .await;
        page.press(Key::Enter).await;
        page.until("location.pathname === '/compare' && document.readyState === 'complete'").await;
        let said = page.text("document.querySelector('main').innerText").await;
        for part in ["rates.csv", "Rates of Friday, with the right dollar", "release 2 to release 4"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_where_a_component_runs_is_found_by_keys() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        demo.enter(&page, "/").await;
        go(&page, "c", "/components").await;
        page.press("/").await;
        page.until("document.activeElement.id === 'q'").await;
        page.press("totalist").await;
        page.press(Key::Enter).await;
        page.until("location.search.includes('q=totalist') && document.readyState === 'complete'").await;
        runs_where_the_page_runs(&page).await;
        // The keys go on to a release that has it.
        page.press("j").await;
        page.until("document.activeElement.closest('main [data-item]') !== null").await;
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_where_a_component_runs_is_found_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        demo.enter(&page, "/").await;
        tab_to(&page, "document.activeElement.getAttribute('href') === '/components'").await;
        page.press(Key::Enter).await;
        page.until("location.pathname === '/components' && document.readyState === 'complete'").await;
        tab_to(&page, "document.activeElement.id === 'q'").await;
        page.press("pkg:npm/totalist").await;
        page.press(Key::Enter).await;
        page.until("location.search.includes('q=pkg') && document.readyState === 'complete'").await;
        runs_where_the_page_runs(&page).await;
    });
}

/// The page says in one sentence that a package of the demo's second service runs, and leads to each release with it.
async fn runs_where_the_page_runs(page: &Chromium) {
    let headline = page.text("document.querySelector('h1').innerText").await;
    assert!(headline.contains("totalist") && headline.contains("runs in"), "{headline}");
    let links = crate::table::links(page).await;
    for environment in ["dev", "staging", "production"] {
        let place = format!("/releases/rates/rates-page/{environment}/");
        assert!(links.iter().any(|link| link.starts_with(&place)), "{place}: {links:?}");
    }
    assert!(!links.iter().any(|link| link.starts_with("/releases/bank/")), "{links:?}");
}

/// Goes through the values of a field that has the focus, until this one.
async fn choose(page: &Chromium, value: &str) {
    for _ in 0..40 {
        if page.text("document.activeElement.value").await == value {
            return;
        }
        page.press(Key::Down).await;
    }
    panic!("no choice is {value}");
}

/// The demo's waiver ends tomorrow: the words say what, when, and what comes next.
fn assert_is_renewed(words: &str) {
    for part in ["ends soon", "waiver ", "bank/ledger-api/production", " h"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.contains("it settles nothing that runs or waits now: let it end"), "{words}");
}

/// Numbers and actors of the entries that the open page shows.
async fn entries(page: &Chromium) -> Vec<(u64, String)> {
    let shown = page.value(ENTRIES).await;
    pairs(&shown)
}

/// The same of every entry, read without conditions.
async fn read_through(page: &Chromium) -> Vec<(u64, String)> {
    pairs(&page.value(EVERYTHING).await)
}

fn pairs(list: &Value) -> Vec<(u64, String)> {
    let pair = |one: &Value| (one[0].as_u64().unwrap(), one[1].as_str().unwrap().to_owned());
    list.as_array().unwrap().iter().map(pair).collect()
}

/// Ends that the open page lists, as they are written.
async fn ends(page: &Chromium) -> Vec<String> {
    crate::checks::texts(
        &page
            .value("[...document.querySelectorAll('#list-0 [data-item] time')].map((one) => one.dateTime)")
            .await,
    )
}

/// Each `expires` and `until` in an answer.
fn instants(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let of = |(name, inner): (&String, &Value)| match inner.as_str() {
                Some(text) if matches!(name.as_str(), "expires" | "until") => vec![text.to_owned()],
                _ => instants(inner),
            };
            fields.iter().flat_map(of).collect()
        }
        Value::Array(list) => list.iter().flat_map(instants).collect(),
        _ => Vec::new(),
    }
}

const WEEK_AGO: &str =
    "new Date(Number(document.documentElement.dataset.now) - 7 * 86400000).toISOString().slice(0, 10)";
const ENTRIES: &str = "[...document.querySelectorAll('.entries > li')].map((one) =>
    [Number(one.id.slice(1)), one.querySelector('.more').innerText.match(/by ([^ ]+)/)[1]])";
const OLDER_LINK: &str =
    "[...document.querySelectorAll('.turn a')].find((one) => one.text === 'Older entries')";
const OLDER: &str =
    "[...document.querySelectorAll('.turn a')].find((one) => one.text === 'Older entries')?.href ?? null";
const EVERYTHING: &str = "(async () => {
    const all = [];
    for (let at = '/ledger'; at; ) {
        const page = await (await fetch(at, { headers: { accept: 'application/json' } })).json();
        all.push(...page.rows.map((row) => [row.entry, row.actor]));
        at = page.older;
    }
    return all;
})()";
