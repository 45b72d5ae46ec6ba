//! TLS to a server on another machine; here the name `localhost`, which counts as another one.

use mint::{MintError, Server, Target};

use super::{Shop, admin};

#[test]
fn attack_nothing_goes_to_another_machine_in_the_clear() {
    let Some(shop) = Shop::start() else { return };
    let clear = Target { host: "localhost".into(), ..shop.target() };
    let error = shop.runtime.block_on(Server::connect(&clear, &admin())).unwrap_err();
    assert!(matches!(error, MintError::Clear(_)));
    assert!(error.to_string().contains("is on another machine and has no `authority`"), "{error}");
    for pem in ["", "no certificate"] {
        let empty = Target { authority: Some(pem.into()), ..clear.clone() };
        let said = shop.runtime.block_on(Server::connect(&empty, &admin())).unwrap_err().to_string();
        assert!(said.contains("has no certificate in PEM that can be read: it is empty"), "{said}");
    }
    // The server of this test has no TLS; nothing is sent without it.
    let authority = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let target = Target { authority: Some(authority.cert.pem()), ..clear };
    let said = shop.runtime.block_on(Server::connect(&target, &admin())).unwrap_err().to_string();
    assert!(said.contains("server does not support TLS"), "{said}");
}

#[test]
fn a_named_authority_vouches_for_the_server() {
    let Some(shop) = Shop::start() else { return };
    let [server, other] =
        [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap());
    shop.postgres.protect(&server.cert.pem(), &server.signing_key.serialize_pem());
    let to = |pem: String| Target { host: "localhost".into(), authority: Some(pem), ..shop.target() };
    let connected = shop.runtime.block_on(Server::connect(&to(server.cert.pem()), &admin())).unwrap();
    let lease = shop.lease();
    shop.mint(&connected, &lease);
    let kinds = "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE usename = 'minter'";
    assert_eq!(shop.postgres.sql(kinds), "t");
    let said =
        shop.runtime.block_on(Server::connect(&to(other.cert.pem()), &admin())).unwrap_err().to_string();
    assert!(said.contains("invalid peer certificate"), "{said}");
}
