//! The macros of `wash-plugin-abi`; see there. This crate is an implementation
//! detail of that one.

mod bindgen;
mod schema;

use proc_macro::TokenStream;

/// Makes Rust of a WIT world: a trait for each interface that the world
/// exports, and the types that it needs.
///
/// In the world of a plugin, `export` is what the plugin serves to components.
///
/// ```text
/// bindgen!();                            // the only world in ./wit
/// bindgen!("logger");                    // the world `logger` in ./wit
/// bindgen!({
///     path: "wit",                       // file or folder, from Cargo.toml's
///     inline: "package a:b; …",          // or the WIT itself (may use `path`)
///     world: "logger",                   // where there are several
///     async: ["a:b/store#get"],          // functions that answer later, or
///     async: true,                       // all of them
/// });
/// ```
///
/// # What is made
///
/// For `export a:b/store`, the module `exports::a::b::store` with the
/// interface's types, and a trait `Guest` with a method for each function. A
/// method takes `&self`, a `&Call<'_>` that says who calls, and the function's
/// parameters. Interfaces that are only used for their types are in modules
/// without `exports`.
///
/// Parameters borrow from the call: a `string` is a `&str`, a `list` of numbers
/// a slice, also inside `list`, `map`, `option`, `result` and `tuple`. Named
/// types, and all results, own what they hold, but for those that have a `borrow`
/// or an `error-context` in them: they can only be parameters, borrow as these do,
/// and have a lifetime. Records are structs, variants and enums are enums, flags
/// are `bitflags`, a `map` is a `BTreeMap`, and a list of a fixed length an array,
/// or a reference to one where it borrows.
///
/// For a resource `bucket`, the trait `GuestBucket` has its constructor (`new`),
/// methods and static functions, and `Guest` a type `Bucket` that implements it:
/// the author's own. A function that returns one, wherever in its result,
/// returns a `Bucket` made by `Bucket::new(value)`; one that a component lends is
/// a `BucketBorrow<'_>`. What a component was given is dropped when it drops it,
/// or goes away itself.
///
/// A function that is named in `async` may answer later: its method is an
/// `async fn`, and runs on the plugin's own tokio runtime.
///
/// A `stream<T>` is a `StreamReader<T>`, and a `future<T>` a `FutureReader<T>`, of
/// `wash_plugin_abi::io`, which says how they are made and read; so are the streams
/// and pollables of `wasi:io`.
///
/// # What is refused
///
/// Error contexts other than as parameters; pollables that are given to the plugin,
/// and not lent, or lent to a function that cannot wait for them; functions that the world imports, or exports outside an interface. The
/// message names what it is about.
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    bindgen::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Describes a configuration by a JSON Schema that the manifest carries.
///
/// For structs with named fields and enums of unit variants; see the trait of
/// the same name.
#[proc_macro_derive(ConfigSchema, attributes(config, serde))]
pub fn config_schema(input: TokenStream) -> TokenStream {
    syn::parse(input)
        .and_then(schema::expand)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
