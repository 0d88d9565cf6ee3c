//! What an operator lets pass: [`Allow`].

/// What is refused unless an operator lets it pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allow {
    /// Files, and directories and links on the way to them, that others than
    /// root and the user that runs the host own, or can write to: they could
    /// put other code there.
    ///
    /// A directory where only the owner of an entry may replace it, such as
    /// `/tmp`, is none of them. Nor is what a user's own group, of the user's
    /// own number, can write to.
    pub insecure_permissions: bool,
    /// Plugins that have the dynamic linker load other libraries than those of
    /// the system's C and compiler runtimes, or look for them in directories of
    /// their own choice. Nobody checks those: they come with no manifest, and
    /// are loaded whatever has become of them.
    pub foreign_libraries: bool,
}

impl Allow {
    /// Nothing: what is not said otherwise.
    pub const NOTHING: Self = Self {
        insecure_permissions: false,
        foreign_libraries: false,
    };

    /// All of it, to look at a plugin that is not to be loaded.
    pub const ALL: Self = Self {
        insecure_permissions: true,
        foreign_libraries: true,
    };

    /// Sets [`insecure_permissions`](Self::insecure_permissions).
    #[must_use]
    pub fn with_insecure_permissions(mut self, allow: bool) -> Self {
        self.insecure_permissions = allow;
        self
    }

    /// Sets [`foreign_libraries`](Self::foreign_libraries).
    #[must_use]
    pub fn with_foreign_libraries(mut self, allow: bool) -> Self {
        self.foreign_libraries = allow;
        self
    }
}
