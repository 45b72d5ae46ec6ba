//! Hostile texts on the pages of a real server: they come the way texts of strangers come, by commits, files, logs, reports of tools,
//! lockfiles, reasons and tickets, and through addresses.
//!
//! Invariant: each sort of text is seen on a page, so that a page without dialogue, request and new element has shown some.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::chromium::{Chromium, Look};
use crate::installation::Own;
use crate::table::{self, PAGES};
use crate::{checks, strings, timed};

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_texts_of_strangers_are_inert_on_every_page_of_a_server() {
    timed(async {
        let strings = strings::hostile();
        assert!(strings.len() >= 150, "{} strings", strings.len());
        let (own, url) = installed(&strings);
        let page = Chromium::start().await;
        page.look(Look { width: 360, dark: false }).await;
        let mut crawl = Crawl::default();
        crawl.to_visit.extend(
            PAGES
                .iter()
                .filter_map(|page| page.pattern)
                .filter(|path| !path.contains('{'))
                .map(str::to_owned),
        );
        let mut found = Vec::new();
        for path in addresses(&strings) {
            found.extend(inert(&page, &url, &path).await);
        }
        while let Some(path) = crawl.next() {
            found.extend(inert(&page, &url, &path).await);
            let text = page.text("document.documentElement.textContent").await;
            crawl.seen.extend(SORTS.into_iter().filter(|sort| is_shown(sort, &text)));
            let links = table::links(&page).await;
            crawl.to_visit.extend(links);
        }
        drop(own);
        let kinds: BTreeSet<_> = crawl.visited.keys().copied().collect();
        // No release of this installation is rolled out step by step; the demo shows that page.
        let all = PAGES.iter().filter_map(|page| page.pattern).filter(|kind| !kind.ends_with("/rollout"));
        let all: BTreeSet<_> = all.collect();
        println!("{:?}", crawl.visited);
        assert_eq!(kinds, all, "a kind of page was not reached");
        let unseen: Vec<_> = SORTS.into_iter().filter(|sort| !crawl.seen.contains(sort)).collect();
        assert!(unseen.is_empty(), "texts that no page shows: {unseen:?}");
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
#[ignore = "needs a browser: cargo x test --browser"]
fn attack_names_and_hosts_that_are_markup_are_refused() {
    let (own, url) = Own::start();
    let pipeline = own.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    for bad in strings::hostile().iter().filter(|text| text.contains(['<', '"', '&', ' '])) {
        let step = serde_json::to_string(bad).unwrap();
        std::fs::write(
            &pipeline,
            text.replacen("steps:\n", &format!("steps:\n  ? {step}\n  : {{ run: 'true' }}\n"), 1),
        )
        .unwrap();
        let checked = own.exit(&["pipeline", "check"]);
        assert_eq!(checked, Some(3), "a step of this name: {bad:?}");
    }
    for bad in strings::hostile().iter().filter(|text| !text.contains(['\r', '\n', '\0'])) {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream
            .write_all(format!("GET / HTTP/1.0\r\nHost: {bad}\r\nAccept: text/html\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let is_refused =
            [" 400 ", " 431 "].iter().any(|code| answer.get(8..13) == Some(code)) || answer.is_empty();
        assert!(is_refused, "{bad:?}: {answer}");
        assert!(!answer.contains("<script>alert") && !answer.contains("<img src=x"), "{bad:?}: {answer}");
    }
}

/// Pages that were visited and are to be.
#[derive(Default)]
struct Crawl {
    /// Number of visited pages of each kind.
    visited: BTreeMap<&'static str, usize>,
    known: BTreeSet<String>,
    to_visit: Vec<String>,
    /// Sorts of texts that a page showed.
    seen: BTreeSet<&'static str>,
}

impl Crawl {
    /// The next page of a kind that was not visited often enough.
    fn next(&mut self) -> Option<String> {
        while !self.to_visit.is_empty() {
            let path = self.to_visit.remove(0);
            let kind = PAGES.iter().filter(|page| page.is_at(&path)).find_map(|page| page.pattern);
            let Some(kind) = kind else { continue };
            let visits = self.visited.entry(kind).or_default();
            if *visits < EACH && self.known.insert(path.clone()) {
                *visits += 1;
                return Some(path);
            }
        }
        None
    }
}

/// Opens a page: one line for each thing that a text did to it.
async fn inert(page: &Chromium, url: &str, path: &str) -> Vec<String> {
    let address = format!("{url}{path}");
    page.requests().await;
    page.complaints().await;
    // A dialogue that a text opened would end the test at the next question.
    page.follow(&address).await;
    let mut found = checks::texts(&page.value(ODD).await);
    // An address that is refused is answered with an error; the browser notes that.
    found.extend(
        page.complaints()
            .await
            .into_iter()
            .filter(|line| !line.contains("the server responded with a status of 4")),
    );
    let elsewhere = page.requests().await.into_iter().filter(|other| !other.starts_with(&format!("{url}/")));
    found.extend(elsewhere.map(|other| format!("asked for {other}")));
    let wide = page.value("document.documentElement.scrollWidth").await;
    if wide.as_u64().is_none_or(|wide| wide > 360) {
        found.push(format!("{wide} pixels wide"));
    }
    found.into_iter().map(|line| format!("{path}: {line}")).collect()
}

/// The expression that looks for elements, attributes and addresses that our own pages do not have.
const ODD: &str = "(() => {
    const found = [];
    const all = [...document.querySelectorAll('*')];
    const odd = ['iframe', 'object', 'embed', 'style', 'img', 'base', 'math', 'template', 'video', 'audio', 'textarea', 'marquee', 'foreignobject', 'animate', 'use', 'image', 'frameset', 'plaintext', 'xmp', 'noscript'];
    for (const one of all) {
        if (odd.includes(one.localName.toLowerCase())) found.push('an element ' + one.outerHTML.slice(0, 200));
        for (const { name, value } of one.attributes) {
            if (name.startsWith('on') || name === 'style' || name === 'srcdoc') found.push('an attribute ' + name + '=' + value.slice(0, 100));
            if (['href', 'src', 'action', 'formaction', 'xlink:href'].includes(name) && !/^(\\/(?!\\/)|#|[?])/.test(value)) found.push('an address ' + name + '=' + value.slice(0, 100));
        }
    }
    for (const script of document.scripts) if (!script.src.startsWith(location.origin + '/assets/')) found.push('a script ' + script.outerHTML.slice(0, 200));
    for (const name of ['main', 'side', 'said', 'stream', 'keys']) {
        const count = document.querySelectorAll('[id=\"' + name + '\"]').length;
        if (count > 1) found.push(count + ' elements have the id ' + name);
    }
    if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('body').length !== 1 || document.querySelectorAll('title').length < 1) found.push('another frame');
    return found;
})()";

/// Addresses with hostile words in paths and queries.
fn addresses(strings: &[String]) -> Vec<String> {
    let of = |text: &String| {
        let text = encoded(text);
        [
            format!("/ledger?q={text}"),
            format!("/components?q={text}"),
            format!("/ledger?kind={text}"),
            format!("/runs/{text}"),
        ]
    };
    strings.iter().filter(|text| text.len() < 1_000).step_by(20).flat_map(of).collect()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

/// Whether a page shows the text of a sort as it came; a package URL has it encoded, and without its slash.
fn is_shown(sort: &str, text: &str) -> bool {
    let package = [
        "package-<script>alert(1)<script>",
        "package-%3Cscript%3Ealert%281%29%3Cscript%3E",
        "package-%3Cscript%3Ealert(1)%3Cscript%3E",
    ];
    // Of messages a page shows those of the worst findings.
    let is_message = sort == MESSAGE && text.contains(&marked(sort, "<"));
    is_message
        || text.contains(&marked(sort, SHOWN))
        || (sort == PACKAGE && package.iter().any(|name| text.contains(name)))
}

/// A string that says which way it came.
fn marked(sort: &str, string: &str) -> String {
    format!("{sort}{string}")
}

/// A solo installation to which every text came from a stranger: its address.
fn installed(strings: &[String]) -> (Own, String) {
    let mut own = Own::new();
    let repository = own.repository();
    own.git(&["init", "-q", "-b", "main"]);
    let short: Vec<&String> =
        strings.iter().filter(|text| text.len() <= 200 && !text.contains('\0')).collect();
    own.write(".countersign/pipeline.yaml", PIPELINE);
    own.write(".countersign/release.yaml", &release("one"));
    own.write("package-lock.json", &lockfile(&[]));
    own.write("hostile/scan.txt", &sarif(&[]).to_string());
    own.write("hostile/tests.txt", &junit(&[]));
    own.write("hostile/log.txt", &strings.iter().map(|text| marked(LOG, text) + "\n").collect::<String>());
    own.commit("one", "Ada");
    let name = marked(PERSON, SHOWN);
    own.countersign(&[
        "init",
        "--name",
        &name,
        "--email",
        "ada@example.com",
        "--repository",
        &repository.display().to_string(),
    ]);
    let url = own.up();
    own.countersign_in(&repository, &["run"], &[0]);
    own.countersign_in(&repository, &["approve", "--yes", "--reason", "the first one"], &[0]);
    own.countersign_in(&repository, &["promote"], &[0]);

    own.write("hostile/scan.txt", &sarif(strings).to_string());
    own.write("hostile/tests.txt", &junit(strings));
    own.write("package-lock.json", &lockfile(&short));
    own.write(".countersign/release.yaml", &release(&marked(CONFIGURATION, SHOWN)));
    for (number, text) in short.iter().enumerate() {
        // A name of a file has no slash, and runners take none with a control character or a backslash.
        let path: String =
            text.chars().filter(|c| !c.is_control() && !matches!(c, '/' | '\\')).take(50).collect();
        own.write(&format!("files/{number}{PATH}{path}"), text);
    }
    own.write(&format!("files/{PATH}{}", SHOWN.replace('/', "")), "shown");
    for text in &short {
        own.commit(&marked(SUBJECT, text), &marked(AUTHOR, text));
    }
    own.commit(&marked(SUBJECT, SHOWN), &marked(AUTHOR, SHOWN));
    own.git(&["checkout", "-q", "-b", BRANCH]);
    own.countersign_in(&repository, &["run", BRANCH], &[0]);
    let shown = own.countersign_in(&repository, &["approve", "--show"], &[0, 3]);
    let worst = shown["findings"]["worst"].as_array().cloned().unwrap_or_default();
    assert!(!worst.is_empty(), "no finding to waive: {shown}");
    for (finding, some) in worst.iter().take(5).zip(short.chunks(20)) {
        let reason: String = some
            .iter()
            .filter(|text| !text.contains(char::is_control))
            .map(|text| marked(REASON, text) + " ")
            .collect();
        let reason = format!("{} {reason}", marked(REASON, SHOWN));
        let words =
            ["waive", finding["id"].as_str().unwrap(), "--yes", "--until", "2027-03-01", "--reason", &reason];
        own.countersign_in(&repository, &words, &[0]);
    }
    let (reason, ticket) = (marked(REASON, SHOWN), marked(TICKET, SHOWN));
    own.countersign_in(&repository, &["approve", "--yes", "--reason", &reason, "--ticket", &ticket], &[0]);
    own.countersign_in(&repository, &["promote"], &[0]);
    // One more, which waits.
    own.commit(&marked(SUBJECT, SHOWN), &marked(AUTHOR, SHOWN));
    own.countersign_in(&repository, &["run"], &[0, 3]);
    (own, url)
}

/// A report of a scanner; every text in it is hostile.
fn sarif(strings: &[String]) -> Value {
    let result = |text: &String| {
        json!({ "ruleId": marked("rule-", text), "level": "error", "message": { "text": marked(MESSAGE, text) },
            "properties": { "security-severity": "9.8" },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": text }, "region": { "startLine": 1 } } }] })
    };
    let shown = SHOWN.to_owned();
    let results: Vec<Value> =
        std::iter::once(&shown).chain(strings.iter().filter(|text| text.len() < 1_000)).map(result).collect();
    json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": { "name": marked(TOOL, SHOWN), "version": SHOWN } }, "results": results }] })
}

/// A report of tests, all of which failed.
fn junit(strings: &[String]) -> String {
    let plain = |text: &str| {
        let kept: String =
            text.chars().filter(|c| !c.is_control() && !matches!(*c as u32, 0xfffe | 0xffff)).collect();
        kept.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let case = |text: &str| {
        let text = plain(text);
        format!(
            "<testcase classname=\"{TEST}{text}\" name=\"{TEST}{text}\"><failure message=\"{text}\">{text}</failure></testcase>\n"
        )
    };
    let cases: String = std::iter::once(SHOWN)
        .chain(strings.iter().map(String::as_str).filter(|text| text.len() < 500))
        .map(case)
        .collect();
    format!(
        "<?xml version=\"1.0\"?><testsuites><testsuite name=\"{}\">{cases}</testsuite></testsuites>\n",
        plain(SHOWN)
    )
}

/// A lockfile of npm with packages of such names and versions.
fn lockfile(strings: &[&String]) -> String {
    // A name of npm has no slash. Readers of lockfiles refuse what is not printable, also marks of direction.
    let name = |text: &str| {
        let kept: String =
            text.chars().filter(|c| (c.is_ascii_graphic() || c.is_alphanumeric()) && *c != '/').collect();
        format!("{PACKAGE}{}", kept.trim())
    };
    let shown = SHOWN.to_owned();
    let all = strings.iter().copied().chain((!strings.is_empty()).then_some(&shown));
    let packages = all
        .map(|text| (format!("node_modules/{}", name(text)), json!({ "version": "1.0.0", "license": text })));
    let packages: serde_json::Map<String, Value> = packages.collect();
    json!({ "name": "web", "lockfileVersion": 3, "packages": packages }).to_string()
}

fn release(value: &str) -> String {
    let (value, owner) = (json!(value), json!(marked(OWNER, SHOWN)));
    format!(
        "version: 1\nservices:\n  api:\n    artifact: api\n    owner: {owner}\n    env: {{ WORDS: {value} }}\n    probe: {{ command: [bin/api], attempts: 2, interval-ms: 10 }}\n"
    )
}

/// The string by which a sort of texts is looked for.
const SHOWN: &str = "<script>alert(1)</script>";
/// Beginnings of texts by the way that they came.
const SUBJECT: &str = "subject-";
const AUTHOR: &str = "author-";
const PATH: &str = "path-";
const LOG: &str = "log-";
const MESSAGE: &str = "message-";
const TOOL: &str = "tool-";
const TEST: &str = "test-";
const PACKAGE: &str = "package-";
const REASON: &str = "reason-";
const TICKET: &str = "ticket-";
const OWNER: &str = "owner-";
const PERSON: &str = "person-";
const CONFIGURATION: &str = "configuration-";
/// Those that a page has to show.
const SORTS: [&str; 9] = [SUBJECT, LOG, MESSAGE, TEST, PACKAGE, REASON, TICKET, OWNER, PERSON];
const BRANCH: &str = "\"><script>alert(1)</script>";
/// Pages of one kind that are visited.
const EACH: usize = 8;

const PIPELINE: &str = "version: 1
steps:
  build:
    run: |
      cat hostile/log.txt
      mkdir -p out
      printf '#!/bin/sh\\nexit 0\\n' > out/api
      chmod +x out/api
    outputs: [out/api]
  found:
    run: |
      sed 's/^/ /' hostile/scan.txt > scan.sarif
      sed 's/$/ /' hostile/tests.txt > tests.xml
    reports: [{ kind: sarif, path: scan.sarif }, { kind: junit, path: tests.xml }]
  packages:
    scan: [components]
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";
