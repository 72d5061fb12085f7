//! Random trees: bases, overlays, components, and everything that a kustomization file may say.
//! Read first: [`grown`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::patches;
use super::resources::{self, Known, NAMES};
use super::text::{RAW, any_text, render, render_patch};

/// A tree to be built.
#[derive(Debug, Default)]
pub struct Grown {
    /// Texts by path.
    pub files: BTreeMap<String, String>,
    /// The folder to build.
    pub folder: String,
    /// Flags of the build.
    pub flags: Vec<&'static str>,
}

struct Gardener {
    dice: Dice,
    made: Grown,
    /// Every resource so far, under its first name.
    all: Vec<Known>,
    /// Whether what came after v5.5.0 may be used.
    newest: bool,
}

/// Returns the tree of a seed.
pub fn grown(seed: u64, newest: bool) -> Grown {
    let mut gardener = Gardener { dice: Dice::new(seed), made: Grown::default(), all: Vec::new(), newest };
    let mut known = gardener.base("base");
    let mut below = vec!["base".to_owned()];
    if gardener.dice.one_in(5) {
        let more = gardener.base("base2");
        known.extend(more.into_iter().filter(|one| !known.iter().any(|other| same(one, other))).collect::<Vec<_>>());
        below.push("base2".to_owned());
    }
    for level in 0..gardener.dice.below(3) + 1 {
        let folder = format!("overlay{level}");
        gardener.overlay(&folder, &below, &mut known);
        below = vec![folder];
    }
    gardener.made.folder = below.remove(0);
    if gardener.dice.one_in(5) && newest {
        // kubectl has no such flag.
        gardener.made.flags.push("--reorder=none");
    }
    if gardener.dice.one_in(10) {
        gardener.made.flags.push("--load-restrictor=LoadRestrictionsNone");
    }
    gardener.made
}

fn same(one: &Known, other: &Known) -> bool {
    one.kind == other.kind && one.name == other.name && one.group() == other.group()
}

impl Gardener {
    fn put(&mut self, path: String, value: &Value) {
        let text = render(value, &mut self.dice);
        self.made.files.insert(path, text);
    }

    /// Makes a folder with resources.
    fn base(&mut self, folder: &str) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::new();
        for _ in 0..2 + self.dice.below(7) {
            let one = resources::any(&mut self.dice);
            if !known.iter().chain(&self.all).any(|other| same(&one, other)) {
                known.push(one);
            }
        }
        self.all.extend(known.clone());
        let mut texts: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for one in &known {
            let text = render(&one.value, &mut self.dice);
            texts.entry(self.dice.below(3)).or_default().push(text);
        }
        let mut names = Vec::new();
        for (number, parts) in texts {
            let name = format!("r{number}.yaml");
            self.made.files.insert(format!("{folder}/{name}"), parts.join("---\n"));
            names.push(name);
        }
        if self.dice.one_in(8) && folder == "base" {
            let listed = json!({"apiVersion": "v1", "kind": self.dice.word(&["List", "ConfigMapList"]), "items": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "in-list"}, "data": {"a": any_text(&mut self.dice)}},
            ]});
            self.put(format!("{folder}/list.yaml"), &listed);
            names.push("list.yaml".to_owned());
        }
        let mut file = json!({"resources": names});
        if self.dice.one_in(3) {
            self.fields(folder, &mut file, &mut known);
        }
        self.put(format!("{folder}/kustomization.yaml"), &file);
        known
    }

    fn overlay(&mut self, folder: &str, below: &[String], known: &mut Vec<Known>) {
        let resources: Vec<String> = below.iter().map(|base| format!("../{base}")).collect();
        let mut file = json!({"resources": resources});
        if self.dice.one_in(12) {
            file = json!({"bases": resources});
        }
        if self.dice.one_in(2) {
            file["apiVersion"] = json!("kustomize.config.k8s.io/v1beta1");
            file["kind"] = json!("Kustomization");
        }
        if self.dice.one_in(4) {
            let more = self.base(&format!("{folder}/own"));
            file["resources"] = [resources.clone(), vec!["own".to_owned()]].concat().into();
            file.as_object_mut().map(|file| file.remove("bases"));
            known.extend(more.into_iter().filter(|one| !known.iter().any(|other| same(one, other))).collect::<Vec<_>>());
        }
        if self.dice.one_in(6) {
            let place = format!("{folder}-component");
            let mut component = json!({"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"});
            self.fields(&place, &mut component, known);
            self.put(format!("{place}/kustomization.yaml"), &component);
            file["components"] = json!([format!("../{place}")]);
        }
        self.fields(folder, &mut file, known);
        let name = self.dice.word(&["kustomization.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"]);
        self.put(format!("{folder}/{name}"), &file);
    }

    /// Sets some fields of a kustomization.
    fn fields(&mut self, folder: &str, file: &mut Value, known: &mut Vec<Known>) {
        self.generators(folder, file, known);
        self.patches(folder, file, known);
        self.names(file, known);
        self.texts(file);
        self.values(folder, file, known);
        self.rare(folder, file, known);
    }

    fn names(&mut self, file: &mut Value, known: &mut [Known]) {
        let (prefix, suffix) = (self.dice.one_in(3), self.dice.one_in(5));
        if self.dice.one_in(3) {
            file["namespace"] = json!(self.dice.word(&["prod", "default", "other"]));
        }
        if prefix {
            file["namePrefix"] = json!(self.dice.word(&["p-", "dev-"]));
        }
        if suffix {
            file["nameSuffix"] = json!(self.dice.word(&["-s", "-v2"]));
        }
        for one in known.iter_mut() {
            if matches!(one.kind.as_str(), "Namespace" | "CustomResourceDefinition" | "APIService")
                || !self.dice.calm && self.dice.one_in(4)
            {
                continue;
            }
            let part = |field: &str| file[field].as_str().unwrap_or_default().to_owned();
            one.name = format!("{}{}{}", part("namePrefix"), one.name, part("nameSuffix"));
            if file["namespace"].is_string() && !one.is_cluster_scoped() {
                one.namespace = part("namespace");
            }
        }
    }

    fn texts(&mut self, file: &mut Value) {
        if self.dice.one_in(4) {
            let mut label = json!({"pairs": {"env": "prod", "n": any_text(&mut self.dice)}});
            if self.dice.calm {
                label["pairs"]["n"] = json!(any_text(&mut self.dice).replace(RAW, ""));
            }
            match self.dice.below(5) {
                0 => label["includeSelectors"] = json!(true),
                1 => label["includeTemplates"] = json!(true),
                2 => label["fields"] = json!([{"path": "spec/extra/labels", "create": self.dice.one_in(2), "kind": "Thing"}]),
                _ => {}
            }
            file["labels"] = json!([label]);
        }
        if self.dice.one_in(6) {
            file["commonLabels"] = json!({"app": "common", "x": self.dice.word(&["1", "true", "text"])});
        }
        if self.dice.one_in(5) {
            file["commonAnnotations"] = json!({"owner": any_text(&mut self.dice).replace(RAW, "")});
        }
    }

    fn values(&mut self, folder: &str, file: &mut Value, known: &[Known]) {
        if self.dice.one_in(3) {
            let mut images = Vec::new();
            for _ in 0..1 + self.dice.below(2) {
                let mut image = json!({"name": self.dice.word(&["nginx", "registry.internal/app", "busybox", "app", "registry.internal:5000/team/app", "docker.io/library/redis", "n.*"])});
                for (field, values) in [
                    ("newName", ["other/image", "nginx"]),
                    ("newTag", ["2.0", "v3"]),
                    ("digest", ["sha256:cccc", "sha256:dddd"]),
                    ("tagSuffix", ["-slim", "-x"]),
                ] {
                    if self.dice.one_in(3) {
                        image[field] = json!(self.dice.word(&values));
                    }
                }
                if image["newTag"].is_string() && self.dice.one_in(3) {
                    image["newTag"] = json!(format!("{RAW}{}", self.dice.word(&["v1.10", "sha", "'1.10'"])));
                }
                images.push(image);
            }
            file[if self.dice.one_in(10) { "imageTags" } else { "images" }] = json!(images);
        }
        let scaled: Vec<&Known> = known.iter().filter(|one| matches!(one.kind.as_str(), "Deployment" | "StatefulSet")).collect();
        if self.dice.one_in(4) && !scaled.is_empty() {
            file["replicas"] = json!([{"name": self.dice.pick(&scaled).name, "count": self.dice.below(9)}]);
        }
        if self.dice.one_in(4) && !known.is_empty() {
            let mut replacements = Vec::new();
            for _ in 0..1 + self.dice.below(2) {
                let (from, to) = (self.dice.pick(known).clone(), self.dice.pick(known).clone());
                replacements.push(patches::replacement(&mut self.dice, &from, &to, self.newest));
            }
            if self.dice.one_in(4) {
                self.put(format!("{folder}/replacement.yaml"), &json!(replacements));
                file["replacements"] = json!([{"path": "replacement.yaml"}]);
            } else {
                file["replacements"] = json!(replacements);
            }
        }
    }

    fn patches(&mut self, folder: &str, file: &mut Value, known: &[Known]) {
        if known.is_empty() || self.dice.one_in(3) {
            return;
        }
        let mut listed = Vec::new();
        for number in 0..1 + self.dice.below(3) {
            let one = self.dice.pick(known).clone();
            let name = format!("patch{number}.yaml");
            match self.dice.below(6) {
                0 | 1 => {
                    let patch = patches::strategic(&mut self.dice, &one);
                    let text = render_patch(&patch, &mut self.dice);
                    self.made.files.insert(format!("{folder}/{name}"), text);
                    listed.push(json!({"path": name}));
                }
                2 => {
                    let mut patch = patches::strategic(&mut self.dice, &one);
                    patch["metadata"]["name"] = json!("ignored");
                    let text = render_patch(&patch, &mut self.dice);
                    let target = patches::target(&mut self.dice, &one, true);
                    let mut entry = json!({"patch": text, "target": target});
                    if self.dice.one_in(6) {
                        entry["options"] = json!({"allowNameChange": true});
                        entry["target"] = json!({"kind": one.kind, "name": one.name});
                    }
                    listed.push(entry);
                }
                3 | 4 => {
                    let operations = patches::operations(&mut self.dice, &one);
                    let text = if self.dice.one_in(4) {
                        operations.to_string().replace("\\u0001", "")
                    } else {
                        render(&operations, &mut self.dice)
                    };
                    let target = patches::target(&mut self.dice, &one, false);
                    listed.push(json!({"patch": text, "target": target}));
                }
                _ if self.dice.one_in(2) => {
                    let patch = patches::strategic(&mut self.dice, &one);
                    file["patchesStrategicMerge"] = json!([render_patch(&patch, &mut self.dice)]);
                }
                _ => {
                    let operations = patches::operations(&mut self.dice, &one);
                    self.put(format!("{folder}/{name}"), &operations);
                    let target = json!({"group": one.group(), "version": one.version(), "kind": one.kind, "name": one.name});
                    file["patchesJson6902"] = json!([{"path": name, "target": target}]);
                }
            }
        }
        if !listed.is_empty() {
            file["patches"] = json!(listed);
        }
    }

    fn generators(&mut self, folder: &str, file: &mut Value, known: &mut Vec<Known>) {
        for (field, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
            if !self.dice.one_in(5) {
                continue;
            }
            let there: Vec<Known> = known.iter().filter(|one| one.kind == kind).cloned().collect();
            let mut made = json!({"name": format!("gen-{}-{}", folder.rsplit('/').next().unwrap_or_default(), self.dice.word(&NAMES))});
            if !there.is_empty() && self.dice.one_in(2) {
                let one = self.dice.pick(&there).clone();
                made["name"] = json!(one.name);
                if !one.namespace.is_empty() {
                    made["namespace"] = json!(one.namespace);
                }
                made["behavior"] = json!(self.dice.word(&["merge", "replace"]));
            }
            if self.dice.one_in(2) {
                made["literals"] = json!([format!("lit={}", any_text(&mut self.dice).replace(RAW, "")), "quoted=\"x\"", "other='y'"]);
            }
            if self.dice.one_in(3) {
                let text = any_text(&mut self.dice).replace(RAW, "");
                self.made.files.insert(format!("{folder}/data.txt"), text);
                made["files"] = json!([self.dice.word(&["data.txt", "named=data.txt"])]);
            }
            if self.dice.one_in(4) {
                self.made.files.insert(format!("{folder}/data.env"), "# comment\nONE=1\nTWO=two words \n\nTHREE=\"quoted\"\n".to_owned());
                made["envs"] = json!(["data.env"]);
            }
            if self.dice.one_in(3) {
                made["options"] =
                    json!({"disableNameSuffixHash": self.dice.one_in(2), "labels": {"made": "yes"}, "annotations": {"note": "1"}});
                if self.dice.one_in(3) {
                    made["options"]["immutable"] = json!(true);
                }
            }
            if kind == "Secret" && self.dice.one_in(4) {
                made["type"] = json!("kubernetes.io/tls");
            }
            known.push(Known {
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
                name: made["name"].as_str().unwrap_or_default().to_owned(),
                namespace: String::new(),
                value: json!({"metadata": {"name": made["name"]}, "data": {"lit": "x"}}),
            });
            file[field] = json!([made]);
        }
        if self.dice.one_in(10) {
            file["generatorOptions"] = json!({"disableNameSuffixHash": self.dice.one_in(3), "labels": {"general": "true"}});
        }
    }

    /// Sets fields that few people use.
    fn rare(&mut self, folder: &str, file: &mut Value, known: &[Known]) {
        let root = !folder.contains("component");
        if self.dice.one_in(12) && root {
            let names: Vec<&str> = vec!["originAnnotations", "transformerAnnotations", "managedByLabel"];
            file["buildMetadata"] = json!(self.dice.some(&names, 3));
        }
        if self.dice.one_in(12) && root {
            file["sortOptions"] = json!({"order": self.dice.word(&["legacy", "fifo"])});
            if file["sortOptions"]["order"] == "legacy" && self.dice.one_in(2) {
                file["sortOptions"]["legacySortOptions"] = json!({"orderFirst": ["Service", "Deployment"], "orderLast": ["ConfigMap"]});
            }
        }
        if self.dice.one_in(12) && !known.is_empty() && !self.made.files.values().any(|text| text.contains("objref")) {
            let one = self.dice.pick(known).clone();
            file["vars"] = json!([{"name": "VAR", "objref": {"apiVersion": one.api_version, "kind": one.kind, "name": one.name}}]);
            if one.is_workload() && self.dice.one_in(2) {
                file["vars"][0]["fieldref"] = json!({"fieldpath": "spec.template.spec.containers[0].image"});
            }
        }
        if self.dice.one_in(10) {
            let plugin = self.plugin(known);
            if self.dice.one_in(2) {
                file["transformers"] = json!([render(&plugin, &mut self.dice)]);
            } else {
                self.put(format!("{folder}/plugin.yaml"), &plugin);
                file["transformers"] = json!(["plugin.yaml"]);
            }
        }
        if self.dice.one_in(15) {
            let made = json!({"apiVersion": "builtin", "kind": "ConfigMapGenerator", "metadata": {"name": format!("from-plugin-{}", folder.replace('/', "-"))}, "literals": ["a=b"]});
            file["generators"] = json!([render(&made, &mut self.dice)]);
        }
        if self.dice.one_in(12) {
            let config = json!({
                "namePrefix": [{"kind": "Thing", "path": "spec/name"}],
                "commonLabels": [{"kind": "Thing", "path": "spec/labels", "create": true}],
                "images": [{"kind": "Thing", "path": "spec/image"}],
                "nameReference": [{"kind": "ConfigMap", "fieldSpecs": [{"kind": "Thing", "path": "spec/name"}]}],
                "varReference": [{"kind": "Thing", "path": "spec"}],
            });
            let fields: Vec<(String, Value)> = config.as_object().cloned().unwrap_or_default().into_iter().collect();
            let chosen: Map<String, Value> = self.dice.some(&fields, 4).into_iter().collect();
            self.put(format!("{folder}/config.yaml"), &Value::Object(chosen));
            file["configurations"] = json!(["config.yaml"]);
        }
    }

    /// Makes the configuration of a transformer.
    fn plugin(&mut self, known: &[Known]) -> Value {
        let mut plugin = match self.dice.below(7) {
            0 => {
                json!({"kind": "LabelTransformer", "labels": {"by": "plugin"}, "fieldSpecs": [{"path": "metadata/labels", "create": true}]})
            }
            1 => {
                json!({"kind": "AnnotationsTransformer", "annotations": {"by": any_text(&mut self.dice).replace(RAW, "")}, "fieldSpecs": [{"path": "metadata/annotations", "create": true}]})
            }
            2 => json!({"kind": "PrefixTransformer", "prefix": "t-", "fieldSpecs": [{"path": "metadata/name"}]}),
            3 => {
                json!({"kind": "NamespaceTransformer", "unsetOnly": self.dice.one_in(2), "setRoleBindingSubjects": self.dice.word(&["none", "allServiceAccounts", "defaultOnly"]),
                "fieldSpecs": [{"path": "metadata/name", "kind": "Namespace", "create": true}]})
            }
            4 => {
                json!({"kind": "ImageTagTransformer", "imageTag": {"name": "nginx", "newTag": "9"}, "fieldSpecs": [{"path": "spec/template/spec/containers[]/image"}]})
            }
            5 => {
                json!({"kind": "ReplicaCountTransformer", "replica": {"name": known.iter().find(|one| one.kind == "Deployment").map_or("web", |one| one.name.as_str()), "count": 7}, "fieldSpecs": [{"path": "spec/replicas", "create": true, "kind": "Deployment"}]})
            }
            _ => match known.is_empty() {
                true => json!({"kind": "LabelTransformer", "labels": {"by": "plugin"}}),
                false => {
                    let one = self.dice.pick(known).clone();
                    let patch = patches::strategic(&mut self.dice, &one);
                    json!({"kind": "PatchTransformer", "patch": render_patch(&patch, &mut self.dice)})
                }
            },
        };
        plugin["apiVersion"] = json!("builtin");
        plugin["metadata"] = json!({"name": "plugin", "namespace": "plugged"});
        plugin
    }
}

/// Returns every folder of a tree, for those that lay it out.
pub fn folders(grown: &Grown) -> BTreeSet<&str> {
    grown.files.keys().filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder)).collect()
}
