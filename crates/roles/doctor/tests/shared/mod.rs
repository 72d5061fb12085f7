//! A small repository in which nothing is wrong, for anybody's tools; the tests change it.

use model::Tree;

/// Files by path.
pub type Files = Vec<(String, String)>;

/// Returns the tree of some files.
pub fn tree(files: &Files) -> Tree {
    let mut tree = Tree::default();
    files.iter().for_each(|(path, text)| tree.put(path.as_str(), text.as_str()));
    tree
}

/// Returns the findings as lines `path:line rule`.
pub fn found(tree: &Tree) -> Vec<String> {
    doctor::examine(tree).iter().map(|finding| format!("{}:{} {}", finding.path, finding.line, finding.rule)).collect()
}

/// Returns the clean repository: one service, two environments.
pub fn clean() -> Files {
    let mut files: Files = [
        ("CODEOWNERS", CODEOWNERS),
        (".github/workflows/artifact.yaml", WORKFLOW),
        ("renovate.json", RENOVATE),
        ("apps/shop/base/kustomization.yaml", "resources:\n  - deployment.yaml\n"),
        ("apps/shop/base/deployment.yaml", DEPLOYMENT),
        ("kargo/project.yaml", PROJECT),
        ("kargo/warehouse.yaml", WAREHOUSE),
        ("kargo/tests.yaml", TESTS),
        ("flux-system/receiver.yaml", RECEIVER),
        ("infrastructure/argo.yaml", ROLLOUTS),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    for (environment, source) in [("test", "direct: true"), ("live", "stages: [test]")] {
        let put = |text: &str| text.replace("ENVIRONMENT", environment).replace("SOURCE", source);
        files.push((format!("apps/shop/overlays/{environment}/kustomization.yaml"), "resources:\n  - ../../base\n".into()));
        files.push((format!("clusters/{environment}/shop-source.yaml"), put(POINTER)));
        files.push((format!("clusters/{environment}/shop.yaml"), put(KUSTOMIZATION)));
        files.push((format!("flux-system/{environment}.yaml"), put(BOOTSTRAP)));
        files.push((format!("kargo/{environment}.yaml"), put(STAGE)));
    }
    files
}

const CODEOWNERS: &str = "* @acme/platform\n/apps/shop/ @acme/shop\n/clusters/ @acme/platform\n";

const WORKFLOW: &str = r#"name: artifact
on:
  push:
    branches: [main]
    paths: ['apps/**']
jobs:
  pack:
    runs-on: ubuntu-latest
    permissions:
      id-token: write
      contents: read
    steps:
      - uses: actions/checkout@v4
      - name: Render
        run: |
          for stage in test live; do
            kustomize build apps/shop/overlays/$stage
          done
      - name: Pack
        id: pack
        run: |
          flux push artifact oci://registry.acme.example/releases/shop:1.0.${{ github.run_number }} \
            --path=apps/shop --reproducible --source="${{ github.server_url }}" \
            --revision="main@sha1:${{ github.sha }}" --output json > pushed.json
          echo "digest=$(jq -r .digest pushed.json)" >> "$GITHUB_OUTPUT"
      - name: Sign
        run: |
          cosign sign --yes registry.acme.example/releases/shop@${{ steps.pack.outputs.digest }}
"#;

const RENOVATE: &str = r#"{
  "extends": ["config:recommended"],
  "kubernetes": {"managerFilePatterns": ["/^apps/.+\\.yaml$/"]},
  "packageRules": [
    {
      "matchPackageNames": ["registry.acme.example/**"],
      "matchUpdateTypes": ["minor", "patch"],
      "automerge": true
    }
  ]
}
"#;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: registry.acme.example/shop:3.2.1
          envFrom:
            - secretRef: {name: shop-settings, optional: true}
";

const PROJECT: &str = "apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata:
  name: shop
---
apiVersion: kargo.akuity.io/v1alpha1
kind: ProjectConfig
metadata:
  name: shop
  namespace: shop
spec:
  promotionPolicies:
    - stageSelector: {name: test}
      autoPromotionEnabled: true
";

const WAREHOUSE: &str = "apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata:
  name: shop
  namespace: shop
spec:
  subscriptions:
    - image:
        repoURL: registry.acme.example/releases/shop
        constraint: ^1.0.0
";

const TESTS: &str = "apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: smoke
  namespace: shop
spec:
  metrics:
    - name: smoke
      provider:
        job:
          spec:
            template:
              spec:
                restartPolicy: Never
                containers:
                  - name: smoke
                    image: registry.acme.example/checks:1.0.0
                    env:
                      - name: TOKEN
                        valueFrom:
                          secretKeyRef: {name: smoke-token, key: token}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: anything
  namespace: shop
spec:
  target: {name: smoke-token}
";

const RECEIVER: &str = "apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata:
  name: pushes
  namespace: flux-system
spec:
  type: github
  secretRef: {name: hook}
  resources: []
";

const ROLLOUTS: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: argo-rollouts
  namespace: argo
";

const POINTER: &str = r"# What runs there. Kargo changes the tag.
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: shop
  namespace: flux-system
spec:
  interval: 10m
  url: oci://registry.acme.example/releases/shop
  secretRef:
    name: registry
  ref:
    tag: 1.0.7
  verify:
    provider: cosign
    matchOIDCIdentity:
      - issuer: '^https://token\.actions\.githubusercontent\.com$'
        subject: '^https://github\.com/acme/deploy/\.github/workflows/artifact\.yaml@refs/heads/main$'
";

const KUSTOMIZATION: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: shop
  namespace: flux-system
spec:
  interval: 10m
  sourceRef:
    kind: OCIRepository
    name: shop
  path: ./overlays/ENVIRONMENT
  prune: true
  wait: true
";

const BOOTSTRAP: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: deploy
  namespace: flux-system
spec:
  interval: 1h
  url: https://github.com/acme/deploy
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: pointers
  namespace: flux-system
spec:
  interval: 1h
  sourceRef:
    kind: GitRepository
    name: deploy
  path: ./clusters/ENVIRONMENT
  prune: true
";

const STAGE: &str = r"apiVersion: kargo.akuity.io/v1alpha1
kind: Stage
metadata:
  name: ENVIRONMENT
  namespace: shop
spec:
  requestedFreight:
    - origin: {kind: Warehouse, name: shop}
      sources: {SOURCE}
  promotionTemplate:
    spec:
      vars:
        - name: image
          value: registry.acme.example/releases/shop
      steps:
        - uses: git-clone
          config:
            repoURL: https://github.com/acme/deploy
            checkout:
              - branch: main
                path: ./src
        - uses: yaml-update
          config:
            path: ./src/clusters/${{ ctx.stage }}/shop-source.yaml
            updates:
              - key: spec.ref.tag
                value: ${{ imageFrom(vars.image).Tag }}
        - uses: git-commit
          config:
            path: ./src
            message: ENVIRONMENT takes ${{ imageFrom(vars.image).Tag }}
        - uses: git-push
          as: push
          config:
            path: ./src
            generateTargetBranch: true
        - uses: git-open-pr
          as: pull
          config:
            repoURL: https://github.com/acme/deploy
            sourceBranch: ${{ outputs.push.branch }}
            targetBranch: main
        - uses: git-wait-for-pr
          config:
            repoURL: https://github.com/acme/deploy
            prNumber: ${{ outputs.pull.pr.id }}
        - uses: http
          config:
            url: https://shop.ENVIRONMENT.acme.example/version
  verification:
    analysisTemplates:
      - name: smoke
";
