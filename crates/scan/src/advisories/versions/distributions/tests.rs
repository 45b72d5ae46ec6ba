//! Versions of distributions in their order. The pairs are from the tests of each package manager, and its documents.

use super::tests::{ascending, equal};
use super::*;

/// Pairs as `test/version.data` of apk-tools has them, and those of `tests/rpmvercmp.at` of rpm.
fn pairs(order: Order, pairs: &str) {
    for pair in pairs.lines().map(str::trim).filter(|pair| !pair.is_empty()) {
        let [one, sign, other] = pair.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            _ => Ordering::Greater,
        };
        let (one, other) = (order.parse(one).unwrap(), order.parse(other).unwrap());
        assert_eq!(one.against(&other), expected, "{pair}");
        assert_eq!(other.against(&one), expected.reverse(), "{pair}");
    }
}

#[test]
fn debian() {
    ascending(
        Order::Dpkg,
        &[
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0~rc1-1",
            "1.0",
            "1.0-0ubuntu1",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+deb12u2",
            "1.0-1.1",
            "1.0-2",
            "1.0a",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.9",
            "1.10",
            "18446744073709551616",
            "1:0.5",
            "2:0.1-1",
        ],
    );
    equal(Order::Dpkg, &["1.0-0", "0:1.0-0", "1.0-00", "01.0-0", "1.0"]);
    for bad in ["", "a:1", "1:", "-1", "1.0_1", "1 2", "é"] {
        assert!(Order::Dpkg.parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn rpm() {
    pairs(
        Order::Rpm,
        "1.0 = 1.0
         1.0 < 2.0
         2.0 < 2.0.1
         2.0.1a > 2.0.1
         5.5p1 < 5.5p2
         5.5p1 < 5.5p10
         10xyz < 10.1xyz
         xyz10 < xyz10.1
         xyz.4 < 8
         xyz.4 < 2
         5.5p2 < 5.6p1
         5.6p1 < 6.5p1
         6.0.rc1 > 6.0
         10b2 > 10a1
         10a2 < 10b2
         1.0a < 1.0aa
         10.0001 = 10.1
         10.0001 < 10.0039
         4.999.9 < 5.0
         20101121 < 20101122
         2.0 = 2_0
         a+ = a_
         +a = _a
         + = _
         1.0~rc1 < 1.0
         1.0~rc1 < 1.0~rc2
         1.0~rc1~git123 < 1.0~rc1
         1.0^ > 1.0
         1.0^git1 > 1.0
         1.0^git1 < 1.0^git2
         1.0^git1 < 1.01
         1.0^20160101 < 1.0.1
         1.0~rc1^git1 > 1.0~rc1
         1.0^git1~pre < 1.0^git1
         1:1.0-1 > 9.9-9
         0:1.0-1.el9 = 1.0-1.el9
         1.0-1.el9 < 1.0-2.el9
         1.0-1.el9 < 1.0-1.el9_2.1
         1.0 = 1.0-5.el9",
    );
    for bad in ["", "x:1", "1-", "1.0-1-", " "] {
        assert!(Order::Rpm.parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn alpine() {
    pairs(
        Order::Apk,
        "2.34 > 0.1.0_alpha
         0.1.0_alpha = 0.1.0_alpha
         0.1.0_alpha2 > 0.1.0_alpha
         0.1.0_alpha < 2.2.39-r1
         1.0.4-r3 < 1.0.4-r4
         1.1 > 1.1_alpha1
         1.3_alpha2 < 1.3_alpha3
         0.8_beta4 < 4.8-r1
         2.3.0b-r1 < 2.3.0b-r2
         0.12.3 > 0.12
         0.12 < 0.13_beta1
         3.1_p16 < 3.1_p17
         1.06-r6 < 006
         9.3.4-r2 > 9.3.4
         20050718-r1 < 20050718-r2
         2.01.01_alpha10 > 0.94
         1.0 > 0.99.3.20040818
         4.2.52_p2-r1 < 4.2.52_p4-r2
         1.02.07 < 1.02.10-r1
         2.5.1-r8 < 2.5.1a-r1
         1.3.5-r10 > 1.3.5-r8
         2.0.0_rc3-r1 > 1.5
         021109-r3 < 20060512
         3.9_pre20060124 > 0.01
         0.01 < 0.06
         0.10.0 < 0.10.1_rc1
         1.1a < 1.3a
         0.15.1b < 1.0.1
         0.0.31 < 0.0.50
         2.02.06 < 2.02.10
         1.2.07.8 < 1.2.12.04
         4.5_p1-r1 > 4.5_p1
         0.9.8c-r1 < 0.9.8d
         1.7 < 1.7b
         1.8.5 < 1.8.5_p2
         2.9.11_pre20051101 < 2.9.11_pre20061021-r1
         7.0.17 < 7.0.174
         1.6.8_p12-r1 > 1.6.8_p9-r2
         0.9.28-r2 < 0.9.28.1
         1.3-r0 < 1.3.1-r0
         1.3_pre1-r1 < 1.3.2
         1.0_p10-r0 > 1.0_p9-r0
         0.1.0_alpha_pre2 < 0.1.0_alpha
         1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
         1.0_git20230101-r0 > 1.0-r0
         1.0~3f2a-r1 > 1.0-r1",
    );
    for bad in ["", "23_foo", "1.0bc", "1.", "1..2", "v1", "1.0-1", "1.0-r", "1.0~-r1"] {
        assert!(Order::Apk.parse(bad).is_none(), "{bad}");
    }
}

/// Made-up versions, compared as the package manager of this machine does, where there is one.
#[test]
fn the_order_of_debian_is_that_of_dpkg() {
    let has_dpkg = std::process::Command::new("dpkg").arg("--version").output().is_ok();
    let mut random = fastrand::Rng::with_seed(3);
    let parts = ["0", "1", "2", "9", "10", "007", "a", "b", "~", "~~", "+", ".", "-1", "rc", "deb12u1", "."];
    for _ in 0..(if has_dpkg { 400 } else { 0 }) {
        let mut made = || {
            let epoch = if random.u8(..8) == 0 { "1:" } else { "" };
            let rest: String = (0..random.usize(1..5)).map(|_| parts[random.usize(..parts.len())]).collect();
            format!("{epoch}1{rest}")
        };
        let (one, other) = (made(), made());
        let (Some(first), Some(second)) = (Order::Dpkg.parse(&one), Order::Dpkg.parse(&other)) else {
            continue;
        };
        let expected = match first.against(&second) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let answer = std::process::Command::new("dpkg")
            .args(["--compare-versions", &one, expected, &other])
            .status()
            .unwrap();
        assert!(answer.success(), "{one} {expected} {other}");
    }
}
