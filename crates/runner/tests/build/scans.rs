//! Scans by the runner itself: over the verified source, equal on every runner, and not to be switched off by a file.

use std::path::Path;

use evidence::Digest;
use evidence::document::{ComponentsDocument, Document as _, DocumentKind, FindingsDocument, Producer};
use evidence::receipt::Ending;
use image::Bounds;
use runner::{Caps, Execution, Images, RetainedOutputs};
use scan::advisories::{Builder, Ecosystem};

use super::layouts::{Layout, file};
use super::{Project, build, isolation, name, project, run_in, source};

const SCAN: &str = "version: 1\nsteps:\n  scan:\n    scan: [secrets, components]\n";

/// A key that no issuer has given out, put together so that no scanner finds it in this file.
fn secret() -> String {
    format!(
        "aws_access_key_id = \"AKIA{}\"\naws_secret_access_key = \"{}\"\n",
        "Q7RTPLM2XWZNKD5J", "wJq3rV8tXz0LmPs9YbNc4KdHgF7uEaRo2iTx1CvB"
    )
}

fn commit(project: &Project) {
    project.write("deploy.py", &secret());
    project.write(".gitleaksignore", "deploy.py\n");
    project.write("Cargo.lock", LOCK);
    project.commit("a secret", "signing");
}

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"abababababababababababababababababababababababababababababababab\"\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\ndependencies = [\"itoa\"]\n";

fn said(done: &Execution) -> String {
    String::from_utf8_lossy(&done.log).into_owned()
}

fn document<'a>(done: &'a Execution, path: &str) -> &'a [u8] {
    let report = done.facts.reports.get(path);
    assert!(report.is_some(), "{}", said(done));
    let digest = report.unwrap().document;
    done.reports.iter().find(|bytes| Digest::of(bytes) == digest).unwrap()
}

#[test]
fn the_runner_scans_the_source_itself_and_two_runners_say_the_same() {
    let project = project(SCAN);
    commit(&project);
    let [one, two] = [1, 2].map(|nonce| build(&project, nonce).executions.remove(&name("scan")).unwrap());
    assert!(one.facts.passed() && one.outputs.is_empty() && one.facts.network.is_empty(), "{}", said(&one));
    assert_eq!(one.facts.reports, two.facts.reports, "equal files give equal bytes");
    let report = &one.facts.reports["secrets"];
    assert_eq!((report.kind, report.producer), (DocumentKind::Findings, Producer::Runner));
    assert_eq!((report.format.as_str(), report.original), ("secrets", report.document));
    let findings = FindingsDocument::decode(document(&one, "secrets")).unwrap();
    assert!(
        findings.findings.values().any(|finding| finding.site.to_string().starts_with("deploy.py:")),
        "{}",
        said(&one)
    );
    let components = ComponentsDocument::decode(document(&one, "components")).unwrap();
    assert!(components.components.contains_key("pkg:cargo/itoa@1.0.0"), "{components:?}");
    assert!(
        said(&one).contains("countersign: scan `secrets`: findings by countersign secrets"),
        "{}",
        said(&one)
    );
    assert!(said(&one).contains("deploy.py:1"), "the log names the place: {}", said(&one));
    assert!(!said(&one).contains("Q7RTPLM2XWZNKD5J"), "and not the secret");
}

#[test]
fn outputs_of_needed_steps_are_scanned_for_secrets() {
    let text = format!(
        "version: 1\nsteps:\n  build:\n    run: |\n      mkdir out\n      printf '%s' '{}' > out/settings\n    outputs: [out]\n  scan:\n    needs: [build]\n    scan: [secrets]\n",
        secret().lines().next().unwrap().replace("AKIA", "AK''IA")
    );
    let done = build(&project(&text), 1).executions.remove(&name("scan")).unwrap();
    assert!(done.facts.passed(), "{}", said(&done));
    let findings = FindingsDocument::decode(document(&done, "secrets")).unwrap();
    let sites: Vec<_> = findings.findings.values().map(|finding| finding.site.to_string()).collect();
    assert!(sites.iter().any(|site| site.starts_with("out/settings")), "{sites:?}");
}

/// "Could not be read" is never "found nothing", and one sort that cannot be read takes the others with it.
#[test]
fn a_scan_that_cannot_be_done_fails_the_step() {
    let broken = project(SCAN);
    commit(&broken);
    broken.write("Cargo.lock", "version = 900\n");
    broken.commit("another lockfile", "signing");
    let done = build(&broken, 1).executions.remove(&name("scan")).unwrap();
    undone(&done, "countersign: scan `components` could not be done: ");
}

fn undone(done: &Execution, reason: &str) {
    assert_eq!((done.facts.exit, done.facts.passed()), (Ending::Code(253), false), "{}", said(done));
    assert!(done.facts.reports.is_empty() && done.reports.is_empty());
    assert!(said(done).contains(reason), "{}", said(done));
}

const RECORD: &str = r#"{"id": "RUSTSEC-2026-0001", "modified": "2026-11-20T00:00:00Z", "summary": "It overflows.",
    "affected": [{"package": {"ecosystem": "crates.io", "name": "itoa"},
                  "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}]}]}"#;

fn advisories() -> Vec<u8> {
    let mut builder = Builder::new("mirror", Ecosystem::ALL);
    assert!(builder.record("record", RECORD.as_bytes()).unwrap());
    builder.finish().unwrap()
}

/// The dependencies of a project with a lockfile, by the database in this file.
fn judged(file: Option<&Path>) -> Execution {
    let project = project(&SCAN.replace("components", "dependencies"));
    commit(&project);
    let caps = Caps { memory_mib: 8192, ..Caps::default() };
    let isolation = isolation(caps).with_advisories(file.map(Path::to_path_buf));
    run_in(&isolation, &source(&project), &name("scan"), &RetainedOutputs::new(), 1).unwrap()
}

#[test]
fn dependencies_are_judged_by_the_advisories_of_the_operator() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("of-today"), advisories()).unwrap();
    let link = dir.path().join("advisories");
    std::os::unix::fs::symlink("of-today", &link).unwrap();
    let done = judged(Some(&link));
    assert!(done.facts.passed(), "{}", said(&done));
    let report = &done.facts.reports["dependencies"];
    let knowledge = scan::advisories::Database::open(advisories()).unwrap().knowledge();
    assert_eq!(report.knowledge, Some(knowledge), "the receipt names the database and its date");
    assert_eq!((report.kind, report.producer), (DocumentKind::Findings, Producer::Runner));
    let findings = FindingsDocument::decode(document(&done, "dependencies")).unwrap();
    let found: Vec<_> =
        findings.findings.values().map(|it| (it.rule.as_str(), it.fixed.as_deref())).collect();
    assert_eq!(found, [("RUSTSEC-2026-0001", Some("1.0.1"))]);
    assert!(said(&done).contains("It overflows."), "the log names the finding: {}", said(&done));
    assert_eq!(done.facts.reports["secrets"].knowledge, None);
}

#[test]
fn missing_or_damaged_advisories_fail_the_step_and_are_never_nothing_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("advisories");
    let missing =
        "scan `dependencies` could not be done: this runner has no advisories; its operator gets them";
    undone(&judged(None), missing);
    undone(&judged(Some(&file)), missing);
    let sound = advisories();
    let mut last = sound.clone();
    *last.last_mut().unwrap() ^= 1;
    for (bytes, reason) in [
        (Vec::new(), "the advisories are damaged: 0 bytes are no database"),
        (sound[..sound.len() - 1].to_vec(), "which is not what its header says"),
        // The task finds this one: the part that the supervisor reads is whole.
        (
            last,
            "the advisories are damaged: block 0 differs from its digest; run `countersign osv sync` again",
        ),
    ] {
        std::fs::write(&file, bytes).unwrap();
        undone(&judged(Some(&file)), reason);
    }
    undone(&judged(Some(Path::new("/proc/version"))), "a sandbox cannot show the advisories `/proc/version`");
}

/// A project that scans the images of its steps, on a machine with this image and these advisories.
fn scanned_image(digest: Option<Digest>, images: Images, advisories: Option<&Path>) -> Execution {
    let name_of = |digest: Digest| format!("image: registry.example/tools@{digest}\n");
    let image = digest.map(name_of).unwrap_or_default();
    let text = format!(
        "version: 1\n{image}steps:\n  scan:\n    scan: [images]\n  build:\n    needs: [scan]\n    run: 'true'\n"
    );
    let project = project(&text);
    let isolation = isolation(Caps::default())
        .with_images(Some(images))
        .with_advisories(advisories.map(Path::to_path_buf));
    run_in(&isolation, &source(&project), &name("scan"), &RetainedOutputs::new(), 1).unwrap()
}

#[test]
fn images_of_steps_are_judged_before_a_step_runs_in_one() {
    let lock = LOCK.replace("dependencies = [\"itoa\"]", "");
    let mut layout = Layout::of(&[&[
        file("opt/tool/Cargo.lock", &lock),
        file("root/settings", &secret()),
        file("bin/sh", "a shell"),
    ]]);
    let digest = layout.seal();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("advisories"), advisories()).unwrap();
    let database = dir.path().join("advisories");
    let images = || Images::new(&dir.path().join("images"), Bounds::default());
    image::load(&images().store().unwrap(), layout.path(), None, &|| true).unwrap();
    let done = scanned_image(Some(digest), images(), Some(&database));
    assert!(done.facts.passed(), "{}", said(&done));
    let report = &done.facts.reports["images"];
    assert_eq!((report.kind, report.producer), (DocumentKind::Findings, Producer::Runner));
    assert!(report.knowledge.is_some(), "{report:?}");
    let findings = FindingsDocument::decode(document(&done, "images")).unwrap();
    let rules: Vec<_> =
        findings.findings.values().map(|it| (it.rule.as_str(), it.site.to_string())).collect();
    assert!(rules.iter().any(|(rule, _)| *rule == "RUSTSEC-2026-0001"), "{rules:?}");
    let place = "registry.example/tools/root/settings";
    assert!(rules.iter().any(|(_, site)| site.starts_with(place)), "{rules:?}");
    assert!(rules.iter().all(|(rule, _)| *rule != "image-shell"), "{rules:?}");
    // No image is no finding, and a document all the same.
    let none = scanned_image(None, images(), Some(&database));
    let findings = FindingsDocument::decode(document(&none, "images")).unwrap();
    assert!(findings.findings.is_empty() && findings.tools.len() == 1, "{findings:?}");
    undone(
        &scanned_image(Some(digest), images(), None),
        "scan `images` could not be done: this runner has no advisories",
    );
    // A blob that changed on the disk is found by its digest.
    let layer: Digest = layout.manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let blob = dir.path().join("images/blobs/sha256").join(layer.hex());
    let mut bytes = std::fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    undone(
        &scanned_image(Some(digest), images(), Some(&database)),
        "scan `images` could not be done: image `registry.example/tools`",
    );
}
