//! How a list of checks is written down: one row a check, with its stable code, its severity, what it is about and, where that
//! is always the same, what to do.

/// Makes the type `Check` of a module out of its list of checks.
macro_rules! checks {
    ($(#[$doc:meta])* pub enum Check; $($variant:ident = $code:literal, $severity:ident, $about:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check { $(#[doc = $about] $variant,)* }

        impl Check {
            /// Every check.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The check's stable code, as in [`Finding::code`](crate::model::Finding::code).
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// How much a finding of this check matters.
            #[must_use]
            pub fn severity(self) -> $crate::model::Severity {
                match self { $(Self::$variant => $crate::model::Severity::$severity,)* }
            }

            /// What the check is about, in one sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }
    };
    (
        $(#[$doc:meta])* pub enum Check;
        $($variant:ident = $code:literal, $severity:ident, $about:literal, $fix:literal;)*
    ) => {
        $crate::model::checks! { $(#[$doc])* pub enum Check; $($variant = $code, $severity, $about;)* }

        impl Check {
            fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

pub(crate) use checks;
