//! Package URLs (<https://www.packageurl.org/docs/purl/purl-spec>). The crate `packageurl` encodes; the rules of each
//! type about names are here.

use packageurl::PackageUrl;

use super::fault::Fault;

/// A package URL without its version: the type, the parts of the name as the type wants them, qualifiers.
#[derive(Clone, Debug)]
pub struct Purl(PackageUrl<'static>);

impl Purl {
    /// A crate.
    pub fn cargo(name: &str) -> Result<Self, Fault> {
        Self::plain("cargo", None, name.to_owned())
    }

    /// A package of npm; the scope is the namespace.
    pub fn npm(name: &str) -> Result<Self, Fault> {
        match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
            Some((scope, rest)) => Self::plain("npm", Some(format!("@{scope}")), rest.to_owned()),
            None => Self::plain("npm", None, name.to_owned()),
        }
    }

    /// A Python project; see [`pypi_name`].
    pub fn pypi(name: &str) -> Result<Self, Fault> {
        Self::plain("pypi", None, pypi_name(name))
    }

    /// A Go module. The type wants lower case.
    pub fn golang(path: &str) -> Result<Self, Fault> {
        let path = path.to_lowercase();
        match path.rsplit_once('/') {
            Some((namespace, name)) => Self::plain("golang", Some(namespace.to_owned()), name.to_owned()),
            None => Self::plain("golang", None, path),
        }
    }

    /// A Maven artifact.
    pub fn maven(group: &str, artifact: &str) -> Result<Self, Fault> {
        Self::plain("maven", Some(group.to_owned()), artifact.to_owned())
    }

    /// A package of Composer. The type wants lower case.
    pub fn composer(name: &str) -> Result<Self, Fault> {
        let name = name.to_lowercase();
        match name.split_once('/') {
            Some((vendor, rest)) => Self::plain("composer", Some(vendor.to_owned()), rest.to_owned()),
            None => Self::plain("composer", None, name),
        }
    }

    /// A gem of Ruby.
    pub fn gem(name: &str) -> Result<Self, Fault> {
        Self::plain("gem", None, name.to_owned())
    }

    /// A package of NuGet.
    pub fn nuget(name: &str) -> Result<Self, Fault> {
        Self::plain("nuget", None, name.to_owned())
    }

    /// A package of a distribution, by its package manager: `deb`, `apk` or `rpm`. An unknown distribution has no namespace.
    pub fn distribution(kind: &'static str, namespace: &str, name: &str) -> Result<Self, Fault> {
        let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        Self::plain(kind, namespace, name.to_owned())
    }

    /// A package of no ecosystem.
    pub fn generic(name: &str) -> Result<Self, Fault> {
        Self::plain("generic", None, name.to_owned())
    }

    fn plain(kind: &'static str, namespace: Option<String>, name: String) -> Result<Self, Fault> {
        let wrong = |part: &str| Fault::new(format!("`{part}` is no name of a package"));
        if name.is_empty() || name.contains('/') || name.trim() != name {
            return Err(wrong(&name));
        }
        let mut purl = PackageUrl::new(kind, name.clone()).map_err(|_| wrong(&name))?;
        if let Some(namespace) = namespace {
            let fine = namespace.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !fine || namespace.trim() != namespace {
                return Err(wrong(&format!("{namespace}/{name}")));
            }
            purl.with_namespace(namespace.clone()).map_err(|_| wrong(&namespace))?;
        }
        Ok(Self(purl))
    }

    /// The same with a qualifier. One with an empty value is left out, as the specification says.
    pub fn with(mut self, key: &'static str, value: &str) -> Result<Self, Fault> {
        if !value.is_empty() {
            let wrong = |_| Fault::new(format!("`{value}` is no value of `{key}`"));
            self.0.add_qualifier(key, value.to_owned()).map_err(wrong)?;
        }
        Ok(self)
    }

    /// The text, with an exact version.
    pub fn at(mut self, version: &str) -> Result<String, Fault> {
        let version = if self.0.ty() == "pypi" { version.to_lowercase() } else { version.to_owned() };
        if version.is_empty() || version.trim() != version {
            return Err(Fault::new(format!("`{version}` is no version of {}", self.0.name())));
        }
        let wrong = |_| Fault::new(format!("`{version}` is no version of {}", self.0.name()));
        let mut purl = self.0.clone();
        purl.with_version(version.clone()).map_err(wrong)?;
        self.0 = purl;
        Ok(self.0.to_string())
    }

    /// The text without a version.
    pub fn open(&self) -> String {
        self.0.to_string()
    }
}

/// The name of a Python project in its normal form: lower case, runs of `-`, `_` and `.` as one `-`
/// (<https://packaging.python.org/en/latest/specifications/name-normalization/>).
pub fn pypi_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

/// Whether a package URL names one version.
pub fn is_exact(purl: &str) -> bool {
    let path = purl.split(['?', '#']).next().unwrap_or_default();
    path.contains('@')
}
