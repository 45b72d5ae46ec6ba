//! The example service, included from `examples/ledger-api`.

/// Its files, by path.
pub const FILES: [(&str, &str); 7] = [
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
