//! Addresses in lockfiles, as a document may show them.

/// The address without user name, password, query and fragment: lockfiles of private registries carry tokens there.
pub fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit('@').next().unwrap_or_default();
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

/// The full git object id at the end of an address, after `#` or `@`: it fixes the bytes.
pub fn commit(url: &str) -> Option<&str> {
    let id = url.rsplit(['#', '@']).next().filter(|id| id.len() < url.len())?;
    is_commit(id).then_some(id)
}

/// Whether the text is a full git object id.
pub fn is_commit(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The value of the qualifier `vcs_url`: `git+https://host/path@commit`
/// (<https://spdx.github.io/spdx-spec/v2.3/package-information/#77-package-download-location-field>).
pub fn git(url: &str, commit: Option<&str>) -> String {
    let url = public(url);
    let url = url.strip_prefix("git+").unwrap_or(&url);
    match commit {
        Some(commit) => format!("git+{url}@{commit}"),
        None => format!("git+{url}"),
    }
}

/// Whether an index of Python packages is the public one.
pub fn is_pypi(url: &str) -> bool {
    url.trim_end_matches('/') == "https://pypi.org/simple"
}
