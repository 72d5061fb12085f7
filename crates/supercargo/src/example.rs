//! The example pipeline: our own repositories in the article's layout, carried in the binary.

use std::collections::BTreeSet;

use model::{Digest, Tree};

/// A file of the example: path and content.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../examples/pipeline/", $folder, "/", $path)))),*]
    };
}

/// The deployment repository.
const DEPLOYMENT: [File; 32] = files!("deployment":
    ".gitea/workflows/build-deployment-artifact.yml",
    "CODEOWNERS",
    "README.md",
    "apps/myapp/base/deployment.yaml",
    "apps/myapp/base/kustomization.yaml",
    "apps/myapp/base/namespace.yaml",
    "apps/myapp/base/networkpolicy.yaml",
    "apps/myapp/base/service.yaml",
    "apps/myapp/overlays/dev/kustomization.yaml",
    "apps/myapp/overlays/staging/kustomization.yaml",
    "apps/myapp/overlays/prod/kustomization.yaml",
    "clusters/dev/image-policy.yaml",
    "clusters/dev/myapp.yaml",
    "clusters/staging/image-policy.yaml",
    "clusters/staging/myapp.yaml",
    "clusters/prod/image-policy.yaml",
    "clusters/prod/myapp.yaml",
    "flux-system/dev.yaml",
    "flux-system/management.yaml",
    "flux-system/prod.yaml",
    "flux-system/staging.yaml",
    "kargo/analysis.yaml",
    "kargo/image-policy.yaml",
    "kargo/project.yaml",
    "kargo/projectconfig.yaml",
    "kargo/stages.yaml",
    "kargo/staging-integration.yaml",
    "kargo/warehouse.yaml",
    "policy/README.md",
    "policy/main.json",
    "policy/keys.json",
    "renovate.json",
);

/// The application repository.
const APPLICATION: [File; 5] = files!("app-myapp": ".gitea/workflows/build.yml", "Dockerfile", "README.md", "VERSION", "site/index.html");

/// Returns the deployment repository's content.
pub fn deployment() -> Tree {
    tree(&DEPLOYMENT)
}

/// Returns the deployment repository's content with somebody's own files in place of those of the same path, and beside them.
pub fn deployment_with(own: &Tree) -> Tree {
    let mut all = deployment();
    for (path, file) in own.iter() {
        all.put_file(path, file.clone());
    }
    all
}

/// Returns the application repository's content.
pub fn application() -> Tree {
    tree(&APPLICATION)
}

/// Returns the digests of the example's own workflow files.
pub fn workflows() -> BTreeSet<Digest> {
    let all = DEPLOYMENT.iter().chain(&APPLICATION);
    all.filter(|(path, _)| path.contains("/workflows/")).map(|(_, content)| Digest::of(content.as_bytes())).collect()
}

fn tree(files: &[File]) -> Tree {
    let mut tree = Tree::default();
    for (path, content) in files {
        tree.put(*path, *content);
    }
    tree
}
