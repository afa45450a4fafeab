//! Macros for enums with names on the wire, and for types that are text on the wire.

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

/// Declares such an enum, with `ALL`, `name` and `from_name`.
macro_rules! wire_enum {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[$about_value:meta])* $value:ident = $text:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$about_value])* #[serde(rename = $text)] $value,)* }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$value),*];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$value),)*
                    _ => None,
                }
            }
        }
    };
}
