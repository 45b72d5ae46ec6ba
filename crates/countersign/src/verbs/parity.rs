//! `countersign parity FROM TO`: every value in which what runs in one environment differs from what runs in another one.
//!
//! Invariant: both sides come from evidence that was checked under the person's own pin.

use clap::Args;
use client::parity::{self, NamedEnvironment};
use client::profile::Profile;
use client::session;
use domain::gate::GateOutcome;
use policy::Reason;
use review::parity::Parity as Compared;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `parity`.
#[derive(Debug, Args)]
pub struct Parity {
    #[command(flatten)]
    data_dir: DataDir,
    /// The earlier environment: a name, or PROJECT/SERVICE/ENVIRONMENT.
    from: String,
    /// The later environment. Its statement says which values may differ (`trust environment --parity`).
    to: String,
    /// End with exit code 3 if a value differs that is not expected; default: only show it.
    #[arg(long)]
    check: bool,
}

/// Fetches the evidence of both, checks it, and prints what differs.
pub fn run(verb: &Parity, output: Output) -> Result<(), Failure> {
    let (from, to) = (NamedEnvironment::read(&verb.from)?, NamedEnvironment::read(&verb.to)?);
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let profile = Profile::of(&access)?;
    let compared = runtime()?.block_on(async {
        let both = parity::both(client.places().await?, &from, &to)?;
        parity::compare(&profile, &client, &both).await
    })?;
    output.print(&compared, Compared::text)?;
    if verb.check && !compared.equal {
        let reason = Reason::new(
            "environments-differ",
            compared.headline(),
            "make them alike, or have the policy signers expect it with `countersign trust environment --parity FILE`",
        );
        return Err(Failure::decided(GateOutcome::Fail, "the environments differ", vec![reason]));
    }
    Ok(())
}
