//! Refusals, by the server and by the verbs that make statements: what one person may not do, and what does not fit the
//! statements in force.

use std::fs;

use super::Page;
use crate::answers::teams::founded;
use crate::release::shop::Shop;
use crate::support::Home;

const PLACE: &str = "shop/ledger-api/production";

#[test]
fn statements_that_are_refused() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let home = &shop.home;
    for key in ["bob", "bob-in", "carol", "carol-in"] {
        home.ssh_key(&format!("shop/{key}"));
    }
    let mut page = Page::within(home, shop.repository());
    enrolments(&mut page, home);
    status(&mut page);
    page.end("statements-refused");
    let mut page = Page::within(home, shop.repository());
    roots(&mut page);
    in_force(&mut page, home);
    page.end("roots-refused");
    let mut page = Page::within(home, shop.repository());
    environments(&mut page);
    page.end("environments-refused");
    let mut page = Page::within(home, shop.repository());
    files(&mut page, &shop);
    page.end("statement-files-refused");
    let mut page = Page::within(home, shop.repository());
    while_it_is_up(&mut page, &shop);
    page.end("while-it-is-up");
    assert!(up.stop());
}

fn enrolments(page: &mut Page<'_>, home: &Home) {
    let bob = ["trust", "enrol", "--yes", "--name", "Bob", "--email", "b@example.com", "--key"];
    let with = |rest: &[&'static str]| [&bob[..], rest].concat();
    page.fails("a key that is not there", &with(&["gone", "--sign-in-key", "bob-in", "--role", "developer"]));
    page.fails("a role that is no name", &with(&["bob", "--sign-in-key", "bob-in", "--role", "Developer"]));
    page.fails("a project that is no name", &{
        with(&["bob", "--sign-in-key", "bob-in", "--role", "developer@Shop"])
    });
    page.fails("no terminal", &{
        let all = with(&["bob", "--sign-in-key", "bob-in", "--role", "developer"]);
        all.into_iter().filter(|word| *word != "--yes").collect::<Vec<_>>()
    });
    home.json_in(
        &home.dir.path().join("shop"),
        &with(&["bob", "--sign-in-key", "bob-in", "--role", "developer"]),
        0,
    );
    page.shows("a person who is enrolled already", &{
        let all = with(&["carol", "--sign-in-key", "carol-in", "--role", "developer", "--out", "carol.json"]);
        all.into_iter().map(|word| if word == "Bob" { "Robert" } else { word }).collect::<Vec<_>>()
    });
    page.fails("a role with a slip", &{
        with(&["carol", "--sign-in-key", "carol-in", "--role", "relase-manager"])
    });
    page.fails("the same keys again", &with(&["bob", "--sign-in-key", "bob-in", "--role", "developer"]));
}

fn status(page: &mut Page<'_>) {
    let change = ["trust", "status", "--yes"];
    let with = |rest: &[&'static str]| [&change[..], rest].concat();
    page.fails("an enrolment that nobody has", &{
        with(&["--withdraw", "sha256:abababababababababababababababababababababababababababababababab"])
    });
    page.fails("digits of no artifact", &with(&["--bar", "abcd"]));
    page.fails("a key that is none", &with(&["--revoke", "bob"]));
    page.fails("a place that is not frozen", &with(&["--unfreeze", "shop"]));
    page.fails("a file that cannot be written", &["trust", "status", "--save", "gone/status.json"]);
}

fn roots(page: &mut Page<'_>) {
    let change = ["trust", "root", "--yes"];
    let with = |rest: &[&'static str]| [&change[..], rest].concat();
    for (what, rest) in [
        ("an unknown runner", ["--remove-runner", "runner-9"]),
        ("a runner without a key", ["--runner", "runner-9"]),
        ("a runner with a bad name", ["--runner", "Runner=x"]),
        ("a runner with a bad key", ["--runner", "runner-9=x"]),
        ("a group without a key", ["--add", "holders"]),
        ("an unknown group", ["--add", "owners=bob"]),
        ("a key that is not there", ["--add", "holders=gone"]),
        ("a key that is in the group", ["--add", "holders=../.ssh/id_ed25519"]),
        ("a key that is not in the group", ["--remove", "holders=SHA256:x"]),
        ("a threshold that is no number", ["--threshold", "holders=two"]),
        ("a threshold above the number of people", ["--threshold", "holders=2"]),
        ("a threshold of none", ["--threshold", "holders=0"]),
        ("an unknown witness", ["--remove-witness", "nobody"]),
        ("a witness without a host", ["--witness", "w+12345678+abc"]),
        ("a witness with a bad key", ["--witness", "w+12345678+abc@host"]),
        ("more witnesses than there are", ["--witness-quorum", "9"]),
    ] {
        page.fails(what, &with(&rest));
    }
}

/// A key that signed everything that is in force is replaced.
fn in_force(page: &mut Page<'_>, home: &Home) {
    let mine = home.ok(&["key", "show"])["fingerprint"].as_str().unwrap().to_owned();
    let mut words: Vec<String> = ["trust", "root", "--yes", "--out", "next.json"].map(str::to_owned).into();
    for group in ["registrars", "policy", "status"] {
        words.extend(["--add".to_owned(), format!("{group}=bob"), "--remove".to_owned()]);
        words.push(format!("{group}={mine}"));
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    page.shows("a key that signed what is in force", &words);
}

fn environments(page: &mut Page<'_>) {
    let change = ["trust", "environment", "--yes", PLACE];
    let with = |rest: &[&'static str]| [&change[..], rest].concat();
    page.fails("a place without an agent", &["trust", "environment", "--yes", "shop/ledger-api/test"]);
    for (what, rest) in [
        ("a variable without a value", ["--variable", "NAME"]),
        ("a variable with a bad name", ["--variable", "A B=c"]),
        ("a Prometheus without an address", ["--prometheus", "metrics"]),
        ("a Prometheus in the clear", ["--prometheus", "metrics=http://metrics.example.com"]),
        ("an agent without a key", ["--agent", "agent-1"]),
        ("an agent with a bad name", ["--agent", "Agent=x"]),
        ("an agent with a bad key", ["--agent", "agent-1=x"]),
        ("no such policy", ["--policy", "gone"]),
        ("no such bounds", ["--bounds", "gone.yaml"]),
        ("bounds of another shape", ["--bounds", ".countersign/release.yaml"]),
        ("an environment that is not there", ["--after", "test"]),
        ("an environment after itself", ["--after", "production"]),
        ("a baseline that is not there", ["--baseline", "nosuch"]),
    ] {
        page.fails(what, &with(&rest));
    }
    page.shows("a baseline by its name", &with(&["--baseline", "HEAD", "--out", "place.json"]));
    page.fails(
        "a circle",
        &["trust", "environment", "--yes", "shop/ledger-api/dev", "--after", "production"],
    );
}

fn files(page: &mut Page<'_>, shop: &Shop) {
    let at = |name: &str| shop.repository().join(name);
    fs::write(at("text.json"), "text").unwrap();
    shop.ok(&["trust", "root", "--renew", "--yes", "--out", "root.json"]);
    shop.ok(&["trust", "environment", PLACE, "--yes", "--port", "8080", "--out", "place.json"]);
    shop.ok(&["trust", "environment", PLACE, "--yes", "--port", "8081", "--out", "other.json"]);
    shop.ok(&["freeze", PLACE, "--yes", "--out", "freeze.json"]);
    shop.ok(&["trust", "pin"]);
    for verb in ["sign", "send"] {
        page.fails("a file that is not there", &["trust", verb, "gone.json"]);
        page.fails("a file that holds no statement", &["trust", verb, "text.json"]);
    }
    page.fails("no terminal", &["trust", "sign", "freeze.json"]);
    fs::copy(at("other.json.configuration"), at("place.json.configuration")).unwrap();
    page.fails("another configuration beside it", &["trust", "sign", "place.json", "--show"]);
    fs::remove_file(at("place.json.policy")).unwrap();
    page.fails("no policy beside it", &["trust", "sign", "place.json", "--show"]);
    page.fails("the same when it is sent", &["trust", "send", "place.json"]);
    let other = Home::solo();
    let others = at("others.json");
    other.ok(&["trust", "root", "--out", others.to_str().unwrap()]);
    page.fails("a statement of another installation", &["trust", "sign", "others.json", "--yes"]);
    page.fails("the same when it is sent", &["trust", "send", "others.json"]);
    shop.ok(&["trust", "send", "root.json"]);
    page.fails("a root that is in force", &["trust", "send", "root.json"]);
    shop.ok(&["trust", "send", "freeze.json"]);
    page.fails("a status that is in force", &["trust", "send", "freeze.json"]);
    shop.ok(&["trust", "send", "other.json"]);
    page.fails("a place's statement that is in force", &["trust", "send", "other.json"]);
    shop.ok(&["trust", "status", "--save", "status.json"]);
    let agent = shop.home.data().with_file_name("data.agent-ledger-api-dev");
    let agent = agent.to_str().unwrap();
    page.fails("a status that is none", &["agent", "status", "--data", agent, "text.json"]);
    page.fails("a status that is not there", &["agent", "status", "--data", agent, "gone.json"]);
    let line = other.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    page.shows("the line of another installation", &["trust", "pin", "--set", &line]);
}

fn while_it_is_up(page: &mut Page<'_>, shop: &Shop) {
    page.fails("a second up", &["up"]);
    page.fails("a second server", &["server"]);
    page.fails("a new origin", &["trust", "origin", "--adopt", "root.json"]);
    let witness = shop.home.data().with_file_name("data.witness");
    page.fails("a second witness", &["witness", "--data", witness.to_str().unwrap()]);
    for role in ["runner-1", "agent-ledger-api-dev"] {
        let dir = shop.home.data().with_file_name(format!("data.{role}"));
        let kind = role.split('-').next().unwrap();
        let words = [kind, "--data", dir.to_str().unwrap(), "--server", "http://127.0.0.1:1"];
        page.fails("a second role", &words);
    }
    page.fails("another root", &["audit", "verify", "--trust-root", "others.json"]);
    page.fails("a root that is none", &["audit", "verify", "--trust-root", "text.json"]);
    page.fails("a root that is not there", &["audit", "verify", "--trust-root", "gone.json"]);
}

#[test]
fn one_of_two_people_is_refused() {
    let (shop, bob) = founded("rehearsal");
    let up = shop.home.up();
    let mut page = Page::within(&shop.home, shop.repository());
    shop.ok(&["run"]);
    page.fails_in_the_end("a promotion that nobody approved", &["promote"]);
    page.fails("an own change", &["approve", "--yes", "--reason", "mine"]);
    page.fails("a freeze lifted alone", &["unfreeze", "--yes", PLACE]);
    shop.ok(&["freeze", "--yes", PLACE]);
    page.fails("the same where there is one", &["unfreeze", "--yes", PLACE]);
    page.fails("a status renewed alone", &["trust", "status", "--renew", "--yes"]);
    let key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let revoke = ["trust", "status", "--yes", "--revoke", key, "--since"];
    shop.ok(&[&revoke[..], &["2026-01-01T00:00:00.000Z"]].concat());
    page.fails("a key that counts longer again", &[&revoke[..], &["2026-02-01T00:00:00.000Z"]].concat());
    page.fails("a root renewed alone", &["trust", "root", "--renew", "--yes"]);
    page.fails("a place's statement alone", &["trust", "environment", "--yes", PLACE, "--port", "8080"]);
    shop.sign_off();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = fs::read_to_string(&path).unwrap();
    shop.write(".countersign/pipeline.yaml", &text.replace("count: 1", "count: 2"));
    shop.commit("two people sign off");
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let node = ["approve", "--run", &run, "--step", "sign-off", "--yes"];
    page.fails("an own run at a node", &node);
    page.fails("a node that is not there", &{ ["approve", "--run", &run, "--step", "deploy", "--yes"] });
    bob.ok(&node);
    let mut bobs = Page::within(&bob, bob.dir.path());
    bobs.fails("a node twice", &node);
    let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    shop.ok(&["trust", "root", "--renew", "--yes", "--out", "root.json"]);
    let root = shop.repository().join("root.json");
    bob.ok(&["trust", "sign", root.to_str().unwrap(), "--yes"]);
    shop.ok(&["trust", "send", "root.json"]);
    let newer = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    bob.ok(&["trust", "pin", "--set", &newer]);
    bobs.fails("an older line", &["trust", "pin", "--set", &pin]);
    bobs.end("one-of-two-other");
    page.end("one-of-two");
    assert!(up.stop());
}

#[test]
fn commits_that_are_refused() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let mut page = Page::within(&shop.home, shop.repository());
    let pipeline = shop.repository().join(".countersign/pipeline.yaml");
    let text = fs::read_to_string(&pipeline).unwrap();
    shop.git(&["commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned"]);
    page.fails("a commit without a signature", &["run"]);
    let stranger = shop.home.ssh_key("stranger");
    let key = format!("user.signingkey={}", stranger.display());
    shop.git(&["-c", &key, "commit", "-q", "--allow-empty", "-S", "-m", "by a stranger"]);
    page.fails("a commit by a stranger", &["run"]);
    shop.write(".countersign/pipeline.yaml", "version: 1\nsteps: { a: { run: x, needs: [b] } }\n");
    shop.commit("a pipeline that is none");
    page.fails("a pipeline that breaks a rule", &["run"]);
    page.fails("the same in the working tree", &["pipeline", "check"]);
    shop.write(".countersign/pipeline.yaml", "version: 1\nsteps:\n  a: {run: x\n");
    page.fails("a pipeline that is no YAML", &["pipeline", "check"]);
    shop.write(".countersign/pipeline.yaml", &text.replace("cp service.sh", "cp nothing.sh"));
    page.fails_in_the_end("a step that fails here", &["pipeline", "run"]);
    shop.write(".countersign/pipeline.yaml", &text.replace("path: out/ledger-api }", "path: out/none }"));
    page.fails("an artifact of nothing", &["pipeline", "check"]);
    shop.write(".countersign/pipeline.yaml", &text);
    let release = shop.repository().join(".countersign/release.yaml");
    let service = fs::read_to_string(&release).unwrap();
    shop.write(".countersign/release.yaml", &service.replace("[bin/ledger-api]", "[bin/none]"));
    page.fails_in_the_end("a program that is not in the artifact", &["pipeline", "run"]);
    shop.write(".countersign/release.yaml", &service.replace("  ledger-api:\n", "  other:\n"));
    shop.commit("another service");
    page.fails("a service without a place", &["run"]);
    page.fails("the same in the working tree", &["pipeline", "check"]);
    shop.git(&["rm", "-q", ".countersign/pipeline.yaml"]);
    shop.commit("no pipeline");
    page.fails("no pipeline", &["run"]);
    shop.write(
        ".countersign/pipeline.yaml",
        &text
            .replace("outputs: [out/ledger-api]", "outputs: [out]")
            .replace("      chmod +x out/ledger-api\n", "")
            .replace(
                "bin/ledger-api: { step: build, path: out/ledger-api }",
                "bin: { step: build, path: out }",
            ),
    );
    shop.write(".countersign/release.yaml", &service);
    page.fails_in_the_end("a program that is not executable", &["pipeline", "run"]);
    let other =
        "  other:\n    run: mkdir out && echo other > out/ledger-api\n    outputs: [out/ledger-api]\n";
    shop.write(
        ".countersign/pipeline.yaml",
        &text.replace("  test: {", &format!("{other}  test: {{ needs: [build, other],")),
    );
    page.fails_in_the_end("two steps that leave the same file", &["pipeline", "run"]);
    let process = "    artifact: ledger-api\n    process: { command: [bin/ledger-api], listen: variable }\n";
    shop.write(".countersign/pipeline.yaml", &text);
    shop.write(".countersign/release.yaml", &service.replace("    artifact: ledger-api\n", process));
    shop.commit("a process without a port");
    page.fails("a process without a port", &["run"]);
    page.end("commits");
    assert!(up.stop());
}
