//! The inner side of this program's tasks: it runs confined, reads files of its workspace and leaves a document there.

use std::io::Write as _;

use evidence::pipeline::ScanSort;

use crate::task::{DOCUMENT, OwnTaskError};
use crate::{reports, scans};

/// The task of this program that runs in a sandbox: it translates a report or scans a tree, as its words say.
#[must_use]
pub fn own_task(words: &[String]) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let document = match words.as_slice() {
        [reports::TASK, format, sort, name, path] => reports::translate_in_task(format, sort, name, path),
        [scans::TASK, sort, file, digest] if *sort == ScanSort::Dependencies.as_str() => {
            scans::match_in_task(file, digest)
        }
        [scans::TASK, sort, file, digest, images @ ..] if *sort == ScanSort::Images.as_str() => {
            scans::images_in_task((file, digest), images)
        }
        [scans::TASK, sort] => {
            ScanSort::named(sort).ok_or(OwnTaskError::Unknown).and_then(scans::scan_in_task)
        }
        _ => Err(OwnTaskError::Unknown),
    };
    match document.and_then(|document| leave(&document)) {
        Ok(()) => 0,
        Err(OwnTaskError::Unknown) => UNKNOWN_TASK,
        Err(why) => {
            // Standard error is the log of the task, which the supervisor quotes.
            let _ = writeln!(std::io::stderr(), "{why}");
            1
        }
    }
}

/// Writes the document into the workspace, from where the supervisor takes it. Nothing there has to be durable.
fn leave(document: &[u8]) -> Result<(), OwnTaskError> {
    Ok(std::fs::File::create_new(DOCUMENT)?.write_all(document)?)
}

const UNKNOWN_TASK: u8 = 127;
