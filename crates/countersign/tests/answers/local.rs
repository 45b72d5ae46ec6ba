//! `pipeline check` and `pipeline run`: checks and trials before a commit, in a repository that no installation knows.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Home;

const PIPELINE: &str = "\
version: 1
steps:
  build:
    run: |
      echo building for $COUNTERSIGN_PROJECT
      mkdir -p out/spool && cp main.txt out/ && ln -s main.txt out/link
      printf '#!/bin/sh\\n' > out/ok && chmod +x out/ok
    outputs: [out]
  test:
    needs: [build]
    run: test -L out/link && test -d out/spool && test ! -e ignored.log && echo tested
  sign: {needs: [test], approval: {role: release-manager, count: 2}}
artifacts:
  app: {files: {app: {step: build, path: out}}}
";
const RELEASE: &str =
    "version: 1\nservices:\n  app: {artifact: app, probe: {command: [app/ok], attempts: 3}}\n";

struct Tree {
    home: Home,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { home: Home::new() };
        fs::create_dir_all(tree.dir().join(".countersign")).unwrap();
        tree.git(&["init", "-q", "-b", "main"]);
        tree.write(".countersign/pipeline.yaml", PIPELINE);
        tree.write(".countersign/release.yaml", RELEASE);
        tree.write("main.txt", "main\n");
        tree.write("ignored.log", "noise\n");
        tree.write(".gitignore", "*.log\n");
        tree
    }

    fn dir(&self) -> PathBuf {
        self.home.dir.path().join("shop")
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.dir().join(path), text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = self.home.program("git");
        let output = git.args(arguments).current_dir(self.dir()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, arguments: &[&str], code: i32) -> Value {
        self.home.json_in(&self.dir(), arguments, code)
    }

    fn text(&self, arguments: &[&str]) -> (String, String) {
        let output = self.home.run_in(&self.dir(), arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }
}

fn whats(refused: &Value) -> Vec<String> {
    let reasons = refused["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_working_tree_is_checked_without_a_commit_and_without_a_server() {
    let tree = Tree::new();
    let plan = tree.json(&["pipeline", "check"], 0);
    assert_eq!(plan["steps"][0]["name"], "build");
    assert_eq!(plan["steps"][1]["gets"], json!({ "build": ["out"] }));
    assert_eq!(plan["steps"][0]["limits"]["memory_mib"], 4096);
    assert_eq!(plan["steps"][2]["approval"], json!({ "role": "release-manager", "count": 2 }));
    assert_eq!(plan["artifacts"]["app"]["app"], "build:out");
    assert!(plan.get("places").is_none() && plan["notes"] == json!([]), "{plan}");
    let (out, _) = tree.text(&["pipeline", "check"]);
    assert!(out.contains("    gets from build: out") && out.contains("all rules are followed"), "{out}");
    let test =
        "  test:\n    secrets: { token: { secret: registry/token, env: TOKEN }, key: { secret: a } }\n";
    tree.write(".countersign/pipeline.yaml", &PIPELINE.replace("  test:\n", test));
    let (out, _) = tree.text(&["pipeline", "check"]);
    let token = "    has the secret registry/token in /run/secrets/token and in the variable TOKEN, if it is granted\n";
    assert!(out.contains(token), "{out}");
    assert!(out.contains("    has the secret a in /run/secrets/key, if it is granted\n"), "{out}");
    tree.write(".countersign/pipeline.yaml", PIPELINE);
    tree.git(&["add", "-A"]);
    tree.write("out", "tracked\n");
    let notes = tree.json(&["pipeline", "check"], 0)["notes"].clone();
    assert!(
        notes[0].as_str().unwrap().contains("step `build` leaves `out`, which is also a file"),
        "{notes}"
    );
}

#[test]
fn every_problem_of_both_files_is_named_at_once_with_a_code_that_stays() {
    let tree = Tree::new();
    let steps = PIPELINE.replace("  test:\n", "  test:\n    network: [maven]\n    env: {'A=B': x}\n");
    tree.write(".countersign/pipeline.yaml", &steps.replace("    env: {'A=B': x}\n", ""));
    tree.write(
        ".countersign/release.yaml",
        &RELEASE.replace("attempts: 3", "attempts: 9999, interval-ms: 60000"),
    );
    let refused = tree.json(&["pipeline", "check"], 3);
    let said = whats(&refused);
    assert!(said[0].contains("steps.test.network: `maven` is neither an ecosystem"), "{said:?}");
    assert!(said[1].contains("services.app.probe: `attempts` times `interval-ms`"), "{said:?}");
    let codes: Vec<_> = refused["reasons"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
    assert_eq!(codes, ["pipeline-unsound", "release-file-unsound"]);
    tree.write(".countersign/pipeline.yaml", &steps);
    assert!(whats(&tree.json(&["pipeline", "check"], 3))[0].contains("`A=B` cannot name a variable"));
    // The line number of the file's own parser.
    tree.write(".countersign/release.yaml", &RELEASE.replace("probe", "prob"));
    tree.write(".countersign/pipeline.yaml", PIPELINE);
    let said = whats(&tree.json(&["pipeline", "check"], 3)).join("");
    assert!(said.contains("prob") && said.contains("line 3"), "{said}");
    fs::remove_file(tree.dir().join(".countersign/pipeline.yaml")).unwrap();
    let missing = tree.json(&["pipeline", "check"], 3);
    assert_eq!(missing["reasons"][0]["code"], "pipeline-missing");
    tree.json(&["pipeline", "check", "--no-such-option"], 2);
}

#[test]
fn a_pipeline_runs_on_the_working_tree_and_leaves_what_it_made() {
    let tree = Tree::new();
    let (out, err) = tree.text(&["pipeline", "run"]);
    assert!(out.contains("building for shop\n") && out.contains("tested\n"), "{out}{err}");
    assert!(out.contains("its receipts do not count"), "{out}");
    assert!(err.contains("step sign: is for people to approve; skipped here"), "{err}");
    let left = tree.home.dir.path().join("left");
    let left = left.to_str().unwrap();
    let ran = tree.json(&["pipeline", "run", "test", "--out", left], 0);
    assert_eq!(ran["steps"], json!({ "build": "passed", "test": "passed" }));
    assert_eq!(ran["counts"], json!(false));
    let left = PathBuf::from(left);
    assert_eq!(fs::read_to_string(left.join("artifacts/app/app/link")).unwrap(), "main\n");
    assert!(left.join("artifacts/app/app/spool").is_dir() && left.join("steps/build/out/ok").is_file());
    let layer = evidence::Digest::of(&fs::read(left.join("artifacts/app.layer.tar")).unwrap());
    assert_eq!(ran["artifacts"]["app"], json!(layer), "the same files give the same layer");
    // Nothing of the repository has changed, not even its objects and its index.
    assert_eq!(tree.git(&["status", "--short"]), "?? .countersign/\n?? .gitignore\n?? main.txt\n");
    assert_eq!(tree.git(&["count-objects"]), "0 objects, 0 kilobytes\n");
    let again = tree.json(&["pipeline", "run", "--out", left.to_str().unwrap()], 2);
    assert!(again["error"].as_str().unwrap().contains("is not empty"), "nobody's files are mixed: {again}");
}

#[test]
fn what_is_tracked_deleted_changed_and_new_is_what_a_commit_would_hold() {
    let tree = Tree::new();
    tree.write("deleted.txt", "x");
    tree.git(&["add", "-A"]);
    tree.git(&["add", "-f", "ignored.log"]);
    tree.git(&["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "-m", "first"]);
    fs::remove_file(tree.dir().join("deleted.txt")).unwrap();
    tree.write("main.txt", "changed\n");
    tree.write("new.txt", "new\n");
    tree.write("more.log", "ignored\n");
    let steps = "version: 1\nsteps:\n  look:\n    run: |\n      test \"$(cat main.txt)\" = changed && test -e new.txt\n      \
                 test ! -e deleted.txt && test ! -e more.log && test -e ignored.log\n      ls -a\n";
    tree.write(".countersign/pipeline.yaml", steps);
    fs::remove_file(tree.dir().join(".countersign/release.yaml")).unwrap();
    let ran = tree.json(&["pipeline", "run", "look"], 0);
    assert_eq!(ran["steps"], json!({ "look": "passed" }));
}

#[test]
fn a_local_run_that_fails_says_where_and_exits_3() {
    let tree = Tree::new();
    tree.write(".countersign/pipeline.yaml", &PIPELINE.replace("echo tested", "echo wrong >&2 && exit 7"));
    let failed = tree.json(&["pipeline", "run"], 3);
    let said = whats(&failed);
    assert!(said[0].contains("step `test` ended with exit code 7") && said[0].contains("wrong"), "{said:?}");
    let clash = PIPELINE
        .replace("needs: [build]\n    run: test", "needs: [build, other]\n    run: test")
        .replace("  sign:", "  other: {run: mkdir out; echo other > out/main.txt, outputs: [out]}\n  sign:");
    tree.write(".countersign/pipeline.yaml", &clash);
    let clash = tree.json(&["pipeline", "run"], 3);
    let said = whats(&clash);
    assert!(
        said[0].contains("steps `build` and `other` both left `out/main.txt`, and not the same"),
        "{said:?}"
    );
    let unknown = tree.json(&["pipeline", "run", "nothing"], 2);
    assert!(unknown["error"].as_str().unwrap().contains("no step `nothing`; it has: build"), "{unknown}");
    tree.json(&["run", "--out", "left"], 2);
    tree.json(&["pipeline", "run", "--no-wait"], 2);
    // The old form of the command; the help does not mention it any more.
    assert_eq!(tree.json(&["run", "--local", "build"], 0)["steps"], json!({ "build": "passed" }));
    tree.json(&["run", "--local", "--no-wait"], 2);
    let (help, _) = tree.text(&["run", "--help"]);
    assert!(!help.contains("--local") && !help.contains("--toolchain"), "{help}");
}

/// A reader sees the first line long before the step ends.
#[test]
fn the_log_is_shown_as_it_comes() {
    use std::io::{BufRead as _, BufReader};
    let tree = Tree::new();
    let steps = "version: 1\nsteps:\n  slow: {run: echo first; while ! test -e stop; do sleep 1; done}\n";
    tree.write(".countersign/pipeline.yaml", steps);
    fs::remove_file(tree.dir().join(".countersign/release.yaml")).unwrap();
    let mut command = tree.home.command(&["pipeline", "run"]);
    let mut child =
        command.current_dir(tree.dir()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_wrong_is_said_with_the_file_and_in_words() {
    let tree = Tree::new();
    let with_port = |port: &str| {
        RELEASE.replace(
            "artifact: app,",
            &format!("artifact: app, process: {{command: [app/ok], port: {port}}},"),
        )
    };
    for port in ["99999", "-1", "eighty"] {
        tree.write(".countersign/release.yaml", &with_port(port));
        let said = whats(&tree.json(&["pipeline", "check"], 3)).join("");
        assert!(said.contains("port must be 1 to 65535"), "{said}");
        assert!(said.contains(".countersign/release.yaml:3:") && !said.contains("<input>"), "{said}");
    }
    tree.write(".countersign/release.yaml", &with_port("0"));
    let said = whats(&tree.json(&["pipeline", "check"], 3)).join("");
    assert!(said.contains("is 0, which is no port; name one of 1 to 65535"), "{said}");
}

#[test]
fn programs_that_are_not_there_are_named_before_anything_runs() {
    let tree = Tree::new();
    let with = |run: &str| {
        PIPELINE.replace("    run: test -L out/link", &format!("    run: {run} && test -L out/link"))
    };
    // The first command of a script, if it is one plain line.
    let script = |run: &str| {
        let steps = format!("version: 1\nsteps:\n  test:\n    run: {run}\n");
        tree.write(".countersign/pipeline.yaml", &steps);
    };
    fs::remove_file(tree.dir().join(".countersign/release.yaml")).unwrap();
    for run in ["./build.sh --all", "[./build.sh, --all]", "[tools/build.sh]"] {
        script(run);
        let said = whats(&tree.json(&["pipeline", "check"], 3));
        let what = "which neither the repository nor an output of a step that it needs holds";
        assert!(said[0].starts_with(".countersign/pipeline.yaml: steps.test.run: begins with `"), "{said:?}");
        assert!(said[0].ends_with(what), "{said:?}");
    }
    tree.write("build.sh", "#!/bin/sh\n");
    std::os::unix::fs::symlink(".", tree.dir().join("linked")).unwrap();
    for run in ["./build.sh --all", ".//build.sh", "linked/build.sh", "./linked/./build.sh"] {
        script(run);
        tree.json(&["pipeline", "check"], 0);
    }
    for (run, asked) in
        [("nosuchtool build", true), ("[/opt/nosuch/bin/tool]", true), ("cd out", false), ("[sh, x]", false)]
    {
        script(run);
        let notes = tree.json(&["pipeline", "check"], 0)["notes"].to_string();
        assert_eq!(notes.contains("which a runner on this machine would not find"), asked, "{run}: {notes}");
    }
    // The output of a needed step may contain the program; a run here detects a program that the artifact does not have.
    tree.write(".countersign/pipeline.yaml", &with("out/ok"));
    tree.write(".countersign/release.yaml", &RELEASE.replace("app/ok", "app/nosuch"));
    tree.json(&["pipeline", "check"], 0);
    let lacks = tree.json(&["pipeline", "run"], 3);
    let what = ".countersign/release.yaml: services.app.probe.command: `app/nosuch` is not in artifact `app`";
    assert_eq!(whats(&lacks), [what]);
    tree.write(".countersign/release.yaml", &RELEASE.replace("app/ok", "app/main.txt"));
    assert!(whats(&tree.json(&["pipeline", "run"], 3))[0].contains("`app/main.txt` is not executable in"));
}
