//! `countersign trust root`: shows the current trust root, writes it to a file, or amends it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use client::clock::{YEAR, now};
use client::hosts::{self, MachineLine, WitnessLine};
use client::pools::{self, PoolLine};
use client::signing::PersonKey;
use evidence::git::RefPattern;
use evidence::trust_root::{Holder, Mode, Quorum, TrustRoot};
use evidence::{Digest, Moment, Name};
use serde_json::json;

use super::DataDir;
use super::trust_sign::sign_shown;
use super::trust_statement::{finish, write_envelope};
use crate::advice;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `trust root`.
#[derive(Debug, Args)]
pub struct Root {
    #[command(flatten)]
    data_dir: DataDir,
    /// File to write the root to: the current one, or the amended one for others to sign; default: the current root is
    /// printed, an amended one is sent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Add a runner, or replace the key of one, NAME=KEY@HOST as `runner key` prints it; may be given several times. Without `@HOST` a known
    /// runner stays where it is, and a new one is on the server's host.
    #[arg(long, value_name = "NAME=KEY@HOST[/OPERATOR]")]
    runner: Vec<MachineLine>,
    /// Days for which the key that --runner replaces still counts, so that nothing under way ends; 0 ends it at once.
    #[arg(long, value_name = "DAYS", default_value_t = FORMER_DAYS, value_parser = clap::value_parser!(u32).range(0..=90))]
    former_days: u32,
    /// Remove a runner by name; may be given several times.
    #[arg(long)]
    remove_runner: Vec<Name>,
    /// Put a runner into a pool (fork, branch, protected or deploy), NAME=POOL; NAME=any takes it out of its pool; may be given several
    /// times. Without any pool every runner does every run.
    #[arg(long, value_name = "NAME=POOL")]
    pool: Vec<PoolLine>,
    /// Let commits of a ref run in the pool `protected`, for instance `refs/heads/main` or `refs/tags/v*`; may be given several times.
    #[arg(long, value_name = "REF")]
    protect: Vec<RefPattern>,
    /// Take a ref out of the protected ones; may be given several times.
    #[arg(long, value_name = "REF")]
    unprotect: Vec<RefPattern>,
    /// Let a person sign for a group (holders, registrars, policy or status), GROUP=FILE with a public key; may be given
    /// several times.
    #[arg(long, value_name = "GROUP=FILE")]
    add: Vec<String>,
    /// Remove a key from a group, GROUP=FINGERPRINT; may be given several times.
    #[arg(long, value_name = "GROUP=FINGERPRINT")]
    remove: Vec<String>,
    /// Number of people of a group who must sign, GROUP=NUMBER; may be given several times; default: as now.
    #[arg(long, value_name = "GROUP=NUMBER")]
    threshold: Vec<String>,
    /// Add a witness, or replace the key of one, VKEY@HOST as `witness key` prints it; may be given several times.
    #[arg(long, value_name = "VKEY@HOST[/OPERATOR]")]
    witness: Vec<WitnessLine>,
    /// Remove a witness by name; may be given several times.
    #[arg(long, value_name = "NAME")]
    remove_witness: Vec<String>,
    /// Number of witnesses that must have cosigned; default: as now.
    #[arg(long, value_name = "NUMBER")]
    witness_quorum: Option<u32>,
    /// Name the authority of TLS by the digest of its certificate (DER), `sha256:…`; default: as now.
    #[arg(long, value_name = "DIGEST")]
    authority: Option<Digest>,
    /// Renew the root: the same content, valid for another year.
    #[arg(long)]
    renew: bool,
    /// Sign without asking; default: show the root and ask.
    #[arg(long)]
    yes: bool,
}

impl Root {
    fn amends(&self) -> bool {
        let lists = [&self.add, &self.remove, &self.threshold, &self.remove_witness];
        let named = lists.iter().any(|list| !list.is_empty()) || !self.remove_runner.is_empty();
        let machines = !self.runner.is_empty() || !self.witness.is_empty() || !self.pool.is_empty();
        let refs = !self.protect.is_empty() || !self.unprotect.is_empty();
        self.renew || named || machines || refs || self.witness_quorum.is_some() || self.authority.is_some()
    }
}

/// Shows, writes or amends the root.
pub fn run(verb: &Root, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    if verb.amends() {
        let (root, _) = trust::pinned_root_of(&access)?;
        let next = amended(verb, root.clone())?;
        for line in advice::ended_by(&access, &root, &next)? {
            shown::say(&format!("warning: {line} (docs/operating/rotation.md)"));
        }
        for line in hosts::uncounted(&next).into_iter().chain(pools::empty(&next)) {
            shown::say(&format!("warning: {line}"));
        }
        let mut envelope = next.envelope()?;
        sign_shown(&access, &mut envelope, &[], verb.yes, output)?;
        return finish(&access, &envelope, verb.out.as_deref(), output);
    }
    let (root, _) = trust::root_of(&access)?;
    let digest: Digest = root.digest()?;
    let Some(out) = &verb.out else {
        let shown = json!({ "digest": digest, "statement": root });
        return output.print(&shown, |_| serde_json::to_string_pretty(&root).unwrap_or_default());
    };
    write_envelope(out, &trust::envelope_of(&access, root.version)?)?;
    output.print(&json!({ "file": out, "digest": digest, "version": root.version }), |_| {
        format!("wrote trust root {digest} (version {}) to {}", root.version, out.display())
    })
}

fn amended(verb: &Root, root: TrustRoot) -> Result<TrustRoot, Failure> {
    let now = now()?;
    let mut next = TrustRoot { version: root.version + 1, issued: now, expires: now.later_by(YEAR), ..root };
    runners(verb, &mut next)?;
    pools::amend(&mut next, &verb.pool, &verb.protect, &verb.unprotect)?;
    people(verb, &mut next)?;
    witnesses(verb, &mut next)?;
    next.authority = verb.authority.or(next.authority);
    Ok(next)
}

fn runners(verb: &Root, root: &mut TrustRoot) -> Result<(), Failure> {
    let runners = &mut root.runners;
    for name in &verb.remove_runner {
        let before = runners.len();
        runners.retain(|runner| runner.name != *name);
        if runners.len() == before {
            return Err(Failure::error(format!("the root names no runner `{name}`; {NAMES}")));
        }
    }
    for line in &verb.runner {
        let known = runners.iter().find(|runner| runner.name == line.name).cloned();
        if line.at.is_none() && known.is_none() && root.mode == Mode::Team {
            return Err(Failure::usage(format!(
                "in team mode the host of a runner counts: name it, `{line}@HOST`"
            )));
        }
        runners.retain(|runner| runner.name != line.name);
        runners.push(match known {
            Some(known) => line.instead_of(&known, former_until(verb.former_days, root.issued)),
            None => line.machine(&root.server),
        });
    }
    runners.sort();
    Ok(())
}

/// Amends the groups: their keys and their thresholds.
fn people(verb: &Root, root: &mut TrustRoot) -> Result<(), Failure> {
    for text in &verb.remove {
        let (quorum, fingerprint) = group(root, text)?;
        let before = quorum.holders.len();
        quorum.holders.retain(|holder| holder.key.fingerprint() != fingerprint);
        if quorum.holders.len() == before {
            return Err(Failure::error(format!("`{text}`: no such key signs for that group; {NAMES}")));
        }
    }
    for text in &verb.add {
        let (quorum, file) = group(root, text)?;
        let key = PersonKey::read(Path::new(file))?.key;
        if quorum.holders.iter().any(|holder| holder.key == key) {
            return Err(Failure::usage(format!("`{text}`: that key signs for the group already")));
        }
        quorum.holders.push(Holder { subject: format!("ssh:{}", key.fingerprint()), key });
        quorum.holders.sort();
    }
    for text in &verb.threshold {
        let (quorum, number) = group(root, text)?;
        quorum.threshold =
            number.parse().map_err(|_| Failure::usage(format!("`{text}`: `{number}` is not a number")))?;
    }
    Ok(())
}

fn group<'a, 'b>(root: &'a mut TrustRoot, text: &'b str) -> Result<(&'a mut Quorum, &'b str), Failure> {
    let (group, rest) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("`{text}` does not begin with a group and `=`; {GROUPS}")))?;
    let quorum = match group {
        "holders" => &mut root.holders,
        "registrars" => &mut root.registrars,
        "policy" => &mut root.policy,
        "status" => &mut root.status,
        _ => {
            let what = format!("`{group}` is not a group; {GROUPS}");
            return Err(Failure::usage(what));
        }
    };
    Ok((quorum, rest))
}

fn witnesses(verb: &Root, root: &mut TrustRoot) -> Result<(), Failure> {
    let name_of = |vkey: &str| vkey.split('+').next().unwrap_or_default().to_owned();
    for name in &verb.remove_witness {
        let before = root.witnesses.keys.len();
        root.witnesses.keys.retain(|witness| name_of(&witness.vkey) != *name);
        if root.witnesses.keys.len() == before {
            return Err(Failure::error(format!("the root names no witness `{name}`; {NAMES}")));
        }
    }
    for line in &verb.witness {
        root.witnesses.keys.retain(|witness| name_of(&witness.vkey) != name_of(&line.vkey));
        root.witnesses.keys.push(line.witness(&root.server.operator));
    }
    root.witnesses.keys.sort();
    root.witnesses.quorum = verb.witness_quorum.unwrap_or(root.witnesses.quorum);
    Ok(())
}

/// The end of a former key; `None` if it ends at once.
pub fn former_until(days: u32, issued: Moment) -> Option<Moment> {
    (days > 0).then(|| issued.later_by(DAY * days))
}

/// Days for which a former key of a machine counts if nobody says otherwise.
pub const FORMER_DAYS: u32 = 7;
const DAY: Duration = Duration::from_hours(24);
const NAMES: &str = "`countersign trust root` shows the root in force";
const GROUPS: &str = "known are holders, registrars, policy and status";
