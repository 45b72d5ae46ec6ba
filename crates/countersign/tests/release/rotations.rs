//! Rotations as people start them: a password of PostgreSQL under load, programs that are killed, two people at once, an
//! incident, a dry run and a timer.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::at;
use super::minted::postgres::Postgres;
use super::shop::Shop;
use crate::codes;
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";
const TOKEN: &str = "shop/registry/token";

/// A service that reads the database for each request, with the password that it had when it began. Its workers take requests from
/// the socket that the agent holds; when they are asked to end, they answer the one that they have.
const SERVICE: &str = r#"#!/usr/bin/perl
use strict; use warnings;
open(my $file, '<', "$ENV{COUNTERSIGN_SECRETS}/database") or die;
my $value = <$file>; chomp $value;
my ($user, $password) = split /:/, $value, 2;
open(my $listener, '+<&=', 3) or die;
my $ends = 0;
$SIG{TERM} = sub { $ends = 1 };
for (1 .. 3) { my $pid = fork; next if $pid; serve(); exit 0 }
while (1) { my $pid = wait; last if $pid == -1 && $! != 4 }
sub serve {
  until ($ends) {
    accept(my $client, $listener) or next;
    my $head = '';
    while ($head !~ /\r\n\r\n/) { my $read = sysread($client, $head, 4096, length $head); last if defined $read && !$read }
    my $answer = ask();
    my $status = $answer =~ /^kept/ ? '200 OK' : '503 Lost';
    syswrite($client, "HTTP/1.0 $status\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer");
    close $client;
  }
}
sub ask {
  pipe(my $out, my $in) or die;
  my $pid = fork;
  if (!$pid) {
    $SIG{TERM} = 'IGNORE';
    close $out; open(STDOUT, '>&', $in); open(STDERR, '>&', $in);
    $ENV{PGPASSWORD} = $password;
    exec 'PSQL', '-X', '-A', '-t', '-q', '-w', '-h', '127.0.0.1', '-p', 'PORT', '-U', $user, '-d', 'postgres',
      '-c', "SELECT text || ' ' || session_user FROM shop.notes";
    exit 127;
  }
  close $in;
  local $/; my $said = <$out>;
  1 while waitpid($pid, 0) == -1 && $! == 4;
  return $? == 0 ? $said : "lost: $said";
}
"#;

/// A place whose service reads a database with one of two users.
struct Estate {
    shop: Shop,
    postgres: Postgres,
    port: u16,
    recipe: PathBuf,
}

impl Estate {
    fn new() -> Option<Self> {
        let postgres = Postgres::start()?;
        postgres.sql(
            "CREATE ROLE shop_owner NOLOGIN; CREATE SCHEMA shop AUTHORIZATION shop_owner; SET ROLE shop_owner; \
             CREATE TABLE shop.notes (text text); INSERT INTO shop.notes VALUES ('kept'); RESET ROLE; \
             CREATE ROLE api_a LOGIN PASSWORD 'first' IN ROLE shop_owner; CREATE ROLE api_b NOLOGIN IN ROLE shop_owner; \
             CREATE ROLE minter LOGIN CREATEROLE PASSWORD 'm'; GRANT api_a, api_b TO minter WITH ADMIN OPTION",
        );
        let shop = Shop::solo();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let psql = postgres.psql_command("api_a", "", "127.0.0.1").get_program().to_str().unwrap().to_owned();
        let script = SERVICE.replace("PSQL", &psql).replace("PORT", &postgres.port().to_string());
        shop.write("service.sh", &script);
        shop.write(
            ".countersign/release.yaml",
            &format!(
                "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], port: {port}, stop-seconds: 30 }}
    secrets: {{ database: {{ secret: database }} }}
    probe: {{ http: /, attempts: 200, interval-ms: 50 }}
"
            ),
        );
        shop.commit("a service with a database");
        let dir = shop.home.dir.path();
        let (credential, recipe) = (dir.join("minter"), dir.join("database.yaml"));
        disk::write(&credential, b"minter:m\n", 0o600).unwrap();
        let text = format!(
            "version: 1
place: {DEV}
secret: database
wait-seconds: 100
source:
  postgres:
    host: 127.0.0.1
    port: {}
    database: postgres
    users: [api_a, api_b]
    credential: {{ file: {} }}
",
            postgres.port(),
            credential.display()
        );
        fs::write(&recipe, text).unwrap();
        Some(Self { shop, postgres, port, recipe })
    }

    /// The service runs with the first version.
    fn released(&self) -> Up {
        let up = self.shop.home.up();
        self.shop.in_repository(&["run"], 3);
        let grant = ["secret", "grant", "database", "--to-service", DEV, "--reason", "it reads", "--yes"];
        self.shop.ok(&grant);
        let file = self.shop.home.dir.path().join("first");
        fs::write(&file, "api_a:first").unwrap();
        let file = file.to_str().unwrap();
        let put = ["secret", "put", "--place", DEV, "database", "--reason", "new", "--yes", "--file", file];
        self.shop.ok(&put);
        self.shop.ok(&["promote", DEV]);
        up
    }

    fn rotate(&self, more: &[&str]) -> Value {
        let recipe = self.recipe.to_str().unwrap();
        let words = ["secret", "rotate", recipe, "--reason", "every quarter", "--yes"];
        self.shop.ok(&[&words[..], more].concat())
    }

    /// Which users may log in.
    fn open(&self) -> String {
        self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'api%' AND rolcanlogin ORDER BY 1")
    }

    /// One read through the service.
    fn read(&self) -> Result<String, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned());
        body.filter(|body| answer.starts_with("HTTP/1.0 200 OK") && body.starts_with("kept ")).ok_or(answer)
    }
}

fn journals(shop: &Shop) -> Vec<PathBuf> {
    let config = shop.home.dir.path().join(".config/countersign");
    let below = fs::read_dir(config).unwrap().flatten().map(|dir| dir.path().join("rotations"));
    let files = below.filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

#[test]
fn a_rotation_under_load_loses_no_read() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.released();
    let (answers, lost, ends) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    match estate.read() {
                        Ok(answer) => answers.lock().unwrap().push(answer),
                        Err(why) => lost.lock().unwrap().push(why),
                    }
                }
            });
        }
        let by = |user: &str| answers.lock().unwrap().iter().filter(|answer| answer.ends_with(user)).count();
        let more = |user: &str| {
            let before = by(user);
            until(|| (by(user) > before + 20 || !lost.lock().unwrap().is_empty()).then_some(()));
        };
        more("api_a");
        let rotated = estate.rotate(&[]);
        more("api_b");
        let open = estate.open();
        let again = estate.rotate(&[]);
        more("api_a");
        ends.store(true, Ordering::Relaxed);
        assert_eq!(
            (&rotated["former"], &rotated["number"], &rotated["retired"]),
            (&json!(1), &json!(2), &json!(true))
        );
        assert_eq!((open.as_str(), &again["number"]), ("api_b", &json!(3)), "{again}");
    });
    let (answers, lost) = (answers.into_inner().unwrap(), lost.into_inner().unwrap());
    assert_eq!(lost, Vec::<String>::new(), "of {} reads", answers.len());
    println!("{} reads, none lost", answers.len());
    assert_eq!(estate.open(), "api_a");
    assert!(!estate.postgres.as_user("api_a", "first", "SELECT 1").0, "the first password is gone");
    assert_eq!(
        at(&up, "dev")["agent_secrets"],
        json!([{ "agent": "agent-1", "secrets": { "database": 3 } }])
    );
    assert_eq!(journals(&estate.shop), Vec::<PathBuf>::new());
    assert!(up.stop());
}

#[test]
fn an_incident_ends_the_former_password_before_anybody_switches() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.released();
    let former = at(&up, "dev")["statements"].as_array().unwrap().clone();
    let former = former.iter().find(|it| it["kind"] == "deploy-secret").unwrap()["statement"].clone();
    let rotated = estate.rotate(&["--incident"]);
    assert_eq!((&rotated["number"], &rotated["retired"]), (&json!(2), &json!(true)), "{rotated}");
    assert_eq!(estate.open(), "api_b");
    assert!(!estate.postgres.as_user("api_a", "first", "SELECT 1").0);
    let status = estate.shop.ok(&["trust", "status"]);
    assert_eq!(status["statement"]["withdrawn"], json!([former]), "{status}");
    until(|| estate.read().ok().filter(|answer| answer == "kept api_b"));
    // Somebody let both log in, so nobody can say which one is in use.
    estate.postgres.sql("ALTER ROLE api_a LOGIN");
    let recipe = estate.recipe.to_str().unwrap();
    let words = ["secret", "rotate", recipe, "--reason", "again", "--yes"];
    let refused = estate.shop.in_repository(&words, 1);
    assert!(refused["error"].as_str().unwrap().contains("may both log in"), "{refused}");
    assert_eq!(estate.read(), Ok("kept api_b".to_owned()));
    assert!(up.stop());
}

/// A shop with a build secret, and programs of a person that make and end its values.
struct Programs {
    shop: Shop,
    recipe: String,
}

impl Programs {
    fn new() -> Self {
        let shop = Shop::solo();
        let programs = Self { recipe: shop.home.dir.path().join("token.yaml").display().to_string(), shop };
        // Each one notes that it was called, and kills who called it if a file asks for that.
        programs.program("make", "echo value-$(wc -l < DIR/make.log)-Xk93h-of-the-token");
        programs.program("end", ":");
        let text = format!(
            "version: 1\nsecret: {TOKEN}\nwait-seconds: 100\nsource: {{ command: [{}] }}\nretire: {{ command: [{}, now] }}\n",
            programs.path("make").display(),
            programs.path("end").display()
        );
        fs::write(&programs.recipe, text).unwrap();
        programs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.shop.home.dir.path().join(name)
    }

    fn program(&self, name: &str, does: &str) {
        let (path, dir) = (self.path(name), self.shop.home.dir.path().display().to_string());
        let text = format!(
            "#!/bin/sh\necho \"$COUNTERSIGN_SECRET $COUNTERSIGN_NUMBER $COUNTERSIGN_FORMER $*\" >> DIR/{name}.log\n\
             if [ -e DIR/kill-{name} ]; then rm DIR/kill-{name}; kill -9 $PPID; fi\n{does}\n"
        );
        fs::write(&path, text.replace("DIR", &dir)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn log(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn put(&self, value: &str) {
        let file = self.path("value");
        fs::write(&file, value).unwrap();
        self.shop.ok(&["secret", "put", TOKEN, "--file", file.to_str().unwrap()]);
        fs::remove_file(file).unwrap();
    }

    fn rotate(&self, more: &[&str], code: i32) -> Value {
        let words = ["secret", "rotate", &self.recipe, "--reason", "every quarter", "--yes"];
        self.shop.in_repository(&[&words[..], more].concat(), code)
    }

    /// A rotation that is killed by one of its programs.
    fn killed_in(&self, name: &str) {
        fs::write(self.path(&format!("kill-{name}")), "").unwrap();
        let words = ["secret", "rotate", &self.recipe, "--reason", "every quarter", "--yes"];
        let output = self.shop.home.run_in(&self.shop.repository(), &words);
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn step(&self) -> Value {
        let journals = journals(&self.shop);
        assert_eq!(journals.len(), 1);
        let mode = fs::metadata(&journals[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&journals[0]).unwrap();
        assert!(!text.contains("of-the-token"), "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["step"].clone()
    }

    fn versions(&self) -> Vec<Value> {
        let listed = self.shop.ok(&["secret", "list", "shop"]);
        listed["secrets"][0]["versions"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn a_rotation_whose_process_is_killed_goes_on_where_it_was() {
    let programs = Programs::new();
    let up = programs.shop.home.up();
    programs.put("the-first-value");
    programs.killed_in("make");
    assert_eq!((programs.step(), programs.versions().len()), (json!("making"), 1));
    programs.killed_in("end");
    assert_eq!((programs.step(), programs.versions().len()), (json!("switched"), 2), "its version was put");
    let rotated = programs.rotate(&[], 0);
    assert_eq!(
        (&rotated["resumed"], &rotated["former"], &rotated["number"]),
        (&json!(true), &json!(1), &json!(2))
    );
    assert_eq!((programs.versions().len(), journals(&programs.shop).len()), (2, 0));
    // A program that may be called again was: its value was lost with the process, and is in no file.
    let called = format!("{TOKEN} 2 1 ");
    assert_eq!(programs.log("make"), [called.clone(), called.clone()]);
    assert_eq!(programs.log("end"), [format!("{called}now"), format!("{called}now")]);
    let out = programs.path("read");
    programs.shop.ok(&["secret", "get", TOKEN, "--reason", "to see it", "--out", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(out).unwrap(), "value-2-Xk93h-of-the-token");
    // The next one begins anew.
    let next = programs.rotate(&[], 0);
    assert_eq!((&next["resumed"], &next["number"]), (&json!(false), &json!(3)));
    assert!(up.stop());
}

#[test]
fn attack_two_rotations_of_one_secret_at_once() {
    let programs = Programs::new();
    let up = programs.shop.home.up();
    programs.put("the-first-value");
    programs.program("make", "while [ ! -e DIR/go ]; do sleep 0.02; done\necho the-value-of-the-slow-one");
    let words = ["secret", "rotate", &programs.recipe, "--reason", "slowly", "--yes", "-o", "json"];
    let slow = programs.shop.home.spawn_in(&programs.shop.repository(), &words);
    until(|| (programs.log("make").len() == 1).then_some(()));
    // Another one on the same machine is told so.
    let busy = programs.rotate(&[], 1);
    let said = "another process of this machine rotates the secret now: shop/registry/token";
    assert_eq!(busy["error"], said);
    // One on another machine puts its version first: the number is taken, and nothing is ended.
    programs.put("the-value-of-the-quick-one");
    fs::write(programs.path("go"), "").unwrap();
    let slow = slow.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&slow.stdout).unwrap();
    assert_eq!((slow.status.code(), codes(&said)), (Some(3), vec!["secret-number-taken"]), "{said}");
    assert_eq!(
        (programs.log("end").len(), programs.versions().len(), journals(&programs.shop).len()),
        (0, 2, 0)
    );
    // A rotation that was interrupted and overtaken ends nothing either.
    programs.program("make", "echo value-of-the-third");
    programs.killed_in("end");
    programs.put("a-fourth-value");
    let overtaken = programs.rotate(&[], 0);
    assert_eq!(
        (&overtaken["overtaken"], &overtaken["retired"]),
        (&json!(true), &json!(false)),
        "{overtaken}"
    );
    assert_eq!((programs.log("end").len(), programs.versions().len()), (1, 4));
    assert!(up.stop());
}

#[test]
fn a_dry_run_changes_nothing_and_an_incident_destroys_the_former_version() {
    let programs = Programs::new();
    let up = programs.shop.home.up();
    programs.put("the-first-value");
    let entries = || up.get("/checkpoint").1.lines().nth(1).map(str::to_owned);
    let before = entries();
    let planned = programs.shop.ok(&["secret", "rotate", &programs.recipe, "--dry-run", "--incident"]);
    assert_eq!((&planned["dry_run"], &planned["number"]), (&json!(true), &json!(2)), "{planned}");
    assert_eq!(planned["steps"].as_array().unwrap().len(), 4, "{planned}");
    assert_eq!(entries(), before);
    assert_eq!(
        (programs.log("make").len(), programs.log("end").len(), journals(&programs.shop).len()),
        (0, 0, 0)
    );
    let rotated = programs.rotate(&["--incident"], 0);
    assert_eq!(rotated["number"], json!(2), "{rotated}");
    let destroyed: Vec<_> = programs.versions().iter().map(|version| version["destroyed"].clone()).collect();
    assert_eq!(destroyed, [json!(null), json!(true)], "the newest is first");
    assert_eq!(programs.log("end").len(), 1);
    programs.program("make", ":");
    let silent = programs.rotate(&[], 1)["error"].as_str().unwrap().to_owned();
    assert!(silent.ends_with("/make` printed no value"), "{silent}");
    programs.program("make", "exit 7");
    let failed = programs.rotate(&[], 1)["error"].as_str().unwrap().to_owned();
    assert!(failed.ends_with("/make` failed: exit status: 7"), "{failed}");
    assert_eq!((programs.versions().len(), programs.log("end").len()), (2, 1));
    assert!(up.stop());
}

#[test]
fn a_timer_rotates_what_is_due_and_one_failure_keeps_nothing_else() {
    let programs = Programs::new();
    let up = programs.shop.home.up();
    let dir = programs.path("recipes");
    fs::create_dir(&dir).unwrap();
    let recipe = |name: &str, secret: &str, more: &str| {
        let source = format!("source: {{ command: [{}] }}", programs.path("make").display());
        let source = if more.contains("source:") { String::new() } else { source };
        fs::write(dir.join(name), format!("version: 1\nsecret: {secret}\n{source}\n{more}\n")).unwrap();
    };
    recipe("a.yaml", TOKEN, "every-days: 30");
    recipe("b.yaml", "shop/typed", "source: input");
    recipe("c.json", "shop/broken", "every-days: 0");
    recipe("d.yml", "shop/other", &format!("after-release: {DEV}"));
    recipe("notes.txt", "shop/none", "");
    let due = |more: &[&str], code: i32| {
        let words = ["secret", "rotate", "--due", dir.to_str().unwrap(), "--yes", "--reason", "a timer"];
        programs.shop.in_repository(&[&words[..], more].concat(), code)
    };
    let looked = due(&["--dry-run"], 1);
    assert!(looked["error"].as_str().unwrap().contains("c.json: "), "{looked}");
    assert_eq!(programs.versions().len(), 0);
    let failed = due(&[], 1)["error"].as_str().unwrap().to_owned();
    assert!(failed.contains("b.yaml: it is due, and its value comes from standard input"), "{failed}");
    assert!(failed.contains("every-days: must be 1 to 3650") && !failed.contains("a.yaml"), "{failed}");
    assert_eq!(programs.versions().len(), 1);
    for name in ["b.yaml", "c.json"] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    let rest = due(&[], 0);
    let all = rest["recipes"].as_array().unwrap();
    assert!(all.len() == 2 && all.iter().all(|one| one.get("due").is_none()), "{rest}");
    // A release makes the other one due.
    programs.shop.in_repository(&["run"], 0);
    let after = due(&[], 0);
    let why = after["recipes"][1]["due"].as_str().unwrap();
    assert!(why.starts_with(&format!("{DEV} has a release of ")), "{after}");
    assert_eq!(
        (&after["recipes"][0].get("due"), &after["recipes"][1]["rotated"]["number"]),
        (&None, &json!(2))
    );
    // An interrupted rotation is due.
    programs.killed_in("end");
    fs::copy(&programs.recipe, dir.join("a.yaml")).unwrap();
    let resumed = due(&[], 0);
    assert_eq!(resumed["recipes"][0]["rotated"]["resumed"], json!(true), "{resumed}");
    assert!(up.stop());
}
