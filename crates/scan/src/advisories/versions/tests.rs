//! Tables of versions in their order.

use super::*;

pub fn ascending(order: Order, versions: &[&str]) {
    let parsed: Vec<Version> = versions.iter().map(|text| order.parse(text).unwrap()).collect();
    for (n, one) in parsed.iter().enumerate() {
        for (m, other) in parsed.iter().enumerate() {
            assert_eq!(one.against(other), n.cmp(&m), "{} and {}", versions[n], versions[m]);
        }
    }
}

pub fn equal(order: Order, versions: &[&str]) {
    for one in versions {
        for other in versions {
            let (one_parsed, other_parsed) = (order.parse(one).unwrap(), order.parse(other).unwrap());
            assert_eq!(one_parsed.against(&other_parsed), Ordering::Equal, "{one} and {other}");
        }
    }
}

#[test]
fn semantic_versions() {
    ascending(
        Order::Semver,
        &[
            "0.0.0-0",
            "0.0.0-20190101000000-0123456789ab",
            "0.0.0-20200101000000-0123456789ab",
            "0.0.1-0.20200101000000-0123456789ab",
            "0.0.1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "v1.0.1-pre.0.20200101000000-0123456789ab",
            "v1.0.1",
            "1.2",
            "1.10.0",
            "2",
            "18446744073709551615.0.0",
        ],
    );
    equal(Order::Semver, &["2.0.0", "v2", "2.0", "2.0.0+incompatible", "v2.0.0+build.7"]);
    for bad in
        ["", "x", "1.2.3.4", "01.2.3", "1.2.3-", "1..3", "^1.2", ">=1", "1.x", "18446744073709551616.0.0"]
    {
        assert!(Order::Semver.parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn python_versions() {
    ascending(
        Order::Pep440,
        &[
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
            "1.9",
            "1.10",
            "2012.4",
            "1!0.1",
        ],
    );
    equal(Order::Pep440, &["1.0", "1", "v1.0.0", "1.0.0.0", " 1.0 "]);
    equal(Order::Pep440, &["1.0rc1", "1.0.RC-1", "1.0c1", "1.0-pre1"]);
    for bad in ["", "2004d", "1.0-foo", "latest", ">=1.0", "1.0+"] {
        assert!(Order::Pep440.parse(bad).is_none(), "{bad}");
    }
    let against = |own: &str, bound: &str| {
        Order::Pep440.parse(own).unwrap().against(&Order::Pep440.parse(bound).unwrap())
    };
    assert_eq!(against("2.0.0+cu118", "2.0.0"), Ordering::Equal, "a build of 2.0.0");
    assert_eq!(against("2.0.0", "2.0.0+cu118"), Ordering::Less);
    assert_eq!(against("2.0.0+cu118", "2.0.0+cu117"), Ordering::Greater);
}

#[test]
fn maven_versions() {
    ascending(
        Order::Maven,
        &[
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ],
    );
    ascending(
        Order::Maven,
        &[
            "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
            "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b",
            "11c", "11m",
        ],
    );
    ascending(Order::Maven, &["5.0.0.M1", "5.0.0.RC1", "5.0.0.RELEASE", "5.0.1.RELEASE"]);
    ascending(Order::Maven, &["20190722", "20190722091022987654321", "99999999999999999999999"]);
    equal(
        Order::Maven,
        &["1", "1.0", "1.0.0", "1-0", "1.0-0", "1.ga", "1.0.0-final", "1-RELEASE", "1.", "1-"],
    );
    equal(Order::Maven, &["1.0.0-foo.0.0", "1-foo", "1-FOO", "1.0.foo"]);
    equal(Order::Maven, &["1x", "1.0.0x", "1-x", "1.0-x"]);
    equal(Order::Maven, &["1a1", "1-alpha-1", "1.0.0alpha1", "1.0a1"]);
    equal(Order::Maven, &["2.0.1", "02.00.01"]);
}
