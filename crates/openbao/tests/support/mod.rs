//! One table of operations for every store, and what a store needs for it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use openbao::{
    Clear, Fields, Login, Place, Session, Store as _, StoreError, StorePath, Token, public_key_pem,
};

pub mod bao;
pub mod contract;
pub mod server;

/// What the table needs to know of a store.
pub struct Table {
    pub place: Place,
    /// Role id and secret id of an AppRole.
    pub app_role: (String, String),
    /// The key that the store believes, for the role `countersign` and the audience `bao`.
    pub signer: Signer,
    /// Whether a database stands behind the mount `database`, with the role `migrate`.
    pub has_database: bool,
}

/// A machine that signs tokens.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    pub fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub fn pem(&self) -> String {
        public_key_pem(self.0.public_key().as_ref().try_into().unwrap())
    }

    pub fn login(&self, audience: &str, issued: u64) -> Login {
        let token = Token {
            issuer: "spiffe://01010101010101010101010101010101/runner/runner-1",
            subject: "runner-1",
            audience,
            issued,
            validity: Duration::from_secs(300),
            id: "1",
            about: BTreeMap::from([("project", "shop"), ("step", "publish")]),
        };
        let token = token.signed(|bytes| self.0.sign(bytes).as_ref().try_into().unwrap());
        Login::Jwt { mount: path("jwt"), role: "countersign".into(), token }
    }
}

pub fn path(text: &str) -> StorePath {
    text.parse().unwrap()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn fields(value: &str) -> Fields {
    Fields::from([("token".to_owned(), Clear::new(value.to_owned()))])
}

impl Table {
    fn app_role(&self, secret: &str) -> Login {
        let (role, secret) = (self.app_role.0.clone(), Clear::new(secret.to_owned()));
        Login::AppRole { mount: path("approle"), role, secret }
    }

    fn session(&self) -> Session {
        Session::open(&self.place, &self.app_role(&self.app_role.1)).unwrap()
    }

    /// All operations, with what each refuses.
    pub fn passes(&self) {
        self.logins();
        self.versions();
        self.transit();
        if self.has_database {
            self.leases();
        }
    }

    fn logins(&self) {
        self.session().end().unwrap();
        let wrong = Session::open(&self.place, &self.app_role("00000000-0000-0000-0000-000000000000"));
        assert!(matches!(wrong, Err(StoreError::Refused { .. })), "{wrong:?}");
        let by_token = Session::open(&self.place, &self.signer.login("bao", now())).unwrap();
        by_token.end().unwrap();
        let refused = [
            ("for somebody else", self.signer.login("elsewhere", now())),
            ("ended", self.signer.login("bao", now() - 4_000)),
            ("of another key", Signer::new(9).login("bao", now())),
        ];
        for (why, login) in refused {
            let refused = Session::open(&self.place, &login);
            assert!(matches!(refused, Err(StoreError::Refused { .. })), "{why}: {refused:?}");
        }
    }

    fn versions(&self) {
        let session = self.session();
        let (mount, at) = (path("secret"), path("shop/registry"));
        assert_eq!(session.write(&mount, &at, &fields("one"), 0), Ok(1));
        let late = session.write(&mount, &at, &fields("lost"), 0);
        assert!(matches!(late, Err(StoreError::Conflict { expected: 0, .. })), "{late:?}");
        assert_eq!(session.write(&mount, &at, &fields("two \" \\ \n ü"), 1), Ok(2));
        let newest = session.read(&mount, &at, None).unwrap();
        assert_eq!((newest.version, &newest.fields), (2, &fields("two \" \\ \n ü")));
        let first = session.read(&mount, &at, Some(1)).unwrap();
        assert_eq!((first.version, &first.fields), (1, &fields("one")));
        session.destroy(&mount, &at, &[1]).unwrap();
        let gone = session.read(&mount, &at, Some(1));
        assert!(matches!(gone, Err(StoreError::Absent { .. })), "{gone:?}");
        let versions = session.versions(&mount, &at).unwrap();
        assert_eq!(versions.values().map(|version| version.destroyed).collect::<Vec<_>>(), [true, false]);
        let absent = session.read(&mount, &path("shop/nothing"), None);
        assert!(matches!(absent, Err(StoreError::Absent { .. })), "{absent:?}");
        let others = session.read(&mount, &path("bank/key"), None);
        assert!(matches!(others, Err(StoreError::Refused { .. })), "{others:?}");
    }

    fn transit(&self) {
        let session = self.session();
        let (mount, key) = (path("transit"), path("ring"));
        let sealed = session.encrypt(&mount, &key, b"\0\xff key", b"installation").unwrap();
        assert_eq!(
            session.decrypt(&mount, &key, &sealed, b"installation").unwrap().as_slice(),
            b"\0\xff key"
        );
        let other = session.decrypt(&mount, &key, &sealed, b"another");
        assert!(matches!(other, Err(StoreError::Failed { status: 400, .. })), "{other:?}");
    }

    fn leases(&self) {
        let session = self.session();
        let made = session.credentials(&path("database"), &path("migrate")).unwrap();
        assert!(!made.username.is_empty() && !made.password.as_str().is_empty());
        let renewed = session.renew(&made.lease, 60).unwrap();
        assert_eq!(renewed.id, made.lease.id);
        session.give_back(&made.lease).unwrap();
        assert!(session.renew(&made.lease, 60).is_err(), "it has ended");
    }
}
