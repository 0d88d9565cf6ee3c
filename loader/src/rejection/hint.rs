//! What to do about each cause of a rejection.

use std::path::Path;

use super::{Place, RejectionCause};
use crate::access::quoted;
use crate::foreign::{explain_io, explain_text};

/// Where operators read more about what is expected of plugins' files.
pub(crate) const PAGE: &str = "docs/PLUGIN-FILES.md";

/// What to do next.
pub(super) fn of(cause: &RejectionCause) -> String {
    match cause {
        RejectionCause::Unreadable { source } if explain_io(source).is_some() => {
            explain_io(source).map_or_else(String::new, |explained| explained.help)
        }
        RejectionCause::Unreadable { .. } => {
            "let the user that runs the host read the file".to_owned()
        }
        RejectionCause::Owner {
            path, user, place, ..
        } => owner(path, *user, *place),
        RejectionCause::UnknownOwner { .. } => format!(
            "map the owner's number into the host's user namespace, or run the host outside of it; \
             or accept such files with --allow-insecure-permissions ({PAGE})"
        ),
        RejectionCause::Writable {
            path,
            owner,
            user,
            place,
            is_mounted,
            ..
        } => writable(path, *owner, *user, *place, *is_mounted),
        RejectionCause::BeingWritten | RejectionCause::Changed => {
            "wait until the program that copies or builds the file has ended, and try again; \
             `fuser -v FILE` shows who has it open. A file that is copied to another name and then \
             renamed is never seen half written"
                .to_owned()
        }
        RejectionCause::NotWhole { .. } | RejectionCause::Damaged { .. } => {
            "copy the file again: it may be incomplete".to_owned()
        }
        RejectionCause::ForeignLibraries { .. } => {
            "link them into the plugin; or, if you trust whoever can change them, let such \
             plugins pass with --allow-foreign-libraries"
                .to_owned()
        }
        RejectionCause::SearchPaths { .. } => {
            "link the plugin without `-rpath`; or, if you trust whoever can write there, let \
             such plugins pass with --allow-foreign-libraries"
                .to_owned()
        }
        RejectionCause::NotAFile { .. } | RejectionCause::NotALibrary { .. } => {
            "remove it from the plugin directory, or put a plugin in its place".to_owned()
        }
        RejectionCause::TooLarge => {
            "strip the library of its debug information, or remove it".to_owned()
        }
        RejectionCause::TooMuch { .. } => {
            "strip the plugins of their debug information with `strip --strip-debug`, or put fewer \
             of them into one directory"
                .to_owned()
        }
        RejectionCause::Format { .. } | RejectionCause::Target { .. } => {
            "get or build the plugin for this host's platform".to_owned()
        }
        RejectionCause::Kind { .. } => {
            "build the plugin with `crate-type = [\"cdylib\"]`".to_owned()
        }
        RejectionCause::ExecutableStack => {
            "link the plugin with `-z noexecstack`; an object file of assembly without a section \
             `.note.GNU-stack` is a common cause"
                .to_owned()
        }
        RejectionCause::NotToBeOpened => "link the plugin without `-z nodlopen`".to_owned(),
        RejectionCause::NoManifest => {
            "if it is meant to be a plugin, does it call `wash_plugin_abi::export!`? If it is \
             a library that a plugin needs, keep it in another directory"
                .to_owned()
        }
        RejectionCause::ManifestEdited => format!(
            "rebuild the plugin with a current wash-plugin-abi, and then edit it again: its code \
             has a manifest of its own that tools such as patchelf leave alone ({PAGE})"
        ),
        RejectionCause::NoEntry => {
            "build the plugin as a `cdylib` that calls `wash_plugin_abi::export!`, and let no \
             version script or tool hide the symbol"
                .to_owned()
        }
        RejectionCause::Manifest(_) | RejectionCause::World(_) => {
            "rebuild the plugin with a current wash-plugin-abi; if that does not help, tell \
             its author"
                .to_owned()
        }
        RejectionCause::AbiRevision { plugin, host } if plugin > host => format!(
            "update the host, or build the plugin against revision {host} of the plugin ABI"
        ),
        RejectionCause::AbiRevision { host, .. } => {
            format!("build the plugin against revision {host} of the plugin ABI")
        }
        RejectionCause::DuplicateId { .. } => {
            "keep one of the files, or give one of the plugins another id with \
             `export!(Type, id = \"…\")`"
                .to_owned()
        }
        RejectionCause::ReservedId { .. } => {
            "remove the file, or give the plugin another id with `export!(Type, id = \"…\")`"
                .to_owned()
        }
        RejectionCause::DuplicateInterface { .. } => {
            "keep one of the plugins: a host can have only one for each interface".to_owned()
        }
        RejectionCause::OtherLibc { host, .. } => {
            format!("get or build the plugin for {host}: the last part of its target says which")
        }
        RejectionCause::MissingLibraries { .. } => {
            "install the package that has it, or link the plugin without it".to_owned()
        }
        RejectionCause::MissingVersions {
            library, newest, ..
        } => versions(library, newest.as_deref()),
        RejectionCause::PackedRelocations => {
            "link the plugin without `--pack-dyn-relocs=relr`, or run the host on a newer system"
                .to_owned()
        }
        RejectionCause::PageSize { host, .. } => {
            format!("link the plugin with `-z max-page-size={host}`")
        }
        RejectionCause::StaticTls { .. } => tls(),
        RejectionCause::NoPlace { advice, .. } | RejectionCause::Linker { advice, .. } => {
            advice.clone()
        }
        RejectionCause::Load { reason } if explain_text(reason).is_some() => {
            explain_text(reason).map_or_else(String::new, |explained| explained.help)
        }
        RejectionCause::Load { .. } => {
            "rebuild the plugin; `wash-host plugin inspect FILE` shows what it needs".to_owned()
        }
    }
}

fn owner(path: &Path, user: u32, place: Place) -> String {
    // A link would have its target given away instead.
    let command = match place {
        Place::File | Place::Directory => "chown",
        Place::Link => "chown -h",
        Place::Above => return above(user),
    };
    let command = format!("`{command} {user} {}`", quoted(path));
    let command = match user {
        0 => command,
        _ => format!("have root run {command}"),
    };
    format!(
        "if you know where it is from: {command}; or let such files pass with \
         --allow-insecure-permissions"
    )
}

fn writable(path: &Path, owner: u32, user: u32, place: Place, is_mounted: bool) -> String {
    if place == Place::Above {
        return above(user);
    }
    let command = format!("`chmod go-w {}`", quoted(path));
    let command = match user {
        0 => command,
        user if user == owner => command,
        _ if owner == 0 => format!("have root run {command}"),
        _ => format!("have root or user {owner} run {command}"),
    };
    let mount = match is_mounted {
        true => format!(
            "mount the volume read-only for the host (`readOnly: true` in Kubernetes, {PAGE}); or "
        ),
        false => String::new(),
    };
    format!("{mount}{command}; or let such files pass with --allow-insecure-permissions")
}

/// What is above the plugins' directory is not theirs to change.
fn above(user: u32) -> String {
    let who = match user {
        0 => "only root".to_owned(),
        user => format!("only root and user {user}"),
    };
    format!(
        "move the plugins into a directory that {who} can change, with all directories above it, \
         and name it; or let such files pass with --allow-insecure-permissions"
    )
}

fn versions(library: &str, newest: Option<&str>) -> String {
    let of_glibc = newest.and_then(|newest| newest.strip_prefix("GLIBC_"));
    match of_glibc {
        Some(version) => format!(
            "build the plugin on a system with glibc {version} or older, or for it (`cargo \
             zigbuild --target {}-unknown-linux-gnu.{version}`); or run the host on a newer system",
            std::env::consts::ARCH
        ),
        None => format!(
            "update the package that has `{library}`, or build the plugin on a system like this one"
        ),
    }
}

/// What to do about static thread-local storage.
pub(crate) fn tls() -> String {
    format!(
        "build the plugin without the initial-exec model: without `-ftls-model=initial-exec`, and \
         jemalloc with its feature `disable_initial_exec_tls`; or start the host with \
         GLIBC_TUNABLES=glibc.rtld.optional_static_tls=BYTES in its environment ({PAGE})"
    )
}
