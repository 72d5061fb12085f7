//! Repositories that look odd and are right: nothing is found.

mod shared;

use shared::{Files, clean, found, tree};

/// Changes the clean repository: path, what to find, what to put there. A path that is not there is added.
fn check(name: &str, changes: &[(&str, &str, &str)]) {
    let mut files = clean();
    for (path, find, replace) in changes {
        match files.iter_mut().find(|(name, _)| name == path) {
            Some((_, text)) => {
                assert!(text.contains(find), "{name}: {find} is in {path}");
                *text = text.replace(find, replace);
            }
            None => files.push(((*path).into(), (*replace).into())),
        }
    }
    assert_eq!(found(&tree(&files)), Vec::<String>::new(), "{name}");
}

/// A repository of these files alone.
fn alone(name: &str, files: &[(&str, &str)]) {
    let files: Files = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    assert_eq!(found(&tree(&files)), Vec::<String>::new(), "{name}");
}

#[test]
fn written_in_another_way() {
    alone("nothing", &[]);
    alone("no YAML", &[("README.md", "kargo pauses nothing"), ("src/main.rs", "fn main() {}")]);
    check(
        "anchors",
        &[
            (
                "kargo/live.yaml",
                "        - uses: git-commit\n          config:\n            path: ./src\n",
                "        - uses: git-commit\n          config: &commit\n            path: ./src\n",
            ),
            ("kargo/load.yaml", "", "base: &base {kind: ConfigMap, apiVersion: v1}\n---\na: &a [1, 2]\nb: *a\nc: {<<: &m {x: 1}, y: 2}\n"),
        ],
    );
    check("windows line ends", &[("clusters/live/shop.yaml", "\n", "\r\n"), ("kargo/warehouse.yaml", "\n", "\r\n")]);
    check(
        "documents without content",
        &[("kargo/empty.yaml", "", "---\n# nothing\n---\n---\n"), ("kargo/comment.yaml", "", "# only a comment\n")],
    );
    check("a byte order mark", &[("kargo/mark.yaml", "", "\u{feff}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")]);
    check("directives and ends", &[("kargo/d.yaml", "", "%YAML 1.2\n--- # first\na: !!str 1\n...\n---\nb: !custom {c: \"\\u00e9\"}\n")]);
    check(
        "JSON as YAML",
        &[("kargo/extra.yaml", "", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"x\"}}\n")],
    );
    check(
        "a list of objects",
        &[(
            "extra/list.yaml",
            "",
            "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: x}\n",
        )],
    );
    check(
        "comments and commas in renovate.json",
        &[(
            "renovate.json",
            "\"extends\": [\"config:recommended\"],",
            "// ours\n  \"extends\": [\"config:recommended\",], /* and */ \"timezone\": \"Europe/Berlin\",",
        )],
    );
}

#[test]
fn laid_out_in_another_way() {
    alone(
        "Flux without Kargo",
        &[
            (
                "clusters/home/apps.yaml",
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\nspec:\n  interval: 10m\n  path: ./apps/home\n  prune: false\n  sourceRef: {kind: GitRepository, name: flux-system}\n",
            ),
            (
                "apps/home/kustomization.yaml",
                "resources:\n  - https://github.com/acme/x//deploy?ref=v1\n  - github.com/acme/y/deploy?ref=v2\ncomponents: [../../components/a]\n",
            ),
            ("components/a/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"),
        ],
    );
    alone(
        "a chart",
        &[
            ("charts/x/Chart.yaml", "apiVersion: v2\nname: x\nversion: 0.1.0\n"),
            ("charts/x/templates/deployment.yaml", "kind: Deployment\nspec: {{ toYaml .Values.spec | nindent 2 }}\n"),
            ("charts/x/values.yaml", "image: {repository: nginx, tag: latest}\n"),
        ],
    );
    check(
        "somebody else's artifact by range",
        &[(
            "infrastructure/tool.yaml",
            "",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: tool, namespace: flux-system}\nspec:\n  interval: 1m\n  url: oci://ghcr.io/tool/manifests\n  ref: {semver: 1.x}\n",
        )],
    );
    let stage = "kargo/live.yaml";
    check("a Stage with the service's name in front", &[(stage, "name: live", "name: shop-live"), (stage, "${{ ctx.stage }}", "live")]);
    check("a Stage with a name of its own", &[(stage, "name: live", "name: production"), (stage, "${{ ctx.stage }}", "live")]);
    check(
        "an image that a kustomization completes",
        &[
            ("apps/shop/base/deployment.yaml", "registry.acme.example/shop:3.2.1", "shop"),
            (
                "apps/shop/base/kustomization.yaml",
                "resources:",
                "images:\n  - {name: shop, newName: registry.acme.example/shop, newTag: 3.2.1}\nresources:",
            ),
        ],
    );
    check(
        "a second project with Stages of the same names",
        &[(
            "kargo/other.yaml",
            "",
            "apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata: {name: cart}\n---\napiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {name: cart, namespace: cart}\nspec: {subscriptions: [{git: {repoURL: 'https://github.com/acme/cart', semverConstraint: ^1.0.0}}, {image: {repoURL: registry.acme.example/cart}}]}\n---\napiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {name: test, namespace: cart}\nspec: {requestedFreight: [{origin: {kind: Warehouse, name: cart}, sources: {direct: true}}]}\n",
        )],
    );
}

#[test]
fn promoted_in_another_way() {
    let stage = "kargo/live.yaml";
    check("from the Warehouse as well", &[(stage, "{stages: [test]}", "{direct: true, stages: [test], requiredSoakTime: 1h}")]);
    check(
        "overlays in place of pointers",
        &[
            (stage, "clusters/${{ ctx.stage }}/shop-source.yaml", "apps/shop/overlays/live/settings.yaml"),
            (stage, "spec.ref.tag", "image.tag"),
            ("kargo/test.yaml", "clusters/${{ ctx.stage }}/shop-source.yaml", "apps/shop/overlays/test/settings.yaml"),
            ("kargo/test.yaml", "spec.ref.tag", "image.tag"),
            ("apps/shop/overlays/live/settings.yaml", "", "image: {tag: 1.0.0}\n"),
            ("apps/shop/overlays/test/settings.yaml", "", "image: {tag: 1.0.0}\n"),
            (".github/workflows/artifact.yaml", "['apps/**']", "['apps/*/base/**']"),
            ("renovate.json", "/^apps/.+", "/^apps/.+/base/.+"),
        ],
    );
    check("policies by pattern", &[("kargo/project.yaml", "{name: test}", "{name: 'regex:^(test|live)$'}")]);
    check(
        "by digest",
        &[
            (stage, "spec.ref.tag", "spec.ref.digest"),
            (stage, "value: ${{ imageFrom(vars.image).Tag }}", "value: ${{ imageFrom(vars.image).Digest }}"),
            (
                "clusters/live/shop-source.yaml",
                "tag: 1.0.7",
                "digest: sha256:0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ],
    );
    check(
        "a template of the cluster",
        &[
            (stage, "- name: smoke", "- name: smoke\n        kind: ClusterAnalysisTemplate"),
            (
                "kargo/cluster.yaml",
                "",
                "apiVersion: argoproj.io/v1alpha1\nkind: ClusterAnalysisTemplate\nmetadata: {name: smoke}\nspec: {metrics: []}\n",
            ),
        ],
    );
    check("a pre-release range", &[("kargo/warehouse.yaml", "^1.0.0", "'>=1.0.0-0 <2.0.0-0 || 3.x'")]);
    check(
        "checks of health in place of waiting",
        &[(
            "clusters/live/shop.yaml",
            "wait: true",
            "healthChecks:\n    - {apiVersion: apps/v1, kind: Deployment, name: shop, namespace: shop}",
        )],
    );
    check(
        "values filled in by Flux",
        &[("apps/shop/base/deployment.yaml", "registry.acme.example/shop:3.2.1", "${registry}/shop:${version:=latest}")],
    );
}

#[test]
fn signed_in_another_way() {
    let (pointer, workflow) = ("clusters/live/shop-source.yaml", ".github/workflows/artifact.yaml");
    let identity = "    matchOIDCIdentity:\n      - issuer: '^https://token\\.actions\\.githubusercontent\\.com$'\n        subject: '^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main$'\n";
    check(
        "by a key",
        &[
            (pointer, identity, "    secretRef: {name: cosign-key}\n"),
            (workflow, "      id-token: write\n", ""),
            (workflow, "cosign sign --yes", "cosign sign --key env://KEY --yes"),
            (
                "clusters/live/key.yaml",
                "",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: cosign-key, namespace: flux-system}\nstringData: {cosign.pub: x}\n",
            ),
        ],
    );
    let subject = "'^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main$'";
    check(
        "on release tags",
        &[
            (pointer, subject, "'^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/tags/v.*$'"),
            (workflow, "    branches: [main]\n    paths: ['apps/**']\n", "    tags: ['v*']\n"),
        ],
    );
    check(
        "by one of two",
        &[(pointer, subject, "'^(https://github\\.com/acme/(deploy|ops)/\\.github/workflows/[a-z]+\\.yaml@refs/heads/main)$'")],
    );
    check(
        "by a person",
        &[
            (pointer, subject, "^release@acme\\.example$"),
            (pointer, "'^https://token\\.actions\\.githubusercontent\\.com$'", "^https://accounts\\.google\\.com$"),
        ],
    );
    check(
        "permissions for all jobs",
        &[
            (workflow, "    permissions:\n      id-token: write\n      contents: read\n", ""),
            (workflow, "jobs:\n", "permissions: write-all\njobs:\n"),
        ],
    );
    check(
        "encrypted",
        &[(
            "kargo/secret.yaml",
            "",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {password: 'ENC[AES256_GCM,data:x]'}\nsops: {version: 3.9.0}\n",
        )],
    );
    check(
        "owners in Gitea's way",
        &[
            (
                "CODEOWNERS",
                "* @acme/platform\n/apps/shop/ @acme/shop\n/clusters/ @acme/platform\n",
                "# codeowners: gitea\napps/shop/.* @acme/shop\n!apps/.* @acme/platform\n",
            ),
            (".gitea/x", "", "x"),
        ],
    );
    check(
        "other workflows",
        &[(
            ".github/workflows/test.yaml",
            "",
            "on: [push, pull_request]\njobs:\n  test:\n    strategy: {matrix: {v: [1, 2]}}\n    runs-on: ubuntu-latest\n    steps:\n      - run: make test\n",
        )],
    );
}
