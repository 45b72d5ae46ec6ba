//! Two users of a real server that take turns.

use mint::{RoleName, Turns};

use super::{Shop, admin};

fn users() -> [RoleName; 2] {
    ["api_a", "api_b"].map(|name| name.parse().unwrap())
}

/// Both users; the first one is in use.
fn start() -> Option<Shop> {
    let shop = Shop::start()?;
    shop.postgres.sql(
        "CREATE ROLE api_a LOGIN PASSWORD 'first' IN ROLE shop_owner; CREATE ROLE api_b NOLOGIN IN ROLE shop_owner; \
         CREATE ROLE other NOLOGIN",
    );
    // From version 16 on a role is changed only with ADMIN OPTION on it.
    shop.postgres.sql("GRANT api_a, api_b TO minter WITH ADMIN OPTION");
    Some(shop)
}

fn take(shop: &Shop, users: [RoleName; 2]) -> Result<Turns, String> {
    let taken = shop.runtime.block_on(Turns::take(&shop.target(), &admin(), users));
    taken.map_err(|error| error.to_string())
}

#[test]
fn two_users_take_turns_and_the_former_one_loses_password_and_sessions() {
    let Some(shop) = start() else { return };
    let log_in = |user: &str, password: &str| shop.postgres.as_user(user, password, "SELECT current_user").0;
    let turns = take(&shop, users()).unwrap();
    let [a, b] = users();
    let may = |turns: &Turns| shop.runtime.block_on(turns.may_log_in()).unwrap();
    assert_eq!(may(&turns), [true, false]);
    let password = shop.runtime.block_on(turns.give(&b)).unwrap();
    assert_eq!(may(&turns), [true, true], "the new one is valid beside the old one");
    assert!(log_in("api_a", "first") && log_in("api_b", &password));
    let mut session = shop.postgres.psql_command("api_a", "first", "127.0.0.1");
    let mut session = session.args(["-c", "SELECT pg_sleep(1000)"]).spawn().unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'api_a'";
    while shop.postgres.sql(count) != "1" {}
    shop.runtime.block_on(turns.end(&a)).unwrap();
    assert_eq!(may(&turns), [false, true]);
    assert!(!session.wait().unwrap().success(), "its session has ended");
    assert!(!log_in("api_a", "first") && log_in("api_b", &password));
    // Its verifier is gone, too: it cannot be let in again with what somebody may have kept.
    assert_eq!(
        shop.postgres.sql("SELECT count(*) FROM pg_authid WHERE rolname = 'api_a' AND rolpassword IS NULL"),
        "1"
    );
    let again = shop.runtime.block_on(turns.give(&a)).unwrap();
    assert!(log_in("api_a", &again) && !log_in("api_a", "first"));
    let log = shop.postgres.log();
    assert!(!log.contains(password.as_str()) && !log.contains(again.as_str()));
}

#[test]
fn attack_two_rotations_of_the_same_users_at_once() {
    let Some(shop) = start() else { return };
    let first = take(&shop, users()).unwrap();
    let [a, b] = users();
    let said = take(&shop, [b, a]).unwrap_err();
    let expected =
        "somebody else rotates the users `api_b` and `api_a` of the database `postgres` at 127.0.0.1:";
    assert!(said.starts_with(expected), "{said}");
    drop(first);
    take(&shop, users()).unwrap();
    let [a, _] = users();
    let said = take(&shop, [a, "nobody_there".parse().unwrap()]).unwrap_err();
    assert!(said.ends_with("has no user `nobody_there`"), "{said}");
}

#[test]
fn attack_a_rotation_leaves_no_membership_in_a_user() {
    let Some(shop) = start() else { return };
    shop.postgres.sql("REVOKE api_a, api_b FROM minter");
    if shop.postgres.sql("SHOW server_version_num").parse::<u32>().unwrap() >= 160_000 {
        return;
    }
    let turns = take(&shop, users()).unwrap();
    let [a, _] = users();
    shop.runtime.block_on(turns.end(&a)).unwrap();
    assert_eq!(shop.postgres.sql("SELECT pg_has_role('minter', 'api_a', 'MEMBER')"), "f");
}
