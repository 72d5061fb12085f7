//! Patches: strategic merges and JSON patches, told apart by their form. Source: kustomize
//! `api/internal/builtins/PatchTransformer.go`, `PatchJson6902Transformer.go`, `PatchStrategicMergeTransformer.go`.

use std::rc::Rc;

use serde_json::Value;

use crate::arguments::Patch;
use crate::error::{Result, Wrap as _, fail};
use crate::list::List;
use crate::loader::Loader;
use crate::resource::Resource;
use crate::schema::Schemas;
use crate::value::{is_empty, set, settle, unsettle};
use crate::{json_patch, read};

/// Carries out one entry of `patches`.
pub(crate) fn transform(list: &mut List, patch: &Patch, loader: &Loader<'_>, schemas: &Rc<Schemas>) -> Result<()> {
    let inline = patch.patch.trim();
    let (text, source) = match (inline.is_empty(), patch.path.is_empty()) {
        (true, true) => return fail("must specify one of patch and path"),
        (false, false) => return fail("patch and path can't be set at the same time"),
        (false, true) => (inline.to_owned(), format!("[patch: {inline:?}]")),
        (true, false) => {
            let text = loader.text(&patch.path).wrap(|| format!("failed to get the patch file from path({})", patch.path))?;
            (text, format!("[path: {:?}]", patch.path))
        }
    };
    let strategic = read::resources(&text, &patch.path, schemas);
    let operations = json_patch::parse(&text);
    match (strategic, operations) {
        (Ok(strategic), Ok(operations)) if !strategic.is_empty() && !operations.is_empty() => {
            fail(format!("illegally qualifies as both an SM and JSON patch: {source}"))
        }
        (Err(_), Err(_)) => fail(format!("unable to parse SM or JSON patch from {source}")),
        (Ok(mut strategic), _) => {
            for one in &mut strategic {
                one.notes.allow_name_change = patch.allow_name_change;
                one.notes.allow_kind_change = patch.allow_kind_change;
            }
            merge_patches(list, strategic, patch, &source)
        }
        (Err(_), Ok(operations)) => json(list, &operations, patch, &source),
    }
}

fn merge_patches(list: &mut List, patches: Vec<Resource>, patch: &Patch, source: &str) -> Result<()> {
    if patches.is_empty() {
        return Ok(());
    }
    let Some(target) = &patch.target else {
        for one in patches {
            let id = one.original_id();
            let at = list.by_id(&id).wrap(|| format!("no resource matches strategic merge patch {:?}", id.to_string()))?;
            if !list.items[at].merge(&one)? {
                list.items.remove(at);
            }
        }
        return Ok(());
    };
    if patches.len() > 1 {
        return fail(format!(
            "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {source}"
        ));
    }
    let chosen = list.select(target);
    merge_into(list, &chosen, &patches[0])
}

/// Merges one patch into the chosen resources.
fn merge_into(list: &mut List, chosen: &[usize], patch: &Resource) -> Result<()> {
    let mut kept = Vec::with_capacity(list.items.len());
    for (at, mut resource) in std::mem::take(&mut list.items).into_iter().enumerate() {
        if chosen.contains(&at) {
            let mut patch = patch.clone();
            patch.texts_only();
            set(&mut patch.value, &["apiVersion"], Value::String(resource.gvk().api_version()));
            if !resource.merge(&patch)? {
                continue;
            }
        }
        kept.push(resource);
    }
    list.append(kept)
}

fn json(list: &mut List, operations: &[Value], patch: &Patch, source: &str) -> Result<()> {
    let Some(target) = &patch.target else { return fail(format!("must specify a target for JSON patch {source}")) };
    for at in list.select(target) {
        let resource = &mut list.items[at];
        resource.remember_id();
        change(resource, operations)?;
    }
    list.items.retain(|resource| !is_empty(&resource.value));
    Ok(())
}

fn change(resource: &mut Resource, operations: &[Value]) -> Result<()> {
    settle(&mut resource.value);
    resource.notes.shared.clear();
    resource.make_annotations_of_notes();
    json_patch::apply(&mut resource.value, operations)?;
    unsettle(&mut resource.value);
    if !is_empty(&resource.value) {
        resource.annotation_texts();
    }
    Ok(())
}

/// Carries out one entry of `patchesJson6902`.
pub(crate) fn transform_json(list: &mut List, patch: &Patch, loader: &Loader<'_>) -> Result<()> {
    let Some(target) = &patch.target else { return fail("must specify a target for patch") };
    if patch.target_name.is_empty() {
        return fail("must specify the target name");
    }
    let text = match (patch.path.is_empty(), patch.patch.is_empty()) {
        (true, true) => return fail("empty file path and empty jsonOp"),
        (false, false) => return fail("must specify a file path or jsonOp, not both"),
        (false, true) => loader.text(&patch.path)?,
        (true, false) => patch.patch.clone(),
    };
    if text.is_empty() {
        return fail(format!("patch file '{}' empty seems to be empty", patch.path));
    }
    let operations = json_patch::parse(&text).wrap(|| format!("decoding {text}"))?;
    if operations.is_empty() {
        return fail(format!("patch appears to be empty; file={}, JsonOp={text}", patch.path));
    }
    for at in list.select(target) {
        change(&mut list.items[at], &operations)?;
    }
    list.items.retain(|resource| !is_empty(&resource.value));
    Ok(())
}

/// Carries out `patchesStrategicMerge`: each entry is a patch itself or the path of one.
pub(crate) fn transform_strategic(
    list: &mut List,
    paths: &[String],
    inline: &str,
    loader: &Loader<'_>,
    schemas: &Rc<Schemas>,
) -> Result<()> {
    let mut patches = Vec::new();
    for path in paths {
        match read::resources(path, path, schemas) {
            Ok(found) => patches.extend(found),
            Err(_) => patches.extend(read::resources(&loader.text(path)?, path, schemas)?),
        }
    }
    if !inline.is_empty() {
        patches.extend(read::resources(inline, "patches", schemas)?);
    }
    if patches.is_empty() {
        return fail(format!("patch appears to be empty; files=[{}], Patch={inline}", paths.join(" ")));
    }
    for patch in &patches {
        let at = list.by_id(&patch.original_id())?;
        merge_into(list, &[at], patch)?;
    }
    Ok(())
}
