//! The layer wall: which crate may depend on which, and what the pure layers never reach. Read first: [`refusal`].
//! The rule in words is in ARCHITECTURE.md, "Layers".

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a pure crate never reaches, however indirectly: runtimes, HTTP, clients, databases.
const IMPURE: [&str; 6] = ["axum", "hyper", "kube-client", "reqwest", "rusqlite", "tokio"];

/// The layers whose crates are pure.
const PURE: [&str; 3] = ["words", "engines", "roles"];

/// Dependencies inside one layer, by crate; `*` stands for every crate of the layer.
const SIDEWAYS: [(&str, &str, &str); 11] = [
    ("words", "*", "model"),
    ("words", "cel", "golang"),
    ("words", "expr", "golang"),
    ("engines", "kustomize", "patch"),
    ("engines", "patch", "schema"),
    ("engines", "sign", "oci"),
    ("effects", "controllers", "ports"),
    ("effects", "doors", "ports"),
    ("effects", "node", "ports"),
    ("hosts", "*", "store"),
    // A whole world in memory is the composition root over other stores and another clock.
    ("top", "testkit", "supercargo"),
];

/// Where a crate of the workspace stands: its layer and its name, such as `words` and `yaml`.
type Place = (String, String);

/// Returns which layers a layer may look down upon; `None` for a layer that nobody has heard of.
fn below(layer: &str) -> Option<&'static [&'static str]> {
    match layer {
        "words" => Some(&[]),
        "engines" => Some(&["words"]),
        "roles" => Some(&["words", "engines"]),
        "effects" => Some(&["words", "engines", "roles"]),
        // No roles: what hosts and roles have to say to each other goes over a protocol.
        "hosts" => Some(&["words", "engines"]),
        "shell" => Some(&["words", "engines", "roles", "effects", "hosts"]),
        // The composition root, the test world and the house tools: no layer sees them.
        "top" => Some(&["words", "engines", "roles", "effects", "hosts", "shell"]),
        _ => None,
    }
}

/// Returns why one crate may not depend on another; `None` when it may.
fn refusal((layer, name): (&str, &str), (to_layer, to_name): (&str, &str)) -> Option<String> {
    let Some(below) = below(layer) else { return Some(format!("{layer} is no known layer")) };
    if layer == to_layer {
        let allowed = SIDEWAYS.iter().any(|(within, from, to)| *within == layer && (*from == "*" || *from == name) && *to == to_name);
        return (!allowed).then(|| format!("crates of {layer} do not see each other, and this pair is no exception"));
    }
    if below.contains(&to_layer) {
        return None;
    }
    Some(match (layer, to_layer) {
        ("effects", "hosts") | ("hosts", "effects") => "effects and hosts meet at a wire protocol only".to_owned(),
        ("hosts", "roles") => "a host knows no role; it asks by a protocol".to_owned(),
        _ => format!("{to_layer} is not below {layer}"),
    })
}

/// Runs cargo in the workspace and returns what it prints. Nothing is downloaded.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Returns where a package stands by the folder of its manifest, below the workspace's root.
fn place(folder: &str) -> Place {
    match folder.split('/').collect::<Vec<_>>().as_slice() {
        ["crates", layer, name] => ((*layer).to_owned(), (*name).to_owned()),
        ["crates", name] | [name] => ("top".to_owned(), (*name).to_owned()),
        _ => ("unknown".to_owned(), folder.to_owned()),
    }
}

/// The workspace as cargo resolves it: each package's place, and its normal dependencies inside the workspace.
struct Workspace {
    /// By package name.
    places: BTreeMap<String, Place>,
    edges: Vec<(Place, Place)>,
}

/// Asks cargo. Only this machine's platform is looked at: what others would need is not on disk after a build here.
fn workspace() -> Workspace {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc is beside cargo");
    let version = String::from_utf8(version.stdout).expect("rustc prints UTF-8");
    let triple = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let text = cargo(&["metadata", "--format-version", "1", "--filter-platform", triple]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata prints JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let root = format!("{}/", word(&metadata["workspace_root"]));
    let members: Vec<String> = list(&metadata["workspace_members"]).iter().map(&word).collect();
    let (mut places, mut by_id) = (BTreeMap::new(), BTreeMap::new());
    for package in list(&metadata["packages"]).iter().filter(|package| members.contains(&word(&package["id"]))) {
        let manifest = word(&package["manifest_path"]);
        let folder =
            manifest.strip_prefix(&root).and_then(|path| path.strip_suffix("/Cargo.toml")).expect("a member lies in the workspace");
        places.insert(word(&package["name"]), place(folder));
        by_id.insert(word(&package["id"]), place(folder));
    }
    let mut edges = Vec::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let Some(from) = by_id.get(&word(&node["id"])) else { continue };
        for dependency in list(&node["deps"]) {
            let normal = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            if let (true, Some(to)) = (normal, by_id.get(&word(&dependency["pkg"]))) {
                edges.push((from.clone(), to.clone()));
            }
        }
    }
    Workspace { places, edges }
}

#[test]
fn dependencies_point_down() {
    let workspace = workspace();
    assert!(workspace.edges.len() > workspace.places.len(), "cargo metadata told too little: {} edges", workspace.edges.len());
    let mut faults: Vec<String> = Vec::new();
    for (name, (layer, _)) in &workspace.places {
        if below(layer).is_none() {
            faults.push(format!("{name} lies in layer {layer}, which is unknown"));
        }
    }
    for (from, to) in &workspace.edges {
        if let Some(why) = refusal((&from.0, &from.1), (&to.0, &to.1)) {
            faults.push(format!("{}/{} depends on {}/{}: {why}", from.0, from.1, to.0, to.1));
        }
    }
    assert!(faults.is_empty(), "forbidden dependencies:\n{}", faults.join("\n"));
}

/// `cargo metadata` shows every optional dependency that some feature merely mentions; `cargo tree` shows what is built.
#[test]
fn pure_crates_reach_no_runtime_client_or_database() {
    let workspace = workspace();
    let pure = workspace.places.iter().filter(|(_, (layer, _))| PURE.contains(&layer.as_str()));
    let names: Vec<&str> = pure.flat_map(|(name, _)| ["-p", name.as_str()]).collect();
    let tree = cargo(&[&["tree", "--edges", "normal", "--prefix", "depth", "--format", " {p}"], names.as_slice()].concat());
    assert!(tree.lines().count() > names.len(), "cargo tree told too little:\n{tree}");
    let mut path: Vec<String> = Vec::new();
    let mut faults = Vec::new();
    for line in tree.lines() {
        let Some((depth, package)) = line.split_once(' ') else { continue };
        let name = package.split(' ').next().unwrap_or_default().to_owned();
        path.truncate(depth.parse().expect("a line starts with its depth"));
        path.push(name.clone());
        if IMPURE.contains(&name.as_str()) {
            faults.push(path.join(" → "));
        }
    }
    assert!(faults.is_empty(), "pure crates reach what they must not:\n{}", faults.join("\n"));
}

#[test]
fn the_rule_is_what_it_says() {
    let may = [
        "words/api words/model",
        "words/cel words/golang",
        "words/expr words/golang",
        "engines/kustomize engines/patch",
        "roles/deploy engines/oci",
        "effects/node effects/ports",
        "hosts/forge hosts/store",
        "hosts/forge engines/git",
        "shell/cli effects/ports",
        "top/supercargo hosts/forge",
    ];
    let may_not = [
        "words/golang words/yaml",
        "words/model words/golang",
        "engines/oci engines/sign",
        "engines/oci roles/build",
        "roles/deploy roles/promote",
        "effects/ports effects/node",
        "effects/ports hosts/store",
        "hosts/forge effects/ports",
        "hosts/forge roles/build",
        "hosts/store hosts/forge",
        "roles/deploy top/testkit",
        "top/supercargo top/testkit",
        "attic/old words/model",
    ];
    let ask = |pair: &str| {
        let (from, to) = pair.split_once(' ').expect("a case is a pair");
        let split = |place| str::split_once(place, '/').expect("a place has two parts");
        refusal(split(from), split(to))
    };
    for pair in may {
        assert_eq!(ask(pair), None, "{pair}");
    }
    for pair in may_not {
        assert!(ask(pair).is_some(), "{pair}");
    }
}
