//! The types of a component's functions, as text for people.

use wash_runtime::wasmtime::component::{
    Type,
    types::{ComponentFunc, Record, Variant},
};

/// How deep types are written out. What is deeper is `…`: a type that is written
/// out can be much larger than the component that it comes from.
const MAX_DEPTH: usize = 6;

/// Returns a function as WIT has it: `run: func(message: string) -> string`.
pub(super) fn signature(name: &str, function: &ComponentFunc) -> String {
    let params: Vec<String> = function
        .params()
        .map(|(name, ty)| format!("{name}: {}", name_of(&ty)))
        .collect();
    let result = match function.results().next() {
        Some(ty) => format!(" -> {}", name_of(&ty)),
        None => String::new(),
    };
    let kind = match function.async_() {
        true => "async func",
        false => "func",
    };
    format!("{name}: {kind}({}){result}", params.join(", "))
}

/// Returns a type as WIT has it, with what named types are made of.
pub(super) fn name_of(ty: &Type) -> String {
    name(ty, MAX_DEPTH)
}

fn name(ty: &Type, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else {
        return "…".to_owned();
    };
    let of = |ty: &Type| name(ty, depth);
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::Float32 => "f32".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "string".to_owned(),
        Type::List(list) => format!("list<{}>", of(&list.ty())),
        Type::FixedLengthList(list) => format!("list<{}, {}>", of(&list.ty()), list.len()),
        Type::Map(map) => format!("map<{}, {}>", of(&map.key()), of(&map.value())),
        Type::Record(record) => fields(record, of),
        Type::Tuple(tuple) => {
            let types: Vec<String> = tuple.types().map(|ty| of(&ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        Type::Variant(variant) => cases(variant, of),
        Type::Enum(of) => format!("enum {{ {} }}", join(of.names())),
        Type::Option(option) => format!("option<{}>", of(&option.ty())),
        Type::Result(result) => match (result.ok(), result.err()) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", of(&ok)),
            (None, Some(err)) => format!("result<_, {}>", of(&err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", of(&ok), of(&err)),
        },
        Type::Flags(flags) => format!("flags {{ {} }}", join(flags.names())),
        Type::Own(_) => "a resource".to_owned(),
        Type::Borrow(_) => "a borrowed resource".to_owned(),
        Type::Future(_) => "a future".to_owned(),
        Type::Stream(_) => "a stream".to_owned(),
        Type::ErrorContext => "an error-context".to_owned(),
    }
}

fn fields(record: &Record, of: impl Fn(&Type) -> String) -> String {
    let fields: Vec<String> = record
        .fields()
        .map(|field| format!("{}: {}", field.name, of(&field.ty)))
        .collect();
    format!("record {{ {} }}", fields.join(", "))
}

fn cases(variant: &Variant, of: impl Fn(&Type) -> String) -> String {
    let cases: Vec<String> = variant
        .cases()
        .map(|case| match &case.ty {
            Some(ty) => format!("{}({})", case.name, of(ty)),
            None => case.name.to_owned(),
        })
        .collect();
    format!("variant {{ {} }}", cases.join(", "))
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
