//! The examples of grants, what their form refuses, and which loans they allow.

use std::collections::BTreeSet;

use evidence::pool::Pool;
use evidence::secret_name::SecretName;
use evidence::statements::{
    Body, Borrower, GrantedSecret, Hours, Loan, LoanFault, Matter, Scope, SecretGrant, Statement, lend,
};
use evidence::{Digest, Moment, Name, canonical};

use super::check;
use super::support::{NOW, id, name};

fn to_step() -> SecretGrant {
    SecretGrant {
        secret: "shop/registry/token".parse().unwrap(),
        to: Borrower::Step(name("publish")),
        refs: ["refs/heads/main".parse().unwrap()].into(),
        pools: [Pool::Protected].into(),
        network: ["registry.example:443".to_owned()].into(),
        hours: Some("mon-fri 08:00-18:00".parse::<Hours>().unwrap()),
        from: None,
    }
}

fn to_service() -> SecretGrant {
    SecretGrant {
        secret: "database".parse().unwrap(),
        to: Borrower::Service(name("api")),
        refs: BTreeSet::new(),
        pools: BTreeSet::new(),
        network: BTreeSet::new(),
        hours: None,
        from: None,
    }
}

const VALUE: &str = "bao:secret/shop/registry#token@3";
const USER: &str = "bao:database/creds/migrate";

/// The value is in a store.
fn from(text: &str) -> SecretGrant {
    SecretGrant { from: Some(text.parse().unwrap()), hours: None, ..to_step() }
}

fn of(grant: SecretGrant) -> Statement {
    let placed = matches!(grant.to, Borrower::Service(_));
    Statement {
        installation: id(1),
        person: id(31),
        scope: Scope {
            project: name("shop"),
            service: placed.then(|| name("api")),
            environment: placed.then(|| name("production")),
        },
        subjects: vec![grant.secret.subject()],
        not_before: NOW.parse().unwrap(),
        expires: "2026-12-31T00:00:00.000Z".parse().unwrap(),
        root: 1,
        checkpoint: "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        reason: "releases are published from here".into(),
        nonce: id(53),
        via: "command-line".into(),
        body: Body::Grant(grant),
    }
}

#[test]
fn a_grant_has_one_encoding() {
    for (block, grant) in [(7, to_step()), (8, to_service()), (9, from(VALUE)), (10, from(USER))] {
        let statement = of(grant);
        check("statement", block, &canonical::encode("body", &statement.body).unwrap());
        assert_eq!(Statement::read(&statement.envelope().unwrap()).unwrap(), statement);
    }
    assert_eq!(
        to_step().secret.subject(),
        Digest::of(b"countersign-secret@v1\nshop/registry/token\n"),
        "the subject is the secret, and not its receiver"
    );
    assert_eq!(
        of(to_step()).body.summary(),
        "secret shop/registry/token to step publish, on refs/heads/main, in pool protected, with registry.example:443, \
         only mon,tue,wed,thu,fri 08:00-18:00 UTC"
    );
    assert_eq!(of(to_service()).body.summary(), "secret database to service api");
    assert_eq!(
        of(from(VALUE)).body.summary(),
        "secret shop/registry/token to step publish, on refs/heads/main, in pool protected, with registry.example:443, \
         its value from bao:secret/shop/registry#token@3"
    );
}

#[test]
fn attack_a_grant_that_lends_more_than_it_names() {
    let wrong = |grant: SecretGrant| of(grant).envelope().is_err();
    let step = |change: fn(&mut SecretGrant)| {
        let mut grant = from(VALUE);
        change(&mut grant);
        wrong(grant)
    };
    assert!(!step(|_| ()));
    assert!(step(|it| it.refs.clear()), "no ref by default");
    assert!(step(|it| it.pools.clear()), "no pool by default");
    assert!(step(|it| it.pools = [Pool::Fork, Pool::Protected].into()), "forks get no secrets");
    assert!(step(|it| it.pools = [Pool::Deploy].into()), "no step runs there");
    assert!(step(|it| it.secret = "token".parse().unwrap()), "a deploy secret is no step's");
    assert!(step(|it| it.secret = "yard/registry/token".parse().unwrap()), "of another project");
    assert!(step(|it| it.to = Borrower::Service(name("api"))), "a build secret is no service's");
    assert!(step(|it| it.from.as_mut().unwrap().path = Some("../sys".into())), "elsewhere in the store");
    assert!(step(|it| it.from.as_mut().unwrap().field = None), "the whole secret");
    let user = SecretGrant { from: Some(USER.parse().unwrap()), ..to_service() };
    assert!(wrong(user), "a service outlives a user that is made for a step");
    let of_store = SecretGrant { from: Some(VALUE.parse().unwrap()), ..to_service() };
    assert!(!wrong(of_store));
    let many: BTreeSet<_> = (0..17).map(|n| format!("refs/heads/{n}").parse().unwrap()).collect();
    assert!(wrong(SecretGrant { refs: many, ..to_step() }));
    let many: BTreeSet<_> = (0..33).map(|n| format!("{n}.example:443")).collect();
    assert!(wrong(SecretGrant { network: many, ..to_step() }));
    for bad in [
        "cargo",
        "registry.example",
        "*.example:443",
        "https://a.example:443",
        "A.example:443",
        "a.example:0",
        ":443",
        "::1",
    ] {
        assert!(wrong(SecretGrant { network: [bad.to_owned()].into(), ..to_step() }), "{bad}");
    }
    for good in ["registry.example:8443", "10.0.0.1:5432", "[2001:db8::1]:443"] {
        assert!(!wrong(SecretGrant { network: [good.to_owned()].into(), ..to_step() }), "{good}");
    }
    let swapped = Statement { subjects: vec![to_service().secret.subject()], ..of(to_step()) };
    assert!(swapped.envelope().is_err(), "people would read another secret");
    for (service, environment) in [(Some("api"), None), (None, Some("production"))] {
        let scope =
            Scope { project: name("shop"), service: service.map(name), environment: environment.map(name) };
        assert!(
            Statement { scope: scope.clone(), ..of(to_step()) }.envelope().is_err(),
            "runs have no place"
        );
        assert!(Statement { scope, ..of(to_service()) }.envelope().is_err(), "one place");
    }
    let other = Statement {
        scope: Scope { service: Some(name("web")), ..of(to_service()).scope },
        ..of(to_service())
    };
    assert!(other.envelope().is_err(), "another service than the scope");
    assert!(wrong(SecretGrant { refs: to_step().refs, ..to_service() }), "releases have no ref of a run");
    for bad in ["", "/", "shop/", "/token", "shop//token", "shop/../token", "Shop/token", "a/b/c/d/e/f/g/h/i"]
    {
        assert!(bad.parse::<GrantedSecret>().is_err(), "{bad}");
    }
}

fn matter<'a>(secrets: &[(&'a Name, &'a Name)]) -> Matter<'a> {
    Matter {
        artifact: to_service().secret.subject(),
        findings: Vec::new(),
        tests: BTreeSet::new(),
        failing: BTreeSet::new(),
        secrets: secrets.iter().copied().collect(),
    }
}

/// A release never rests on a secret that a step had, so its evidence carries no such grant.
#[test]
fn a_grant_is_about_releases_whose_plan_names_the_secret_for_the_service() {
    let (api, web, database, token) = (&name("api"), &name("web"), &name("database"), &name("token"));
    assert!(of(to_service()).concerns(&matter(&[(api, database)])));
    for other in [&[][..], &[(web, database)], &[(api, token)]] {
        assert!(!of(to_service()).concerns(&matter(other)), "{other:?}");
    }
    assert!(!of(to_step()).concerns(&matter(&[(api, token)])));
}

/// The facts of a run in which the grant lends the secret, on a Monday.
struct Asked {
    secret: SecretName,
    project: Name,
    step: Name,
    at_ref: Option<&'static str>,
    pool: Pool,
    moment: Moment,
}

fn asked() -> Asked {
    Asked {
        secret: "shop/registry/token".parse().unwrap(),
        project: name("shop"),
        step: name("publish"),
        at_ref: Some("refs/heads/main"),
        pool: Pool::Protected,
        moment: "2026-11-30T09:00:00.000Z".parse().unwrap(),
    }
}

/// Codes against the loan; none if it is allowed.
fn against(grants: &[Statement], change: impl FnOnce(&mut Asked)) -> Vec<&'static str> {
    let mut asked = asked();
    change(&mut asked);
    let at_ref = asked.at_ref.map(|text| text.parse().unwrap());
    let loan = Loan {
        secret: &asked.secret,
        project: &asked.project,
        step: &asked.step,
        at_ref: at_ref.as_ref(),
        pool: asked.pool,
        moment: asked.moment,
    };
    let faults = lend(grants, &loan).err().unwrap_or_default();
    for fault in &faults {
        assert!(fault.what(&loan).contains("publish") || asked.step != name("publish"));
        assert!(!fault.remedy().is_empty());
    }
    faults.iter().map(LoanFault::code).collect()
}

#[test]
fn attack_a_secret_is_lent_as_the_grant_says_and_never_otherwise() {
    let grants = [of(to_step())];
    let at = |text: &str| text.parse::<Moment>().unwrap();
    assert_eq!(against(&grants, |_| ()), [""; 0]);
    assert_eq!(against(&[], |_| ()), ["secret-not-granted"], "deny by default");
    assert_eq!(against(&[of(to_service())], |_| ()), ["secret-not-granted"]);
    assert_eq!(against(&grants, |it| it.step = name("test")), ["secret-not-granted"]);
    assert_eq!(against(&grants, |it| it.secret = "shop/other".parse().unwrap()), ["secret-not-granted"]);
    assert_eq!(against(&grants, |it| it.project = name("yard")), ["secret-not-granted"]);
    assert_eq!(
        against(&grants, |it| it.secret = "yard/registry/token".parse().unwrap()),
        ["secret-not-granted"]
    );
    assert_eq!(against(&grants, |it| it.at_ref = None), ["secret-ref-unverified"]);
    assert_eq!(against(&grants, |it| it.at_ref = Some("refs/heads/main2")), ["secret-ref"]);
    assert_eq!(against(&grants, |it| it.pool = Pool::Fork), ["secret-pool"]);
    assert_eq!(against(&grants, |it| it.pool = Pool::Branch), ["secret-pool"]);
    assert_eq!(against(&grants, |it| it.moment = at("2026-11-29T09:00:00.000Z")), ["secret-outside-hours"]);
    assert_eq!(against(&grants, |it| it.moment = at("2026-11-30T18:00:00.000Z")), ["secret-outside-hours"]);
    assert_eq!(
        against(&grants, |it| it.moment = at("2026-11-20T09:00:00.000Z")),
        ["secret-not-granted"],
        "before"
    );
    let last = at("2026-12-30T17:59:59.999Z");
    assert_eq!(against(&grants, |it| it.moment = last), [""; 0]);
    assert_eq!(
        against(&[Statement { expires: last, ..of(to_step()) }], |it| it.moment = last),
        ["secret-not-granted"]
    );
    let all = |it: &mut Asked| {
        it.at_ref = None;
        it.pool = Pool::Fork;
        it.moment = at("2026-11-29T09:00:00.000Z");
    };
    assert_eq!(
        against(&grants, all),
        ["secret-ref-unverified", "secret-pool", "secret-outside-hours"],
        "every reason"
    );
}

/// A value has one place: two grants that name two lend nothing.
#[test]
fn attack_grants_that_name_two_places_of_a_value() {
    let here = |grants: &[SecretGrant]| {
        let grants: Vec<_> = grants.iter().cloned().map(of).collect();
        against(&grants, |_| ())
    };
    let vault = SecretGrant { hours: None, ..to_step() };
    assert_eq!(here(&[from(VALUE), from(VALUE)]), [""; 0]);
    assert_eq!(here(&[vault.clone(), from(VALUE)]), ["secret-sources"]);
    assert_eq!(here(&[from(USER), from(VALUE)]), ["secret-sources"]);
    // One that does not count for this run names nothing.
    let other = SecretGrant { pools: [Pool::Branch].into(), ..from(VALUE) };
    assert_eq!(here(&[vault, other]), [""; 0]);
}

/// One grant that lends is enough, and what each names may be reached; none borrows a ref or an hour from another.
#[test]
fn grants_count_each_for_itself() {
    let night = SecretGrant {
        hours: Some("mon 22:00-02:00".parse().unwrap()),
        network: ["mirror.example:443".to_owned()].into(),
        ..to_step()
    };
    let branch = SecretGrant { refs: ["refs/heads/*".parse().unwrap()].into(), hours: None, ..night.clone() };
    let grants = [of(to_step()), of(night.clone())];
    let at = |text: &str| text.parse::<Moment>().unwrap();
    assert_eq!(against(&grants, |it| it.moment = at("2026-12-01T01:00:00.000Z")), [""; 0]);
    assert_eq!(
        against(&grants, |it| it.at_ref = Some("refs/heads/x")),
        ["secret-ref", "secret-outside-hours"]
    );
    let asked = asked();
    let main = "refs/heads/main".parse().unwrap();
    let loan = Loan {
        secret: &asked.secret,
        project: &asked.project,
        step: &asked.step,
        at_ref: Some(&main),
        pool: asked.pool,
        moment: asked.moment,
    };
    let reach = |grants: &[Statement]| lend(grants, &loan).unwrap().reach.into_iter().collect::<Vec<_>>();
    assert_eq!(
        reach(&grants),
        ["registry.example:443"],
        "what is granted for the night is not reached by day"
    );
    assert_eq!(reach(&[of(to_step()), of(branch)]), ["mirror.example:443", "registry.example:443"]);
}
