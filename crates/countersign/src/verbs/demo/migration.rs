//! A step before a release: its agent has a role made in a PostgreSQL database for it, which is gone afterwards, and a key with an SSH
//! certificate, which ends with its time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use client::leaks::LeakSearch;
use serde_json::Value;
use shown::shell;

use super::database::{Database, MINTER, OWNER};
use super::repository::broke;
use super::stage::{PROJECT, SERVICE, Stage};
use super::values::put;
use crate::failure::Failure;

/// The line of the story about the database.
const LINE: &str = "a migration with a role that is made for it";
/// The line about the certificate.
const SSH_LINE: &str = "an SSH certificate for a step";
/// Path of the release file.
const RELEASE: &str = ".countersign/release.yaml";

/// A change that brings a step before the release, and what the files were before it.
#[derive(Debug)]
pub struct Migration {
    database: Result<Database, &'static str>,
    authority: Authority,
    release: String,
}

/// The key that certifies, as it was before it was put.
#[derive(Debug)]
struct Authority {
    fingerprint: String,
    /// The line of its file that has the private part, which nothing may show.
    line: String,
}

impl Migration {
    /// Starts the database, makes the authority, and writes the step into the release file. Nothing is committed yet.
    pub fn prepare(stage: &Stage) -> Result<Self, Failure> {
        let database = Database::start(LINE)?;
        let release = fs::read_to_string(stage.repository_dir().join(RELEASE))?;
        let authority = authority(stage)?;
        let mut declared = release.clone();
        let mut program = CERTIFY.to_owned();
        let mut role = "";
        if let Ok(database) = &database {
            lend(stage, MINTER, &format!("{MINTER}:{}", database.password), LINE)?;
            let at = serde_json::to_string(&database.dir).unwrap_or_default();
            declared.push_str(&DATABASES.replace("SOCKET", &at));
            let path = format!("PATH=\"$PATH:\"{}", shell::path(&database.programs));
            program.push_str(&MIGRATE.replace("PATH=", &path));
            role = "        database: main\n";
        }
        declared.push_str(BEFORE);
        declared.push_str(role);
        stage.write(RELEASE, &declared)?;
        stage.write("migrate.sh", &program)?;
        Ok(Self { database, authority, release })
    }

    /// The pipeline with the step that the artifact gets the program from.
    pub fn pipeline(honest: &str) -> String {
        format!("{}{FILE}", honest.replace("steps:\n", STEP))
    }

    /// Checks what the step had, and that it is gone; says so, and takes the step out of the files.
    pub fn told(self, stage: &mut Stage) -> Result<(), Failure> {
        match &self.database {
            Ok(database) => migrated(stage, database)?,
            Err(why) => stage.skip(format!("{LINE}: {why}")),
        }
        self.authority.certified(stage)?;
        stage.write(RELEASE, &self.release)?;
        Ok(fs::remove_file(stage.repository_dir().join("migrate.sh"))?)
    }
}

/// Alice puts a secret of the place, and lets the service have it.
fn lend(stage: &Stage, name: &str, value: &str, line: &str) -> Result<(), Failure> {
    let place = dev();
    put(stage, &["--place", &place, "--reason", "its steps need it", "--yes", name], value, line)?;
    let grant = ["secret", "grant", name, "--to-service", &place, "--reason", "its steps need it", "--yes"];
    stage.expect("alice", &grant, 0, line).map(drop)
}

/// The migration ran as a role that nobody has any more.
fn migrated(stage: &mut Stage, database: &Database) -> Result<(), Failure> {
    let ran = database.ask("SELECT role || ' ' || owner FROM bank.migrations", LINE)?;
    let Some((role, owner)) = ran.split_once(' ').filter(|(role, _)| role.starts_with("cs_")) else {
        return Err(broke(LINE, &format!("it ran as `{ran}`")));
    };
    let left = database.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'", LINE)?;
    let tables = database.ask("SELECT tableowner FROM pg_tables WHERE tablename = 'migrations'", LINE)?;
    if !left.is_empty() || owner != OWNER || tables != OWNER {
        let what = format!("roles `{left}` are left, it acted as `{owner}`, its table belongs to `{tables}`");
        return Err(broke(LINE, &what));
    }
    let journal: Value = serde_json::from_slice(&fs::read(stage.agent_dir("dev")?.join("leases.json"))?)?;
    if journal.get("leases").and_then(Value::as_array).is_none_or(|leases| !leases.is_empty()) {
        return Err(broke(LINE, &format!("the agent's journal says {journal}")));
    }
    stage.tell(format!(
        "a migration before the release to dev has the PostgreSQL role {role}, made for it and gone afterwards; its table belongs to {OWNER}"
    ));
    Ok(())
}

/// Makes the key that certifies and puts it at the place. No file with it remains.
fn authority(stage: &Stage) -> Result<Authority, Failure> {
    let file = stage.aside("authority");
    let public = file.with_extension("pub");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file).stdin(Stdio::null());
    if !make.status()?.success() {
        return Err(broke(SSH_LINE, "`ssh-keygen` makes no key"));
    }
    let text = fs::read_to_string(&file)?;
    let fingerprint = said(&["-l", "-f"], &public)?;
    let fingerprint = fingerprint.split_whitespace().find(|word| word.starts_with("SHA256:"));
    let fingerprint = fingerprint.unwrap_or_default().to_owned();
    fs::remove_file(&file)?;
    fs::remove_file(&public)?;
    lend(stage, AUTHORITY, &text, SSH_LINE)?;
    let line = text.lines().nth(4).unwrap_or_default().to_owned();
    Ok(Authority { fingerprint, line })
}

impl Authority {
    /// OpenSSH's own program read the certificate in the step, and no file has the key that certified.
    fn certified(&self, stage: &mut Stage) -> Result<(), Failure> {
        let agent = stage.agent_dir("dev")?;
        let certificate = fs::read_to_string(agent.join("state/certificate"))?;
        let signed = format!("Signing CA: ED25519 {} ", self.fingerprint);
        let parts = ["user certificate", &signed, " deploy\n", "Extensions: (none)"];
        if let Some(part) = parts.iter().find(|part| !certificate.contains(**part)) {
            return Err(broke(SSH_LINE, &format!("`{part}` is not in {certificate}")));
        }
        let valid = certificate.lines().find_map(|line| line.trim().strip_prefix("Valid: from "));
        let until = valid.and_then(|valid| valid.split_once(" to ")).map(|(_, until)| until.to_owned());
        let until = until.ok_or_else(|| broke(SSH_LINE, "the certificate has no end"))?;
        let mut search = LeakSearch::new(self.line.as_bytes())?;
        search.directory(&stage.data)?;
        search.directory(&agent)?;
        if !search.leaks.is_empty() {
            return Err(broke(SSH_LINE, &format!("the authority's key is at {:?}", search.leaks)));
        }
        stage.tell(format!(
            "the same step has an SSH certificate for the account deploy until {until}; the key that certified it is in no file of server and agent"
        ));
        Ok(())
    }
}

/// The answer of `ssh-keygen` about a file.
fn said(arguments: &[&str], file: &Path) -> Result<String, Failure> {
    let output = Command::new("ssh-keygen").args(arguments).arg(file).stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The place whose releases have the step.
fn dev() -> String {
    format!("{PROJECT}/{SERVICE}/dev")
}

/// The secret of the place that certifies.
const AUTHORITY: &str = "ssh-authority";
/// The step that makes the program, and the beginning of the steps that follow.
const STEP: &str = "steps:
  migration:
    run: mkdir bin && install -m 755 migrate.sh bin/migrate
    outputs: [bin/migrate]
";
/// The program in the artifact.
const FILE: &str = "      bin/migrate: { step: migration, path: bin/migrate }\n";
/// The beginning of the program: it looks at its certificate.
const CERTIFY: &str = "#!/bin/sh
set -eu
TZ=UTC ssh-keygen -L -f \"$COUNTERSIGN_SECRETS/server-cert.pub\" > \"$STATE_DIRECTORY/certificate\"
";
/// Its rest, where there is a database. It says as whom it acts.
const MIGRATE: &str = "PATH=
exec psql -X -q -v ON_ERROR_STOP=1 -c \"CREATE TABLE bank.migrations AS SELECT session_user::text AS role, current_user::text AS owner\" \\
  -c \"GRANT SELECT ON bank.migrations TO minter\"
";
/// The database of the service in the release file.
const DATABASES: &str = "    databases:
      main: { credential: minter, owner: bank_owner, host: SOCKET, database: postgres }
";
/// The step in the release file.
const BEFORE: &str = "    before:
      - name: migrate
        command: [bin/migrate]
        environments: [dev]
        ssh: { server: { authority: ssh-authority, principals: [deploy], minutes: 5 } }
";
