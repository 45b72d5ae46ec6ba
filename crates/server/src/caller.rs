//! Callers: the machine or person that sends a request, and the projects that it may read.
//!
//! Invariant: a right to read comes from a signature, from a session that a signature opened, from the kernel's word that
//! the caller owns the data directory, or from solo mode. Nothing else gives a right.

use std::collections::BTreeSet;

use domain::gate::Environment;
use domain::{Event, PersonId, State};
use evidence::Place;
use evidence::claim::{Claim, ClaimedOperation};
use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::request::{Request, UNNAMED};
use evidence::trust_root::{Machine, Mode, TrustRoot};
use evidence::{Digest, Moment, Name};
use judge::AdmitError;
use wire::{OPEN_SESSION, SOCKET, Session};

use crate::edge::{EdgeError, Gatekeeper, claimed, unauthenticated};
use crate::introducer::Introducer;
use crate::sessions::SessionRequest;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The user who owns the data directory, or root: both could read its files anyway.
    Owner,
    /// Anybody on this machine, in solo mode.
    Anybody,
    /// An enrolled person.
    Person(PersonId),
    /// A runner, which may read every project, because every runner works for all of them.
    Runner(Name),
    /// An agent, and the projects of its places.
    Agent(Name, BTreeSet<Name>),
}

impl Caller {
    /// Whether this caller may read the data of a project. Data without a project may be read by every known caller.
    #[must_use]
    pub fn may_read(&self, project: &Name, state: &State, now: Moment) -> bool {
        match self {
            Self::Owner | Self::Anybody | Self::Runner(_) => true,
            Self::Person(person) => state.identity.works_on(*person, project, now),
            Self::Agent(_, projects) => projects.contains(project),
        }
    }

    /// Whether this caller may read an entry's content. An entry without a project is about the whole installation, except
    /// for a refusal: it may be about any project, so only its sender and callers who may read everything can read it.
    #[must_use]
    pub fn may_read_entry(&self, project: Option<&Name>, event: &Event, state: &State, now: Moment) -> bool {
        match (project, refused_of_none(project, event)) {
            (Some(project), _) => self.may_read(project, state, now),
            (None, Some(sender)) => self.may_read_refused(sender, state, now),
            (None, None) => true,
        }
    }

    /// Whether this caller may read refusals without a project.
    #[must_use]
    pub fn may_read_refused(&self, sender: PersonId, state: &State, now: Moment) -> bool {
        match self {
            Self::Owner | Self::Anybody | Self::Runner(_) => true,
            Self::Person(person) => *person == sender || state.identity.works_everywhere(*person, now),
            Self::Agent(..) => false,
        }
    }

    /// The account to which this caller's connections are counted.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Owner | Self::Anybody => String::new(),
            Self::Person(person) => person.to_string(),
            Self::Runner(machine) | Self::Agent(machine, _) => machine.to_string(),
        }
    }

    /// Whether this caller may read every project, by a role that names none.
    #[must_use]
    pub fn reads_everything(&self, state: &State, now: Moment) -> bool {
        match self {
            Self::Person(person) => state.identity.works_everywhere(*person, now),
            other => other.reads_all(),
        }
    }

    /// Whether this caller may read every project.
    #[must_use]
    pub const fn reads_all(&self) -> bool {
        matches!(self, Self::Owner | Self::Anybody | Self::Runner(_))
    }
}

/// The person whose command was refused in an entry without a project.
#[must_use]
pub const fn refused_of_none(project: Option<&Name>, event: &Event) -> Option<PersonId> {
    match (project, event) {
        (None, Event::Refused(refused)) => Some(refused.person),
        _ => None,
    }
}

impl Gatekeeper {
    /// The machine that signed a claim: a runner that the trust root names, or an agent that a current statement names.
    ///
    /// # Errors
    /// `EdgeError::Unauthenticated` if no named machine signed it.
    pub fn machine(
        &self,
        state: &State,
        envelope: &Envelope,
        asked: &ClaimedOperation,
        now: Moment,
    ) -> Result<Caller, EdgeError> {
        let claim = Claim::read(envelope).map_err(unauthenticated)?;
        let root = self.root(state)?;
        if root.runners.iter().any(|runner| runner.name == claim.machine) {
            let runner = self.runner(state, envelope, asked, now);
            return runner.map(Caller::Runner).map_err(|(_, error)| error);
        }
        let places = || {
            let named = |set: &&Environment| set.facts.agents.iter().any(|agent| agent.name == claim.machine);
            state.gate.environments().filter(named)
        };
        let mut wrong =
            format!("neither the trust root nor an environment statement names `{}`", claim.machine);
        for set in places() {
            let agent = match self.named_agent(state, set, &root, &claim.machine) {
                Ok(agent) => agent,
                Err(EdgeError::Unauthenticated(what)) => {
                    wrong = what;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match claimed(&claim, envelope, &agent, root.installation, asked, now) {
                Ok(()) => {
                    let key = agent.key.id();
                    let of_key = |set: &&Environment| {
                        set.facts.agents.iter().any(|agent| agent.name == claim.machine && agent.key == key)
                    };
                    let projects = places().filter(of_key).map(|set| set.facts.place.project.clone());
                    return Ok(Caller::Agent(claim.machine.clone(), projects.collect()));
                }
                Err(error) => wrong = error.to_string(),
            }
        }
        Err(unauthenticated(wrong))
    }

    /// Checks that a runner that the trust root names signed a claim.
    ///
    /// # Errors
    /// `EdgeError::Unauthenticated` if not; with the runner that the claim names, if it exists.
    pub fn runner(
        &self,
        state: &State,
        envelope: &Envelope,
        asked: &ClaimedOperation,
        now: Moment,
    ) -> Result<Name, (Option<Name>, EdgeError)> {
        let claim = Claim::read(envelope).map_err(|error| (None, unauthenticated(error)))?;
        let root = self.root(state).map_err(|error| (None, error))?;
        let runner = root.runners.iter().find(|runner| runner.name == claim.machine);
        let runner = runner.ok_or_else(|| (None, unauthenticated("the trust root names no such runner")))?;
        let verified = claimed(&claim, envelope, runner, root.installation, asked, now);
        match verified {
            Ok(()) => Ok(claim.machine),
            Err(error) => Err((Some(claim.machine), unauthenticated(error))),
        }
    }

    /// Checks that an agent of a place signed a claim.
    ///
    /// # Errors
    /// `EdgeError::Unauthenticated` if not.
    pub fn agent(
        &self,
        state: &State,
        place: &Place,
        envelope: &Envelope,
        asked: &ClaimedOperation,
        now: Moment,
    ) -> Result<Name, EdgeError> {
        let claim = Claim::read(envelope).map_err(unauthenticated)?;
        let root = self.root(state)?;
        let set = state.gate.environment(place);
        let set = set.ok_or_else(|| unauthenticated(format!("there is no statement for {place}")))?;
        let agent = self.named_agent(state, set, &root, &claim.machine)?;
        claimed(&claim, envelope, &agent, root.installation, asked, now).map_err(unauthenticated)?;
        Ok(claim.machine)
    }

    /// An agent that the current statement of a place names.
    ///
    /// # Errors
    /// `EdgeError::Unauthenticated` if the statement does not name it, or is invalid under the current root.
    pub(crate) fn named_agent(
        &self,
        state: &State,
        set: &Environment,
        root: &TrustRoot,
        name: &Name,
    ) -> Result<Machine, EdgeError> {
        let place = &set.facts.place;
        let statement =
            judge::statement_of(state, root, &self.store(), place).map_err(|error| match error {
                AdmitError::Malformed(error) => unauthenticated(format!(
                    "the environment statement of {place} does not count now: {error}"
                )),
                other => other.into(),
            })?;
        let agent = statement.agents.into_iter().find(|agent| agent.name == *name);
        agent.ok_or_else(|| {
            unauthenticated(format!("the environment statement of {place} names no such agent"))
        })
    }

    /// The person whose session has this token.
    ///
    /// # Errors
    /// `EdgeError` if the session has ended or is unknown, or the person holds no role at all.
    pub fn reader(&self, state: &State, token: &str, now: Moment) -> Result<Caller, EdgeError> {
        let person = self.sessions().person(token, state, now);
        let person = person.ok_or_else(|| {
            unauthenticated("the session has ended, or your enrolment or key no longer counts; sign in again")
        })?;
        Self::with_role(state, person, now)
    }

    /// A person as a caller.
    ///
    /// # Errors
    /// `EdgeError` if the person holds no role at all.
    pub fn with_role(state: &State, person: PersonId, now: Moment) -> Result<Caller, EdgeError> {
        let has_role = state.identity.person(person, now).is_some_and(|person| !person.grants.is_empty());
        if has_role { Ok(Caller::Person(person)) } else { Err(EdgeError::Forbidden(NO_ROLE.into())) }
    }

    /// Opens a session for the person who signed a request for one. A person who does not know their own id is found by the
    /// key that signed.
    ///
    /// # Errors
    /// `EdgeError` if no known person signed it, or it is for another server.
    pub fn sign_in(
        &self,
        state: &State,
        envelope: &Envelope,
        introducer: &Introducer,
        is_local: bool,
        now: Moment,
    ) -> Result<Session, EdgeError> {
        let request = Request::read(envelope).map_err(unauthenticated)?;
        let found = if request.person == UNNAMED { Some(signer(state, envelope, now)?) } else { None };
        let person = found.unwrap_or_else(|| request.person.into());
        let key = self.authenticate(state, person, &request, envelope, now)?;
        if request.action.as_str() != OPEN_SESSION {
            return Err(unauthenticated(format!(
                "the request asks for `{}`, not for a session",
                request.action
            )));
        }
        let argument = |name| request.arguments.get(name).and_then(|text| text.as_str()).unwrap_or_default();
        // A server that receives the request could pass it on, so the request names the one server that it is valid for.
        let server = argument("server");
        if !(introducer.is_at(server) || is_local && server == SOCKET) {
            let url = introducer.url();
            let what = format!("the request is for a session at `{server}`, and this is {url}");
            return Err(unauthenticated(what));
        }
        // The challenge makes it valid only once, and only at the process that issued the challenge.
        let challenge = argument("challenge");
        let until = introducer.challenged(challenge, now).ok_or_else(|| {
            unauthenticated(
                "the request answers no challenge of this server's, or too late; an older program signs none: ask \
                 again with the program of the server's version",
            )
        })?;
        let challenge = Digest::of(challenge.as_bytes());
        let opening = SessionRequest { person, key: &key, challenge, until };
        let (token, expires) = self.sessions().open(opening, now)?;
        Ok(Session { token, expires, person: found })
    }

    /// The mode of the current trust root.
    #[must_use]
    pub fn is_solo(state: &State) -> bool {
        state.identity.root().is_some_and(|root| root.mode == Mode::Solo)
    }
}

/// The person who is enrolled with the sign-in key that a request names as its signer. The signature is checked after that.
fn signer(state: &State, envelope: &Envelope, now: Moment) -> Result<PersonId, EdgeError> {
    let named = envelope.signatures().first().map(|signature| signature.keyid.as_str()).unwrap_or_default();
    let mut people = state.identity.people(now);
    let found = people.find(|(_, person)| person.has_key(named, Purpose::SignIn));
    found.map(|(id, _)| id).ok_or_else(|| {
        unauthenticated(
            "nobody is enrolled with the key that signed this for sign-in; have it enrolled by `countersign trust enrol`, or \
             name another with --sign-in-key",
        )
    })
}

const NO_ROLE: &str = "you are enrolled without any role, so there is nothing here that you may read; \
                       a registrar can enrol you with one";

#[cfg(test)]
mod tests {
    use domain::Refused;
    use domain::identity::Enrolled;
    use lab::{Lab, Person, at, name};

    use super::*;

    #[test]
    fn attack_what_was_refused_of_no_project_is_not_for_everybody() {
        let lab = Lab::default();
        let mut state = State::default();
        let mut enrol = |person: &Person, project: Option<&str>| {
            let mut enrolment = person.enrolment(&["developer"]);
            enrolment.grants[0].project = project.map(name);
            state.apply(&Event::Enrolled(Enrolled::of(&enrolment, 1).unwrap()), at(-60));
        };
        enrol(&lab.ada, Some("shop"));
        enrol(&lab.bob, Some("elsewhere"));
        enrol(&lab.officers[0], None);
        let refused = Event::Refused(Refused {
            person: lab.ada.id.into(),
            action: name("set-environment"),
            reasons: vec!["environment-unsound".into()],
            more: None,
        });
        let person = |person: &Person| Caller::Person(person.id.into());
        let agent = Caller::Agent(name("agent"), [name("shop")].into());
        for (caller, of_none, of_shop) in [
            (person(&lab.ada), true, true),
            (person(&lab.bob), false, false),
            (person(&lab.officers[0]), true, true),
            (person(&lab.mallory), false, false),
            (agent, false, true),
            (Caller::Runner(name("runner-1")), true, true),
            (Caller::Owner, true, true),
            (Caller::Anybody, true, true),
        ] {
            let may = |project| caller.may_read_entry(project, &refused, &state, at(0));
            assert_eq!((may(None), may(Some(&name("shop")))), (of_none, of_shop), "{caller:?}");
        }
        // Current statements are about the whole installation; those of a place are about its project.
        let environment = lab.environment("staging", &"a".repeat(40).parse().unwrap());
        let rooted = domain::identity::Rooted::of(&lab.root(), Digest::of(b"root")).unwrap();
        assert!(person(&lab.bob).may_read_entry(None, &Event::Rooted(rooted), &state, at(0)));
        let facts = domain::gate::EnvironmentSet::of(&environment, Digest::of(b"statement"), 1);
        let founding = Event::EnvironmentSet(facts);
        assert_eq!(crate::views::project_of(None, &founding), Some(&name("shop")));
    }
}
