//! Looking into nodes. Read first: [`Look`].

use yaml::{Content, Node, Style};

/// Questions to a node.
pub(crate) trait Look {
    /// The value at a path of keys with dots between; a number is an index.
    fn at(&self, path: &str) -> Option<&Node>;
    /// The value of a key.
    fn get(&self, key: &str) -> Option<&Node>;
    /// The key itself and its value.
    fn pair(&self, key: &str) -> Option<&(Node, Node)>;
    /// The text of a scalar that is not empty or null.
    fn text(&self) -> Option<&str>;
    /// The text at a path; empty where there is none.
    fn text_at(&self, path: &str) -> &str;
    /// The items of a list.
    fn items(&self) -> &[Node];
    /// The items of the list at a path.
    fn items_at(&self, path: &str) -> &[Node];
    /// The pairs of a map.
    fn pairs(&self) -> &[(Node, Node)];
    /// A plain `true` or `false`.
    fn flag(&self) -> Option<bool>;
    /// The texts of a list, or the one text.
    fn texts(&self) -> Vec<&Node>;
    /// Calls a function with every scalar in it that is a value.
    fn scalars<'a>(&'a self, each: &mut dyn FnMut(&'a Node, &'a str));
    /// The first byte.
    fn start(&self) -> usize;
}

impl Look for Node {
    fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, step| match &node.content {
            Content::List(items, _) => items.get(step.parse::<usize>().ok()?),
            _ => node.get(step),
        })
    }

    fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|(_, value)| value)
    }

    fn pair(&self, key: &str) -> Option<&(Node, Node)> {
        self.pairs().iter().find(|(name, _)| matches!(&name.content, Content::Scalar(text, _) if text == key))
    }

    fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text, Style::Plain) if text.is_empty() || text == "null" || text == "~" => None,
            Content::Scalar(text, _) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn text_at(&self, path: &str) -> &str {
        self.at(path).and_then(Look::text).unwrap_or_default()
    }

    fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items, _) => items,
            _ => &[],
        }
    }

    fn items_at(&self, path: &str) -> &[Node] {
        self.at(path).map_or(&[], Look::items)
    }

    fn pairs(&self) -> &[(Node, Node)] {
        match &self.content {
            Content::Map(pairs, _) => pairs,
            _ => &[],
        }
    }

    fn flag(&self) -> Option<bool> {
        match &self.content {
            Content::Scalar(text, Style::Plain) if matches!(text.as_str(), "true" | "True" | "yes" | "on") => Some(true),
            Content::Scalar(text, Style::Plain) if matches!(text.as_str(), "false" | "False" | "no" | "off") => Some(false),
            _ => None,
        }
    }

    fn texts(&self) -> Vec<&Node> {
        match &self.content {
            Content::List(items, _) => items.iter().filter(|item| item.text().is_some()).collect(),
            Content::Scalar(..) if self.text().is_some() => vec![self],
            _ => Vec::new(),
        }
    }

    fn scalars<'a>(&'a self, each: &mut dyn FnMut(&'a Node, &'a str)) {
        match &self.content {
            Content::Scalar(text, _) => each(self, text),
            Content::List(items, _) => items.iter().for_each(|item| item.scalars(each)),
            Content::Map(pairs, _) => pairs.iter().for_each(|(_, value)| value.scalars(each)),
            Content::Alias(_) => {}
        }
    }

    fn start(&self) -> usize {
        self.span.start
    }
}
