//! What `why` tells of a world, and what it says when somebody has changed the export.

use serde_json::{Value, json};
use testkit::Drill;

fn export(drill: &Drill, environment: &str) -> Value {
    let world = drill.world();
    let root = serde_json::from_slice(&world.hosts.identity.trusted_root()).expect("a trust root");
    drill.ask(cli::evidence(&world.ports, root, environment, drill.now())).expect("evidence")
}

/// Checks a changed export and returns what is not good.
fn doubts(export: &Value) -> Vec<String> {
    let lines = cli::check_evidence(export).expect("an export");
    lines.into_iter().filter(|line| !line.split_once(':').is_some_and(|(link, _)| link.ends_with(" good"))).collect()
}

#[test]
fn every_link_from_commit_to_pod_holds_and_no_change_of_an_export_is_missed() {
    let drill = Drill::begin().expect("a world");
    let honest = export(&drill, "prod");
    assert_eq!(doubts(&honest), Vec::<String>::new());
    let links: Vec<String> =
        cli::check_evidence(&honest).expect("links").iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    for wanted in ["pod", "image", "applied", "artifact", "rendering", "commit", "pointer", "promotion", "tests"] {
        assert!(links.iter().any(|link| link == wanted), "{wanted} is missing in {links:?}");
    }
    let check = |what: &str, change: &dyn Fn(&mut Value), expected: &str| {
        let mut export = honest.clone();
        change(&mut export);
        let found = doubts(&export).join("\n");
        assert!(found.contains(expected), "{what}: expected {expected:?} in {found:?}");
    };
    let artifact =
        honest["registry"].as_object().and_then(|all| all.keys().find(|name| name.contains("deployments/")).cloned()).expect("an artifact");
    let image =
        honest["registry"].as_object().and_then(|all| all.keys().find(|name| !name.contains("deployments/")).cloned()).expect("an image");
    let pointer = honest["pointer"]["commit"].as_str().expect("a commit").to_owned();
    let source = honest["builtFrom"]["commit"].as_str().expect("a commit").to_owned();
    check("no signature of the artifact", &|export| export["registry"][&artifact]["signatures"] = json!([]), "artifact bad");
    check(
        "the image's signature on the artifact",
        &|export| export["registry"][&artifact]["signatures"] = honest["registry"][&image]["signatures"].clone(),
        "artifact bad",
    );
    check("no signature of the image", &|export| export["registry"][&image]["signatures"] = json!([]), "image bad");
    check(
        "another manifest",
        &|export| export["registry"][&artifact]["manifest"] = honest["registry"][&image]["manifest"].clone(),
        "artifact bad: the manifest's bytes",
    );
    check("no layer", &|export| drop(export["registry"][&artifact].as_object_mut().expect("a map").remove("layer")), "rendering missing");
    check("another commit under the same name", &|export| export["git"][&pointer] = honest["git"][&source].clone(), "pointer bad");
    check("a commit left out", &|export| drop(export["git"].as_object_mut().expect("a map").remove(&source)), "commit missing");
    check("other keys", &|export| export["signers"] = json!({}), "commit bad");
    check("another trust root", &|export| export["trustedRoot"] = json!({}), "artifact missing");
    check(
        "another image in the workload",
        &|export| export["workloads"][0]["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.internal/myapp:6.6.6"),
        "rendering bad",
    );
    check("a Pod that is not ready", &|export| export["workloads"][0]["status"]["readyReplicas"] = json!(0), "pod bad");
    check("a failed test", &|export| export["runs"][0]["status"]["phase"] = json!("Failed"), "tests bad");
    check(
        "a promotion that failed",
        &|export| export["promotions"].as_array_mut().expect("a list").iter_mut().for_each(|one| one["status"]["phase"] = json!("Errored")),
        "promotion bad",
    );
    let mut unknown = honest.clone();
    unknown["more"] = json!(1);
    assert!(cli::check_evidence(&unknown).expect_err("refused").to_string().contains("more"));
}
