//! Hostile names, compared with what the server itself makes of them.

use mint::RoleName;

use super::Shop;

#[test]
fn attack_hostile_names_of_owners_are_names_alone() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    for hostile in
        ["a\"b", "x\"; DROP TABLE shop.orders; --", "it's", "back\\slash", "$1", " NONE", "ö 💥", "a\nb"]
    {
        let owner: RoleName = hostile.parse().unwrap();
        shop.postgres.sql(&format!("CREATE ROLE {} NOLOGIN", owner.quoted()));
        shop.postgres.sql(&format!("GRANT {} TO minter WITH ADMIN OPTION", owner.quoted()));
        let mut lease = shop.lease();
        lease.terms.owner = owner;
        let minted = shop.mint(&server, &lease);
        let (worked, said) = shop.postgres.as_user(&minted.role, &minted.password, "SELECT current_user");
        assert_eq!((worked, said.as_str()), (true, hostile));
        assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    }
    assert_eq!(shop.postgres.sql("SELECT count(*) FROM shop.orders"), "0");
}
