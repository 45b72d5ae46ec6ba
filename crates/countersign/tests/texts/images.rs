//! Scans and bills of materials of images.

use super::Page;
use crate::support::Home;

#[path = "../../../scan/tests/images/support.rs"]
#[allow(dead_code, reason = "the tests of the crate `scan` use the rest of it")]
mod built;

use built::{Build, Item, archive};

const RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\n";
const STATUS: &str = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.11-1~deb12u2\n";
const RECORD: &str = r#"{"id": "DEBIAN-CVE-2026-1", "modified": "2026-08-21T10:00:00Z", "summary": "Memory is read after it was freed",
  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
  "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u3"}]}]}]}"#;

#[test]
fn scans_of_images() {
    let home = Home::new();
    let write = |path: &str, bytes: &[u8]| {
        let path = home.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let base = vec![
        Item::file("etc/os-release", RELEASE),
        Item::file("var/lib/dpkg/status", STATUS),
        Item::program("usr/bin/su").with_mode(0o4755),
    ];
    let service = vec![Item::program("srv/app")];
    let app = Build::of(&[&base, &service]);
    write("app.tar", &archive(&app.docker()));
    for (path, bytes) in app.oci() {
        write(&format!("layout/{path}"), &bytes);
    }
    write("base.tar", &archive(&Build::of(&[&base]).oci()));
    write("other.tar", &archive(&Build::of(&[&service]).oci()));
    let mut leaky = Build::of(&[&[Item::file("root/id", &key())], &[Item::hidden("root/id")]]);
    leaky.config = serde_json::json!({"Env": ["API_TOKEN=f81b2c90aa71"]});
    write("leaky.tar", &archive(&leaky.oci()));
    write("hostile.tar", &archive(&Build::of(&[&[Item::file("../../etc/cron.d/x", "x")]]).oci()));
    write("plain.tar", &built::tar(&[Item::file("a", "text")]));
    write("empty/notes.txt", b"nothing\n");
    let mut page = Page::new(&home);
    page.shows("an image that `docker save` wrote", &["scan", "app.tar"]);
    page.shows(
        "a layout on an allowed base",
        &["scan", "layout", "--base", "other.tar", "--base", "base.tar"],
    );
    page.fails("a layout on another base", &["scan", "layout", "--base", "other.tar"]);
    page.fails("an image with secrets", &["scan", "leaky.tar"]);
    page.fails("an image that leads out of its tree", &["scan", "hostile.tar"]);
    page.fails(
        "an image that the layout does not have",
        &["scan", "layout", "--image", &format!("sha256:{}", "ab".repeat(32))],
    );
    page.shows("a tar that is no image", &["scan", "plain.tar"]);
    page.fails("a base of a tar that is no image", &["scan", "plain.tar", "--base", "base.tar"]);
    page.shows("a bill of an image", &["sbom", "layout"]);
    page.fails(
        "a bill of what is no image, by a digest",
        &["sbom", "empty", "--image", &format!("sha256:{}", "ab".repeat(32))],
    );
    page.fails("a bill of an image without packages", &["sbom", "other.tar"]);
    page.fails("a bill of an image that leads out of its tree", &["sbom", "hostile.tar"]);
    write("mirror/one.json", RECORD.as_bytes());
    page.shows("advisories of a distribution", &["osv", "sync", "--from", "mirror"]);
    page.fails("an image with a critical problem", &["scan", "app.tar"]);
    page.end("images");
    // Findings that stop are an error besides, which is a value behind the first one.
    let first = |words: &[&str]| {
        let out = home.run(words);
        let mut values = serde_json::Deserializer::from_slice(&out.stdout).into_iter::<serde_json::Value>();
        values.next().unwrap().unwrap()
    };
    let said = first(&["-o", "json", "scan", "leaky.tar"]);
    assert_eq!(said["images"]["files"]["image"], 1);
    assert_eq!(said["image"]["layers"], 2);
    assert!(!said.to_string().contains("f81b2c90aa71"));
    let old = first(&["-o", "json", "scan", "layout", "--age-days", "0"]);
    assert!(old["images"].to_string().contains("image-old"), "{old}");
}

/// A private key that belongs to nobody.
fn key() -> String {
    let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n";
    format!("-----BEGIN OPENSSH {0}-----\n{line}{line}{line}-----END OPENSSH {0}-----\n", "PRIVATE KEY")
}
