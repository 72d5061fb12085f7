//! From nodes to text. Read first: [`render`].

use super::TemplateError;
use super::helpers::{self, Arguments};
use super::parse::{Block, Call, Expression, Node, Path};
use super::value::{Js, put};

/// Most steps, and most bytes that are written or held.
const STEPS: usize = 100_000;
const BYTES: usize = 4 << 20;

/// Writes a template's text.
pub(super) fn render(body: &[Node], root: &Js) -> Result<String, TemplateError> {
    let mut renderer = Renderer { root, contexts: vec![root.clone()], frames: Vec::new(), names: Vec::new(), steps: STEPS, bytes: BYTES };
    let mut out = String::new();
    renderer.body(body, &mut out)?;
    Ok(out)
}

struct Renderer<'a> {
    root: &'a Js,
    /// The outer one first.
    contexts: Vec<Js>,
    /// `@index` and the like of each loop.
    frames: Vec<Vec<(String, Js)>>,
    /// Names of block parameters.
    names: Vec<(String, Js)>,
    steps: usize,
    bytes: usize,
}

impl Renderer<'_> {
    fn step(&mut self, bytes: usize) -> Result<(), TemplateError> {
        self.steps = self.steps.checked_sub(1).ok_or(TemplateError::TooLarge("its steps"))?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(TemplateError::TooLarge("what it writes"))?;
        Ok(())
    }

    fn body(&mut self, body: &[Node], out: &mut String) -> Result<(), TemplateError> {
        for node in body {
            match node {
                Node::Text(text) => {
                    self.step(text.value.len())?;
                    out.push_str(&text.value);
                }
                Node::Comment { .. } => {}
                Node::Output { call, .. } => {
                    let value = self.call(call)?;
                    self.write(&value, out)?;
                }
                Node::Block(block) => self.block(block, out)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, value: &Js, out: &mut String) -> Result<(), TemplateError> {
        if value.holds_map() {
            return Err(TemplateError::Failed("a map cannot be written".to_owned()));
        }
        let text = value.text();
        self.step(text.len())?;
        out.push_str(&text);
        Ok(())
    }

    fn context(&self) -> &Js {
        self.contexts.last().expect("the root is never taken away")
    }

    fn call(&mut self, call: &Call) -> Result<Js, TemplateError> {
        let name = helper_name(&call.head);
        if let Some(name) = name.filter(|name| name == "lookup" || helpers::known(name)) {
            return self.helper(&name, call);
        }
        if call.params.is_empty() && call.hash.is_empty() {
            // In front a literal is a name.
            return match &call.head {
                Expression::Text(name) => Ok(self.context().get(name)),
                Expression::Number(number) => Ok(self.context().get(&Js::Number(*number).text())),
                head => self.value(head),
            };
        }
        Err(TemplateError::Failed(format!("there is no helper {:?}", told(&call.head))))
    }

    fn helper(&mut self, name: &str, call: &Call) -> Result<Js, TemplateError> {
        let params = call.params.iter().map(|param| self.value(param)).collect::<Result<Vec<Js>, _>>()?;
        if name == "lookup" {
            let [from, key] = params.as_slice() else { return Err(TemplateError::Failed("lookup needs two parameters".to_owned())) };
            return Ok(if from.truthy() { from.get(&key.text()) } else { from.clone() });
        }
        self.step(helpers::cost(name, &Arguments(&params)))?;
        let found = helpers::call(name, &Arguments(&params)).map_err(|why| TemplateError::Failed(format!("{name}: {why}")))?;
        self.step(found.weight())?;
        Ok(found)
    }

    fn value(&mut self, expression: &Expression) -> Result<Js, TemplateError> {
        let value = match expression {
            Expression::Text(text) => Js::Text(text.clone()),
            Expression::Number(number) => Js::Number(*number),
            Expression::Bool(value) => Js::Bool(*value),
            Expression::Null => Js::Null,
            Expression::Undefined => Js::Undefined,
            Expression::Path(path) => self.path(path),
            Expression::Call(call) => return self.sub_call(call),
        };
        self.step(value.weight())?;
        Ok(value)
    }

    /// In parentheses only helpers are called.
    fn sub_call(&mut self, call: &Call) -> Result<Js, TemplateError> {
        match helper_name(&call.head) {
            Some(name) if name == "lookup" || helpers::known(&name) => self.helper(&name, call),
            _ => Err(TemplateError::Failed(format!("there is no helper {:?}", told(&call.head)))),
        }
    }

    fn path(&self, path: &Path) -> Js {
        let mut parts = path.parts.iter();
        let start = if path.data {
            let Some(name) = parts.next() else { return Js::Undefined };
            self.data(name, path.up)
        } else {
            let named =
                path.parts.first().filter(|_| !path.scoped).and_then(|name| self.names.iter().rev().find(|(known, _)| known == name));
            match named {
                Some((_, value)) => {
                    parts.next();
                    value.clone()
                }
                // One part is looked up in place, so that large contexts are not copied.
                None => match (self.contexts.len().checked_sub(path.up + 1).map(|at| &self.contexts[at]), parts.next()) {
                    (Some(context), Some(name)) => context.get(name),
                    (Some(context), None) => context.clone(),
                    (None, _) => Js::Undefined,
                },
            }
        };
        parts.fold(start, |value, name| value.get(name))
    }

    fn data(&self, name: &str, up: usize) -> Js {
        if name == "root" {
            return self.root.clone();
        }
        let frames = &self.frames[..self.frames.len().saturating_sub(up)];
        let found = frames.iter().rev().flatten().find(|(known, _)| known == name);
        found.map_or(Js::Undefined, |(_, value)| value.clone())
    }

    fn block(&mut self, block: &Block, out: &mut String) -> Result<(), TemplateError> {
        self.step(1)?;
        let call = &block.call;
        let name = helper_name(&call.head).unwrap_or_default();
        let one = |count: &[Expression]| match count {
            [only] => Ok(only.clone()),
            _ => Err(TemplateError::Failed(format!("#{name} needs one parameter"))),
        };
        match name.as_str() {
            "if" | "unless" => {
                let value = self.value(&one(&call.params)?)?;
                let zero = matches!(value, Js::Number(0.0)) && !self.includes_zero(call)?;
                let holds = !zero && !value.is_empty();
                self.branch(block, holds == (name == "if"), out)
            }
            "each" => {
                let value = self.value(&one(&call.params)?)?;
                self.each(block, value, out)
            }
            "with" => {
                let value = self.value(&one(&call.params)?)?;
                if value.is_empty() {
                    return self.branch(block, false, out);
                }
                self.inside(block, value.clone(), vec![value], None, out)
            }
            helper if helper == "lookup" || helpers::known(helper) => {
                // A helper that takes no body writes its value.
                let value = self.helper(helper, call)?;
                self.write(&value, out)
            }
            _ => match self.call(call)? {
                Js::Bool(true) => self.branch(block, true, out),
                Js::Undefined | Js::Null | Js::Bool(false) => self.branch(block, false, out),
                list @ Js::List(_) => self.each(block, list, out),
                value => self.inside(block, value, Vec::new(), None, out),
            },
        }
    }

    fn includes_zero(&mut self, call: &Call) -> Result<bool, TemplateError> {
        let option = call.hash.iter().find(|(name, _)| name == "includeZero").map(|(_, value)| value);
        option.map_or(Ok(false), |value| Ok(self.value(value)?.truthy()))
    }

    fn branch(&mut self, block: &Block, holds: bool, out: &mut String) -> Result<(), TemplateError> {
        let body = if holds { &block.program } else { &block.inverse };
        body.as_ref().map_or(Ok(()), |body| self.body(body, out))
    }

    fn each(&mut self, block: &Block, value: Js, out: &mut String) -> Result<(), TemplateError> {
        let items: Vec<(Js, Js)> = match value {
            Js::List(items) => items.into_iter().enumerate().map(|(at, item)| (Js::Number(at as f64), item)).collect(),
            Js::Map(fields) => fields.into_iter().map(|(key, item)| (Js::Text(key), item)).collect(),
            _ => Vec::new(),
        };
        if items.is_empty() {
            return self.branch(block, false, out);
        }
        let count = items.len();
        for (at, (key, item)) in items.into_iter().enumerate() {
            self.step(item.weight())?;
            let mut frame = vec![("key".to_owned(), key.clone()), ("index".to_owned(), Js::Number(at as f64))];
            frame.push(("first".to_owned(), Js::Bool(at == 0)));
            frame.push(("last".to_owned(), Js::Bool(at + 1 == count)));
            self.inside(block, item.clone(), vec![item, key], Some(frame), out)?;
        }
        Ok(())
    }

    /// Writes a block's body in a context of its own.
    fn inside(
        &mut self,
        block: &Block,
        context: Js,
        values: Vec<Js>,
        frame: Option<Vec<(String, Js)>>,
        out: &mut String,
    ) -> Result<(), TemplateError> {
        let (contexts, frames, names) = (self.contexts.len(), self.frames.len(), self.names.len());
        // The same context again is not one level up.
        if *self.context() != context {
            self.contexts.push(context);
        }
        self.frames.extend(frame);
        let mut named = Vec::new();
        block.names.iter().zip(values).for_each(|(name, value)| put(&mut named, name.clone(), value));
        self.names.extend(named);
        let result = self.branch(block, true, out);
        self.contexts.truncate(contexts);
        self.frames.truncate(frames);
        self.names.truncate(names);
        result
    }
}

/// Returns the name that a helper would have to be called so.
fn helper_name(head: &Expression) -> Option<String> {
    match head {
        Expression::Path(path) if !path.data && !path.scoped && path.parts.len() == 1 => path.parts.first().cloned(),
        _ => None,
    }
}

fn told(head: &Expression) -> String {
    match head {
        Expression::Path(path) => path.parts.join("."),
        _ => "(…)".to_owned(),
    }
}
