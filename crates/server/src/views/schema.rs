//! Tables of the views.

/// Name of the file inside the data directory.
pub const FILE: &str = "views.db";

/// Makes the tables, unless they exist.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cursor (entries INTEGER NOT NULL);
INSERT INTO cursor (entries) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM cursor);
CREATE TABLE IF NOT EXISTS source (run TEXT PRIMARY KEY, requester TEXT NOT NULL, pack TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS run (run TEXT PRIMARY KEY, entry INTEGER NOT NULL, project TEXT NOT NULL,
  commit_id TEXT NOT NULL, state TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, services TEXT NOT NULL,
  person TEXT, preview TEXT) STRICT;
CREATE TABLE IF NOT EXISTS ended (day TEXT NOT NULL, project TEXT NOT NULL, state TEXT NOT NULL, runs INTEGER NOT NULL,
  PRIMARY KEY (day, project, state)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS freeze (frozen TEXT PRIMARY KEY, entry INTEGER NOT NULL, time TEXT NOT NULL, person TEXT) STRICT;
CREATE TABLE IF NOT EXISTS work (run TEXT NOT NULL, entry INTEGER NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, runner TEXT NOT NULL, state TEXT NOT NULL, log TEXT, due TEXT NOT NULL, ended TEXT, receipt TEXT,
  PRIMARY KEY (run, kind, name, runner)) STRICT;
CREATE TABLE IF NOT EXISTS artifact (run TEXT NOT NULL, name TEXT NOT NULL, manifest TEXT NOT NULL,
  PRIMARY KEY (run, name)) STRICT;
CREATE TABLE IF NOT EXISTS last (place TEXT PRIMARY KEY, entry INTEGER NOT NULL, release INTEGER NOT NULL,
  outcome TEXT NOT NULL, reasons TEXT NOT NULL, detail TEXT, bundle TEXT) STRICT;
CREATE TABLE IF NOT EXISTS named (blob BLOB NOT NULL, project TEXT NOT NULL, refused TEXT NOT NULL,
  PRIMARY KEY (blob, project, refused)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS release (place TEXT NOT NULL, began INTEGER NOT NULL, kind TEXT NOT NULL,
  run TEXT NOT NULL, artifact TEXT NOT NULL, release INTEGER, stage TEXT NOT NULL, outcome TEXT,
  reasons TEXT NOT NULL, detail TEXT, bundle TEXT, changed INTEGER NOT NULL, time TEXT NOT NULL, replaces TEXT,
  by_run TEXT, by_rollback INTEGER, request TEXT, person TEXT, ends INTEGER, warnings TEXT, waits TEXT,
  PRIMARY KEY (place, began)) STRICT;
CREATE TABLE IF NOT EXISTS moment (entry INTEGER PRIMARY KEY, place TEXT NOT NULL, release INTEGER NOT NULL,
  kind TEXT NOT NULL, time TEXT NOT NULL, person TEXT) STRICT;
CREATE TABLE IF NOT EXISTS enrolled (person TEXT PRIMARY KEY, enrolment TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS statement (digest TEXT PRIMARY KEY, entry INTEGER NOT NULL, kind TEXT NOT NULL,
  person TEXT NOT NULL, project TEXT NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL, begins TEXT NOT NULL,
  until TEXT NOT NULL, envelope TEXT NOT NULL, withdrawn INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS record (entry INTEGER NOT NULL, line INTEGER NOT NULL, kind TEXT NOT NULL, time TEXT NOT NULL,
  project TEXT NOT NULL, secret TEXT, number INTEGER, who TEXT NOT NULL, run TEXT, step TEXT, place TEXT, allowed INTEGER,
  summary TEXT NOT NULL, release INTEGER, PRIMARY KEY (entry, line)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, project TEXT NOT NULL,
  refused TEXT NOT NULL, person TEXT, time TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE IF NOT EXISTS entry_text USING fts5(words, content='', detail='none');
CREATE VIRTUAL TABLE IF NOT EXISTS entry_word USING fts5vocab(entry_text, instance);
CREATE TABLE IF NOT EXISTS document (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS made (run TEXT NOT NULL, document INTEGER NOT NULL, PRIMARY KEY (run, document))
  STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ran (place TEXT NOT NULL, began INTEGER NOT NULL, release INTEGER NOT NULL, artifact TEXT NOT NULL,
  run TEXT NOT NULL, since TEXT NOT NULL, until TEXT, PRIMARY KEY (place, began)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerted (alert TEXT PRIMARY KEY, entry INTEGER NOT NULL, project TEXT NOT NULL, place TEXT NOT NULL,
  artifact TEXT NOT NULL, critical INTEGER NOT NULL, state TEXT NOT NULL, line TEXT NOT NULL, opened TEXT NOT NULL,
  overdue TEXT, person TEXT, reason TEXT, acknowledged TEXT, why TEXT, closed TEXT) STRICT;
CREATE TABLE IF NOT EXISTS alert_id (id TEXT NOT NULL, alert TEXT NOT NULL, component TEXT, PRIMARY KEY (id, alert))
  STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (document INTEGER PRIMARY KEY, sort TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS package (number INTEGER PRIMARY KEY, purl TEXT NOT NULL UNIQUE, bare TEXT NOT NULL,
  name TEXT NOT NULL, own TEXT NOT NULL, version TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS component (package INTEGER NOT NULL, document INTEGER NOT NULL, direct INTEGER,
  PRIMARY KEY (package, document)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS finding (document INTEGER NOT NULL, finding BLOB NOT NULL, severity INTEGER NOT NULL,
  exploited INTEGER NOT NULL, component TEXT, body TEXT NOT NULL, PRIMARY KEY (document, finding)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS problem (id TEXT NOT NULL, document INTEGER NOT NULL, finding BLOB NOT NULL,
  PRIMARY KEY (id, document, finding)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS made_of_document ON made (document);
CREATE INDEX IF NOT EXISTS ran_of_run ON ran (run);
CREATE INDEX IF NOT EXISTS ran_of_artifact ON ran (artifact);
CREATE INDEX IF NOT EXISTS ran_now ON ran (place) WHERE until IS NULL;
CREATE INDEX IF NOT EXISTS alert_of_artifact ON alerted (artifact);
CREATE INDEX IF NOT EXISTS alert_of_place ON alerted (place, state);
CREATE INDEX IF NOT EXISTS alert_id_of_alert ON alert_id (alert);
CREATE INDEX IF NOT EXISTS alert_of_state ON alerted (state, closed);
CREATE INDEX IF NOT EXISTS listed_unread ON listed (document) WHERE sort = 'unreadable';
CREATE INDEX IF NOT EXISTS package_of_bare ON package (bare);
CREATE INDEX IF NOT EXISTS package_of_name ON package (name);
CREATE INDEX IF NOT EXISTS component_of_document ON component (document, package);
CREATE INDEX IF NOT EXISTS entry_of_kind ON entry (kind);
CREATE INDEX IF NOT EXISTS entry_of_project ON entry (project);
CREATE INDEX IF NOT EXISTS entry_of_person ON entry (person);
CREATE INDEX IF NOT EXISTS entry_of_time ON entry (time);
CREATE INDEX IF NOT EXISTS release_of_run ON release (run);
CREATE INDEX IF NOT EXISTS release_of_artifact ON release (artifact);
CREATE INDEX IF NOT EXISTS release_of_stage ON release (place, stage, changed);
CREATE INDEX IF NOT EXISTS release_of_time ON release (place, time);
CREATE INDEX IF NOT EXISTS release_stopped ON release (place, time)
  WHERE kind = 'release' AND stage IN ('held', 'superseded', 'rolled-back') AND reasons <> '';
CREATE INDEX IF NOT EXISTS run_of_end ON run (ended, state, project, started);
CREATE INDEX IF NOT EXISTS release_of_place ON release (place, release);
CREATE INDEX IF NOT EXISTS moment_of_release ON moment (place, release);
CREATE INDEX IF NOT EXISTS run_of_project ON run (project, entry);
CREATE INDEX IF NOT EXISTS run_of_commit ON run (project, commit_id);
CREATE INDEX IF NOT EXISTS record_of_secret ON record (secret, who, allowed);
CREATE INDEX IF NOT EXISTS record_of_uses ON record (secret, entry);
CREATE INDEX IF NOT EXISTS record_of_actor ON record (who, entry);
CREATE INDEX IF NOT EXISTS record_of_project ON record (project, entry);
CREATE INDEX IF NOT EXISTS record_of_run ON record (run) WHERE run IS NOT NULL;
CREATE INDEX IF NOT EXISTS statement_of_project ON statement (project);
";

/// Tables with their columns, for comparing.
pub const TABLES: [(&str, &str); 22] = [
    ("cursor", "entries"),
    ("source", "run, requester, pack"),
    ("run", "run, entry, project, commit_id, state, started, ended, services, person, preview"),
    ("ended", "day, project, state, runs"),
    ("freeze", "frozen, entry, time, person"),
    ("work", "run, entry, kind, name, runner, state, log, due, ended, receipt"),
    ("artifact", "run, name, manifest"),
    ("last", "place, entry, release, outcome, reasons, detail, bundle"),
    ("named", "hex(blob), project, refused"),
    (
        "release",
        "place, began, kind, run, artifact, release, stage, outcome, reasons, detail, bundle, changed, time, replaces, \
         by_run, by_rollback, request, person, ends, warnings, waits",
    ),
    (
        "record",
        "entry, line, kind, time, project, secret, number, who, run, step, place, allowed, summary, release",
    ),
    ("entry", "entry, kind, project, refused, person, time"),
    // The index is made of the words that this table shows; the table goes before it.
    ("entry_word", "term, doc"),
    ("entry_text", "rowid"),
    ("moment", "entry, place, release, kind, time, person"),
    ("document", "number, hex(digest)"),
    ("made", "run, document"),
    ("ran", "place, began, release, artifact, run, since, until"),
    (
        "alerted",
        "alert, entry, project, place, artifact, critical, state, line, opened, overdue, person, reason, acknowledged, why, closed",
    ),
    ("alert_id", "id, alert, component"),
    ("enrolled", "person, enrolment"),
    (
        "statement",
        "digest, entry, kind, person, project, service, environment, begins, until, envelope, withdrawn",
    ),
];
/// Tables of the index over documents. They follow from blobs, not from entries, so they are made anew and never compared.
pub const INDEX: [&str; 5] = ["listed", "package", "component", "finding", "problem"];
/// Version of the schema; views of another version are rebuilt.
pub const VERSION: i64 = 17;
