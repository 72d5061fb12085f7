//! Registry formats as values: references, manifests and indexes, a folder to an artifact and back (the same bytes always),
//! images from parts and images to a file list.
//! Read first: [`Reference`], [`Manifest`], [`flux_artifact`], [`unpack_layer`]. Pure: no network, no file, no clock.

mod artifact;
mod digest;
mod image;
mod manifest;
mod pack;
mod reference;
mod rootfs;
mod unpack;

pub use artifact::{Artifact, flux_artifact, flux_ignores};
pub use digest::AnyDigest;
pub use image::{Image, ImageConfig, ImageError, image, read_image};
pub use manifest::{Descriptor, Index, Manifest, Platform, media_type};
pub use pack::{LayerContent, LayerFile, LayerSpec, gzip, tar};
pub use reference::{Name, Reference, ReferenceError, Tag, is_attachment};
pub use rootfs::{RootEntry, RootKind, Rootfs};
pub use unpack::{Limits, UnpackError, unpack_layer};
