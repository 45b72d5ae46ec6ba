//! Heads before and after.

use hyper::Request;

use super::*;

fn sender(is_trusted: bool) -> Sender {
    Sender { address: IpAddr::from([192, 0, 2, 7]), is_trusted }
}

fn to_backend(head: &mut request::Parts, sender: Sender, by_http2: bool) -> Result<Wants, HeadError> {
    let wants = clean(head, sender)?;
    super::to_backend(head, &wants, by_http2)?;
    Ok(wants)
}

fn head(version: Version, uri: &str, lines: &[(&'static str, &'static str)]) -> request::Parts {
    let mut request = Request::builder().version(version).uri(uri);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The lines that a backend gets.
fn passed(mut head: request::Parts, is_trusted: bool) -> Vec<String> {
    to_backend(&mut head, sender(is_trusted), false).unwrap();
    lines(&head.headers)
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn headers_for_one_connection_go_no_further() {
    let head = head(
        Version::HTTP_11,
        "/a?b",
        &[
            ("host", "shop"),
            ("connection", "x-own, Keep-Alive, host, content-length"),
            ("x-own", "1"),
            ("keep-alive", "5"),
            ("proxy-connection", "close"),
            ("te", "gzip, trailers"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("proxy-authorization", "a"),
            ("authorization", "b"),
        ],
    );
    assert_eq!(
        passed(head, false),
        [
            "authorization: b",
            "connection: te",
            "content-length: 3",
            "host: shop",
            "te: trailers",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: http"
        ]
    );
    let mut answer = HeaderMap::new();
    for (name, value) in
        [("connection", "x-own"), ("x-own", "1"), ("transfer-encoding", "chunked"), ("trailer", "a")]
    {
        answer.insert(name, HeaderValue::from_static(value));
    }
    to_client(&mut answer, true);
    assert_eq!(lines(&answer), ["trailer: a"]);
}

#[test]
fn attack_a_stranger_says_who_it_is() {
    let claims = [
        ("host", "shop"),
        ("x-forwarded-for", "10.0.0.1"),
        ("X-Forwarded_For", "10.0.0.2"),
        ("x_real_ip", "10.0.0.3"),
        ("forwarded", "for=10.0.0.4"),
        ("x-forwarded-host", "admin"),
    ];
    assert_eq!(
        passed(head(Version::HTTP_11, "/", &claims), false),
        ["host: shop", "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: http"]
    );
    let believed = passed(head(Version::HTTP_11, "/", &claims), true);
    assert!(believed.contains(&"x-forwarded-for: 10.0.0.1, 192.0.2.7".to_owned()), "{believed:?}");
    assert!(believed.contains(&"x-forwarded-host: admin".to_owned()), "{believed:?}");
}

#[test]
fn attack_a_request_of_two_hosts_or_of_another_target() {
    let refused = |version, uri: &str, lines: &[(&'static str, &'static str)]| {
        to_backend(&mut head(version, uri, lines), sender(false), false).err()
    };
    let (one, other) = (("host", "shop"), ("host", "admin"));
    assert_eq!(refused(Version::HTTP_11, "/", &[one]), None);
    assert_eq!(refused(Version::HTTP_11, "http://shop/", &[one]), None);
    assert_eq!(refused(Version::HTTP_10, "/", &[]), None);
    assert_eq!(refused(Version::HTTP_2, "http://shop/", &[]), None);
    for (version, uri, lines, said) in [
        (Version::HTTP_11, "/", vec![], "names no host"),
        (Version::HTTP_11, "/", vec![one, other], "two hosts"),
        (Version::HTTP_11, "/", vec![one, one], "two hosts"),
        (Version::HTTP_11, "http://admin/", vec![one], "two hosts"),
        (Version::HTTP_2, "http://admin/", vec![one], "two hosts"),
        (Version::HTTP_11, "http://a@shop/", vec![], "not valid"),
        (Version::HTTP_11, "/", vec![("host", "a@shop")], "not valid"),
        (Version::HTTP_11, "/", vec![("host", "shop/admin")], "not valid"),
        (Version::HTTP_11, "*", vec![one], "not valid"),
    ] {
        assert!(
            refused(version, uri, &lines).is_some_and(|why| why.to_string().contains(said)),
            "{uri} {lines:?}"
        );
    }
    let mut connect = head(Version::HTTP_11, "shop:1", &[one]);
    connect.method = Method::CONNECT;
    assert!(to_backend(&mut connect, sender(false), false).is_err());
}

#[test]
fn a_target_with_a_host_gets_the_form_for_a_server() {
    let mut http2 = head(Version::HTTP_2, "http://shop/a?b", &[("cookie", "a=1"), ("cookie", "b=2")]);
    to_backend(&mut http2, sender(false), false).unwrap();
    assert_eq!((http2.uri.to_string().as_str(), http2.version), ("/a?b", Version::HTTP_11));
    let passed = lines(&http2.headers);
    assert!(passed.contains(&"cookie: a=1; b=2".to_owned()) && passed.contains(&"host: shop".to_owned()));
    let mut on = head(Version::HTTP_2, "http://shop/a?b", &[]);
    to_backend(&mut on, sender(false), true).unwrap();
    assert_eq!((on.uri.to_string().as_str(), on.headers.get("host")), ("http://shop/a?b", None));
}

#[test]
fn attack_a_change_to_http2_carries_requests_past_the_rules() {
    let wants = |upgrade: &'static str| {
        let lines = [("host", "shop"), ("connection", "Upgrade, HTTP2-Settings"), ("upgrade", upgrade)];
        let mut head = head(Version::HTTP_11, "/", &lines);
        let wanted = to_backend(&mut head, sender(false), false).unwrap();
        (
            wanted.upgrade.is_some(),
            head.headers.contains_key("upgrade"),
            head.headers.contains_key("connection"),
        )
    };
    assert_eq!(wants("websocket"), (true, true, true));
    for upgrade in ["h2c", "H2C", "websocket, h2c", "HTTP/2.0"] {
        assert_eq!(wants(upgrade), (false, false, false), "{upgrade}");
    }
}
