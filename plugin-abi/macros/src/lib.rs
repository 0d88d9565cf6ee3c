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
/// # Names
///
/// Functions, parameters, fields and modules are in `snake_case`, types and cases in
/// `CamelCase`, flags in `SHOUTY_CASE`. Names of WIT that Rust cannot have as they are
/// get an underscore behind them:
///
/// * keywords: a parameter `type` is `type_`, a case `self` is `Self_`;
/// * all but the first, in the order of the WIT, of names that are one name in Rust: of
///   the records `a-1` and `a1`, the second is `A1_`;
/// * namespaces of imports that would hide something in the file around the macro:
///   `std`, `core`, `alloc`, `exports`, and Rust's own types, such as `u8`.
///
/// What `bindgen!` makes beside the WIT's names yields to them in the same way. Beside
/// a record `guest` the trait is `Guest_`; beside a record `guest-bucket` or
/// `bucket-borrow`, those of a resource `bucket` are `GuestBucket_` and
/// `BucketBorrow_`; beside a static function `new`, the constructor is `new_`.
///
/// # What is refused
///
/// Error contexts other than as parameters; pollables that are given to the plugin,
/// and not lent, or lent to a function that cannot wait for them; functions that the
/// world imports, or exports outside an interface. The message names the item of the
/// WIT with its file, line and column, and is shown where the macro names the WIT.
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
