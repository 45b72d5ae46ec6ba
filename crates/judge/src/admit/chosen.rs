//! The runners of a run, chosen when it is asked for.
//!
//! Invariant: they follow from the signed request and the trust root that it names. Policies say how many they are: as many
//! as the strictest environment of the project asks for. A judge compares them with the receipts later.

use domain::Reason;
use evidence::policy_files::PolicyFiles;
use evidence::pool::Pool;
use evidence::serving::{RunChoice, checkers, ranked, serving};
use evidence::{Name, trust_root::Machine};

use super::form::{AdmitError, Known, malformed};
use crate::input_reads::runners_needed;

/// The runners of a run.
pub struct RunRunners {
    /// Runners that build.
    pub build: Vec<Name>,
    /// Their pool, if runners have pools.
    pub pool: Option<Pool>,
    /// Runners that check releases, where they are others.
    pub checkers: Option<Vec<Name>>,
}

/// Chooses the runners, or says why nobody can run it. `version` is that of the trust root that the request names.
pub fn runners(
    known: &Known<'_>,
    project: &Name,
    version: Option<u32>,
    choice: &RunChoice,
) -> Result<Result<RunRunners, Reason>, AdmitError> {
    let names = |machines: Vec<&Machine>| machines.into_iter().map(|machine| machine.name.clone()).collect();
    if let Some(unknown) =
        choice.without.iter().find(|name| !known.root.runners.iter().any(|runner| runner.name == **name))
    {
        let what = format!("the trust root names no runner `{unknown}`, which the run is to do without");
        return Ok(Err(Reason::new("no-such-runner", what, "`countersign trust root` shows the runners")));
    }
    if let Some(version) = version.filter(|version| *version != known.root.version) {
        let what = format!("the request names trust root {version}, and {} is in force", known.root.version);
        return Ok(Err(Reason::new("root-differs", what, "type the command again")));
    }
    let Some(pool) = choice.pool(known.root) else {
        let left = known.root.runners.iter().filter(|runner| !choice.without.contains(&runner.name));
        let build = left.map(|runner| runner.name.clone()).collect();
        return Ok(Ok(RunRunners { build, pool: None, checkers: None }));
    };
    if version.is_none() {
        let what =
            "runners have pools here, and the request does not name the trust root that chooses among them";
        return Ok(Err(Reason::new("root-missing", what, "upgrade the program that sent it")));
    }
    let nonce = choice.nonce;
    let chosen = match strictest(known, project)? {
        Some(count) => serving(known.root, pool, nonce, count, &choice.without),
        // A policy does not say how many it needs, so as many as there are.
        None => Ok(ranked(known.root, pool, nonce, &choice.without)),
    };
    Ok(chosen.map_or_else(
        |few| Err(Reason::new("pool-too-small", few.to_string(), MORE_RUNNERS)),
        |chosen| {
            let checkers = checkers(known.root, &choice.without).collect();
            Ok(RunRunners { build: names(chosen), pool: Some(pool), checkers: Some(names(checkers)) })
        },
    ))
}

/// The number of runners that the strictest environment of a project asks for; at least 1. `None` if a policy does not say.
fn strictest(known: &Known<'_>, project: &Name) -> Result<Option<usize>, AdmitError> {
    let mut most = 1;
    for environment in known.state.gate.environments() {
        let place = &environment.facts.place;
        if place.project != *project {
            continue;
        }
        let files = PolicyFiles::decode(&known.store.blob(&environment.facts.policy)?).map_err(malformed)?;
        match runners_needed(&files, known.root.mode, place) {
            Some(needed) => most = most.max(needed as usize),
            None => return Ok(None),
        }
    }
    Ok(Some(most))
}

const MORE_RUNNERS: &str = "have more hosts join the pool, take a runner back that is left out, or name a ref (`--ref`): \
                            `countersign trust root` shows the runners and their pools";
