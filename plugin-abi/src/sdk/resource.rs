//! Resources in the author's hands: [`Own`], a resource that is given or
//! taken, and [`Borrow`], one that is lent for a call.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::slab::{Slab, Value};
use crate::codec::{CodecError, Decode, Encode, Layout, Reader, Writer};

static SLAB: Slab = Slab::new();

pub(crate) fn slab() -> &'static Slab {
    &SLAB
}

/// A resource type of a WIT interface: implemented by what `bindgen!` makes.
pub trait ResourceType: 'static {
    /// The type's name in WIT.
    const NAME: &'static str;
}

/// A resource that the plugin made, in one piece: it is given to the component
/// when it is returned, and given back when a component passes it.
pub struct Own<R> {
    value: Value,
    ty: PhantomData<fn() -> R>,
}

/// A resource that a component lends for the time of a call.
pub struct Borrow<'a, R> {
    value: Value,
    ty: PhantomData<&'a R>,
}

impl<R: ResourceType> Own<R> {
    /// Makes a resource of the author's value.
    pub fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self {
            value: Arc::new(value),
            ty: PhantomData,
        }
    }

    /// The author's value; `None` if it was made with another type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// Lends the resource, as a component does.
    pub(crate) fn lend(&self) -> Borrow<'_, R> {
        Borrow {
            value: Arc::clone(&self.value),
            ty: PhantomData,
        }
    }

    /// The author's value, for keeps; the resource itself if it was made with
    /// another type, or is lent to another call just now.
    ///
    /// # Errors
    ///
    /// As said; the resource is not lost.
    pub fn into_inner<T: Send + Sync + 'static>(self) -> Result<T, Self> {
        let again = |value| Self {
            value,
            ty: PhantomData,
        };
        let typed = Arc::downcast::<T>(self.value).map_err(again)?;
        Arc::try_unwrap(typed).map_err(|shared| again(shared))
    }
}

impl<R: ResourceType> Borrow<'_, R> {
    /// The author's value; `None` if it was made with another type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// The same, for generated code, which knows the type.
    #[doc(hidden)]
    pub fn expect<T: Send + Sync + 'static>(&self) -> Result<&T, CodecError> {
        self.get().ok_or(CodecError::NoSuchResource {
            number: 0,
            ty: R::NAME,
        })
    }
}

impl<R: ResourceType> fmt::Debug for Own<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "own<{}>", R::NAME)
    }
}

impl<R: ResourceType> fmt::Debug for Borrow<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "borrow<{}>", R::NAME)
    }
}

impl<R> Layout for Own<R> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<R> Layout for Borrow<'_, R> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a, R: ResourceType> Decode<'a> for Own<R> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let number = u32::decode(reader, at)?;
        match SLAB.take(number) {
            Some(value) => Ok(Self {
                value,
                ty: PhantomData,
            }),
            None => Err(CodecError::NoSuchResource {
                number,
                ty: R::NAME,
            }),
        }
    }
}

impl<'a, R: ResourceType> Decode<'a> for Borrow<'a, R> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let number = u32::decode(reader, at)?;
        match SLAB.get(number) {
            Some(value) => Ok(Self {
                value,
                ty: PhantomData,
            }),
            None => Err(CodecError::NoSuchResource {
                number,
                ty: R::NAME,
            }),
        }
    }
}

impl<R> Encode for Own<R> {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        // The component's from here on; the `Own` that goes was the author's.
        let number = SLAB.insert(Arc::clone(&self.value), writer.workload())?;
        number.encode(writer, at)
    }
}
