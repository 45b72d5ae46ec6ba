//! Tests of this context.
