//! The `tests` document: which tests ran, and how each ended.
//!
//! Invariant: a test has one outcome, the worst that was seen, and covers what every runner says that it covers. Times are not part of it: they differ between runners.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

use super::form::{Document, DocumentError, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, Tool, check_tools, is_text};

/// Highest number of tests in one document.
pub const TESTS_MAX: usize = 20_000;

/// A `tests` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestsDocument {
    /// Version of this format; 1.
    pub v: u8,
    /// Tools that ran the tests.
    pub tools: BTreeSet<Tool>,
    /// Tests by suite and name.
    pub suites: BTreeMap<String, BTreeMap<String, Test>>,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// How it ended.
    pub outcome: TestOutcome,
    /// Why it failed or was skipped, in the tool's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Ids of requirements and controls that it covers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub covers: BTreeSet<String>,
}

/// Outcomes of a test, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It passed only after it had failed in the same run of the step.
    Flaky,
    /// It did not run.
    Skipped,
    /// Something else failed before the test could tell.
    Error,
    /// It failed.
    Failed,
}

/// The parts of a test's identity.
#[derive(Serialize)]
struct Identity<'a> {
    v: u8,
    suite: &'a str,
    test: &'a str,
}

/// Identity of a test: the SHA-256 digest of its suite, which contains its class, and its name.
///
/// # Errors
/// `CanonicalError` when the parts cannot be encoded.
pub fn identity(suite: &str, test: &str) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&canonical::encode("test identity", &Identity { v: 1, suite, test })?))
}

impl TestsDocument {
    /// A document without tests.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { v: 1, tools: tools.into_iter().collect(), suites: BTreeMap::new() }
    }

    /// Adds a test. Of two with the same name, the worse outcome counts.
    pub fn add(&mut self, suite: String, name: String, test: Test) {
        let tests = self.suites.entry(suite).or_default();
        match tests.remove(&name) {
            Some(other) => tests.insert(name, test.join(other)),
            None => tests.insert(name, test),
        };
    }

    /// Leaves what the same test covers in another document.
    fn cover_only(&mut self, other: &Self) {
        for (suite, tests) in &mut self.suites {
            let others = other.suites.get(suite);
            for (name, test) in tests {
                let same = others.and_then(|tests| tests.get(name));
                test.covers.retain(|id| same.is_some_and(|same| same.covers.contains(id)));
            }
        }
    }
}

impl Test {
    fn join(self, other: Self) -> Self {
        let (worse, better) = if (self.outcome, &self.message) >= (other.outcome, &other.message) {
            (self, other)
        } else {
            (other, self)
        };
        Self { covers: worse.covers.union(&better.covers).cloned().collect(), ..worse }
    }

    fn is_sound(&self) -> bool {
        self.message.as_ref().is_none_or(|message| is_text(message, MESSAGE_BYTES_MAX))
            && self.covers.len() <= COVERS_MAX
            && self.covers.iter().all(|id| is_text(id, TEXT_BYTES_MAX))
    }
}

impl TestOutcome {
    /// Whether the test did not end well: it failed, or something else did before it could tell.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }

    /// The name in documents and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flaky => "flaky",
            Self::Skipped => "skipped",
            Self::Error => "error",
            Self::Failed => "failed",
        }
    }
}

impl Document for TestsDocument {
    const TITLE: &'static str = "tests document";

    fn check(&self) -> Result<(), DocumentError> {
        let rule = |what: String| Err(DocumentError::Rule { document: Self::TITLE, what });
        if self.v != 1 {
            return rule("`v` is not 1, the version that this program knows".into());
        }
        check_tools(Self::TITLE, &self.tools)?;
        if self.suites.values().map(BTreeMap::len).sum::<usize>() > TESTS_MAX {
            return rule(format!("it has more than {TESTS_MAX} tests"));
        }
        for (suite, tests) in &self.suites {
            if tests.is_empty() || !is_text(suite, TEXT_BYTES_MAX) {
                return rule(format!("suite `{suite}` is empty, or its name is long or not printable"));
            }
            let sound = |(name, test): &(&String, &Test)| is_text(name, TEXT_BYTES_MAX) && test.is_sound();
            if let Some((name, _)) = tests.iter().find(|row| !sound(row)) {
                return rule(format!(
                    "test `{name}` of suite `{suite}` has a text that is empty, long or not printable"
                ));
            }
        }
        Ok(())
    }

    fn tools(&self) -> &BTreeSet<Tool> {
        &self.tools
    }

    fn items(&self) -> BTreeMap<String, u64> {
        let mut items = BTreeMap::new();
        for test in self.suites.values().flat_map(BTreeMap::values) {
            *items.entry(test.outcome.as_str().to_owned()).or_default() += 1;
        }
        items
    }

    fn failing(&self) -> BTreeSet<Digest> {
        let rows = self.suites.iter().flat_map(|(suite, tests)| tests.iter().map(move |row| (suite, row)));
        let failed = rows.filter(|(_, (_, test))| test.outcome.is_failure());
        failed.filter_map(|(suite, (name, _))| identity(suite, name).ok()).collect()
    }

    fn merge(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        for (suite, tests) in other.suites {
            for (name, test) in tests {
                self.add(suite.clone(), name, test);
            }
        }
        self
    }

    fn join(mut self, mut other: Self) -> Result<Self, DocumentError> {
        // One runner alone must not say that a requirement is tested.
        self.cover_only(&other);
        other.cover_only(&self);
        Ok(self.merge(other))
    }
}

const COVERS_MAX: usize = 64;
