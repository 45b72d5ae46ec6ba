//! The sandbox's init, and the holder of a step's secrets, as a separate program for this crate's tests; the product uses its one binary. With the argument
//! `surroundings` it runs every helper program of a runner, in the directory and environment in which it is started. With `held` it
//! runs one step with secrets, and waits afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use evidence::Id;
use evidence::pipeline::StepLimits;
use runner::{Caps, HeldStep, Holder, Isolation as _, Sandbox};
use runner::{ECOSYSTEMS, Repository, Toolchain, ecosystem_hosts, program, resolve};
use sandbox::{Egress, Secret, Spec};
use wire::{LentSecret, LentSecrets};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [word, repository] if word == "surroundings" => surroundings(Path::new(repository)),
        [word, script] if word == "held" => held(script).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        [word] if word == "secret-holder" => ExitCode::from(runner::holder_main(init)),
        _ => ExitCode::from(sandbox::init_main(runner::own_task)),
    }
}

fn init() -> Command {
    let mut init = Command::new("/proc/self/exe");
    init.env_clear().current_dir("/");
    init
}

/// A runner with one step: it says its holder's key, hears what is lent to it, says the log and how the step ended, and waits.
fn held(script: &str) -> Option<()> {
    let within = Sandbox::new(init, Egress::default(), Caps::default()).with_holder(|| {
        let mut holder = init();
        holder.arg("secret-holder");
        holder
    });
    let holder = Holder::start(within.holder()?).ok()?;
    shown::say(&holder.key().to_string());
    let mut words = String::new();
    std::io::stdin().read_line(&mut words).ok()?;
    let lent: LentSecrets = serde_json::from_str(&words).ok()?;
    let secret = |lent: &LentSecret| {
        let variable = Some(lent.name.as_str().to_uppercase());
        Secret { name: lent.name.to_string(), variable, bytes: Vec::new().into() }
    };
    let system = ["/bin", "/lib", "/lib64", "/usr"].map(PathBuf::from);
    let spec = Spec {
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        own: false,
        script: None,
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        binds: system.into_iter().filter(|path| path.exists()).collect(),
        image: None,
        network: Vec::new(),
        connect: Vec::new(),
        certificates: None,
        service: None,
        secrets: lent.values.iter().map(secret).collect(),
        limits: within.caps().limits(&StepLimits::default()).ok()?,
    };
    let id = Id::from_random([1; 16]);
    let held = HeldStep::new(&within, holder, (id, id), lent, Vec::new());
    let log = |_, piece: &[u8]| drop(std::io::Write::write_all(&mut std::io::stderr(), piece));
    let outcome = held.run(&spec, &[], &log, &|| true).ok()?;
    shown::say(&format!("ended: {:?}", outcome.exit));
    // As a runner that goes on with other work.
    drop(held);
    std::io::stdin().read_line(&mut words).ok().map(drop)
}

fn surroundings(repository: &Path) -> ExitCode {
    let Ok(toolchain) = Toolchain::of_host(&[]) else { return ExitCode::FAILURE };
    shown::say(&format!("toolchain: {:?} {:?}", toolchain.binds(), toolchain.programs()));
    for name in ECOSYSTEMS {
        shown::say(&format!("{name}: {:?}", ecosystem_hosts(name, &toolchain)));
    }
    let head = resolve(repository, "HEAD");
    shown::say(&format!("head: {head:?}"));
    if let (Ok(mut opened), Ok(head)) = (Repository::open(repository, runner::Budget::default()), head) {
        shown::say(&format!(
            "source: {:?}",
            runner::Source::fetch(&mut opened, &head).map(|source| source.id)
        ));
    }
    let signs = program::of_person("ssh-keygen").arg("-?").output().is_ok();
    shown::say(&format!("ssh-keygen starts: {signs}"));
    ExitCode::SUCCESS
}
