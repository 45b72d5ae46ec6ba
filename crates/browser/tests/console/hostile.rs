//! Every string of the corpus of `web`, in texts of every page, without a policy that would hide that a page lets one through.

use web::frame::Frame;
use web::model::{Change, Command, Fact, LogLine, Reason, RunLine, Waiting};
use web::{pages, sample};

use crate::chromium::{Chromium, Look};
use crate::site::{HTML, Site};
use crate::{checks, samples, strings, timed};

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_texts_from_outside_are_inert_in_a_browser() {
    timed(async {
        let strings = strings::hostile();
        assert!(strings.len() >= 150, "{} strings", strings.len());
        let site = samples::files(Site::pages("", &[]));
        let page = Chromium::start().await;
        page.look(Look { width: 360, dark: false }).await;
        let mut found = Vec::new();
        for (path, of_text) in PAGES {
            site.put(path, HTML, &of_text(&["harmless words".to_owned()]));
            page.open(&site.at("sample.localhost", path)).await;
            let kinds = page.value(KINDS).await;
            site.put(path, HTML, &of_text(&strings));
            let url = site.at("sample.localhost", path);
            // A dialogue that a string opened would end the test here.
            found.extend(checks::quiet(&page, &url).await);
            if page.value(KINDS).await != kinds {
                found.push(format!("{url}: {} instead of {kinds}", page.value(KINDS).await));
            }
            let text = page.text("document.querySelector('main').textContent").await;
            assert!(text.contains("<script>alert(1)</script>"), "{url}: a string is not shown as it is");
            let wide = page.value("document.documentElement.scrollWidth").await;
            if wide.as_u64().is_none_or(|wide| wide > 360) {
                found.push(format!("{url}: {wide} pixels wide"));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

/// Elements that only our own pages may make, and attributes that run something.
const KINDS: &str = "(() => {
    const names = new Set([...document.querySelectorAll('*')].map((one) => one.localName));
    const running = [...document.querySelectorAll('*')].flatMap((one) => [...one.attributes])
        .filter((one) => one.name.startsWith('on') || /^\\s*(javascript|data|vbscript):/i.test(one.value) && one.name !== 'data-copy' && one.name !== 'title');
    const odd = [...names].filter((name) => ['script', 'iframe', 'object', 'embed', 'style', 'img', 'base', 'math', 'template', 'video', 'audio'].includes(name));
    return odd.sort().join(' ') + '; ' + document.scripts.length + ' scripts; ' + running.map((one) => one.name + '=' + one.value).join(' ');
})()";

/// A page, with a string in each of many texts.
type Filled = fn(&[String]) -> String;

const PAGES: [(&str, Filled); 5] = [
    ("/", |strings| {
        let mut page = sample::overview();
        let (waiting, run) = (page.waiting[0].clone(), page.runs[0].clone());
        page.waiting = strings.iter().map(|text| waits(&waiting, text)).collect();
        page.runs = strings.iter().map(|text| runs(&run, text)).collect();
        pages::overview(&frame(strings), &page)
    }),
    ("/release", |strings| {
        let mut page = sample::release();
        page.subject.clone_from(&strings[0]);
        let verdict = page.verdict.as_mut().unwrap();
        let reason = verdict.reasons[0].clone();
        verdict.reasons = strings.iter().map(|text| reasons(&reason, text)).collect();
        let change = page.changes[0].clone();
        page.changes = strings.iter().map(|text| changes(&change, text)).collect();
        pages::release(&frame(strings), &page)
    }),
    ("/run", |strings| {
        let mut page = sample::run();
        page.subject.clone_from(&strings[0]);
        page.why = Some(strings.join(" "));
        let fact = page.artifacts[0].clone();
        page.artifacts = strings.iter().map(|text| facts(&fact, text)).collect();
        pages::run(&frame(strings), &page)
    }),
    ("/log", |strings| {
        let mut page = sample::log();
        let line =
            |(text, number): (&String, u64)| LogLine { number, text: text.clone(), ..page.lines[0].clone() };
        page.lines = strings.iter().zip(1..).map(line).collect();
        pages::log(&frame(strings), &page)
    }),
    ("/error", |strings| {
        let mut page = sample::problem();
        page.detail = strings.join(" ");
        page.commands = strings.iter().map(|line| command(line)).collect();
        pages::error(&frame(strings), &page)
    }),
];

fn frame(strings: &[String]) -> Frame {
    let text = strings[0].clone();
    Frame { installation: text.clone(), reader: text.clone(), ..sample::frame(&text, "/page") }
}

fn command(text: &str) -> Command {
    Command { line: text.to_owned(), note: Some(text.to_owned()) }
}

fn waits(like: &Waiting, text: &str) -> Waiting {
    let text = text.to_owned();
    Waiting { title: text.clone(), detail: text.clone(), command: Some(command(&text)), ..like.clone() }
}

fn runs(like: &RunLine, text: &str) -> RunLine {
    RunLine { title: text.to_owned(), detail: text.to_owned(), ..like.clone() }
}

fn reasons(like: &Reason, text: &str) -> Reason {
    let mut reason = like.clone();
    for field in [&mut reason.code, &mut reason.what, &mut reason.remedy] {
        text.clone_into(field);
    }
    reason.owner = Some(text.to_owned());
    reason.facts = vec![text.to_owned()];
    reason.commands = vec![command(text)];
    reason
}

fn changes(like: &Change, text: &str) -> Change {
    let mut change = like.clone();
    for field in [&mut change.title, &mut change.detail] {
        text.clone_into(field);
    }
    change.lines.iter_mut().for_each(|line| text.clone_into(&mut line.text));
    change
}

fn facts(like: &Fact, text: &str) -> Fact {
    let text = text.to_owned();
    Fact { name: text.clone(), value: text.clone(), whole: Some(text), ..like.clone() }
}
