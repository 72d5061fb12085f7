//! Images of containers. The name that is looked for is a regular expression, as upstream has it.
//! Source: kustomize `api/filters/imagetag`, `api/internal/image/image.go`.

use regex::Regex;
use serde_json::Value;

use crate::arguments::Image;
use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Create, apply_to_any, fitting, set_scalar};
use crate::list::List;
use crate::value::{is_null, seen_at, text};

pub(crate) fn transform(list: &mut List, image: &Image, specs: &[FieldSpec]) -> Result<()> {
    // A name that is no regular expression matches nothing.
    let Ok(pattern) = golang::regexp(&format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name)) else {
        return Ok(());
    };
    for resource in list.items.iter_mut().filter(|resource| seen_at(&resource.value, &["kind"]) != "CustomResourceDefinition") {
        everywhere(&mut resource.value, image, &pattern)?;
        for spec in fitting(&resource.value, specs, |spec| &spec.gvk) {
            apply_to_any(&mut resource.value, spec, Create::Nothing, &mut |place| match is_null(place) {
                true => Ok(()),
                false => change(place, image, &pattern),
            })?;
        }
    }
    Ok(())
}

/// Containers are looked for at any depth, whatever the kind.
fn everywhere(value: &mut Value, image: &Image, pattern: &Regex) -> Result<()> {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                everywhere(inner, image, pattern)?;
                if matches!(key.as_str(), "containers" | "initContainers") {
                    for container in inner.as_array_mut().into_iter().flatten() {
                        if let Some(place) = container.get_mut("image") {
                            change(place, image, pattern)?;
                        }
                    }
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| everywhere(item, image, pattern)),
        _ => Ok(()),
    }
}

fn change(place: &mut Value, image: &Image, pattern: &Regex) -> Result<()> {
    if !place.is_string() && (place.is_object() || place.is_array()) {
        return set_scalar(place, Value::Null);
    }
    let old = text(place);
    if !pattern.is_match(&old) {
        return Ok(());
    }
    let (mut name, mut tag, mut digest) = parts(&old);
    if !image.new_name.is_empty() {
        name = &image.new_name;
    }
    let suffixed = format!("{tag}{}", image.tag_suffix);
    match (image.new_tag.is_empty(), image.digest.is_empty()) {
        (false, false) => (tag, digest) = (&image.new_tag, &image.digest),
        (false, true) => (tag, digest) = (&image.new_tag, ""),
        (true, false) => (tag, digest) = ("", &image.digest),
        (true, true) if !image.tag_suffix.is_empty() => (tag, digest) = (&suffixed, ""),
        (true, true) => {}
    }
    let mut new = name.to_owned();
    if !tag.is_empty() {
        new.push_str(&format!(":{tag}"));
    }
    if !digest.is_empty() {
        new.push_str(&format!("@{digest}"));
    }
    set_scalar(place, Value::String(new))
}

/// Name, tag and digest of an image.
fn parts(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let digest = image[from..].find('@').map(|at| from + at);
    let tag = image[from..].find(':').map(|at| from + at);
    match (tag, digest) {
        (None, None) => (image, "", ""),
        (Some(tag), Some(digest)) if tag < digest => (&image[..tag], &image[tag + 1..digest], &image[digest + 1..]),
        (_, Some(digest)) => (&image[..digest], "", &image[digest + 1..]),
        (Some(tag), None) => (&image[..tag], &image[tag + 1..], ""),
    }
}
