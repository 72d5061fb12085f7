//! Which values a field may have: told to readers of the documents, such as `kubectl explain`. Nothing is checked by it; what
//! is wrong about a value each kind says in its own words.

use std::collections::HashMap;
use std::sync::LazyLock;

use k8s_openapi_1_23::api::{apps, batch, certificates, core, discovery};
use schemars_0_8::r#gen::SchemaSettings;
use serde_json::{Map, Value, json};

pub(super) const TABLE: &str = include_str!("enums.txt");

/// Before the values, in a description.
const HEAD: &str = "\n\nPossible enum values:";
/// Fields whose type is that of another one, of which the library knows more: field, the other.
const ALIKE: &[(&str, &str)] = &[
    ("core.v1.ImageVolumeSource pullPolicy", "core.v1.Container imagePullPolicy"),
    ("discovery.v1.EndpointPort protocol", "core.v1.ServicePort protocol"),
    ("networking.v1.IngressPortStatus protocol", "core.v1.ServicePort protocol"),
    ("networking.v1.NetworkPolicyPort protocol", "core.v1.ServicePort protocol"),
    ("storage.v1.StorageClass reclaimPolicy", "core.v1.PersistentVolumeSpec persistentVolumeReclaimPolicy"),
];
/// Values that are told of differently since: what the library says of them is no longer so.
const OUTDATED: &[(&str, &str)] = &[
    ("core.v1.ServiceSpec externalTrafficPolicy", "Cluster"),
    ("core.v1.ServiceSpec externalTrafficPolicy", "Local"),
    ("core.v1.ScopedResourceSelectorRequirement scopeName", "CrossNamespacePodAffinity"),
];

/// What each value of a field means, as far as a release of the library tells: `TYPE FIELD`, then the value.
static MEANINGS: LazyLock<HashMap<String, HashMap<String, String>>> = LazyLock::new(|| {
    let mut generator = SchemaSettings::openapi3().into_generator();
    generator.subschema_for::<apps::v1::DaemonSet>();
    generator.subschema_for::<apps::v1::Deployment>();
    generator.subschema_for::<apps::v1::StatefulSet>();
    generator.subschema_for::<batch::v1::CronJob>();
    generator.subschema_for::<certificates::v1::CertificateSigningRequest>();
    generator.subschema_for::<core::v1::LimitRange>();
    generator.subschema_for::<core::v1::Namespace>();
    generator.subschema_for::<core::v1::Node>();
    generator.subschema_for::<core::v1::PersistentVolume>();
    generator.subschema_for::<core::v1::ResourceQuota>();
    generator.subschema_for::<core::v1::Service>();
    generator.subschema_for::<discovery::v1::EndpointSlice>();
    let mut found: HashMap<String, HashMap<String, String>> = HashMap::new();
    for (name, definition) in generator.take_definitions() {
        let definition = definition.into_object();
        for (field, property) in definition.object.into_iter().flat_map(|object| object.properties) {
            let description = property.into_object().metadata.and_then(|metadata| metadata.description).unwrap_or_default();
            let Some((_, values)) = description.split_once(HEAD) else { continue };
            let key = format!("{} {field}", name.strip_prefix("io.k8s.api.").unwrap_or(&name));
            let lines = values.lines().filter_map(|line| line.strip_prefix(" - `\"")?.split_once("\"` "));
            found.insert(key, lines.map(|(value, meaning)| (value.to_owned(), meaning.to_owned())).collect());
        }
    }
    found
});

/// Adds the possible values to definitions.
pub(super) fn annotate(schemas: &mut Map<String, Value>) {
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(field), Some(values)) = (words.next(), words.next(), words.next()) else { continue };
        let property =
            schemas.get_mut(&format!("io.k8s.api.{name}")).and_then(|schema| schema.pointer_mut(&format!("/properties/{field}")));
        let Some(property) = property else { continue };
        let values: Vec<&str> = values.split('|').collect();
        match property.get_mut("items") {
            Some(items) => items["enum"] = json!(values),
            None => {
                property["enum"] = json!(values);
                let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
                property["description"] = json!(format!("{description}{}", told(&format!("{name} {field}"), &values)));
            }
        }
    }
}

/// What is said of the values after the description of their field.
fn told(place: &str, values: &[&str]) -> String {
    let source = ALIKE.iter().find(|(field, _)| *field == place).map_or(place, |(_, other)| other);
    let meanings = MEANINGS.get(source);
    let line = |value: &&str| {
        let meaning = meanings.and_then(|all| all.get(*value)).filter(|_| !OUTDATED.contains(&(place, *value)));
        meaning.map_or_else(|| format!("\n - `\"{value}\"`"), |meaning| format!("\n - `\"{value}\"` {meaning}"))
    };
    format!("{HEAD}{}", values.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_a_field_that_is_there() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let definition = crate::builtin::DEFINITIONS.get(&format!("io.k8s.api.{}", words[0])).unwrap_or(&Value::Null);
            assert!(definition["properties"].get(words[1]).is_some(), "{line}");
            let inner = definition["properties"][words[1]].get("items").unwrap_or(&definition["properties"][words[1]]);
            assert_eq!(inner["type"], "string", "{line}");
        }
    }

    #[test]
    fn values_are_told() {
        let mut schemas = crate::builtin::closure(&["io.k8s.api.core.v1.PodSpec".to_owned()]);
        annotate(&mut schemas);
        let told = |name: &str, path: &str| schemas[&format!("io.k8s.api.core.v1.{name}")].pointer(path).cloned();
        assert_eq!(told("PodSpec", "/properties/restartPolicy/enum"), Some(json!(["Always", "Never", "OnFailure"])));
        assert_eq!(told("PersistentVolumeClaimSpec", "/properties/accessModes/items/enum/3"), Some(json!("ReadWriteOncePod")));
    }

    #[test]
    fn values_are_told_of() {
        let protocols = "\n - `\"SCTP\"` is the SCTP protocol.\n - `\"TCP\"` is the TCP protocol.\n - `\"UDP\"` is the UDP protocol.";
        for (place, values, wanted) in [
            ("core.v1.ServicePort protocol", &["SCTP", "TCP", "UDP"][..], protocols),
            ("networking.v1.NetworkPolicyPort protocol", &["SCTP", "TCP", "UDP"], protocols),
            ("core.v1.Toleration operator", &["Equal", "Gt"], "\n - `\"Equal\"`\n - `\"Gt\"`"),
            ("core.v1.ServiceSpec externalTrafficPolicy", &["Local"], "\n - `\"Local\"`"),
        ] {
            assert_eq!(told(place, values), format!("{HEAD}{wanted}"), "{place}");
        }
    }

    #[test]
    fn what_is_said_of_values_is_said_of_values_that_are_there() {
        let line = |place: &str| TABLE.lines().find_map(|line| line.strip_prefix(place)?.strip_prefix(' '));
        for (place, other) in ALIKE {
            assert_eq!(line(place), line(other), "{place}");
            assert!(MEANINGS.get(*other).is_some_and(|meanings| !meanings.is_empty()), "{other}");
        }
        for (place, value) in OUTDATED {
            assert!(MEANINGS[*place].contains_key(*value), "{place} {value}");
        }
    }
}
