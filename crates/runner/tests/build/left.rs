//! Outputs of steps: each declared one is kept and handed on, or refused by name; no output replaces another file.

use std::collections::BTreeMap;

use evidence::pipeline::Pipeline;
use evidence::receipt::{Ending, Output, OutputKind};
use evidence::{Name, oci};
use runner::{
    ArtifactError, Execution, RetainedOutput, RetainedOutputs, StepError, WorkspaceError, assemble, merge,
};

use super::{build, name, project, run, source};

const LINKS: &str = "\
version: 1
steps:
  install:
    run: |
      mkdir -p out/spool/in out/www out/node_modules/.bin out/node_modules/tool
      echo 'echo tool' > out/node_modules/tool/cli && chmod 755 out/node_modules/tool/cli
      ln -s ../tool/cli out/node_modules/.bin/tool
      ln -s node_modules out/modules && ln -s nowhere out/dangling
      ln out/node_modules/tool/cli out/hard && chmod 4755 out/hard
      mkdir alone
    outputs: [out, alone]
  use:
    needs: [install]
    run: |
      test -d out/spool/in && test -d out/www && test -d alone && test -z \"$(ls out/spool/in)\"
      test \"$(readlink out/modules)\" = node_modules && test -L out/dangling
      test \"$(sh out/modules/.bin/tool)\" = tool && test ! -u out/hard
artifacts:
  app:
    files:
      app: {step: install, path: out}
      more/lib: {step: install, path: out/node_modules}
";

#[test]
fn links_and_empty_directories_are_handed_on_and_enter_artifacts() {
    let project = project(LINKS);
    let (first, second) = (build(&project, 1), build(&project, 2));
    let install = &first.executions[&name("install")];
    let log = said(install);
    assert!(install.facts.passed(), "{:?}: {log}", install.facts.exit);
    assert!(
        log.contains("countersign: output `out/hard`: its setuid, setgid or sticky bit is not kept"),
        "{log}"
    );
    let kind = |path: &str| install.facts.outputs[path].kind.clone();
    assert_eq!(kind("out/spool/in"), OutputKind::Directory);
    assert_eq!(kind("alone"), OutputKind::Directory);
    assert_eq!(kind("out/node_modules/.bin/tool"), OutputKind::Link("../tool/cli".into()));
    assert!(!install.facts.outputs.contains_key("out/spool"), "it follows from what lies in it");
    let used = &first.executions[&name("use")];
    assert!(used.facts.passed(), "{}", said(used));
    let (one, two) = (first.artifact.unwrap(), second.artifact.unwrap());
    assert_eq!(one.digest(), two.digest(), "the same on every runner");
    let (files, _) = oci::open_layer(&one.layer).unwrap();
    assert_eq!(files["app/www"], oci::LayerEntry::Directory);
    assert_eq!(files["app/modules"], oci::LayerEntry::Link("node_modules".into()));
    assert_eq!(files["more/lib/.bin/tool"], oci::LayerEntry::Link("../tool/cli".into()));
}

#[test]
fn attack_what_cannot_be_an_output_is_refused_by_name() {
    let rows = [
        ("fifo", "mkfifo out/pipe", "output `out/pipe` is a named pipe"),
        ("fifo-alone", "rmdir out; mkfifo out", "output `out` is a named pipe"),
        (
            "socket",
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"out/s\")'",
            "output `out/s` is a socket",
        ),
        ("absolute", "ln -s /etc/passwd out/passwd", "output `out/passwd` is a link to `/etc/passwd`"),
        ("outside", "ln -s ../main.c out/main", "output `out/main` is a link to `../main.c`"),
        ("through", "mkdir out/d; ln -s d/../../main.c out/main", "has `..` behind a name"),
        ("itself", "rmdir out; ln -s /tmp out", "output `out` is a link to `/tmp`"),
        ("backslash", "echo x > 'out/a\\b'", "output `out/a\\b` has a control character or a backslash"),
        ("newline", "echo x > \"$(printf 'out/a\\nb')\"", "output `out/a\\nb` has a control character"),
        ("latin1", "echo x > \"$(printf 'out/caf\\351')\"", "has a name that is not UTF-8"),
        ("git", "mkdir -p out/.git; echo x > out/.git/config", "output `out/.git/config` has a part `.git`"),
        ("many", "i=0; while [ $i -lt 4097 ]; do : > out/$i; i=$((i+1)); done", "more than 4096 files"),
    ];
    let step = |(name, script, _): &(&str, &str, &str)| {
        format!("  {name}:\n    outputs: [out]\n    run: |\n      mkdir out\n      {script}\n")
    };
    let text: String = rows.iter().map(step).collect();
    let ran = build(&project(&format!("version: 1\nsteps:\n{text}")), 1);
    for (step, _, expected) in rows {
        let done = &ran.executions[&name(step)];
        let log = said(done);
        assert_eq!(done.facts.exit, Ending::Code(254), "{step}: {log}");
        assert!(log.contains("countersign: ") && log.contains(expected), "{step}: {log}");
    }
}

#[test]
fn a_receipt_that_nobody_would_take_is_never_written() {
    let long = "n".repeat(150);
    let script = format!("mkdir out; i=0; while [ $i -lt 2000 ]; do : > out/{long}$i; i=$((i+1)); done");
    let ran =
        build(&project(&format!("version: 1\nsteps:\n  many: {{run: '{script}', outputs: [out]}}\n")), 1);
    let done = &ran.executions[&name("many")];
    assert!(said(done).contains("do not fit a receipt of 512 KiB"));
    assert_eq!((done.facts.exit, done.facts.outputs.len()), (Ending::Code(254), 0));
}

/// The output of a step, and the remarks about it.
fn said(done: &Execution) -> String {
    String::from_utf8_lossy(&done.log).into_owned()
}

fn link(to: &str) -> RetainedOutput {
    RetainedOutput { output: Output::link(to), bytes: to.as_bytes().to_vec() }
}

fn directory() -> RetainedOutput {
    RetainedOutput { output: Output::directory(), bytes: Vec::new() }
}

fn outputs_of_files(files: &[(&str, &[u8])]) -> RetainedOutputs {
    files
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), RetainedOutput::file(bytes.to_vec(), false)))
        .collect()
}

#[test]
fn attack_two_steps_never_take_each_others_place() {
    let both = |linux: RetainedOutputs, windows: RetainedOutputs| {
        merge(&BTreeMap::from([(name("linux"), linux), (name("windows"), windows)]))
    };
    let clash = |linux: &[(&str, &[u8])], windows: &[(&str, &[u8])]| match both(
        outputs_of_files(linux),
        outputs_of_files(windows),
    ) {
        Err(WorkspaceError::Steps { path, first, second }) => format!("{path} {first} {second}"),
        other => format!("{other:?}"),
    };
    assert_eq!(clash(&[("out/name", b"linux")], &[("out/name", b"windows")]), "out/name linux windows");
    assert_eq!(clash(&[("out", b"a file")], &[("out/name", b"x")]), "out linux windows");
    assert_eq!(clash(&[("out/name/x", b"x")], &[("out/name", b"a file")]), "out/name windows linux");
    let merged = both(
        outputs_of_files(&[("out/a", b"same"), ("out/b", b"b")]),
        outputs_of_files(&[("out/a", b"same"), ("out/c", b"c")]),
    );
    assert_eq!(merged.unwrap().len(), 3, "the same bytes are no conflict");
    let mut run = outputs_of_files(&[("out/a", b"same")]);
    run.get_mut("out/a").unwrap().output.executable = true;
    assert!(both(outputs_of_files(&[("out/a", b"same")]), run).is_err(), "one of them can be run");
}

#[test]
fn attack_no_output_takes_the_place_of_a_file_of_the_commit() {
    let project = project("version: 1\nsteps: {use: {run: 'test -d src/empty && grep -q int main.c'}}\n");
    project.write("src/lib.c", "int x;\n");
    project.commit("more", "signing");
    let source = source(&project);
    let with = |path: &str, kept: RetainedOutput| {
        run(&source, &name("use"), &RetainedOutputs::from([(path.to_owned(), kept)]), 1)
    };
    let refused = |path: &str, kept| match with(path, kept) {
        Err(StepError::RetainedOutputs(WorkspaceError::Tracked { path, tracked })) => {
            format!("{path} over {tracked}")
        }
        other => format!("{other:?}"),
    };
    assert_eq!(refused("main.c", RetainedOutput::file(b"evil".to_vec(), false)), "main.c over main.c");
    assert_eq!(refused("main.c/x", RetainedOutput::file(b"evil".to_vec(), false)), "main.c/x over main.c");
    assert_eq!(refused("src", RetainedOutput::file(b"evil".to_vec(), false)), "src over src/lib.c");
    let link = link("other");
    assert_eq!(refused("src", link), "src over src/lib.c");
    let own = source.file("main.c").unwrap().to_vec();
    assert_eq!(
        refused("main.c", RetainedOutput::file(own.clone(), true)),
        "main.c over main.c",
        "its mode differs"
    );
    let same = RetainedOutputs::from([
        ("main.c".to_owned(), RetainedOutput::file(own, false)),
        ("src".to_owned(), directory()),
        ("src/empty".to_owned(), directory()),
    ]);
    let done = run(&source, &name("use"), &same, 1).unwrap();
    assert!(done.facts.passed(), "what is the same is no conflict: {}", said(&done));
}

#[test]
fn attack_an_artifact_has_one_source_for_each_path() {
    let pipeline = "version: 1\nsteps:\n  a: {run: a, outputs: [out]}\n  b: {run: b, outputs: [x, lib]}\nartifacts:\n  \
                    app: {files: {app: {step: a, path: out}, app/x: {step: b, path: x}}}\n  \
                    lib: {files: {lib: {step: b, path: lib/sub}}}\n";
    let pipeline = Pipeline::parse(pipeline.as_bytes()).unwrap();
    let made = |artifact: &str, a: RetainedOutputs, b: RetainedOutputs| {
        let left: BTreeMap<Name, RetainedOutputs> = BTreeMap::from([(name("a"), a), (name("b"), b)]);
        let commit = "a".repeat(40).parse().unwrap();
        assemble(&pipeline, &name(artifact), &left, &commit, 7)
    };
    let one = outputs_of_files(&[("out/x", b"one"), ("out/y", b"y")]);
    let refused = made("app", one.clone(), outputs_of_files(&[("x", b"another")])).unwrap_err();
    assert!(matches!(refused, ArtifactError::Clash { .. }), "{refused}");
    assert!(refused.to_string().contains("`app/x` comes from `a:out/x` and from `b:x`"), "{refused}");
    let same = made("app", one.clone(), outputs_of_files(&[("x", b"one")])).unwrap();
    assert_eq!(oci::open_layer(&same.layer).unwrap().0.len(), 2);
    let below =
        made("app", outputs_of_files(&[("out", b"a file")]), outputs_of_files(&[("x", b"x")])).unwrap_err();
    assert!(below.to_string().contains("`app` is both a file or link and a directory"), "{below}");
    let whiteout = made(
        "app",
        outputs_of_files(&[("out/.wh.passwd", b""), ("out/x", b"x")]),
        outputs_of_files(&[("x", b"x")]),
    );
    assert!(
        whiteout.unwrap_err().to_string().contains("`app/.wh.passwd` has a part that begins with `.wh.`")
    );
    let nothing = RetainedOutputs::from([("lib/sub/empty".to_owned(), directory())]);
    assert!(matches!(
        made("lib", RetainedOutputs::new(), nothing),
        Err(ArtifactError::Oci(oci::OciError::Empty))
    ));
    // The link stays inside the step's output, but not inside the part that the artifact takes.
    let mut left = outputs_of_files(&[("lib/sub/x", b"x"), ("lib/other", b"o")]);
    left.insert("lib/sub/link".into(), link("../other"));
    let refused = made("lib", RetainedOutputs::new(), left).unwrap_err();
    assert!(
        refused.to_string().contains("`lib/link` is a link that points outside of its source"),
        "{refused}"
    );
}
