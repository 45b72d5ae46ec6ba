//! The files that pages load: one style sheet and our own modules of JavaScript, embedded, each under a name that holds
//! the digest of its bytes.
