//! Lockfiles, by ecosystem. A new lockfile is one file here and a row in the table.
