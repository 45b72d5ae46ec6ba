//! Configurations and plans: what a release file and a place make of a service.

use evidence::drift::{Baseline, DriftRules, Response};
use evidence::plan::PlanError;

use super::*;

#[test]
fn plan_and_configuration_examples() {
    let configuration = Configuration {
        v: 1,
        port: Some(8080),
        variables: [("LIMIT".to_owned(), "100".to_owned())].into(),
        ..Configuration::default()
    };
    check("configuration", 0, &configuration.encode().unwrap());
    assert_eq!(Configuration::decode(&configuration.encode().unwrap()).unwrap(), configuration);
    let bounds =
        "variables: { LIMIT: [], MODE: [strict, lax] }\nmemory-mib: 512\nopen-files: 1024\nstop-seconds: 30";
    let bounded = Configuration { bounds: Some(Bounds::parse(bounds).unwrap()), ..configuration.clone() };
    check("configuration", 1, &bounded.encode().unwrap());
    assert_eq!(Configuration::decode(&bounded.encode().unwrap()).unwrap(), bounded);
    for bad in ["memory-mib: 0", "variables: { '1X': [] }", "memory: 1", "variables: 1"] {
        assert!(Bounds::parse(bad).is_err(), "{bad}");
    }
    let file = ReleaseFile::parse(RELEASE_FILE.as_bytes()).unwrap();
    let plan = derive(&file, "production", &configuration).unwrap();
    check("plan", 0, &plan.encode().unwrap());
    assert_eq!(plan.variables.get("LIMIT").unwrap(), "100", "the configuration stands above the file");
    assert_eq!(plan.variables.get("MODE").unwrap(), "strict");
    let text = String::from_utf8(plan.encode().unwrap()).unwrap();
    let explicit = text.replace("\"port\":8080", "\"listen\":\"socket\",\"port\":8080");
    assert!(Plan::decode(explicit.as_bytes()).is_err(), "one encoding: the default is left out");
    let bare = Configuration::default();
    assert!(derive(&file, "production", &bare).is_err(), "a probe over HTTP needs a port");
    let reserved =
        Configuration { variables: [("LISTEN_FDS".to_owned(), "3".to_owned())].into(), ..configuration };
    assert!(reserved.encode().is_err());
    for bad in [
        "version: 2\nservices: {}",
        "version: 1\nservices: {}",
        "version: 1\nservices: { api: { artifact: api, probe: {} } }",
        "version: 1\nservices: { api: { artifact: api, probe: { http: /health } } }",
        "version: 1\nservices: { api: { artifact: api, probe: { command: [../x] } } }",
        "version: 1\nservices: { api: { artifact: api, probe: { command: [x] }, extra: 1 } }",
        "version: 1\nservices: { api: { artifact: api, process: { command: [x], listen: tcp }, probe: { http: / } } }",
        "version: 1\nservices: { api: { artifact: api, process: { command: [x], port: 80, listen: variable }, env: { PORT: '81' }, probe: { http: / } } }",
    ] {
        assert!(ReleaseFile::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn rules_about_drift_and_a_baseline_are_in_a_configuration() {
    let rules = DriftRules::parse("files: correct\nprocesses: freeze\nevery-ms: 2000").unwrap();
    assert_eq!((rules.files, rules.limits), (Response::Correct, Response::Alert));
    let baseline = Baseline::parse(
        "settings: { net.ipv4.ip_forward: '0' }\npackages: { openssl: 3.0.17-1 }\ntime-sync: true\nports: [22]\n\
         results: [{ format: xccdf, file: /var/lib/scap/results.xml, hours: 24 }]",
    )
    .unwrap();
    let configuration =
        Configuration { drift: Some(rules), baseline: Some(baseline), ..Configuration::default() };
    check("configuration", 2, &configuration.encode().unwrap());
    assert_eq!(Configuration::decode(&configuration.encode().unwrap()).unwrap(), configuration);
    let said = |text: &str| DriftRules::parse(text).unwrap_err().to_string();
    assert!(said("files: mend").starts_with("drift rules: "), "{}", said("files: mend"));
    assert_eq!(
        said("every-ms: 100"),
        "configuration: `drift` looks less than once in 60 seconds, or more than once in a second"
    );
    let said = |text: &str| Baseline::parse(text).unwrap_err().to_string();
    assert!(said("kernel: 1").starts_with("baseline: "), "{}", said("kernel: 1"));
    let named = "configuration: a setting of `baseline` has no name such as `net.ipv4.ip_forward`";
    for setting in ["../x.y", "net/ipv4.x", "net", "net..x", ""] {
        assert_eq!(said(&format!("settings: {{ '{setting}': '1' }}")), named);
    }
    let whole =
        "configuration: a result of `baseline` needs the whole path of its file, and at least one hour";
    assert_eq!(said("results: [{ format: inspec, file: x.json, hours: 1 }]"), whole);
    assert_eq!(said("results: [{ format: inspec, file: /x.json, hours: 0 }]"), whole);
    let long = "x".repeat(257);
    let text =
        "configuration: a text of `baseline` is empty, longer than 256 bytes or has control characters";
    assert_eq!(said(&format!("packages: {{ a: {long} }}")), text);
    let many: String = (0..257).map(|n| format!("  a.x{n}: '1'\n")).collect();
    let text = "configuration: `baseline` has more than 256 settings, 512 packages, 1,024 ports or 8 results";
    assert_eq!(said(&format!("settings:\n{many}")), text);
}

/// The plan of the example.
pub(super) fn example() -> Plan {
    let file = ReleaseFile::parse(RELEASE_FILE.as_bytes()).unwrap();
    let configuration = Configuration { v: 1, port: Some(8080), ..Configuration::default() };
    derive(&file, "production", &configuration).unwrap()
}

#[test]
fn steps_before_a_release_are_in_its_plan_in_their_order() {
    let derived = |steps: &str, environment: &str| {
        let file = ReleaseFile::parse(format!("{RELEASE_FILE}    before: {steps}").as_bytes());
        let file = file.map_err(|error| error.to_string())?;
        let configuration = Configuration { v: 1, port: Some(8080), ..Configuration::default() };
        let plan = derive(&file, environment, &configuration).unwrap();
        Ok::<_, String>(
            plan.before.iter().map(|step| format!("{} {}", step.name, step.stop_ms)).collect::<Vec<_>>(),
        )
    };
    let two = "[{ name: z, command: [bin/api, up], time-seconds: 5 }, { name: a, command: [bin/api], environments: [production] }]";
    assert_eq!(derived(two, "production").unwrap(), ["z 5000", "a 600000"]);
    assert_eq!(derived(two, "staging").unwrap(), ["z 5000"]);
    let one = |more: &str| format!("{{ name: z, command: [bin/api], {more} }}");
    let seventeen = (0..17).map(|n| format!("{{ name: s{n}, command: [x] }}")).collect::<Vec<_>>().join(", ");
    let faults = [
        "[{ name: z, command: [] }]".to_owned(),
        "[{ name: z, command: [/bin/sh] }]".to_owned(),
        format!("[{{ name: z, command: [bin/api, {}] }}]", "x".repeat(4_097)),
        format!("[{}]", one("time-seconds: 0")),
        format!("[{}]", one("time-seconds: 3601")),
        format!("[{}, {}]", one(""), one("")),
        format!("[{seventeen}]"),
    ];
    let said = faults.map(|steps| derived(&steps, "production").unwrap_err());
    let at = ".countersign/release.yaml: services.api.before: ";
    assert_eq!(
        said.map(|said| said.strip_prefix(at).unwrap().to_owned()),
        [
            "`z`: `command` must start with a path in the artifact",
            "`z`: `command` must start with a path in the artifact",
            "`z`: `command` has more than 256 words, or one of more than 4,096 bytes",
            "`z`: `time-seconds` must lie between 1 and 3600",
            "`z`: `time-seconds` must lie between 1 and 3600",
            "`z` stands twice; name each step once",
            "are more than 16; let one step do several things",
        ]
    );
}

#[test]
fn certificates_of_steps_are_in_the_plan_with_all_that_they_permit() {
    let derived = |ssh: &str, secrets: &str| {
        let step = format!("{{ name: up, command: [bin/api], time-seconds: 90, ssh: {ssh} }}");
        let file = format!("{RELEASE_FILE}    secrets: {secrets}\n    before: [{step}]");
        let file = ReleaseFile::parse(file.as_bytes()).map_err(|error| error.to_string())?;
        let configuration = Configuration { v: 1, port: Some(8080), ..Configuration::default() };
        let commit = "a".repeat(40).parse().unwrap();
        let (project, service, environment) = (name("shop"), name("api"), name("production"));
        let to = Destination {
            installation: id(1),
            project: &project,
            service: &service,
            environment: &environment,
            commit: &commit,
        };
        let plan = Plan::derive(&to, &file, &configuration).map_err(|error| error.to_string())?;
        assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
        Ok::<_, String>(plan)
    };
    let whole = "{ web: { authority: ca, least: 2, principals: [b, a], minutes: 1, command: up, sources: [10.0.0.0/8] }, db: { authority: other, principals: [x] } }";
    let plan = derived(whole, "{}").unwrap();
    let said = plan.before[0].ssh.iter().map(|(name, it)| {
        let principals: Vec<_> = it.principals.iter().cloned().collect();
        format!(
            "{name} {} {} {} {:?} {:?}",
            it.authority,
            principals.join(","),
            it.seconds,
            it.command,
            it.sources
        )
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        ["db other x 90 None {}", "web ca a,b 60 Some(\"up\") {\"10.0.0.0/8\"}"],
        "without minutes, the time of the step"
    );
    let needs = plan.needs().into_iter().map(|(secret, least)| format!("{secret} {least}"));
    assert_eq!(needs.collect::<Vec<_>>(), ["ca 2", "other 1"]);
    let web = |more: &str| derived(&format!("{{ web: {{ authority: ca, {more} }} }}"), "{}").unwrap_err();
    let nine: Vec<_> = (0..9).map(|n| format!("n{n}: {{ authority: ca, principals: [a] }}")).collect();
    let faults = [
        web("principals: []"),
        web("principals: ['a,b']"),
        web("principals: [a], minutes: 0"),
        web("principals: [a], least: 0"),
        web("principals: [a], command: ''"),
        web("principals: [a], sources: ['10.0.0.0/8,0.0.0.0/0']"),
        derived(&format!("{{ {} }}", nine.join(", ")), "{}").unwrap_err(),
        derived("{ web: { authority: ca, principals: [a] } }", "{ web: { secret: other } }").unwrap_err(),
    ];
    let at = ".countersign/release.yaml: services.api.before: `up`: ";
    assert_eq!(
        faults.map(|said| said.strip_prefix(at).unwrap().to_owned()),
        [
            "`principals` of an SSH certificate are 1 to 16 accounts: without any it would count for all",
            "a principal has 1 to 64 letters, digits, `.`, `_`, `-` and `@`",
            "`minutes` of an SSH certificate start at 1",
            "`least` of an authority's key starts at 1",
            "`command` of an SSH certificate has 1 to 4,096 bytes in one line",
            "`sources` of an SSH certificate are at most 16 addresses or networks such as `10.0.0.0/8`",
            "a step has more than 8 SSH certificates",
            "an SSH certificate has the name of a secret of the service; their files lie side by side",
        ]
    );
    let mut twice = plan;
    let secret = evidence::plan::SecretReference { secret: name("ca"), least: 1, variable: None };
    twice.secrets = [(name("web"), secret)].into();
    let fault = Plan::decode(&twice.encode().unwrap()).unwrap_err().to_string();
    assert_eq!(fault, "plan: an SSH certificate has the name of a secret of the plan");
}

#[test]
fn databases_of_steps_are_in_the_plan_with_what_the_place_says() {
    let derived = |databases: &str, step: &str, variables: &[(&str, &str)]| {
        let file = format!("{RELEASE_FILE}    databases: {databases}\n    before: [{step}]");
        let file = ReleaseFile::parse(file.as_bytes()).map_err(|error| error.to_string())?;
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let configuration = Configuration { v: 1, port: Some(8080), variables, ..Configuration::default() };
        let plan = derive(&file, "production", &configuration).map_err(|error| error.to_string())?;
        let needs = plan.needs().into_iter().map(|(secret, least)| format!("{secret} {least}"));
        let shown =
            plan.databases.values().map(|it| format!("{} {} {} {}", it.host, it.port, it.database, it.owner));
        Ok::<_, String>(shown.chain(needs).collect::<Vec<_>>())
    };
    let step = "{ name: up, command: [bin/api], database: main }";
    let bare =
        "{ main: { credential: minter, least: 2, owner: shop_owner }, other: { credential: x, owner: y } }";
    let place = [("PGHOST", "db.example"), ("PGDATABASE", "shop")];
    let said = derived(bare, step, &place).unwrap();
    assert_eq!(said, ["db.example 5432 shop shop_owner", "minter 2"], "only those that a step names");
    let whole = "{ main: { credential: minter, owner: shop_owner, host: /run/pg, port: 1, database: a } }";
    assert_eq!(derived(whole, step, &place).unwrap(), ["/run/pg 1 a shop_owner", "minter 1"]);
    let main = |more: &str| format!("{{ main: {{ credential: minter, {more} }} }}");
    let faults = [
        derived(bare, step, &[]),
        derived(bare, step, &place[..1]),
        derived(bare, step, &[("PGHOST", "x"), ("PGDATABASE", "x"), ("PGPORT", "none")]),
        derived(&main("owner: x, connections: 0"), step, &place),
        derived(&main("owner: x, host: 'a b'"), step, &place),
        derived(&main("owner: ''"), step, &place),
        derived(&main("owner: x, port: 0"), step, &place),
        derived(&main("owner: x, least: 0"), step, &place),
        derived("{}", step, &place),
    ];
    let said = faults.map(|fault| fault.unwrap_err().rsplit_once(": ").unwrap().1.to_owned());
    assert_eq!(
        said,
        [
            "a database needs `host`, or the variable PGHOST in release file or configuration",
            "a database needs `database`, or the variable PGDATABASE in release file or configuration",
            "the variable PGPORT is no port",
            "`connections` of a database lie between 1 and 100",
            "`host` of a database has 1 to 255 bytes and no spaces",
            "`owner` of a database has 1 to 63 bytes in one line",
            "`port` of a database starts at 1",
            "`least` of a database's credential starts at 1",
            "`databases` of the service has no such `database`",
        ]
    );
}

/// A program from before the field refuses such a plan, because it would encode the plan differently.
#[test]
fn a_process_may_listen_by_itself() {
    let file = RELEASE_FILE.replace("--serve]", "--serve], listen: variable");
    let file = ReleaseFile::parse(file.as_bytes()).unwrap();
    let configuration = Configuration { port: Some(8080), ..Configuration::default() };
    let plan = derive(&file, "production", &configuration).unwrap();
    let text = String::from_utf8(plan.encode().unwrap()).unwrap();
    assert!(text.contains(r#""listen":"variable","port":8080"#), "{text}");
    assert_eq!(Plan::decode(text.as_bytes()).unwrap(), plan);
    let names_port =
        Configuration { variables: [("PORT".to_owned(), "1".to_owned())].into(), ..configuration };
    assert!(derive(&file, "production", &names_port).is_err(), "`PORT` is set from the port");
    let command = RELEASE_FILE.replace("--serve]", "--serve], listen: variable");
    let command = command.replace("http: /health", "command: [bin/probe]");
    let command = ReleaseFile::parse(command.as_bytes()).unwrap();
    assert!(
        derive(&command, "production", &Configuration::default()).is_err(),
        "there is no port to listen on"
    );
}

/// The plan of the service `api` in an environment.
fn derive(file: &ReleaseFile, environment: &str, configuration: &Configuration) -> Result<Plan, PlanError> {
    let (project, service, environment) = (name("shop"), name("api"), name(environment));
    let to = Destination {
        installation: id(1),
        project: &project,
        service: &service,
        environment: &environment,
        commit: &"a".repeat(40).parse().unwrap(),
    };
    let plan = Plan::derive(&to, file, configuration)?;
    assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
    Ok(plan)
}

const RELEASE_FILE: &str = "
version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api, --serve] }
    env: { LIMIT: '5', MODE: strict }
    probe: { http: /health }
";
