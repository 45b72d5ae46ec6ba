//! Sources from real git, steps in the real sandbox, receipts that chain, artifacts that are reproducible.
#![expect(clippy::unwrap_used, reason = "test code")]

mod bounds;
mod images;
#[path = "../../../image/tests/support/mod.rs"]
mod layouts;
mod left;
mod reports;
mod scans;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use evidence::git::CommitError;
use evidence::machine::MachineSigner;
use evidence::pipeline::Pipeline;
use evidence::receipt::Ending;
use evidence::tree_list::FileMode;
use evidence::{Digest, Id, Moment, Name};
use judge::Lent;
use runner::{
    ArtifactBytes, Budget, Caps, Execution, Host, Identity, Isolation, Repository, RepositoryError,
    RetainedOutputs, Sandbox, Source, SourceError, StepError, Toolchain, WorkspaceError, assemble, execute,
    merge, resolve,
};
use sandbox::Egress;
use support::Project;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn source(project: &Project) -> Source {
    let head = resolve(&project.path(), "HEAD").unwrap();
    Source::fetch(&mut Repository::open(&project.path(), Budget::default()).unwrap(), &head).unwrap()
}

#[test]
fn a_commit_is_taken_with_every_file_and_nothing_runs() {
    let project = Project::new();
    project.write("src/main.rs", "fn main() {}\n");
    project.write("run.sh", "#!/bin/sh\n");
    project.write(".gitattributes", "*.rs filter=evil text eol=crlf\n");
    project.git(&["config", "filter.evil.smudge", "touch /tmp/smudged-by-a-filter; cat"]);
    std::os::unix::fs::symlink("run.sh", project.path().join("latest")).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(project.path().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.commit("first\n\nCo-authored-by: Bob <Bob@Example.com>", "signing");
    let source = source(&project);
    let listed: Vec<_> = source.list.files().iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(
        listed,
        [
            (".gitattributes", FileMode::Plain),
            ("latest", FileMode::Link),
            ("run.sh", FileMode::Executable),
            ("src/main.rs", FileMode::Plain),
        ]
    );
    assert_eq!(source.list.file("src/main.rs").unwrap().sha256, Digest::of(b"fn main() {}\n"));
    assert_eq!(source.file("latest").unwrap(), b"run.sh");
    assert_eq!(source.time_seconds(), 1_700_000_000);
    let people: Vec<_> = source.commit.people().map(|person| person.email.as_str()).collect();
    assert_eq!(people, ["ada@example.com", "ada@example.com", "bob@example.com"]);
}

#[test]
fn commit_signatures_count_only_by_enrolled_keys() {
    let project = Project::new();
    let (ours, theirs) = (project.key("signing"), project.key("stranger"));
    project.commit("signed", "signing");
    let signed = source(&project);
    assert_eq!(signed.commit.signer(&[&theirs, &ours]).unwrap(), &ours);
    let refused = signed.commit.signer(&[&theirs]).unwrap_err();
    assert!(refused.to_string().contains("not among those that may sign"), "{refused}");
    let mut changed = signed.commit.clone();
    changed.signature.as_mut().unwrap().payload.push(b'x');
    assert!(matches!(changed.signer(&[&ours]), Err(CommitError::Signature(_))));
    project.commit("by a stranger", "stranger");
    assert!(source(&project).commit.signer(&[&ours]).is_err());
    project.commit("unsigned", "");
    assert_eq!(source(&project).commit.signer(&[&ours]), Err(CommitError::Unsigned));
}

#[test]
fn sha256_repositories_work_too() {
    let project = Project::new();
    std::fs::remove_dir_all(project.path().join(".git")).unwrap();
    project.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    project.write("a/b", "text\n");
    let head = project.commit("first", "signing");
    assert_eq!(head.as_str().len(), 64);
    let source = source(&project);
    assert_eq!(source.file("a/b").unwrap(), b"text\n");
    assert!(source.commit.signer(&[&project.key("signing")]).is_ok());
}

#[test]
fn a_repository_can_withhold_but_not_lie() {
    let project = Project::new();
    project.write("file", "honest\n");
    let head = project.commit("first", "signing");
    let object = |content: &str| {
        project.write("other", content);
        let id = project.git(&["hash-object", "-w", "other"]);
        let (start, rest) = id.split_at(2);
        project.path().join(".git/objects").join(start).join(rest)
    };
    let (honest, forged) = (object("honest\n"), object("forged\n"));
    copy_file(&forged, &honest);
    let mut repository = Repository::open(&project.path(), Budget::default()).unwrap();
    let refused = Source::fetch(&mut repository, &head).unwrap_err();
    let named = matches!(
        refused,
        SourceError::Repository(
            RepositoryError::Object(_) | RepositoryError::Missing { .. } | RepositoryError::Answer(_)
        )
    );
    assert!(named, "{refused}");
    std::fs::remove_file(&honest).unwrap();
    let mut repository = Repository::open(&project.path(), Budget::default()).unwrap();
    let refused = Source::fetch(&mut repository, &head).unwrap_err();
    assert!(refused.to_string().contains("is not in the repository"), "{refused}");
    assert!(resolve(&project.path(), "no-such-branch").is_err());
    assert!(resolve(&project.path(), "--upload-pack=x").is_err());
}

struct Ran {
    executions: BTreeMap<Name, Execution>,
    artifact: Option<ArtifactBytes>,
}

/// Runs every step of a project's pipeline in order, handing outputs on, as a runner does.
fn build(project: &Project, nonce: u8) -> Ran {
    let source = source(project);
    let pipeline = Pipeline::parse(source.file(evidence::pipeline::PATH).unwrap()).unwrap();
    let mut executions = BTreeMap::new();
    for step in pipeline.order() {
        let needs = &pipeline.steps.get(step).unwrap().needs;
        let outputs =
            |need: &Name| executions.get(need).map(|done: &Execution| done.outputs.clone()).unwrap();
        let retained = merge(&needs.iter().map(|need| (need.clone(), outputs(need))).collect()).unwrap();
        executions.insert(step.clone(), run(&source, step, &retained, nonce).unwrap());
    }
    let outputs = executions.iter().map(|(name, done)| (name.clone(), done.outputs.clone())).collect();
    let made = |artifact| assemble(&pipeline, artifact, &outputs, &source.id, source.time_seconds()).unwrap();
    Ran { artifact: pipeline.artifacts.keys().next().map(made), executions }
}

/// Listing the host's toolchain takes a second; it does not change between these builds.
static TOOLCHAIN: LazyLock<Toolchain> = LazyLock::new(|| Toolchain::of_host(&[]).unwrap());

fn run(source: &Source, step: &Name, retained: &RetainedOutputs, nonce: u8) -> Result<Execution, StepError> {
    let caps = Caps { memory_mib: 8192, ..Caps::default() };
    run_in(&isolation(caps), source, step, retained, nonce)
}

fn isolation(caps: Caps) -> Sandbox {
    let init = || {
        let mut init = Command::new(env!("CARGO_BIN_EXE_runner-init"));
        init.env_clear();
        init
    };
    // The servers of these tests listen on the loopback, which steps reach only if the operator allows it.
    Sandbox::new(init, Egress::new(vec!["127.0.0.0/8".parse().unwrap()]), caps)
}

fn run_in(
    isolation: &dyn Isolation,
    source: &Source,
    step: &Name,
    retained: &RetainedOutputs,
    nonce: u8,
) -> Result<Execution, StepError> {
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let identity = Identity {
        installation: Id::from_random([1; 16]),
        runner: name("runner-1"),
        root: 1,
        signer: &signer,
        project: name("shop"),
        nonce: Id::from_random([nonce; 16]),
        verified_ref: None,
        lent: Lent::default(),
    };
    let now = || Moment::from_millis(1_800_000_000_000).unwrap();
    let host = Host { toolchain: &TOOLCHAIN, isolation, now: &now, log: &|_, _| {}, wanted: &|| true };
    let done = execute(&identity, source, step, retained, &host)?;
    signer.public().verify(&done.receipt).unwrap();
    Ok(done)
}

const PIPELINE: &str = "\
version: 1
steps:
  compile:
    run: |
      echo compiling $COUNTERSIGN_PROJECT for \"$WHO\"
      gcc -O1 -o hello main.c
      mkdir -p data/deep && cp main.c data/deep/source && date -u -d @$SOURCE_DATE_EPOCH +%Y > data/year
    env: {WHO: '; touch /tmp/injected #'}
    outputs: [hello, data]
  test:
    needs: [compile]
    run: [/bin/sh, -c, './hello | grep -q hello && test -r data/deep/source']
artifacts:
  hello:
    files:
      bin/hello: {step: compile, path: hello}
      share: {step: compile, path: data}
";

fn project(pipeline: &str) -> Project {
    let project = Project::new();
    project.write("main.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n");
    project.write(".countersign/pipeline.yaml", pipeline);
    project.commit("first", "signing");
    project
}

#[test]
fn receipts_chain_and_artifacts_come_out_the_same() {
    let (here, there) = (project(PIPELINE), Project::new());
    // The same commit in another directory, as another runner has it.
    std::fs::remove_dir_all(there.path()).unwrap();
    there.git(&["clone", "-q", here.path().to_str().unwrap(), "."]);
    let (first, second) = (build(&here, 1), build(&there, 2));
    let of = |ran: &Ran, step: &str| ran.executions.get(&name(step)).unwrap().facts.clone();
    let compile = of(&first, "compile");
    assert!(compile.passed() && of(&first, "test").passed());
    assert_eq!(
        compile.outputs.keys().map(String::as_str).collect::<Vec<_>>(),
        ["data/deep/source", "data/year", "hello"]
    );
    assert!(compile.outputs.get("hello").unwrap().executable);
    assert_eq!(of(&first, "test").inputs, compile.outputs, "inputs are another receipt's outputs");
    assert_eq!(of(&second, "compile").outputs, compile.outputs);
    assert_ne!(of(&second, "compile").nonce, compile.nonce);
    assert_eq!(first.artifact.as_ref().unwrap().digest(), second.artifact.unwrap().digest());
    let log = String::from_utf8_lossy(&first.executions.get(&name("compile")).unwrap().log).into_owned();
    assert_eq!(log, "compiling shop for ; touch /tmp/injected #\n", "a value is never a command");
    assert_eq!(compile.log, Digest::of(log.as_bytes()));
}

#[test]
fn failures_have_receipts_too() {
    let failing = "version: 1\nsteps:\n  fails: {run: exit 3}\n  \
                   floods: {run: head -c 17M /dev/zero}\n  \
                   lies: {run: 'true', outputs: [promised]}\n  \
                   links: {run: ln -s /etc/passwd promised, outputs: [promised]}\n  \
                   holes: {run: mkdir out && truncate -s 1100M out/a out/b, outputs: [out]}\n  \
                   slow: {run: sleep 60, limits: {time-seconds: 1}}\n";
    let ran = build(&project(failing), 1);
    let exit = |step: &str| ran.executions.get(&name(step)).unwrap().facts.exit;
    assert_eq!(exit("fails"), Ending::Code(3));
    assert_eq!(exit("lies"), Ending::Code(254));
    assert_eq!(exit("links"), Ending::Code(254), "no output is read through a link");
    assert_eq!(exit("slow"), Ending::TimedOut);
    let log =
        |step: &str| String::from_utf8_lossy(&ran.executions.get(&name(step)).unwrap().log).into_owned();
    assert_eq!(exit("holes"), Ending::Code(254));
    assert!(log("holes").contains("all outputs of a step are more than 2 GiB"), "{}", log("holes"));
    let flood = &ran.executions.get(&name("floods")).unwrap().log;
    assert!(flood.ends_with(b"countersign: the log reached its limit; the rest was dropped\n"));
    assert!(log("lies").contains("output `promised`"), "{}", log("lies"));
}

#[test]
fn the_network_is_what_the_pipeline_names_and_on_record() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = server.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        std::io::Read::read_exact(&mut stream, &mut [0; 4]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.0 200 OK\r\n\r\nfetched").unwrap();
    });
    let fetch = "#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n#include <arpa/inet.h>\n\
        int main(int c, char **v) { struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(3128)};\n\
        char b[999]; int s = socket(AF_INET, SOCK_STREAM, 0), n; a.sin_addr.s_addr = htonl(0x7f000001);\n\
        if (connect(s, (void *)&a, sizeof a)) return 9; sprintf(b, \"GET %s HTTP/1.0\\r\\n\\r\\n\", v[1]); write(s, b, strlen(b));\n\
        while ((n = read(s, b, 999)) > 0) write(1, b, n); return 0; }\n";
    let project = Project::new();
    project.write("fetch.c", fetch);
    let pipeline = format!(
        "version: 1\nsteps:\n  fetch:\n    network: ['{own}']\n    run: |\n      test -n \"$https_proxy\"\n      \
         gcc -o fetch fetch.c && ./fetch http://{own}/x && ./fetch http://192.0.2.1:9/x\n"
    );
    project.write(".countersign/pipeline.yaml", &pipeline);
    project.commit("first", "signing");
    let done = build(&project, 1).executions.remove(&name("fetch")).unwrap();
    answering.join().unwrap();
    let log = String::from_utf8_lossy(&done.log).into_owned();
    assert!(done.facts.passed() && log.contains("fetched"), "{log}");
    assert!(
        log.contains("countersign: refused to connect to 192.0.2.1:9: it is not among the step's"),
        "{log}"
    );
    let [only] = done.facts.network.as_slice() else {
        unreachable!("one destination: {:?}", done.facts.network)
    };
    assert_eq!((only.host.as_str(), only.port, only.received), ("127.0.0.1", own.port(), 26));
}

#[test]
fn what_cannot_be_run_is_refused_with_its_reason() {
    let networked = "version: 1\nsteps:\n  fetch: {run: 'true', network: [maven]}\n  sign: {approval: {role: dev, count: 1}}\n";
    let networked = source(&project(networked));
    let refused = run(&networked, &name("fetch"), &RetainedOutputs::new(), 1).unwrap_err();
    assert!(matches!(refused, StepError::Network(..)), "{refused}");
    assert!(matches!(run(&networked, &name("sign"), &RetainedOutputs::new(), 1), Err(StepError::NoStep(_))));
    assert!(matches!(run(&networked, &name("none"), &RetainedOutputs::new(), 1), Err(StepError::NoStep(_))));
    let bare = Project::new();
    bare.commit("empty", "signing");
    assert!(matches!(
        run(&source(&bare), &name("x"), &RetainedOutputs::new(), 1),
        Err(StepError::NoPipeline(_))
    ));

    let fine = source(&project(PIPELINE));
    let hello = build(&project(PIPELINE), 1).executions.remove(&name("compile")).unwrap().outputs;
    let mut forged = hello.clone();
    forged.get_mut("hello").unwrap().bytes.push(0);
    assert!(matches!(
        run(&fine, &name("test"), &forged, 1),
        Err(StepError::RetainedOutputs(WorkspaceError::Changed(_)))
    ));

    let linked = project(PIPELINE);
    std::os::unix::fs::symlink(".", linked.path().join("link")).unwrap();
    linked.commit("a link", "signing");
    let through = RetainedOutputs::from([("link/hello".to_owned(), hello.get("hello").unwrap().clone())]);
    let refused = run(&source(&linked), &name("test"), &through, 1);
    assert!(
        matches!(refused, Err(StepError::RetainedOutputs(WorkspaceError::Tracked { .. }))),
        "no input leads through a link of the source"
    );
}

fn copy_file(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::copy(from, to).unwrap();
}

/// A step that asks for more than its runner allows is refused by name; a refused destination on the runner's own machine
/// is named in the log that the receipt names.
#[test]
fn attack_steps_get_no_more_than_the_operator_gives() {
    let greedy = "version: 1\nsteps:\n  memory: {run: 'true', limits: {memory-mib: 8193}}\n  \
                  time: {run: 'true', limits: {time-seconds: 604800}}\n  \
                  workspace: {run: 'true', limits: {workspace-mib: 1048576}}\n  \
                  processes: {run: 'true', limits: {processes: 65536}}\n";
    let greedy = source(&project(greedy));
    for (step, named) in [
        ("memory", "step `memory`: its limit `memory-mib` is 8193, this runner gives at most 8192"),
        ("time", "step `time`: its limit `time-seconds` is 604800, this runner gives at most 21600"),
        (
            "workspace",
            "step `workspace`: its limit `workspace-mib` is 1048576, this runner gives at most 65536",
        ),
        ("processes", "step `processes`: its limit `processes` is 65536, this runner gives at most 4096"),
    ] {
        let refused = run(&greedy, &name(step), &RetainedOutputs::new(), 1).unwrap_err().to_string();
        assert!(refused.starts_with(named), "{refused}");
    }
    let bomb = "version: 1\nsteps:\n  bomb:\n    run: |\n      n=0\n      \
                while [ $n -lt 300 ]; do sleep 60 & n=$((n + 1)); done\n    limits: {processes: 40}\n";
    let bomb = build(&project(bomb), 1).executions.remove(&name("bomb")).unwrap();
    assert!(!bomb.facts.passed(), "{}", String::from_utf8_lossy(&bomb.log));
    let greedy = "version: 1\nsteps:\n  metadata:\n    network: ['169.254.169.254:80', '10.255.255.1:443']\n    run: |\n      \
                  python3 - <<'E'\n      import urllib.request as u\n      \
                  for to in 'http://169.254.169.254/latest/', 'https://10.255.255.1/':\n          \
                  try: u.urlopen(to, timeout=20)\n          \
                  except Exception as e: print(e)\n      E\n";
    let done = build(&project(greedy), 1).executions.remove(&name("metadata")).unwrap();
    let log = String::from_utf8_lossy(&done.log).into_owned();
    for line in [
        "countersign: refused to connect to 10.255.255.1:443: 10.255.255.1 is private; the runner's operator may",
        "countersign: refused to connect to 169.254.169.254:80: 169.254.169.254 is a cloud's metadata service, which no",
    ] {
        assert!(log.contains(line), "{log}");
    }
    assert!(done.facts.network.is_empty());
}

/// A step sees the variables that the file sets; only our own names are reserved.
#[test]
fn variables_of_the_file_win() {
    let pipeline = "version: 1\nsteps:\n  look:\n    network: ['127.0.0.1:1']\n    \
                    env: {SOURCE_DATE_EPOCH: '42', PATH: '/opt/x:/usr/bin:/bin', http_proxy: 'http://p.example:1', \
                    HOME: /work/home, CARGO_HOME: /work/cargo, no_proxy: mine}\n    \
                    run: echo $SOURCE_DATE_EPOCH $PATH $http_proxy $HTTP_PROXY $HOME $CARGO_HOME $no_proxy $NO_PROXY $COUNTERSIGN_STEP\n";
    let done = build(&project(pipeline), 1).executions.remove(&name("look")).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&done.log),
        "42 /opt/x:/usr/bin:/bin http://p.example:1 http://127.0.0.1:3128 /work/home /work/cargo mine \
         localhost,127.0.0.1,::1,sandbox look\n"
    );
}

/// A script of the largest allowed size; a server on the step's own loopback, past the proxy; its outputs by name.
#[test]
fn ordinary_scripts_run() {
    let filler = ": 'a line of a generated table of some sixty characters or so'\n      ".repeat(3_000);
    let pipeline = format!(
        "version: 1\nsteps:\n  look:\n    network: ['127.0.0.1:1']\n    run: |\n      {filler}\n      \
         echo one > /dev/stdout; echo two | tee -a /proc/self/fd/2 >> /dev/null; echo three > /dev/stderr\n      \
         mkdir srv; echo hello > srv/x\n      \
         python3 - <<'E'\n      import http.server, threading, functools, urllib.request as u, socket\n      \
         h = functools.partial(http.server.SimpleHTTPRequestHandler, directory='srv')\n      \
         s = http.server.ThreadingHTTPServer(('127.0.0.1', 8099), h)\n      \
         threading.Thread(target=s.serve_forever, daemon=True).start()\n      \
         for host in '127.0.0.1', 'localhost', socket.gethostname():\n          \
         assert u.urlopen('http://%s:8099/x' % host).read() == b'hello\\n', host\n      \
         print([name for _, name in socket.if_nameindex()])\n      E\n"
    );
    assert!(pipeline.len() > 180_000, "longer than an argument may be");
    let done = build(&project(&pipeline), 1).executions.remove(&name("look")).unwrap();
    let log = String::from_utf8_lossy(&done.log).into_owned();
    assert!(done.facts.passed(), "{log}");
    for said in ["one\n", "two\n", "three\n", "['lo']\n"] {
        assert!(log.contains(said), "{log}");
    }
}

/// Programs built with sanitizers, where this machine's compiler has them, and without drawn addresses.
#[test]
fn sanitizers_run() {
    let pipeline = "version: 1\nsteps:\n  check:\n    run: |\n      \
        printf '#include <stdlib.h>\\nint main(int c,char**v){char*p=malloc(8);p[0]=1;if(c<2)free(p);p=0;return 0;}' > t.c\n      \
        for s in address leak thread undefined; do gcc -g -fsanitize=$s t.c -o t || continue; ./t; done\n      \
        if gcc -g -fsanitize=leak t.c -o t; then if ./t leak 2> said; then exit 9; fi; grep 'detected memory leaks' said || { cat said; exit 1; }; fi\n      \
        setarch -R true\n";
    let done = build(&project(pipeline), 1).executions.remove(&name("check")).unwrap();
    let log = String::from_utf8_lossy(&done.log).into_owned();
    assert!(done.facts.passed(), "{log}");
}
