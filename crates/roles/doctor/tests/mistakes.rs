//! Ordinary mistakes, each put into a clean repository: each is found, at its place, and nothing else is.

mod shared;

use shared::{clean, found, tree};

/// Changes one file of the clean repository and compares what is found: line and rule, with the path where it is another file.
/// A file that is not there is added; an empty text to find appends.
fn check(path: &str, find: &str, replace: &str, expected: &[&str]) {
    let mut files = clean();
    match files.iter_mut().find(|(name, _)| name == path) {
        Some((_, text)) => {
            assert!(text.contains(find), "{find} is in {path}");
            *text = if find.is_empty() { format!("{text}{replace}") } else { text.replacen(find, replace, 1) };
        }
        None => files.push((path.into(), replace.into())),
    }
    let short = |line: &String| line.strip_prefix(&format!("{path}:")).unwrap_or(line).to_owned();
    let lines: Vec<String> = found(&tree(&files)).iter().map(short).collect();
    let expected: Vec<String> = expected.iter().map(|line| short(&(*line).to_owned())).collect();
    assert_eq!(lines, expected, "{path}: {find} became {replace}");
}

#[test]
fn the_clean_repository_is_clean() {
    assert_eq!(found(&tree(&clean())), Vec::<String>::new());
}

#[test]
fn promotions() {
    let stage = "kargo/live.yaml";
    for (find, replace, expected) in [
        (
            "namespace: shop",
            "namespace: shops",
            &[
                "kargo/live.yaml:5 kargo/wrong-namespace",
                "kargo/live.yaml:8 kargo/origin-missing",
                "kargo/live.yaml:9 kargo/upstream-missing",
                "kargo/live.yaml:52 kargo/analysis-template-missing",
            ][..],
        ),
        ("${{ ctx.stage }}", "test", &["kargo/live.yaml:24 kargo/path-outside-lane", "kargo/test.yaml:24 kargo/shared-pointer"]),
        (
            "clusters/${{ ctx.stage }}/shop-source.yaml",
            "apps/shop/base/deployment.yaml",
            &[
                ".github/workflows/artifact.yaml:5 workflow/paths-pointers",
                "kargo/live.yaml:24 kargo/path-outside-lane",
                "kargo/live.yaml:26 kargo/update-key",
                "renovate.json:3 renovate/writes-pointers",
            ],
        ),
        ("shop-source.yaml", "shopp.yaml", &["kargo/live.yaml:24 kargo/pointer-missing"]),
        ("key: spec.ref.tag", "key: spec.ref.tags", &["kargo/live.yaml:26 kargo/update-key"]),
        ("[test]", "[tset]", &["kargo/live.yaml:9 kargo/upstream-missing"]),
        ("[test]", "[live]", &["kargo/live.yaml:8 kargo/upstream-circle"]),
        ("name: shop}", "name: shops}", &["kargo/live.yaml:8 kargo/origin-missing"]),
        ("- name: smoke", "- name: smoke-tests", &["kargo/live.yaml:52 kargo/analysis-template-missing"]),
        (
            "value: registry.acme.example/releases/shop",
            "value: registry.acme.example/releases/stop",
            &["kargo/live.yaml:26 kargo/another-artifact", "kargo/live.yaml:26 kargo/image-not-subscribed"],
        ),
        ("value: ${{ imageFrom(vars.image).Tag", "value: ${{ imageFrom(vars.image).tag", &["kargo/live.yaml:27 kargo/image-tag-case"]),
        ("outputs.push.branch", "ctx.freight.name", &["kargo/live.yaml:37 kargo/open-pr-unpushed", "kargo/live.yaml:41 kargo/ctx-freight"]),
        ("outputs.pull.pr.id", "outputs.pull.prNumber", &["kargo/live.yaml:46 kargo/pr-number-output"]),
        (
            "            repoURL: https://github.com/acme/deploy\n            prNumber",
            "            prNumber",
            &["kargo/live.yaml:45 kargo/wait-for-pr-repository"],
        ),
        (
            "            repoURL: https://github.com/acme/deploy\n            sourceBranch",
            "            path: ./src\n            sourceBranch",
            &["kargo/live.yaml:40 kargo/open-pr-config"],
        ),
        (
            "config:\n            repoURL: https://github.com/acme/deploy\n            prNumber: ${{ outputs.pull.pr.id }}",
            "config: { repoURL: https://github.com/acme/deploy, prNumber: ${{ outputs.pull.pr.id }} }",
            &["kargo/live.yaml:44 kargo/flow-expression"],
        ),
        (
            "        - uses: http\n          config:\n            url: https://shop.live.acme.example/version\n",
            "",
            &["kargo/live.yaml:49 kargo/verification-race"],
        ),
    ] {
        check(stage, find, replace, expected);
    }
    check("kargo/warehouse.yaml", "constraint: ^1.0.0", "constraint: ^0.0.0", &["kargo/warehouse.yaml:10 kargo/constraint"]);
    check("kargo/warehouse.yaml", "constraint: ^1.0.0", "constraint: '>2.0.0, <1.0.0'", &["kargo/warehouse.yaml:10 kargo/constraint"]);
    check("kargo/warehouse.yaml", "constraint: ^1.0.0", "constraint: newest", &["kargo/warehouse.yaml:10 kargo/constraint"]);
    check("kargo/warehouse.yaml", "constraint: ^1.0.0", "semverConstraint: ^1.0.0", &["kargo/warehouse.yaml:10 kargo/semver-constraint"]);
    check(
        "kargo/project.yaml",
        "  name: shop\n  namespace",
        "  name: settings\n  namespace",
        &["kargo/project.yaml:9 kargo/project-config-name"],
    );
    check("kargo/project.yaml", "{name: test}", "{name: tets}", &["kargo/project.yaml:13 kargo/policy-stage-missing"]);
    check("kargo/project.yaml", "kind: Project\n", "kind: Projekt\n", &["kargo/live.yaml:5 kargo/project-missing"]);
    check(
        "kargo/project.yaml",
        "",
        "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
        &["kargo/project.yaml:19 kargo/namespace-unlabelled"],
    );
    check("kargo/tests.yaml", "target: {name: smoke-token}", "target: {name: other}", &["kargo/tests.yaml:21 secret/missing"]);
    check("infrastructure/argo.yaml", "argo-rollouts", "argo-cd", &["kargo/live.yaml:52 kargo/needs-rollouts"]);
    check(
        "kargo/live.yaml",
        "- name: smoke\n",
        "- name: smoke\n      - name: load\n",
        &["kargo/live.yaml:53 kargo/analysis-template-missing"],
    );
    check(
        "kargo/promotion.yaml",
        "",
        "apiVersion: kargo.akuity.io/v1alpha1\nkind: Promotion\nmetadata: {name: x, namespace: shop}\nspec: {stage: test, freight: abc}\n",
        &["kargo/promotion.yaml:3 kargo/promotion-in-git"],
    );
    let pull = "            repoURL: https://github.com/acme/deploy\n            sourceBranch";
    check("kargo/live.yaml", pull, &pull.replace("github.com", "code.acme.example"), &["kargo/live.yaml:40 kargo/pull-provider"]);
}

#[test]
fn pointers() {
    let pointer = "clusters/live/shop-source.yaml";
    let subject = r"'^https://github\.com/acme/deploy/\.github/workflows/artifact\.yaml@refs/heads/main$'";
    for (find, replace, expected) in [
        (
            "tag: 1.0.7",
            "semver: '>=1.0.0'",
            &["clusters/live/shop-source.yaml:13 pointer/semver-range", "kargo/live.yaml:26 kargo/update-key"][..],
        ),
        ("tag: 1.0.7", "tag: latest", &["clusters/live/shop-source.yaml:13 pointer/moving-tag"]),
        ("tag: 1.0.7", "tag: 1.10", &["clusters/live/shop-source.yaml:13 flux/tag-number"]),
        ("tag: 1.0.7", "tag: 1.0.7 # Kargo changes this", &["clusters/live/shop-source.yaml:13 kargo/comment-lost"]),
        (
            "  verify:\n",
            "  verified:\n",
            &["clusters/live/shop-source.yaml:8 pointer/verify-absent", "clusters/live/shop-source.yaml:14 manifest/unknown-field"],
        ),
        (
            "oci://registry",
            "https://registry",
            &["clusters/live/shop-source.yaml:9 pointer/address", "kargo/live.yaml:26 kargo/another-artifact"],
        ),
        (
            subject,
            r"'https://github\.com/acme/deploy/\.github/workflows/artifact\.yaml@refs/heads/main'",
            &["clusters/live/shop-source.yaml:18 verify/unanchored"],
        ),
        (subject, r"'^https://github\.com/acme/deploy/.*$'", &["clusters/live/shop-source.yaml:18 verify/any-branch"]),
        (
            subject,
            r"'^https://github\.com/acme/deploy/\.github/workflows/artifact\.yaml@refs/heads/.*$'",
            &["clusters/live/shop-source.yaml:18 verify/any-branch"],
        ),
        (
            subject,
            r"'^https://github.com/acme/deploy/\.github/workflows/artifact\.yaml@refs/heads/main$'",
            &["clusters/live/shop-source.yaml:18 verify/dots"],
        ),
        (subject, "'^(https$'", &["clusters/live/shop-source.yaml:18 verify/pattern"]),
        (
            r"issuer: '^https://token\.actions\.githubusercontent\.com$'",
            r"issuer: '^https://token\.actions\.githubusercontent\.com'",
            &["clusters/live/shop-source.yaml:17 verify/unanchored"],
        ),
        (
            r"issuer: '^https://token\.actions\.githubusercontent\.com$'",
            r"issuer: '^https://git\.acme\.example$'",
            &["clusters/live/shop-source.yaml:17 flux/trusted-root"],
        ),
        ("  secretRef:\n    name: registry\n", "", &["clusters/live/shop-source.yaml:9 flux/pull-credentials"]),
        ("interval: 10m", "interval: 1m", &[]),
        (
            "    matchOIDCIdentity:",
            "    others:",
            &["clusters/live/shop-source.yaml:15 pointer/identity-missing", "clusters/live/shop-source.yaml:16 manifest/unknown-field"],
        ),
        (
            "# What runs there. Kargo changes the tag.\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\n---\n",
            &["kargo/live.yaml:26 kargo/update-later-document"],
        ),
        (
            "",
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: notes\n",
            &["clusters/live/shop-source.yaml:20 kargo/pointer-documents"],
        ),
    ] {
        check(pointer, find, replace, expected);
    }
    let kustomization = "clusters/live/shop.yaml";
    for (find, replace, expected) in [
        ("  wait: true\n", "", &["clusters/live/shop.yaml:7 pointer/health"][..]),
        (
            "  wait: true\n",
            "  wait: true\n  healthChecks:\n    - {apiVersion: apps/v1, kind: Deployment, name: shop, namespace: shop}\n",
            &["clusters/live/shop.yaml:14 flux/wait-and-health-checks"],
        ),
        ("  prune: true\n", "", &["clusters/live/shop.yaml:6 manifest/invalid-field", "clusters/live/shop.yaml:7 flux/prune-missing"]),
        ("overlays/live", "overlays/life", &["clusters/live/shop.yaml:11 pointer/path"]),
        ("overlays/live", "overlays/test", &["clusters/live/shop.yaml:11 pointer/wrong-overlay"]),
        ("namespace: flux-system", "namespace: flux", &["clusters/live/shop.yaml:9 flux/source-missing"]),
        ("  wait: true\n", "  wait: true\n  dependsOn:\n    - name: database\n", &["clusters/live/shop.yaml:15 flux/depends-on-missing"]),
    ] {
        check(kustomization, find, replace, expected);
    }
    check("flux-system/live.yaml", "./clusters/live", "./clusters/life", &["flux-system/live.yaml:20 flux/path-missing"]);
    check("flux-system/receiver.yaml", "kind: Receiver", "kind: Alert", &[]);
    check("flux-system/receiver.yaml", "type: github", "type: gitea", &["flux-system/receiver.yaml:7 flux/receiver-type"]);
    check(
        "clusters/live/again.yaml",
        "",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop, namespace: flux-system}\nspec: {interval: 10m, prune: true, wait: true, path: ./overlays/live, sourceRef: {kind: OCIRepository, name: shop}}\n",
        &["clusters/live/shop.yaml:4 manifest/duplicate"],
    );
}

#[test]
fn workflows() {
    let workflow = ".github/workflows/artifact.yaml";
    let sign = "registry.acme.example/releases/shop@${{ steps.pack.outputs.digest }}";
    for (find, replace, expected) in [
        ("      id-token: write\n", "", &[".github/workflows/artifact.yaml:27 workflow/id-token"][..]),
        (sign, "registry.acme.example/releases/shop:latest", &[".github/workflows/artifact.yaml:28 workflow/signs-moving-tag"]),
        (
            sign,
            "registry.acme.example/releases/shop:1.0.${{ github.run_number }}",
            &[".github/workflows/artifact.yaml:28 workflow/signs-tag"],
        ),
        ("    paths: ['apps/**']\n", "", &[".github/workflows/artifact.yaml:4 workflow/paths-missing"]),
        ("['apps/**']", "['**']", &[".github/workflows/artifact.yaml:5 workflow/paths-pointers"]),
        ("test live; do", "test live beta; do", &[".github/workflows/artifact.yaml:17 workflow/overlay-missing"]),
        (
            "- name: Sign\n",
            "- name: Sign\n        env:\n          COSIGN_EXPERIMENTAL: 1\n",
            &[".github/workflows/artifact.yaml:28 workflow/cosign-experimental"],
        ),
        (" --reproducible", "", &[]),
        (
            "${{ github.run_number }} \\\n            --path=apps/shop --reproducible",
            "$(git rev-list --count HEAD) --path=apps/shop",
            &[".github/workflows/artifact.yaml:22 workflow/not-reproducible"],
        ),
        ("main@sha1:", "", &[".github/workflows/artifact.yaml:24 workflow/revision-form"]),
        (
            "      - name: Sign\n",
            "      - run: echo \"$T\" \\\n          | docker login x --password-stdin\n      - name: Sign\n",
            &[".github/workflows/artifact.yaml:26 workflow/login-folded"],
        ),
    ] {
        check(workflow, find, replace, expected);
    }
}

#[test]
fn everything_else() {
    let renovate = "renovate.json";
    for (find, replace, expected) in [
        ("\"extends\"", "extends", &["renovate.json:2 renovate/invalid"][..]),
        ("\"extends\"", "\"extend\"", &["renovate.json:2 renovate/unknown-option"]),
        ("\"automerge\": true", "\"automerge\": \"yes\"", &["renovate.json:8 renovate/invalid"]),
        ("\"automerge\": true", "\"automerge\": true, \"ignoreTests\": true", &["renovate.json:8 renovate/ignore-tests"]),
        ("\"patch\"", "\"patch\", \"major\"", &["renovate.json:7 renovate/merges-major"]),
        ("/^apps/.+", "/.+", &["renovate.json:3 renovate/writes-pointers"]),
        (
            "\"managerFilePatterns\": [\"/^apps/.+\\\\.yaml$/\"]",
            "\"fileMatch\": [\"^apps/.+\\\\.yaml$\"]",
            &["renovate.json:3 renovate/file-match"],
        ),
        (
            "\"automerge\": true",
            "\"automerge\": true, \"automergeType\": \"branch\", \"platformAutomerge\": true",
            &["renovate.json:8 renovate/branch-automerge", "renovate.json:8 renovate/platform-automerge"],
        ),
        (
            "\"registry.acme.example/**\"",
            "\"fluxcd/**\", \"ghcr.io/akuity/kargo**\"",
            &["renovate.json:6 renovate/fluxcd-images", "renovate.json:6 renovate/stars-in-segment"],
        ),
        ("\"config:recommended\"", "\"config:recommended\", \"docker:pinDigests\"", &["renovate.json:7 renovate/digest-updates"]),
        ("\"automerge\": true", "\"minimumReleaseAge\": \"3 days\"", &["renovate.json:8 renovate/release-age"]),
    ] {
        check(renovate, find, replace, expected);
    }
    let deployment = "apps/shop/base/deployment.yaml";
    check(deployment, "shop:3.2.1", "shop:latest", &["apps/shop/base/deployment.yaml:14 apps/image-latest"]);
    check(deployment, "registry.acme.example/shop", "shop", &["apps/shop/base/deployment.yaml:14 apps/image-registry"]);
    check(deployment, ", optional: true", "", &["apps/shop/base/deployment.yaml:16 secret/missing"]);
    check(deployment, "spec:\n", "spec: [\n", &["apps/shop/base/deployment.yaml:7 yaml/unreadable"]);
    check(
        deployment,
        "kind: Deployment\n",
        "kind: Deployment\nkind: Deployment\n",
        &["apps/shop/base/deployment.yaml:3 yaml/repeated-key"],
    );
    check(
        "apps/shop/base/kustomization.yaml",
        "deployment.yaml",
        "deploy.yaml",
        &["apps/shop/base/kustomization.yaml:2 kustomize/resource-missing"],
    );
    check(
        "apps/shop/base/secret.yaml",
        "",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: hunter2\n",
        &["apps/shop/base/secret.yaml:5 secret/plain"],
    );
    check("CODEOWNERS", "/clusters/", "/cluster/", &["CODEOWNERS:3 codeowners/unmatched"]);
    check("CODEOWNERS", "@acme/shop", "acme/shop", &["CODEOWNERS:2 codeowners/malformed"]);
    check(
        ".gitea/CODEOWNERS",
        "",
        "/apps/ @acme/shop\n",
        &[
            ".gitea/CODEOWNERS:1 codeowners/gitea",
            "CODEOWNERS:1 codeowners/gitea",
            "CODEOWNERS:2 codeowners/gitea",
            "CODEOWNERS:3 codeowners/gitea",
        ],
    );
    // With a policy the repository is Supercargo's, which knows no secretRef, and nobody there looks after these kinds.
    let unsupported = [
        "clusters/live/shop-source.yaml:10 manifest/unsupported-field",
        "clusters/test/shop-source.yaml:10 manifest/unsupported-field",
        "flux-system/receiver.yaml:2 manifest/unsupported-field",
        "infrastructure/argo.yaml:2 manifest/unsupported-field",
    ];
    check("policy/main.json", "", "[{\"branches\": 3}]", &[&unsupported[..], &["policy/main.json:1 policy/malformed"]].concat());
    check(
        "RUNBOOK.md",
        "",
        "Stop: `kargo pause stage live`\nthen `kargo verify-freight x` and `flux suspend source git other`\n",
        &["RUNBOOK.md:1 docs/kargo-pause", "RUNBOOK.md:2 docs/kargo-verify-freight", "RUNBOOK.md:2 docs/flux-source"],
    );
}

#[test]
fn across_files() {
    let all = |changes: &[(&str, &str, &str)], expected: &[&str]| {
        let mut files = clean();
        for (path, find, replace) in changes {
            match files.iter_mut().find(|(name, _)| name == path) {
                Some((_, text)) => *text = text.replace(find, replace),
                None => files.push(((*path).into(), (*replace).into())),
            }
        }
        assert_eq!(found(&tree(&files)), expected, "{changes:?}");
    };
    let again = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: load, namespace: shop}\nspec: {metrics: [{name: smoke, provider: {job: {spec: {template: {spec: {containers: [{name: x}]}}}}}}]}\n";
    all(
        &[("kargo/load.yaml", "", again), ("kargo/live.yaml", "- name: smoke", "- name: smoke\n      - name: load")],
        &["kargo/load.yaml:4 kargo/metric-names"],
    );
    let port = "registry.acme.example:5000/shop";
    all(&[("apps/shop/base/deployment.yaml", "registry.acme.example/shop", port)], &["renovate.json:6 renovate/registry-port"]);
    let quick = ("clusters/live/shop-source.yaml", "interval: 10m", "interval: 1m");
    all(
        &[quick, ("flux-system/receiver.yaml", "kind: Receiver", "kind: Alert")],
        &["clusters/live/shop-source.yaml:8 flux/fixed-tag-interval"],
    );
    let gitea = ".gitea/workflows/x.yaml";
    let job = "on: push\njobs:\n  x:\n    permissions: {id-token: write}\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n";
    let owners = ("CODEOWNERS", "* @acme/platform\n/apps/shop/ @acme/shop\n/clusters/ @acme/platform\n", "apps/shop/.* @acme/shop\n");
    let reviewers = ("renovate.json", "\"automerge\": true", "\"reviewers\": [\"team:shop\"]");
    all(
        &[(gitea, "", job), owners, reviewers],
        &[".gitea/workflows/x.yaml:4 workflow/gitea-id-token", "renovate.json:8 renovate/team-reviewers"],
    );
    // The same where Supercargo's own forge serves the repository: what it reads rightly is right, what it does not know is not.
    let login = ("clusters/live/shop-source.yaml", "  secretRef:\n    name: registry\n", "");
    let other = ("clusters/test/shop-source.yaml", "  secretRef:\n    name: registry\n", "");
    let kinds = ["flux-system/receiver.yaml:2 manifest/unsupported-field", "infrastructure/argo.yaml:2 manifest/unsupported-field"];
    all(
        &[(gitea, "", job), reviewers, quick, other, ("policy/main.json", "", "[]")],
        &["clusters/live/shop-source.yaml:10 manifest/unsupported-field", kinds[0], kinds[1]],
    );
    all(&[(gitea, "", job), reviewers, quick, login, other, ("policy/main.json", "", "[]")], &kinds);
}
