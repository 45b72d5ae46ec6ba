//! A real PostgreSQL server for one test, in a private directory, as a user that is not root.
//!
//! Invariant: it ends with the process that started it. Where its programs are missing, `start` says so and gives
//! nothing, and the test ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

/// A running server.
pub struct Postgres {
    child: Child,
    dir: TempDir,
    programs: PathBuf,
    port: u16,
    log: Arc<Mutex<String>>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Postgres {
    /// A server with a superuser `postgres`, who needs no password at its socket; over TCP everybody needs one.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: no program `initdb` of PostgreSQL on this machine");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        if is_root() {
            std::os::unix::fs::chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args([
            "--no-sync",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "-D",
        ]);
        let made = initdb.arg(&data).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = unprivileged(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(dir.path()).args(["-p", &port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "log_statement=all"] {
            server.args(["-c", setting]);
        }
        let mut child =
            server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        for line in lines.by_ref() {
            let line = line.unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            if line.contains("database system is ready to accept connections") {
                break;
            }
        }
        let rest = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                rest.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let server = Self { child, dir, programs, port, log };
        server.sql("SELECT 1");
        Some(server)
    }

    /// Turns TLS on, with this certificate and key.
    pub fn protect(&self, certificate: &str, key: &str) {
        let data = self.dir.path().join("data");
        std::fs::write(data.join("server.crt"), certificate).unwrap();
        std::fs::write(data.join("server.key"), key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(data.join("server.key"), mode).unwrap();
        // The file needs the owner of the data directory.
        let owner = std::fs::metadata(&data).unwrap();
        let uid = std::os::unix::fs::MetadataExt::uid(&owner);
        std::os::unix::fs::chown(data.join("server.key"), Some(uid), Some(uid)).unwrap();
        self.sql("ALTER SYSTEM SET ssl = on");
        self.sql("SELECT pg_reload_conf()");
        // The reload is a signal; a session that begins after it has been carried out shows it.
        while self.sql("SHOW ssl") != "on" {}
    }

    /// Directory of its socket.
    pub fn socket(&self) -> &Path {
        self.dir.path()
    }

    /// Its port, at 127.0.0.1 and at the socket.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What its log says so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Runs statements as the superuser; answers with the rows.
    pub fn sql(&self, statements: &str) -> String {
        let (worked, said) = self.psql("postgres", "", self.dir.path().to_str().unwrap(), statements);
        assert!(worked, "{statements}: {said}");
        said
    }

    /// Runs statements as the superuser in another database.
    pub fn sql_in(&self, database: &str, statements: &str) {
        let mut psql = self.psql_command("postgres", "", self.dir.path().to_str().unwrap());
        assert!(psql.args(["-d", database, "-c", statements]).status().unwrap().success(), "{statements}");
    }

    /// Runs statements as anybody over TCP; answers with whether it worked, and what was said.
    pub fn as_user(&self, user: &str, password: &str, statements: &str) -> (bool, String) {
        self.psql(user, password, "127.0.0.1", statements)
    }

    fn psql(&self, user: &str, password: &str, host: &str, statements: &str) -> (bool, String) {
        let mut psql = self.psql_command(user, password, host);
        let done = psql.args(["-c", statements]).stdin(Stdio::null()).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).trim_end().to_owned())
    }

    /// The client program, connected.
    pub fn psql_command(&self, user: &str, password: &str, host: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-w",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            host,
            "-U",
            user,
            "-d",
            "postgres",
        ]);
        psql.args(["-p", &self.port.to_string()]).env("PGPASSWORD", password);
        psql
    }
}

/// The directory of the server's programs, which Debian keeps out of the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    found.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    found.into_iter().find(|dir| ["initdb", "postgres", "psql"].iter().all(|name| dir.join(name).exists()))
}

/// PostgreSQL refuses root. The server also gets a signal when this process ends, however it ends.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user of every Debian system.
const NOBODY: u32 = 65_534;
