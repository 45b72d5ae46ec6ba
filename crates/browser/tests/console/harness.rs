//! The harness itself: each fault that the other tests look for is found on a page that has it.

use thirtyfour::Key;

use crate::chromium::{Chromium, Look};
use crate::site::Site;
use crate::{axe, timed};

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn axe_finds_what_is_wrong_in_light_and_in_dark() {
    timed(async {
        let site =
            Site::page("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n", FAULTY);
        let page = Chromium::start().await;
        page.ignore_policy().await;
        for (dark, contrast) in [(false, false), (true, true)] {
            page.look(Look { width: 360, dark }).await;
            page.open(&site.url("localhost")).await;
            let found = axe::findings(&page).await.join("\n");
            assert!(found.contains("image-alt") && found.contains("img"), "{found}");
            assert_eq!(found.contains("color-contrast"), contrast, "dark: {dark}: {found}");
        }
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn breaches_of_the_policy_and_requests_elsewhere_are_seen() {
    timed(async {
        let policy = "Content-Security-Policy: default-src 'none'; img-src http:; require-trusted-types-for 'script'\r\n";
        for (html, complaint) in [
            ("<p>quiet</p>", ""),
            ("<script>document.title = 'ran'</script>", "inline script"),
            ("<p style='color: red'>x</p>", "inline style"),
            ("<script src='http://elsewhere.example/a.js'></script>", "elsewhere.example"),
            ("<img src='http://elsewhere.example/a.png' alt=''>", "ERR_NAME_NOT_RESOLVED"),
        ] {
            let site = Site::page(policy, &format!("<!doctype html><title>t</title>{html}"));
            let page = Chromium::start().await;
            page.open(&site.url("localhost")).await;
            let complaints = page.complaints().await.join("\n");
            assert_eq!(complaints.is_empty(), complaint.is_empty(), "{html}: {complaints}");
            assert!(complaints.contains(complaint), "{html}: {complaints}");
            let requests = page.requests().await;
            assert!(requests.contains(&site.url("localhost")), "{requests:?}");
            let elsewhere = requests.iter().any(|url| url.starts_with("http://elsewhere.example/"));
            assert_eq!(elsewhere, html.contains("img"), "{html}: {requests:?}");
        }
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn scripts_run_unless_they_are_switched_off_and_keys_arrive() {
    timed(async {
        let site = Site::page("", KEYS);
        let page = Chromium::start().await;
        page.open(&site.url("localhost")).await;
        page.press("?").await;
        page.until("document.title === '?'").await;
        page.press(Key::Tab).await;
        page.until("document.activeElement.id === 'link'").await;
        page.without_script().await;
        page.open(&site.url("localhost")).await;
        page.press("?").await;
        page.press(Key::Tab).await;
        page.until("document.activeElement.id === 'link'").await;
        assert_eq!(page.text("document.title").await, "none");
        assert_eq!(page.text("document.querySelector('noscript').textContent").await, "no script");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn a_stolen_cookie_and_a_rebound_name_are_seen() {
    timed(async {
        let (giver, thief) = (Site::page("Set-Cookie: key=secret; HttpOnly\r\n", KEYS), Site::page("", KEYS));
        let page = Chromium::start().await;
        page.open(&giver.url("127.0.0.1")).await;
        for (host, stolen) in [("127.0.0.1", true), ("localhost", false), ("a.localhost", false)] {
            page.open(&thief.url(host)).await;
            let heads = thief.heads(host);
            assert!(!heads.is_empty(), "no request for {host}");
            assert_eq!(heads.iter().any(|head| head.contains("secret")), stolen, "{host}: {heads:?}");
        }
        page.open(&thief.url("rebound.example")).await;
        assert!(page.refused("http://elsewhere.example/").await.contains("ERR_NAME_NOT_RESOLVED"));
    });
}

/// Names have too little contrast in dark only; a picture has no text.
const FAULTY: &str = "<!doctype html><html lang=en><title>t</title>
<style>body { color: #111; background: #fff } @media (prefers-color-scheme: dark) { body { background: #222 } }</style>
<main><h1>Title</h1><p>words</p><img src=data:,></main>";

const KEYS: &str = "<!doctype html><html lang=en><title>none</title>
<main><noscript>no script</noscript><a id=link href=/>link</a>
<script>addEventListener('keydown', (event) => { document.title = event.key })</script>";
