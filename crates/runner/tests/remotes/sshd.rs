//! OpenSSH's server in front of a repository, as hosts of repositories run it: a host key of its own, and for each visitor's key
//! one command. It is the system's, or that of `cargo x setup`, and it runs as the user of whoever starts it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Runs a program as the server's user on the server's host.
pub type Programs<'a> = &'a dyn Fn(&str) -> Command;

/// A server, which ends with it.
pub struct Sshd {
    child: Child,
    /// `USER@HOST:PORT`.
    pub place: String,
    /// The line of a file of known hosts that names its key.
    pub known_host: String,
    dir: PathBuf,
    log: Receiver<String>,
}

impl Sshd {
    /// A server below a directory of its user.
    pub fn start(dir: &Path, host: &str, port: impl Fn() -> u16, programs: Programs<'_>) -> Self {
        let said = |program: &str, argument: &str| {
            let output = programs(program).arg(argument).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (user, id) = (said("id", "-un"), said("id", "-u"));
        let key = dir.join("host-key");
        let mut make = programs("ssh-keygen");
        make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key);
        assert!(make.status().unwrap().success());
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        std::fs::write(dir.join("visitors"), "").unwrap();
        let tree = installed(dir);
        loop {
            let port = port();
            std::fs::write(dir.join("sshd-config"), settings(dir, &tree, host, port)).unwrap();
            let mut child = begun(dir, &tree, (&user, &id), programs);
            let (line, log) = channel();
            let words = BufReader::new(child.stderr.take().unwrap());
            std::thread::spawn(move || {
                words.lines().map_while(Result::ok).for_each(|said| drop(line.send(said)));
            });
            let said: Vec<_> = log.iter().take_while(|said| !said.contains("Server listening")).collect();
            if said.iter().any(|said| said.contains("Address already in use")) {
                // Somebody else took the port meanwhile.
                drop(child.wait());
                continue;
            }
            assert!(child.try_wait().unwrap().is_none(), "{said:?}");
            let known_host = format!("[{host}]:{port} {}", public.trim());
            let place = format!("{user}@{host}:{port}");
            return Self { child, place, known_host, dir: dir.to_path_buf(), log };
        }
    }

    /// The visitor with this key may run one command and nothing else, whatever it asks for.
    pub fn admit(&self, public: &Path, command: &str) {
        let key = std::fs::read_to_string(public).unwrap();
        let mut file = std::fs::File::options().append(true).open(self.dir.join("visitors")).unwrap();
        writeln!(file, "restrict,command=\"{command}\" {}", key.trim()).unwrap();
    }

    /// Nobody is admitted any more.
    pub fn admit_nobody(&self) {
        std::fs::write(self.dir.join("visitors"), "").unwrap();
    }

    /// Number of visits since it was asked last: visitors that proved their key.
    pub fn visits(&self) -> usize {
        self.log.try_iter().filter(|line| line.starts_with("Accepted publickey")).count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The tree of the program: the system's, or a copy below a directory, because the server's user need not see ours.
fn installed(dir: &Path) -> PathBuf {
    let system = PathBuf::from("/");
    if system.join("usr/sbin/sshd").exists() {
        return system;
    }
    let this = std::env::current_exe().unwrap();
    let own = this.ancestors().nth(3).unwrap().join("openssh-server");
    assert!(own.join("usr/sbin/sshd").exists(), "sshd is not there: `cargo x setup`");
    let copy = dir.join("openssh-server");
    // Another process copies it: a process that has a program open for writing cannot start it.
    assert!(Command::new("cp").arg("-r").args([&own, &copy]).status().unwrap().success());
    copy
}

fn settings(dir: &Path, tree: &Path, host: &str, port: u16) -> String {
    let at = dir.display();
    // It asks for passwords too, as many hosts do.
    let mut settings = format!(
        "ListenAddress {host}:{port}\nHostKey {at}/host-key\nAuthorizedKeysFile {at}/visitors\nPidFile none\nUsePAM no\n\
         StrictModes no\nPermitRootLogin yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\n\
         AcceptEnv GIT_PROTOCOL\n\
         SetEnv GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*\n"
    );
    // Newer versions start other programs, by their absolute paths.
    for (name, file) in [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")] {
        let file = tree.join("usr/lib/openssh").join(file);
        if file.exists() {
            settings.push_str(&format!("{name} {}\n", file.display()));
        }
    }
    settings
}

fn begun(dir: &Path, tree: &Path, (user, id): (&str, &str), programs: Programs<'_>) -> Child {
    let sshd = tree.join("usr/sbin/sshd");
    let mut command = if id == "0" {
        // Root's server wants a user and a directory that not every system has; nobody else sees these.
        let users = format!("{user}:x:0:0::/:/bin/sh\nsshd:x:65533:65533::/:/bin/false\n");
        std::fs::write(dir.join("passwd"), users).unwrap();
        let mut command = programs("unshare");
        command.args(["--mount", "sh", "-c", PREPARED, "sh"]).arg(dir.join("passwd")).arg(sshd);
        command
    } else {
        programs(sshd.to_str().unwrap())
    };
    command
        .env("LD_LIBRARY_PATH", tree.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)));
    command.args(["-D", "-e", "-f"]).arg(dir.join("sshd-config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

const PREPARED: &str =
    "mount --bind \"$1\" /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd && shift && exec \"$@\"";
