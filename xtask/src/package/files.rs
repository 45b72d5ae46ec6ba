//! What the package holds: each file with its place and rights.
//!
//! Invariant: a file that is not named here is not in the package. Directories follow from the files in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::archive::Entry;
use super::gzip::gzip;

/// The files of the installed package, with their directories.
pub fn data(root: &Path, binary: &Path) -> Result<Vec<Entry>, String> {
    let mut files = vec![file("usr/bin/countersign", 0o755, read(binary)?)];
    for (from, to) in PLACES {
        let mut found = below(&root.join(from))?;
        if *from == "docs/operating" {
            found.retain(|(name, _)| is_page(name));
        }
        files.extend(found.into_iter().map(|(name, bytes)| file(&format!("{to}/{name}"), 0o644, bytes)));
    }
    for (from, to) in PAGES {
        files.push(file(&format!("{DOC}/{to}"), 0o644, read(&root.join(from))?));
    }
    files.push(file(&format!("{DOC}/changelog.gz"), 0o644, gzip(&read(&root.join("CHANGELOG.md"))?)?));
    let mut dirs = BTreeSet::from([String::new()]);
    for file in &files {
        dirs.extend(file.path.match_indices('/').map(|(at, _)| file.path.split_at(at).0.to_owned()));
    }
    files.extend(dirs.into_iter().map(|path| Entry { path, mode: 0o755, bytes: None }));
    Ok(files)
}

/// The files that dpkg itself reads (deb-control(5), deb-conffiles(5)).
pub fn control(root: &Path, control: String, data: &[Entry]) -> Result<Vec<Entry>, String> {
    let mut files = vec![Entry { path: String::new(), mode: 0o755, bytes: None }];
    files.push(file("control", 0o644, control.into_bytes()));
    let mut kept: Vec<String> = data
        .iter()
        .filter(|entry| entry.bytes.is_some() && entry.path.starts_with("etc/"))
        .map(|entry| format!("/{}\n", entry.path))
        .collect();
    kept.sort();
    files.push(file("conffiles", 0o644, kept.concat().into_bytes()));
    for name in ["postinst", "prerm", "postrm"] {
        files.push(file(name, 0o755, read(&root.join("packaging/debian").join(name))?));
    }
    Ok(files)
}

fn file(path: &str, mode: u32, bytes: Vec<u8>) -> Entry {
    Entry { path: path.to_owned(), mode, bytes: Some(bytes) }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The plain files of a directory, by name.
fn below(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut files = Vec::new();
    for item in fs::read_dir(dir).map_err(failed)? {
        let item = item.map_err(failed)?;
        if item.file_type().map_err(failed)?.is_file() {
            files.push((item.file_name().to_string_lossy().into_owned(), read(&item.path())?));
        }
    }
    Ok(files)
}

fn is_page(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "md")
}

/// Whole directories of the tree, and their places.
const PLACES: &[(&str, &str)] = &[
    ("packaging/systemd", "usr/lib/systemd/system"),
    ("packaging/sysusers.d", "usr/lib/sysusers.d"),
    ("packaging/tmpfiles.d", "usr/lib/tmpfiles.d"),
    ("packaging/etc", "etc/countersign"),
    ("docs/operating", "usr/share/doc/countersign/operating"),
];

/// Single pages.
const PAGES: &[(&str, &str)] = &[
    ("LICENSE", "LICENSE"),
    ("packaging/debian/copyright", "copyright"),
    ("docs/cli.md", "cli.md"),
    ("docs/codes.md", "codes.md"),
    ("docs/glossary.md", "glossary.md"),
];

const DOC: &str = "usr/share/doc/countersign";
