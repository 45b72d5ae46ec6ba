//! Output of the verbs: text for people, or one JSON object with `-o json`.
//!
//! Invariant: nothing else in the program writes to standard output or standard error. A reader that closes the pipe
//! is no error, because it has read enough; every other failed write is an error. Neither ends in a panic.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use client::log_tail::LogTail;
use domain::Reason;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// The format of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Output {
    /// Prints the answer of a verb as JSON, or as the text that `text` makes of it. If the reader has gone, the result of
    /// the verb still decides its exit code.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let line = match self {
            Self::Text => shown::text(text(value).trim_end()),
            Self::Json => shown::json(&serde_json::to_string(value)?),
        };
        match written(&mut io::stdout(), format!("{line}\n").as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(unwritten(&error)),
            Ok(()) => Ok(()),
        }
    }
}

/// Prints text that a person must be able to read before a signature: a reader that has gone is a failure.
pub fn show(text: &str) -> Result<(), Failure> {
    let line = format!("{}\n", shown::text(text.trim_end()));
    written(&mut io::stdout(), line.as_bytes()).map_err(|error| {
        Failure::error(format!("cannot show what is to be signed: {error}; nothing was signed"))
    })
}

/// Prints a part of a long output. If the reader has gone, the failure ends the verb quietly.
pub fn stream(bytes: &[u8]) -> Result<(), Failure> {
    written(&mut io::stdout(), bytes).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => unwritten(&error),
    })
}

/// A log is untrusted: a terminal gets its escaped text, any other output gets its bytes.
pub fn log(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return stream(shown::log(&String::from_utf8_lossy(bytes)).as_bytes());
    }
    stream(bytes)
}

/// Prints a line on standard error. A failed write is ignored, because there is no other place to report it.
pub fn say(line: &str) {
    let _ = written(&mut io::stderr(), format!("{line}\n").as_bytes());
}

impl Failure {
    /// Prints the failure, for people on standard error or as JSON on standard output, and answers its exit code.
    pub fn report(&self, output: Output) -> ExitCode {
        match output {
            _ if self.is_quiet() => {}
            Output::Text => self.report_text(),
            Output::Json => {
                let mut said = json!({ "error": self.message(), "reasons": self.reasons() });
                if let (Some(said), false) = (said.as_object_mut(), self.logs().is_empty()) {
                    said.insert("logs".into(), json!(self.logs()));
                }
                // The reader of a role's standard output may be gone: the failure is printed all the same.
                if stream(format!("{}\n", shown::json(&said.to_string())).as_bytes()).is_err() {
                    self.report_text();
                }
            }
        }
        ExitCode::from(self.exit_code())
    }

    fn report_text(&self) {
        // A role whose log is JSON writes this as JSON too, so that programs can read each of its lines.
        let reasons = self.reasons().iter().map(|Reason { code, what, .. }| format!("\n{code}: {what}"));
        if journal::last_words(&format!("{}{}", self.message(), reasons.collect::<String>())) {
            return;
        }
        say(&format!("error: {}", shown::text(self.message())));
        for Reason { code, what, remedy } in self.reasons() {
            let [code, what, remedy] = [code, what, remedy].map(|text| shown::below(text));
            say(&format!("  {code}: {what}\n    remedy: {remedy}"));
        }
        for LogTail { kind, name, runner, lines, cut } in self.logs() {
            let which = if *cut { "last lines" } else { "log" };
            say(&format!("  {which} of {kind} {} on {runner}:", shown::line(name)));
            lines.iter().for_each(|line| say(&format!("    | {}", shown::text(line))));
        }
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::error(format!(
        "cannot write to standard output: {error}; the answer is incomplete, `countersign status` shows what is recorded"
    ))
}

fn written(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
