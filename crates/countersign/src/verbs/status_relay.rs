//! The status by every way: what a person amends comes from the server, from witnesses or from what the person saw last,
//! and the amended one goes to all witnesses and to the server.
//!
//! Invariant: the newest of all counts, verified under the person's pin, so that neither a silent server nor one that hides a
//! status has the person amend an older one. Witnesses get the status first: a server delays no freeze.

use std::collections::BTreeSet;

use clap::Args;
use client::access::Access;
use client::pins;
use client::profile::Profile;
use client::{kept_trust, seen_status, statements};
use evidence::dsse::Envelope;
use evidence::machine::MachineKey;
use evidence::pin::Pin;
use evidence::relayed_status::RelayedStatus;
use evidence::status::{Status, StatusFile, StatusInForce};
use evidence::trust_root::TrustRoot;
use judge::RelayedInForce;
use serde::Serialize;
use serde_json::{Value, json};
use wire::{RelayError, StatusRelay, give_to_all, newest_of_all};

use super::runtime;
use super::trust_statement::status_file;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;
use crate::trust::{self, Belief};

/// Witnesses that relay the status.
#[derive(Clone, Debug, Default, Args)]
pub struct Relays {
    /// URL of a witness that is asked for the newest status and gets the changed one, for the agents and runners that ask it; may be given several times; default: those that took a status from you before.
    #[arg(long, value_name = "URL")]
    witness: Vec<String>,
}

impl Relays {
    /// Whether the command line names witnesses.
    pub const fn is_given(&self) -> bool {
        !self.witness.is_empty()
    }
}

/// The newest status, and how it was found.
#[derive(Debug)]
pub struct NewestStatus {
    pub root: TrustRoot,
    pub belief: Belief,
    pub current: Status,
    pub relayed: RelayedStatus,
    /// Every status that was found.
    others: Vec<StatusInForce>,
    /// Why the server does not count, if it does not.
    pub server: Option<String>,
    /// URLs of the witnesses.
    witnesses: BTreeSet<String>,
}

/// The answer of one witness.
#[derive(Debug, Serialize)]
struct WitnessAnswer {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl NewestStatus {
    /// The newest status that server, witnesses and this machine know. Without a server, the status that this machine saw last suffices where
    /// witnesses get the change, or where it goes into a file.
    pub fn newest(access: &Access, relays: &Relays, into_file: bool) -> Result<Self, Failure> {
        let told = Self::of_server(access);
        let pin = match &told {
            Ok(told) => pins::read(told.root.installation)?,
            Err(_) => Profile::near(access)?.map(|mine| pins::read(mine.installation)).transpose()?.flatten(),
        };
        let Some(pin) = pin else { return told };
        let witnesses = match relays.witness.as_slice() {
            [] => seen_status::witnesses(pin.installation)?,
            given => given.iter().cloned().collect(),
        };
        if told.is_err() && witnesses.is_empty() && !into_file {
            return told;
        }
        let kept = kept_trust::relayed(&pin)?;
        let mut found: Vec<_> =
            kept.into_iter().filter_map(|it| Some((seen_status::open(&it, &pin).ok()?, it))).collect();
        found.extend(of_witnesses(&witnesses, &pin)?);
        let mut seen = Self::best(found, told, &pin)?;
        seen.witnesses = witnesses;
        if let (true, Some(why)) = (into_file, &seen.server) {
            shown::say(&format!(
                "warning: no server shows the status in force ({why}). The file is based on status {}, which this machine saw last: whoever has \
                 seen a newer one refuses it",
                seen.current.number
            ));
        }
        if seen.belief == Belief::PinnedRoot {
            seen.keep(&seen.relayed, &pin);
        }
        Ok(seen)
    }

    /// The newest of what was found, if it is newer than what the server told.
    fn best(
        found: Vec<(RelayedInForce, RelayedStatus)>,
        told: Result<Self, Failure>,
        pin: &Pin,
    ) -> Result<Self, Failure> {
        let least = told.as_ref().map_or(pin.status, |told| told.current.number + 1);
        let shown = told.as_ref().ok().and_then(|told| told.file().open(&told.root).ok());
        let others = found.iter().map(|(opened, _)| opened.status.clone()).chain(shown).collect();
        let newer = found.into_iter().filter(|(opened, _)| opened.status.status.number >= least);
        match (newer.max_by_key(|(opened, _)| opened.status.status.number), told) {
            (None, told) => told.map(|told| Self { others, ..told }),
            (Some((newest, relayed)), told) => Ok(Self {
                root: newest.root,
                belief: Belief::PinnedRoot,
                current: newest.status.status,
                relayed,
                others,
                server: told.err().map(|failure| failure.message().to_owned()),
                witnesses: BTreeSet::new(),
            }),
        }
    }

    fn of_server(access: &Access) -> Result<Self, Failure> {
        let (root, belief) = trust::root_of(access)?;
        let pin = pins::read(root.installation)?;
        let file = status_file(access)?;
        let current = statements::status_in(&file, &root, pin.as_ref())?;
        let relayed = RelayedStatus::new(file, trust::roots_of(access)?);
        let (others, witnesses) = (Vec::new(), BTreeSet::new());
        Ok(Self { root, belief, current, relayed, others, server: None, witnesses })
    }

    /// Keeps a status for a time without the server. A full disk prevents no freeze.
    fn keep(&self, status: &RelayedStatus, pin: &Pin) {
        if let Err(error) = kept_trust::keep(pin, status.roots.clone(), &status.status) {
            shown::say(&format!("warning: this status is not kept for a time without the server: {error}"));
        }
    }

    /// The status in force, with what the others stop and it does not.
    pub fn with_all_stops(&self) -> Status {
        let mut all = self.current.clone();
        if let Ok(newest) = self.file().open(&self.root) {
            seen_status::stop_all(&mut all, &newest, &self.others);
        }
        all
    }

    /// The status in force.
    pub const fn file(&self) -> &StatusFile {
        &self.relayed.status
    }

    /// Gives the status as it is to the witnesses, and says which took it.
    pub fn give(&self, pin: &Pin, output: Output) -> Result<(), Failure> {
        let told = self.to_witnesses(&self.relayed)?;
        self.remember(&told);
        self.keep(&self.relayed, pin);
        let said = json!({ "status": self.current.number, "witnesses": told });
        match told.iter().any(|it| it.failure.is_none()) {
            true => output.print(&said, |_| lines(&told).trim_start().to_owned()),
            false => Err(Failure::error(lines(&told).trim_start())),
        }
    }

    /// Sends an amended status to the witnesses and to the server, and says what became of it.
    pub fn send(
        &self,
        access: &Access,
        pin: &Pin,
        envelope: &Envelope,
        follows: &str,
        output: Output,
    ) -> Result<(), Failure> {
        let (said, text) = self.deliver(access, pin, envelope, follows)?;
        output.print(&said, |_| text)
    }

    /// Sends an amended status to the witnesses and to the server. One that takes it suffices.
    pub fn deliver(
        &self,
        access: &Access,
        pin: &Pin,
        envelope: &Envelope,
        follows: &str,
    ) -> Result<(Value, String), Failure> {
        let file = match Status::read(envelope)?.base {
            Some(_) => StatusFile { base: self.file().base.clone(), tightening: Some(envelope.clone()) },
            None => StatusFile { base: envelope.clone(), tightening: None },
        };
        let relayed = RelayedStatus::new(file, self.relayed.roots.clone());
        let told = self.to_witnesses(&relayed)?;
        let is_taken = told.iter().any(|it| it.failure.is_none());
        let recorded = match &self.server {
            None => sending::set_status(access, &relayed.status)
                .map_err(|failure| (failure.message().to_owned(), failure)),
            Some(why) => Err((why.clone(), Failure::error(format!("{why}{}", lines(&told))))),
        };
        if recorded.is_ok() || is_taken {
            self.remember(&told);
            self.keep(&relayed, pin);
        }
        match recorded {
            Ok(outcome) => {
                let mut said = json!(outcome);
                if let (Some(said), false) = (said.as_object_mut(), told.is_empty()) {
                    said.insert("witnesses".into(), json!(told));
                }
                Ok((said, format!("recorded as entry {}{}{follows}", outcome.entry, lines(&told))))
            }
            Err((why, _)) if is_taken => {
                let text = format!(
                    "the server has not recorded it: {why}{}{follows}\nnext, once the server answers: \
                     countersign trust status --save status.json, then: countersign trust send status.json",
                    lines(&told)
                );
                Ok((json!({ "server": why, "witnesses": told }), text))
            }
            Err((_, failure)) => Err(failure),
        }
    }

    /// Gives a status to every witness, to all at once.
    fn to_witnesses(&self, status: &RelayedStatus) -> Result<Vec<WitnessAnswer>, Failure> {
        let keys: Vec<_> = self.root.witness_keys()?.iter().map(MachineKey::from).collect();
        let given = runtime()?.block_on(give_to_all(&self.witnesses, &keys, status));
        let one = |(url, given): (&String, Result<(), RelayError>)| WitnessAnswer {
            url: url.clone(),
            failure: given.err().map(|error| error.to_string()),
        };
        Ok(self.witnesses.iter().zip(given).map(one).collect())
    }

    /// Remembers those that took it. They have it, so the command succeeds even if no later one reaches them by itself.
    fn remember(&self, told: &[WitnessAnswer]) {
        let took: Vec<_> = told.iter().filter(|it| it.failure.is_none()).map(|it| it.url.clone()).collect();
        if let Err(error) = seen_status::remember(self.root.installation, &took) {
            shown::say(&format!("warning: a later freeze does not reach all of these witnesses: {error}"));
        }
    }
}

/// The statuses of witnesses, verified under the pin; all are asked at once. One that gives nothing usable is told, and prevents nothing.
fn of_witnesses(urls: &BTreeSet<String>, pin: &Pin) -> Result<Vec<(RelayedInForce, RelayedStatus)>, Failure> {
    let relays = urls.iter().map(|url| StatusRelay::new(url, None)).collect::<Result<Vec<_>, _>>()?;
    let answers = runtime()?.block_on(newest_of_all(&relays, pin.installation));
    let mut found = Vec::new();
    for (relay, answer) in relays.iter().zip(answers) {
        let judged = match answer {
            Ok(None) => continue,
            Ok(Some(given)) => seen_status::open(&given, pin)
                .map(|opened| (opened, given))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match judged {
            Ok(opened) => found.push(opened),
            Err(why) => shown::say(&format!(
                "warning: the witness at {} shows no status that counts: {}",
                relay.url(),
                shown::line(&why)
            )),
        }
    }
    Ok(found)
}

/// The answers of the witnesses, each in a line.
fn lines(told: &[WitnessAnswer]) -> String {
    let line = |it: &WitnessAnswer| match &it.failure {
        None => format!("\nthe witness at {} keeps it", it.url),
        Some(failure) => format!("\n{}: {}", it.url, shown::line(failure)),
    };
    told.iter().map(line).collect()
}
