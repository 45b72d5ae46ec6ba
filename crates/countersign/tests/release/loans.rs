//! Reads of build secrets through the binary: by a person, and by a runner whose step is due. The runner is this test, so that
//! each part of its claim can be another one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use ::evidence::claim::Claim;
use ::evidence::introduction::{self, Introduction};
use ::evidence::machine::{MachineKey, MachineSigner};
use ::evidence::{Digest, Id};
use client::{clock, key_files};
use serde_json::{Value, json};
use vault::{SealSecret, SealedValue};
use wire::{Credential, IntroductionAnswer, LentSecrets};

use super::hosts::Role;
use super::shop::Shop;
use super::vault::put;
use crate::codes;
use crate::support::Home;

const TOKEN: &str = "shop/registry/token";
const VALUE: &[u8] = b"lent-51c0ffee-only-here";

fn get(home: &Home, arguments: &[&str], code: i32) -> Value {
    home.json(&[&["secret", "get", TOKEN, "--reason", "the registry asks for it"], arguments].concat(), code)
}

/// Kinds and outcomes of all lines about a secret, the oldest first.
fn lines(home: &Home) -> Vec<(String, Value)> {
    let used = home.ok(&["secret", "used", TOKEN]);
    let lines = used["lines"].as_array().unwrap().iter().rev();
    lines.map(|line| (line["kind"].as_str().unwrap().to_owned(), line["allowed"].clone())).collect()
}

#[test]
fn a_person_reads_a_value_for_a_reason_and_it_is_recorded() {
    let home = Home::solo();
    let up = home.up();
    put(&home, &[TOKEN], b"first", 0);
    put(&home, &[TOKEN], VALUE, 0);
    let out = home.dir.path().join("value");
    let report = get(&home, &["--out", "value"], 0);
    assert_eq!((&report["number"], &report["bytes"]), (&json!(2), &json!(VALUE.len())));
    assert_eq!(std::fs::read(&out).unwrap(), VALUE);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&out).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    get(&home, &["--out", "value", "--number", "1"], 0);
    assert_eq!(std::fs::read(&out).unwrap(), b"first");
    // Not into a pipe, and then nothing is read; on a terminal it is shown.
    let refused = get(&home, &[], 2);
    assert!(refused["error"].as_str().unwrap().contains("on a terminal alone"), "{refused}");
    let shown = home.on_terminal(home.dir.path(), &format!("secret get {TOKEN} --reason tried"), "");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("lent-51c0ffee-only-here"), "{shown:?}");
    // A command gets it in a variable; another one of the same name does not reach it.
    let line = format!("test \"$NPM_TOKEN\" = {} && printf seen > seen", std::str::from_utf8(VALUE).unwrap());
    let variable = format!("{TOKEN}=NPM_TOKEN");
    let exec = ["secret", "exec", &variable, "--reason", "try the registry", "--", "sh", "-c", &line];
    assert!(home.run(&exec).status.success());
    assert_eq!(std::fs::read(home.dir.path().join("seen")).unwrap(), b"seen");
    let read = || [("secret-used".to_owned(), json!(true)), ("alert".to_owned(), Value::Null)];
    assert_eq!(lines(&home), [read(), read(), read(), read()].concat());
    put(&home, &[TOKEN], b"with a byte \0", 0);
    let failed = home.run(&exec);
    assert!(String::from_utf8_lossy(&failed.stderr).contains("has a byte 0"), "{failed:?}");

    let absent = ["secret", "exec", "shop/other=X", "--reason", "try", "--", "/no/such/program"];
    put(&home, &["shop/other"], b"x", 0);
    let failed = home.run(&absent);
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("`/no/such/program` did not start"),
        "{failed:?}"
    );
    home.ok(&["secret", "destroy", TOKEN, "--number", "1", "--yes"]);
    let gone = get(&home, &["--out", "value", "--number", "1"], 3);
    assert_eq!(codes(&gone), ["secret-destroyed"]);
    assert_eq!(codes(&get(&home, &["--out", "value", "--number", "9"], 3)), ["secret-unknown"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"first", "a refused read writes nothing");
    assert_eq!(lines(&home).last().unwrap(), &("secret-used".to_owned(), json!(false)));
    let who = home.ok(&["secret", "who-can", TOKEN]);
    assert_eq!(who["grants"], json!([]));
    assert!(up.stop());
    assert_eq!(home.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(home.ok(&["audit", "replay"])["differ"], json!(0));
}

/// A runner that can be told to lie.
struct Claimant {
    at: String,
    installation: Id,
    key: MachineKey,
    name: &'static str,
    signer: MachineSigner,
}

impl Claimant {
    fn of(home: &Home, url: &str, installation: Id, name: &'static str) -> Self {
        let at = url.trim_start_matches("http://").to_owned();
        let dir = home.data().with_file_name(format!("data.{name}"));
        let signer = key_files::read(&dir.join("key.pem")).unwrap();
        let mut claimant = Self { at, installation, key: *signer.public(), name, signer };
        let (_, said) = claimant.send("GET /api/v1/introduction", "", b"");
        let said: IntroductionAnswer = serde_json::from_value(said).unwrap();
        let payload = said.introduction.payload(introduction::PAYLOAD_TYPE).unwrap();
        claimant.key = serde_json::from_slice::<Introduction>(payload).unwrap().key;
        claimant
    }

    fn send(&self, line: &str, headers: &str, body: &[u8]) -> (u16, Value) {
        let head =
            format!("{line} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let mut stream = TcpStream::connect(&self.at).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    fn claim(&self, operation: &str, body: Option<&[u8]>) -> String {
        let claim = Claim {
            v: 1,
            installation: self.installation,
            machine: self.name.parse().unwrap(),
            operation: operation.to_owned(),
            issued: clock::moment(),
            server: Some(self.key),
            body: body.map(Digest::of),
        };
        let signed = Credential::Claim(claim.sign(&self.signer).unwrap());
        format!("Authorization: {}\r\n", signed.header().unwrap())
    }

    /// Nonces of due steps by name.
    fn due(&self) -> Vec<(String, String)> {
        let claim = self.claim("GET /api/v1/work/runner", None);
        let (status, works) = self.send("GET /api/v1/work/runner?now=true", &claim, b"");
        assert_eq!(status, 200, "{works}");
        let of = |work: &Value| {
            let due = &work["due"];
            (
                due["work"]["step"].as_str().unwrap_or_default().to_owned(),
                due["nonce"].as_str().unwrap().to_owned(),
            )
        };
        works.as_array().unwrap().iter().map(of).collect()
    }

    fn borrow(&self, nonce: &str, secrets: &[&str]) -> (u16, Value) {
        let secrets: Vec<_> = secrets.iter().map(|it| json!({ "as": "token", "secret": it })).collect();
        let body = json!({ "key": holder().public().unwrap(), "secrets": secrets }).to_string().into_bytes();
        let operation = format!("POST /api/v1/work/secrets/{nonce}");
        self.send(&operation, &self.claim(&operation, Some(&body)), &body)
    }
}

fn holder() -> SealSecret {
    SealSecret::filled(|bytes| bytes.fill(5))
}

fn refusals(said: &Value) -> Vec<&str> {
    said["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

/// A shop whose step `publish` asks for the token, and its server alone.
fn shop() -> (Shop, Role) {
    let shop = Shop::solo();
    let pipeline = std::fs::read_to_string(shop.repository().join(".countersign/pipeline.yaml")).unwrap();
    let publish = "  publish:\n    run: test -s /run/secrets/token\n    secrets:\n      token: { secret: registry/token }\n";
    shop.write(
        ".countersign/pipeline.yaml",
        &pipeline.replace("artifacts:\n", &format!("{publish}artifacts:\n")),
    );
    shop.commit("a step that publishes");
    let server = Role::start(&shop.home, &["server"]);
    (shop, server)
}

#[test]
fn a_step_that_is_due_gets_its_secret_and_nothing_else_does() {
    let (shop, server) = shop();
    let home = &shop.home;
    let installation = home.ok(&["status"])["installation"].as_str().unwrap().parse().unwrap();
    put(home, &[TOKEN], VALUE, 0);
    put(home, &["shop/other"], b"another one", 0);
    let grant =
        ["secret", "grant", TOKEN, "--to-step", "publish", "--ref", "refs/heads/main", "--pool", "branch"];
    home.ok(&[&grant[..], &["--reason", "the step publishes", "--yes"]].concat());
    let who = home.ok(&["secret", "who-can", TOKEN]);
    assert_eq!(who["grants"].as_array().unwrap().len(), 1, "{who}");
    shop.git(&["branch", "-M", "main"]);
    shop.ok(&["run", "--ref", "main", "--no-wait"]);
    let runners = ["runner-1", "runner-2"].map(|name| Claimant::of(home, &server.url, installation, name));
    let step = |runner: &Claimant, name: &str| {
        runner.due().into_iter().find(|(step, _)| step == name).map(|(_, nonce)| nonce)
    };
    let holders: Vec<_> = runners.iter().filter(|runner| step(runner, "publish").is_some()).collect();
    let [own] = holders.as_slice() else { panic!("one runner gets the step") };
    let nonce = step(own, "publish").unwrap();
    let (status, said) = own.borrow(&nonce, &[TOKEN]);
    assert_eq!(status, 200, "{said}");
    let lent: LentSecrets = serde_json::from_value(said.clone()).unwrap();
    let sealed = SealedValue::decode(&lent.values[0].sealed.0).unwrap();
    let binding = sealed.binding(installation, Some(nonce.parse().unwrap())).unwrap();
    let key = holder().unwrap(&lent.values[0].key, &binding).unwrap();
    assert_eq!(sealed.open(installation, &key).unwrap().as_slice(), VALUE);
    let elsewhere = sealed.binding(installation, Some(Id::from_random([7; 16]))).unwrap();
    assert!(holder().unwrap(&lent.values[0].key, &elsewhere).is_err(), "the key is for this work alone");

    let other = runners.iter().find(|runner| runner.name != own.name).unwrap();
    let test = step(own, "test").unwrap();
    let refused = |runner: &Claimant, nonce: &str, secrets: &[&str], code: &str| {
        let (status, said) = runner.borrow(nonce, secrets);
        assert_eq!(status, 403, "{said}");
        assert!(refusals(&said).contains(&code), "{code}: {said}");
        assert!(said.get("values").is_none());
    };
    refused(own, &test, &[TOKEN], "secret-not-named");
    refused(own, &nonce, &["shop/other"], "secret-not-named");
    refused(own, &nonce, &[TOKEN, "shop/other"], "secret-not-named");
    refused(own, &nonce, &["bank/registry/token"], "secret-other-project");
    refused(other, &nonce, &[TOKEN], "secret-not-due");
    refused(own, &"7".repeat(32), &[TOKEN], "secret-not-due");
    // A claim of somebody else's, or for another body, is nobody's.
    let mallory =
        Claimant { signer: MachineSigner::from_seed([9; 32]).unwrap(), at: own.at.clone(), ..**own };
    assert_eq!(mallory.borrow(&nonce, &[TOKEN]).0, 401);
    let operation = format!("POST /api/v1/work/secrets/{nonce}");
    let claim = own.claim(&operation, Some(b"{}"));
    let body = json!({ "key": holder().public().unwrap(), "secrets": [{ "as": "token", "secret": TOKEN }] });
    assert_eq!(own.send(&operation, &claim, body.to_string().as_bytes()).0, 401);
    assert_eq!(own.send(&operation, "", body.to_string().as_bytes()).0, 401);

    // Every attempt of a known runner has its line, and the first loan an alert.
    let lines = lines(home);
    assert_eq!(lines[0], ("secret-used".to_owned(), json!(true)));
    assert_eq!(lines[1], ("alert".to_owned(), Value::Null));
    assert!(lines[2..].iter().all(|(_, allowed)| *allowed == json!(false)), "{lines:?}");
    home.ok(&["secret", "destroy", TOKEN, "--number", "1", "--yes"]);
    refused(own, &nonce, &[TOKEN], "secret-destroyed");
    server.stop();
    assert_eq!(home.ok(&["audit", "replay"])["differ"], json!(0));
}
