//! The attacks, one function each: it fails if the attack succeeds.

use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use agent::{Fault, Launcher as _, Services as _};
use evidence::plan::{Plan, Probe, ProbeTarget, Target};
use evidence::release_file::Listen;

use crate::reaching;
use crate::stage::{Done, Stage, This, described, same, stop, until};

impl Stage {
    /// Attacks by name.
    pub fn attack(&self, name: &str) -> Done {
        match name {
            "setsid" => self.leaves_nothing("setsid sleep TOKEN & exec sleep TOKEN"),
            "double-fork" => {
                self.leaves_nothing("(setsid env -i sh -c 'sleep TOKEN & sleep TOKEN &' &) ; exec sleep TOKEN")
            }
            "ignores-sigterm" => {
                self.leaves_nothing("trap '' TERM; (trap '' TERM; setsid sleep TOKEN) & while :; do sleep TOKEN; done")
            }
            "starts-again" => self.leaves_nothing(
                "setsid sh -c 'while :; do setsid sh -c \"sleep TOKEN\" & sleep 0.01; done' & exec sleep TOKEN",
            ),
            "main-ends" => self.main_ends(),
            "asked-to-end-from-outside" => self.asked_to_end_from_outside(),
            "kills-everybody" => self.kills_everybody(),
            "agent-killed" => self.agent_killed(),
            "agent" => self.agent(),
            "old-worker-answers" => self.old_worker_answers(),
            "old-socket-answers" => self.old_socket_answers(),
            "hidden-worker-answers" => self.hidden_worker_answers(),
            "preload" => self.preload(),
            "truncates-its-log" => self.truncates_its_log(),
            "floods-its-log" => self.floods_its_log(),
            "probe-leaves-behind" => self.probe_leaves_behind(),
            "probe-limits" => self.probe_limits(),
            "stranger-on-the-port" => self.stranger_on_the_port(),
            "port-as-variable" => self.port_as_variable(),
            "reads-the-agent" => self.reads_the_agent(),
            "reaches-for-the-agent" => reaching::attack(self),
            other if other.starts_with("drift-") => self.drift(other),
            other if other.starts_with("rollout-") => self.rollout(other),
            other => Err(format!("there is no attack `{other}`")),
        }
    }

    fn leaves_nothing(&self, text: &str) -> Done {
        let mut processes = self.processes()?;
        self.start(&mut processes, &self.plan(self.script(text))?)?;
        self.until_living(2)?;
        stop(&mut processes)?;
        self.none_lives()
    }

    fn main_ends(&self) -> Done {
        let mut processes = self.processes()?;
        let text =
            "setsid sleep TOKEN & trap 'exit 3' USR1; while :; do sleep 0.05; [ ! -e end ] || exit 3; done";
        let plan = self.plan(self.script(text))?;
        self.start(&mut processes, &plan)?;
        self.until_living(1)?;
        fs::write(self.artifact().join("end"), "").map_err(|error| error.to_string())?;
        let mut end = None;
        until("its end was not noticed", || {
            end = processes.ended();
            end.is_some()
        })?;
        stop(&mut processes)?;
        self.none_lives()?;
        same(&end.unwrap_or_default(), "exit code 3")
    }

    /// As systemd stops a unit: SIGTERM to each of its processes.
    fn asked_to_end_from_outside(&self) -> Done {
        let mut processes = self.processes()?;
        let end = "sleep 0.3; echo ended in order; exit 0";
        let text = format!("trap '{end}' TERM; echo begun; while :; do sleep 0.05; done");
        let mut plan = self.plan(self.script(&text))?;
        if let Target::Process { stop_ms, .. } = &mut plan.target {
            *stop_ms = 20_000;
        }
        self.start(&mut processes, &plan)?;
        let log = || fs::read_to_string(self.dir.join("service.log")).unwrap_or_default();
        until("it never began", || log().contains("begun"))?;
        let below = below(std::process::id());
        if below.len() < 3 {
            return Err(format!("launcher and service were expected, not {below:?}"));
        }
        let mut kill = Command::new("kill");
        kill.arg("-TERM").args(below.iter().map(ToString::to_string));
        kill.status().map_err(|error| error.to_string())?;
        stop(&mut processes)?;
        // The keeper of the log may read the last line after the end of the process that wrote it.
        until("it was killed", || log().contains("ended in order"))
    }

    fn kills_everybody(&self) -> Done {
        let mut processes = self.processes()?;
        let hold = "setsid sleep TOKEN & while [ ! -e end ]; do sleep 0.05; done; kill -9 1; kill -9 $PPID; kill -9 -1";
        let plan = self.plan(self.script(&hold.replace("kill -9 -1", &self.everybody())))?;
        self.start(&mut processes, &plan)?;
        self.until_living(1)?;
        fs::write(self.artifact().join("end"), "").map_err(|error| error.to_string())?;
        until("its end was not noticed", || processes.ended().is_some())?;
        stop(&mut processes)?;
        // Under a subreaper its keeper may have been killed: then the next start finds what is left.
        self.start(&mut processes, &self.plan(self.script("exec sleep 1000"))?)?;
        stop(&mut processes)?;
        self.none_lives()
    }

    /// `kill -9 -1` outside of a namespace would end the test itself.
    fn everybody(&self) -> String {
        if std::env::var_os("ATTACK_SUBREAPER").is_some() { "exit 1".into() } else { "kill -9 -1".into() }
    }

    /// An agent that lives until it is killed.
    fn agent(&self) -> Done {
        let mut processes = self.processes()?;
        let port = fs::read_to_string(self.dir.join("port")).map_err(|error| error.to_string())?;
        let token = fs::read_to_string(self.dir.join("token")).map_err(|error| error.to_string())?;
        let port = port.parse().unwrap_or_default();
        let stage = Self { port, token, user: self.user, home: self.home.clone(), dir: self.dir.clone() };
        let mut plan = stage.serving("answer", Listen::Socket)?;
        if let Target::Process { command, .. } = &mut plan.target {
            let dir = self.artifact();
            let text = format!("setsid sleep TOKEN & exec {}/app serve answer <&3", dir.display());
            *command = stage.script(&text);
        }
        stage.start(&mut processes, &plan)?;
        println!("ready");
        loop {
            std::thread::sleep(Duration::from_secs(1000));
        }
    }

    fn agent_killed(&self) -> Done {
        fs::write(self.dir.join("port"), self.port.to_string()).map_err(|error| error.to_string())?;
        fs::write(self.dir.join("token"), &self.token).map_err(|error| error.to_string())?;
        let mut agent = This.command();
        agent.args(["attack", "agent"]).arg(&self.dir).stdout(Stdio::piped());
        let mut agent = agent.spawn().map_err(|error| error.to_string())?;
        let mut word = [0; 5];
        let out = agent.stdout.as_mut().ok_or("it has no output")?;
        out.read_exact(&mut word).map_err(|error| error.to_string())?;
        self.until_living(1)?;
        agent.kill().and_then(|()| agent.wait()).map_err(|error| error.to_string())?;
        // The next start gets the port, although nobody waited for the old processes.
        let mut processes = self.processes()?;
        self.start(&mut processes, &self.serving("answer", Listen::Socket)?)?;
        self.none_lives()?;
        stop(&mut processes)
    }

    fn old_worker_answers(&self) -> Done {
        let mut processes = self.processes()?;
        let mut old = self.serving("answer", Listen::Socket)?;
        if let Target::Process { command, .. } = &mut old.target {
            let app = self.artifact().join("app");
            *command = self.script(&format!("setsid {} serve answer <&3 & exec sleep TOKEN", app.display()));
        }
        self.start(&mut processes, &old)?;
        let new = self.serving("silent", Listen::Socket)?;
        processes.prepare(&new).map_err(|fault| fault.what)?;
        stop(&mut processes)?;
        self.none_lives()?;
        let new = Plan { probe: Probe { attempts: 2, interval_ms: 20, ..new.probe }, ..new };
        match processes.start(&new, &self.artifact()) {
            Err(Fault { code: "probe-failed", .. }) => Ok(()),
            other => Err(format!("an old worker answered for the new release: {other:?}")),
        }
    }

    /// An escaped worker answers at the agent's socket while a release follows that listens itself, or not at all.
    fn old_socket_answers(&self) -> Done {
        for next in [self.plan(self.script("exec sleep 1000"))?, self.serving("answer", Listen::Variable)?] {
            let mut processes = self.processes()?;
            let old = self.escaping("shy")?;
            self.start(&mut processes, &old)?;
            self.until_living(1)?;
            let end = self.artifact().join("end");
            fs::write(&end, "").map_err(|error| error.to_string())?;
            if std::env::var_os("ATTACK_SUBREAPER").is_some() {
                until("its end was not noticed", || processes.ended().is_some())?;
            }
            stop(&mut processes)?;
            let begun = processes.start(&next, &self.artifact());
            let listens = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            drop(processes.stop());
            let is_meant = matches!(&next.target, Target::Process { port: Some(_), .. });
            if begun.is_err() || listens != is_meant {
                return Err(format!("at the old socket: {begun:?}, somebody listens: {listens}"));
            }
            until("it lives on", || self.living().is_empty())?;
            fs::remove_file(end).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A worker that hides its descriptors; its main process then ends the subreaper above both.
    fn hidden_worker_answers(&self) -> Done {
        let mut processes = self.processes()?;
        let old = self.escaping("hidden")?;
        self.start(&mut processes, &old)?;
        self.until_living(1)?;
        fs::write(self.artifact().join("end"), "").map_err(|error| error.to_string())?;
        let escapes = std::env::var_os("ATTACK_SUBREAPER").is_some();
        if escapes {
            until("its end was not noticed", || processes.ended().is_some())?;
        }
        let new = self.serving("silent", Listen::Socket)?;
        let new = Plan { probe: Probe { attempts: 2, interval_ms: 20, ..new.probe }, ..new };
        let mut run = |plan: &Plan| {
            processes.prepare(plan).map_err(|fault| fault.what)?;
            stop(&mut processes)?;
            processes.start(plan, &self.artifact()).map_err(described)
        };
        let answered = run(&new);
        // The next release would answer by itself; but while a process hides, it is unknown which one answers.
        let next = run(&self.serving("answer", Listen::Socket)?);
        let living = self.living();
        if !living.is_empty() {
            let mut kill = Command::new("kill");
            kill.arg("-KILL").args(living.iter().map(ToString::to_string));
            kill.status().map_err(|error| error.to_string())?;
        }
        until("it lives on", || self.living().is_empty())?;
        let last = run(&self.serving("answer", Listen::Socket)?);
        drop(processes.stop());
        // An escaped worker may listen again before the agent does; then the port is taken, which is a refusal too.
        let is_refused =
            |what: &str| what.starts_with("probe-failed") || (escapes && what.starts_with("port-taken"));
        match (answered, next, last) {
            (Err(answered), next, Ok(())) if is_refused(&answered) => match (escapes, next) {
                (true, Err(what)) if what.contains("hides its files") && what.contains("serve hidden") => {
                    Ok(())
                }
                (true, Err(what)) if what.starts_with("port-taken") => Ok(()),
                (false, Ok(())) if living.is_empty() => Ok(()),
                (_, next) => Err(format!("beside {living:?}: {next:?}")),
            },
            other => Err(format!("a hidden worker answered for another release: {other:?}")),
        }
    }

    /// The loader prints an error on standard error for a library that it cannot find, once for each program.
    fn preload(&self) -> Done {
        let mut processes = self.processes()?;
        let mut plan = self.plan(self.script("echo begun; exec < /dev/null; kill -STOP $$"))?;
        plan.variables.insert("LD_PRELOAD".into(), "/nowhere/attack.so".into());
        plan.variables.insert("GLIBC_TUNABLES".into(), "glibc.malloc.check=3".into());
        self.start(&mut processes, &plan)?;
        let log = || fs::read_to_string(self.dir.join("service.log")).unwrap_or_default();
        until("it never began", || log().contains("begun"))?;
        stop(&mut processes)?;
        same(&log().matches("attack.so").count().to_string(), "1")
    }

    fn truncates_its_log(&self) -> Done {
        let mut processes = self.processes()?;
        let text = "echo first; : > /proc/self/fd/1; : > /dev/fd/2; echo last; exec sleep TOKEN";
        self.start(&mut processes, &self.plan(self.script(text))?)?;
        let log = || fs::read_to_string(self.dir.join("service.log")).unwrap_or_default();
        until("it never ended", || log().contains("last"))?;
        stop(&mut processes)?;
        same(&log(), "first\nlast\n")
    }

    fn floods_its_log(&self) -> Done {
        let mut processes = self.processes()?;
        let text = "head -c 60000000 /dev/zero | tr '\\0' x; echo; echo end; exec sleep TOKEN";
        self.start(&mut processes, &self.plan(self.script(text))?)?;
        let size = |name: &str| fs::metadata(self.dir.join(name)).map_or(0, |meta| meta.len());
        let most = 17 * 1024 * 1024;
        until("it never ended", || {
            self.living().len() == 1 && size("service.log.1") > 0 && size("service.log") <= most
        })?;
        stop(&mut processes)?;
        let (now, aside) = (size("service.log"), size("service.log.1"));
        if now <= most && aside <= most { Ok(()) } else { Err(format!("{now} and {aside} bytes")) }
    }

    fn probe_leaves_behind(&self) -> Done {
        let mut processes = self.processes()?;
        let mut plan = self.plan(self.script("exec sleep 1000"))?;
        plan.probe.ask =
            ProbeTarget::Command(self.script("setsid sleep TOKEN & (setsid env -i sleep TOKEN &) ; exit 0"));
        self.start(&mut processes, &plan)?;
        self.none_lives()?;
        stop(&mut processes)
    }

    fn probe_limits(&self) -> Done {
        let mut processes = self.processes()?;
        let mut plan = self.plan(self.script("exec sleep 1000"))?;
        // With 0, the kernel still starts a program of the host that takes core files (core(5)).
        let text = "[ $(ulimit -n) = 77 ] && [ $(ulimit -d) = 4194304 ] && grep -q '^Max core file size  *1  *1 ' /proc/self/limits";
        plan.probe.ask = ProbeTarget::Command(self.script(text));
        self.start(&mut processes, &plan)?;
        stop(&mut processes)
    }

    fn stranger_on_the_port(&self) -> Done {
        let mut other = This.command();
        other.args(["serve", "answer"]).env("PORT", self.port.to_string());
        let mut other = other.spawn().map_err(|error| error.to_string())?;
        until("nobody listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok())?;
        let mut processes = self.processes()?;
        let plan = self.serving("answer", Listen::Variable)?;
        let started = processes.start(&plan, &self.artifact());
        other.kill().and_then(|()| other.wait()).map_err(|error| error.to_string())?;
        match started {
            Err(Fault { code: "port-taken", what }) if what.contains(&format!("process {}", other.id())) => {
                Ok(())
            }
            started => Err(format!("somebody else answered: {started:?}")),
        }
    }

    /// Several releases in sequence, with each way to get a port.
    fn port_as_variable(&self) -> Done {
        let mut processes = self.processes()?;
        for listen in [Listen::Variable, Listen::Variable, Listen::Socket, Listen::Variable] {
            let plan = self.serving("answer", listen)?;
            processes.prepare(&plan).map_err(|fault| fault.what)?;
            stop(&mut processes)?;
            processes.start(&plan, &self.artifact()).map_err(described)?;
        }
        stop(&mut processes)
    }

    /// A process that could see the agent could trace it, or end it.
    fn reads_the_agent(&self) -> Done {
        let mut processes = self.processes()?;
        let own = std::process::id();
        let text = format!(
            "if kill -0 {own} || [ -e /proc/{own} ]; then echo seen; else echo hidden; fi; sleep TOKEN"
        );
        self.start(&mut processes, &self.plan(self.script(&text))?)?;
        let log = || fs::read_to_string(self.dir.join("service.log")).unwrap_or_default();
        until("it said nothing", || log().contains("seen") || log().contains("hidden"))?;
        stop(&mut processes)?;
        if log().contains("hidden") { Ok(()) } else { Err(log()) }
    }
}

/// Every process below one.
fn below(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    children.iter().flat_map(|pid| [vec![*pid], below(*pid)].concat()).collect()
}
