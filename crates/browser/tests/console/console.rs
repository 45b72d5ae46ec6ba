//! The pages of an installation as its server sends them.

use serde_json::Value;

use crate::chromium::Chromium;
use crate::installation::{Demo, Own};
use crate::site::Site;
use crate::table::{self, Page};
use crate::{checks, timed};

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn console_pages_are_accessible_in_light() {
    timed(are_accessible(false));
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn console_pages_are_accessible_in_dark() {
    timed(are_accessible(true));
}

async fn are_accessible(dark: bool) {
    let (demo, page) = (Demo::running(), Chromium::start().await);
    let origin = demo.enter(&page, "/").await;
    let mut found = Vec::new();
    for (_, path) in table::addresses(&demo, &page, &origin).await {
        found.extend(checks::looks(&page, &format!("{origin}{path}"), dark).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn console_pages_keep_the_policy_and_ask_nobody_else() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let origin = demo.enter(&page, "/").await;
        let mut found = Vec::new();
        for (one, path) in table::addresses(&demo, &page, &origin).await {
            let complaints = checks::quiet(&page, &format!("{origin}{path}")).await;
            // The browser notes an address that leads nowhere.
            let is_noted = |line: &String| one.pattern.is_none() && line.contains("status of 404");
            found.extend(complaints.into_iter().filter(|line| !is_noted(line)));
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn console_pages_are_whole_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        let origin = demo.enter(&page, "/").await;
        let mut found = Vec::new();
        for (_, path) in table::addresses(&demo, &page, &origin).await {
            found.extend(checks::without_script(&page, &format!("{origin}{path}")).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn console_pages_weigh_little() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let origin = demo.enter(&page, "/").await;
        let mut heavy = Vec::new();
        for (Page { name, .. }, path) in table::addresses(&demo, &page, &origin).await {
            let (all, script) = checks::bytes(&page, &format!("{origin}{path}")).await;
            println!("{name}: {all} bytes with its files, {script} of them script");
            assert!(all > 0 && script > 0, "{name}: nothing was measured");
            // A log is as long as it is, up to the lines of one piece.
            if (all > 150_000 && name != "log") || script > 30_000 {
                heavy.push(format!("{name}: {all} bytes, {script} of them script"));
            }
        }
        assert!(heavy.is_empty(), "{}", heavy.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_a_service_beside_the_console_gets_no_session_and_no_name() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let origin = demo.enter(&page, "/").await;
        assert!(!origin.contains("//localhost") && origin.contains(".localhost:"), "{origin}");
        let html = format!("<!doctype html><title>thief</title><iframe src='{origin}/'></iframe>");
        let thief = Site::page("", &html);
        for host in ["localhost", "127.0.0.1", "other.localhost"] {
            page.open(&format!("{origin}/")).await;
            // As a link on the console's page would lead there.
            page.value(&format!("location.assign('{}')", thief.url(host))).await;
            page.until("document.title === 'thief'").await;
            let heads = thief.heads(host);
            assert!(!heads.is_empty(), "no request for {host}");
            let label = origin.trim_start_matches("http://").split('.').next().unwrap();
            for head in heads.iter().map(|head| head.to_lowercase()) {
                assert!(!head.contains("\r\ncookie:") && !head.contains(label), "{host}: {head}");
            }
            let complaints = page.complaints().await.join("\n").to_lowercase();
            assert!(
                complaints.contains("frame-ancestors") || complaints.contains("x-frame-options"),
                "{complaints}"
            );
            // The thief's page can neither read nor load the console's.
            let read = format!(
                "fetch('{origin}/', {{ credentials: 'include', mode: 'no-cors' }}).then(() => 'read', () => 'refused')"
            );
            assert_eq!(page.text(&read).await, "refused");
        }
        // The session still counts where it belongs.
        page.open(&format!("{origin}/")).await;
        page.until("document.querySelector('#waiting') !== null").await;
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_a_rebound_name_and_a_guessed_name_read_nothing() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let port = demo.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
        for host in ["rebound.example", "guessed.localhost"] {
            page.follow(&format!("http://{host}:{port}/")).await;
            let text = page.text("document.body.innerText").await;
            assert!(text.contains("loopback names only"), "{host}: {text}");
            assert_eq!(
                page.value("document.querySelector('nav') === null").await,
                Value::Bool(true),
                "{host}"
            );
        }
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_a_link_opens_one_session_and_nothing_is_read_without_one() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let link = demo.link("/");
        let origin = link.split("/open").next().unwrap().to_owned();
        for path in
            ["/", "/trust", "/ledger", "/ledger/0", "/design", &demo.path(1), &demo.path(3), &demo.path(4)]
        {
            page.follow(&format!("{origin}{path}")).await;
            let text = page.text("document.body.innerText").await;
            assert!(text.contains("countersign open"), "{path}: {text}");
            assert_eq!(
                page.value("document.querySelector('nav') === null").await,
                Value::Bool(true),
                "{path}"
            );
        }
        page.follow(&link).await;
        page.value("document.querySelector('form button').click()").await;
        page.until("location.pathname === '/' && document.querySelector('#waiting') !== null").await;
        let other = Chromium::start().await;
        other.follow(&link).await;
        let text = other.text("document.body.innerText").await;
        assert!(text.contains("his link was used"), "{text}");
        other.follow(&format!("{origin}/")).await;
        other.until("document.querySelector('#waiting') === null").await;
        // The cookie is out of reach of scripts.
        assert_eq!(page.text("document.cookie").await, "");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn a_recorded_entry_appears_on_the_open_page_and_a_server_that_ends_is_said() {
    timed(async {
        let ((mut own, url), page) = (Own::start(), Chromium::start().await);
        page.open(&format!("{url}/")).await;
        page.value("window.kept = true").await;
        let mut spans = Vec::new();
        for turn in 0..TURNS {
            page.value(WATCH).await;
            let verb = if turn % 2 == 0 { "freeze" } else { "unfreeze" };
            own.countersign(&[verb, "web", "--yes"]);
            page.until("window.shown !== undefined").await;
            spans.push(page.value(AGE).await.as_f64().unwrap());
        }
        spans.sort_by(f64::total_cmp);
        let (median, longest) = (spans[TURNS / 2], spans[TURNS - 1]);
        println!(
            "a durable entry is on the page after {median} ms, at most {longest} ms of {TURNS}; target 200 ms"
        );
        own.down();
        page.until("!document.getElementById('stream').hidden").await;
        assert_eq!(own.up(), url, "it answers at the address of before");
        page.until("document.getElementById('stream').hidden").await;
        assert_eq!(page.value("window.kept").await, Value::Bool(true), "the page was loaded again");
    });
}

const TURNS: usize = 8;
/// Notes the time at which the page shows more entries than now.
const WATCH: &str = "(() => {
    window.shown = undefined;
    const seen = new MutationObserver(() => {
        window.shown = { at: Date.now(), entry: Number(document.documentElement.dataset.entries) - 1 };
        seen.disconnect();
    });
    seen.observe(document.documentElement, { attributeFilter: ['data-entries'] });
})()";
/// Milliseconds from the time of the newest entry that the page showed then, which was written before it was durable.
const AGE: &str = "fetch('/ledger/' + window.shown.entry + '.json').then((answer) => answer.json())
    .then((entry) => window.shown.at - entry.row.time.ms)";
