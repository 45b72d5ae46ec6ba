//! Packages of distributions and languages become components, and advisories judge them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use evidence::document::components::Component;
use scan::advisories::{Builder, Database, Ecosystem, judge};
use scan::images::{ImageScan, Release};
use serde_json::json;

use crate::rules::scanned;
use crate::support::{Build, Item};

fn components(scan: &ImageScan) -> Vec<&str> {
    scan.components.components.keys().map(String::as_str).collect()
}

const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
const STATUS: &str = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.11-1~deb12u2\nDescription: text\n of two: lines\n
Package: gone\nStatus: deinstall ok config-files\nVersion: 1.0\n
Package: libgcc-s1\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12 (12.2.0-14)\nVersion: 1:12.2.0-14+b1\n
Package: broken\nStatus: install reinstreq half-installed\nArchitecture: all\nVersion: 2\n";

#[test]
fn packages_of_debian() {
    let link = Item::link("etc/os-release", "../usr/lib/os-release");
    let items = [link, Item::file("usr/lib/os-release", DEBIAN), Item::file("var/lib/dpkg/status", STATUS)];
    let scan = scanned(&Build::of(&[&items]));
    assert_eq!(scan.release, Some(Release { id: "debian".to_owned(), version: "12".to_owned() }));
    assert_eq!(
        components(&scan),
        [
            "pkg:deb/debian/broken@2?arch=all&distro=debian-12",
            "pkg:deb/debian/libgcc-s1@1:12.2.0-14%2Bb1?arch=amd64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
        ]
    );
    assert!(scan.components.components.values().all(|component| component.pinned));
    // Images without a package manager have a file for each package.
    let bare = "Package: libc6\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u3\n";
    let items = [
        Item::file("etc/os-release", DEBIAN),
        Item::file("var/lib/dpkg/status.d/libc6", bare),
        Item::file("var/lib/dpkg/status.d/libc6.md5sums", "no package"),
    ];
    let scan = scanned(&Build::of(&[&items]));
    assert_eq!(
        components(&scan),
        ["pkg:deb/debian/libc6@2.36-9%2Bdeb12u3?arch=amd64&distro=debian-12&upstream=glibc"]
    );
}

#[test]
fn packages_of_alpine() {
    let installed = "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl\nZ:Q1\nR:libc.musl\n\nP:libcrypto3\nV:3.1.4-r1\nA:x86_64\no:openssl\nL:Apache-2.0\n";
    let items = [
        Item::file("etc/os-release", "ID=alpine\nVERSION_ID=3.18.4\n"),
        Item::file("lib/apk/db/installed", installed),
    ];
    let scan = scanned(&Build::of(&[&items]));
    assert_eq!(
        components(&scan),
        [
            "pkg:apk/alpine/libcrypto3@3.1.4-r1?arch=x86_64&distro=alpine-3.18.4&upstream=openssl",
            "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4",
        ]
    );
    let licences: Vec<_> = scan.components.components.values().map(|one| one.licence.as_deref()).collect();
    assert_eq!(licences, [Some("Apache-2.0"), Some("MIT")]);
}

#[test]
fn packages_of_rpm() {
    let database =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/rpmdb.sqlite")).unwrap();
    let release = Item::file("etc/os-release", "ID=\"rocky\"\nVERSION_ID=\"9.3\"\n");
    let with = |items: &[Item]| scanned(&Build::of(&[&[std::slice::from_ref(&release), items].concat()]));
    let scan = with(&[Item::bytes("var/lib/rpm/rpmdb.sqlite", &database)]);
    let found = components(&scan);
    assert_eq!(found.len(), 43, "{:?}", scan.unread);
    for purl in [
        "pkg:rpm/rocky/bash@5.1.8-6.el9_1?arch=x86_64&distro=rocky-9.3",
        "pkg:rpm/rocky/openssl-libs@3.0.7-24.el9?arch=x86_64&distro=rocky-9.3&epoch=1&upstream=openssl",
        "pkg:rpm/rocky/tzdata@2023c-1.el9?arch=noarch&distro=rocky-9.3",
    ] {
        assert!(found.contains(&purl), "{purl}: {found:?}");
    }
    let openssl = scan.components.components.values().find(|one| one.name == "openssl-libs").unwrap();
    assert_eq!(openssl.version, "1:3.0.7-24.el9");
    for (path, why) in [
        ("var/lib/rpm/Packages", "of the form Berkeley DB, which this program does not read"),
        ("usr/lib/sysimage/rpm/Packages.db", "of the form NDB, which this program does not read"),
        ("var/lib/rpm/rpmdb.sqlite-wal", "changes that are not written yet"),
        ("var/lib/rpm/rpmdb.sqlite", "it is no database of SQLite"),
    ] {
        let scan = with(&[Item::file(path, "bytes")]);
        assert!(scan.unread[path].contains(why), "{:?}", scan.unread);
        assert!(
            scan.document.findings.values().any(|finding| finding.undecided && finding.message.contains(why))
        );
    }
}

/// Whatever a byte of a database says, reading it ends.
#[test]
fn attack_damaged_databases_are_told() {
    let database =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/rpmdb.sqlite")).unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let mut changed = database.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..changed.len());
            changed[at] = random.u8(..);
        }
        if random.bool() {
            changed.truncate(random.usize(..changed.len()));
        }
        scanned(&Build::of(&[&[Item::bytes("var/lib/rpm/rpmdb.sqlite", &changed)]]));
    }
    for (path, text) in [
        ("var/lib/dpkg/status", "Package: a\nVersion: 1\n"),
        ("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\n"),
        ("var/lib/dpkg/status", "Package: a\nPackage: b\nStatus: install ok installed\nVersion: 1\n"),
        ("var/lib/dpkg/status", "no field\n"),
        ("lib/apk/db/installed", "P:a\n"),
        ("lib/apk/db/installed", "V:1\n"),
        ("lib/apk/db/installed", "P:a\nP:b\nV:1\n"),
        ("usr/lib/python3/dist-packages/x.dist-info/METADATA", "Name: x\n"),
        ("app/node_modules/x/package.json", "{"),
        ("app/Cargo.lock", "version = 99\n"),
    ] {
        let scan = scanned(&Build::of(&[&[Item::file(path, text)]]));
        assert_eq!(scan.unread.keys().collect::<Vec<_>>(), [path], "{text}");
        assert!(scan.components.components.is_empty());
    }
}

#[test]
fn databases_behind_links_and_removed_ones_are_told() {
    let status = Item::file("var/lib/dpkg/status", STATUS);
    let moved = [Item::link("var/lib/dpkg", "/opt/dpkg"), Item::file("opt/dpkg/status", STATUS)];
    let scan = scanned(&Build::of(&[&moved]));
    assert_eq!(
        scan.unread["var/lib/dpkg/status"],
        "a link leads from it to `opt/dpkg/status`, which is not read; put the file itself there"
    );
    assert!(scan.document.findings.values().any(|finding| finding.undecided));
    let bare = [Item::link("var/lib/dpkg/status.d", "../x"), Item::file("var/lib/x/a", "Package: a\n")];
    let scan = scanned(&Build::of(&[&bare]));
    assert_eq!(scan.unread.keys().collect::<Vec<_>>(), ["var/lib/dpkg/status.d"]);
    let accounts = [Item::link("etc/passwd", "../opt/accounts"), Item::file("opt/accounts", "root::0:0")];
    assert_eq!(scanned(&Build::of(&[&accounts])).unread.keys().collect::<Vec<_>>(), ["etc/passwd"]);
    let removed = scanned(&Build::of(&[&[status], &[Item::hidden("var/lib/dpkg")]]));
    let told = &removed.unread["var/lib/dpkg/status"];
    assert!(told.starts_with("layer 1 has it and a later one removes it"), "{told}");
    assert!(removed.components.components.is_empty());
}

#[test]
fn databases_that_moved_within_their_sort_are_read() {
    let database =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/rpmdb.sqlite")).unwrap();
    let lower = [Item::link("var/lib/rpm", "../../usr/lib/sysimage/rpm"), Item::file("lib/x", "1")];
    let old = [Item::file("usr/lib/sysimage/rpm/Packages", "of another form")];
    let new = [
        Item::hidden("usr/lib/sysimage/rpm/Packages"),
        Item::bytes("usr/lib/sysimage/rpm/rpmdb.sqlite", &database),
    ];
    let scan = scanned(&Build::of(&[&lower, &old, &new]));
    assert_eq!((scan.unread, scan.components.components.len()), (BTreeMap::new(), 43));
}

/// A database of two pages, with the schema in the first one, and so many cells in the second one that are the same key of a signer.
fn cells_that_share_their_bytes(cells: usize) -> Vec<u8> {
    let mut pages = vec![0_u8; 1_024];
    let mut put = |at: usize, bytes: &[u8]| pages[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"SQLite format 3\0\x02\x00");
    let leaf = |cells: usize| [&[0x0d, 0, 0][..], &u16::try_from(cells).unwrap().to_be_bytes()].concat();
    put(100, &leaf(1));
    put(108, &400_u16.to_be_bytes());
    put(400, &[28, 1, 6, 23, 29, 29, 1, 13]);
    put(408, b"tablePackagesPackages\x02");
    put(512, &leaf(cells));
    (0..cells).for_each(|cell| put(520 + 2 * cell, &430_u16.to_be_bytes()));
    let word = |number: u32| number.to_be_bytes();
    let entry = |tag: u32, at: u32| [tag, 6, at, 1].map(word).concat();
    let header = [&word(3)[..], &word(11), &entry(1_000, 0), &entry(1_001, 9), &entry(1_002, 9)].concat();
    put(512 + 430, &[71, 1, 4, 0, 0x81, 0x12]);
    put(512 + 436, &[header.as_slice(), b"gpg-pubkey\0"].concat());
    pages
}

#[test]
fn attack_cells_that_share_their_bytes_are_no_more_than_the_database() {
    let unread = |cells| {
        let item = Item::bytes("var/lib/rpm/rpmdb.sqlite", &cells_that_share_their_bytes(cells));
        scanned(&Build::of(&[&[item]])).unread
    };
    assert_eq!(unread(2), BTreeMap::new());
    assert_eq!(unread(200)["var/lib/rpm/rpmdb.sqlite"], "the database is damaged");
}

#[test]
fn packages_of_languages_and_lockfiles() {
    let cargo = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"";
    let cargo = format!("{cargo}{}\"\n", "ab".repeat(32));
    let items = [
        Item::file("app/Cargo.lock", &cargo),
        Item::file("broken/Cargo.lock", "version = 99\n"),
        Item::file("app/package.json", "{\"dependencies\": {\"left-pad\": \"*\"}}"),
        Item::file(
            "app/node_modules/left-pad/package.json",
            "{\"name\": \"left-pad\", \"version\": \"1.3.0\", \"license\": \"WTFPL\"}",
        ),
        Item::file("app/node_modules/@a/b/package.json", "{\"name\": \"@a/b\", \"version\": \"2.0.0\"}"),
        Item::file("app/node_modules/@a/b/test/package.json", "not read"),
        Item::file("app/node_modules/left-pad/package-lock.json", "not read"),
        Item::file(
            "usr/lib/python3.12/site-packages/Requests-2.31.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: Requests\nVersion: 2.31.0\n\nVersion: text\n",
        ),
        Item::file("usr/share/doc/x/requirements.txt", "not read =="),
    ];
    let scan = scanned(&Build::of(&[&items]));
    assert_eq!(
        components(&scan),
        [
            "pkg:cargo/serde@1.0.1",
            "pkg:npm/%40a/b@2.0.0",
            "pkg:npm/left-pad@1.3.0",
            "pkg:pypi/requests@2.31.0",
        ]
    );
    assert_eq!(scan.unread.keys().collect::<Vec<_>>(), ["broken/Cargo.lock"]);
}

fn database(records: &[(&str, &str, &str, &str)]) -> Database {
    let mut builder = Builder::new("test", Ecosystem::ALL);
    for (id, ecosystem, name, fixed) in records {
        let mut events = vec![json!({"introduced": "0"})];
        if !fixed.is_empty() {
            events.push(json!({"fixed": fixed}));
        }
        let affected = json!([{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]);
        let record =
            json!({"id": id, "modified": "2026-11-01T00:00:00Z", "summary": id, "affected": affected});
        assert!(builder.record(id, record.to_string().as_bytes()).unwrap(), "{id}");
    }
    Database::open(builder.finish().unwrap()).unwrap()
}

#[test]
fn advisories_judge_packages_of_distributions() {
    let database = database(&[
        ("DEBIAN-1", "Debian:12", "openssl", "3.0.11-1~deb12u3"),
        ("DEBIAN-2", "Debian:12", "openssl", "3.0.11-1~deb12u2"),
        ("DEBIAN-3", "Debian:11", "openssl", ""),
        ("DEBIAN-4", "Debian:12", "gcc-12", "12.2.0-15"),
        ("DEBIAN-5", "Debian:12", "gcc-12", "12.2.0-14"),
        ("DEBIAN-6", "Debian:12", "libssl3", ""),
        ("ALPINE-1", "Alpine:v3.18", "openssl", "3.1.4-r2"),
        ("ALPINE-2", "Alpine:v3.18", "openssl", "3.1.4_rc1-r9"),
        ("RLSA-1", "Rocky Linux:9", "openssl", "1:3.0.7-25.el9"),
        ("RLSA-2", "Rocky Linux:9", "openssl-libs", "3.0.8-1.el9"),
        ("RLSA-3", "Rocky Linux:9", "bash", "0:5.1.8-9.el9"),
    ]);
    let found = |items: &[Item]| {
        let document = judge(&scanned(&Build::of(&[items])).components, &database).unwrap();
        let of =
            |finding: &evidence::document::findings::Finding| format!("{} {:?}", finding.rule, finding.fixed);
        let mut all: Vec<String> = document.findings.values().map(of).collect();
        all.sort();
        all
    };
    let debian = [Item::file("etc/os-release", DEBIAN), Item::file("var/lib/dpkg/status", STATUS)];
    assert_eq!(found(&debian), ["DEBIAN-1 Some(\"3.0.11-1~deb12u3\")", "DEBIAN-4 Some(\"12.2.0-15\")"]);
    let alpine = [
        Item::file("etc/os-release", "ID=alpine\nVERSION_ID=3.18.4\n"),
        Item::file("lib/apk/db/installed", "P:libcrypto3\nV:3.1.4-r1\nA:x86_64\no:openssl\n"),
    ];
    assert_eq!(found(&alpine), ["ALPINE-1 Some(\"3.1.4-r2\")"]);
    let bytes =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/rpmdb.sqlite")).unwrap();
    let rocky = [
        Item::file("etc/os-release", "ID=rocky\nVERSION_ID=9.3\n"),
        Item::bytes("var/lib/rpm/rpmdb.sqlite", &bytes),
    ];
    assert_eq!(found(&rocky), ["RLSA-1 Some(\"1:3.0.7-25.el9\")", "RLSA-3 Some(\"0:5.1.8-9.el9\")"]);
    // Without a release, and of a distribution without advisories, nothing is judged, and that is told.
    for release in ["", "ID=gentoo\n", "ID=debian\nVERSION_ID=99\n", "ID=debian\nVERSION_CODENAME=sid\n"] {
        let items = [Item::file("etc/os-release", release), Item::file("var/lib/dpkg/status", STATUS)];
        let document = judge(&scanned(&Build::of(&[&items])).components, &database).unwrap();
        assert!(document.findings.values().any(|finding| finding.undecided), "{release}: {document:?}");
    }
}

/// The packages of this machine, as its own package manager counts them.
#[test]
fn the_packages_of_this_machine() {
    let Ok(status) = std::fs::read("/var/lib/dpkg/status") else { return };
    let query = [
        "-W",
        "-f=${binary:Package}\t${db:Status-Status}\t${Version}\t${source:Package}\t${source:Version}\n",
    ];
    let Ok(out) = Command::new("dpkg-query").args(query).output() else { return };
    let release = std::fs::read("/etc/os-release").unwrap_or_default();
    let items = [Item::bytes("etc/os-release", &release), Item::bytes("var/lib/dpkg/status", &status)];
    let scan = scanned(&Build::of(&[&items]));
    assert_eq!(scan.unread, BTreeMap::new());
    let expected: Vec<Vec<String>> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .filter(|row: &Vec<String>| !["not-installed", "config-files"].contains(&row[1].as_str()))
        .collect();
    let found = &scan.components.components;
    assert_eq!(found.len(), expected.len());
    for row in expected {
        let name = row[0].split(':').next().unwrap();
        let of = |(purl, component): &(&String, &Component)| {
            let source = purl.split("upstream=").nth(1).unwrap_or(name);
            component.name == name
                && component.version == row[2]
                && source.split("%40").next() == Some(row[3].replace('+', "%2B").as_str())
        };
        assert!(found.iter().any(|component| of(&component)), "{row:?}");
    }
}
