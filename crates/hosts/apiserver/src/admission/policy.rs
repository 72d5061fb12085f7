//! ValidatingAdmissionPolicies and their bindings: what they say of a request. Kubernetes
//! `apiserver/pkg/admission/plugin/policy/{validating/{dispatcher,validator},generic/policy_dispatcher}.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::{Type, Value as Cel};
use serde_json::{Value, json};
use store::Store;

use super::expression::{BUDGET, Conditions, Evaluator, Expression, Failed, Input, Match, OUT_OF_BUDGET, compile, environment};
use super::matching::{in_version, matched, namespace_of, selected};
use super::{Ask, GROUP};
use crate::Server;
use crate::catalog::Resource;
use crate::converter;
use crate::object::{self, meta, pairs};
use crate::selector::label_selector_matches;
use crate::status::{ApiError, ApiResult};

/// A message that an expression makes is not longer than this.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// A policy with its bindings.
#[derive(Debug)]
pub(crate) struct Policy {
    name: String,
    ignore: bool,
    constraints: Constraints,
    conditions: Conditions,
    variables: Vec<(String, Expression)>,
    validations: Vec<Validation>,
    annotations: Vec<(String, Expression)>,
    params: Option<(String, String)>,
    bindings: Vec<Binding>,
}

#[derive(Debug)]
struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: String,
}

#[derive(Debug)]
struct Binding {
    name: String,
    constraints: Constraints,
    actions: Vec<String>,
    params: Value,
}

#[derive(Debug)]
struct Constraints {
    rules: Vec<Value>,
    excluded: Vec<Value>,
    namespaces: Value,
    objects: Value,
    exact: bool,
}

impl Constraints {
    fn read(raw: &Value) -> Self {
        let rules = |name: &str| raw.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let selector = |name: &str| raw.get(name).cloned().unwrap_or_else(|| json!({}));
        Self {
            rules: rules("resourceRules"),
            excluded: rules("excludeResourceRules"),
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            exact: raw.get("matchPolicy") == Some(&json!("Exact")),
        }
    }

    /// Returns the version of the kind that is meant; `None` when the request is not.
    fn matches(&self, server: &Server, ask: &Ask<'_>, object: Option<&Value>, old: Option<&Value>) -> Option<Arc<Resource>> {
        if !selected(server, &self.namespaces, &self.objects, ask, object, old)
            || (!self.excluded.is_empty() && matched(server, &self.excluded, self.exact, ask).is_some())
        {
            return None;
        }
        if self.rules.is_empty() { Some(ask.resource.clone()) } else { matched(server, &self.rules, self.exact, ask) }
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

/// Reads all policies that have bindings.
pub(crate) fn read(store: &Store) -> Vec<Policy> {
    let all = |plural: &str| -> Vec<Value> {
        let entries = store.scan(&format!("/registry/{GROUP}/{plural}/")).0;
        entries.iter().filter_map(|(_, entry)| serde_json::from_slice(&entry.value).ok()).collect()
    };
    let bindings = all("validatingadmissionpolicybindings");
    let policies = all("validatingadmissionpolicies");
    let bound = |policy: &Value| bindings.iter().filter(|binding| text(binding, "/spec/policyName") == meta(policy, "name")).collect();
    policies.iter().map(|policy| policy_of(policy, bound(policy))).filter(|policy| !policy.bindings.is_empty()).collect()
}

fn policy_of(policy: &Value, bindings: Vec<&Value>) -> Policy {
    let params = policy.pointer("/spec/paramKind").filter(|kind| kind.is_object());
    let mut variables = Vec::new();
    let mut types = BTreeMap::new();
    for variable in list(policy, "/spec/variables") {
        let (name, source) = (text(variable, "/name"), text(variable, "/expression"));
        let program = compile(&environment(params.is_some(), &types, None), source, &[]);
        types.insert(name.to_owned(), program.as_ref().map_or(Type::Dyn, |program| program.output().clone()));
        variables.push((name.to_owned(), Expression { text: source.to_owned(), program }));
    }
    let environment = environment(params.is_some(), &types, None);
    let expression = |source: &str, wanted: &[Type]| Expression { text: source.to_owned(), program: compile(&environment, source, wanted) };
    Policy {
        name: meta(policy, "name").to_owned(),
        ignore: text(policy, "/spec/failurePolicy") == "Ignore",
        constraints: Constraints::read(policy.pointer("/spec/matchConstraints").unwrap_or(&Value::Null)),
        conditions: Conditions::compile(policy.pointer("/spec/matchConditions").unwrap_or(&Value::Null), params.is_some()),
        validations: list(policy, "/spec/validations")
            .map(|one| Validation {
                expression: expression(text(one, "/expression"), &[Type::Bool]),
                message: text(one, "/message").trim().to_owned(),
                message_expression: Some(text(one, "/messageExpression"))
                    .filter(|source| !source.is_empty())
                    .map(|source| expression(source, &[Type::String])),
                reason: text(one, "/reason").to_owned(),
            })
            .collect(),
        annotations: list(policy, "/spec/auditAnnotations")
            .map(|one| (text(one, "/key").to_owned(), expression(text(one, "/valueExpression"), &[Type::String, Type::Null])))
            .collect(),
        params: params.map(|kind| (text(kind, "/apiVersion").to_owned(), text(kind, "/kind").to_owned())),
        variables,
        bindings: bindings
            .into_iter()
            .map(|binding| Binding {
                name: meta(binding, "name").to_owned(),
                constraints: Constraints::read(binding.pointer("/spec/matchResources").unwrap_or(&Value::Null)),
                actions: list(binding, "/spec/validationActions").filter_map(|one| one.as_str().map(str::to_owned)).collect(),
                params: binding.pointer("/spec/paramRef").cloned().unwrap_or_default(),
            })
            .collect(),
    }
}

/// One reason to refuse.
struct Denied {
    message: String,
    reason: String,
}

/// What one validation says.
enum Decision {
    Admit,
    Deny { message: String, reason: String },
}

/// Asks the policies about a request.
pub(crate) async fn validate(
    server: &Server,
    policies: &[Policy],
    ask: &Ask<'_>,
    object: Option<&Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> ApiResult<()> {
    let mut denied = Vec::new();
    for policy in policies {
        let Some(resource) = policy.constraints.matches(server, ask, object, old) else { continue };
        let (object, old) = (in_version(server, &resource, object).await?, in_version(server, &resource, old).await?);
        for binding in &policy.bindings {
            if binding.constraints.matches(server, ask, object.as_ref(), old.as_ref()).is_none() {
                continue;
            }
            let params = policy.params(server, binding, ask.namespace).await;
            policy.bound(server, binding, params, &resource, ask, object.as_ref(), old.as_ref(), &mut denied, warnings);
        }
    }
    let Some(Denied { message, reason }) = denied.into_iter().next() else { return Ok(()) };
    let mut error = ApiError::forbidden(ask.resource, ask.object_name(object), &message);
    error.code = match reason.as_str() {
        "Unauthorized" => 401,
        "Forbidden" => 403,
        "RequestEntityTooLarge" => 413,
        _ => 422,
    };
    error.reason = if reason.is_empty() { "Invalid".into() } else { reason.into() };
    if let Some(details) = &mut error.details {
        details["causes"] = json!([{"message": message}]);
    }
    Err(error)
}

impl Policy {
    #[allow(clippy::too_many_arguments, reason = "one step of one caller, not an interface")]
    fn bound(
        &self,
        server: &Server,
        binding: &Binding,
        params: Result<Vec<Option<Value>>, String>,
        resource: &Resource,
        ask: &Ask<'_>,
        object: Option<&Value>,
        old: Option<&Value>,
        denied: &mut Vec<Denied>,
        warnings: &mut Vec<String>,
    ) {
        let prefix = format!("ValidatingAdmissionPolicy '{}' with binding '{}' denied request: ", self.name, binding.name);
        let params = match params {
            Ok(params) => params,
            Err(why) => {
                if !self.ignore {
                    denied.push(Denied { message: format!("{prefix}failed to configure binding: {why}"), reason: String::new() });
                }
                return;
            }
        };
        let namespace = namespace_of(server, ask);
        let request = ask.request(resource);
        for params in &params {
            let input = Input {
                object,
                old,
                request: &request,
                namespace: namespace.as_ref(),
                params: params.as_ref(),
                variables: &self.variables,
            };
            for (index, decision) in self.decide(&input).into_iter().enumerate() {
                let Decision::Deny { message, reason } = decision else { continue };
                for action in &binding.actions {
                    match action.as_str() {
                        "Deny" => denied.push(Denied { message: format!("{prefix}{message}"), reason: reason.clone() }),
                        "Warn" => warnings.push(format!(
                            "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {message}",
                            self.name, binding.name
                        )),
                        _ => self.noted(ask, binding, index, &message),
                    }
                }
            }
            // Audit annotations go to the log; one that fails refuses whatever the binding's actions are.
            let evaluator = Evaluator::new(&input, BUDGET);
            for (key, annotation) in &self.annotations {
                match evaluator.evaluate(annotation) {
                    Ok(Cel::String(value)) if value.trim().is_empty() => {}
                    Ok(Cel::String(value)) => ask.note(format!("{}/{key}", self.name), value.trim()),
                    Err(Failed::Error(message)) if !self.ignore => {
                        denied.push(Denied { message: format!("{prefix}{message}"), reason: String::new() });
                    }
                    Err(Failed::Spent) if !self.ignore => {
                        denied.push(Denied { message: format!("{prefix}{OUT_OF_BUDGET}"), reason: String::new() });
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    /// Notes that a request would have been refused.
    fn noted(&self, ask: &Ask<'_>, binding: &Binding, index: usize, message: &str) {
        let failure = json!([{
            "message": message, "policy": self.name, "binding": binding.name, "expressionIndex": index, "validationActions": binding.actions,
        }]);
        ask.note("validation.policy.admission.k8s.io/validation_failure".to_owned(), &failure.to_string());
    }

    fn failed(&self, message: String) -> Decision {
        if self.ignore { Decision::Admit } else { Decision::Deny { message, reason: String::new() } }
    }

    fn decide(&self, input: &Input<'_>) -> Vec<Decision> {
        // Conditions do not see the namespace and the variables.
        match self.conditions.ask(&Input { namespace: None, variables: &[], ..*input }) {
            Match::Yes => {}
            Match::No => return Vec::new(),
            Match::Error(why) => return vec![self.failed(why)],
        }
        let evaluator = Evaluator::new(input, BUDGET);
        let mut found = Vec::with_capacity(self.validations.len());
        for validation in &self.validations {
            found.push(match evaluator.evaluate(&validation.expression) {
                Ok(Cel::Bool(true)) => Decision::Admit,
                Ok(_) => Decision::Deny { message: validation.told(&evaluator), reason: validation.reason.clone() },
                Err(Failed::Error(why)) => self.failed(why),
                Err(Failed::Spent) => return vec![self.failed(OUT_OF_BUDGET.to_owned())],
            });
        }
        found
    }

    /// Returns the parameters of a binding: one `None` when there are none to be had.
    async fn params(&self, server: &Server, binding: &Binding, namespace: &str) -> Result<Vec<Option<Value>>, String> {
        let Some((api_version, kind)) = &self.params else { return Ok(vec![None]) };
        let reference = &binding.params;
        if !reference.is_object() {
            return Ok(vec![None]);
        }
        let catalog = server.catalog();
        let found = catalog.each().find(|one| one.api_version == *api_version && one.kind == *kind);
        let missing = || Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        let deny = text(reference, "/parameterNotFoundAction") == "Deny";
        let Some(resource) = found else {
            return Err(format!("paramKind kind `&ParamKind{{APIVersion:{api_version},Kind:{kind},}}` not known"));
        };
        let stated = text(reference, "/namespace");
        if !stated.is_empty() && !resource.namespaced {
            return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
        }
        let place = if stated.is_empty() { namespace } else { stated };
        if resource.namespaced && place.is_empty() {
            return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
        }
        let name = text(reference, "/name");
        let params: Vec<Option<Value>> = if name.is_empty() {
            let selector = reference.get("selector").cloned().unwrap_or_else(|| json!({}));
            let all = server.store.scan(&resource.prefix(Some(place))).0;
            let all = converter::entries(server, resource, all).await.map_err(|error| error.message)?;
            let all = all.iter().map(|(_, entry)| object::decode(entry, resource));
            all.filter(|one| label_selector_matches(&selector, pairs(one, "labels"))).map(Some).collect()
        } else {
            let key = resource.key(place, name);
            match server.store.get(&key) {
                Some(entry) => {
                    let entry = converter::entry(server, resource, &key, entry).await.map_err(|error| error.message)?;
                    vec![Some(object::decode(&entry, resource))]
                }
                None => Vec::new(),
            }
        };
        if params.is_empty() && deny { missing() } else { Ok(params) }
    }
}

impl Validation {
    fn told(&self, evaluator: &Evaluator<'_>) -> String {
        let made = self.message_expression.as_ref().and_then(|expression| evaluator.evaluate(expression).ok());
        let made = made.as_ref().and_then(Cel::as_text).map(str::trim).map(str::to_owned);
        if let Some(made) = made.filter(|made| !made.is_empty() && made.len() <= LONGEST_MESSAGE && !made.contains('\n')) {
            return made;
        }
        if self.message.is_empty() { format!("failed expression: {}", self.expression.text.trim()) } else { self.message.clone() }
    }
}
