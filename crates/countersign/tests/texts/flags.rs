//! Wrong command lines: verbs, flags and values that cannot be read. No installation is needed to notice them.

use super::Page;
use crate::support::Home;

#[test]
fn wrong_verbs_and_flags() {
    let home = Home::new();
    let mut page = Page::new(&home);
    page.fails("no verb", &[]);
    page.fails("a verb with a slip", &["staus"]);
    page.fails("a verb of a group with a slip", &["trust", "enroll"]);
    page.fails("a group without its verb", &["trust"]);
    page.fails("an unknown flag", &["run", "--nowait"]);
    page.fails("a flag without its value", &["run", "--project"]);
    page.fails("a flag twice", &["run", "--project", "a", "--project", "b"]);
    page.fails("an unknown format", &["status", "-o", "yaml"]);
    page.fails("one word too many", &["status", "all"]);
    for verb in ["cancel", "freeze", "unfreeze", "verify"] {
        page.fails("a verb without what it acts on", &[verb]);
    }
    for words in [["policy", "test"], ["policy", "copy"], ["trust", "sign"], ["trust", "send"]] {
        page.fails("the same in a group", &words);
    }
    page.fails("enrolment without a person", &["trust", "enrol"]);
    page.fails("no place to make a statement for", &["trust", "environment"]);
    page.fails("key use without a line", &["key", "use"]);
    page.fails("key use with a person alone", &["key", "use", "--person", "abcd"]);
    page.fails("a witness without its directory", &["witness"]);
    page.fails("a runner without its directory", &["runner"]);
    page.fails("a runner that joins without options", &["runner", "join"]);
    page.fails("an agent without its directory", &["agent"]);
    page.fails("an agent that joins without options", &["agent", "join"]);
    page.fails("an agent's status without a file", &["agent", "status"]);
    page.end("verbs-and-flags");
}

#[test]
fn flags_that_exclude_or_need_each_other() {
    let home = Home::new();
    let mut page = Page::new(&home);
    page.fails("a node without a run", &["approve", "--step", "sign-off"]);
    page.fails("a run without a node", &["approve", "--run", "abcd"]);
    page.fails(
        "a node and a reason",
        &["approve", "--run", "abcd", "--step", "sign-off", "--reason", "read it"],
    );
    page.fails("a time without a key", &["trust", "status", "--since", "2026-01-01T00:00:00.000Z"]);
    page.fails("saved and for others", &["trust", "status", "--save", "f", "--out", "g"]);
    page.fails("anew without an agent", &["trust", "environment", "a/b/c", "--anew"]);
    page.fails("a server without a state", &["verify", "f", "--url", "http://127.0.0.1:8080"]);
    page.fails("an origin that is begun and adopted", &["trust", "origin", "--out", "a", "--adopt", "b"]);
    page.fails("an origin without a file", &["trust", "origin"]);
    page.fails("no project, but its command", &["init", "--bare", "--command", "x"]);
    page.fails("a team without its people", &["init", "--mode", "team"]);
    page.fails("solo with a list of people", &["init", "--people", "people.json"]);
    page.fails("two runner keys at most", &{
        let uri = "pkcs11:object=a?module-path=/m.so&pin-source=/pin";
        ["init", "--runner-key", uri, "--runner-key", uri, "--runner-key", uri]
    });
    page.end("flags-together");
}

#[test]
fn values_that_cannot_be_read() {
    let home = Home::new();
    let mut page = Page::new(&home);
    for (what, words) in VALUES {
        let words: Vec<_> = words.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        page.fails(what, &words);
    }
    page.end("values");
}

/// What is wrong, and the words of the command; `''` is an empty word.
const VALUES: [(&str, &str); 55] = [
    ("project", "run --project Shop!"),
    ("project", "pipeline check --project ''"),
    ("run", "cancel no"),
    ("run or place", "logs no"),
    ("place of a log", "logs shop/api"),
    ("step of a log", "logs abcd Build"),
    ("runner of a log", "logs --runner Runner_1"),
    ("place", "approve production"),
    ("place with a bad name", "promote Shop/api/production"),
    ("place with four parts", "rollback a/b/c/d"),
    ("release", "rollback a/b/c --to first"),
    ("release", "evidence a/b/c first"),
    ("empty reason", "reject --reason ''"),
    ("empty reason", "rollback --reason ''"),
    ("node", "approve --run abcd --step Sign_off"),
    ("digits of a run", "approve --run ABCD --step sign-off"),
    ("mode", "init --mode pair"),
    ("port", "init --command x --port 0"),
    ("port", "init --command x --port eighty"),
    ("device", "init --ledger-key ledger.pem"),
    ("device without an object", "init --ledger-key pkcs11:token=t"),
    ("device with a PIN", "init --ledger-key pkcs11:object=a?pin-value=1234"),
    ("device without a module", "init --provenance-key pkcs11:object=a?pin-source=/pin"),
    ("device without a PIN file", "init --provenance-key pkcs11:object=a?module-path=/m.so"),
    ("device with a relative path", "init --runner-key pkcs11:object=a?module-path=m.so&pin-source=/pin"),
    (
        "device with an unknown attribute",
        "init --runner-key pkcs11:object=a;x=y?module-path=/m&pin-source=/p",
    ),
    ("device with an attribute twice", "init --runner-key pkcs11:object=a;object=b"),
    ("device with an attribute without a value", "init --runner-key pkcs11:object"),
    ("device with a bad escape", "init --runner-key pkcs11:object=%0"),
    ("device with bytes that are no text", "init --runner-key pkcs11:object=a;token=%ff"),
    ("device with a bad slot", "init --runner-key pkcs11:object=a;slot-id=x"),
    ("device with a public key", "init --runner-key pkcs11:object=a;type=public"),
    ("network", "up --allow-network example"),
    ("network", "up --allow-network 10.1.0.0/99"),
    ("memory", "up --step-memory-max 1"),
    ("time", "up --step-time-max 0"),
    ("settling", "up --settle-seconds 9999"),
    ("log format", "up --log-format xml"),
    ("log filter", "up --log server=loud"),
    ("steps", "runner --data d --server http://127.0.0.1:8080 --steps 0"),
    ("disk space", "runner --data d --server http://127.0.0.1:8080 --keep 1"),
    ("name of a runner", "runner join --data d --name Runner_1 --pin x"),
    ("place of an agent", "agent join --data d --name agent-1 --place dev --pin x"),
    ("address", "server --listen nowhere"),
    ("address", "up --listen 8080"),
    ("server", "runner --data d --server nowhere --steps x"),
    ("digest of an enrolment", "trust status --withdraw abcd"),
    ("digest of an artifact", "trust status --bar no"),
    ("time", "trust status --revoke x --since yesterday"),
    ("port of a place", "trust environment a/b/c --port 0"),
    ("whether releases start by themselves", "trust environment a/b/c --automatic maybe"),
    ("name of a place before", "trust environment a/b/c --after Staging!"),
    ("beginning of a dry run", "policy dry-run d --since yesterday"),
    ("beginning of a dry run that is to come", "policy dry-run d --since 2999-01-01"),
    ("place of a dry run", "policy dry-run d --environment a/b"),
];
