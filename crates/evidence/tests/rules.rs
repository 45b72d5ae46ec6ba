//! Rules for new runs: each mistake is named with its file and place before a run starts. Files that older programs
//! accepted must still be read, because their evidence is verified again.

use evidence::pipeline::{self, Pipeline};
use evidence::plan::{Destination, Plan};
use evidence::release_file::{self, ReleaseFile};
use evidence::rules::{ECOSYSTEMS, network_fault, notes, read};

const STEPS: &str = "\
version: 1
steps:
  build:
    run: make
    network: [cargo, pip, npm, registry.example.org, 'registry.example.org:8443', 'localhost:80', '[::1]:443', '192.0.2.7:80']
    env: {LEVEL: a, SOURCE_DATE_EPOCH: '42', PATH: /opt/x, http_proxy: 'http://p:1'}
    outputs: [out, name.txt]
    limits: {time-seconds: 60}
  agreed:
    needs: [build]
    approval: {role: release-manager, count: 2}
artifacts:
  api:
    artifact-type: application/vnd.example.api
    files:
      bin: {step: build, path: out}
";
const SERVICES: &str = "\
version: 1
services:
  api:
    artifact: api
    process: {command: [bin/api, --serve], port: 8080}
    env: {MODE: strict, PATH: /opt/y}
    probe: {http: '/health?full=1', attempts: 30, interval-ms: 200}
    limits: {memory-mib: 512, open-files: 64}
";

fn problems(steps: &str, services: &str) -> Vec<String> {
    read(steps.as_bytes(), Some(services.as_bytes())).problems.iter().map(ToString::to_string).collect()
}

/// Changes one of the two files and checks the problems, each with the file's name.
fn check(file: &str, (from, to): (&str, &str), expected: &str) {
    let sound = if file == pipeline::PATH { STEPS } else { SERVICES };
    assert!(sound.contains(from), "{from}");
    let changed = sound.replace(from, to);
    let found = if file == pipeline::PATH { problems(&changed, SERVICES) } else { problems(STEPS, &changed) };
    let named = |line: &String| line.starts_with(&format!("{file}: ")) && line.contains(expected);
    assert!(found.iter().any(named), "expected `{expected}` of {file} in: {found:?}");
}

#[test]
fn sound_files_have_no_problem() {
    assert_eq!(problems(STEPS, SERVICES), [""; 0]);
    assert!(read(STEPS.as_bytes(), None).problems.is_empty());
}

#[test]
fn each_mistake_in_the_pipeline_is_named_before_anything_is_built() {
    let long = "x".repeat(200_000);
    let deep = "n".repeat(101);
    for (from, to, expected) in [
        (
            "[cargo, ",
            "[maven, ",
            "steps.build.network: `maven` is neither an ecosystem (known are cargo, go, npm, pip)",
        ),
        ("[cargo, ", "['https://x.example/y', ", "`https://x.example/y` is a URL or path"),
        ("[cargo, ", "['*.example.org', ", "`*.example.org` is a pattern"),
        ("[cargo, ", "['x.example:0', ", "has a port that is not one of 1 to 65535"),
        ("[cargo, ", "['x.example:65536', ", "has a port that is not one of 1 to 65535"),
        ("[cargo, ", "['a b.example', ", "`a b.example` is not a host"),
        (
            "LEVEL: a",
            "COUNTERSIGN_STEP: a",
            "steps.build.env: `COUNTERSIGN_STEP` cannot name a variable of yours",
        ),
        ("LEVEL: a", "'A=B': a", "`A=B` cannot name a variable: letters"),
        ("LEVEL: a", "'': a", "`` cannot name a variable"),
        ("LEVEL: a", "\"A\\0\": a", "`A\\0` cannot name a variable"),
        ("LEVEL: a", "LEVEL: \"a\\0b\"", "steps.build.env: the value of `LEVEL` holds a NUL byte"),
        ("LEVEL: a", &format!("LEVEL: {long}"), "the value of `LEVEL` has more than 128 KiB"),
        ("run: make", "run: \"make\\0x\"", "steps.build.run: holds a NUL byte"),
        ("run: make", &format!("run: [make, {long}]"), "steps.build.run: a word has more than 128 KiB"),
        ("run: make", "run: [make, \"a\\0\"]", "steps.build.run: a word holds a NUL byte"),
        ("name.txt", "/name.txt", "steps.build.outputs: `/name.txt` is an absolute path"),
        ("name.txt", "name/", "`name/` ends with `/`"),
        ("name.txt", "./name", "`./name` has a part `.` or `..`"),
        ("name.txt", "a/../b", "`a/../b` has a part `.` or `..`"),
        ("name.txt", "'a\\b'", "has a control character or a backslash"),
        ("name.txt", "\"a\\nb\"", "has a control character or a backslash"),
        ("name.txt", "''", "`` is empty"),
        ("name.txt", "x/.GIT/config", "has a part `.git`"),
        ("name.txt", ".countersign/pipeline.yaml", "lies in `.countersign`"),
        ("name.txt", &"n".repeat(256), "has a part of more than 255 bytes"),
        ("time-seconds: 60", "time-seconds: 0", "`time-seconds` is 0 or above 604800"),
        ("time-seconds: 60", "memory-mib: 17592186044416", "`memory-mib` is 0 or above 1048576"),
        ("time-seconds: 60", "time-seconds: 18446744073709551615", "`time-seconds` is 0 or above"),
        ("time-seconds: 60", "time-seconds: 18446744073709551616", "line 8"),
        ("time-seconds: 60", "processes: -1", "line 8"),
        ("count: 2}", "count: 65}", "steps.agreed.approval.count: is above 64"),
        ("count: 2}", "count: 2}\n    limits: {memory-mib: 5}", "steps.agreed.limits: mean nothing"),
        ("vnd.example.api", "x y", "artifacts.api.artifact-type: `application/x y` is not a media type"),
        ("      bin: {", &format!("      {deep}: {{"), "does not fit a layer"),
        ("      bin: {", "      a/.wh.b: {", "has a part that begins with `.wh.`"),
        (
            "{step: build, path: out}",
            "{step: agreed, path: out}",
            "step `agreed` is an approval, which leaves nothing",
        ),
        (
            "{step: build, path: out}",
            "{step: build, path: other}",
            "`other` is not among the outputs of step `build`",
        ),
        (
            "      bin: {step: build, path: out}",
            "      bin: {step: build, path: out}\n      bin: {step: build, path: name.txt}",
            "duplicate",
        ),
        ("LEVEL: a", "LEVEL: a, LEVEL: b", "duplicate"),
    ] {
        check(pipeline::PATH, (from, to), expected);
    }
}

#[test]
fn each_mistake_in_the_release_file_is_named_before_anything_is_built() {
    for (from, to, expected) in [
        ("port: 8080", "port: 0", "services.api.process.port: is 0"),
        ("port: 8080", "port: 65536", "line"),
        (
            "artifact: api",
            "artifact: app",
            "services.api.artifact: the pipeline makes no artifact `app`; it makes: api",
        ),
        (
            "[bin/api, --serve]",
            "[sbin/api]",
            "services.api.process.command: `sbin/api` is not in artifact `api`, which holds: bin",
        ),
        (
            "[bin/api, --serve]",
            "[bin/api, \"a\\0\"]",
            "services.api.process.command: a word holds a NUL byte",
        ),
        ("MODE: strict", "LISTEN_FDS: '3'", "services.api.env: `LISTEN_FDS` cannot name a variable of yours"),
        ("MODE: strict", "STATE_DIRECTORY: x", "`STATE_DIRECTORY` cannot name a variable of yours"),
        ("MODE: strict", "MODE: \"a\\0\"", "services.api.env: the value of `MODE` holds a NUL byte"),
        ("MODE: strict", "MODE: a, MODE: b", "duplicate"),
        (
            "memory-mib: 512",
            "memory-mib: 0",
            "services.api.limits.memory-mib: must lie between 1 and 1048576",
        ),
        ("memory-mib: 512", "memory-mib: 17592186044416", "services.api.limits.memory-mib: must lie"),
        ("open-files: 64", "open-files: 0", "services.api.limits.open-files: must lie between 8 and 1048576"),
        (
            "attempts: 30, interval-ms: 200",
            "attempts: 10000, interval-ms: 60000",
            "services.api.probe: `attempts` times `interval-ms` is 600000 seconds",
        ),
        ("attempts: 30, interval-ms: 200", "attempts: 3601, interval-ms: 1000", "at most an hour"),
        ("/health?full=1", "/he|lth#x", "services.api.probe.http: `/he|lth#x` cannot be asked for"),
        (
            "http: '/health?full=1'",
            "command: [bin/../x]",
            "services.api.probe.command: must start with a path",
        ),
        ("process: {command: [bin/api, --serve], port: 8080}", "", "only a process answers over HTTP"),
    ] {
        check(release_file::PATH, (from, to), expected);
    }
    let hour = SERVICES.replace("attempts: 30, interval-ms: 200", "attempts: 3600, interval-ms: 1000");
    assert_eq!(problems(STEPS, &hour), [""; 0]);
    let twice = format!("{SERVICES}  api: {{artifact: api, probe: {{command: [bin/x]}}}}\n");
    check(release_file::PATH, (SERVICES, &twice), "duplicate");
}

#[test]
fn all_mistakes_are_named_at_once() {
    let steps = STEPS.replace("[cargo, ", "[maven, ").replace("name.txt", ".countersign/x");
    let services = SERVICES.replace("port: 8080", "port: 0").replace("artifact: api", "artifact: app");
    assert_eq!(problems(&steps, &services).len(), 4);
}

#[test]
fn what_may_not_be_meant_is_said_and_allowed() {
    let steps =
        STEPS.replace("artifacts:\n", "artifacts:\n  idle: {files: {x: {step: build, path: name.txt}}}\n");
    let services = format!(
        "{}  tiny: {{artifact: api, process: {{command: [bin/t], port: 80}}, probe: {{http: /}}}}\n  \
         bare: {{artifact: api, process: {{command: [bin/t]}}, probe: {{http: /}}}}\n  \
         same: {{artifact: api, process: {{command: [bin/t], port: 8080}}, probe: {{http: /}}}}\n",
        SERVICES
    );
    let read = read(steps.as_bytes(), Some(services.as_bytes()));
    assert_eq!(read.problems, [], "{:?}", read.problems);
    let notes = notes(&read.pipeline.unwrap_or_else(|| unreachable!()), read.release.as_ref()).join("\n");
    for expected in [
        "artifact `idle` is built, but no service",
        "service `tiny`: port 80 is below 1024",
        "service `bare`: it is probed over HTTP and names no port",
        "services `api` and `same` have port 8080",
    ] {
        assert!(notes.contains(expected), "expected `{expected}` in: {notes}");
    }
}

/// Otherwise the evidence of a commit that ran before the rule existed would no longer verify.
#[test]
fn what_was_accepted_once_is_still_read() {
    let old = STEPS.replace("[cargo, ", "[maven, ").replace("name.txt", ".countersign/x");
    assert!(Pipeline::parse(old.as_bytes()).is_ok() && problems(&old, SERVICES).len() == 2);
    let old = SERVICES.replace("port: 8080", "port: 0").replace("open-files: 64", "open-files: 1");
    assert!(ReleaseFile::parse(old.as_bytes()).is_ok() && problems(STEPS, &old).len() == 2);
}

/// Sizes that do not fit are never truncated.
#[test]
fn a_plan_never_holds_less_memory_than_the_file_says() {
    let text = SERVICES.replace("memory-mib: 512", "memory-mib: 17592186044417");
    let file = ReleaseFile::parse(text.as_bytes()).unwrap_or_else(|error| unreachable!("{error}"));
    let name = |text: &str| text.parse().unwrap_or_else(|_| unreachable!());
    let to = Destination {
        installation: evidence::Id::from_random([1; 16]),
        project: &name("shop"),
        service: &name("api"),
        environment: &name("dev"),
        commit: &"a".repeat(40).parse().unwrap_or_else(|_| unreachable!()),
    };
    assert!(Plan::derive(&to, &file, &evidence::configuration::Configuration::default()).is_err());
}

#[test]
fn every_ecosystem_is_a_destination() {
    assert!(ECOSYSTEMS.iter().all(|name| network_fault(name).is_none()));
    assert!(network_fault(&format!("{}.example", "a".repeat(64))).is_some());
}

/// The example that people start from, and that `demo` runs.
#[test]
fn the_example_follows_the_rules() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/ledger-api/.countersign");
    let file = |name: &str| std::fs::read(dir.join(name)).unwrap_or_else(|error| unreachable!("{error}"));
    assert_eq!(read(&file("pipeline.yaml"), Some(&file("release.yaml"))).problems, []);
}

/// A person mends all faults at once. A parser that stops at the first error would cost one round for each.
#[test]
fn every_step_and_service_that_does_not_parse_is_named() {
    let steps = "\
version: 1
steps:
  one: {run: make, otuputs: [out]}
  two: {run: make, limits: {time-seconds: soon}}
  three: {run: make, network: [maven]}
  four: {needs: [one]}
  five: {run: make, needs: [one]}
";
    let services = "\
version: 1
services:
  api: {artifact: api, prob: {http: /}}
  web: {artifact: web, process: {command: [/bin/web]}, probe: {http: /}}
  worker: {artifact: worker, probe: {}}
";
    let found = problems(steps, services);
    for (place, words) in [
        (pipeline::PATH, "unknown field `otuputs`"),
        (pipeline::PATH, "steps.two: invalid type: string \"soon\""),
        (pipeline::PATH, "steps.three.network: `maven` is neither an ecosystem"),
        (pipeline::PATH, "steps.four: needs either `run` or `approval`"),
        (release_file::PATH, "unknown field `prob`"),
        (release_file::PATH, "services.web.process.command: must start with a path in the artifact"),
        (release_file::PATH, "services.worker.probe: needs exactly one of"),
    ] {
        let named = |line: &&String| line.starts_with(place) && line.contains(words);
        assert_eq!(found.iter().filter(named).count(), 1, "`{words}` in {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
    let circle = "version: 1\nsteps:\n  a: {run: x, needs: [b]}\n  b: {run: x, needs: [a]}\n  c: {}\n";
    let found = problems(circle, SERVICES);
    assert!(found.iter().any(|line| line.contains("in a circle")), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("steps.c: needs either")), "{found:#?}");
}
