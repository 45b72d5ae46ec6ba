//! Examples of previews, and what their rules refuse.

use evidence::dsse::Envelope;
use evidence::environment::{Class, Environment};
use evidence::plan::Target;
use evidence::preview::{NamePattern, PreviewWish, Previews, at_slot};
use evidence::previews_order::{PreviewPart, PreviewRemoval, PreviewsOrder};
use evidence::request::Request;
use evidence::status::StatusFile;
use evidence::{Moment, canonical, enrolment, environment, request, status};
use serde_json::json;

use super::support::{self, NOW, Person, enrolment_of, name, status_base};
use super::{check, people, signed, team};

fn template() -> Environment {
    Environment {
        environment: name("preview"),
        class: Some(Class::Preview),
        after: None,
        automatic: true,
        issued: "2026-11-21T01:00:00.000Z".parse().unwrap(),
        previews: Some(Previews { pattern: "pr-*".parse().unwrap(), count: 3, ttl_ms: 3 * 3_600_000 }),
        ..support::environment()
    }
}

fn sealed(template: &Environment) -> Envelope {
    Envelope::decode(&signed(template.envelope().unwrap(), environment::NAMESPACE, &people())).unwrap()
}

fn wish() -> PreviewWish {
    PreviewWish { name: name("pr-12"), slot: 2, template: sealed(&template()) }
}

/// A request for a run that makes a preview, with other arguments.
fn asked(change: &dyn Fn(&mut serde_json::Value)) -> Envelope {
    let mut arguments =
        json!({ "project": "shop", "commit": "a".repeat(40), "again": false, "preview": wish() });
    change(&mut arguments);
    let request = Request { action: name("run"), arguments, ..support::request() };
    let [alice, _] = people();
    Envelope::decode(&signed(request.envelope().unwrap(), request::NAMESPACE, &[alice])).unwrap()
}

#[test]
fn a_request_and_its_template_make_a_preview() {
    check("preview", 0, &canonical::encode("wish", &wish()).unwrap());
    let statement = asked(&|_| ());
    let made = Environment::open(&statement, &team()).unwrap();
    assert_eq!(Environment::read(&statement).unwrap(), made);
    let preview = made.preview.clone().unwrap();
    let issued: Moment = NOW.parse().unwrap();
    assert_eq!((made.environment.as_str(), made.number), ("pr-12", issued.millis()));
    assert_eq!((preview.template.as_str(), preview.number, preview.slot), ("preview", 1, 2));
    assert_eq!(preview.until.millis(), issued.millis() + 3 * 3_600_000);
    assert_eq!(preview.request, statement.payload_digest());
    let template = template();
    assert_eq!((made.policy, made.configuration), (template.policy, template.configuration));
    assert_eq!((&made.agents, made.class, &made.previews), (&template.agents, Some(Class::Preview), &None));
    assert!(made.unapplied().is_empty());
    let refused = made.envelope().unwrap_err().to_string();
    assert_eq!(refused, "environment statement: a preview has no statement: a request makes it");
}

#[test]
fn attack_a_preview_outside_its_template_is_refused() {
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        Environment::open(&asked(change), &team()).unwrap_err().to_string()
    };
    let unsigned = {
        let [alice, _] = people();
        signed(template().envelope().unwrap(), environment::NAMESPACE, &[alice])
    };
    let unsigned = Envelope::decode(&unsigned).unwrap();
    let stays = Environment { previews: None, ..template() };
    let later = Environment { issued: "2026-11-22T01:00:00.000Z".parse().unwrap(), ..template() };
    let with = |template: &Environment| json!(sealed(template));
    let said = [
        refused(&|it| it["preview"]["name"] = json!("production")),
        refused(&|it| it["preview"]["name"] = json!("pr-12/x")),
        refused(&|it| it["preview"]["slot"] = json!(0)),
        refused(&|it| it["preview"]["slot"] = json!(4)),
        refused(&|it| it["preview"]["more"] = json!(1)),
        refused(&|it| it["project"] = json!("bank")),
        refused(&|it| drop(it.as_object_mut().unwrap().remove("preview"))),
        refused(&|it| it["preview"]["template"] = json!(unsigned)),
        refused(&|it| it["preview"]["template"] = with(&stays)),
        refused(&|it| it["preview"]["template"] = with(&later)),
    ];
    let short: Vec<_> =
        said.iter().map(|text| text.strip_prefix("environment statement: ").unwrap()).collect();
    assert_eq!(
        short,
        [
            "its name does not fit the pattern of its template",
            "`preview` of the request is malformed",
            "its slot is 0, or above the number of previews of its template",
            "its slot is 0, or above the number of previews of its template",
            "`preview` of the request is malformed",
            "the request for a preview is of another project than its template",
            "it is a request that makes no preview",
            "1 of 2 persons signed; it needs the policy signers that the trust root names",
            "the template allows no previews",
            "the request for a preview is older than its template",
        ]
    );
}

#[test]
fn attack_a_template_that_could_stand_for_another_place_is_refused() {
    let fault = |change: &dyn Fn(&mut Environment)| {
        let mut template = template();
        assert!(template.envelope().is_ok(), "unmutated");
        change(&mut template);
        template.envelope().unwrap_err().to_string()
    };
    let rules = |count, ttl_ms| Some(Previews { count, ttl_ms, ..template().previews.unwrap() });
    let bare = "environment statement: `previews` need the class `preview`, and neither `after`, `windows` nor `template`";
    let count = "environment statement: `previews.count` is 0 or more than 64";
    let life = "environment statement: `previews.ttl_ms` is less than a minute or more than 30 days";
    for (expected, found) in [
        (bare, fault(&|it| (it.class, it.automatic) = (Some(Class::Production), false))),
        (bare, fault(&|it| it.class = None)),
        (bare, fault(&|it| it.after = Some(name("staging")))),
        (count, fault(&|it| it.previews = rules(0, 60_000))),
        (count, fault(&|it| it.previews = rules(65, 60_000))),
        (life, fault(&|it| it.previews = rules(1, 59_999))),
        (life, fault(&|it| it.previews = rules(1, 30 * 86_400_000 + 1))),
    ] {
        assert_eq!(found, expected);
    }
    for bad in ["", "*", "pr*", "pr-", "-*", "Pr-*", "pr-*-x", "pr/-*"] {
        assert!(bad.parse::<NamePattern>().is_err(), "{bad}");
    }
    assert_eq!("pr-*".parse::<NamePattern>().unwrap().to_string(), "pr-*");
}

#[test]
fn the_port_of_a_preview_is_as_much_higher_as_its_slot() {
    let plan = super::plans::example();
    let port = |plan: &evidence::plan::Plan| match plan.target {
        Target::Process { port, .. } => port,
        Target::Files {} => None,
    };
    let own = port(&plan).unwrap();
    assert_eq!(port(&at_slot(plan.clone(), 3).unwrap()), Some(own + 3));
    assert_eq!(at_slot(plan.clone(), 0).unwrap(), plan);
    let high = at_slot(plan, u32::from(u16::MAX)).unwrap_err().to_string();
    assert_eq!(high, "plan: the port of the preview is above 65535");
}

#[test]
fn previews_order_example() {
    let [alice, bob] = people();
    let status = signed(status_base().envelope().unwrap(), status::NAMESPACE, &[alice, bob]);
    let [alice, bob]: [Person; 2] = people();
    let enrolment = signed(enrolment_of(&alice, 11, 12).envelope().unwrap(), enrolment::NAMESPACE, &[bob]);
    let arguments = json!({ "place": "shop/api/pr-12", "number": 1 });
    let removal = Request { action: name("preview-remove"), arguments, ..support::request() };
    let removal = signed(removal.envelope().unwrap(), request::NAMESPACE, &[alice]);
    let order = PreviewsOrder {
        v: 1,
        roots: Vec::new(),
        status: StatusFile { base: Envelope::decode(&status).unwrap(), tightening: None },
        template: sealed(&template()),
        previews: vec![PreviewPart {
            statement: asked(&|_| ()),
            enrolment: Some(Envelope::decode(&enrolment).unwrap()),
            removal: Some(PreviewRemoval {
                enrolment: Envelope::decode(&enrolment).unwrap(),
                request: Envelope::decode(&removal).unwrap(),
            }),
        }],
    };
    check("previews-order", 0, &order.encode().unwrap());
    assert_eq!(PreviewsOrder::decode(&order.encode().unwrap()).unwrap(), order);
    let many = PreviewsOrder { previews: vec![order.previews[0].clone(); 100], ..order };
    assert_eq!(many.bounded().count(), 64);
}
