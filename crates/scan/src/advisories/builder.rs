//! Builds a database out of records and feeds.
//!
//! Invariant: equal input in any order gives equal bytes. Of two records with one id the newer counts.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::text;
use evidence::{Digest, Moment};

use super::affected::Event;
use super::ecosystem::{Ecosystem, Package};
use super::error::AdvisoriesError;
use super::feeds;
use super::index::{self, Releases};
use super::layout::{
    BLOCK_BYTES, BLOCK_BYTES_MAX, DATABASE_BYTES_MAX, DIRECTORY_BYTES_MAX, HEADER_BYTES_MAX, Header, Held,
    MAGIC, key, put,
};
use super::record::Record;
use super::rustsec;
use super::stored::Entry;
use super::versions::Version;

/// Highest number of records in a database.
pub const RECORDS_MAX: usize = 2_000_000;

/// Records on their way into a database.
#[derive(Debug)]
pub struct Builder {
    source: String,
    ecosystems: BTreeSet<Ecosystem>,
    records: BTreeMap<String, Kept>,
    exploited: Option<BTreeSet<String>>,
    probabilities: Option<BTreeMap<String, u16>>,
    index: BTreeMap<Package, Releases>,
    indexed: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    digest: Digest,
}

/// Blocks and their directory, on their way to the file.
#[derive(Default)]
struct Blocks {
    directory: Vec<u8>,
    bytes: Vec<u8>,
    first: Option<Vec<u8>>,
    block: Vec<u8>,
}

impl Builder {
    /// Begins a database of these ecosystems. `source` names the mirror, as its operator chose it.
    #[must_use]
    pub fn new(source: &str, ecosystems: impl IntoIterator<Item = Ecosystem>) -> Self {
        let source = text(source, 200);
        Self {
            source: if source.is_empty() { "unnamed".to_owned() } else { source },
            ecosystems: ecosystems.into_iter().collect(),
            records: BTreeMap::new(),
            exploited: None,
            probabilities: None,
            index: BTreeMap::new(),
            indexed: BTreeMap::new(),
        }
    }

    /// Adds a record. `name` is that of its file. Answers whether it speaks about a chosen ecosystem.
    ///
    /// # Errors
    /// `AdvisoriesError` when it is no record, or there are too many.
    pub fn record(&mut self, name: &str, bytes: &[u8]) -> Result<bool, AdvisoriesError> {
        self.keep(Record::decode(name, bytes)?, Digest::of(bytes))
    }

    /// Adds an advisory in `RustSec`'s form. `name` is that of its file. Answers whether it speaks about a chosen ecosystem.
    ///
    /// # Errors
    /// `AdvisoriesError` when it is no such advisory, or there are too many.
    pub fn rustsec(&mut self, name: &str, bytes: &[u8]) -> Result<bool, AdvisoriesError> {
        self.keep(rustsec::decode(name, bytes)?, Digest::of(bytes))
    }

    fn keep(&mut self, mut record: Record, digest: Digest) -> Result<bool, AdvisoriesError> {
        record.packages.retain(|package, _| self.ecosystems.contains(&package.ecosystem));
        if record.packages.is_empty() {
            return Ok(false);
        }
        if record.withdrawn {
            record.packages.clear();
        }
        let kept = Kept { record, digest };
        let id = kept.record.facts.id.clone();
        let is_newer =
            |other: &Kept| (other.record.modified, &other.digest) < (kept.record.modified, &kept.digest);
        if self.records.get(&id).is_none_or(is_newer) {
            self.records.insert(id, kept);
        }
        if self.records.len() > RECORDS_MAX {
            return Err(AdvisoriesError::Many { what: "records", max: RECORDS_MAX });
        }
        Ok(true)
    }

    /// Adds the document of a package in the index of its ecosystem: of npm's registry, a file of crates.io's index, or
    /// one of `PyPI`'s two forms. Answers whether the ecosystem was chosen. Of two documents of a package the later counts.
    ///
    /// # Errors
    /// `AdvisoriesError` when it is no such document, or there are too many.
    pub fn index(&mut self, ecosystem: Ecosystem, name: &str, bytes: &[u8]) -> Result<bool, AdvisoriesError> {
        let (package, releases) = index::decode(ecosystem, name, bytes)?;
        if !self.ecosystems.contains(&ecosystem) {
            return Ok(false);
        }
        self.index.insert(package, releases);
        if self.index.len() > RECORDS_MAX {
            return Err(AdvisoriesError::Many { what: "packages of an index", max: RECORDS_MAX });
        }
        Ok(true)
    }

    /// Adds a catalogue of exploited vulnerabilities: KEV in JSON.
    ///
    /// # Errors
    /// `AdvisoriesError::Format` when it is not one.
    pub fn exploited(&mut self, name: &str, bytes: &[u8]) -> Result<(), AdvisoriesError> {
        self.exploited.get_or_insert_default().append(&mut feeds::exploited(name, bytes)?);
        Ok(())
    }

    /// Adds probabilities of exploitation: EPSS in CSV.
    ///
    /// # Errors
    /// `AdvisoriesError::Format` when it is not such a table.
    pub fn probabilities(&mut self, name: &str, bytes: &[u8]) -> Result<(), AdvisoriesError> {
        let all = self.probabilities.get_or_insert_default();
        for (id, probability) in feeds::probabilities(name, bytes)? {
            let known = all.entry(id).or_default();
            *known = probability.max(*known);
        }
        Ok(())
    }

    /// The bytes of the database.
    ///
    /// # Errors
    /// `AdvisoriesError` when there is no record, or too much.
    pub fn finish(mut self) -> Result<Vec<u8>, AdvisoriesError> {
        let modified = self.records.values().filter_map(|kept| kept.record.modified).max();
        let mut entries: BTreeMap<Package, Entry> = BTreeMap::new();
        let mut ecosystems: BTreeMap<String, Held> = BTreeMap::new();
        for kept in std::mem::take(&mut self.records).into_values() {
            let Record { mut facts, packages, .. } = kept.record;
            let ids = || facts.aliases.iter().chain([&facts.id]);
            let is_exploited = self.exploited.as_ref().is_some_and(|all| ids().any(|id| all.contains(id)));
            let epss = self.probabilities.as_ref();
            let epss = epss.and_then(|all| ids().filter_map(|id| all.get(id)).max().copied());
            (facts.exploited, facts.epss) = (is_exploited, epss);
            for ecosystem in packages.keys().map(|package| package.ecosystem).collect::<BTreeSet<_>>() {
                ecosystems.entry(ecosystem.as_str().to_owned()).or_default().records += 1;
            }
            for (package, affected) in packages {
                let mut stored = facts.clone();
                stored.affected = affected;
                entries.entry(package).or_default().records.push(stored);
            }
        }
        if entries.is_empty() {
            let why = "it has no record of the ecosystems that are asked for".to_owned();
            return Err(AdvisoriesError::Format { name: self.source, why });
        }
        for (package, releases) in std::mem::take(&mut self.index) {
            *self.indexed.entry(package.ecosystem.as_str().to_owned()).or_default() += 1;
            add_releases(package, releases, &mut entries);
        }
        let mut blocks = Blocks::default();
        for (package, entry) in &entries {
            let held = ecosystems.get_mut(package.ecosystem.as_str());
            if let Some(held) = held.filter(|_| !entry.records.is_empty()) {
                held.packages += 1;
            }
            blocks.add(package, entry)?;
        }
        blocks.close();
        self.file(modified.unwrap_or_default(), ecosystems, &blocks)
    }

    fn file(
        &self,
        modified: Moment,
        ecosystems: BTreeMap<String, Held>,
        blocks: &Blocks,
    ) -> Result<Vec<u8>, AdvisoriesError> {
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let header = Header {
            v: 1,
            source: self.source.clone(),
            modified,
            ecosystems,
            exploited: self.exploited.as_ref().map(|all| length(all.len())),
            epss: self.probabilities.as_ref().map(|all| length(all.len())),
            index: self.indexed.clone(),
            directory: length(blocks.directory.len()),
            digest: Digest::of(&blocks.directory),
            blocks: length(blocks.bytes.len()),
        };
        let header = encoded(&self.source, &header)?;
        let all = length(blocks.bytes.len()).saturating_add(header_and(blocks.directory.len()));
        if header.len() > HEADER_BYTES_MAX
            || length(blocks.directory.len()) > DIRECTORY_BYTES_MAX
            || all > DATABASE_BYTES_MAX
        {
            return Err(AdvisoriesError::Many { what: "bytes", max: RECORDS_MAX });
        }
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(Digest::of(&header).as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&blocks.directory);
        out.extend_from_slice(&blocks.bytes);
        Ok(out)
    }
}

impl Blocks {
    fn add(&mut self, package: &Package, entry: &Entry) -> Result<(), AdvisoriesError> {
        let (key, entry) = (key(package), encoded(&package.name, entry)?);
        if entry.len() > BLOCK_BYTES_MAX / 2 {
            let why = format!("more than {} bytes of advisories", BLOCK_BYTES_MAX / 2);
            return Err(AdvisoriesError::Format { name: text(&package.name, 200), why });
        }
        self.first.get_or_insert_with(|| key.clone());
        put(&mut self.block, &key);
        put(&mut self.block, &entry);
        if self.block.len() >= BLOCK_BYTES {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(first) = self.first.take() else { return };
        put(&mut self.directory, &first);
        let length = u32::try_from(self.block.len()).unwrap_or(u32::MAX);
        self.directory.extend_from_slice(&length.to_be_bytes());
        self.directory.extend_from_slice(Digest::of(&self.block).as_bytes());
        self.bytes.append(&mut self.block);
    }
}

/// Keeps what a judgement needs: words against versions, and the times of versions that fix a problem.
fn add_releases(package: Package, releases: Releases, entries: &mut BTreeMap<Package, Entry>) {
    let order = package.ecosystem.order();
    let has_words = releases.values().any(|release| release.withdrawn.is_some());
    if !has_words && !entries.contains_key(&package) {
        return;
    }
    let entry = entries.entry(package).or_default();
    let ranges = entry.records.iter().flat_map(|record| record.affected.ranges.iter().flatten());
    let fixes = ranges.filter(|event| matches!(event, Event::Fixed(_))).map(Event::version);
    let parsed: Vec<_> = releases.iter().map(|(text, release)| (order.parse(text), release)).collect();
    for fix in fixes.collect::<BTreeSet<_>>() {
        let same = |version: &Version| order.parse(fix).is_some_and(|fix| version.against(&fix).is_eq());
        let found = parsed.iter().find(|(version, _)| version.as_ref().is_some_and(same));
        if let Some(at) = found.and_then(|(_, release)| release.at) {
            entry.released.insert(fix.to_owned(), at);
        }
    }
    let words = releases.into_iter().filter_map(|(version, release)| Some((version, release.withdrawn?)));
    entry.withdrawn.extend(words);
}

fn header_and(directory: usize) -> u64 {
    u64::try_from(directory.saturating_add(super::layout::PRELUDE_BYTES + HEADER_BYTES_MAX))
        .unwrap_or(u64::MAX)
}

fn encoded(name: &str, value: &impl serde::Serialize) -> Result<Vec<u8>, AdvisoriesError> {
    serde_json::to_vec(value)
        .map_err(|error| AdvisoriesError::Format { name: text(name, 200), why: error.to_string() })
}
