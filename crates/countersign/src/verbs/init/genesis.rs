//! The founding of an installation: its first statements, and the ledger that begins with them once they are signed.
//!
//! A crash here leaves behind the founding, or the data directory with the founding still beside it: in both cases
//! `init --continue` goes on.

use client::clock::MONTH;
use client::home::Home;
use client::{files, key_files, pins, root_key, witness_pins};
use evidence::founding::{Founding, Unsigned};
use evidence::pin::Pin;
use evidence::status::{Status, StatusFile};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Id, Moment};

use crate::failure::Failure;
use crate::founders::{Founder, enrolments};
use crate::places::Prepared;
use crate::trust;
use crate::verbs::{agent, runner};

/// The first statements, unsigned.
pub fn founding(
    root: TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    now: Moment,
) -> Result<Founding, Failure> {
    let status = first_status(root.installation, now);
    let enrolments = enrolments(founders, &root, now);
    let place = |it: &Prepared| (it.statement.clone(), it.policy.clone(), it.configuration.clone());
    Ok(Founding::new(root, status, enrolments, prepared.iter().map(place).collect())?)
}

/// Begins the ledger with the signed statements, unless that is done, and lets the roles on this host join.
pub fn found(home: &Home, founding: &Founding, signer: tlog::NoteSigner) -> Result<Pin, Failure> {
    let root = &founding.root.said;
    if !home.data().exists() {
        let environment = |place: &evidence::founding::FoundedPlace| server::FirstEnvironment {
            statement: place.statement.envelope.clone(),
            policy: place.policy.clone(),
            configuration: place.configuration.clone(),
        };
        let genesis = server::Genesis {
            root: founding.root.envelope.clone(),
            status: StatusFile { base: founding.status.envelope.clone(), tightening: None },
            enrolments: founding.enrolments.iter().map(|enrolment| enrolment.envelope.clone()).collect(),
            environments: founding.places.iter().map(environment).collect(),
        };
        if let Some(parent) = home.data().parent() {
            files::private_dir(parent)?;
        }
        server::found(home.data(), signer, &genesis, server::World::default())?;
        // A crash before this leaves it to the first start of the server.
        let file = root_key::file(home);
        if !file.exists() {
            root_key::make(&file)?;
        }
    }
    let pin = trust::pin_in(home.data(), root)?;
    pins::take(pin.clone(), true)?;
    join(home, founding, &pin)?;
    Ok(pin)
}

/// Lets those runners and agents join whose keys lie on this host, and the witness.
fn join(home: &Home, founding: &Founding, pin: &Pin) -> Result<(), Failure> {
    let root = &founding.root.said;
    if home.witness().join("logs").exists() {
        witness_pins::keep(&home.witness(), pin)?;
    }
    for dir in home.roles("runner")? {
        let key = *key_files::read(&dir.join("key.pem"))?.public();
        if let Some(named) = root.runners.iter().find(|runner| runner.key == key)
            && !dir.join("runner.json").exists()
        {
            runner::write_joined(&dir, &named.name, pin)?;
        }
    }
    for place in &founding.places {
        let said = &place.statement.said;
        let dir = home.agent(&said.service, &said.environment);
        if !key_files::exists(&dir.join("key.pem")) || dir.join(::agent::MEMORY_FILE).exists() {
            continue;
        }
        let key = *key_files::read(&dir.join("key.pem"))?.public();
        if let Some(named) = said.agents.iter().find(|agent| agent.key == key) {
            agent::write_memory(&dir, &named.name, &said.place(), pin, root.mode == Mode::Rehearsal)?;
        }
    }
    Ok(())
}

/// The statements that too few people have signed, as a list in a sentence.
pub fn listed(lacking: &[Unsigned]) -> String {
    let one = |it: &Unsigned| format!("{} ({} of {})", it.what, it.found, it.needed);
    lacking.iter().map(one).collect::<Vec<_>>().join(", ")
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
