//! Parts that pages share: states, times, digests, commands, rows, tables.
