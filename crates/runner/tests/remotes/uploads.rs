//! Uploads: the pack of one commit, which a runner believes by object ids alone.

use evidence::CommitId;
use runner::{Download, Offered, OriginError, Origins, packed};

use super::{Site, read_from};

fn with(site: &Site, pack: &[u8], commit: &CommitId) -> Result<String, String> {
    let download = || Ok(pack.to_vec());
    let offered = Offered { upload: Some(&download as &Download<'_>), ..Offered::default() };
    let origins = Origins::open(site.data.path(), false);
    let read = read_from(&origins, commit, &offered).map_err(|error| error.to_string());
    assert!(site.mirrors().is_empty(), "nothing stays: {:?}", site.mirrors());
    read
}

#[test]
fn a_commit_is_read_from_its_upload_without_history() {
    let site = Site::new();
    std::fs::remove_file(site.file()).unwrap();
    let pack = packed(&site.project.path(), &site.head, 1 << 20).unwrap();
    assert_eq!(with(&site, &pack, &site.head).unwrap(), "more\n");
    let first: CommitId = site.project.git(&["rev-parse", "HEAD~1"]).parse().unwrap();
    let said = with(&site, &pack, &first).unwrap_err();
    assert!(said.contains(first.as_str()), "history is not sent: {said}");
    let said = packed(&site.project.path(), &site.head, 20).unwrap_err().to_string();
    assert!(said.contains("take more than 0 MiB packed") && said.contains("remote add"), "{said}");
    let absent: CommitId = "1".repeat(40).parse().unwrap();
    packed(&site.project.path(), &absent, 1 << 20).unwrap_err();
    let failing = || Err(OriginError::Download("it is gone".into()));
    let offered = Offered { upload: Some(&failing as &Download<'_>), ..Offered::default() };
    let said = read_from(&site.origins(), &site.head, &offered).unwrap_err().to_string();
    assert!(said.contains("cannot be had from the server: it is gone"), "{said}");
}

/// CWE-345, CWE-409: other bytes, another commit's pack, a pack cut short, and one that grows beyond the operator's limit.
#[test]
fn attack_an_upload_of_something_else() {
    let site = Site::new();
    std::fs::remove_file(site.file()).unwrap();
    let honest = packed(&site.project.path(), &site.head, 1 << 20).unwrap();
    let first: CommitId = site.project.git(&["rev-parse", "HEAD~1"]).parse().unwrap();
    let other = packed(&site.project.path(), &first, 1 << 20).unwrap();
    let mut bent = honest.clone();
    bent[20] ^= 1;
    for (pack, what) in [
        (&other[..], site.head.as_str()),
        (&bent, "cannot be unpacked"),
        (&honest[..honest.len() - 30], "cannot be unpacked"),
        (b"#!/bin/sh\n", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
    ] {
        let said = with(&site, pack, &site.head).unwrap_err();
        assert!(said.contains(what), "{said}");
    }
    assert_eq!(with(&site, &honest, &site.head).unwrap(), "more\n");
}
