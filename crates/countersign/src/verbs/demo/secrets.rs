//! Secrets: one is lent to a step, which prints it in ten encodings, and its log shows none. The same change brings a migration,
//! whose role and SSH certificate are made for it. Nobody needs another secret, and a read of that one is an alert.

use std::fs;

use client::leaks::LeakSearch;
use client::random;
use serde_json::{Value, json};

use super::migration::Migration;
use super::repository::broke;
use super::stage::{PROJECT, Stage};
use super::values::put;
use crate::failure::Failure;
use crate::waiting::runtime;

/// Bob lends a token to a step that prints it, and brings a migration.
pub fn lent(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a secret lent to a step";
    let value = format!("demo-{}", random::id()?);
    let secret = format!("{PROJECT}/registry/token");
    put(stage, &[&secret], &value, line)?;
    let bounds = ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "it publishes", "--yes"];
    let grant = ["secret", "grant", &secret, "--to-step", "publish"];
    stage.expect("bob", &[&grant[..], &bounds].concat(), 0, line)?;
    let pipeline = ".countersign/pipeline.yaml";
    let honest = fs::read_to_string(stage.repository_dir().join(pipeline))?;
    let migration = Migration::prepare(stage)?;
    stage.write(pipeline, &Migration::pipeline(&honest).replace("steps:\n", STEP))?;
    stage.commit("bob", "Publish what was built, and migrate before it runs")?;
    let ran = stage.expect("bob", &["run", "--ref", "main"], 0, line)?.value;
    let run = ran.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    let log = stage.expect("bob", &["logs", &run, "publish"], 0, line)?.value;
    let masked = log.get("logs").map(|logs| logs.to_string().matches("***").count()).unwrap_or_default();
    if masked < ENCODINGS {
        return Err(broke(line, &format!("the log masks {masked} of {ENCODINGS}: {log}")));
    }
    // Its logs and artifact, and every file of the server.
    let mut search = LeakSearch::new(value.as_bytes())?;
    let client = stage.client()?;
    let view = runtime()?.block_on(client.run(run.parse()?))?;
    runtime()?.block_on(search.run(&client, &view));
    if !search.unread.is_empty() {
        return Err(broke(line, &format!("not read: {:?}", search.unread)));
    }
    search.directory(&stage.data)?;
    if !search.leaks.is_empty() {
        return Err(broke(line, &format!("the value is at {:?}", search.leaks)));
    }
    let reads =
        uses(stage, &secret, line)?.iter().filter(|used| used.get("allowed") == Some(&json!(true))).count();
    if reads != 1 {
        return Err(broke(line, &format!("{reads} reads are on record")));
    }
    stage.tell(
        "a token is lent to one step on main, which prints it in ten encodings: log, artifact and server have none, and the read is on record"
            .into(),
    );
    migration.told(stage)?;
    stage.write(pipeline, &honest)?;
    stage.commit("bob", "Publish by hand again").map(drop)
}

/// Bob reads a secret that nobody needs.
pub fn bait(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a honey token";
    let secret = format!("{PROJECT}/payroll/admin");
    put(stage, &["--honey", &secret], &format!("demo-{}", random::id()?), line)?;
    let out = stage.aside("payroll").display().to_string();
    stage.expect("bob", &["secret", "get", &secret, "--reason", "curious", "--out", &out], 0, line)?;
    fs::remove_file(&out)?;
    let alerts = uses(stage, &secret, line)?;
    let alert = alerts.iter().find(|used| used.get("allowed").is_none());
    let words = alert.and_then(|alert| alert.get("summary")).and_then(Value::as_str).map(str::to_owned);
    let Some(words) = words else {
        return Err(broke(line, "there is no alert"));
    };
    stage.tell(format!("Bob reads a secret that nobody needs: the read and an alert are on record: {words}"));
    Ok(())
}

/// Lines of the record about a secret.
pub fn uses(stage: &Stage, secret: &str, line: &str) -> Result<Vec<Value>, Failure> {
    let used = stage.expect("alice", &["secret", "used", secret], 0, line)?.value;
    Ok(used.get("lines").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Number of texts that the step prints with its secret in them.
const ENCODINGS: usize = 10;
/// The step, and the beginning of the steps that follow.
const STEP: &str = r#"steps:
  publish:
    needs: [build]
    secrets: { token: { secret: registry/token } }
    run: |
      v=$(cat /run/secrets/token)
      echo "plain $v"; printf %s "$v" | base64 -w0; echo; printf 'admin:%s' "$v" | base64 -w0; echo
      printf 'ab%s' "$v" | base64 -w 10; printf %s "$v" | base32 -w0; echo
      printf %s "$v" | od -An -v -tx1 | tr -d ' \n'; echo; printf %s "$v" | od -An -v -tx1 | sed 's, ,%,g' | tr -d '\n'; echo
      printf %s "$v" | rev; echo; printf %s "$v" | fold -w 3; echo
      set -x; : "$v"; set +x
"#;
