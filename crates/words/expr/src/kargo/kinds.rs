//! The structs that the functions give, by their Go names and fields.

use serde_json::Value as Json;

use crate::Value;
use crate::types::{Field, StructType, Type};

const TEXT: fn() -> Type = || Type::Text;
const TEXTS: fn() -> Type = Type::map_of_texts;

const fn field(name: &'static str, json: &'static str) -> Field {
    Field { name, json, omit_empty: true, of: TEXT }
}

const fn always(name: &'static str, json: &'static str) -> Field {
    Field { name, json, omit_empty: false, of: TEXT }
}

const ANNOTATIONS: Field = Field { name: "Annotations", json: "annotations", omit_empty: true, of: TEXTS };

/// Where Freight comes from.
pub static ORIGIN: StructType = StructType { name: "v1alpha1.FreightOrigin", fields: &[always("Kind", "kind"), always("Name", "name")] };

/// A commit of a Freight.
pub static COMMIT: StructType = StructType {
    name: "v1alpha1.GitCommit",
    fields: &[
        field("RepoURL", "repoURL"),
        field("ID", "id"),
        field("Branch", "branch"),
        field("Tag", "tag"),
        field("Message", "message"),
        field("Author", "author"),
        field("Committer", "committer"),
        field("SubscriptionName", "subscriptionName"),
    ],
};

/// An image of a Freight.
pub static IMAGE: StructType = StructType {
    name: "v1alpha1.Image",
    fields: &[
        field("RepoURL", "repoURL"),
        field("Tag", "tag"),
        field("Digest", "digest"),
        ANNOTATIONS,
        field("SubscriptionName", "subscriptionName"),
    ],
};

/// A chart of a Freight.
pub static CHART: StructType = StructType {
    name: "v1alpha1.Chart",
    fields: &[
        field("RepoURL", "repoURL"),
        field("Name", "name"),
        field("Version", "version"),
        field("SubscriptionName", "subscriptionName"),
    ],
};

/// Any other artifact. It has no names in JSON but those of Go.
pub static ARTIFACT: StructType = StructType {
    name: "function.expressionFriendlyArtifactReference",
    fields: &[
        always("ArtifactType", "ArtifactType"),
        always("SubscriptionName", "SubscriptionName"),
        always("Version", "Version"),
        Field { name: "Metadata", json: "Metadata", omit_empty: false, of: Type::map },
    ],
};

/// A commit that a Warehouse has discovered.
pub static DISCOVERED_COMMIT: StructType = StructType {
    name: "v1alpha1.DiscoveredCommit",
    fields: &[
        field("ID", "id"),
        field("Branch", "branch"),
        field("Tag", "tag"),
        field("Subject", "subject"),
        field("Author", "author"),
        field("Committer", "committer"),
        Field { name: "CreatorDate", json: "creatorDate", omit_empty: true, of: || Type::Time },
    ],
};

/// An image that a Warehouse has discovered.
pub static DISCOVERED_IMAGE: StructType = StructType {
    name: "v1alpha1.DiscoveredImageReference",
    fields: &[
        always("Tag", "tag"),
        always("Digest", "digest"),
        ANNOTATIONS,
        Field { name: "CreatedAt", json: "createdAt", omit_empty: true, of: || Type::Time },
    ],
};

/// Makes a struct of JSON that has the fields by their JSON names; what is not there is empty.
pub(super) fn record(of: &'static StructType, json: &Json) -> Value {
    let value = |field: &Field| {
        let json = &json[field.json];
        match (field.of)() {
            Type::Text => Value::from(json.as_str().unwrap_or_default()),
            Type::Time => {
                json.as_str().and_then(|text| golang::time::parse_rfc3339(text).ok()).map_or(Value::Nil, |at| Value::Time(at.into()))
            }
            _ => {
                let entries = json.as_object().into_iter().flatten();
                Value::texts(entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))))
            }
        }
    };
    Value::record(of, of.fields.iter().map(value).collect())
}
