//! Every kind of file, broken: what is found names file, line and field, and says how to mend it. Where nothing is broken
//! nothing is found.

use model::Tree;

/// A file that is right, what is put for what in it, and where and what is found then.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const OCI_REPOSITORY: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: shop, namespace: flux-system}\nspec:\n  interval: 10m\n  url: oci://registry.internal/deployments/shop\n  ref:\n    tag: 1.0.7\n  verify:\n    provider: cosign\n    matchOIDCIdentity:\n    - issuer: ^https://gitea\\.internal$\n      subject: ^https://gitea\\.internal/org/deployment/\n";
const GIT_REPOSITORY: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: deployment, namespace: flux-system}\nspec:\n  interval: 1h\n  url: https://gitea.internal/org/deployment\n  ref:\n    branch: main\n";
const KUSTOMIZATION: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop, namespace: flux-system}\nspec:\n  interval: 10m\n  path: ./overlays/dev\n  prune: true\n  sourceRef:\n    kind: OCIRepository\n    name: shop\n";
const WAREHOUSE: &str = "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {name: shop, namespace: kargo-shop}\nspec:\n  subscriptions:\n  - image:\n      repoURL: registry.internal/deployments/shop\n      constraint: ^0.5.0\n";
const STAGE: &str = "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\nmetadata: {name: dev, namespace: kargo-shop}\nspec:\n  requestedFreight:\n  - origin:\n      kind: Warehouse\n      name: shop\n    sources:\n      direct: true\n  promotionTemplate:\n    spec:\n      steps:\n      - uses: fail\n        config:\n          message: not yet\n";
const PROJECT_CONFIG: &str = "apiVersion: kargo.akuity.io/v1alpha1\nkind: ProjectConfig\nmetadata: {name: kargo-shop, namespace: kargo-shop}\nspec:\n  promotionPolicies:\n  - stageSelector:\n      name: dev\n    autoPromotionEnabled: true\n";
const ANALYSIS: &str = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: smoke, namespace: kargo-shop}\nspec:\n  metrics:\n  - name: smoke\n    provider:\n      job:\n        spec:\n          template:\n            spec:\n              restartPolicy: Never\n              containers:\n              - name: smoke\n                image: registry.internal/tests/smoke:1\n";
const IMAGE_POLICY: &str = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: shop}\nspec:\n  images:\n  - glob: registry.internal/**\n  authorities:\n  - keyless:\n      identities:\n      - issuer: https://gitea.internal\n        subjectRegExp: ^https://gitea\\.internal/org/\n";
const WORKFLOW: &str = "name: build\non:\n  push:\n    branches: [main]\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: echo built\n";
const RENOVATE: &str = "{\n  \"extends\": [\"config:recommended\"],\n  \"packageRules\": [\n    {\"matchUpdateTypes\": [\"patch\"], \"automerge\": true}\n  ]\n}\n";
const POLICY: &str = "[\n  {\n    \"branches\": [\"main\"],\n    \"require\": {\"signed\": true}\n  }\n]\n";

const ROWS: [Row; 12] = [
    (
        "clusters/dev/source.yaml",
        OCI_REPOSITORY,
        &[
            ("  interval: 10m", "  intervall: 10m", "4:1 spec.interval: Required value"),
            ("  interval: 10m", "  intervall: 10m", "5:3 OCIRepository has no field spec.intervall"),
            ("interval: 10m", "interval: soon", "5:3 spec.interval: Invalid value: \"soon\""),
            (
                "    - issuer: ^https://gitea\\.internal$\n      subject",
                "    - subject",
                "12:7 spec.verify.matchOIDCIdentity[0].issuer: Required value",
            ),
            ("tag: 1.0.7", "tag: 1.0", "8:5 spec.ref.tag: Invalid value: \"integer\""),
            ("    tag: 1.0.7", "    tag: [1.0.7", "9:9 line 9"),
            ("    tag: 1.0.7", "    semver: 1.x", "8:5 spec.ref.semver is not supported yet: remove it"),
            ("provider: cosign", "provider: notation", "10:5 spec.verify.provider: notation is not supported yet, only cosign"),
            ("kind: OCIRepository", "kind: HelmRepository", "2:1 kind HelmRepository is not supported yet: nothing acts on it"),
        ],
    ),
    (
        "flux-system/source.yaml",
        GIT_REPOSITORY,
        &[
            ("    branch: main", "    branches: [main]", "8:5 GitRepository has no field spec.ref.branches"),
            ("url: https://", "url: ftp://", "6:3 spec.url: Invalid value"),
            ("  ref:\n", "  ref\n", "7:3"),
        ],
    ),
    (
        "clusters/dev/shop.yaml",
        KUSTOMIZATION,
        &[
            ("prune: true", "prune: 'yes'", "7:3 spec.prune: Invalid value: \"string\""),
            (
                "    kind: OCIRepository",
                "    kind: Bucket",
                "9:5 spec.sourceRef.kind: Bucket is not supported yet, only OCIRepository, GitRepository",
            ),
            ("  path:", "  folder:", "6:3 Kustomization has no field spec.folder"),
        ],
    ),
    (
        "kargo/warehouse.yaml",
        WAREHOUSE,
        &[
            ("subscriptions:", "subscription:", "5:3 Warehouse has no field spec.subscription"),
            (
                "      constraint: ^0.5.0",
                "      contraint: ^0.5.0",
                "8:7 spec.subscriptions[0].image.contraint is not supported yet: remove it",
            ),
            ("      repoURL: registry.internal/deployments/shop\n", "", "6:5 spec.subscriptions[0].image.repoURL is needed"),
        ],
    ),
    (
        "kargo/stage.yaml",
        STAGE,
        &[
            ("requestedFreight", "requestedFright", "5:3 Stage has no field spec.requestedFright"),
            ("      direct: true", "      direct: 'true'", "10:7 spec.requestedFreight[0].sources.direct: Invalid value: \"string\""),
            (
                "      - uses: fail",
                "      - uses: fail\n        if: always()",
                "15:9 spec.promotionTemplate.spec.steps[0].if is not supported yet: remove it",
            ),
            ("      steps:", "      step:", "13:7 Stage has no field spec.promotionTemplate.spec.step"),
        ],
    ),
    (
        "kargo/projectconfig.yaml",
        PROJECT_CONFIG,
        &[("autoPromotionEnabled: true", "autoPromotion: true", "8:5 ProjectConfig has no field spec.promotionPolicies[0].autoPromotion")],
    ),
    (
        "kargo/analysis.yaml",
        ANALYSIS,
        &[
            ("metrics:", "metric:", "5:3 AnalysisTemplate has no field spec.metric"),
            ("  - name: smoke\n    provider", "  - provider", "6:5 spec.metrics[0].name: Required value"),
        ],
    ),
    (
        "clusters/dev/image-policy.yaml",
        IMAGE_POLICY,
        &[
            ("authorities", "authority", "7:3 ClusterImagePolicy has no field spec.authority"),
            ("  - glob: registry.internal/**", "  - registry.internal/**", "6:5 spec.images[0]: Invalid value: \"string\""),
        ],
    ),
    (
        ".gitea/workflows/build.yml",
        WORKFLOW,
        &[
            ("runs-on", "runz-on", "7:5 jobs.build.runz-on"),
            ("    - run: echo built", "    - rum: echo built", "10:7 jobs.build.steps[1].rum"),
            ("on:\n  push:", "on:\n  pushed:", "3:3 on.pushed"),
            ("branches: [main]", "branches: [main", "5:5 line 5"),
        ],
    ),
    (
        "renovate.json",
        RENOVATE,
        &[
            ("\"extends\":", "\"extends\"", "2:13 expected a colon"),
            ("\"extends\":", "\"extend\":", "2:3 there is no option \"extend\""),
            ("  ]\n}", "  ]\n", "7:1"),
        ],
    ),
    (
        "CODEOWNERS",
        "* @org/platform\n/apps/ @org/apps\n",
        &[("@org/apps", "org/apps", "2:1 \"org/apps\" is neither @user, @org/team nor an address")],
    ),
    (
        "policy/main.json",
        POLICY,
        &[
            ("[\"main\"]", "3", "1:1 "),
            ("\"signed\"", "\"singed\"", "1:1 "),
            ("\"require\": {", "\"require\": {{", "1:1 line 2, column 3: mismatched bracket"),
        ],
    ),
];

fn found(path: &str, text: impl AsRef<[u8]>) -> Vec<String> {
    let mut tree = Tree::default();
    tree.put("policy/main.json", POLICY);
    tree.put(path, text.as_ref());
    doctor::malformed(&tree)
        .into_iter()
        .map(|finding| {
            assert_eq!(finding.path, path);
            let remedy = finding.fix.map(|fix| fix.description).unwrap_or_default();
            assert!(!remedy.is_empty(), "{path}: {} has no remedy", finding.message);
            format!("{}:{} {}", finding.line, finding.column, finding.message)
        })
        .collect()
}

#[test]
fn what_is_wrong_is_found_at_its_place() {
    let mut wrong = Vec::new();
    for (path, right, mistakes) in ROWS {
        assert_eq!(found(path, right), Vec::<String>::new(), "{path} is right");
        for (find, replace, expected) in mistakes {
            assert!(right.contains(find), "{path} has {find}");
            let found = found(path, right.replacen(find, replace, 1));
            if !found.iter().any(|line| line.starts_with(expected)) {
                wrong.push(format!("{path}: {find:?} became {replace:?}: expected {expected:?} in {found:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_that_are_no_text_or_empty_are_found() {
    for path in ["renovate.json", "CODEOWNERS", "policy/main.json", ".gitea/workflows/build.yml", "kargo/stage.yaml"] {
        let found = found(path, b"a: \xff\xfe");
        assert!(found.iter().any(|line| line.contains("UTF-8")), "{path}: {found:?}");
    }
    assert_eq!(found(".gitea/workflows/build.yml", ""), ["1:1 expected one YAML document"]);
}

/// Whatever is cut off or flipped, the answer comes and nothing panics.
#[test]
fn broken_bytes_are_answered() {
    for (path, right, _) in ROWS {
        for place in (0..right.len()).step_by(3) {
            found(path, &right[..place]);
            let mut bytes = right.as_bytes().to_vec();
            bytes[place] ^= 1 << (place % 7);
            if let Ok(text) = String::from_utf8(bytes) {
                found(path, &text);
            }
        }
    }
}
