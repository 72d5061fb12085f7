//! Kubernetes' own kinds as Go sees them: which fields a struct has, how its JSON is read (with Go's words for what is wrong),
//! how it is written (what is left out when it is empty), and where everything lies in protobuf.
//!
//! All of it follows one table, `types.txt`. Read first: [`Struct`], [`read`], [`write`].

mod inner;
pub(crate) mod json;
mod protobuf;
mod read;
mod table;
mod time;
mod unstructured;
mod write;

pub(crate) use inner::{in_gos_names, in_lines};
pub(crate) use protobuf::{Fault, encode, from_protobuf};
pub(crate) use read::{Unread, read};
pub(crate) use table::{Field, Struct, Type, by_kind, by_name};
pub(crate) use unstructured::fault as unstructured_fault;
pub(crate) use write::{encoded, in_go_order, put_struct, stored, write, zero};
