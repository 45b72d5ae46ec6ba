//! What people come for, by keyboard alone, and without script where they only read.

use std::process::Command;

use thirtyfour::Key;

use crate::chromium::Chromium;
use crate::installation::Demo;
use crate::{settings, timed};

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_why_a_release_is_blocked_and_its_remedy_copied_by_keys() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.allow_clipboard().await;
        demo.enter(&page, "/").await;
        let blocked = demo.path(BLOCKED);
        step_to(&page, &blocked).await;
        page.press(Key::Enter).await;
        page.until(&format!(
            "location.pathname === '{blocked}' && 'script' in document.documentElement.dataset"
        ))
        .await;
        page.press("j").await;
        page.until("document.activeElement.closest('.reason') !== null").await;
        let remedy = page
            .text("document.activeElement.closest('.reason').querySelector('[data-copy]').dataset.copy")
            .await;
        page.press("y").await;
        page.until("document.getElementById('said').textContent.startsWith('copied ')").await;
        let copied = page.text("navigator.clipboard.readText()").await;
        assert_eq!(copied, remedy);
        assert!(copied.contains(' '), "{copied}");
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_why_a_release_is_blocked_without_script() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        page.without_script().await;
        demo.enter(&page, "/").await;
        let blocked = demo.path(BLOCKED);
        tab_to(&page, &format!("document.activeElement.getAttribute('href') === '{blocked}'")).await;
        page.press(Key::Enter).await;
        page.until(&format!("location.pathname === '{blocked}'")).await;
        let said = page.text("document.querySelector('.verdict').innerText").await;
        for part in [".reason h3", ".reason p", ".reason .cmd code"] {
            let text = page.text(&format!("document.querySelector('{part}').innerText.trim()")).await;
            assert!(!text.is_empty() && said.contains(&text), "{part}: {said}");
        }
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_the_log_of_a_running_step_grows() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let (run, log) = (demo.path(RUN), demo.path(LOG));
        demo.enter(&page, &run).await;
        tab_to(&page, &format!("document.activeElement.getAttribute('href')?.split('?')[0] === '{log}'"))
            .await;
        page.press(Key::Enter).await;
        page.until(&format!("location.pathname === '{log}' && document.readyState === 'complete'")).await;
        tab_to(&page, "document.activeElement.hasAttribute('data-follow')").await;
        page.press(Key::Enter).await;
        page.until("document.querySelector('[data-follow]').getAttribute('aria-pressed') === 'true'").await;
        let lines = page.value(LINES).await;
        page.until(&format!("{LINES} > {lines}")).await;
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn journey_a_bundle_is_downloaded_and_verified_by_the_command_that_is_shown() {
    timed(async {
        let (demo, page) = (Demo::running(), Chromium::start().await);
        let downloads = tempfile::tempdir().unwrap();
        page.download_to(downloads.path()).await;
        demo.enter(&page, &demo.path(WAIVED)).await;
        let command = page.text("document.querySelector('#evidence .cmd [data-copy]').dataset.copy").await;
        let verify = command.split("&&").find(|one| one.trim().starts_with("countersign verify ")).unwrap();
        let words: Vec<&str> = verify.split_whitespace().collect();
        tab_to(&page, "document.activeElement.hasAttribute('download')").await;
        page.press(Key::Enter).await;
        let found = || {
            let files = std::fs::read_dir(downloads.path()).unwrap().flatten();
            let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
            names.find(|name| !name.ends_with(".crdownload") && !name.starts_with('.'))
        };
        page.when(|| found().is_some()).await;
        assert_eq!(found().as_deref(), Some(words[2]), "the file has the name that the command takes");
        let mut verify = Command::new(settings::program());
        verify.args(&words[1..]).current_dir(downloads.path());
        // The pin of a stranger: the root that the founders gave away.
        verify.arg("--trust-root").arg(demo.trust_root());
        let output = verify.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// Goes to a place of the navigation by its key.
pub async fn go(page: &Chromium, key: &str, path: &str) {
    page.until("document.readyState === 'complete'").await;
    page.press(format!("g{key}")).await;
    page.until(&format!("location.pathname === '{path}' && document.readyState === 'complete'")).await;
}

/// Goes from item to item until the one that leads to a page.
pub async fn step_to(page: &Chromium, path: &str) {
    for _ in 0..STEPS_MAX {
        page.press("j").await;
        if page.text("document.activeElement.getAttribute('href') ?? ''").await == path {
            return;
        }
    }
    panic!("no item leads to {path}");
}

/// Goes from one focus to the next until a condition holds.
pub async fn tab_to(page: &Chromium, condition: &str) {
    for _ in 0..STEPS_MAX {
        page.press(Key::Tab).await;
        if page.value(condition).await == true {
            return;
        }
    }
    panic!("the keyboard does not reach it: {condition}");
}

const LINES: &str = "Number([...document.querySelectorAll('#log .row .number')].at(-1)?.textContent ?? 0)";
const STEPS_MAX: usize = 80;
/// Places of the demo's guided list.
const BLOCKED: usize = 1;
const RUN: usize = 3;
const LOG: usize = 4;
const WAIVED: usize = 6;
