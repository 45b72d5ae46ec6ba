//! One entry.

use evidence::entry::{Auth, Header};
use serde_json::Value;
use web::model::{Entry, Fact};

use super::proof;
use super::rows::row;
use crate::console::reading::Reading;
use crate::console::words::{digest_fact, fact};
use crate::http::problem::Failure;

/// An entry with its proof.
///
/// # Errors
/// `Failure` if there is no such entry, or the caller may not read it.
pub fn entry(at: &Reading<'_>, number: u64) -> Result<Entry, Failure> {
    let (read, row) = row(at, number)?;
    let facts: Value = read.entry.facts.decode("facts").map_err(Failure::failed)?;
    let particulars = read.entry.particulars.as_ref().map(|payload| payload.decode::<Value>("particulars"));
    let particulars = particulars.transpose().map_err(Failure::failed)?;
    let erased = (read.header.particulars.is_some() && particulars.is_none())
        .then(|| "They were erased. The header still commits to them, so the proof holds.".to_owned());
    let last = at.shared.intake.state().entries.saturating_sub(1);
    Ok(Entry {
        header: header(&read.header),
        facts: lines(&facts)?,
        particulars: particulars.as_ref().map(lines).transpose()?,
        erased,
        proof: proof::proof(at, number, &read.entry)?,
        earlier: number.checked_sub(1).map(|before| format!("/ledger/{before}")),
        later: (number < last).then(|| format!("/ledger/{}", number + 1)),
        row,
    })
}

fn header(header: &Header) -> Vec<Fact> {
    let auth = match header.auth {
        Auth::SignedRequest => "a person's signed request",
        Auth::Statement => "a statement with its signatures",
        Auth::MachineKey => "a machine's key",
        Auth::None => "nobody: it follows from another entry",
    };
    let mut facts = vec![
        fact("Kind", header.kind.clone()),
        fact("Rules", header.rules.to_string()),
        fact("Authenticated by", auth),
    ];
    facts.extend(header.project.as_ref().map(|project| fact("Project", project.to_string())));
    facts.extend(header.cause.map(|cause| Fact {
        href: Some(format!("/ledger/{cause}")),
        ..fact("Follows from", format!("entry {cause}"))
    }));
    facts.push(digest_fact("Facts", &header.facts));
    facts.extend(header.particulars.as_ref().map(|digest| digest_fact("Particulars", digest)));
    facts.extend(header.blobs.iter().take(BLOBS_MAX).map(|digest| digest_fact("Names blob", digest)));
    facts
}

/// JSON as people read it; long texts are envelopes and are cut.
fn lines(value: &Value) -> Result<Vec<String>, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    Ok(text.lines().take(LINES_MAX).map(|line| shown::brief(line, LINE_CHARS)).collect())
}

const BLOBS_MAX: usize = 16;
const LINES_MAX: usize = 400;
const LINE_CHARS: usize = 400;
