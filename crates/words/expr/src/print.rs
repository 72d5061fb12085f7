use std::fmt;

use crate::Program;
use crate::ast::{Kind, Member, Node, Pointer, Unary};
use crate::golike::{put, quoted};

/// Prints the expression in one form, every operand in brackets; read again it means the same.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        node(&self.root, &mut out);
        f.write_str(&out)
    }
}

/// Prints an operand.
fn inner(operand: &Node, out: &mut String) {
    out.push('(');
    node(operand, out);
    out.push(')');
}

fn list(nodes: &[Node], out: &mut String) {
    for (at, item) in nodes.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        node(item, out);
    }
}

fn node(printed: &Node, out: &mut String) {
    match &printed.kind {
        Kind::Nil => out.push_str("nil"),
        Kind::Bool(value) => put(out, format_args!("{value}")),
        Kind::Int(value) => put(out, format_args!("{value}")),
        // With an exponent, so that it is read as a float again.
        Kind::Float(value) => put(out, format_args!("{value:e}")),
        Kind::Text(text) => out.push_str(&text_literal(text)),
        Kind::Bytes(bytes) => {
            out.push_str("b\"");
            bytes.iter().for_each(|byte| put(out, format_args!("\\x{byte:02x}")));
            out.push('"');
        }
        Kind::Name(name) | Kind::Local(name, _) => out.push_str(name),
        Kind::Unary(unary, operand) => {
            out.push_str(match unary {
                Unary::Not => "not ",
                Unary::Plus => "+",
                Unary::Minus => "-",
            });
            inner(operand, out);
        }
        Kind::Binary(operator, left, right) => {
            inner(left, out);
            put(out, format_args!(" {} ", operator.text()));
            inner(right, out);
        }
        Kind::Matches(of, pattern, _) => {
            inner(of, out);
            put(out, format_args!(" matches {}", text_literal(pattern)));
        }
        Kind::Compare(first, rest) => {
            inner(first, out);
            for (operator, _, right) in rest {
                put(out, format_args!(" {} ", operator.text()));
                inner(right, out);
            }
        }
        Kind::Chain(chained) => node(chained, out),
        Kind::Member(member) => self_member(member, out),
        Kind::Slice { of, from, to } => {
            inner(of, out);
            out.push('[');
            if let Some(from) = from {
                node(from, out);
            }
            out.push(':');
            if let Some(to) = to {
                node(to, out);
            }
            out.push(']');
        }
        Kind::Call { name, arguments } => {
            out.push_str(name);
            out.push('(');
            list(arguments, out);
            out.push(')');
        }
        Kind::Method { callee, arguments } => {
            self_member(callee, out);
            out.push('(');
            list(arguments, out);
            out.push(')');
        }
        Kind::Builtin(builtin, arguments) => {
            out.push_str("::");
            out.push_str(builtin.name);
            out.push('(');
            list(arguments, out);
            out.push(')');
        }
        Kind::Each(each, arguments) => {
            put(out, format_args!("::{}(", each.name()));
            for (at, argument) in arguments.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(if at == 1 { "{" } else { "" });
                node(argument, out);
                out.push_str(if at == 1 { "}" } else { "" });
            }
            out.push(')');
        }
        Kind::Pointer(pointer) => {
            out.push('#');
            out.push_str(match pointer {
                Pointer::Item => "",
                Pointer::Index => "index",
                Pointer::Accumulator => "acc",
                Pointer::Other(name) => name,
            });
        }
        Kind::Let { name, value, body, .. } => {
            put(out, format_args!("(let {name} = "));
            inner(value, out);
            out.push_str("; ");
            node(body, out);
            out.push(')');
        }
        Kind::Sequence(nodes) => {
            out.push('(');
            for (at, item) in nodes.iter().enumerate() {
                out.push_str(if at > 0 { "; " } else { "" });
                inner(item, out);
            }
            out.push(')');
        }
        Kind::Conditional { condition, then, otherwise } => {
            inner(condition, out);
            out.push_str(" ? ");
            if let Some(then) = then {
                inner(then, out);
            }
            out.push_str(" : ");
            inner(otherwise, out);
        }
        Kind::List(items) => {
            out.push('[');
            list(items, out);
            out.push(']');
        }
        Kind::Map(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                inner(key, out);
                out.push_str(": ");
                node(value, out);
            }
            out.push('}');
        }
    }
}

fn self_member(member: &Member, out: &mut String) {
    match (&member.of.kind, &member.property.kind) {
        // What is in a chain stays in it.
        (Kind::Member(of), _) => self_member(of, out),
        (Kind::Method { .. }, _) => node(&member.of, out),
        _ => inner(&member.of, out),
    }
    match &member.property.kind {
        Kind::Text(name) if member.dotted => {
            out.push_str(if member.optional { "?." } else { "." });
            out.push_str(name);
        }
        _ => {
            out.push_str(if member.optional { "?.[" } else { "[" });
            node(&member.property, out);
            out.push(']');
        }
    }
}

fn text_literal(text: &str) -> String {
    // What Go writes as bytes is written as characters here.
    let quoted = quoted(text);
    if quoted.contains("\\x") { quoted.replace("\\x", "\\u00") } else { quoted }
}
