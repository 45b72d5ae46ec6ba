//! Layers are canonical, other tools can read them, and an archive that would write or point elsewhere is refused by
//! name.
#![expect(clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;
use std::process::Command;

use evidence::Digest;
use evidence::oci::{
    LayerEntry, LayerFile, LayerFiles, Manifest, OciError, is_layer_path, layer, manifest, open_layer,
};

fn file(bytes: &[u8], executable: bool) -> LayerEntry {
    LayerEntry::File(LayerFile { bytes: bytes.to_vec(), executable })
}

fn files() -> LayerFiles {
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
    LayerFiles::from([
        ("bin/api".to_owned(), file(b"#!/bin/sh\n", true)),
        ("share/doc/readme".to_owned(), file(&[7; 1000], false)),
        (long, file(b"", false)),
    ])
}

#[test]
fn a_layer_is_the_same_every_time_and_tar_reads_it() {
    let archive = layer(&files(), 1_700_000_000).unwrap();
    assert_eq!(archive, layer(&files(), 1_700_000_000).unwrap());
    assert_ne!(archive, layer(&files(), 1_700_000_001).unwrap());
    // The output of Python's `tarfile` for the same files (ustar, device numbers 0). The bytes of artifacts without
    // links or empty directories must never change.
    assert_eq!(
        Digest::of(&archive).hex(),
        "64a42c6b87cff3ebd455587a553c8efe2995976db6a786bd3a372bf987b4e1b8"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layer.tar");
    std::fs::write(&path, &archive).unwrap();
    let listing = Command::new("tar").args(["--utc", "--full-time", "-tvf"]).arg(&path).output().unwrap();
    let said = String::from_utf8(listing.stdout).unwrap();
    assert!(listing.status.success() && listing.stderr.is_empty(), "{said}");
    let lines: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines.first().unwrap(), "drwxr-xr-x 0/0 0 2023-11-14 22:13:20 bin/");
    assert_eq!(lines.get(1).unwrap(), "-rwxr-xr-x 0/0 10 2023-11-14 22:13:20 bin/api");
    assert!(
        lines.contains(&"-rw-r--r-- 0/0 1000 2023-11-14 22:13:20 share/doc/readme".to_owned()),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 7);
    let unpacked = Command::new("tar").arg("-xf").arg(&path).current_dir(dir.path()).status().unwrap();
    assert!(unpacked.success());
    assert_eq!(std::fs::read(dir.path().join("share/doc/readme")).unwrap(), [7; 1000]);
}

#[test]
fn layers_refuse_what_cannot_stand_in_them() {
    let one = |path: &str| layer(&LayerFiles::from([(path.to_owned(), file(b"", false))]), 0);
    assert!(matches!(layer(&LayerFiles::new(), 0), Err(OciError::Empty)));
    for path in ["/etc/passwd", "../x", "a//b", "a/./b", "", "a\0b", ".git/config"] {
        assert!(matches!(one(path), Err(OciError::Path(_))), "{path:?}");
    }
    assert!(one(&"x".repeat(101)).is_err());
    let both = LayerFiles::from([("a".to_owned(), file(b"", false)), ("a/b".to_owned(), file(b"", false))]);
    assert!(matches!(layer(&both, 0), Err(OciError::Both(_))));
}

#[test]
fn a_manifest_is_canonical_and_names_its_layer() {
    let archive = layer(&files(), 5).unwrap();
    let bytes = manifest("application/x", &archive, BTreeMap::new()).unwrap();
    let read: Manifest = serde_json::from_slice(&bytes).unwrap();
    let [only] = read.layers.as_slice() else { unreachable!("one layer") };
    assert_eq!((only.digest, only.size), (Digest::of(&archive), archive.len() as u64));
    assert_eq!(
        read.config.digest.to_string(),
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

/// Files beside a link, an empty directory and a directory with content.
fn with_links() -> LayerFiles {
    LayerFiles::from([
        ("lib/libx.so".to_owned(), LayerEntry::Link("libx.so.1".into())),
        ("lib/libx.so.1".to_owned(), file(b"x", false)),
        ("node_modules/.bin/tsc".to_owned(), LayerEntry::Link("../typescript/bin/tsc".into())),
        ("node_modules/typescript/bin/tsc".to_owned(), file(b"#!/bin/sh\n", true)),
        ("spool/in".to_owned(), LayerEntry::Directory),
        ("up".to_owned(), LayerEntry::Link("lib".into())),
    ])
}

#[test]
fn links_and_empty_directories_are_kept_and_tar_reads_them() {
    let mut named = with_links();
    let archive = layer(&named, 7).unwrap();
    assert_eq!(open_layer(&archive).unwrap(), (with_links(), 7));
    named.insert("spool".into(), LayerEntry::Directory);
    assert_eq!(layer(&named, 7).unwrap(), archive, "a directory that follows from a path is the same named");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("layer.tar"), &archive).unwrap();
    let tar =
        |arguments: &[&str]| Command::new("tar").args(arguments).current_dir(dir.path()).output().unwrap();
    let listed = String::from_utf8(tar(&["-tvf", "layer.tar"]).stdout).unwrap();
    assert!(listed.contains("lrwxrwxrwx") && listed.contains("lib/libx.so -> libx.so.1"), "{listed}");
    assert!(tar(&["-xf", "layer.tar"]).status.success());
    assert_eq!(std::fs::read(dir.path().join("up/libx.so")).unwrap(), b"x");
    assert_eq!(std::fs::read_dir(dir.path().join("spool/in")).unwrap().count(), 0);
}

#[test]
fn a_commit_of_a_far_away_time_has_a_layer_too() {
    for time in [0, 8_589_934_591, 8_589_934_592, u64::MAX] {
        let archive = layer(&files(), time).unwrap();
        assert_eq!(open_layer(&archive).unwrap(), (files(), time.min(8_589_934_591)));
    }
}

#[test]
fn a_path_that_no_layer_holds_is_known_before_it_is_built() {
    let long = "x".repeat(101);
    for (path, fits) in
        [("bin/api", true), (long.as_str(), false), ("a/../b", false), ("a/", false), ("", false)]
    {
        assert_eq!(is_layer_path(path), fits, "{path}");
    }
    assert!(is_layer_path(&format!("{}/{}", "d".repeat(155), "f".repeat(100))));
    assert!(!is_layer_path(&format!("{}/{}", "d".repeat(156), "f".repeat(100))));
}

#[test]
fn attack_links_of_a_layer_never_lead_outside() {
    let with = |path: &str, target: &str| {
        let entry = LayerEntry::Link(target.to_owned());
        layer(&LayerFiles::from([(path.to_owned(), entry), ("x".to_owned(), file(b"", false))]), 0)
    };
    for (path, target) in [
        ("a", ".."),
        ("a", "/etc/passwd"),
        ("a/b", "../../etc"),
        ("a", "b/../../etc"),
        ("a", ""),
        ("a", "b\nc"),
    ] {
        assert!(matches!(with(path, target), Err(OciError::Link { .. })), "{path} {target}");
    }
    assert!(matches!(with("a", &"t".repeat(101)), Err(OciError::Link { .. })), "ustar has no room for it");
    assert!(with("a", &"t".repeat(100)).is_ok());
    let below = [("a".to_owned(), LayerEntry::Link("x".into())), ("a/b".to_owned(), file(b"", false))];
    assert!(matches!(layer(&LayerFiles::from(below), 0), Err(OciError::Both(path)) if path == "a"));
}

/// One header of a hostile archive: kind, path, target, and the content after it.
fn raw(kind: u8, path: &str, target: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, path.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000007\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// An archive of an attacker, whose digest the evidence may well name.
#[test]
fn attack_an_archive_by_somebody_else_is_refused_by_name() {
    let rows: [(&str, &str, Vec<Vec<u8>>); 11] = [
        ("a link to an absolute path", "cannot be a link", vec![raw(b'2', "a", "/etc", b"")]),
        ("a link that leads out", "cannot be a link", vec![raw(b'2', "a", "../..", b"")]),
        (
            "a file below a link",
            "both a file or link and a directory",
            vec![raw(b'2', "a", "b", b""), raw(b'0', "a/passwd", "", b"x")],
        ),
        (
            "a link first, then a directory of that name",
            "stands twice",
            vec![raw(b'2', "a", "b", b""), raw(b'5', "a/", "", b""), raw(b'0', "a/passwd", "", b"x")],
        ),
        ("one file twice", "stands twice", vec![raw(b'0', "a", "", b"x"), raw(b'0', "a", "", b"y")]),
        ("a hard link", "of type `1`", vec![raw(b'0', "a", "", b"x"), raw(b'1', "b", "a", b"")]),
        ("a hard link to the host", "of type `1`", vec![raw(b'1', "b", "/etc/shadow", b"")]),
        ("a device", "of type `3`", vec![raw(b'3', "sda", "", b"")]),
        ("a pipe", "of type `6`", vec![raw(b'6', "pipe", "", b"")]),
        ("a longer name by an extension", "of type `L`", vec![raw(b'L', "././@LongLink", "", b"../x")]),
        ("a path that leads out", "cannot be a path", vec![raw(b'0', "../x", "", b"x")]),
    ];
    for (what, expected, entries) in rows {
        let mut archive = entries.concat();
        archive.resize(archive.len() + 1024, 0);
        let refused = open_layer(&archive).unwrap_err().to_string();
        assert!(refused.contains(expected), "{what}: {refused}");
    }
    let mut honest = [raw(b'0', "a", "", b"x")].concat();
    honest.resize(honest.len() + 1024, 0);
    assert!(
        open_layer(&honest).is_ok(),
        "the rows above fail for what they are, not for how they are written"
    );
}
