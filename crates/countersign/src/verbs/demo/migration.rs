//! A migration before a release: its agent has a role made in a PostgreSQL database for it, and the role is gone afterwards.

use std::fs;

use serde_json::Value;
use shown::shell;

use super::database::{Database, MINTER, OWNER};
use super::repository::broke;
use super::stage::{PROJECT, SERVICE, Stage};
use super::values::put;
use crate::failure::Failure;

/// The line of the story.
const LINE: &str = "a migration with a role that is made for it";
/// Path of the release file.
const RELEASE: &str = ".countersign/release.yaml";

/// A change that brings a migration, and what the files were before it.
#[derive(Debug)]
pub struct Migration {
    database: Result<Database, &'static str>,
    release: String,
}

impl Migration {
    /// Starts the database, and writes the step into the release file. Nothing is committed yet.
    pub fn prepare(stage: &Stage) -> Result<Self, Failure> {
        let database = Database::start(LINE)?;
        let release = fs::read_to_string(stage.repository_dir().join(RELEASE))?;
        if let Ok(database) = &database {
            let place = dev();
            let value = format!("{MINTER}:{}", database.password);
            put(
                stage,
                &["--place", &place, "--reason", "migrations need it", "--yes", MINTER],
                &value,
                LINE,
            )?;
            let grant =
                ["secret", "grant", MINTER, "--to-service", &place, "--reason", "it migrates", "--yes"];
            stage.expect("alice", &grant, 0, LINE)?;
            let at = serde_json::to_string(&database.dir).unwrap_or_default();
            let declared = format!("{release}{BEFORE}").replace("SOCKET", &at);
            stage.write(RELEASE, &declared)?;
            let path = format!("PATH=\"$PATH:\"{}", shell::path(&database.programs));
            stage.write("migrate.sh", &MIGRATE.replace("PATH=", &path))?;
        }
        Ok(Self { database, release })
    }

    /// The pipeline with the step that the artifact gets the migration from.
    pub fn pipeline(&self, honest: &str) -> String {
        match self.database {
            Ok(_) => format!("{}{FILE}", honest.replace("steps:\n", STEP)),
            Err(_) => honest.to_owned(),
        }
    }

    /// Checks that the migration ran as its own role, and that the role is gone; says so, and takes the step out of the files.
    pub fn told(self, stage: &mut Stage) -> Result<(), Failure> {
        let database = match &self.database {
            Ok(database) => database,
            Err(why) => {
                stage.skip(format!("{LINE}: {why}"));
                return Ok(());
            }
        };
        let ran = database.ask("SELECT role || ' ' || owner FROM bank.migrations", LINE)?;
        let Some((role, owner)) = ran.split_once(' ').filter(|(role, _)| role.starts_with("cs_")) else {
            return Err(broke(LINE, &format!("it ran as `{ran}`")));
        };
        let left = database.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'", LINE)?;
        let tables = database.ask("SELECT tableowner FROM pg_tables WHERE tablename = 'migrations'", LINE)?;
        if !left.is_empty() || owner != OWNER || tables != OWNER {
            let what =
                format!("roles `{left}` are left, it acted as `{owner}`, its table belongs to `{tables}`");
            return Err(broke(LINE, &what));
        }
        let journal: Value = serde_json::from_slice(&fs::read(stage.agent_dir("dev")?.join("leases.json"))?)?;
        if journal.get("leases").and_then(Value::as_array).is_none_or(|leases| !leases.is_empty()) {
            return Err(broke(LINE, &format!("the agent's journal says {journal}")));
        }
        stage.write(RELEASE, &self.release)?;
        fs::remove_file(stage.repository_dir().join("migrate.sh"))?;
        stage.tell(format!(
            "a migration before the release to dev has the PostgreSQL role {role}, made for it and gone afterwards; its table belongs to {OWNER}"
        ));
        Ok(())
    }
}

/// The place whose releases have the step.
fn dev() -> String {
    format!("{PROJECT}/{SERVICE}/dev")
}

/// The step that makes the program, and the beginning of the steps that follow.
const STEP: &str = "steps:
  migration:
    run: mkdir bin && install -m 755 migrate.sh bin/migrate
    outputs: [bin/migrate]
";
/// The program in the artifact.
const FILE: &str = "      bin/migrate: { step: migration, path: bin/migrate }\n";
/// The program. It says as whom it acts.
const MIGRATE: &str = "#!/bin/sh
PATH=
exec psql -X -q -v ON_ERROR_STOP=1 -c \"CREATE TABLE bank.migrations AS SELECT session_user::text AS role, current_user::text AS owner\" \\
  -c \"GRANT SELECT ON bank.migrations TO minter\"
";
/// The rest of the service in the release file.
const BEFORE: &str = "    databases:
      main: { credential: minter, owner: bank_owner, host: SOCKET, database: postgres }
    before:
      - { name: migrate, command: [bin/migrate], environments: [dev], database: main }
";
