//! Definitions with something wrong, and objects against those that are taken.

use serde_json::{Value, json};

use super::corpus;
use super::source::Source;
use super::world;

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

pub fn check(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    world::with(|world| {
        let mut definition = corpus::definition();
        // Another kind than that of the corpus, so that both are there.
        definition["metadata"]["name"] = json!("gadgets.example.org");
        definition["spec"]["group"] = json!("example.org");
        definition["spec"]["names"] = json!({"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"});
        let part = [
            "",
            "/spec/versions/0",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties",
        ];
        for _ in 0..source.below(3) {
            let place = *source.pick(&part);
            if let Some(place) = definition.pointer_mut(place) {
                source.change(place, 3);
            }
        }
        let made = world.json(&format!("POST {CRDS}"), &definition);
        if !made.is_good() {
            return;
        }
        let name = made.value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let live = world.json(&format!("GET {CRDS}/{name}"), &Value::Null).value;
        let (group, plural) =
            (live["spec"]["group"].as_str().unwrap_or_default(), live["spec"]["names"]["plural"].as_str().unwrap_or_default());
        let version = live["spec"]["versions"][0]["name"].as_str().unwrap_or_default();
        let scope = if live["spec"]["scope"] == "Cluster" { "" } else { "namespaces/default/" };
        let path = format!("/apis/{group}/{version}/{scope}{plural}");
        let valid = corpus::all().pop().expect("the widget").1;
        for _ in 0..2 {
            let mut object = valid.clone();
            object["apiVersion"] = json!(format!("{group}/{version}"));
            object["kind"] = live["spec"]["names"]["kind"].clone();
            object["metadata"]["finalizers"] = json!([]);
            if let Some(spec) = object.get_mut("spec") {
                source.change(spec, 3);
            }
            let made = world.json(&format!("POST {path}"), &object);
            if made.is_good() {
                world.written(&path, &made.value);
            }
        }
        world.written(CRDS, &live);
    });
}
