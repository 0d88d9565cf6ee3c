//! What `bindgen!` implements the codec's traits with, for each kind of named
//! type. Not for use by hand.

/// Implements the traits for a struct whose fields are named in WIT's order.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($name:ident { $($field:ident: $ty:ty),* $(,)? }) => {
        $crate::__layout!([] $name, $($ty,)*);
        $crate::__decode_fields!([] ['wash] $name { $($field: $ty),* });

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::codec::Writer<'_>,
                at: usize,
            ) -> ::std::result::Result<(), $crate::codec::CodecError> {
                let mut end = 0;
                $(
                    end = $crate::codec::align_to(end, <$ty as $crate::codec::Layout>::ALIGN);
                    <$ty as $crate::codec::Encode>::encode(&self.$field, writer, at + end)?;
                    end += <$ty as $crate::codec::Layout>::SIZE;
                )*
                let _ = end;
                ::std::result::Result::Ok(())
            }
        }
    };
}

/// Implements the traits of reading for a struct that borrows: a function's
/// parameters, or a record that can only be one.
#[doc(hidden)]
#[macro_export]
macro_rules! __params {
    ($name:ident<$lt:lifetime> { $($field:ident: $ty:ty),* $(,)? }) => {
        $crate::__layout!([$lt] $name<$lt>, $($ty,)*);
        $crate::__decode_fields!([] [$lt] $name<$lt> { $($field: $ty),* });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __layout {
    ([$($lt:lifetime)?] $name:ty, $($ty:ty,)*) => {
        impl$(<$lt>)? $crate::codec::Layout for $name {
            const SIZE: usize = {
                let mut end = 0;
                $(
                    end = $crate::codec::align_to(end, <$ty as $crate::codec::Layout>::ALIGN)
                        + <$ty as $crate::codec::Layout>::SIZE;
                )*
                $crate::codec::align_to(end, <Self as $crate::codec::Layout>::ALIGN)
            };
            const ALIGN: usize = {
                let mut align = 1;
                $(align = $crate::codec::max(align, <$ty as $crate::codec::Layout>::ALIGN);)*
                align
            };
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __decode_fields {
    ([] [$lt:lifetime] $name:ty { $($field:ident: $ty:ty),* }) => {
        impl<$lt> $crate::codec::Decode<$lt> for $name {
            #[inline]
            fn decode(
                reader: $crate::codec::Reader<$lt>,
                at: usize,
            ) -> ::std::result::Result<Self, $crate::codec::CodecError> {
                let mut end = 0;
                $(
                    end = $crate::codec::align_to(end, <$ty as $crate::codec::Layout>::ALIGN);
                    let $field = <$ty as $crate::codec::Decode<$lt>>::decode(reader, at + end)?;
                    end += <$ty as $crate::codec::Layout>::SIZE;
                )*
                let _ = end;
                ::std::result::Result::Ok(Self { $($field),* })
            }
        }
    };
}

/// Implements the traits for an `enum`, of a variant or an enum in WIT; one that
/// borrows is only read.
#[doc(hidden)]
#[macro_export]
macro_rules! __variant {
    ($name:ident<$lt:lifetime>, $wit:literal, $cases:literal { $($rest:tt)* }) => {
        const _: () = {
            $crate::__variant_decode!([$lt] [$lt] $name<$lt>, $wit, $cases { $($rest)* });
        };
    };
    ($name:ident, $wit:literal, $cases:literal { $($number:literal => $case:ident $(($ty:ty))?),* $(,)? }) => {
        const _: () = {
            $crate::__variant_decode!(
                [] ['wash] $name, $wit, $cases { $($number => $case $(($ty))?),* }
            );

            impl $crate::codec::Encode for $name {
                #[inline]
                fn encode(
                    &self,
                    writer: &mut $crate::codec::Writer<'_>,
                    at: usize,
                ) -> ::std::result::Result<(), $crate::codec::CodecError> {
                    let _payload =
                        at + $crate::codec::align_to(TAG, <Self as $crate::codec::Layout>::ALIGN);
                    $crate::__cases!(self, writer, at, _payload, TAG, $($number => $case $(($ty))?,)*);
                    ::std::result::Result::Ok(())
                }
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __variant_decode {
    ([$($generic:lifetime)?] [$lt:lifetime] $name:ty, $wit:literal, $cases:literal { $($number:literal => $case:ident $(($ty:ty))?),* $(,)? }) => {
        const TAG: usize = $crate::codec::discriminant_size($cases);

        impl$(<$generic>)? $crate::codec::Layout for $name {
            const SIZE: usize = {
                let mut size = 0;
                $($(size = $crate::codec::max(size, <$ty as $crate::codec::Layout>::SIZE);)?)*
                let payload =
                    $crate::codec::align_to(TAG, <Self as $crate::codec::Layout>::ALIGN);
                $crate::codec::align_to(payload + size, <Self as $crate::codec::Layout>::ALIGN)
            };
            const ALIGN: usize = {
                let mut align = TAG;
                $($(align = $crate::codec::max(align, <$ty as $crate::codec::Layout>::ALIGN);)?)*
                align
            };
        }

        impl<$lt> $crate::codec::Decode<$lt> for $name {
            #[inline]
            fn decode(
                reader: $crate::codec::Reader<$lt>,
                at: usize,
            ) -> ::std::result::Result<Self, $crate::codec::CodecError> {
                // Offset of the payload, for the cases that have one.
                let _payload =
                    at + $crate::codec::align_to(TAG, <Self as $crate::codec::Layout>::ALIGN);
                match $crate::codec::read_discriminant(reader, at, TAG)? {
                    $($number => ::std::result::Result::Ok(Self::$case $((
                        <$ty as $crate::codec::Decode<$lt>>::decode(reader, _payload)?
                    ))?),)*
                    value => ::std::result::Result::Err($crate::codec::CodecError::NoSuchCase { value, ty: $wit }),
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __cases {
    ($self:ident, $writer:ident, $at:ident, $payload:ident, $tag:ident, $($number:literal => $case:ident $(($ty:ty))?,)*) => {
        match $self {
            $($crate::__case_pattern!($case, value $(, $ty)?) => {
                $crate::codec::write_discriminant($writer, $at, $tag, $number)?;
                $(<$ty as $crate::codec::Encode>::encode(value, $writer, $payload)?;)?
            })*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __case_pattern {
    ($case:ident, $value:ident) => {
        Self::$case
    };
    ($case:ident, $value:ident, $ty:ty) => {
        Self::$case($value)
    };
}

/// Implements the traits for flags that `bitflags!` made.
#[doc(hidden)]
#[macro_export]
macro_rules! __flags {
    ($name:ident, $bits:ty, $wit:literal) => {
        impl $crate::codec::Layout for $name {
            const SIZE: usize = <$bits as $crate::codec::Layout>::SIZE;
            const ALIGN: usize = <$bits as $crate::codec::Layout>::ALIGN;
        }

        impl<'wash> $crate::codec::Decode<'wash> for $name {
            #[inline]
            fn decode(
                reader: $crate::codec::Reader<'wash>,
                at: usize,
            ) -> ::std::result::Result<Self, $crate::codec::CodecError> {
                let bits = <$bits as $crate::codec::Decode<'wash>>::decode(reader, at)?;
                // The canonical ABI ignores bits that name no flag.
                ::std::result::Result::Ok(Self::from_bits_truncate(bits))
            }
        }

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(
                &self,
                writer: &mut $crate::codec::Writer<'_>,
                at: usize,
            ) -> ::std::result::Result<(), $crate::codec::CodecError> {
                <$bits as $crate::codec::Encode>::encode(&self.bits(), writer, at)
            }
        }
    };
}
