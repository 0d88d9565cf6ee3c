//! Where values lie in a call's buffer, worked out from `CanonicalABI.md` for
//! 32-bit memory, and from nothing of the loader or the SDK.

use wash_runtime::wasmtime::component::Type;

/// Size and alignment, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many bytes a value takes.
    pub size: usize,
    /// What its offset is a multiple of.
    pub align: usize,
}

/// Where a value of `ty` lies.
#[must_use]
pub fn of(ty: &Type) -> Layout {
    let number = |size| Layout { size, align: size };
    match ty {
        Type::Bool | Type::U8 | Type::S8 => number(1),
        Type::U16 | Type::S16 => number(2),
        Type::U32 | Type::S32 | Type::Float32 | Type::Char => number(4),
        Type::U64 | Type::S64 | Type::Float64 => number(8),
        Type::Own(_) | Type::Borrow(_) | Type::ErrorContext => number(4),
        Type::Stream(_) | Type::Future(_) => number(4),
        Type::String | Type::List(_) | Type::Map(_) => Layout { size: 8, align: 4 },
        Type::FixedLengthList(list) => {
            let element = of(&list.ty());
            Layout {
                size: element.size * list.len() as usize,
                align: element.align,
            }
        }
        Type::Record(record) => fields(&record.fields().map(|f| f.ty).collect::<Vec<_>>()),
        Type::Tuple(tuple) => fields(&tuple.types().collect::<Vec<_>>()),
        Type::Flags(flags) => number(match flags.names().len() {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }),
        Type::Variant(_) | Type::Enum(_) | Type::Option(_) | Type::Result(_) => {
            let cases = cases(ty);
            let tag = tag(cases.len());
            let payloads: Vec<Layout> = cases.iter().flatten().map(of).collect();
            let align = payloads.iter().map(|p| p.align).max().unwrap_or(1).max(tag);
            let size = payloads.iter().map(|p| p.size).max().unwrap_or(0);
            Layout {
                size: (payload_at(ty) + size).next_multiple_of(align),
                align,
            }
        }
    }
}

/// Where a tuple of these lies.
#[must_use]
pub fn fields(types: &[Type]) -> Layout {
    let mut end = 0;
    let mut align = 1;
    for ty in types {
        let field = of(ty);
        end = usize::next_multiple_of(end, field.align) + field.size;
        align = align.max(field.align);
    }
    Layout {
        size: end.next_multiple_of(align),
        align,
    }
}

/// The offset of each of these in a tuple of them.
#[must_use]
pub fn offsets(types: &[Type]) -> Vec<usize> {
    let mut end: usize = 0;
    let mut offsets = Vec::new();
    for ty in types {
        let field = of(ty);
        let at = end.next_multiple_of(field.align);
        offsets.push(at);
        end = at + field.size;
    }
    offsets
}

/// The payload of each case of a variant, enum, option or result.
#[must_use]
pub fn cases(ty: &Type) -> Vec<Option<Type>> {
    match ty {
        Type::Variant(variant) => variant.cases().map(|case| case.ty).collect(),
        Type::Enum(of) => of.names().map(|_| None).collect(),
        Type::Option(option) => vec![None, Some(option.ty())],
        Type::Result(result) => vec![result.ok(), result.err()],
        other => panic!("{other:?} has no cases"),
    }
}

/// How many bytes the number of a case takes.
#[must_use]
pub fn tag(cases: usize) -> usize {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// The offset of a variant's, option's or result's payload.
#[must_use]
pub fn payload_at(ty: &Type) -> usize {
    let cases = cases(ty);
    let aligns = cases.iter().flatten().map(|payload| of(payload).align);
    tag(cases.len()).next_multiple_of(aligns.max().unwrap_or(1))
}
