//! [`ErrorContext`].

use std::marker::PhantomData;

use crate::codec::{CodecError, Decode, Layout, Reader};

/// An [`error-context`] that a component passes.
///
/// It says that there is one and no more: the engine gives its host no way to
/// read the message in it, nor to return one, whether the plugin is loaded or
/// compiled in.
///
/// [`error-context`]: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Concurrency.md
#[derive(Debug)]
pub struct ErrorContext<'a>(PhantomData<&'a ()>);

impl Layout for ErrorContext<'_> {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
}

impl<'a> Decode<'a> for ErrorContext<'a> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        // Zero: the host keeps the handle.
        u32::decode(reader, at)?;
        Ok(Self(PhantomData))
    }
}
