//! The ledger: a search of its entries, and one entry with its proof.

use serde::Serialize;

use super::shared::{Badge, Fact, Time};

/// A search of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Ledger {
    /// A sentence: `48,201 entries, witnessed by 2 of 3`.
    pub headline: String,
    /// The form of the search.
    pub form: LedgerForm,
    /// Entries, the newest first.
    pub rows: Vec<EntryRow>,
    /// Address of the page with the newest entries, where this is not it.
    pub newest: Option<String>,
    /// Address of the page with older entries.
    pub older: Option<String>,
    /// Addresses of the same entries as files, by name.
    pub exports: Vec<(String, String)>,
}

/// The form of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct LedgerForm {
    /// The words that were asked for.
    pub words: String,
    /// Kinds of entries.
    pub kinds: Vec<Choice>,
    /// Projects.
    pub projects: Vec<Choice>,
    /// People.
    pub people: Vec<Choice>,
    /// The first day.
    pub from: String,
    /// The last day.
    pub until: String,
    /// Whether any condition is set.
    pub narrowed: bool,
}

/// One of several values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Choice {
    /// The value that the address holds.
    pub value: String,
    /// Its name.
    pub name: String,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// An entry in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct EntryRow {
    /// Its number.
    pub entry: u64,
    /// Its kind, with the state that it tells.
    pub badge: Badge,
    /// The entry as a sentence.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// The person or machine that caused it.
    pub actor: String,
    /// Its time.
    pub time: Time,
    /// Its page.
    pub href: String,
    /// The page of the run or release that it is about, with its name.
    pub about: Option<(String, String)>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Entry {
    /// The entry in one line.
    pub row: EntryRow,
    /// Facts of its header.
    pub header: Vec<Fact>,
    /// Its facts, as lines of indented JSON.
    pub facts: Vec<String>,
    /// Its particulars, as lines of indented JSON; `None` if it has none or they were erased.
    pub particulars: Option<Vec<String>>,
    /// Why there are no particulars, where the header commits to some.
    pub erased: Option<String>,
    /// The proof that the ledger holds it.
    pub proof: Option<Proof>,
    /// Address of the entry before it.
    pub earlier: Option<String>,
    /// Address of the entry after it.
    pub later: Option<String>,
}

/// A proof of inclusion (RFC 6962, section 2.1.1), from the entry up to the root of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Proof {
    /// Number of entries of the tree.
    pub size: u64,
    /// Hash of the entry.
    pub leaf: String,
    /// Hashes that are joined on the way up, the lowest first.
    pub steps: Vec<ProofStep>,
    /// Hash of the whole tree.
    pub root: String,
    /// The signed checkpoint, as its lines.
    pub checkpoint: Vec<String>,
    /// Witnesses that have signed it.
    pub witnesses: Vec<Fact>,
}

/// A hash beside the way from an entry to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct ProofStep {
    /// Whether the hash stands left of the way.
    pub is_left: bool,
    /// The hash.
    pub hash: String,
    /// First and last entry below it.
    pub entries: (u64, u64),
}
