//! A rebuild on the approver's own machine: the same steps, the same assembly, from this machine's clone.

use std::collections::BTreeMap;

use evidence::bundle::Bundle;
use evidence::machine::MachineSigner;
use evidence::{Digest, Moment, Name};
use judge::Checked;
use runner::{Budget, Caps, Given, Host, Identity, Repository, Source, assemble, execute, merge};

use crate::failure::Failure;
use crate::home::Home;
use crate::operator::Reach;
use crate::{clock, output, project, random};

/// Digests of what came out: `manifest.json` and `layer.tar`.
pub fn rebuild(
    _home: &Home,
    bundle: &Bundle,
    checked: &Checked<'_>,
    reach: &Reach,
) -> Result<BTreeMap<String, Digest>, Failure> {
    let path = project::repository(None)?;
    let source = Source::fetch(&mut Repository::open(&path, Budget::default())?, &bundle.source.commit)?;
    let toolchain = reach.host_toolchain()?;
    // A rebuild is a field of the approval, not a receipt: what signs here counts for nothing.
    let signer = MachineSigner::from_seed(random::bytes()?)?;
    let pipeline = &checked.build.pipeline;
    let mut left: BTreeMap<Name, Given> = BTreeMap::new();
    let now: fn() -> Moment = clock::moment;
    let isolation = reach.sandbox(Caps::of_host());
    for name in pipeline.order() {
        let Some(step) = pipeline.steps.get(name).filter(|step| step.run.is_some()) else { continue };
        output::say(&format!("rebuilding: step {name}"));
        let identity = Identity {
            installation: bundle.installation,
            runner: "rebuild".parse()?,
            root: checked.root.version,
            signer: &signer,
            project: bundle.project.clone(),
            nonce: random::id()?,
        };
        let needed = left.iter().filter(|(name, _)| step.needs.contains(*name));
        let given = merge(&needed.map(|(name, given)| (name.clone(), given.clone())).collect())?;
        let host = Host {
            toolchain: &toolchain,
            isolation: &isolation,
            now: &now,
            log: &|_, _| {},
            wanted: &|| true,
        };
        let done = execute(&identity, &source, name, &given, &host)?;
        if !done.facts.passed() {
            let log = String::from_utf8_lossy(&done.log).into_owned();
            return Err(Failure::error(format!("your rebuild of step {name} failed; its log:\n{log}")));
        }
        left.insert(name.clone(), done.outputs);
    }
    let built = assemble(pipeline, &bundle.plan.artifact, &left, &source.id, source.time_seconds())?;
    Ok(BTreeMap::from([
        ("manifest.json".to_owned(), built.digest()),
        ("layer.tar".to_owned(), Digest::of(&built.layer)),
    ]))
}
