//! The people who found an installation: detected on this machine, or listed in a file.

use std::path::{Path, PathBuf};

use client::clock::YEAR;
use client::random;
use client::signing::{PersonKey, git_config};
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::founding::Founding;
use evidence::ssh::SshKey;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Id, Moment, Name};
use serde::Deserialize;

use crate::failure::Failure;

/// One of the first people, as `--people` lists them: docs/operating/people.md.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    name: String,
    emails: Vec<String>,
    /// The key that signs statements and approvals: its file, or the public key itself.
    key: String,
    /// The key that signs requests; outside solo mode it must differ from `key`.
    sign_in_key: String,
    /// The key that signs commits; default: `sign_in_key`.
    #[serde(default)]
    commit_key: Option<String>,
    roles: Vec<Name>,
}

/// A person whose keys were read.
#[derive(Clone, Debug)]
pub struct Founder {
    /// Id of the person.
    pub id: Id,
    /// Name.
    pub name: String,
    emails: Vec<String>,
    /// The key that signs statements and approvals.
    pub approval: FounderKey,
    /// The key that signs requests.
    pub sign_in: FounderKey,
    /// The key that signs commits.
    pub commit: FounderKey,
    roles: Vec<Name>,
}

/// A founder's public key, and its file if this machine has one.
#[derive(Clone, Debug)]
pub struct FounderKey {
    /// The public key.
    pub key: SshKey,
    /// Private key file, or a public key file whose private half may be in the ssh agent.
    pub file: Option<PathBuf>,
}

impl FounderKey {
    /// A key as the people file gives it: its text, or a file relative to that file.
    fn given(text: &str, dir: &Path) -> Result<Self, Failure> {
        if !KINDS.iter().any(|kind| text.starts_with(kind)) {
            return Ok(PersonKey::read(&dir.join(text))?.into());
        }
        let key: SshKey = text.parse().map_err(Failure::error)?;
        // The person may be the one who types `init`, and keeps the key where people do.
        let file = PersonKey::of(&key).ok().map(|found| found.file);
        Ok(Self { key, file })
    }

    /// The key, if `ssh-keygen` can sign with it here.
    fn at_hand(&self) -> Option<PersonKey> {
        let key = PersonKey { key: self.key.clone(), file: self.file.clone()? };
        key.is_at_hand().then_some(key)
    }
}

impl From<PersonKey> for FounderKey {
    fn from(PersonKey { key, file }: PersonKey) -> Self {
        Self { key, file: Some(file) }
    }
}

impl Founder {
    /// The first address under which the person is enrolled.
    pub fn email(&self) -> Option<&str> {
        self.emails.first().map(String::as_str)
    }
}

/// The one person of a solo installation; values that are not given are detected from git and the usual key files.
pub fn alone(key: Option<&Path>, name: Option<&str>, email: Option<&str>) -> Result<Founder, Failure> {
    let key: FounderKey = key.map_or_else(PersonKey::discover, PersonKey::read)?.into();
    let lacks = |what, flag| Failure::error(format!("git knows no {what}; give one with {flag}"));
    let set = |given: Option<&str>, key| match given {
        Some(given) => Ok(Some(given.to_owned())),
        None => git_config(key),
    };
    let name = set(name, "user.name")?.ok_or_else(|| lacks("user.name", "--name"))?;
    let email = set(email, "user.email")?.ok_or_else(|| lacks("user.email", "--email"))?.to_lowercase();
    Ok(Founder {
        id: random::id()?,
        name,
        emails: vec![email],
        approval: key.clone(),
        sign_in: key.clone(),
        commit: key,
        roles: ROLES.iter().map(|role| role.parse()).collect::<Result<_, _>>()?,
    })
}

/// The people that a file lists.
pub fn listed(file: &Path) -> Result<Vec<Founder>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}; {PEOPLE_PAGE}")))?;
    let people: Vec<PersonFile> = serde_json::from_str(&text)
        .map_err(|error| Failure::error(format!("`{shown}`: {error}; {PEOPLE_PAGE}")))?;
    if people.len() < 2 {
        let what = format!(
            "`{shown}` lists {}; team rules need two",
            shown::counted(people.len(), "person", "people")
        );
        return Err(Failure::usage(format!("{what}; {PEOPLE_PAGE}")));
    }
    people.iter().try_for_each(|person| known_roles(&shown.to_string(), person))?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let founder = |person: PersonFile| {
        let sign_in = FounderKey::given(&person.sign_in_key, dir)?;
        let commit = person.commit_key.map(|text| FounderKey::given(&text, dir)).transpose()?;
        let mut emails: Vec<_> = person.emails.iter().map(|email| email.to_lowercase()).collect();
        emails.sort();
        emails.dedup();
        Ok(Founder {
            id: random::id()?,
            name: person.name,
            emails,
            approval: FounderKey::given(&person.key, dir)?,
            commit: commit.unwrap_or_else(|| sign_in.clone()),
            sign_in,
            roles: person.roles,
        })
    };
    people.into_iter().map(founder).collect()
}

/// A role whose name is close to a known one is taken for a typing error, because nobody would get the intended right.
/// A role of any other name is allowed, since an approval node of a pipeline may name it.
fn known_roles(file: &str, person: &PersonFile) -> Result<(), Failure> {
    for role in &person.roles {
        if let Some(slip) = misspelled(role) {
            return Err(Failure::error(format!("`{file}`: {} has the role {slip}", person.name)));
        }
    }
    if person.roles.is_empty() {
        let all = ROLES.join(", ");
        return Err(Failure::error(format!("`{file}`: {} has no role; known are {all}", person.name)));
    }
    Ok(())
}

/// The mistake in a role whose name is close to a known one.
pub fn misspelled(role: &Name) -> Option<String> {
    let near = |known: &&&str| similar::TextDiff::from_chars(role.as_str(), **known).ratio() > NEAR;
    let known = ROLES.iter().find(near).filter(|known| **known != role.as_str())?;
    Some(format!("`{role}`, which no rule uses; did you mean `{known}`?"))
}

/// The page that describes the file.
pub const PEOPLE_PAGE: &str = "docs/operating/people.md describes the file, with an example";

/// Roles that the program, its statements and the built-in policy use.
const ROLES: [&str; 5] = ["developer", "release-manager", "secret-owner", "security", "tester"];
/// Likeness from which on a name is taken for a misspelled one.
const NEAR: f32 = 0.75;
/// Beginnings of a public key that stands in the people file itself.
const KINDS: [&str; 3] = ["ssh-", "ecdsa-", "sk-"];

/// The enrolments of all founders.
pub fn enrolments(founders: &[Founder], root: &TrustRoot, now: Moment) -> Vec<Enrolment> {
    let enrol = |founder: &Founder| Enrolment {
        v: 1,
        installation: root.installation,
        person: founder.id,
        subject: subject(founder),
        name: founder.name.clone(),
        emails: founder.emails.clone(),
        keys: keys(founder),
        grants: grants(&founder.roles),
        issued: now,
        expires: now.later_by(YEAR),
        accounts: Vec::new(),
        eligible: Vec::new(),
        passkeys: Vec::new(),
        openpgp: Vec::new(),
    };
    founders.iter().map(enrol).collect()
}

fn grants(roles: &[Name]) -> Vec<Grant> {
    let mut grants: Vec<_> =
        roles.iter().map(|role| Grant { role: role.clone(), project: None, environment: None }).collect();
    grants.sort();
    grants.dedup();
    grants
}

/// One entry for each different key, with all purposes of that key.
fn keys(founder: &Founder) -> Vec<EnrolledKey> {
    let uses = [
        (&founder.sign_in.key, Purpose::SignIn),
        (&founder.approval.key, Purpose::Approve),
        (&founder.commit.key, Purpose::Commit),
    ];
    let mut keys: Vec<EnrolledKey> = Vec::new();
    for (key, purpose) in uses {
        match keys.iter_mut().find(|known| known.key == *key) {
            Some(known) => known.purposes.push(purpose),
            None => keys.push(EnrolledKey { key: key.clone(), purposes: vec![purpose] }),
        }
    }
    keys
}

/// Adds the signatures of the founders whose keys are at hand, as far as the thresholds need them. The one person of a
/// solo installation has to sign here: without their key that is an error.
pub fn sign(founding: &mut Founding, founders: &[Founder]) -> Result<(), Failure> {
    for founder in founders {
        let alone = PersonKey {
            key: founder.approval.key.clone(),
            file: founder.approval.file.clone().unwrap_or_default(),
        };
        let is_alone = founding.root.said.mode == Mode::Solo;
        let Some(key) = is_alone.then_some(alone).or_else(|| founder.approval.at_hand()) else { continue };
        for statement in founding.signables() {
            let is_met = statement.signers()?.len() >= statement.quorum.threshold as usize;
            if !is_met && statement.waits_for(&key.key) {
                key.sign(statement.envelope, statement.namespace)?;
            }
        }
    }
    Ok(())
}

/// The subject of a person. Without an identity provider the first key identifies a person, since it does not change.
pub fn subject(founder: &Founder) -> String {
    format!("ssh:{}", founder.approval.key.fingerprint())
}
