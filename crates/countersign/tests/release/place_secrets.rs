//! Secrets of a place as people use them: put, used by the service, hidden in its log, rotated without a release, and out of the
//! server's reach.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::statements::Statement;
use serde_json::json;
use vault::{SealSecret, SealedValue};

use super::{Shop, at};
use crate::codes;
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";
const FIRST: &str = "8XbR2-first-value-of-the-database-Qk7";
const SECOND: &str = "vN4tz-second-value-of-the-database-L0p";

/// Says what it got by its digest, which is no encoding of it, and prints the value itself, which the log must not show.
const SERVICE: &str = "value=$(cat \"$COUNTERSIGN_SECRETS/password\")
printf %s \"$value\" | sha256sum | cut -c1-64 > \"$STATE_DIRECTORY/seen.new\"
printf %s \"$DATABASE_PASSWORD\" | sha256sum | cut -c1-64 >> \"$STATE_DIRECTORY/seen.new\"
mv \"$STATE_DIRECTORY/seen.new\" \"$STATE_DIRECTORY/seen\"
echo \"the password is $value\"
printf %s \"$value\" | base64
while :; do sleep 0.05; done";

pub struct Values(tempfile::TempDir);

impl Values {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Puts a value at a place, as people do, and returns the answer.
    pub fn put(&self, shop: &Shop, place: &str, value: &str, code: i32) -> serde_json::Value {
        let file = self.0.path().join("value");
        fs::write(&file, value).unwrap();
        let words =
            ["secret", "put", "--place", place, "database", "--reason", "it is new", "--yes", "--file"];
        let put = shop.in_repository(&[&words[..], &[file.to_str().unwrap()]].concat(), code);
        fs::remove_file(file).unwrap();
        put
    }
}

pub fn shop() -> Shop {
    let shop = Shop::solo();
    let script = format!(
        "#!/bin/sh\nif [ \"${{1:-}}\" = probe ]; then test -e \"$STATE_DIRECTORY/seen\"; exit; fi\n{SERVICE}\n"
    );
    shop.write("service.sh", &script);
    shop.write(
        ".countersign/release.yaml",
        "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: { command: [bin/ledger-api], stop-seconds: 1 }
    secrets: { password: { secret: database, env: DATABASE_PASSWORD } }
    probe: { command: [bin/ledger-api, probe], attempts: 200, interval-ms: 20 }
",
    );
    shop.commit("a service with a secret");
    shop
}

pub fn agent_dir(shop: &Shop) -> PathBuf {
    shop.home.data().with_file_name("data.agent-ledger-api-dev")
}

/// Digests of the value in the file and in the variable, as the service said.
pub fn seen(shop: &Shop) -> Vec<String> {
    let text = fs::read_to_string(agent_dir(shop).join("state/seen")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

pub fn digests_of(value: &str) -> Vec<String> {
    vec![Digest::of(value.as_bytes()).hex(); 2]
}

#[test]
fn a_service_gets_its_secret_and_a_rotation_needs_no_release() {
    let (shop, values) = (shop(), Values::new());
    let up = shop.home.up();
    let missing = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&missing), ["secret-missing", "secret-not-granted"], "{missing}");
    shop.ok(&[
        "secret",
        "grant",
        "database",
        "--to-service",
        DEV,
        "--reason",
        "it reads the database",
        "--yes",
    ]);
    let put = values.put(&shop, DEV, FIRST, 0);
    assert_eq!((&put["number"], &put["agents"]), (&json!(1), &json!(["agent-1"])), "{put}");
    shop.in_repository(&["promote", DEV], 0);
    assert_eq!(seen(&shop), digests_of(FIRST));
    let released = at(&up, "dev")["running"].clone();
    assert_eq!(values.put(&shop, DEV, SECOND, 0)["number"], json!(2));
    until(|| (seen(&shop) == digests_of(SECOND)).then_some(()));
    let service = until(|| {
        let service = at(&up, "dev")["service"].clone();
        (service["secrets"] == json!({ "database": 2 })).then_some(service)
    });
    assert_eq!(service.get("secret_refused"), None, "{service}");
    assert_eq!(at(&up, "dev")["running"], released, "no release was made");
    let log = until(|| {
        let log = shop.ok(&["logs", DEV])["log"].as_str().unwrap().to_owned();
        (log.matches("the password is ***\n").count() >= 2).then_some(log)
    });
    for value in [FIRST, SECOND] {
        assert!(!log.contains(value) && !log.contains(&encoded(value)), "{log}");
    }
    let known = ["used 1", "first-use", "used 2"];
    until(|| (uses(&shop) == known).then_some(()));
    nothing_has_the_values(&shop, &up);
    only_the_agent_opens_it(&shop);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["decisions"], &replayed["differ"]), (&replayed["agree"], &json!(0)), "{replayed}");
    assert!(up.stop());
    // The agent alone has what the service needs: it starts again while no server is there.
    fs::remove_file(agent_dir(&shop).join("state/seen")).unwrap();
    let up = shop.home.up();
    until(|| (seen(&shop) == digests_of(SECOND)).then_some(()));
    // The agent says the same again, which is on record; another place has none.
    until(|| (at(&up, "dev")["service"]["secrets"] == json!({ "database": 2 })).then_some(()));
    assert_eq!(uses(&shop), known);
    let elsewhere = shop.ok(&["secret", "used", "database", "--place", "shop/ledger-api/staging"]);
    assert_eq!(elsewhere["lines"], json!([]));
    refused_version(&shop, &values, &up);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// What the record says of the secret at the place, the oldest first.
fn uses(shop: &Shop) -> Vec<String> {
    let used = shop.ok(&["secret", "used", "database", "--place", DEV]);
    let lines = used["lines"].as_array().unwrap().iter().rev();
    let told = |line: &serde_json::Value| {
        assert_eq!((&line["who"], &line["place"]), (&json!({ "machine": "agent-1" }), &json!(DEV)), "{line}");
        match (line["allowed"].as_bool(), line["summary"].as_str().unwrap()) {
            (Some(true), _) => format!("used {}", line["number"]),
            (Some(false), summary) => summary.to_owned(),
            (None, "shop/database is used by this agent for the first time") => "first-use".to_owned(),
            (None, summary) => summary.to_owned(),
        }
    };
    lines.map(told).collect()
}

/// The page of secrets: versions, who runs which, who may have it, and no value.
fn page_shows_it(up: &Up) {
    let (status, body) = up.get("/secrets.json");
    assert!(status == 200 && ![FIRST, SECOND].iter().any(|value| body.contains(value)), "{body}");
    let page: serde_json::Value = serde_json::from_str(&body).unwrap();
    let row = |title: &str| {
        let table = page["tables"].as_array().unwrap().iter().find(|table| table["title"] == *title).unwrap();
        table["rows"][0].as_array().unwrap().clone()
    };
    let placed = row("Secrets of places");
    assert_eq!((&placed[0]["text"], &placed[1]["text"]), (&json!("database"), &json!("number 3")));
    assert_eq!((&placed[3]["text"], &placed[3]["badge"]), (&json!("agent-1"), &json!(null)));
    assert_eq!(placed[4]["badge"]["word"], json!("refused"));
    let said = placed[4]["text"].as_str().unwrap();
    assert!(said.starts_with("agent-1 runs 2 in release "), "{said}");
    assert!(said.ends_with("; agent-1 does not use 3: secret-unopened"), "{said}");
    let granted = row("Grants in force");
    assert_eq!(
        (&granted[0]["text"], &granted[1]["text"]),
        (&json!("database"), &json!("service ledger-api in dev"))
    );
    assert_eq!(row("Rotation calendar")[0]["text"], json!(format!("database of {DEV}")));
    let used = row("Uses");
    assert_eq!((&used[1]["text"], &used[4]["badge"]["word"]), (&json!("shop/database 3"), &json!("refused")));
}

fn text(shop: &Shop, words: &[&str]) -> String {
    String::from_utf8(shop.home.run(words).stdout).unwrap()
}

/// An agent that cannot open a version says so, and that is on record, too.
fn refused_version(shop: &Shop, values: &Values, up: &Up) {
    let (key, aside) = (agent_dir(shop).join("seal.key"), agent_dir(shop).join("seal.aside"));
    fs::rename(&key, &aside).unwrap();
    assert_eq!(values.put(shop, DEV, FIRST, 0)["number"], json!(3));
    let refused = "shop/database version 3 is not used: secret-unopened";
    until(|| uses(shop).contains(&refused.to_owned()).then_some(()));
    let service = at(up, "dev")["service"].clone();
    assert_eq!(service["secrets_unused"]["database"], json!({ "number": 3, "code": "secret-unopened" }));
    let shown = text(shop, &["status"]);
    assert!(shown.contains("; secrets: database 2; a newer secret is not used: secret-unopened"), "{shown}");
    let shown = text(shop, &["secret", "used", "database", "--place", DEV]);
    assert!(shown.contains(&format!("{refused}, agent-1, at {DEV}, release ")), "{shown}");
    page_shows_it(up);
    fs::rename(&aside, &key).unwrap();
    until(|| (uses(shop).last().unwrap() == "used 3").then_some(()));
    assert_eq!(uses(shop), ["used 1", "first-use", "used 2", refused, "used 3"]);
}

pub fn encoded(value: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(value)
}

/// Searches every file of the installation, and the memory, variables and arguments of its long-lived processes.
fn nothing_has_the_values(shop: &Shop, up: &Up) {
    let texts: Vec<String> =
        [FIRST, SECOND].iter().flat_map(|value| [(*value).to_owned(), encoded(value)]).collect();
    let has = |bytes: &[u8]| texts.iter().any(|text| contains(bytes, text));
    let mut files = 0;
    each_file(shop.home.dir.path(), &mut |path, bytes| {
        files += 1;
        assert!(!has(bytes), "{} has a value", path.display());
    });
    assert!(files > 50, "only {files} files were searched");
    for (role, pid) in &up.roles {
        for part in ["environ", "cmdline"] {
            assert!(!has(&fs::read(format!("/proc/{pid}/{part}")).unwrap()), "{role} has a value in {part}");
        }
        let memory = memory_of(*pid);
        assert!(!memory.is_empty(), "{role}");
        assert!(!memory.iter().any(|part| has(part)), "the memory of {role} has a value");
    }
    // The service has it, so the search finds what is there.
    let serving = processes().into_iter().filter(|pid| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        contains(&variables, &format!("DATABASE_PASSWORD={SECOND}"))
    });
    let with_value = serving.filter(|pid| memory_of(*pid).iter().any(|part| has(part))).count();
    assert!(with_value > 0, "the service itself was not found");
}

/// With everything that the server has, and with what the agent has.
fn only_the_agent_opens_it(shop: &Shop) {
    let (mut sealed, mut statements) = (Vec::new(), Vec::new());
    let data = shop.home.data();
    let keys = data.with_file_name("data.keys");
    for dir in [&data, &keys].into_iter().filter(|dir| dir.exists()) {
        each_file(dir, &mut |path, bytes| {
            assert!(!contains(bytes, "countersign-seal-key"), "{} has a private seal key", path.display());
            sealed.extend(SealedValue::decode(bytes));
            let read = Envelope::decode(bytes).ok().and_then(|envelope| Statement::read(&envelope).ok());
            statements.extend(read.filter(|statement| statement.secret().is_some()));
        });
    }
    assert_eq!(
        (sealed.len(), statements.len()),
        (2, 2),
        "the server has the sealed values, and who put them"
    );
    let newest = statements.iter().find(|statement| statement.secret().unwrap().number == 2).unwrap();
    let version = newest.secret().unwrap();
    let value = sealed.iter().find(|value| value.digest().unwrap() == version.value).unwrap();
    let line = fs::read_to_string(agent_dir(shop).join("seal.key")).unwrap();
    let seal: SealSecret = line.parse().unwrap();
    let wrapped = &version.keys[&seal.public().unwrap()];
    let binding = value.binding(newest.installation, None).unwrap();
    let key = seal.unwrap(wrapped, &binding).unwrap();
    assert_eq!(value.open(newest.installation, &key).unwrap().as_slice(), SECOND.as_bytes());
    let other = SealSecret::filled(|bytes| bytes.fill(7));
    assert!(other.unwrap(wrapped, &binding).is_err(), "another key");
}

pub fn each_file(dir: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for item in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, kind) = (item.path(), item.file_type().unwrap());
        if kind.is_dir() {
            each_file(&path, look);
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
        {
            look(&path, &bytes);
        }
    }
}

/// The writable memory of a process.
pub fn memory_of(pid: u32) -> Vec<Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let Ok(mut memory) = fs::File::open(format!("/proc/{pid}/mem")) else { return Vec::new() };
    let regions = maps.lines().filter_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        rest.starts_with("rw").then_some((number(from)?, number(to)?))
    });
    let read = regions.filter_map(|(from, to)| {
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(from)).ok()?;
        // A page that is not there ends the region; what was read before it counts.
        let _ = (&memory).take(to - from).read_to_end(&mut bytes);
        Some(bytes)
    });
    read.collect()
}

pub fn processes() -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|item| item.file_name().to_str()?.parse().ok()).collect()
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    // The search of the standard library is fast, also in a program that was not optimised.
    String::from_utf8_lossy(bytes).contains(text)
}

#[test]
fn a_version_counts_at_its_place_alone() {
    let (shop, values) = (shop(), Values::new());
    let up = shop.home.up();
    // A version for staging is none for dev.
    values.put(&shop, "shop/ledger-api/staging", FIRST, 0);
    let missing = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&missing), ["secret-missing", "secret-not-granted"], "{missing}");
    let unknown = values.put(&shop, "shop/ledger-api/elsewhere", FIRST, 1);
    assert!(unknown["error"].as_str().unwrap().contains("there is no place"), "{unknown}");
    let path =
        ["secret", "put", "--place", DEV, "shop/database", "--reason", "x", "--yes", "--file", "service.sh"];
    let path = shop.in_repository(&path, 2);
    assert!(path["error"].as_str().unwrap().contains("a plain name there"), "{path}");
    assert!(up.stop());
}

/// The statement that put the newest version at the place.
fn newest_statement(up: &Up) -> String {
    let statements = at(up, "dev")["statements"].as_array().unwrap().clone();
    let of = |kind: &str| statements.iter().find(|it| it["kind"] == kind).cloned();
    of("deploy-secret").unwrap()["statement"].as_str().unwrap().to_owned()
}

#[test]
fn attack_a_withdrawn_version_runs_on_at_a_place() {
    let (shop, values) = (shop(), Values::new());
    let up = shop.home.up();
    shop.in_repository(&["run"], 3);
    let grant = ["secret", "grant", "database", "--to-service", DEV, "--reason", "it reads", "--yes"];
    let granted = shop.ok(&grant);
    values.put(&shop, DEV, FIRST, 0);
    shop.in_repository(&["promote", DEV], 0);
    assert_eq!(seen(&shop), digests_of(FIRST));
    // A grant that is taken back: no newer version, and the service goes on.
    shop.ok(&["trust", "status", "--yes", "--withdraw", granted["statement"].as_str().unwrap()]);
    values.put(&shop, DEV, SECOND, 0);
    let refused = until(|| at(&up, "dev")["service"]["secret_refused"].as_str().map(str::to_owned));
    assert!(
        refused.starts_with("secret-not-granted: no grant in force lets service ledger-api have version 2"),
        "{refused}"
    );
    assert_eq!(at(&up, "dev")["service"]["secrets"], json!({ "database": 1 }));
    // A rotation waits for the agent and says why; the former value stays valid.
    let recipe = values.0.path().join("recipe.yaml");
    let text = format!(
        "version: 1\nplace: {DEV}\nsecret: database\nwait-seconds: 1\nsource: {{ command: [printf, {SECOND}] }}\n"
    );
    fs::write(&recipe, &text).unwrap();
    let rotate = ["secret", "rotate", recipe.to_str().unwrap(), "--reason", "every quarter", "--yes"];
    let late = shop.in_repository(&rotate, 1)["error"].as_str().unwrap().to_owned();
    assert!(
        late.contains("agent-1 has version 1 (secret-not-granted: ") && late.contains("is still valid"),
        "{late}"
    );
    shop.ok(&grant);
    fs::write(&recipe, text.replace("wait-seconds: 1", "wait-seconds: 100")).unwrap();
    assert_eq!(shop.ok(&rotate)["resumed"], json!(true));
    assert_eq!(
        (seen(&shop), &at(&up, "dev")["service"]["secrets"]),
        (digests_of(SECOND), &json!({ "database": 3 }))
    );
    // The version in use is withdrawn: the service ends, and a restart of the agent does not start it.
    shop.ok(&["trust", "status", "--yes", "--withdraw", &newest_statement(&up)]);
    let down = until(|| at(&up, "dev")["service"]["down"].as_str().map(str::to_owned));
    assert!(down.starts_with("secret-withdrawn: version 3 of secret `database` was withdrawn"), "{down}");
    fs::remove_file(agent_dir(&shop).join("state/seen")).unwrap();
    assert!(up.stop());
    let up = shop.home.up();
    let again = until(|| at(&up, "dev")["service"]["down"].as_str().map(str::to_owned));
    assert_eq!((again, seen(&shop)), (down, vec![]));
    // A newer one starts it.
    values.put(&shop, DEV, FIRST, 0);
    until(|| (seen(&shop) == digests_of(FIRST)).then_some(()));
    until(|| at(&up, "dev")["service"].get("down").is_none().then_some(()));
    assert!(up.stop());
}
