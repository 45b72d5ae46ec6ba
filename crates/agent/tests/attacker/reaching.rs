//! A service that reaches for what its agent holds: key, memory, releases, processes.
//!
//! Invariant: the same service first runs as the agent's own user, and gets all of it; so an attack that fails for another
//! reason than the account is noticed.

use std::fs;

use agent::Services as _;

use crate::stage::{Done, Stage, described, stop, until};

/// Runs the service as the agent's user in a directory of its own, and then as the account of the stage.
pub fn attack(stage: &Stage) -> Done {
    let own = stage.dir.with_extension("own");
    fs::create_dir(&own).map_err(|error| error.to_string())?;
    let own = Stage { user: None, home: own.clone(), dir: own, token: stage.token.clone(), port: stage.port };
    own.make()?;
    let (got, others) = (reached(&own)?, reached(stage)?);
    let all = ["key", "memory", "list", "write", "releases", "parent"];
    for name in all {
        if !got.lines().any(|line| line == format!("reached {name}")) {
            return Err(format!("as the agent's user it did not reach `{name}`, so nothing is shown: {got}"));
        }
    }
    let lines: Vec<&str> = others.lines().collect();
    if lines.iter().any(|line| line.starts_with("reached ")) {
        return Err(format!("as another user it reached: {others}"));
    }
    let expected =
        ["wrote its state", "wrote to its log", "groups 65534", "capabilities 0000000000000000", "done"];
    match expected.iter().find(|line| !lines.contains(*line)) {
        Some(missing) => Err(format!("`{missing}` is missing: {others}")),
        None => Ok(()),
    }
}

/// Everything that the service says.
fn reached(stage: &Stage) -> Result<String, String> {
    for name in ["key.pem", "memory.json"] {
        fs::write(stage.dir.join(name), "secret").map_err(|error| error.to_string())?;
    }
    let releases = stage.home.join("releases");
    fs::create_dir_all(&releases).map_err(|error| error.to_string())?;
    let (dir, agent) = (stage.dir.display(), std::process::id());
    let releases = releases.display();
    let text = format!(
        "cat {dir}/key.pem >/dev/null && echo reached key
         cat {dir}/memory.json >/dev/null && echo reached memory
         ls {dir} >/dev/null && echo reached list
         (echo x > {dir}/new) && echo reached write
         (echo x > {releases}/new) && echo reached releases
         kill -0 $PPID && echo reached parent
         kill -0 {agent} && echo reached agent
         cat /proc/{agent}/environ >/dev/null && echo reached variables
         (echo x > $STATE_DIRECTORY/new) && echo wrote its state
         (echo wrote to its log > /dev/stderr)
         echo groups $(id -G)
         echo capabilities $(grep CapPrm /proc/self/status | cut -f 2)
         echo done
         exec sleep TOKEN"
    );
    let mut processes = stage.processes()?;
    let plan = stage.plan(stage.script(&text))?;
    stage.start(&mut processes, &plan)?;
    let log = || fs::read_to_string(stage.dir.join("service.log")).unwrap_or_default();
    until("it never ended", || log().lines().any(|line| line == "done"))?;
    stop(&mut processes)?;
    stage.none_lives()?;
    processes.prepare(&plan).map_err(described)?;
    Ok(log())
}
