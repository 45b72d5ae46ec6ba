//! Pages in a browser: who gets them, under which name, with which session, and what a session cannot do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal};
use crate::support::{Home, Up};

pub const HTML: &str = "Accept: text/html,*/*;q=0.8\r\n";
const JSON: &str = "Accept: application/json\r\n";

/// An answer: status, head in lower case, body.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn send(up: &Up, request: &str) -> Answer {
    let mut stream = TcpStream::connect(up.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    // Names of headers in lower case; tokens in their values keep their case.
    let lines = head.lines().map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\n", name.to_lowercase()),
        None => format!("{line}\n"),
    });
    Answer { status, head: lines.collect(), body: body.to_owned() }
}

pub fn get(up: &Up, host: &str, path: &str, headers: &str) -> Answer {
    send(up, &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n"))
}

fn post(up: &Up, host: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    send(
        up,
        &format!("POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"),
    )
}

/// A link's host, with its port, and its path.
fn parts(link: &str) -> (&str, &str) {
    let rest = link.strip_prefix("http://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

fn ticket(link: &str) -> String {
    format!("ticket={}", link.split_once("?ticket=").unwrap().1)
}

/// A session of a person's browser, for a page: the host and the header with the cookie.
pub fn browser(up: &Up, home: &Home, data: &str) -> (String, String) {
    let opened = home.ok(&["open", "--data", data]);
    let link = opened["url"].as_str().unwrap();
    let (host, _) = parts(link);
    let exchanged = post(up, host, "/open", HTML, &ticket(link));
    assert_eq!(exchanged.status, 303, "{}", exchanged.body);
    let cookie = exchanged.header("set-cookie").unwrap().split(';').next().unwrap();
    (host.to_owned(), format!("Cookie: {cookie}\r\n"))
}

/// Whether a browser sends a cookie to a host, by the rules of RFC 6265, sections 5.3 and 5.4: without `Domain` it goes to the
/// host that set it and to no other. Ports do not matter.
fn is_sent(set_cookie: &str, by: &str, to: &str) -> bool {
    let name = |host: &str| host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
    let (by, to) = (name(by), name(to));
    let domain = set_cookie
        .split(';')
        .find_map(|part| part.trim().to_lowercase().strip_prefix("domain=").map(str::to_owned));
    match domain {
        None => by == to,
        Some(domain) => to == domain || to.ends_with(&format!(".{}", domain.trim_start_matches('.'))),
    }
}

#[test]
fn attack_a_browser_reads_with_a_session_of_the_consoles_own_name_alone() {
    let (shop, _) = rehearsal();
    let up = shop.home.up();
    let tcp = elsewhere(&shop, "elsewhere", &up.url);
    let link = shop.ok(&["open", "/runs/0", "--data", &tcp]);
    let url = link["url"].as_str().unwrap();
    assert_eq!(link["opened"], false, "there is no screen");
    let (host, path) = parts(url);
    let label = host.split('.').next().unwrap();
    assert!(host.starts_with(&format!("{label}.localhost:")) && label.len() == 16, "{url}");

    without_a_session_there_is_the_command(&up, host, label);
    let set_cookie = a_ticket_is_exchanged_once(&up, host, path, &ticket(url));
    for other in
        ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "other.localhost:8081", &format!("x.{host}")]
    {
        assert!(!is_sent(&set_cookie, host, other), "{other}: {set_cookie}");
    }
    assert!(is_sent(&set_cookie, host, host));
    let cookie = format!("Cookie: {}\r\n", set_cookie.split(';').next().unwrap());
    a_session_reads_and_does_nothing_else(&up, host, &cookie);
    its_reader_ends_a_session(&shop, &up, host, &tcp);
    // Neither the label nor the session stays when the server starts again.
    assert!(up.stop());
    let up = shop.home.up();
    let tcp = elsewhere(&shop, "again", &up.url);
    let again = shop.ok(&["open", "--data", &tcp]);
    let again = again["url"].as_str().unwrap();
    assert!(again.contains(".localhost:") && !again.contains(label), "{again}");
    assert_eq!(get(&up, &format!("{label}.localhost"), "/", &format!("{HTML}{cookie}")).status, 400);
    assert!(up.stop());
}

fn without_a_session_there_is_the_command(up: &Up, host: &str, label: &str) {
    for at in ["localhost", "127.0.0.1", host] {
        let page = get(up, at, "/releases/shop/ledger-api/dev/1?x=1", HTML);
        assert_eq!(page.status, 401, "{at}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{}", page.head);
        let names_the_command = "countersign open &#39;/releases/shop/ledger-api/dev/1?x=1&#39;";
        let is_named = page.body.contains(names_the_command)
            || page.body.contains("countersign open '/releases/shop/ledger-api/dev/1?x=1'");
        assert!(is_named, "{}", page.body);
        assert!(
            at == host || !format!("{}{}", page.head, page.body).contains(label),
            "no answer tells the name"
        );
        for (path, accept) in
            [("/", JSON), ("/overview.json", HTML), ("/runs/0", ""), ("/live", ""), ("/live", HTML)]
        {
            let answer = get(up, at, path, accept);
            assert_eq!(answer.status, 401, "{at}{path}: {}", answer.body);
        }
        let problem: Value = serde_json::from_str(&get(up, at, "/", JSON).body).unwrap();
        assert_eq!(problem["type"], "tag:countersign,2026:unauthenticated");
    }
    // Nobody without a right is told where the data is.
    for at in [host, "localhost", "127.0.0.1"] {
        let body = get(up, at, "/trust", HTML).body;
        assert!(body.contains("countersign open /trust") && !body.contains("--data /"), "{at}: {body}");
    }
    // A path that a person would rather not paste into a shell is not repeated as part of a command.
    let odd = get(up, host, "/runs/$(id)", HTML);
    assert!(odd.body.contains("countersign open /") && !odd.body.contains("open /runs/$"), "{}", odd.body);
    for wrong in ["guessed.localhost", "evil.example", &format!("x.{host}")] {
        assert_eq!(get(up, wrong, "/", HTML).status, 400, "{wrong}");
    }
}

/// Answers with the header that sets the cookie.
fn a_ticket_is_exchanged_once(up: &Up, host: &str, path: &str, ticket: &str) -> String {
    // Whatever looks at the link uses nothing up.
    for _ in 0..2 {
        let page = get(up, host, path, HTML);
        assert_eq!((page.status, page.header("set-cookie")), (200, None), "{}", page.body);
        assert!(page.body.contains("method=\"post\"") && page.body.contains("ada"), "{}", page.body);
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    assert_eq!(get(up, "localhost", path, HTML).status, 404, "it opens under its own name alone");
    assert_eq!(post(up, "localhost", "/open", HTML, ticket).status, 404);
    assert_eq!(post(up, host, "/open", "Sec-Fetch-Site: cross-site\r\n", ticket).status, 403);
    assert_eq!(post(up, host, "/open", "Origin: http://evil.example\r\n", ticket).status, 403);
    assert_eq!(post(up, host, "/open", HTML, "ticket=").status, 401);
    assert_eq!(post(up, host, "/open", HTML, &format!("{ticket}x")).status, 401);
    let own = format!("{HTML}Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n");
    let exchanged = post(up, host, "/open", &own, ticket);
    assert_eq!(
        (exchanged.status, exchanged.header("location")),
        (303, Some("/runs/0")),
        "{}",
        exchanged.body
    );
    let set_cookie = exchanged.header("set-cookie").unwrap().to_owned();
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=28800"] {
        assert!(set_cookie.contains(attribute), "{set_cookie}");
    }
    let again = post(up, host, "/open", HTML, ticket);
    assert_eq!((again.status, again.header("set-cookie")), (401, None), "the second use");
    assert!(again.body.contains("link was used"), "{}", again.body);
    // Neither the page nor its commands lead back to the link.
    let dead = get(up, host, path, HTML);
    assert_eq!(dead.status, 401, "{}", dead.body);
    for page in [&again.body, &dead.body] {
        assert!(page.contains("countersign open"), "{page}");
        assert!(!page.contains("Try again") && !page.contains("open?ticket"), "{page}");
    }
    set_cookie
}

/// The form at the foot of the navigation ends the session that sent it, and no other one.
fn its_reader_ends_a_session(shop: &super::Shop, up: &Up, host: &str, tcp: &str) {
    let session = || {
        let link = shop.ok(&["open", "--data", tcp]);
        let opened = post(up, host, "/open", HTML, &ticket(link["url"].as_str().unwrap()));
        let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        format!("Cookie: {cookie}\r\n")
    };
    let (mine, other) = (session(), session());
    let status = |cookie: &str| get(up, host, "/", &format!("{HTML}{cookie}")).status;
    let page = get(up, host, "/", &format!("{HTML}{mine}"));
    assert!(page.body.contains("<form method=\"post\" action=\"/close\">"), "{}", page.body);
    assert_eq!(get(up, host, "/close", &format!("{HTML}{mine}")).status, 405, "no link ends a session");
    for foreign in ["Sec-Fetch-Site: cross-site\r\n", "Origin: http://evil.example\r\n"] {
        assert_eq!(post(up, host, "/close", &format!("{mine}{foreign}"), "").status, 403, "{foreign}");
    }
    assert_eq!((status(&mine), status(&other)), (200, 200));
    let own = format!("{HTML}{mine}Origin: http://{host}\r\n");
    let closed = post(up, host, "/close", &own, "");
    assert_eq!((closed.status, closed.header("location")), (303, Some("/")));
    assert!(closed.header("set-cookie").unwrap().contains("Max-Age=0"), "{:?}", closed.header("set-cookie"));
    assert_eq!((status(&mine), status(&other)), (401, 200));
}

fn a_session_reads_and_does_nothing_else(up: &Up, host: &str, cookie: &str) {
    let page = get(up, host, "/", &format!("{HTML}{cookie}"));
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let model = get(up, host, "/", &format!("{JSON}{cookie}"));
    assert_eq!((model.status, model.header("content-type")), (200, Some("application/json")));
    assert!(serde_json::from_str::<Value>(&model.body).unwrap()["board"].is_object(), "{}", model.body);
    assert_eq!(get(up, host, "/overview.json", &format!("{HTML}{cookie}")).body, model.body);
    // The raw text of a log is read by the API, in the same browser.
    assert_eq!(get(up, host, "/api/v1/runs", cookie).status, 200);
    for at in ["localhost", "127.0.0.1"] {
        assert_eq!(get(up, at, "/", &format!("{HTML}{cookie}")).status, 401, "{at}");
        assert_eq!(get(up, at, "/api/v1/runs", cookie).status, 401, "{at}");
    }
    let twice = format!("{}; {}", cookie.trim_end(), cookie.trim_start_matches("Cookie: "));
    assert_eq!(get(up, host, "/", &twice).status, 401, "a second one was set by somebody else");
    for path in ["work/runner?now=true", "work/agent/shop/ledger-api/dev"] {
        assert_eq!(get(up, host, &format!("/api/v1/{path}"), cookie).status, 401, "{path}");
    }
    let json = format!("{cookie}Content-Type: application/json\r\n");
    assert_eq!(
        post(up, host, "/api/v1/links", &json, r#"{"page":"/"}"#).status,
        401,
        "it makes no other one"
    );
    let size = || {
        let installation: Value =
            serde_json::from_str(&get(up, host, "/api/v1/installation", cookie).body).unwrap();
        installation["entries"].as_u64().unwrap()
    };
    let before = size();
    for path in ["requests", "receipts", "agent-reports", "sessions"] {
        let sent = post(up, host, &format!("/api/v1/{path}"), &json, "{}");
        assert!((400..500).contains(&sent.status), "{path}: {}", sent.status);
    }
    assert_eq!(size(), before);
    for (site, mode, status) in [
        ("same-site", "cors", 403),
        ("cross-site", "no-cors", 403),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
    ] {
        let headers = format!("{cookie}Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\n");
        assert_eq!(get(up, host, "/", &headers).status, status, "{site} {mode}");
        assert_eq!(get(up, host, "/api/v1/runs", &headers).status, status, "{site} {mode}");
    }
}

#[test]
fn a_session_shows_what_its_person_may_read_and_ends_with_the_right() {
    let (shop, made) = rehearsal();
    let up = shop.home.up();
    let key = |key: &str| shop.home.dir.path().join(key).to_str().unwrap().to_owned();
    let (approval, sign_in, out) = (key("eve"), key("eve-in"), key("eve.json"));
    let enrol = ["trust", "enrol", "--name", "Eve", "--email", "eve@example.com", "--key", &approval];
    let rest = ["--sign-in-key", &sign_in, "--role", "developer@elsewhere", "--yes", "--out", &out];
    shop.ok(&[&enrol[..], &rest].concat());
    shop.ok(&["trust", "send", &out]);
    let status = shop.ok(&["status"]);
    let people = status["people"].as_array().unwrap();
    let eve = people.iter().find(|person| person["roles"] == json!(["developer"])).unwrap();
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let tcp = elsewhere(&shop, "elsewhere", &up.url);
    let home = colleague(&shop, &made, "eve", eve["person"].as_str().unwrap(), &tcp);
    let (host, eves) = browser(&up, &home, &tcp);
    let (_, adas) = browser(&up, &shop.home, &tcp);
    // The owner of the data directory gets a session too, through the socket.
    let owner = shop.ok(&["open"]);
    let owners = post(&up, &host, "/open", HTML, &ticket(owner["url"].as_str().unwrap()));
    assert_eq!(owners.status, 303);

    let log = format!("/runs/{run}/logs/step/test/runner-1");
    for (path, status) in [
        ("/".to_owned(), 200),
        (format!("/runs/{run}"), 403),
        (log.clone(), 403),
        ("/releases/shop/ledger-api/dev/1".into(), 403),
        ("/releases/shop/ledger-api/dev/x".into(), 400),
        ("/releases/shop/LEDGER/dev/1".into(), 400),
    ] {
        for accept in [HTML, JSON] {
            let answer = get(&up, &host, &path, &format!("{accept}{eves}"));
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
            assert!(
                !answer.body.contains("ledger-api") || path.contains("ledger-api"),
                "{path}: {}",
                answer.body
            );
        }
    }
    let page = get(&up, &host, &log, &format!("{JSON}{adas}"));
    assert_eq!(page.status, 200, "{}", page.body);
    let page: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!((&page["work"], &page["badge"]["word"]), (&json!("test"), &json!("complete")), "{page}");
    assert_eq!(get(&up, &host, &log, &format!("{HTML}{adas}")).status, 200);
    assert_eq!(get(&up, &host, "/runs/x", &format!("{HTML}{adas}")).status, 400);

    let mut stream = Stream::open(&up, &host, "", &eves);
    stream.event();
    shop.ok(&["trust", "status", "--yes", "--withdraw", eve["enrolment"].as_str().unwrap()]);
    stream.ends();
    assert_eq!(get(&up, &host, "/", &format!("{HTML}{eves}")).status, 401);
    assert_eq!(get(&up, &host, "/", &format!("{HTML}{adas}")).status, 200);
    let fingerprint = shop.ok(&["key", "show", &key("ada-in")])["fingerprint"].clone();
    shop.ok(&["trust", "status", "--yes", "--revoke", fingerprint.as_str().unwrap()]);
    assert_eq!(get(&up, &host, "/", &format!("{HTML}{adas}")).status, 401);
    assert!(up.stop());
}

/// A stream of changes.
struct Stream {
    stream: std::io::BufReader<TcpStream>,
}

impl Stream {
    fn open(up: &Up, host: &str, after: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(up.address()).unwrap();
        let request = format!("GET /live{after} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self { stream: std::io::BufReader::new(stream) }
    }

    /// The data of the next event. Its id is the size of the ledger.
    fn event(&mut self) -> Value {
        use std::io::BufRead as _;
        let mut id = None;
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).unwrap(), 0, "the stream has ended");
            if let Some(number) = line.trim_end().strip_prefix("id: ") {
                id = Some(number.parse::<u64>().unwrap());
            }
            if let Some(data) = line.trim_end().strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(data["entries"].as_u64(), id, "{data}");
                return data;
            }
        }
    }

    /// Waits until the server ends the stream.
    fn ends(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8(rest).unwrap();
        assert!(!rest.contains("shop/"), "{rest}");
    }
}

#[test]
fn in_solo_mode_pages_are_open_and_changes_are_told() {
    let home = Home::solo();
    let up = home.up();
    let opened = home.ok(&["open"]);
    assert_eq!(opened, json!({ "url": format!("{}/", up.url), "opened": false }));
    let shown = String::from_utf8(home.run(&["open", "/runs/0", "-o", "text"]).stdout).unwrap();
    assert_eq!(shown, format!("open: {}/runs/0\n", up.url));
    let page = get(&up, "127.0.0.1", "/", HTML);
    assert_eq!(page.status, 200, "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    for name in [
        "x-content-type-options",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "permissions-policy",
    ] {
        assert!(page.header(name).is_some(), "{name}: {}", page.head);
        assert!(
            get(&up, "127.0.0.1", "/api/v1/nothing", "").header(name).is_some(),
            "errors and the API have it too"
        );
    }
    // Programs keep their problem documents, and browsers get pages, whatever they ask for.
    let nothing = get(&up, "127.0.0.1", "/api/v1/nothing", "");
    assert_eq!((nothing.status, nothing.header("content-type")), (404, Some("application/problem+json")));
    let nothing = get(&up, "127.0.0.1", "/api/v1/nothing", HTML);
    assert_eq!((nothing.status, nothing.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert_eq!(get(&up, "127.0.0.1", "/assets/../../etc/passwd", HTML).status, 404);
    let wrong = post(&up, "127.0.0.1", "/", HTML, "");
    assert_eq!((wrong.status, wrong.header("content-type")), (405, Some("text/html; charset=utf-8")));

    let size = home.ok(&["status"])["entries"].as_u64().unwrap();
    let mut stream = Stream::open(&up, "localhost", "", "");
    assert_eq!(stream.event(), json!({ "entries": size }), "a new page knows everything");
    home.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{}", "ab".repeat(32))]);
    let told = stream.event();
    assert_eq!((told["entries"].as_u64().unwrap() > size, &told["all"]), (true, &json!(true)), "{told}");
    // A browser that was away learns what it missed.
    let mut back = Stream::open(&up, "localhost", "", &format!("Last-Event-ID: {size}\r\n"));
    assert_eq!(back.event()["all"], true);
    let mut page = Stream::open(&up, "localhost", &format!("?after={size}"), "");
    assert_eq!(page.event()["all"], true, "a page that was made before");
    let mut ahead = Stream::open(&up, "localhost", "", "Last-Event-ID: 999999\r\n");
    assert_eq!(ahead.event()["all"], true, "of a ledger that was restored");
    assert!(up.stop(), "open streams hold up no end");
    stream.ends();
}

#[test]
fn figures_need_a_right_or_the_operators_token() {
    let (shop, _) = rehearsal();
    let up = shop.home.up();
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = get(&up, "localhost", path, "");
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
    let token = "0123456789abcdef0123456789abcdef";
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let scrape = |headers: &str| get(&up, "localhost", "/metrics", headers);
    assert_eq!((scrape("").status, scrape(&bearer(token)).status), (401, 401), "there is no token yet");
    let file = shop.home.data().join("metrics.token");
    std::fs::write(&file, "short\n").unwrap();
    assert_eq!(scrape(&bearer("short")).status, 401, "it is no secret");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    assert_eq!(scrape(&bearer(&token[1..])).status, 401);
    let found = scrape(&bearer(token));
    assert_eq!(found.status, 200, "{}", found.body);
    assert!(found.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "countersign_writer_up 1",
        "countersign_ledger_misfits 0",
        "countersign_releases_open{stage=\"held\"} 0",
    ] {
        assert!(found.body.contains(line), "{line}: {}", found.body);
    }
    assert!(found.body.contains("countersign_runner_silent_seconds{runner=\"runner-1\"}"), "{}", found.body);
    assert!(found.body.ends_with("# EOF\n") && !found.body.contains("shop"), "{}", found.body);
    assert_eq!(get(&up, "localhost", "/api/v1/runs", &bearer(token)).status, 401, "it reads nothing else");
    assert!(up.stop());
}
