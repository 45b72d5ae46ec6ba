//! Places with several agents: an agent takes its turn by the signed reports of the agents before it alone, and goes back only
//! if another agent signed that exactly this release did not work there.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::machine::MachineSigner;
use evidence::observations::{About, RolloutEnd};
use evidence::report::{AgentReport, ReleaseOutcome, Running};
use evidence::retreat_order::RetreatOrder;
use evidence::status::Revocation;
use evidence::trust_root::Machine;
use judge::{Held, VerificationContext, check, check_retreat, turn_before};
use lab::{Lab, at, name};

/// The place.
fn production() -> evidence::Place {
    "shop/api/production".parse().unwrap()
}

/// The agents of production, in the order of its statement.
const AGENTS: [&str; 3] = ["agent", "agent-2", "agent-3"];

fn signer(agent: &str) -> MachineSigner {
    match agent {
        "agent" => MachineSigner::from_seed([125; 32]).unwrap(),
        "agent-2" => MachineSigner::from_seed([12; 32]).unwrap(),
        "a-first" => MachineSigner::from_seed([14; 32]).unwrap(),
        _ => MachineSigner::from_seed([13; 32]).unwrap(),
    }
}

/// The statement of production with these agents, signed by its signers.
fn statement(lab: &Lab, agents: &[&str]) -> Envelope {
    let parts = lab.honest();
    let mut statement = Environment::read(parts.environments.last().unwrap()).unwrap();
    let place = statement.agents.first().unwrap().place.clone();
    let machine = |agent: &&str| Machine::new(name(agent), *signer(agent).public(), place.clone());
    statement.agents = agents.iter().map(machine).collect();
    lab.signed_environment(&statement, &[0, 1])
}

/// What an agent says of a release.
fn said(about: About, agent: &str, outcome: ReleaseOutcome) -> AgentReport {
    let commit = "c".repeat(40).parse().unwrap();
    AgentReport {
        agent: name(agent),
        plan: about.plan,
        outcome,
        running: (outcome == ReleaseOutcome::Running).then(|| Running::of(about.artifact, commit)),
        ..lab::parts::report("production", about.release, about.artifact, &"c".repeat(40).parse().unwrap())
    }
}

/// The agent for which a release of production waits, if it is handed to this agent with these reports.
fn waits(
    agents: &[&str],
    agent: &str,
    revoked: Option<&str>,
    reports: impl FnOnce(&Lab, About) -> Vec<Envelope>,
) -> Option<String> {
    waits_under(agents, agent, revoked, |_| None, reports)
}

/// The same, with a newer statement.
fn waits_under(
    agents: &[&str],
    agent: &str,
    revoked: Option<&str>,
    newer: impl FnOnce(&Lab) -> Option<Envelope>,
    reports: impl FnOnce(&Lab, About) -> Vec<Envelope>,
) -> Option<String> {
    let lab = Lab::default();
    let mut parts = lab.honest();
    *parts.environments.last_mut().unwrap() = statement(&lab, agents);
    if let Some(revoked) = revoked {
        let mut status = lab.status();
        let key = signer(revoked).public().id().to_string();
        status.revoked = vec![Revocation { key, invalid_since: at(-60) }];
        parts.status = lab.signed_status(&status, &[0, 1]);
    }
    let (bundle, _) = lab::assemble(&lab, &parts);
    let seen = VerificationContext { root: 1, now: Some(at(0)), ..VerificationContext::default() };
    let checked = check(&bundle, &lab.anchors(), &seen).unwrap();
    let about =
        About { release: bundle.release, artifact: bundle.artifact(), plan: bundle.plan.digest().unwrap() };
    let newer = newer(&lab);
    turn_before(&checked, &name(agent), &reports(&lab, about), newer.as_ref()).map(ToString::to_string)
}

fn running(about: About, agents: &[&str]) -> Vec<Envelope> {
    let sign = |agent: &&str| said(about, agent, ReleaseOutcome::Running).sign(&signer(agent)).unwrap();
    agents.iter().map(sign).collect()
}

#[test]
fn an_agent_has_its_turn_after_those_before_it() {
    let turn = |agent, after: &'static [&str]| waits(&AGENTS, agent, None, |_, about| running(about, after));
    assert_eq!(turn("agent", &[]), None, "the first one waits for nobody");
    assert_eq!(turn("agent-2", &["agent"]), None);
    assert_eq!(turn("agent-3", &["agent", "agent-2"]), None);
    assert_eq!(turn("agent-3", &["agent-2", "agent"]), None, "in any order");
    assert_eq!(turn("agent-2", &[]).as_deref(), Some("agent"));
    assert_eq!(turn("agent-3", &["agent"]).as_deref(), Some("agent-2"));
    assert_eq!(turn("agent-3", &["agent-2"]).as_deref(), Some("agent"));
    assert_eq!(turn("stranger", &["agent"]).as_deref(), Some("agent-2"), "who is not named comes last");
    assert_eq!(waits(&["agent"], "agent", None, |_, _| Vec::new()), None);
    assert_eq!(waits(&["agent"], "other", None, |_, _| Vec::new()), None, "an only agent has no turn");
}

#[test]
fn attack_a_server_hands_a_release_to_an_agent_before_its_turn() {
    let with = |change: fn(&mut AgentReport), by: &'static str| {
        waits(&AGENTS, "agent-2", None, |_, about| {
            let mut report = said(about, "agent", ReleaseOutcome::Running);
            change(&mut report);
            vec![report.sign(&signer(by)).unwrap()]
        })
    };
    assert_eq!(with(|_| (), "agent"), None);
    assert_eq!(with(|_| (), "agent-3").as_deref(), Some("agent"), "signed by another agent");
    assert_eq!(with(|report| report.release += 1, "agent").as_deref(), Some("agent"));
    assert_eq!(with(|report| report.plan = Digest::of(b"other"), "agent").as_deref(), Some("agent"));
    let other = |report: &mut AgentReport| {
        report.artifact = Digest::of(b"other");
        report.running.as_mut().unwrap().artifact = report.artifact;
    };
    assert_eq!(with(other, "agent").as_deref(), Some("agent"));
    assert_eq!(with(|report| report.environment = name("staging"), "agent").as_deref(), Some("agent"));
    assert_eq!(with(|report| report.agent = name("agent-3"), "agent-3").as_deref(), Some("agent"));
    for outcome in [ReleaseOutcome::Returned, ReleaseOutcome::Failed, ReleaseOutcome::Refused] {
        let found = waits(&AGENTS, "agent-2", None, |_, about| {
            vec![said(about, "agent", outcome).sign(&signer("agent")).unwrap()]
        });
        assert_eq!(found.as_deref(), Some("agent"), "{outcome:?}");
    }
    let found = waits(&AGENTS, "agent-2", Some("agent"), |_, about| running(about, &["agent"]));
    assert_eq!(found.as_deref(), Some("agent"), "its key is revoked");
}

/// A statement of production with this number and these agents.
fn numbered(lab: &Lab, number: u64, agents: &[&str], signers: &[usize]) -> Envelope {
    let mut next = Environment::read(&statement(lab, agents)).unwrap();
    next.number = number;
    lab.signed_environment(&next, signers)
}

#[test]
fn an_agent_that_is_named_no_more_has_no_turn() {
    let turn = |agent, newer: fn(&Lab) -> Envelope| {
        waits_under(&AGENTS, agent, None, |lab| Some(newer(lab)), |_, about| running(about, &["agent-2"]))
    };
    let without: fn(&Lab) -> Envelope = |lab| numbered(lab, 2, &["agent-2", "agent-3"], &[0, 1]);
    assert_eq!(turn("agent-3", without), None);
    let and_another: fn(&Lab) -> Envelope =
        |lab| numbered(lab, 2, &["a-first", "agent-2", "agent-3"], &[0, 1]);
    assert_eq!(turn("agent-3", and_another), None, "who came later has no turn in this release");
    assert_eq!(turn("agent-3", |lab| numbered(lab, 2, &AGENTS, &[0, 1])).as_deref(), Some("agent"));
}

#[test]
fn attack_an_agent_is_left_out_by_a_statement_that_is_not_newer() {
    let turn = |newer: fn(&Lab) -> Envelope| {
        waits_under(&AGENTS, "agent-2", None, |lab| Some(newer(lab)), |_, _| Vec::new())
    };
    assert_eq!(turn(|lab| numbered(lab, 2, &["agent-2"], &[0, 1])), None);
    assert_eq!(turn(|lab| numbered(lab, 1, &["agent-2"], &[0, 1])).as_deref(), Some("agent"), "as old");
    assert_eq!(turn(|lab| numbered(lab, 2, &["agent-2"], &[0])).as_deref(), Some("agent"), "one signer");
    let elsewhere: fn(&Lab) -> Envelope = |lab| {
        let mut next = Environment::read(&statement(lab, &["agent-2"])).unwrap();
        (next.number, next.environment) = (2, name("elsewhere"));
        lab.signed_environment(&next, &[0, 1])
    };
    assert_eq!(turn(elsewhere).as_deref(), Some("agent"), "of another place");
}

fn about() -> About {
    About { release: 4, artifact: Digest::of(b"artifact"), plan: Digest::of(b"plan") }
}

/// Agent 3 signed that the release did not work, and that it failed its judgement.
fn order(lab: &Lab) -> RetreatOrder {
    let body = lab::observed::verdict(4, RolloutEnd::Failed);
    let body =
        evidence::observations::RolloutVerdict { artifact: about().artifact, plan: about().plan, ..body };
    let mut observation = lab::observed::observation("production", body);
    observation.agent = name("agent-3");
    RetreatOrder {
        v: 1,
        place: production(),
        release: 4,
        roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
        status: lab.signed_status(&lab.status(), &[0, 1]),
        statement: statement(lab, &AGENTS),
        report: said(about(), "agent-3", ReleaseOutcome::Returned).sign(&signer("agent-3")).unwrap(),
        observation: Some(observation.sign(&signer("agent-3")).unwrap()),
    }
}

/// Who failed and whether its artifact is barred, or the code of the refusal.
fn retreat(change: impl FnOnce(&Lab, &mut RetreatOrder)) -> Result<(String, bool), String> {
    retreat_of("agent", about(), 1, change)
}

fn retreat_of(
    agent: &str,
    about: About,
    statement: u64,
    change: impl FnOnce(&Lab, &mut RetreatOrder),
) -> Result<(String, bool), String> {
    let lab = Lab::default();
    let mut order = order(&lab);
    change(&lab, &mut order);
    let seen = VerificationContext { root: 1, statement, ..VerificationContext::default() };
    let (place, agent) = (production(), name(agent));
    let held = Held { place: &place, agent: &agent, about };
    match check_retreat(&order, &lab.anchors(), &seen, &held, at(0)) {
        Ok(checked) => Ok((checked.report.agent.to_string(), checked.bar.is_some())),
        Err(reasons) => Err(reasons.against.iter().chain(&reasons.unclear).next().unwrap().code.clone()),
    }
}

#[test]
fn an_agent_goes_back_from_a_release_that_did_not_work_at_another() {
    assert_eq!(retreat(|_, _| ()), Ok(("agent-3".into(), true)));
    assert_eq!(retreat(|_, order| order.observation = None), Ok(("agent-3".into(), false)));
    for outcome in [ReleaseOutcome::Failed, ReleaseOutcome::Refused] {
        let other = |_: &Lab, order: &mut RetreatOrder| {
            order.report = said(about(), "agent-2", outcome).sign(&signer("agent-2")).unwrap();
            order.observation = None;
        };
        assert_eq!(retreat(other), Ok(("agent-2".into(), false)), "{outcome:?}");
    }
}

#[test]
fn attack_an_agent_is_told_to_go_back_from_a_release_that_works() {
    let refused = |change: fn(&Lab, &mut RetreatOrder)| retreat(change).unwrap_err();
    let unsound = "retreat-unsound";
    assert_eq!(refused(|_, order| order.v = 2), unsound);
    assert_eq!(refused(|_, order| order.place.environment = name("staging")), unsound);
    assert_eq!(refused(|_, order| order.roots.clear()), "root-unsound");
    assert_eq!(refused(|lab, order| order.statement = lab.honest().environments.remove(0)), unsound);
    let unsigned = |_: &Lab, order: &mut RetreatOrder| {
        order.statement = Environment::read(&order.statement).unwrap().envelope().unwrap();
    };
    assert_eq!(refused(unsigned), unsound);
    let forged = |_: &Lab, order: &mut RetreatOrder| {
        order.report = said(about(), "agent-3", ReleaseOutcome::Returned).sign(&signer("agent-2")).unwrap();
    };
    assert_eq!(refused(forged), unsound, "signed by an agent whose words these are not");
    let running = |_: &Lab, order: &mut RetreatOrder| {
        order.report = said(about(), "agent-3", ReleaseOutcome::Running).sign(&signer("agent-3")).unwrap();
    };
    assert_eq!(refused(running), unsound);
    let revoked = |lab: &Lab, order: &mut RetreatOrder| {
        let mut status = lab.status();
        let key = signer("agent-3").public().id().to_string();
        status.revoked = vec![Revocation { key, invalid_since: at(-60) }];
        order.status = lab.signed_status(&status, &[0, 1]);
    };
    assert_eq!(refused(revoked), unsound);
    assert_eq!(retreat_of("agent-3", about(), 1, |_, _| ()).unwrap_err(), unsound, "its own report");
    let others = [
        About { release: 5, ..about() },
        About { artifact: Digest::of(b"other"), ..about() },
        About { plan: Digest::of(b"other"), ..about() },
    ];
    for other in others {
        assert_eq!(retreat_of("agent", other, 1, |_, _| ()).unwrap_err(), unsound, "{other:?}");
    }
    assert_eq!(retreat_of("agent", about(), 2, |_, _| ()).unwrap_err(), "environment-rollback");
}

#[test]
fn attack_an_agent_is_told_that_an_artifact_is_barred() {
    let observed = |release: u64, end: RolloutEnd, agent: &'static str| {
        retreat(move |_, order| {
            let body = lab::observed::verdict(release, end);
            let (artifact, plan) = (about().artifact, about().plan);
            let body = evidence::observations::RolloutVerdict { artifact, plan, ..body };
            let mut observation = lab::observed::observation("production", body);
            observation.agent = name(agent);
            order.observation = Some(observation.sign(&signer(agent)).unwrap());
        })
    };
    assert_eq!(observed(4, RolloutEnd::Failed, "agent-3"), Ok(("agent-3".into(), true)));
    for (release, end, agent) in [
        (5, RolloutEnd::Failed, "agent-3"),
        (4, RolloutEnd::Interrupted, "agent-3"),
        (4, RolloutEnd::Failed, "agent-2"),
    ] {
        assert_eq!(
            observed(release, end, agent).unwrap_err(),
            "retreat-unsound",
            "{release} {end:?} {agent}"
        );
    }
    let stranger = retreat(|lab, order| {
        let body = lab::observed::verdict(4, RolloutEnd::Failed);
        let body =
            evidence::observations::RolloutVerdict { artifact: about().artifact, plan: about().plan, ..body };
        let mut observation = lab::observed::observation("production", body);
        observation.agent = name("agent-3");
        order.observation = Some(observation.sign(&lab.staging).unwrap());
    });
    assert_eq!(stranger.unwrap_err(), "retreat-unsound");
}

/// Production's agent, which comes after `a-first`, judges a release with these reports.
fn agent_judges(reports: impl FnOnce(About) -> Vec<Envelope>) -> Result<bool, String> {
    let lab = Lab::default();
    let mut parts = lab.honest();
    let mut first = Environment::read(&statement(&lab, &["agent"])).unwrap();
    let place = first.agents.first().unwrap().place.clone();
    first.agents.insert(0, Machine::new(name("a-first"), *signer("agent-2").public(), place));
    *parts.environments.last_mut().unwrap() = lab.signed_environment(&first, &[0, 1]);
    let (bundle, leaves) = lab::assemble(&lab, &parts);
    let mut memory = lab.agent();
    let about =
        About { release: bundle.release, artifact: bundle.artifact(), plan: bundle.plan.digest().unwrap() };
    memory.ahead = reports(about);
    let proof = lab::proof_for(&bundle, &leaves, &memory.checkpoint.parse().unwrap());
    let decision = memory.judge_release(&bundle, &proof, None, at(0));
    assert!(memory.shared, "it remembers that others have a turn");
    decision.in_time().map(|decision| decision.apply.is_some()).map_err(|error| error.to_string())
}

#[test]
fn attack_an_agent_out_of_turn_neither_applies_nor_refuses_a_release() {
    let first = |about, by: &MachineSigner, outcome| {
        AgentReport { agent: name("a-first"), ..said(about, "agent", outcome) }.sign(by).unwrap()
    };
    let waits =
        Err("agent a-first comes before this one, and has not signed that the release runs".to_owned());
    assert_eq!(agent_judges(|_| Vec::new()), waits);
    let failed = |about| vec![first(about, &signer("agent-2"), ReleaseOutcome::Returned)];
    assert_eq!(agent_judges(failed), waits);
    let forged = |about| vec![first(about, &signer("agent-3"), ReleaseOutcome::Running)];
    assert_eq!(agent_judges(forged), waits);
    assert_eq!(
        agent_judges(|about| vec![first(about, &signer("agent-2"), ReleaseOutcome::Running)]),
        Ok(true)
    );
}

/// An agent that runs nothing joins a place where another one runs something.
#[test]
fn an_agent_that_runs_nothing_takes_the_base_of_the_change_from_another_one() {
    let joins = |agents: &[&str]| {
        let lab = Lab::default();
        let mut parts = lab.honest();
        *parts.environments.last_mut().unwrap() = statement(&lab, agents);
        let (bundle, leaves) = lab::assemble(&lab, &parts);
        let mut memory = lab.agent();
        (memory.running, memory.before) = (None, None);
        lab::by_agent(&mut memory, &bundle, &leaves, at(0))
    };
    assert_eq!(joins(&["agent", "agent-2"]), [""; 0]);
    assert_eq!(joins(&["agent"]), ["running-differs"], "an only agent knows what runs");
}
