//! What is demanded of every page. Each check answers with one line for each breach.

use serde_json::Value;

use crate::axe;
use crate::chromium::{Chromium, Look};

/// A page has no serious finding by axe, and is not wider than its window: that of a phone, and a large one.
pub async fn looks(page: &Chromium, url: &str, dark: bool) -> Vec<String> {
    let mut found = Vec::new();
    for width in [360, 1600] {
        let look = Look { width, dark };
        page.look(look).await;
        page.open(url).await;
        let wide = page.value("document.documentElement.scrollWidth").await;
        if wide.as_u64().is_none_or(|wide| wide > u64::from(look.width)) {
            found.push(format!("{url} at {look:?}: {wide} pixels wide"));
        }
        found.extend(axe::findings(page).await.iter().map(|line| format!("{url} at {look:?}: {line}")));
    }
    found
}

/// A page breaks no policy, no script of it fails, and it asks no other address.
pub async fn quiet(page: &Chromium, url: &str) -> Vec<String> {
    page.requests().await;
    page.complaints().await;
    page.open(url).await;
    // Its scripts ran.
    page.until("'script' in document.documentElement.dataset").await;
    let origin = page.text("location.origin").await;
    let complaints = page.complaints().await;
    let asked = page.requests().await;
    assert!(asked.iter().any(|other| other == url), "{url}: not asked for: {asked:?}");
    let elsewhere = asked.iter().filter(|other| !other.starts_with(&format!("{origin}/")));
    let complained = complaints.iter().map(|line| format!("{url}: {line}"));
    complained.chain(elsewhere.map(|other| format!("{url}: asked for {other}"))).collect()
}

/// Without script a page has its title and every command, and shows nothing that would need a script.
pub async fn without_script(page: &Chromium, url: &str) -> Vec<String> {
    page.without_script().await;
    page.open(url).await;
    texts(&page.value(UNWHOLE).await).iter().map(|line| format!("{url}: {line}")).collect()
}

/// Bytes of a page with all its files, and of its scripts alone, without compression.
pub async fn bytes(page: &Chromium, url: &str) -> (u64, u64) {
    page.open(url).await;
    let all = page.value(BYTES).await;
    let of = |part: usize| all[part].as_f64().map_or(0, |bytes| bytes as u64);
    (of(0), of(1))
}

const BYTES: &str = "(() => {
    const files = ['navigation', 'resource'].flatMap((sort) => performance.getEntriesByType(sort));
    const sum = (some) => some.reduce((sum, one) => sum + one.decodedBodySize, 0);
    return [sum(files), sum(files.filter((one) => one.name.endsWith('.js')))];
})()";

/// The expression that looks for what is missing.
const UNWHOLE: &str = "(() => {
    const found = [];
    const seen = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    if ('script' in document.documentElement.dataset) found.push('a script ran');
    const title = document.querySelector('main h1');
    if (!title || !seen(title) || !title.innerText.trim()) found.push('no title');
    for (const button of document.querySelectorAll('button[data-copy], button[data-keys]')) {
        if (seen(button)) found.push('a button that does nothing: ' + button.outerHTML);
    }
    for (const button of document.querySelectorAll('[data-copy]')) {
        const line = button.previousElementSibling ?? button.parentElement;
        const folded = button.closest('details:not([open])');
        if (!folded && !(seen(line) && line.innerText.trim())) found.push('a command that is not shown: ' + button.dataset.copy);
    }
    for (const time of document.querySelectorAll('time')) {
        if (!time.textContent.trim()) found.push('an empty time');
    }
    return found;
})()";

/// A list of texts.
pub fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
