//! `countersign trust sign` of a founding: shows everything that an installation would begin with, asks, and adds the
//! person's signature to each of its statements.
//!
//! Invariant: everything that is signed was shown, and no profile, pin or server is needed: the person's key alone is. A
//! crash leaves the file as it was, or with all signatures of the person.

use std::path::{Path, PathBuf};

use client::files::write_shared;
use client::policies;
use client::signing::PersonKey;
use evidence::configuration::Configuration;
use evidence::founding::Founding;
use evidence::policy_files::PolicyFiles;
use evidence::{Digest, Id};
use review::founding_words;
use serde::Serialize;
use serde_json::{Value, json};

use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct FoundingReport {
    file: PathBuf,
    installation: Id,
    trust_root: Digest,
    sentences: Vec<String>,
    statements: Vec<Value>,
    signed: bool,
    /// Signatures of this person that were added.
    added: usize,
    /// Keys that have signed the trust root.
    signers: Vec<String>,
}

/// Shows the founding in a file, asks, and signs it.
pub fn run(
    file: &Path,
    bytes: &[u8],
    key: Option<&Path>,
    (show, yes): (bool, bool),
    output: Output,
) -> Result<(), Failure> {
    let mut founding = Founding::decode(bytes)
        .map_err(|error| Failure::error(format!("`{}`: {error}; {SEND_AGAIN}", file.display())))?;
    let built_in = policies::built_in().digest()?;
    let mut report = FoundingReport {
        file: file.to_path_buf(),
        installation: founding.installation(),
        trust_root: founding.root.said.digest()?,
        sentences: founding_words::sentences(&founding, |digest| *digest == built_in),
        statements: statements(&founding),
        signed: false,
        added: 0,
        signers: signers(&founding),
    };
    let details = details(&founding, &built_in)?;
    if show {
        return output.print(&report, |report| format!("{}{}", sentences(report), whole(report, &details)));
    }
    let key = match key {
        Some(file) => PersonKey::given(file)?,
        None => own(&founding)?,
    };
    let waits = founding.signables().iter().filter(|statement| statement.waits_for(&key.key)).count();
    if waits == 0 {
        let what = format!("{} ({})", key.file.display(), key.key.fingerprint());
        return Err(Failure::error(format!(
            "no statement of this founding waits for your key {what}: it has signed them, or may not; name another key with --key"
        )));
    }
    // The sentences stand last, where the question follows.
    ask(&format!("{}{}", whole(&report, &details), sentences(&report)), yes, output)?;
    for statement in founding.signables() {
        if statement.waits_for(&key.key) {
            key.sign(statement.envelope, statement.namespace)?;
            report.added += 1;
        }
    }
    write_shared(file, &founding.encode()?)?;
    (report.signed, report.signers) = (true, signers(&founding));
    output.print(&report, |report| {
        format!(
            "signed {} with {}\nnext: send {} back to the person who sent it; the line that you pin later has to name trust root {}",
            shown::many(report.added, "statement"),
            key.key.fingerprint(),
            file.display(),
            report.trust_root
        )
    })
}

/// The person's key among those of the holders: the one that lies on this machine.
fn own(founding: &Founding) -> Result<PersonKey, Failure> {
    let holders = &founding.root.said.holders.holders;
    let usual = PersonKey::discover().ok();
    let usual = usual.filter(|key| holders.iter().any(|holder| holder.key == key.key));
    let found = usual.or_else(|| holders.iter().find_map(|holder| PersonKey::of(&holder.key).ok()));
    found.ok_or_else(|| {
        Failure::error(
            "none of the keys that may sign this founding is among yours in `~/.ssh`; name the file of yours with --key",
        )
    })
}

fn signers(founding: &Founding) -> Vec<String> {
    founding.root.envelope.signatures().iter().map(|signature| signature.keyid.clone()).collect()
}

fn statements(founding: &Founding) -> Vec<Value> {
    let mut all = vec![json!(founding.root.said), json!(founding.status.said)];
    all.extend(founding.enrolments.iter().map(|it| json!(it.said)));
    all.extend(founding.places.iter().map(|it| json!(it.statement.said)));
    all
}

/// Policies and configurations, each once; the policy that this program has built in is only named.
fn details(founding: &Founding, built_in: &Digest) -> Result<String, Failure> {
    let mut text = String::new();
    let mut shown = vec![*built_in];
    for place in &founding.places {
        let said = &place.statement.said;
        if !shown.contains(&said.policy) {
            shown.push(said.policy);
            let files = PolicyFiles::decode(&place.policy)?.files;
            text.extend(
                files
                    .iter()
                    .map(|(path, file)| format!("=== {path} of {}\n{}\n", said.policy, file.trim_end())),
            );
        }
        if !shown.contains(&said.configuration) {
            shown.push(said.configuration);
            let configuration = json!(Configuration::decode(&place.configuration)?);
            text.push_str(&format!("=== configuration {}\n{configuration:#}\n", said.configuration));
        }
    }
    Ok(text)
}

/// The statements as they are signed.
fn whole(report: &FoundingReport, details: &str) -> String {
    let statements: String = report.statements.iter().map(|statement| format!("{statement:#}\n")).collect();
    format!("{statements}{details}")
}

fn sentences(report: &FoundingReport) -> String {
    let sentences: String = report.sentences.iter().map(|line| format!("  {line}\n")).collect();
    let signers = if report.signers.is_empty() { "nobody".to_owned() } else { report.signers.join(", ") };
    format!(
        "founding of installation {}\ntrust root: {}\nsigned so far by: {signers}\n{sentences}",
        report.installation, report.trust_root
    )
}

const SEND_AGAIN: &str = "have the file sent again, as `countersign init` wrote it";
