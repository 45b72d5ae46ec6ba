//! Files of the project in the lab, as its commits hold them.

/// The first step of all pipelines, and the beginning of the second one.
macro_rules! begin {
    () => {
        "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  test:
    needs: [build]
"
    };
}

/// The steps of most pipelines.
macro_rules! steps {
    () => {
        concat!(begin!(), "    run: make test\n")
    };
}

/// The artifact of all pipelines.
macro_rules! artifacts {
    () => {
        "artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
"
    };
}

/// A pipeline of two steps and one artifact.
pub const PIPELINE: &str = concat!(steps!(), artifacts!());

/// The same with a node at which people agree, and a second artifact.
pub const PIPELINE_MORE: &str = concat!(
    steps!(),
    "  agreed:
    needs: [build]
    approval: { role: release-manager, count: 1 }
",
    artifacts!(),
    "  tool:
    files:
      bin/api: { step: build, path: out/api }
"
);

/// A pipeline whose second step leaves reports of tests, of a scanner and of components.
pub const PIPELINE_REPORTS: &str = concat!(
    steps!(),
    "    reports:
      - { kind: junit, path: out/tests.xml }
      - { kind: sarif, path: out/scan.sarif }
      - { kind: cyclonedx-json, path: out/bom.json }
    report-exits: [1]
",
    artifacts!()
);

/// A pipeline whose commands run in an image.
pub const PIPELINE_IMAGE: &str = concat!(
    "image: tools@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
    steps!(),
    artifacts!()
);

/// A pipeline whose second step is a scan by the runner itself.
pub const PIPELINE_SCANS: &str = concat!(begin!(), "    scan: [secrets, components]\n", artifacts!());

/// A pipeline whose second step leaves reports of two scanners.
pub const PIPELINE_SCANNERS: &str = concat!(
    steps!(),
    "    reports:
      - { kind: sarif, path: out/other.sarif }
      - { kind: sarif, path: out/scan.sarif }
    report-exits: [1]
",
    artifacts!()
);

/// A pipeline in which a step leaves a scanner's report and the runner scans by itself.
pub const PIPELINE_BOTH: &str = concat!(
    "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
    reports: [{ kind: sarif, path: out/scan.sarif }]
  test:
    needs: [build]
    scan: [secrets]
",
    artifacts!()
);

/// A pipeline whose second step leaves a report of coverage.
pub const PIPELINE_COVERAGE: &str =
    concat!(steps!(), "    reports: [{ kind: lcov, path: out/lcov.info }]\n", artifacts!());

/// A pipeline whose second step leaves a plan of infrastructure.
pub const PIPELINE_CHANGES: &str =
    concat!(steps!(), "    reports: [{ kind: terraform-plan, path: out/plan.json }]\n", artifacts!());

/// A pipeline whose scanner's report is a file of the commit.
pub const PIPELINE_COMMITTED: &str = concat!(
    steps!(),
    "    reports: [{ kind: sarif, path: .countersign/release.yaml }]
",
    artifacts!()
);

/// A pipeline whose scanner's report is an output of an earlier step.
pub const PIPELINE_EARLIER: &str = concat!(
    steps!(),
    "    reports: [{ kind: sarif, path: out/api }]
",
    artifacts!()
);

/// A pipeline whose second step gets a secret, and is held apart.
pub const PIPELINE_APART: &str = concat!(
    steps!(),
    "    secrets: { key: { secret: signing/key }, token: { secret: registry/token, env: TOKEN } }\n",
    artifacts!()
);

/// A pipeline whose artifact is of a step with a secret. No reader accepts it.
pub const PIPELINE_LENT: &str = concat!(
    "version: 1
steps:
  build:
    run: make
    secrets: { token: { secret: registry/token } }
    outputs: [out/api]
  test:
    needs: [build]
    run: make test
",
    artifacts!()
);

/// The same by another step: the one with the secret leaves files for the one that makes the artifact.
pub const PIPELINE_LENT_BEFORE: &str = concat!(
    "version: 1
steps:
  test:
    run: make test
    secrets: { token: { secret: registry/token } }
  build:
    needs: [test]
    run: make
    outputs: [out/api]
",
    artifacts!()
);

/// A service.
macro_rules! service {
    () => {
        "version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api] }
    probe: { http: /health }
"
    };
}

/// A service of one process.
pub const RELEASE: &str = service!();

/// The same with a secret of which the second version or a newer one is needed.
pub const RELEASE_SECRETS: &str =
    concat!(service!(), "    secrets: { password: { secret: database, least: 2 } }\n");

/// The same as a canary.
pub const RELEASE_ROLLED: &str = concat!(
    service!(),
    "    rollout:
      strategy: canary
      steps: [25]
      pause: 10s
      budget: { errors: 1%, over: 1m, samples: 20 }
      comparison: { samples: 20 }
"
);

/// The same with an owner.
pub const RELEASE_OWNED: &str = concat!(service!(), "    owner: team shop\n");

/// The same with data that may not be everywhere.
pub const RELEASE_DATA: &str = concat!(service!(), "    data: [personal, public]\n");

/// The same with a check whose report is a file of the commit.
pub const RELEASE_COMMITTED: &str = concat!(
    service!(),
    "    checks:
      smoke:
        run: ./smoke.sh
        reports: [{ kind: junit, path: .countersign/pipeline.yaml }]
"
);

/// The same with two checks of each release to staging, and one of those to production.
pub const RELEASE_CHECKS: &str = concat!(
    service!(),
    "    owner: team shop
    checks:
      attack:
        environments: [staging]
        run: ./attack.sh
        reports: [{ kind: zap-json, path: out/zap.json }]
        report-exits: [1]
      smoke:
        run: ./smoke.sh
        reports: [{ kind: junit, path: out/smoke.xml }]
"
);
