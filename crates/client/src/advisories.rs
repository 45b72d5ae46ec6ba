//! Makes a database of advisories out of a mirror: a directory of records, or archives of them.
//!
//! Invariant: the database is written whole or not at all, and only after every file of the mirror was read. Links are not
//! followed. No key is near: the files come from strangers.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evidence::document::Knowledge;
use scan::advisories::{
    Builder, Database, Ecosystem, FEED_BYTES_MAX, Header, INDEX_BYTES_MAX, RECORD_BYTES_MAX, is_rustsec,
};

use crate::dirs;
use crate::error::Error;
use crate::files;

/// A database that was made.
#[derive(Debug)]
pub struct Synced {
    /// Facts about it.
    pub header: Header,
    /// Its source, digest and date.
    pub knowledge: Knowledge,
    /// Number of records that speak about no chosen ecosystem.
    pub others: u64,
}

/// A mirror that is read.
struct Mirror<'p> {
    builder: Builder,
    kept: u64,
    others: u64,
    files: usize,
    progress: &'p mut dyn FnMut(u64),
}

/// The place of the database of a person who names no other.
///
/// # Errors
/// `Error` when the person has no directory.
pub fn default_file() -> Result<PathBuf, Error> {
    Ok(dirs::user_dir("XDG_DATA_HOME", ".local/share")?.join("advisories"))
}

/// Reads a mirror and writes the database. `index` is a directory with documents of package indexes, below directories with
/// the names of their ecosystems. `progress` is told the number of records from time to time.
///
/// # Errors
/// `Error` names the file of the mirror that cannot be read, or the database that cannot be written.
pub fn sync(
    from: &Path,
    index: Option<&Path>,
    name: &str,
    ecosystems: &[Ecosystem],
    out: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Synced, Error> {
    let builder = Builder::new(name, ecosystems.iter().copied());
    let mut mirror = Mirror { builder, kept: 0, others: 0, files: 0, progress };
    let meta = fs::metadata(from)
        .map_err(|error| Error::unusable(format!("cannot read `{}`: {error}", from.display())))?;
    if meta.is_dir() {
        mirror.directory(from, DEPTH_MAX)?;
    } else {
        mirror.file(from)?;
    }
    if let Some(index) = index {
        mirror.index(index)?;
    }
    let Mirror { builder, others, .. } = mirror;
    let bytes = Arc::new(builder.finish()?);
    // It is read back before it takes the place of one that works.
    let database = Database::open(Arc::clone(&bytes))?;
    database.check()?;
    let out = std::path::absolute(out)?;
    disk::make_dir(out.parent().unwrap_or(&out))?;
    files::write_shared(&out, &bytes)?;
    Ok(Synced { header: database.header().clone(), knowledge: database.knowledge(), others })
}

/// Opens a database.
///
/// # Errors
/// `Error` names the file and the cause.
pub fn open(path: &Path) -> Result<Database, Error> {
    runner::open_advisories(path).map_err(|error| Error::unusable(format!("`{}`: {error}", path.display())))
}

impl Mirror<'_> {
    fn directory(&mut self, dir: &Path, depth: usize) -> Result<(), Error> {
        if depth == 0 {
            let what = format!("directories below `{}` are deeper than {DEPTH_MAX}", dir.display());
            return Err(Error::unusable(format!("{what}; name the directory of the records")));
        }
        for (path, meta) in entries(dir)? {
            if meta.is_dir() {
                self.directory(&path, depth - 1)?;
            } else if meta.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn index(&mut self, dir: &Path) -> Result<(), Error> {
        let mut is_empty = true;
        for (path, meta) in entries(dir)? {
            let name = path.file_name().unwrap_or_default();
            let is_named = |ecosystem: &Ecosystem| name.eq_ignore_ascii_case(ecosystem.as_str());
            if let Some(ecosystem) = INDEXED.into_iter().find(is_named).filter(|_| meta.is_dir()) {
                self.index_of(ecosystem, &path, DEPTH_MAX)?;
                is_empty = false;
            }
        }
        if is_empty {
            let names = INDEXED.map(Ecosystem::as_str).join("`, `");
            let what = format!("`{}` has no directory `{names}`", dir.display());
            return Err(Error::unusable(format!("{what} with documents of a package index")));
        }
        Ok(())
    }

    fn index_of(&mut self, ecosystem: Ecosystem, dir: &Path, depth: usize) -> Result<(), Error> {
        if depth == 0 {
            let what = format!("directories below `{}` are deeper than {DEPTH_MAX}", dir.display());
            return Err(Error::unusable(format!("{what}; name the directory of the index")));
        }
        for (path, meta) in entries(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // A clone of an index has files of its carrier as well. Files of crates have no ending.
            let is_document = match ecosystem {
                Ecosystem::CratesIo => !name.contains('.'),
                _ => ends(&name, "json"),
            };
            if meta.is_dir() && !name.starts_with('.') {
                self.index_of(ecosystem, &path, depth - 1)?;
            } else if meta.is_file() && is_document {
                self.count()?;
                let shown = path.display().to_string();
                let file = File::open(&path)
                    .map_err(|error| Error::unusable(format!("cannot read `{shown}`: {error}")))?;
                self.builder.index(ecosystem, &shown, &bounded(&shown, file, INDEX_BYTES_MAX)?)?;
            }
        }
        Ok(())
    }

    /// Reads a file by its name. Files with other names belong to no mirror, such as a notice.
    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let shown = path.display().to_string();
        self.count()?;
        let open =
            || File::open(path).map_err(|error| Error::unusable(format!("cannot read `{shown}`: {error}")));
        if name.starts_with("known_exploited_vulnerabilities") && ends(&name, "json") {
            self.builder.exploited(&shown, &bounded(&shown, open()?, FEED_BYTES_MAX)?)?;
        } else if name.starts_with("epss") && ends(&name, "csv") {
            self.builder.probabilities(&shown, &bounded(&shown, open()?, FEED_BYTES_MAX)?)?;
        } else if ends(&name, "json") || is_rustsec(&shown) {
            self.record(&shown, &bounded(&shown, open()?, RECORD_BYTES_MAX)?)?;
        } else if ends(&name, "zip") {
            self.archive(&shown, open()?)?;
        }
        Ok(())
    }

    fn archive(&mut self, shown: &str, file: File) -> Result<(), Error> {
        let failed =
            |error: zip::result::ZipError| Error::unusable(format!("cannot read `{shown}`: {error}"));
        let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(failed)?;
        for at in 0..archive.len() {
            self.count()?;
            let entry = archive.by_index(at).map_err(failed)?;
            let name = evidence::document::text(&entry.name().map_err(failed)?, 200);
            if entry.is_file() && (ends(&name, "json") || is_rustsec(&name)) {
                let shown = format!("{shown}: {name}");
                let bytes = bounded(&shown, entry, RECORD_BYTES_MAX)?;
                self.record(&shown, &bytes)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, shown: &str, bytes: &[u8]) -> Result<(), Error> {
        let is_kept = if is_rustsec(shown) {
            self.builder.rustsec(shown, bytes)?
        } else {
            self.builder.record(shown, bytes)?
        };
        if is_kept {
            self.kept += 1;
        } else {
            self.others += 1;
        }
        if (self.kept + self.others).is_multiple_of(PROGRESS) {
            (self.progress)(self.kept + self.others);
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Error> {
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(Error::unusable(format!("the mirror has more than {FILES_MAX} files")));
        }
        Ok(())
    }
}

/// Entries of a directory, in the order of their names.
fn entries(dir: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>, Error> {
    let failed = |error: std::io::Error| Error::unusable(format!("cannot read `{}`: {error}", dir.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let meta = fs::symlink_metadata(&path).map_err(failed)?;
        found.push((path, meta));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

fn ends(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn bounded(shown: &str, from: impl Read, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = from.take(most).read_to_end(&mut bytes);
    read.map_err(|error| Error::unusable(format!("cannot read `{shown}`: {error}")))?;
    if bytes.len() > bytes_max {
        return Err(Error::unusable(format!("`{shown}` has more than {bytes_max} bytes; remove it")));
    }
    Ok(bytes)
}

/// Ecosystems whose index is read.
const INDEXED: [Ecosystem; 3] = [Ecosystem::CratesIo, Ecosystem::Npm, Ecosystem::Pypi];
/// Deepest directory below the mirror.
const DEPTH_MAX: usize = 16;
/// Highest number of files of a mirror, those inside archives counted.
const FILES_MAX: usize = 4_000_000;
/// Records between two messages of progress.
const PROGRESS: u64 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_of_rustsecs_database_is_a_mirror() {
        let temp = tempfile::tempdir().unwrap();
        let advisory = |id: &str, package: &str| {
            format!(
                "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2026-01-02\"\n\
                 [versions]\npatched = [\">= 1.2.0\"]\n```\n\n# A title\n"
            )
        };
        let write = |path: &str, text: &str| {
            let path = temp.path().join("db").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            files::write_shared(&path, text.as_bytes()).unwrap();
        };
        write("README.md", "no advisory");
        write("crates/a/RUSTSEC-2026-0001.md", &advisory("RUSTSEC-2026-0001", "a"));
        write("rust/std/RUSTSEC-2026-0002.md", &advisory("RUSTSEC-2026-0002", "std"));
        let out = temp.path().join("advisories");
        let index = temp.path().join("index");
        let sync = |index| sync(&temp.path().join("db"), index, "db", &Ecosystem::ALL, &out, &mut |_| {});
        let made = sync(None).unwrap();
        assert_eq!(made.header.ecosystems["crates.io"].records, 1);
        fs::create_dir_all(index.join("crates.io/1")).unwrap();
        let yanked = br#"{"name": "a", "vers": "1.0.0", "yanked": true}"#;
        files::write_shared(&index.join("crates.io/config.json"), b"no document").unwrap();
        files::write_shared(&index.join("crates.io/1/a"), yanked).unwrap();
        assert_eq!(sync(Some(&index)).unwrap().header.index["crates.io"], 1);
        let none = temp.path().join("db");
        let error = sync(Some(&none)).unwrap_err().to_string();
        assert!(error.contains("no directory `crates.io`, `npm`, `PyPI`"), "{error}");
        let kept = fs::read(&out).unwrap();
        write("crates/b/RUSTSEC-2026-0003.md", "no TOML");
        let error = sync(None).unwrap_err().to_string();
        assert_eq!(fs::read(&out).unwrap(), kept);
        assert!(error.contains("RUSTSEC-2026-0003.md") && error.contains("block of TOML"), "{error}");
    }
}
