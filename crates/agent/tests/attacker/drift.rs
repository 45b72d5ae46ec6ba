//! Drift of a real place: somebody edits a file, replaces the binary, changes a variable, a limit and a setting of the kernel, and
//! starts a process where the service runs. Each is seen, named, and put back, only told, or frozen, as the rules say.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use agent::{Declared, Deployer, Interrupts, KnownRelease, Memory, Processes, ServiceLog};
use evidence::configuration::Configuration;
use evidence::drift::{Baseline, DriftRules};
use evidence::machine::MachineSigner;
use evidence::observations::{Body, DriftSeen, Observation};
use evidence::oci::{LayerEntry, LayerFile, LayerFiles, layer};
use evidence::plan::{Probe, ProbeTarget, Target};
use evidence::release_file::Listen;
use evidence::{Digest, Moment};
use serde_json::json;

use crate::stage::{Done, Stage, This, same, until};

pub const CORRECT: &str =
    "{ files: correct, variables: correct, processes: correct, limits: correct, settings: correct }";
pub const ALERT: &str = "{}";
pub const FREEZE: &str =
    "{ files: freeze, variables: freeze, processes: freeze, limits: freeze, settings: freeze }";
const SETTING: &str = "net.ipv4.ip_forward";

impl Stage {
    /// Drift by name.
    pub fn drift(&self, name: &str) -> Done {
        match name {
            "drift-corrected" => self.each_is_put_back(),
            "drift-alerted" => self.each_is_told(ALERT, "alerted"),
            "drift-frozen" => self.each_is_told(FREEZE, "frozen"),
            "drift-ended-while-away" => self.ended_while_away(),
            "drift-again-and-again" => self.again_and_again(),
            "drift-restarted-again" => self.restarted_again(),
            "drift-hidden" => self.hidden_behind_others(),
            "drift-without-layer" => self.without_layer(),
            "drift-setting" => self.a_setting(),
            "drift-firewall" => self.a_firewall(),
            "drift-group" => self.a_group(),
            "drift-listener" => self.a_listener(),
            "drift-instances" => self.one_of_two(),
            other => Err(format!("there is no drift `{other}`")),
        }
    }

    /// A place whose release has a binary and a file, under rules about drift, at which nothing has drifted.
    pub fn watched(
        &self,
        rules: &str,
        baseline: Option<&str>,
        instances: Option<u32>,
    ) -> Result<Deployer, String> {
        let mut agent = self.begun(rules, baseline, instances)?;
        self.looked(&mut agent, "")?;
        Ok(agent)
    }

    /// The same before the first look.
    pub fn begun(
        &self,
        rules: &str,
        baseline: Option<&str>,
        instances: Option<u32>,
    ) -> Result<Deployer, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let own = std::env::current_exe().and_then(fs::read).map_err(|error| text(&error))?;
        let file =
            |bytes: &[u8], executable| LayerEntry::File(LayerFile { bytes: bytes.to_vec(), executable });
        let files = LayerFiles::from([
            ("app".to_owned(), file(&own, true)),
            ("etc/settings".to_owned(), file(b"limit: 10\n", false)),
        ]);
        let bytes = layer(&files, 7).map_err(|error| text(&error))?;
        let (artifact, digest) = (Digest::of(b"watched"), Digest::of(&bytes));
        let dir = self.home.join("releases").join(artifact.hex());
        fs::create_dir_all(dir.join("etc")).map_err(|error| text(&error))?;
        fs::copy("/proc/self/exe", dir.join("app")).map_err(|error| text(&error))?;
        fs::write(dir.join("etc/settings"), "limit: 10\n").map_err(|error| text(&error))?;
        for (path, mode) in [("app", 0o555), ("etc/settings", 0o444), ("etc", 0o555), ("", 0o555)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(dir.join(path), mode).map_err(|error| text(&error))?;
        }
        fs::write(dir.with_extension("mtime"), "7").map_err(|error| text(&error))?;
        fs::write(dir.with_extension("layer"), &bytes).map_err(|error| text(&error))?;
        let mut plan = self.plan(Vec::new())?;
        let command = ["app", "serve", "re-executes", &self.token].map(str::to_owned).to_vec();
        // A network namespace of a test's own has no loopback.
        let port = baseline.is_none().then_some(self.port);
        plan.target = Target::Process { command, port, listen: Listen::Variable, stop_ms: 300 };
        plan.probe = match baseline {
            None => self.serving("answer", Listen::Variable)?.probe,
            Some(_) => Probe { ask: ProbeTarget::Command(vec!["app".into(), "pass".into()]), ..plan.probe },
        };
        plan.variables = [("MODE".to_owned(), "strict".to_owned())].into();
        plan.instances = instances;
        let known = KnownRelease {
            artifact,
            layer: digest,
            commit: plan.commit.clone(),
            plan,
            release: Some(7),
            evidence: None,
        };
        let memory: Memory = serde_json::from_value(json!({
            "v": 1, "installation": evidence::Id::from_random([1; 16]), "agent": "agent", "place": "shop/api/dev",
            "root_version": 1, "root": artifact, "rehearsal": false, "seen_root": 1, "seen_status": 1,
            "seen_statement": 1, "seen_release": 7, "checkpoint": "", "running": known, "before": null, "report": null,
        }))
        .map_err(|error| text(&error))?;
        let rules = DriftRules::parse(rules).map_err(|error| text(&error))?;
        let baseline = baseline.map(Baseline::parse).transpose().map_err(|error| text(&error))?;
        let configuration = Configuration { drift: Some(rules), baseline, ..Configuration::default() };
        let configuration = configuration.encode().map_err(|error| text(&error))?;
        if !Declared::default().take(&self.dir, 1, &configuration).map_err(|error| error.to_string())? {
            return Err("the rules are not taken".into());
        }
        self.started(memory)
    }

    /// An agent with this memory.
    fn started(&self, memory: Memory) -> Result<Deployer, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let log = ServiceLog::new(&self.dir.join("service.log"));
        let processes = Processes::new(&self.home, Box::new(This), log, Interrupts::default());
        let processes = processes.map_err(|error| text(&error))?.running_as(self.user);
        let signer = MachineSigner::from_seed([7; 32]).map_err(|error| text(&error))?;
        let agent = Deployer::with_releases_in(
            &self.home,
            self.dir.clone(),
            memory,
            signer,
            Box::new(processes),
            now,
        );
        let mut agent = agent.map_err(|error| text(&error))?;
        agent.resume();
        if let Some(down) = agent.condition().down {
            return Err(format!("it does not begin: {down}"));
        }
        Ok(agent)
    }

    fn release(&self) -> PathBuf {
        self.home.join("releases").join(Digest::of(b"watched").hex())
    }

    /// Does something in a directory of the release, as an editor with the rights for it would.
    fn edit(&self, dir: &str, edit: impl FnOnce(PathBuf) -> std::io::Result<()>) -> Done {
        let dir = self.release().join(dir);
        let open = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode));
        open(0o755)
            .and_then(|()| edit(dir.clone()))
            .and_then(|()| open(0o555))
            .map_err(|error| error.to_string())
    }

    fn edit_file(&self) -> Done {
        self.write_file("limit: 99\n")
    }

    fn write_file(&self, text: &str) -> Done {
        self.edit("etc", |dir| {
            fs::remove_file(dir.join("settings"))?;
            fs::write(dir.join("settings"), text)?;
            fs::set_permissions(dir.join("settings"), fs::Permissions::from_mode(0o444))
        })
    }

    fn replace_binary(&self) -> Done {
        self.edit("", |dir| {
            fs::remove_file(dir.join("app"))?;
            fs::copy("/bin/sleep", dir.join("app"))?;
            fs::set_permissions(dir.join("app"), fs::Permissions::from_mode(0o555))
        })
    }

    /// The process of the service, which takes other variables when it is told to.
    fn main(&self) -> Result<u32, String> {
        let living = self.living();
        living
            .iter()
            .copied()
            .find(|pid| words_of(*pid).iter().any(|word| word == "serve"))
            .ok_or_else(|| format!("the service does not run: {living:?}"))
    }

    /// Has the service start itself anew with another variable.
    fn change_variable(&self) -> Done {
        let main = self.main()?;
        let port =
            variable(main, "PORT").and_then(|port| port.parse::<u16>().ok()).ok_or("it has no port")?;
        let text = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(text)?;
        stream.write_all(b"GET /lax HTTP/1.1\r\nHost: x\r\n\r\n").map_err(text)?;
        until("the variables do not change", || variable(main, "MODE").as_deref() == Some("lax"))
    }

    fn change_limit(&self) -> Done {
        let done =
            Command::new("prlimit").args(["--nofile=55:66", "--pid", &self.main()?.to_string()]).status();
        if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err("prlimit failed".into()) }
    }

    /// A process that somebody starts inside the namespace of the service.
    fn enter(&self) -> Result<Child, String> {
        let inside = self.main()?.to_string();
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &inside, "--pid", "--", "sleep", &self.token]).stdin(Stdio::null());
        let child = enter.spawn().map_err(|error| error.to_string())?;
        until("nothing enters", || {
            self.living().iter().any(|pid| words_of(*pid).first().is_some_and(|word| word == "sleep"))
        })?;
        Ok(child)
    }

    fn each_is_put_back(&self) -> Done {
        let mut agent = self.watched(CORRECT, None, None)?;
        self.edit_file()?;
        self.looked(&mut agent, "file etc/settings corrected")?;
        let text = fs::read_to_string(self.release().join("etc/settings")).unwrap_or_default();
        same(&text, "limit: 10\n")?;
        self.looked(&mut agent, "")?;
        self.edit("", |dir| fs::write(dir.join("extra"), "more"))?;
        self.looked(&mut agent, "file extra corrected")?;
        self.replace_binary()?;
        self.looked(&mut agent, "binary app corrected")?;
        self.looked(&mut agent, "")?;
        self.change_variable()?;
        self.looked(&mut agent, "variable MODE corrected")?;
        self.looked(&mut agent, "")?;
        same(&variable(self.main()?, "MODE").unwrap_or_default(), "strict")?;
        self.change_limit()?;
        self.looked(&mut agent, "limit open files corrected")?;
        self.looked(&mut agent, "")?;
        let mut entered = self.enter()?;
        self.looked(&mut agent, "process sleep corrected")?;
        entered.wait().map_err(|error| error.to_string())?;
        self.looked(&mut agent, "")?;
        self.main()?;
        agent.stop();
        self.none_lives()
    }

    /// Everything at once: it is named, nothing is changed.
    fn each_is_told(&self, rules: &str, done: &str) -> Done {
        let mut agent = self.watched(rules, None, None)?;
        let before = self.main()?;
        self.edit_file()?;
        self.replace_binary()?;
        self.change_variable()?;
        self.change_limit()?;
        let mut entered = self.enter()?;
        let all = ["file etc/settings", "binary app", "variable MODE", "process sleep", "limit open files"];
        let all: Vec<_> = all.iter().map(|what| format!("{what} {done}")).collect();
        self.looked(&mut agent, &all.join(", "))?;
        same(&self.main()?.to_string(), &before.to_string())?;
        let text = fs::read_to_string(self.release().join("etc/settings")).unwrap_or_default();
        same(&text, "limit: 99\n")?;
        let seen = self.last()?;
        if seen.is_frozen() != (done == "frozen") || seen.findings.iter().any(|finding| finding.by.is_empty())
        {
            return Err(format!("{seen:?}"));
        }
        agent.stop();
        entered.wait().map_err(|error| error.to_string())?;
        self.none_lives()
    }

    /// What froze the place is repaired while its agent is down: the next agent observes that it is over.
    fn ended_while_away(&self) -> Done {
        let mut agent = self.watched(FREEZE, None, None)?;
        self.edit_file()?;
        self.looked(&mut agent, "file etc/settings frozen")?;
        agent.stop();
        drop(agent);
        self.write_file("limit: 10\n")?;
        let mut agent = self.started(Memory::read(&self.dir).map_err(|error| error.to_string())?)?;
        self.looked(&mut agent, "")?;
        same(&self.last()?.is_frozen().to_string(), "false")?;
        // It is observed once.
        let observed = self.observed()?.len();
        self.looked(&mut agent, "")?;
        same(&self.observed()?.len().to_string(), &observed.to_string())?;
        agent.stop();
        self.none_lives()
    }

    /// The fourth time within minutes, it is left, and people are told.
    fn again_and_again(&self) -> Done {
        let mut agent = self.watched(CORRECT, None, None)?;
        for _ in 0..3 {
            self.edit_file()?;
            self.looked(&mut agent, "file etc/settings corrected")?;
            self.looked(&mut agent, "")?;
        }
        self.edit_file()?;
        self.looked(&mut agent, "file etc/settings given-up")?;
        agent.stop();
        Ok(())
    }

    /// A service that changes its own variables is started again three times, although each process has another number.
    fn restarted_again(&self) -> Done {
        let mut agent = self.watched(CORRECT, None, None)?;
        for _ in 0..3 {
            self.change_variable()?;
            self.looked(&mut agent, "variable MODE corrected")?;
            self.looked(&mut agent, "")?;
        }
        let before = self.main()?;
        self.change_variable()?;
        self.looked(&mut agent, "variable MODE given-up")?;
        same(&self.main()?.to_string(), &before.to_string())?;
        agent.stop();
        self.none_lives()
    }

    /// A service makes so many differences that the one which holds releases is not among the first.
    fn hidden_behind_others(&self) -> Done {
        let mut agent = self.watched("{ limits: freeze }", None, None)?;
        self.edit("etc", |dir| (0..80).try_for_each(|n| fs::write(dir.join(format!("extra-{n}")), "")))?;
        self.change_limit()?;
        agent.look_for_drift().map_err(|error| error.to_string())?;
        let seen = self.last()?;
        same(&format!("{} {} {}", seen.is_frozen(), seen.findings.len(), seen.more), "true 64 17")?;
        agent.stop();
        self.none_lives()
    }

    /// A file cannot be put back without the layer of its release. That is said, counts as no try, and ends with the layer.
    fn without_layer(&self) -> Done {
        let layer = self.release().with_extension("layer");
        let aside = layer.with_extension("aside");
        let text = |error: std::io::Error| error.to_string();
        let mut agent = self.watched(CORRECT, None, None)?;
        fs::rename(&layer, &aside).map_err(text)?;
        self.edit_file()?;
        for _ in 0..4 {
            self.looked(&mut agent, "file etc/settings failed")?;
        }
        let seen = self.last()?;
        if !seen.findings.iter().all(|one| one.found.contains("the release's layer is missing on this host"))
        {
            return Err(format!("{seen:?}"));
        }
        fs::rename(&aside, &layer).map_err(text)?;
        self.looked(&mut agent, "file etc/settings corrected")?;
        self.looked(&mut agent, "")?;
        // Damaged bytes are of no use: they go, so that they are asked for again.
        fs::copy(&layer, &aside).map_err(text)?;
        fs::remove_file(&layer).map_err(text)?;
        fs::write(&layer, "damaged").map_err(text)?;
        self.edit_file()?;
        self.looked(&mut agent, "file etc/settings failed")?;
        same(&layer.exists().to_string(), "false")?;
        fs::rename(&aside, &layer).map_err(text)?;
        self.looked(&mut agent, "file etc/settings corrected")?;
        agent.stop();
        self.none_lives()
    }

    /// A setting of the network, in a network namespace of this test alone.
    fn a_setting(&self) -> Done {
        let file = "/proc/sys/net/ipv4/ip_forward";
        let links =
            |who: &str| fs::read_link(format!("/proc/{who}/ns/net")).map_err(|error| error.to_string());
        if std::env::var_os("ATTACK_HOST_NETWORK").as_deref() == Some(links("self")?.as_os_str()) {
            return Err("this needs a separate network namespace".into());
        }
        let baseline = format!("settings: {{ {SETTING}: '0' }}");
        for (rules, done, after) in
            [(CORRECT, "corrected", "0"), (FREEZE, "frozen", "1"), (ALERT, "alerted", "1")]
        {
            fs::write(file, "0").map_err(|error| error.to_string())?;
            let mut agent = self.watched(rules, Some(&baseline), None)?;
            same(&self.measured()?.to_string(), "true")?;
            fs::write(file, "1").map_err(|error| error.to_string())?;
            self.looked(&mut agent, &format!("setting {SETTING} {done}"))?;
            same(&self.measured()?.to_string(), "false")?;
            same(fs::read_to_string(file).unwrap_or_default().trim(), after)?;
            agent.stop();
            self.forget();
        }
        self.none_lives()
    }

    /// Removes what an agent leaves, so that another one begins anew.
    pub fn forget(&self) {
        for left in ["declared.json", "observations"] {
            drop(fs::remove_file(self.dir.join(left)));
            drop(fs::remove_dir_all(self.dir.join(left)));
        }
        drop(fs::remove_dir_all(self.home.join("releases")));
    }

    /// Of two processes, only the one that drifted is started again.
    fn one_of_two(&self) -> Done {
        let mut agent = self.watched(CORRECT, None, Some(2))?;
        let both: Vec<_> = self.living();
        let first = self.main()?;
        self.change_variable()?;
        self.looked(&mut agent, "variable MODE corrected")?;
        until("it does not start again", || {
            agent.watch();
            let now = self.living();
            !now.contains(&first) && now.len() == both.len()
        })?;
        self.looked(&mut agent, "")?;
        let kept = both.iter().filter(|pid| self.living().contains(pid)).count();
        agent.stop();
        same(&kept.to_string(), &(both.len() - 1).to_string())
    }

    /// Looks for drift; the newest observation names exactly this.
    pub fn looked(&self, agent: &mut Deployer, expected: &str) -> Done {
        agent.look_for_drift().map_err(|error| error.to_string())?;
        let seen = self.last()?;
        let named = seen.findings.iter().map(|one| {
            // Names of processes have numbers behind them.
            let name = one.name.split(" of ").next().unwrap_or_default();
            let name = name.split(" (").next().unwrap_or_default();
            format!("{} {name} {}", one.what.as_str(), one.done.as_str())
        });
        let mut named: Vec<_> = named.collect();
        named.sort();
        let mut wanted: Vec<_> = expected.split(", ").filter(|text| !text.is_empty()).collect();
        wanted.sort_unstable();
        same(&named.join(", "), &wanted.join(", "))
    }

    /// Everything that the agent observed, in order.
    fn observed(&self) -> Result<Vec<Body>, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let listed = fs::read_dir(self.dir.join("observations"));
        let mut files: Vec<_> =
            listed.map(|listed| listed.flatten().map(|item| item.path()).collect()).unwrap_or_default();
        files.sort();
        let read = |path: &PathBuf| {
            let bytes = fs::read(path).map_err(|error| text(&error))?;
            let envelope = evidence::dsse::Envelope::decode(&bytes).map_err(|error| text(&error))?;
            Observation::read(&envelope).map(|read| read.body).map_err(|error| text(&error))
        };
        files.iter().map(read).collect()
    }

    pub fn last(&self) -> Result<DriftSeen, String> {
        let drift = |body| if let Body::Drift(seen) = body { Some(seen) } else { None };
        Ok(self.observed()?.into_iter().rev().find_map(drift).unwrap_or_default())
    }

    pub fn measured(&self) -> Result<bool, String> {
        let equal = |body| if let Body::Baseline(seen) = body { Some(seen.equal) } else { None };
        self.observed()?
            .into_iter()
            .rev()
            .find_map(equal)
            .ok_or_else(|| "the host was not measured".to_owned())
    }
}

fn words_of(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// A variable of a process, as the kernel tells it.
fn variable(pid: u32, name: &str) -> Option<String> {
    let text = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut parts = text.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

fn now() -> Moment {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment::from_millis(u64::try_from(time.as_millis()).unwrap_or_default()).unwrap_or_default()
}
