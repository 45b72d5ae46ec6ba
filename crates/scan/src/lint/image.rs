//! References of container images (<https://pkg.go.dev/github.com/distribution/reference>).

/// What a reference says about the image that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference<'a> {
    /// Registry and path.
    pub repository: &'a str,
    /// Tag, if there is one.
    pub tag: Option<&'a str>,
    /// Whether it names the digest of the image.
    pub has_digest: bool,
}

impl<'a> ImageReference<'a> {
    /// Reads a reference. A text with parts that something else fills in says nothing: none.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.contains(['$', '{', '<', '%', ' ']) {
            return None;
        }
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        // A colon before the last slash is that of a port.
        let tag_at = name.rfind(':').filter(|at| !name.get(*at..).unwrap_or_default().contains('/'));
        let (repository, tag) = match tag_at {
            Some(at) => (name.get(..at)?, name.get(at + 1..)),
            None => (name, None),
        };
        let has_digest = digest.is_some_and(|digest| digest.contains(':'));
        Some(Self { repository, tag: tag.filter(|tag| !tag.is_empty()), has_digest })
    }

    /// Whether the image is whatever was pushed last: `latest`, which also counts where no tag stands.
    #[must_use]
    pub fn floats(&self) -> bool {
        !self.has_digest && self.tag.is_none_or(|tag| tag.eq_ignore_ascii_case("latest"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn references_have_tags_and_digests() {
        for (text, repository, tag, has_digest, floats) in [
            ("nginx", "nginx", None, false, true),
            ("nginx:latest", "nginx", Some("latest"), false, true),
            ("nginx:1.27", "nginx", Some("1.27"), false, false),
            ("registry.example:5000/web", "registry.example:5000/web", None, false, true),
            ("registry.example:5000/web:2", "registry.example:5000/web", Some("2"), false, false),
            ("web@sha256:0a", "web", None, true, false),
            ("web:latest@sha256:0a", "web", Some("latest"), true, false),
            ("web:", "web", None, false, true),
        ] {
            let found = ImageReference::of(text).unwrap();
            assert_eq!(found, ImageReference { repository, tag, has_digest }, "{text}");
            assert_eq!(found.floats(), floats, "{text}");
        }
        for text in ["", "$IMAGE", "web:${TAG}", "<image>", "web:{{ tag }}"] {
            assert_eq!(ImageReference::of(text), None, "{text}");
        }
    }
}
