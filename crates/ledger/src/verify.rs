//! Verification of a data directory from its bytes and the keys of a trust root alone.
//!
//! Invariant: it reads every row and every blob, in bounded memory, and names the place of each breach. It cannot
//! detect a whole history that the ledger's own key signed again; witnesses exist to detect that.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use evidence::entry::{Entry, EntryError, Header};
use evidence::{Digest, Moment};
use rusqlite::Row;
use tlog::{
    Checkpoint, Cosignature, Frontier, HASH_BYTES, Hash, TILE_WIDTH, TileKind, TilePath, decode_bundle,
    leaf_hash,
};

use crate::checking::in_order;
use crate::error::LedgerError;
use crate::keys::{self, Keys};
use crate::report::{Anchors, Breach, Report};
use crate::rows::{entry_of, read_head};
use crate::{BLOBS, Blobs, Reader, TILES};

/// Verifies the ledger, tiles and blobs of a data directory.
///
/// # Errors
/// `LedgerError` only when the files cannot be opened or read at all. Faults are in the report.
pub fn verify(dir: &Path, anchors: &Anchors) -> Result<Report, LedgerError> {
    let reader = Reader::open(dir)?;
    // A read transaction gives one state of the ledger, even if a server appends meanwhile.
    reader.connection().execute_batch("BEGIN").map_err(LedgerError::sql("begin to verify"))?;
    let mut audit = Audit::new(dir, &reader, anchors.seen.as_ref());
    let structure = std::thread::scope(|scope| {
        // The structure of the file is checked in parallel with its contents.
        let structure = scope.spawn(|| structure(dir));
        audit.tables()?;
        audit.entries()?;
        structure.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    structure.into_iter().for_each(|line| audit.breach("ledger.db", line));
    audit.head(anchors)?;
    audit.seen(anchors);
    audit.witnessed(anchors);
    audit.cosigned();
    audit.blobs()?;
    Ok(audit.report())
}

/// Faults that the database finds in its own structure.
fn structure(dir: &Path) -> Result<Vec<String>, LedgerError> {
    let doing = LedgerError::sql("check the ledger's structure");
    let reader = Reader::open(dir)?;
    let mut check = reader.connection().prepare("PRAGMA integrity_check(20)").map_err(doing)?;
    let lines = check.query_map([], |row| row.get::<_, String>(0)).map_err(doing)?;
    let lines = lines.collect::<Result<Vec<_>, _>>().map_err(doing)?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

struct Audit<'a> {
    dir: &'a Path,
    reader: &'a Reader,
    blobs: Blobs,
    frontier: Frontier,
    last_time: Moment,
    tile: Vec<Hash>,
    headers: Vec<Vec<u8>>,
    claimed: Option<(u64, Hash)>,
    witnessed_root: Option<Hash>,
    /// Stored cosigned checkpoints that the tree has not reached yet.
    kept: VecDeque<Checkpoint>,
    cosigned: u64,
    seen: Option<&'a Checkpoint>,
    seen_root: Option<Hash>,
    cosignatures: Vec<Cosignature>,
    blob_count: u64,
    named: BTreeSet<Digest>,
    orphans: u64,
    breaches: Vec<Breach>,
}

impl<'a> Audit<'a> {
    fn new(dir: &'a Path, reader: &'a Reader, seen: Option<&'a Checkpoint>) -> Self {
        let claimed = reader.witnessed().ok().flatten();
        let claimed = claimed.and_then(|note| note.text().parse::<Checkpoint>().ok());
        Self {
            dir,
            reader,
            blobs: Blobs::read_only(&dir.join(BLOBS)),
            frontier: Frontier::default(),
            last_time: Moment::default(),
            tile: Vec::new(),
            headers: Vec::new(),
            claimed: claimed.map(|checkpoint| (checkpoint.size, checkpoint.root)),
            witnessed_root: None,
            kept: VecDeque::new(),
            cosigned: 0,
            seen: seen.filter(|seen| seen.size > 0),
            seen_root: None,
            cosignatures: Vec::new(),
            blob_count: 0,
            named: BTreeSet::new(),
            orphans: 0,
            breaches: Vec::new(),
        }
    }

    fn report(self) -> Report {
        Report {
            entries: self.frontier.size(),
            root: self.frontier.root(),
            blobs: self.blob_count,
            orphans: self.orphans,
            cosignatures: self.cosignatures,
            witnessed_size: self.claimed.map(|(size, _)| size),
            cosigned: self.cosigned,
            breaches: self.breaches,
        }
    }

    fn breaches(&mut self, found: Vec<Breach>) {
        found.into_iter().for_each(|breach| self.breach(breach.place, breach.what));
    }

    fn breach(&mut self, place: impl Into<String>, what: impl ToString) {
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(Breach { place: place.into(), what: what.to_string() });
        }
    }

    /// Checks that the file has exactly the tables of its format.
    fn tables(&mut self) -> Result<(), LedgerError> {
        let doing = LedgerError::sql("check the ledger's tables");
        let reader = self.reader;
        let text = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
        let mut tables = reader.connection().prepare(text).map_err(doing)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found =
            tables.query_map([], read).map_err(doing)?.collect::<Result<Vec<_>, _>>().map_err(doing)?;
        let same = found.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).eq(self
            .reader
            .tables()
            .iter()
            .copied());
        if !same {
            self.breach("ledger.db, schema", "the tables are not those of this format");
        }
        Ok(())
    }

    fn entries(&mut self) -> Result<(), LedgerError> {
        match self.reader.all_cosigned() {
            Ok(kept) => {
                self.last_is_kept(kept.last());
                (self.cosigned, self.kept) = (kept.len() as u64, kept.into());
            }
            Err(LedgerError::Row { place, what }) => self.breach(place, what),
            Err(error) => return Err(error),
        }
        let doing = LedgerError::sql("read entries");
        let reader = self.reader;
        let text = "SELECT seq, header, facts_salt, facts, particulars_salt, particulars, leaf FROM entry \
                    ORDER BY seq";
        let mut statement = reader.connection().prepare(text).map_err(doing)?;
        let mut rows = statement.query([]).map_err(doing)?;
        // A missing row ends the reading, because the place of later rows in the tree is unknown.
        let (mut next, mut gap) = (0, None);
        let read = || {
            let mut batch: Vec<(Option<Entry>, Vec<u8>)> = Vec::new();
            while gap.is_none() && batch.len() < BATCH {
                let Some(row) = rows.next().map_err(doing)? else { break };
                let seq: i64 = row.get(0).map_err(doing)?;
                if u64::try_from(seq) != Ok(next) {
                    gap = Some((next, seq));
                    break;
                }
                next += 1;
                batch.push((entry_of(row).map_err(doing)?, row.get(6).map_err(doing)?));
            }
            Ok(batch)
        };
        let check = |(entry, leaf): (Option<Entry>, Vec<u8>)| (entry.map(check), leaf);
        let mut listed = reader.connection().prepare(keys::ROWS).map_err(doing)?;
        let mut keys = Keys::new(listed.query([]).map_err(doing)?);
        let take = |batch: Vec<(Option<CheckedEntry>, Vec<u8>)>| {
            batch.into_iter().try_for_each(|(entry, leaf)| self.entry(entry, &leaf, &mut keys))
        };
        in_order(read, check, take)?;
        self.breaches(keys.rest()?);
        if let Some((expected, found)) = gap {
            let what = format!("entries {expected} to {} are missing", found.saturating_sub(1));
            self.breach(format!("entry {expected}"), what);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        checked: Option<CheckedEntry>,
        leaf: &[u8],
        keys: &mut Keys<'_>,
    ) -> Result<(), LedgerError> {
        let seq = self.frontier.size();
        let place = format!("entry {seq}");
        let Some(CheckedEntry { entry, leaf: hash, header }) = checked else {
            self.breach(place, "a payload has no salt, or the salt is not 16 bytes");
            self.push(seq, Hash::empty_tree(), Vec::new());
            return Ok(());
        };
        if leaf != hash.as_bytes() {
            self.breach(&place, "the header does not match the leaf hash beside it");
        }
        match header {
            Ok(header) => {
                self.header(seq, &place, &header, &entry);
                self.breaches(keys.named(seq, header.idempotency)?);
            }
            Err(error) => self.breach(&place, error),
        }
        self.push(seq, hash, entry.header);
        Ok(())
    }

    fn header(&mut self, seq: u64, place: &str, header: &Header, entry: &Entry) {
        if header.particulars.is_some() && entry.particulars.is_none() {
            self.breach(place, "the particulars are missing and no erasure is recorded");
        }
        if header.time < self.last_time {
            self.breach(place, "its time is before that of the entry before it");
        }
        self.last_time = header.time.max(self.last_time);
        if header.cause.is_some_and(|cause| cause >= seq) {
            self.breach(place, "its cause is not an earlier entry");
        }
        for digest in &header.blobs {
            self.named.insert(*digest);
            if !self.blobs.path(digest).is_file() {
                self.breach(format!("blob {digest}"), format!("is missing; entry {seq} names it"));
            }
        }
    }

    fn push(&mut self, seq: u64, hash: Hash, header: Vec<u8>) {
        self.frontier.push(hash);
        self.tile.push(hash);
        self.headers.push(header);
        if self.claimed.is_some_and(|(size, _)| size == seq + 1) {
            self.witnessed_root = Some(self.frontier.root());
        }
        if let Some(kept) = self.kept.pop_front_if(|kept| kept.size == seq + 1)
            && kept.root != self.frontier.root()
        {
            let what = format!("witnesses saw another history of the first {} entries", kept.size);
            self.breach(format!("cosigned {}", kept.size), what);
        }
        if self.seen.is_some_and(|seen| seen.size == seq + 1) {
            self.seen_root = Some(self.frontier.root());
        }
        if self.tile.len() as u64 == TILE_WIDTH {
            self.full_tile(seq / TILE_WIDTH);
            self.tile.clear();
            self.headers.clear();
        }
    }

    /// Compares a full tile and bundle with their files. A missing file is not a breach, because it is derived again.
    fn full_tile(&mut self, index: u64) {
        for kind in [TileKind::Level(0), TileKind::Entries] {
            let Some(path) = TilePath::new(kind, index, TILE_WIDTH) else { continue };
            let Ok(bytes) = fs::read(self.dir.join(TILES).join(path.to_string())) else { continue };
            let differs = if kind == TileKind::Entries {
                let entries = decode_bundle(&bytes).unwrap_or_default();
                first_difference(self.headers.iter().map(Vec::as_slice), entries.into_iter())
            } else {
                let leaves = self.tile.iter().map(|hash| hash.as_bytes().as_slice());
                first_difference(leaves, bytes.chunks(HASH_BYTES))
            };
            if let Some(at) = differs {
                let seq = index * TILE_WIDTH + at as u64;
                self.breach(format!("entry {seq}"), format!("differs from its place in `{TILES}/{path}`"));
            }
        }
    }

    fn head(&mut self, anchors: &Anchors) -> Result<(), LedgerError> {
        let head = match read_head(self.reader.connection()) {
            Ok(head) => head,
            Err(LedgerError::Row { place, what }) => {
                self.breach(place, what);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let known = std::slice::from_ref(&anchors.ledger);
        match Checkpoint::open(&head.checkpoint, anchors.ledger.name(), known) {
            Err(error) => self.breach("head, checkpoint", error),
            Ok(checkpoint) => {
                let (size, root) = (self.frontier.size(), self.frontier.root());
                if checkpoint.size != size {
                    let what = format!("is of size {}, but {size} entries were read", checkpoint.size);
                    self.breach("head, checkpoint", what);
                } else if checkpoint.root != root {
                    let what = "these entries do not have the root hash of the signed checkpoint";
                    self.breach(self.differing_range(&head.frontier, checkpoint.root), what);
                }
            }
        }
        if head.frontier != self.frontier {
            self.breach("head, edge", "is not the right edge of the entries");
        }
        Ok(())
    }

    /// The entries below the first subtree that differs, if the stored edge matches the signed root.
    fn differing_range(&self, stored: &Frontier, signed: Hash) -> String {
        let size = self.frontier.size();
        let (ours, theirs) = (self.frontier.to_bytes(), stored.to_bytes());
        let differs = first_difference(ours.chunks(HASH_BYTES), theirs.chunks(HASH_BYTES));
        let (mut start, mut at) = (0, 0);
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            let end = start + (1 << level);
            if stored.root() == signed && stored.size() == size && differs == Some(at) {
                return format!("entries {start} to {}", end - 1);
            }
            (start, at) = (end, at + 1);
        }
        format!("entries 0 to {}", size.saturating_sub(1))
    }

    fn seen(&mut self, anchors: &Anchors) {
        let Some(seen) = self.seen else { return };
        if seen.origin != anchors.ledger.name() {
            self.breach("pinned checkpoint", format!("is of ledger `{}`", seen.origin));
        } else if self.seen_root != Some(seen.root) {
            let what = format!("the first {} entries are gone or not those that you have seen", seen.size);
            self.breach("pinned checkpoint", what);
        }
    }

    fn witnessed(&mut self, anchors: &Anchors) {
        let note = match self.reader.witnessed() {
            Ok(Some(note)) => note,
            Ok(None) if anchors.quorum == 0 || self.frontier.size() == 0 => return,
            Ok(None) => {
                let what = format!(
                    "no cosigned checkpoint is on record; the trust root asks for {}",
                    anchors.quorum
                );
                return self.breach("witnessed", what);
            }
            Err(error) => return self.breach("witnessed", error),
        };
        let known = std::slice::from_ref(&anchors.ledger);
        let checkpoint = match Checkpoint::open(&note, anchors.ledger.name(), known) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return self.breach("witnessed", error),
        };
        if checkpoint.size > self.frontier.size() {
            let what =
                format!("witnesses saw {} entries, only {} are here", checkpoint.size, self.frontier.size());
            self.breach("witnessed", what);
        } else if checkpoint.size > 0 && self.witnessed_root != Some(checkpoint.root) {
            let what = format!("witnesses saw another history of the first {} entries", checkpoint.size);
            self.breach("witnessed", what);
        }
        match Cosignature::all(&note, &anchors.witnesses) {
            Ok(found) if found.len() >= anchors.quorum => self.cosignatures = found,
            Ok(found) => {
                let what = format!("{} of {} witnesses cosigned", found.len(), anchors.quorum);
                self.breach("witnessed", what);
            }
            Err(error) => self.breach("witnessed", error),
        }
    }

    /// Checks that the last cosigned checkpoint is also stored beside the older ones, as one transaction writes both.
    fn last_is_kept(&mut self, last: Option<&Checkpoint>) {
        let claimed = self.claimed.map_or(0, |(size, _)| size);
        if claimed > 0 && self.reader.keeps_cosigned() && last.map(|last| last.size) != Some(claimed) {
            let what =
                format!("the checkpoint of {claimed} entries, which witnesses cosigned last, is not stored");
            self.breach("cosigned", what);
        }
    }

    /// Reports stored checkpoints that are larger than the tree. The others were compared on the way.
    fn cosigned(&mut self) {
        for kept in std::mem::take(&mut self.kept) {
            let what = format!("witnesses saw {} entries, only {} are here", kept.size, self.frontier.size());
            self.breach(format!("cosigned {}", kept.size), what);
        }
    }

    fn blobs(&mut self) -> Result<(), LedgerError> {
        let files = self
            .blobs
            .files()
            .map_err(|error| LedgerError::Row { place: BLOBS.into(), what: error.to_string() })?;
        for (path, stated) in files {
            let shown = path.strip_prefix(self.dir).unwrap_or(&path).display().to_string();
            let Some(stated) = stated else {
                self.breach(shown, "is not named as a blob is");
                continue;
            };
            let named = self.named.contains(&stated);
            let found = match digest_of(&path) {
                // The server removed it meanwhile. Blobs that an entry names were checked before.
                Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => continue,
                found => found.map_err(LedgerError::io("read", &path))?,
            };
            self.blob_count += 1;
            self.orphans += u64::from(!named);
            if found != stated {
                self.breach(
                    format!("blob {stated}"),
                    format!("has been changed: its bytes have digest {found}"),
                );
            }
        }
        Ok(())
    }
}

fn first_difference<'a>(
    ours: impl Iterator<Item = &'a [u8]>,
    theirs: impl Iterator<Item = &'a [u8]>,
) -> Option<usize> {
    let mut theirs = theirs;
    ours.enumerate().find(|(_, item)| theirs.next() != Some(item)).map(|(at, _)| at)
}

fn digest_of(path: &PathBuf) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut digest = evidence::Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finish()),
            count => digest.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

const BREACHES_MAX: usize = 100;
/// Number of rows that are checked together.
const BATCH: usize = 1_024;

/// An entry with its leaf hash, and its header if that is sound.
struct CheckedEntry {
    entry: Entry,
    leaf: Hash,
    header: Result<Header, EntryError>,
}

fn check(entry: Entry) -> CheckedEntry {
    CheckedEntry { leaf: leaf_hash(&entry.header), header: entry.check(), entry }
}
