//! Every verb on small files.

use clap::Parser as _;
use expect_test::{Expect, expect};

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    edit: Edit,
}

const FILE: &str = "\
# what runs in prod
resources:
- ../base   # the base

images: # by the updater
- name: app
  newTag: \"1.0\"   # keep in step
  newName: registry.internal/app
namespace: prod
commonLabels: {team: a}
";

/// Edits a file beside which `a.yaml`, `b.yaml` and `dir/` lie.
fn check(file: &str, line: &str, expected: &Expect) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kustomization.yaml");
    std::fs::write(&path, file).expect("written");
    for name in ["a.yaml", "b.yaml"] {
        std::fs::write(folder.path().join(name), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n").expect("written");
    }
    std::fs::create_dir(folder.path().join("dir")).expect("made");
    let arguments = std::iter::once("edit").chain(line.split(' '));
    let edit = Line::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).edit;
    let told = run(folder.path(), edit).map(|()| std::fs::read_to_string(&path).expect("read"));
    expected.assert_eq(&told.unwrap_or_else(|error| format!("{error:#}\n")));
}

#[test]
fn images_are_set_where_they_stand() {
    check(
        FILE,
        "set image app=other/app:2.0 new@sha256:abc",
        &expect![[r##"
            # what runs in prod
            resources:
            - ../base   # the base

            images: # by the updater
            - name: app
              newTag: "2.0"   # keep in step
              newName: other/app
            - name: new
              digest: sha256:abc
            namespace: prod
            commonLabels: {team: a}
        "##]],
    );
    check(
        FILE,
        "set image app=*:1.10",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.10"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: a}
    "##]],
    );
    check(
        "images: []\n",
        "set image app:1",
        &expect![[r#"
        images:
        - name: app
          newTag: "1"
    "#]],
    );
    check(
        FILE,
        "set image app",
        &expect![[r#"
        invalid format of image, use one of the following options: <image>=<newimage>:<newtag>, <image>=<newimage>@<digest>, <image>=<newimage>, <image>:<newtag>, <image>@<digest>
    "#]],
    );
}

#[test]
fn single_values_are_set() {
    check(
        "a: 1\n",
        "set namespace x",
        &expect![[r#"
        a: 1
        namespace: x
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "set namespace 1e3",
        &expect![[r#"
        resources: [a.yaml]
        namespace: "1e3"
    "#]],
    );
    check(
        "resources: [a.yaml]\nnamePrefix: x- # why\n",
        "set nameprefix -- y-",
        &expect![[r#"
        resources: [a.yaml]
        namePrefix: y- # why
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "set namesuffix -- -y",
        &expect![[r#"
        resources: [a.yaml]
        nameSuffix: -y
    "#]],
    );
    check(
        "replicas:\n- {name: a, count: 1}\n",
        "set replicas a=3 b=1",
        &expect![[r#"
        replicas:
        - {name: a, count: 3}
        - count: 1
          name: b
    "#]],
    );
    check(
        "commonLabels: {a: b}\n",
        "set label a:c d:e f:1",
        &expect![[r#"
        commonLabels: {a: c, d: e, f: "1"}
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "set annotation a:c",
        &expect![[r#"
        resources: [a.yaml]
        commonAnnotations:
          a: c
    "#]],
    );
    check(
        "buildMetadata: [managedByLabel]\n",
        "set buildmetadata originAnnotations,managedByLabel",
        &expect![[r#"
        buildMetadata:
        - originAnnotations
        - managedByLabel
    "#]],
    );
    check(
        "configMapGenerator:\n- name: c\n  literals:\n  - a=1 # one\n  - b=2\n",
        "set configmap c --from-literal=a=7 --new-namespace=n",
        &expect![[r#"
            configMapGenerator:
            - name: c
              literals:
              - a=7 # one
              - b=2
              namespace: "n"
        "#]],
    );
    check(
        "configMapGenerator:\n- name: c\n",
        "set configmap c --from-literal=a=7",
        &expect![[r#"
        key 'a' not found in resource
    "#]],
    );
}

#[test]
fn items_are_added() {
    check(
        FILE,
        "add resource a.yaml b.yaml",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base
        - a.yaml
        - b.yaml

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: a}
    "##]],
    );
    check(
        "resources:\n- a.yaml\n",
        "add resource *.yaml",
        &expect![[r#"
        resources:
        - a.yaml
        - b.yaml
    "#]],
    );
    check(
        "resources:\n- a.yaml\n",
        "add resource c.yaml",
        &expect![[r#"
        c.yaml has no match; --no-verify adds it all the same
    "#]],
    );
    check(
        "resources:\n- a.yaml\n",
        "add resource c.yaml --no-verify",
        &expect![[r#"
        resources:
        - a.yaml
        - c.yaml
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add component dir",
        &expect![[r#"
        resources: [a.yaml]
        components:
        - dir
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add patch --path a.yaml --kind Deployment --name x.*",
        &expect![[r#"
        resources: [a.yaml]
        patches:
        - path: a.yaml
          target:
            kind: Deployment
            name: x.*
    "#]],
    );
    check(
        FILE,
        "add label team:b",
        &expect![[r#"
        label team already in kustomization file. Use --force to override.
    "#]],
    );
    check(
        FILE,
        "add label team:b --force",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: b}
    "##]],
    );
    check(
        FILE,
        "add label x:y --without-selector --include-templates",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: a}
        labels:
        - includeTemplates: true
          pairs:
            x: "y"
    "##]],
    );
    check(
        FILE,
        "add annotation x:\"a,b\"",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: a}
        commonAnnotations:
          x: a,b
    "##]],
    );
    check(
        "resources: [a.yaml]\n",
        "add configmap c --from-literal=a=1 --from-literal=b=yes --disableNameSuffixHash",
        &expect![[r#"
            resources: [a.yaml]
            configMapGenerator:
            - name: c
              literals:
              - a=1
              - b=yes
              options:
                disableNameSuffixHash: true
        "#]],
    );
    check(
        "secretGenerator:\n- name: s\n  literals: [a=1]\n",
        "add secret s --from-literal=b=2",
        &expect![[r#"
        secretGenerator:
        - name: s
          literals: [a=1, b=2]
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add secret s --type=kubernetes.io/tls --from-env-file=x.env",
        &expect![[r#"
        resources: [a.yaml]
        secretGenerator:
        - name: s
          envs:
          - x.env
          type: kubernetes.io/tls
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add configmap c",
        &expect![[r#"
        at least from-env-file, or from-file or from-literal must be set
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add base dir",
        &expect![[r#"
        resources: [a.yaml, dir]
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add transformer b.yaml",
        &expect![[r#"
        resources: [a.yaml]
        transformers:
        - b.yaml
    "#]],
    );
    check(
        "resources: [a.yaml]\n",
        "add buildmetadata nonsense",
        &expect![[r#"
        invalid buildMetadata option: nonsense; must be one of originAnnotations, transformerAnnotations, managedByLabel
    "#]],
    );
}

#[test]
fn items_are_removed() {
    check(
        "# x\nresources:\n- a.yaml # one\n- b.yaml\nnamespace: y\n",
        "remove resource a.yaml",
        &expect![[r#"
        # x
        resources:
        - b.yaml
        namespace: y
    "#]],
    );
    check(
        "resources:\n- a.yaml\n- b.yaml\nnamespace: y\n",
        "remove resource *.yaml",
        &expect![[r#"
        namespace: y
    "#]],
    );
    check(
        FILE,
        "remove label team",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
    "##]],
    );
    check(
        FILE,
        "remove label other",
        &expect![[r#"
        label other is not defined in kustomization file
    "#]],
    );
    check(
        FILE,
        "remove label other --ignore-non-existence",
        &expect![[r##"
        # what runs in prod
        resources:
        - ../base   # the base

        images: # by the updater
        - name: app
          newTag: "1.0"   # keep in step
          newName: registry.internal/app
        namespace: prod
        commonLabels: {team: a}
    "##]],
    );
    check(
        "patches:\n- path: a.yaml\n- path: b.yaml\n  target: {kind: X}\n",
        "remove patch --path b.yaml --kind X",
        &expect![[r#"
            patches:
            - path: a.yaml
        "#]],
    );
    check(
        "configMapGenerator:\n- name: a\n- name: b\n  literals: [x=1]\n",
        "remove configmap b,c",
        &expect![[r#"
        configMapGenerator:
        - name: a
    "#]],
    );
    check(
        "buildMetadata: [managedByLabel]\n",
        "remove buildmetadata managedByLabel",
        &expect![[r#"
        {}
    "#]],
    );
}

#[test]
fn deprecated_fields_are_moved() {
    check(
        "# mine\nbases: [dir]\ncommonLabels:\n  a: b # c\nimageTags:\n- {name: x, newTag: \"1\"}\npatchesStrategicMerge:\n- a.yaml\n- |\n  kind: X\n  metadata: {name: y}\npatchesJson6902:\n- path: b.yaml\n  target: {kind: X, name: yy}\nconfigMapGenerator:\n- name: c\n  env: x.env\n",
        "fix",
        &expect![[r##"
            # mine
            configMapGenerator:
            - name: c
              envs:
              - x.env
            resources:
            - dir
            images:
            - name: x
              newTag: "1"
            patches:
            - path: b.yaml
              target:
                kind: X
                name: yy
            - path: a.yaml
            - patch: |
                kind: X
                metadata: {name: y}
            labels:
            - includeSelectors: true
              pairs:
                a: b
            apiVersion: kustomize.config.k8s.io/v1beta1
            kind: Kustomization
        "##]],
    );
    check(
        "resources: [a.yaml]\n",
        "fix --vars",
        &expect![[r#"
        edit fix --vars is not supported: replacements have to be written by a person
    "#]],
    );
}
