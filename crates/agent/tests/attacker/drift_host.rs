//! Drift of the host around a place: rules of a firewall, processes that somebody puts into the agent's control group, and a stranger
//! at the place's port. Each in namespaces and groups of the test's own.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use crate::drift::{ALERT, CORRECT, FREEZE};
use crate::stage::{Done, Stage, same, until};

/// The rules of the firewall, as the program reads them.
fn listed() -> io::Result<Vec<u8>> {
    let output = Command::new("nft").args(["list", "ruleset"]).output()?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("nft failed")) }
}

fn unreadable() -> io::Result<Vec<u8>> {
    Err(io::Error::other("nft: not permitted"))
}

fn nft(words: &str) -> Done {
    let done = Command::new("nft").args(words.split(' ')).status();
    if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err(format!("nft {words} failed")) }
}

impl Stage {
    /// Rules of a firewall, in a network namespace of this test alone. Each agent reads them anew.
    pub fn a_firewall(&self) -> Done {
        nft("add table inet place")?;
        nft("add chain inet place in { type filter hook input priority 0 ; }")?;
        nft("add rule inet place in tcp dport 22 counter accept")?;
        // The finding has the digest of the host, so that people can declare it.
        let unknown = format!("sha256:{}", "0".repeat(64));
        self.firewall(ALERT, &unknown, listed, "firewall rules alerted")?;
        let found = self.last()?.findings.first().map(|one| one.found.clone()).unwrap_or_default();
        self.forget();
        self.firewall(CORRECT, &found, listed, "")?;
        same(&self.measured()?.to_string(), "true")?;
        self.forget();
        // Nothing of a firewall is changed by an agent, whatever the rule.
        nft("add rule inet place in tcp dport 23 counter accept")?;
        for (rules, done) in [(CORRECT, "alerted"), (FREEZE, "frozen")] {
            self.firewall(rules, &found, listed, &format!("firewall rules {done}"))?;
            same(&self.measured()?.to_string(), "false")?;
            self.forget();
        }
        let rules = String::from_utf8_lossy(&listed().map_err(|error| error.to_string())?).into_owned();
        same(&rules.contains("dport 23").to_string(), "true")?;
        self.firewall(ALERT, &found, unreadable, "firewall rules alerted")?;
        let said = self.last()?.findings.first().map(|one| one.found.clone()).unwrap_or_default();
        same(&said, "not measured: the firewall cannot be read: nft: not permitted")?;
        self.none_lives()
    }

    /// What an agent finds whose baseline has this digest of the firewall.
    fn firewall(
        &self,
        rules: &str,
        declared: &str,
        read: fn() -> io::Result<Vec<u8>>,
        expected: &str,
    ) -> Done {
        let baseline = format!("firewall: {declared}");
        let mut agent = self.begun(rules, Some(&baseline), None)?.reading_firewall(Some(read));
        let done = self.looked(&mut agent, expected);
        agent.stop();
        done
    }

    /// Processes that somebody puts into the control group that the service manager made for the agent.
    pub fn a_group(&self) -> Done {
        let text = |error: io::Error| error.to_string();
        let own = fs::read_to_string("/proc/self/cgroup").map_err(text)?;
        if !own.lines().any(|line| line.starts_with("0::") && line.ends_with(".service")) {
            return Err(format!("this needs a separate control group: {own}"));
        }
        let mut agent = self.watched(CORRECT, None, None)?;
        self.stranger()?;
        self.looked(&mut agent, "process sleep corrected")?;
        until("the stranger lives on", || self.strangers().is_empty())?;
        self.looked(&mut agent, "")?;
        agent.stop();
        self.forget();
        let mut agent = self.watched(FREEZE, None, None)?;
        self.stranger()?;
        self.looked(&mut agent, "process sleep frozen")?;
        let seen = self.last()?;
        let said = seen.findings.first().map(|one| one.found.clone()).unwrap_or_default();
        same(&said.starts_with("in control group /").to_string(), "true")?;
        same(&self.strangers().len().to_string(), "1")?;
        // One that leaves the group is not the service's any more.
        let out = std::env::var("ATTACK_OTHER_GROUP").map_err(|error| error.to_string())?;
        for pid in self.strangers() {
            fs::write(&out, pid.to_string()).map_err(text)?;
        }
        self.looked(&mut agent, "")?;
        agent.stop();
        self.end_strangers()?;
        self.none_lives()
    }

    /// A stranger at the place's port, on another address of this host. It is told, and never ended.
    pub fn a_listener(&self) -> Done {
        let mut agent = self.watched(CORRECT, None, None)?;
        let listen = format!(
            "use IO::Socket::INET; my $at = IO::Socket::INET->new(LocalAddr => '127.0.0.2', LocalPort => {}, Listen => 1) or die; sleep",
            self.port
        );
        let mut command = Command::new("perl");
        command.args(["-e", &listen, &self.token]);
        self.apart(command)?;
        let address = format!("127.0.0.2:{}", self.port);
        until("nothing listens", || std::net::TcpStream::connect(&address).is_ok())?;
        self.looked(&mut agent, &format!("listener {address} alerted"))?;
        let seen = self.last()?;
        let said = seen.findings.first().map(|one| one.found.clone()).unwrap_or_default();
        same(&said.contains("perl").to_string(), "true")?;
        same(&self.strangers().len().to_string(), "1")?;
        self.end_strangers()?;
        until("something listens on", || std::net::TcpStream::connect(&address).is_err())?;
        self.looked(&mut agent, "")?;
        agent.stop();
        self.none_lives()
    }

    /// Starts a process that does not descend from the agent, though it is in its group.
    fn stranger(&self) -> Done {
        let mut sleep = Command::new("sleep");
        sleep.arg(&self.token);
        self.apart(sleep)?;
        until("no stranger began", || !self.strangers().is_empty())
    }

    /// Starts a command whose parent ends at once, so that it is nobody's.
    fn apart(&self, command: Command) -> Done {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "setsid \"$0\" \"$@\" & exit 0"])
            .arg(command.get_program())
            .args(command.get_args());
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let done = shell.status().map_err(|error| error.to_string())?;
        if done.success() { Ok(()) } else { Err("the shell failed".into()) }
    }

    /// Those processes, by what they run.
    fn strangers(&self) -> Vec<u32> {
        let first = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let word = line.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
            word == b"sleep" || word == b"perl"
        };
        self.living().into_iter().filter(first).collect()
    }

    fn end_strangers(&self) -> Done {
        for pid in self.strangers() {
            let done = Command::new("kill").args(["-9", &pid.to_string()]).status();
            done.map_err(|error| error.to_string())?;
        }
        until("a stranger lives on", || self.strangers().is_empty())
    }
}
