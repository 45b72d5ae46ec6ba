//! `countersign policy explain`: the gate of one release, rule by rule.
//!
//! Invariant: everything comes from evidence that was checked under a pinned root, or under the root of a file that the
//! person named. A gate that refuses is an answer here, and no failure.

use std::path::PathBuf;

use clap::Args;
use client::dossier::Dossier;
use client::profile::Profile;
use client::{pinned_review, session};
use evidence::Place;
use judge::{Checked, VerificationContext};
use review::explain::Explained;

use super::verify::decoded;
use super::{DataDir, release, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `policy explain`.
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT. Required unless --bundle is given.
    #[arg(required_unless_present = "bundle", conflicts_with = "bundle")]
    place: Option<Place>,
    /// Number of the release; default: the pending release, else the running one.
    #[arg(value_parser = release, requires = "place")]
    release: Option<u64>,
    /// File of an evidence bundle, which is read offline; default: the server is asked.
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// File of the trust root to believe; default: your pinned root.
    #[arg(long, requires = "bundle")]
    trust_root: Option<PathBuf>,
}

/// Reads the evidence, judges it, and prints the rules.
pub fn run(verb: &Explain, output: Output) -> Result<(), Failure> {
    let dossier = match (&verb.bundle, &verb.place) {
        (Some(file), _) => {
            let bundle = decoded(file, pinned_review::read(file)?.trim_ascii_end())?;
            if let Some(root) = &verb.trust_root {
                let anchors = pinned_review::anchors_of(root)?;
                let seen = VerificationContext { root: anchors.version, ..VerificationContext::default() };
                let checked = judge::check(&bundle, &anchors, &seen)
                    .map_err(|reasons| pinned_review::broken(&bundle, reasons))?;
                return show(&checked, output);
            }
            Dossier::recorded(bundle)?
        }
        (None, Some(place)) => {
            let access = verb.data_dir.access()?;
            let client = session::client(&access)?;
            let profile = Profile::of(&access)?;
            runtime()?.block_on(Dossier::of_release(&profile, &client, place, verb.release))?.0
        }
        (None, None) => return Err(Failure::usage("name a place, or an evidence file with --bundle")),
    };
    show(&dossier.check()?, output)
}

fn show(checked: &Checked<'_>, output: Output) -> Result<(), Failure> {
    let judgement = judge::judge_checked(checked);
    output.print(&Explained::of(checked, &judgement), Explained::text)
}
