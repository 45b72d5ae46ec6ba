//! One rotation of a secret as it changes the world: versions at the server, programs and users of the recipe, the journal.
//!
//! Invariant: a value is sealed on this machine before anything is sent, and no step of it is printed with a value.

use std::time::{Duration, Instant};

use client::access::Access;
use client::clock::now;
use client::new_statement::deploy_secret::{self, SealedVersion};
use client::new_statement::{Until, signed_at};
use client::profile::Profile;
use client::request::Parts;
use client::rotation::{Effects, Journal, Newest, Noted, Sent};
use client::secret_values::{self as values, NewVersion};
use evidence::rotation_recipe::RotationRecipe;
use evidence::secret_name::SecretName;
use evidence::statements::{GrantedSecret, SecretVersion, Statement};
use evidence::{Digest, Moment, Name, Place};
use mint::Turns;
use serde_json::json;
use tokio::runtime::Runtime;
use wire::{Client, PlaceView, RUNS_MAX, ReleaseStage, RunFilter, SecretUseFilter, SecretView, WorkState};
use zeroize::Zeroizing;

use super::{rotation_source as source, trust_status};
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::sending;

/// A rotation at work.
pub struct Rotation<'a> {
    pub access: &'a Access,
    pub client: &'a Client,
    pub profile: &'a Profile,
    pub recipe: &'a RotationRecipe,
    pub noted: &'a Noted,
    pub runtime: &'a Runtime,
    pub reason: &'a str,
    pub yes: bool,
    pub output: Output,
    pub made: Made,
}

/// Resources of a rotation while it is at work, and its results.
#[derive(Default)]
pub struct Made {
    turns: Option<Turns>,
    sealed: Option<Sealed>,
    until: Option<Instant>,
    /// Whom it waited for, as it was said last.
    waits_for: String,
    /// The entry that records the new version.
    pub entry: Option<u64>,
    /// Whether the former value was ended by the recipe.
    pub retired: bool,
}

enum Sealed {
    Build(Box<values::SealedVersion>),
    Place(Box<SealedVersion>),
}

/// The newest version of a secret of a place, as far as it counts.
#[derive(Clone, Debug, Default)]
pub struct AtPlace {
    /// Its number, also if it does not count.
    pub newest: Newest,
    /// The moment at which it was signed. It counts from a little before, which a release that came just before it would be after.
    pub put: Option<Moment>,
}

/// The newest version of a secret of a place.
pub async fn at_place(client: &Client, place: &Place, secret: &Name) -> Result<AtPlace, Failure> {
    let order = client.place_secrets(place).await?;
    let number = order.numbers.get(secret).copied().unwrap_or_default();
    let is_it = |version: &SecretVersion| version.secret == *secret && version.number == number;
    let read = order.statements.iter().filter_map(|it| Some((it, Statement::read(it).ok()?)));
    let found = read.into_iter().find(|(_, statement)| statement.secret().is_some_and(is_it));
    let newest = Newest {
        number,
        value: found.as_ref().and_then(|(_, statement)| Some(statement.secret()?.value)),
        statement: found.as_ref().map(|(envelope, _)| envelope.payload_digest()),
    };
    Ok(AtPlace { newest, put: found.map(|(_, statement)| signed_at(&statement)) })
}

/// A build secret as its server shows it.
pub async fn build(client: &Client, secret: &SecretName) -> Result<Option<SecretView>, Failure> {
    let all = client.secrets(Some(secret.project())).await?;
    Ok(all.into_iter().find(|view| view.secret == *secret))
}

/// The newest version of the secret of a recipe.
pub async fn newest(client: &Client, recipe: &RotationRecipe) -> Result<Newest, Failure> {
    match (&recipe.secret, &recipe.place) {
        (GrantedSecret::Deploy(secret), Some(place)) => Ok(at_place(client, place, secret).await?.newest),
        (GrantedSecret::Build(secret), _) => {
            let known = build(client, secret).await?;
            let newest = known.as_ref().and_then(|view| view.versions.first());
            let value = newest.filter(|version| !version.destroyed).map(|version| version.value);
            Ok(Newest { number: newest.map_or(0, |version| version.number), value, statement: None })
        }
        (GrantedSecret::Deploy(_), None) => Ok(Newest::default()),
    }
}

impl Effects for Rotation<'_> {
    type Error = Failure;

    fn hold(&mut self) -> Result<(), Failure> {
        // A hold ends with its connection.
        self.made.turns = None;
        self.made.turns = source::hold(self.recipe, self.runtime)?;
        Ok(())
    }

    fn newest(&mut self) -> Result<Newest, Failure> {
        self.runtime.block_on(newest(self.client, self.recipe))
    }

    fn turn(&mut self, journal: &Journal) -> Result<Option<String>, Failure> {
        if journal.user.is_some() {
            return Ok(journal.user.clone());
        }
        source::turn(self.recipe, self.made.turns.as_ref(), journal.former.number, self.runtime)
    }

    fn make(&mut self, journal: &Journal) -> Result<Zeroizing<Vec<u8>>, Failure> {
        source::make(self.recipe, journal, self.made.turns.as_ref(), self.runtime)
    }

    fn seal(&mut self, journal: &Journal, value: Zeroizing<Vec<u8>>) -> Result<Digest, Failure> {
        let ends = |days: u32| Ok::<_, Failure>(now()?.later_by(DAY * days));
        match (&self.recipe.secret, &self.recipe.place) {
            (GrantedSecret::Build(secret), _) => {
                let known = self.runtime.block_on(build(self.client, secret))?;
                let cadence = known.as_ref().and_then(|view| view.rotate_days);
                let new = NewVersion {
                    secret: secret.clone(),
                    number: Some(journal.number),
                    value,
                    expires: self.recipe.expires_days.map(ends).transpose()?,
                    rotate_days: self.recipe.every_days.or(cadence),
                    honey: known.is_some_and(|view| view.honey),
                };
                let sealed = self.runtime.block_on(values::seal(self.access, self.client, new))?;
                let digest = sealed.value;
                self.made.sealed = Some(Sealed::Build(Box::new(sealed)));
                Ok(digest)
            }
            (GrantedSecret::Deploy(secret), place) => {
                let place = place.as_ref().ok_or_else(|| Failure::error("the recipe names no place"))?;
                let mut next =
                    self.runtime.block_on(deploy_secret::next(self.profile, self.client, place, secret))?;
                next.number = journal.number;
                let until = Until(ends(self.recipe.expires_days.unwrap_or(PLACE_DAYS))?);
                let sealed = next.seal(self.profile, &value, until, self.reason.to_owned())?;
                let digest = Digest::of(&sealed.sealed);
                self.made.sealed = Some(Sealed::Place(Box::new(sealed)));
                Ok(digest)
            }
        }
    }

    fn send(&mut self) -> Result<Sent<Failure>, Failure> {
        let sent = match self.made.sealed.take() {
            Some(Sealed::Build(sealed)) => {
                let sent = self.runtime.block_on(sealed.send(self.client));
                sent.map(|put| put.entry).map_err(Failure::from)
            }
            Some(Sealed::Place(sealed)) => {
                let SealedVersion { statement, sealed } = *sealed;
                let arguments = json!({ "statement": statement.payload_digest() });
                let parts =
                    Parts { statements: vec![statement], attachments: vec![sealed], ..Parts::default() };
                sending::send(self.access, "state", arguments, parts).map(|sent| sent.outcome.entry)
            }
            None => Err(Failure::error("nothing was sealed")),
        };
        match sent {
            Ok(entry) => {
                self.made.entry = Some(entry);
                Ok(Sent::Recorded)
            }
            Err(failure) if failure.reasons().iter().any(|reason| reason.code == TAKEN) => {
                Ok(Sent::Taken(failure))
            }
            Err(failure) => Err(failure),
        }
    }

    fn behind(&mut self, journal: &Journal) -> Result<Vec<String>, Failure> {
        match (&journal.secret, &journal.place) {
            (GrantedSecret::Build(secret), _) => {
                self.runtime.block_on(steps_behind(self.client, secret, journal.number))
            }
            (GrantedSecret::Deploy(secret), Some(place)) => {
                let places = self.runtime.block_on(self.client.places())?;
                let view = places.iter().find(|view| view.place == *place);
                Ok(view.map(|view| agents_behind(view, secret, journal.number)).unwrap_or_default())
            }
            (GrantedSecret::Deploy(_), None) => Ok(Vec::new()),
        }
    }

    fn pause(&mut self, behind: &[String]) -> Result<(), Failure> {
        let (wait, behind) = (self.recipe.wait(), behind.join(", "));
        let until = *self.made.until.get_or_insert_with(|| Instant::now() + wait);
        if Instant::now() >= until {
            return Err(Failure::error(format!(
                "the new version is recorded, and after {} seconds it is not in use everywhere: {behind}; the former value is still valid. The \
                 same command goes on from here",
                wait.as_secs()
            )));
        }
        if self.made.waits_for != behind {
            output::say(&shown::text(&format!("waiting: {behind}")));
            self.made.waits_for = behind;
        }
        std::thread::sleep(LOOK);
        Ok(())
    }

    fn retire(&mut self, journal: &Journal) -> Result<(), Failure> {
        self.made.retired = source::retire(self.recipe, journal, self.made.turns.as_ref(), self.runtime)?;
        Ok(())
    }

    fn withdraw(&mut self, journal: &Journal) -> Result<(), Failure> {
        match &journal.secret {
            GrantedSecret::Build(secret) => {
                let known = self.runtime.block_on(build(self.client, secret))?;
                let former = journal.former.number;
                let lives = known.is_some_and(|view| {
                    view.versions.iter().any(|version| version.number == former && !version.destroyed)
                });
                if lives {
                    self.runtime.block_on(values::destroy(self.access, self.client, secret, former))?;
                }
                Ok(())
            }
            GrantedSecret::Deploy(_) => match journal.former.statement {
                Some(statement) => trust_status::withdraw(self.access, statement, self.yes, self.output),
                None => Ok(()),
            },
        }
    }

    fn note(&mut self, journal: &Journal) -> Result<(), Failure> {
        Ok(self.noted.note(journal)?)
    }

    fn forget(&mut self) -> Result<(), Failure> {
        Ok(self.noted.forget()?)
    }
}

/// Agents whose service does not have the new version, in words. An agent that has not reported may have any.
fn agents_behind(view: &PlaceView, secret: &Name, number: u32) -> Vec<String> {
    let on_its_way = view.open.as_ref().filter(|open| open.stage == ReleaseStage::Due);
    let on_its_way = on_its_way.map(|open| format!("release {} is with its agent", open.release));
    let agents = view.agents.iter().filter(|_| view.running.is_some()).filter_map(|agent| {
        let Some(told) = view.agent_secrets.iter().find(|told| told.agent == agent.name) else {
            return Some(format!("{} has not reported", agent.name));
        };
        let has = *told.secrets.get(secret)?;
        let why = told.refused.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        (has < number).then(|| format!("{} has version {has}{why}", agent.name))
    });
    on_its_way.into_iter().chain(agents).collect()
}

/// Steps that were lent an older version and have not ended, in words.
async fn steps_behind(client: &Client, secret: &SecretName, number: u32) -> Result<Vec<String>, Failure> {
    let filter =
        RunFilter { project: Some(secret.project().clone()), limit: Some(RUNS_MAX), ..RunFilter::default() };
    let mut behind = Vec::new();
    for run in client.runs(&filter).await? {
        if run.works.iter().all(|work| work.state != WorkState::Due) {
            continue;
        }
        let uses = SecretUseFilter {
            secret: Some(secret.clone()),
            run: Some(run.run.id()),
            ..SecretUseFilter::default()
        };
        for line in client.secret_uses(&uses).await? {
            let lent = line.allowed == Some(true) && line.number.is_some_and(|has| has < number);
            let step = line.step.filter(|_| lent);
            let is_due = |name: &Name| {
                run.works.iter().any(|work| work.name == name.as_str() && work.state == WorkState::Due)
            };
            if let Some(step) = step.filter(is_due) {
                behind.push(format!("step {step} of run {} has an older version", run.run));
            }
        }
    }
    Ok(behind)
}

const DAY: Duration = Duration::from_hours(24);
/// A version at a place ends by itself after this time.
pub const PLACE_DAYS: u32 = 365;
const TAKEN: &str = "secret-number-taken";
const LOOK: Duration = Duration::from_millis(500);
