//! Other projects' programs check our output: cosign the provenance, OPA the gate, Tessera's client the log.
//!
//! They come with `cargo x setup --peers`; without them these tests say that they were skipped, and with
//! `cargo x test --peers` a missing one fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ::evidence::machine::MachineKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab::{Lab, assemble, forgery};
use serde_json::{Value, json};

use crate::support::Home;

/// A peer's program, if it was downloaded.
fn peer(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("COUNTERSIGN_PEERS").is_none(), "{name} is missing: cargo x setup --peers");
    println!("skipped: {name} is not here; `cargo x test --peers` fetches it");
    None
}

fn told(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.success(), String::from_utf8_lossy(if status.success() { &stdout } else { &stderr }).into_owned())
}

/// An Ed25519 key in the form of RFC 8410, which other programs read.
fn pem(key: &MachineKey) -> String {
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = [&prefix[..], &key.as_bytes()[..]].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

#[test]
fn cosign_verifies_our_provenance() {
    let Some(cosign) = peer("cosign") else { return };
    let lab = Lab::default();
    let (bundle, _) = assemble(&lab, &lab.honest());
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("artifact", &bundle.manifest.0);
    write("other", b"another artifact");
    write("key.pem", pem(lab.provenance.public()).as_bytes());
    write("other.pem", pem(lab.production.public()).as_bytes());
    let mut envelope: Value = serde_json::from_slice(&bundle.provenance.encode().unwrap()).unwrap();
    // The key id is an optional, unsigned hint in DSSE: cosign does not accept ours, but accepts none.
    envelope["signatures"][0].as_object_mut().unwrap().remove("keyid").unwrap();
    let sigstore = |envelope: &Value| {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "publicKey": { "hint": "" }, "tlogEntries": [] },
            "dsseEnvelope": envelope,
        })
    };
    write("bundle.json", sigstore(&envelope).to_string().as_bytes());
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let mut changed = envelope;
    let forged = String::from_utf8(payload).unwrap().replace("shop", "shoq");
    changed["payload"] = json!(STANDARD.encode(forged));
    write("changed.json", sigstore(&changed).to_string().as_bytes());
    let verify = |key: &str, bundle: &str, artifact: &str| {
        let words = ["verify-blob-attestation", "--insecure-ignore-tlog", "--type", "slsaprovenance1"];
        let mut command = Command::new(&cosign);
        command.args(words).args(["--key", key, "--bundle", bundle, artifact]);
        told(command.current_dir(dir.path()).env("HOME", dir.path()))
    };
    let (verified, said) = verify("key.pem", "bundle.json", "artifact");
    assert!(verified, "{said}");
    for (key, bundle, artifact) in [
        ("other.pem", "bundle.json", "artifact"),
        ("key.pem", "changed.json", "artifact"),
        ("key.pem", "bundle.json", "other"),
    ] {
        assert!(!verify(key, bundle, artifact).0, "{key} {bundle} {artifact}");
    }
}

/// The policy of a new installation, evaluated for every authentic release, whatever the findings.
#[test]
fn opa_decides_as_our_gate_does() {
    let Some(opa) = peer("opa") else { return };
    let dir = tempfile::tempdir().unwrap();
    let files = Lab::default().policy.files;
    // The program around OPA reads one module; the files of the policy are one package.
    let lines = files.values().flat_map(|text| text.lines());
    let is_head = |line: &&str| line.starts_with("package ") || line.starts_with("import ");
    let body: Vec<_> = lines.filter(|line| !is_head(line)).collect();
    let module = format!("package countersign.gate\nimport rego.v1\n{}\n", body.join("\n"));
    std::fs::write(dir.path().join("gate.rego"), module).unwrap();
    let gate = policy::Gate::compile(&policy::Bundle::new(files).unwrap()).unwrap();
    let lab = Lab::default();
    let honest = assemble(&lab, &lab.honest()).0;
    let forged = forgery::all().into_iter().filter(forgery::Forgery::is_plain).map(|row| row.forged());
    let made = std::iter::once((lab, honest)).chain(forged.map(|made| (made.lab, made.bundle)));
    let (mut ours, mut asked) = (Vec::new(), Vec::new());
    for (lab, bundle) in made {
        let seen =
            judge::VerificationContext { now: Some(lab::at(0)), ..judge::VerificationContext::default() };
        let Ok(checked) = judge::check(&bundle, &lab.anchors(), &seen) else { continue };
        let input = String::from_utf8(judge::input(&checked).unwrap()).unwrap();
        let file = dir.path().join(format!("input-{}.json", asked.len()));
        std::fs::write(&file, &input).unwrap();
        asked.push(file);
        ours.push(match gate.ask(&input) {
            policy::Verdict::Pass { .. } => Vec::new(),
            policy::Verdict::Fail { reasons, .. } => {
                let mut codes: Vec<_> = reasons.into_iter().map(|reason| reason.code).collect();
                codes.sort();
                codes
            }
            other => unreachable!("{other:?}"),
        });
    }
    let (decided, said) =
        told(Command::new(opa).arg(dir.path().join("gate.rego")).arg("data.countersign.gate").args(&asked));
    assert!(decided, "{said}");
    let theirs: Vec<Vec<String>> = said
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let denials = value["deny"].as_array().unwrap();
            let mut codes: Vec<_> =
                denials.iter().map(|denial| denial["code"].as_str().unwrap().to_owned()).collect();
            codes.sort();
            codes
        })
        .collect();
    assert_eq!(ours, theirs);
    let refused = ours.iter().filter(|codes| !codes.is_empty()).count();
    assert!(ours.len() > 20 && refused > 5, "{} inputs, {refused} refused", ours.len());
    println!("OPA decides as we do about {} inputs, {refused} of which are refused", ours.len());
}

#[test]
fn tesseras_client_reads_our_log() {
    let Some(reader) = peer("reader") else { return };
    let home = Home::solo();
    let key = home.ok(&["trust", "root"])["statement"]["ledger"]["vkey"].as_str().unwrap().to_owned();
    crate::support::grow::grow(&home, 600);
    let up = home.up();
    home.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{}", "ab".repeat(32))]);
    let installation: Value = serde_json::from_str(&up.get("/api/v1/installation").1).unwrap();
    let origin = installation["origin"].as_str().unwrap();
    let read = |key: &str| told(Command::new(&reader).args([&up.url, origin, key]));
    let (verified, said) = read(&key);
    assert!(verified, "{said}");
    assert!(said.trim().parse::<u64>().unwrap() > 600, "{said}");
    let other = tlog::NoteSigner::from_seed(origin, tlog::SignatureKind::Ed25519, &[9; 32]).unwrap();
    assert!(!read(&other.verifier().to_string()).0, "another key's log");
    assert!(up.stop());
}
