//! A real PostgreSQL server for the demo, which it starts where the host has one.
//!
//! Invariant: the server runs as a user that is not root, listens at a Unix socket alone, and asks everybody for a password. It ends
//! with the demo, and its directory is removed. Omits: data that stays.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use client::files::private_dir;
use client::random;

use super::held::Held;
use super::repository::broke;
use super::stage::which;
use crate::failure::Failure;

/// A running server.
#[derive(Debug)]
pub struct Database {
    /// Its directory, in which its socket is.
    pub dir: PathBuf,
    /// Directory of its programs.
    pub programs: PathBuf,
    /// Password of the user that makes roles.
    pub password: String,
    _server: Held,
}

impl Database {
    /// Starts a server.
    ///
    /// # Errors
    /// `Failure` if it does not start although its programs are there.
    pub fn start(line: &str) -> Result<Result<Self, &'static str>, Failure> {
        let Some(programs) = programs() else {
            return Ok(Err("PostgreSQL is missing (initdb, postgres and psql): apt-get install postgresql"));
        };
        if which("setpriv").is_err() {
            return Ok(Err("setpriv is missing: apt-get install util-linux"));
        }
        let dir = std::env::temp_dir().join(format!("cs-{}", random::id()?));
        if dir.join(SOCKET).as_os_str().len() > SOCKET_BYTES_MAX {
            return Ok(Err("the path of the temporary directory is too long for a socket"));
        }
        if is_root() && !is_open(&dir) {
            return Ok(Err(
                "only root can enter the temporary directory, and PostgreSQL does not run as root",
            ));
        }
        private_dir(&dir)?;
        let started = Self::start_in(&dir, programs, line);
        if started.is_err() {
            drop(fs::remove_dir_all(&dir));
        }
        started.map(Ok)
    }

    fn start_in(dir: &Path, programs: PathBuf, line: &str) -> Result<Self, Failure> {
        let (password, superuser) = (random::id()?.to_string(), random::id()?.to_string());
        let word = dir.join("password");
        fs::write(&word, &superuser)?;
        fs::set_permissions(&word, fs::Permissions::from_mode(0o600))?;
        if is_root() {
            for path in [dir, &word] {
                chown(path, Some(NOBODY), Some(NOBODY))?;
            }
        }
        let data = dir.join("data");
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "-U", SUPERUSER]);
        let made = initdb.arg("--pwfile").arg(&word).arg("-D").arg(&data).stdin(Stdio::null()).output();
        worked(&made?, "initdb", line)?;
        fs::remove_file(&word)?;
        let server = unprivileged(&programs.join("postgres"));
        let mut words: Vec<_> = [server.get_program()].into_iter().chain(server.get_args()).collect();
        words.extend(["-D".as_ref(), data.as_os_str(), "-k".as_ref(), dir.as_os_str()]);
        for setting in ["listen_addresses=", "fsync=off", "max_connections=20", "shared_buffers=16MB"] {
            words.extend(["-c".as_ref(), OsStr::new(setting)]);
        }
        // A fast shutdown (pg_ctl(1)).
        let server = Held::start(&words, "INT", dir)?;
        let database = Self { dir: dir.to_path_buf(), programs, password, _server: server };
        let roles = format!(
            "CREATE ROLE {OWNER} NOLOGIN; CREATE SCHEMA bank AUTHORIZATION {OWNER}; \
             CREATE ROLE {MINTER} LOGIN CREATEROLE; GRANT {OWNER} TO {MINTER} WITH ADMIN OPTION; \
             GRANT USAGE ON SCHEMA bank TO {MINTER}; ALTER ROLE {MINTER} PASSWORD '{}';",
            database.password
        );
        for _ in 0..LOOKS_MAX {
            if database.psql(SUPERUSER, &superuser, "SELECT 1")?.status.success() {
                worked(&database.psql(SUPERUSER, &superuser, &roles)?, "psql", line)?;
                return Ok(database);
            }
            std::thread::sleep(PAUSE);
        }
        Err(broke(line, "PostgreSQL does not answer"))
    }

    /// The answer to a query of the user that makes roles, one row a line.
    pub fn ask(&self, query: &str, line: &str) -> Result<String, Failure> {
        let output = self.psql(MINTER, &self.password, query)?;
        worked(&output, "psql", line)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn psql(&self, user: &str, password: &str, statements: &str) -> Result<Output, Failure> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-w",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            "postgres",
            "-U",
            user,
            "-h",
        ]);
        psql.arg(&self.dir).env_clear().env("PGPASSWORD", password).current_dir("/");
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that cannot connect has ended already, and says why.
            drop(stdin.write_all(statements.as_bytes()));
        }
        Ok(child.wait_with_output()?)
    }
}

/// The directory of the server's programs, which Debian keeps out of the path; the newest one counts.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let numbered = versions.filter_map(|version| {
        Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path().join("bin")))
    });
    let mut found: Vec<_> = numbered.collect();
    found.sort_unstable();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = found.into_iter().rev().map(|(_, dir)| dir).chain(std::env::split_paths(&path));
    dirs.into_iter().find(|dir| ["initdb", "postgres", "psql"].iter().all(|name| dir.join(name).is_file()))
}

/// Whether every user can enter the directories above a path.
fn is_open(path: &Path) -> bool {
    let mode = |dir: &Path| fs::metadata(dir).map(|found| found.permissions().mode()).unwrap_or_default();
    path.ancestors().skip(1).all(|dir| mode(dir) & 0o001 != 0)
}

/// PostgreSQL refuses root. It ends (`SIGINT`, a fast shutdown) with the process that started it.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program).current_dir("/");
    command
}

fn worked(output: &Output, name: &str, line: &str) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    Err(broke(line, &format!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The role that owns the tables.
pub const OWNER: &str = "bank_owner";
/// The user that may make roles.
pub const MINTER: &str = "minter";
const SUPERUSER: &str = "postgres";
/// A user of every Linux system.
const NOBODY: u32 = 65_534;
/// Name of the socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";
/// Longest path of a socket (unix(7)).
const SOCKET_BYTES_MAX: usize = 107;
/// Most looks whether the server answers, and the pause between two.
const LOOKS_MAX: u32 = 400;
const PAUSE: Duration = Duration::from_millis(50);
