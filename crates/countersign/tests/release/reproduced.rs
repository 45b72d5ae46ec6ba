//! Everything that the demo has in force becomes files, and they bring the same into force in an installation that began with nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Home, Up};

/// The files of a directory by their paths.
fn files(dir: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// What files declare, without the keys of one installation.
fn declared(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    files(dir, "", &mut found);
    found.remove("keys.yaml").unwrap();
    found
}

/// Everything that the demo has in force, from files into an installation that has nothing but its root and its people.
pub fn everything_is_reproduced(home: &Home, told: &Value) {
    let data = PathBuf::from(told["data"].as_str().unwrap());
    let beside = |name: &str| data.with_file_name(name);
    let as_person = |number: usize, commands: &str| {
        let person = &told["people"][number];
        let lines: Vec<_> =
            person["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let mut shell = home.program("sh");
        shell.args(["-euc", &format!("{}\n{commands}", lines.join("\n"))]).stdin(Stdio::null());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{commands}: {said}{text}");
        said.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default()
    };
    let first = beside("first");
    as_person(0, &format!("countersign apply --export {} -o json", first.display()));
    let same = as_person(0, &format!("countersign apply --check {} -o json", first.display()));
    assert_eq!(same["differences"], json!([]), "{same}");
    // The empty installation of the same two people.
    let empty = beside("empty");
    let people = PathBuf::from(format!("{}.people/people.json", data.display()));
    let made = as_person(
        0,
        &format!(
            "countersign init --bare --mode rehearsal --people {} --data {} -o json",
            people.display(),
            empty.display()
        ),
    );
    let bob = made["people"].as_array().unwrap().iter().find(|person| person["name"] == "bob").unwrap();
    as_person(
        1,
        &format!(
            "countersign key use --pin {} --person {} --key ~/approval.pub --sign-in-key ~/sign-in.pub --data {}",
            made["pin"].as_str().unwrap(),
            bob["person"].as_str().unwrap(),
            empty.display()
        ),
    );
    let up: Up = home.up_in(&["--data", empty.to_str().unwrap()]);
    let there = format!("export COUNTERSIGN_DATA={}", empty.display());
    let own = beside("own");
    as_person(0, &format!("{there}\ncountersign apply --export {}", own.display()));
    let agents = lines_of_agents(&first, &data, &as_person);
    let keys = std::fs::read_to_string(own.join("keys.yaml")).unwrap();
    assert!(keys.contains("agents: {}\n"), "{keys}");
    std::fs::write(first.join("keys.yaml"), keys.replace("agents: {}\n", &agents)).unwrap();
    let out = beside("to-sign");
    let written = as_person(
        0,
        &format!("{there}\ncountersign apply {} --out {} --yes -o json", first.display(), out.display()),
    );
    for file in written["files"].as_array().unwrap() {
        let file = file.as_str().unwrap();
        as_person(1, &format!("{there}\ncountersign trust sign {file} --yes\ncountersign trust send {file}"));
    }
    let rest = as_person(0, &format!("{there}\ncountersign apply {} --yes -o json", first.display()));
    assert!(!rest["applied"].as_array().unwrap().is_empty(), "grants and waivers are one person's: {rest}");
    let same = as_person(0, &format!("{there}\ncountersign apply --check {} -o json", first.display()));
    assert_eq!(same["differences"], json!([]), "{same}");
    let second = beside("second");
    as_person(0, &format!("{there}\ncountersign apply --export {}", second.display()));
    assert_eq!(declared(&first), declared(&second), "the same is in force, keys and numbers apart");
    assert!(up.stop());
}

/// New agents for every place of the files, as a block of `keys.yaml`.
fn lines_of_agents(first: &Path, data: &Path, as_person: &dyn Fn(usize, &str) -> Value) -> String {
    let mut found = BTreeMap::new();
    files(&first.join("environments"), "", &mut found);
    assert!(found.len() >= 6, "{:?}", found.keys());
    let mut block = "agents:\n".to_owned();
    for (number, name) in found.keys().enumerate() {
        let place = name.trim_end_matches(".yaml");
        let dir = data.with_file_name(format!("new-agent-{number}"));
        let made =
            as_person(0, &format!("countersign agent key --data {} --name agent -o json", dir.display()));
        block += &format!("  {place}: [{}]\n", made["line"]);
    }
    block
}
