//! A step that has ended: its log, and everything that its receipt will say.
//!
//! Invariant: the runner's own sentences in a log begin with `countersign:`, each on its own line.

use std::sync::{Mutex, PoisonError};

use evidence::receipt::Ending;
use sandbox::{Level, Reached, Stream};

use crate::host::Log;
use crate::outputs::RetainedOutputs;
use crate::reports::TranslatedReports;

/// The results of a step, before its receipt is signed.
#[derive(Debug)]
pub struct FinishedStep {
    /// How it ended.
    pub exit: Ending,
    /// The isolation that it ran in.
    pub level: Level,
    /// Destinations that it reached.
    pub reached: Vec<Reached>,
    /// Its outputs.
    pub outputs: RetainedOutputs,
    /// Its reports.
    pub reports: TranslatedReports,
}

/// The log of a step: kept for the receipt, and handed to the host as it grows.
pub struct StepLog<'a> {
    kept: Mutex<Vec<u8>>,
    host: Log<'a>,
}

impl FinishedStep {
    /// A step of which nothing is kept.
    #[must_use]
    pub fn without_outputs(exit: Ending, level: Level, reached: Vec<Reached>) -> Self {
        let (outputs, reports) = (RetainedOutputs::default(), TranslatedReports::default());
        Self { exit, level, reached, outputs, reports }
    }
}

impl<'a> StepLog<'a> {
    /// An empty log.
    #[must_use]
    pub fn new(host: Log<'a>) -> Self {
        Self { kept: Mutex::default(), host }
    }

    /// Adds a piece.
    pub fn add(&self, stream: Stream, piece: &[u8]) {
        self.keep(piece);
        (self.host)(stream, piece);
    }

    /// Adds a sentence of the runner.
    pub fn say(&self, sentence: &str) {
        self.add(Stream::Error, format!("countersign: {sentence}\n").as_bytes());
    }

    /// Ends the line in which a log was cut.
    pub fn end_line(&self) {
        self.keep(b"\n");
    }

    /// All bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, piece: &[u8]) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(piece);
    }
}
