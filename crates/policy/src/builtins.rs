//! The built-ins that a policy may use.
//!
//! Invariant: each of them is a pure function of its arguments, and none makes the engine panic.

/// Names of all allowed built-ins, sorted. `strings.count` is excluded: the engine panics on an empty needle.
#[rustfmt::skip]
pub const ALLOWED: &[&str] = &[
    "abs", "all", "any", "array.concat", "array.reverse", "array.slice", "base64.decode", "base64.encode",
    "base64.is_valid", "base64url.decode", "base64url.encode", "base64url.encode_no_pad", "bits.and",
    "bits.lsh", "bits.negate", "bits.or", "bits.rsh", "bits.xor", "ceil", "concat", "contains", "count",
    "endswith", "floor", "format_int", "glob.match", "glob.quote_meta", "graph.reachable",
    "graph.reachable_paths", "hex.decode", "hex.encode", "indexof", "indexof_n", "intersection", "is_array",
    "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "json.filter",
    "json.is_valid", "json.marshal", "json.match_schema", "json.patch", "json.remove", "json.unmarshal",
    "json.verify_schema", "lower", "max", "min", "numbers.range", "numbers.range_step", "object.filter",
    "object.get", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n",
    "product", "regex.find_all_string_submatch_n", "regex.find_n", "regex.is_valid", "regex.match",
    "regex.replace", "regex.split", "regex.template_match", "replace", "round", "semver.compare",
    "semver.is_valid", "set_diff", "sort", "split", "sprintf", "startswith", "strings.any_prefix_match",
    "strings.any_suffix_match", "strings.replace_n", "strings.reverse", "substring", "sum",
    "to_number", "trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "type_name",
    "union", "units.parse", "units.parse_bytes", "upper", "walk",
];

/// Whether a policy may use this built-in. Names that begin with `__` are internal to the engine.
pub fn is_allowed(name: &str) -> bool {
    name.starts_with("__") || ALLOWED.binary_search(&name).is_ok()
}
