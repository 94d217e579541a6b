//! Settings that are one of a few words. Pure.

use strum::{Display, EnumString, VariantNames};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, VariantNames, EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown::<Self>)]
pub enum TransactionMode {
    /// Everything that is pending, all or nothing.
    #[default]
    All,
    /// Each track its own.
    Track,
    /// Each migration its own.
    Each,
}

/// The folder that relative paths of `\copy` and `\!` start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, VariantNames, EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown::<Self>)]
pub enum WorkingDirectory {
    /// The migration's own.
    Migration,
    /// The directory given to the command.
    Tree,
    /// Where the user stands.
    Caller,
}

/// What a migration's own BEGIN and COMMIT mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, VariantNames, EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown::<Self>)]
pub enum TransactionControl {
    Refuse,
    /// The file runs as it is, outside of any transaction of ours, as a group of its own.
    Separate,
    /// The outer pair is left out, and the file runs inside our transaction.
    Unwrap,
}

/// Which objects of other tracks a track may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, VariantNames, EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown::<Self>)]
pub enum Touch {
    /// It uses what it requires, and changes none.
    Own,
    /// What it requires.
    Declared,
    Any,
}

fn unknown<T: VariantNames>(text: &str) -> String {
    let words = T::VARIANTS.iter().map(|word| format!("`{word}`"));
    let words: Vec<_> = words.collect();
    let expected = match words.as_slice() {
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
        [] => String::new(),
    };
    format!("expected {expected}, got `{text}`")
}
