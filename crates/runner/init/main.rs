//! The sandbox's init, and the holder of a step's secrets, as a separate program for this crate's tests; the product uses its one binary. With the argument
//! `surroundings` it runs every helper program of a runner, in the directory and environment in which it is started.

use std::path::Path;
use std::process::{Command, ExitCode};

use runner::{ECOSYSTEMS, Repository, Toolchain, ecosystem_hosts, program, resolve};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [word, repository] if word == "surroundings" => surroundings(Path::new(repository)),
        [word] if word == "secret-holder" => ExitCode::from(runner::holder_main(init)),
        _ => ExitCode::from(sandbox::init_main(runner::own_task)),
    }
}

fn init() -> Command {
    let mut init = Command::new("/proc/self/exe");
    init.env_clear().current_dir("/");
    init
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
