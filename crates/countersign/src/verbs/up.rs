//! `countersign up`: starts the roles on what `init` made, each as a process of its own.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{Place, runtime};
use crate::children::{Role, Stop};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    place: Place,
    /// Loopback address of the server; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

#[derive(Debug, Serialize)]
struct Started {
    url: String,
    mode: &'static str,
    roles: Vec<(String, u32)>,
    next: String,
}

/// Runs until it is asked to end, or a role ends by itself.
pub fn run(verb: &Up, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    if !home.data().exists() {
        let what = format!(
            "there is no installation at `{}`; make one with `countersign init`",
            home.data().display()
        );
        return Err(Failure::error(what));
    }
    let (root, _) = trust::root_of(home.data(), None)?;
    let witness = Role::start("witness", &home.witness(), &[])?;
    let arguments = ["--witness".into(), witness.ready.url.clone(), "--listen".into(), verb.listen.clone()];
    let server = Role::start("server", home.data(), &arguments)?;
    let mut roles = vec![server, witness];
    for role in ["runner", "agent"] {
        for dir in home.roles(role)? {
            let arguments = [
                "--server".to_owned(),
                roles.first().map(|server| server.ready.url.clone()).unwrap_or_default(),
            ];
            roles.push(Role::start(role, &dir, &arguments)?);
        }
    }
    let server = roles.first().ok_or_else(|| Failure::error("nothing was started"))?;
    let started = Started {
        url: server.ready.url.clone(),
        mode: trust::assurance(root.mode),
        roles: roles.iter().map(|role| (role.ready.role.clone(), role.ready.pid)).collect(),
        next: "countersign run".into(),
    };
    // Whoever reads that it is up may ask it to end at once.
    let runtime = runtime()?;
    let stop = {
        let _inside = runtime.enter();
        Stop::listen()?
    };
    output.print(&started, |started| {
        format!(
            "up at {}\nmode: {}; all roles run as one user on one machine\nnext: {}   (in another terminal; Ctrl-C here stops everything)",
            started.url, started.mode, started.next
        )
    })?;
    let ended = runtime.block_on(watch(&mut roles, stop));
    // The server goes last, so that the others' last words are heard.
    while roles.pop().is_some() {}
    match ended {
        None => Ok(()),
        Some(role) => Err(Failure::error(format!("{role} ended by itself, so the others were stopped"))),
    }
}

/// Waits for the signal to end, or for the first role that ends by itself.
async fn watch(roles: &mut [Role], stop: Stop) -> Option<String> {
    let stop = stop.asked();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return None,
            () = tokio::time::sleep(LOOK_EVERY) => {
                for role in roles.iter_mut() {
                    if role.has_ended() {
                        return Some(role.ready.role.clone());
                    }
                }
            }
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
