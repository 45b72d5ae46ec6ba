//! The specification that a sandbox runs, derived from a step of the pipeline and this machine.
//!
//! Invariant: variables come from the machine first, then from the file, so that the file has priority; only
//! `COUNTERSIGN_*` is reserved, and a file cannot set it. The operator's limits apply if the step names none. A step in an
//! image sees no file of the host's toolchain. A step that holds secrets reaches only what their grants name, too, and so does
//! a step that gets outputs of one.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::check::{ENVIRONMENT_VARIABLE, RELEASE_VARIABLE, URL_VARIABLE};
use evidence::pipeline::{DATABASE_FILE, Run, Step, StepDatabase, StepSecret};
use evidence::release_check::ReleaseCheck;
use evidence::statements::StoreSource;
use judge::Lent;
use sandbox::{CERTIFICATES, Destination, Secret, Spec};
use zeroize::Zeroizing;

use crate::ecosystem;
use crate::finished::StepLog;
use crate::holder::user_files;
use crate::host::{Host, Identity};
use crate::reach::{Bounded, bounded};
use crate::source::Source;
use crate::step_error::StepError;
use crate::step_image::StepImage;
use crate::toolchain::Toolchain;

/// The service that a check is about.
#[derive(Clone, Copy, Debug)]
pub struct CheckedService<'a> {
    /// The release that is checked.
    pub check: &'a ReleaseCheck,
    /// Loopback port of the service; `None` if it has none.
    pub port: Option<u16>,
}

/// The specification of a step, or of a check of a service.
///
/// # Errors
/// `StepError` if it asks for something that this machine does not allow.
pub fn specify(
    identity: &Identity<'_>,
    source: &Source,
    name: &Name,
    step: &Step,
    (service, image): (Option<CheckedService<'_>>, Option<&StepImage>),
    (host, log): (&Host<'_>, &StepLog<'_>),
) -> Result<Spec, StepError> {
    let run = step.run.as_ref().ok_or_else(|| StepError::NoStep(name.clone()))?;
    let (command, script) = match run {
        Run::Script(text) => {
            (["/bin/sh", "-eu", sandbox::SCRIPT].map(str::to_owned).to_vec(), Some(text.clone()))
        }
        Run::Program(words) => (words.clone(), None),
    };
    if !step.secrets_in(&identity.project).keys().eq(identity.lent.secrets.keys()) {
        return Err(StepError::NotLent(name.clone()));
    }
    let reach = identity.lent.reach.as_ref();
    let Bounded { within: network, beyond } = bounded(destinations(name, step, host.toolchain)?, reach);
    let Bounded { within: connect, beyond: beyond_direct } = bounded(direct(name, step)?, reach);
    for to in beyond.iter().chain(&beyond_direct) {
        log.say(&format!(
            "{to} is out of reach, because the grants of the secrets that the step holds, or that a step had whose outputs it gets, \
             do not all name it"
        ));
    }
    let machine = host.toolchain.environment();
    let mut environment = image.map_or_else(|| machine.clone(), |image| image.environment(machine));
    environment.insert("SOURCE_DATE_EPOCH".into(), source.time_seconds().to_string());
    if !network.is_empty() {
        environment.extend(proxy_environment());
    }
    environment.extend(step.env.clone());
    if let Some(database) = &step.database {
        let to: Destination = parsed(name, &database.destination())?;
        if !connect.contains(&to) {
            return Err(StepError::Unreached(name.clone(), to));
        }
        environment.remove("PGPASSWORD");
        environment.extend(database_environment(database, to));
    }
    environment.extend([
        ("COUNTERSIGN_COMMIT".to_owned(), source.id.to_string()),
        ("COUNTERSIGN_PROJECT".into(), identity.project.to_string()),
        ("COUNTERSIGN_STEP".into(), name.to_string()),
    ]);
    environment.extend(service.into_iter().flat_map(service_environment));
    let limits = host.isolation.caps().limits(&step.limits);
    let limits = limits.map_err(|error| StepError::Cap(name.clone(), error))?;
    Ok(Spec {
        command,
        own: false,
        script,
        environment,
        binds: if image.is_some() { Vec::new() } else { host.toolchain.binds().to_vec() },
        image: image.map(StepImage::root),
        network,
        connect,
        certificates: step.database.as_ref().and_then(|database| database.authority.clone()),
        service: service.and_then(|service| service.port),
        secrets: step
            .secrets
            .iter()
            .flat_map(|asked| secrets(asked, &identity.lent))
            .chain(step.database.as_ref().map(|_| password()))
            .collect(),
        limits,
    })
}

/// The files of a secret of the step: one, or two of a user of a database. Their values come from the process that holds them.
fn secrets((file, asked): (&Name, &StepSecret), lent: &Lent) -> Vec<Secret> {
    let made = |name: String, variable| Secret { name, variable, bytes: Zeroizing::default() };
    let from = lent.secrets.get(file).and_then(|secret| lent.from.get(secret));
    if !from.is_some_and(StoreSource::is_database) {
        return vec![made(file.to_string(), asked.env.clone())];
    }
    let [username, password] = user_files(file);
    let variable = |part: &str| asked.env.as_ref().map(|name| format!("{name}_{part}"));
    vec![made(username, variable("USERNAME")), made(password, variable("PASSWORD"))]
}

/// The password of the step's role, which its holder has made.
fn password() -> Secret {
    Secret { name: DATABASE_FILE.into(), variable: Some("PGPASSWORD".into()), bytes: Zeroizing::default() }
}

/// Variables that name the database. The holder knows the user.
fn database_environment(database: &StepDatabase, to: Destination) -> Vec<(String, String)> {
    let always =
        [("PGHOST", to.host), ("PGPORT", to.port.to_string()), ("PGDATABASE", database.database.clone())];
    let protected = [("PGSSLMODE", "verify-full".into()), ("PGSSLROOTCERT", CERTIFICATES.to_owned())];
    let protected = protected.into_iter().filter(|_| database.authority.is_some());
    always.into_iter().chain(protected).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Variables that tell a check what it checks.
fn service_environment(CheckedService { check, port }: CheckedService<'_>) -> Vec<(String, String)> {
    let url = port.map(|port| (URL_VARIABLE.to_owned(), format!("http://127.0.0.1:{port}")));
    let always = [
        (ENVIRONMENT_VARIABLE.to_owned(), check.place.environment.to_string()),
        (RELEASE_VARIABLE.to_owned(), check.release.to_string()),
    ];
    always.into_iter().chain(url).collect()
}

/// Destinations to which connections are forwarded.
fn direct(name: &Name, step: &Step) -> Result<Vec<Destination>, StepError> {
    step.connects_to().iter().map(|text| parsed(name, text)).collect()
}

fn parsed(name: &Name, text: &str) -> Result<Destination, StepError> {
    text.parse()
        .map_err(|error: sandbox::DestinationError| StepError::Network(name.clone(), error.to_string()))
}

/// Destinations in the pipeline's notation: hosts, or ecosystems, which stand for the hosts of their own clients.
fn destinations(name: &Name, step: &Step, toolchain: &Toolchain) -> Result<Vec<Destination>, StepError> {
    let mut destinations = Vec::new();
    for text in &step.network {
        let wrong = |what: String| StepError::Network(name.clone(), what);
        let hosts = match ecosystem::hosts(text, toolchain) {
            Some(hosts) => hosts.map_err(|error| wrong(error.to_string()))?.into_iter().collect(),
            None => vec![text.clone()],
        };
        for host in hosts {
            let full = if host.contains(':') { host.clone() } else { format!("{host}:443") };
            let known = host.contains(['.', ':']);
            let remedy = || {
                let known = ecosystem::NAMES.join(", ");
                wrong(format!(
                    "`{host}` is not a host; write `host` (port 443), `host:port` or an ecosystem: {known}"
                ))
            };
            destinations.push(full.parse().ok().filter(|_| known).ok_or_else(remedy)?);
        }
    }
    Ok(destinations)
}

/// Variables that name the proxy to package managers and other clients, and exclude the sandbox's own loopback from it.
fn proxy_environment() -> BTreeMap<String, String> {
    let url = format!("http://127.0.0.1:{}", sandbox::PROXY_PORT);
    let own = format!("localhost,127.0.0.1,::1,{}", sandbox::HOST_NAME);
    let through = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "CARGO_HTTP_PROXY",
        "NPM_CONFIG_HTTPS_PROXY",
    ];
    let past = ["NO_PROXY", "no_proxy", "NPM_CONFIG_NOPROXY"];
    let through = through.map(|name| (name.to_owned(), url.clone()));
    let past = past.map(|name| (name.to_owned(), own.clone()));
    through.into_iter().chain(past).collect()
}
