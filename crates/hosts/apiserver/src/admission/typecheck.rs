//! What a ValidatingAdmissionPolicy's status says of its expressions: whether they fit the kinds that the policy is about.
//! A warning changes nothing about what the policy does. Kubernetes
//! `apiserver/pkg/admission/plugin/policy/validating/typechecking.go`,
//! `kubernetes/pkg/controller/validatingadmissionpolicystatus/controller.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cel::{ObjectType, Type};
use patch::Writer;
use schema::Schema;
use serde_json::{Value, json};
use store::{Batch, StoreError};

use super::expression::{compile, typed_environment};
use super::{GROUP, text};
use crate::Server;
use crate::catalog::{Catalog, Resource};
use crate::object;
use crate::status::ApiResult;

/// So many kinds of one rule are looked at.
const MOST: usize = 10;
/// Who writes the status.
const MANAGER: &str = "validatingadmissionpolicy-status-controller";

/// Writes into the status of a policy what is to be said of it as it is now.
pub(crate) fn settle(server: &Server, name: &str) -> ApiResult<()> {
    let catalog = server.catalog();
    let Some(resource) = catalog.find(GROUP, "v1", "validatingadmissionpolicies") else { return Ok(()) };
    let key = resource.key("", name);
    loop {
        let Some(entry) = server.store.get(&key) else { return Ok(()) };
        let policy = object::decode(&entry, resource);
        let number = |path: &str| policy.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        let generation = number("/metadata/generation");
        if generation <= number("/status/observedGeneration") {
            return Ok(());
        }
        let mut checked = json!({});
        let warnings = warnings(&catalog, &policy);
        if !warnings.is_empty() {
            checked["expressionWarnings"] = json!(warnings);
        }
        let status = json!({"observedGeneration": generation, "typeChecking": checked});
        let config = json!({"apiVersion": policy["apiVersion"], "kind": policy["kind"], "metadata": {"name": name}, "status": status});
        let now = server.now();
        let writer = Writer {
            manager: MANAGER,
            api_version: &resource.api_version,
            subresource: "status",
            now: &now,
            empty: &resource.empty,
            reset: resource.resets.at("status"),
        };
        let mut settled = match patch::apply(Some(&policy), &config, writer, true, &resource.shape) {
            Ok(settled) => settled,
            Err(error) => {
                tracing::warn!(policy = name, %error, "the status of a policy was not written");
                return Ok(());
            }
        };
        // What an apply has emptied is null, which Go leaves out.
        crate::write::in_go_form(resource, &mut settled);
        match server.store.commit(Batch::new().expect(&key, entry.revision).put(&key, object::encode(&settled, &resource.api_version))) {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Looks at every policy, as a server does that has just begun.
pub(crate) fn resume(server: &Server) -> ApiResult<()> {
    let all = server.store.scan(&format!("/registry/{GROUP}/validatingadmissionpolicies/")).0;
    all.iter().try_for_each(|(key, _)| settle(server, key.rsplit('/').next().unwrap_or_default()))
}

/// A kind that a policy is about.
struct Target {
    /// `apps/v1, Kind=Deployment`.
    name: String,
    kind: Type,
}

fn warnings(catalog: &Catalog, policy: &Value) -> Vec<Value> {
    let targets = targets(catalog, policy);
    let params = policy.pointer("/spec/paramKind").filter(|kind| kind.is_object()).and_then(|kind| {
        let found = catalog.each().find(|one| one.api_version == text(kind, "/apiVersion") && one.kind == text(kind, "/kind"));
        found.map(|resource| declared(resource))
    });
    let mut found = Vec::new();
    let validations = policy.pointer("/spec/validations").and_then(Value::as_array);
    for (index, validation) in validations.into_iter().flatten().enumerate() {
        for field in ["expression", "messageExpression"] {
            let expression = validation.get(field).and_then(Value::as_str).unwrap_or_default();
            if field == "messageExpression" && expression.is_empty() {
                continue;
            }
            let issues: Vec<String> = targets
                .iter()
                .filter_map(|target| {
                    let why = issue(policy, target, params.as_ref(), expression)?;
                    Some(format!("{}: {why}\n", target.name))
                })
                .collect();
            if !issues.is_empty() {
                found.push(json!({"fieldRef": format!("spec.validations[{index}].{field}"), "warning": issues.join("\n")}));
            }
        }
    }
    found
}

/// Returns what is wrong with an expression for one kind.
fn issue(policy: &Value, target: &Target, params: Option<&Type>, expression: &str) -> Option<String> {
    let mut variables: BTreeMap<String, Type> = BTreeMap::new();
    for variable in policy.pointer("/spec/variables").and_then(Value::as_array).into_iter().flatten() {
        let program = compile(&typed_environment(params, &variables, &target.kind), text(variable, "/expression"), &[]);
        variables.insert(text(variable, "/name").to_owned(), program.map_or(Type::Dyn, |program| program.output().clone()));
    }
    let issues = typed_environment(params, &variables, &target.kind).compile(expression).err()?;
    Some(issues.to_string())
}

/// Returns the kinds that the rules of a policy name; those of rules with wildcards are not looked at.
fn targets(catalog: &Catalog, policy: &Value) -> Vec<Target> {
    let mut found: BTreeMap<(String, String, String), Arc<Resource>> = BTreeMap::new();
    let rules = policy.pointer("/spec/matchConstraints/resourceRules").and_then(Value::as_array);
    for rule in rules.into_iter().flatten() {
        let list = |name: &str| -> BTreeSet<String> {
            let all = rule.get(name).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let (groups, versions) = (list("apiGroups"), list("apiVersions"));
        if groups.iter().chain(&versions).any(|one| one.contains('*')) {
            continue;
        }
        let resources = list("resources").into_iter().filter(|one| !one.contains(['*', '/']));
        let named: Vec<String> = resources.collect();
        let all = groups.iter().flat_map(|group| versions.iter().map(move |version| (group, version)));
        let kinds = all.flat_map(|(group, version)| named.iter().filter_map(|plural| catalog.find(group, version, plural).cloned()));
        for resource in kinds.take(MOST) {
            found.insert((resource.group.clone(), resource.version.clone(), resource.kind.clone()), resource);
        }
    }
    let told = |((group, version, kind), resource): ((String, String, String), Arc<Resource>)| Target {
        name: format!("{group}/{version}, Kind={kind}"),
        kind: declared(&resource),
    };
    found.into_iter().map(told).collect()
}

/// Returns the type of a kind's objects. Metadata is ObjectMeta, whatever a definition says of it.
fn declared(resource: &Resource) -> Type {
    let mut fields = fields_of(&resource.schema, &resource.kind);
    for name in ["apiVersion", "kind"] {
        fields.insert(name.to_owned(), Type::String);
    }
    if let Some(metadata) = crate::builtin::RESOURCES.first().and_then(|first| first.schema.properties.get("metadata")) {
        fields.insert("metadata".to_owned(), of(metadata, &format!("{}.metadata", resource.kind)));
    }
    Type::Object(Arc::new(ObjectType { name: resource.kind.clone(), fields }))
}

fn fields_of(schema: &Schema, name: &str) -> BTreeMap<String, Type> {
    let named = |field: &String| cel::escape(field);
    schema.properties.iter().filter_map(|(field, inner)| Some((named(field)?, of(inner, &format!("{name}.{field}"))))).collect()
}

/// Returns the type of a node; what has none may be anything, so that nobody is warned of what is right.
fn of(schema: &Schema, name: &str) -> Type {
    let Some(kind) = schema.kind.filter(|_| !schema.int_or_string) else { return Type::Dyn };
    match kind {
        schema::Type::Array => schema.items.as_ref().map_or(Type::Dyn, |items| Type::list(of(items, &format!("{name}.@idx")))),
        schema::Type::Object => match &schema.additional {
            Some(inner) => Type::map(Type::String, of(inner, &format!("{name}.@elem"))),
            None if schema.properties.is_empty() => Type::Dyn,
            None => Type::Object(Arc::new(ObjectType { name: name.to_owned(), fields: fields_of(schema, name) })),
        },
        schema::Type::String => match schema.format.as_deref() {
            Some("byte") => Type::Bytes,
            Some("duration") => Type::Duration,
            Some("date" | "date-time") => Type::Timestamp,
            _ => Type::String,
        },
        schema::Type::Boolean => Type::Bool,
        schema::Type::Number => Type::Double,
        schema::Type::Integer => Type::Int,
    }
}
