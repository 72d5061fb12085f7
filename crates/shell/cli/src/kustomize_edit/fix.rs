//! `kustomize edit fix`: deprecated fields moved to those that took their place. The build must come out the same, or it is
//! said. What moves is written anew, so that comments inside it are lost; all others stay.

use serde_json::json;

use super::draft::{
    At::{Item, Key},
    Draft,
};

pub(super) fn run(mut draft: Draft) -> anyhow::Result<()> {
    let before = built(&draft);
    for (old, new) in [("bases", "resources"), ("imageTags", "images"), ("patchesJson6902", "patches")] {
        for item in draft.items(old).to_vec() {
            draft.append(&[Key(new)], &item)?;
        }
        gone(&mut draft, old)?;
    }
    for patch in draft.items("patchesStrategicMerge").to_vec() {
        let text = patch.as_str().unwrap_or_default();
        let field = if draft.folder.join(text).is_file() { "path" } else { "patch" };
        draft.append(&[Key("patches")], &json!({field: text}))?;
    }
    gone(&mut draft, "patchesStrategicMerge")?;
    common_labels(&mut draft)?;
    env_files(&mut draft)?;
    let component = draft.value["kind"] == "Component";
    let version = if component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
    for (field, value) in [("apiVersion", version), ("kind", "Kustomization")] {
        if draft.value.get(field).is_none() {
            draft.set(&[Key(field)], &json!(value))?;
        }
    }
    draft.write()?;
    println!("\nFixed fields:\n  patchesJson6902 -> patches\n  patchesStrategicMerge -> patches\n  commonLabels -> labels");
    match (before, built(&draft)) {
        (_, Err(error)) if !component => {
            println!("Warning: 'Fixed' kustomization now produces the error when running `kustomize build`: {error:#}");
        }
        (Ok(before), Ok(after)) if before != after => {
            println!("Warning: 'Fixed' kustomization now produces different output when running `kustomize build`");
        }
        _ => {}
    }
    Ok(())
}

fn built(draft: &Draft) -> anyhow::Result<String> {
    crate::kustomize_build::render(&draft.folder, kustomize::Options::default()).map(|(text, _)| text)
}

fn gone(draft: &mut Draft, field: &str) -> anyhow::Result<()> {
    if draft.value.get(field).is_some() { draft.delete(&[Key(field)]) } else { Ok(()) }
}

fn common_labels(draft: &mut Draft) -> anyhow::Result<()> {
    let Some(common) = draft.value["commonLabels"].as_object().cloned() else { return Ok(()) };
    let twice = common.keys().find(|key| draft.items("labels").iter().any(|label| label["pairs"].get(key.as_str()).is_some()));
    if let Some(key) = twice {
        anyhow::bail!("label name '{key}' exists in both commonLabels and labels");
    }
    if !common.is_empty() {
        draft.append(&[Key("labels")], &json!({"includeSelectors": true, "pairs": common}))?;
    }
    gone(draft, "commonLabels")
}

fn env_files(draft: &mut Draft) -> anyhow::Result<()> {
    for field in ["configMapGenerator", "secretGenerator"] {
        for at in 0..draft.items(field).len() {
            let Some(path) = draft.items(field)[at].get("env").cloned() else { continue };
            if path.as_str().is_some_and(|path| !path.is_empty()) {
                draft.append(&[Key(field), Item(at), Key("envs")], &path)?;
            }
            draft.delete(&[Key(field), Item(at), Key("env")])?;
        }
    }
    Ok(())
}
