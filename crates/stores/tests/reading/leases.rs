//! Users of databases that a store makes for one step: written down before they exist, given back, and revoked after a crash.

use std::sync::{Arc, Mutex};

use stores::{LeaseJournal, Leased, lease, revoke};

use super::*;

const FROM: &str = "bao:database/creds/app";

/// A store that makes users, and what it has: users, and tokens that were revoked.
#[derive(Default)]
struct Made {
    users: usize,
    revoked: Vec<String>,
    /// Whether the journal was there when the user was made.
    noted: Option<bool>,
}

struct Estate {
    dir: tempfile::TempDir,
    made: Arc<Mutex<Made>>,
    stores: Stores,
    journal: LeaseJournal,
    _server: Server,
}

impl Estate {
    /// `change` replaces answers of the store.
    fn new(change: impl Fn(&Asked) -> Option<(u16, String)> + Send + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = Arc::new(Mutex::new(Made::default()));
        let (at, leases) = (Arc::clone(&made), dir.path().join("leases"));
        let server = Server::start(move |asked| {
            if let Some(answer) = change(asked) {
                return answer;
            }
            let mut made = at.lock().unwrap();
            match asked.path.as_str() {
                path if path.ends_with("/login") => login("2c84f488", 3_600),
                "/v1/database/creds/app" => {
                    made.users += 1;
                    made.noted = Some(std::fs::read_dir(&leases).is_ok_and(|files| files.count() == 1));
                    (
                        200,
                        with_json(&json!({ "lease_id": "database/creds/app/2f6a", "lease_duration": 600,
                        "renewable": true, "data": { "username": "v-app-x", "password": VALUE } })),
                    )
                }
                "/v1/sys/leases/revoke" => {
                    made.users -= 1;
                    (204, "\r\n".into())
                }
                "/v1/auth/token/revoke-accessor" => {
                    made.revoked.push(asked.body["accessor"].as_str().unwrap().to_owned());
                    made.users = 0;
                    (204, "\r\n".into())
                }
                "/v1/auth/token/revoke-self" => (204, "\r\n".into()),
                _ => errors(403, "permission denied"),
            }
        });
        let stores = operator(dir.path(), &server.address, &app_role(dir.path(), "r", SECRET_ID));
        let journal = LeaseJournal::of(&dir.path().join("leases"), Id::from_random([7; 16]), &name("db"));
        Self { dir, made, stores, journal, _server: server }
    }

    fn lease(&self, seconds: u64) -> Result<Leased, StoresError> {
        let from = source(FROM);
        let access = access(&self.stores, &from)?;
        lease(Wanted { access: &access, from: &from }, self.journal.clone(), seconds, WITHIN)
    }

    fn left(&self) -> Vec<LeaseJournal> {
        let all = LeaseJournal::all(&self.dir.path().join("leases")).unwrap();
        all.into_iter().map(|(_, journal)| journal).collect()
    }
}

#[test]
fn a_user_of_a_database_is_written_down_before_it_is_made_and_gone_at_the_end() {
    let estate = Estate::new(|_| None);
    let leased = estate.lease(600).unwrap();
    assert_eq!((leased.username.as_slice(), leased.password.as_slice()), (&b"v-app-x"[..], VALUE.as_bytes()));
    assert_eq!(estate.made.lock().unwrap().noted, Some(true), "it was in the journal before");
    assert_eq!(estate.left(), std::slice::from_ref(&estate.journal));
    let note = std::fs::read_to_string(
        estate.dir.path().join("leases").join(format!("{}.db", Id::from_random([7; 16]))),
    );
    assert_eq!(note.unwrap(), r#"{"v":1,"store":"bao","accessor":"2c84f488"}"#);
    assert!(!format!("{leased:?}").contains(VALUE));
    leased.end(WITHIN).unwrap();
    assert_eq!((estate.made.lock().unwrap().users, estate.left().len()), (0, 0));
}

/// The process that had the user made was killed: nothing of it is left but the journal.
#[test]
fn attack_a_user_of_a_database_outlives_the_process_of_its_step() {
    let estate = Estate::new(|_| None);
    // Its memory is lost, with the token in it.
    std::mem::forget(estate.lease(600).unwrap());
    let [left] = &estate.left()[..] else { panic!("one lease") };
    let note = left.read().unwrap();
    let login = estate.stores.login(&note.store, &bearer(&name("runner-1"), now())).unwrap();
    revoke(&login, &note, WITHIN).unwrap();
    let made = estate.made.lock().unwrap();
    assert_eq!((made.users, made.revoked.as_slice()), (0, &["2c84f488".to_owned()][..]));
}

#[test]
fn attack_a_lease_that_ends_early_or_cannot_be_revoked() {
    let said = |estate: &Estate, seconds| estate.lease(seconds).unwrap_err().to_string();
    let estate = Estate::new(|_| None);
    let short = said(&estate, 700);
    assert!(short.contains("would end after 600 seconds, and the step may take 700"), "{short}");
    assert_eq!((estate.made.lock().unwrap().users, estate.left().len()), (0, 0));
    let short = said(&estate, 4_000);
    assert!(short.contains("would end after 3600 seconds"), "of its token: {short}");
    let without = Estate::new(|asked| asked.path.ends_with("/login").then(|| login("", 3_600)));
    let accessor = said(&without, 600);
    assert!(accessor.contains("tokens of its login have no accessor"), "{accessor}");
    assert_eq!(without.made.lock().unwrap().users, 0, "none was made");
    // A store that makes no user leaves nothing; one that cannot end it leaves it in the journal.
    let refuses =
        Estate::new(|asked| asked.path.contains("/creds/").then(|| errors(403, "permission denied")));
    assert!(said(&refuses, 600).contains("refuses to make credentials"));
    assert_eq!(refuses.left().len(), 0);
    let away = Estate::new(|asked| asked.path.contains("revoke").then(|| errors(503, "sealed")));
    let left = away.lease(600).unwrap().end(WITHIN).unwrap_err().to_string();
    assert!(left.contains("is sealed or not ready"), "{left}");
    assert_eq!(away.left().len(), 1, "it is revoked later");
    // A journal that cannot be written stops the making of users.
    let full = Estate::new(|_| None);
    std::fs::write(full.dir.path().join("leases"), "a file").unwrap();
    assert!(said(&full, 600).starts_with("the journal of leases of stores: "));
    assert_eq!(full.made.lock().unwrap().users, 0);
}
