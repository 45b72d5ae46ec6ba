//! The statements that found an installation, signed by its first people.

use client::clock::MONTH;
use evidence::status::{Status, StatusFile};
use evidence::trust_root::TrustRoot;
use evidence::{Id, Moment, environment, status, trust_root};

use crate::failure::Failure;
use crate::founders::{Founder, enrolments, signed};
use crate::places::Prepared;

/// The statements that found the installation, signed.
pub fn genesis(
    root: &TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    installation: Id,
    now: Moment,
) -> Result<server::Genesis, Failure> {
    let status = first_status(installation, now).envelope()?;
    let environment = |prepared: &Prepared| {
        let signed = signed(prepared.envelope()?, founders, root.policy.threshold, environment::NAMESPACE)?;
        Ok::<_, Failure>(server::FirstEnvironment {
            statement: signed,
            policy: prepared.policy.clone(),
            configuration: prepared.configuration.clone(),
        })
    };
    Ok(server::Genesis {
        root: signed(root.envelope()?, founders, root.holders.threshold, trust_root::NAMESPACE)?,
        status: StatusFile {
            base: signed(status, founders, root.status.threshold, status::NAMESPACE)?,
            tightening: None,
        },
        enrolments: enrolments(founders, root, now)?,
        environments: prepared.iter().map(environment).collect::<Result<_, _>>()?,
    })
}

fn first_status(installation: Id, now: Moment) -> Status {
    Status {
        v: 1,
        installation,
        number: 1,
        base: None,
        issued: now,
        expires: now.later_by(MONTH),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
    }
}
