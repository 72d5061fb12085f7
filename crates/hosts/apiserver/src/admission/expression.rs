//! The expressions of policies and match conditions: what they may name, how they are compiled and what they cost.
//! Kubernetes `apiserver/pkg/admission/plugin/cel/{compile,condition,activation,composition}.go`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::{Environment, EvalError, Map, ObjectType, PER_CALL_LIMIT, Program, Type, Value as Cel};
use serde_json::Value;

/// What the expressions of one policy may cost together. Kubernetes `apiserver/pkg/apis/cel/config.go`.
pub(crate) const BUDGET: u64 = 10_000_000;
/// The same for match conditions.
pub(crate) const CONDITION_BUDGET: u64 = 2_500_000;
/// Said when the budget is spent.
pub(crate) const OUT_OF_BUDGET: &str = "validation failed due to running out of cost budget, no further validation rules will be run";

fn object(name: &str, fields: &[(&str, Type)]) -> Type {
    Type::Object(Arc::new(ObjectType {
        name: name.to_owned(),
        fields: fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect(),
    }))
}

static REQUEST: LazyLock<Type> = LazyLock::new(|| {
    let text = || Type::String;
    let kind = object("kubernetes.GroupVersionKind", &[("group", text()), ("version", text()), ("kind", text())]);
    let place = object("kubernetes.GroupVersionResource", &[("group", text()), ("version", text()), ("resource", text())]);
    let user = object(
        "kubernetes.UserInfo",
        &[("username", text()), ("uid", text()), ("groups", Type::list(text())), ("extra", Type::map(text(), Type::list(text())))],
    );
    object(
        "kubernetes.AdmissionRequest",
        &[
            ("kind", kind.clone()),
            ("resource", place.clone()),
            ("subResource", text()),
            ("requestKind", kind),
            ("requestResource", place),
            ("requestSubResource", text()),
            ("name", text()),
            ("__namespace__", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", user),
            ("dryRun", Type::Bool),
            ("options", Type::Dyn),
        ],
    )
});

static NAMESPACE: LazyLock<Type> = LazyLock::new(|| {
    let text = || Type::String;
    let texts = || Type::map(text(), text());
    let metadata = object(
        "kubernetes.NamespaceMetadata",
        &[
            ("name", text()),
            ("generateName", text()),
            ("namespace", text()),
            ("labels", texts()),
            ("annotations", texts()),
            ("UID", text()),
            ("creationTimestamp", Type::Timestamp),
            ("deletionGracePeriodSeconds", Type::Int),
            ("deletionTimestamp", Type::Timestamp),
            ("generation", Type::Int),
            ("resourceVersion", text()),
            ("finalizers", Type::list(text())),
        ],
    );
    let condition = object(
        "kubernetes.NamespaceCondition",
        &[("status", text()), ("type", text()), ("lastTransitionTime", Type::Timestamp), ("message", text()), ("reason", text())],
    );
    object(
        "kubernetes.Namespace",
        &[
            ("metadata", metadata),
            ("spec", object("kubernetes.NamespaceSpec", &[("finalizers", Type::list(text()))])),
            ("status", object("kubernetes.NamespaceStatus", &[("conditions", Type::list(condition)), ("phase", text())])),
        ],
    )
});

/// Returns the names that an expression may use; `kind` is the type of the objects where it is known.
pub(crate) fn environment(params: bool, variables: &BTreeMap<String, Type>, kind: Option<&Type>) -> Environment {
    typed_environment(params.then_some(&Type::Dyn), variables, kind.unwrap_or(&Type::Dyn))
}

/// Returns the same where the types of the objects and parameters are known; parameters of an unknown kind have no name.
pub(crate) fn typed_environment(params: Option<&Type>, variables: &BTreeMap<String, Type>, kind: &Type) -> Environment {
    let mut environment = Environment::default()
        .with("object", kind.clone())
        .with("oldObject", kind.clone())
        .with("namespaceObject", NAMESPACE.clone())
        .with("request", REQUEST.clone());
    if let Some(params) = params {
        environment = environment.with("params", params.clone());
    }
    if variables.is_empty() {
        return environment;
    }
    let fields = variables.iter().map(|(name, kind)| (name.clone(), kind.clone())).collect();
    environment.with("variables", Type::Object(Arc::new(ObjectType { name: "kubernetes.variables".to_owned(), fields })))
}

/// Compiles an expression that must give one of these types; none given, any is right.
pub(crate) fn compile(environment: &Environment, text: &str, wanted: &[Type]) -> Result<Program, String> {
    let program = environment.compile(text).map_err(|issues| format!("compilation failed: {issues}"))?;
    let output = program.output();
    if wanted.is_empty() || wanted.contains(output) {
        return Ok(program);
    }
    let names: Vec<String> = wanted.iter().map(Type::go_name).collect();
    Err(match &names[..] {
        [only] => format!("must evaluate to {only} but got {}", output.go_name()),
        _ => format!("must evaluate to one of [{}] but got {}", names.join(" "), output.go_name()),
    })
}

/// An expression with its text.
#[derive(Debug)]
pub(crate) struct Expression {
    pub text: String,
    pub program: Result<Program, String>,
}

/// What expressions are about: one request.
pub(crate) struct Input<'a> {
    pub object: Option<&'a Value>,
    pub old: Option<&'a Value>,
    pub request: &'a Value,
    pub namespace: Option<&'a Value>,
    pub params: Option<&'a Value>,
    /// Named expressions, each of which may use those before it.
    pub variables: &'a [(String, Expression)],
}

/// Evaluates expressions about one request within one budget.
pub(crate) struct Evaluator<'a> {
    input: &'a Input<'a>,
    left: RefCell<u64>,
    known: RefCell<BTreeMap<String, Cel>>,
}

/// Why an evaluation has no value.
pub(crate) enum Failed {
    /// The expression failed; the sentence says so.
    Error(String),
    /// Nothing more is evaluated.
    Spent,
}

struct Scope<'a, 'b> {
    evaluator: &'b Evaluator<'a>,
    program: &'b Program,
}

impl cel::Variables for Scope<'_, '_> {
    fn get(&self, name: &str) -> Option<Result<Cel, EvalError>> {
        let input = self.evaluator.input;
        let json = |value: Option<&Value>| Some(Ok(value.map_or(Cel::Null, Cel::of_json)));
        match name {
            "object" => json(input.object),
            "oldObject" => json(input.old),
            "request" => json(Some(input.request)),
            "namespaceObject" => json(input.namespace),
            "params" => json(input.params),
            "variables" => Some(Ok(self.evaluator.variables(self.program))),
            _ => None,
        }
    }
}

impl<'a> Evaluator<'a> {
    pub fn new(input: &'a Input<'a>, budget: u64) -> Self {
        Self { input, left: RefCell::new(budget), known: RefCell::default() }
    }

    /// Evaluates an expression.
    pub fn evaluate(&self, expression: &Expression) -> Result<Cel, Failed> {
        let program = expression.program.as_ref().map_err(|error| Failed::Error(format!("compilation error: {error}")))?;
        let evaluated = program.evaluate(&Scope { evaluator: self, program }, PER_CALL_LIMIT);
        let mut left = self.left.borrow_mut();
        if evaluated.cost > *left {
            *left = 0;
            return Err(Failed::Spent);
        }
        *left -= evaluated.cost;
        evaluated.result.map_err(|error| Failed::Error(format!("expression '{}' resulted in error: {error}", expression.text)))
    }

    /// Returns the variables that an expression reads; each is evaluated once, when somebody reads it.
    fn variables(&self, program: &Program) -> Cel {
        let mut map = Map::new();
        for (name, expression) in self.input.variables {
            if !program.reads("variables", name) {
                continue;
            }
            let known = self.known.borrow().get(name).cloned();
            let value = known.unwrap_or_else(|| {
                let value = self.variable(name, expression);
                self.known.borrow_mut().insert(name.clone(), value.clone());
                value
            });
            map.insert(name.as_str().into(), value);
        }
        Cel::Map(Arc::new(map))
    }

    fn variable(&self, name: &str, expression: &Expression) -> Cel {
        let Ok(program) = &expression.program else {
            return Cel::failed(&EvalError(format!("composited variable {name:?} fails to compile")));
        };
        let evaluated = program.evaluate(&Scope { evaluator: self, program }, PER_CALL_LIMIT);
        let mut left = self.left.borrow_mut();
        *left = left.saturating_sub(evaluated.cost);
        evaluated.result.unwrap_or_else(|error| Cel::failed(&EvalError(format!("composited variable {name:?} fails to evaluate: {error}"))))
    }
}

/// Conditions that narrow down which requests a webhook or policy is about.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Vec<Expression>);

/// What the conditions say of a request.
pub(crate) enum Match {
    Yes,
    No,
    Error(String),
}

impl Conditions {
    /// Compiles a list of match conditions.
    pub fn compile(list: &Value, params: bool) -> Self {
        let environment = environment(params, &BTreeMap::new(), None);
        let texts = list.as_array().into_iter().flatten().filter_map(|one| one.get("expression").and_then(Value::as_str));
        Self(texts.map(|text| Expression { text: text.to_owned(), program: compile(&environment, text.trim(), &[Type::Bool]) }).collect())
    }

    /// Asks the conditions: one that is false decides, whatever the others fail with.
    pub fn ask(&self, input: &Input<'_>) -> Match {
        let evaluator = Evaluator::new(input, CONDITION_BUDGET);
        let mut errors = Vec::new();
        for condition in &self.0 {
            match evaluator.evaluate(condition) {
                Ok(Cel::Bool(true)) => {}
                Ok(Cel::Bool(false)) => return Match::No,
                Ok(_) => errors.push(format!("expression '{}' gives no bool", condition.text)),
                Err(Failed::Error(error)) => errors.push(error),
                Err(Failed::Spent) => return Match::Error(OUT_OF_BUDGET.to_owned()),
            }
        }
        match &errors[..] {
            [] => Match::Yes,
            [only] => Match::Error(only.clone()),
            _ => Match::Error(format!("[{}]", errors.join(", "))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
