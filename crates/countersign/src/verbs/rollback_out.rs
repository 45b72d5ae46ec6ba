//! `countersign rollback --out`: a signed rollback in a file, for a person whose server is away.
//!
//! Invariant: the target comes from what the agent itself knows, and the person sees it before they sign. The file holds nothing
//! secret; the agent verifies every part of it, and carries it out once.

use std::path::Path;

use agent::{KnownHere, Memory, Overview};
use client::access::Access;
use client::files::{read_text, write_shared};
use client::kept_enrolment;
use client::profile::Profile;
use client::request::{self, Parts, VALIDITY};
use client::rollback::Target;
use client::rollback_by_hand::{KnownReleases, RollbackByHand};
use evidence::Place;
use evidence::rollback_order::RollbackOrder;
use judge::RETURN_LATE_MAX;
use serde::Serialize;
use shown::shell;

use crate::consent::ask_for;
use crate::failure::Failure;
use crate::output::Output;

/// The options of `rollback`.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub place: Option<&'a Place>,
    pub to: Option<u64>,
    pub reason: Option<&'a str>,
    pub yes: bool,
    /// File for the order.
    pub out: &'a Path,
    /// The agent's directory, or a file with the output of `agent show -o json`.
    pub agent: &'a Path,
}

#[derive(Debug, Serialize)]
struct Written {
    place: Place,
    /// Number that the rollback will have.
    release: u64,
    file: String,
    from: Target,
    to: Target,
    next: String,
}

/// Signs a rollback and writes it into a file.
pub fn run(access: &Access, asked: Asked<'_>, output: Output) -> Result<(), Failure> {
    let seen = overview(asked.agent)?;
    if let Some(place) = asked.place.filter(|place| **place != seen.place) {
        let what =
            format!("the agent in `{}` is that of {}, and not of {place}", asked.agent.display(), seen.place);
        return Err(Failure::error(format!("{what}; nothing was signed")));
    }
    let mine = Profile::of(access)?;
    if mine.installation != seen.installation {
        return Err(Failure::error(
            "the agent is of another installation than your profile; nothing was signed; name yours with --data",
        ));
    }
    let proof = kept_enrolment::proof(&mine)?;
    let target = |known: &KnownHere| Target {
        release: known.release,
        commit: known.commit.clone(),
        artifact: known.artifact,
    };
    let known = KnownReleases {
        running: seen.running.as_ref().map(target),
        rolling: seen.rolling.as_ref().map(target),
        before: seen.before.iter().map(target).collect(),
    };
    let rollback = RollbackByHand::of(&seen.place, &known, asked.to)?;
    let page = format!("{}\n{}", rollback.page(), barred(&seen));
    ask_for("Sign this rollback?", "nothing was signed", page.trim_end(), asked.yes, output)?;
    let signed = request::sign(access, "rollback", rollback.arguments(asked.reason), Parts::default())?;
    let order = RollbackOrder {
        v: 1,
        project: seen.place.project.clone(),
        service: seen.place.service.clone(),
        environment: seen.place.environment.clone(),
        release: seen.next_by_hand,
        artifact: rollback.to.artifact,
        roots: proof.trust.roots,
        status: proof.trust.status,
        enrolment: proof.enrolment,
        request: signed.envelope().clone(),
    };
    write_shared(asked.out, &order.encode()?)?;
    let minutes = (VALIDITY + RETURN_LATE_MAX).as_secs() / 60;
    let next = format!(
        "within {minutes} minutes, on the host of {}: `countersign agent apply --data DIR {}`",
        seen.agent,
        shell::path(asked.out)
    );
    let file = asked.out.display().to_string();
    let (from, to) = (rollback.from, rollback.to);
    let written = Written { place: seen.place, release: seen.next_by_hand, file, from, to, next };
    output.print(&written, |written| {
        format!("`{}` holds the signed rollback\nnext: {}", written.file, written.next)
    })
}

fn barred(seen: &Overview) -> String {
    let bar = |bar: &agent::BarredHere| {
        format!(
            "not to release {}, which failed its judgement here: {}\n",
            bar.release,
            shown::line(&bar.why)
        )
    };
    seen.barred.iter().map(bar).collect()
}

/// The knowledge of the agent, from its directory or from the output of `agent show`.
fn overview(from: &Path) -> Result<Overview, Failure> {
    if from.is_dir() {
        return Ok(Memory::read(from)?.overview());
    }
    let shown = from.display();
    let text = read_text(from).map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
    let remedy = "`countersign agent show --data DIR -o json` on the agent's host prints it";
    match serde_json::from_str::<Overview>(&text) {
        Ok(seen) if seen.v == 1 => Ok(seen),
        Ok(_) => Err(Failure::error(format!(
            "`{shown}` is of a version that this program does not know; {remedy}"
        ))),
        Err(error) => Err(Failure::error(format!("`{shown}`: {error}; {remedy}"))),
    }
}
