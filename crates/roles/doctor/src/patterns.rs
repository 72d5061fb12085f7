//! The identity patterns of signature checks: Flux's `verify.matchOIDCIdentity` and the policies of the admission controller.
//! Read first: [`patterns`].

use yaml::Node;

use crate::look::Look as _;
use crate::repository::{Document, Repository};

/// One pattern for a signer.
pub(crate) struct Pattern<'a> {
    pub document: &'a Document,
    pub node: &'a Node,
    pub text: &'a str,
    pub half: Half,
}

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// Who vouches.
    Issuer,
    /// Who signed.
    Subject,
}

/// Every regular expression for issuers and subjects.
pub(crate) fn patterns<'a>(repository: &'a Repository<'_>) -> Vec<Pattern<'a>> {
    let mut found = Vec::new();
    let mut add = |document: &'a Document, identity: &'a Node, keys: [&str; 2]| {
        for (key, half) in keys.into_iter().zip([Half::Issuer, Half::Subject]) {
            if let Some(node) = identity.get(key)
                && let Some(text) = node.text()
            {
                found.push(Pattern { document, node, text, half });
            }
        }
    };
    for document in &repository.documents {
        match (document.group.as_str(), document.kind.as_str()) {
            ("source.toolkit.fluxcd.io", "OCIRepository" | "HelmChart") => {
                document
                    .root
                    .items_at("spec.verify.matchOIDCIdentity")
                    .iter()
                    .for_each(|identity| add(document, identity, ["issuer", "subject"]));
            }
            ("policy.sigstore.dev", "ClusterImagePolicy") => {
                let identities =
                    document.root.items_at("spec.authorities").iter().flat_map(|authority| authority.items_at("keyless.identities"));
                identities.for_each(|identity| add(document, identity, ["issuerRegExp", "subjectRegExp"]));
            }
            _ => {}
        }
    }
    found
}
