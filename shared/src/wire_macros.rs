//! Macros for enums with names on the wire and in files, and for types that are text on the wire.

/// Implements `FromStr`.
macro_rules! from_str {
    ($name:ident, $error:ty, $parse:expr) => {
        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                $parse(text)
            }
        }
    };
}

/// Implements serde for a type with `Display` and `FromStr`.
macro_rules! wire_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Declares an enum with a name for each value, with `ALL`, `name`, `from_name` and serde by these names.
#[macro_export]
macro_rules! wire_enum {
    (
        $(#[$about:meta])*
        $vis:vis enum $name:ident { $($(#[$about_value:meta])* $value:ident = $text:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        $vis enum $name { $($(#[$about_value])* #[serde(rename = $text)] $value,)* }

        #[allow(dead_code, reason = "a private enum may be only written")]
        impl $name {
            /// All values, in the order of their declaration.
            $vis const ALL: [Self; [$($text),*].len()] = [$(Self::$value),*];

            /// Its name on the wire and in files.
            $vis fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }

            /// The value with this name.
            $vis fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$value),)*
                    _ => None,
                }
            }
        }
    };
}
