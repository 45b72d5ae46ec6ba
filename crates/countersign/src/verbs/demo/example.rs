//! The example services, included from `examples/`.

/// Files of the service of most acts, by path.
pub const LEDGER_API: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../../../../../examples/ledger-api/Cargo.toml")),
    ("Cargo.lock", include_str!("../../../../../examples/ledger-api/Cargo.lock")),
    (".gitignore", include_str!("../../../../../examples/ledger-api/.gitignore")),
    ("src/main.rs", include_str!("../../../../../examples/ledger-api/src/main.rs")),
    ("src/book.rs", include_str!("../../../../../examples/ledger-api/src/book.rs")),
    (
        ".countersign/pipeline.yaml",
        include_str!("../../../../../examples/ledger-api/.countersign/pipeline.yaml"),
    ),
    (
        ".countersign/release.yaml",
        include_str!("../../../../../examples/ledger-api/.countersign/release.yaml"),
    ),
];

/// Files of the second service, by path.
pub const RATES_PAGE: [(&str, &str); 8] = [
    ("rates.csv", include_str!("../../../../../examples/rates-page/rates.csv")),
    ("build.sh", include_str!("../../../../../examples/rates-page/build.sh")),
    ("test.sh", include_str!("../../../../../examples/rates-page/test.sh")),
    ("check.sh", include_str!("../../../../../examples/rates-page/check.sh")),
    ("package.json", include_str!("../../../../../examples/rates-page/package.json")),
    ("package-lock.json", include_str!("../../../../../examples/rates-page/package-lock.json")),
    (
        ".countersign/pipeline.yaml",
        include_str!("../../../../../examples/rates-page/.countersign/pipeline.yaml"),
    ),
    (
        ".countersign/release.yaml",
        include_str!("../../../../../examples/rates-page/.countersign/release.yaml"),
    ),
];
