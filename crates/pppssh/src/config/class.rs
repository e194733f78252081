//! What a caller may change on the command line when the binary has rights that he has not.
//!
//! A binary that gained capabilities from its file does what root wrote into the profile. The caller may make less of
//! it, never more. The class stands beside each key in [`super::profile`], so a key without one does not compile; and
//! a flag without a key does not compile either, since [`super::flags`] takes its structs apart field by field.

use std::path::{Component, Path, PathBuf};

use toml::Value;

/// What the caller of a privileged binary may do to a key. Saying again what the profile says is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Any value: it changes nothing beyond this end's own part of the conversation.
    Harmless,
    /// A smaller number than the profile's.
    Lowers,
    /// `false`.
    OnlyOff,
    /// `true`.
    OnlyOn,
    /// A path below the caller's own runtime directory.
    UnderRuntimeDir,
    /// Nothing: it decides about addresses, routes, who is at the other end, or what is run.
    Widens,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 6] =
        [Self::Harmless, Self::Lowers, Self::OnlyOff, Self::OnlyOn, Self::UnderRuntimeDir, Self::Widens];

    /// What the caller may do, to complete "the caller may …".
    pub const fn permission(self) -> &'static str {
        match self {
            Self::Harmless => "set it freely",
            Self::Lowers => "only lower it",
            Self::OnlyOff => "only switch it off",
            Self::OnlyOn => "only switch it on",
            Self::UnderRuntimeDir => "only put it below his own runtime directory",
            Self::Widens => "not change it",
        }
    }

    /// The same, naming the key.
    pub(super) fn permission_on(self, key: &str) -> String {
        self.permission().replacen(" it", &format!(" `{key}`"), 1)
    }

    /// Whether a caller may replace `profile`'s value by `wanted`. `runtime_dirs` are the caller's own.
    pub(super) fn permits(self, profile: Option<&Value>, wanted: &Value, runtime_dirs: &[PathBuf]) -> bool {
        if profile == Some(wanted) {
            return true;
        }
        match self {
            Self::Harmless => true,
            Self::Lowers => match (profile.and_then(Value::as_integer), wanted.as_integer()) {
                (Some(profile), Some(wanted)) => wanted <= profile,
                _ => false,
            },
            Self::OnlyOff => wanted.as_bool() == Some(false),
            Self::OnlyOn => wanted.as_bool() == Some(true),
            Self::UnderRuntimeDir => {
                wanted.as_str().is_some_and(|path| is_plainly_below(path.as_ref(), runtime_dirs))
            }
            Self::Widens => false,
        }
    }
}

fn is_plainly_below(path: &Path, dirs: &[PathBuf]) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    plain && dirs.iter().any(|dir| path != dir && path.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(class: Class, profile: impl Into<Value>, wanted: impl Into<Value>) -> bool {
        class.permits(
            Some(&profile.into()),
            &wanted.into(),
            &["/tmp/pppssh-7".into(), "/run/user/7/pppssh".into()],
        )
    }

    #[test]
    fn a_permission_names_its_key() {
        let texts = Class::ALL.map(|class| class.permission_on("k"));
        assert_eq!(
            texts,
            [
                "set `k` freely",
                "only lower `k`",
                "only switch `k` off",
                "only switch `k` on",
                "only put `k` below his own runtime directory",
                "not change `k`"
            ]
        );
    }

    #[test]
    fn saying_what_the_profile_says_is_always_allowed() {
        for class in Class::ALL {
            assert!(permits(class, "x", "x"), "{class:?}");
        }
    }

    #[test]
    fn each_class_allows_its_own_direction_only() {
        assert!(permits(Class::Harmless, 1, 2));
        assert!(permits(Class::Lowers, 1500, 1400));
        assert!(!permits(Class::Lowers, 1500, 1501));
        assert!(permits(Class::OnlyOff, true, false));
        assert!(!permits(Class::OnlyOff, false, true));
        assert!(permits(Class::OnlyOn, false, true));
        assert!(!permits(Class::OnlyOn, true, false));
        assert!(!permits(Class::Widens, "a", "b"));
        assert!(!Class::Lowers.permits(None, &Value::from(1), &[]));
    }

    #[test]
    fn a_path_below_the_runtime_directory_has_no_way_out_of_it() {
        let below = |path: &str| permits(Class::UnderRuntimeDir, "/etc/x", path);
        assert!(below("/run/user/7/pppssh/a.sock"));
        assert!(!below("/run/user/7/pppssh"));
        assert!(!below("/run/user/7/pppssh/../../8/a.sock"));
        assert!(!below("/run/user/7/pppssh-evil/a.sock"));
        assert!(!below("run/user/7/pppssh/a.sock"));
    }
}
