//! Evidence as a stranger has it: one file and a root.

use std::path::Path;
use std::process::Command;

use ::evidence::bundle::Bundle;
use ::evidence::dsse::Envelope;
use ::evidence::trust_root::TrustRoot;
use judge::{Anchors, VerificationContext};
use serde_json::json;

use super::Shop;

/// A bundle from production, and the root to believe.
fn released() -> (Shop, Vec<u8>, Anchors) {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote", "--bundle", "evidence.json"]);
    shop.ok(&["trust", "root", "--out", "root.json"]);
    assert!(up.stop());
    let bytes = std::fs::read(shop.repository().join("evidence.json")).unwrap();
    let root = std::fs::read(shop.repository().join("root.json")).unwrap();
    let root = TrustRoot::open(&Envelope::decode(&root).unwrap()).unwrap();
    let anchors = Anchors { version: root.version, digest: root.digest().unwrap(), rehearsal: true };
    (shop, bytes, anchors)
}

/// The command's error for these bytes; `None` if they pass.
fn wrong(bytes: &[u8], anchors: &Anchors) -> Option<String> {
    let seen = VerificationContext { root: anchors.version, ..VerificationContext::default() };
    let bundle = match Bundle::decode(bytes) {
        Ok(bundle) => bundle,
        Err(error) => return Some(error.to_string()),
    };
    match judge::check(&bundle, anchors, &seen) {
        Ok(checked) => {
            let judgement = judge::judge_checked(&checked);
            (judgement.outcome != domain::gate::GateOutcome::Pass).then(|| judgement.codes().join(", "))
        }
        Err(findings) => Some(findings.to_string()),
    }
}

#[test]
fn the_record_of_a_deployment_names_everything_and_how_it_is_known() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let nothing = shop.home.run_in(&shop.repository(), &["record", "shop/ledger-api/production"]);
    assert_eq!(nothing.status.code(), Some(1));
    let said = String::from_utf8(nothing.stderr).unwrap();
    let what =
        "nothing runs and nothing is pending at shop/ledger-api/production; name a release by its number";
    assert!(said.contains(what), "{said}");
    shop.ok(&["run"]);
    let pending = shop.ok(&["record", "shop/ledger-api/production"]);
    assert_eq!((&pending["stage"], &pending["current"]), (&json!("proposed"), &json!(false)), "{pending}");
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote"]);
    let record = shop.ok(&["record", "shop/ledger-api/production", "1"]);
    assert_eq!((&record["v"], &record["current"]), (&json!(1), &json!(true)), "{record}");
    assert_eq!(record["why"][0]["reason"], "tested in staging");
    assert_eq!((&record["gates"]["outcome"], &record["proof"]["release"]), (&json!("pass"), &json!(1)));
    let steps = record["steps"].as_array().unwrap();
    let known = |kind: &str| &steps.iter().find(|step| step["kind"] == kind).unwrap()["known"];
    assert_eq!(known("release.proposed"), "proven", "{record}");
    assert_eq!(known("release.reported"), "signed", "{record}");
    assert_eq!(known("gate.judged"), "told", "{record}");
    let text = shop.home.run_in(&shop.repository(), &["record", "shop/ledger-api/production"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("Release 1 of shop/ledger-api/production runs since "), "{text}");
    assert!(text.lines().count() < 50, "it fits a screen: {text}");
    let unknown = shop.home.run_in(&shop.repository(), &["record", "shop/ledger-api/production", "9"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(up.stop());
}

#[test]
fn every_flipped_byte_of_a_bundle_is_named() {
    let (shop, bytes, anchors) = released();
    assert_eq!(wrong(&bytes, &anchors), None);
    assert!(bytes.len() <= 1 << 20, "{} bytes", bytes.len());
    // Every byte in an acceptance run, a sample otherwise.
    let every = std::env::var_os("COUNTERSIGN_ACCEPT").is_some();
    let step = if every { 1 } else { 41 };
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let (bytes, anchors) = (bytes.clone(), anchors.clone());
            std::thread::spawn(move || {
                let mut missed = Vec::new();
                for at in (thread * step..bytes.len()).step_by(2 * step) {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1;
                    if wrong(&flipped, &anchors).is_none_or(|what| what.is_empty()) {
                        missed.push(at);
                    }
                }
                missed
            })
        })
        .collect();
    let missed: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let around = |at: &usize| {
        String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())]).into_owned()
    };
    assert!(
        missed.is_empty(),
        "{} bytes: {:?}",
        missed.len(),
        missed.iter().take(5).map(around).collect::<Vec<_>>()
    );
    // A few through the command itself.
    let file = shop.repository().join("flipped.json");
    let count = if every { 200 } else { 10 };
    for n in 0..count {
        let mut flipped = bytes.clone();
        let at = (n * 7919 + 13) % bytes.len();
        flipped[at] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        let output =
            shop.home.run_in(&shop.repository(), &["verify", "flipped.json", "--trust-root", "root.json"]);
        assert!(matches!(output.status.code(), Some(1 | 3 | 4)), "byte {at}");
        assert!(!output.stderr.is_empty(), "byte {at}");
    }
    let second = [bytes.as_slice(), b"\n"].concat();
    assert!(wrong(&second, &anchors).unwrap().contains("canonical"), "a second encoding");
}

#[test]
fn a_bundle_is_verified_with_nothing_else_around() {
    let (shop, bytes, _) = released();
    let empty = shop.home.dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(empty.join("evidence.json"), &bytes).unwrap();
    std::fs::copy(shop.repository().join("root.json"), empty.join("root.json")).unwrap();
    let binary = env!("CARGO_BIN_EXE_countersign");
    std::fs::copy(binary, empty.join("countersign")).unwrap();
    let listed = Command::new("ldd").arg(binary).output().unwrap();
    for word in
        String::from_utf8(listed.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/'))
    {
        let target = empty.join(word.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(word), &target).unwrap();
    }
    let alone = |trust_root: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--net", "--root"]).arg(&empty);
        command.args(["/countersign", "verify", "/evidence.json", "-o", "json"]).args(trust_root).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.output().unwrap()
    };
    let output = alone(&["--trust-root", "/root.json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    let verified: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("solo")));
    assert_eq!(alone(&[]).status.code(), Some(1), "no root comes out of the bundle itself");
}

#[test]
fn a_bundle_of_another_root_is_refused() {
    let (_, bytes, anchors) = released();
    let (_, _, others) = released();
    assert!(wrong(&bytes, &others).unwrap().contains("root-not-pinned"));
    let rehearsal = Anchors { rehearsal: false, ..anchors };
    assert_eq!(wrong(&bytes, &rehearsal), None, "a solo root is no rehearsal's");
}

#[test]
fn the_same_commit_in_two_data_directories_gives_the_same_artifact() {
    // With a compiler and a minute between the builds in an acceptance run, otherwise with a script and at once.
    let real = std::env::var_os("COUNTERSIGN_ACCEPT").is_some();
    let shop = if real { Shop::compiled() } else { Shop::solo() };
    let up = shop.home.up();
    let first = shop.ok(&["run"])["artifacts"].clone();
    assert!(up.stop());
    if real {
        std::thread::sleep(std::time::Duration::from_mins(1));
    }
    // Another person on another path, with the same commit and no files of the first person.
    let other = Shop::new();
    let from = format!("file://{}", shop.repository().display());
    let elsewhere = other.home.dir.path().join("a/much/longer/path/to/a/clone");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    other.git(&["clone", "-q", &from, elsewhere.to_str().unwrap()]);
    let key = std::fs::read_to_string(shop.home.dir.path().join(".ssh/id_ed25519")).unwrap();
    let target = other.home.dir.path().join(".ssh/id_ed25519");
    std::fs::write(&target, key).unwrap();
    std::fs::copy(shop.home.dir.path().join(".ssh/id_ed25519.pub"), target.with_extension("pub")).unwrap();
    let data = other.home.dir.path().join("some/where/else/data");
    let data = data.to_str().unwrap();
    other.home.json_in(&elsewhere, &["init", "--project", "shop", "--data", data], 0);
    let up = other.home.up();
    let second = other.home.json_in(&elsewhere, &["run", "--project", "shop"], 0)["artifacts"].clone();
    assert_eq!(first, second);
    assert!(up.stop());
}

/// A forgery: its name, the change to a bundle, and the code with which it is refused.
type Forgery = (&'static str, fn(&mut Bundle), &'static str);

const FORGERIES: [Forgery; 18] = [
    ("an approval left out", |b| b.approvals.clear(), "stray-entry"),
    ("a receipt left out", |b| drop(b.receipts.pop()), "receipt-chain-broken"),
    ("all receipts left out", |b| b.receipts.clear(), "receipts-missing"),
    ("a receipt twice", |b| b.receipts.push(b.receipts[0].clone()), "receipts-unsorted"),
    ("another manifest", |b| b.manifest.0 = b"{}".to_vec(), "manifest-unsound"),
    (
        "another program in the plan",
        |b| b.plan.variables.extend([("X".to_owned(), "1".to_owned())]),
        "plan-differs",
    ),
    ("another configuration", |b| b.configuration.0.push(b' '), "configuration-differs"),
    ("another policy", |b| b.policy.files.values_mut().for_each(|text| text.push('\n')), "policy-differs"),
    ("another release number", |b| b.release += 1, "proposal-differs"),
    ("another environment", |b| b.environment = "staging".parse().unwrap(), "environment-unsound"),
    ("another installation", |b| b.installation = ::evidence::Id::from_random([9; 16]), "other-installation"),
    ("the environment before left out", |b| drop(b.environments.remove(0)), "environment-unsound"),
    ("no report of the environment before", |b| b.reports.clear(), "parity-unsound"),
    ("no request", |b| b.requests.clear(), "request-unsound"),
    ("nobody enrolled", |b| b.enrolments.clear(), "request-unsound"),
    ("no cosignature", |b| b.checkpoint = first_signature(&b.checkpoint), "not-witnessed"),
    ("an entry without its proof", |b| b.logged[0].proof.clear(), "entry-unproven"),
    ("no root", |b| b.roots.clear(), "root-unsound"),
];

/// Replaces parts of a bundle with parts of another one.
type Mix = (&'static str, fn(&mut Bundle, &Bundle));

/// A note with only its first signature, the ledger's.
fn first_signature(note: &str) -> String {
    let (text, signatures) = note.split_once("\n\n").unwrap();
    format!("{text}\n\n{}\n", signatures.lines().next().unwrap())
}

#[test]
fn what_was_forged_left_out_or_mixed_is_refused_by_name() {
    let (_, bytes, anchors) = released();
    let honest = Bundle::decode(&bytes).unwrap();
    for (name, forge, code) in FORGERIES {
        let mut forged = honest.clone();
        forge(&mut forged);
        let what = wrong(&forged.encode().unwrap(), &anchors);
        assert!(what.as_ref().is_some_and(|what| what.contains(code)), "{name}: {what:?}");
    }
    // Parts of another release of a similar installation, each authentic there.
    let (_, foreign, _) = released();
    let foreign = Bundle::decode(&foreign).unwrap();
    let mixes: [Mix; 6] = [
        ("roots", |b, other| b.roots.clone_from(&other.roots)),
        ("status", |b, other| b.status.clone_from(&other.status)),
        ("approvals", |b, other| b.approvals.clone_from(&other.approvals)),
        ("receipts", |b, other| b.receipts.clone_from(&other.receipts)),
        ("reports", |b, other| b.reports.clone_from(&other.reports)),
        ("source", |b, other| b.source.clone_from(&other.source)),
    ];
    for (name, mix) in mixes {
        let mut mixed = honest.clone();
        mix(&mut mixed, &foreign);
        assert!(wrong(&mixed.encode().unwrap(), &anchors).is_some(), "{name}");
    }
    // Numbers that were seen before never go down.
    let seen = |root, status, statement, release| {
        let seen = VerificationContext { root, status, statement, release, ..VerificationContext::default() };
        judge::judge(&honest, &anchors, &seen).codes().join(" ")
    };
    assert_eq!(seen(1, 1, 1, 0), "");
    assert!(seen(2, 1, 1, 0).contains("root-rollback"));
    assert!(seen(1, 2, 1, 0).contains("status-rollback"));
    assert!(seen(1, 1, 2, 0).contains("environment-rollback"));
    assert_eq!(seen(1, 1, 1, 1), "release-not-newer");
}

/// OpenSSH itself verifies the approval, git itself the commit, tar itself reads the artifact.
#[test]
fn other_peoples_tools_verify_what_was_signed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (shop, bytes, _) = released();
    let bundle = Bundle::decode(&bytes).unwrap();
    let dir = shop.home.dir.path();
    let envelope = &bundle.approvals[0];
    let signature = &envelope.signatures()[0];
    let armour = format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        STANDARD.encode(&signature.sig)
    );
    std::fs::write(dir.join("approval.sig"), armour).unwrap();
    std::fs::write(dir.join("approval.pae"), envelope.pae()).unwrap();
    let key = std::fs::read_to_string(dir.join(".ssh/id_ed25519.pub")).unwrap();
    std::fs::write(dir.join("allowed"), format!("ada@example.com {key}")).unwrap();
    let verify = |namespace: &str| {
        let mut command = shop.home.program("ssh-keygen");
        command.args([
            "-Y",
            "verify",
            "-n",
            namespace,
            "-I",
            "ada@example.com",
            "-f",
            "allowed",
            "-s",
            "approval.sig",
        ]);
        command
            .stdin(std::fs::File::open(dir.join("approval.pae")).unwrap())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(verify("countersign-approval@v1"));
    assert!(!verify("countersign-rejection@v1"), "another namespace is another statement");
    let allowed = format!("gpg.ssh.allowedSignersFile={}", dir.join("allowed").display());
    shop.git(&["-c", &allowed, "verify-commit", bundle.source.commit.as_str()]);
    let manifest = ::evidence::oci::Manifest::decode(&bundle.manifest.0).unwrap();
    let layer = ledger::Blobs::read_only(&shop.home.data().join("blobs")).path(&manifest.layers[0].digest);
    let listed = shop.home.program("tar").args(["-tvf"]).arg(layer).env("LC_ALL", "C").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("bin/ledger-api") && listed.contains("-rwxr-xr-x 0/0"), "{listed}");
}
