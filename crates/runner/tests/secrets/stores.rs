//! A step whose secret lies in a store: its holder reads it, prints it masked, and the runner never has it; a user of a database
//! that a store makes is there while the step runs, and is revoked when its holder was killed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use evidence::statements::StoreSource;
use runner::{StoreBearer, StoreLogins, StorePurpose};
use serde_json::json;
use wire::LentElsewhere;

use super::server::{Asked, Server, with_json};
use super::*;

const VALUE: &str = "s3cr3t-of-the-store";
const FIELD: &str = "bao:secret/shop/registry#token";
const USER: &str = "bao:database/creds/app";

/// The state of the store: users of its database, and the tokens that were revoked from outside.
#[derive(Default)]
struct Store {
    users: usize,
    /// Most users at the same time.
    most: usize,
    revoked: usize,
}

fn answer(store: &Mutex<Store>, asked: &Asked) -> (u16, String) {
    let mut store = store.lock().unwrap();
    match asked.path.as_str() {
        "/v1/auth/approle/login" if asked.body.get("secret_id").is_some_and(|id| id == "an-id") => {
            let auth = json!({ "client_token": "hvs.x", "accessor": "2c84f488", "lease_duration": 36_000 });
            (200, with_json(&json!({ "auth": auth })))
        }
        "/v1/secret/data/shop/registry" => {
            let read = json!({ "data": { "token": VALUE }, "metadata": { "version": 1 } });
            (200, with_json(&json!({ "data": read })))
        }
        "/v1/database/creds/app" => {
            store.users += 1;
            store.most = store.most.max(store.users);
            let made = json!({ "username": "v-app-user-x", "password": VALUE });
            (
                200,
                with_json(
                    &json!({ "lease_id": "l", "lease_duration": 36_000, "renewable": true, "data": made }),
                ),
            )
        }
        "/v1/sys/leases/revoke" => {
            store.users -= 1;
            (204, "\r\n".into())
        }
        "/v1/auth/token/revoke-accessor" => {
            (store.users, store.revoked) = (0, store.revoked + 1);
            (204, "\r\n".into())
        }
        "/v1/auth/token/revoke-self" => (204, "\r\n".into()),
        _ => (403, with_json(&json!({ "errors": ["permission denied"] }))),
    }
}

struct Estate {
    dir: tempfile::TempDir,
    logins: StoreLogins,
    store: Arc<Mutex<Store>>,
    _server: Server,
}

impl Estate {
    fn new() -> Self {
        let (dir, store) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Store::default())));
        let at = Arc::clone(&store);
        let server = Server::start(move |asked| answer(&at, asked));
        let id = dir.path().join("secret-id");
        std::fs::write(&id, "an-id").unwrap();
        std::fs::set_permissions(&id, std::fs::Permissions::from_mode(0o600)).unwrap();
        let login = json!({ "approle": { "role-id": "r", "secret-id-file": id } });
        let projects = json!({ "shop": ["secret/shop", "database/creds/app"] });
        let bao = json!({ "address": server.address, "login": login, "projects": projects });
        std::fs::write(
            dir.path().join("stores.json"),
            json!({ "v": 1, "stores": { "bao": bao } }).to_string(),
        )
        .unwrap();
        let logins = StoreLogins::of(dir.path());
        Self { dir, logins, store, _server: server }
    }

    fn bearer(&self) -> StoreBearer {
        StoreBearer {
            installation: INSTALLATION,
            runner: name("runner-1"),
            signer: MachineSigner::from_seed([24; 32]).unwrap(),
            now: || Moment::from_millis(1_800_000_000_000).unwrap(),
        }
    }

    /// Runs a step whose secret `db` lies there.
    fn run(&self, from: &str, script: &str, wanted: &dyn Fn(&str) -> bool) -> Result<Execution, StepError> {
        let from: StoreSource = from.parse().unwrap();
        let (within, of) = (isolation(), secret("shop/db"));
        let holder = Holder::start(within.holder().unwrap()).unwrap();
        let elsewhere = vec![LentElsewhere { name: name("db"), secret: of.clone(), from: from.clone() }];
        let given = LentSecrets { values: Vec::new(), elsewhere };
        let purpose =
            StorePurpose { nonce: NONCE, project: name("shop"), step: name("publish"), at_ref: None };
        let logins = self.logins.step(self.bearer(), purpose);
        let held =
            HeldStep::new(&within, holder, (INSTALLATION, NONCE), given, Vec::new()).with_logins(logins);
        let trial = Trial::of(script, &[("db", b"")]);
        let names = [(name("db"), of.clone())].into();
        let lent = Lent { secrets: names, from: [(of, from)].into(), reach: Some([].into()) };
        trial.held(&trial.source(), &held, lent, wanted)
    }

    fn users(&self) -> usize {
        self.store.lock().unwrap().users
    }

    fn journals(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("store-leases")).map_or(0, Iterator::count)
    }
}

#[test]
fn a_step_reads_a_value_of_a_store_and_prints_it_masked() {
    let estate = Estate::new();
    let done =
        estate.run(FIELD, "echo plain $(cat /run/secrets/db); test -s /run/secrets/db", &|_| true).unwrap();
    let log = log(&done);
    assert_eq!(done.facts.exit, Ending::Code(0), "{log}");
    assert!(log.contains("plain ***\n") && !log.contains("s3cr3t"), "{log}");
    // A store that does not have it: the step does not run, and its error names the store.
    let error = estate.run("bao:secret/shop/other#token", "true", &|_| true).unwrap_err().to_string();
    assert!(error.contains("store `bao`, `bao:secret/shop/other#token`: "), "{error}");
    assert!(error.contains("refuses to read a secret: permission denied"), "{error}");
}

#[test]
fn a_step_has_a_user_of_a_database_while_it_runs() {
    let estate = Estate::new();
    let script = "test \"$(cat /run/secrets/db_username)\" = v-app-user-x\necho begun as $(cat /run/secrets/db_username) with $(cat \
                  /run/secrets/db_password)\ntest ! -e /run/secrets/db";
    let done = estate.run(USER, script, &|_| true).unwrap();
    let log = log(&done);
    assert_eq!(done.facts.exit, Ending::Code(0), "{log}");
    assert!(log.contains("begun as *** with ***"), "{log}");
    assert_eq!(estate.store.lock().unwrap().most, 1, "its own");
    assert_eq!((estate.users(), estate.journals()), (0, 0), "and none afterwards");
    let failed = estate.run(USER, "exit 3", &|_| true).unwrap();
    assert_eq!((failed.facts.exit, estate.users(), estate.journals()), (Ending::Code(3), 0, 0));
    let cancelled = estate.run(USER, "echo begun; sleep 1000", &|said| !said.contains("begun"));
    assert!(matches!(cancelled, Err(StepError::Sandbox(SandboxError::Unwanted))), "{cancelled:?}");
}

/// Nobody is left who could give the user back; the runner does it by the journal.
#[test]
fn attack_a_user_of_a_database_whose_holder_is_killed() {
    let estate = Estate::new();
    let reaped_within = Mutex::new(Vec::new());
    let kill = |said: &str| {
        let mut within = reaped_within.lock().unwrap();
        if said.contains("begun") && within.is_empty() {
            within.push(format!("{:?}", estate.logins.reaped(&estate.bearer())));
            within.push(estate.users().to_string());
            let (holder, _) = step_of(std::process::id()).unwrap();
            assert!(Command::new("kill").args(["-9", &holder.to_string()]).status().unwrap().success());
        }
        true
    };
    let error = estate.run(USER, "echo begun; sleep 1000", &kill).unwrap_err();
    assert!(error.to_string().contains("was lost"), "{error}");
    assert_eq!(*reaped_within.lock().unwrap(), ["[]", "1"], "a user of a step that runs is left alone");
    assert_eq!((estate.users(), estate.journals()), (1, 1));
    // As after a restart: another runner process, the same directory.
    let again = StoreLogins::of(estate.dir.path());
    assert_eq!(again.reaped(&estate.bearer()), [""; 0]);
    assert_eq!((estate.users(), estate.journals(), estate.store.lock().unwrap().revoked), (0, 0, 1));
    // A store that is away is told once, and asked again.
    std::fs::create_dir_all(estate.dir.path().join("store-leases")).unwrap();
    let note = estate.dir.path().join("store-leases").join(format!("{NONCE}.db"));
    std::fs::write(&note, r#"{"v":1,"store":"gone","accessor":"x"}"#).unwrap();
    let said = again.reaped(&estate.bearer());
    assert!(said.len() == 1 && said[0].contains("store `gone` is not known on this machine"), "{said:?}");
    assert_eq!(again.reaped(&estate.bearer()), [""; 0]);
    assert!(Path::new(&note).exists());
}
