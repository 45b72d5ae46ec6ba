//! Packages of RPM: headers (<https://rpm.org/docs/latest/manual/format_header.html>) in a database of SQLite. Two older forms of the
//! database are known and not read.

use super::installed::Installed;
use super::sqlite::Database;
use crate::components::fault::{Fault, Within as _};

/// Forms of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite.
    Sqlite,
    /// The pages that SQLite has not written into its database yet.
    Log,
    /// A form that is not read.
    Other(&'static str),
}

/// The form of a file of the database.
pub fn kind_of(path: &str) -> Option<Kind> {
    let name = ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"]
        .into_iter()
        .find_map(|directory| path.strip_prefix(directory))?;
    match name {
        "rpmdb.sqlite" => Some(Kind::Sqlite),
        "rpmdb.sqlite-wal" => Some(Kind::Log),
        "Packages" => Some(Kind::Other("Berkeley DB")),
        "Packages.db" => Some(Kind::Other("NDB")),
        _ => None,
    }
}

/// Reads a file of the database.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Vec<Installed>, Fault> {
    match kind {
        Kind::Log if bytes.is_empty() => Ok(Vec::new()),
        Kind::Log => Err(Fault::new(
            "the database has changes that are not written yet; run `rpm --rebuilddb` when the image is made",
        )),
        Kind::Other(form) => Err(Fault::new(format!(
            "it is a database of the form {form}, which this program does not read; convert it by `rpm --rebuilddb --define '_db_backend sqlite'`"
        ))),
        Kind::Sqlite => {
            let (mut all, mut number) = (Vec::new(), 0_usize);
            Database::open(bytes)?.blobs("Packages", |header| {
                number += 1;
                let installed = installed(header).within(|| format!("package {number}"))?;
                // Keys that sign packages stand among them.
                all.extend(Some(installed).filter(|installed| installed.name != "gpg-pubkey"));
                Ok(())
            })?;
            Ok(all)
        }
    }
}

fn installed(bytes: &[u8]) -> Result<Installed, Fault> {
    let header = Header::open(bytes)?;
    let text = |tag| header.text(tag);
    let asked = |tag, what: &str| text(tag)?.ok_or_else(|| Fault::new(format!("it has no {what}")));
    let (name, version, release) =
        (asked(NAME, "name")?, asked(VERSION, "version")?, asked(RELEASE, "release")?);
    let epoch = header.number(EPOCH)?.filter(|epoch| *epoch > 0);
    let version = match epoch {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    let source = text(SOURCE)?.and_then(|file| {
        let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
        let (rest, _) = stem.rsplit_once('-')?;
        Some(rest.rsplit_once('-')?.0.to_owned())
    });
    let source = source.filter(|source| *source != name).map(|source| (source, None));
    Ok(Installed {
        name,
        version,
        architecture: text(ARCHITECTURE)?.unwrap_or_default(),
        source,
        licence: text(LICENCE)?,
    })
}

/// A header: an index of tags, and their values.
struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let cut = || Fault::new("its header is cut");
        let number = |at: usize| {
            let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok()).ok_or_else(cut)?;
            usize::try_from(u32::from_be_bytes(part)).map_err(|_| cut())
        };
        let (entries, length) = (number(0)?, number(4)?);
        let end = entries.checked_mul(ENTRY_BYTES).and_then(|bytes| bytes.checked_add(8)).ok_or_else(cut)?;
        let index = bytes.get(8..end).ok_or_else(cut)?;
        let data = bytes.get(end..).and_then(|rest| rest.get(..length)).ok_or_else(cut)?;
        Ok(Self { index, data })
    }

    /// The values of a tag of this type.
    fn values(&self, tag: u32, kinds: &[u32]) -> Result<Option<&'a [u8]>, Fault> {
        for entry in self.index.chunks_exact(ENTRY_BYTES) {
            let word = |at: usize| {
                entry
                    .get(at..at + 4)
                    .and_then(|part| part.try_into().ok())
                    .map(u32::from_be_bytes)
                    .unwrap_or_default()
            };
            if word(0) != tag {
                continue;
            }
            let offset = usize::try_from(word(8)).unwrap_or(usize::MAX);
            let values = self.data.get(offset..).filter(|_| kinds.contains(&word(4)));
            return values.map(Some).ok_or_else(|| Fault::new(format!("its tag {tag} cannot be read")));
        }
        Ok(None)
    }

    fn text(&self, tag: u32) -> Result<Option<String>, Fault> {
        let Some(values) = self.values(tag, &[STRING, TRANSLATED])? else { return Ok(None) };
        let end = values.iter().position(|byte| *byte == 0);
        let text = end.and_then(|end| std::str::from_utf8(values.get(..end)?).ok());
        text.map(|text| Some(text.to_owned())).ok_or_else(|| Fault::new(format!("its tag {tag} is no text")))
    }

    fn number(&self, tag: u32) -> Result<Option<u32>, Fault> {
        let Some(values) = self.values(tag, &[INT32])? else { return Ok(None) };
        let number = values.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        number.map(Some).ok_or_else(|| Fault::new(format!("its tag {tag} is no number")))
    }
}

const ENTRY_BYTES: usize = 16;
const INT32: u32 = 4;
const STRING: u32 = 6;
const TRANSLATED: u32 = 9;
const NAME: u32 = 1_000;
const VERSION: u32 = 1_001;
const RELEASE: u32 = 1_002;
const EPOCH: u32 = 1_003;
const LICENCE: u32 = 1_014;
const ARCHITECTURE: u32 = 1_022;
const SOURCE: u32 = 1_044;
