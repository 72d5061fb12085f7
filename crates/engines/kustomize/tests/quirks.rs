//! What a build gives where upstream's behaviour is odd, and what it refuses. One test per quirk.

use expect_test::{Expect, expect};
use kustomize::{Options, Order, Restriction, build_with};
use model::Tree;

const STRICT: Options = Options { order: Order::Legacy, restriction: Restriction::RootOnly };

fn render(files: &[(&str, &str)], folder: &str) -> String {
    let mut tree = Tree::default();
    files.iter().for_each(|(path, text)| tree.put(*path, *text));
    match build_with(&tree, folder, STRICT) {
        Ok(built) => yaml::write_all(&built.objects),
        Err(error) => format!("{error}\n"),
    }
}

/// Builds one kustomization around one file of resources.
fn check(kustomization: &str, resources: &str, expected: &Expect) {
    let whole = format!("resources: [r.yaml]\n{kustomization}");
    expected.assert_eq(&render(&[("k/kustomization.yaml", &whole), ("k/r.yaml", resources)], "k"));
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: a, image: 'x.io/n:1'}\n";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: '1'\n";

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (kustomization, expected) in [
        ("helmCharts: [{name: x}]", "k/kustomization.yaml: field \"helmCharts\" is not supported\n"),
        ("resources: ['https://x/y']", "accumulating resources: https://x/y is remote, which is not supported\n"),
        ("resources: [b.yaml]", "k/b.yaml: no such file or directory\n"),
        ("resources: [../../x]", "../../x: leads out of the tree\n"),
        ("resources: [../b/c.yaml]", "accumulating resources: security; file 'b/c.yaml' is not in or below 'k'\n"),
        ("resources: [../k]", "accumulating resources: cycle detected: candidate root 'k' contains visited root 'k'\n"),
        ("# x\nnonsense: 1", "k/kustomization.yaml:2: invalid Kustomization: json: unknown field \"nonsense\"\n"),
        (
            "images:\n- name: a\n- name: b\n  newTag: 1",
            "k/kustomization.yaml:4: invalid Kustomization: json: cannot unmarshal number into Go struct field Kustomization.images.newTag of type string\n",
        ),
        ("kind: Kustomization", "k/kustomization.yaml: kustomization.yaml is empty\n"),
        (
            "transformers: ['{apiVersion: x/v1, kind: Y, metadata: {name: z}}']",
            "plugin Y.v1.x/z.[noNs]: external plugins disabled; unable to load external plugin 'Y'\n",
        ),
        (
            "replicas: [{name: x, count: 1}]",
            "resource with name x does not match a config with the following GVK [Deployment.[noVer].[noGrp] StatefulSet.[noVer].[noGrp] ReplicaSet.[noVer].[noGrp] ReplicationController.[noVer].[noGrp]]\n",
        ),
    ] {
        let shown = render(&[("k/kustomization.yaml", kustomization), ("b/c.yaml", CONFIG_MAP)], "k");
        if kustomization.starts_with("resources: [../../x]") {
            assert!(shown.ends_with("leads out of the tree\n"), "{shown}");
        } else {
            assert_eq!(shown, expected, "{kustomization}");
        }
    }
}

#[test]
fn a_hash_ignores_names_and_follows_references() {
    let pod = format!("{POD}    envFrom: [{{configMapRef: {{name: g}}}}]\n");
    check(
        "namePrefix: p-\nconfigMapGenerator: [{name: g, literals: [a=1]}]\n",
        &pod,
        &expect![[r#"
            k/r.yaml: MalformedYAMLError: line 7, column 5: while parsing a block mapping, did not find expected key
        "#]],
    );
}

#[test]
fn long_secrets_are_wrapped() {
    let literal = "z".repeat(52);
    check(
        &format!("generatorOptions: {{disableNameSuffixHash: true}}\nsecretGenerator: [{{name: s, literals: ['a={literal}']}}]\n"),
        "",
        &expect![[r#"
            apiVersion: v1
            data:
              a: |
                enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6eg
                ==
            kind: Secret
            metadata:
              name: s
            type: Opaque
        "#]],
    );
}

#[test]
fn an_image_name_is_a_regular_expression() {
    check(
        "images: [{name: x.io/n, newTag: '2'}, {name: '(', newTag: '3'}]\n",
        &POD.replace("x.io", "x-io"),
        &expect![[r#"
            apiVersion: v1
            kind: Pod
            metadata:
              name: p
            spec:
              containers:
              - image: x-io/n:2
                name: a
        "#]],
    );
}

#[test]
fn a_merge_puts_new_items_first_and_drops_fields_without_value() {
    let pod = format!("{POD}  volumes:\n  - name: v\n    emptyDir:\n  - name: w\n    emptyDir: null\n  tolerations: [{{key: k}}]\n");
    check(
        "patches:\n- patch: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {name: p}\n    spec:\n      containers: [{name: b}]\n      tolerations: [{key: l}]\n      $retainKeys: [containers]\n",
        &pod,
        &expect![[r#"
            apiVersion: v1
            kind: Pod
            metadata:
              name: p
            spec:
              $retainKeys:
              - containers
              containers:
              - name: b
              - image: x.io/n:1
                name: a
              tolerations:
              - key: l
              volumes:
              - name: v
              - emptyDir: null
                name: w
        "#]],
    );
}

#[test]
fn a_port_that_lacks_a_key_loses_its_name() {
    let pod = format!("{POD}    ports: [{{containerPort: 80, protocol: TCP}}, {{containerPort: 80, protocol: UDP}}]\n");
    let patch = "patches:\n- patch: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {name: p}\n    spec: {containers: [{name: a, ports: [{containerPort: 80, name: w}]}]}\n";
    check(
        patch,
        &pod,
        &expect![[r#"
            k/r.yaml: MalformedYAMLError: line 7, column 5: while parsing a block mapping, did not find expected key
        "#]],
    );
}

#[test]
fn a_number_in_place_of_a_quoted_one_is_a_text() {
    let patch = |value: &str| {
        format!("patches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {{name: c}}\n    data: {{a: {value}}}\n")
    };
    for (value, shown) in [("2", "\"2\""), ("true", "\"true\""), ("x", "x")] {
        let whole = render(&[("k/kustomization.yaml", &format!("resources: [r.yaml]\n{}", patch(value))), ("k/r.yaml", CONFIG_MAP)], "k");
        assert!(whole.contains(&format!("a: {shown}\n")), "{whole}");
    }
}

#[test]
fn labels_that_were_added_together_change_together() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n";
    let files = [
        ("b/kustomization.yaml", "resources: [r.yaml]\ncommonLabels: {a: '1'}\n"),
        ("b/r.yaml", deployment),
        ("o/kustomization.yaml", "resources: [../b]\nlabels: [{pairs: {a: '2'}}]\n"),
    ];
    let expected = expect![[r#"
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          labels:
            a: "2"
          name: d
        spec:
          selector:
            matchLabels:
              a: "2"
          template:
            metadata:
              labels:
                a: "2"
    "#]];
    expected.assert_eq(&render(&files, "o"));
}

#[test]
fn json_patches_may_replace_what_is_missing_and_count_from_the_end() {
    check(
        "patches:\n- target: {kind: Pod}\n  patch: |\n    - {op: replace, path: /spec/hostNetwork, value: true}\n    - {op: replace, path: /spec/containers/-1/image, value: y}\n    - {op: add, path: /metadata/annotations/a, value: b}\n",
        POD,
        &expect![[r#"
            apiVersion: v1
            kind: Pod
            metadata:
              annotations:
                a: b
              name: p
            spec:
              containers:
              - image: true
                name: a
              hostNetwork: true
        "#]],
    );
}

#[test]
fn a_json_patch_in_brackets_must_be_json() {
    for (patch, works) in
        [("[{op: add, path: /spec/x, value: 1}]", false), ("[{\"op\": \"add\", \"path\": \"/spec/x\", \"value\": 1}]", true)]
    {
        let whole = format!("resources: [r.yaml]\npatches: [{{target: {{kind: Pod}}, patch: '{patch}'}}]\n");
        let shown = render(&[("k/kustomization.yaml", &whole), ("k/r.yaml", POD)], "k");
        assert_eq!(shown.contains("x: 1"), works, "{shown}");
        assert_eq!(shown.starts_with("unable to parse SM or JSON patch"), !works, "{shown}");
    }
}

#[test]
fn replacements_keep_types_and_reach_into_texts() {
    let resources = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {port: '8080', host: 'a.b'}\n---\napiVersion: x/v1\nkind: T\nmetadata: {name: t}\nspec: {port: 1, file: '{\"p\": {\"q\": 1}}', url: http://h/x}\n";
    check(
        "replacements:\n- source: {kind: ConfigMap, name: s, fieldPath: data.port}\n  targets:\n  - {select: {kind: T}, fieldPaths: [spec.port, spec.file.p.q]}\n- source: {kind: ConfigMap, name: s, fieldPath: data.host}\n  targets:\n  - {select: {name: 't|u'}, fieldPaths: [spec.url], options: {delimiter: /, index: 2}}\n",
        resources,
        &expect![[r#"
            apiVersion: v1
            data:
              host: a.b
              port: "8080"
            kind: ConfigMap
            metadata:
              name: s
            ---
            apiVersion: x/v1
            kind: T
            metadata:
              name: t
            spec:
              file: '{"p":{"q":8080}}'
              port: 8080
              url: http://a.b/x
        "#]],
    );
}

#[test]
fn vars_take_the_type_of_what_they_point_at() {
    let pod = format!("{POD}    args: [$(N), $$(N), $(UNKNOWN)]\n");
    check(
        "vars: [{name: N, objref: {apiVersion: v1, kind: Pod, name: p}}]\nnamePrefix: q-\n",
        &pod,
        &expect![[r#"
            k/kustomization.yaml:2: invalid Kustomization: json: cannot unmarshal bool into Go struct field Kustomization.vars.name of type string
        "#]],
    );
}

#[test]
fn origins_are_noted_where_they_are_wanted() {
    check(
        "buildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\nnamePrefix: q-\n",
        CONFIG_MAP,
        &expect![[r#"
            apiVersion: v1
            data:
              a: "1"
            kind: ConfigMap
            metadata:
              annotations:
                alpha.config.kubernetes.io/transformations: |
                  - configuredIn: kustomization.yaml
                    configuredBy:
                      apiVersion: builtin
                      kind: PrefixTransformer
                config.kubernetes.io/origin: |
                  path: r.yaml
              labels:
                app.kubernetes.io/managed-by: kustomize-v5.8.1
              name: q-c
        "#]],
    );
}

#[test]
fn components_change_what_their_parent_has() {
    let files = [
        ("b/kustomization.yaml", "resources: [r.yaml]\ncomponents: [../c]\nnamespace: n\n"),
        ("b/r.yaml", CONFIG_MAP),
        (
            "c/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -s\nconfigMapGenerator: [{name: c, behavior: merge, literals: [b=2]}]\n",
        ),
    ];
    let expected = expect![[r#"
        b/kustomization.yaml:3: invalid Kustomization: json: cannot unmarshal bool into Go struct field Kustomization.namespace of type string
    "#]];
    expected.assert_eq(&render(&files, "b"));
}

#[test]
fn local_configuration_and_control_characters() {
    check(
        "",
        "apiVersion: v1\nkind: A\nmetadata: {name: a, annotations: {config.kubernetes.io/local-config: 'true'}}\n---\napiVersion: v1\nkind: B\nmetadata: {name: b, annotations: {v: 1.10}}\n",
        &expect![[r#"
            apiVersion: v1
            kind: B
            metadata:
              annotations:
                v: "1.10"
              name: b
        "#]],
    );
    check(
        "",
        "apiVersion: v1\nkind: A\nmetadata: {name: a}\nx: \"\\x7f\"\n",
        &expect![[r#"
        yaml: control characters are not allowed
    "#]],
    );
}

#[test]
fn a_patch_that_replaces_the_whole_changes_nothing() {
    check(
        "patches: [{patch: '{$patch: replace, apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {b: x}}'}]",
        CONFIG_MAP,
        &expect![[r#"
            apiVersion: v1
            data:
              a: "1"
            kind: ConfigMap
            metadata:
              name: c
        "#]],
    );
    // An item that is new loses the directive.
    check(
        "patches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {volumes: [{name: v, $patch: replace}]}}'}]",
        POD,
        &expect![[r#"
            apiVersion: v1
            kind: Pod
            metadata:
              name: p
            spec:
              containers:
              - image: x.io/n:1
                name: a
              volumes:
              - name: v
        "#]],
    );
}

#[test]
fn scalars_keep_the_text_that_they_were_written_with() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {a: 1.10, b: 2001-01-01, c: 0755}, labels: {l: 1.10}}\ndata: {a: 1_000}\n";
    check(
        "",
        map,
        &expect![[r#"
        apiVersion: v1
        data:
          a: 1000
        kind: ConfigMap
        metadata:
          annotations:
            a: "1.10"
            b: "2001-01-01"
            c: "0755"
          labels:
            l: 1.1
          name: c
    "#]],
    );
    // A generator and a patch with a target turn them into texts, a JSON patch into numbers first.
    check(
        "configMapGenerator: [{name: c, behavior: merge, literals: [b=x], options: {disableNameSuffixHash: true}}]",
        map,
        &expect![[r#"
        apiVersion: v1
        data:
          a: "1_000"
          b: x
        kind: ConfigMap
        metadata:
          annotations:
            a: "1.10"
            b: "2001-01-01"
            c: "0755"
          labels:
            l: "1.10"
          name: c
    "#]],
    );
    check(
        "patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels/m\", \"value\": 12345678}]'}]",
        map,
        &expect![[r#"
            apiVersion: v1
            data:
              a: 1000
            kind: ConfigMap
            metadata:
              annotations:
                a: "1.1"
                b: "2001-01-01T00:00:00Z"
                c: "493"
              labels:
                l: 1.1
                m: 12345678
              name: c
        "#]],
    );
}

#[test]
fn quotes_stay_where_a_scalar_is_exchanged() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: \"text\", b: text, c: y}\n";
    check(
        "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: 1, b: 1}}'}]",
        map,
        &expect![[r#"
        apiVersion: v1
        data:
          a: "1"
          b: 1
          c: "y"
        kind: ConfigMap
        metadata:
          name: c
    "#]],
    );
    // A merge puts quotes around what it leaves alone and YAML 1.1 takes for something else, so the next one finds them.
    let patch = |value: &str| format!("{{patch: '{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{c: {value}}}}}'}}");
    check(
        &format!("patches: [{}]", patch("1")),
        map,
        &expect![[r#"
        apiVersion: v1
        data:
          a: text
          b: text
          c: 1
        kind: ConfigMap
        metadata:
          name: c
    "#]],
    );
    check(
        &format!("patches: [{}, {}]", patch("null").replace("c: null", "b: x"), patch("1")),
        map,
        &expect![[r#"
            apiVersion: v1
            data:
              a: text
              b: x
              c: "1"
            kind: ConfigMap
            metadata:
              name: c
        "#]],
    );
}

#[test]
fn what_a_replacement_makes_has_no_type_until_something_merges() {
    let made = "replacements: [{sourceValue: 'False', targets: [{select: {kind: ConfigMap}, fieldPaths: [metadata.labels.made], options: {create: true}}]}]";
    check(
        made,
        CONFIG_MAP,
        &expect![[r#"
        apiVersion: v1
        data:
          a: "1"
        kind: ConfigMap
        metadata:
          labels:
            made: false
          name: c
    "#]],
    );
    let whole = "resources: [../k]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {b: x}}'}]";
    let shown = render(
        &[("k/kustomization.yaml", &format!("resources: [r.yaml]\n{made}")), ("k/r.yaml", CONFIG_MAP), ("o/kustomization.yaml", whole)],
        "o",
    );
    assert!(shown.contains("made: \"False\""), "{shown}");
    // A null that is there keeps its type, which takes no text.
    let null = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {made: null}}\n";
    check(
        made,
        null,
        &expect![[r#"
        yaml: cannot decode !!bool `False` as a !!null
    "#]],
    );
}

#[test]
fn numbers_are_written_as_go_writes_floats() {
    check(
        "",
        "apiVersion: x/v1\nkind: X\nmetadata: {name: x}\nspec: [123456789.25, 12345.5, 1e20, 18446744073709551616, 9223372036854775808, 1e-5, -0]\n",
        &expect![[r#"
            apiVersion: x/v1
            kind: X
            metadata:
              name: x
            spec:
            - 1.2345678925e+08
            - 12345.5
            - 1e+20
            - 1.8446744073709552e+19
            - 9223372036854775808
            - 1e-05
            - 0
        "#]],
    );
}

#[test]
fn deprecated_fields_are_warned_of_as_upstream_does() {
    let mut tree = Tree::default();
    tree.put(
        "k/kustomization.yaml",
        "resources: [r.yaml]\ncommonLabels: {a: b}\nvars: [{name: A, objref: {apiVersion: v1, kind: Pod, name: p}}]\n",
    );
    tree.put("k/r.yaml", POD);
    let warnings = build_with(&tree, "k", STRICT).expect("builds").warnings;
    assert_eq!(
        warnings,
        [
            "# Warning: 'commonLabels' is deprecated. Please use 'labels' instead. Run 'kustomize edit fix' to update your Kustomization automatically.",
            "# Warning: 'vars' is deprecated. Please use 'replacements' instead. [EXPERIMENTAL] Run 'kustomize edit fix' to update your Kustomization automatically.",
        ]
    );
}

#[test]
fn what_grows_without_end_is_refused() {
    // A copy of an object into itself doubles it at every step.
    let copies: String = (0..40).map(|number| format!("- {{op: copy, from: /data, path: /data/x{number}}}\n")).collect();
    let patches = "resources: [r.yaml]\npatches: [{target: {kind: ConfigMap}, path: p.yaml}]";
    let told = render(&[("k/kustomization.yaml", patches), ("k/r.yaml", CONFIG_MAP), ("k/p.yaml", &copies)], "k");
    assert_eq!(told, "the build exceeds the limit of 100,000 values copied by one JSON patch\n");
    let one = |number: usize| {
        let target = format!("{{select: {{kind: ConfigMap}}, fieldPaths: [data.x{number}], options: {{create: true}}}}");
        format!("{{source: {{kind: ConfigMap, fieldPath: data}}, targets: [{target}]}}")
    };
    let replaced = format!("resources: [r.yaml]\nreplacements: [{}]", (0..40).map(one).collect::<Vec<_>>().join(", "));
    let told = render(&[("k/kustomization.yaml", &replaced), ("k/r.yaml", CONFIG_MAP)], "k");
    assert_eq!(told, "the build exceeds the limit of 100,000 values of one resource\n");
    // Each component names the next one twice.
    let mut tree = Tree::default();
    for number in 0..40 {
        let next = format!("kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncomponents: [../c{0}, ../c{0}]\n", number + 1);
        tree.put(format!("c{number}/kustomization.yaml"), next);
    }
    tree.put("c40/kustomization.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: x\n");
    tree.put("k/kustomization.yaml", "components: [../c0]\n");
    let told = build_with(&tree, "k", STRICT).expect_err("refused").to_string();
    assert!(told.ends_with("the limit of 10,000 bases and components"), "{told}");
    let many: String = (0..3_000).map(|number| format!("{{name: n{number}}}, ")).collect();
    let pod = |list: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{list}]}}}}");
    let told = render(&[("k/kustomization.yaml", "resources: [r.yaml]\npatches: [{path: r.yaml}]"), ("k/r.yaml", &pod(&many))], "k");
    assert_eq!(told, "the build exceeds the limit of 5,000 items of lists that are merged\n");
}

/// go-yaml v3 `SetString` writes a text of several lines as a block, which counts as quotes for what takes its place.
#[test]
fn a_number_in_place_of_lines_is_a_text() {
    let label = |text: &str| format!("apiVersion: v1\n  kind: Pod\n  metadata: {{name: p, labels: {{l: {text}}}}}\n");
    let patched = |first: &str| {
        format!("patchesStrategicMerge:\n- |-\n  {}patches:\n- patch: |-\n    {}", label(first), label("7").replace("\n  ", "\n    "))
    };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
    for (first, last) in [("\"a\\nb\"", "    l: \"7\"\n"), ("a", "    l: 7\n")] {
        let shown = render(&[("k/kustomization.yaml", &format!("resources: [r.yaml]\n{}", patched(first))), ("k/r.yaml", pod)], "k");
        assert!(shown.contains(last), "{shown}");
    }
}

/// sigs.k8s.io/yaml writes a float as Go does where a text is wanted, with the digits of 32 bits.
#[test]
fn a_float_as_a_source_is_written_as_go_writes_it() {
    for (source, expected) in
        [("1e-7", "1e-07"), ("18446744073709551616", "1.8446744e+19"), ("1.50", "1.5"), ("12", "12"), ("true", "true")]
    {
        let replacement = format!("- sourceValue: {source}\n  targets: [{{select: {{kind: ConfigMap}}, fieldPaths: [data.a]}}]\n");
        let kustomization = "resources: [r.yaml]\nreplacements: [{path: f.yaml}]\n";
        let shown = render(&[("k/kustomization.yaml", kustomization), ("k/r.yaml", CONFIG_MAP), ("k/f.yaml", &replacement)], "k");
        assert!(shown.contains(&format!("  a: \"{expected}\"\n")), "{shown}");
    }
}

#[test]
fn broken_input_never_panics() {
    for text in [
        "",
        "[",
        "- a",
        "a: &a [*a]",
        "kind: List\nitems: 1",
        "kind: A\nmetadata: {name: [1]}",
        "kind: A\nmetadata: 1",
        "\u{feff}",
        "--- x\n---\n",
    ] {
        for place in ["k/r.yaml", "k/kustomization.yaml"] {
            let mut files = vec![(
                "k/kustomization.yaml",
                "resources: [r.yaml]\nnamePrefix: p\nnamespace: n\ncommonLabels: {a: b}\nimages: [{name: x}]\n",
            )];
            files.retain(|(path, _)| *path != place);
            files.push((place, text));
            let _ = render(&files, "k");
        }
    }
}
