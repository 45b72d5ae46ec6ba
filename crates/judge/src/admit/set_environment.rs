//! The action `set-environment`.

use domain::{Command, gate};
use evidence::Digest;
use evidence::configuration::Configuration;
use evidence::environment::Environment;
use evidence::policy_files::PolicyFiles;
use evidence::windows::Windows;

use super::form::{AdmitError, Admitted, Known, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    let statement = match Environment::open(envelope, known.root) {
        Ok(statement) => statement,
        Err(error) => return Ok(bare(refuse("environment-unsound", &error, SIGN_AGAIN))),
    };
    let find = |digest: &Digest, what: &str| {
        let found = sent.attachments.iter().find(|bytes| Digest::of(bytes) == *digest);
        found.ok_or_else(|| malformed(format!("{what} {digest} is named but was not sent")))
    };
    let policy = find(&statement.policy, "policy")?;
    let configuration = find(&statement.configuration, "configuration")?;
    let windows = statement.windows.as_ref().map(|windows| find(windows, "windows")).transpose()?;
    let bytes = envelope.encode().map_err(malformed)?;
    let blobs: Vec<_> =
        [bytes, policy.clone(), configuration.clone()].into_iter().chain(windows.cloned()).collect();
    let kept =
        |command| Ok(Admitted { command, project: Some(statement.project.clone()), blobs: blobs.clone() });
    if let Err(error) = Configuration::decode(configuration) {
        return kept(refuse("configuration-unsound", &error, SIGN_AGAIN));
    }
    if let Some(Err(error)) = windows.map(|bytes| Windows::decode(bytes)) {
        return kept(refuse("windows-unsound", &error, SIGN_AGAIN));
    }
    let files = PolicyFiles::decode(policy).map_err(malformed)?;
    let compiled = policy::Bundle::new(files.files)
        .map_err(|error| error.to_string())
        .and_then(|bundle| policy::Gate::compile(&bundle).map_err(|error| error.to_string()));
    if let Err(error) = compiled {
        return kept(refuse("policy-unsound", &error, "mend it; `countersign policy check DIR` tells"));
    }
    let envelope = blobs.first().map_or(statement.policy, |bytes| Digest::of(bytes));
    let facts = gate::EnvironmentSet::of(&statement, envelope, known.root.version);
    kept(Command::SetEnvironment(gate::SetEnvironment { environment: facts, issued: statement.issued }))
}
