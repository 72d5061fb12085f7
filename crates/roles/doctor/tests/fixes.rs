//! Fixes: they mend what they are for, touch nothing else, and leave nothing to find.

mod shared;

use expect_test::expect;
use shared::{clean, found, tree};

/// The mistakes of one prod Stage that every reader makes who writes it from a blog.
const STEPS: &str = r"        - uses: git-open-pr               # live goes by a pull request
          as: pull
          config:
            path: ./src
            sourceBranch: promote/live-${{ ctx.freight.name }}
            targetBranch: main
        - uses: git-wait-for-pr
          config: { prNumber: ${{ outputs.pull.prNumber }} }
";

#[test]
fn a_whole_stage_is_mended() {
    let mut files = clean();
    let stage = &mut files.iter_mut().find(|(path, _)| path == "kargo/live.yaml").expect("is there").1;
    let (start, end) = (stage.find("        - uses: git-push").expect("is there"), stage.find("        - uses: http").expect("is there"));
    stage.replace_range(start..end, STEPS);
    let before = tree(&files);
    let findings = doctor::examine(&before);
    expect![[r#"
        --- a/kargo/live.yaml
        +++ b/kargo/live.yaml
        @@ -29,14 +29,18 @@
                   config:
                     path: ./src
                     message: live takes ${{ imageFrom(vars.image).Tag }}
        +        - uses: git-push
        +          config:
        +            path: ./src
        +            targetBranch: promote/live-${{ ctx.targetFreight.name }}
                 - uses: git-open-pr               # live goes by a pull request
                   as: pull
                   config:
        -            path: ./src
        +            repoURL: https://github.com/acme/deploy
        -            sourceBranch: promote/live-${{ ctx.freight.name }}
        +            sourceBranch: promote/live-${{ ctx.targetFreight.name }}
                     targetBranch: main
                 - uses: git-wait-for-pr
        -          config: { prNumber: ${{ outputs.pull.prNumber }} }
        +          config: { repoURL: https://github.com/acme/deploy, prNumber: '${{ outputs.pull.pr.id }}' }
                 - uses: http
                   config:
                     url: https://shop.live.acme.example/version
    "#]]
    .assert_eq(&doctor::patch(&before, &findings));
    assert_eq!(found(&doctor::apply_fixes(&before, &findings)), Vec::<String>::new());
}

#[test]
fn fixes_leave_nothing_to_find() {
    for (path, find, replace) in [
        ("kargo/warehouse.yaml", "constraint: ^1.0.0", "semverConstraint: '^0.0.0' # all"),
        ("kargo/project.yaml", "  name: shop\n  namespace", "  name: other # why\n  namespace"),
        ("kargo/project.yaml", "apiVersion", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\napiVersion"),
        ("kargo/live.yaml", "namespace: shop", "namespace: 'shops'"),
        ("kargo/live.yaml", "${{ imageFrom(vars.image).Tag }}", "${{ imageFrom(vars.image).tag }}"),
        ("clusters/live/shop-source.yaml", "tag: 1.0.7", "tag: 1.0.7 # Kargo's"),
        ("clusters/live/shop-source.yaml", "tag: 1.0.7", "tag: 1.0"),
        ("clusters/live/shop-source.yaml", "artifact\\.yaml@refs/heads/main$", "artifact\\.yaml.*"),
        (
            "clusters/live/shop-source.yaml",
            "'^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main$'",
            "'https://github.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main'",
        ),
        (
            "clusters/live/shop-source.yaml",
            "'^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main$'",
            "\"^https://github.com/acme/deploy/.*\"",
        ),
        ("clusters/live/shop-source.yaml", "^https://token\\.actions\\.githubusercontent\\.com$", "^https://git\\.acme\\.example$"),
        (
            "clusters/live/shop-source.yaml",
            "  verify:\n    provider: cosign\n    matchOIDCIdentity:\n      - issuer: '^https://token\\.actions\\.githubusercontent\\.com$'\n        subject: '^https://github\\.com/acme/deploy/\\.github/workflows/artifact\\.yaml@refs/heads/main$'\n",
            "",
        ),
        ("clusters/live/shop-source.yaml", "oci://", ""),
        ("clusters/live/shop.yaml", "  wait: true\n", ""),
        ("clusters/live/shop.yaml", "  prune: true\n", "  healthChecks:\n    - {kind: Deployment}\n\n"),
        ("clusters/live/shop.yaml", "overlays/live", "overlays/test"),
        ("flux-system/receiver.yaml", "type: github", "type: gitea"),
        (".github/workflows/artifact.yaml", "      id-token: write\n", ""),
        (".github/workflows/artifact.yaml", "    permissions:\n      id-token: write\n      contents: read\n", ""),
        (".github/workflows/artifact.yaml", "    paths: ['apps/**']\n", ""),
        (".github/workflows/artifact.yaml", "- name: Sign\n", "- name: Sign\n        env:\n          COSIGN_EXPERIMENTAL: 1\n"),
        (".github/workflows/artifact.yaml", "main@sha1:", ""),
        (
            ".github/workflows/artifact.yaml",
            "      - name: Sign\n",
            "      - run: echo \"$T\" \\\n          | docker login x --password-stdin\n      - name: Sign\n",
        ),
        ("renovate.json", "\"extends\"", "\"extend\""),
        ("renovate.json", "\"managerFilePatterns\": [\"/^apps/.+\\\\.yaml$/\"]", "\"fileMatch\": [\"apps/.+\\\\.yaml$\"]"),
        ("renovate.json", "\"automerge\": true", "\"ignoreTests\": true, \"automerge\": true"),
        ("renovate.json", "\"registry.acme.example/**\"", "\"fluxcd/**\", \"ghcr.io/akuity/kargo**\""),
        ("renovate.json", "\"automerge\": true", "\"minimumReleaseAge\": \"3 days\", \"matchDepNames\": [\"x\"]"),
    ] {
        let mut files = clean();
        let text = &mut files.iter_mut().find(|(name, _)| name == path).expect("is there").1;
        assert!(text.contains(find), "{find} is in {path}");
        *text = text.replacen(find, replace, 1);
        let mut now = tree(&files);
        assert_ne!(found(&now), Vec::<String>::new(), "{path}: {replace}");
        // What two fixes would both change takes a second round.
        for _ in 0..3 {
            now = doctor::apply_fixes(&now, &doctor::examine(&now));
        }
        assert_eq!(found(&now), Vec::<String>::new(), "{path}: {replace}\n{}", String::from_utf8_lossy(now.bytes(path).expect("is there")));
    }
}

#[test]
fn hostile_files_harm_nobody() {
    let deep = "[".repeat(10_000);
    let bomb = format!("a: &a [{0}]\nb: &b [{1}]\nc: &c [{2}]\nd: [{2}]\n", "x,".repeat(99), "*a,".repeat(99), "*b,".repeat(99));
    for text in [
        deep.as_str(),
        bomb.as_str(),
        "\u{0}",
        "a: *b",
        "? [x]: y",
        "kind: Stage\napiVersion: kargo.akuity.io/v1alpha1\n",
        "a: ${{ b\nc: ${{ }}\n",
        "${{ ${{ }} }}: { a: ${{ ' }} }",
        "kind: Stage\napiVersion: kargo.akuity.io/v1alpha1\nspec: {promotionTemplate: {spec: {steps: [{uses: yaml-update, config: {path: ../../../etc/passwd}}, 3, [], null]}}}\n",
        "kind: OCIRepository\napiVersion: source.toolkit.fluxcd.io/v1\nspec: {url: 'oci://x', ref: {tag: 'ü'}, verify: {matchOIDCIdentity: [{issuer: '.', subject: '$'}, {subject: '\\'}]}}\n",
    ] {
        for path in [
            "clusters/live/shop-source.yaml",
            "kargo/live.yaml",
            "renovate.json",
            "CODEOWNERS",
            ".github/workflows/artifact.yaml",
            "apps/shop/base/kustomization.yaml",
            "policy/main.json",
        ] {
            let mut tree = tree(&clean());
            tree.put(path, text);
            let findings = doctor::examine(&tree);
            doctor::patch(&tree, &findings);
            doctor::apply_fixes(&tree, &findings);
        }
    }
    let mut tree = tree(&clean());
    tree.put("kargo/live.yaml", vec![0xff, 0xfe, b'\n']);
    assert!(found(&tree).contains(&"kargo/live.yaml:1 yaml/unreadable".to_owned()));
}
