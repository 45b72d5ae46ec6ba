//! The trust root that an installation begins with, and the keys of the roles that it names.

use client::authority_files;
use client::clock::YEAR;
use client::files;
use client::home::Home;
use client::hosts::MachineLine;
use client::key_files;
use client::pkcs11::{self, Uri};
use evidence::trust_root::{Holder, LedgerKey, Machine, Mode, Quorum, Site, TrustRoot, Witness, Witnesses};
use evidence::{Digest, Id, Moment};

use super::arguments::{Init, ModeArgument};
use crate::failure::Failure;
use crate::founders::{Founder, subject};

/// Checks before anything is made that every key in a device signs, and that no key is named twice.
pub fn devices_answer(verb: &Init) -> Result<(), Failure> {
    if verb.runner_key.len() > 2 {
        return Err(Failure::usage(
            "an installation begins with two runners: give --runner-key twice at most",
        ));
    }
    let mut seen: Vec<([u8; 32], &Uri)> = Vec::new();
    for uri in verb.ledger_key.iter().chain(&verb.provenance_key).chain(&verb.runner_key) {
        let public = pkcs11::open(uri)?.public();
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == public) {
            let what = format!("`{uri}` and `{other}` are one key; each role needs its own");
            return Err(Failure::error(what));
        }
        seen.push((public, uri));
    }
    Ok(())
}

/// Makes the roles' keys and the root that names them.
pub fn root(
    verb: &Init,
    home: &Home,
    founders: &[Founder],
    installation: Id,
    now: Moment,
) -> Result<(TrustRoot, tlog::NoteSigner), Failure> {
    let place = server(verb, founders)?;
    let origin = format!("countersign/{installation}");
    let ledger = key_files::make_or_take(&home.keys().join("ledger.pem"), verb.ledger_key.as_ref())?;
    let ledger = key_files::ledger(&ledger, &origin)?;
    let provenance =
        key_files::make_or_take(&home.keys().join("provenance.pem"), verb.provenance_key.as_ref())?;
    let provenance = *provenance.public();
    let threshold = if verb.mode == ModeArgument::Solo { 1 } else { 2 };
    let holder = |founder: &Founder| Holder { subject: subject(founder), key: founder.approval.key.clone() };
    let quorum = Quorum { threshold, holders: founders.iter().map(holder).collect() };
    let root = TrustRoot {
        v: 1,
        installation,
        version: 1,
        issued: now,
        expires: now.later_by(YEAR),
        mode: match verb.mode {
            ModeArgument::Solo => Mode::Solo,
            ModeArgument::Team => Mode::Team,
            ModeArgument::Rehearsal => Mode::Rehearsal,
        },
        holders: quorum.clone(),
        registrars: Quorum { threshold: 1, ..quorum.clone() },
        policy: quorum.clone(),
        status: quorum,
        ledger: LedgerKey { vkey: ledger.verifier().to_string(), replaces: None },
        runners: runners(verb, home, &place)?,
        witnesses: witnesses(verb, home, &ledger, installation, &place)?,
        server: place,
        provenance,
        authority: authority(verb, home, installation, now)?,
        rp_id: None,
        protected: Vec::new(),
    };
    Ok((root, ledger))
}

/// Digest of the authority that other hosts verify the server's certificate by. In team mode roles stand on several hosts,
/// so the first root names it; otherwise it is made when a listener for other machines starts.
fn authority(verb: &Init, home: &Home, installation: Id, now: Moment) -> Result<Option<Digest>, Failure> {
    if verb.mode != ModeArgument::Team {
        return Ok(None);
    }
    Ok(Some(authority_files::take_up(&home.keys(), installation, now)?.digest()))
}

/// Host and operator of the server.
fn server(verb: &Init, founders: &[Founder]) -> Result<Site, Failure> {
    let host = match &verb.host {
        Some(host) => host.as_str().to_owned(),
        // A name that does not fit the rules for new names was always taken, too.
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let first = founders.first().map(|founder| founder.name.clone()).unwrap_or_default();
    Ok(Site { host, operator: verb.operator.clone().map_or(first, String::from) })
}

/// The runners that were named, else two on this host.
fn runners(verb: &Init, home: &Home, server: &Site) -> Result<Vec<Machine>, Failure> {
    if let Some(line) = verb.runner.iter().find(|line| line.at.is_none()) {
        return Err(Failure::usage(format!("the host of a runner counts: name it, `{line}@HOST`")));
    }
    let mut runners: Vec<_> = verb.runner.iter().map(|line| line.machine(server)).collect();
    let mut devices = verb.runner_key.iter();
    let local = if runners.is_empty() { LOCAL_RUNNERS } else { 0 };
    for number in 1..=local {
        let key = key_files::make_or_take(&home.runner(number).join("key.pem"), devices.next())?;
        let name = format!("runner-{number}").parse()?;
        runners.push(MachineLine { name, key: *key.public(), seal: None, at: None }.machine(server));
    }
    runners.sort();
    Ok(runners)
}

/// The witnesses that were named, else one on this host.
fn witnesses(
    verb: &Init,
    home: &Home,
    ledger: &tlog::NoteSigner,
    installation: Id,
    server: &Site,
) -> Result<Witnesses, Failure> {
    let mut keys: Vec<_> = verb.witness.iter().map(|line| line.witness(&server.operator)).collect();
    if keys.is_empty() {
        let name = format!("witness/{installation}");
        let witness = key_files::witness(&key_files::make(&home.witness().join("key.pem"))?, &name)?;
        files::write_private(&home.witness().join("name"), &format!("{name}\n"))?;
        files::write_private(&home.witness().join("logs"), &format!("{}\n", ledger.verifier()))?;
        keys.push(Witness { vkey: witness.verifier().to_string(), place: server.clone() });
    }
    keys.sort();
    let over_half = u32::try_from(keys.len() / 2 + 1).unwrap_or(u32::MAX);
    Ok(Witnesses { quorum: verb.witness_quorum.unwrap_or(over_half), keys })
}

/// Runners that are made where none is named.
const LOCAL_RUNNERS: u32 = 2;
