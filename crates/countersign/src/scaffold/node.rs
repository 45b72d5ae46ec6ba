//! Node: a project with a `package.json`, installed by `npm` from its lock file.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::recipe::{self, Recipe, Test};
use crate::failure::Failure;

/// The recipe of a repository with a `package.json`.
pub fn recipe(repository: &Path, out: &str, start: Option<&str>) -> Result<Option<Recipe>, Failure> {
    let file = repository.join("package.json");
    let Ok(text) = fs::read(&file) else { return Ok(None) };
    let package: Value = serde_json::from_slice(&text)
        .map_err(|error| Failure::error(format!("`{}`: {error}", file.display())))?;
    let mut notes = Vec::new();
    let install = install(repository, &package, &mut notes);
    let script = |name: &str| package.get("scripts")?.get(name)?.as_str();
    let mut build = match (&install, script("build")) {
        (None, None) => String::new(),
        (None, Some(_)) => "npm run build\n".into(),
        (Some(install), None) => format!("{SETTINGS}{install} --omit=dev\nnpm rebuild\n"),
        (Some(install), Some(_)) => {
            format!(
                "{SETTINGS}{install}\nnpm rebuild\nnpm run build\nnpm prune --omit=dev --ignore-scripts\n"
            )
        }
    };
    build += &recipe::copied(out);
    build += &recipe::program(out, "check", CHECK);
    if let Some(line) = start {
        let settings = "export HOME=\"$STATE_DIRECTORY\" NODE_ENV=production\nexport PATH=\"$here/app/node_modules/.bin:$PATH\"";
        build += &recipe::program(
            out,
            "start",
            &format!("{settings}\ncd \"$here/app\" && {}", recipe::exec(line)),
        );
    } else if let Some(line) = script("start") {
        notes.push(format!(
            "It has a start script; as a service: `countersign init --command '{line}' --port 8080`."
        ));
    }
    let test = tests(repository, script("test"), install.as_deref(), &mut notes);
    let network = if install.is_some() { vec!["npm".into()] } else { Vec::new() };
    Ok(Some(Recipe { kind: "a Node project", out: out.to_owned(), build, network, test, notes }))
}

/// The command that installs the dependencies; `None` if the package has no dependencies.
fn install(repository: &Path, package: &Value, notes: &mut Vec<String>) -> Option<String> {
    let lists = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "workspaces"];
    let is_empty = |list: &Value| {
        list.as_object().is_none_or(serde_json::Map::is_empty) && list.as_array().is_none_or(Vec::is_empty)
    };
    if lists.iter().filter_map(|name| package.get(name)).all(is_empty) {
        return None;
    }
    let is_locked =
        ["package-lock.json", "npm-shrinkwrap.json"].iter().any(|name| repository.join(name).exists());
    if !is_locked {
        notes.push("There is no package-lock.json, so what is installed depends on the day: `npm install --package-lock-only`, commit it, and write `npm ci`.".into());
    }
    let command = if is_locked { "npm ci" } else { "npm install --no-package-lock" };
    // The package's own scripts (husky, prepare) are for developers' clones; `npm rebuild` runs those of dependencies.
    Some(format!("{command} --ignore-scripts --no-audit --no-fund"))
}

/// The project's own test script, if there is anything for it to test.
fn tests(
    repository: &Path,
    script: Option<&str>,
    install: Option<&str>,
    notes: &mut Vec<String>,
) -> Option<Test> {
    let line = script.filter(|line| !line.contains("no test specified"))?;
    if !has_tests(repository) {
        notes.push(format!(
            "`npm test` ({}) is not run: the repository has no test files.",
            shown::brief(line, 80)
        ));
        return None;
    }
    let install = install.map_or_else(String::new, |install| format!("{SETTINGS}{install}\nnpm rebuild\n"));
    Some(Test { run: format!("{install}npm test"), after_build: false })
}

/// Whether there are test files, by the names that test runners look for.
fn has_tests(repository: &Path) -> bool {
    let is_test = |name: &str| {
        ["test", "tests", "__tests__", "spec"].contains(&name.split('.').next().unwrap_or_default())
            || name.contains(".test.")
            || name.contains(".spec.")
    };
    let dirs = [".", "src", "lib"].map(|dir| repository.join(dir));
    let items = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    items.into_iter().any(|item| is_test(&item.file_name().to_string_lossy()))
}

const SETTINGS: &str = "export npm_config_cache=/tmp/npm npm_config_update_notifier=false\n";

/// Checks that all dependencies are there and that the main file parses as a program.
const CHECK: &str = r#"cd "$here/app" && exec node -e '
const fs = require("fs"), own = JSON.parse(fs.readFileSync("package.json"));
for (const name of Object.keys(own.dependencies || {})) fs.accessSync("node_modules/" + name);
const main = own.main || "index.js";
if (/[.][cm]?js$/.test(main) && fs.existsSync(main))
  require("child_process").execFileSync(process.execPath, ["--check", main]);
'"#;
