//! The table of windows at each judge: the agent by its clock and a newer checkpoint, the server by its clock, and a verifier at
//! the witnessed time alone.
#![allow(clippy::unwrap_used, reason = "test code")]

use calendar::Compiler;
use evidence::Moment;
use evidence::bundle::Bundle;
use evidence::windows::{WindowState, Windows};
use judge::{VerificationContext, check, judge_checked};
use lab::forgery::with_windows;
use lab::{Lab, WindowCase, assemble, at, window_cases};

fn compiled(case: &WindowCase) -> Windows {
    let compiler = Compiler { from: case.from, days: case.days, program: "table" };
    let read = |path: &str| {
        let text = case.calendars.get(path).map(|text| text.clone().into_bytes());
        text.ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    compiler.compile("windows.yaml", case.rules.as_bytes(), &read).unwrap()
}

/// Seconds from the lab's now until a moment.
fn seconds(moment: Moment) -> i64 {
    let millis = i64::try_from(moment.millis()).unwrap() - i64::try_from(at(0).millis()).unwrap();
    assert_eq!(millis % 1_000, 0, "witnesses state whole seconds");
    millis / 1_000
}

/// The codes of a judge about windows; the table's moments lie months apart, so statements may have ended meanwhile.
fn about_windows(codes: &[String]) -> Vec<&str> {
    codes.iter().map(String::as_str).filter(|code| code.starts_with("window")).collect()
}

fn judged(lab: &Lab, bundle: &Bundle, seen: &VerificationContext) -> Vec<String> {
    let checked = check(bundle, &lab.anchors(), seen).unwrap();
    let judgement = judge_checked(&checked);
    let closed = judgement.reasons.iter().filter(|reason| reason.code == "window-closed");
    let opens = closed.map(|reason| reason.what.split("; ").nth(1).unwrap().to_owned());
    judgement.codes().into_iter().filter(|code| code.starts_with("window")).chain(opens).collect()
}

#[test]
fn the_table_holds_at_agent_server_and_verifier() {
    let (mut cases, mut moments) = (0, 0);
    for case in window_cases() {
        let lab = Lab::default();
        let windows = compiled(&case);
        let mut parts = lab.honest();
        with_windows(&lab, &mut parts, windows.encode().unwrap());
        let (mut bundle, leaves) = assemble(&lab, &parts);
        cases += 1;
        for (moment, state) in case.checks() {
            moments += 1;
            let what = format!("{} at {moment}", case.name);
            let since = seconds(moment);
            bundle.checkpoint = parts.head.note(&lab, &leaves, &[(0, since), (1, since)]).to_string();
            let expected: Vec<String> = match state {
                WindowState::Open { .. } => Vec::new(),
                WindowState::Closed { opens: Some(opens) } => {
                    vec!["window-closed".into(), format!("they open at {opens}")]
                }
                WindowState::Closed { opens: None } => {
                    vec![
                        "window-closed".into(),
                        format!("they do not open again, and end at {}", windows.until),
                    ]
                }
            };
            let verifier = VerificationContext { root: 1, ..VerificationContext::default() };
            assert_eq!(judged(&lab, &bundle, &verifier), expected, "verify: {what}");
            let server = VerificationContext { now: Some(moment), clock: Some(moment), root: 1, ..verifier };
            assert_eq!(judged(&lab, &bundle, &server), expected, "server: {what}");
            let mut memory = lab.agent();
            let kept = memory.checkpoint.parse().unwrap();
            let proof = lab::proof_for(&bundle, &leaves, &kept);
            let decision = memory.judge_release(&bundle, &proof, None, moment);
            let said = about_windows(&decision.reasons);
            assert_eq!(said, about_windows(&expected), "agent: {what}: {:?}", decision.words);
            // An agent whose clock is six minutes off decides nothing, wherever its clock and the witnesses are.
            let late = moment.later_by(std::time::Duration::from_mins(6));
            let decision = lab.agent().judge_release(&bundle, &proof, None, late);
            assert!(about_windows(&decision.reasons).contains(&"window-unsure"), "agent, late: {what}");
        }
    }
    assert!(cases >= 40 && moments >= 2 * cases, "{cases} cases, {moments} moments");
}
