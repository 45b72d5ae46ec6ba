//! Pages of the console over a seeded installation: how long each takes, and how many bytes it has.
//!
//! `cargo x bench pages` makes the installation. Its directory is in `COUNTERSIGN_SEEDED`; without it there is no figure.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Home;

/// Prints a line for each page.
pub fn pages() {
    let Some(seeded) = std::env::var_os("COUNTERSIGN_SEEDED") else {
        return println!("pages of the console: not measured; `cargo x bench pages` makes an installation");
    };
    let seeded = seeded.into_string().unwrap();
    let home = Home::new();
    let begun = Instant::now();
    let mut command = home.command(&["server", "-o", "json", "--log", "off", "--data", &seeded]);
    let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let address = ready["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let entries = std::env::var("COUNTERSIGN_SEEDED_SIZE").unwrap_or_default();
    println!(
        "{:44} {:>12} {:>12}   {entries}",
        "start of its server",
        format!("{:.2?}", begun.elapsed()),
        "-"
    );
    let browser = Browser::open(&home, &seeded, address);
    for (name, path) in browser.addresses() {
        browser.figure(name, &path);
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

/// A browser with a session.
struct Browser {
    address: String,
    host: String,
    cookie: String,
}

impl Browser {
    /// Exchanges a ticket for a session, as a browser does with the link of `countersign open`.
    fn open(home: &Home, data: &str, address: String) -> Self {
        let opened = home.ok(&["open", "--data", data]);
        let link = opened["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let (host, rest) = link.split_once('/').unwrap();
        let form = rest.split_once('?').unwrap().1.to_owned();
        let mut browser = Self { address, host: host.to_owned(), cookie: String::new() };
        let length = form.len();
        let answer = browser.send(&format!(
            "POST /open HTTP/1.0\r\nHost: {host}\r\nAccept: text/html\r\nContent-Length: {length}\r\n\r\n{form}"
        ));
        let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        browser.cookie = set.split(';').next().unwrap().to_owned();
        browser
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn get(&self, path: &str, accept: &str) -> String {
        let answer = self.send(&format!(
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\nCookie: {}\r\n\r\n",
            self.host, self.cookie
        ));
        assert!(answer.starts_with("HTTP/1.0 200"), "{path}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// A page of each kind: what the overview leads to.
    fn addresses(&self) -> Vec<(&'static str, String)> {
        let read =
            |path: &str| -> Value { serde_json::from_str(&self.get(path, "application/json")).unwrap() };
        let overview = read("/overview.json");
        let of = |list: &str, beginning: &str| {
            let items = overview[list].as_array().unwrap().iter();
            let mut all =
                items.filter_map(|item| item["href"].as_str()).filter(|href| href.starts_with(beginning));
            all.next().map(str::to_owned)
        };
        let run = of("runs", "/runs/");
        let log = run.as_ref().and_then(|run| {
            let logs = read(&format!("{run}.json"));
            Some(logs["logs"].as_array()?.first()?["href"].as_str()?.to_owned())
        });
        let service = overview["board"]["services"][0]["href"].as_str().map(str::to_owned);
        let found = [
            ("a release", of("waiting", "/releases/")),
            ("a record", of("waiting", "/releases/").map(|release| format!("{release}/record"))),
            ("a run", run),
            ("a log", log),
            ("a service", service),
        ];
        let found = found.into_iter().filter_map(|(name, path)| Some((name, path?)));
        let others = OTHERS.iter().map(|(name, path)| (*name, (*path).to_owned()));
        std::iter::once(("the overview", "/".to_owned())).chain(found).chain(others).collect()
    }

    fn figure(&self, name: &str, path: &str) {
        let bytes = self.get(path, "text/html").len();
        let mut spans: Vec<Duration> = (0..ASKED)
            .map(|_| {
                let start = Instant::now();
                self.get(path, "text/html");
                start.elapsed()
            })
            .collect();
        spans.sort();
        println!(
            "{:44} {:>12} {:>12}   p99 {:.2?}, target 50 ms; {} KB, target 150 KB with assets",
            format!("page: {name}"),
            format!("{:.2?}", spans[ASKED / 2]),
            format!("{:.2?}", spans[0]),
            spans[ASKED * 99 / 100],
            bytes / 1_000
        );
    }
}

/// Pages with one address.
const OTHERS: [(&str, &str); 7] = [
    ("posture", "/posture"),
    ("delivery", "/delivery"),
    ("trust", "/trust"),
    ("the ledger", "/ledger"),
    ("the ledger, a word", "/ledger?q=production"),
    ("the ledger, a word and a kind", "/ledger?q=staging&kind=approval."),
    ("an entry", "/ledger/4711"),
];
/// How often each page is asked for.
const ASKED: usize = 300;
