//! Files of the project in the lab, as its commits hold them.

/// A pipeline of two steps and one artifact.
pub const PIPELINE: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  test:
    needs: [build]
    run: make test
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";

/// The same with a node at which people agree, and a second artifact.
pub const PIPELINE_MORE: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  test:
    needs: [build]
    run: make test
  agreed:
    needs: [build]
    approval: { role: release-manager, count: 1 }
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
  tool:
    files:
      bin/api: { step: build, path: out/api }
";

/// A service of one process.
pub const RELEASE: &str = "version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api] }
    probe: { http: /health }
";
