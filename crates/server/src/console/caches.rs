//! Values that pages, and claims for secrets, need again, in memory: facts of commits, judged releases and comparisons, policies, situations, statements, and
//! lines of logs.

use std::sync::Mutex;

use evidence::{CommitId, Digest, Name, Place};
use judge::StepSecrets;
use review::delivery::{Figure, Rows};
use review::parity::ParitySide;
use review::posture::BuildFacts;
use review::record::Record;
use wire::StatementContent;

use super::cache::Cache;
use super::commit_facts::CommitFacts;
use super::comparison::Comparison;
use super::exposure_caches::ExposureCaches;
use super::judgement::{Judged, JudgementKey};
use super::log::LineIndex;
use super::policy_reading::PolicyReading;
use super::situation::{Situation, SituationKey};

/// Values that pages need again.
#[derive(Debug)]
pub struct PageCaches {
    /// Facts of commits. A commit never changes.
    pub commits: Cache<CommitId, CommitFacts>,
    /// Judged releases, each with everything that its judgement depends on.
    pub judgements: Cache<JudgementKey, Judged>,
    /// Findings and components of releases.
    pub exposure: ExposureCaches,
    /// Policies, each with the digest of the gate input that it was read for.
    pub policies: Cache<(Digest, Digest), PolicyReading>,
    /// Situations of readers, each for two seconds.
    pub situations: Cache<SituationKey, Situation>,
    /// Contents of signed statements, by the digest of their envelope; `None` if one cannot be read.
    pub statements: Cache<Digest, Option<StatementContent>>,
    /// Lines of logs, by the log's name and its file's number. An index grows with its file.
    pub logs: Cache<(String, u64), Mutex<LineIndex>>,
    /// Comparisons of two releases, each with the keys of both.
    pub comparisons: Cache<(JudgementKey, JudgementKey), Comparison>,
    /// Figures of delivery, by size of the ledger, hour, and places with their ways.
    pub figures: Cache<(u64, u64, String), Vec<Figure>>,
    /// Rows of weeks that are over, by the first moment after them, and places with their ways.
    pub past_weeks: Cache<(u64, String), Rows>,
    /// Code and pipeline of releases, by the digest of the bundle; `None` for evidence that does not hold.
    pub builds: Cache<Digest, Option<BuildFacts>>,
    /// Secrets that the steps of a pipeline name, by the digest of the source pack and the project: each claim of a runner asks.
    pub step_secrets: Cache<(Digest, Name), StepSecrets>,
    /// Values of what runs at a place, by the digests of the evidence and of the statement; `None` if the evidence does not hold.
    pub parities: Cache<(Digest, Digest), Option<ParitySide>>,
    /// Records of releases, by place, number, size of the ledger and minute.
    pub records: Cache<(Place, u64, u64, u64), Record>,
}

impl Default for PageCaches {
    fn default() -> Self {
        Self {
            commits: Cache::new(COMMITS_MAX),
            judgements: Cache::weighed(JUDGEMENTS_MAX, JUDGEMENTS_BYTES_MAX, Judged::bytes),
            exposure: ExposureCaches::default(),
            policies: Cache::new(POLICIES_MAX),
            situations: Cache::new(SITUATIONS_MAX),
            statements: Cache::new(STATEMENTS_MAX),
            logs: Cache::new(LOGS_MAX),
            comparisons: Cache::new(COMPARISONS_MAX),
            step_secrets: Cache::weighed(STEP_SECRETS_MAX, STEP_SECRETS_BYTES_MAX, named_bytes),
            figures: Cache::new(FIGURES_MAX),
            past_weeks: Cache::new(FIGURES_MAX),
            builds: Cache::new(BUILDS_MAX),
            parities: Cache::new(PARITIES_MAX),
            records: Cache::new(RECORDS_MAX),
        }
    }
}

/// About the memory of the names: a pipeline names a few secrets of a few hundred bytes at most.
fn named_bytes(named: &StepSecrets) -> usize {
    named.values().map(|secrets| NAME_BYTES * (1 + secrets.len())).sum()
}

/// Most places whose values are kept; each has its plan and its list of components.
const PARITIES_MAX: usize = 256;
const STEP_SECRETS_MAX: usize = 1_024;
const STEP_SECRETS_BYTES_MAX: usize = 4 << 20;
const NAME_BYTES: usize = 512;
const COMMITS_MAX: usize = 2_000;
/// Most choices of places whose figures are kept.
const FIGURES_MAX: usize = 16;
/// Most releases whose code and pipeline are kept; each has a few names.
const BUILDS_MAX: usize = 4_096;
/// Most records; each lists its components.
const RECORDS_MAX: usize = 16;
/// Most judgements; each holds the lines of a page.
const JUDGEMENTS_MAX: usize = 1_024;
const JUDGEMENTS_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Most indexes of logs; one of 100 MiB with the shortest lines has 800 KiB.
const LOGS_MAX: usize = 64;
/// Most situations; each holds the newest releases of every place that its reader may read.
const SITUATIONS_MAX: usize = 16;
const STATEMENTS_MAX: usize = 4_000;
const COMPARISONS_MAX: usize = 128;
/// Most policies; each holds its files.
const POLICIES_MAX: usize = 64;
