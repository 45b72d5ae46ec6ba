//! Rollouts with real processes and a real splitter: what clients see while something is killed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::{Deployer, Interrupts, KnownRelease, Launcher as _, Memory, Processes, ServiceLog};
use evidence::machine::MachineSigner;
use evidence::oci::{LayerEntry, LayerFile, LayerFiles, layer};
use evidence::plan::{Plan, Probe, ProbeTarget, Target};
use evidence::release_file::Listen;
use evidence::report::AgentReport;
use evidence::{Digest, Moment};
use serde_json::{Value, json};

use crate::stage::{Done, Stage, This, same, until};

impl Stage {
    /// Rollouts by name.
    pub fn rollout(&self, name: &str) -> Done {
        match name {
            "rollout-numbers" => self.numbers_stop_it(Listen::Socket),
            "rollout-of-ports" => self.numbers_stop_it(Listen::Variable),
            "rollout-splitter-killed" => self.splitter_killed(),
            "rollout-process-killed" => self.process_killed(),
            "rollout-agent-killed" => self.agent_killed_while_rolling(),
            "rollout-agent" => self.rolling_agent(),
            "rollout-done" => self.new_one_stays(),
            "rollout-port-taken" => self.port_is_taken(),
            "rollout-instances" => self.several_processes(),
            other => Err(format!("there is no rollout `{other}`")),
        }
    }

    /// A release whose process answers with a word, or with an error once a file of that name is there.
    fn put(&self, word: &str, listen: Listen) -> Result<KnownRelease, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let own = std::env::current_exe().map_err(|error| text(&error))?;
        let socket = if listen == Listen::Socket { " <&3" } else { "" };
        let script = format!(
            "#!/bin/sh\n[ {word} != old ] || trap '' TERM\nexec {} serve says-{word} {} {}{socket}\n",
            own.display(),
            self.token,
            self.artifact().display()
        );
        let file = LayerFile { bytes: script.clone().into_bytes(), executable: true };
        let files = LayerFiles::from([("app".to_owned(), LayerEntry::File(file))]);
        let bytes = layer(&files, 7).map_err(|error| text(&error))?;
        let (artifact, layer) = (Digest::of(word.as_bytes()), Digest::of(&bytes));
        let dir = self.home.join("releases").join(artifact.hex());
        fs::create_dir_all(&dir).map_err(|error| text(&error))?;
        fs::write(dir.join("app"), script).map_err(|error| text(&error))?;
        fs::set_permissions(dir.join("app"), fs::Permissions::from_mode(0o555))
            .map_err(|error| text(&error))?;
        fs::write(dir.with_extension("mtime"), "7").map_err(|error| text(&error))?;
        let plan = self.rolled_plan(listen)?;
        Ok(KnownRelease { artifact, layer, commit: plan.commit.clone(), plan, release: None, evidence: None })
    }

    fn rolled_plan(&self, listen: Listen) -> Result<Plan, String> {
        let mut plan = self.plan(vec!["app".into()])?;
        plan.target =
            Target::Process { command: vec!["app".into()], port: Some(self.port), listen, stop_ms: 300 };
        plan.probe = Probe { ask: ProbeTarget::Http("/".into()), attempts: 100, interval_ms: 50 };
        let mut value = serde_json::to_value(plan).map_err(|error| error.to_string())?;
        let day = 86_400_000;
        for (field, it) in [
            ("strategy", json!("canary")),
            ("instances", json!(2)),
            (
                "rollout",
                json!({
                    "steps": [
                        { "percent": 50, "pause_ms": day, "automatic": true },
                        { "percent": 100, "pause_ms": day, "automatic": true },
                    ],
                    "thresholds": [{ "metric": "errors", "at_most": 10_000, "window_ms": 60_000, "samples_min": 10 }],
                    "limit_ms": 2 * day,
                    "drain_ms": 500,
                }),
            ),
        ] {
            value.as_object_mut().ok_or("a plan is an object")?.insert(field.into(), it);
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// Writes the memory of an agent whose release is at a step.
    fn remember(&self, listen: Listen, step: usize, ending: Option<Value>) -> Done {
        let (old, new) = (self.put("old", listen)?, self.put("new", listen)?);
        let progress = match ending {
            Some(ending) => json!({ "step": step, "since": now(), "ending": ending }),
            None => json!({ "step": step, "since": now() }),
        };
        let plan = new.plan.digest().map_err(|error| error.to_string())?;
        let rolled = KnownRelease { release: Some(7), ..new };
        let memory: Memory = serde_json::from_value(json!({
            "v": 1, "installation": evidence::Id::from_random([1; 16]), "agent": "agent", "place": "shop/api/dev",
            "root_version": 1, "root": old.artifact, "rehearsal": false, "seen_root": 1, "seen_status": 1,
            "seen_statement": 1, "seen_release": 7, "checkpoint": "", "running": old, "before": null, "report": null,
            "begun": { "release": 7, "artifact": rolled.artifact, "after": 6 },
            "rollout": { "release": 7, "plan": plan, "new": rolled, "secrets": {}, "progress": progress },
        }))
        .map_err(|error| error.to_string())?;
        memory.write(&self.dir).map_err(|error| error.to_string())
    }

    /// An agent that begins with what its memory says.
    fn resumed(&self) -> Result<Deployer, String> {
        let log = ServiceLog::new(&self.dir.join("service.log"));
        let processes = Processes::new(&self.home, Box::new(This), log, Interrupts::default());
        let processes = processes.map_err(|error| error.to_string())?.running_as(self.user);
        let signer = MachineSigner::from_seed([7; 32]).map_err(|error| error.to_string())?;
        let memory = Memory::read(&self.dir).map_err(|error| error.to_string())?;
        let (home, dir) = (&self.home, self.dir.clone());
        let agent = Deployer::with_releases_in(home, dir, memory, signer, Box::new(processes), now);
        let mut agent = agent.map_err(|error| error.to_string())?;
        agent.resume();
        match agent.condition().down {
            None => Ok(agent),
            Some(down) => Err(format!("it does not begin: {down}")),
        }
    }

    /// Asks so many times; how often each answer came. No request may be lost.
    fn ask(&self, times: u32) -> Result<BTreeMap<String, u32>, String> {
        let mut answers = BTreeMap::new();
        for number in 0..times {
            let answer = self.answer().map_err(|error| format!("request {number}: {error}"))?;
            *answers.entry(answer).or_default() += 1;
        }
        Ok(answers)
    }

    fn answer(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let status = text.split(' ').nth(1).unwrap_or("none").to_owned();
        let body = text.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned();
        if status == "200" { Ok(body) } else { Ok(status) }
    }

    fn both_answer(&self) -> Done {
        let answers = self.ask(40)?;
        let count = |word: &str| answers.get(word).copied().unwrap_or(0);
        let fair = (15..=25).contains(&count("new")) && count("new") + count("old") == 40;
        if fair { Ok(()) } else { Err(format!("shares of 50 percent: {answers:?}")) }
    }

    fn only(&self, word: &str) -> Done {
        let answers = self.ask(20)?;
        if answers.get(word) == Some(&20) { Ok(()) } else { Err(format!("only {word}: {answers:?}")) }
    }

    /// The report of the release: outcome, reasons and detail. No release here has evidence, so one that comes back cannot be
    /// judged: that is left out.
    fn reported(&self) -> Result<(String, Vec<String>, String), String> {
        let memory = Memory::read(&self.dir).map_err(|error| error.to_string())?;
        let (_, report) = memory.report.ok_or("there is no report")?;
        let report = AgentReport::read(&report).map_err(|error| error.to_string())?;
        let mut reasons = report.reasons;
        reasons.retain(|code| !["due-for-review", "return-not-judged"].contains(&code.as_str()));
        let detail = report.detail.split("\nthe release that runs again is due").next().unwrap_or_default();
        Ok((report.outcome.name().to_owned(), reasons, detail.to_owned()))
    }

    /// Processes of a release, by the word that they say.
    fn running(&self, word: &str) -> Vec<u32> {
        let is_it = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|found| found == format!("says-{word}").as_bytes())
        };
        self.living().into_iter().filter(is_it).collect()
    }

    fn bad(&self, word: &str) -> Done {
        fs::write(self.artifact().join(word), "").map_err(|error| error.to_string())
    }

    fn numbers_stop_it(&self, listen: Listen) -> Done {
        self.remember(listen, 0, None)?;
        let mut agent = self.resumed()?;
        self.both_answer()?;
        tick(&mut agent)?;
        let user = splitters().first().map(|pid| user_of(*pid));
        let expected = self.user.map_or_else(|| user_of(std::process::id()), |user| user.ids().0);
        if user != Some(expected) {
            return Err(format!("the splitter runs as {user:?}, not {expected}"));
        }
        self.bad("new")?;
        let answers = self.ask(40)?;
        tick(&mut agent)?;
        self.only("old").map_err(|error| format!("after {answers:?}: {error}"))?;
        let (outcome, reasons, detail) = self.reported()?;
        same(&format!("{outcome} {}", reasons.join(",")), "returned rollout-failed")?;
        if !detail.contains("errors: ") {
            return Err(detail);
        }
        until("the new release lives on", || {
            agent.watch();
            self.running("new").is_empty()
        })?;
        agent.stop();
        self.none_lives()?;
        if splitters().is_empty() { Ok(()) } else { Err("the splitter lives on".into()) }
    }

    fn splitter_killed(&self) -> Done {
        self.remember(Listen::Socket, 0, None)?;
        let mut agent = self.resumed()?;
        for _ in 0..5 {
            self.both_answer()?;
            tick(&mut agent)?;
            let splitters = splitters();
            kill(&splitters)?;
            // Requests wait at the port until there is another one.
            let asked = std::thread::scope(|scope| {
                let asked = scope.spawn(|| self.ask(4));
                until("it is not started again", || {
                    drop(agent.tick());
                    asked.is_finished()
                })?;
                asked.join().map_err(|_| "it panicked".to_owned())?
            })?;
            if asked.values().sum::<u32>() != asked.get("old").unwrap_or(&0) + asked.get("new").unwrap_or(&0)
            {
                return Err(format!("after a kill: {asked:?}"));
            }
        }
        let memory = Memory::read(&self.dir).map_err(|error| error.to_string())?;
        agent.stop();
        if memory.rollout.is_some() { Ok(()) } else { Err("the kill of a splitter ended the rollout".into()) }
    }

    /// A process of the old release is started again; one of the new release ends the rollout.
    fn process_killed(&self) -> Done {
        self.remember(Listen::Socket, 0, None)?;
        let mut agent = self.resumed()?;
        let old = self.running("old");
        kill(old.get(..1).unwrap_or_default())?;
        until("it is not started again", || {
            drop(agent.tick());
            let now = self.running("old");
            now.len() == 2 && now != old
        })?;
        self.both_answer()?;
        kill(&self.running("new"))?;
        until("the rollout goes on", || {
            drop(agent.tick());
            agent.rolls_out().is_none()
        })?;
        self.only("old")?;
        let (outcome, reasons, detail) = self.reported()?;
        same(&format!("{outcome} {}", reasons.join(",")), "returned rollout-failed")?;
        agent.stop();
        same(&detail, "at step 1 of 2: the new release fails its probes")
    }

    /// The agent of another process, which is killed.
    fn agent_killed_while_rolling(&self) -> Done {
        self.remember(Listen::Socket, 0, None)?;
        fs::write(self.dir.join("port"), self.port.to_string()).map_err(|error| error.to_string())?;
        fs::write(self.dir.join("token"), &self.token).map_err(|error| error.to_string())?;
        let mut other = This.command();
        other.args(["attack", "rollout-agent"]).arg(&self.dir).stdout(Stdio::piped());
        let mut other = other.spawn().map_err(|error| error.to_string())?;
        let mut word = [0; 5];
        let out = other.stdout.as_mut().ok_or("it has no output")?;
        out.read_exact(&mut word).map_err(|error| error.to_string())?;
        self.both_answer()?;
        other.kill().and_then(|()| other.wait()).map_err(|error| error.to_string())?;
        let mut agent = self.resumed()?;
        self.both_answer()?;
        let count = self.running("old").len() + self.running("new").len();
        agent.stop();
        self.none_lives()?;
        same(&count.to_string(), "3")
    }

    fn rolling_agent(&self) -> Done {
        let read = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        let stage = Self {
            user: self.user,
            dir: self.dir.clone(),
            home: self.home.clone(),
            token: read("token"),
            port: read("port").parse().unwrap_or(0),
        };
        let mut agent = stage.resumed()?;
        print!("begun");
        std::io::stdout().flush().map_err(|error| error.to_string())?;
        loop {
            tick(&mut agent)?;
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Somebody else listens at the port of the place: the agent says who, and goes on once it is free.
    fn port_is_taken(&self) -> Done {
        self.remember(Listen::Socket, 0, None)?;
        let other =
            std::net::TcpListener::bind(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        let refused = self.resumed().err().unwrap_or_default();
        if !refused.contains(&format!("port {} is taken by process {}", self.port, std::process::id())) {
            return Err(format!("it should say who has the port: {refused}"));
        }
        drop(other);
        let mut agent = self.resumed()?;
        self.both_answer()?;
        agent.stop();
        self.none_lives()
    }

    /// Two processes without a rollout: one that is killed is started again.
    fn several_processes(&self) -> Done {
        self.remember(Listen::Socket, 0, None)?;
        let mut memory = Memory::read(&self.dir).map_err(|error| error.to_string())?;
        let running = memory.running.as_mut().ok_or("nothing runs")?;
        running.plan.strategy = evidence::rollout::Strategy::Replace;
        running.plan.rollout = None;
        memory.rollout = None;
        memory.write(&self.dir).map_err(|error| error.to_string())?;
        let mut agent = self.resumed()?;
        let both = self.running("old");
        same(&both.len().to_string(), "2")?;
        kill(both.get(..1).unwrap_or_default())?;
        // Requests that it had are lost with it.
        until("it is not started again", || {
            agent.watch();
            let now = self.running("old");
            now.len() == 2 && now != both && agent.condition().down.is_none()
        })?;
        self.only("old")?;
        same(&agent.condition().restarts.count.to_string(), "1")?;
        agent.stop();
        self.none_lives()
    }

    /// The end was decided before the agent was killed. The old release ignores the request to end.
    fn new_one_stays(&self) -> Done {
        self.remember(Listen::Socket, 1, Some(json!({ "done": {} })))?;
        let mut agent = self.resumed()?;
        self.only("new")?;
        let (outcome, ..) = self.reported()?;
        same(&outcome, "running")?;
        until("the old release lives on", || {
            agent.watch();
            self.running("old").is_empty()
        })?;
        same(&self.running("new").len().to_string(), "2")?;
        agent.stop();
        self.none_lives()
    }
}

fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Moment::from_millis(u64::try_from(since.as_millis()).unwrap_or(0)).unwrap_or_default()
}

fn tick(agent: &mut Deployer) -> Done {
    agent.tick().map(drop).map_err(|error| error.to_string())
}

/// Splitters of this process.
fn splitters() -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|item| item.file_name().to_str()?.parse::<u32>().ok());
    let own = std::process::id().to_string();
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        words.windows(2).any(|pair| pair == [b"split".as_slice(), own.as_bytes()])
    })
    .collect()
}

fn kill(pids: &[u32]) -> Done {
    if pids.is_empty() {
        return Err("there is nothing to kill".into());
    }
    let mut kill = Command::new("kill");
    kill.arg("-KILL").args(pids.iter().map(ToString::to_string));
    kill.status().map(drop).map_err(|error| error.to_string())
}

/// The user whose rights a process has.
fn user_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|id| id.parse().ok()).unwrap_or(u32::MAX)
}
