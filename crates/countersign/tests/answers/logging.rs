//! What roles log: JSON that names the request, the run and the role; a filter; failures under the id that the client shows.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::release::shop::Shop;
use crate::support::Home;

fn log_of(home: &Home) -> (PathBuf, File) {
    let path = home.dir.path().join("said");
    let file = File::create(&path).unwrap();
    (path, file)
}

fn objects(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

#[test]
fn json_lines_of_a_run_name_the_request_the_run_and_the_role() {
    let shop = Shop::solo();
    let (path, file) = log_of(&shop.home);
    let up = shop.home.up_logging(&["--log-format", "json", "--log", "debug"], file.into());
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    assert!(up.stop());
    let lines = objects(&path);
    for line in &lines {
        for name in ["time", "level", "target", "message", "role"] {
            assert!(line[name].is_string(), "{name}: {line}");
        }
    }
    let roles: BTreeSet<_> = lines.iter().map(|line| text(line, "role")).collect();
    assert_eq!(roles, ["agent", "runner", "server", "witness"].into());
    let of_run = |role: &str, message: &str| {
        let found = lines.iter().find(|line| {
            text(line, "role") == role && text(line, "run") == run && text(line, "message").contains(message)
        });
        found.unwrap_or_else(|| panic!("{role}: {message}")).clone()
    };
    let started = of_run("server", "recorded build.started");
    let request = text(&started, "request_id");
    assert_eq!((request.len(), text(&started, "level")), (32, "info"));
    // All lines of a request, from more than one module and thread, have its id.
    let of_request: Vec<_> = lines.iter().filter(|line| text(line, "request_id") == request).collect();
    let answered = of_request.iter().find(|line| line["message"] == "answered").unwrap();
    assert_eq!((text(answered, "path"), &answered["status"]), ("/api/v1/requests", &json!(200)));
    assert!(of_request.iter().any(|line| line["message"] == "accepted" && line["action"] == "run"));
    let done = of_run("runner", "is done");
    assert!(text(&done, "runner").starts_with("runner-"), "{done}");
    let reported = lines.iter().find(|line| line["message"] == "recorded release.reported").unwrap();
    assert_eq!(text(reported, "place"), "shop/ledger-api/dev");
    assert!(
        lines.iter().any(|line| !text(line, "agent").is_empty() && line["place"] == "shop/ledger-api/dev")
    );
}

#[test]
fn the_filter_silences_by_option_and_by_variable() {
    let home = Home::solo();
    // The server warns of it at every start.
    std::fs::write(home.data().join("snapshot.json"), "no snapshot").unwrap();
    let said = |options: &[&str]| {
        let (path, file) = log_of(&home);
        let up = home.up_logging(options, file.into());
        home.witnessed(&up);
        assert!(up.stop());
        std::fs::read_to_string(path).unwrap()
    };
    assert_eq!(said(&["--log", "off"]), "");
    let warned = said(&["--log", "warn"]);
    assert!(warned.lines().any(|line| line.starts_with("server: warning: ")), "{warned}");
    assert!(!warned.contains("started"), "{warned}");
    let usual = said(&[]);
    assert!(usual.contains("server: warning: ") && usual.contains("server: started address="), "{usual}");
    // Scripts take the first URL that `up` prints for the server's.
    assert!(!usual.lines().any(|line| line.contains("started") && line.contains("http://")), "{usual}");
    assert!(!usual.contains("debug:"), "{usual}");
    let code = |arguments: &[&str], filter| {
        home.command(arguments).env("COUNTERSIGN_LOG", filter).output().unwrap().status.code()
    };
    assert_eq!(code(&["up"], "server=loud"), Some(2), "a filter that cannot be read");
    // A verb that takes no log is no matter of the variable.
    let joined = home.dir.path().join("joined");
    let pin = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let join = ["runner", "join", "--name", "runner-3", "--pin", &pin, "--data", joined.to_str().unwrap()];
    assert_eq!(code(&join, "debug"), Some(0));
}

#[test]
fn attack_failures_at_will_are_a_line_a_minute_and_clients_show_which_request() {
    let home = Home::solo();
    let (path, file) = log_of(&home);
    let up = home.up_logging(&["--log-format", "json"], file.into());
    // Without its blobs the server has no trust root, so it fails every request.
    let blobs = home.data().join("blobs");
    std::fs::rename(&blobs, home.data().join("blobs.gone")).unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (status, body) = up.get("/api/v1/introduction");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 500, "{body}");
        ids.push(problem["request_id"].as_str().unwrap().to_owned());
    }
    let told = home.json(&["status"], 1)["error"].as_str().unwrap().to_owned();
    assert!(told.contains(" (request ") && told.contains("in the server's log)"), "{told}");
    std::fs::rename(home.data().join("blobs.gone"), &blobs).unwrap();
    assert!(up.stop());
    let lines = objects(&path);
    // A runner that asks meanwhile says the same in a line of its role.
    let of_server = lines.iter().filter(|line| text(line, "role") == "server");
    let failed: Vec<_> =
        of_server.filter(|line| text(line, "message").starts_with("the server failed")).collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(text(failed[0], "level"), "error");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
}
