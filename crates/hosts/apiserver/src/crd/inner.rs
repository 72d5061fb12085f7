//! Parts of a definition as messages quote them: the fields of the server's own struct in their order.

use serde_json::{Value, json};

use super::text;

/// Writes a list of versions.
pub(crate) fn versions(list: &[&Value]) -> String {
    let same = |name: &str| list.windows(2).all(|pair| pair[0].get(name) == pair[1].get(name));
    let (schema, subresources, columns, selectable) =
        (same("schema"), same("subresources"), same("additionalPrinterColumns"), same("selectableFields"));
    let part = |version: &Value, name: &str, common: bool| version.get(name).filter(|_| !common).cloned().unwrap_or_default();
    let shown: Vec<String> = list
        .iter()
        .map(|version| {
            let flag = |name: &str| version.get(name) == Some(&json!(true));
            format!(
                "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":{},\"Subresources\":{},\"AdditionalPrinterColumns\":{},\"SelectableFields\":{}}}",
                json!(text(version, "name")),
                flag("served"),
                flag("storage"),
                flag("deprecated"),
                version.get("deprecationWarning").cloned().unwrap_or_default(),
                part(version, "schema", schema),
                part(version, "subresources", subresources),
                part(version, "additionalPrinterColumns", columns),
                part(version, "selectableFields", selectable),
            )
        })
        .collect();
    format!("[{}]", shown.join(","))
}
