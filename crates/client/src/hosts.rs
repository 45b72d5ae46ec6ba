//! One line for a machine's key and place: how the operator of a host tells the people who sign what joins there.
//!
//! Input: `NAME=KEY@HOST` of a runner, `NAME=KEY,SEAL@HOST` of an agent, `VKEY@HOST` of a witness; an operator may follow
//! after `/`. Output: the parts. Invariant: one spelling: host names are lower case, and what a line prints, it reads. A line is neither secret
//! nor signed: only root and statement give it effect.

use std::fmt;
use std::str::FromStr;

use evidence::machine::MachineKey;
use evidence::seal::SealKey;
use evidence::trust_root::{FormerKey, Machine, Mode, Site, TrustRoot, Witness};
use evidence::{Moment, Name, Place};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Name of a host: 1 to 253 of `a-z`, `0-9`, `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

/// Operator of a host: 1 to 100 characters without line breaks and other controls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operator(String);

/// A host with its operator, who is the server's if none is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostLine {
    /// The host.
    pub host: Host,
    /// The operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
}

/// A runner or an agent: `NAME=KEY`, for an agent with `,SEAL`, the key to which its secrets are sealed; then `@HOST` or
/// `@HOST/OPERATOR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineLine {
    /// Name.
    pub name: Name,
    /// Public key.
    pub key: MachineKey,
    /// Public key to which its secrets are sealed, if the line names one.
    pub seal: Option<SealKey>,
    /// Host, if the line names one.
    pub at: Option<HostLine>,
}

/// An agent with its place: `PROJECT/SERVICE/ENVIRONMENT=NAME=KEY@HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLine {
    /// The place.
    pub place: Place,
    /// The agent.
    pub agent: MachineLine,
}

/// A witness: `VKEY@HOST` or `VKEY@HOST/OPERATOR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessLine {
    /// Name and key as a verifier key of a signed note.
    pub vkey: String,
    /// Host.
    pub at: HostLine,
}

impl Host {
    /// The name of this machine, as its system states it.
    pub fn this() -> Result<Self, Error> {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        name.parse().map_err(|error| {
            Error::unusable(format!("the name of this machine cannot be used: {error}; name it with --host"))
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostLine {
    /// Host and operator as root and statement name them.
    pub fn site(&self, otherwise: &str) -> Site {
        let operator = self.operator.as_ref().map_or(otherwise, |operator| &operator.0);
        Site { host: self.host.0.clone(), operator: operator.to_owned() }
    }
}

impl MachineLine {
    /// The machine as root and statement name it; a line without a host leaves it where it was.
    pub fn machine(&self, otherwise: &Site) -> Machine {
        let place = match &self.at {
            Some(at) => at.site(&otherwise.operator),
            None => otherwise.clone(),
        };
        Machine { seal: self.seal, ..Machine::new(self.name.clone(), self.key, place) }
    }

    /// The same machine with the key of this line; the key that it had counts until an end, unless it stays. A line
    /// without a host leaves the machine where it was, and one without a seal key leaves that as it was.
    pub fn instead_of(&self, before: &Machine, until: Option<Moment>) -> Machine {
        let former = until.filter(|_| self.key != before.key);
        let former = former.map(|until| FormerKey { key: before.key, until });
        let seal = self.seal.or(before.seal);
        Machine { key: self.key, place: self.machine(&before.place).place, seal, former, ..before.clone() }
    }
}

impl WitnessLine {
    /// The witness as the root names it.
    pub fn witness(&self, operator: &str) -> Witness {
        Witness { vkey: self.vkey.clone(), place: self.at.site(operator) }
    }
}

/// Machines of a root that count less than they seem to, each as a sentence with its remedy.
pub fn uncounted(root: &TrustRoot) -> Vec<String> {
    let mut lines = Vec::new();
    if root.mode != Mode::Team {
        return lines;
    }
    let names: Vec<_> = root.runners.iter().map(|runner| &runner.name).collect();
    let counting = root.counting_runners(names.iter().copied()).len();
    if counting < names.len() {
        lines.push(format!(
            "two runners on one host count once, so {} count as {counting}: name runners on other hosts with `countersign trust root --runner NAME=KEY@HOST`",
            shown::many(names.len(), "runner")
        ));
    }
    let witnesses = root.witnesses.keys.iter().filter(|witness| root.counts(witness)).count();
    if witnesses < root.witnesses.quorum as usize {
        lines.push(format!(
            "a witness on the server's host does not count in team mode, so {witnesses} of the {} that are needed do, and no gate can \
             pass: name witnesses on other hosts with `countersign trust root --witness VKEY@HOST`",
            root.witnesses.quorum
        ));
    }
    lines
}

impl FromStr for Host {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let edge = text.starts_with(['.', '-']) || text.ends_with(['.', '-']);
        if (1..=HOST_BYTES_MAX).contains(&text.len()) && text.bytes().all(known) && !edge {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Error::unusable(format!(
            "`{text}` is not the name of a host: expected 1 to {HOST_BYTES_MAX} letters, digits and inner `.` and `-`"
        )))
    }
}

impl FromStr for Operator {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let fits = (1..=OPERATOR_CHARS_MAX).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::unusable(format!(
            "`{text}` is not the name of an operator: expected 1 to {OPERATOR_CHARS_MAX} characters on one line"
        )))
    }
}

impl FromStr for HostLine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (host, operator) =
            text.split_once('/').map_or((text, None), |(host, operator)| (host, Some(operator)));
        Ok(Self { host: host.parse()?, operator: operator.map(str::parse).transpose()? })
    }
}

impl FromStr for MachineLine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once('=').ok_or_else(|| {
            Error::unusable(format!(
                "`{text}` is not NAME=KEY@HOST, as `countersign runner key` and `countersign agent key` print it"
            ))
        })?;
        // Base64 has no `@`, and an operator may have one.
        let (key, at) = rest.split_once('@').map_or((rest, None), |(key, at)| (key, Some(at)));
        // Neither base64 nor the name of a kind of keys has a comma.
        let (key, seal) = key.split_once(',').map_or((key, None), |(key, seal)| (key, Some(seal)));
        let key = key.parse().map_err(|error| Error::unusable(format!("`{text}`: {error}")))?;
        let seal = seal.map(str::parse).transpose();
        let seal = seal.map_err(|error| Error::unusable(format!("`{text}`: {error}")))?;
        Ok(Self { name: name.parse()?, key, seal, at: at.map(str::parse).transpose()? })
    }
}

impl FromStr for AgentLine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (place, line) = text.split_once('=').ok_or_else(|| {
            Error::unusable(format!("`{text}` is not PROJECT/SERVICE/ENVIRONMENT=NAME=KEY@HOST"))
        })?;
        let place = place.parse().map_err(|error| Error::unusable(format!("`{text}`: {error}")))?;
        Ok(Self { place, agent: line.parse()? })
    }
}

impl FromStr for WitnessLine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The name of a witness may have an `@`; it has no `+`, and the base64 after the second one has no `@`.
        let key_at = text.match_indices('+').nth(1).map_or(0, |(at, _)| at);
        let (key, at) = text.split_at(key_at);
        let (rest, at) = at.split_once('@').ok_or_else(|| {
            Error::unusable(format!("`{text}` is not VKEY@HOST, as `countersign witness key` prints it"))
        })?;
        Ok(Self { vkey: format!("{key}{rest}"), at: at.parse()? })
    }
}

impl TryFrom<String> for Host {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for Operator {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.0
    }
}

impl From<Operator> for String {
    fn from(operator: Operator) -> Self {
        operator.0
    }
}

impl fmt::Display for HostLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host.0)?;
        self.operator.as_ref().map_or(Ok(()), |operator| write!(f, "/{}", operator.0))
    }
}

impl fmt::Display for MachineLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.key)?;
        self.seal.as_ref().map_or(Ok(()), |seal| write!(f, ",{seal}"))?;
        self.at.as_ref().map_or(Ok(()), |at| write!(f, "@{at}"))
    }
}

impl fmt::Display for WitnessLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.vkey, self.at)
    }
}

/// Longest name of a host (<https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>, in text).
const HOST_BYTES_MAX: usize = 253;
const OPERATOR_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_what_it_prints() {
        let key = evidence::machine::MachineSigner::from_seed([7; 32]).unwrap();
        for at in ["", "@build-1.example", "@build-1/Ada & Bob <ops@example.com>"] {
            for seal in ["", ",x25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="] {
                let text = format!("runner-1={}{seal}{at}", key.public());
                assert_eq!(text.parse::<MachineLine>().unwrap().to_string(), text);
            }
            for wrong in [",", ",x25519:AAAA", ",x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
                assert!(
                    format!("runner-1={}{wrong}{at}", key.public()).parse::<MachineLine>().is_err(),
                    "{wrong}"
                );
            }
        }
        let vkey = "witness/ops@one+12345678+ab+/cd==";
        for at in ["w1", "w1/another/operator"] {
            let line: WitnessLine = format!("{vkey}@{at}").parse().unwrap();
            assert_eq!((line.vkey.as_str(), line.to_string()), (vkey, format!("{vkey}@{at}")));
        }
    }

    /// Otherwise two spellings of one host would count as two.
    #[test]
    fn a_host_has_one_spelling() {
        assert_eq!("Build-1.Example".parse::<Host>().unwrap(), "build-1.example".parse().unwrap());
        let long = "a".repeat(254);
        for text in ["", ".", "-a", "a-", "a.", "a b", "a_b", "a/b", "a@b", "ä", "a\n", long.as_str()] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
        for text in ["", " ", "a\nb"] {
            assert!(text.parse::<Operator>().is_err(), "{text:?}");
        }
        assert_eq!(" Ada ".parse::<Operator>().unwrap(), "Ada".parse().unwrap());
    }

    #[test]
    fn a_key_that_is_replaced_counts_until_its_end() {
        let key = |seed| *evidence::machine::MachineSigner::from_seed([seed; 32]).unwrap().public();
        let line = |seed| format!("runner-1={}", key(seed)).parse::<MachineLine>().unwrap();
        let before = line(1).machine(&Site { host: "a".into(), operator: "ada".into() });
        let until = "2027-01-01T00:00:00.000Z".parse().unwrap();
        let renewed = line(2).instead_of(&before, Some(until));
        assert_eq!((renewed.key, renewed.former), (key(2), Some(FormerKey { key: key(1), until })));
        assert_eq!(line(2).instead_of(&renewed, Some(until)).former, None, "named again, it is the only one");
        assert_eq!(line(2).instead_of(&before, None).former, None);
    }

    #[test]
    fn a_line_without_a_seal_key_leaves_it_as_it_was() {
        let key = evidence::machine::MachineSigner::from_seed([7; 32]).unwrap();
        let line =
            |seal| MachineLine { name: "agent-1".parse().unwrap(), key: *key.public(), seal, at: None };
        let sealed = "x25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=".parse().ok();
        let before = line(sealed).machine(&Site { host: "a".into(), operator: "ada".into() });
        assert_eq!((before.seal, line(None).instead_of(&before, None).seal), (sealed, sealed));
        let other = "x25519:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=".parse().ok();
        assert_eq!(line(other).instead_of(&before, None).seal, other);
    }

    #[test]
    fn a_line_without_a_host_stays_where_the_machine_was() {
        let key = evidence::machine::MachineSigner::from_seed([7; 32]).unwrap();
        let before = Site { host: "old".into(), operator: "ada".into() };
        let of = |at: &str| {
            let line: MachineLine = format!("runner-1={}{at}", key.public()).parse().unwrap();
            let Site { host, operator } = line.machine(&before).place;
            format!("{host} {operator}")
        };
        assert_eq!([of(""), of("@New"), of("@new/bob")], ["old ada", "new ada", "new bob"]);
    }
}
