//! Names and limits of the API that both sides know.

/// Media type of a problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Largest blob in bytes; this also limits an artifact's layer.
pub const BLOB_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most bytes of a log in one answer; a client that needs more asks again.
pub const LOG_PIECE_BYTES_MAX: usize = 1024 * 1024;
/// Most pieces of work in one answer to a runner; a shorter list is complete.
pub const RUNNER_WORK_MAX: usize = 64;
/// Prefix of every operation of this version.
pub const API: &str = "/api/v1";
/// The server's name in a request for a session over the Unix socket.
pub const SOCKET: &str = "unix";
/// Name of the Unix socket in the server's data directory.
pub const SOCKET_FILE: &str = "server.sock";
/// Header of a request whose answer must be signed; its value is a random id.
pub const NONCE_HEADER: &str = "countersign-nonce";
/// Header with the signature of an answer (`docs/formats/introduction.md`).
pub const ANSWER_HEADER: &str = "countersign-answer";
/// Header of an answer that names the request as the server's log does: an id that the server draws for it.
pub const REQUEST_ID_HEADER: &str = "countersign-request-id";
/// Action of the signed request that opens a session.
pub const OPEN_SESSION: &str = "open-session";
/// Largest pack in bytes that a person uploads for a run.
pub const UPLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Largest body that either side reads, in bytes.
pub const BODY_BYTES_MAX: usize = 18 * 1024 * 1024;
