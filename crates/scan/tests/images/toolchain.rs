//! Images in which steps run.

use evidence::document::findings::Class;
use scan::advisories::{Builder, Database, Ecosystem};
use scan::images::toolchain;

use crate::rules::build;

/// An image that breaks rules about images that ship, has a secret, and has a package with a known problem.
const IMAGE: &str = "\
layer
4755 0 usr/bin/su
755 0 bin/sh
755 0 usr/bin/gcc
755 0 usr/bin/apt-get
644 0 root/.ssh/id_ed25519
  @private-key
644 0 etc/os-release
  ID=debian
  VERSION_ID=12
644 0 var/lib/dpkg/status
  Package: libssl3
  Status: install ok installed
  Architecture: amd64
  Source: openssl
  Version: 3.0.11-1~deb12u2
config {}
";

fn database() -> Database {
    let mut builder = Builder::new("test", Ecosystem::ALL);
    let record = r#"{"id": "DEBIAN-1", "modified": "2026-11-01T00:00:00Z", "summary": "It leaks.", "affected": [{
        "package": {"ecosystem": "Debian:12", "name": "openssl"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u3"}]}]}]}"#;
    assert!(builder.record("record", record.as_bytes()).unwrap());
    Database::open(builder.finish().unwrap()).unwrap()
}

#[test]
fn steps_are_told_of_packages_and_secrets_and_not_of_what_a_toolchain_is_for() {
    let build = build(IMAGE);
    let files = build.oci();
    let digest = scan::images::scan(&files, None, scan::images::Asked::default()).unwrap().digest;
    let of_digest = |name: &str, manifest| {
        let image = toolchain::StepImage { layout: files.clone(), manifest, name: name.to_owned() };
        toolchain::judge(&[image], &database())
    };
    let judge = |name: &str| of_digest(name, digest).unwrap();
    let all = judge("registry.example/tools");
    let found: Vec<_> =
        all.findings.values().map(|it| (it.class, it.rule.as_str(), it.site.to_string())).collect();
    let of = |class: Class| found.iter().filter(move |it| it.0 == class).collect::<Vec<_>>();
    let [(_, rule, site)] = of(Class::Dependency)[..] else { panic!("{found:?}") };
    assert_eq!(*rule, "DEBIAN-1");
    assert!(site.starts_with("pkg:deb/debian/libssl3@3.0.11-1~deb12u2"), "{site}");
    let secrets = of(Class::Secret);
    let place = "registry.example/tools/root/.ssh/id_ed25519";
    assert!(!secrets.is_empty() && secrets.iter().all(|(_, _, site)| site.starts_with(place)), "{found:?}");
    assert!(of(Class::Configuration).is_empty(), "{found:?}");
    // The same image under another name has other findings, and a package of an image is none of the service's packages.
    let other = judge("registry.example/copy");
    assert_eq!(all.findings.keys().filter(|id| other.findings.contains_key(*id)).count(), 0);
    let missing = evidence::Digest::of(b"another");
    let fault = of_digest("x", missing).unwrap_err().to_string();
    assert!(fault.contains(&missing.to_string()), "{fault}");
}
